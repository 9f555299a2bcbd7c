//! Request heads: bytes in, [`Head`] out (RFC 9112 §2–5).
//!
//! [`HeadEnd`] finds where the head ends, resumably; [`Head::parse`] then reads it whole, so that
//! the grammar has no half-way states. Whether either refuses a head depends on the bytes alone,
//! never on how they were cut: the first byte that settles it counts.
//! Never panics, whatever the bytes; strict, with no knobs.
//! Knows nothing of sockets, time, bodies or responses.

use std::str;

use super::byte;
use super::head_error::HeadError;
use super::header::{Fields, Line, Span};
use super::host;
use super::limits::Limits;
use super::names;
use super::request_line::RequestLine;
use super::value::{Method, Version};

/// A search for the end of a head that goes on where it stopped.
#[derive(Clone, Debug, Default)]
pub struct HeadEnd {
    /// All bytes before this were looked at.
    seen: usize,
    /// Where the current line starts.
    line: usize,
    /// The current line is a field line, or the empty one.
    in_fields: bool,
}

impl HeadEnd {
    /// Where the head ends (just past its empty line), or `None` until more bytes come.
    ///
    /// `buf` holds the request from its first byte, and only grows between calls. Line ends,
    /// control bytes, the request line and the limits are checked on the way, each as soon as the
    /// bytes that settle it are there, so that a TLS hello or an HTTP/0.9 request is answered at
    /// once and not at a timeout.
    pub fn find(&mut self, buf: &[u8], limits: &Limits) -> Result<Option<usize>, HeadError> {
        if self.seen == 0 && !self.begin(buf)? {
            return Ok(None);
        }
        loop {
            // Bytes behind the limit are not looked at: they may not have come yet.
            let limit = self.limit(limits);
            let window = &buf[..buf.len().min(limit)];
            self.seen = byte::control(window, self.seen).unwrap_or(window.len());
            match (window.get(self.seen), window.get(self.seen + 1)) {
                (Some(b'\r'), Some(b'\n')) => {}
                (None, _) | (Some(b'\r'), None) if window.len() < limit => return Ok(None),
                (None, _) | (Some(b'\r'), None) => return Err(self.too_long(window, limits)),
                (Some(b'\r'), Some(_)) => return Err(HeadError::BareCr),
                (Some(b'\n'), _) => return Err(HeadError::BareLf),
                (Some(_), _) => return Err(HeadError::Control),
            }
            if !self.in_fields {
                RequestLine::default().read(window, self.line, limits)?;
                self.in_fields = true;
            } else if self.seen == self.line {
                return Ok(Some(self.seen + 2));
            }
            self.seen += 2;
            self.line = self.seen;
        }
    }

    /// Resets the search for the next head.
    pub fn reset(&mut self) {
        *self = HeadEnd::default();
    }

    /// Looks at the first bytes. Whether there were enough of them.
    ///
    /// One empty line before the request line is skipped (RFC 9112 §2.2): old clients send one
    /// after a body. A byte that cannot begin a method is refused at once.
    fn begin(&mut self, buf: &[u8]) -> Result<bool, HeadError> {
        let line = match buf {
            [] | [b'\r'] => return Ok(false),
            [b'\r', b'\n', ..] => 2,
            [b'\r', ..] => return Err(HeadError::BareCr),
            _ => 0,
        };
        match buf.get(line) {
            None => Ok(false),
            Some(&b) if byte::TOKEN[usize::from(b)] => {
                self.line = line;
                self.seen = line;
                Ok(true)
            }
            Some(b'\n') => Err(HeadError::BareLf),
            Some(b'\r') => Err(HeadError::RequestLine),
            Some(_) => Err(HeadError::Method),
        }
    }

    /// Where the part that is being read must have ended.
    fn limit(&self, limits: &Limits) -> usize {
        if self.in_fields {
            return limits.head_bytes;
        }
        // A method, a target, a version, two spaces and CRLF.
        let longest = limits
            .method_bytes
            .saturating_add(limits.target_bytes)
            .saturating_add(Version::Http11.as_str().len() + 4);
        limits.head_bytes.min(self.line.saturating_add(longest))
    }

