//! What a [`Link`](crate::worker::link::Link) is told when it has a turn, and what it says after it.

use std::cell::Cell;

use super::answers::Answers;
use super::buffer_pool::Spares;
use super::slow_reader::Pace;
use crate::log::Log;
use crate::scoreboard::Slot;
use crate::time::{Millis, Now};
use crate::worker::complaints::{ByKind, Complaints};

/// What a link needs to know in each turn.
pub struct Turn<'a> {
    /// The time.
    pub now: Now,
    /// The same, in microseconds of the monotonic clock.
    pub now_us: u64,
    /// The worker is about to leave.
    pub stopping: bool,
    /// Others wait for room, and nobody is idle.
    pub crowded: bool,
    /// How fast a peer must read.
    pub pace: Pace,
    /// How much input the protocol may see at once.
    pub input_limit: usize,
    /// Whether what is answered counts.
    pub counted: bool,
    /// The worker's record.
    pub slot: &'a Slot,
    /// Which worker this is.
    pub worker: usize,
    /// Where log lines go.
    pub log: &'a Log,
    /// What went wrong in answering.
    pub faults: &'a Complaints,
    /// Why requests were refused.
    pub refusals: &'a ByKind,
    /// Set when code has panicked that the worker called.
    pub panicked: &'a Cell<bool>,
    /// The answers of this connection that are not sent.
    pub answers: &'a mut Answers,
    /// Buffers for connections that need some.
    pub pool: &'a mut Spares,
}

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
