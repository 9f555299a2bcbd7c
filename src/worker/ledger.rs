//! [`Ledger`]: where a worker books what its connections report, on the scoreboard and in the
//! access log.

use super::complaints::Complaints;
use crate::log::{Access, Log};
use crate::process::{Exchange, Peer, Tally};
use crate::scoreboard::Slot;
use crate::time::Now;

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
    /// Whose turn it is.
    pub peer: &'a Peer,
    /// When it began.
    pub now: Now,
}

impl Tally for Ledger<'_> {
    fn end(&mut self, exchange: &Exchange<'_>) {
        self.slot.count_request(exchange.body_bytes);
        if let Some(fault) = exchange.fault {
            let message = format_args!(
                "worker {} failed at {} {}: {fault}",
                self.worker,
                exchange.method.escape_ascii(),
                exchange.target.escape_ascii(),
            );
            self.faults.make(self.log, self.now, FAULT_MS, message);
        }
        if exchange.unlogged {
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
            ms: self.now.at.since(exchange.since),
            worker: self.worker,
        });
    }
}
