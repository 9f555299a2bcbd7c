//! [`Stopper`] and [`Outcome`]: how a server is asked to stop, how it ended, and the receipt.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use super::manager::{WorkerManager, now};
use super::supervisor::Verdict;
use crate::log::Level;
use crate::scoreboard::{Record, State};
use crate::sys::event::EventFd;
use crate::sys::signal::Signal;
use crate::worker::control::Command;

/// How a server ended, and what became of the requests that it had when its workers were told to
/// leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// Whether it was asked to stop. If not, it gave up: workers kept dying before they were
    /// ready to serve.
    pub stopped: bool,
    /// How many requests were answered to their ends, on connections that workers had when they
    /// were told to leave: those that had begun, and those that came while their clients could not
    /// know. An answer that its client did not take counts nowhere.
    pub finished: u64,
    /// How many connections were taken from the queue after that.
    pub queued: u64,
    /// How many requests had begun, and were not answered to their ends when the worker left or
    /// died.
    pub cut_off: u64,
    /// How many workers did not even leave when they were told to leave all unfinished, and were
    /// killed.
    pub killed: u32,
}

/// What the master knows of workers that leave, together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Departure {
    /// What workers had finished, and taken from the queue, when they left one by one before.
    before: (u64, u64),
    /// Requests of those that have left since.
    cut_off: u64,
}

/// Stops a server from another thread.
#[derive(Clone, Debug)]
pub struct Stopper {
    event: Arc<EventFd>,
}

impl Stopper {
    /// A new one, for one server.
    pub fn new() -> io::Result<Stopper> {
        Ok(Stopper {
            event: Arc::new(EventFd::new()?),
        })
    }

    /// Asks the server to finish what it has begun and stop. Asked again, later than at once, it
    /// finishes nothing.
    pub fn stop(&self) -> io::Result<()> {
        self.event.notify()
    }

    /// Readable when somebody has asked.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }

    /// Whether somebody has asked since the last look.
    pub(super) fn take(&self) -> io::Result<bool> {
        self.event.take()
    }
}

impl WorkerManager<'_> {
    /// Lets everybody know when no worker stays.
    pub(super) fn note_closing(&mut self) {
        if self.supervisor.is_closing() && !self.board.closing() {
            self.board.set_closing();
            self.departure.before = self.left_with();
            // Those who died and were still to be replaced are not.
            for slot in 0..self.obituaries.len() {
                self.tell(slot);
            }
        }
    }

    pub(super) fn drain(&mut self, slot: usize) {
        self.tell_to_leave(slot, Command::Drain);
    }

    fn tell_to_leave(&mut self, slot: usize, command: Command) {
        if let Some(child) = &self.children[slot] {
            child.line.send(command);
            // One that somebody has stopped may have requests on its desk. To all others this means
            // nothing, so nobody has to know who is stopped just now.
            child.kill(Signal::CONT);
            self.set_slot(slot, State::Draining, child.pid.get() as u64);
        }
    }

    pub(super) fn cut(&mut self, slot: usize) {
        self.tell_to_leave(slot, Command::Cut);
    }

    pub(super) fn kill(&self, slot: usize, signal: Signal) {
        if let Some(child) = &self.children[slot] {
            child.kill(signal);
        }
    }

    /// A worker is dead: what it had not finished is lost.
    pub(super) fn count_cut_off(&mut self, slot: usize) {
        if self.supervisor.is_closing()
            && let Some(slot) = self.board.slot(slot)
        {
            self.departure.cut_off += slot.under_way();
        }
    }

    /// What workers that left have finished, and taken from the queue, so far.
    fn left_with(&self) -> (u64, u64) {
        (0..self.supervisor.slots())
            .filter_map(|slot| self.board.slot(slot))
            .map(|slot| slot.left_with())
            .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    pub(super) fn account(&self, verdict: Verdict) -> Outcome {
        let Verdict::Stopped { killed } = verdict else {
            return Outcome::default();
        };
        let (finished, queued) = self.left_with();
        let Departure { before, cut_off } = self.departure;
        Outcome {
            stopped: true,
            finished: finished - before.0,
            queued: queued - before.1,
            cut_off,
            killed,
        }
    }

    /// One line about how it ended.
    pub(super) fn write_receipt(&self, outcome: Outcome) {
        let Some(stopped_at) = self.stopped_at else {
            self.say(
                Level::Error,
                format_args!("gave up: workers kept dying before they were ready"),
            );
            return;
        };
        let ms = now().since(stopped_at);
        let sum = |word: fn(&Record) -> u64| self.board.records().map(|r| word(&r)).sum::<u64>();
        let mut line = format!(
            "stopped by {}: {} in flight finished, {} taken from the queue, {} cut off, {}.{} s; \
             {} answered in all",
            self.reason,
            number_of(outcome.finished, "request"),
            outcome.queued,
            outcome.cut_off,
            ms / 1_000,
            ms % 1_000 / 100,
            sum(|record| record.requests),
        );
        for (count, what, fate) in [
            (outcome.killed.into(), "worker", "killed"),
            (sum(|record| record.lost_lines), "log line", "lost"),
        ] {
            if count > 0 {
                line += &format!(", {} {fate}", number_of(count, what));
            }
        }
        self.say(Level::Info, format_args!("{line}"));
    }
}

/// So many of something.
fn number_of(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
