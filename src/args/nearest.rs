//! The flag that a mistyped one may mean.

use super::flags;

/// The flag that `name` may mean.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let names = || flags::all().flat_map(|f| [Some(f.long), f.alias]).flatten();
    let closest = names()
        .map(|known| (distance(name, known), known))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, known)| *distance <= 2.min(known.len() / 2));
    if let Some((_, known)) = closest {
        return Some(known);
    }
    // `--timeout` is a long way from `--timeout-ms`, but not for the person at the keyboard.
    names().find(|known| name.len() > 2 && known.starts_with(name))
}

/// The edit distance: letters inserted, removed, replaced or swapped with the next one to turn
/// `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut above: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut next = vec![i];
        for j in 1..=b.len() {
            let replaced = row[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(row[j] + 1).min(next[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(above[j - 2] + 1);
            }
            next.push(best);
        }
        above = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}
