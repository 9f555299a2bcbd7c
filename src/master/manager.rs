//! [`WorkerManager`]: the master's loop. It turns signals, reports and exits into events for the
//! supervisor, and performs the actions that the supervisor decides on.
//!
//! A program of ours owns its signals and its children: it reads its signals from a signalfd and
//! waits for any child, so that PID 1 of a container reaps orphans too. A program that embeds the
//! library keeps its own: then each worker is watched by its pidfd, and no signal and no other
//! child is touched.
//!
//! One turn reads the clock once and hands that time down. The end of the server is the field
//! `outcome`: once it is set, nothing more is decided.

use std::fmt;
use std::io;
use std::os::fd::AsFd;

use super::WorkerGroup;
use super::children::Source;
use super::receipt::Receipt;
use super::signals::{Request, Signals};
use super::spawn::Equipment;
use super::stopper::{Outcome, Stopper};
use super::supervisor::{Action, Event, Policy, Supervisor};
use super::watchdog::Watchdog;
use super::workers::Workers;
use crate::log::{Level, Log};
use crate::scoreboard::{Scoreboard, State};
use crate::sys::clock;
use crate::sys::process::{self, Exit, Pid};
use crate::sys::signal::Signal;
use crate::time::Millis;
use crate::worker::control::{Command, Report};

const STOP: u64 = 0;
const SIGNALS: u64 = 1;

/// Forks workers and keeps them running.
pub struct WorkerManager<'a> {
    supervisor: Supervisor,
    watchdog: Watchdog,
    workers: Workers<'a>,
    board: &'a Scoreboard,
    log: &'a Log,
    stopper: Stopper,
    /// Logged once every worker is ready.
    announcement: Option<String>,
    receipt: Receipt,
    /// Since when all workers are being replaced.
    reloading_since: Option<Millis>,
    /// How the server ended.
    outcome: Option<Outcome>,
}

