//! [`Index`]: the rules that may match a path, by its first segment.

use std::collections::HashMap;

use super::pattern::Pattern;

/// Numbers of rules, in their order.
#[derive(Debug, Default)]
pub struct Index {
    /// Those whose pattern begins with a literal segment; an empty one for the root alone.
    by_first: HashMap<Box<[u8]>, Vec<usize>>,
    /// The others.
    any: Vec<usize>,
}

impl Index {
    /// Adds a rule behind all others.
    pub fn add(&mut self, number: usize, pattern: &Pattern) {
        match pattern.first() {
            Some(first) => self.by_first.entry(first.into()).or_default().push(number),
            None => self.any.push(number),
        }
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.any.len() + self.by_first.values().map(Vec::len).sum::<usize>()
    }

    /// The rules that may match a path, in their order.
    pub fn of(&self, path: &[u8]) -> impl Iterator<Item = usize> + '_ {
        let rest = path.strip_prefix(b"/").unwrap_or(path);
        let first = rest.split(|b| *b == b'/').next().unwrap_or(rest);
        let mut first = self.by_first.get(first).map_or(&[][..], |rules| rules);
        let mut any = &self.any[..];
        std::iter::from_fn(move || {
            let next = match (first, any) {
                ([a, ..], [b, ..]) if a > b => &mut any,
                ([], _) => &mut any,
                _ => &mut first,
            };
            let (number, rest) = next.split_first()?;
            *next = rest;
            Some(*number)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_come_in_their_order_and_only_those_that_may_match() {
        let mut index = Index::default();
        let patterns = ["/a/*", "/*", "/b", "/:x/y", "/a", "/", "/b/:c"];
        for (number, pattern) in patterns.iter().enumerate() {
            index.add(number, &Pattern::parse(pattern).unwrap());
        }
        assert_eq!(index.len(), patterns.len());
        for (path, want) in [
            ("/a", &[0, 1, 3, 4][..]),
            ("/a/y", &[0, 1, 3, 4]),
            ("/b/c", &[1, 2, 3, 6]),
            ("/", &[1, 3, 5]),
            ("/other", &[1, 3]),
        ] {
            assert_eq!(
                index.of(path.as_bytes()).collect::<Vec<_>>(),
                want,
                "{path}"
            );
        }
    }
}
