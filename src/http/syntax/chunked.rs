//! The chunked coding (RFC 9112 §7.1): [`Decoder`] for request bodies, [`push_chunk`] and
//! [`push_last`] for responses.
//!
//! ```text
//! chunked-body    = *chunk last-chunk trailer-section CRLF
//! chunk           = chunk-size [ chunk-ext ] CRLF chunk-data CRLF
//! chunk-size      = 1*HEXDIG
//! last-chunk      = 1*("0") [ chunk-ext ] CRLF
//! chunk-ext       = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )
//! chunk-ext-name  = token
//! chunk-ext-val   = token / quoted-string
//! trailer-section = *( field-line CRLF )
//! ```
//! The decoder holds all that it knows in one state, so the bytes may be cut anywhere: extensions
//! are read by the classes of `token`, a byte at a time. Knows nothing of handlers or of what
//! trailers mean; they are never merged with the header fields.

use std::io::Write;

use super::byte;
use super::head_error::HeadError;
use super::header::{Fields, Line};
use super::limits::Limits;
use super::value::StatusCode;

/// Why a chunked body is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChunkedError {
    /// The size is not a hexadecimal number, or is too large for any chunk.
    Size,
    /// The extensions behind the size.
    Extension,
    /// A line does not end in CRLF.
    LineEnd,
    /// The chunk is longer than its size says.
    DataEnd,
    /// A trailer field.
    Trailer,
    /// The body is longer than [`Limits::body_bytes`].
    BodyTooLarge,
    /// More framing than [`Limits::chunk_overhead`] allows. 400 and not 413: the body is not too
    /// large, it is wrapped in a way that no client needs.
    TooMuchOverhead,
    /// More trailers than [`Limits::trailer_bytes`] or [`Limits::fields`] allow: 431 as in the
    /// head, which RFC 6585 §5 does not confine it to.
    TrailersTooLong,
}

impl ChunkedError {
    /// The status of the response. The connection is closed in any case.
    pub fn status(self) -> StatusCode {
        match self {
            ChunkedError::BodyTooLarge => StatusCode::CONTENT_TOO_LARGE,
            ChunkedError::TrailersTooLong => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The reason, in a few words.
    pub fn as_str(self) -> &'static str {
        match self {
            ChunkedError::Size => "malformed chunk size",
            ChunkedError::Extension => "malformed chunk extension",
            ChunkedError::LineEnd => "chunk line does not end in CRLF",
            ChunkedError::DataEnd => "chunk longer than its size",
            ChunkedError::Trailer => "malformed trailer field",
            ChunkedError::BodyTooLarge => "body too large",
            ChunkedError::TooMuchOverhead => "too much chunk framing",
            ChunkedError::TrailersTooLong => "trailers too long",
        }
    }
}

/// How far one call of [`Decoder::decode`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the input that belong to the body and are consumed.
    pub consumed: usize,
    /// The body is complete; the rest of the input is the next request.
    pub done: bool,
}

/// Decodes a chunked body.
///
/// ```
/// use httprs::http::{Fields, Limits, chunked};
/// let wire = b"5\r\nhello\r\n0\r\nA: b\r\n\r\nGET";
/// let (mut body, mut trailers) = (Vec::new(), Fields::default());
/// let mut decoder = chunked::Decoder::default();
/// let progress = decoder.decode(wire, &mut body, &mut trailers, &Limits::default())?;
/// assert_eq!((progress.consumed, progress.done), (wire.len() - 3, true));
/// assert_eq!((&body[..], trailers.get_str("a")), (&b"hello"[..], Some("b")));
/// # Ok::<(), httprs::http::ChunkedError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    state: State,
    /// Size of the chunk that is being read; counted down in its data.
    size: u64,
    /// Bytes of body so far. Not the length of the caller's vector, which a streaming caller
    /// drains between calls.
    total: u64,
    /// Bytes of framing that no free allowance covers; see [`Limits::chunk_overhead`].
    overhead: usize,
    /// Where in the trailers' buffer the current line starts.
    line: usize,
}

