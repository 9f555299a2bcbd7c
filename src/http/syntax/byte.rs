//! Classes of bytes as tables, each below the grammar that it was made from, and the scans that
//! look at a word of bytes at a time.
//!
//! Tables and not `match`: one load a byte, whatever the class looks like.
//!
//! Each `inline` here and in the readers of a head was measured (`make bench-parser`): code that
//! every head goes through is part of its caller, and code that few go through (`_slowly`) is kept
//! out of it, because there it would take registers from the rest.

/// A set of bytes.
pub(crate) type Class = [bool; 256];

/// ```text
/// token = 1*tchar                                            (RFC 9110 §5.6.2)
/// tchar = "!" / "#" / "$" / "%" / "&" / "'" / "*" / "+" / "-" / "." / "^" / "_" / "`" / "|" / "~"
///       / DIGIT / ALPHA
/// ```
pub(crate) const TOKEN: Class = class(b"!#$%&'*+-.^_`|~", true);

/// The bytes of a request target as far as the request line is concerned: visible ASCII. Which of
/// them a URI may hold is for `uri` to say; here only the target's end must be clear.
pub(crate) const VISIBLE: Class = span(0x21, 0x7e);

/// ```text
/// uri-host = *( unreserved / pct-encoded / sub-delims )      (RFC 3986 §3.2.2, reg-name)
/// unreserved = ALPHA / DIGIT / "-" / "." / "_" / "~"
/// sub-delims = "!" / "$" / "&" / "'" / "(" / ")" / "*" / "+" / "," / ";" / "="
/// ```
/// `%` is not in it: its two digits must be looked at.
pub(crate) const HOST: Class = class(b"-._~!$&'()*+,;=", true);

/// ```text
/// path = *( "/" / pchar )                                    (RFC 3986 §3.3)
/// pchar = unreserved / pct-encoded / sub-delims / ":" / "@"
/// ```
/// and `[`, `]`, `|`, `^`, which no URI may hold but browsers send unescaped, and on which no two
/// readers differ. `%` is not in it, and neither is the backslash, which browsers turn into a
/// slash.
pub(crate) const PATH: Class = class(b"-._~!$&'()*+,;=:@/[]|^", true);

/// ```text
/// query = *( pchar / "/" / "?" )                             (RFC 3986 §3.4)
/// ```
/// and bytes that browsers send unescaped, because the query percent-encode set of the WHATWG URL
/// standard lacks them: `[`, `]`, `{`, `}`, `|`, `^`, `` ` ``, the backslash, and `%`, whatever
/// follows it. No two readers differ on where a query ends, and its meaning is for its reader.
pub(crate) const QUERY: Class = class(b"-._~!$&'()*+,;=:@/?[]|{}^`\\%", true);

/// ```text
/// entity-tag = [ weak ] DQUOTE *etagc DQUOTE                 (RFC 9110 §8.8.3)
/// etagc = %x21 / %x23-7E / obs-text
/// ```
pub(crate) const ETAG: Class = {
    let mut set = span(0x21, 0xff);
    set[b'"' as usize] = false;
    set[0x7f] = false;
    set
};

/// ```text
/// qdtext = HTAB / SP / %x21 / %x23-5B / %x5D-7E / obs-text   (RFC 9110 §5.6.4)
/// ```
pub(crate) const QUOTED: Class = {
    let mut set = FIELD_VALUE;
    set[b'"' as usize] = false;
    set[b'\\' as usize] = false;
    set
};

/// ```text
/// field-value = *( field-vchar / SP / HTAB )                 (RFC 9110 §5.5)
/// field-vchar = VCHAR / obs-text
/// ```
/// Also the bytes that may follow the backslash of a quoted-pair.
pub(crate) const FIELD_VALUE: Class = {
    let mut set = span(0x20, 0xff);
    set[b'\t' as usize] = true;
    set[0x7f] = false;
    set
};

/// Whether all of `bytes` are in `class`.
pub(crate) fn all(bytes: &[u8], class: &Class) -> bool {
    bytes.iter().all(|&b| class[usize::from(b)])
}

