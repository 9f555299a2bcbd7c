//! What a stop is accounted for with: what is under way, and what a worker that leaves has finished.

use super::Slot;

/// Requests that have begun and whose answers are not sent.
pub(super) const UNDER_WAY: usize = 21;
const FINISHED: usize = 22;
const QUEUED: usize = 23;

impl Slot {
    /// For the worker: how many requests are under way.
    pub(crate) fn set_under_way(&self, requests: usize) {
        self.store(UNDER_WAY, requests as u64);
    }

    /// How many requests are under way, or were when the worker died.
    pub(crate) fn under_way(&self) -> u64 {
        self.load(UNDER_WAY)
    }

    /// For the worker: while it leaves, so many answers were sent on connections of before.
    pub(crate) fn count_finished(&self, requests: u64) {
        self.add(FINISHED, requests);
    }

    /// For the worker: while it leaves, it took one more connection from the queue.
    pub(crate) fn count_queued(&self) {
        self.add(QUEUED, 1);
    }

    /// Answers that were sent, and connections that were taken from the queue, by this worker and
    /// its predecessors while they left.
    pub(crate) fn left_with(&self) -> (u64, u64) {
        (self.load(FINISHED), self.load(QUEUED))
    }
}
