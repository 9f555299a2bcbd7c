//! A part of a file lies inside it, and is the part that was asked for.

use httprs::http::range::{Range, resolve};

use super::naive;

/// `SIZE value`. Panics where the invariant is broken.
pub fn holds(data: &[u8]) {
    let mut words = data.splitn(2, |&b| b == b' ');
    let size = words.next().and_then(naive::digits).unwrap_or(10);
    let value = words.next().unwrap_or(data);
    for size in [size, 0, 1, u128::from(u64::MAX)] {
        let Ok(size) = u64::try_from(size) else {
            continue;
        };
        let got = resolve(value, size);
        assert_eq!(resolve(value, size), got, "resolved twice");
        if let Range::Part { start, end } = got {
            assert!(start <= end, "from {start} to {end}");
            assert!(end < size, "{end} of {size}");
        }
        assert_eq!(got, simple(value, size), "of {size}");
    }
}

/// One range of bytes, in numbers that do not overflow.
fn simple(value: &[u8], size: u64) -> Range {
    let value = value.to_ascii_lowercase();
    let Some(range) = value.strip_prefix(b"bytes=") else {
        return Range::Whole;
    };
    let parts: Vec<&[u8]> = range.split(|&b| b == b'-').collect();
    let [first, last] = parts[..] else {
        return Range::Whole;
    };
    let wide = u128::from(size);
    let (start, end) = match (naive::digits(first), naive::digits(last)) {
        (None, Some(0)) if first.is_empty() => return Range::Unsatisfiable,
        (None, Some(suffix)) if first.is_empty() && size > 0 => {
            (wide.saturating_sub(suffix), wide - 1)
        }
        (Some(start), None) if last.is_empty() => (start, wide.saturating_sub(1)),
        (Some(start), Some(end)) if padded(first, last) <= padded(last, first) => {
            (start, end.min(wide.saturating_sub(1)))
        }
        _ => return Range::Whole,
    };
    if start >= wide {
        return Range::Unsatisfiable;
    }
    Range::Part {
        start: start as u64,
        end: end as u64,
    }
}

/// `digits` with zeros before them, as many digits as in `other` at least: as strings such numbers
/// compare as they should, however large they are.
fn padded(digits: &[u8], other: &[u8]) -> Vec<u8> {
    let zeros = other.len().saturating_sub(digits.len());
    [&vec![b'0'; zeros], digits].concat()
}
