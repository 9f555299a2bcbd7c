//! [`EventLoop`]: one worker's life. It waits for events, gives each connection its turn, and exits
//! when its master says so or is dead.
//!
//! One iteration:
//!
//! 1. write the log lines of the last one, and say on the scoreboard that the worker is idle;
//! 2. wait for events (`epoll_wait(2)`), until the next deadline at most;
//! 3. read the clock: that time is handed down;
//! 4. for each event: obey the master, accept clients, or give a connection its turn;
//! 5. give a turn to connections that have yielded, were woken, or are due;
//! 6. ask the master for a successor, if it is time, and listen again, if listening had stopped;
//! 7. while draining, take what is left in the accept queues; exit when no connection is left.
//!
//! A turn may last as long as a handler does. What answers took is measured apart, by the exchange
//! log. On the way of a request that arrives whole there is one wait, one read and one write.

use std::io;

use super::Context;
use super::accept::acceptor::Acceptor;
use super::accept::endpoint::Endpoint;
use super::accept::listener::Listener;
use super::bus::Receiver;
use super::connections::slab::Token;
use super::connections::{Connections, Reserve, Scratch};
use super::control::{Command, Message};
use super::iteration::Iteration;
use super::options::SocketOptions;
use super::retirement::Retirement;
use super::role::Role;
use super::transport::Transport;
use crate::log::Level;
use crate::process::{Process, WakeQueue};
use crate::sys::epoll::{Epoll, Events, Interest, Ready};
use crate::sys::event::EventFd;
use crate::time::Millis;

/// Readable when the master has sent a command.
const CONTROL: Token = Token::reserved(0);
/// Readable when a signal came for this process.
const SIGNALS: Token = Token::reserved(1);
/// Readable when another worker has stopped accepting.
const PEERS: Token = Token::reserved(2);
/// Readable when a connection was woken while the worker waited.
const WAKES: Token = Token::reserved(3);
/// Readable when another worker has sent a message of a room.
const BUS: Token = Token::reserved(4);
/// The tokens of listening sockets, for clients and for admins.
const CLIENTS: u16 = 16;
const ADMINS: u16 = 0x8000;

/// How many admin connections a worker has at most: a scraper, a person with a browser, a probe,
/// and as many again that were forgotten. The next one comes in place of the one that has been idle
/// the longest, or waits until one is.
pub const ADMIN_ROOM: usize = 8;
/// Events taken from the kernel at once.
const EVENTS: usize = 256;
/// How soon log lines are offered again to a reader that was slow, in milliseconds.
const LOG_RETRY_MS: u64 = 10;

/// What a worker serves in one role: a protocol, on listening sockets.
pub type Served<'a> = (&'a dyn Process, Vec<Listener>);

/// The state of a worker that serves connections.
pub struct EventLoop<'a, T: Transport> {
    context: &'a Context<'a>,
    epoll: &'a Epoll,
    connections: Connections<'a, T>,
    /// For clients, and for admins where there are any.
    endpoints: Vec<Endpoint<'a>>,
    bus: Option<Receiver>,
    it: Iteration,
    retirement: Retirement,
    /// Log lines that were lost, as far as they were counted.
    lost_lines: u64,
}

