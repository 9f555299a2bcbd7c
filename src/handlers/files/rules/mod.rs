//! What a site says of itself, as static hosts read it: `404.html`, `_redirects` and `_headers` in
//! the root.
//!
//! The three are looked at once a second, and compiled when they have changed; a site without them
//! pays nothing else. Rules are matched without allocation.
//!
//! | file | what it is |
//! |---|---|
//! | `pattern` | which paths a rule is for, and what becomes of their parts |
//! | `index` | the rules that may match a path |
//! | `redirects` | `_redirects` |
//! | `headers` | `_headers` |

mod headers;
mod index;
mod pattern;
mod redirects;

use std::fmt;
use std::fs::File;
use std::io::Read;

use super::cache::TRUST_MS;
use super::stamp::Stamp;
use crate::sys::beneath::{Links, Root};
use crate::time::Millis;
pub(super) use headers::HeaderRules;
pub(super) use redirects::{Redirects, Rule};

/// The longest file of rules, in bytes: more than the most rules have.
const LONGEST: u64 = 4 * 1024 * 1024;

/// The names of the files, which are never served.
pub(super) const REDIRECTS: &str = "_redirects";
pub(super) const HEADERS: &str = "_headers";

/// A line that is no rule.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LineError {
    line: usize,
    why: &'static str,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

/// The lines that say something, with their numbers.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = (1..).zip(text.lines());
    lines.filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
}

/// What the site says, as it was at most a second ago.
#[derive(Debug, Default)]
pub(super) struct Rules {
    pub(super) redirects: Option<Redirects>,
    pub(super) headers: Option<HeaderRules>,
    /// There is a page for what is not found.
    pub(super) has_404: bool,
    checked: Option<Millis>,
    seen: [Option<Stamp>; 2],
    /// What was wrong with the files when they were read last.
    errors: [Vec<String>; 2],
}

impl Rules {
    /// Whether the files were looked at more than a second ago.
    pub(super) fn is_due(&self, now: Millis) -> bool {
        self.checked.is_none_or(|at| now.since(at) >= TRUST_MS)
    }

    /// Looks at the files, and compiles what has changed.
    pub(super) fn refresh(&mut self, root: &Root, links: Links, now: Millis) {
        self.checked = Some(now);
        self.has_404 = root.open_file(b"404.html", links).is_ok();
        if let Some(text) = self.changed(0, REDIRECTS, root, links) {
            let (rules, errors) = Redirects::parse(&text);
            self.redirects = (!text.is_empty()).then_some(rules);
            self.errors[0].extend(errors.iter().map(LineError::to_string));
        }
        if let Some(text) = self.changed(1, HEADERS, root, links) {
            let (rules, errors) = HeaderRules::parse(&text);
            self.headers = (!text.is_empty()).then_some(rules);
            self.errors[1].extend(errors.iter().map(LineError::to_string));
        }
    }

    /// The text of a file if it has changed; empty if it is gone or cannot be read.
    fn changed(&mut self, index: usize, name: &str, root: &Root, links: Links) -> Option<String> {
        let file = root.open_file(name.as_bytes(), links).ok();
        let seen = file.as_ref().and_then(|file| file.metadata().ok());
        let seen = seen.filter(|seen| seen.is_file());
        let stamp = seen.as_ref().map(Stamp::of);
        if stamp == self.seen[index] {
            return None;
        }
        self.seen[index] = stamp;
        self.errors[index].clear();
        let text = match (file, seen) {
            (Some(file), Some(seen)) if seen.len() <= LONGEST => read(file),
            (Some(_), Some(_)) => Err("it is longer than 4 MiB"),
            _ => Ok(String::new()),
        };
        Some(text.unwrap_or_else(|why| {
            self.errors[index].push(why.into());
            String::new()
        }))
    }

    /// What is wrong with the files, a sentence each.
    pub(super) fn warnings(&self) -> impl Iterator<Item = String> + '_ {
        let named = [REDIRECTS, HEADERS].into_iter().zip(&self.errors);
        named.flat_map(|(name, errors)| {
            errors
                .iter()
                .map(move |error| format!("{name}, {error}; this is left out"))
        })
    }
}

fn read(file: File) -> Result<String, &'static str> {
    let mut bytes = Vec::new();
    let read = file.take(LONGEST + 1).read_to_end(&mut bytes);
    read.map_err(|_| "it cannot be read")?;
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8")
}
