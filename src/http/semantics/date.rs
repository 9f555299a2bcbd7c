//! Dates (RFC 9110 §5.6.7): one form out, three forms in.
//!
//! ```text
//! IMF-fixdate  Sun, 06 Nov 1994 08:49:37 GMT      what all clients send, and all that we send
//! rfc850-date  Sunday, 06-Nov-94 08:49:37 GMT     obsolete
//! asctime-date Sun Nov  6 08:49:37 1994           obsolete
//! ```
//! Strict: case-sensitive, the day exists and the weekday is right, else it is no date. What an
//! invalid date costs is an answer in full where 304 would have done. Reads no clock.

use crate::time::calendar::{MONTHS, civil, days};

const WEEKDAYS: [&str; 7] = [
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
];

const DAY: u64 = 86_400;

/// The last second that has a year of four digits.
const LAST: u64 = 253_402_300_799;

/// `unix` seconds since 1970 as a date. Years past 9999, which have no such form, end there.
///
/// ```
/// use httprs::http::date;
/// assert_eq!(&date::imf_fixdate(784_111_777), b"Sun, 06 Nov 1994 08:49:37 GMT");
/// ```
pub fn imf_fixdate(unix: u64) -> [u8; 29] {
    let unix = unix.min(LAST);
    let (days, second) = (unix / DAY, unix % DAY);
    let (year, month, day) = civil(days);
    let mut out = *b"Thu, 01 Jan 1970 00:00:00 GMT";
    out[..3].copy_from_slice(&WEEKDAYS[(days % 7) as usize].as_bytes()[..3]);
    two(&mut out, 5, day);
    out[8..11].copy_from_slice(MONTHS[month as usize - 1].as_bytes());
    two(&mut out, 12, year / 100);
    two(&mut out, 14, year % 100);
    two(&mut out, 17, second / 3600);
    two(&mut out, 20, second / 60 % 60);
    two(&mut out, 23, second % 60);
    out
}

/// `unix` seconds since 1970 as RFC 3339 has it, in UTC: for HTML and JSON, no field of HTTP has
/// this form. Years past 9999 end there.
///
/// ```
/// use httprs::http::date;
/// assert_eq!(&date::rfc3339(784_111_777), b"1994-11-06T08:49:37Z");
/// ```
pub fn rfc3339(unix: u64) -> [u8; 20] {
    let unix = unix.min(LAST);
    let (days, second) = (unix / DAY, unix % DAY);
    let (year, month, day) = civil(days);
    let mut out = *b"1970-01-01T00:00:00Z";
    two(&mut out, 0, year / 100);
    two(&mut out, 2, year % 100);
    two(&mut out, 5, month);
    two(&mut out, 8, day);
    two(&mut out, 11, second / 3600);
    two(&mut out, 14, second / 60 % 60);
    two(&mut out, 17, second % 60);
    out
}

/// The seconds since 1970 of a date in any of the three forms; negative before that.
///
/// `now_unix` settles the century of a year with two digits: a date that would be more than 50
/// years ahead lies in the past.
pub fn parse(value: &[u8], now_unix: u64) -> Option<i64> {
    match value.iter().position(|&b| b == b',') {
        Some(3) => imf(value),
        Some(comma) => rfc850(&value[..comma], &value[comma + 1..], now_unix),
        None => asctime(value),
    }
}

fn imf(value: &[u8]) -> Option<i64> {
    let value: &[u8; 29] = value.try_into().ok()?;
    let frame = [value[4], value[7], value[11], value[16]] == *b"    " && value[25..] == *b" GMT";
    let year = number(&value[12..16])?;
    let date = Date {
        year,
        month: month(&value[8..11])?,
        day: number(&value[5..7])?,
    };
    let (weekday, unix) = date.unix(&value[17..25])?;
    (frame && weekday.as_bytes()[..3] == value[..3]).then_some(unix)
}

fn rfc850(name: &[u8], rest: &[u8], now_unix: u64) -> Option<i64> {
    let rest: &[u8; 23] = rest.try_into().ok()?;
    let frame = [rest[0], rest[3], rest[7], rest[10]] == *b" -- " && rest[19..] == *b" GMT";
    let (now, _, _) = civil(now_unix.min(LAST) / DAY);
    let mut date = Date {
        year: now - now % 100 + number(&rest[8..10])?,
        month: month(&rest[4..7])?,
        day: number(&rest[1..3])?,
    };
    // "appears to be more than 50 years in the future": of two dates in one year the later may be
    // ahead by more and the other not, so it is years that are compared.
    if date.year > now + 50 {
        date.year -= 100;
    }
    let (weekday, unix) = date.unix(&rest[11..19])?;
    (frame && weekday.as_bytes() == name).then_some(unix)
}

fn asctime(value: &[u8]) -> Option<i64> {
    let value: &[u8; 24] = value.try_into().ok()?;
    let frame = [value[3], value[7], value[10], value[19]] == *b"    ";
    let day = match [value[8], value[9]] {
        [b' ', digit] => number(&[digit])?,
        // One digit goes with a space, never with a zero.
        [b'0', _] => return None,
        digits => number(&digits)?,
    };
    let date = Date {
        year: number(&value[20..])?,
        month: month(&value[4..7])?,
        day,
    };
    let (weekday, unix) = date.unix(&value[11..19])?;
    (frame && weekday.as_bytes()[..3] == value[..3]).then_some(unix)
}

/// A day of the calendar; not yet known to exist.
struct Date {
    year: u64,
    month: u64,
    day: u64,
}

