//! How an [`EventLoop`] lets clients in: as long as there is room, and after that in place of those
//! that are idle.

use std::io;

use super::accept::acceptor::{Admission, Asked, Pause};
use super::connections::eviction::Spare;
use super::event_loop::EventLoop;
use super::link::turn::Why;

impl EventLoop<'_> {
    /// Takes connections from a queue.
    pub(super) fn accept(&mut self, index: usize, asked: Asked) {
        // Whether somebody is known to wait. After the first, only the queue itself can say.
        let mut waits = asked == Asked::ByClient;
        // An idle one was closed because there were no descriptors, and nobody came in for it yet.
        let mut owed = false;
        let mut left = self.acceptor.at_once(asked, self.now.at);
        while left > 0 {
            let connections = self.clients();
            let admission = self
                .acceptor
                .may_accept(connections, self.now.at, &self.epoll);
            let unwanted = match admission {
                Admission::No => return,
                Admission::Welcome => None,
                Admission::InPlaceOfAnother => match self.find_spare() {
                    Spare::Idle(token) => Some(token),
                    Spare::Gone => None,
                    Spare::None(until) if waits => {
                        self.crowded = true;
                        let why = Pause::Full(until);
                        self.acceptor.pause(why, self.now.at, &self.epoll);
                        return;
                    }
                    // If somebody waits, we are told so at once.
                    Spare::None(_) => {
                        self.acceptor.found_empty(self.now.at);
                        return;
                    }
                },
            };
            match self.acceptor.accept(index) {
                Ok((socket, peer)) => {
                    (waits, owed) = (false, false);
                    self.crowded = false;
                    if let Some(token) = unwanted {
                        self.turn(token, Why::Unwanted);
                    }
                    self.open(socket, peer);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.acceptor.found_empty(self.now.at);
                    self.crowded = false;
                    return;
                }
                Err(error) if is_exhausted(&error) => {
                    // The kernel finds a descriptor before it looks at the queue. Nobody is closed
                    // for a client that may not be there: if it is, we are told again.
                    if !waits && !owed && asked == Asked::ByClient {
                        self.acceptor.found_empty(self.now.at);
                        return;
                    }
                    if waits && !owed && self.shed(Self::find_spare) {
                        self.complain(&error);
                        // Tried again however many may be taken: else nobody would know of it.
                        owed = true;
                        continue;
                    }
                    self.crowded |= waits;
                    self.acceptor
                        .pause(Pause::Exhausted, self.now.at, &self.epoll);
                    self.complain(&error);
                    return;
                }
                // A connection that failed while it waited, a firewall's refusal: the next one.
                Err(_) => {}
            }
            left -= 1;
        }
    }
}

/// There are no descriptors left, or no memory: trying again at once would spin.
pub(super) fn is_exhausted(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM)
    )
}