/// What the decoder expects next. In `Lf` states it has seen the CR.
#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// The first digit of a size.
    #[default]
    Size,
    /// More digits, or the end of the size.
    Digits,
    /// Spaces before a `;`: only a `;` may follow.
    BeforeSemicolon,
    /// Spaces before a name.
    BeforeName,
    Name,
    /// Spaces after a name: `=` or `;` must follow.
    AfterName,
    /// Spaces before a value.
    BeforeValue,
    Token,
    Quoted,
    /// Behind a backslash in a quoted string.
    Escaped,
    /// Behind a value that has ended.
    AfterValue,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// In a trailer line or at its start.
    Trailer,
    TrailerLf,
    Done,
    Failed(ChunkedError),
}

impl Decoder {
    /// Consumes `input` as far as it can, and adds the decoded bytes to `body` and `trailers`.
    ///
    /// Without `done`, the decoder has consumed all of `input` and waits for more. The trailers are
    /// complete with `done`. A body that is too large is refused when the size of a chunk says so,
    /// before its data. After an error, every call returns that error.
    pub fn decode(
        &mut self,
        input: &[u8],
        body: &mut Vec<u8>,
        trailers: &mut Fields,
        limits: &Limits,
    ) -> Result<Progress, ChunkedError> {
        let mut at = 0;
        while let Some(&b) = input.get(at) {
            let next = match self.state {
                State::Done => break,
                State::Failed(error) => return Err(error),
                State::Data => {
                    let wanted = usize::try_from(self.size).unwrap_or(usize::MAX);
                    let taken = &input[at..at + wanted.min(input.len() - at)];
                    body.extend_from_slice(taken);
                    at += taken.len();
                    self.size -= taken.len() as u64;
                    if self.size == 0 {
                        self.state = State::DataCr;
                    }
                    continue;
                }
                State::DataCr if b == b'\r' => Ok(State::DataLf),
                State::DataLf if b == b'\n' => Ok(State::Size),
                State::DataCr | State::DataLf => Err(ChunkedError::DataEnd),
                State::Trailer | State::TrailerLf => self.trailer(b, trailers, limits),
                _ => self.size_line(b, trailers, limits),
            };
            self.state = next.unwrap_or_else(State::Failed);
            next?;
            at += 1;
        }
        if let State::Failed(error) = self.state {
            return Err(error);
        }
        Ok(Progress {
            consumed: at,
            done: matches!(self.state, State::Done),
        })
    }

    /// Resets the decoder for the next body.
    pub fn reset(&mut self) {
        *self = Decoder::default();
    }

    /// One byte of a line that begins with a size.
    fn size_line(
        &mut self,
        b: u8,
        trailers: &mut Fields,
        limits: &Limits,
    ) -> Result<State, ChunkedError> {
        self.overhead += 1;
        // What a chunk has for free depends on its size, known only at the end of the line.
        if self.overhead > limits.chunk_overhead.saturating_add(FREE) {
            return Err(ChunkedError::TooMuchOverhead);
        }
        let token = byte::TOKEN[usize::from(b)];
        let next = match (self.state, b) {
            (State::Size | State::Digits, _) if b.is_ascii_hexdigit() => {
                return self.digit(b);
            }
            (State::Size, _) => return Err(ChunkedError::Size),
            (State::Digits | State::Name | State::Token | State::AfterValue, b'\r') => {
                State::SizeLf
            }
            (State::SizeLf, b'\n') => return self.size_known(trailers, limits),
            (State::SizeLf, _) => return Err(ChunkedError::LineEnd),
            // Some readers take a bare LF for the end of the line.
            (_, b'\n') => return Err(ChunkedError::LineEnd),

            (
                State::Digits
                | State::BeforeSemicolon
                | State::Name
                | State::AfterName
                | State::Token
                | State::AfterValue,
                b';',
            ) => State::BeforeName,
            (State::Digits | State::Token | State::AfterValue, b' ' | b'\t') => {
                State::BeforeSemicolon
            }
            (State::BeforeSemicolon, b' ' | b'\t') => State::BeforeSemicolon,
            (State::Digits, _) => return Err(ChunkedError::Size),

            (State::BeforeName, b' ' | b'\t') => State::BeforeName,
            (State::BeforeName | State::Name, _) if token => State::Name,
            (State::Name | State::AfterName, b' ' | b'\t') => State::AfterName,
            (State::Name | State::AfterName, b'=') => State::BeforeValue,

            (State::BeforeValue, b' ' | b'\t') => State::BeforeValue,
            (State::BeforeValue, b'"') => State::Quoted,
            (State::BeforeValue | State::Token, _) if token => State::Token,
            (State::Quoted, b'"') => State::AfterValue,
            (State::Quoted, b'\\') => State::Escaped,
            (State::Quoted, _) if byte::QUOTED[usize::from(b)] => State::Quoted,
            (State::Escaped, _) if byte::FIELD_VALUE[usize::from(b)] => State::Quoted,
            _ => return Err(ChunkedError::Extension),
        };
        Ok(next)
    }

