//! [`Fields`]: the field lines of a head or of a trailer section (RFC 9110 §5).
//!
//! The lines are spans into one buffer that is reused, so that a request costs one copy and no
//! allocation. Every name is a token and no value has control bytes, however a line was added.
//! Knows nothing of what any field means.

use std::fmt;
use std::str;

use super::byte;
use super::head_error::HeadError;
use super::token::{is_token, quoted_string};

/// Field lines in the order in which they came. Names are compared case-blind.
///
/// ```
/// use httprs::http::Fields;
/// let mut fields = Fields::default();
/// fields.push("Accept", b"text/html, */*")?;
/// fields.push("accept", b"image/png")?;
/// assert_eq!(fields.get("ACCEPT"), Some(&b"text/html, */*"[..]));
/// assert_eq!(fields.list("accept").count(), 3);
/// # Ok::<(), httprs::http::HeadError>(())
/// ```
#[derive(Clone, Default)]
pub struct Fields {
    /// The buffer that the spans point into. A head keeps its request line here too.
    pub(crate) bytes: Vec<u8>,
    pub(crate) lines: Vec<Line>,
    /// A bit for each length that a name has here: most lookups are for absent names.
    pub(crate) lengths: u64,
    /// The same for each length that two names have.
    pub(crate) repeated: u64,
}

/// Where the parts of one field line are. Offsets are `u32` to keep a line in 16 bytes; parsers
/// make sure that no buffer is longer than that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) name: Span,
    pub(crate) value: Span,
}

/// A piece of a buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    len: u32,
}

impl Span {
    /// The span from `start` to `end`, which lie in a buffer of at most `u32::MAX` bytes.
    pub(crate) fn new(start: usize, end: usize) -> Span {
        Span {
            start: start as u32,
            len: end.saturating_sub(start) as u32,
        }
    }

    /// As `new`, from a start and a length.
    pub(crate) fn at(start: usize, len: usize) -> Span {
        Span {
            start: start as u32,
            len: len as u32,
        }
    }

    /// The bytes of the span; none if `bytes` is too short for it.
    pub(crate) fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.range()).unwrap_or_default()
    }

    pub(crate) fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end()
    }

    pub(crate) fn len(self) -> usize {
        self.len as usize
    }

    pub(crate) fn end(self) -> usize {
        self.start as usize + self.len()
    }
}

impl Fields {
    /// Adds a line, checked as if a client had sent it; spaces around the value are dropped.
    pub fn push(&mut self, name: &str, value: &[u8]) -> Result<(), HeadError> {
        if !is_token(name.as_bytes()) {
            return Err(HeadError::FieldName);
        }
        let value = byte::trim(value);
        if !byte::all(value, &byte::FIELD_VALUE) {
            return Err(HeadError::FieldValue);
        }
        let start = self.bytes.len();
        let middle = start + name.len();
        let end = middle + value.len();
        if u32::try_from(end).is_err() {
            return Err(HeadError::TooLong);
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(value);
        self.add(Line {
            name: Span::new(start, middle),
            value: Span::new(middle, end),
        });
        Ok(())
    }

    /// Adds a line whose text is in `bytes`, or will be.
    #[inline(always)]
    pub(crate) fn add(&mut self, line: Line) {
        let bit = bit(line.name.len());
        self.repeated |= self.lengths & bit;
        self.lengths |= bit;
        self.lines.push(line);
    }

    /// Forgets all lines and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.lines.clear();
        self.lengths = 0;
        self.repeated = 0;
    }

    /// The value of the first line with this name.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.named(name.as_bytes()).next()
    }

    /// The value of the first line with this name, if it is UTF-8.
    pub fn get_str(&self, name: &str) -> Option<&str> {
        str::from_utf8(self.get(name)?).ok()
    }

    /// The values of all lines with this name.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.named(name.as_bytes())
    }

    /// The elements of the comma-separated list that all lines with this name make up together
    /// (RFC 9110 §5.6.1). A comma in a quoted string does not separate; empty elements are
    /// skipped.
    ///
    /// Not for fields whose values are no lists: `Cookie` and dates have commas of their own.
    pub fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.get_all(name)
            .flat_map(|value| Elements { rest: Some(value) })
            .filter(|element| !element.is_empty())
    }

    /// Whether `token` is an element of the list `name`, case-blind.
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.list(name)
            .any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// How many lines have this name.
    pub fn count(&self, name: &str) -> usize {
        self.get_all(name).count()
    }

    /// All lines, names as they were sent.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.lines.iter().map(|line| {
            let name = line.name.of(&self.bytes);
            // A name is a token, so it is ASCII and this never falls back.
            let name = str::from_utf8(name).unwrap_or_default();
            (name, line.value.of(&self.bytes))
        })
    }

    /// All lines, with the place in the buffer where each begins.
    pub(crate) fn places(&self) -> impl Iterator<Item = (usize, &[u8], &[u8])> {
        self.lines.iter().map(|line| {
            let at = line.name.start as usize;
            (at, line.name.of(&self.bytes), line.value.of(&self.bytes))
        })
    }

    /// Whether the lengths alone prove that none of these fields is present.
    #[inline]
    pub(crate) fn lack(&self, names: &[&str]) -> bool {
        let bits = names.iter().fold(0, |bits, name| bits | bit(name.len()));
        self.lengths & bits == 0
    }

    fn named<'a>(&'a self, wanted: &[u8]) -> impl Iterator<Item = &'a [u8]> {
        let there = self.lengths & bit(wanted.len()) != 0;
        let lines = if there { &self.lines[..] } else { &[] };
        lines
            .iter()
            .filter(move |line| line.is_named(&self.bytes, wanted))
            .map(|line| line.value.of(&self.bytes))
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// How much memory the fields keep allocated, in bytes.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity() + self.lines.capacity() * size_of::<Line>()
    }
}

