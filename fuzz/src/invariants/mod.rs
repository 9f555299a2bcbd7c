//! One invariant a file: a function of some bytes that panics where the invariant is broken.
//!
//! The fuzz targets call them with random bytes, `tests/corpus.rs` with the seeds of `fuzz/corpus`.
//! They compare with a second implementation, as naive as can be (`naive`), so that a misreading of
//! ours has to be made twice to go unseen.

pub mod accept;
pub mod chunked;
pub mod conditional;
pub mod date;
pub mod framing;
pub mod head;
pub mod head_end;
pub mod http1;
mod naive;
pub mod range;
pub mod supervisor;
pub mod uri;
pub mod websocket;

use httprs::http::Limits;

/// A function that panics where its invariant is broken.
pub type Invariant = fn(&[u8]);

/// Every target and its invariant.
pub const ALL: &[(&str, Invariant)] = &[
    ("accept", accept::holds),
    ("chunked", chunked::holds),
    ("conditional", conditional::holds),
    ("date", date::holds),
    ("framing", framing::holds),
    ("head", head::holds),
    ("head_end", head_end::holds),
    ("http1", http1::holds),
    ("range", range::holds),
    ("supervisor", supervisor::holds),
    ("uri", uri::holds),
    ("websocket", websocket::holds),
];

/// Limits so small that a fuzzer reaches each of them.
pub(crate) fn small() -> Limits {
    Limits {
        head_bytes: 512,
        target_bytes: 96,
        method_bytes: 8,
        fields: 8,
        body_bytes: 256,
        chunk_overhead: 48,
        trailer_bytes: 96,
    }
}

/// Reads how to cut from the first two bytes: the length of the first piece, and of each further
/// piece (0: all the rest is one piece). `!` and a line feed, 33 and 10, leave a seed legible.
fn cut(data: &[u8]) -> Option<(Vec<&[u8]>, &[u8])> {
    let [first, step, wire @ ..] = data else {
        return None;
    };
    let (head, rest) = wire.split_at(usize::from(*first).min(wire.len()));
    let step = match usize::from(*step) {
        0 => rest.len().max(1),
        step => step,
    };
    let mut pieces = vec![head];
    pieces.extend(rest.chunks(step));
    Some((pieces, wire))
}
