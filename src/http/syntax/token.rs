//! Tokens and quoted strings, which most fields are made of (RFC 9110 §5.6).

use super::byte;

/// A token at the front of `text`, and the rest.
///
/// ```text
/// token = 1*tchar                                            (RFC 9110 §5.6.2)
/// ```
pub(crate) fn token(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = byte::run(text, &byte::TOKEN);
    (length > 0).then(|| text.split_at(length))
}

/// Whether all of `text` is one token.
pub(crate) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && byte::all(text, &byte::TOKEN)
}

/// A quoted string at the front of `text`, quotes included, and the rest.
///
/// ```text
/// quoted-string = DQUOTE *( qdtext / quoted-pair ) DQUOTE    (RFC 9110 §5.6.4)
/// quoted-pair   = "\" ( HTAB / SP / VCHAR / obs-text )
/// ```
pub(crate) fn quoted_string(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut rest = text.strip_prefix(b"\"")?;
    loop {
        rest = byte::skip(rest, &byte::QUOTED);
        rest = match rest {
            [b'"', rest @ ..] => return Some(text.split_at(text.len() - rest.len())),
            [b'\\', escaped, rest @ ..] if byte::FIELD_VALUE[usize::from(*escaped)] => rest,
            _ => return None,
        };
    }
}

/// A token or a quoted string at the front of `text`, and the rest: the value of a parameter.
pub(crate) fn value(text: &[u8]) -> Option<(&[u8], &[u8])> {
    match text.first() {
        Some(b'"') => quoted_string(text),
        _ => token(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_where_its_grammar_says() {
        for (name, text, want) in [
            ("token", "a;b", Some(("a", ";b"))),
            ("all of it", "a-1", Some(("a-1", ""))),
            ("nothing", "", None),
            ("no token", ";", None),
            ("quoted", "\"a;b\";c", Some(("\"a;b\"", ";c"))),
            ("empty quotes", "\"\"x", Some(("\"\"", "x"))),
            (
                "tab and obs-text",
                "\"\t\u{fc}\"",
                Some(("\"\t\u{fc}\"", "")),
            ),
            ("escaped quote", "\"\\\"\"", Some(("\"\\\"\"", ""))),
            ("escaped backslash", "\"\\\\\"x", Some(("\"\\\\\"", "x"))),
            (
                "escaped letter, tab, obs-text",
                "\"\\a\\\t\\\u{fc}\"",
                Some(("\"\\a\\\t\\\u{fc}\"", "")),
            ),
            ("an escaped quote does not end it", "\"\\\"", None),
            ("a backslash may not escape a control", "\"\\\u{1}\"", None),
            ("nor DEL", "\"\\\u{7f}\"", None),
            ("a control", "\"\u{1}\"", None),
            ("no end", "\"abc", None),
            ("nothing to escape", "\"abc\\", None),
        ] {
            let got = value(text.as_bytes());
            let want = want.map(|(value, rest)| (value.as_bytes(), rest.as_bytes()));
            assert_eq!(got, want, "{name}");
        }
        assert!(is_token(b"a") && !is_token(b"") && !is_token(b"a b"));
    }
}