/// The bit that names of this length have in `Fields::lengths` and `Fields::repeated`.
pub(crate) const fn bit(len: usize) -> u64 {
    1 << (len % 64)
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self
            .iter()
            .map(|(name, value)| (name, value.escape_ascii().to_string()));
        f.debug_map().entries(lines).finish()
    }
}

impl Line {
    /// The field line that `bytes` begin with, and the rest. `at` is where `bytes` begin in the
    /// buffer that the spans are for.
    pub(crate) fn parse(bytes: &[u8], at: usize) -> Result<(Line, &[u8]), HeadError> {
        match Line::read(bytes, at) {
            Some((line, _, after)) => Ok((line, after)),
            None => Err(Line::fault(bytes)),
        }
    }

    /// As `parse`, with the value in the middle. `None` for a malformed line: `fault` finds out
    /// why, so that good lines need not carry an error along.
    ///
    /// ```text
    /// field-line = field-name ":" OWS field-value OWS CRLF       (RFC 9112 §5)
    /// ```
    #[inline(always)]
    pub(crate) fn read(bytes: &[u8], at: usize) -> Option<(Line, &[u8], &[u8])> {
        let colon = byte::skip(bytes, &byte::TOKEN);
        let name = bytes.len() - colon.len();
        let value = match colon {
            [b':', value @ ..] if name > 0 => byte::trim_start(value),
            _ => return None,
        };
        let end = byte::from_control(value);
        let after = end.strip_prefix(b"\r\n")?;
        let start = at + (bytes.len() - value.len());
        let value = byte::trim_end(&value[..value.len() - end.len()]);
        let line = Line {
            name: Span::at(at, name),
            value: Span::at(start, value.len()),
        };
        Some((line, value, after))
    }

    /// Why `bytes` begin with no good field line.
    ///
    /// A space before the colon MUST be refused (§5.1). A line that begins with a space continues
    /// the one before it (obs-fold, §5.2) or hides the first one (§2.2): refused too.
    #[cold]
    pub(crate) fn fault(bytes: &[u8]) -> HeadError {
        let rest = byte::skip(bytes, &byte::TOKEN);
        let named = rest.len() < bytes.len();
        let value = match rest {
            [b':', value @ ..] if named => value,
            [b' ' | b'\t', ..] if !named => return HeadError::FieldFold,
            [_, ..] => return HeadError::FieldName,
            [] => return HeadError::Unfinished,
        };
        match byte::from_control(value) {
            [] | [b'\r'] => HeadError::Unfinished,
            [b'\r', ..] => HeadError::BareCr,
            [b'\n', ..] => HeadError::BareLf,
            _ => HeadError::FieldValue,
        }
    }

    /// Whether its name is `wanted`. Lengths are compared first: they nearly always differ.
    pub(crate) fn is_named(&self, bytes: &[u8], wanted: &[u8]) -> bool {
        self.name.len() == wanted.len() && self.name.of(bytes).eq_ignore_ascii_case(wanted)
    }
}

/// The elements of one value, empty ones included.
struct Elements<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let first = rest.iter().position(|&b| b == b',' || b == b'"');
        let comma = match first {
            Some(at) if rest[at] == b'"' => unquoted_comma(rest),
            plain => plain,
        };
        let element = &rest[..comma.unwrap_or(rest.len())];
        self.rest = comma.map(|at| &rest[at + 1..]);
        Some(byte::trim(element))
    }
}

