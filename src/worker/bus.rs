//! [`Bus`]: how a message of a room reaches the members in the other workers.
//!
//! A pair of datagram sockets for each slot, made before the fork: the worker in the slot reads one
//! end, and all others write to the other end. A message is one datagram, so none is read in part,
//! whichever worker dies. The kernel's buffer bounds how far a worker can be behind: 208 KiB, as
//! `net.core.wmem_default` has it, of which each message takes some 750 bytes besides its own, so
//! some 280 short messages. A message that finds it full is lost for that worker, and counted.
//! Nothing goes through the master.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Release};

use super::Context;
use crate::process::{self, Room, Rooms};
use crate::scoreboard::{MAX_WORKERS, Scoreboard, Slot};
use crate::sys::shared::SharedWords;

/// Datagrams that are taken in one iteration; others get their turn first.
const AT_ONCE: usize = 64;
/// The longest datagram, with its kind and the length of a name.
const LONGEST: usize = Room::LONGEST + 8;

/// The sockets between all workers.
#[derive(Debug)]
pub(crate) struct Bus {
    /// For each slot, the end to write to and the end to read from.
    lines: Vec<(UnixDatagram, UnixDatagram)>,
    /// For each slot, the process id of the worker that reads; 0 before the first one.
    readers: SharedWords,
}

impl Bus {
    /// A bus for twice so many workers, and no fewer than eight: the master may be asked for more
    /// than it began with.
    ///
    /// # Errors
    /// There are too few descriptors.
    pub(crate) fn new(workers: usize) -> io::Result<Bus> {
        let most = (2 * workers).clamp(8, MAX_WORKERS);
        let slots = 2 * most;
        let line = |_| {
            let (to, from) = UnixDatagram::pair()?;
            to.set_nonblocking(true)?;
            from.set_nonblocking(true)?;
            Ok((to, from))
        };
        Ok(Bus {
            lines: (0..slots).map(line).collect::<io::Result<_>>()?,
            readers: SharedWords::new(slots)?,
        })
    }

    /// How many workers there is room for.
    pub(crate) fn most_workers(&self) -> usize {
        self.lines.len() / 2
    }

    /// In a worker: its own end. From now on, the messages of the rooms go to the other workers,
    /// and theirs come here.
    ///
    /// # Errors
    /// The worker's slot is not on the bus.
    pub(crate) fn join(
        self: &Arc<Bus>,
        rooms: &Rooms,
        context: &Context<'_>,
    ) -> io::Result<Receiver> {
        let own = context.slot.index();
        let (_, from) = self.lines.get(own).ok_or(io::ErrorKind::InvalidInput)?;
        let mut receiver = Receiver {
            socket: from.try_clone()?,
            rooms: rooms.clone(),
            buffer: vec![0; LONGEST],
        };
        // What the last worker of this slot has not read is not for this one.
        while receiver.receive_one(|_, _| {}) {}
        self.readers[own].store(u64::from(std::process::id()), Release);
        rooms.connect(Box::new(Sender {
            bus: self.clone(),
            board: context.board.clone(),
            slot: context.slot.clone(),
        }));
        Ok(receiver)
    }
}

/// The end of a worker that it reads from.
#[derive(Debug)]
pub(crate) struct Receiver {
    socket: UnixDatagram,
    rooms: Rooms,
    buffer: Vec<u8>,
}

impl Receiver {
    /// Readable when another worker has sent a message.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Delivers the messages that have come, or the first of them.
    pub(crate) fn receive(&mut self) {
        for _ in 0..AT_ONCE {
            if !self.receive_one(Rooms::deliver) {
                return;
            }
        }
    }

    /// Whether there was a message.
    fn receive_one(&mut self, deliver: impl FnOnce(&Rooms, &[u8])) -> bool {
        let Ok(len) = self.socket.recv(&mut self.buffer) else {
            return false;
        };
        deliver(&self.rooms, &self.buffer[..len]);
        true
    }
}

/// The ends that a worker writes to.
struct Sender {
    bus: Arc<Bus>,
    board: Scoreboard,
    slot: Slot,
}

impl process::Bus for Sender {
    fn publish(&self, datagram: &[u8]) {
        for (index, (to, _)) in self.bus.lines.iter().enumerate() {
            let reader = self.bus.readers[index].load(Acquire);
            if reader == 0 || index == self.slot.index() {
                continue;
            }
            // A worker that is dead reads no more; its successor has another slot.
            let pid = self.board.slot(index).map_or(0, |slot| slot.pid());
            if pid == reader && to.send(datagram).is_err() {
                self.slot.count_lost_message();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Log;
    use crate::process::{Mailbox, WakeQueue, Wakers};
    use crate::scoreboard::State;
    use crate::worker::control;

    /// Two workers in one process, which have the same sockets, as after a fork.
    fn join(
        bus: &Arc<Bus>,
        rooms: &Rooms,
        board: &Scoreboard,
        slot: usize,
    ) -> io::Result<Receiver> {
        let (_line, orders) = control::pair().unwrap();
        let slot = board.slot(slot).unwrap();
        slot.set_state(State::Ready, u64::from(std::process::id()));
        bus.join(
            rooms,
            &Context {
                index: slot.index() / 2,
                slot,
                board,
                orders,
                log: &Log::silent(),
            },
        )
    }

    #[test]
    fn a_message_reaches_the_other_workers_and_what_finds_no_room_is_counted() {
        let board = Scoreboard::new().unwrap();
        let bus = Arc::new(Bus::new(1).unwrap());
        assert_eq!(bus.most_workers(), 8);
        let (ours, theirs) = (Rooms::local(), Rooms::local());
        // A message for a worker that died before it was read.
        bus.lines[2].0.send(b"T\x01\0\0\0rstale").unwrap();
        let mut here = join(&bus, &ours, &board, 0).unwrap();
        let mut there = join(&bus, &theirs, &board, 2).unwrap();
        let queue = WakeQueue::new(|| {});
        let (queue, connection) = (&queue, 0);
        let mut member = Mailbox::new(Wakers { queue, connection }.make());
        member.join(&theirs.room("r"));
        ours.room("r").send("hello").unwrap();
        ours.room("other").send("not here").unwrap();
        there.receive();
        here.receive();
        let post = member.take().unwrap();
        assert_eq!(post.message().text(), Some("hello"));
        assert!(
            member.take().is_none(),
            "neither the stale one nor the other room's"
        );
        // The longest message fits; a worker that does not read loses those behind it.
        let longest = "x".repeat(Room::LONGEST - 1);
        let lost = || board.slot(0).unwrap().record().lost_messages;
        ours.room("r").send(&longest).unwrap();
        there.receive();
        assert_eq!(member.take().unwrap().message().text(), Some(&longest[..]));
        assert_eq!(lost(), 0);
        for _ in 0..10 {
            ours.room("r").send(&longest).unwrap();
        }
        assert!((1..10).contains(&lost()), "{}", lost());
        // A worker that is dead is sent nothing.
        let before = lost();
        board.slot(2).unwrap().set_state(State::Empty, 0);
        for _ in 0..10 {
            ours.room("r").send(&longest).unwrap();
        }
        assert_eq!(lost(), before);
        assert!(join(&bus, &theirs, &board, 16).is_err(), "not on the bus");
    }
}
