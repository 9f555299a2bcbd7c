//! [`Acceptor`]: when a worker takes connections from the shared queue.
//!
//! All workers wait for the same listening sockets with `EPOLLEXCLUSIVE`, so that a connection
//! wakes one of them and not all. Left alone, the kernel wakes the same one every time for as long
//! as it keeps up, and it ends up with nearly all connections. So a worker that is well above the
//! mean, or full while others are not, stops accepting: it takes the sockets out of its epoll set,
//! which alone makes the kernel ask the others, and wakes them for what waits already. That lasts
//! for `YIELD_MS` at most, because the others may be hung: what waits then is taken, mean or no
//! mean.

use std::io;
use std::os::fd::OwnedFd;

use super::listener::Listener;
use crate::process::Peer;
use crate::scoreboard::Peers;
use crate::sys::epoll::{Epoll, Interest};
use crate::sys::event::EventFd;
use crate::time::Millis;
use crate::worker::connections::slab::Token;

/// How long a worker leaves clients to the others at most, in milliseconds.
const YIELD_MS: u64 = 50;
/// Connections accepted in one turn at most: enough to keep up, few enough that others get theirs.
const AT_ONCE: usize = 16;
/// How long to wait after accepting failed for want of descriptors or memory, in milliseconds.
const EXHAUSTED_MS: u64 = 100;

/// Whether the listening sockets are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watch {
    /// They are.
    On,
    /// They are not, until this time or until there is a reason.
    Off { until: Millis, why: Pause },
}

/// Why a worker looks at an accept queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcceptTrigger {
    /// A client waits in it.
    Queue,
    /// Another worker has stopped accepting, whether or not a client waits.
    Peer,
}

/// What came of accepting.
#[derive(Debug)]
pub enum Accepted {
    /// A connection.
    Client(OwnedFd, Peer),
    /// The queue is empty, or was shut by another worker that found it empty.
    Empty,
    /// There are no descriptors left, or no memory: to try again at once would spin.
    Exhausted(io::Error),
    /// This connection cannot be had.
    Failed(io::Error),
}

/// Why a worker accepts nothing for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// Other workers have fewer connections, or have room.
    AboveMean,
    /// It has as many as it may have, and none can be evicted until this time.
    Full(Millis),
    /// There are no descriptors left, or no memory.
    Exhausted,
}

/// Whether the next connection may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Welcome,
    /// Only if another one goes: there is no more room in any worker.
    InPlaceOfAnother,
    /// It may not, and the sockets are not watched for now.
    No,
}

/// The listening sockets of a worker, and whether it takes connections from them.
pub struct Acceptor<'a> {
    listeners: Vec<Listener>,
    /// Where the load of all workers is; `None` to accept whatever the others have.
    group: Option<Peers<'a>>,
    /// Wakes all workers. Shared with them.
    peers: &'a EventFd,
    epoll: &'a Epoll,
    watch: Watch,
    /// It left clients to the others for as long as it may: what waits now is taken.
    must_accept: bool,
    /// When the queue was last found empty.
    empty_at: Millis,
    capacity: usize,
    /// The token of the first listener.
    first: u16,
}

