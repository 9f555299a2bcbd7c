//! [`EventLoop`]: one worker's life. It waits for what is ready, gives each connection its turn,
//! and leaves when its master says so or is dead.
//!
//! The time that is handed down is read once a turn (what answers took is measured apart, in
//! `ledger`), log lines are written once a turn, and a quiet worker sleeps until its next deadline.
//! On the way of a request that arrives whole there is one wait, one read and one write.

use std::io;
use std::mem;
use std::os::fd::OwnedFd;

use super::Context;
use super::accept::acceptor::{Acceptor, Asked};
use super::accept::listener::Listener;
use super::admin::Admin;
use super::complaints::{ByKind, Complaints};
use super::connections::deadlines::Deadlines;
use super::connections::eviction::Candidates;
use super::connections::in_flight::InFlight;
use super::connections::slab::{Slab, Token};
use super::control::{Command, Message};
use super::link::Link;
use super::link::answers::Answers;
use super::link::buffer_pool::Spares;
use super::link::guarded::Guarded;
use super::link::stream::Socket;
use super::link::turn::{Fate, Turn, Why};
use super::retirement::Retirement;
use super::socket_worker::SocketOptions;
use crate::log::Level;
use crate::process::{Peer, Process};
use crate::sys::clock;
use crate::sys::epoll::{Epoll, Events, Interest, Ready};
use crate::sys::event::EventFd;
use crate::time::{Millis, Now};

/// Readable when the master has something to say.
const CONTROL: Token = Token::reserved(0);
/// Readable when a signal came for this process.
const SIGNALS: Token = Token::reserved(1);
/// Readable when another worker stands back from accepting.
const NUDGE: Token = Token::reserved(2);

/// Events taken from the kernel at once.
const EVENTS: usize = 256;
/// How soon log lines are offered again to a reader that was slow, in milliseconds.
const LOG_RETRY_MS: u64 = 10;
/// How often a lack of descriptors is logged at most, in milliseconds.
const COMPLAIN_MS: u64 = 10_000;

/// The state of a worker that serves connections of one protocol.
pub struct EventLoop<'a> {
    process: &'a dyn Process,
    pub(super) context: &'a Context<'a>,
    pub(super) options: SocketOptions,
    input_limit: usize,
    pub(super) epoll: Epoll,
    pub(super) acceptor: Acceptor<'a>,
    pub(super) admin: Option<Admin<'a>>,
    pub(super) links: Slab<Link<'a>>,
    deadlines: Deadlines,
    spares: Spares,
    pub(super) candidates: Candidates,
    /// Links that could go on but let others come first.
    again: Vec<Token>,
    pub(super) now: Now,
    /// The same, in microseconds.
    now_us: u64,
    /// No step was begun since the clock was read.
    clock_is_fresh: bool,
    /// Requests answered when the last step began.
    answered: u64,
    pub(super) stopping: bool,
    /// Somebody waits, and nobody could be spared when that was last seen.
    pub(super) crowded: bool,
    pub(super) in_flight: InFlight,
    complaints: Complaints,
    faults: Complaints,
    refusals: ByKind,
    retirement: Retirement,
    /// Those of the connection that has its turn; empty between turns.
    answers: Answers,
    /// Log lines that nobody took, as far as they were counted.
    pub(super) lost_lines: u64,
}

impl<'a> EventLoop<'a> {
    /// A loop that watches its listening sockets and its master.
    pub fn new(
        process: &'a dyn Process,
        listeners: Vec<Listener>,
        admin: Option<(&'a dyn Process, Vec<Listener>)>,
        nudge: &'a EventFd,
        options: SocketOptions,
        context: &'a Context<'a>,
    ) -> io::Result<EventLoop<'a>> {
        let epoll = Epoll::new()?;
        epoll.add(context.orders.as_fd(), CONTROL.raw(), Interest::READ)?;
        if let Some(signals) = context.orders.signals() {
            epoll.add(signals, SIGNALS.raw(), Interest::READ)?;
        }
        epoll.add(nudge, NUDGE.raw(), Interest::READ_EDGE)?;
        context.slot.set_connections(0);
        let (board, room) = (context.board, options.max_connections);
        let mut acceptor = Acceptor::new(listeners, Acceptor::CLIENTS, room, board, nudge);
        acceptor.start(&epoll)?;
        let admin =
            admin.map(|(process, listeners)| Admin::new(process, listeners, board, nudge, &epoll));
        let admin = admin.transpose()?;
        Ok(EventLoop {
            process,
            context,
            options,
            input_limit: process.input_limit(),
            epoll,
            acceptor,
            admin,
            links: Slab::new(),
            deadlines: Deadlines::new(),
            spares: Spares::default(),
            candidates: Candidates::default(),
            again: Vec::new(),
            now: Now::default(),
            now_us: 0,
            clock_is_fresh: false,
            answered: 0,
            stopping: false,
            crowded: false,
            in_flight: InFlight::default(),
            complaints: Complaints::default(),
            faults: Complaints::default(),
            refusals: ByKind::default(),
            retirement: Retirement::default(),
            answers: Answers::default(),
            lost_lines: context.log.dropped(),
        })
    }

