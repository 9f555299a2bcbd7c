//! We and httparse read each head the same, except for the classes of heads listed here.
//!
//! Not among the invariants, because it needs httparse, which the server must not depend on: the
//! tests of this package replay its seeds (`make replay`).
//!
//! httparse is a good reader that leaves much to its callers (limits, Host, framing) and follows
//! the leniencies of RFC 9112 §2.2, so most classes are heads that it accepts and we refuse:
//! [`REFUSED`]. The other way round there is one: [`minor_version`].

use httparse::{EMPTY_HEADER, Header, Status};
use httprs::http::{Head, HeadEnd, HeadError, Limits};

use crate::invariants::small;

/// More fields than any limit here allows.
const FIELDS: usize = 256;

/// A head as httparse reads it.
struct Theirs<'a> {
    method: &'a str,
    target: &'a str,
    version: u8,
    fields: Vec<Header<'a>>,
    /// All bytes of it.
    bytes: &'a [u8],
}

/// Heads that httparse accepts and we refuse.
struct Class {
    error: HeadError,
    /// Where a standard says that we may, and why we do.
    #[allow(dead_code, reason = "the reader is the one that uses it")]
    why: &'static str,
    /// Whether a head is in this class.
    is: fn(&Theirs<'_>, &Limits) -> bool,
}

/// Each class of such heads. A head with any other error is an error for httparse as well.
const REFUSED: &[Class] = &[
    Class {
        error: HeadError::BareLf,
        why: "RFC 9112 §2.2: a lone LF MAY end a line; some readers do not end it there",
        is: |theirs, _| lone_lf(theirs.bytes),
    },
    Class {
        error: HeadError::RequestLine,
        why: "RFC 9112 §2.2: at least one empty line SHOULD be ignored; we ignore one",
        is: |theirs, _| theirs.bytes.starts_with(b"\r\n\r\n"),
    },
    Class {
        error: HeadError::Method,
        why: "RFC 9112 §3: a method longer than any; 501 is the SHOULD, we say 400",
        is: |theirs, limits| theirs.method.len() > limits.method_bytes,
    },
    Class {
        error: HeadError::Target,
        why: "RFC 9112 §3.2, RFC 3986 §2: a URI is ASCII; httparse takes any UTF-8",
        is: |theirs, _| !theirs.target.is_ascii(),
    },
    Class {
        error: HeadError::TargetTooLong,
        why: "RFC 9110 §15.5.15: 414; httparse has no limit",
        is: |theirs, limits| theirs.target.len() > limits.target_bytes,
    },
    Class {
        error: HeadError::TooLong,
        why: "RFC 9110 §5.4, RFC 6585 §5: 431; httparse has no limit",
        is: |theirs, limits| theirs.bytes.len() > limits.head_bytes,
    },
    Class {
        error: HeadError::TooManyFields,
        why: "RFC 9110 §5.4, RFC 6585 §5: 431; httparse leaves the number to its caller",
        is: |theirs, limits| theirs.fields.len() > limits.fields,
    },
    Class {
        error: HeadError::HostMissing,
        why: "RFC 9112 §3.2: MUST be 400; httparse knows no field",
        is: |theirs, _| theirs.version == 1 && theirs.hosts().is_empty(),
    },
    Class {
        error: HeadError::HostRepeated,
        why: "RFC 9112 §3.2: MUST be 400",
        is: |theirs, _| theirs.hosts().len() > 1,
    },
    Class {
        error: HeadError::Host,
        why: "RFC 9112 §3.2: an invalid one MUST be 400",
        is: |theirs, _| match theirs.hosts()[..] {
            [host] if host.trim_ascii().is_empty() => theirs.version == 1,
            [host] => !is_plain(host),
            _ => false,
        },
    },
    Class {
        error: HeadError::FieldRepeated,
        why: "RFC 9110 §5.3: MUST NOT be sent twice; httparse knows no field",
        is: |theirs, _| {
            let mut names: Vec<String> = theirs.names().collect();
            names.sort_unstable();
            names.windows(2).any(|two| two[0] == two[1])
        },
    },
    Class {
        error: HeadError::FramingName,
        why: "gateways read it as a framing field; httparse knows no field",
        is: |theirs, _| {
            let framing = ["content-length", "transfer-encoding"];
            let mut names = theirs.names();
            names.any(|name| name.contains('_') && framing.contains(&&*name.replace('_', "-")))
        },
    },
];

/// Heads that we accept and httparse refuses: HTTP/1.2 to 1.9, which a server reads as the highest
/// minor version that it knows (RFC 9110 §2.5). Returns the head with minor version 1, which
/// httparse accepts, too.
fn minor_version(head: &[u8]) -> Option<Vec<u8>> {
    let start = if head.starts_with(b"\r\n") { 2 } else { 0 };
    let line = start + head[start..].iter().position(|&b| b == b'\r')?;
    let minor = line.checked_sub(1)?;
    let is_minor = head[..minor].ends_with(b" HTTP/1.") && matches!(head[minor], b'2'..=b'9');
    is_minor.then(|| [&head[..minor], b"1", &head[minor + 1..]].concat())
}

/// Panics where the invariant is broken.
pub fn holds(data: &[u8]) {
    for limits in [small(), Limits::default()] {
        match ours(data, &limits) {
            Ok(Some((end, head))) => accepted(&data[..end], data, &head),
            Ok(None) => incomplete(data, &limits),
            Err(error) => refused(data, error, &limits),
        }
    }
}

/// We accept a head at the front of `data`.
fn accepted(wire: &[u8], data: &[u8], head: &Head) {
    let again = minor_version(wire);
    let mut fields = [EMPTY_HEADER; FIELDS];
    if again.is_some() {
        let refused = theirs(data, &mut [EMPTY_HEADER; FIELDS]).err();
        assert_eq!(refused, Some(httparse::Error::Version));
    }
    // What follows the head must not matter.
    let theirs = theirs(again.as_deref().unwrap_or(data), &mut fields);
    let theirs = theirs.expect("we accept it").expect("we know its end");
    assert_eq!(theirs.bytes.len(), wire.len());
    assert_eq!(theirs.method, head.method_str());
    assert_eq!(theirs.target, head.target_str());
    assert_eq!(theirs.version == 0, head.version().as_str() == "HTTP/1.0");
    let theirs = theirs.fields.iter().map(|field| (field.name, field.value));
    assert!(theirs.eq(head.fields().iter()), "other fields");
}

/// We wait for more of a head that has no fault so far.
fn incomplete(data: &[u8], limits: &Limits) {
    let Err(error) =
        theirs(data, &mut [EMPTY_HEADER; FIELDS]).map(|theirs| assert!(theirs.is_none()))
    else {
        return;
    };
    // httparse has seen a fault in a line that we do not look at until it is whole: with an end, we
    // see it, too.
    let end: &[u8] = if data.ends_with(b"\r") {
        b"\n\r\n"
    } else {
        b"\r\n\r\n"
    };
    let whole = [data, end].concat();
    match ours(&whole, limits) {
        Ok(Some((end, head))) => {
            assert_eq!(error, httparse::Error::Version);
            accepted(&whole[..end], &whole, &head);
        }
        Ok(None) => panic!("{error:?} in a head that is never whole"),
        Err(_) => {}
    }
}

/// We refuse a head at the front of `data`.
fn refused(data: &[u8], error: HeadError, limits: &Limits) {
    let mut fields = [EMPTY_HEADER; FIELDS];
    let Ok(Some(theirs)) = theirs(data, &mut fields) else {
        return;
    };
    let class = REFUSED.iter().find(|class| class.error == error);
    let class = class.unwrap_or_else(|| panic!("{error:?} is no class"));
    assert!((class.is)(&theirs, limits), "{error:?} is not what it says");
}

fn ours(data: &[u8], limits: &Limits) -> Result<Option<(usize, Head)>, HeadError> {
    let Some(end) = HeadEnd::default().find(data, limits)? else {
        return Ok(None);
    };
    let mut head = Head::default();
    head.parse(&data[..end], limits)?;
    Ok(Some((end, head)))
}

fn theirs<'a>(
    data: &'a [u8],
    fields: &mut [Header<'a>; FIELDS],
) -> Result<Option<Theirs<'a>>, httparse::Error> {
    let mut request = httparse::Request::new(fields);
    let Status::Complete(end) = request.parse(data)? else {
        return Ok(None);
    };
    Ok(Some(Theirs {
        method: request.method.expect("a method"),
        target: request.path.expect("a target"),
        version: request.version.expect("a version"),
        fields: request.headers.to_vec(),
        bytes: &data[..end],
    }))
}

