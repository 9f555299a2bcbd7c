//! Hosts and ports: `uri-host [ ":" port ]`, as in the Host field and in a target's authority.
//!
//! ```text
//! Host        = uri-host [ ":" port ]                        (RFC 9110 §7.2)
//! uri-host    = IP-literal / IPv4address / reg-name          (RFC 3986 §3.2.2)
//! IP-literal  = "[" ( IPv6address / IPvFuture  ) "]"
//! IPvFuture   = "v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" )
//! reg-name    = *( unreserved / pct-encoded / sub-delims )
//! port        = *DIGIT
//! ```
//! A reg-name may be empty. A whole Host field may be empty too: clients must send an empty one
//! where their target has no authority (RFC 9112 §3.2). A target's authority may not: an `http` URI
//! without a host is invalid (RFC 9110 §4.2.1), and a server may refuse it (RFC 9112 §3.3).
//!
//! Stricter than the grammar in two places. No port without a host, in either: servers differ on
//! what it names. The port must exist, because a reader that keeps 16 bits of a larger number
//! sees another. Userinfo, which hides where a link leads, is not in the grammar of Host and is
//! refused in a target too (RFC 9110 §4.2.4).

use std::net::Ipv6Addr;
use std::str;

use super::byte;

/// Whether `text` may be the value of a Host field: a host, perhaps with a port, or nothing.
pub fn is_valid(text: &[u8]) -> bool {
    text.is_empty() || is_authority(text)
}

/// Whether `text` names a host, perhaps with a port, as the authority of a target must.
pub(crate) fn is_authority(text: &[u8]) -> bool {
    split(text).is_some()
}

/// Whether `text` names a host and a port, as the target of CONNECT must (RFC 9112 §3.2.3).
pub(crate) fn has_port(text: &[u8]) -> bool {
    matches!(split(text), Some((_, Some(port))) if !port.is_empty())
}

/// The host and the port behind its colon, if both are well-formed.
fn split(text: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let end = match text {
        [b'[', ..] => literal(text)?,
        _ => reg_name(text)?,
    };
    let (host, rest) = text.split_at(end);
    match rest {
        [] => Some((host, None)),
        [b':', port @ ..] if is_port(port) => Some((host, Some(port))),
        _ => None,
    }
}

fn is_port(text: &[u8]) -> bool {
    // A number that is too large stays so, however many digits follow.
    let port = text.iter().try_fold(0, |port: u32, digit| {
        let port = port * 10 + u32::from(digit.wrapping_sub(b'0'));
        (digit.is_ascii_digit() && port <= 65_535).then_some(port)
    });
    port.is_some()
}

/// Where the name ends that `text` begins with. IPv4 addresses are names too, as far as the grammar
/// goes.
fn reg_name(text: &[u8]) -> Option<usize> {
    let mut rest = byte::skip(text, &byte::HOST);
    while let [b'%', a, b, after @ ..] = rest
        && a.is_ascii_hexdigit()
        && b.is_ascii_hexdigit()
    {
        rest = byte::skip(after, &byte::HOST);
    }
    let len = text.len() - rest.len();
    (len > 0).then_some(len)
}

/// Where the address in brackets ends that `text` begins with.
fn literal(text: &[u8]) -> Option<usize> {
    let end = text.iter().position(|&b| b == b']')?;
    let good = match &text[1..end] {
        [b'v' | b'V', future @ ..] => is_future(future),
        address => is_ipv6(address),
    };
    good.then_some(end + 1)
}

fn is_ipv6(text: &[u8]) -> bool {
    str::from_utf8(text).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

fn is_future(text: &[u8]) -> bool {
    let digits = text.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let [b'.', rest @ ..] = &text[digits..] else {
        return false;
    };
    let good = |&b: &u8| b == b':' || byte::HOST[usize::from(b)];
    digits > 0 && !rest.is_empty() && rest.iter().all(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_follow_their_grammar() {
        for (text, good) in [
            ("example.com", true),
            ("EXAMPLE.com:80", true),
            ("x:", true),
            ("x:0", true),
            ("x:00080", true),
            ("x:65535", true),
            ("127.0.0.1:8080", true),
            ("under_score", true),
            ("a%20b", true),
            ("xn--bcher-kva.example.", true),
            ("[::1]", true),
            ("[::1]:8080", true),
            ("[::ffff:1.2.3.4]", true),
            ("[v1.x:y]", true),
            ("", true),
            (":", false),
            (":80", false),
            ("x:9999", true),
            ("x:10000", true),
            ("x:00000000000000000000000080", true),
            ("%41", true),
            ("a%20%21", true),
            ("x:65536", false),
            ("x:000065536", false),
            ("x:+80", false),
            ("x:+8080", false),
            ("%2", false),
            ("%zz", false),
            ("x:99999999999999999999", false),
            ("x:-1", false),
            ("x:+1", false),
            ("x:8 0", false),
            ("x:80:80", false),
            ("x:80a", false),
            ("::1", false),
            ("[::1", false),
            ("[]", false),
            ("[", false),
            ("[::1]x", false),
            ("[::1%25eth0]", false),
            ("[1.2.3.4]", false),
            ("[v.x]", false),
            ("[v1.]", false),
            ("[v]", false),
            ("user@x", false),
            ("user:pw@x", false),
            ("a b", false),
            ("a,b c", false),
            ("a/b", false),
            ("a?b", false),
            ("a#b", false),
            ("a\\b", false),
            ("a%2", false),
            ("a%zz", false),
            ("a\u{e9}", false),
            ("a\0", false),
            ("http://x", false),
            ("<x>", false),
        ] {
            assert_eq!(is_valid(text.as_bytes()), good, "{text}");
        }
    }

    #[test]
    fn only_the_host_field_may_be_empty() {
        for (text, good) in [("x", true), ("x:1", true), ("", false), (":1", false)] {
            assert_eq!(is_authority(text.as_bytes()), good, "{text}");
        }
    }

    #[test]
    fn tunnels_need_a_port() {
        for (text, good) in [
            ("x:1", true),
            ("[::1]:1", true),
            ("x", false),
            ("x:", false),
        ] {
            assert_eq!(has_port(text.as_bytes()), good, "{text}");
        }
    }
}
