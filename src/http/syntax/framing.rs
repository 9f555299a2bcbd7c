//! Where the body of a request ends: [`request_framing`], the gate against request smuggling.
//!
//! One function, its steps in the order of RFC 9112 §6.3. Two readers that disagree on where a
//! body ends disagree on what the next request is, so whatever could be read in two ways is
//! refused, and the connection closed; where the RFC lets a server repair such a message, this one
//! does not.

use super::head::Head;
use super::header::Fields;
use super::value::{StatusCode, Version};
use super::{byte, token};

/// How a body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    None,
    /// It has this many bytes.
    Length(u64),
    /// It is chunked (RFC 9112 §7.1).
    Chunked,
}

/// Why it is not certain where a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FramingError {
    /// Transfer-Encoding in HTTP/1.0, which does not know it.
    CodingInHttp10,
    /// Both Transfer-Encoding and Content-Length.
    CodingAndLength,
    /// Transfer-Encoding is not a list of codings.
    Coding,
    /// The last coding is not `chunked`, so that the body has no end.
    NotChunkedLast,
    /// `chunked` more than once, or not last, or with parameters.
    ChunkedMisplaced,
    /// A coding besides `chunked`: well-formed, but none is implemented.
    UnknownCoding,
    /// More than one Content-Length, be they equal or not.
    LengthRepeated,
    /// Content-Length is not a number, or is too large for any body.
    Length,
}

impl FramingError {
    /// The status of the response. The connection is closed in any case.
    pub fn status(self) -> StatusCode {
        match self {
            FramingError::UnknownCoding => StatusCode::NOT_IMPLEMENTED,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The reason, in a few words.
    pub fn as_str(self) -> &'static str {
        match self {
            FramingError::CodingInHttp10 => "Transfer-Encoding in HTTP/1.0",
            FramingError::CodingAndLength => "both Transfer-Encoding and Content-Length",
            FramingError::Coding => "malformed Transfer-Encoding",
            FramingError::NotChunkedLast => "last transfer coding is not chunked",
            FramingError::ChunkedMisplaced => "chunked twice, not last, or with parameters",
            FramingError::UnknownCoding => "unknown transfer coding",
            FramingError::LengthRepeated => "more than one Content-Length",
            FramingError::Length => "malformed Content-Length",
        }
    }
}

/// Where the body of the request with this head ends.
pub fn request_framing(head: &Head) -> Result<Framing, FramingError> {
    let fields = head.fields();
    let lengths = fields.count("content-length");

    // Steps 1 and 2 of RFC 9112 §6.3 are about responses.

    // Step 3: a Transfer-Encoding besides Content-Length would override it, but "ought to be
    // handled as an error" (and "might indicate an attempt at request smuggling"); in HTTP/1.0 it
    // means that the framing is faulty (§6.1).
    // Step 4: chunked as the last coding delimits the body; any other last coding is 400.
    if fields.count("transfer-encoding") > 0 {
        if head.version() == Version::Http10 {
            return Err(FramingError::CodingInHttp10);
        }
        if lengths > 0 {
            return Err(FramingError::CodingAndLength);
        }
        return codings(fields);
    }

    // Step 5: a list of equal lengths may be taken as one. It is refused, as any other value that
    // is not a plain number: no client sends it in good faith.
    // Step 6: a single valid length is the length.
    if lengths > 0 {
        if lengths > 1 {
            return Err(FramingError::LengthRepeated);
        }
        let length = fields.get("content-length").and_then(number);
        return length.map(Framing::Length).ok_or(FramingError::Length);
    }

    // Step 7: a request without either has no body. (Step 8 is about responses.)
    Ok(Framing::None)
}

/// ```text
/// Transfer-Encoding = #transfer-coding                       (RFC 9112 §6.1)
/// transfer-coding = token *( OWS ";" OWS transfer-parameter )
/// transfer-parameter = token BWS "=" BWS ( token / quoted-string )
/// ```
/// Empty elements are refused, though a list may have them (RFC 9110 §5.6.1.2): `chunked,` is
/// how an obfuscated header looks, and no client sends it. A malformed list is 400 even where an
/// unknown coding alone would be 501.
fn codings(fields: &Fields) -> Result<Framing, FramingError> {
    let mut chunked = 0;
    let mut others = 0;
    let mut last_is_chunked = false;
    let mut parameters = false;
    for line in fields.get_all("transfer-encoding") {
        let mut rest = Some(line);
        while let Some(element) = rest {
            let coding = Coding::parse(element).ok_or(FramingError::Coding)?;
            last_is_chunked = coding.name.eq_ignore_ascii_case(b"chunked");
            if last_is_chunked {
                chunked += 1;
                parameters |= coding.parameters;
            } else {
                others += 1;
            }
            rest = coding.rest;
        }
    }
    match (last_is_chunked, chunked, others) {
        (_, 2.., _) | (false, 1.., _) => Err(FramingError::ChunkedMisplaced),
        (false, ..) => Err(FramingError::NotChunkedLast),
        (true, ..) if parameters => Err(FramingError::ChunkedMisplaced),
        (true, _, 1..) => Err(FramingError::UnknownCoding),
        (true, ..) => Ok(Framing::Chunked),
    }
}

/// One element of Transfer-Encoding.
struct Coding<'a> {
    name: &'a [u8],
    parameters: bool,
    /// The text behind its comma.
    rest: Option<&'a [u8]>,
}