/// How many bytes at the front of `bytes` are in `class`.
pub(crate) fn run(bytes: &[u8], class: &Class) -> usize {
    bytes.len() - skip(bytes, class).len()
}

/// `bytes` without those at the front that are in `class`.
#[inline(always)]
pub(crate) fn skip<'a>(bytes: &'a [u8], class: &Class) -> &'a [u8] {
    let end = |some: &[u8]| some.iter().position(|&b| !class[usize::from(b)]);
    let mut rest = bytes;
    // Eight at a time, and four of those that are left, so that the compiler need not count them.
    while let Some((eight, after)) = rest.split_first_chunk::<8>() {
        if let Some(at) = end(eight) {
            return &rest[at..];
        }
        rest = after;
    }
    if let Some((four, after)) = rest.split_first_chunk::<4>() {
        if let Some(at) = end(four) {
            return &rest[at..];
        }
        rest = after;
    }
    while let [b, after @ ..] = rest
        && class[usize::from(*b)]
    {
        rest = after;
    }
    rest
}

/// `bytes` without OWS = *( SP / HTAB ) at both ends (RFC 9110 §5.6.3).
pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    trim_end(trim_start(bytes))
}

/// `bytes` without OWS at the front, where nearly all senders put one space.
#[inline(always)]
pub(crate) fn trim_start(bytes: &[u8]) -> &[u8] {
    match bytes {
        [b' ', b'!'..=b'\xff', ..] => &bytes[1..],
        _ => trim_start_slowly(bytes),
    }
}

