//! The admin side of a worker: listening sockets of their own, on which it speaks another protocol
//! with those who look after the server.
//!
//! They should get through when nobody else does, and what they look at should not change because
//! they look. So their connections have room of their own, take no part in the balance between
//! workers, and are counted nowhere. Their descriptors are held from the start: however many there
//! are for clients, files take those that nobody uses.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use super::accept::acceptor::{Acceptor, Asked, Pause};
use super::accept::listener::Listener;
use super::admit::is_exhausted;
use super::connections::eviction::Spare;
use super::connections::slab::Token;
use super::event_loop::EventLoop;
use super::link::turn::Why;
use crate::process::{Peer, Process};
use crate::scoreboard::Scoreboard;
use crate::sys::epoll::Epoll;
use crate::sys::event::EventFd;
use crate::time::Millis;

/// How many admin connections a worker has at most: a scraper, a person with a browser, a probe,
/// and as many again that were forgotten. The next one comes in place of the one that has been idle
/// the longest, or waits until one is.
pub const ROOM: usize = 8;

/// What a worker serves to those who look after it.
pub struct Admin<'a> {
    process: &'a dyn Process,
    acceptor: Acceptor<'a>,
    /// Its connections: few, and mostly none. They are never closed to make room for clients.
    tokens: Vec<Token>,
    /// A descriptor for each connection that there is still room for: copies of one that the worker
    /// has anyway.
    held: Vec<OwnedFd>,
    nudge: &'a EventFd,
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
        let mut admin = Admin {
            process,
            acceptor,
            tokens: Vec::with_capacity(ROOM),
            held: Vec::with_capacity(ROOM),
            nudge,
        };
        admin.hold();
        Ok(admin)
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

    /// A connection is closed, and so is its descriptor.
    pub fn forget(&mut self, token: Token) {
        let before = self.tokens.len();
        self.tokens.retain(|known| *known != token);
        if self.tokens.len() < before {
            self.hold();
        }
    }

    /// Holds as many descriptors as there is room for connections, or as can be had.
    fn hold(&mut self) {
        while self.held.len() + self.tokens.len() < ROOM {
            match self.nudge.as_fd().try_clone_to_owned() {
                Ok(fd) => self.held.push(fd),
                Err(_) => return,
            }
        }
    }

    /// Takes the next connection of a listener, in place of a descriptor that is held if there is no
    /// other.
    fn accept(&mut self, index: usize) -> io::Result<(OwnedFd, Peer)> {
        match self.acceptor.accept(index) {
            Err(error) if is_exhausted(&error) && self.held.pop().is_some() => {
                let accepted = self.acceptor.accept(index);
                if accepted.is_err() {
                    self.hold();
                }
                accepted
            }
            accepted => accepted,
        }
    }

    /// A connection has begun.
    fn note(&mut self, token: Token) {
        self.tokens.push(token);
        self.held.truncate(ROOM.saturating_sub(self.tokens.len()));
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

    /// Takes connections from an admin queue: somebody waits there.
    pub(super) fn accept_admin(&mut self, index: usize) {
        self.take_admins(index, Asked::ByClient);
    }

    /// The same from all of them, whether or not anybody waits.
    pub(super) fn accept_admins(&mut self) {
        let listeners = self.admin.as_ref().map_or(0, |admin| admin.acceptor.len());
        for index in 0..listeners {
            self.take_admins(index, Asked::ByOther);
        }
    }

    /// As long as there is room, and after that in place of those that are idle: whoever says
    /// nothing keeps nobody out. As for clients, nobody is closed for one who is not there.
    fn take_admins(&mut self, index: usize, asked: Asked) {
        let mut waits = asked == Asked::ByClient;
        // An idle one was closed because there were no descriptors.
        let mut owed = false;
        // One more than there is room for, to see that there is none.
        for _ in 0..=ROOM {
            let unwanted = match self.admin_room() {
                Spare::Idle(token) => Some(token),
                Spare::Gone => None,
                Spare::None(until) => {
                    if waits {
                        self.pause_admin(Pause::Full(until));
                    }
                    return;
                }
            };
            let Some(admin) = &mut self.admin else {
                return;
            };
            match admin.accept(index) {
                Ok((socket, peer)) => {
                    waits = false;
                    if let Some(token) = unwanted {
                        self.turn(token, Why::Unwanted);
                    }
                    self.open_admin(socket, peer);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if is_exhausted(&error) => {
                    // The kernel finds a descriptor before it looks at the queue.
                    if !waits {
                        return;
                    }
                    self.complain(&error);
                    if owed || !self.shed(Self::find_spare_admin) {
                        return self.pause_admin(Pause::Exhausted);
                    }
                    owed = true;
                }
                // It failed while it waited: the next one.
                Err(_) => {}
            }
        }
    }

    /// Whether there is room for one more, or who can go for it.
    fn admin_room(&mut self) -> Spare {
        match &self.admin {
            Some(admin) if admin.tokens.len() < ROOM => Spare::Gone,
            _ => self.find_spare_admin(),
        }
    }

    fn pause_admin(&mut self, why: Pause) {
        if let Some(admin) = &mut self.admin {
            admin.acceptor.pause(why, self.now.at, &self.epoll);
        }
    }

    fn open_admin(&mut self, socket: OwnedFd, peer: Peer) {
        let Some(process) = self.admin.as_ref().map(|admin| admin.process) else {
            return;
        };
        let token = self.insert(socket, peer, process);
        if let Some(admin) = &mut self.admin {
            admin.note(token);
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