impl Coding<'_> {
    /// The first element of `text`, if it is well-formed.
    fn parse(text: &[u8]) -> Option<Coding<'_>> {
        let (name, mut text) = token::token(byte::trim(text))?;
        let mut parameters = false;
        loop {
            text = byte::trim(text);
            match text {
                [] => break,
                [b',', rest @ ..] => {
                    return Some(Coding {
                        name,
                        parameters,
                        rest: Some(rest),
                    });
                }
                [b';', rest @ ..] => {
                    parameters = true;
                    let (_, rest) = token::token(byte::trim(rest))?;
                    let [b'=', rest @ ..] = byte::trim(rest) else {
                        return None;
                    };
                    text = token::value(byte::trim(rest))?.1;
                }
                _ => return None,
            }
        }
        Some(Coding {
            name,
            parameters,
            rest: None,
        })
    }
}

/// ```text
/// Content-Length = 1*DIGIT                                   (RFC 9110 §8.6)
/// ```
/// No sign, no space, no list, and no leading zero: some readers take `010` for eight. `None` too
/// for a number that does not fit in 64 bits.
fn number(text: &[u8]) -> Option<u64> {
    if matches!(text, [] | [b'0', _, ..]) {
        return None;
    }
    text.iter().try_fold(0u64, |number, &b| match b {
        b'0'..=b'9' => number.checked_mul(10)?.checked_add(u64::from(b - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::FramingError::*;
    use super::*;
    use crate::http::syntax::limits::Limits;

    fn framing(version: &str, lines: &str) -> Result<Framing, FramingError> {
        let wire = format!("POST / HTTP/{version}\r\nHost: x\r\n{lines}\r\n");
        let mut head = Head::default();
        head.parse(wire.as_bytes(), &Limits::default())
            .expect("a good head");
        request_framing(&head)
    }

    #[test]
    fn a_length_is_a_plain_number() {
        for (value, want) in [
            ("0", Ok(Framing::Length(0))),
            ("5", Ok(Framing::Length(5))),
            ("007", Err(Length)),
            ("00", Err(Length)),
            ("0200", Err(Length)),
            ("18446744073709551615", Ok(Framing::Length(u64::MAX))),
            ("18446744073709551616", Err(Length)),
            ("99999999999999999999", Err(Length)),
            ("100000000000000000000000000000000005", Err(Length)),
            ("", Err(Length)),
            ("+1", Err(Length)),
            ("-1", Err(Length)),
            ("-0", Err(Length)),
            ("0x1", Err(Length)),
            ("1_0", Err(Length)),
            ("1e3", Err(Length)),
            ("1.0", Err(Length)),
            ("1 1", Err(Length)),
            ("1,1", Err(Length)),
            ("1, 1", Err(Length)),
            ("1;a", Err(Length)),
            ("\"1\"", Err(Length)),
            ("\u{0661}", Err(Length)),
            ("\u{a0}1", Err(Length)),
            ("a", Err(Length)),
        ] {
            let got = framing("1.1", &format!("Content-Length: {value}\r\n"));
            assert_eq!(got, want, "{value:?}");
            let got = framing("1.0", &format!("content-length:{value}\r\n"));
            assert_eq!(got, want, "{value:?} in 1.0");
        }
    }

    #[test]
    fn chunked_is_the_only_coding() {
        for (value, want) in [
            ("chunked", Ok(Framing::Chunked)),
            ("CHUNKED", Ok(Framing::Chunked)),
            ("\t chunked \t", Ok(Framing::Chunked)),
            ("gzip, chunked", Err(UnknownCoding)),
            ("identity, chunked", Err(UnknownCoding)),
            ("a;b=c;d=\"e,\\\"f\" , chunked", Err(UnknownCoding)),
            ("a ; b = c,chunked", Err(UnknownCoding)),
            ("gzip", Err(NotChunkedLast)),
            ("identity", Err(NotChunkedLast)),
            ("xchunked", Err(NotChunkedLast)),
            ("chunked-", Err(NotChunkedLast)),
            ("'chunked'", Err(NotChunkedLast)),
            ("chunked, gzip", Err(ChunkedMisplaced)),
            ("chunked, identity", Err(ChunkedMisplaced)),
            ("chunked, chunked", Err(ChunkedMisplaced)),
            ("chunked, gzip, chunked", Err(ChunkedMisplaced)),
            ("chunked;a=b", Err(ChunkedMisplaced)),
            ("chunked;a=b, chunked", Err(ChunkedMisplaced)),
            ("", Err(Coding)),
            (",", Err(Coding)),
            ("chunked,", Err(Coding)),
            (",chunked", Err(Coding)),
            (", chunked", Err(Coding)),
            ("gzip,,chunked", Err(Coding)),
            ("gzip, ,chunked", Err(Coding)),
            ("gzip chunked", Err(Coding)),
            ("chunked gzip", Err(Coding)),
            ("chunked;", Err(Coding)),
            ("chunked;a", Err(Coding)),
            ("chunked;a=", Err(Coding)),
            (";chunked", Err(Coding)),
            ("gzip;a=\"b, chunked", Err(Coding)),
            ("gzip;a=\"b\\", Err(Coding)),
            ("\"chunked\"", Err(Coding)),
            ("chunked\u{80}", Err(Coding)),
            ("\u{a0}chunked", Err(Coding)),
            ("chunk\ted", Err(Coding)),
            ("chunked:", Err(Coding)),
            ("=chunked", Err(Coding)),
        ] {
            let got = framing("1.1", &format!("Transfer-Encoding: {value}\r\n"));
            assert_eq!(got, want, "{value:?}");
            let got = framing("1.0", &format!("transfer-ENCODING: {value}\r\n"));
            assert_eq!(got, Err(CodingInHttp10), "{value:?} in 1.0");
            let lines = format!("Content-Length: 1\r\nTransfer-Encoding: {value}\r\n");
            assert_eq!(framing("1.1", &lines), Err(CodingAndLength), "{value:?}");
        }
    }

    #[test]
    fn framing_depends_on_all_lines() {
        for (name, lines, want) in [
            ("neither", "", Ok(Framing::None)),
            (
                "equal lengths",
                "Content-Length: 1\r\nContent-Length: 1\r\n",
                Err(LengthRepeated),
            ),
            (
                "two lengths",
                "Content-Length: 1\r\nContent-LENGTH: 2\r\n",
                Err(LengthRepeated),
            ),
            (
                "two chunked",
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                Err(ChunkedMisplaced),
            ),
            (
                "chunked, then not",
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n",
                Err(ChunkedMisplaced),
            ),
            (
                "not, then chunked",
                "Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n",
                Err(UnknownCoding),
            ),
            (
                "one empty",
                "Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n",
                Err(Coding),
            ),
            (
                "empty and length",
                "Transfer-Encoding:\r\nContent-Length: 1\r\n",
                Err(CodingAndLength),
            ),
        ] {
            assert_eq!(framing("1.1", lines), want, "{name}");
        }
    }

    #[test]
    fn errors_have_their_statuses() {
        assert_eq!(UnknownCoding.status().get(), 501);
        for error in [
            CodingInHttp10,
            CodingAndLength,
            Coding,
            NotChunkedLast,
            Length,
        ] {
            assert_eq!(error.status().get(), 400, "{}", error.as_str());
        }
    }
}