impl<'a> Acceptor<'a> {
    /// An acceptor that watches nothing yet. Its tokens are reserved ones from `first` on.
    pub fn new(
        listeners: Vec<Listener>,
        first: u16,
        capacity: usize,
        group: Option<Peers<'a>>,
        peers: &'a EventFd,
        epoll: &'a Epoll,
    ) -> Acceptor<'a> {
        let watch = Watch::Off {
            until: Millis::NEVER,
            why: Pause::Full(Millis::NEVER),
        };
        Acceptor {
            listeners,
            group,
            peers,
            epoll,
            watch,
            must_accept: false,
            empty_at: Millis::NEVER,
            capacity,
            first,
        }
    }

    /// Watches the sockets; [`Acceptor::index_of`] knows their events.
    pub fn start(&mut self) -> io::Result<()> {
        for (index, listener) in self.listeners.iter().enumerate() {
            let token = self.token(index).raw();
            self.epoll.add(listener, token, Interest::READ_EXCLUSIVE)?;
        }
        self.watch = Watch::On;
        Ok(())
    }

    fn token(&self, index: usize) -> Token {
        Token::reserved(self.first + index as u16)
    }

    /// Which listener an event is about, if about any.
    pub fn index_of(&self, token: Token) -> Option<usize> {
        (0..self.listeners.len()).find(|index| self.token(*index) == token)
    }

    /// How many listeners there are.
    pub fn len(&self) -> usize {
        self.listeners.len()
    }

    /// How many connections there may be.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Whether a connection may be taken now, for a worker that has `connections`. If other workers
    /// come first, this one stops accepting for a while.
    pub fn may_accept(&mut self, connections: usize, now: Millis) -> Admission {
        if self.watch != Watch::On {
            return Admission::No;
        }
        if !self.must_accept && self.others_come_first(connections, now) {
            self.pause(Pause::AboveMean, now);
            return Admission::No;
        }
        match connections < self.capacity {
            true => Admission::Welcome,
            false => Admission::InPlaceOfAnother,
        }
    }

    fn others_come_first(&self, connections: usize, now: Millis) -> bool {
        self.group.as_ref().is_some_and(|group| {
            group.is_above_mean(connections, now.get())
                || connections >= self.capacity && group.has_room(self.capacity, now.get())
        })
    }

    /// Takes the next connection of a listener, mean or no mean.
    pub fn accept(&self, index: usize) -> Accepted {
        let Some(listener) = self.listeners.get(index) else {
            return Accepted::Empty;
        };
        match listener.accept() {
            Ok((socket, peer)) => Accepted::Client(socket, peer),
            Err(error) => match (error.kind(), error.raw_os_error()) {
                // `InvalidInput`: the socket was shut.
                (io::ErrorKind::WouldBlock | io::ErrorKind::InvalidInput, _) => Accepted::Empty,
                (_, Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM)) => {
                    Accepted::Exhausted(error)
                }
                _ => Accepted::Failed(error),
            },
        }
    }

    /// How many to take at most. If more wait, epoll says so again, unless it was another worker
    /// that said it.
    ///
    /// For the rest of the millisecond in which a queue was found empty, one: to find nothing costs
    /// more than a wait that finds something (3.5 µs to 0.4 where it was measured), because the
    /// kernel makes the whole new socket before it looks. nginx always takes one unless
    /// `multi_accept` is on; beside slow handlers, each of a crowd then waits for a turn of all
    /// others.
    pub fn at_once(&self, trigger: AcceptTrigger, now: Millis) -> usize {
        let was_empty = self.empty_at == now && !self.must_accept;
        match was_empty && trigger == AcceptTrigger::Queue {
            true => 1,
            false => AT_ONCE,
        }
    }

    /// The queue was found empty: a worker above the mean leaves clients to the others again.
    pub fn found_empty(&mut self, now: Millis) {
        self.must_accept = false;
        self.empty_at = now;
    }

    /// Stops watching for a while, and wakes the others: they may be asleep, and what waits in the
    /// queue will not wake them, since this worker has used that wake-up.
    pub fn pause(&mut self, why: Pause, now: Millis) {
        if self.watch != Watch::On {
            return;
        }
        for listener in &self.listeners {
            // An error would mean that it was not watched, which is what is wanted.
            let _ = self.epoll.delete(listener);
        }
        let until = match why {
            Pause::AboveMean => now.after(YIELD_MS),
            Pause::Exhausted => now.after(EXHAUSTED_MS),
            Pause::Full(until) => until,
        };
        self.watch = Watch::Off { until, why };
        let _ = self.peers.notify();
    }

    /// Watches again if there is no reason any more not to.
    pub fn resume_if_due(&mut self, connections: usize, now: Millis) -> io::Result<()> {
        let Watch::Off { until, why } = self.watch else {
            return Ok(());
        };
        let due = now >= until;
        let resume = match why {
            Pause::AboveMean => due || !self.others_come_first(connections, now),
            Pause::Full(_) => due || connections < self.capacity,
            Pause::Exhausted => due,
        };
        if resume && !self.listeners.is_empty() {
            self.must_accept = due && why == Pause::AboveMean;
            self.start()?;
        }
        Ok(())
    }

    /// When [`Acceptor::resume_if_due`] has to be called at the latest.
    pub fn wake_at(&self) -> Millis {
        match self.watch {
            Watch::Off { until, .. } => until,
            Watch::On => Millis::NEVER,
        }
    }

    /// Closes the listening sockets, for this worker alone or, if the whole server stops, for all
    /// processes. Without the latter they would live on in any process that was forked meanwhile,
    /// such as a worker of another server of the same program, and clients would wait for ever.
    ///
    /// They are taken out of epoll first: the master has copies, so closing ours is not enough,
    /// and this worker would be woken in place of a worker that accepts, again and again.
    pub fn close(&mut self, for_all: bool) {
        for listener in &self.listeners {
            // An error means that it was taken out before.
            let _ = self.epoll.delete(listener);
            if for_all {
                listener.shut();
            }
        }
        self.listeners.clear();
        // A connection may have woken this worker alone.
        let _ = self.peers.notify();
        self.watch = Watch::Off {
            until: Millis::NEVER,
            why: Pause::Full(Millis::NEVER),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoreboard::{Scoreboard, State};
    use crate::sys::epoll::Events;
    use crate::worker::accept::address::Address;
    use std::net::TcpStream;

    fn is_watched(epoll: &Epoll) -> bool {
        let mut events = Events::with_capacity(4);
        epoll.wait(&mut events, Some(0)).unwrap();
        events.len() > 0
    }

    #[test]
    fn it_stops_accepting_above_the_mean_but_not_for_ever() {
        let listeners = Listener::bind_all(&Address::parse("127.0.0.1:0").unwrap(), 16).unwrap();
        let Address::Inet(address) = listeners[0].address().clone() else {
            unreachable!()
        };
        let (board, peers, epoll) = (
            Scoreboard::new().unwrap(),
            EventFd::new().unwrap(),
            Epoll::new().unwrap(),
        );
        board.set_wanted(2, 4);
        let (ours, other) = (board.slot(0).unwrap(), board.slot(1).unwrap());
        ours.set_state(State::Ready, 1);
        other.set_state(State::Ready, 2);
        ours.set_connections(10);

        let group = Some(board.peers_of(0));
        let mut acceptor = Acceptor::new(listeners, 16, 100, group, &peers, &epoll);
        acceptor.start().unwrap();
        let _client = TcpStream::connect(address).unwrap();
        assert!(is_watched(&epoll));
        let at = Millis::new;

        let admits = |a: &mut Acceptor<'_>, n, ms| a.may_accept(n, at(ms));
        assert_eq!(admits(&mut acceptor, 10, 0), Admission::No, "10 to 0");
        assert!(peers.take().unwrap(), "the others were woken");
        assert!(!is_watched(&epoll));
        acceptor.resume_if_due(10, at(10)).unwrap();
        assert!(!is_watched(&epoll), "still above");

        acceptor.resume_if_due(10, at(YIELD_MS)).unwrap();
        assert!(is_watched(&epoll), "others are hung");
        assert_eq!(admits(&mut acceptor, 10, 51), Admission::Welcome);
        acceptor.found_empty(at(51));
        assert_eq!(admits(&mut acceptor, 10, 52), Admission::No, "again");

        other.set_connections(10);
        acceptor.resume_if_due(10, at(53)).unwrap();
        let equal = admits(&mut acceptor, 10, 53);
        assert_eq!(equal, Admission::Welcome, "no longer above");

        // 100 to 99 is not above the mean, but there is room.
        other.set_connections(99);
        ours.set_connections(100);
        assert_eq!(admits(&mut acceptor, 100, 54), Admission::No);
        acceptor.resume_if_due(100, at(55)).unwrap();
        assert!(!is_watched(&epoll), "the other one has room");
        other.set_connections(100);
        acceptor.resume_if_due(100, at(56)).unwrap();
        let full = admits(&mut acceptor, 100, 56);
        assert_eq!(full, Admission::InPlaceOfAnother, "both are full");

        acceptor.pause(Pause::Full(at(80)), at(56));
        acceptor.resume_if_due(100, at(79)).unwrap();
        assert!(!is_watched(&epoll), "none can be evicted");
        acceptor.resume_if_due(99, at(79)).unwrap();
        assert!(is_watched(&epoll), "there is room");
        acceptor.pause(Pause::Full(at(80)), at(79));
        acceptor.resume_if_due(100, at(80)).unwrap();
        assert!(is_watched(&epoll), "one may be idle by now");
        acceptor.close(false);
        assert!(!is_watched(&epoll));
    }

    #[test]
    fn an_empty_queue_is_not_looked_at_each_time() {
        let (peers, epoll) = (EventFd::new().unwrap(), Epoll::new().unwrap());
        let mut acceptor = Acceptor::new(Vec::new(), 16, 100, None, &peers, &epoll);
        let (first, next) = (Millis::new(7), Millis::new(8));
        let client = |a: &Acceptor<'_>, now| a.at_once(AcceptTrigger::Queue, now);
        assert_eq!(client(&acceptor, first), AT_ONCE, "nothing is known");
        acceptor.found_empty(first);
        assert_eq!(client(&acceptor, first), 1);
        assert_eq!(client(&acceptor, first), 1, "still");
        let other = acceptor.at_once(AcceptTrigger::Peer, first);
        assert_eq!(other, AT_ONCE, "it is told once");
        assert_eq!(client(&acceptor, next), AT_ONCE, "perhaps a crowd by now");
        acceptor.must_accept = true;
        assert_eq!(
            client(&acceptor, first),
            AT_ONCE,
            "no other worker takes them"
        );
    }
}