    /// Why `window`, which is as long as it may be, is too long: the fault lies in the request
    /// line, where it did not end, and there most likely in the target.
    fn too_long(&self, window: &[u8], limits: &Limits) -> HeadError {
        if self.in_fields {
            return HeadError::TooLong;
        }
        let mut line = RequestLine::default();
        let read = line.read(window, self.line, limits);
        let whole = line.target.end() + 1 + Version::Http11.as_str().len();
        match read {
            Err(HeadError::RequestLine) if line.target.len() > 0 && self.seen < whole => {
                HeadError::TargetTooLong
            }
            Err(error) => error,
            Ok(_) => HeadError::TooLong,
        }
    }
}

/// A request's head. Its memory is reused by the next head that is parsed into it.
///
/// ```
/// use httprs::http::{Head, Limits, Method};
/// let mut head = Head::default();
/// head.parse(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n", &Limits::default())?;
/// assert_eq!((head.method(), head.target_str()), (Method::Get, "/a"));
/// assert_eq!(head.fields().get_str("host"), Some("x"));
/// # Ok::<(), httprs::http::HeadError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Head {
    line: RequestLine,
    /// The lines, and all bytes of the head.
    fields: Fields,
}

impl Head {
    /// Finds the end and parses, in one pass where it can: how many bytes the head takes, or `None`
    /// until more come. Heads are refused as by [`HeadEnd::find`] and [`Head::parse`].
    ///
    /// Nearly all heads come whole and are good, so that is tried first, once; for all others,
    /// `end` decides first, which does not depend on the cut.
    pub fn receive(
        &mut self,
        bytes: &[u8],
        end: &mut HeadEnd,
        limits: &Limits,
    ) -> Result<Option<usize>, HeadError> {
        if end.seen == 0
            && let Ok(len) = self.read(window(bytes, limits), limits)
        {
            return Ok(Some(len));
        }
        let Some(len) = end.find(bytes, limits)? else {
            return Ok(None);
        };
        self.parse(&bytes[..len], limits)?;
        Ok(Some(len))
    }

    /// Reads a head whose end is known ([`HeadEnd::find`]), and forgets the one before. Bytes
    /// behind its empty line are not looked at, but count towards the limit.
    ///
    /// After an error, method and target are there as far as they were understood, for the log.
    pub fn parse(&mut self, bytes: &[u8], limits: &Limits) -> Result<(), HeadError> {
        if window(bytes, limits).len() < bytes.len() {
            self.parse_request_line(bytes, limits)?;
            return Err(HeadError::TooLong);
        }
        self.read(bytes, limits).map(drop)
    }

    /// Reads the request line alone, and forgets the head before: for the access log, and to know
    /// whether the method was HEAD, where the rest is known to be bad or too long.
    pub fn parse_request_line(&mut self, bytes: &[u8], limits: &Limits) -> Result<(), HeadError> {
        self.clear();
        let window = window(bytes, limits);
        self.fields.bytes.extend_from_slice(window);
        self.read_request_line(window, limits)?;
        Ok(())
    }

    /// Reads the head at the front of `bytes`; where it ends.
    fn read(&mut self, bytes: &[u8], limits: &Limits) -> Result<usize, HeadError> {
        self.clear();
        let end = self.read_lines(bytes, limits);
        let copied = &bytes[..end.unwrap_or(bytes.len())];
        self.fields.bytes.extend_from_slice(copied);
        end
    }

    #[inline(always)]
    fn read_lines(&mut self, bytes: &[u8], limits: &Limits) -> Result<usize, HeadError> {
        let lines = self.read_request_line(bytes, limits)?;
        let rest = self.read_fields(bytes, lines, limits)?;
        Ok(bytes.len() - rest.len())
    }

