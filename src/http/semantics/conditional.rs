//! Conditional requests (RFC 9110 §13): whether the representation that a client has, or expects,
//! is still the current one.
//!
//! [`evaluate`] is for a representation that exists, so `*` matches. Entity tags are compared as
//! bytes. Reads no clock and no file.

use super::date;
use crate::http::syntax::{Fields, Method, byte};

/// What the conditions of a request demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Do what the method says.
    Proceed,
    /// The client has the representation already: 304.
    NotModified,
    /// The representation is not the one that the client expects: 412.
    PreconditionFailed,
}

/// The fields that [`evaluate`] looks at.
const CONDITIONS: [&str; 4] = [
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
];

/// Evaluates the conditions in `fields`, in the order of RFC 9110 §13.2.2.
///
/// `etag` is the entity tag of the representation, quotes and `W/` included; `last_modified` is
/// when it last changed, in seconds since 1970.
pub fn evaluate(
    fields: &Fields,
    method: Method,
    etag: Option<&[u8]>,
    last_modified: Option<u64>,
    now_unix: u64,
) -> Outcome {
    // Most requests have none.
    if fields.lack(&CONDITIONS) {
        return Outcome::Proceed;
    }
    let reads = matches!(method, Method::Get | Method::Head);

    // Step 1: If-Match, by strong comparison. A list that cannot be read matches nothing, so that
    // nothing is overwritten by mistake.
    if fields.count("if-match") > 0 {
        if !matches_any(fields, "if-match", etag, strong) {
            return Outcome::PreconditionFailed;
        }
    } else if let Some(date) = single_date(fields, "if-unmodified-since", now_unix) {
        // Step 2: If-Unmodified-Since, where there is no If-Match. Ignored if it is no date.
        if last_modified.is_some_and(|changed| later(changed, date)) {
            return Outcome::PreconditionFailed;
        }
    }

    // Step 3: If-None-Match, by weak comparison.
    if fields.count("if-none-match") > 0 {
        return match matches_any(fields, "if-none-match", etag, weak) {
            false => Outcome::Proceed,
            true if reads => Outcome::NotModified,
            true => Outcome::PreconditionFailed,
        };
    }
    // Step 4: If-Modified-Since, where there is no If-None-Match, for GET and HEAD alone.
    if reads
        && let Some(date) = single_date(fields, "if-modified-since", now_unix)
        && last_modified.is_some_and(|changed| !later(changed, date))
    {
        return Outcome::NotModified;
    }
    // Step 5 is If-Range: see `if_range_holds`.
    Outcome::Proceed
}

/// Whether Range may be honoured: there is no If-Range, or it names the current representation (RFC
/// 9110 §13.1.5).
///
/// A date must be the very one, and old enough to be strong: two changes within one second look
/// alike (§8.8.2.2).
pub fn if_range_holds(
    fields: &Fields,
    etag: Option<&[u8]>,
    last_modified: Option<u64>,
    now_unix: u64,
) -> bool {
    let mut values = fields.get_all("if-range");
    let Some(value) = values.next() else {
        return true;
    };
    if values.next().is_some() {
        return false;
    }
    if let Some((tag, rest)) = entity_tag(value) {
        return rest.is_empty() && etag.is_some_and(|etag| strong(tag, etag));
    }
    match (date::parse(value, now_unix), last_modified) {
        (Some(date), Some(changed)) => u64::try_from(date) == Ok(changed) && changed < now_unix,
        _ => false,
    }
}

/// Strong comparison (RFC 9110 §8.8.3.2): the same, and neither is weak.
fn strong(a: &[u8], b: &[u8]) -> bool {
    a == b && !a.starts_with(b"W/")
}

/// Weak comparison: the same, weak or not.
fn weak(a: &[u8], b: &[u8]) -> bool {
    let opaque = |tag| <[u8]>::strip_prefix(tag, b"W/").unwrap_or(tag);
    opaque(a) == opaque(b)
}

