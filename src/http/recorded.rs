//! What the flight recorder may see of a request: how its head begins, without what only its sender
//! and we should know.

use super::byte;

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

/// How a request begins, fit to be recorded. It need not be understood for that, nor be all there:
/// whatever ends a line for anybody ends it here, and a line that is no harmless field is blank.
///
/// Most requests hold nothing that must be blanked; these are not copied.
pub(super) fn recorded<'b>(bytes: &'b [u8], buffer: &'b mut Vec<u8>) -> &'b [u8] {
    let bytes = &bytes[..bytes.len().min(RECORDED)];
    // An empty line may come before a request (RFC 9112 §2.2).
    let bytes = bytes.strip_prefix(b"\r\n").unwrap_or(bytes);
    let (mut line, mut rest) = split_line(bytes);
    loop {
        let harmless = &bytes[..bytes.len() - rest.len()];
        // The empty line is the end of the head; what follows is none of ours.
        if rest.is_empty() || line.is_empty() {
            return harmless.trim_ascii_end();
        }
        (line, rest) = split_line(rest);
        if !line.is_empty() && !is_harmless(line) {
            buffer.clear();
            buffer.extend_from_slice(harmless);
            blank(line, rest, buffer);
            return buffer.trim_ascii_end();
        }
    }
}

/// As `recorded`, from the first line on that is not harmless.
fn blank<'l>(mut line: &'l [u8], mut rest: &'l [u8], buffer: &mut Vec<u8>) {
    while !line.is_empty() {
        match line.iter().position(|b| *b == b':') {
            _ if is_harmless(line) => buffer.extend_from_slice(line),
            Some(colon) if byte::all(&line[..colon], &byte::TOKEN) => {
                buffer.extend_from_slice(&line[..colon]);
                buffer.extend_from_slice(b": ***");
            }
            // Not even a name: the rest of a value on a line of its own, or a body.
            _ => buffer.extend_from_slice(b"***"),
        }
        buffer.extend_from_slice(b"\r\n");
        (line, rest) = split_line(rest);
    }
}

/// The first line, without its end, and what follows.
fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = byte::from_control(bytes);
    let line = &bytes[..bytes.len() - end.len()];
    let after = match end {
        [b'\r', b'\n', after @ ..] | [_, after @ ..] => after,
        [] => end,
    };
    (line, after)
}

/// Whether a line is a field that anybody may read.
fn is_harmless(line: &[u8]) -> bool {
    HARMLESS.iter().any(|name| {
        let (head, value) = line.split_at_checked(name.len()).unwrap_or_default();
        value.first() == Some(&b':') && head.eq_ignore_ascii_case(name.as_bytes())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_to_be_harmless_is_blanked() {
        for (name, bytes, want) in [
            ("nothing", "", ""),
            ("a start", "GE", "GE"),
            ("no fields", "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1"),
            ("an empty line before", "\r\nGET /", "GET /"),
            (
                "harmless",
                "GET / HTTP/1.1\r\nHost: x\r\nUSER-AGENT: curl\r\n\r\nbody: b",
                "GET / HTTP/1.1\r\nHost: x\r\nUSER-AGENT: curl",
            ),
            (
                "secrets",
                "GET / HTTP/1.1\r\nAuthorization: Bearer s\r\nCookie: s=1\r\nX-Api-Key:s\r\nTE: x\r\n",
                "GET / HTTP/1.1\r\nAuthorization: ***\r\nCookie: ***\r\nX-Api-Key: ***\r\nTE: x",
            ),
            ("cut in a name", "GET /\r\nAuthoriz", "GET /\r\n***"),
            (
                "cut in a value",
                "GET /\r\nCookie: se",
                "GET /\r\nCookie: ***",
            ),
            (
                "a folded value",
                "GET /\r\nCookie: a\r\n b\r\n c: d\r\nHost: x",
                "GET /\r\nCookie: ***\r\n***\r\n***\r\nHost: x",
            ),
            (
                "bare LF",
                "GET /\nCookie: a\nHost: x\n\nb",
                "GET /\nCookie: ***\r\nHost: x",
            ),
            (
                "bare CR",
                "GET /\rCookie: a\rHost: x\r\rb",
                "GET /\rCookie: ***\r\nHost: x",
            ),
            (
                "NUL",
                "GET /\0Cookie: a\0Host: x",
                "GET /\0Cookie: ***\r\nHost: x",
            ),
            (
                "a name in the value",
                "GET /\r\nX: Host: a",
                "GET /\r\nX: ***",
            ),
        ] {
            let got = recorded(bytes.as_bytes(), &mut Vec::new()).to_vec();
            assert_eq!(String::from_utf8(got).unwrap(), want, "{name}");
        }
    }

    #[test]
    fn it_has_an_end_and_no_secret_wherever_it_is_cut() {
        let head = format!(
            "GET /{} HTTP/1.1\r\nA: secret\r\nHost: x\r\nCookie: secret\r\n secret\r\nB: s\r\n\r\nsecret",
            "a".repeat(200)
        );
        for end in 0..=head.len() {
            let mut buffer = Vec::new();
            let got = recorded(&head.as_bytes()[..end], &mut buffer);
            assert!(got.len() <= 3 * RECORDED);
            assert!(!got.windows(6).any(|w| w == b"secret"), "{end}");
        }
        let long = [b'x'; 3 * RECORDED];
        assert_eq!(recorded(&long, &mut Vec::new()), &long[..RECORDED]);
    }
}
