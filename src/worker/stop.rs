//! [`Stopper`] and [`Outcome`]: how a server is asked to stop, how it ended, and the receipt.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use super::control::Command;
use super::manager::{WorkerManager, now};
use super::supervisor::Verdict;
use crate::log::Level;
use crate::scoreboard::State;
use crate::sys::event::EventFd;
use crate::sys::signal::Signal;

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Whether it was asked to stop. If not, it gave up: workers kept dying before they were
    /// ready to serve.
    pub stopped: bool,
    /// How many workers did not even leave when they were told to leave all unfinished, and were
    /// killed.
    pub killed: u32,
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

impl From<Verdict> for Outcome {
    fn from(verdict: Verdict) -> Outcome {
        match verdict {
            Verdict::Stopped { killed } => Outcome {
                stopped: true,
                killed,
            },
            Verdict::GaveUp => Outcome {
                stopped: false,
                killed: 0,
            },
        }
    }
}

impl WorkerManager<'_> {
    /// Lets everybody know when no worker stays.
    pub(super) fn note_closing(&mut self) {
        if self.supervisor.is_closing() && !self.board.closing() {
            self.board.set_closing();
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
        let requests: u64 = self.board.records().map(|record| record.requests).sum();
        let lost = match self.board.records().map(|r| r.lost_lines).sum::<u64>() {
            0 => String::new(),
            lost => format!(", {lost} log lines lost"),
        };
        self.say(
            Level::Info,
            format_args!(
                "stopped by {}: {requests} requests answered, {} workers left, {} killed, {ms} ms\
                 {lost}",
                self.reason,
                (self.supervisor.wanted() as u32).saturating_sub(outcome.killed),
                outcome.killed
            ),
        );
    }
}
