//! [`Children`]: the worker processes of a master, by slot, and the epoll instance that reports on
//! them. Knows no policy: neither why a worker is forked, nor what its death means.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::scoreboard::MAX_SLOTS;
use crate::sys::epoll::{Epoll, Events, Interest};
use crate::sys::process::{self, Exit, Pid};
use crate::sys::signal::Signal;
use crate::worker::control::{Command, Line, Message, Report};

/// The tokens of control lines; those of pidfds follow, and those of [`Source::Other`].
const LINES: u64 = 0;
const PIDFDS: u64 = MAX_SLOTS as u64;
const OTHERS: u64 = 2 * MAX_SLOTS as u64;

/// A worker that was not waited for yet.
pub(super) struct Child {
    pub(super) pid: Pid,
    line: Line,
    /// Where the program's signals are not ours: readable when the worker is dead.
    pidfd: Option<OwnedFd>,
    /// The worker has asked for a successor because a handler of it has panicked.
    pub(super) panicked: bool,
}

/// What epoll reported on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The worker in this slot has sent a report, or has closed its end.
    Line(usize),
    /// The worker in this slot is dead.
    Pidfd(usize),
    /// What the manager added under this number.
    Other(u64),
}

/// All workers of a master.
pub(super) struct Children {
    /// One for each slot of the supervisor.
    slots: Vec<Option<Child>>,
    /// `None` in a worker, which closes what it inherited of its master.
    epoll: Option<Epoll>,
    events: Events,
    /// The death of each worker is reported by a pidfd, and not by `SIGCHLD`.
    by_pidfd: bool,
}

impl Child {
    /// Sends a signal. An error means that the worker is dead already.
    fn kill(&self, signal: Signal) {
        let _ = match &self.pidfd {
            Some(pidfd) => process::kill_by_pidfd(pidfd.as_fd(), signal),
            // Nothing else in this program waits for children, so the pid is still the worker's.
            None => process::kill(self.pid, signal),
        };
    }
}

impl Children {
    /// No workers yet. With `by_pidfd`, each is watched by a pidfd.
    pub(super) fn new(by_pidfd: bool) -> io::Result<Children> {
        Ok(Children {
            slots: Vec::new(),
            epoll: Some(Epoll::new()?),
            events: Events::with_capacity(64),
            by_pidfd,
        })
    }

    /// Makes room for so many slots.
    pub(super) fn resize(&mut self, slots: usize) {
        self.slots.resize_with(slots, || None);
    }

    /// Has epoll report on something else as well, as [`Source::Other`] with this number.
    pub(super) fn add(&self, fd: BorrowedFd<'_>, number: u64) -> io::Result<()> {
        self.epoll()?.add(fd, OTHERS + number, Interest::READ)
    }

    /// Waits for reports, for so many milliseconds at most.
    pub(super) fn wait(&mut self, timeout_ms: Option<u64>) -> io::Result<Vec<Source>> {
        let epoll = self.epoll.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        epoll.wait(&mut self.events, timeout_ms)?;
        let tokens = (0..self.events.len()).filter_map(|index| self.events.get(index));
        Ok(tokens.map(|(token, _)| Source::of(token)).collect())
    }

    /// Takes in a worker that was just forked into a slot, and has epoll report on it. A worker
    /// that cannot be watched is killed.
    pub(super) fn watch(&mut self, slot: usize, pid: Pid, line: Line) -> io::Result<()> {
        match self.watched(slot, pid, line) {
            Ok(child) => self.slots[slot] = Some(child),
            Err(error) => {
                let _ = process::kill(pid, Signal::KILL);
                let _ = process::wait(pid);
                return Err(error);
            }
        }
        Ok(())
    }

