//! [`Transport`]: what makes the streams of a worker out of the sockets that it accepts.

use std::io;

use super::Context;
use super::link::stream::{Socket, Stream};
use crate::process::Peer;

/// What lies between a socket and a protocol: nothing ([`Plain`]), or a layer such as TLS.
///
/// Built before the fork, as a protocol is, and used in the same way by
/// [`Server::run_over`](crate::Server::run_over): [`Transport::init`] is called in the master,
/// [`Transport::start`] in a copy of the value that each worker has, and [`Transport::accept`]
/// there for each client.
///
/// This one keeps what is sent from casual readers, and from no others:
///
/// ```
/// use std::io::{self, IoSlice, Read, Write};
/// use std::net::{Shutdown, TcpStream};
/// use std::os::fd::{AsFd, BorrowedFd};
/// use httprs::process::Peer;
/// use httprs::worker::{Socket, Stream, Transport};
/// use httprs::{EchoProcess, Server};
///
/// struct Veil(u8);
///
/// impl Transport for Veil {
///     type Stream = Veiled;
///     fn accept(&self, socket: Socket, _: &Peer) -> io::Result<Veiled> {
///         Ok(Veiled { socket, key: self.0 })
///     }
/// }
///
/// struct Veiled {
///     socket: Socket,
///     key: u8,
/// }
///
/// impl AsFd for Veiled {
///     fn as_fd(&self) -> BorrowedFd<'_> {
///         self.socket.as_fd()
///     }
/// }
///
/// impl Stream for Veiled {
///     fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
///         let n = self.socket.read(buf)?;
///         buf[..n].iter_mut().for_each(|byte| *byte ^= self.key);
///         Ok(n)
///     }
///     fn write(&mut self, slices: &[IoSlice<'_>], more: bool) -> io::Result<usize> {
///         let bytes = slices.iter().flat_map(|slice| slice.iter());
///         let bytes: Vec<u8> = bytes.map(|byte| byte ^ self.key).collect();
///         self.socket.write(&[IoSlice::new(&bytes)], more)
///     }
///     fn unacknowledged(&self) -> io::Result<u64> {
///         self.socket.unacknowledged()
///     }
///     fn shutdown(&mut self) -> io::Result<()> {
///         self.socket.shutdown()
///     }
///     fn reset(&mut self) -> io::Result<()> {
///         self.socket.reset()
///     }
/// }
///
/// let server = Server::bind("127.0.0.1:0")?;
/// let address = server.local_addr()?;
/// let running = server.spawn_over(Veil(7), EchoProcess)?;
///
/// let mut client = TcpStream::connect(address)?;
/// client.write_all(b"hello")?;
/// client.shutdown(Shutdown::Write)?;
/// let mut echo = String::new();
/// client.read_to_string(&mut echo)?;
/// assert_eq!(echo, "hello", "veiled twice");
/// # assert!(running.stop()?.stopped);
/// # Ok::<(), io::Error>(())
/// ```
pub trait Transport {
    /// The streams that it makes.
    type Stream: Stream;

    /// In the master, once, before the first fork: look whether all is there that the workers will
    /// need. An error here is reported once and ends the server before it began.
    ///
    /// # Errors
    /// The server cannot run.
    fn init(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// In each worker, after its fork and before its first client: read certificates, for example.
    /// `SIGHUP` ([`Server::own_signals`](crate::Server::own_signals)) replaces the workers one by
    /// one, so that each new one reads what is there by then.
    ///
    /// # Errors
    /// The worker cannot serve: it logs the error and exits. A server gives up when too many
    /// workers exit so ([`Server::max_restarts`](crate::Server::max_restarts)), so a transport that
    /// can go on with what it has from [`Transport::init`] should do that, and say so in the
    /// context's log.
    fn start(&mut self, context: &Context<'_>) -> io::Result<()> {
        let _ = context;
        Ok(())
    }

    /// Makes a stream of the socket of a client that was accepted. The socket is non-blocking.
    /// Nothing may be read here that could have to be waited for.
    ///
    /// # Errors
    /// The connection is closed, and that is logged, at most once in ten seconds.
    fn accept(&self, socket: Socket, peer: &Peer) -> io::Result<Self::Stream>;
}

/// Bytes go through as they are: the transport of [`Server::run`](crate::Server::run).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plain;

impl Transport for Plain {
    type Stream = Socket;

    fn accept(&self, socket: Socket, _: &Peer) -> io::Result<Socket> {
        Ok(socket)
    }
}
