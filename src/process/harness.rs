//! A protocol's other half for tests and fuzzers: it feeds bytes and keeps what comes out, with no
//! socket, no process and no clock but its own.
//!
//! It holds the protocol to the contract of [`Connection`], and panics where it is broken: a
//! protocol that spins, is stuck, or waits for a time that has passed.

use std::any::Any;
use std::io::IoSlice;
use std::os::unix::fs::FileExt;
use std::panic;

use super::{Connection, Exchange, Input, Io, Next, Output, Peer, Process, Tally};
use crate::time::{Millis, Now};

/// 2026-11-22 13:00:00 UTC: when all conversations take place, in milliseconds since 1970.
pub const UNIX_MS: u64 = 1_795_352_400_000;

/// Steps that one piece of input may take. Far above what any honest protocol needs.
const STEPS: usize = 100_000;

/// What came of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcript {
    /// Every byte that the protocol sent.
    pub bytes: Vec<u8>,
    /// The protocol closed the connection before the peer had said its last.
    pub closed: bool,
    /// How many exchanges were reported to the tally.
    pub exchanges: usize,
}

/// Sends `pieces` one after the other, then says that there is no more.
///
/// # Panics
/// If the protocol breaks the contract of [`Connection`], and if a handler panics: an assertion in
/// one is an assertion of the test.
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
struct Book {
    exchanges: usize,
    faults: Vec<String>,
}

impl Tally for Book {
    fn end(&mut self, exchange: &Exchange<'_>) {
        self.exchanges += 1;
        self.faults.extend(exchange.fault.map(|f| f.to_string()));
    }

    /// A panic of a handler, such as an assertion in it that fails, is one of the test.
    fn panicked(&mut self, payload: Box<dyn Any + Send>) {
        panic::resume_unwind(payload);
    }
}

/// A conversation that can be led step by step, with a clock that stands still unless told.
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
    /// What was sent and not yet seen by the protocol: it may be busy until a certain time.
    kept: Vec<u8>,
    sent: Vec<u8>,
    tally: Book,
}

impl<'p> Conversation<'p> {
    /// Opens a connection and steps it once, as a worker does.
    pub fn open(process: &'p dyn Process) -> Conversation<'p> {
        let peer = Peer::Inet(([192, 0, 2, 7], 40_000).into());
        let mut talk = Conversation {
            connection: process.open(&peer),
            limit: process.input_limit(),
            input: Input::default(),
            output: Output::default(),
            peer,
            now: Now {
                at: Millis::new(1_000_000),
                unix_ms: UNIX_MS,
            },
            eof: false,
            stopping: false,
            crowded: false,
            closed: false,
            deadline: None,
            kept: Vec::new(),
            sent: Vec::new(),
            tally: Book::default(),
        };
        talk.settle();
        talk
    }

    /// Sends bytes; returns what came back for them.
    pub fn send(&mut self, bytes: &[u8]) -> Vec<u8> {
        let before = self.sent.len();
        self.deliver(bytes);
        self.sent[before..].to_vec()
    }

    /// Says that no more will come; returns what came back for that.
    pub fn end(&mut self) -> Vec<u8> {
        let before = self.sent.len();
        self.eof = true;
        self.settle();
        self.sent[before..].to_vec()
    }

    /// Tells the protocol that its worker is about to leave; returns what it said to that.
    pub fn stop(&mut self) -> Vec<u8> {
        let before = self.sent.len();
        self.stopping = true;
        self.settle();
        self.sent[before..].to_vec()
    }

    /// Tells the protocol from its next step on that others wait for room.
    pub fn crowd(&mut self) {
        self.crowded = true;
    }

    /// Lets `ms` milliseconds pass; returns what the protocol said to that.
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

    /// Whether the protocol closed the connection.
    pub fn closed(&self) -> bool {
        self.closed
    }

    /// Whether the protocol says that nothing is in flight.
    pub fn is_idle(&self) -> bool {
        self.connection.is_idle()
    }

    /// How many milliseconds from now on the protocol will wait, if there is an end to it.
    pub fn deadline(&self) -> Option<u64> {
        self.deadline.map(|at| at.since(self.now.at))
    }

    /// How many exchanges were reported.
    pub fn exchanges(&self) -> usize {
        self.tally.exchanges
    }

    /// What was reported to have gone wrong.
    pub fn faults(&self) -> &[String] {
        &self.tally.faults
    }

    fn deliver(&mut self, bytes: &[u8]) {
        self.kept.extend_from_slice(bytes);
        self.feed();
    }

    /// Hands over what was sent, as far as there is room for it.
    fn feed(&mut self) {
        while !self.kept.is_empty() && !self.closed {
            let space = self.input.space(self.limit);
            let n = space.len().min(self.kept.len());
            if n == 0 {
                assert!(
                    self.deadline.is_some(),
                    "stuck: the input is full and the protocol waits for more"
                );
                return;
            }
            space[..n].copy_from_slice(&self.kept[..n]);
            self.kept.drain(..n);
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
            eof: self.eof && self.kept.is_empty(),
            stopping: self.stopping,
            crowded: self.crowded,
            tally: &mut self.tally,
        });
        let eof = self.eof && self.kept.is_empty();
        let moved = self.input.len() != before || !self.output.is_empty();
        self.drain();
        self.deadline = None;
        match next {
            // Nothing will ever change for it.
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
