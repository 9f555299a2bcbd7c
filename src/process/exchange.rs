//! What a connection reports of its exchanges: [`Tally`] and [`Exchange`].
//!
//! Reports are for the access log, the scoreboard and the flight recorder. A protocol knows none of
//! them.

use std::any::Any;
use std::fmt;
use std::io;

use crate::time::Millis;

/// Where a protocol reports what it does, for the access log, the scoreboard and the flight
/// recorder. `()` takes no note of it.
pub trait Tally {
    /// From here on, in this step, a request is read that began so: noted before it is understood,
    /// so that a crash in reading it can be told from others. What must not be seen by anyone that
    /// reads of a crash, such as a password, is blanked. Of a long `head`, the rest is not noted.
    ///
    /// A connection that takes a request up again in a later step says so again.
    fn begin(&mut self, _head: &[u8], _since: Millis) {}

    /// That request has come so far.
    fn stage(&mut self, _stage: Stage) {}

    /// Code that the protocol calls on the user's behalf has done a part of its work, such as a
    /// piece of a stream: it is slow, but it does not hang.
    fn progress(&mut self) {}

    /// A request was answered: all of the answer is queued.
    fn end(&mut self, _exchange: &Exchange<'_>) {}

    /// Code that the protocol calls on the user's behalf, such as a handler, has panicked, with
    /// this. The protocol has dealt with its own part; what that code shares with other connections
    /// may be half done, so the worker should be replaced.
    fn panicked(&mut self, _payload: Box<dyn Any + Send>) {}
}

/// How far a request has come. Displays as what one does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Its head or its body is being read.
    Reading,
    /// The handler has it.
    Answering,
    /// The answer is being made or sent.
    Sending,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Reading => "reading",
            Stage::Answering => "answering",
            Stage::Sending => "sending the answer to",
        })
    }
}

impl Tally for () {}

/// A request and its answer, as a protocol reports them when the last byte of the answer is queued,
/// or when the peer is gone before. How much of the answer is sent, and how it ends, the caller
/// sees. The bytes are the peer's: not text, not to be trusted, not yet escaped.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// The method as it was sent; empty if the request could not be understood.
    pub method: &'a [u8],
    /// What was asked for, as it was sent; if the request could not be understood, how it began.
    pub target: &'a [u8],
    /// The protocol's name and version, such as `HTTP/1.1`.
    pub protocol: &'static str,
    /// The status of the answer; 0 if none was begun.
    pub status: u16,
    /// Bytes of the answer's body that were queued.
    pub body_bytes: u64,
    /// How many bytes the output holds up to the end of this answer:
    /// [`Output::queued`](super::Output::queued) just after its last byte.
    pub queued: u64,
    /// The answer is all there: false where its source broke off or the connection ended before.
    pub whole: bool,
    /// When the first byte of the request was seen.
    pub since: Millis,
    /// Leave this one out of the access log (health checks); it is still counted.
    pub unlogged: bool,
    /// Why the protocol refused the request without asking for an answer to it.
    pub refused: Option<Refused>,
    /// Why the server failed to answer, or to answer well. The peer is not told.
    pub fault: Option<&'a io::Error>,
}

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The reason that the peer is told.
    pub why: &'static str,
    /// The limit that the request went past, if an operator can change it.
    pub limit: Option<Limit>,
    /// The operator should read of it in the log, now and then.
    pub notable: bool,
}

/// A limit of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What sets it, such as `--max-body-size`.
    pub setting: &'static str,
    /// What it is set to.
    pub value: u64,
    /// What is counted, such as `bytes`.
    pub unit: &'static str,
}