/// Whether the field `name` is `*`, or a list of entity tags of which one is the `same` as `etag`.
///
/// ```text
/// If-Match = "*" / #entity-tag                               (RFC 9110 §13.1.1)
/// ```
/// A line that is not such a list counts as far as it can be read.
fn matches_any(
    fields: &Fields,
    name: &str,
    etag: Option<&[u8]>,
    same: fn(&[u8], &[u8]) -> bool,
) -> bool {
    if fields.count(name) == 1 && fields.get(name) == Some(b"*") {
        return true;
    }
    let Some(etag) = etag else { return false };
    fields.get_all(name).any(|value| {
        let mut rest = value;
        loop {
            // Empty elements are skipped (§5.6.1.2).
            while let [b',' | b' ' | b'\t', after @ ..] = rest {
                rest = after;
            }
            let Some((tag, after)) = entity_tag(rest) else {
                return false;
            };
            let after = byte::trim(after);
            if !matches!(after, [] | [b',', ..]) {
                return false;
            }
            if same(tag, etag) {
                return true;
            }
            rest = after;
        }
    })
}

/// An entity tag and the rest. Commas and backslashes in one stand for themselves, so that a list
/// of them is not split as other lists are.
fn entity_tag(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let prefix = if text.starts_with(b"W/") { 2 } else { 0 };
    let opaque = text[prefix..].strip_prefix(b"\"")?;
    let length = byte::run(opaque, &byte::ETAG);
    if opaque.get(length) != Some(&b'"') {
        return None;
    }
    Some(text.split_at(prefix + length + 2))
}

/// The date in the one line of `name`. More lines than one, or no date, count as none (§13.1.3).
fn single_date(fields: &Fields, name: &str, now_unix: u64) -> Option<i64> {
    let mut values = fields.get_all(name);
    match (values.next(), values.next()) {
        (Some(value), None) => date::parse(value, now_unix),
        _ => None,
    }
}

/// Whether `changed` is later than `date`, which may lie before 1970.
fn later(changed: u64, date: i64) -> bool {
    u64::try_from(date).map_or(true, |date| changed > date)
}

#[cfg(test)]
mod tests {
    use super::Outcome::*;
    use super::*;

    const NOW: u64 = 1_795_352_400;
    const CHANGED: u64 = 784_111_777;
    const AT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn fields(lines: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::default();
        for (name, value) in lines {
            fields.push(name, value.as_bytes()).expect("a good line");
        }
        fields
    }

