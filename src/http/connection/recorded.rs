//! The part of a request that the flight recorder may see: the beginning of its head, without
//! secrets.

use crate::http::syntax::{Head, byte};

/// How much is recorded, in bytes: the request line and the first fields, as a rule.
pub(super) const RECORDED: usize = 256;

/// Fields that are safe to show in an exit report, indexed by the length of the name. All others
/// are redacted: which fields hold keys cannot be known.
const HARMLESS: [&[&str]; 26] = [
    &[],
    &[],
    &["te"],
    &["via"],
    &["host"],
    &["range"],
    &["accept", "expect", "origin"],
    &["upgrade", "trailer"],
    &["if-match", "if-range"],
    &[],
    &["user-agent", "connection", "keep-alive"],
    &[],
    &["content-type"],
    &["cache-control", "if-none-match"],
    &[
        "content-length",
        "sec-fetch-site",
        "sec-fetch-mode",
        "sec-fetch-dest",
    ],
    &["accept-encoding", "accept-language"],
    &["content-encoding"],
    &["transfer-encoding", "if-modified-since"],
    &[],
    &["if-unmodified-since"],
    &[],
    &[],
    &[],
    &[],
    &[],
    &["upgrade-insecure-requests"],
];

/// The record of a request before it is parsed: its first line, as far as it has come.
pub(super) fn first_line(bytes: &[u8]) -> &[u8] {
    // An empty line may come before it (RFC 9112 §2.2).
    let bytes = bytes.strip_prefix(b"\r\n").unwrap_or(bytes);
    let bytes = &bytes[..bytes.len().min(RECORDED)];
    &bytes[..byte::control(bytes, 0).unwrap_or(bytes.len())]
}

/// The record of a head that was understood. It is not copied up to the first field that must be
/// redacted: most heads have none, or have it behind `RECORDED`.
pub(super) fn whole<'b>(head: &'b Head, buffer: &'b mut Vec<u8>) -> &'b [u8] {
    let fields = head.fields();
    let bytes = &fields.bytes[..];
    let begin = if bytes.starts_with(b"\r\n") { 2 } else { 0 };
    let end = bytes.strip_suffix(b"\r\n\r\n").unwrap_or(bytes).len();
    let end = end.min(begin + RECORDED);
    let mut lines = fields.places();
    let redacted = lines.find(|(at, name, _)| *at >= end || !is_harmless(name));
    let Some((at, name, _)) = redacted.filter(|(at, ..)| *at < end) else {
        return &bytes[begin..end];
    };
    buffer.clear();
    for part in [&bytes[begin..at], name, b": ***"] {
        buffer.extend_from_slice(part);
    }
    for (_, name, value) in lines {
        if buffer.len() >= RECORDED {
            break;
        }
        let value = if is_harmless(name) { value } else { b"***" };
        for part in [b"\r\n", name, b": ", value] {
            buffer.extend_from_slice(part);
        }
    }
    buffer
}

fn is_harmless(name: &[u8]) -> bool {
    let known = HARMLESS.get(name.len());
    known.is_some_and(|known| known.iter().any(|known| is_same(known.as_bytes(), name)))
}

/// Whether a name is the known one, in any case of letters. In a token, the bit turns capitals into
/// small letters, and nothing into letters or `-` that is neither. Eight bytes at a time: this runs
/// for each field of each request.
fn is_same(known: &[u8], name: &[u8]) -> bool {
    const BIT: u64 = u64::from_ne_bytes([0x20; 8]);
    let (words, rest) = known.as_chunks::<8>();
    let (name_words, name_rest) = name.as_chunks::<8>();
    let same = |(known, name): (&[u8; 8], &[u8; 8])| {
        u64::from_ne_bytes(*known) == u64::from_ne_bytes(*name) | BIT
    };
    words.iter().zip(name_words).all(same)
        && rest
            .iter()
            .zip(name_rest)
            .all(|(known, b)| *known == b | 0x20)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::syntax::Limits;

    fn recorded(wire: &str) -> String {
        let mut head = Head::default();
        head.parse(wire.as_bytes(), &Limits::default()).expect(wire);
        String::from_utf8(whole(&head, &mut Vec::new()).to_vec()).unwrap()
    }

    #[test]
    fn fields_that_are_not_known_to_be_harmless_are_redacted() {
        for (name, wire, want) in [
            (
                "harmless",
                "GET / HTTP/1.1\r\nHost: x\r\nUSER-AGENT: curl\r\n\r\n",
                "GET / HTTP/1.1\r\nHost: x\r\nUSER-AGENT: curl",
            ),
            (
                "secrets",
                "GET / HTTP/1.1\r\nHost: x\r\nauthorization: s\r\nCookie: s=1\r\nX-Api-Key:s\r\n\
                 TE:  x \r\n\r\n",
                "GET / HTTP/1.1\r\nHost: x\r\nauthorization: ***\r\nCookie: ***\r\nX-Api-Key: ***\r\n\
                 TE: x",
            ),
            (
                "an empty line before it",
                "\r\nGET / HTTP/1.1\r\nHost: x\r\nCookie: s\r\n\r\n",
                "GET / HTTP/1.1\r\nHost: x\r\nCookie: ***",
            ),
            ("no fields", "GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0"),
        ] {
            assert_eq!(recorded(wire), want, "{name}");
        }
    }

    #[test]
    fn harmless_names_are_found_by_their_lengths_in_any_case() {
        for (len, names) in HARMLESS.iter().enumerate() {
            for name in *names {
                assert_eq!(name.len(), len, "{name}");
                assert!(is_harmless(name.to_uppercase().as_bytes()), "{name}");
                assert!(!is_harmless(&name.as_bytes()[1..]), "{name}");
            }
        }
        assert!(!is_harmless(&[b'a'; 26]) && !is_harmless(b""));
    }

    #[test]
    fn a_record_has_a_limit() {
        let long = "a".repeat(3 * RECORDED);
        let got = recorded(&format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert_eq!(got.len(), RECORDED);
        let got = recorded(&format!(
            "GET / HTTP/1.1\r\nHost: x\r\nA: s\r\nVia: {long}\r\nB: s\r\n\r\n"
        ));
        assert!(got.ends_with("aaa"), "the rest is not recorded: {got}");
        let got = recorded(&format!(
            "GET / HTTP/1.1\r\nHost: x\r\nVia: {long}\r\nB: s\r\n\r\n"
        ));
        assert_eq!(got.len(), RECORDED, "no field in it is redacted: {got}");
        assert_eq!(first_line(long.as_bytes()).len(), RECORDED);
    }

    #[test]
    fn any_control_byte_ends_the_first_line() {
        for (wire, want) in [
            ("", ""),
            ("GE", "GE"),
            ("GET / HTTP/1.1\r\nCookie: s", "GET / HTTP/1.1"),
            ("\r\nGET /\r\n", "GET /"),
            ("GET /\nCookie: s", "GET /"),
            ("GET /\rCookie: s", "GET /"),
            ("GET /\0Cookie: s", "GET /"),
        ] {
            assert_eq!(first_line(wire.as_bytes()), want.as_bytes(), "{wire:?}");
        }
    }
}