    fn watched(&self, slot: usize, pid: Pid, line: Line) -> io::Result<Child> {
        let epoll = self.epoll()?;
        epoll.add(&line, LINES + slot as u64, Interest::READ)?;
        let pidfd = match self.by_pidfd {
            true => Some(process::pidfd(pid)?),
            false => None,
        };
        if let Some(pidfd) = &pidfd {
            epoll.add(pidfd, PIDFDS + slot as u64, Interest::READ)?;
        }
        Ok(Child {
            pid,
            line,
            pidfd,
            panicked: false,
        })
    }

    /// In a new worker: closes the master's ends of the other workers' lines, and its epoll. While
    /// a copy of an end is open, the worker at the other end cannot see that the master is dead.
    pub(super) fn close(&mut self) {
        self.slots.clear();
        self.epoll = None;
    }

    /// The worker in a slot.
    pub(super) fn get(&self, slot: usize) -> Option<&Child> {
        self.slots.get(slot)?.as_ref()
    }

    /// The slot of the worker with this pid.
    pub(super) fn find(&self, pid: Pid) -> Option<usize> {
        let has_pid = |child: &Option<Child>| child.as_ref().is_some_and(|c| c.pid == pid);
        self.slots.iter().position(has_pid)
    }

    /// Takes a worker that was waited for out of its slot and out of epoll.
    pub(super) fn take(&mut self, slot: usize) -> Option<Child> {
        let child = self.slots.get_mut(slot)?.take()?;
        self.forget(child.line.as_fd());
        if let Some(pidfd) = &child.pidfd {
            self.forget(pidfd.as_fd());
        }
        Some(child)
    }

    /// The next report of the worker in a slot, if there is one.
    pub(super) fn receive(&mut self, slot: usize) -> Option<Report> {
        let child = self.slots.get_mut(slot)?.as_mut()?;
        match child.line.receive() {
            Message::Some(report) => {
                child.panicked |= report == Report::Panicked;
                Some(report)
            }
            Message::None => None,
            Message::Gone => {
                // The worker's death is reported apart; the end of input would be reported for
                // ever.
                let line = &self.slots[slot].as_ref()?.line;
                self.forget(line.as_fd());
                None
            }
        }
    }

    /// Sends a command to the worker in a slot.
    pub(super) fn send(&self, slot: usize, command: Command) {
        if let Some(child) = self.get(slot) {
            child.line.send(command);
        }
    }

    /// Sends a command to all workers.
    pub(super) fn send_to_all(&self, command: Command) {
        (0..self.slots.len()).for_each(|slot| self.send(slot, command));
    }

    /// Sends a signal to the worker in a slot.
    pub(super) fn kill(&self, slot: usize, signal: Signal) {
        if let Some(child) = self.get(slot) {
            child.kill(signal);
        }
    }

    /// Kills all workers and waits for them: after an error, no worker outlives its master.
    pub(super) fn kill_all(&mut self) {
        for child in self.slots.iter_mut().filter_map(Option::take) {
            child.kill(Signal::KILL);
            let _ = process::wait(child.pid);
        }
    }

    /// How the worker in a slot has ended, if it has.
    pub(super) fn try_wait(&self, slot: usize) -> io::Result<Option<Exit>> {
        match self.get(slot) {
            Some(child) => process::try_wait(child.pid),
            None => Ok(None),
        }
    }

    fn epoll(&self) -> io::Result<&Epoll> {
        let epoll = self.epoll.as_ref();
        epoll.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Takes a descriptor out of epoll. To close it is not enough: a process that was forked since,
    /// such as a worker of another server in this program, may hold a copy, and then the descriptor
    /// would be reported on for ever.
    fn forget(&self, fd: BorrowedFd<'_>) {
        // An error means that it was taken out before.
        let _ = self.epoll().and_then(|epoll| epoll.delete(fd));
    }
}

impl Source {
    fn of(token: u64) -> Source {
        match token {
            LINES..PIDFDS => Source::Line((token - LINES) as usize),
            PIDFDS..OTHERS => Source::Pidfd((token - PIDFDS) as usize),
            _ => Source::Other(token - OTHERS),
        }
    }
}
