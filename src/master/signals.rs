//! Which signals a master reads, and what each of them means.
//!
//! | signal | means |
//! |---|---|
//! | `TERM`, `QUIT`, `INT` | serve for the drain delay, finish what was begun and stop; a second one: stop at once |
//! | `HUP` | replace all workers, one by one, and open the log again; `TERM` if the terminal is gone |
//! | `TTIN`, `TTOU` | one worker more, one less |
//! | `USR1` | open the log again |
//! | `CHLD` | a child has died |

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use super::manager::{WorkerManager, now};
use super::stopper::Outcome;
use super::supervisor::Event;
use crate::log::Level;
use crate::scoreboard::MAX_WORKERS;
use crate::sys::signal::{self, Signal, SignalFd};
use crate::worker::control::Command;

/// Signals that the master reads, if signals are ours.
const MASTER_SIGNALS: [Signal; 8] = [
    Signal::TERM,
    Signal::QUIT,
    Signal::INT,
    Signal::HUP,
    Signal::USR1,
    Signal::TTIN,
    Signal::TTOU,
    Signal::CHLD,
];

/// How the manager learns that a worker died.
pub(super) enum Watch {
    /// `SIGCHLD`; all children are ours.
    Signals(Signals),
    /// A pidfd for each worker; other children are somebody else's.
    Pidfds,
}

/// Where signals are read.
pub(super) struct Signals {
    fd: SignalFd,
    /// There was a terminal that could go.
    had_terminal: bool,
}

impl Watch {
    /// With `own_signals`, blocks those that a master reads.
    pub(super) fn new(own_signals: bool) -> io::Result<Watch> {
        if !own_signals {
            return Ok(Watch::Pidfds);
        }
        signal::set_default(Signal::CHLD)?;
        // A log file that may not grow is no reason to end.
        signal::ignore(Signal::XFSZ)?;
        signal::block(&MASTER_SIGNALS)?;
        Ok(Watch::Signals(Signals {
            fd: SignalFd::new(&MASTER_SIGNALS)?,
            had_terminal: has_terminal(),
        }))
    }
}

/// Whether there is a terminal that controls us (tty(4)).
fn has_terminal() -> bool {
    File::open("/dev/tty").is_ok()
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl WorkerManager<'_> {
    pub(super) fn on_signals(&mut self) -> io::Result<Option<Outcome>> {
        let mut outcome = None;
        while let Watch::Signals(signals) = &self.watch
            && let Some(signal) = signals.fd.read()?
        {
            outcome = outcome.or(match signal {
                Signal::CHLD => self.reap()?,
                Signal::USR1 => self.reopen_logs(),
                // Whose terminal is closed wants the program to go with it.
                Signal::HUP if !signals.had_terminal || has_terminal() => self.reload(),
                Signal::TTIN => self.change_workers(Event::More),
                Signal::TTOU => self.change_workers(Event::Fewer),
                signal => self.stop(signal),
            });
        }
        Ok(outcome)
    }

    pub(super) fn stop(&mut self, reason: impl fmt::Display) -> Option<Outcome> {
        if self.stopped_at.is_none() {
            self.stopped_at = Some(now());
            self.reason = reason.to_string();
            let delay_ms = self.supervisor.delay_ms();
            if delay_ms > 0 {
                let message = format_args!(
                    "{reason}: not ready any more, and serves for {delay_ms} ms before it drains"
                );
                self.say(Level::Info, message);
            }
        }
        self.decide(Event::Stop)
    }

    fn reopen_logs(&mut self) -> Option<Outcome> {
        if let Err(error) = self.log.reopen() {
            let message = format_args!("the log file cannot be opened again: {error}");
            self.say(Level::Error, message);
        }
        for child in self.children.iter().flatten() {
            child.line.send(Command::ReopenLog);
        }
        None
    }

    fn reload(&mut self) -> Option<Outcome> {
        if self.stopped_at.is_none() {
            self.say(Level::Info, format_args!("reloading"));
            self.reloading_since = Some(now());
        }
        self.reopen_logs();
        self.decide(Event::Reload)
    }

    /// Tells of the end of a reload.
    pub(super) fn note_reloaded(&mut self) {
        if self.supervisor.is_replacing() {
            return;
        }
        if let Some(since) = self.reloading_since.take()
            && self.stopped_at.is_none()
        {
            let message = format_args!("reloaded: all workers are new, {} ms", now().since(since));
            self.say(Level::Info, message);
        }
    }

    fn change_workers(&mut self, event: Event) -> Option<Outcome> {
        let before = self.supervisor.wanted();
        let outcome = self.decide(event);
        match self.supervisor.wanted() {
            _ if self.stopped_at.is_some() => {}
            wanted if wanted == before => self.say(
                Level::Warn,
                format_args!("still {wanted} workers: there can be 1 to {MAX_WORKERS}"),
            ),
            wanted => self.say(Level::Info, format_args!("{wanted} workers from now on")),
        }
        outcome
    }
}
