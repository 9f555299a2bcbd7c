//! What the flight recorder may see of a request: how its head begins, without what only its sender
//! and we should know.

use super::byte;
use super::head::Head;

/// How much is recorded, in bytes: the request line and the first fields, as a rule.
pub(super) const RECORDED: usize = 256;

/// Fields whose values anybody may read who reads of a crash, in the order in which they are likely
/// to be met. All others are blanked: nobody can know every field that somebody puts a key into.
const HARMLESS: [&str; 28] = [
    "host",
    "user-agent",
    "accept",
    "accept-encoding",
    "connection",
    "accept-language",
    "content-length",
    "content-type",
    "transfer-encoding",
    "cache-control",
    "range",
    "if-none-match",
    "if-modified-since",
    "if-range",
    "if-match",
    "if-unmodified-since",
    "expect",
    "upgrade",
    "te",
    "trailer",
    "keep-alive",
    "upgrade-insecure-requests",
    "sec-fetch-site",
    "sec-fetch-mode",
    "sec-fetch-dest",
    "origin",
    "via",
    "content-encoding",
];

/// What is recorded of a request before anybody tries to understand it: its first line, as far as it
/// goes.
pub(super) fn first_line(bytes: &[u8]) -> &[u8] {
    // An empty line may come before it (RFC 9112 §2.2).
    let bytes = bytes.strip_prefix(b"\r\n").unwrap_or(bytes);
    let bytes = &bytes[..bytes.len().min(RECORDED)];
    &bytes[..byte::control(bytes, 0).unwrap_or(bytes.len())]
}

/// What is recorded of a head that was understood. Most hold nothing that must be blanked; these are
/// not copied.
pub(super) fn whole<'b>(head: &'b Head, buffer: &'b mut Vec<u8>) -> &'b [u8] {
    let bytes = &head.fields().bytes[..];
    let bytes = bytes.strip_prefix(b"\r\n").unwrap_or(bytes);
    let bytes = bytes.strip_suffix(b"\r\n\r\n").unwrap_or(bytes);
    if head.fields().names().all(is_harmless) {
        return &bytes[..bytes.len().min(RECORDED)];
    }
    buffer.clear();
    buffer.extend_from_slice(first_line(bytes));
    for (name, value) in head.fields().iter() {
        if buffer.len() >= RECORDED {
            break;
        }
        let harmless = is_harmless(name.as_bytes());
        for part in [b"\r\n", name.as_bytes(), b": "] {
            buffer.extend_from_slice(part);
        }
        buffer.extend_from_slice(if harmless { value } else { b"***" });
    }
    buffer
}

fn is_harmless(name: &[u8]) -> bool {
    // In a token, the bit turns capitals into small letters, and nothing into letters or `-` that
    // is neither.
    let is = |harmless: &&str| {
        harmless.len() == name.len() && harmless.bytes().eq(name.iter().map(|b| b | 0x20))
    };
    HARMLESS.iter().any(is)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Limits;

    fn told(wire: &str) -> String {
        let mut head = Head::default();
        head.parse(wire.as_bytes(), &Limits::default()).expect(wire);
        String::from_utf8(whole(&head, &mut Vec::new()).to_vec()).unwrap()
    }

    #[test]
    fn what_is_not_known_to_be_harmless_is_blanked() {
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
            ("no fields", "GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0"),
        ] {
            assert_eq!(told(wire), want, "{name}");
        }
    }

    #[test]
    fn it_has_an_end() {
        let long = "a".repeat(3 * RECORDED);
        let got = told(&format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert_eq!(got.len(), RECORDED);
        let got = told(&format!(
            "GET / HTTP/1.1\r\nHost: x\r\nA: s\r\nVia: {long}\r\nB: s\r\n\r\n"
        ));
        assert!(got.ends_with("aaa"), "what follows is not told: {got}");
        assert_eq!(first_line(long.as_bytes()).len(), RECORDED);
    }

    #[test]
    fn whatever_ends_a_line_for_anybody_ends_the_first() {
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
