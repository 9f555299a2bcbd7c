//! [`Peers`]: the workers that accept from the same listening sockets, and how many connections
//! each has.

use std::ops::Range;
use std::sync::atomic::Ordering::Relaxed;

use super::{BUSY_SINCE, CONNECTIONS, SLOT_WORDS, SLOTS_AT, STATE, Scoreboard, State};

/// A worker that has been in one step for longer than this, in milliseconds, counts as stuck: it
/// accepts no clients.
const STUCK_MS: u64 = 20;

/// The workers of a group.
#[derive(Clone, Debug)]
pub(crate) struct Peers<'a> {
    board: &'a Scoreboard,
    /// The numbers of the workers. Those of the last group go on without an end.
    workers: Range<usize>,
}

impl<'a> Peers<'a> {
    /// The group of this worker.
    pub(super) fn of(
        board: &'a Scoreboard,
        groups: &[(usize, &'static str)],
        worker: usize,
    ) -> Peers<'a> {
        let firsts = || groups.iter().map(|(first, _)| *first);
        let first = firsts().filter(|first| *first <= worker).max();
        let next = firsts().filter(|first| *first > worker).min();
        Peers {
            board,
            workers: first.unwrap_or(0)..next.unwrap_or(usize::MAX),
        }
    }

    /// Whether this many connections are well above the mean of the group: by an eighth, and by
    /// two, so that small numbers do not count. A stuck worker is left out: it accepts no clients.
    /// `now_ms` is the monotonic clock.
    pub(crate) fn is_above_mean(&self, connections: usize, now_ms: u64) -> bool {
        let mut workers = 0;
        let mut sum = 0;
        for connections in self.accepting(now_ms) {
            workers += 1;
            sum += connections;
        }
        // connections > mean * 9/8 + 2, without division.
        workers > 1 && connections as u64 * workers * 8 > sum * 9 + workers * 16
    }

    /// Whether a worker that is not stuck has fewer connections than this.
    pub(crate) fn has_room(&self, capacity: usize, now_ms: u64) -> bool {
        self.accepting(now_ms).any(|n| n < capacity as u64)
    }

    /// The numbers of connections of the workers that accept clients: ready, and not stuck.
    fn accepting(&self, now_ms: u64) -> impl Iterator<Item = u64> + '_ {
        let end = self.workers.end.min(self.board.wanted());
        (2 * self.workers.start..2 * end).filter_map(move |index| {
            let base = SLOTS_AT + SLOT_WORDS * index;
            let word = |word: usize| self.board.words[base + word].load(Relaxed);
            let since = word(BUSY_SINCE);
            let stuck = since > 0 && now_ms.saturating_sub(since) > STUCK_MS;
            (word(STATE) == State::Ready as u64 && !stuck).then(|| word(CONNECTIONS))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_that_of_ready_workers() {
        let board = Scoreboard::new().unwrap();
        board.set_wanted(3, 6);
        let set = |index, state, connections| {
            let slot = board.slot(index).unwrap();
            slot.set_state(state, 1);
            slot.set_connections(connections);
        };
        set(0, State::Ready, 5);
        assert!(!board.peers_of(0).is_above_mean(5, 0), "alone");
        set(1, State::Draining, 0);
        assert!(
            !board.peers_of(0).is_above_mean(5, 0),
            "the other one drains"
        );
        set(1, State::Ready, 0);
        assert!(board.peers_of(0).is_above_mean(5, 0), "5 to 0");
        set(1, State::Ready, 3);
        assert!(!board.peers_of(0).is_above_mean(5, 0), "5 to 3");
        set(0, State::Ready, 40);
        set(1, State::Ready, 24);
        assert!(board.peers_of(0).is_above_mean(40, 0), "40 to 24");
        assert!(!board.peers_of(0).is_above_mean(24, 0), "24 to 40");
        board.slot(1).unwrap().set_busy(100);
        assert!(board.peers_of(0).is_above_mean(40, 100 + STUCK_MS));
        assert!(
            !board.peers_of(0).is_above_mean(40, 101 + STUCK_MS),
            "24 is stuck"
        );
        assert!(board.peers_of(0).has_room(40, 100 + STUCK_MS));
        assert!(
            !board.peers_of(0).has_room(40, 101 + STUCK_MS),
            "40 is full"
        );
    }

    #[test]
    fn the_mean_is_that_of_the_group() {
        let board = Scoreboard::new().unwrap();
        board.set_wanted(4, 8);
        assert_eq!(board.group_of(3), "");
        board.set_groups(vec![(0, "one"), (1, "two")]);
        for (worker, connections) in [(0, 0), (1, 9), (2, 9), (3, 9)] {
            let slot = board.slot(2 * worker).unwrap();
            slot.set_state(State::Ready, 1);
            slot.set_connections(connections);
        }
        let names = [0, 1, 2, 99].map(|worker| board.group_of(worker));
        assert_eq!(names, ["one", "two", "two", "two"]);
        assert!(
            !board.peers_of(2).is_above_mean(9, 0),
            "the other group is idle"
        );
        assert!(!board.peers_of(2).has_room(9, 0) && board.peers_of(0).has_room(1, 0));
        board.slot(6).unwrap().set_connections(0);
        assert!(board.peers_of(1).is_above_mean(9, 0));
    }
}
