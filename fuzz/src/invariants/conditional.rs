//! Conditions mean the same each time, and only a GET or HEAD is answered with 304.

use httprs::http::conditional::{Outcome, evaluate, if_range_holds};
use httprs::http::{Fields, Method};

/// 2026-11-22.
const NOW: u64 = 1_795_352_400;

/// A line `METHOD etag last-modified` (`-` for none of either), then field lines, each ended by a
/// line feed. Panics where the invariant is broken.
pub fn holds(data: &[u8]) {
    let mut lines = data.split(|&b| b == b'\n');
    let mut words = lines
        .next()
        .unwrap_or_default()
        .split(|&b| b == b' ')
        .map(|word| Some(word).filter(|word| *word != b"-" && !word.is_empty()));
    let method = Method::from_bytes(words.next().flatten().unwrap_or(b"GET"));
    let etag = words.next().flatten();
    let changed = words.next().flatten().map(|word| {
        let word = String::from_utf8_lossy(word);
        word.parse().unwrap_or(u64::MAX)
    });
    let mut fields = Fields::default();
    for line in lines {
        let Some(colon) = line.iter().position(|&b| b == b':') else {
            continue;
        };
        if let Ok(name) = std::str::from_utf8(&line[..colon]) {
            // A value that cannot be a field is left out.
            let _ = fields.push(name, &line[colon + 1..]);
        }
    }
    conditions(&fields, method, etag, changed);
    ranges(&fields, etag, changed);
}

fn conditions(fields: &Fields, method: Method, etag: Option<&[u8]>, changed: Option<u64>) {
    let ask = |fields: &Fields| evaluate(fields, method, etag, changed, NOW);
    let got = ask(fields);
    assert_eq!(ask(fields), got, "evaluated twice");

    let reads = matches!(method, Method::Get | Method::Head);
    let [matches, unmodified, none_match, modified] = [
        "if-match",
        "if-unmodified-since",
        "if-none-match",
        "if-modified-since",
    ]
    .map(|name| fields.count(name) > 0);
    match got {
        Outcome::Proceed => {}
        Outcome::NotModified => {
            assert!(reads, "304 for {method}");
            assert!(none_match || modified, "304 without a condition");
        }
        Outcome::PreconditionFailed => {
            assert!(matches || unmodified || (none_match && !reads), "412");
        }
    }

    // A field that another one overrides is not looked at (RFC 9110 §13.1.3, §13.1.4).
    if matches {
        assert_eq!(ask(&without(fields, "if-unmodified-since")), got);
    }
    if none_match || !reads {
        assert_eq!(ask(&without(fields, "if-modified-since")), got);
    }
    // Without a date there is nothing to compare dates with.
    let dateless = evaluate(fields, method, etag, None, NOW);
    let no_dates = without(&without(fields, "if-modified-since"), "if-unmodified-since");
    assert_eq!(
        dateless,
        evaluate(&no_dates, method, etag, changed, NOW),
        "a date without a date"
    );

    // `*` is anything that exists: If-Match holds, If-None-Match does not.
    let star = |name| fields.count(name) == 1 && fields.get(name) == Some(b"*");
    if star("if-match") {
        let dateless = without(&without(fields, "if-match"), "if-unmodified-since");
        assert_eq!(ask(&dateless), got, "If-Match: *");
    }
    if star("if-none-match") && got != Outcome::PreconditionFailed {
        assert_eq!(got, Outcome::NotModified, "If-None-Match: *");
    }
    if star("if-none-match") && !reads {
        assert_eq!(got, Outcome::PreconditionFailed, "If-None-Match: *");
    }
}

fn ranges(fields: &Fields, etag: Option<&[u8]>, changed: Option<u64>) {
    let ask = |etag, changed| if_range_holds(fields, etag, changed, NOW);
    let got = ask(etag, changed);
    assert_eq!(ask(etag, changed), got, "asked twice");
    match fields.count("if-range") {
        0 => assert!(got, "no condition holds"),
        1 => {
            assert!(!ask(None, None), "If-Range holds for nothing");
            let weak = etag.is_some_and(|etag| etag.starts_with(b"W/"));
            assert!(!(got && weak && changed.is_none()), "a weak tag held");
        }
        _ => assert!(!got, "two conditions hold"),
    }
}

/// The fields but those of one name.
fn without(fields: &Fields, name: &str) -> Fields {
    let mut rest = Fields::default();
    for (other, value) in fields.iter() {
        if !other.eq_ignore_ascii_case(name) {
            rest.push(other, value).expect("it was a field before");
        }
    }
    rest
}
