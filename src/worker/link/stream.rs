//! [`Stream`]: where a connection's bytes come from and go to. [`Socket`] is the plain one, for
//! TCP and Unix sockets.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::process::FileRange;
use crate::sys::{sendfile::sendfile, socket};

/// A non-blocking, ordered stream of bytes in both directions. Calls that would have to wait
/// fail with `WouldBlock`, and its descriptor says when to try again.
pub trait Stream: AsFd {
    /// Reads what is there; `Ok(0)` is the end of input.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize>;

    /// Writes as much as there is room for. With `more`, the rest of the message follows at once.
    fn write(&mut self, slices: &[IoSlice<'_>], more: bool) -> io::Result<usize>;

    /// Writes as much of a file's range as there is room for, at most `max` bytes; `Ok(0)` if the
    /// file is shorter.
    fn send_file(&mut self, range: &FileRange, max: u64) -> io::Result<usize>;

    /// From now on takes bytes only as far ahead as sending them needs (`TCP_NOTSENT_LOWAT`), or as
    /// many as there is room for. A stream that knows no difference may ignore it.
    fn limit_unsent(&mut self, on: bool);

    /// From now on ends if the peer does not acknowledge what was sent for so many milliseconds.
    /// For streams that send a little now and then: the kernel takes it, and nothing else would
    /// tell that the peer is gone. A stream that cannot tell may ignore it.
    fn limit_unacknowledged(&mut self, ms: u64);

    /// How many bytes were written that the client's kernel has not acknowledged.
    fn unacknowledged(&self) -> io::Result<u64>;

    /// Says that no more will be written. Reading goes on.
    fn shutdown(&mut self) -> io::Result<()>;

    /// Makes sure that the peer takes the end, which comes next, for a failure.
    fn reset(&mut self) -> io::Result<()>;
}

/// How many bytes a TCP socket whose unsent bytes are limited takes ahead of those in flight.
///
/// The kernel's own bound is the send buffer, which grows to four megabytes. What lies there is
/// cold by the time it leaves, and is sent from where acknowledgements come in, which on one
/// machine is the reader's processor. With this bound 10 MiB files go over loopback at 1.6 times
/// the speed, for a quarter more of our own time.
const UNSENT: u32 = 128 * 1024;

/// A connected TCP or Unix socket.
#[derive(Debug)]
pub struct Socket(OwnedFd);

impl Socket {
    /// Takes over a connected, non-blocking socket.
    pub fn new(fd: OwnedFd) -> Socket {
        Socket(fd)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Stream for Socket {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        socket::recv(self.0.as_fd(), buf)
    }

    fn write(&mut self, slices: &[IoSlice<'_>], more: bool) -> io::Result<usize> {
        match slices {
            // The kernel has less to do for the plain call.
            [one] => socket::send(self.0.as_fd(), one, more),
            _ => socket::send_vectored(self.0.as_fd(), slices, more),
        }
    }

    fn send_file(&mut self, range: &FileRange, max: u64) -> io::Result<usize> {
        sendfile(
            self.0.as_fd(),
            &range.file,
            range.offset,
            range.len.min(max),
        )
    }

    fn limit_unsent(&mut self, on: bool) {
        // A Unix socket refuses it, and needs it not.
        let _ = socket::limit_unsent(self.0.as_fd(), if on { UNSENT } else { 0 });
    }

    fn limit_unacknowledged(&mut self, ms: u64) {
        // A Unix socket refuses it, and knows at once when its peer is gone.
        let ms = u32::try_from(ms).unwrap_or(u32::MAX);
        let _ = socket::limit_unacknowledged(self.0.as_fd(), ms);
    }

    fn unacknowledged(&self) -> io::Result<u64> {
        socket::unacknowledged(self.0.as_fd())
    }

    fn shutdown(&mut self) -> io::Result<()> {
        socket::shutdown(self.0.as_fd(), Shutdown::Write)
    }

    fn reset(&mut self) -> io::Result<()> {
        socket::reset_on_close(self.0.as_fd())
    }
}