#[inline(never)]
fn trim_start_slowly(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

/// `bytes` without OWS at the end, where nearly no sender puts any.
#[inline(always)]
pub(crate) fn trim_end(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// The value of a hexadecimal digit.
pub(crate) fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Where the first control byte other than HTAB is, at or after `from`.
pub(crate) fn control(bytes: &[u8], from: usize) -> Option<usize> {
    match from_control(bytes.get(from..)?) {
        [] => None,
        rest => Some(bytes.len() - rest.len()),
    }
}

/// The part of `bytes` that begins with the first control byte other than HTAB.
///
/// Nearly all bytes of a head pass here and nearly none stop it, so many are looked at together:
/// words at first, because most values are short, and strides in what is longer.
#[inline(always)]
pub(crate) fn from_control(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    for _ in 0..4 {
        let Some((word, after)) = rest.split_first_chunk() else {
            return from_control_slowly(rest);
        };
        if let Some(at) = first(controls(u64::from_le_bytes(*word))) {
            rest = &rest[at..];
            // The end of a line, as a rule; any other marked byte need not be a control byte.
            return if rest.starts_with(b"\r\n") {
                rest
            } else {
                from_control_slowly(rest)
            };
        }
        rest = after;
    }
    from_control_in_strides(rest)
}

/// As `from_control`, for long values.
#[inline(never)]
fn from_control_in_strides(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let Some((stride, after)) = rest.split_first_chunk::<32>() {
        // A form that the compiler turns into vector instructions.
        let hit = |&b: &u8| (b < 0x20) | (b == 0x7f);
        if stride.iter().fold(false, |hits, b| hits | hit(b)) {
            break;
        }
        rest = after;
    }
    while let Some((word, after)) = rest.split_first_chunk() {
        if let Some(at) = first(controls(u64::from_le_bytes(*word))) {
            rest = &rest[at..];
            break;
        }
        rest = after;
    }
    from_control_slowly(rest)
}

/// As `from_control`, a byte at a time.
#[inline(never)]
fn from_control_slowly(bytes: &[u8]) -> &[u8] {
    skip(bytes, &FIELD_VALUE)
}

/// `bytes` without those at the front that are visible ASCII, a word at a time: targets are long.
#[inline(always)]
pub(crate) fn skip_visible(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let Some((word, after)) = rest.split_first_chunk() {
        if let Some(at) = first(invisibles(u64::from_le_bytes(*word))) {
            return &rest[at..];
        }
        rest = after;
    }
    skip(rest, &VISIBLE)
}

const ONES: u64 = u64::from_le_bytes([1; 8]);
/// The high bit of each byte.
const HIGH: u64 = ONES * 0x80;

/// Marks the high bit of bytes. No control byte is before the first that is marked; that one may
/// be HTAB, or `~` behind 0xff, which carries.
///
/// Taking 0x20 from a byte sets its high bit if it is smaller than that, adding one sets it if it
/// is DEL; bytes that had it set before do not count. The loan or carry to the next byte is what
/// makes marks behind the first one worthless.
const fn controls(word: u64) -> u64 {
    (word.wrapping_sub(ONES * 0x20) | word.wrapping_add(ONES)) & !word & HIGH
}

/// Marks the high bit of bytes. The first that is marked is the first that is no visible ASCII:
/// as `controls`, but bytes that have their high bit set count, so that none carries before it.
const fn invisibles(word: u64) -> u64 {
    (word.wrapping_sub(ONES * 0x21) | word.wrapping_add(ONES) | word) & HIGH
}

/// Which byte of a word is the first that is marked, if any is.
#[inline(always)]
fn first(marks: u64) -> Option<usize> {
    (marks != 0).then(|| marks.trailing_zeros() as usize / 8)
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
    fn classes_follow_the_grammar() {
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
    }

    /// Character by character: the parser accepts what a browser does not encode (WHATWG URL,
    /// "percent-encoded bytes"), and refuses the bytes that no browser sends.
    #[test]
    fn bytes_that_browsers_send_are_accepted_and_no_others() {
        for b in 0..=255u8 {
            let i = usize::from(b);
            let encoded_in_query = !b.is_ascii_graphic() || b"\"#<>".contains(&b);
            assert_eq!(QUERY[i], !encoded_in_query, "query {b:#x}");
            // The standard of before 2024 does not encode the circumflex.
            let encoded_in_path = encoded_in_query || b"?`{}".contains(&b);
            // The percent sign begins an escape; the backslash is sent as a slash.
            let elsewhere = b"%\\".contains(&b);
            assert_eq!(PATH[i], !encoded_in_path && !elsewhere, "path {b:#x}");
        }
    }

    #[test]
    fn the_wide_scan_agrees_with_the_narrow_one() {
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
    fn visible_bytes_are_found_by_words_too() {
        for lure in [b'!', b'a', b'~'] {
            for place in 0..20 {
                for b in 0..=255u8 {
                    let mut bytes = [lure; 20];
                    bytes[place] = b;
                    for next in [lure, b' ', 0x7f, 0xff] {
                        let mut bytes = bytes.to_vec();
                        bytes.push(next);
                        let want = run(&bytes, &VISIBLE);
                        let got = bytes.len() - skip_visible(&bytes).len();
                        assert_eq!(got, want, "{b:#x} at {place} in {lure:#x}");
                    }
                }
            }
        }
    }

    #[test]
    fn runs_end_at_the_first_byte_of_no_class() {
        for len in 0..30 {
            for at in 0..=len {
                let mut bytes = vec![b'a'; len];
                if let Some(b) = bytes.get_mut(at) {
                    *b = b':';
                }
                assert_eq!(run(&bytes, &TOKEN), at, "{at} of {len}");
            }
        }
    }

    #[test]
    fn trimming_takes_spaces_and_tabs_alone() {
        for (name, from, want) in [
            ("nothing", &b""[..], &b""[..]),
            ("blank", b" \t ", b""),
            ("one in front", b" a", b"a"),
            ("one in front of a control byte", b" \x01", b"\x01"),
            ("more in front", b"  \ta", b"a"),
            ("behind", b"a\t ", b"a"),
            ("behind a control byte", b"\x01 ", b"\x01"),
            ("both ends", b"\t a b ", b"a b"),
            ("no other space", b"\x0b a\xa0", b"\x0b a\xa0"),
        ] {
            assert_eq!(trim(from), want, "{name}");
        }
    }
}
