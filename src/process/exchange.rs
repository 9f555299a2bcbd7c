//! What a connection reports of its exchanges: [`Tally`] and [`Exchange`].
//!
//! Reports are for the access log, the scoreboard and the flight recorder, which a protocol does
//! not know.

use std::any::Any;
use std::fmt;
use std::io;

use crate::time::Millis;

/// Where a protocol reports its exchanges. `()` ignores the reports.
pub trait Tally {
    /// In this step, the protocol reads a request that begins with `head`: reported before it is
    /// parsed, so that a crash of the parser can be attributed to it. Secrets that no exit report
    /// may show, such as a password, are blanked. Of a long `head`, the rest is not recorded.
    ///
    /// A connection that resumes a request in a later step reports it again.
    fn begin(&mut self, _head: &[u8], _since: Millis) {}

    /// The request has reached this stage.
    fn stage(&mut self, _stage: Stage) {}

    /// Code that the protocol calls on the user's behalf has done a part of its work, such as a
    /// piece of a stream: it is slow, but it does not hang.
    fn progress(&mut self) {}

    /// A request was answered: all of the answer is queued.
    fn end(&mut self, _exchange: &Exchange<'_>) {}

    /// Code that the protocol calls on the user's behalf has failed `at` something that is no
    /// exchange, such as a message.
    fn fault(&mut self, _at: &str, _error: &io::Error) {}

    /// Code that the protocol calls on the user's behalf, such as a handler, has panicked, with
    /// this payload. The protocol has dealt with its own part; state that the code shares with
    /// other connections may be inconsistent, so the worker should be replaced.
    fn panicked(&mut self, _payload: Box<dyn Any + Send>) {}
}

/// How far a request has come. Displays as the words that a log line has before the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Its head or its body is being read.
    Reading,
    /// The handler has the request.
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
/// or when the connection ends before. How much of the answer is sent, only the caller knows. The
/// bytes are the peer's: not text, not to be trusted, not yet escaped.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// The method as it was sent; empty if the request could not be understood.
    pub method: &'a [u8],
    /// The target as it was sent; if the request could not be understood, its beginning.
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
    /// Leave this exchange out of the access log (health checks); it is still counted.
    pub unlogged: bool,
    /// Why the protocol refused the request without asking for an answer to it.
    pub refused: Option<Refused>,
    /// The error that kept the server from a proper answer. The peer does not see it.
    pub fault: Option<&'a io::Error>,
}

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The reason, as the peer sees it.
    pub why: &'static str,
    /// The limit that the request went past, if an operator can change it.
    pub limit: Option<Limit>,
    /// Log the refusal for the operator, at a limited rate.
    pub notable: bool,
}

/// A limit of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The setting, such as `--max-body-size`.
    pub setting: &'static str,
    /// Its value.
    pub value: u64,
    /// The unit of the value, such as `bytes`.
    pub unit: &'static str,
}
