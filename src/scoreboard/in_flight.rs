//! The counts behind the shutdown summary: requests in flight, and what a worker has drained.

use std::ops::Add;

use super::Slot;

/// Requests that have begun and whose answers are not sent.
pub(super) const IN_FLIGHT: usize = 21;
const FINISHED: usize = 22;
const QUEUED: usize = 23;

/// What workers did while they drained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Drained {
    /// Answers sent on connections that were accepted before the drain.
    pub(crate) finished: u64,
    /// Connections that were taken from the accept queues.
    pub(crate) queued: u64,
}

impl Add for Drained {
    type Output = Drained;

    fn add(self, other: Drained) -> Drained {
        Drained {
            finished: self.finished + other.finished,
            queued: self.queued + other.queued,
        }
    }
}

impl Slot {
    /// For the worker: how many requests are in flight.
    pub(crate) fn set_in_flight(&self, requests: usize) {
        self.store(IN_FLIGHT, requests as u64);
    }

    /// How many requests are in flight, or were when the worker died.
    pub(crate) fn in_flight(&self) -> u64 {
        self.load(IN_FLIGHT)
    }

    /// For the worker: while it drains, it sent so many answers on connections accepted before.
    pub(crate) fn count_finished(&self, requests: u64) {
        self.add(FINISHED, requests);
    }

    /// For the worker: while it drains, it took one more connection from an accept queue.
    pub(crate) fn count_queued(&self) {
        self.add(QUEUED, 1);
    }

    /// What this worker and its predecessors in the slot have drained.
    pub(crate) fn drained(&self) -> Drained {
        Drained {
            finished: self.load(FINISHED),
            queued: self.load(QUEUED),
        }
    }
}
