//! [`Connections`]: the connections of a worker, and what each of them is given in its turn.
//!
//! Knows nothing of listening sockets, nor of the master.
//!
//! | file | what it is |
//! |---|---|
//! | `slab` | where connections are, by tokens that are never used twice |
//! | `deadlines` | when each is due |
//! | `eviction`, `candidates` | which one goes when there is no room |
//! | `in_flight` | how many have a request in flight, for the master |
//! | `reserve` | descriptors that are held for admins |

mod candidates;
mod deadlines;
mod eviction;
mod in_flight;
mod reserve;
pub(crate) mod slab;

use std::cell::Cell;
use std::io;
use std::mem;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use crate::log::{ByKind, Level, RateLimited};
use crate::process::{Peer, Process, WakeQueue, Wakers};
use crate::sys::clock;
use crate::sys::epoll::{Epoll, Ready};
use crate::time::Millis;
use crate::worker::Context;
use crate::worker::iteration::Iteration;
use crate::worker::link::Link;
use crate::worker::link::answers::Answers;
use crate::worker::link::buffer_pool::BufferPool;
use crate::worker::link::guarded::Guarded;
use crate::worker::link::slow_reader::SlowReaderLimits;
use crate::worker::link::stream::Socket;
use crate::worker::link::turn::{Turn, TurnResult, Wakeup};
use crate::worker::role::Role;
use crate::worker::transport::Transport;
use candidates::Candidates;
use deadlines::Deadlines;
pub(crate) use eviction::Eviction;
use in_flight::InFlight;
pub(crate) use reserve::Reserve;
use slab::{Slab, Token};

/// How often a lack of descriptors is logged at most, in milliseconds.
const EXHAUSTED_LOG_MS: u64 = 10_000;
/// The same for connections that the transport refuses.
const REFUSED_LOG_MS: u64 = 10_000;

/// The connections of a worker.
pub(crate) struct Connections<'a, T: Transport> {
    context: &'a Context<'a>,
    epoll: &'a Epoll,
    slow_reader: SlowReaderLimits,
    transport: &'a T,
    links: Slab<Link<'a, T::Stream>>,
    roles: Vec<RoleState<'a>>,
    deadlines: Deadlines,
    buffers: BufferPool,
    /// Links that could go on but let others come first.
    yielded: Vec<Token>,
    /// Connections whose wakers were used.
    woken: Arc<WakeQueue>,
    in_flight: InFlight,
    /// No step was begun since the clock was read.
    clock_is_fresh: bool,
    /// Requests answered when the last step began.
    answered: u64,
    exhausted: RateLimited,
    refused: RateLimited,
    faults: RateLimited,
    refusals: ByKind,
    /// Code has panicked that the worker called for a connection: what its connections share may be
    /// half done.
    panicked: Cell<bool>,
    /// Those of the connection that has its turn; empty between turns.
    answers: Answers,
}

/// What the connections of one role have in common.
struct RoleState<'a> {
    process: &'a dyn Process,
    input_limit: usize,
    /// How many connections there are.
    len: usize,
    /// A client is waiting in the accept queue, and no connection could be evicted for it.
    crowded: bool,
    candidates: Candidates,
    reserve: Reserve,
}