impl Date {
    /// The weekday, and the seconds since 1970 at this time, `08:49:37`, if there are such.
    fn unix(&self, time: &[u8]) -> Option<(&'static str, i64)> {
        let time: &[u8; 8] = time.try_into().ok()?;
        let (hour, minute) = (number(&time[..2])?, number(&time[3..5])?);
        let second = number(&time[6..])?;
        let frame = [time[2], time[5]] == *b"::";
        // second = 2DIGIT: 60 is a leap second.
        if !frame || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let days = days(self.year, self.month, self.day)?;
        let weekday = WEEKDAYS[days.rem_euclid(7) as usize];
        let unix = days * DAY as i64 + (hour * 3600 + minute * 60 + second) as i64;
        Some((weekday, unix))
    }
}

fn month(name: &[u8]) -> Option<u64> {
    let index = MONTHS.iter().position(|month| month.as_bytes() == name)?;
    Some(index as u64 + 1)
}

/// A number of as many digits as there are bytes: at most four.
fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |number, b| match b {
        b'0'..=b'9' => Some(number * 10 + u64::from(b - b'0')),
        _ => None,
    })
}

/// Writes a number below 100.
fn two(out: &mut [u8], at: usize, number: u64) {
    out[at] = b'0' + (number / 10 % 10) as u8;
    out[at + 1] = b'0' + (number % 10) as u8;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22.
    const NOW: u64 = 1_795_352_400;

    #[test]
    fn dates_in_all_forms() {
        for (text, want) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
            ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Wed, 31 Dec 1969 23:59:59 GMT", Some(-1)),
            ("Thu, 29 Feb 2024 12:00:00 GMT", Some(1_709_208_000)),
            ("Tue, 29 Feb 2000 00:00:00 GMT", Some(951_782_400)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(253_402_300_799)),
            ("Sat, 01 Jan 0000 00:00:00 GMT", Some(-62_167_219_200)),
            ("Tue, 30 Jun 2015 23:59:60 GMT", Some(1_435_708_800)),
            ("Tue, 30 Jun 2015 12:59:60 GMT", Some(1_435_669_200)),
            ("Wed Nov 16 08:49:37 1994", Some(784_975_777)),
            // 2076 is 50 years ahead, 2077 is more.
            ("Sunday, 22-Nov-76 13:00:00 GMT", Some(3_373_275_600)),
            ("Tuesday, 22-Nov-77 13:00:00 GMT", Some(249_051_600)),
            ("Saturday, 01-Jan-00 00:00:00 GMT", Some(946_684_800)),
            ("Thu, 29 Feb 2023 12:00:00 GMT", None),
            ("Thu, 29 Feb 1900 12:00:00 GMT", None),
            ("Sun, 31 Apr 1994 08:49:37 GMT", None),
            ("Sun, 00 Nov 1994 08:49:37 GMT", None),
            ("Mon, 06 Nov 1994 08:49:37 GMT", None),
            ("sun, 06 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 08:49:37 UTC", None),
            ("Sun, 06 Nov 1994 08:49:37 +0000", None),
            ("Sun, 06 Nov 1994 08:49:37", None),
            ("Sun, 06 Nov 1994 08:49:37 GMT ", None),
            ("Sun, 06 Nov 1994 24:00:00 GMT", None),
            ("Sun, 06 Nov 1994 08:60:37 GMT", None),
            ("Sun, 06 Nov 1994 08:49:61 GMT", None),
            ("Sun, 06 Nov 1994 08-49-37 GMT", None),
            ("Sun, 6 Nov 1994 08:49:37 GMT", None),
            ("Sun, +6 Nov 1994 08:49:37 GMT", None),
            ("Sun,  6 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 94 08:49:37 GMT", None),
            ("Sun, 06-Nov-94 08:49:37 GMT", None),
            ("Sunday, 06 Nov 94 08:49:37 GMT", None),
            ("Monday, 06-Nov-94 08:49:37 GMT", None),
            ("Sun Nov 06 08:49:37 1994", None),
            ("Sun Nov 6 08:49:37 1994", None),
            ("Sun Nov  6 08:49:37 1994 GMT", None),
            ("Sun Nov   08:49:37 1994", None),
            ("0", None),
            ("", None),
            (",", None),
        ] {
            assert_eq!(parse(text.as_bytes(), NOW), want, "{text:?}");
        }
    }

    #[test]
    fn printed_dates_parse_back() {
        // A stride that meets every time of day, weekday, month and leap rule.
        for unix in (0..=LAST).step_by(86_399 * 97) {
            let text = imf_fixdate(unix);
            let got = parse(&text, NOW);
            assert_eq!(got, Some(unix as i64), "{}", text.escape_ascii());
        }
        assert_eq!(imf_fixdate(u64::MAX), *b"Fri, 31 Dec 9999 23:59:59 GMT");
    }

    #[test]
    fn the_other_form_says_the_same() {
        for (unix, want) in [
            (0, b"1970-01-01T00:00:00Z"),
            (951_827_696, b"2000-02-29T12:34:56Z"),
            (NOW, b"2026-11-22T13:00:00Z"),
            (LAST, b"9999-12-31T23:59:59Z"),
            (u64::MAX, b"9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(&rfc3339(unix), want, "{unix}");
        }
    }

    #[test]
    fn no_byte_makes_it_panic() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            for at in 0..text.len() {
                for b in 0..=255 {
                    let mut bytes = text.as_bytes().to_vec();
                    bytes[at] = b;
                    let got = parse(&bytes, u64::MAX).is_some() && parse(&bytes, NOW).is_some();
                    let same = bytes == text.as_bytes();
                    assert!(!same || parse(&bytes, NOW).is_some(), "{text}");
                    assert!(!got || bytes.is_ascii(), "{}", bytes.escape_ascii());
                }
            }
        }
    }
}
