//! However a head is cut, its end is found at the same place, or refused for the same reason.

use httprs::http::{HeadEnd, HeadError, Limits};

use super::{cut, small};

/// Panics where the invariant is broken.
pub fn holds(data: &[u8]) {
    let Some((pieces, wire)) = cut(data) else {
        return;
    };
    for limits in [small(), Limits::default()] {
        let whole = find([wire].into_iter(), wire, &limits);
        assert_eq!(find(pieces.iter().copied(), wire, &limits), whole, "cut");
        assert_eq!(find(wire.chunks(1), wire, &limits), whole, "byte by byte");

        // One empty line may come first; the next one is the end.
        let skipped = if wire.starts_with(b"\r\n") { 2 } else { 0 };
        let empty = wire[skipped..].windows(4).position(|w| w == b"\r\n\r\n");
        match (whole, empty) {
            (Ok(end), at) => assert_eq!(end, at.map(|at| skipped + at + 4)),
            (Err(error), _) => assert!(matches!(error.status().get(), 400 | 414 | 431 | 505)),
        }
    }
}

/// The result of a search that sees one more piece each time, until it has one.
fn find<'a>(
    pieces: impl Iterator<Item = &'a [u8]>,
    wire: &[u8],
    limits: &Limits,
) -> Result<Option<usize>, HeadError> {
    let mut search = HeadEnd::default();
    let mut there = 0;
    for piece in pieces {
        there += piece.len();
        if let Some(end) = search.find(&wire[..there], limits)? {
            return Ok(Some(end));
        }
    }
    Ok(None)
}
