//! A printed date parses back, and a parsed date prints as the date that it means.

use httprs::http::date::{imf_fixdate, parse};

/// The last second of the year 9999.
const LAST: u64 = 253_402_300_799;

/// The date itself, as text; its first bytes are also a point in time. Panics where the invariant
/// is broken.
pub fn holds(data: &[u8]) {
    let mut first = [0; 8];
    let n = data.len().min(8);
    first[..n].copy_from_slice(&data[..n]);
    let unix = u64::from_le_bytes(first);
    for unix in [unix, unix % (LAST + 1), unix % (1 << 31)] {
        printed(unix);
        parsed(data, unix);
    }
    parsed(data, 1_795_352_400);
}

fn printed(unix: u64) {
    let text = imf_fixdate(unix);
    let want = i64::try_from(unix.min(LAST)).expect("it fits");
    assert_eq!(parse(&text, 0), Some(want), "{}", text.escape_ascii());
}

fn parsed(text: &[u8], now: u64) {
    let Some(unix) = parse(text, now) else { return };
    assert_eq!(parse(text, now), Some(unix), "parsed twice");
    assert!(text.is_ascii());
    let Ok(unix) = u64::try_from(unix) else {
        // Before 1970: no such date is ever printed.
        return;
    };
    // A leap second at the end of the year 9999 is the one date that has no next second.
    if unix > LAST {
        assert_eq!(unix, LAST + 1);
        return;
    }
    let print = imf_fixdate(unix);
    assert_eq!(parse(&print, now), Some(unix as i64));
    let leap = text.windows(3).any(|w| w == b":60");
    if text.len() == 29 && !text.contains(&b'-') && !leap {
        assert_eq!(print, text, "another spelling of {}", print.escape_ascii());
    }
    if text.contains(&b'-') && now <= LAST {
        // Two digits of a year: the ones that were sent, and no more than 50 years ahead.
        let comma = text.iter().position(|&b| b == b',').expect("a weekday");
        let year = |text: &[u8]| -> u32 {
            let text = std::str::from_utf8(text).expect("digits");
            text.parse().expect("digits")
        };
        let sent = year(&text[comma + 9..comma + 11]);
        // A leap second can be in the next year.
        let got = year(&imf_fixdate(unix - u64::from(leap))[12..16]);
        assert_eq!(got % 100, sent);
        assert!(got <= year(&imf_fixdate(now)[12..16]) + 50);
    }
}
