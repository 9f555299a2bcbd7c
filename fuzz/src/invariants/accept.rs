//! A client accepts the same types and codings in whatever order and lines its fields name them.

use httprs::http::Fields;
use httprs::http::accept::{BEST, LEAST, codings, media_type, names};

/// The codings and types that the invariant asks about.
const CODINGS: [&str; 4] = ["br", "zstd", "gzip", "identity"];
const TYPES: [&str; 3] = ["text/html", "text/plain", "image/png"];

/// Field lines `Name: value`, each ended by a line feed. Panics where the invariant is broken.
pub fn holds(data: &[u8]) {
    let mut fields = Fields::default();
    for line in data.split(|&b| b == b'\n') {
        let Some(colon) = line.iter().position(|&b| b == b':') else {
            continue;
        };
        if let Ok(name) = std::str::from_utf8(&line[..colon]) {
            // A value that cannot be a field is left out.
            let _ = fields.push(name, &line[colon + 1..]);
        }
    }
    let got = answers(&fields);
    assert_eq!(answers(&fields), got, "asked twice");
    assert_eq!(answers(&apart(&fields)), got, "a line each, in reverse");
    if let Some(joined) = together(&fields) {
        assert_eq!(answers(&joined), got, "in one line, in reverse");
    }
    assert_eq!(got, simple(&fields));
    for (quality, named) in got.1 {
        assert!(!named || quality > 0, "named, and not acceptable");
    }
    for quality in got.0.into_iter().chain(got.1.map(|(quality, _)| quality)) {
        assert!(quality <= BEST, "{quality}");
    }
}

/// The quality of each coding and of each type, and whether that type is named.
type Answers = ([u16; 4], [(u16, bool); 3]);

fn answers(fields: &Fields) -> Answers {
    let types = TYPES.map(|name| (media_type(fields, name), names(fields, name)));
    (codings(fields, CODINGS), types)
}

/// Every member on a line of its own, the last first.
fn apart(fields: &Fields) -> Fields {
    let mut apart = Fields::default();
    for name in ["Accept-Encoding", "Accept"] {
        if fields.count(name) > 0 {
            push(&mut apart, name, b"");
        }
        let members: Vec<&[u8]> = fields.list(name).collect();
        for member in members.iter().rev() {
            push(&mut apart, name, member);
        }
    }
    apart
}

/// All members on one line, the last first; `None` where a quote that is never closed would swallow
/// those behind it.
fn together(fields: &Fields) -> Option<Fields> {
    let mut together = Fields::default();
    for name in ["Accept-Encoding", "Accept"] {
        let mut members: Vec<&[u8]> = fields.list(name).collect();
        if members.iter().any(|member| member.contains(&b'"')) {
            return None;
        }
        members.reverse();
        if fields.count(name) > 0 {
            push(&mut together, name, &members.join(&b" ,, "[..]));
        }
    }
    Some(together)
}

fn push(fields: &mut Fields, name: &str, value: &[u8]) {
    fields.push(name, value).expect("it was a field before");
}

/// The same answers by cutting text into pieces, with a vector for everything.
fn simple(fields: &Fields) -> Answers {
    let members = |name: &'static str| -> Vec<String> {
        let members = fields.list(name);
        // A member that is not UTF-8 is no token either way.
        members
            .map(|member| String::from_utf8_lossy(member).to_ascii_lowercase())
            .collect()
    };
    let has = |name| fields.iter().any(|(it, _)| it.eq_ignore_ascii_case(name));
    let codings = CODINGS.map(|coding| {
        let members = members("accept-encoding");
        let said: Vec<_> = members.iter().filter_map(|m| simple_coding(m)).collect();
        let best = |wanted: &str| {
            let said = said.iter().filter(|(name, _)| name == wanted);
            said.map(|(_, weight)| *weight).max()
        };
        match (best(coding).or(best("*")), has("accept-encoding")) {
            (Some(weight), _) => weight,
            (None, false) if coding == "identity" => BEST,
            (None, true) if coding != "identity" => 0,
            _ => LEAST,
        }
    });
    let types = TYPES.map(|name| {
        let members = members("accept");
        let said: Vec<_> = members.iter().filter_map(|m| simple_range(m)).collect();
        let best = |wanted: &str| {
            let said = said.iter().filter(|(name, _)| name == wanted);
            said.map(|(_, weight)| *weight).max()
        };
        let (main, _) = name.split_once('/').expect("a media type");
        let quality = best(name)
            .or(best(&format!("{main}/*")))
            .or(best("*/*"))
            .unwrap_or(if has("accept") { 0 } else { BEST });
        (quality, best(name).is_some_and(|weight| weight > 0))
    });
    (codings, types)
}

fn simple_coding(member: &str) -> Option<(String, u16)> {
    let parts: Vec<&str> = member.split(';').map(trim).collect();
    let name = parts[0].to_owned();
    let name = if name == "x-gzip" {
        "gzip".to_owned()
    } else {
        name
    };
    match parts[1..] {
        _ if !is_token(&name) => None,
        [] => Some((name, BEST)),
        [weight] => Some((name, simple_weight(weight.strip_prefix("q=")?)?)),
        _ => None,
    }
}

fn simple_range(member: &str) -> Option<(String, u16)> {
    let mut parts = cut(member)?.into_iter();
    let name = parts.next()?;
    let (main, subtype) = name.split_once('/')?;
    if !is_token(main) || !is_token(subtype) || (main == "*" && subtype != "*") {
        return None;
    }
    let mut weights = Vec::new();
    for part in parts.filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=')?;
        if !is_token(key) || !(is_token(value) || is_quoted(value)) {
            return None;
        }
        if key == "q" {
            weights.push(simple_weight(value)?);
        }
    }
    match weights[..] {
        [] => Some((name, BEST)),
        [weight] => Some((name, weight)),
        _ => None,
    }
}

/// The pieces between semicolons that are not quoted; `None` if a quote is never closed.
fn cut(member: &str) -> Option<Vec<String>> {
    let mut pieces = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for c in member.chars() {
        if c == ';' && !quoted {
            pieces.push(String::new());
            continue;
        }
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && quoted && !escaped;
        pieces.last_mut()?.push(c);
    }
    let trimmed = pieces.iter().map(|piece| trim(piece).to_owned());
    (!quoted).then(|| trimmed.collect())
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

fn is_token(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !text.is_empty() && text.chars().all(is_part)
}

/// Quotes at both ends and none between them but behind a backslash.
fn is_quoted(text: &str) -> bool {
    let inner = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
    inner.is_some_and(|inner| {
        let plain = inner.replace("\\\\", "").replace("\\\"", "");
        !plain.contains('"') && !plain.ends_with('\\')
    })
}

fn simple_weight(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = decimals.bytes().all(|b| b.is_ascii_digit());
    if !matches!(whole, "0" | "1") || decimals.len() > 3 || !digits {
        return None;
    }
    let weight = format!("{whole}{decimals:0<3}").parse().ok()?;
    (weight <= BEST).then_some(weight)
}
