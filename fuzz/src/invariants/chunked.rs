//! An encoded body decodes to itself, and the same bytes give the same body however they are cut.

use httprs::http::chunked::{Decoder, push_chunk, push_last, push_last_with};
use httprs::http::{ChunkedError, Fields, Limits};

use super::{cut, naive, small};

/// The outcome of decoding a body.
#[derive(Debug, PartialEq)]
struct Decoded {
    /// Bytes that belong to the body, and whether it is complete.
    result: Result<(usize, bool), ChunkedError>,
    data: Vec<u8>,
    trailers: Vec<(String, Vec<u8>)>,
}

/// Panics where the invariant is broken.
pub fn holds(data: &[u8]) {
    let Some((pieces, wire)) = cut(data) else {
        return;
    };
    for limits in [small(), Limits::default()] {
        let (whole, trailers) = decode([wire].into_iter(), &limits);
        let (cut, _) = decode(pieces.iter().copied(), &limits);
        assert_eq!(cut, whole, "cut");
        let (bytes, _) = decode(wire.chunks(1), &limits);
        assert_eq!(bytes, whole, "byte by byte");
        check(&whole, wire, &limits);
        if let Ok((_, true)) = whole.result {
            encodes(&pieces, wire, Some(&trailers));
        }
    }
    encodes(&pieces, wire, None);
}

fn decode<'a>(pieces: impl Iterator<Item = &'a [u8]>, limits: &Limits) -> (Decoded, Fields) {
    let mut decoder = Decoder::default();
    let (mut data, mut trailers) = (Vec::new(), Fields::default());
    let mut result = Ok((0, false));
    for piece in pieces {
        match (
            decoder.decode(piece, &mut data, &mut trailers, limits),
            &mut result,
        ) {
            (Ok(progress), Ok((consumed, done))) => {
                assert!(progress.consumed <= piece.len(), "more than was given");
                assert!(progress.done || progress.consumed == piece.len());
                assert!(!*done || progress.consumed == 0, "goes on behind its end");
                *consumed += progress.consumed;
                *done = progress.done;
            }
            (Err(error), _) => {
                assert!(matches!(error.status().get(), 400 | 413 | 431), "{error:?}");
                let again = decoder.decode(b"0\r\n\r\n", &mut data, &mut trailers, limits);
                assert_eq!(again, Err(error), "an error stays");
                result = Err(error);
                break;
            }
            (_, Err(_)) => unreachable!("nothing is decoded after an error"),
        }
    }
    let decoded = Decoded {
        result,
        data,
        trailers: list(&trailers),
    };
    (decoded, trailers)
}

fn list(fields: &Fields) -> Vec<(String, Vec<u8>)> {
    let fields = fields.iter();
    fields.map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
}

fn check(got: &Decoded, wire: &[u8], limits: &Limits) {
    assert!(got.data.len() as u64 <= limits.body_bytes);
    assert!(got.trailers.len() <= limits.fields);
    let Ok((consumed, true)) = got.result else {
        return;
    };
    let simple = naive::chunked(wire).expect("an accepted body is plain");
    assert_eq!(consumed, simple.len);
    assert_eq!(got.data, simple.data);
    let fields = got.trailers.iter();
    let fields: Vec<_> = fields.map(|(n, v)| (n.as_bytes(), &v[..])).collect();
    assert_eq!(fields, simple.trailers);
    // Each chunk has 16 bytes and twice its length for free, and a CRLF; then there is the limit.
    let free = (simple.chunks + 1) * 16 + simple.data.len() * 2 + simple.chunks * 2;
    let most = free + limits.chunk_overhead + limits.trailer_bytes;
    assert!(consumed - got.data.len() <= most, "framing without an end");
}

/// `pieces` as chunks, with `trailers` behind them, decode to the same data and trailers.
fn encodes(pieces: &[&[u8]], data: &[u8], trailers: Option<&Fields>) {
    let mut wire = Vec::new();
    for piece in pieces {
        push_chunk(&mut wire, piece);
    }
    match trailers {
        Some(trailers) => push_last_with(&mut wire, trailers),
        None => push_last(&mut wire),
    }
    let len = wire.len();
    wire.extend_from_slice(b"GET");
    // A value that was sent without a space gets one, so trailers may be longer than they were.
    let limits = Limits {
        trailer_bytes: 1 << 16,
        ..Limits::default()
    };
    let (got, _) = decode([&wire[..]].into_iter(), &limits);
    let want = Decoded {
        result: Ok((len, true)),
        data: data.to_vec(),
        trailers: trailers.map(list).unwrap_or_default(),
    };
    assert_eq!(got, want);
}
