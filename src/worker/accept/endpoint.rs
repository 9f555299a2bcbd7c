//! [`Endpoint`]: listening sockets and the connections that are accepted from them: for clients, or
//! for admins.
//!
//! Clients are accepted as long as there is room, and after that in place of idle connections. An
//! idle connection is evicted for a new client, but only after the new client has been accepted.

use std::io;

use super::acceptor::{AcceptTrigger, Accepted, Acceptor, Admission, Pause};
use crate::time::Millis;
use crate::worker::connections::slab::Token;
use crate::worker::connections::{Connections, Eviction};
use crate::worker::iteration::Iteration;
use crate::worker::role::Role;
use crate::worker::transport::Transport;

/// Listening sockets of one kind.
pub(crate) struct Endpoint<'a> {
    role: Role,
    acceptor: Acceptor<'a>,
}

impl<'a> Endpoint<'a> {
    /// An endpoint that watches its sockets.
    pub(crate) fn new(role: Role, mut acceptor: Acceptor<'a>) -> io::Result<Endpoint<'a>> {
        acceptor.start()?;
        Ok(Endpoint { role, acceptor })
    }

    /// Whether an event is about one of its sockets; if so, takes connections from its queue.
    pub(crate) fn on_ready<T: Transport>(
        &mut self,
        token: Token,
        connections: &mut Connections<'_, T>,
        it: &Iteration,
    ) -> bool {
        let index = self.acceptor.index_of(token);
        if let Some(index) = index {
            self.accept(index, AcceptTrigger::Queue, connections, it);
        }
        index.is_some()
    }

    /// Another worker has stopped accepting: what waits in the queues is for this one, unless it is
    /// above the mean itself.
    pub(crate) fn accept_for_peers<T: Transport>(
        &mut self,
        connections: &mut Connections<'_, T>,
        it: &Iteration,
    ) {
        for index in 0..self.acceptor.len() {
            self.accept(index, AcceptTrigger::Peer, connections, it);
        }
    }

    fn accept<T: Transport>(
        &mut self,
        index: usize,
        trigger: AcceptTrigger,
        connections: &mut Connections<'_, T>,
        it: &Iteration,
    ) {
        let (role, now) = (self.role, it.now.at);
        // A client is known to wait. After the first, only the queue itself can say.
        let mut client_waiting = trigger == AcceptTrigger::Queue;
        // An idle connection was evicted because there were no descriptors, and none was accepted
        // in its place yet.
        let mut freed_descriptor = false;
        let mut left = self.acceptor.at_once(trigger, now);
        while left > 0 {
            let evicted = match self.acceptor.may_accept(connections.len(role), now) {
                Admission::No => return,
                Admission::Welcome => None,
                Admission::InPlaceOfAnother => match connections.find_idle(role, it) {
                    Eviction::Candidate(token) => Some(token),
                    Eviction::AlreadyClosed => None,
                    Eviction::NoneUntil(until) if client_waiting => {
                        connections.set_crowded(role, true);
                        return self.acceptor.pause(Pause::Full(until), now);
                    }
                    // If a client waits, epoll says so at once.
                    Eviction::NoneUntil(_) => return self.acceptor.found_empty(now),
                },
            };
            match self.accept_one(index, connections) {
                Accepted::Client(socket, peer) => {
                    (client_waiting, freed_descriptor) = (false, false);
                    connections.set_crowded(role, false);
                    if let Some(token) = evicted {
                        connections.evict(token, it);
                    }
                    connections.open(socket, peer, role, it);
                }
                Accepted::Empty => {
                    connections.set_crowded(role, false);
                    return self.acceptor.found_empty(now);
                }
                // The kernel finds a descriptor before it looks at the queue. No connection is
                // evicted for a client that may not be there: if it is, epoll says so again.
                Accepted::Exhausted(_)
                    if !client_waiting && !freed_descriptor && trigger == AcceptTrigger::Queue =>
                {
                    return self.acceptor.found_empty(now);
                }
                Accepted::Exhausted(error)
                    if client_waiting && !freed_descriptor && connections.evict_idle(role, it) =>
                {
                    connections.report_exhausted(&error, it);
                    freed_descriptor = true;
                    // Not counted: otherwise the freed descriptor would go unused.
                    continue;
                }
                Accepted::Exhausted(error) => {
                    if client_waiting {
                        connections.set_crowded(role, true);
                        connections.report_exhausted(&error, it);
                    }
                    return self.acceptor.pause(Pause::Exhausted, now);
                }
                // The connection failed while it waited, or a firewall refuses it: the next one.
                Accepted::Failed(_) => {}
            }
            left -= 1;
        }
    }

    /// Takes the next connection of a listener, with a descriptor of the reserve if there is no
    /// other.
    fn accept_one<T: Transport>(
        &mut self,
        index: usize,
        connections: &mut Connections<'_, T>,
    ) -> Accepted {
        match self.acceptor.accept(index) {
            Accepted::Exhausted(error) => {
                let reserve = connections.reserve(self.role);
                if !reserve.release() {
                    return Accepted::Exhausted(error);
                }
                let accepted = self.acceptor.accept(index);
                if !matches!(accepted, Accepted::Client(..)) {
                    reserve.refill();
                }
                accepted
            }
            accepted => accepted,
        }
    }

    /// Watches the sockets again where there is no reason any more not to.
    pub(crate) fn resume_if_due<T: Transport>(
        &mut self,
        connections: &Connections<'_, T>,
        it: &Iteration,
    ) -> io::Result<()> {
        self.acceptor
            .resume_if_due(connections.len(self.role), it.now.at)
    }

    /// When that is worth a look at the latest.
    pub(crate) fn resumes_at(&self) -> Millis {
        self.acceptor.wake_at()
    }

    /// Closes the sockets for this worker alone: what waits is for its successor and the others.
    pub(crate) fn close(&mut self) {
        self.acceptor.close(false);
    }

    /// Whether the sockets are closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.acceptor.len() == 0
    }

    /// As the server stops: takes what is still in the queues, as far as there is room, and closes
    /// the sockets when the queues are empty. The clients in them were told that they are
    /// connected.
    pub(crate) fn sweep<T: Transport>(
        &mut self,
        connections: &mut Connections<'_, T>,
        it: &Iteration,
    ) {
        let mut emptied = true;
        for index in 0..self.acceptor.len() {
            emptied &= self.accept_the_rest(index, connections, it);
        }
        if emptied && !self.is_closed() {
            self.acceptor.close(true);
        }
    }

    /// As much of a queue as there is room for; whether the queue is empty now.
    fn accept_the_rest<T: Transport>(
        &mut self,
        index: usize,
        connections: &mut Connections<'_, T>,
        it: &Iteration,
    ) -> bool {
        while connections.len(self.role) < self.acceptor.capacity() {
            match self.accept_one(index, connections) {
                Accepted::Client(socket, peer) => connections.open(socket, peer, self.role, it),
                Accepted::Failed(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Accepted::Empty => return true,
                Accepted::Exhausted(_) | Accepted::Failed(_) => return false,
            }
        }
        false
    }
}
