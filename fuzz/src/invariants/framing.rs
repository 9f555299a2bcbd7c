//! A head has one reading of where its body ends: an independent reader of its lines agrees.

use httprs::http::{Framing, FramingError, Head, HeadEnd, Limits, request_framing};

use super::naive;

/// Panics where the invariant is broken.
pub fn holds(data: &[u8]) {
    let limits = Limits::default();
    let Ok(Some(end)) = HeadEnd::default().find(data, &limits) else {
        return;
    };
    let mut head = Head::default();
    if head.parse(&data[..end], &limits).is_err() {
        return;
    }
    let got = request_framing(&head);
    assert_eq!(request_framing(&head), got, "read twice");

    let simple = naive::head(&data[..end]).expect("an accepted head has words and fields");
    // Both ways: an accepted framing is plain, and a plain framing is accepted.
    let want = match simple.framing() {
        naive::Framing::None => Some(Framing::None),
        naive::Framing::Length(n) => u64::try_from(n).ok().map(Framing::Length),
        naive::Framing::Chunked => Some(Framing::Chunked),
        naive::Framing::Doubtful => None,
    };
    assert_eq!(got.ok(), want, "{got:?}");

    let Err(error) = got else { return };
    let codings = simple.all("transfer-encoding");
    match error.status().get() {
        400 => {}
        501 => {
            // Only where an unknown coding is the whole fault.
            assert_eq!(error, FramingError::UnknownCoding);
            assert!(simple.all("content-length").is_empty());
            assert_ne!(simple.version, b"HTTP/1.0");
            // A quoted comma ends no element, but behind the last comma of all stands `chunked`.
            let list = codings.join(&b","[..]).to_ascii_lowercase();
            let mut words = list.rsplit(|&b| b == b',');
            assert_eq!(words.next().map(<[u8]>::trim_ascii), Some(&b"chunked"[..]));
            assert!(words.next().is_some(), "chunked alone is known");
        }
        other => panic!("{error:?} is {other}"),
    }
}
