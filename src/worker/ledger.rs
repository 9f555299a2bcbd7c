//! [`Ledger`]: where a worker books what its connections report, on the scoreboard, in the flight
//! recorder and in the access log.

use super::complaints::Complaints;
use crate::log::{Access, Log};
use crate::process::{Exchange, Peer, Stage, Tally};
use crate::scoreboard::Slot;
use crate::sys::clock;
use crate::time::{Millis, Now};

/// How often a failing handler is logged at most, in milliseconds.
const FAULT_MS: u64 = 1_000;

/// The books of one turn of one connection.
pub struct Ledger<'a> {
    /// The worker's record.
    pub slot: &'a Slot,
    /// Which worker this is.
    pub worker: usize,
    /// Where access lines go.
    pub log: &'a Log,
    /// What went wrong in answering.
    pub faults: &'a Complaints,
    /// Whether what is answered counts. It is not counted for those who look at the counters.
    pub counted: bool,
    /// Whose turn it is.
    pub peer: &'a Peer,
    /// When it began.
    pub now: Now,
    /// The same, in microseconds of the monotonic clock.
    pub now_us: u64,
}

impl Ledger<'_> {
    /// How long something took that began then and ends now, in microseconds. A protocol has the time at which
    /// this turn began, which is not when it ends: a handler may have waited for a database.
    fn us_since(&self, since: Millis) -> u64 {
        let began_us = match since == self.now.at {
            true => self.now_us,
            false => since.get() * 1_000,
        };
        let now_us = clock::monotonic_us();
        // What follows, the next request of a pipeline or the next connection, begins now.
        self.slot.set_busy(now_us / 1_000);
        now_us.saturating_sub(began_us)
    }
}

impl Tally for Ledger<'_> {
    fn begin(&mut self, head: &[u8], since: Millis) {
        self.slot.record_request(head, since.get());
    }

    fn stage(&mut self, stage: Stage) {
        self.slot.record_stage(stage);
    }

    fn end(&mut self, exchange: &Exchange<'_>) {
        self.slot.record_stage(Stage::Sending);
        let us = self.us_since(exchange.since);
        if self.counted {
            self.slot
                .count_request(exchange.status, exchange.body_bytes, us);
        }
        if let Some(fault) = exchange.fault {
            let message = format_args!(
                "worker {} failed at {} {}: {fault}",
                self.worker,
                exchange.method.escape_ascii(),
                exchange.target.escape_ascii(),
            );
            self.faults.make(self.log, self.now, FAULT_MS, message);
        }
        // What admins ask is nobody's business but theirs, also where it was refused.
        if exchange.unlogged || !self.counted {
            return;
        }
        self.log.access(&Access {
            peer: self.peer,
            unix_ms: self.now.unix_ms,
            method: exchange.method,
            target: exchange.target,
            protocol: exchange.protocol,
            status: exchange.status,
            body_bytes: exchange.body_bytes,
            ms: us / 1_000,
            worker: self.worker,
        });
    }
}
