//! The worker's side of a connection, for tests and fuzzers: the harness feeds bytes to a protocol
//! and keeps its output, with no socket, no process and no clock but its own.
//!
//! It panics where the contract of [`Connection`] is broken: by a protocol that spins, is stuck, or
//! waits for a time that has passed.

use std::any::Any;
use std::io::IoSlice;
use std::mem;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::unix::fs::FileExt;
use std::panic;
use std::sync::Arc;

use super::{
    Connection, Exchange, Input, Io, Next, Output, Peer, Process, Tally, WakeQueue, Wakers,
};
use crate::time::{Millis, Now};

/// 2026-11-22 13:00:00 UTC: when all conversations take place, in milliseconds since 1970.
pub const UNIX_MS: u64 = 1_795_352_400_000;

/// The client.
const PEER: Peer = Peer::Inet(SocketAddr::V4(SocketAddrV4::new(
    Ipv4Addr::new(192, 0, 2, 7),
    40_000,
)));

/// Steps that one piece of input may take: far more than any correct protocol needs.
const STEPS: usize = 100_000;

/// The outcome of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcript {
    /// Every byte that the protocol sent.
    pub bytes: Vec<u8>,
    /// The protocol closed the connection before the peer had ended its input.
    pub closed: bool,
    /// How many exchanges were reported to the tally.
    pub exchanges: usize,
}

/// Sends `pieces` one after the other, then ends the input.
///
/// # Panics
/// If the protocol breaks the contract of [`Connection`], and if a handler panics: an assertion in
/// a handler is an assertion of the test.
pub fn converse(process: &dyn Process, pieces: &[&[u8]]) -> Transcript {
    let mut talk = Conversation::open(process);
    for piece in pieces {
        talk.deliver(piece);
    }
    let closed = talk.closed;
    talk.end();
    Transcript {
        bytes: talk.sent,
        closed,
        exchanges: talk.tally.exchanges,
    }
}

/// Sends `wire` whole, byte by byte, and cut in two at every place; the reply must be the same.
///
/// # Panics
/// If it is not, or if the protocol breaks the contract of [`Connection`].
pub fn every_split(process: &dyn Process, wire: &[u8]) -> Transcript {
    let whole = converse(process, &[wire]);
    let bytes: Vec<&[u8]> = wire.chunks(1).collect();
    assert_same(&converse(process, &bytes), &whole, "byte by byte");
    // Long inputs are cut at some three hundred places, short ones everywhere.
    for at in (1..wire.len()).step_by(1 + wire.len() / 300) {
        let (a, b) = wire.split_at(at);
        assert_same(&converse(process, &[a, b]), &whole, &format!("cut at {at}"));
    }
    whole
}

fn assert_same(got: &Transcript, want: &Transcript, how: &str) {
    assert!(
        got == want,
        "the reply depends on the cut ({how}):\n{}\n-- but whole:\n{}",
        got.bytes.escape_ascii(),
        want.bytes.escape_ascii()
    );
}

#[derive(Default)]
struct ExchangeLog {
    exchanges: usize,
    faults: Vec<String>,
}

impl Tally for ExchangeLog {
    fn end(&mut self, exchange: &Exchange<'_>) {
        self.exchanges += 1;
        self.faults.extend(exchange.fault.map(|f| f.to_string()));
    }

    /// A handler's panic, such as a failed assertion, is a panic of the test.
    fn panicked(&mut self, payload: Box<dyn Any + Send>) {
        panic::resume_unwind(payload);
    }
}

/// A conversation led step by step, with a clock that only [`Conversation::pass`] moves.
pub struct Conversation<'p> {
    connection: Box<dyn Connection + 'p>,
    limit: usize,
    input: Input,
    output: Output,
    peer: Peer,
    now: Now,
    eof: bool,
    stopping: bool,
    crowded: bool,
    closed: bool,
    deadline: Option<Millis>,
    wakes: Arc<WakeQueue>,
    woken: bool,
    /// Bytes that were sent while the input was full: the protocol may be busy until its deadline.
    pending: Vec<u8>,
    sent: Vec<u8>,
    tally: ExchangeLog,
}

