//! Classes of bytes as tables, each below the grammar that it was made from, and the scan that
//! looks for control bytes a word at a time.
//!
//! Tables and not `match`: one load a byte, whatever the class looks like.

/// A set of bytes.
pub(super) type Class = [bool; 256];

/// ```text
/// token = 1*tchar                                            (RFC 9110 §5.6.2)
/// tchar = "!" / "#" / "$" / "%" / "&" / "'" / "*" / "+" / "-" / "." / "^" / "_" / "`" / "|" / "~"
///       / DIGIT / ALPHA
/// ```
pub(super) const TOKEN: Class = class(b"!#$%&'*+-.^_`|~", true);

/// What a request target may consist of as far as the request line is concerned: visible ASCII.
/// Which of it a URI may hold is for `uri` to say; here it must only be clear where it ends.
pub(super) const VISIBLE: Class = span(0x21, 0x7e);

/// ```text
/// uri-host = *( unreserved / pct-encoded / sub-delims )      (RFC 3986 §3.2.2, reg-name)
/// unreserved = ALPHA / DIGIT / "-" / "." / "_" / "~"
/// sub-delims = "!" / "$" / "&" / "'" / "(" / ")" / "*" / "+" / "," / ";" / "="
/// ```
/// `%` is not in it: its two digits must be looked at.
pub(super) const HOST: Class = class(b"-._~!$&'()*+,;=", true);

/// ```text
/// path = *( "/" / pchar )                                    (RFC 3986 §3.3)
/// pchar = unreserved / pct-encoded / sub-delims / ":" / "@"
/// ```
/// and `[`, `]`, `|`, which no URI may hold but every browser sends as they are (the path
/// percent-encode set of the WHATWG URL standard lacks them), and on which no two readers differ.
/// `%` is not in it.
pub(super) const PATH: Class = class(b"-._~!$&'()*+,;=:@/[]|", true);

/// ```text
/// query = *( pchar / "/" / "?" )                             (RFC 3986 §3.4)
/// ```
/// and what browsers send as it is: `?a[]=1`, `?q={"x"}` without the quotes, `|`, `^`, `` ` ``.
/// `%` is not in it.
pub(super) const QUERY: Class = class(b"-._~!$&'()*+,;=:@/?[]|{}^`", true);

/// ```text
/// entity-tag = [ weak ] DQUOTE *etagc DQUOTE                 (RFC 9110 §8.8.3)
/// etagc = %x21 / %x23-7E / obs-text
/// ```
pub(super) const ETAG: Class = {
    let mut set = span(0x21, 0xff);
    set[b'"' as usize] = false;
    set[0x7f] = false;
    set
};

/// ```text
/// qdtext = HTAB / SP / %x21 / %x23-5B / %x5D-7E / obs-text   (RFC 9110 §5.6.4)
/// ```
pub(super) const QUOTED: Class = {
    let mut set = FIELD_VALUE;
    set[b'"' as usize] = false;
    set[b'\\' as usize] = false;
    set
};

/// ```text
/// field-value = *( field-vchar / SP / HTAB )                 (RFC 9110 §5.5)
/// field-vchar = VCHAR / obs-text
/// ```
/// Also what may follow the backslash of a quoted-pair.
pub(super) const FIELD_VALUE: Class = {
    let mut set = span(0x20, 0xff);
    set[b'\t' as usize] = true;
    set[0x7f] = false;
    set
};

/// Whether all of `bytes` are in `class`.
pub(super) fn all(bytes: &[u8], class: &Class) -> bool {
    bytes.iter().all(|&b| class[usize::from(b)])
}

/// How many bytes at the front of `bytes` are in `class`.
#[inline]
pub(super) fn run(bytes: &[u8], class: &Class) -> usize {
    let mut rest = bytes;
    // Eight at a time, so that the compiler need not count them.
    while let Some((eight, after)) = rest.split_first_chunk::<8>() {
        if let Some(at) = eight.iter().position(|&b| !class[usize::from(b)]) {
            return bytes.len() - rest.len() + at;
        }
        rest = after;
    }
    let at = rest.iter().position(|&b| !class[usize::from(b)]);
    bytes.len() - rest.len() + at.unwrap_or(rest.len())
}

/// `bytes` without OWS = *( SP / HTAB ) at both ends (RFC 9110 §5.6.3).
pub(super) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// The value of a hexadecimal digit.
pub(super) fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Where the first control byte other than HTAB is, at or after `from`.
pub(super) fn control(bytes: &[u8], from: usize) -> Option<usize> {
    match from_control(bytes.get(from..)?) {
        [] => None,
        rest => Some(bytes.len() - rest.len()),
    }
}

