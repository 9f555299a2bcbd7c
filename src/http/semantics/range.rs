//! The Range field (RFC 9110 §14): [`resolve`] turns one range of bytes into offsets.
//!
//! ```text
//! Range        = bytes-unit "=" range-set
//! int-range    = first-pos "-" [ last-pos ]
//! suffix-range = "-" suffix-length
//! ```
//! A server may ignore Range (§14.2), and this one does unless there is exactly one range: several
//! at once are how a small request asks for a hundred copies of a file. Reads no file.

/// The part of a representation that a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// All of it: 200. Also where Range is malformed or its unit is unknown.
    Whole,
    /// From `start` to `end`, both included: 206. `start <= end < size`.
    Part {
        /// The first byte.
        start: u64,
        /// The last byte.
        end: u64,
    },
    /// Well-formed, but there are no such bytes: 416.
    Unsatisfiable,
}

/// The part that `value`, of a Range field, asks for in a representation of `size` bytes.
///
/// ```
/// use httprs::http::range::{Range, resolve};
/// assert_eq!(resolve(b"bytes=2-", 10), Range::Part { start: 2, end: 9 });
/// assert_eq!(resolve(b"bytes=10-", 10), Range::Unsatisfiable);
/// ```
pub fn resolve(value: &[u8], size: u64) -> Range {
    // Units are case-blind (§14.1).
    let range = match value.split_at_checked(6) {
        Some((unit, range)) if unit.eq_ignore_ascii_case(b"bytes=") => range,
        _ => return Range::Whole,
    };
    let Some(dash) = range.iter().position(|&b| b == b'-') else {
        return Range::Whole;
    };
    match (&range[..dash], &range[dash + 1..]) {
        (b"", suffix) => match number(suffix) {
            None => Range::Whole,
            Some(0) => Range::Unsatisfiable,
            // A suffix of nothing is all of it (§14.1.2), and 206 cannot say "no bytes".
            Some(_) if size == 0 => Range::Whole,
            Some(length) => Range::Part {
                start: size.saturating_sub(length),
                end: size - 1,
            },
        },
        (first, last) => {
            let end = match last {
                b"" => Some(u64::MAX),
                last => number(last),
            };
            match (number(first), end) {
                (Some(start), Some(end)) if last.is_empty() || !is_less(last, first) => {
                    if start >= size {
                        return Range::Unsatisfiable;
                    }
                    let end = end.min(size - 1);
                    Range::Part { start, end }
                }
                _ => Range::Whole,
            }
        }
    }
}

/// 1*DIGIT. A number that does not fit counts as the largest: no file reaches either.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, b| match b {
        b'0'..=b'9' => Some(
            number
                .saturating_mul(10)
                .saturating_add(u64::from(b - b'0')),
        ),
        _ => None,
    })
}

/// Whether `a` is a smaller number than `b`. By their digits: two numbers that do not fit are not
/// the same for that, and a range that ends before it begins is to be ignored (§14.1.1).
fn is_less(a: &[u8], b: &[u8]) -> bool {
    let zeros = |digits: &[u8]| digits.iter().take_while(|&&b| b == b'0').count();
    let (a, b) = (&a[zeros(a)..], &b[zeros(b)..]);
    (a.len(), a) < (b.len(), b)
}

#[cfg(test)]
mod tests {
    use super::Range::*;
    use super::*;

    #[test]
    fn a_range_lies_within_the_representation() {
        let part = |start, end| Part { start, end };
        for (value, size, want) in [
            ("bytes=0-0", 10, part(0, 0)),
            ("bytes=0-9", 10, part(0, 9)),
            ("bytes=0-10", 10, part(0, 9)),
            ("bytes=9-9", 10, part(9, 9)),
            ("bytes=3-", 10, part(3, 9)),
            ("BYTES=3-4", 10, part(3, 4)),
            ("bytes=007-008", 10, part(7, 8)),
            ("bytes=-1", 10, part(9, 9)),
            ("bytes=-10", 10, part(0, 9)),
            ("bytes=-11", 10, part(0, 9)),
            ("bytes=-99999999999999999999", 10, part(0, 9)),
            ("bytes=0-99999999999999999999", 10, part(0, 9)),
            ("bytes=0-", u64::MAX, part(0, u64::MAX - 1)),
            ("bytes=10-", 10, Unsatisfiable),
            ("bytes=10-20", 10, Unsatisfiable),
            ("bytes=99999999999999999999-", 10, Unsatisfiable),
            (
                "bytes=99999999999999999998-99999999999999999999",
                10,
                Unsatisfiable,
            ),
            ("bytes=-0", 10, Unsatisfiable),
            ("bytes=0-", 0, Unsatisfiable),
            ("bytes=0-0", 0, Unsatisfiable),
            ("bytes=-0", 0, Unsatisfiable),
            ("bytes=-5", 0, Whole),
            ("bytes=99999999999999999999-99999999999999999998", 10, Whole),
            ("bytes=99999999999999999999-18446744073709551615", 10, Whole),
            ("bytes=010-9", 10, Whole),
            ("bytes=4-3", 10, Whole),
            ("bytes=4-3", 0, Whole),
            ("bytes=0-0,2-3", 10, Whole),
            ("bytes=-1,-2", 10, Whole),
            ("bytes=0-,", 10, Whole),
            ("bytes=-", 10, Whole),
            ("bytes=", 10, Whole),
            ("bytes", 10, Whole),
            ("bytes=5", 10, Whole),
            ("bytes=--5", 10, Whole),
            ("bytes=1--5", 10, Whole),
            ("bytes=1-5-", 10, Whole),
            ("bytes= 0-1", 10, Whole),
            ("bytes=0 -1", 10, Whole),
            ("bytes =0-1", 10, Whole),
            ("bytes=+0-1", 10, Whole),
            ("bytes=0x0-1", 10, Whole),
            ("bytes=a-b", 10, Whole),
            ("lines=0-1", 10, Whole),
            ("0-1", 10, Whole),
            ("", 10, Whole),
        ] {
            let got = resolve(value.as_bytes(), size);
            assert_eq!(got, want, "{value:?} of {size}");
            if let Part { start, end } = got {
                assert!(start <= end && end < size, "{value:?} of {size}");
            }
        }
    }
}