    #[test]
    fn conditions_are_evaluated_in_the_order_of_the_rfc() {
        const IM: &str = "If-Match";
        const INM: &str = "If-None-Match";
        const IMS: &str = "If-Modified-Since";
        const IUS: &str = "If-Unmodified-Since";
        // With the entity tag "a".
        for (lines, get, put) in [
            (&[][..], Proceed, Proceed),
            (&[(IM, "\"a\"")], Proceed, Proceed),
            (&[(IM, "*")], Proceed, Proceed),
            (&[(IM, "\"b\", \"a\"")], Proceed, Proceed),
            (&[(IM, "\"b\""), (IM, "\"a\"")], Proceed, Proceed),
            (&[(IM, "\"b\"")], PreconditionFailed, PreconditionFailed),
            (&[(IM, "W/\"a\"")], PreconditionFailed, PreconditionFailed),
            (&[(IM, "a")], PreconditionFailed, PreconditionFailed),
            (&[(IM, "")], PreconditionFailed, PreconditionFailed),
            (&[(IM, "\"a")], PreconditionFailed, PreconditionFailed),
            (&[(IM, "\"a\"x")], PreconditionFailed, PreconditionFailed),
            (&[(IM, "\"b,\"a\"")], PreconditionFailed, PreconditionFailed),
            (&[(IUS, AT)], Proceed, Proceed),
            (&[(IUS, AFTER)], Proceed, Proceed),
            (&[(IUS, BEFORE)], PreconditionFailed, PreconditionFailed),
            (&[(IUS, "yesterday")], Proceed, Proceed),
            (&[(IM, "\"a\""), (IUS, BEFORE)], Proceed, Proceed),
            (&[(INM, "\"a\"")], NotModified, PreconditionFailed),
            (&[(INM, "W/\"a\"")], NotModified, PreconditionFailed),
            (&[(INM, "*")], NotModified, PreconditionFailed),
            (
                &[(INM, ", \"b\\\",,W/\"a\" ,")],
                NotModified,
                PreconditionFailed,
            ),
            (&[(INM, "\"b,c\", \"a\"")], NotModified, PreconditionFailed),
            (&[(INM, "\"b\"")], Proceed, Proceed),
            (&[(INM, "w/\"a\"")], Proceed, Proceed),
            (&[(INM, "a")], Proceed, Proceed),
            (&[(INM, "\"*\"")], Proceed, Proceed),
            (&[(IMS, AT)], NotModified, Proceed),
            (&[(IMS, AFTER)], NotModified, Proceed),
            (&[(IMS, BEFORE)], Proceed, Proceed),
            (&[(IMS, "yesterday")], Proceed, Proceed),
            (&[(IMS, AT), (IMS, AT)], Proceed, Proceed),
            (&[(IMS, "Wed, 31 Dec 1969 23:59:59 GMT")], Proceed, Proceed),
            (&[(INM, "\"b\""), (IMS, AT)], Proceed, Proceed),
            (
                &[(INM, "\"a\""), (IMS, BEFORE)],
                NotModified,
                PreconditionFailed,
            ),
            (
                &[(IM, "\"b\""), (INM, "\"a\"")],
                PreconditionFailed,
                PreconditionFailed,
            ),
            (
                &[(IM, "\"a\""), (INM, "\"a\"")],
                NotModified,
                PreconditionFailed,
            ),
        ] {
            let fields = fields(lines);
            for (method, want) in [(Method::Get, get), (Method::Head, get), (Method::Put, put)] {
                let got = evaluate(&fields, method, Some(b"\"a\""), Some(CHANGED), NOW);
                assert_eq!(got, want, "{method} {lines:?}");
            }
        }
    }

    #[test]
    fn conditions_without_validators_match_only_the_asterisk() {
        for (name, value, want) in [
            ("If-Match", "*", Proceed),
            ("If-Match", "\"a\"", PreconditionFailed),
            ("If-None-Match", "*", NotModified),
            ("If-None-Match", "\"a\"", Proceed),
            ("If-Modified-Since", AFTER, Proceed),
            ("If-Unmodified-Since", BEFORE, Proceed),
        ] {
            let got = evaluate(&fields(&[(name, value)]), Method::Get, None, None, NOW);
            assert_eq!(got, want, "{name}: {value}");
        }
    }

    #[test]
    fn if_range_needs_a_strong_validator() {
        let strong = Some(&b"\"a\""[..]);
        let weak = Some(&b"W/\"a\""[..]);
        for (lines, etag, now, want) in [
            (&[][..], strong, NOW, true),
            (&["\"a\""], strong, NOW, true),
            (&["\"b\""], strong, NOW, false),
            (&["W/\"a\""], weak, NOW, false),
            (&["\"a\""], weak, NOW, false),
            (&["\"a\""], None, NOW, false),
            (&["\"a\", \"a\""], strong, NOW, false),
            (&["\"a\"", "\"a\""], strong, NOW, false),
            (&["*"], strong, NOW, false),
            (&[AT], strong, NOW, true),
            (&[AT], None, CHANGED + 1, true),
            (&[AT], None, CHANGED, false),
            (&[AFTER], strong, NOW, false),
            (&[BEFORE], strong, NOW, false),
            (&["nonsense"], strong, NOW, false),
            (&[""], strong, NOW, false),
        ] {
            let lines: Vec<_> = lines.iter().map(|value| ("If-Range", *value)).collect();
            let got = if_range_holds(&fields(&lines), etag, Some(CHANGED), now);
            assert_eq!(got, want, "{lines:?} {etag:?} {now}");
        }
    }
}
