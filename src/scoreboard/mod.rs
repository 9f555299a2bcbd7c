//! The [`Scoreboard`]: the state of the master and its workers, in memory that they share.
//!
//! Each word has a single writer at a time, so plain loads and stores are enough: the master writes
//! its own record and the first line of each slot, a worker the rest of its slot; before a fork,
//! when the slot has no worker, the master resets what the last worker was doing. Counters belong
//! to the slot and go on when a successor takes it over. There are no pointers and no locks, so a
//! worker that dies at any moment leaves nothing broken behind. Knows nothing of HTTP.

mod in_flight;
mod latency;
mod peers;
mod record;
pub(crate) mod recorder;
mod reports;

use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock};

pub(crate) use in_flight::Drained;
pub use latency::{BUCKETS, Latency};
pub(crate) use peers::Peers;
pub use record::{Record, State};
pub use reports::Report;

use crate::sys::shared::SharedWords;

/// The most workers that a server can have.
pub const MAX_WORKERS: usize = 512;

/// Each worker has two slots: while it is replaced, its successor has the other one.
pub(crate) const MAX_SLOTS: usize = 2 * MAX_WORKERS;

// The master's record comes first, then its reports, then the slots.
const WANTED: usize = 0;
const STOPPING: usize = 1;
const SLOTS: usize = 2;
const STARTED: usize = 3;
const MASTER_PID: usize = 4;
const DEATHS: usize = 5;
const CLOSING: usize = 6;
const REPORTS_AT: usize = 8;
const SLOTS_AT: usize = REPORTS_AT + reports::KEPT * reports::WORDS;

/// Words of a slot: whole cache lines of eight, so that workers do not write to each other's.
const SLOT_WORDS: usize = recorder::END;
// The first line is the master's.
const STATE: usize = 0;
const PID: usize = 1;
const BORN: usize = 2;
const LIVES: usize = 3;
// From here on the worker writes: what each turn and each answer touches is close together.
const CONNECTIONS: usize = 8;
const ACCEPTED: usize = 9;
const REQUESTS: usize = 10;
const BODY_BYTES: usize = 11;
const LOST_LINES: usize = 12;
const BUSY_SINCE: usize = 13;
const LATENCY_SUM: usize = 14;
/// Messages of rooms that did not reach another worker.
const LOST_MESSAGES: usize = 15;
/// Answers whose status begins with 1, 2 ... 5.
const CLASSES: usize = 16;
// 21 to 23 are in `in_flight`. The flight recorder has what follows the buckets.
const LATENCY: usize = 24;

/// The records of a master and its workers. Clones, and copies in forked processes, are the same
/// board.
#[derive(Clone, Debug)]
pub struct Scoreboard {
    words: Arc<SharedWords>,
    groups: Arc<OnceLock<Vec<(usize, &'static str)>>>,
}

impl Scoreboard {
    /// An empty board with room for [`MAX_WORKERS`].
    pub fn new() -> io::Result<Scoreboard> {
        let words = Arc::new(SharedWords::new(SLOTS_AT + SLOT_WORDS * MAX_SLOTS)?);
        let groups = Arc::default();
        Ok(Scoreboard { words, groups })
    }

    /// How many workers the master wants to run.
    pub fn wanted(&self) -> usize {
        (self.words[WANTED].load(Relaxed) as usize).min(MAX_WORKERS)
    }

    /// Whether the server is stopping.
    pub fn stopping(&self) -> bool {
        self.words[STOPPING].load(Relaxed) != 0
    }

    /// Whether all workers were told to drain. A worker that drains before that leaves the accept
    /// queues to the others.
    pub(crate) fn closing(&self) -> bool {
        self.words[CLOSING].load(Relaxed) != 0
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

    /// The records of all slots, two for each worker; those without a worker are [`State::Empty`].
    pub fn records(&self) -> impl Iterator<Item = Record> + '_ {
        (0..self.words[SLOTS].load(Relaxed) as usize)
            .filter_map(|slot| self.slot(slot))
            .map(|slot| slot.record())
    }

    /// One slot of a worker; `None` beyond twice [`MAX_WORKERS`].
    pub fn slot(&self, index: usize) -> Option<Slot> {
        (index < MAX_SLOTS).then(|| Slot {
            words: self.words.clone(),
            index,
            base: SLOTS_AT + SLOT_WORDS * index,
            group: self.group_of(index / 2),
        })
    }

    /// The workers that accept from the same sockets as this one, with it.
    pub(crate) fn peers_of(&self, worker: usize) -> Peers<'_> {
        Peers::of(self, self.groups(), worker)
    }

