//! `epoll(7)`: which descriptors are ready. Level-triggered, so that a reader may stop early and
//! gets the event again; an event carries the token that its descriptor was registered with.
//!
//! nginx waits for edges, which spare the kernel a second look at each descriptor. That was tried
//! here and saved less than 1 % of a request's time: not worth that code that stops early waits for
//! ever.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use super::{check, check_fd};

/// Which events to wait for. Errors and hang-ups are always reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest(u32);

impl Interest {
    /// Nothing but errors and hang-ups.
    pub const NONE: Interest = Interest(0);
    /// Bytes to read, a connection to accept, or the end of input.
    pub const READ: Interest = Interest(libc::EPOLLIN as u32);
    /// Room to write.
    pub const WRITE: Interest = Interest(libc::EPOLLOUT as u32);
    /// Both.
    pub const BOTH: Interest = Interest(Self::READ.0 | Self::WRITE.0);
    /// Like `READ`, but the kernel need not wake more than one of the processes that wait for the
    /// descriptor. This interest cannot be modified, only deleted and added.
    pub(crate) const READ_EXCLUSIVE: Interest =
        Interest(Self::READ.0 | libc::EPOLLEXCLUSIVE as u32);
    /// Like `READ`, but edge-triggered: reported once for each change.
    pub(crate) const READ_EDGE: Interest = Interest(Self::READ.0 | libc::EPOLLET as u32);

    /// Reading and writing, each if wanted.
    pub fn of(read: bool, write: bool) -> Interest {
        match (read, write) {
            (false, false) => Interest::NONE,
            (true, false) => Interest::READ,
            (false, true) => Interest::WRITE,
            (true, true) => Interest::BOTH,
        }
    }

    /// Whether reading is among them.
    pub fn reads(self) -> bool {
        self.0 & Self::READ.0 != 0
    }

    /// Whether writing is among them.
    pub fn writes(self) -> bool {
        self.0 & Self::WRITE.0 != 0
    }
}

/// What a descriptor is ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready(u32);

impl Ready {
    /// A read would not block (it may find the end of input).
    pub fn readable(self) -> bool {
        self.0 & libc::EPOLLIN as u32 != 0
    }

    /// Both directions are over, or the connection has failed.
    pub fn hung_up(self) -> bool {
        self.0 & (libc::EPOLLHUP | libc::EPOLLERR) as u32 != 0
    }
}

/// An epoll instance. Made after the fork: an instance that is shared with another process would
/// report to both.
#[derive(Debug)]
pub struct Epoll {
    fd: OwnedFd,
}

impl Epoll {
    /// `epoll_create1(2)`, closed on exec.
    pub fn new() -> io::Result<Epoll> {
        // SAFETY: takes no pointer; the descriptor it returns is new and ours.
        let fd = unsafe { check_fd(libc::epoll_create1(libc::EPOLL_CLOEXEC)) }?;
        Ok(Epoll { fd })
    }

    /// Starts to watch `fd`; its events carry `token`.
    pub fn add(&self, fd: impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd.as_fd(), token, interest)
    }

    /// Changes what `fd` is watched for.
    pub fn modify(&self, fd: impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd.as_fd(), token, interest)
    }

    /// Stops watching `fd`.
    pub fn delete(&self, fd: impl AsFd) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, fd.as_fd(), 0, Interest::NONE)
    }

    fn control(
        &self,
        operation: libc::c_int,
        fd: BorrowedFd<'_>,
        token: u64,
        interest: Interest,
    ) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: interest.0,
            u64: token,
        };
        let fd: RawFd = fd.as_raw_fd();
        // SAFETY: both descriptors are borrowed, so open throughout; the kernel reads the local
        // `event` and keeps no pointer to it.
        check(unsafe { libc::epoll_ctl(self.fd.as_raw_fd(), operation, fd, &mut event) })?;
        Ok(())
    }

    /// Waits until something is ready or `timeout_ms` has passed (`None`: for ever), and leaves
    /// what is ready in `events`. A signal ends the wait early, with nothing ready.
    pub fn wait(&self, events: &mut Events, timeout_ms: Option<u64>) -> io::Result<()> {
        let timeout = match timeout_ms {
            Some(ms) => libc::c_int::try_from(ms).unwrap_or(libc::c_int::MAX),
            None => -1,
        };
        let room = libc::c_int::try_from(events.buf.len()).unwrap_or(libc::c_int::MAX);
        events.len = 0;
        let buf = events.buf.as_mut_ptr();
        // SAFETY: the kernel writes at most `room` events to `buf`, which has at least as many.
        match check(unsafe { libc::epoll_wait(self.fd.as_raw_fd(), buf, room, timeout) }) {
            Ok(n) => events.len = n as usize,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// The events that a wait has found.
pub struct Events {
    buf: Vec<libc::epoll_event>,
    len: usize,
}

impl Events {
    /// Room for `capacity` events; what is ready beyond that is reported by the next wait.
    pub fn with_capacity(capacity: usize) -> Events {
        Events {
            buf: vec![libc::epoll_event { events: 0, u64: 0 }; capacity.max(1)],
            len: 0,
        }
    }

    /// How many descriptors are ready.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The token and the readiness of the `index`th event.
    pub fn get(&self, index: usize) -> Option<(u64, Ready)> {
        let event = self.buf[..self.len].get(index)?;
        // The struct is packed, so its fields are copied, not borrowed.
        Some((event.u64, Ready(event.events)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    fn ready(epoll: &Epoll) -> Vec<(u64, bool, bool)> {
        let mut events = Events::with_capacity(8);
        epoll.wait(&mut events, Some(0)).unwrap();
        (0..events.len())
            .filter_map(|i| events.get(i))
            .map(|(token, ready)| (token, ready.readable(), ready.0 & Interest::WRITE.0 != 0))
            .collect()
    }

    #[test]
    fn a_descriptor_is_reported_until_it_is_read() {
        let (mut a, mut b) = UnixStream::pair().unwrap();
        let epoll = Epoll::new().unwrap();
        epoll.add(&a, 7, Interest::READ).unwrap();
        assert_eq!(ready(&epoll), []);
        b.write_all(b"x").unwrap();
        assert_eq!(ready(&epoll), [(7, true, false)]);
        assert_eq!(ready(&epoll), [(7, true, false)]);
        epoll.modify(&a, 8, Interest::BOTH).unwrap();
        assert_eq!(ready(&epoll), [(8, true, true)]);
        a.read_exact(&mut [0]).unwrap();
        assert_eq!(ready(&epoll), [(8, false, true)]);
        epoll.delete(&a).unwrap();
        assert_eq!(ready(&epoll), []);
        assert!(epoll.delete(&a).is_err(), "deleted twice");
    }
}