    /// Reads the field lines, with which `bytes` end; returns the rest behind their empty line. Not
    /// part of its caller, so that the loop has all registers.
    #[inline(never)]
    fn read_fields<'a>(
        &mut self,
        bytes: &[u8],
        lines: &'a [u8],
        limits: &Limits,
    ) -> Result<&'a [u8], HeadError> {
        let mut rest = lines;
        let mut host = None;
        while let Some((line, value, after)) = Line::read(rest, bytes.len() - rest.len()) {
            if self.fields.len() >= limits.fields {
                return Err(HeadError::TooManyFields);
            }
            if line.name.len() == 4 && is_host(rest) && host.replace(value).is_some() {
                return Err(HeadError::HostRepeated);
            }
            self.fields.add(line);
            rest = after;
        }
        // No field line, so it should be the empty one.
        let Some(after) = rest.strip_prefix(b"\r\n") else {
            let full = self.fields.len() >= limits.fields;
            return Err(if full {
                HeadError::TooManyFields
            } else {
                Line::fault(rest)
            });
        };
        // RFC 9112 §3.2: exactly one in 1.1, and an `http` URI has a host (RFC 9110 §4.2.1).
        // HTTP/1.0 knows none, so there it may be missing or empty.
        match host {
            Some([]) if self.line.version == Version::Http11 => return Err(HeadError::Host),
            Some(host) if !host::is_valid(host) => return Err(HeadError::Host),
            None if self.line.version == Version::Http11 => return Err(HeadError::HostMissing),
            _ => {}
        }
        names::check(&self.fields, bytes)?;
        Ok(after)
    }

    /// Reads the request line; returns the rest behind it.
    #[inline(always)]
    fn read_request_line<'a>(
        &mut self,
        bytes: &'a [u8],
        limits: &Limits,
    ) -> Result<&'a [u8], HeadError> {
        // RFC 9112 §2.2: one empty line before the request line is skipped.
        let end = match bytes {
            [b'\r', b'\n', ..] => self.line.read(bytes, 2, limits)?,
            _ => self.line.read_inline(bytes, 0, limits)?,
        };
        if let Some(after) = end.strip_prefix(b"\r\n") {
            return Ok(after);
        }
        match end {
            [] | [b'\r'] => Err(HeadError::Unfinished),
            [b'\r', ..] => Err(HeadError::BareCr),
            [b'\n', ..] => Err(HeadError::BareLf),
            _ => Err(HeadError::Control),
        }
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.line = RequestLine::default();
        self.fields.clear();
    }

    /// Sets the method where the rest of the line could not be read.
    pub(crate) fn presume(&mut self, method: Method) {
        self.line.method = method;
    }

    /// The method, if it is known.
    pub fn method(&self) -> Method {
        self.line.method
    }

    /// The method as it was sent.
    pub fn method_str(&self) -> &str {
        self.text(self.line.method_at)
    }

    /// The target as it was sent: visible ASCII, and nothing else is known of it.
    pub fn target_str(&self) -> &str {
        self.text(self.line.target)
    }

    /// The version.
    pub fn version(&self) -> Version {
        self.line.version
    }

    /// Method and target as bytes, for callers that need not know that they are text.
    pub(crate) fn asked(&self) -> (&[u8], &[u8]) {
        let bytes = &self.fields.bytes;
        (self.line.method_at.of(bytes), self.line.target.of(bytes))
    }

    /// The field lines.
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    fn text(&self, span: Span) -> &str {
        // Method and target are ASCII, so this never falls back.
        str::from_utf8(span.of(&self.fields.bytes)).unwrap_or_default()
    }
}

/// Whether a field line whose name has four bytes is `Host`. The bit turns capitals into small
/// letters, and nothing else into letters.
#[inline(always)]
fn is_host(line: &[u8]) -> bool {
    line.first_chunk::<4>()
        .is_some_and(|name| name.map(|b| b | 0x20) == *b"host")
}

