//! [`Stream`]: where a connection's bytes come from and go to. [`Socket`] is the plain one, for
//! TCP and Unix sockets.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;

use crate::process::FileRange;
use crate::sys::epoll::Interest;
use crate::sys::{sendfile::sendfile, socket};

/// A non-blocking, ordered stream of bytes in both directions. Calls that would have to wait
/// fail with `WouldBlock`, and its descriptor says when to try again.
///
/// A stream is made by a [`Transport`](crate::worker::Transport) out of a [`Socket`]. The worker
/// gives the stream a turn when its descriptor is ready for what [`Stream::interest`] says
/// (level-triggered), when it is [`buffered`](Stream::buffered), and when a deadline has passed.
/// Where bytes go through as they are, the defaults are right, and the rest is passed on to the
/// socket.
///
/// A panic in a stream ends its worker, not only its connection.
pub trait Stream: AsFd {
    /// Reads what is there; `Ok(0)` is the end of input.
    ///
    /// # Errors
    /// `WouldBlock` if there is nothing now. Any other error ends the connection at once; what was
    /// in flight is aborted.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize>;

    /// Writes as much as there is room for. With `more`, the rest of the message follows at once.
    /// If it writes less than all, the worker waits for room before the next call.
    ///
    /// Bytes count as written when the kernel has them. A stream that has taken some and could not
    /// pass them on, such as those of a record that is sent in part, does not count them yet: the
    /// next call has the same bytes, at its beginning and perhaps cut elsewhere.
    ///
    /// # Errors
    /// `WouldBlock` if none could be written. Any other error: the client is gone.
    fn write(&mut self, slices: &[IoSlice<'_>], more: bool) -> io::Result<usize>;

    /// Writes as much of a file's range as there is room for, at most `max` bytes; `Ok(0)` if the
    /// file is shorter. The same goes for it as for [`Stream::write`].
    ///
    /// By default, the file is read in pieces of 16 KiB, which are written.
    ///
    /// # Errors
    /// As for [`Stream::write`], and if the file cannot be read.
    fn send_file(&mut self, range: &FileRange, max: u64) -> io::Result<usize> {
        let mut piece = [0; FILE_PIECE];
        let wanted = range.len.min(max);
        let mut written = 0;
        while written < wanted {
            let len = (wanted - written).min(FILE_PIECE as u64) as usize;
            let n = match range
                .file
                .read_at(&mut piece[..len], range.offset + written)
            {
                Ok(0) => break,
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let more = range.len - written > n as u64;
            match self.write(&[IoSlice::new(&piece[..n])], more) {
                Ok(taken) => {
                    written += taken as u64;
                    if taken < n {
                        break;
                    }
                }
                Err(error) if written > 0 && error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(written as usize)
    }

    /// Goes on with what the stream and its client agree on before the protocol is asked. Called
    /// first in each turn, also when that is done: so a stream can pass on bytes of its own that
    /// there was no room for. By default, there is nothing to agree on.
    ///
    /// # Errors
    /// `WouldBlock` while it is not done. Any other error before it is done: then
    /// [`Stream::shutdown`] is called, what the client still sends is read and thrown away for a
    /// while, and the protocol is never asked. Any other error after it was done: the client is
    /// gone.
    fn handshake(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// While the handshake is not done, how long it may take from when the connection was accepted,
    /// in milliseconds; `None` when it is done, and by default. (A worker that is about to leave
    /// gives it a second at most.) The timeouts of the protocol begin when it is done.
    fn handshake_timeout_ms(&self) -> Option<u64> {
        None
    }

    /// Whether a read would return something at once, bytes or the end, although the descriptor may
    /// be quiet: then the connection has another turn without an event. By default, never.
    fn buffered(&self) -> bool {
        false
    }

    /// What the descriptor is watched for when the worker wants to read or write: a stream may have
    /// to write before it can read, or the reverse. By default, for what is wanted.
    ///
    /// An event for more than is wanted comes again until [`Stream::handshake`], which is called
    /// first in the turn, has done what it was for.
    fn interest(&self, wanted: Interest) -> Interest {
        wanted
    }

    /// From now on takes bytes only as far ahead as sending them needs (`TCP_NOTSENT_LOWAT`), or as
    /// many as there is room for. A stream that knows no difference may ignore it, as the default
    /// does.
    fn limit_unsent(&mut self, on: bool) {
        let _ = on;
    }

    /// From now on ends if the peer does not acknowledge what was sent for so many milliseconds; 0
    /// for any time. For streams that send a little now and then: the kernel takes it, and nothing
    /// else would tell that the peer is gone. A stream that cannot tell may ignore it, as the
    /// default does.
    fn limit_unacknowledged(&mut self, ms: u64) {
        let _ = ms;
    }

    /// How many bytes were written that the client's kernel has not acknowledged. A few more or
    /// less, such as the heads of records, do not matter, but 0 means none.
    ///
    /// # Errors
    /// The client is gone.
    fn unacknowledged(&self) -> io::Result<u64>;

    /// Says that no more will be written. Reading goes on.
    ///
    /// # Errors
    /// `WouldBlock` if there is no room for that yet: the call comes again. Any other error: the
    /// client is gone.
    fn shutdown(&mut self) -> io::Result<()>;

    /// The connection ends whole, and its descriptor is closed next: for streams that have a word
    /// of their own for that (`close_notify`). By default, there is nothing to say. Not called when
    /// something is cut off, and it may come after [`Stream::shutdown`].
    ///
    /// # Errors
    /// `WouldBlock` if there is no room for that yet: the call comes again, unless the connection
    /// must make room for another one. Any other error means nothing.
    fn close(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Makes sure that the peer takes the end, which comes next, for a failure.
    ///
    /// # Errors
    /// The client is gone.
    fn reset(&mut self) -> io::Result<()>;
}

/// How much of a file is read at once to be written, in bytes.
const FILE_PIECE: usize = 16 * 1024;

/// How many bytes a TCP socket whose unsent bytes are limited takes ahead of those in flight.
///
/// The kernel's own bound is the send buffer, which grows to four megabytes. What lies there is
/// cold by the time it leaves, and is sent from where acknowledgements come in, which on one
/// machine is the reader's processor. With this bound 10 MiB files go over loopback at 1.6 times
/// the speed, for a quarter more of our own time.
const UNSENT: u32 = 128 * 1024;

/// A connected TCP or Unix socket: the plain stream, and what other streams are built on.
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
    #[inline(always)]
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
