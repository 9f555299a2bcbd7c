//! How an [`EventLoop`] leaves: what was begun is finished, what waits in the queue is served, and
//! nothing new is begun.

use std::io;
use std::mem;

use super::admin::Admin;
use super::connections::slab::Token;
use super::event_loop::EventLoop;
use super::link::turn::Why;

impl EventLoop<'_> {
    /// Begins to leave.
    pub(super) fn drain(&mut self) {
        if mem::replace(&mut self.stopping, true) {
            return;
        }
        if !self.context.board.closing() {
            // This worker leaves alone. What waits is for its successor and the others.
            self.acceptor.close(false, &self.epoll);
            self.close_admin();
        }
        // Room for those who wait, before they are let in.
        let tokens: Vec<Token> = self.links.tokens().collect();
        for token in &tokens {
            if let Some(link) = self.links.get_mut(*token) {
                link.start_drain_accounting();
            }
        }
        for token in tokens {
            // A last look: an idle client may have sent a request just now.
            self.turn(token, Why::Readable);
        }
        self.sweep();
    }

    /// Whether everything is finished. Looks at the queue again first.
    pub(super) fn is_drained(&mut self) -> bool {
        self.sweep();
        let closed = self.acceptor.len() == 0 && self.admin.as_ref().is_none_or(Admin::is_closed);
        closed && self.links.is_empty()
    }

    /// Ends at once: what is unfinished is reported, and stays so.
    pub(super) fn cut(&mut self) {
        let tokens: Vec<Token> = self.links.tokens().collect();
        let cut_off = self.in_flight.count();
        for token in tokens {
            self.turn(token, Why::Cut);
        }
        // The master reads it when we are gone.
        self.context.slot.set_in_flight(cut_off);
        self.finish_log();
    }

    /// Takes what is still in the queues, and closes the sockets when nothing is: the clients there
    /// were told that they are connected.
    fn sweep(&mut self) {
        self.sweep_admin();
        if self.acceptor.len() == 0 {
            return;
        }
        let mut emptied = true;
        for index in 0..self.acceptor.len() {
            emptied &= self.accept_the_rest(index);
        }
        if emptied {
            self.acceptor.close(true, &self.epoll);
        }
    }

    /// As much of a queue as there is room for; whether it is empty now.
    fn accept_the_rest(&mut self, index: usize) -> bool {
        while self.clients() < self.options.max_connections {
            match self.acceptor.accept(index) {
                Ok((socket, peer)) => self.open(socket, peer),
                // It failed while it waited.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                // `InvalidInput`: another worker found it empty, and has shut it.
                Err(error) => {
                    return matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::InvalidInput
                    );
                }
            }
        }
        false
    }
}