    /// One digit of a size. A size that does not fit in 64 bits is malformed, not merely too large:
    /// a reader that lets it wrap sees another number.
    fn digit(&mut self, b: u8) -> Result<State, ChunkedError> {
        let digit = byte::hex(b).ok_or(ChunkedError::Size)?;
        if self.size > u64::MAX >> 4 {
            return Err(ChunkedError::Size);
        }
        self.size = self.size << 4 | u64::from(digit);
        Ok(State::Digits)
    }

    /// The size line is complete.
    fn size_known(
        &mut self,
        trailers: &mut Fields,
        limits: &Limits,
    ) -> Result<State, ChunkedError> {
        let earned = usize::try_from(self.size).unwrap_or(usize::MAX);
        let free = earned.saturating_mul(2).saturating_add(FREE);
        self.overhead = self.overhead.saturating_sub(free);
        if self.overhead > limits.chunk_overhead {
            return Err(ChunkedError::TooMuchOverhead);
        }
        if self.size == 0 {
            trailers.clear();
            self.line = 0;
            return Ok(State::Trailer);
        }
        self.total = match self.total.checked_add(self.size) {
            Some(total) if total <= limits.body_bytes => total,
            _ => return Err(ChunkedError::BodyTooLarge),
        };
        Ok(State::Data)
    }

    /// One byte of the trailer section. Lines are gathered in the buffer that their fields will
    /// be spans of, and read when they are complete, by the rules of the head.
    fn trailer(
        &mut self,
        b: u8,
        trailers: &mut Fields,
        limits: &Limits,
    ) -> Result<State, ChunkedError> {
        let bytes = &mut trailers.bytes;
        // No offset is above u32::MAX: see `Line`.
        if bytes.len() >= limits.trailer_bytes.min(u32::MAX as usize) {
            return Err(ChunkedError::TrailersTooLong);
        }
        bytes.push(b);
        match (self.state, b) {
            (State::TrailerLf, b'\n') => {}
            (State::TrailerLf, _) | (_, b'\n') => return Err(ChunkedError::LineEnd),
            (_, b'\r') => return Ok(State::TrailerLf),
            _ if byte::FIELD_VALUE[usize::from(b)] => return Ok(State::Trailer),
            _ => return Err(ChunkedError::Trailer),
        }
        if bytes.len() == self.line + 2 {
            return Ok(State::Done);
        }
        if trailers.lines.len() >= limits.fields {
            return Err(ChunkedError::TrailersTooLong);
        }
        let (line, _) = Line::parse(&bytes[self.line..], self.line).map_err(trailer_error)?;
        self.line = bytes.len();
        trailers.add(line);
        Ok(State::Trailer)
    }
}

fn trailer_error(error: HeadError) -> ChunkedError {
    match error {
        HeadError::BareLf | HeadError::BareCr => ChunkedError::LineEnd,
        _ => ChunkedError::Trailer,
    }
}

/// Bytes of framing that each chunk has for free.
const FREE: usize = 16;

/// Adds `data` to `out` as one chunk. Without data it adds nothing: an empty chunk is the last.
pub fn push_chunk(out: &mut Vec<u8>, data: &[u8]) {
    if data.is_empty() {
        return;
    }
    // Writing to a Vec never fails.
    let _ = write!(out, "{:x}\r\n", data.len());
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
}

/// Ends the body, without trailers.
pub fn push_last(out: &mut Vec<u8>) {
    out.extend_from_slice(b"0\r\n\r\n");
}