impl<'p> Conversation<'p> {
    /// Opens a connection and steps it once, as a worker does.
    pub fn open(process: &'p dyn Process) -> Conversation<'p> {
        let connection = process.open(&PEER);
        Conversation::begin(connection, process.input_limit())
    }

    /// The same with a connection that another protocol has become.
    pub(crate) fn with(connection: Box<dyn Connection + 'p>) -> Conversation<'p> {
        Conversation::begin(connection, Input::CHUNK)
    }

    fn begin(connection: Box<dyn Connection + 'p>, limit: usize) -> Conversation<'p> {
        let mut talk = Conversation {
            connection,
            limit,
            input: Input::default(),
            output: Output::default(),
            peer: PEER,
            now: Now {
                at: Millis::new(1_000_000),
                unix_ms: UNIX_MS,
            },
            eof: false,
            stopping: false,
            crowded: false,
            closed: false,
            deadline: None,
            wakes: WakeQueue::new(|| {}),
            woken: false,
            pending: Vec::new(),
            sent: Vec::new(),
            tally: ExchangeLog::default(),
        };
        talk.settle();
        talk
    }

    /// Sends bytes; returns the output that follows.
    pub fn send(&mut self, bytes: &[u8]) -> Vec<u8> {
        let before = self.sent.len();
        self.deliver(bytes);
        self.sent[before..].to_vec()
    }

    /// Ends the input; returns the output that follows.
    pub fn end(&mut self) -> Vec<u8> {
        let before = self.sent.len();
        self.eof = true;
        self.settle();
        self.sent[before..].to_vec()
    }

    /// Tells the protocol that its worker drains; returns the output that follows.
    pub fn stop(&mut self) -> Vec<u8> {
        let before = self.sent.len();
        self.stopping = true;
        self.settle();
        self.sent[before..].to_vec()
    }

    /// Tells the protocol from its next step on that its worker is over capacity.
    pub fn crowd(&mut self) {
        self.crowded = true;
    }

    /// Lets `ms` milliseconds pass; returns the output that follows.
    pub fn pass(&mut self, ms: u64) -> Vec<u8> {
        let before = self.sent.len();
        self.now.at = self.now.at.after(ms);
        self.now.unix_ms += ms;
        if self.deadline.is_some_and(|at| at <= self.now.at) {
            self.settle();
            self.feed();
        }
        self.sent[before..].to_vec()
    }

    /// Steps the protocol as its worker does after a [`Waker`](super::Waker) was used, whether one
    /// was or not; returns the output that follows.
    pub fn wake(&mut self) -> Vec<u8> {
        let before = self.sent.len();
        self.is_woken();
        self.woken = true;
        self.settle();
        self.feed();
        self.sent[before..].to_vec()
    }

    /// Whether a waker of the connection was used since this was last asked. Its worker would step
    /// it now, see [`Conversation::wake`].
    pub fn is_woken(&mut self) -> bool {
        let mut connections = Vec::new();
        self.wakes.take(&mut connections);
        !connections.is_empty()
    }

    /// Takes all that the protocol has sent since the last call.
    pub(crate) fn take_sent(&mut self) -> Vec<u8> {
        mem::take(&mut self.sent)
    }

    /// Whether the protocol closed the connection.
    pub fn closed(&self) -> bool {
        self.closed
    }

    /// Whether the protocol says that nothing is in flight.
    pub fn is_idle(&self) -> bool {
        self.connection.is_idle()
    }

    /// Whether the protocol says that it waits for something other than its client.
    pub fn is_waiting(&self) -> bool {
        self.connection.is_waiting()
    }

    /// How many milliseconds from now on the protocol will wait, if it has a deadline.
    pub fn deadline(&self) -> Option<u64> {
        self.deadline.map(|at| at.since(self.now.at))
    }

    /// How many exchanges were reported.
    pub fn exchanges(&self) -> usize {
        self.tally.exchanges
    }

    /// The faults that were reported.
    pub fn faults(&self) -> &[String] {
        &self.tally.faults
    }

    fn deliver(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        self.feed();
    }

    /// Moves pending bytes to the protocol, as far as its input has room.
    fn feed(&mut self) {
        while !self.pending.is_empty() && !self.closed {
            let space = self.input.space(self.limit);
            let n = space.len().min(self.pending.len());
            if n == 0 {
                assert!(
                    self.deadline.is_some(),
                    "stuck: the input is full and the protocol waits for more"
                );
                return;
            }
            space[..n].copy_from_slice(&self.pending[..n]);
            self.pending.drain(..n);
            self.input.filled(n);
            self.settle();
        }
    }

    /// Steps until nothing changes any more.
    fn settle(&mut self) {
        for _ in 0..STEPS {
            if self.closed {
                return;
            }
            if !self.step() {
                return;
            }
        }
        panic!("spinning: {STEPS} steps and no end");
    }

    /// One step; whether it changed anything.
    fn step(&mut self) -> bool {
        let before = self.input.len();
        let next = self.connection.step(&mut Io {
            input: &mut self.input,
            output: &mut self.output,
            peer: &self.peer,
            now: self.now,
            eof: self.eof && self.pending.is_empty(),
            stopping: self.stopping,
            crowded: self.crowded,
            woken: mem::take(&mut self.woken),
            wakers: Wakers {
                queue: &self.wakes,
                connection: 0,
            },
            tally: &mut self.tally,
        });
        let eof = self.eof && self.pending.is_empty();
        let moved = self.input.len() != before || !self.output.is_empty();
        self.drain();
        self.deadline = None;
        match next {
            // No event could step the connection again.
            Next::Wait if eof && !moved => {
                self.closed = true;
                self.connection.abandoned(&self.output, &mut self.tally);
                false
            }
            Next::Wait => moved,
            Next::WaitUntil(at) => {
                self.deadline = (at != Millis::NEVER).then_some(at);
                assert!(
                    at > self.now.at || moved,
                    "waits for a time that has passed"
                );
                moved
            }
            Next::Close | Next::Finish | Next::Break => {
                self.closed = true;
                false
            }
            Next::Become(connection) => {
                self.connection = connection;
                true
            }
        }
    }

    fn drain(&mut self) {
        while !self.output.is_empty() {
            let mut slices = [IoSlice::new(&[]); Output::GATHER];
            let (count, _) = self.output.gather(&mut slices);
            let mut n = 0;
            for slice in &slices[..count] {
                self.sent.extend_from_slice(slice);
                n += slice.len() as u64;
            }
            if let Some(range) = self.output.front_file() {
                let at = self.sent.len();
                self.sent.resize(at + range.len as usize, 0);
                if range
                    .file
                    .read_exact_at(&mut self.sent[at..], range.offset)
                    .is_err()
                {
                    // As on a socket: the promised length cannot be kept.
                    self.sent.truncate(at);
                    self.closed = true;
                    return;
                }
                n = range.len;
            }
            self.output.advance(n);
        }
    }
}
