//! The [`Scoreboard`]: what master and workers let each other know, in memory that they share.
//!
//! Each word has a single writer, so plain loads and stores are enough: the master writes its own
//! record and the state and pid of each slot, a worker the counters of its slot. Counters belong
//! to the slot and go on when a successor takes it over. There are no pointers and no locks, so a
//! worker that dies at any moment leaves nothing broken behind.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::sys::shared::SharedWords;

/// The most workers that a server can have.
pub const MAX_WORKERS: usize = 512;

/// Each of them has two slots: while it is replaced, its successor has the other one.
pub(crate) const MAX_SLOTS: usize = 2 * MAX_WORKERS;

/// Words of a slot: two cache lines, so that workers do not write to each other's.
const SLOT_WORDS: usize = 16;
/// The master's record comes first and is as long.
const WANTED: usize = 0;
const STOPPING: usize = 1;
const SLOTS: usize = 2;

const STATE: usize = 0;
const PID: usize = 1;
// From here on the worker writes; the cache line before is the master's.
const CONNECTIONS: usize = 8;
const ACCEPTED: usize = 9;
const REQUESTS: usize = 10;
const BODY_BYTES: usize = 11;
const LOST_LINES: usize = 12;
const BUSY_SINCE: usize = 13;
const STEPS: usize = 14;

/// What a worker is doing, as its master knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum State {
    /// There is none.
    Empty = 0,
    /// It was forked and has not said that it is ready.
    Starting = 1,
    /// It serves.
    Ready = 2,
    /// It finishes what it has begun and will then leave.
    Draining = 3,
}

/// A slot's record, read at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// What the worker is doing.
    pub state: State,
    /// Its process id; 0 if there is none.
    pub pid: u64,
    /// Open connections.
    pub connections: u64,
    /// Connections accepted so far, by this worker and its predecessors.
    pub accepted: u64,
    /// Requests answered so far.
    pub requests: u64,
    /// Bytes of the bodies of those answers.
    pub body_bytes: u64,
    /// Access log lines that nobody took.
    pub lost_lines: u64,
}

/// The records of a master and its workers. Clones, and copies in forked processes, are the same
/// board.
#[derive(Clone, Debug)]
pub struct Scoreboard {
    words: Arc<SharedWords>,
}

impl Scoreboard {
    /// An empty board with room for [`MAX_WORKERS`].
    pub fn new() -> io::Result<Scoreboard> {
        let words = Arc::new(SharedWords::new(SLOT_WORDS * (MAX_SLOTS + 1))?);
        Ok(Scoreboard { words })
    }

    /// How many workers the master wants to run.
    pub fn wanted(&self) -> usize {
        (self.words[WANTED].load(Relaxed) as usize).min(MAX_WORKERS)
    }

    /// Whether the server is stopping.
    pub fn stopping(&self) -> bool {
        self.words[STOPPING].load(Relaxed) != 0
    }

    /// How many workers are ready.
    pub fn ready(&self) -> usize {
        self.records()
            .filter(|record| record.state == State::Ready)
            .count()
    }

    /// Whether new clients should be sent here: a worker is ready and the server is not stopping.
    pub fn is_ready(&self) -> bool {
        !self.stopping() && self.ready() > 0
    }

    /// The records of all slots, two for each worker; those without one are [`State::Empty`].
    pub fn records(&self) -> impl Iterator<Item = Record> + '_ {
        (0..self.words[SLOTS].load(Relaxed) as usize)
            .filter_map(|slot| self.slot(slot))
            .map(|slot| slot.record())
    }

    /// One slot of a worker; `None` beyond twice [`MAX_WORKERS`].
    pub fn slot(&self, index: usize) -> Option<Slot> {
        (index < MAX_SLOTS).then(|| Slot {
            words: self.words.clone(),
            base: SLOT_WORDS * (index + 1),
        })
    }

    /// Whether this many connections are well above what a worker has on average: an eighth, and
    /// two so that small numbers do not count.
    pub fn is_above_mean(&self, connections: usize) -> bool {
        let mut workers = 0;
        let mut sum = 0;
        for index in 0..2 * self.wanted() {
            let base = SLOT_WORDS * (index + 1);
            if self.words[base + STATE].load(Relaxed) == State::Ready as u64 {
                workers += 1;
                sum += self.words[base + CONNECTIONS].load(Relaxed);
            }
        }
        // connections > mean * 9/8 + 2, without division.
        workers > 1 && connections as u64 * workers * 8 > sum * 9 + workers * 16
    }

    /// For the master: how many workers it wants, and how many slots were ever in use.
    pub(crate) fn set_wanted(&self, workers: usize, slots: usize) {
        self.words[WANTED].store(workers as u64, Relaxed);
        self.words[SLOTS].store(slots as u64, Relaxed);
    }

    /// For the master: the server begins to stop.
    pub(crate) fn set_stopping(&self) {
        self.words[STOPPING].store(1, Relaxed);
    }
}

