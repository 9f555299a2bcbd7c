//! [`TlsStream`]: a session of rustls between a socket and the worker.
//!
//! rustls holds bytes in both directions, and this is what that means here:
//!
//! - plaintext that was decrypted and not read yet makes the stream `buffered`, and so does the
//!   client's `close_notify`: the socket may be quiet when they come to be read;
//! - plaintext that was encrypted counts as written when its last byte is with the kernel, and not
//!   before: until then the worker offers it again, and only `uncounted` is looked at.

use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use httprs::worker::{Interest, Socket, Stream};
use rustls::server::ServerConnection;

/// How far a stream has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The handshake is not done.
    Handshaking,
    /// The protocol speaks.
    Open,
    /// What the client sent was no TLS, or none that we speak; an alert says so.
    Failed,
}

/// One client's stream.
pub struct TlsStream {
    socket: Socket,
    session: ServerConnection,
    phase: Phase,
    handshake_timeout_ms: u64,
    /// Decrypted bytes that were not read.
    readable: usize,
    /// The client has sent its `close_notify`.
    ended: bool,
    /// Bytes that were encrypted and not counted as written.
    uncounted: usize,
    /// Our `close_notify` was queued.
    said_end: bool,
}

impl TlsStream {
    pub(crate) fn new(socket: Socket, session: ServerConnection, timeout_ms: u64) -> TlsStream {
        TlsStream {
            socket,
            session,
            phase: Phase::Handshaking,
            handshake_timeout_ms: timeout_ms,
            readable: 0,
            ended: false,
            uncounted: 0,
            said_end: false,
        }
    }

    /// Reads from the socket once, and decrypts what is whole.
    fn pull(&mut self) -> io::Result<()> {
        let n = self.session.read_tls(&mut Raw(&mut self.socket))?;
        match self.session.process_new_packets() {
            Ok(state) => {
                self.readable = state.plaintext_bytes_to_read();
                self.ended = state.peer_has_closed();
            }
            Err(error) => {
                self.phase = Phase::Failed;
                // The alert. What there is no room for now is lost, or goes with the shutdown.
                let _ = self.push();
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
        }
        match n == 0 && self.phase == Phase::Handshaking {
            true => Err(io::ErrorKind::UnexpectedEof.into()),
            false => Ok(()),
        }
    }

    /// Passes on what was encrypted; `WouldBlock` if something is left.
    fn push(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            self.session.write_tls(&mut Raw(&mut self.socket))?;
        }
        Ok(())
    }

    fn say_end(&mut self) -> io::Result<()> {
        if !self.said_end && self.phase != Phase::Failed {
            self.session.send_close_notify();
        }
        self.said_end = true;
        self.push()
    }
}

impl Stream for TlsStream {
    fn handshake(&mut self) -> io::Result<()> {
        while self.phase == Phase::Handshaking {
            self.push()?;
            match self.session.is_handshaking() {
                true => self.pull()?,
                false => self.phase = Phase::Open,
            }
        }
        self.push()
    }

    fn handshake_timeout_ms(&self) -> Option<u64> {
        (self.phase == Phase::Handshaking).then_some(self.handshake_timeout_ms)
    }

    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.phase == Phase::Failed {
            // The worker lingers: it throws away what still comes.
            return self.socket.read(buf);
        }
        loop {
            match self.session.reader().read(buf) {
                Ok(n) => {
                    self.readable -= n;
                    return Ok(n);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.pull()?,
                // The client's kernel has closed without `close_notify`: what came may be cut off.
                Err(error) => return Err(error),
            }
        }
    }

    fn buffered(&self) -> bool {
        self.readable > 0 || self.ended
    }

    fn interest(&self, wanted: Interest) -> Interest {
        Interest::of(
            wanted.reads(),
            wanted.writes() || self.session.wants_write(),
        )
    }

    fn write(&mut self, slices: &[IoSlice<'_>], _: bool) -> io::Result<usize> {
        let given: usize = slices.iter().map(|slice| slice.len()).sum();
        let mut written = 0;
        while written < given {
            if self.uncounted == 0 {
                // rustls takes 64 KiB at once.
                self.uncounted = match written {
                    0 => self.session.writer().write_vectored(slices)?,
                    _ => {
                        let mut rest = slices.to_vec();
                        let mut rest = &mut rest[..];
                        IoSlice::advance_slices(&mut rest, written);
                        self.session.writer().write_vectored(rest)?
                    }
                };
            }
            match self.push() {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && written > 0 => break,
                Err(error) => return Err(error),
            }
            let counted = self.uncounted.min(given - written);
            self.uncounted -= counted;
            written += counted;
        }
        Ok(written)
    }

    fn limit_unsent(&mut self, on: bool) {
        self.socket.limit_unsent(on);
    }

    fn limit_unacknowledged(&mut self, ms: u64) {
        self.socket.limit_unacknowledged(ms);
    }

    fn unacknowledged(&self) -> io::Result<u64> {
        Ok(self.socket.unacknowledged()? + u64::from(self.session.wants_write()))
    }

    fn shutdown(&mut self) -> io::Result<()> {
        self.say_end()?;
        self.socket.shutdown()
    }

    fn close(&mut self) -> io::Result<()> {
        self.say_end()
    }

    fn reset(&mut self) -> io::Result<()> {
        self.socket.reset()
    }
}

impl AsFd for TlsStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TlsStream({:?})", self.phase)
    }
}

/// The socket as rustls reads and writes it.
struct Raw<'a>(&'a mut Socket);

impl Read for Raw<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl Write for Raw<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Stream::write(self.0, &[IoSlice::new(buf)], false)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Stream::write(self.0, slices, false)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
