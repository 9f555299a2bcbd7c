//! [`Pattern`]: which paths a rule is for, and [`Template`]: what becomes of the parts of a path
//! that it has named.

use std::io::Write;
use std::ops::Range;

use crate::handlers::escape::Segment;

/// How many parts a pattern may name, the splat apart.
const MOST_NAMES: usize = 8;

/// A path: literal segments, `:name` for one segment, and `*` at the end for all that follows. A
/// slash at the end means nothing, neither here nor in a path.
#[derive(Debug)]
pub struct Pattern {
    segments: Box<[Part]>,
    has_splat: bool,
}

#[derive(Debug)]
enum Part {
    Literal(Box<[u8]>),
    Named(Box<str>),
}

/// Where the named parts are in a path that a pattern matches; the splat comes last.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Captures {
    at: [Range<usize>; MOST_NAMES],
    splat: Range<usize>,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(text: &str) -> Result<Pattern, &'static str> {
        let Some(path) = text.strip_prefix('/') else {
            return Err(match text.contains("://") {
                true => "rules for a domain are not supported",
                false => "the path does not begin with a slash",
            });
        };
        let (path, has_splat) = match path.strip_suffix('*') {
            Some(rest) if rest.is_empty() || rest.ends_with('/') => (rest, true),
            _ => (path, false),
        };
        if path.contains('*') {
            return Err("a splat (*) is the last segment, and the only one");
        }
        let parts = path.split('/').filter(|part| !part.is_empty()).map(|part| {
            match part.strip_prefix(':') {
                Some(name) if is_name(name) => Ok(Part::Named(name.into())),
                Some(_) => Err("a placeholder is a colon and a name: letters, digits, _"),
                None if part == "." || part == ".." => Err("the path has dots for a segment"),
                None => Ok(Part::Literal(decode(part))),
            }
        });
        let segments = parts.collect::<Result<Box<[Part]>, _>>()?;
        let named = segments
            .iter()
            .filter(|part| matches!(part, Part::Named(_)));
        if named.count() > MOST_NAMES {
            return Err("there are more than eight placeholders");
        }
        Ok(Pattern {
            segments,
            has_splat,
        })
    }

    /// The one path that the pattern matches, without a slash at its end; `None` for more than one.
    pub fn only_path(&self) -> Option<Vec<u8>> {
        let mut path = Vec::new();
        for part in &self.segments {
            let Part::Literal(literal) = part else {
                return None;
            };
            path.push(b'/');
            path.extend_from_slice(literal);
        }
        (!self.has_splat).then_some(path)
    }

    /// The first segment, if that is literal; empty for the root alone.
    pub fn first(&self) -> Option<&[u8]> {
        match self.segments.first() {
            Some(Part::Literal(literal)) => Some(literal),
            None if !self.has_splat => Some(b""),
            _ => None,
        }
    }

    /// Where the named parts are in a path, if the pattern matches it.
    pub fn find(&self, path: &[u8]) -> Option<Captures> {
        let mut captures = Captures::default();
        let (mut at, mut named) = (0, 0);
        for part in &self.segments {
            let rest = path.get(at..)?.strip_prefix(b"/")?;
            let len = rest.iter().position(|b| *b == b'/').unwrap_or(rest.len());
            at += 1;
            match part {
                Part::Literal(literal) if **literal == rest[..len] => {}
                Part::Named(_) if len > 0 => {
                    captures.at[named] = at..at + len;
                    named += 1;
                }
                _ => return None,
            }
            at += len;
        }
        match path.get(at..)? {
            [] | [b'/'] => captures.splat = path.len()..path.len(),
            [b'/', ..] if self.has_splat => captures.splat = at + 1..path.len(),
            _ => return None,
        }
        Some(captures)
    }

    /// The number of the part of this name, as [`Captures`] have it; the splat's is `MOST_NAMES`.
    fn number_of(&self, name: &str) -> Option<usize> {
        if name == "splat" && self.has_splat {
            return Some(MOST_NAMES);
        }
        let names = self.segments.iter().filter_map(|part| match part {
            Part::Named(name) => Some(&**name),
            Part::Literal(_) => None,
        });
        names.into_iter().position(|known| known == name)
    }
}

impl Captures {
    fn of<'p>(&self, number: usize, path: &'p [u8]) -> &'p [u8] {
        let at = self.at.get(number).unwrap_or(&self.splat);
        path.get(at.clone()).unwrap_or_default()
    }
}

/// A text with the named parts of a path in it.
#[derive(Debug)]
pub struct Template {
    /// Literal text, and behind it the number of a part.
    pieces: Box<[(Box<str>, Option<usize>)]>,
}

impl Template {
    /// Reads a text in which `:name` stands for the part of the path that `pattern` gives this
    /// name; a colon before anything else stands for itself.
    pub fn parse(text: &str, pattern: &Pattern) -> Template {
        let mut pieces = Vec::new();
        let (mut literal, mut rest) = (String::new(), text);
        while let Some((before, behind)) = rest.split_once(':') {
            let end = behind
                .find(|c: char| !is_name_char(c))
                .unwrap_or(behind.len());
            literal.push_str(before);
            match pattern.number_of(&behind[..end]) {
                Some(number) => pieces.push((std::mem::take(&mut literal).into(), Some(number))),
                None => {
                    literal.push(':');
                    literal.push_str(&behind[..end]);
                }
            }
            rest = &behind[end..];
        }
        literal.push_str(rest);
        pieces.push((literal.into(), None));
        Template {
            pieces: pieces.into(),
        }
    }