/// One worker's record on the board.
#[derive(Clone, Debug)]
pub struct Slot {
    words: Arc<SharedWords>,
    base: usize,
}

impl Slot {
    /// What it says now.
    pub fn record(&self) -> Record {
        Record {
            state: match self.load(STATE) {
                1 => State::Starting,
                2 => State::Ready,
                3 => State::Draining,
                _ => State::Empty,
            },
            pid: self.load(PID),
            connections: self.load(CONNECTIONS),
            accepted: self.load(ACCEPTED),
            requests: self.load(REQUESTS),
            body_bytes: self.load(BODY_BYTES),
            lost_lines: self.load(LOST_LINES),
        }
    }

    /// For the master: who has the slot, and what for.
    pub(crate) fn set_state(&self, state: State, pid: u64) {
        self.store(PID, pid);
        self.store(STATE, state as u64);
    }

    /// For the worker: how many connections it has open.
    pub(crate) fn set_connections(&self, connections: usize) {
        self.store(CONNECTIONS, connections as u64);
    }

    /// For the worker: one more was accepted.
    pub(crate) fn count_accepted(&self) {
        self.add(ACCEPTED, 1);
    }

    /// For the worker: one more request was answered.
    pub(crate) fn count_request(&self, body_bytes: u64) {
        self.add(REQUESTS, 1);
        self.add(BODY_BYTES, body_bytes);
    }

    /// For the worker: since when, in milliseconds of the monotonic clock, it has been doing
    /// something; 0 while it waits.
    pub(crate) fn set_busy_since(&self, ms: u64) {
        self.store(BUSY_SINCE, ms);
    }

    /// For the worker: it begins another step.
    pub(crate) fn count_step(&self) {
        self.add(STEPS, 1);
    }

    /// For the master: since when the worker is busy, and its steps so far.
    pub(crate) fn beat(&self) -> (u64, u64) {
        (self.load(BUSY_SINCE), self.load(STEPS))
    }

    /// Requests answered so far, by this worker and its predecessors.
    pub(crate) fn requests(&self) -> u64 {
        self.load(REQUESTS)
    }

    /// For the worker: so many log lines were lost.
    pub(crate) fn count_lost_lines(&self, lines: u64) {
        self.add(LOST_LINES, lines);
    }

    fn load(&self, word: usize) -> u64 {
        self.words[self.base + word].load(Relaxed)
    }

    fn store(&self, word: usize, value: u64) {
        self.words[self.base + word].store(value, Relaxed);
    }

    /// A load and a store, not a read-modify-write: nobody else writes to this word.
    fn add(&self, word: usize, n: u64) {
        self.store(word, self.load(word).wrapping_add(n));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_ready_when_a_worker_is_and_until_it_stops() {
        let board = Scoreboard::new().unwrap();
        board.set_wanted(2, 4);
        let slot = board.slot(1).unwrap();
        assert!(!board.is_ready());
        slot.set_state(State::Starting, 10);
        assert!(!board.is_ready());
        slot.set_state(State::Ready, 10);
        assert!(board.is_ready());
        slot.set_state(State::Empty, 0);
        assert!(!board.is_ready());
        slot.set_state(State::Ready, 11);
        board.set_stopping();
        assert!(!board.is_ready());
        assert!(board.slot(MAX_SLOTS).is_none());
    }

    #[test]
    fn counters_stay_with_the_slot() {
        let board = Scoreboard::new().unwrap();
        board.set_wanted(1, 2);
        let slot = board.slot(0).unwrap();
        slot.set_state(State::Ready, 10);
        slot.count_accepted();
        slot.count_request(5);
        slot.count_request(6);
        slot.set_connections(3);
        slot.set_state(State::Starting, 11);
        let record = board.records().next().unwrap();
        assert_eq!((record.pid, record.state), (11, State::Starting));
        assert_eq!(
            (record.accepted, record.requests, record.body_bytes),
            (1, 2, 11)
        );
        assert_eq!(record.connections, 3);
    }

    #[test]
    fn the_mean_is_that_of_workers_that_are_ready() {
        let board = Scoreboard::new().unwrap();
        board.set_wanted(3, 6);
        let set = |index, state, connections| {
            let slot = board.slot(index).unwrap();
            slot.set_state(state, 1);
            slot.set_connections(connections);
        };
        set(0, State::Ready, 5);
        assert!(!board.is_above_mean(5), "alone");
        set(1, State::Draining, 0);
        assert!(!board.is_above_mean(5), "the other one is about to leave");
        set(1, State::Ready, 0);
        assert!(board.is_above_mean(5), "5 to 0");
        set(1, State::Ready, 3);
        assert!(!board.is_above_mean(5), "5 to 3");
        set(0, State::Ready, 40);
        set(1, State::Ready, 24);
        assert!(board.is_above_mean(40), "40 to 24");
        assert!(!board.is_above_mean(24), "24 to 40");
    }
}