impl Theirs<'_> {
    fn names(&self) -> impl Iterator<Item = String> {
        self.fields
            .iter()
            .map(|field| field.name.to_ascii_lowercase())
    }

    fn hosts(&self) -> Vec<&[u8]> {
        let named = |field: &&Header<'_>| field.name.eq_ignore_ascii_case("host");
        self.fields
            .iter()
            .filter(named)
            .map(|field| field.value)
            .collect()
    }
}

/// Whether there is an LF without its CR.
fn lone_lf(bytes: &[u8]) -> bool {
    let ends = bytes.windows(2).filter(|two| two == b"\r\n").count();
    bytes.iter().filter(|&&b| b == b'\n').count() > ends
}

/// Letters and digits, dots and dashes, perhaps with a port of up to four digits; or nothing.
/// There is no doubt about such a Host.
fn is_plain(host: &[u8]) -> bool {
    let host = match host.iter().position(|&b| b == b':') {
        Some(0) => return false,
        Some(at) if host.len() - at > 5 || !host[at + 1..].iter().all(u8::is_ascii_digit) => {
            return false;
        }
        Some(at) => &host[..at],
        None => host,
    };
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
    host.iter().all(plain)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_seed_keeps_the_invariant() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/differential");
        let mut seeds = 0;
        for entry in fs::read_dir(corpus).expect("a corpus") {
            let path = entry.expect("a readable folder").path();
            println!("{}", path.display());
            holds(&fs::read(path).expect("a readable seed"));
            seeds += 1;
        }
        assert!(seeds >= 8);
    }

    /// A class without a seed could stay when its difference is gone.
    #[test]
    fn every_class_has_a_seed() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/differential");
        let seeds: Vec<Vec<u8>> = fs::read_dir(corpus)
            .expect("a corpus")
            .map(|entry| {
                fs::read(entry.expect("a readable folder").path()).expect("a readable seed")
            })
            .collect();
        let limits = Limits::default();
        for class in REFUSED {
            let has = seeds.iter().any(|seed| {
                let theirs = theirs(seed, &mut [EMPTY_HEADER; FIELDS]).is_ok_and(|t| t.is_some());
                theirs
                    && [small(), limits.clone()]
                        .iter()
                        .any(|l| ours(seed, l).err() == Some(class.error))
            });
            assert!(has, "{:?}: {}", class.error, class.why);
        }
        let minor = |seed: &Vec<u8>| {
            matches!(ours(seed, &limits), Ok(Some(_))) && minor_version(seed).is_some()
        };
        assert!(seeds.iter().any(minor), "no HTTP/1.2");
    }

    #[test]
    fn only_the_minor_version_is_replaced() {
        for (wire, want) in [
            (
                &b"GET / HTTP/1.2\r\n\r\n"[..],
                Some(&b"GET / HTTP/1.1\r\n\r\n"[..]),
            ),
            (
                b"\r\nGET / HTTP/1.9\r\n\r\n",
                Some(b"\r\nGET / HTTP/1.1\r\n\r\n"),
            ),
            (b"GET / HTTP/1.1\r\n\r\n", None),
            (b"GET / HTTP/1.0\r\n\r\n", None),
            (b"GET / HTTP/2.2\r\n\r\n", None),
        ] {
            assert_eq!(
                minor_version(wire).as_deref(),
                want,
                "{}",
                wire.escape_ascii()
            );
        }
    }
}