/// As much of `bytes` as a head may have. No offset in a head is above `u32::MAX`: see `Line`.
fn window<'a>(bytes: &'a [u8], limits: &Limits) -> &'a [u8] {
    &bytes[..bytes.len().min(limits.head_bytes).min(u32::MAX as usize)]
}

#[cfg(test)]
mod tests {
    use super::HeadError::*;
    use super::*;

    /// The outcome for these pieces: in two steps, and in one, which must be the same.
    fn outcome(pieces: &[&[u8]], limits: &Limits) -> Result<Option<(usize, Head)>, HeadError> {
        let (mut end, mut end_of_one) = (HeadEnd::default(), HeadEnd::default());
        let (mut head, mut one) = (Head::default(), Head::default());
        let mut buf = Vec::new();
        for piece in pieces {
            buf.extend_from_slice(piece);
            let received = one.receive(&buf, &mut end_of_one, limits);
            let found = end.find(&buf, limits);
            let parsed = match found {
                Ok(Some(at)) => head.parse(&buf[..at], limits).map(|()| Some(at)),
                other => other,
            };
            assert_eq!(received, parsed, "{}", buf.escape_ascii());
            if let Some(at) = parsed? {
                assert_eq!(format!("{head:?}"), format!("{one:?}"));
                return Ok(Some((at, one)));
            }
        }
        Ok(None)
    }

    /// The outcome as text, whole, byte by byte, and cut at every place.
    fn every_cut(name: &str, wire: &[u8], limits: &Limits) -> String {
        let text = |pieces: &[&[u8]]| match outcome(pieces, limits) {
            Ok(None) => "more".to_owned(),
            Ok(Some((at, head))) => format!(
                "{at} {} {} {} {:?}",
                head.method_str(),
                head.target_str(),
                head.version(),
                head.fields()
            ),
            Err(error) => format!("{error:?}"),
        };
        let whole = text(&[wire]);
        let bytes: Vec<&[u8]> = wire.chunks(1).collect();
        assert_eq!(text(&bytes), whole, "{name}, byte by byte");
        for at in (0..wire.len()).step_by(1 + wire.len() / 500) {
            let (a, b) = wire.split_at(at);
            assert_eq!(text(&[a, b]), whole, "{name}, cut at {at}");
        }
        whole
    }

    #[test]
    fn good_heads_are_parsed() {
        for (name, wire, want) in [
            (
                "one",
                "GET /a HTTP/1.1\r\nHost: x\r\n\r\n",
                r#"28 GET /a HTTP/1.1 {"Host": "x"}"#,
            ),
            ("1.0", "GET / HTTP/1.0\r\n\r\n", "18 GET / HTTP/1.0 {}"),
            (
                "1.0 with Host",
                "GET / HTTP/1.0\r\nhost:x\r\n\r\n",
                r#"26 GET / HTTP/1.0 {"host": "x"}"#,
            ),
            (
                "1.9",
                "GET / HTTP/1.9\r\nHost: x\r\n\r\n",
                r#"27 GET / HTTP/1.1 {"Host": "x"}"#,
            ),
            (
                "empty line first",
                "\r\nGET / HTTP/1.0\r\n\r\n",
                "20 GET / HTTP/1.0 {}",
            ),
            (
                "pipelined",
                "GET / HTTP/1.0\r\n\r\n\0\n\x16",
                "18 GET / HTTP/1.0 {}",
            ),
            (
                "own method",
                "x!~ * HTTP/1.0\r\n\r\n",
                "18 x!~ * HTTP/1.0 {}",
            ),
            (
                "tab in a value",
                "G / HTTP/1.0\r\na: b\tc\r\n\r\n",
                r#"24 G / HTTP/1.0 {"a": "b\\tc"}"#,
            ),
            ("only an empty line", "\r\n", "more"),
            ("no end", "GET / HTTP/1.1\r\nHost: x\r\n", "more"),
        ] {
            assert_eq!(
                every_cut(name, wire.as_bytes(), &Limits::default()),
                want,
                "{name}"
            );
        }
    }