    /// Serves until told to leave; returns when all connections are closed, or at once when the
    /// master is dead. After so many `requests` it asks for a successor.
    pub fn run(&mut self, requests: Option<u64>) -> io::Result<()> {
        self.read_clock();
        self.retirement = Retirement::new(requests, &self.context.slot, self.now.at);
        let mut events = Events::with_capacity(EVENTS);
        let (mut turns, mut due) = (Vec::new(), Vec::new());
        self.context.orders.report_ready();
        loop {
            self.write_log();
            self.context.slot.set_idle();
            self.epoll.wait(&mut events, self.timeout())?;
            self.read_clock();
            self.begin_turn();
            for index in 0..events.len() {
                let Some((token, ready)) = events.get(index) else {
                    continue;
                };
                if !self.on_event(Token::from_raw(token), ready) {
                    return Ok(());
                }
            }
            mem::swap(&mut self.again, &mut turns);
            for token in turns.drain(..) {
                if let Some(link) = self.links.get_mut(token) {
                    link.again = false;
                    self.turn(token, Why::Other);
                }
            }
            self.deadlines.expire(self.now.at, &mut due);
            for index in due.drain(..) {
                if let Some(token) = self.links.token_at(index) {
                    self.turn(token, Why::Other);
                }
            }
            (self.retirement).check(self.now.at, &self.context.slot, &self.context.orders);
            self.resume_if_due()?;
            if self.stopping && self.is_drained() {
                self.finish_log();
                return Ok(());
            }
        }
    }

    fn read_clock(&mut self) {
        self.now_us = clock::monotonic_us();
        self.now = Now {
            at: Millis::new(self.now_us / 1_000),
            unix_ms: clock::realtime_ms(),
        };
    }

    fn timeout(&self) -> Option<u64> {
        if !self.again.is_empty() {
            return Some(0);
        }
        let mut wake_at = self.deadlines.bound().min(self.resumes_at());
        wake_at = wake_at.min(self.retirement.check_at());
        if self.context.log.is_blocked() {
            wake_at = wake_at.min(self.now.at.after(LOG_RETRY_MS));
        }
        // A millisecond later, since `now` is rounded down.
        (wake_at != Millis::NEVER).then(|| wake_at.since(self.now.at) + 1)
    }

    /// Whether to go on.
    fn on_event(&mut self, token: Token, ready: Ready) -> bool {
        match token {
            CONTROL => return self.on_command(),
            SIGNALS => self.context.orders.pass_on_signals(),
            // Somebody stands back: what waits in the queue is for us, if we are not above the
            // mean ourselves. Nobody reads the counter; its edge is all that counts.
            NUDGE => {
                for index in 0..self.acceptor.len() {
                    self.accept(index, Asked::ByOther);
                }
                self.accept_admins();
            }
            _ => {
                if let Some(index) = self.acceptor.index_of(token) {
                    self.accept(index, Asked::ByClient);
                } else if let Some(index) = self.admin.as_ref().and_then(|a| a.index_of(token)) {
                    self.accept_admin(index);
                } else {
                    self.on_link(token, ready);
                }
            }
        }
        true
    }

    fn on_command(&mut self) -> bool {
        loop {
            match self.context.orders.receive() {
                Message::Some(Command::Drain) => self.drain(),
                Message::Some(Command::Cut) => {
                    self.cut();
                    return false;
                }
                Message::Some(Command::ReopenLog) => self.reopen_log(),
                Message::None => return true,
                Message::Gone => return false,
            }
        }
    }

    fn on_link(&mut self, token: Token, ready: Ready) {
        let why = match ready {
            _ if ready.hung_up() => Why::HungUp,
            _ if ready.readable() => Why::Readable,
            _ => Why::Other,
        };
        self.turn(token, why);
    }

    pub(super) fn complain(&self, error: &io::Error) {
        let message = format_args!(
            "worker {} cannot accept connections: {error}; it has {}, closes those that \
             are idle, and tries again",
            self.context.index,
            self.clients()
        );
        let (log, now) = (self.context.log, self.now);
        (self.complaints).make(log, Level::Error, now, COMPLAIN_MS, message);
    }

