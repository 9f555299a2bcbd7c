//! Names of fields that two readers could take for different things.
//!
//! Two lines of a field that has one value (RFC 9110 §5.3): some readers take the first, some the
//! last, some join them. An underscore in the name of a framing field: gateways that turn names
//! into variables (CGI, WSGI, many frameworks) read it as a hyphen, and then see a length, or a
//! coding, that other readers do not.
//!
//! Nearly no head has two names of the lengths in question, so the lengths are looked at first.

use super::head_error::HeadError;
use super::header::{Fields, bit};

/// Fields of requests that are no lists, by their definitions in RFC 9110 (`Origin`: RFC 6454
/// §7.3). Not `Cookie`, which proxies from HTTP/2 may leave in pieces (RFC 9113 §8.2.3); `Host` and
/// `Content-Length` are refused where they are read, for reasons of their own.
const SINGLE: [&[u8]; 14] = [
    b"authorization",
    b"content-range",
    b"content-type",
    b"date",
    b"from",
    b"if-modified-since",
    b"if-range",
    b"if-unmodified-since",
    b"max-forwards",
    b"origin",
    b"proxy-authorization",
    b"range",
    b"referer",
    b"user-agent",
];

/// The fields that say where a message ends.
const FRAMING: [&[u8]; 2] = [b"content-length", b"transfer-encoding"];

const SINGLE_LENGTHS: u64 = lengths(&SINGLE);
const FRAMING_LENGTHS: u64 = lengths(&FRAMING);

/// Refuses lines that two readers could read differently. `bytes` is the buffer of their spans.
#[inline(always)]
pub(crate) fn check(fields: &Fields, bytes: &[u8]) -> Result<(), HeadError> {
    if fields.repeated & SINGLE_LENGTHS != 0 {
        check_repeated(fields, bytes)?;
    }
    if fields.lengths & FRAMING_LENGTHS != 0 {
        check_framing(fields, bytes)?;
    }
    Ok(())
}

#[inline(never)]
fn check_repeated(fields: &Fields, bytes: &[u8]) -> Result<(), HeadError> {
    let suspects = fields.repeated & SINGLE_LENGTHS;
    let mut found = 0u32;
    for line in &fields.lines {
        if suspects & bit(line.name.len()) == 0 {
            continue;
        }
        let name = line.name.of(bytes);
        if let Some(at) = SINGLE.iter().position(|one| name.eq_ignore_ascii_case(one)) {
            if found & 1 << at != 0 {
                return Err(HeadError::FieldRepeated);
            }
            found |= 1 << at;
        }
    }
    Ok(())
}

#[inline(never)]
fn check_framing(fields: &Fields, bytes: &[u8]) -> Result<(), HeadError> {
    for line in &fields.lines {
        if FRAMING_LENGTHS & bit(line.name.len()) == 0 {
            continue;
        }
        let name = line.name.of(bytes);
        let is_framing = |framing: &&[u8]| {
            let hyphens = name.iter().map(|b| if *b == b'_' { b'-' } else { *b });
            hyphens
                .map(|b| b.to_ascii_lowercase())
                .eq(framing.iter().copied())
        };
        if name.contains(&b'_') && FRAMING.iter().any(is_framing) {
            return Err(HeadError::FramingName);
        }
    }
    Ok(())
}

const fn lengths(names: &[&[u8]]) -> u64 {
    let (mut bits, mut at) = (0, 0);
    while at < names.len() {
        bits |= bit(names[at].len());
        at += 1;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::syntax::HeadError;
    use crate::http::syntax::head::Head;
    use crate::http::syntax::limits::Limits;

    fn read(lines: &str) -> Result<(), HeadError> {
        let wire = format!("GET / HTTP/1.1\r\nHost: x\r\n{lines}\r\n");
        Head::default().parse(wire.as_bytes(), &Limits::default())
    }

    #[test]
    fn each_single_field_is_refused_twice_and_taken_once() {
        for name in SINGLE {
            let name = std::str::from_utf8(name).unwrap();
            let upper = name.to_ascii_uppercase();
            assert_eq!(read(&format!("{name}: a\r\n")), Ok(()), "{name}");
            let twice = format!("{name}: a\r\nX: y\r\n{upper}: a\r\n");
            assert_eq!(read(&twice), Err(HeadError::FieldRepeated), "{name}");
        }
    }

    #[test]
    fn lists_and_unknown_fields_may_be_repeated() {
        for name in [
            "accept",
            "accept-encoding",
            "cookie",
            "cache-control",
            "connection",
            "if-match",
            "if-none-match",
            "te",
            "via",
            "x-forwarded-for",
            "forwarded",
            "x-anything",
            "sec-fetch-to",
        ] {
            let twice = format!("{name}: a\r\n{name}: b\r\n");
            assert_eq!(read(&twice), Ok(()), "{name}");
        }
        // Two names of one length are two fields.
        assert_eq!(read("Connection: close\r\nUser-Agent: x\r\n"), Ok(()));
    }

    #[test]
    fn framing_fields_have_no_underscores() {
        for (name, good) in [
            ("Content_Length", false),
            ("content_length", false),
            ("Transfer_Encoding", false),
            ("TRANSFER_ENCODING", false),
            ("Content-Lengt_", true),
            ("Content_Type", true),
            ("X_Transfer_Encoding", true),
            ("sec_fetch_dest", true),
        ] {
            let want = if good {
                Ok(())
            } else {
                Err(HeadError::FramingName)
            };
            assert_eq!(read(&format!("{name}: 5\r\n")), want, "{name}");
        }
    }
}