    /// The groups of workers, if there are several: the number of the first worker of each, and the
    /// name.
    fn groups(&self) -> &[(usize, &'static str)] {
        self.groups.get().map_or(&[], |groups| groups)
    }

    /// The name of the group that a worker belongs to; empty where there is one group.
    pub fn group_of(&self, worker: usize) -> &'static str {
        let groups = self.groups().iter().rev();
        groups
            .into_iter()
            .find(|(first, _)| *first <= worker)
            .map_or("", |(_, name)| name)
    }

    /// Before the first fork: the groups of workers, each with the number of its first worker.
    pub(crate) fn set_groups(&self, groups: Vec<(usize, &'static str)>) {
        // A board belongs to one server, which says this once.
        let _ = self.groups.set(groups);
    }

    /// For the master: how many workers it wants, and how many slots were ever in use.
    pub(crate) fn set_wanted(&self, workers: usize, slots: usize) {
        self.words[WANTED].store(workers as u64, Relaxed);
        self.words[SLOTS].store(slots as u64, Relaxed);
    }

    /// For the master: its process id, and when it began, in milliseconds since 1970.
    pub(crate) fn set_started(&self, pid: u64, unix_ms: u64) {
        self.words[MASTER_PID].store(pid, Relaxed);
        self.words[STARTED].store(unix_ms, Relaxed);
    }

    /// The master's process id; 0 before it runs.
    pub fn master_pid(&self) -> u64 {
        self.words[MASTER_PID].load(Relaxed)
    }

    /// When the master began, in milliseconds since 1970; 0 before it runs.
    pub fn started_unix_ms(&self) -> u64 {
        self.words[STARTED].load(Relaxed)
    }

    /// For the master: the server begins to stop.
    pub(crate) fn set_stopping(&self) {
        self.words[STOPPING].store(1, Relaxed);
    }

    /// For the master: all workers are told to drain.
    pub(crate) fn set_closing(&self) {
        self.words[CLOSING].store(1, Relaxed);
    }
}

/// One worker's record on the board.
#[derive(Clone, Debug)]
pub struct Slot {
    words: Arc<SharedWords>,
    index: usize,
    base: usize,
    group: &'static str,
}

impl Slot {
    /// The record as it is now.
    pub fn record(&self) -> Record {
        let busy = self.load(BUSY_SINCE) > 0;
        Record {
            slot: self.index,
            group: self.group,
            stage: self.stage().filter(|_| busy),
            born_unix_ms: self.load(BORN),
            lives: self.load(LIVES),
            by_class: std::array::from_fn(|class| self.load(CLASSES + class)),
            latency: Latency {
                buckets: std::array::from_fn(|bucket| self.load(LATENCY + bucket)),
                sum_us: self.load(LATENCY_SUM),
            },
            state: self.state(),
            pid: self.load(PID),
            connections: self.load(CONNECTIONS),
            in_flight: self.in_flight(),
            accepted: self.load(ACCEPTED),
            requests: self.load(REQUESTS),
            body_bytes: self.load(BODY_BYTES),
            lost_lines: self.load(LOST_LINES),
            lost_messages: self.load(LOST_MESSAGES),
        }
    }

    /// What the worker is doing.
    pub fn state(&self) -> State {
        match self.load(STATE) {
            1 => State::Starting,
            2 => State::Ready,
            3 => State::Draining,
            _ => State::Empty,
        }
    }

    /// For the master: which worker has the slot, and what it does.
    pub(crate) fn set_state(&self, state: State, pid: u64) {
        self.store(PID, pid);
        self.store(STATE, state as u64);
    }

    /// For the master: it forks a worker for the slot.
    pub(crate) fn set_born(&self, unix_ms: u64) {
        self.store(BORN, unix_ms);
        // The last worker may have died with these set.
        self.store(CONNECTIONS, 0);
        self.store(BUSY_SINCE, 0);
        self.store(in_flight::IN_FLIGHT, 0);
        self.record_no_client();
    }

    /// How old the worker in the other slot of the pair was when this one was forked, in
    /// milliseconds; 0 if the clock was set back.
    pub(crate) fn predecessor_age_ms(&self) -> u64 {
        let other = SLOTS_AT + SLOT_WORDS * (self.index ^ 1);
        let before = self.words[other + BORN].load(Relaxed);
        self.load(BORN).saturating_sub(before)
    }

    /// For the master: one more worker has had this slot.
    pub(crate) fn count_life(&self) {
        self.add(LIVES, 1);
    }

    /// For the worker: how many connections it has open.
    pub(crate) fn set_connections(&self, connections: usize) {
        self.store(CONNECTIONS, connections as u64);
    }

