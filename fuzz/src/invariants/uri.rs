//! A normalised path never climbs, and normalising it again changes nothing.

use httprs::http::uri::{Form, Target, query_pairs};
use httprs::http::{Method, host};

/// `METHOD target`. Panics where the invariant is broken.
pub fn holds(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (method, text) = text.split_once(' ').unwrap_or(("GET", text));
    let method = Method::from_bytes(method.as_bytes());
    queries(text);
    let mut target = Target::default();
    if let Err(error) = target.parse(method, text) {
        assert_eq!(error.status().get(), 400);
        assert!(target.path().is_empty() && target.query().is_none());
        return;
    }
    assert!(text.bytes().all(|b| b.is_ascii_graphic()), "{text:?}");
    assert!(!text.contains('#'), "a fragment: {text:?}");
    if let Some(query) = target.query() {
        assert!(text.ends_with(&format!("?{query}")));
        queries(query);
    }
    if let Some(authority) = target.authority() {
        assert!(host::is_valid(authority.as_bytes()) && !authority.is_empty());
        assert!(!authority.contains('@'), "userinfo: {authority}");
    }
    match target.form() {
        Form::Authority => assert!(method == Method::Connect && target.path().is_empty()),
        Form::Asterisk => assert!(method == Method::Options && text == "*"),
        Form::Origin => assert!(text.starts_with('/') && target.authority().is_none()),
        Form::Absolute => assert!(target.authority().is_some()),
    }
    if matches!(target.form(), Form::Origin | Form::Absolute) {
        paths(&target);
    }
}

fn paths(target: &Target) {
    let path = target.path();
    let segments = path.strip_prefix(b"/").expect("a path begins with a slash");
    let segments: Vec<&[u8]> = segments.split(|&b| b == b'/').collect();
    let (last, inner) = segments.split_last().expect("a split has one element");
    for segment in inner {
        assert!(!segment.is_empty(), "an empty segment inside");
        assert!(*segment != b"." && *segment != b"..", "it climbs");
    }
    assert!(*last != b"." && *last != b"..", "it climbs");
    assert!(!path.contains(&0), "a NUL");
    assert_eq!(path, simple(target.raw_path()), "{}", target.raw_path());
    let slash = target.raw_path().to_ascii_lowercase().contains("%2f");
    assert_eq!(target.has_encoded_slash(), slash);

    // With every byte but the slashes escaped it means the same.
    let mut escaped = String::new();
    for &b in path {
        match b {
            b'/' => escaped.push('/'),
            b => escaped.push_str(&format!("%{b:02x}")),
        }
    }
    let mut again = Target::default();
    assert_eq!(again.parse(Method::Get, &escaped), Ok(()));
    assert_eq!(again.path(), path, "normalised twice");
}

/// The path as a stack of decoded segments.
fn simple(raw: &str) -> Vec<u8> {
    let mut stack: Vec<Vec<u8>> = Vec::new();
    let mut folder = true;
    for raw in raw.split('/') {
        let segment = decoded(raw);
        folder = matches!(&segment[..], b"" | b"." | b"..");
        match &segment[..] {
            b"" | b"." => {}
            b".." => drop(stack.pop()),
            _ => stack.push(segment),
        }
    }
    let mut path = b"/".to_vec();
    path.extend(stack.join(&b'/'));
    if folder && !stack.is_empty() {
        path.push(b'/');
    }
    path
}

fn decoded(text: &str) -> Vec<u8> {
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        match u8::from_str_radix(digits, 16).expect("an accepted escape") {
            b'/' => out.extend_from_slice(b"%2F"),
            b => out.push(b),
        }
        out.extend_from_slice(rest.as_bytes());
    }
    out
}

/// The pairs of a query, escaped and joined, are the same pairs.
fn queries(query: &str) {
    let pairs: Vec<_> = query_pairs(query).collect();
    assert!(pairs.len() <= query.split('&').count());
    let mut again = Vec::new();
    for (name, value) in &pairs {
        match value {
            Some(value) => again.push(format!("{}={}", escape(name), escape(value))),
            None => again.push(escape(name)),
        }
    }
    let again = again.join("&");
    assert_eq!(query_pairs(&again).collect::<Vec<_>>(), pairs, "{query:?}");
}

fn escape(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02X}")).collect()
}
