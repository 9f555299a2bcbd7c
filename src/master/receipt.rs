//! [`Receipt`]: what is accounted for at a stop, and the line that says so.

use std::fmt::Display;

use super::stopper::Outcome;
use super::supervisor::Verdict;
use crate::scoreboard::{Drained, Scoreboard};
use crate::time::Millis;

/// What is known of a stop.
#[derive(Debug, Default)]
pub(super) struct Receipt {
    /// What asked for the stop, and when.
    request: Option<(String, Millis)>,
    /// What workers that were replaced had drained before the stop.
    before: Drained,
    /// Requests in flight of workers that have exited since.
    cut_off: u64,
}

impl Receipt {
    /// Whether a stop was asked for.
    pub(super) fn is_begun(&self) -> bool {
        self.request.is_some()
    }

    /// A stop was asked for, for this reason.
    pub(super) fn begin(&mut self, reason: impl Display, now: Millis) {
        self.request.get_or_insert((reason.to_string(), now));
    }

    /// All workers were told to leave: what they had drained before does not count.
    pub(super) fn start_drain_accounting(&mut self, before: Drained) {
        self.before = before;
    }

    /// A worker has exited with so many requests in flight.
    pub(super) fn count_cut_off(&mut self, in_flight: u64) {
        self.cut_off += in_flight;
    }

    /// How the server ended, if workers have drained so much in all.
    pub(super) fn outcome(&self, verdict: Verdict, drained: Drained) -> Outcome {
        match verdict {
            Verdict::GaveUp => Outcome::default(),
            Verdict::Stopped { killed } => Outcome {
                stopped: true,
                finished: drained.finished - self.before.finished,
                queued: drained.queued - self.before.queued,
                cut_off: self.cut_off,
                killed,
            },
        }
    }

    /// The line about a stop; `None` if none was asked for.
    pub(super) fn line(&self, outcome: Outcome, board: &Scoreboard, now: Millis) -> Option<String> {
        let (reason, at) = self.request.as_ref()?;
        let ms = now.since(*at);
        let (requests, lost_lines) = board.records().fold((0, 0), |sum, record| {
            (sum.0 + record.requests, sum.1 + record.lost_lines)
        });
        let mut line = format!(
            "stopped by {reason}: {} in flight finished, {} taken from the queue, {} cut off, \
             {}.{} s; {requests} answered in all",
            number_of(outcome.finished, "request"),
            outcome.queued,
            outcome.cut_off,
            ms / 1_000,
            ms % 1_000 / 100,
        );
        for (count, what, fate) in [
            (outcome.killed.into(), "worker", "killed"),
            (lost_lines, "log line", "lost"),
        ] {
            if count > 0 {
                line += &format!(", {} {fate}", number_of(count, what));
            }
        }
        Some(line)
    }
}

/// So many of something.
fn number_of(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