impl<'a> WorkerManager<'a> {
    /// A manager that has forked nothing yet. With `own_signals`, it blocks and reads the
    /// signals that stop a server, and waits for any child.
    pub fn new(
        groups: Vec<WorkerGroup>,
        mut policy: Policy,
        board: &'a Scoreboard,
        log: &'a Log,
        stopper: Stopper,
        own_signals: bool,
    ) -> io::Result<WorkerManager<'a>> {
        policy.workers = groups.iter().map(|group| group.count).sum();
        if groups.iter().any(|group| group.count == 0) {
            let why = "each group of workers has one at least";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        // More or fewer workers are more or fewer of the last group.
        policy.least_workers =
            policy.workers + 1 - groups.last().map_or(1, |group| group.count.max(1));
        if groups.len() > 1 {
            let mut first = 0;
            let numbered = groups.iter().map(|group| {
                first += group.count;
                (first - group.count, group.name)
            });
            board.set_groups(numbered.collect());
        }
        let checked = policy.check();
        checked.map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, why))?;
        let signals = own_signals.then(Signals::new).transpose()?;
        let workers = Workers::new(groups, signals, Equipment { board, log })?;
        workers.children.add(stopper.as_fd(), STOP)?;
        if let Some(signals) = &workers.signals {
            workers.children.add(signals.as_fd(), SIGNALS)?;
        }
        Ok(WorkerManager {
            supervisor: Supervisor::new(policy),
            watchdog: Watchdog::new(0),
            workers,
            board,
            log,
            stopper,
            announcement: None,
            receipt: Receipt::default(),
            reloading_since: None,
            outcome: None,
        })
    }

    /// Replaces a worker that has been busy with one step for longer than this, in milliseconds.
    pub fn watch_for_hangs(&mut self, timeout_ms: u64) {
        self.watchdog = Watchdog::new(timeout_ms);
    }

    /// A line to log once every worker is ready.
    pub fn announce(&mut self, line: String) {
        self.announcement = Some(line);
    }

    /// Forks the workers, calls `started`, and keeps the workers running until the server is asked
    /// to stop, or gives up.
    pub fn run(&mut self, started: impl FnOnce()) -> io::Result<Outcome> {
        let result = self.keep_running(started);
        if result.is_err() {
            self.workers.children.kill_all();
        }
        self.workers.cleanup();
        result
    }

    fn keep_running(&mut self, started: impl FnOnce()) -> io::Result<Outcome> {
        self.workers.init()?;
        let pid = Pid::current().get() as u64;
        self.board.set_started(pid, clock::realtime_ms());
        let now = monotonic_now();
        self.decide(Event::Start, now);
        if self.workers.signals.is_some() {
            // Children that the program had before its exec(2), of which SIGCHLD has told already.
            self.reap(now)?;
        }
        started();
        while self.outcome.is_none() {
            // Read again, since a turn takes time.
            let timeout = self.timeout(monotonic_now());
            let sources = self.workers.children.wait(timeout)?;
            let now = monotonic_now();
            for source in sources {
                self.on_source(source, now)?;
            }
            self.look_for_hung(now);
            self.decide(Event::Tick, now);
            self.report_reloaded(now);
        }
        let outcome = self.outcome.unwrap_or_default();
        match self.receipt.line(outcome, self.board, monotonic_now()) {
            Some(line) => self.say(Level::Info, format_args!("{line}")),
            None => self.say(
                Level::Error,
                format_args!("gave up: workers kept dying before they were ready"),
            ),
        }
        Ok(outcome)
    }

    fn timeout(&self, now: Millis) -> Option<u64> {
        let wake_at = self.supervisor.wake_at().min(self.watchdog.look_at());
        // A millisecond later, since `now` is rounded down.
        (wake_at != Millis::NEVER).then(|| wake_at.since(now) + 1)
    }

    fn on_source(&mut self, source: Source, now: Millis) -> io::Result<()> {
        match source {
            Source::Line(slot) => self.on_reports(slot, now),
            Source::Pidfd(slot) => {
                if let Some(exit) = self.workers.children.try_wait(slot)? {
                    self.on_exit(slot, exit, now);
                }
            }
            Source::Other(STOP) => {
                if self.stopper.take()? {
                    self.stop("request", now);
                }
            }
            Source::Other(_) => self.on_signals(now)?,
        }
        Ok(())
    }

    fn on_signals(&mut self, now: Millis) -> io::Result<()> {
        while let Some(signals) = &self.workers.signals
            && let Some(request) = signals.next()?
        {
            match request {
                Request::Stop(signal) => self.stop(signal, now),
                Request::Reload => self.reload(now),
                Request::ReopenLogs => self.reopen_logs(),
                Request::More => self.change_workers(Event::More, now),
                Request::Fewer => self.change_workers(Event::Fewer, now),
                Request::ChildChanged => self.reap(now)?,
            }
        }
        Ok(())
    }

    /// Waits for every child that has changed its state, whichever part of the program forked it.
    fn reap(&mut self, now: Millis) -> io::Result<()> {
        while let Some((pid, exit)) = process::try_wait_any()? {
            // A child that is unknown was an orphan that PID 1 inherited.
            let Some(slot) = self.workers.children.find(pid) else {
                continue;
            };
            match exit {
                Exit::Stopped => self.watchdog.stopped(slot, true, now),
                Exit::Continued => self.watchdog.stopped(slot, false, now),
                exit => self.on_exit(slot, exit, now),
            }
        }
        Ok(())
    }

    fn on_reports(&mut self, slot: usize, now: Millis) {
        while let Some(report) = self.workers.children.receive(slot) {
            match report {
                Report::Ready => self.on_ready(slot, now),
                Report::Retire | Report::Panicked => self.decide(Event::Retire(slot), now),
            }
        }
    }

    fn on_ready(&mut self, slot: usize, now: Millis) {
        self.workers.is_ready(slot);
        self.decide(Event::Ready(slot), now);
        if self.supervisor.is_complete()
            && let Some(line) = self.announcement.take()
        {
            self.say(Level::Info, format_args!("{line}"));
        }
    }

    /// A worker has exited.
    fn on_exit(&mut self, slot: usize, exit: Exit, now: Millis) {
        // Its last reports come first: whether it ever was ready matters.
        self.on_reports(slot, now);
        let closing = self.supervisor.is_closing();
        let Some(in_flight) = self.workers.exited(slot, exit, closing, now) else {
            return;
        };
        if closing {
            self.receipt.count_cut_off(in_flight);
        }
        self.decide(Event::Died(slot), now);
    }

    fn look_for_hung(&mut self, now: Millis) {
        let mut hung = Vec::new();
        let workers = &self.workers;
        self.watchdog
            .look(now, |slot| workers.busy_since(slot), &mut hung);
        for slot in hung {
            // The supervisor has a limit of its own for how long a worker may be starting.
            if self.workers.state(slot) != State::Starting {
                self.workers.hung(slot, now);
                self.decide(Event::Hung(slot), now);
            }
        }
    }

    fn stop(&mut self, reason: impl fmt::Display, now: Millis) {
        let delay_ms = self.supervisor.delay_ms();
        if !self.receipt.is_begun() && delay_ms > 0 {
            let message = format_args!(
                "{reason}: not ready any more, and serves for {delay_ms} ms before it drains"
            );
            self.say(Level::Info, message);
        }
        self.receipt.begin(reason, now);
        self.decide(Event::Stop, now);
    }

    fn reopen_logs(&mut self) {
        if let Err(error) = self.log.reopen() {
            let message = format_args!("the log file cannot be opened again: {error}");
            self.say(Level::Error, message);
        }
        self.workers.children.send_to_all(Command::ReopenLog);
    }

    fn reload(&mut self, now: Millis) {
        if !self.receipt.is_begun() {
            self.say(Level::Info, format_args!("reloading"));
            self.reloading_since = Some(now);
        }
        self.reopen_logs();
        self.decide(Event::Reload, now);
    }

    /// Logs the end of a reload.
    fn report_reloaded(&mut self, now: Millis) {
        if self.supervisor.is_replacing() {
            return;
        }
        if let Some(since) = self.reloading_since.take()
            && !self.receipt.is_begun()
        {
            let ms = now.since(since);
            self.say(
                Level::Info,
                format_args!("reloaded: all workers are new, {ms} ms"),
            );
        }
    }

    fn change_workers(&mut self, event: Event, now: Millis) {
        let before = self.supervisor.wanted();
        self.decide(event, now);
        let (least, most) = self.supervisor.bounds();
        match self.supervisor.wanted() {
            _ if self.receipt.is_begun() => {}
            wanted if wanted == before => self.say(
                Level::Warn,
                format_args!("still {wanted} workers: there can be {least} to {most}"),
            ),
            wanted => self.say(Level::Info, format_args!("{wanted} workers from now on")),
        }
    }

    /// Asks the supervisor, and performs the actions that it decides on.
    fn decide(&mut self, event: Event, now: Millis) {
        let mut actions = Vec::new();
        let mut events = vec![event];
        while let Some(event) = events.pop()
            && self.outcome.is_none()
        {
            self.supervisor.on(event, now, &mut actions);
            self.publish();
            for action in actions.drain(..) {
                match action {
                    Action::Fork(slot) => {
                        if let Err(error) = self.fork(slot, now) {
                            let message = format_args!(
                                "worker {} cannot be forked: {error}; trying again",
                                slot / 2
                            );
                            self.say(Level::Error, message);
                            // It cannot be foreseen which try will do better.
                            self.workers.deaths.report_without_successor(slot);
                            events.push(Event::ForkFailed(slot));
                        }
                    }
                    Action::Drain(slot) => self.workers.tell_to_leave(slot, Command::Drain),
                    Action::Cut(slot) => self.workers.tell_to_leave(slot, Command::Cut),
                    Action::Abort(slot) => self.workers.children.kill(slot, Signal::ABRT),
                    Action::Kill(slot) => self.workers.children.kill(slot, Signal::KILL),
                    Action::Announce => self.board.set_stopping(),
                    Action::Finish(verdict) => {
                        self.outcome = Some(self.receipt.outcome(verdict, self.workers.drained()));
                    }
                }
            }
        }
        let supervisor = &self.supervisor;
        self.workers
            .deaths
            .flush(|slot| supervisor.respawn_pending(slot));
    }

    /// Makes room for the child of each slot, and tells the workers what was decided.
    fn publish(&mut self) {
        let slots = self.supervisor.slots();
        self.workers.resize(slots);
        self.board.set_wanted(self.supervisor.wanted(), slots);
        if self.supervisor.is_closing() && !self.board.closing() {
            self.board.set_closing();
            self.receipt.start_drain_accounting(self.workers.drained());
            // Workers that died and were still to be replaced are not.
            self.workers.deaths.flush(|_| false);
        }
    }

    fn fork(&mut self, slot: usize, now: Millis) -> io::Result<()> {
        let retires = self.supervisor.retires(slot ^ 1);
        self.workers.fork(slot, retires)?;
        self.watchdog.begin(slot, now);
        Ok(())
    }

    fn say(&self, level: Level, message: fmt::Arguments<'_>) {
        self.log.event(level, clock::realtime_ms(), message);
    }
}

fn monotonic_now() -> Millis {
    Millis::new(clock::monotonic_ms())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::master::children::Children;
    use crate::worker::{Context, Worker};
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
            name: "brief",
        };
        let policy = Policy {
            workers: 1,
            least_workers: 1,
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
        manager.workers.children.close();
        manager.decide(Event::Start, monotonic_now());
        for _ in 0..3 {
            thread::sleep(Duration::from_millis(50));
            manager.decide(Event::Tick, monotonic_now());
            assert_eq!(manager.outcome, None, "no reason to give up");
            assert!(manager.workers.children.get(0).is_none());
            assert_eq!((starts(), manager.workers.state(0)), (0, State::Empty));
        }
        manager.workers.children = Children::new(true).unwrap();
        manager.workers.children.resize(2);
        while manager.workers.children.get(0).is_none() {
            thread::sleep(Duration::from_millis(10));
            manager.decide(Event::Tick, monotonic_now());
        }
        assert_eq!((starts(), manager.outcome), (1, None));
        let pid = manager.workers.children.get(0).unwrap().pid;
        process::wait(pid).unwrap();
    }
}
