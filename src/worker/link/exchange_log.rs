//! [`ExchangeLog`]: where a worker notes what its connections report: on the scoreboard, in the
//! flight recorder and in the access log.
//!
//! A request is recorded when it begins, so that an exit report can name it; it is counted and
//! logged when its answer was sent or has failed.

use std::any::Any;
use std::io;
use std::mem;

use super::answers::{Answer, Answers, Ended};
use super::turn::Turn;
use crate::log::{Access, Level};
use crate::process::{Exchange, Peer, Stage, Tally};
use crate::sys::clock;
use crate::time::Millis;

/// How often a failing handler is logged at most, in milliseconds.
const FAULT_MS: u64 = 1_000;
/// How often each reason to refuse a request is logged at most, in milliseconds.
const REFUSED_MS: u64 = 10_000;

/// What a link keeps of its exchanges between its turns.
#[derive(Debug, Default)]
pub struct Exchanges {
    /// Bytes that the stream has taken since the connection began.
    pub sent: u64,
    /// When the current request began, in microseconds of the monotonic clock; 0 before it has.
    pub began_us: u64,
    /// Answers that are not sent. Few connections have any between two turns.
    waiting: Option<Box<Answers>>,
    /// An answer was queued, and the clock was not read since.
    pub queued: bool,
    /// The connection is older than the drain of its worker: its answers count as finished.
    pub drains: bool,
}

impl Exchanges {
    /// The link has its turn: the answers that waited go into `answers`.
    pub(crate) fn resume(&mut self, answers: &mut Answers) {
        if let Some(waiting) = self.waiting.take() {
            *answers = *waiting;
        }
    }

    /// The turn is over.
    pub(super) fn suspend(&mut self, answers: &mut Answers) {
        if !answers.is_empty() {
            self.waiting = Some(Box::new(mem::take(answers)));
        }
    }
}

/// What is noted of one connection in one turn.
pub struct ExchangeLog<'l, 'a> {
    /// The turn.
    pub turn: &'l mut Turn<'a>,
    /// The client.
    pub peer: &'l Peer,
    /// What the connection keeps of its exchanges.
    pub exchanges: &'l mut Exchanges,
}

impl ExchangeLog<'_, '_> {
    /// Counts and logs the answers that have ended: those that are sent, or all of them if the
    /// connection is `over`, when so many bytes that were sent did not reach the client.
    pub fn settle(&mut self, over: Option<(Ended, u64)>) {
        let (turn, drains) = (&mut *self.turn, self.exchanges.drains);
        let mut now_us = 0;
        let report = |answer: &Answer, ended: Ended, body_bytes, method: &[u8], target: &[u8]| {
            if now_us == 0 {
                // A handler may have waited for a database: it is later than when the turn began.
                now_us = clock::monotonic_us();
            }
            // Requests of the admin address are neither counted nor logged.
            if !turn.counted {
                return;
            }
            let us = now_us.saturating_sub(answer.since_us);
            if answer.status > 0 {
                turn.slot.count_request(answer.status, body_bytes, us);
            }
            if drains && ended == Ended::Complete {
                turn.slot.count_finished(1);
            }
            if !answer.unlogged {
                turn.log.access(&Access {
                    peer: self.peer,
                    unix_ms: turn.now.unix_ms,
                    method,
                    target,
                    protocol: answer.protocol,
                    status: answer.status,
                    body_bytes,
                    us,
                    ended: ended.as_str(),
                    refused: answer.refused,
                    worker: turn.worker,
                });
            }
        };
        turn.answers.settle(self.exchanges.sent, over, report);
        if now_us > 0 {
            // The next step, of this connection or another one, begins now.
            self.exchanges.queued = false;
            turn.slot.set_busy(now_us / 1_000);
        }
    }
}

impl Tally for ExchangeLog<'_, '_> {
    fn begin(&mut self, head: &[u8], since: Millis) {
        if mem::take(&mut self.exchanges.queued) {
            // The second request of a step: the time that it takes begins now.
            self.turn.slot.set_busy(clock::monotonic_ms());
        }
        if self.exchanges.began_us == 0 {
            self.exchanges.began_us = match since == self.turn.now.at {
                true => self.turn.now_us,
                false => since.get() * 1_000,
            };
        }
        self.turn.slot.record_request(head, since.get());
    }

    fn stage(&mut self, stage: Stage) {
        self.turn.slot.record_stage(stage);
    }

    fn panicked(&mut self, payload: Box<dyn Any + Send>) {
        self.turn.panicked.set(true);
        // To drop the payload could panic, too. The worker exits soon, so it may stay.
        mem::forget(payload);
    }

    fn fault(&mut self, at: &str, error: &io::Error) {
        let turn = &mut *self.turn;
        let message = format_args!(
            "worker {} failed at {at} of {}: {error}",
            turn.worker, self.peer
        );
        (turn.faults).log(turn.log, Level::Error, turn.now, FAULT_MS, message);
    }

    fn progress(&mut self) {
        self.turn.slot.set_busy(clock::monotonic_ms());
    }

    fn end(&mut self, exchange: &Exchange<'_>) {
        let turn = &mut *self.turn;
        turn.slot.record_stage(Stage::Sending);
        let logged = turn.counted && !exchange.unlogged && turn.log.logs_access();
        let since_us = match mem::take(&mut self.exchanges.began_us) {
            0 => exchange.since.get() * 1_000,
            us => us,
        };
        let ends_at = self.exchanges.sent + exchange.queued;
        (turn.answers).push(exchange, since_us, ends_at, logged);
        self.exchanges.queued = true;
        if let Some(fault) = exchange.fault {
            let message = format_args!(
                "worker {} failed at {} {}: {fault}",
                turn.worker,
                exchange.method.escape_ascii(),
                exchange.target.escape_ascii(),
            );
            (turn.faults).log(turn.log, Level::Error, turn.now, FAULT_MS, message);
        }
        if let Some(refused) = exchange.refused
            && refused.notable
            && turn.counted
        {
            let (peer, status, why) = (self.peer, exchange.status, refused.why);
            let rate = turn.refusals.of(why);
            let make = |message| rate.log(turn.log, Level::Warn, turn.now, REFUSED_MS, message);
            match refused.limit {
                None => make(format_args!("{peer} was refused with {status}: {why}")),
                Some(limit) => make(format_args!(
                    "{peer} was refused with {status}: {why}; the limit is {} {} ({})",
                    limit.value, limit.unit, limit.setting
                )),
            }
        }
    }
}
