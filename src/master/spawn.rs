//! How a [`WorkerManager`] makes a worker: the fork, what the child lets go of, and what ties it to
//! its master.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use super::manager::{LINES, PIDFDS, WorkerManager, now};
use super::signals::Watch;
use crate::log::Level;
use crate::scoreboard::State;
use crate::sys::clock;
use crate::sys::epoll::Interest;
use crate::sys::process::{self, Pid};
use crate::sys::signal::{self, Signal};
use crate::worker::control::{self, Line};
use crate::worker::{Context, Worker, panic_hook};

/// A worker, as long as it was not waited for.
pub(super) struct Child {
    pub(super) pid: Pid,
    pub(super) line: Line,
    /// Where signals are not ours: readable when it is dead.
    pub(super) pidfd: Option<OwnedFd>,
    /// Code that it called has panicked, so it asked for a successor.
    pub(super) panicked: bool,
}

impl Child {
    /// Sends it a signal. However that fails, it is dead already.
    pub(super) fn kill(&self, signal: Signal) {
        let _ = match &self.pidfd {
            Some(pidfd) => process::kill_by_pidfd(pidfd.as_fd(), signal),
            // Nobody but us waits for children, so the pid is still its own.
            None => process::kill(self.pid, signal),
        };
    }
}

impl WorkerManager<'_> {
    /// Forks a worker for a slot.
    pub(super) fn fork(&mut self, slot: usize) -> io::Result<()> {
        let (line, orders) = control::pair()?;
        if let Some(slot) = self.board.slot(slot) {
            slot.set_state(State::Starting, 0);
            slot.set_born(clock::realtime_ms());
        }
        let master = Pid::current();
        let mut line = Some(line);
        let forked = process::fork(|| {
            // The master's end: as long as we held it, we could not see that the master is dead.
            line = None;
            let mut orders = orders;
            match self.become_worker(master, &mut orders) {
                Ok(()) => self.run_worker(slot, orders),
                Err(_) => 1,
            }
        });
        let watched = forked.and_then(|pid| self.watch_child(slot, pid, line));
        let child = match watched {
            Ok(child) => child,
            Err(error) => {
                self.set_slot(slot, State::Empty, 0);
                return Err(error);
            }
        };
        let pid = child.pid;
        self.set_slot(slot, State::Starting, pid.get() as u64);
        if let Some(slot) = self.board.slot(slot) {
            slot.count_life();
        }
        self.children[slot] = Some(child);
        self.watchdog.begin(slot, now());
        if let Some(obituary) = self.obituaries[slot].take() {
            self.say(Level::Warn, format_args!("{}", obituary.line(Some(pid))));
        } else if let Some(old) = &self.children[slot ^ 1]
            && self.supervisor.retires(slot ^ 1)
        {
            let (level, why) = match old.panicked {
                true => (Level::Warn, "has panicked and "),
                false => (Level::Info, ""),
            };
            let old = self.name_of(slot, old.pid);
            let message = format_args!("{old} {why}is to leave; replaced by {pid}");
            self.say(level, message);
        }
        Ok(())
    }

    /// What the log calls a worker.
    pub(super) fn name_of(&self, slot: usize, pid: Pid) -> String {
        format!("worker {} (pid {pid})", slot / 2)
    }

    /// Has epoll report what the new worker says, and its death. One that cannot be watched is
    /// not kept.
    fn watch_child(&self, slot: usize, pid: Pid, line: Option<Line>) -> io::Result<Child> {
        let watch = || {
            let line = line.ok_or(io::ErrorKind::NotConnected)?;
            let epoll = self.epoll()?;
            epoll.add(&line, LINES + slot as u64, Interest::READ)?;
            let pidfd = match self.watch {
                Watch::Signals(_) => None,
                Watch::Pidfds => {
                    let pidfd = process::pidfd(pid)?;
                    epoll.add(&pidfd, PIDFDS + slot as u64, Interest::READ)?;
                    Some(pidfd)
                }
            };
            Ok(Child {
                pid,
                line,
                pidfd,
                panicked: false,
            })
        };
        watch().inspect_err(|_| {
            let _ = process::kill(pid, Signal::KILL);
            let _ = process::wait(pid);
        })
    }

    /// In the child: what only a master needs is let go, and what binds it to its master is made.
    fn become_worker(&mut self, master: Pid, orders: &mut control::Orders) -> io::Result<()> {
        process::set_parent_death_signal(Signal::KILL)?;
        // It may have died before that call; then nobody would tell us.
        if Pid::parent() != master {
            return Err(io::ErrorKind::NotConnected.into());
        }
        // The master's ends of the other workers' lines: as long as we held them, their owners
        // could not see that the master is dead.
        self.children.clear();
        self.epoll = None;
        // A worker writes to peers that may be gone, and sendfile(2) has no MSG_NOSIGNAL.
        signal::ignore(Signal::PIPE)?;
        // The write of a log line fails instead, and the line is counted as lost.
        signal::ignore(Signal::XFSZ)?;
        signal::set_default(Signal::CHLD)?;
        // The standard library's handlers, which look for an overflown stack, swallow the first of
        // these that somebody sends. Whatever it was, it ends this worker.
        signal::set_default(Signal::SEGV)?;
        signal::set_default(Signal::BUS)?;
        if let Watch::Signals(_) = self.watch {
            orders.listen_to_signals()?;
            signal::ignore(Signal::USR1)?;
            signal::unblock(&[Signal::CHLD, Signal::USR1])?;
        }
        self.watch = Watch::Pidfds;
        Ok(())
    }

    fn run_worker(&mut self, slot: usize, orders: control::Orders) -> i32 {
        let (board, log) = (self.board, self.log);
        let index = slot / 2;
        if let (Some(events), Some(record)) = (log.event_writer(), board.slot(slot)) {
            panic_hook::set(index, record, events);
        }
        match (self.group_of(index), board.slot(slot)) {
            (Some(worker), Some(record)) => worker.run(&mut Context {
                index,
                slot: record,
                board,
                orders,
                log,
            }),
            _ => 1,
        }
    }

    fn group_of(&mut self, index: usize) -> Option<&mut dyn Worker> {
        let mut first = 0;
        let group = self.groups.iter().position(|group| {
            first += group.count;
            index < first
        });
        // Those that came later are more of the first kind.
        let group = self.groups.get_mut(group.unwrap_or(0))?;
        Some(&mut *group.worker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Log;
    use crate::master::WorkerGroup;
    use crate::master::stopper::Stopper;
    use crate::master::supervisor::{Event, Policy};
    use crate::scoreboard::Scoreboard;
    use crate::sys::epoll::Epoll;
    use std::{thread, time::Duration};

    /// Ends at once.
    struct Brief;

    impl Worker for Brief {
        fn run(&mut self, _: &mut Context<'_>) -> i32 {
            0
        }
    }

    #[test]
    fn only_a_fork_that_succeeds_is_a_start() {
        let (board, log) = (Scoreboard::new().unwrap(), Log::silent());
        let group = WorkerGroup {
            worker: Box::new(Brief),
            count: 1,
        };
        let policy = Policy {
            workers: 1,
            most_workers: 1,
            drain_delay_ms: 0,
            drain_timeout_ms: 1_000,
            restarts: 2,
            restarts_within_ms: 60_000,
        };
        let stopper = Stopper::new().unwrap();
        let manager = WorkerManager::new(vec![group], policy, &board, &log, stopper, false);
        let mut manager = manager.unwrap();
        let starts = || board.slot(0).unwrap().record().lives;
        // A child that cannot be watched is not kept.
        manager.epoll = None;
        assert_eq!(manager.decide(Event::Start), None);
        for _ in 0..3 {
            thread::sleep(Duration::from_millis(50));
            assert_eq!(manager.decide(Event::Tick), None, "no reason to give up");
            assert!(manager.children[0].is_none());
            assert_eq!((starts(), manager.slot_state(0)), (0, State::Empty));
        }
        manager.epoll = Some(Epoll::new().unwrap());
        while manager.children[0].is_none() {
            thread::sleep(Duration::from_millis(10));
            assert_eq!(manager.decide(Event::Tick), None);
        }
        assert_eq!(starts(), 1);
        let child = manager.children[0].take().unwrap();
        process::wait(child.pid).unwrap();
    }
}
