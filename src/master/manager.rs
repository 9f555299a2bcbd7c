//! [`WorkerManager`]: the master's loop. It turns signals, reports and deaths into events for the
//! supervisor, and does what that decides.
//!
//! A program of ours owns its signals and its children: it reads both from a signalfd and waits
//! for any child, so that PID 1 of a container reaps orphans too. A program that embeds us keeps
//! its own: then each worker is watched by its pidfd, and no signal and no other child is touched.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use super::deaths::Obituary;
use super::oom_kills::OomKills;
use super::signals::Watch;
use super::spawn::Child;
use super::stopper::{Departure, Outcome, Stopper};
use super::supervisor::{Action, Event, Policy, Supervisor};
use super::watchdog::Watchdog;
use crate::log::{Level, Log};
use crate::master::WorkerGroup;
use crate::scoreboard::{MAX_SLOTS, MAX_WORKERS, Scoreboard, State};
use crate::sys::clock;
use crate::sys::epoll::{Epoll, Events, Interest};
use crate::sys::process::{self, Exit, Pid};
use crate::sys::signal::Signal;
use crate::time::Millis;
use crate::worker::control::{Message, Report};

const STOP: u64 = u64::MAX;
const SIGNALS: u64 = u64::MAX - 1;
/// Tokens of control lines; those of pidfds follow.
pub(super) const LINES: u64 = 0;
pub(super) const PIDFDS: u64 = MAX_SLOTS as u64;