/// Where the first comma outside of quoted strings is.
fn unquoted_comma(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += text[at..].iter().position(|b| b",\"".contains(b))?;
        if text[at] == b',' {
            return Some(at);
        }
        // A quoted string without an end has all of the rest.
        at += quoted_string(&text[at..])?.0.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(lines: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::default();
        for (name, value) in lines {
            fields.push(name, value.as_bytes()).expect("a good line");
        }
        fields
    }

    #[test]
    fn lookup_is_case_blind_and_in_order() {
        let fields = fields(&[("Via", "a"), ("HOST", "x"), ("via", "b"), ("vib", "c")]);
        assert_eq!(fields.get("VIA"), Some(&b"a"[..]));
        assert_eq!(fields.get_str("host"), Some("x"));
        assert_eq!(fields.get("hos"), None);
        assert_eq!(fields.count("via"), 2);
        assert_eq!(fields.get_all("Via").collect::<Vec<_>>(), [b"a", b"b"]);
        let names: Vec<_> = fields.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["Via", "HOST", "via", "vib"]);
        assert_eq!((fields.len(), fields.is_empty()), (4, false));
    }

    #[test]
    fn lists_are_split_at_commas_outside_of_quotes() {
        for (name, values, want) in [
            ("none", &[][..], &[][..]),
            ("one", &["a"], &["a"]),
            ("spaces and tabs", &[" a ,\tb\t, c d "], &["a", "b", "c d"]),
            ("empty elements", &[",", ", ,a,,", ""], &["a"]),
            ("over lines", &["a, b", "c"], &["a", "b", "c"]),
            ("quoted comma", &[r#"a="1,2", b"#], &[r#"a="1,2""#, "b"]),
            ("quoted quote", &[r#""\",", b"#], &[r#""\",""#, "b"]),
            ("quoted backslash", &[r#""\\", b"#], &[r#""\\""#, "b"]),
            ("backslash outside", &[r#"\"a,b""#], &[r#"\"a,b""#]),
            (
                "no closing quote",
                &[r#"a, "b, c"#, "d"],
                &["a", r#""b, c"#, "d"],
            ),
        ] {
            let lines: Vec<_> = values.iter().map(|value| ("x", *value)).collect();
            let fields = fields(&lines);
            let got: Vec<_> = fields
                .list("X")
                .map(|element| str::from_utf8(element).expect("text"))
                .collect();
            assert_eq!(got, want, "{name}");
        }
    }

    #[test]
    fn tokens_are_whole_elements() {
        let fields = fields(&[("Connection", "keep-alive, Upgrade"), ("connection", "x")]);
        assert!(fields.has_token("connection", "upgrade"));
        assert!(fields.has_token("connection", "X"));
        assert!(!fields.has_token("connection", "keep"));
        assert!(!fields.has_token("upgrade", "upgrade"));
    }

    #[test]
    fn fields_refuse_bytes_that_would_break_a_line() {
        for (name, value, want) in [
            ("", "x", HeadError::FieldName),
            ("a b", "x", HeadError::FieldName),
            ("a:", "x", HeadError::FieldName),
            ("a", "x\r\nb: y", HeadError::FieldValue),
            ("a", "x\0", HeadError::FieldValue),
            ("a", "x\x7f", HeadError::FieldValue),
        ] {
            let got = Fields::default().push(name, value.as_bytes());
            assert_eq!(got, Err(want), "{name:?}: {value:?}");
        }
    }

    #[test]
    fn field_lines_are_read_or_refused() {
        use HeadError::*;
        for (name, wire, want) in [
            ("plain", &b"a: b\r\n"[..], Ok(("a", &b"b"[..], 6))),
            ("no space", b"a:b\r\n", Ok(("a", b"b", 5))),
            ("much space", b"a: \t b c\t \r\nd", Ok(("a", b"b c", 12))),
            ("empty", b"a:\r\n", Ok(("a", b"", 4))),
            ("blank", b"a: \t \r\n", Ok(("a", b"", 7))),
            ("colons", b"a::b:\r\n", Ok(("a", b":b:", 7))),
            ("obs-text", b"a: \x80\xff\r\n", Ok(("a", b"\x80\xff", 7))),
            (
                "every mark",
                b"!#$%&'*+-.^_`|~09azAZ: b\r\n",
                Ok(("!#$%&'*+-.^_`|~09azAZ", b"b", 26)),
            ),
            ("space before the colon", b"a : b\r\n", Err(FieldName)),
            ("tab before the colon", b"a\t: b\r\n", Err(FieldName)),
            ("space in the name", b"a b: c\r\n", Err(FieldName)),
            ("no colon", b"a\r\n", Err(FieldName)),
            ("no name", b": b\r\n", Err(FieldName)),
            ("fold", b" a: b\r\n", Err(FieldFold)),
            ("tab fold", b"\ta: b\r\n", Err(FieldFold)),
            ("blank line", b" \r\n", Err(FieldFold)),
            ("not ASCII", b"\xe9: b\r\n", Err(FieldName)),
            ("parenthesis", b"(a): b\r\n", Err(FieldName)),
            ("NUL in the name", b"a\0: b\r\n", Err(FieldName)),
            ("NUL in the value", b"a: b\0\r\n", Err(FieldValue)),
            ("vertical tab", b"a: \x0bb\r\n", Err(FieldValue)),
            ("DEL", b"a: \x7f\r\n", Err(FieldValue)),
            ("bare LF", b"a: b\nc: d\r\n", Err(BareLf)),
            ("bare CR", b"a: b\rc\r\n", Err(BareCr)),
            ("two CRs", b"a: b\r\r\n", Err(BareCr)),
            ("no end", b"a: b", Err(Unfinished)),
            ("half an end", b"a: b\r", Err(Unfinished)),
            ("nothing", b"", Err(Unfinished)),
        ] {
            let got = Line::parse(wire, 0).map(|(line, after)| {
                let name = str::from_utf8(line.name.of(wire)).expect("a token");
                (name, line.value.of(wire), wire.len() - after.len())
            });
            assert_eq!(got, want, "{name}");
        }
    }
}
