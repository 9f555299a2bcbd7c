//! What a [`Link`](super::link::Link) is told when it has a turn, and what it says after it.

use crate::time::Millis;

/// Why a link has a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There is something to read.
    Readable,
    /// The connection is broken.
    HungUp,
    /// There is room to write, a deadline has passed, it is about to leave.
    Other,
    /// Its place is for somebody else.
    Unwanted,
    /// There is no time left.
    Cut,
}

/// What becomes of a link after a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It waits for its stream, until this time at most.
    Wait(Millis),
    /// It could go on, but others come first.
    Again,
    /// It is over.
    Gone,
    /// It is over because its protocol is wrong: it waits for more input than it may see.
    Stuck,
}
