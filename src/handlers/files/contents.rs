//! [`Contents`]: the names in a directory, looked up a slice at a time.
//!
//! Each name costs three system calls, and sorting costs as well; meanwhile all clients of the
//! worker wait. So names are looked up [`SLICE`] at a time, and each is inserted in order.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::vec;

use super::by_rule::is_reserved;
use super::is_hidden_name;
use crate::sys::beneath::{Cause, Links, Root};
use crate::sys::directory::each_name;

/// Names that are looked up, or written, in one turn: some 2 ms.
pub const SLICE: usize = 256;

/// The names in a directory, as far as they are looked up.
#[derive(Debug)]
pub struct Contents {
    root: Arc<Root>,
    links: Links,
    /// The directory below the root, with a slash at its end.
    place: Vec<u8>,
    /// Names that are not looked up yet.
    names: vec::IntoIter<Vec<u8>>,
    /// Names that are looked up.
    pub items: BTreeSet<Item>,
    /// Whether the directory has more names than were read.
    pub cut: bool,
}

/// One name of a directory. In order: directories first, then by name.
#[derive(Debug, PartialEq, Eq)]
pub struct Item {
    /// The name's bytes, which need not be text.
    pub name: Vec<u8>,
    /// Whether the name is that of a directory, and not of a regular file.
    pub is_directory: bool,
    /// The size in bytes.
    pub size: u64,
    /// The time of the last change, in seconds since 1970; 0 for before.
    pub changed: u64,
    /// The name as it is sorted.
    key: String,
}

impl Contents {
    /// Reads up to `most` names of the directory at `path` below `root`, and looks none up.
    pub fn read(
        root: Arc<Root>,
        path: &[u8],
        links: Links,
        hidden: bool,
        most: usize,
    ) -> Result<Contents, Cause> {
        let place = path.strip_prefix(b"/").unwrap_or(path).to_vec();
        let whole = if place.is_empty() { b"." } else { &place[..] };
        let directory = root.open_file(whole, links);
        let directory = directory.map_err(|error| Cause::of(&error))?;
        let mut names: Vec<Vec<u8>> = Vec::new();
        let mut cut = false;
        let read = each_name(&directory, |name| {
            if !hidden && is_hidden_name(name) || place.is_empty() && is_reserved(name) {
                return ControlFlow::Continue(());
            }
            if names.len() == most {
                cut = true;
                return ControlFlow::Break(());
            }
            names.push(name.to_vec());
            ControlFlow::Continue(())
        });
        read.map_err(|error| Cause::of(&error))?;
        Ok(Contents {
            root,
            links,
            place,
            names: names.into_iter(),
            items: BTreeSet::new(),
            cut,
        })
    }

    /// The number of names that are not looked up yet.
    pub fn left(&self) -> usize {
        self.names.len()
    }

    /// Looks up a slice of the names.
    pub fn look(&mut self) -> Result<(), Cause> {
        let above = self.place.len();
        for name in self.names.by_ref().take(SLICE) {
            self.place.truncate(above);
            self.place.extend_from_slice(&name);
            let seen = self.root.look(&self.place, self.links);
            let seen = match seen {
                Ok(seen) if seen.is_dir() || seen.is_file() => seen,
                // Half a list would say that the rest is not there.
                Err(error) if matches!(Cause::of(&error), Cause::Exhausted(_)) => {
                    return Err(Cause::of(&error));
                }
                // A request for this name gets 404 as well.
                _ => continue,
            };
            self.items.insert(Item {
                is_directory: seen.is_dir(),
                size: seen.len(),
                changed: u64::try_from(seen.mtime()).unwrap_or(0),
                key: String::from_utf8_lossy(&name).to_lowercase(),
                name,
            });
        }
        self.place.truncate(above);
        Ok(())
    }
}

impl Ord for Item {
    /// Directories first; then as people count and spell: `a2` before `A10`. Bytes settle the rest.
    fn cmp(&self, other: &Item) -> Ordering {
        (other.is_directory.cmp(&self.is_directory))
            .then_with(|| natural(self.key.as_bytes(), other.key.as_bytes()))
            .then_with(|| self.name.cmp(&other.name))
    }
}

impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Item) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Compares byte by byte, but runs of digits as numbers, however long they are.
pub(super) fn natural(mut a: &[u8], mut b: &[u8]) -> Ordering {
    loop {
        match (a, b) {
            ([], _) | (_, []) => return a.len().cmp(&b.len()),
            ([x, ..], [y, ..]) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let (number_a, number_b);
                (number_a, a) = number(a);
                (number_b, b) = number(b);
                let by_length = number_a.len().cmp(&number_b.len());
                match by_length.then_with(|| number_a.cmp(number_b)) {
                    Ordering::Equal => {}
                    unequal => return unequal,
                }
            }
            ([x, rest_a @ ..], [y, rest_b @ ..]) => {
                if x != y {
                    return x.cmp(y);
                }
                (a, b) = (rest_a, rest_b);
            }
        }
    }
}

/// The digits that `text` begins with, without zeros in front, and what follows them.
fn number(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|b| !b.is_ascii_digit());
    let (digits, rest) = text.split_at(end.unwrap_or(text.len()));
    let zeros = digits.iter().take_while(|b| **b == b'0').count();
    (&digits[zeros..], rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_the_order_of_people() {
        let sorted = [
            "",
            "-",
            "0",
            "00",
            "000",
            "01",
            "1",
            "1a",
            "2",
            "007b",
            "10",
            "10000000000000000000000",
            "A",
            "a",
            "a01",
            "a1",
            "A2",
            "a2b",
            "a2c",
            "a10",
            "b",
            "B1",
            "z",
            "\u{c4}",
            "\u{e4}",
            "\u{e9}",
        ];
        let item = |name: &str, is_directory| Item {
            name: name.as_bytes().to_vec(),
            is_directory,
            size: 0,
            changed: 0,
            key: name.to_lowercase(),
        };
        for (x, first) in sorted.iter().enumerate() {
            for (y, second) in sorted.iter().enumerate() {
                let got = item(first, false).cmp(&item(second, false));
                assert_eq!(got, x.cmp(&y), "{first:?} and {second:?}");
                let got = item(first, true).cmp(&item(second, false));
                assert_eq!(got, Ordering::Less, "a directory {first:?} and {second:?}");
            }
        }
    }
}