    /// For the worker: it has accepted one more connection.
    pub(crate) fn count_accepted(&self) {
        self.add(ACCEPTED, 1);
    }

    /// For the worker: it has answered one more request, with this status and so many bytes, in so
    /// many microseconds.
    pub(crate) fn count_request(&self, status: u16, body_bytes: u64, us: u64) {
        self.add(REQUESTS, 1);
        self.add(BODY_BYTES, body_bytes);
        self.add(LATENCY_SUM, us);
        self.add(CLASSES + usize::from(status / 100).clamp(1, 5) - 1, 1);
        self.add(LATENCY + Latency::bucket(us), 1);
    }

    /// For the worker: when it begins a step, in milliseconds of the monotonic clock.
    pub(crate) fn set_busy(&self, since_ms: u64) {
        self.store(BUSY_SINCE, since_ms);
    }

    /// For the worker: it waits for events.
    pub(crate) fn set_idle(&self) {
        self.store(BUSY_SINCE, 0);
    }

    /// For the master: since when the worker has been in its step, in milliseconds of the monotonic
    /// clock; `None` while it waits for events.
    pub(crate) fn busy_since_ms(&self) -> Option<u64> {
        Some(self.load(BUSY_SINCE)).filter(|since| *since > 0)
    }

    /// Requests answered so far, by this worker and its predecessors.
    pub(crate) fn requests(&self) -> u64 {
        self.load(REQUESTS)
    }

    /// For the worker: so many log lines were lost.
    pub(crate) fn count_lost_lines(&self, lines: u64) {
        self.add(LOST_LINES, lines);
    }

    /// For the worker: a message did not reach another worker. Any thread of the worker may say so.
    pub(crate) fn count_lost_message(&self) {
        self.words[self.base + LOST_MESSAGES].fetch_add(1, Relaxed);
    }

    /// The number of the slot.
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// The process id of the worker; 0 if there is none.
    pub(crate) fn pid(&self) -> u64 {
        self.load(PID)
    }

    fn load(&self, word: usize) -> u64 {
        self.words[self.base + word].load(Relaxed)
    }

    fn store(&self, word: usize, value: u64) {
        self.words[self.base + word].store(value, Relaxed);
    }

    /// A load and a store, not a read-modify-write: no other process writes to this word.
    fn add(&self, word: usize, n: u64) {
        self.store(word, self.load(word).wrapping_add(n));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Stage;

    #[test]
    fn a_server_is_ready_while_a_worker_is_and_until_it_stops() {
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
        assert!(!board.is_ready() && board.stopping() && !board.closing());
        board.set_closing();
        assert!(!board.is_ready() && board.stopping() && board.closing());
        assert!(board.slot(MAX_SLOTS).is_none());
    }

    #[test]
    fn counters_stay_with_the_slot() {
        let board = Scoreboard::new().unwrap();
        board.set_wanted(1, 2);
        let slot = board.slot(0).unwrap();
        slot.set_state(State::Ready, 10);
        slot.count_accepted();
        slot.count_request(200, 5, 7);
        slot.count_request(404, 6, 9);
        slot.set_connections(3);
        slot.set_state(State::Starting, 11);
        let record = board.records().next().unwrap();
        assert_eq!((record.pid, record.state), (11, State::Starting));
        assert_eq!(
            (record.accepted, record.requests, record.body_bytes),
            (1, 2, 11)
        );
        assert_eq!(record.connections, 3);
        assert_eq!(record.by_class, [0, 1, 0, 1, 0]);
        assert_eq!((record.latency.sum_us, record.latency.count()), (16, 2));
        slot.set_born(1_000);
        slot.count_life();
        let record = slot.record();
        assert_eq!((record.requests, record.connections), (2, 0));
        assert_eq!((record.lives, record.born_unix_ms), (1, 1_000));
    }

    #[test]
    fn a_worker_has_the_letter_and_the_word_of_its_state() {
        let slot = Scoreboard::new().unwrap().slot(0).unwrap();
        let word = |want: (char, &str)| {
            let record = slot.record();
            assert_eq!((record.letter(), record.word()), want);
        };
        word(('.', "open slot"));
        slot.set_state(State::Starting, 1);
        word(('S', "starting up"));
        slot.set_state(State::Ready, 1);
        word(('_', "waiting"));
        slot.record_request(b"GET", 1);
        word(('_', "waiting"));
        slot.set_busy(1);
        word(('R', "reading request"));
        slot.record_stage(Stage::Answering);
        word(('W', "sending reply"));
        slot.record_stage(Stage::Sending);
        word(('W', "sending reply"));
        slot.set_state(State::Draining, 1);
        word(('G', "gracefully finishing"));
    }
}