impl<'a, T: Transport> Connections<'a, T> {
    /// None yet. `woken` ends the wait of the event loop.
    pub(crate) fn new(
        context: &'a Context<'a>,
        epoll: &'a Epoll,
        woken: Arc<WakeQueue>,
        slow_reader: SlowReaderLimits,
        transport: &'a T,
    ) -> Connections<'a, T> {
        context.slot.set_connections(0);
        Connections {
            context,
            epoll,
            slow_reader,
            transport,
            links: Slab::new(),
            roles: Vec::new(),
            deadlines: Deadlines::new(),
            buffers: BufferPool::default(),
            yielded: Vec::new(),
            woken,
            in_flight: InFlight::default(),
            clock_is_fresh: false,
            answered: 0,
            exhausted: RateLimited::default(),
            refused: RateLimited::default(),
            faults: RateLimited::default(),
            refusals: ByKind::default(),
            panicked: Cell::new(false),
            answers: Answers::default(),
        }
    }

    /// Adds a role, clients before admins: which protocol is spoken there, and which descriptors
    /// are held for its connections.
    pub(crate) fn add_role(&mut self, process: &'a dyn Process, reserve: Reserve) {
        self.roles.push(RoleState {
            process,
            input_limit: process.input_limit(),
            len: 0,
            crowded: false,
            candidates: Candidates::default(),
            reserve,
        });
    }

    /// Begins a connection with a client that was accepted.
    pub(crate) fn open(&mut self, socket: OwnedFd, peer: Peer, role: Role, it: &Iteration) {
        let stream = match self.transport.accept(Socket::new(socket), &peer) {
            Ok(stream) => stream,
            Err(error) => return self.report_refused(&error, it),
        };
        let state = &mut self.roles[role as usize];
        let connection = Guarded::open(state.process, &peer, &self.panicked);
        let link = Link::new(stream, connection, peer, role, it.now.at);
        state.len += 1;
        state.reserve.fit(state.len);
        let token = self.links.insert(link);
        if role.is_counted() {
            self.context.slot.count_accepted();
            if it.stopping {
                self.context.slot.count_queued();
            }
            self.context.slot.set_connections(self.len(role));
        }
        // Its request may be there already; and even a client that never sends anything gets a
        // deadline so.
        self.turn(token, Wakeup::Readable, it);
    }

    /// Epoll has reported on a connection.
    pub(crate) fn on_ready(&mut self, token: Token, ready: Ready, it: &Iteration) {
        let wakeup = match ready {
            _ if ready.hung_up() => Wakeup::HungUp,
            _ if ready.readable() => Wakeup::Readable,
            _ => Wakeup::WritableOrTimer,
        };
        self.turn(token, wakeup, it);
    }

    /// Gives a turn to each connection that has yielded in the last iteration, was woken since, or
    /// is due.
    pub(crate) fn turn_all_due(&mut self, it: &Iteration, scratch: &mut Scratch) {
        mem::swap(&mut self.yielded, &mut scratch.turns);
        for token in scratch.turns.drain(..) {
            if let Some(link) = self.links.get_mut(token) {
                link.has_yielded = false;
                self.turn(token, Wakeup::WritableOrTimer, it);
            }
        }
        self.woken.take(&mut scratch.woken);
        for connection in scratch.woken.drain(..) {
            self.turn(Token::from_raw(connection), Wakeup::Woken, it);
        }
        self.deadlines.expire(it.now.at, &mut scratch.due);
        for index in scratch.due.drain(..) {
            if let Some(token) = self.links.token_at(index) {
                self.turn(token, Wakeup::WritableOrTimer, it);
            }
        }
    }

    /// When [`Connections::turn_all_due`] has something to do at the latest. The worker is about to
    /// wait for that: a wake from now on ends the wait.
    pub(crate) fn begin_wait(&self) -> Millis {
        match self.yielded.is_empty() && self.woken.begin_wait() {
            true => self.deadlines.bound(),
            false => Millis::default(),
        }
    }

    /// The clock was just read, and the worker begins a step.
    pub(crate) fn begin_iteration(&mut self, it: &Iteration) {
        self.context.slot.record_no_client();
        self.context.slot.set_busy(it.now.at.get());
        self.clock_is_fresh = true;
    }

    /// Publishes the start of a protocol step for the watchdog. Reads the clock only if neither the
    /// loop nor the exchange log has read it since the last step.
    fn begin_step(&mut self) {
        let answered = self.context.slot.requests();
        if answered == mem::replace(&mut self.answered, answered) && !self.clock_is_fresh {
            self.context.slot.set_busy(clock::monotonic_ms());
        }
        self.clock_is_fresh = false;
    }

    /// Gives a connection its turn.
    pub(crate) fn turn(&mut self, token: Token, wakeup: Wakeup, it: &Iteration) {
        self.begin_step();
        let Some(link) = self.links.get_mut(token) else {
            return;
        };
        let counted = link.role().is_counted();
        let role = &mut self.roles[link.role() as usize];
        let input_limit = role.input_limit;
        let was_open = link.is_open();
        if counted {
            self.in_flight.begin(link, &self.context.slot);
        }
        let result = link.turn(
            wakeup,
            &mut Turn {
                now: it.now,
                now_us: it.now_us,
                stopping: it.stopping,
                crowded: role.crowded,
                slow_reader: self.slow_reader,
                input_limit,
                counted,
                slot: &self.context.slot,
                worker: self.context.index,
                log: self.context.log,
                faults: &self.faults,
                refusals: &self.refusals,
                panicked: &self.panicked,
                answers: &mut self.answers,
                buffers: &mut self.buffers,
                wakers: Wakers {
                    queue: &self.woken,
                    connection: token.raw(),
                },
            },
        );
        if counted {
            self.in_flight.end(link, &self.context.slot);
        }
        // One connection that ends is enough for one client that waits.
        role.crowded &= !was_open || link.is_open();
        let watched = match (result, link.change_of_interest(input_limit)) {
            (TurnResult::Closed | TurnResult::ProtocolError, _) | (_, None) => Ok(()),
            (_, Some((interest, true))) => self.epoll.add(link.as_fd(), token.raw(), interest),
            (_, Some((interest, false))) => self.epoll.modify(link.as_fd(), token.raw(), interest),
        };
        if let Err(error) = watched {
            self.report_exhausted(&error, it);
            return self.remove(token);
        }
        match result {
            TurnResult::Wait(until) => self.deadlines.set(token.index(), until),
            TurnResult::Yield => {
                self.deadlines.set(token.index(), Millis::NEVER);
                // It may have had a turn for an event of its own as well: one more is enough.
                if !mem::replace(&mut link.has_yielded, true) {
                    self.yielded.push(token);
                }
            }
            TurnResult::Closed => self.remove(token),
            TurnResult::ProtocolError => {
                let name = role.process.name();
                let message = format_args!(
                    "a connection was closed: {name} waits for more input than the {input_limit} \
                     bytes it may see"
                );
                (self.context.log).event(Level::Error, it.now.unix_ms, message);
                self.remove(token);
            }
        }
    }

    fn remove(&mut self, token: Token) {
        let Some(mut link) = self.links.remove(token) else {
            return;
        };
        link.close_connection(&self.panicked);
        self.in_flight.forget(&link, &self.context.slot);
        self.deadlines.set(token.index(), Millis::NEVER);
        let role = link.role();
        // Closing the descriptor takes it out of epoll. Before the reserve takes another one in the
        // place of it.
        drop(link);
        let state = &mut self.roles[role as usize];
        state.len -= 1;
        state.reserve.fit(state.len);
        if role.is_counted() {
            self.context.slot.set_connections(self.len(role));
        }
    }

    /// From now on, answers on the connections that there are count as drained; and a last look at
    /// each: a client that was idle may have sent a request just now.
    pub(crate) fn drain(&mut self, it: &Iteration) {
        let tokens: Vec<Token> = self.links.tokens().collect();
        for token in &tokens {
            if let Some(link) = self.links.get_mut(*token) {
                link.start_drain_accounting();
            }
        }
        for token in tokens {
            self.turn(token, Wakeup::Readable, it);
        }
    }

    /// Ends all connections at once. What is in flight is reported, and stays so.
    pub(crate) fn abort(&mut self, it: &Iteration) {
        let tokens: Vec<Token> = self.links.tokens().collect();
        let in_flight = self.in_flight.count();
        for token in tokens {
            self.turn(token, Wakeup::Abort, it);
        }
        // The master reads it when the worker has exited.
        self.context.slot.set_in_flight(in_flight);
    }

    /// How many connections a role has.
    pub(crate) fn len(&self, role: Role) -> usize {
        self.roles[role as usize].len
    }

    /// Whether there is none at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Whether code has panicked that the worker called for a connection.
    pub(crate) fn panicked(&self) -> bool {
        self.panicked.get()
    }

    /// A client of this role waits, and no connection can be evicted for it; or none does.
    pub(crate) fn set_crowded(&mut self, role: Role, crowded: bool) {
        self.role_mut(role).crowded = crowded;
    }

    /// The descriptors that are held for connections of this role.
    pub(crate) fn reserve(&mut self, role: Role) -> &mut Reserve {
        &mut self.role_mut(role).reserve
    }

    fn role_mut(&mut self, role: Role) -> &mut RoleState<'a> {
        &mut self.roles[role as usize]
    }

    /// Logs that the transport has made no stream of a socket.
    fn report_refused(&self, error: &io::Error, it: &Iteration) {
        let index = self.context.index;
        let message = format_args!("worker {index} cannot serve a connection: {error}");
        let (log, now) = (self.context.log, it.now);
        (self.refused).log(log, Level::Error, now, REFUSED_LOG_MS, message);
    }

    /// Logs that there are no descriptors left, or no memory.
    pub(crate) fn report_exhausted(&self, error: &io::Error, it: &Iteration) {
        let message = format_args!(
            "worker {} cannot accept connections: {error}; it has {}, closes those that \
             are idle, and tries again",
            self.context.index,
            self.len(Role::Client)
        );
        let (log, now) = (self.context.log, it.now);
        (self.exhausted).log(log, Level::Error, now, EXHAUSTED_LOG_MS, message);
    }
}

/// Lists that are kept for their memory.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    turns: Vec<Token>,
    woken: Vec<u64>,
    due: Vec<usize>,
}