/// Forks workers and keeps them running.
pub struct WorkerManager<'a> {
    pub(super) groups: Vec<WorkerGroup>,
    pub(super) supervisor: Supervisor,
    pub(super) watchdog: Watchdog,
    /// One for each slot of the supervisor.
    pub(super) children: Vec<Option<Child>>,
    /// Why there will be a worker in each slot, to be told together with its pid.
    pub(super) obituaries: Vec<Option<Obituary>>,
    pub(super) oom_kills: OomKills,
    pub(super) board: &'a Scoreboard,
    pub(super) log: &'a Log,
    stopper: Stopper,
    pub(super) watch: Watch,
    /// The master's own; a worker closes what it inherited of it.
    pub(super) epoll: Option<Epoll>,
    /// Logged once every worker is ready.
    announcement: Option<String>,
    /// What asked for the stop, for the receipt.
    pub(super) reason: String,
    pub(super) stopped_at: Option<Millis>,
    pub(super) departure: Departure,
    /// Since when workers are replaced because somebody asked for it.
    pub(super) reloading_since: Option<Millis>,
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
        policy.most_workers = MAX_WORKERS;
        policy.workers = groups.iter().map(|group| group.count).sum();
        if !(1..=MAX_WORKERS).contains(&policy.workers) {
            let message = format!("{} workers: expected 1 to {MAX_WORKERS}", policy.workers);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let (delay_ms, timeout_ms) = (policy.drain_delay_ms, policy.drain_timeout_ms);
        if delay_ms > 0 && delay_ms >= timeout_ms {
            let message = format!(
                "a drain delay of {delay_ms} ms leaves no time to drain: the drain timeout, which \
                 bounds both, is {timeout_ms} ms"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let epoll = Epoll::new()?;
        epoll.add(stopper.as_fd(), STOP, Interest::READ)?;
        let watch = Watch::new(own_signals)?;
        if let Watch::Signals(signals) = &watch {
            epoll.add(signals.as_fd(), SIGNALS, Interest::READ)?;
        }
        Ok(WorkerManager {
            groups,
            supervisor: Supervisor::new(policy),
            watchdog: Watchdog::new(0),
            children: Vec::new(),
            obituaries: Vec::new(),
            oom_kills: OomKills::new(),
            board,
            log,
            stopper,
            watch,
            epoll: Some(epoll),
            announcement: None,
            reason: String::new(),
            stopped_at: None,
            departure: Departure::default(),
            reloading_since: None,
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
            self.abandon();
        }
        for group in &mut self.groups {
            group.worker.cleanup();
        }
        result
    }

    fn keep_running(&mut self, started: impl FnOnce()) -> io::Result<Outcome> {
        for group in &mut self.groups {
            group.worker.init()?;
        }
        let pid = Pid::current().get() as u64;
        self.board.set_started(pid, clock::realtime_ms());
        let mut events = Events::with_capacity(64);
        let mut outcome = self.decide(Event::Start);
        if let Watch::Signals(_) = self.watch {
            // Children of who we were before exec(2), of whom SIGCHLD has told already.
            outcome = outcome.or(self.reap()?);
        }
        started();
        let outcome = loop {
            if let Some(outcome) = outcome {
                break outcome;
            }
            let timeout = self.timeout();
            self.epoll()?.wait(&mut events, timeout)?;
            let tokens: Vec<u64> = (0..events.len())
                .filter_map(|index| events.get(index))
                .map(|e| e.0)
                .collect();
            for token in tokens {
                outcome = outcome.or(self.on_event(token)?);
            }
            outcome = outcome
                .or_else(|| self.look_for_hung())
                .or_else(|| self.decide(Event::Tick));
            self.note_reloaded();
        };
        self.write_receipt(outcome);
        Ok(outcome)
    }

    fn look_for_hung(&mut self) -> Option<Outcome> {
        let (board, children) = (self.board, &self.children);
        let beat = |slot: usize| match (children.get(slot), board.slot(slot)) {
            (Some(Some(_)), Some(slot)) if slot.state() == State::Ready => {
                slot.busy_since_ms().map(Millis::new)
            }
            _ => None,
        };
        let mut hung = Vec::new();
        self.watchdog.look(now(), beat, &mut hung);
        let mut outcome = None;
        for slot in hung {
            outcome = outcome.or_else(|| self.give_up(slot));
        }
        outcome
    }

    pub(super) fn epoll(&self) -> io::Result<&Epoll> {
        self.epoll
            .as_ref()
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    fn timeout(&self) -> Option<u64> {
        let wake_at = self.supervisor.wake_at().min(self.watchdog.look_at());
        // A millisecond later, since `now` is rounded down.
        (wake_at != Millis::NEVER).then(|| wake_at.since(now()) + 1)
    }

    fn on_event(&mut self, token: u64) -> io::Result<Option<Outcome>> {
        match token {
            STOP => {
                if self.stopper.take()? {
                    return Ok(self.stop("request"));
                }
            }
            SIGNALS => return self.on_signals(),
            token if token >= PIDFDS => return self.on_pidfd((token - PIDFDS) as usize),
            token => return Ok(self.on_report((token - LINES) as usize)),
        }
        Ok(None)
    }

    /// Waits for every child that has ended, whosever it was.
    pub(super) fn reap(&mut self) -> io::Result<Option<Outcome>> {
        let mut outcome = None;
        while let Some((pid, exit)) = process::try_wait_any()? {
            let is_it = |child: &Option<Child>| child.as_ref().is_some_and(|c| c.pid == pid);
            // One that is unknown was an orphan that PID 1 inherited.
            if let Some(slot) = self.children.iter().position(is_it) {
                outcome = outcome.or(match exit {
                    Exit::Stopped | Exit::Continued => {
                        self.watchdog.stopped(slot, exit == Exit::Stopped, now());
                        None
                    }
                    exit => self.bury(slot, exit),
                });
            }
        }
        Ok(outcome)
    }

    fn on_pidfd(&mut self, slot: usize) -> io::Result<Option<Outcome>> {
        let Some(Some(child)) = self.children.get(slot) else {
            return Ok(None);
        };
        match process::try_wait(child.pid)? {
            Some(exit) => Ok(self.bury(slot, exit)),
            None => Ok(None),
        }
    }

    /// Takes a child's descriptors out of epoll.
    pub(super) fn forget(&self, child: &Child) {
        self.forget_fd(child.line.as_fd());
        if let Some(pidfd) = &child.pidfd {
            self.forget_fd(pidfd.as_fd());
        }
    }

    /// Closing it is not enough: whatever was forked since, a worker of another server in this
    /// program for one, may hold a copy, and then it would be reported for ever.
    fn forget_fd(&self, fd: BorrowedFd<'_>) {
        // An error means that it was taken out before.
        let _ = self.epoll().and_then(|epoll| epoll.delete(fd));
    }

    pub(super) fn on_report(&mut self, slot: usize) -> Option<Outcome> {
        loop {
            let line = &self.children.get(slot)?.as_ref()?.line;
            let outcome = match line.receive() {
                Message::Some(Report::Ready) => self.note_ready(slot),
                Message::Some(Report::Retire) => self.decide(Event::Retire(slot)),
                Message::Some(Report::Panicked) => {
                    if let Some(child) = &mut self.children[slot] {
                        child.panicked = true;
                    }
                    self.decide(Event::Retire(slot))
                }
                Message::None => return None,
                Message::Gone => {
                    // Its death will be told; the end of input would be told for ever.
                    self.forget_fd(line.as_fd());
                    return None;
                }
            };
            if outcome.is_some() {
                return outcome;
            }
        }
    }

    fn note_ready(&mut self, slot: usize) -> Option<Outcome> {
        if self.slot_state(slot) == State::Starting {
            let pid = self.children[slot]
                .as_ref()
                .map_or(0, |child| child.pid.get());
            self.set_slot(slot, State::Ready, pid as u64);
        }
        let outcome = self.decide(Event::Ready(slot));
        if self.supervisor.is_complete()
            && let Some(line) = self.announcement.take()
        {
            self.say(Level::Info, format_args!("{line}"));
        }
        outcome
    }

    /// Asks the supervisor, and does what it says.
    pub(super) fn decide(&mut self, event: Event) -> Option<Outcome> {
        let mut actions = Vec::new();
        let mut events = vec![event];
        let mut outcome = None;
        while let Some(event) = events.pop() {
            self.supervisor.on(event, now(), &mut actions);
            self.make_room();
            self.note_closing();
            for action in actions.drain(..) {
                match action {
                    Action::Fork(slot) => {
                        if let Err(error) = self.fork(slot) {
                            self.say(
                                Level::Error,
                                format_args!(
                                    "worker {} cannot be forked: {error}; trying again",
                                    slot / 2
                                ),
                            );
                            // Nobody knows when the next try will do better.
                            self.tell(slot);
                            events.push(Event::ForkFailed(slot));
                        }
                    }
                    Action::Drain(slot) => self.drain(slot),
                    Action::Cut(slot) => self.cut(slot),
                    Action::Abort(slot) => self.kill(slot, Signal::ABRT),
                    Action::Kill(slot) => self.kill(slot, Signal::KILL),
                    Action::Announce => self.board.set_stopping(),
                    Action::Finish(verdict) => outcome = Some(self.account(verdict)),
                }
            }
        }
        self.tell_of_unfilled();
        outcome
    }

    /// A place for the child of each slot.
    fn make_room(&mut self) {
        let slots = self.supervisor.slots();
        self.children.resize_with(slots, || None);
        self.obituaries.resize(slots, None);
        self.board.set_wanted(self.supervisor.wanted(), slots);
    }

    pub(super) fn slot_state(&self, slot: usize) -> State {
        self.board
            .slot(slot)
            .map_or(State::Empty, |slot| slot.record().state)
    }

    pub(super) fn set_slot(&self, slot: usize, state: State, pid: u64) {
        if let Some(slot) = self.board.slot(slot) {
            slot.set_state(state, pid);
        }
    }

    /// After an error: no worker outlives its manager.
    fn abandon(&mut self) {
        for child in self.children.iter_mut().filter_map(Option::take) {
            child.kill(Signal::KILL);
            let _ = process::wait(child.pid);
        }
    }

    pub(super) fn say(&self, level: Level, message: fmt::Arguments<'_>) {
        self.log.event(level, clock::realtime_ms(), message);
    }
}

pub(super) fn now() -> Millis {
    Millis::new(clock::monotonic_ms())
}