    fn complain_of_protocol(&self, process: &dyn Process) {
        let (name, limit) = (process.name(), process.input_limit());
        let message = format_args!(
            "a connection was closed: {name} waits for more input than the {limit} bytes it may see"
        );
        self.context
            .log
            .event(Level::Error, self.now.unix_ms, message);
    }

    /// Begins a connection with a client that was accepted.
    pub(super) fn open(&mut self, socket: OwnedFd, peer: Peer) {
        let token = self.insert(socket, peer, self.process);
        self.context.slot.count_accepted();
        if self.stopping {
            self.context.slot.count_queued();
        }
        self.context.slot.set_connections(self.clients());
        // Its request may be there already; and even a peer that never says anything gets a
        // deadline so.
        self.turn(token, Why::Readable);
    }

    /// Joins a client to a protocol.
    pub(super) fn insert(
        &mut self,
        socket: OwnedFd,
        peer: Peer,
        process: &'a dyn Process,
    ) -> Token {
        let stream = Socket::new(socket);
        let connection = Guarded::open(process, &peer, &self.retirement.panicked);
        self.links
            .insert(Link::new(stream, connection, peer, self.now.at))
    }

    fn begin_turn(&mut self) {
        self.context.slot.record_nobody();
        self.context.slot.set_busy(self.now.at.get());
        self.clock_is_fresh = true;
    }

    /// Notes when a step begins, for the master, who has only so much patience with it. The clock
    /// was read at the beginning of the turn and is read at the end of each answer (`ledger`); only
    /// behind a step without an answer must it be read for that.
    fn begin_step(&mut self) {
        let answered = self.context.slot.requests();
        if answered == mem::replace(&mut self.answered, answered) && !self.clock_is_fresh {
            self.context.slot.set_busy(clock::monotonic_ms());
        }
        self.clock_is_fresh = false;
    }

    /// Gives a link its turn.
    pub(super) fn turn(&mut self, token: Token, why: Why) {
        self.begin_step();
        let admin = self.admin.as_ref().and_then(|a| a.process_of(token));
        let process = admin.unwrap_or(self.process);
        let input_limit = admin.map_or(self.input_limit, Process::input_limit);
        let Some(link) = self.links.get_mut(token) else {
            return;
        };
        let was_open = link.is_open();
        // Admins are counted nowhere.
        let counts = admin.is_none();
        if counts {
            self.in_flight.begin(link, &self.context.slot);
        }
        let fate = link.turn(
            why,
            &mut Turn {
                now: self.now,
                now_us: self.now_us,
                stopping: self.stopping,
                crowded: self.crowded && admin.is_none(),
                pace: self.options.pace,
                input_limit,
                counted: admin.is_none(),
                slot: &self.context.slot,
                worker: self.context.index,
                log: self.context.log,
                faults: &self.faults,
                refusals: &self.refusals,
                panicked: &self.retirement.panicked,
                answers: &mut self.answers,
                pool: &mut self.spares,
            },
        );
        if counts {
            self.in_flight.end(link, &self.context.slot);
        }
        // One client that ends is enough for one that waits.
        self.crowded &= admin.is_some() || !was_open || link.is_open();
        let watched = match (fate, link.change_of_interest(input_limit)) {
            (Fate::Gone | Fate::Stuck, _) | (_, None) => Ok(()),
            (_, Some((interest, true))) => self.epoll.add(link.as_fd(), token.raw(), interest),
            (_, Some((interest, false))) => self.epoll.modify(link.as_fd(), token.raw(), interest),
        };
        if let Err(error) = watched {
            self.complain(&error);
            return self.remove(token);
        }
        match fate {
            Fate::Wait(until) => self.deadlines.set(token.index(), until),
            Fate::Again => {
                self.deadlines.set(token.index(), Millis::NEVER);
                // It may have had a turn for an event of its own as well: one more is enough.
                if !mem::replace(&mut link.again, true) {
                    self.again.push(token);
                }
            }
            Fate::Gone => self.remove(token),
            Fate::Stuck => {
                self.complain_of_protocol(process);
                self.remove(token);
            }
        }
    }

    fn remove(&mut self, token: Token) {
        // Closing the descriptor takes it out of epoll.
        if let Some(mut link) = self.links.remove(token) {
            link.close_connection(&self.retirement.panicked);
            self.in_flight.forget(&link, &self.context.slot);
            self.deadlines.set(token.index(), Millis::NEVER);
            // Before the admin side takes another descriptor in the place of this one.
            drop(link);
            if let Some(admin) = &mut self.admin {
                admin.forget(token);
            }
            self.context.slot.set_connections(self.clients());
        }
    }
}