    #[test]
    fn bad_heads_are_refused() {
        for (name, wire, want) in [
            ("TLS hello", &b"\x16\x03\x01"[..], Method),
            ("space first", b" GET / HTTP/1.1\r\n\r\n", Method),
            ("NUL first", b"\0", Method),
            ("LF first", b"\nGET / HTTP/1.1\r\n\r\n", BareLf),
            ("CR first", b"\rGET / HTTP/1.1\r\n\r\n", BareCr),
            (
                "two empty lines",
                b"\r\n\r\nGET / HTTP/1.1\r\n\r\n",
                RequestLine,
            ),
            ("0.9", b"GET /\r\n", RequestLine),
            ("method alone", b"GET\r\n", RequestLine),
            ("no target", b"GET  HTTP/1.1\r\n", RequestLine),
            ("two spaces", b"GET  / HTTP/1.1\r\n", RequestLine),
            ("two spaces later", b"GET /  HTTP/1.1\r\n", RequestLine),
            ("space at the end", b"GET / HTTP/1.1 \r\n", RequestLine),
            ("space in the target", b"GET /a b HTTP/1.1\r\n", RequestLine),
            ("tab", b"GET\t/ HTTP/1.1\r\n", Method),
            ("tab later", b"GET /\tHTTP/1.1\r\n", Target),
            ("bytes above ASCII", b"GET /\xff HTTP/1.1\r\n", Target),
            ("colon in the method", b"GE:T / HTTP/1.1\r\n", Method),
            ("lower-case http", b"GET / http/1.1\r\n", RequestLine),
            ("letters behind", b"GET / HTTP/1.1x\r\n", RequestLine),
            ("two digits", b"GET / HTTP/1.10\r\n", RequestLine),
            ("01", b"GET / HTTP/01.1\r\n", RequestLine),
            ("comma", b"GET / HTTP/1,1\r\n", RequestLine),
            ("no minor", b"GET / HTTP/1\r\n", RequestLine),
            ("another name", b"GET / HTTQ/1.1\r\n", RequestLine),
            (
                "HTTP/2 preface",
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                Version,
            ),
            ("HTTP/0.9 by name", b"GET / HTTP/0.9\r\n", Version),
            (
                "bare LF in line",
                b"GET / HTTP/1.1\nHost: x\r\n\r\n",
                BareLf,
            ),
            ("bare LF later", b"GET / HTTP/1.1\r\nHost: x\n\r\n", BareLf),
            (
                "LF for the empty line",
                b"GET / HTTP/1.1\r\nHost: x\r\n\n",
                BareLf,
            ),
            (
                "bare CR",
                b"GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n",
                BareCr,
            ),
            ("CR CR LF", b"GET / HTTP/1.1\r\nHost: x\r\r\n\r\n", BareCr),
            (
                "NUL in a value",
                b"GET / HTTP/1.1\r\nHost: x\0\r\n\r\n",
                Control,
            ),
            ("NUL in the target", b"GET /\0 HTTP/1.1\r\n\r\n", Control),
            ("DEL", b"GET /\x7f HTTP/1.1\r\n\r\n", Control),
            (
                "fold",
                b"GET / HTTP/1.1\r\nHost: x\r\n y\r\n\r\n",
                FieldFold,
            ),
            (
                "first line folded",
                b"GET / HTTP/1.1\r\n Host: x\r\n\r\n",
                FieldFold,
            ),
            (
                "space before colon",
                b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
                FieldName,
            ),
            ("no colon", b"GET / HTTP/1.1\r\nHost\r\n\r\n", FieldName),
            ("no name", b"GET / HTTP/1.1\r\n: x\r\n\r\n", FieldName),
            ("no Host", b"GET / HTTP/1.1\r\n\r\n", HostMissing),
            ("no Host in 1.2", b"GET / HTTP/1.2\r\n\r\n", HostMissing),
            (
                "two Hosts",
                b"GET / HTTP/1.1\r\nHost: x\r\nhost: x\r\n\r\n",
                HostRepeated,
            ),
            (
                "two Hosts in 1.0",
                b"GET / HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n",
                HostRepeated,
            ),
            ("bad Host", b"GET / HTTP/1.1\r\nHost: x y\r\n\r\n", Host),
            (
                "bad Host in 1.0",
                b"GET / HTTP/1.0\r\nHost: a@b\r\n\r\n",
                Host,
            ),
            (
                "port alone as Host",
                b"GET / HTTP/1.1\r\nHost: :80\r\n\r\n",
                Host,
            ),
        ] {
            let got = every_cut(name, wire, &Limits::default());
            assert_eq!(got, format!("{want:?}"), "{name}");
        }
    }

