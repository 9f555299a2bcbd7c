//! [`Record`]: what the scoreboard says of one worker.

use super::Latency;
use crate::process::Stage;

/// What a worker is doing, as its master knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
#[non_exhaustive]
pub enum State {
    /// The slot has no worker.
    Empty = 0,
    /// The worker was forked and has not reported that it is ready.
    Starting = 1,
    /// The worker serves.
    Ready = 2,
    /// The worker finishes the requests in flight, then exits.
    Draining = 3,
}

/// A slot's record, read at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The slot: those of worker `n` are `2 * n` and `2 * n + 1`.
    pub slot: usize,
    /// The name of the worker's group; empty where there is one group.
    pub group: &'static str,
    /// What the worker is doing.
    pub state: State,
    /// How far the worker is with a request; `None` while it waits for events.
    pub stage: Option<Stage>,
    /// The worker's process id; 0 if there is none.
    pub pid: u64,
    /// When the worker was forked, in milliseconds since 1970.
    pub born_unix_ms: u64,
    /// How many workers have had this slot so far, this one included.
    pub lives: u64,
    /// Open connections.
    pub connections: u64,
    /// Requests that have begun and whose answers are not sent to their ends.
    pub in_flight: u64,
    /// Connections accepted so far, by this worker and its predecessors.
    pub accepted: u64,
    /// Requests answered so far.
    pub requests: u64,
    /// Requests answered with a status of each class: 1xx, 2xx ... 5xx.
    pub by_class: [u64; 5],
    /// How long the answers to them took.
    pub latency: Latency,
    /// Bytes of the bodies of those answers.
    pub body_bytes: u64,
    /// Access log lines that were lost.
    pub lost_lines: u64,
    /// Messages of rooms that did not reach another worker, which was behind; each counts once for
    /// each such worker.
    pub lost_messages: u64,
}

impl Record {
    /// What the worker is doing, in the words of Apache's `mod_status`.
    pub fn word(&self) -> &'static str {
        match (self.state, self.stage) {
            (State::Empty, _) => "open slot",
            (State::Starting, _) => "starting up",
            (State::Draining, _) => "gracefully finishing",
            (State::Ready, None) => "waiting",
            (State::Ready, Some(Stage::Reading)) => "reading request",
            (State::Ready, Some(Stage::Answering | Stage::Sending)) => "sending reply",
        }
    }

    /// The same as one letter, as Apache's scoreboard has it.
    pub fn letter(&self) -> char {
        match (self.state, self.stage) {
            (State::Empty, _) => '.',
            (State::Starting, _) => 'S',
            (State::Draining, _) => 'G',
            (State::Ready, None) => '_',
            (State::Ready, Some(Stage::Reading)) => 'R',
            (State::Ready, Some(Stage::Answering | Stage::Sending)) => 'W',
        }
    }
}