impl<'a, T: Transport> EventLoop<'a, T> {
    /// A loop that watches its listening sockets and its master. `peers` wakes all workers, and is
    /// shared with them.
    pub fn new(
        transport: &'a T,
        clients: Served<'a>,
        admins: Option<Served<'a>>,
        peers: &'a EventFd,
        epoll: &'a Epoll,
        options: SocketOptions,
        context: &'a Context<'a>,
    ) -> io::Result<EventLoop<'a, T>> {
        epoll.add(context.orders.as_fd(), CONTROL.raw(), Interest::READ)?;
        if let Some(signals) = context.orders.signals() {
            epoll.add(signals, SIGNALS.raw(), Interest::READ)?;
        }
        epoll.add(peers, PEERS.raw(), Interest::READ_EDGE)?;
        let wakes = EventFd::new()?;
        epoll.add(&wakes, WAKES.raw(), Interest::READ_EDGE)?;
        let woken = WakeQueue::new(move || {
            // It fails where the count is full, and then the wait ends, too.
            let _ = wakes.notify();
        });
        let mut connections =
            Connections::new(context, epoll, woken, options.slow_reader, transport);
        let (process, listeners) = clients;
        connections.add_role(process, Reserve::default());
        let (room, group) = (
            options.max_connections,
            context.board.peers_of(context.index),
        );
        let acceptor = Acceptor::new(listeners, CLIENTS, room, Some(group), peers, epoll);
        let mut endpoints = vec![Endpoint::new(Role::Client, acceptor)?];
        if let Some((process, listeners)) = admins {
            connections.add_role(process, Reserve::new(context.orders.as_fd(), ADMIN_ROOM));
            let acceptor = Acceptor::new(listeners, ADMINS, ADMIN_ROOM, None, peers, epoll);
            endpoints.push(Endpoint::new(Role::Admin, acceptor)?);
        }
        let it = Iteration::begin(false);
        let requests = options.recycling.of(u64::from(std::process::id()));
        Ok(EventLoop {
            context,
            epoll,
            connections,
            endpoints,
            bus: None,
            retirement: Retirement::new(requests, &context.slot, it.now.at),
            it,
            lost_lines: context.log.dropped(),
        })
    }

    /// Delivers the messages of rooms that come from there.
    pub fn receive_from(&mut self, bus: Receiver) -> io::Result<()> {
        self.epoll.add(bus.as_fd(), BUS.raw(), Interest::READ)?;
        self.bus = Some(bus);
        Ok(())
    }

    /// Serves until told to leave; returns when all connections are closed, or at once when the
    /// master is dead.
    pub fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        let mut scratch = Scratch::default();
        self.context.orders.report_ready();
        loop {
            self.write_log();
            self.context.slot.set_idle();
            let timeout = self.begin_wait();
            self.epoll.wait(&mut events, timeout)?;
            self.it = Iteration::begin(self.it.stopping);
            self.connections.begin_iteration(&self.it);
            for index in 0..events.len() {
                let Some((token, ready)) = events.get(index) else {
                    continue;
                };
                if !self.on_event(Token::from_raw(token), ready) {
                    return Ok(());
                }
            }
            self.connections.turn_all_due(&self.it, &mut scratch);
            self.retire_if_due();
            for endpoint in &mut self.endpoints {
                endpoint.resume_if_due(&self.connections, &self.it)?;
            }
            if self.it.stopping && self.is_drained() {
                self.finish_log();
                return Ok(());
            }
        }
    }

    /// How long to wait for events, in milliseconds; `None` for ever.
    fn begin_wait(&self) -> Option<u64> {
        let now = self.it.now.at;
        let endpoints = self.endpoints.iter().map(Endpoint::resumes_at);
        let mut wake_at = endpoints.fold(self.connections.begin_wait(), Millis::min);
        wake_at = wake_at.min(self.retirement.check_at(self.connections.panicked()));
        if self.context.log.is_blocked() {
            wake_at = wake_at.min(now.after(LOG_RETRY_MS));
        }
        match wake_at {
            Millis::NEVER => None,
            at if at <= now => Some(0),
            // A millisecond later, since `now` is rounded down.
            at => Some(at.since(now) + 1),
        }
    }

    /// Whether to go on.
    fn on_event(&mut self, token: Token, ready: Ready) -> bool {
        let (connections, it) = (&mut self.connections, &self.it);
        match token {
            CONTROL => return self.on_commands(),
            SIGNALS => self.context.orders.pass_on_signals(),
            // The counters are not read: their edge is all that counts.
            WAKES => {}
            BUS => self.bus.iter_mut().for_each(Receiver::receive),
            PEERS => {
                for endpoint in &mut self.endpoints {
                    endpoint.accept_for_peers(connections, it);
                }
            }
            token if token.is_reserved() => {
                let mut endpoints = self.endpoints.iter_mut();
                endpoints.any(|endpoint| endpoint.on_ready(token, connections, it));
            }
            token => connections.on_ready(token, ready, it),
        }
        true
    }

    fn on_commands(&mut self) -> bool {
        loop {
            match self.context.orders.receive() {
                Message::Some(Command::Drain) => self.drain(),
                Message::Some(Command::Cut) => {
                    self.connections.abort(&self.it);
                    self.finish_log();
                    return false;
                }
                Message::Some(Command::ReopenLog) => self.reopen_log(),
                Message::None => return true,
                Message::Gone => return false,
            }
        }
    }

    fn retire_if_due(&mut self) {
        let (context, panicked) = (self.context, self.connections.panicked());
        (self.retirement).check(self.it.now.at, panicked, &context.slot, &context.orders);
    }

    /// Begins to drain: what has begun is finished, what waits in the queues is served, and nothing
    /// new is begun.
    fn drain(&mut self) {
        if self.it.stopping {
            return;
        }
        self.it.stopping = true;
        if !self.context.board.closing() {
            // This worker leaves by itself. What waits is for its successor and the others.
            self.endpoints.iter_mut().for_each(Endpoint::close);
        }
        // Before the queues are swept: a connection that ends makes room.
        self.connections.drain(&self.it);
        self.sweep();
    }

    /// Whether everything is finished. Looks at the queues again first.
    fn is_drained(&mut self) -> bool {
        self.sweep();
        self.connections.is_empty() && self.endpoints.iter().all(Endpoint::is_closed)
    }

    fn sweep(&mut self) {
        // Admins first: they have room of their own.
        for endpoint in self.endpoints.iter_mut().rev() {
            endpoint.sweep(&mut self.connections, &self.it);
        }
    }

    /// Hands over the log lines of an iteration, and counts those that were lost. Never waits for
    /// the reader of the log.
    fn write_log(&mut self) {
        self.context.log.flush();
        let lost = self.context.log.dropped();
        if lost > self.lost_lines {
            self.context.slot.count_lost_lines(lost - self.lost_lines);
            self.lost_lines = lost;
        }
    }

    fn finish_log(&mut self) {
        self.context.log.finish();
        self.write_log();
    }

    fn reopen_log(&self) {
        if let Err(error) = self.context.log.reopen() {
            let message = format_args!("the log file cannot be opened again: {error}");
            (self.context.log).event(Level::Error, self.it.now.unix_ms, message);
        }
    }
}