    /// The text before the first named part.
    pub fn begin(&self) -> &str {
        self.pieces.first().map_or("", |(literal, _)| literal)
    }

    /// The text, if no part is named in it.
    pub fn literal(&self) -> Option<&str> {
        match &*self.pieces {
            [(literal, None)] => Some(literal),
            _ => None,
        }
    }

    /// The text for a path, whose parts are percent-encoded: none of them can end a field, nor a
    /// segment that it was not in.
    pub fn encoded(&self, path: &[u8], captures: &Captures) -> Vec<u8> {
        let mut text = Vec::new();
        for (literal, number) in &self.pieces {
            text.extend_from_slice(literal.as_bytes());
            let Some(number) = number else { continue };
            for (n, segment) in captures.of(*number, path).split(|b| *b == b'/').enumerate() {
                if n > 0 {
                    text.push(b'/');
                }
                // Writing to a Vec cannot fail.
                let _ = write!(text, "{}", Segment(segment));
            }
        }
        text
    }

    /// The same for a path of a file: nothing in it is encoded.
    pub fn decoded(&self, path: &[u8], captures: &Captures) -> Vec<u8> {
        let mut text = Vec::new();
        for (literal, number) in &self.pieces {
            text.extend_from_slice(&decode(literal));
            if let Some(number) = number {
                text.extend_from_slice(captures.of(*number, path));
            }
        }
        text
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(is_name_char)
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Percent-decoded, as the paths of requests are; what is no code stands for itself.
pub fn decode(text: &str) -> Box<[u8]> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let code = behind.get(..2).filter(|_| *first == b'%');
        let code = code.and_then(|code| u8::from_str_radix(str::from_utf8(code).ok()?, 16).ok());
        match code {
            Some(byte) => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(pattern: &str, template: &str, path: &str) -> Option<String> {
        let pattern = Pattern::parse(pattern).unwrap();
        let captures = pattern.find(path.as_bytes())?;
        let text = Template::parse(template, &pattern).encoded(path.as_bytes(), &captures);
        Some(String::from_utf8(text).unwrap())
    }

    #[test]
    fn a_pattern_matches_its_paths_and_names_their_parts() {
        for (pattern, template, path, want) in [
            ("/a", "/b", "/a", Some("/b")),
            ("/a", "/b", "/a/", Some("/b")),
            ("/a/", "/b", "/a", Some("/b")),
            ("/a", "/b", "/ab", None),
            ("/a", "/b", "/a/b", None),
            ("/", "/b", "/", Some("/b")),
            ("/", "/b", "/a", None),
            ("/a%20b", "/x", "/a b", Some("/x")),
            ("/*", "/:splat", "/x/y/", Some("/x/y/")),
            ("/*", "/n/:splat", "/", Some("/n/")),
            (
                "/news/*",
                "/blog/:splat",
                "/news/2024/a",
                Some("/blog/2024/a"),
            ),
            ("/news/*", "/blog/:splat", "/news", Some("/blog/")),
            ("/news/*", "/blog/:splat", "/newspaper", None),
            ("/:y/:m", "/:m-:y.html", "/2024/05", Some("/05-2024.html")),
            ("/:y/:m", "/:m-:y.html", "/2024/05/", Some("/05-2024.html")),
            ("/:y/:m", "/x", "/2024", None),
            (
                "/u/:id/*",
                "/:id?p=:splat#:id",
                "/u/7/a b",
                Some("/7?p=a%20b#7"),
            ),
            (
                "/a/:id",
                "https://x.example:8080/:id",
                "/a/1",
                Some("https://x.example:8080/1"),
            ),
            ("/a/:id", "/:idx/:other", "/a/1", Some("/:idx/:other")),
            // What a client sends cannot break out of its place.
            (
                "/go/*",
                "/:splat",
                "/go/a\r\nX: y",
                Some("/a%0D%0AX%3A%20y"),
            ),
            ("/go/*", "/:splat", "/go/\\evil", Some("/%5Cevil")),
            ("/go/:a", "/x/:a", "/go/a?b#c", Some("/x/a%3Fb%23c")),
        ] {
            let got = expand(pattern, template, path);
            assert_eq!(got.as_deref(), want, "{pattern} {path}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_said() {
        for (text, why) in [
            ("a", "the path does not begin with a slash"),
            (
                "https://x.example/*",
                "rules for a domain are not supported",
            ),
            ("/a*", "a splat (*) is the last segment, and the only one"),
            ("/*/a", "a splat (*) is the last segment, and the only one"),
            (
                "/a/:",
                "a placeholder is a colon and a name: letters, digits, _",
            ),
            (
                "/a/:b-c",
                "a placeholder is a colon and a name: letters, digits, _",
            ),
            ("/a/../b", "the path has dots for a segment"),
            (
                "/:a/:b/:c/:d/:e/:f/:g/:h/:i",
                "there are more than eight placeholders",
            ),
        ] {
            assert_eq!(Pattern::parse(text).unwrap_err(), why, "{text}");
        }
    }
}
