//! The admin side of a worker: listening sockets of their own, on which it speaks another protocol
//! with those who look after the server.
//!
//! They should get through when nobody else does, and what they look at should not change because
//! they look. So their connections have room of their own, take no part in the balance between
//! workers, and are counted nowhere.

use std::io;
use std::os::fd::OwnedFd;

use super::acceptor::{Acceptor, Pause};
use super::admit::is_exhausted;
use super::event_loop::EventLoop;
use super::listener::Listener;
use super::slab::Token;
use super::turn::Why;
use crate::process::{Peer, Process};
use crate::scoreboard::Scoreboard;
use crate::sys::epoll::Epoll;
use crate::sys::event::EventFd;
use crate::time::Millis;

/// How many admin connections a worker has at most: a scraper, a person with a browser, a probe,
/// and as many again that were forgotten. Those who want more wait until one is closed.
pub const ROOM: usize = 8;

/// What a worker serves to those who look after it.
pub struct Admin<'a> {
    process: &'a dyn Process,
    acceptor: Acceptor<'a>,
    /// Its connections: few, and mostly none. They are never closed to make room for clients.
    tokens: Vec<Token>,
}

impl<'a> Admin<'a> {
    /// One that watches `listeners`.
    pub fn new(
        process: &'a dyn Process,
        listeners: Vec<Listener>,
        board: &'a Scoreboard,
        nudge: &'a EventFd,
        epoll: &Epoll,
    ) -> io::Result<Admin<'a>> {
        let mut acceptor = Acceptor::new(listeners, Acceptor::ADMIN, ROOM, board, nudge);
        acceptor.start(epoll)?;
        Ok(Admin {
            process,
            acceptor,
            tokens: Vec::with_capacity(ROOM),
        })
    }

    /// The protocol of a connection, if that is one of these.
    pub fn process_of(&self, token: Token) -> Option<&'a dyn Process> {
        self.tokens.contains(&token).then_some(self.process)
    }

    /// Which listener an event is about, if about any.
    pub fn index_of(&self, token: Token) -> Option<usize> {
        self.acceptor.index_of(token)
    }

    /// Whether it does not listen any more.
    pub fn is_closed(&self) -> bool {
        self.acceptor.len() == 0
    }

    /// A connection is closed.
    pub fn forget(&mut self, token: Token) {
        self.tokens.retain(|known| *known != token);
    }

    /// Takes the next connection of a listener, if there is room.
    fn accept(&mut self, index: usize) -> Option<io::Result<(OwnedFd, Peer)>> {
        (self.tokens.len() < ROOM).then(|| self.acceptor.accept(index))
    }
}

impl EventLoop<'_> {
    /// How many connections there are, without those of admins.
    pub(super) fn clients(&self) -> usize {
        let admins = self.admin.as_ref().map_or(0, |admin| admin.tokens.len());
        self.links.len() - admins
    }

    /// Whether a connection is an admin's.
    pub(super) fn is_admin(&self, token: Token) -> bool {
        (self.admin.as_ref()).is_some_and(|admin| admin.tokens.contains(&token))
    }

    /// Listens again where there is no reason any more not to.
    pub(super) fn resume_if_due(&mut self) -> io::Result<()> {
        let (clients, now) = (self.clients(), self.now.at);
        self.acceptor.resume_if_due(clients, now, &self.epoll)?;
        match &mut self.admin {
            Some(admin) => {
                let connections = admin.tokens.len();
                admin.acceptor.resume_if_due(connections, now, &self.epoll)
            }
            None => Ok(()),
        }
    }

    /// When it does at the latest.
    pub(super) fn resumes_at(&self) -> Millis {
        let admin = self.admin.as_ref();
        let admin = admin.map_or(Millis::NEVER, |admin| admin.acceptor.wake_at());
        self.acceptor.wake_at().min(admin)
    }

    /// Takes connections from an admin queue.
    pub(super) fn accept_admin(&mut self, index: usize) {
        // One more than there is room for, to see that there is none.
        for _ in 0..=ROOM {
            let Some(admin) = &mut self.admin else {
                return;
            };
            let Some(accepted) = admin.accept(index) else {
                let full = Pause::Full(Millis::NEVER);
                admin.acceptor.pause(full, self.now.at, &self.epoll);
                return;
            };
            match accepted {
                Ok((socket, peer)) => self.open_admin(socket, peer),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if is_exhausted(&error) => {
                    admin
                        .acceptor
                        .pause(Pause::Exhausted, self.now.at, &self.epoll);
                    self.complain(&error);
                    return;
                }
                // It failed while it waited: the next one.
                Err(_) => {}
            }
        }
    }

    /// The same from all of them.
    pub(super) fn accept_admins(&mut self) {
        let listeners = self.admin.as_ref().map_or(0, |admin| admin.acceptor.len());
        for index in 0..listeners {
            self.accept_admin(index);
        }
    }

    fn open_admin(&mut self, socket: OwnedFd, peer: Peer) {
        let Some(process) = self.admin.as_ref().map(|admin| admin.process) else {
            return;
        };
        let token = self.insert(socket, peer, process);
        if let Some(admin) = &mut self.admin {
            admin.tokens.push(token);
        }
        self.turn(token, Why::Readable);
    }

    /// Stops to listen, as this worker leaves alone.
    pub(super) fn close_admin(&mut self) {
        if let Some(admin) = &mut self.admin {
            admin.acceptor.close(false, &self.epoll);
        }
    }

    /// As the server stops, takes what is still in the queues, as far as there is room, and stops
    /// to listen when nothing is.
    pub(super) fn sweep_admin(&mut self) {
        self.accept_admins();
        if let Some(admin) = &mut self.admin
            && !admin.is_closed()
            && admin.tokens.len() < ROOM
        {
            admin.acceptor.close(true, &self.epoll);
        }
    }
}