/// The part of `bytes` that begins with the first control byte other than HTAB.
///
/// Nearly all bytes of a head pass here and nearly none stop it, so many are looked at together:
/// words at first, because most values are short, and strides in what is longer.
#[inline]
pub(super) fn from_control(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    for _ in 0..16 {
        let Some((word, after)) = rest.split_first_chunk() else {
            return from_control_slowly(rest);
        };
        let hits = controls(u64::from_le_bytes(*word));
        if hits != 0 {
            let rest = &rest[hits.trailing_zeros() as usize / 8..];
            return match rest {
                [b'\t', ..] => from_control_slowly(rest),
                _ => rest,
            };
        }
        rest = after;
    }
    while let Some((stride, after)) = rest.split_first_chunk::<32>() {
        // A form that the compiler turns into vector instructions.
        let hit = |&b: &u8| u8::from(b < 0x20) | u8::from(b == 0x7f);
        if stride.iter().fold(0, |hits, b| hits | hit(b)) != 0 {
            break;
        }
        rest = after;
    }
    from_control_slowly(rest)
}

/// As `from_control`, a byte at a time.
fn from_control_slowly(bytes: &[u8]) -> &[u8] {
    &bytes[run(bytes, &FIELD_VALUE)..]
}

/// Marks the high bit of each byte that is below 0x20 or is DEL. No sum reaches the next byte.
const fn controls(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = ONES * 0x80;
    let low = word & !HIGH;
    let not_below = low + ONES * (0x80 - 0x20);
    let del = low + ONES;
    (!not_below | del) & !word & HIGH
}

/// The bytes of `list`, with letters and digits if `alphanumeric`.
const fn class(list: &[u8], alphanumeric: bool) -> Class {
    let mut set = [false; 256];
    let mut i = 0;
    while i < list.len() {
        set[list[i] as usize] = true;
        i += 1;
    }
    let mut b = 0;
    while alphanumeric && b < 128 {
        set[b] |= (b as u8).is_ascii_alphanumeric();
        b += 1;
    }
    set
}

/// The bytes from `first` to `last`.
const fn span(first: u8, last: u8) -> Class {
    let mut set = [false; 256];
    let mut b = first as usize;
    while b <= last as usize {
        set[b] = true;
        b += 1;
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_what_the_grammar_says() {
        for b in 0..=255u8 {
            let i = usize::from(b);
            let separator = b"\"(),/:;<=>?@[\\]{}".contains(&b);
            assert_eq!(TOKEN[i], b.is_ascii_graphic() && !separator, "token {b:#x}");
            assert_eq!(VISIBLE[i], b.is_ascii_graphic(), "visible {b:#x}");
            let control = (b < 0x20 && b != b'\t') || b == 0x7f;
            assert_eq!(FIELD_VALUE[i], !control, "field value {b:#x}");
            assert!(!PATH[i] || QUERY[i], "{b:#x} is in paths alone");
            assert!(!HOST[i] || PATH[i], "{b:#x} is in hosts alone");
        }
        for b in b"%#\\\"<> \x7f\x80" {
            assert!(!QUERY[usize::from(*b)], "query {b:#x}");
        }
    }

    #[test]
    fn the_wide_scan_finds_what_the_narrow_one_finds() {
        // Each kind of byte at each place of words and strides, behind bytes that tempt a carry.
        let kinds = [0, 0x08, b'\t', b'\r', 0x1f, b' ', b'~', 0x7f, 0x80, 0xff];
        for lure in [b'a', b'\t', b' ', 0x80, 0xff, b'!', b'~'] {
            for place in (0..20).chain(120..200) {
                for b in kinds {
                    let mut bytes = [lure; 200];
                    bytes[place] = b;
                    for (from, len) in [(0, 200), (1, 199), (7, 20), (20, 20), (21, 20)] {
                        let bytes = &bytes[..len];
                        let want = bytes
                            .iter()
                            .enumerate()
                            .skip(from)
                            .find(|(_, b)| !FIELD_VALUE[usize::from(**b)])
                            .map(|(i, _)| i);
                        let got = control(bytes, from);
                        assert_eq!(got, want, "{b:#x} at {place} after {lure:#x}");
                    }
                }
            }
        }
        for b in 0..=255u8 {
            let want = (!FIELD_VALUE[usize::from(b)]).then_some(3);
            assert_eq!(
                control(&[b'a', b'a', b'a', b, b'a', b'a', b'a', b'a'], 0),
                want
            );
        }
        assert_eq!(control(b"\t\x08\t\t\t\t\t\t\t", 0), Some(1));
    }

    #[test]
    fn trimming_takes_spaces_and_tabs_alone() {
        for (name, from, want) in [
            ("nothing", &b""[..], &b""[..]),
            ("blank", b" \t ", b""),
            ("both ends", b"\t a b ", b"a b"),
            ("no other space", b"\x0b a\xa0", b"\x0b a\xa0"),
        ] {
            assert_eq!(trim(from), want, "{name}");
        }
    }
}