/// Ends the body, with trailers.
pub fn push_last_with(out: &mut Vec<u8>, trailers: &Fields) {
    out.extend_from_slice(b"0\r\n");
    for (name, value) in trailers.iter() {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::ChunkedError::*;
    use super::*;
    use crate::http::syntax::token;

    fn decode(pieces: &[&[u8]], limits: &Limits) -> String {
        let mut decoder = Decoder::default();
        let (mut body, mut trailers) = (Vec::new(), Fields::default());
        let mut consumed = 0;
        let mut done = false;
        for piece in pieces {
            match decoder.decode(piece, &mut body, &mut trailers, limits) {
                Ok(progress) => {
                    assert!(progress.done || progress.consumed == piece.len());
                    consumed += progress.consumed;
                    done = progress.done;
                }
                Err(error) => {
                    // An error stays.
                    let again = decoder.decode(b"", &mut body, &mut trailers, limits);
                    assert_eq!(again, Err(error));
                    return format!("{error:?}");
                }
            }
        }
        if !done {
            return format!("more {}", body.escape_ascii());
        }
        format!("{consumed} {} {trailers:?}", body.escape_ascii())
    }

    fn every_cut(name: &str, wire: &[u8], limits: &Limits) -> String {
        let whole = decode(&[wire], limits);
        let bytes: Vec<&[u8]> = wire.chunks(1).collect();
        assert_eq!(decode(&bytes, limits), whole, "{name}, byte by byte");
        for at in (0..wire.len()).step_by(1 + wire.len() / 500) {
            let (a, b) = wire.split_at(at);
            assert_eq!(decode(&[a, b], limits), whole, "{name}, cut at {at}");
        }
        whole
    }

    #[test]
    fn good_bodies_are_decoded() {
        for (name, wire, want) in [
            ("empty", "0\r\n\r\n", "5  {}"),
            ("zeros", "000\r\n\r\n", "7  {}"),
            ("one", "5\r\nhello\r\n0\r\n\r\n", "15 hello {}"),
            ("two", "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", "18 abc {}"),
            (
                "hexadecimal",
                "A\r\n0123456789\r\n0\r\n\r\n",
                "20 0123456789 {}",
            ),
            (
                "small letters",
                "0a\r\n0123456789\r\n0\r\n\r\n",
                "21 0123456789 {}",
            ),
            (
                "data like framing",
                "7\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n",
                "17 0\\r\\n\\r\\n\\r\\n {}",
            ),
            ("pipelined", "0\r\n\r\n0\r\n\r\n", "5  {}"),
            ("extension", "1;a\r\nx\r\n0;b=c\r\n\r\n", "17 x {}"),
            ("spaces", "1 ; a = b\t;c ;d\r\nx\r\n0\r\n\r\n", "25 x {}"),
            (
                "quoted",
                "1;a=\"b;\\\"\t\\\\\"\r\nx\r\n0\r\n\r\n",
                "23 x {}",
            ),
            (
                "quoted, then more",
                "1;a=\"\" ;b\r\nx\r\n0\r\n\r\n",
                "19 x {}",
            ),
            (
                "trailers",
                "0\r\nA: b\r\nC:d \r\n\r\n",
                r#"17  {"A": "b", "C": "d"}"#,
            ),
            ("not yet", "5\r\nhel", "more hel"),
            ("no last chunk", "1\r\na\r\n", "more a"),
            ("no empty line", "0\r\n", "more "),
        ] {
            assert_eq!(
                every_cut(name, wire.as_bytes(), &Limits::default()),
                want,
                "{name}"
            );
        }
    }

    #[test]
    fn bad_bodies_are_refused() {
        for (name, wire, want) in [
            ("no size", &b"\r\n"[..], Size),
            ("space first", b" 1\r\na\r\n", Size),
            ("plus", b"+1\r\na\r\n", Size),
            ("minus", b"-1\r\na\r\n", Size),
            ("0x", b"0x1\r\na\r\n", Size),
            ("underscore", b"1_0\r\n", Size),
            ("no number", b"g\r\n", Size),
            ("semicolon first", b";a\r\n", Size),
            ("overflow", b"10000000000000000\r\n", Size),
            ("wraps to 1", b"10000000000000001\r\na\r\n", Size),
            ("wraps, many digits", b"fffffffffffffffffffff\r\n", Size),
            ("NUL", b"1\0\r\n", Size),
            ("bare LF", b"1\na\r\n", LineEnd),
            ("bare LF first", b"\n1\r\n", Size),
            ("bare CR", b"1\ra\r\n", LineEnd),
            ("CR CR LF", b"1\r\r\na", LineEnd),
            ("space behind the size", b"1 \r\na\r\n", Extension),
            ("space, then digit", b"1 1\r\n", Extension),
            ("semicolon alone", b"1;\r\na\r\n", Extension),
            ("two semicolons", b"1;;a\r\n", Extension),
            ("no name", b"1;=a\r\n", Extension),
            ("no value", b"1;a=\r\n", Extension),
            ("space for a value", b"1;a= \r\n", Extension),
            ("space behind", b"1;a \r\n", Extension),
            ("two words", b"1;a b\r\n", Extension),
            ("two equals", b"1;a=b=c\r\n", Extension),
            ("LF in extension", b"1;a\nb\r\n", LineEnd),
            ("LF in quotes", b"1;a=\"\nb\"\r\n", LineEnd),
            ("CR in quotes", b"1;a=\"\r\n\"\r\n", Extension),
            ("escaped CR", b"1;a=\"\\\r\n\"\r\n", Extension),
            ("NUL in quotes", b"1;a=\"\0\"\r\n", Extension),
            ("behind quotes", b"1;a=\"b\"c\r\n", Extension),
            ("not a token", b"1;a=(b)\r\n", Extension),
            ("data too long", b"1\r\nab\r\n", DataEnd),
            ("data without CR", b"1\r\na\n1\r\n", DataEnd),
            ("data without LF", b"1\r\na\r1\r\n", DataEnd),
            ("data without both", b"1\r\na0\r\n\r\n", DataEnd),
            ("trailer without colon", b"0\r\na\r\n\r\n", Trailer),
            ("trailer with space", b"0\r\na : b\r\n\r\n", Trailer),
            ("folded trailer", b"0\r\na: b\r\n c\r\n\r\n", Trailer),
            ("trailer without name", b"0\r\n: b\r\n\r\n", Trailer),
            ("NUL in trailer", b"0\r\na: \0\r\n\r\n", Trailer),
            ("bare LF in trailer", b"0\r\na: b\n\r\n", LineEnd),
            ("bare LF for the end", b"0\r\n\n", LineEnd),
            ("bare CR in trailer", b"0\r\na: b\rc\r\n\r\n", LineEnd),
            ("CR for the end", b"0\r\n\rX", LineEnd),
        ] {
            let got = every_cut(name, wire, &Limits::default());
            assert_eq!(got, format!("{want:?}"), "{name}");
        }
    }

    /// Extensions are read byte by byte and fields as a whole, by the same grammar.
    #[test]
    fn extension_values_are_those_of_parameters() {
        for b in 0..=255u8 {
            for value in [&[b][..], &[b'"', b, b'"'], &[b'"', b'\\', b, b'"']] {
                let is_value = matches!(token::value(value), Some((_, [])));
                let wire = [b"1;a=", value, b"\r\nx\r\n0\r\n\r\n"].concat();
                let got = decode(&[&wire], &Limits::default());
                let taken = got == format!("{} x {{}}", wire.len());
                assert_eq!(taken, is_value, "{}: {got}", wire.escape_ascii());
            }
        }
    }

    #[test]
    fn each_limit_at_n_and_one_more() {
        let limits = Limits {
            body_bytes: 10,
            chunk_overhead: 20,
            trailer_bytes: 12,
            fields: 2,
            ..Limits::default()
        };
        let chunk = |n: usize| format!("{n:x}\r\n{}\r\n", "x".repeat(n));
        // The last chunk has FREE bytes free; "0", ";" and CRLF are four of what it takes.
        let extension = |n: usize| format!("0;{}\r\n\r\n", "e".repeat(n - 4));
        for (name, wire, want) in [
            ("body n", chunk(10) + "0\r\n\r\n", None),
            ("body n+1", chunk(11), Some(BodyTooLarge)),
            (
                "body n+1, size alone",
                "b\r\n".to_owned(),
                Some(BodyTooLarge),
            ),
            ("sum n", chunk(9) + &chunk(1) + "0\r\n\r\n", None),
            ("sum n+1", chunk(9) + "2\r\n", Some(BodyTooLarge)),
            (
                "largest size",
                "ffffffffffffffff\r\n".to_owned(),
                Some(BodyTooLarge),
            ),
            (
                "sum overflows",
                chunk(1) + "ffffffffffffffff\r\n",
                Some(BodyTooLarge),
            ),
            ("overhead n", extension(36), None),
            ("overhead n+1", extension(37), Some(TooMuchOverhead)),
            (
                "overhead of all",
                extension(26)
                    .replacen("0;", "1;", 1)
                    .replace("\r\n\r\n", "\r\nx\r\n")
                    + &extension(29),
                Some(TooMuchOverhead),
            ),
            ("zeros", "0".repeat(40), Some(TooMuchOverhead)),
            ("honest", chunk(1).repeat(10) + "0\r\n\r\n", None),
            ("trailer n", "0\r\na: b\r\nc:\r\n\r\n".to_owned(), None),
            (
                "trailer n+1",
                "0\r\na: b\r\nc:d\r\n\r\n".to_owned(),
                Some(TrailersTooLong),
            ),
            ("fields n", "0\r\na:\r\na:\r\n\r\n".to_owned(), None),
        ] {
            let got = every_cut(name, wire.as_bytes(), &limits);
            match want {
                None => assert!(
                    got.starts_with(&format!("{} ", wire.len())),
                    "{name}: {got}"
                ),
                Some(error) => assert_eq!(got, format!("{error:?}"), "{name}"),
            }
        }
        let limits = Limits {
            trailer_bytes: 100,
            ..limits
        };
        let got = every_cut("fields n+1", b"0\r\na:\r\na:\r\na:\r\n\r\n", &limits);
        assert_eq!(got, "TrailersTooLong");
    }

    #[test]
    fn a_megabyte_of_framing_is_refused() {
        let much = "x".repeat(1 << 20);
        for (name, wire, want) in [
            ("extension", format!("1;{much}\r\n"), TooMuchOverhead),
            ("quoted", format!("1;a=\"{much}\"\r\n"), TooMuchOverhead),
            (
                "small extensions",
                "1;xxxxxxxxxxxxxxxxxxxx\r\na\r\n".repeat(40_000),
                TooMuchOverhead,
            ),
            ("trailer", format!("0\r\na: {much}\r\n"), TrailersTooLong),
            (
                "trailers",
                format!("0\r\n{}", "a: b\r\n".repeat(200_000)),
                TrailersTooLong,
            ),
        ] {
            let got = decode(&[wire.as_bytes()], &Limits::default());
            assert_eq!(got, format!("{want:?}"), "{name}");
        }
        // Byte by byte is slow, but honest.
        let wire = "1\r\na\r\n".repeat(1 << 20) + "0\r\n\r\n";
        assert!(decode(&[wire.as_bytes()], &Limits::default()).starts_with("6291461 aaa"));
    }

    #[test]
    fn an_encoded_body_is_decoded_to_itself() {
        for sizes in [&[][..], &[0], &[1, 0, 2], &[15, 16, 17, 255, 256, 70_000]] {
            let mut wire = Vec::new();
            let mut want = Vec::new();
            for (i, size) in sizes.iter().enumerate() {
                let data = vec![b'a' + i as u8; *size];
                push_chunk(&mut wire, &data);
                want.extend_from_slice(&data);
            }
            let mut trailers = Fields::default();
            trailers.push("A", b"b").expect("a good line");
            let mut other = wire.clone();
            push_last(&mut wire);
            push_last_with(&mut other, &trailers);
            let limits = Limits::default();
            let (n, m) = (wire.len(), other.len());
            let want = want.escape_ascii();
            assert_eq!(
                decode(&[&wire], &limits),
                format!("{n} {want} {{}}"),
                "{sizes:?}"
            );
            let got = decode(&[&other], &limits);
            assert_eq!(got, format!("{m} {want} {{\"A\": \"b\"}}"), "{sizes:?}");
        }
    }

    #[test]
    fn errors_have_their_statuses() {
        for (error, want) in [
            (Size, 400),
            (BodyTooLarge, 413),
            (TrailersTooLong, 431),
            (TooMuchOverhead, 400),
        ] {
            assert_eq!(error.status().get(), want, "{}", error.as_str());
        }
    }
}
