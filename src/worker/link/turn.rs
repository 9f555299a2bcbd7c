//! What a [`Link`](crate::worker::link::Link) is told when it has a turn, and what it says after
//! it.

use std::cell::Cell;

use super::answers::Answers;
use super::buffer_pool::BufferPool;
use super::slow_reader::SlowReaderLimits;
use crate::log::{ByKind, Log, RateLimited};
use crate::process::Wakers;
use crate::scoreboard::Slot;
use crate::time::{Millis, Now};

/// What a link needs to know in each turn.
pub struct Turn<'a> {
    /// The time.
    pub now: Now,
    /// The same, in microseconds of the monotonic clock.
    pub now_us: u64,
    /// The worker drains.
    pub stopping: bool,
    /// Clients wait for room, and no connection is idle.
    pub crowded: bool,
    /// How fast a client must read.
    pub slow_reader: SlowReaderLimits,
    /// How much input the protocol may see at once.
    pub input_limit: usize,
    /// False for admin connections, which are neither counted nor logged.
    pub counted: bool,
    /// The worker's record.
    pub slot: &'a Slot,
    /// Which worker this is.
    pub worker: usize,
    /// Where log lines go.
    pub log: &'a Log,
    /// Handlers that failed.
    pub faults: &'a RateLimited,
    /// Requests that were refused, by the reason.
    pub refusals: &'a ByKind,
    /// Set when code has panicked that the worker called.
    pub panicked: &'a Cell<bool>,
    /// The answers of this connection that are not sent.
    pub answers: &'a mut Answers,
    /// Buffers for connections that need some.
    pub buffers: &'a mut BufferPool,
    /// Makes wakers of the connection.
    pub wakers: Wakers<'a>,
}

/// Why a link has a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wakeup {
    /// There is something to read.
    Readable,
    /// The connection is broken.
    HungUp,
    /// There is room to write, a deadline has passed, or the link has yielded before.
    WritableOrTimer,
    /// A waker of the connection was used.
    Woken,
    /// The connection is closed to make room for another one.
    Evict,
    /// The worker exits at once, whatever is in flight.
    Abort,
}

/// What a turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnResult {
    /// The link waits for its stream, until this time at most.
    Wait(Millis),
    /// The link could go on, but lets others come first.
    Yield,
    /// The connection has ended.
    Closed,
    /// The connection has ended because its protocol is wrong: it waits for more input than it may
    /// see.
    ProtocolError,
}