    #[test]
    fn each_limit_at_n_and_one_more() {
        let default = Limits::default();
        let n = default.head_bytes;
        let head = |n: usize| format!("GET / HTTP/1.0\r\na: {}\r\n\r\n", "b".repeat(n - 23));
        let target = |n: usize| format!("GET {} HTTP/1.0\r\n\r\n", "/".repeat(n));
        let method = |n: usize| format!("{} / HTTP/1.0\r\n\r\n", "M".repeat(n));
        let fields = |n: usize| format!("GET / HTTP/1.0\r\n{}\r\n", "a: b\r\n".repeat(n));
        let tiny = Limits {
            head_bytes: 30,
            ..Limits::default()
        };
        for (name, limits, wire, want) in [
            ("head n", &default, head(n), None),
            ("head n+1", &default, head(n + 1), Some(TooLong)),
            ("head without end", &default, head(n * 3), Some(TooLong)),
            ("target n", &default, target(8192), None),
            ("target n+1", &default, target(8193), Some(TargetTooLong)),
            ("target 2n", &default, target(16384), Some(TargetTooLong)),
            ("target 5n", &default, target(40000), Some(TargetTooLong)),
            ("method n", &default, method(32), None),
            ("method n+1", &default, method(33), Some(Method)),
            ("method without end", &default, method(20000), Some(Method)),
            ("fields n", &default, fields(100), None),
            ("fields n+1", &default, fields(101), Some(TooManyFields)),
            (
                "fields n, then no field",
                &default,
                fields(100).replace("b\r\n\r\n", "b\r\n: x\r\n\r\n"),
                Some(TooManyFields),
            ),
            (
                "both longest",
                &default,
                target(8192).replace("GET", &"M".repeat(32)),
                None,
            ),
            (
                "longest but version",
                &default,
                target(8192).replace("1.0", "1.00"),
                Some(RequestLine),
            ),
            ("tiny n", &tiny, target(13), None),
            ("tiny n+1", &tiny, target(14), Some(TooLong)),
            (
                "tiny cut in the version",
                &tiny,
                target(20),
                Some(TargetTooLong),
            ),
            (
                "tiny cut in the target",
                &tiny,
                target(40),
                Some(TargetTooLong),
            ),
        ] {
            let got = every_cut(name, wire.as_bytes(), limits);
            match want {
                None => assert!(
                    got.starts_with(&format!("{} ", wire.len())),
                    "{name}: {got}"
                ),
                Some(error) => assert_eq!(got, format!("{error:?}"), "{name}"),
            }
        }
    }

    #[test]
    fn each_limit_holds_however_small_it_is() {
        // Limits may cut the usual beginning of a head, which is tried before the grammar.
        let wire = b"\r\nGET /a HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n";
        let rows = [
            ("head", wire.len()),
            ("method", 3),
            ("target", 2),
            ("fields", 2),
        ];
        for (name, n) in rows {
            for limit in 0..n + 2 {
                let mut limits = Limits::default();
                match name {
                    "head" => limits.head_bytes = limit,
                    "method" => limits.method_bytes = limit,
                    "target" => limits.target_bytes = limit,
                    _ => limits.fields = limit,
                }
                let got = every_cut(name, wire, &limits);
                let good = got.starts_with(&wire.len().to_string());
                assert_eq!(good, limit >= n, "{name} {limit}: {got}");
            }
        }
    }

