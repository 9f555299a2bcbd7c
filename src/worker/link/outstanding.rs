//! What a [`Link`] has in flight, and what becomes of it in the end.

use std::cell::Cell;
use std::mem;

use super::answers::Ended;
use super::exchange_log::ExchangeLog;
use super::guarded::Activity;
use super::stream::Stream;
use super::turn::Turn;
use super::{Link, Phase};

impl<S: Stream> Link<'_, S> {
    /// Takes note of what the connection does from its last step on.
    pub(crate) fn note_activity(&mut self, activity: Activity, write_ms: u64) {
        let waited = mem::replace(&mut self.activity, activity) == Activity::Waiting;
        match activity == Activity::Waiting {
            waits if waits == waited => {}
            // The kernel takes a small event whether or not the client is there to read it.
            true => self.stream.limit_unacknowledged(write_ms),
            false => self.stream.limit_unacknowledged(0),
        }
    }

    /// Counts and logs the answers that are sent; if the connection is over, all of them.
    pub(crate) fn settle_exchanges(&mut self, over: Option<Ended>, turn: &mut Turn<'_>) {
        let mut log = ExchangeLog {
            turn,
            peer: &self.peer,
            exchanges: &mut self.exchanges,
        };
        if over.is_some() && self.phase == Phase::Open {
            let panicked = log.turn.panicked;
            (self.connection).abandoned(&self.output, &mut log, panicked);
        }
        if log.turn.answers.is_empty() {
            return;
        }
        // What lies in the kernel when a connection fails is not sent.
        log.settle(over.map(|ended| (ended, self.stream.unacknowledged().unwrap_or(0))));
        self.exchanges.suspend(turn.answers);
    }

    /// Drops the protocol's side, before the link is dropped: that could panic.
    pub fn close_connection(&mut self, panicked: &Cell<bool>) {
        self.connection.close(panicked);
    }

    /// Whether a request is in flight, as of the last turn.
    pub fn is_pending(&self) -> bool {
        self.pending
    }

    /// Takes note of whether a request is in flight; returns that if it has changed.
    pub fn update_pending(&mut self) -> Option<bool> {
        let pending = self.has_pending();
        (mem::replace(&mut self.pending, pending) != pending).then_some(pending)
    }

    /// The worker begins to drain: from now on answers count as finished.
    pub fn start_drain_accounting(&mut self) {
        self.exchanges.drains = true;
    }

    fn has_pending(&self) -> bool {
        match self.phase {
            Phase::Open if self.is_shaking_hands() => false,
            Phase::Open => {
                self.activity != Activity::Idle || !self.input.is_empty() || !self.output.is_empty()
            }
            Phase::Closing | Phase::Finishing => !self.output.is_empty(),
            Phase::Broken | Phase::Lingering(_) => false,
        }
    }

    /// The connection ends here, whatever is in flight. The client must not take this for the end
    /// of an answer.
    pub(super) fn abort(&mut self) {
        // If this fails, the connection is gone already.
        let _ = match self.has_pending() {
            true => self.stream.reset(),
            false => self.stream.close(),
        };
    }
}