    #[test]
    fn host_is_known_however_it_is_spelt() {
        for at in 0..4 {
            for b in 0..=255u8 {
                let mut wire = b"GET / HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n".to_vec();
                wire[16 + at] = b;
                let host = wire[16..20].eq_ignore_ascii_case(b"host");
                let parsed = Head::default().parse(&wire, &Limits::default());
                assert_eq!(host, parsed == Err(HostRepeated), "{}", wire.escape_ascii());
            }
        }
    }

    #[test]
    fn a_line_that_never_ends_is_refused_before_more_comes() {
        for (name, start, want) in [
            ("target", "GET /", TargetTooLong),
            ("method", "M", Method),
            ("spaces", "GET / HTTP/1.1", RequestLine),
            ("field", "GET / HTTP/1.1\r\na: ", TooLong),
            ("then NUL", "GET / HTTP/1.1\r\na: ", TooLong),
        ] {
            let limits = Limits::default();
            let mut wire = start.as_bytes().to_vec();
            wire.resize(limits.head_bytes, b'x');
            wire.extend_from_slice(b"\0\n");
            let got = every_cut(name, &wire, &limits);
            assert_eq!(got, format!("{want:?}"), "{name}");
        }
    }

    #[test]
    fn the_parser_takes_any_bytes() {
        // Every prefix, and every byte replaced by each kind of trouble; also without the search.
        let wire = b"\r\nGET /a HTTP/1.1\r\nHost: x\r\nA: b, \"c\"\r\n\r\n";
        let limits = Limits::default();
        let mut head = Head::default();
        for at in 0..wire.len() {
            assert!(head.parse(&wire[..at], &limits).is_err(), "prefix {at}");
            for b in 0..=255u8 {
                let mut wire = wire.to_vec();
                wire[at] = b;
                let found = outcome(&[&wire], &limits).map(|found| found.is_some());
                let parsed = head.parse(&wire, &limits);
                // Bytes for which the search waits, or which it refuses, are never a head.
                assert_eq!(found == Ok(true), parsed.is_ok(), "{}", wire.escape_ascii());
                if parsed.is_ok() {
                    assert!(!head.target_str().is_empty() && !head.method_str().is_empty());
                }
            }
        }
    }

    #[test]
    fn the_log_sees_the_words_that_were_understood() {
        let mut head = Head::default();
        for (name, wire, method, target) in [
            (
                "bad field",
                &b"GET /a HTTP/1.1\r\n: x\r\n\r\n"[..],
                "GET",
                "/a",
            ),
            ("bad version", b"GET /a HTTP/3.0\r\n\r\n", "GET", "/a"),
            ("0.9", b"GET /a\r\n", "GET", "/a"),
            ("bad target", b"GET /\xff HTTP/1.1\r\n\r\n", "GET", "/"),
            ("bad method", b"G@T / HTTP/1.1\r\n\r\n", "", ""),
        ] {
            assert!(head.parse(wire, &Limits::default()).is_err(), "{name}");
            assert_eq!(
                (head.method_str(), head.target_str()),
                (method, target),
                "{name}"
            );
        }
    }

    #[test]
    fn errors_have_their_statuses() {
        for (error, want) in [
            (TargetTooLong, 414),
            (TooLong, 431),
            (TooManyFields, 431),
            (Version, 505),
            (BareLf, 400),
            (Host, 400),
            (Unfinished, 400),
        ] {
            assert_eq!(error.status().get(), want, "{}", error.as_str());
        }
    }

    #[test]
    fn a_head_reuses_its_memory() {
        let wire = b"GET /a HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n";
        let mut head = Head::default();
        let parse = |head: &mut Head| head.parse(wire, &Limits::default()).is_ok();
        assert!(parse(&mut head));
        let capacity = head.fields().capacity();
        assert!((0..9).all(|_| parse(&mut head)));
        assert_eq!(head.fields().capacity(), capacity);
        assert_eq!(head.fields().len(), 2);
    }
}
