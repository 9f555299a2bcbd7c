//! Protocols: [`Process`], [`Connection`] and the contract between a protocol and the worker that
//! does its I/O.
//!
//! A protocol is a state machine over bytes and a clock. It never touches a socket, so that the
//! same code runs under TCP, under a Unix socket and under a test ([`harness`]), and a fuzzer can
//! hammer it. Knows nothing of HTTP, sockets, workers or the kernel.

pub mod echo;
mod exchange;
pub mod harness;
mod io;
mod message;
mod rooms;
mod waker;
pub(crate) mod websocket;

use std::fmt;
use std::net::SocketAddr;

pub use exchange::{Exchange, Limit, Refused, Stage, Tally};
pub use io::{FileRange, Input, Io, Output, Segment};
pub use message::Message;
pub(crate) use rooms::Bus;
pub use rooms::{Mailbox, Post, Room, Rooms};
pub use waker::Waker;
pub(crate) use waker::{WakeQueue, Wakers};
pub use websocket::{CloseCode, WebSocket, WebSocketConversation, WebSocketHandler};

use crate::time::Millis;

/// A protocol. Built before the fork; serves all connections of a worker.
pub trait Process {
    /// The name of the protocol in the log and the banner.
    fn name(&self) -> &'static str;

    /// A connection of this protocol with `peer`, which has sent nothing yet.
    fn open(&self, peer: &Peer) -> Box<dyn Connection + '_>;

    /// The most unconsumed input that a connection needs to see at once, in bytes.
    ///
    /// A connection whose input is full and that waits for more of it is stuck, and is closed.
    fn input_limit(&self) -> usize {
        16 * 1024
    }
}

impl<P: Process + ?Sized> Process for Box<P> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn open(&self, peer: &Peer) -> Box<dyn Connection + '_> {
        (**self).open(peer)
    }

    fn input_limit(&self) -> usize {
        (**self).input_limit()
    }
}

/// One connection's side of a protocol: a state machine that never does I/O.
///
/// # The contract of `step`
/// 1. *Pure*: it does no I/O, reads no clock and never blocks. (Code that it calls on the user's
///    behalf, an HTTP handler, may, and all connections of the worker wait meanwhile.)
/// 2. *Idempotent*: called when nothing changed, it does nothing.
/// 3. *Memoryless waits*: each [`Next`] states all that it waits for.
/// 4. *Split-invariant*: the bytes out depend on the bytes in and the clock, never on how the
///    bytes were cut.
/// 5. *Bounded*: it stops producing while [`Output::is_full`].
///
/// The caller steps once on open (so that a silent client has a deadline), after bytes arrive,
/// after queued output has drained, when a `WaitUntil` passes, at the end of input, when stopping
/// begins, and after a [`Waker`] of the connection was used. A wake is a change of its own: it is
/// seen once, as [`Io::woken`], in the next step, and where the output is full, that step comes
/// when it has drained. At the end of input, a connection that waits for a wake alone is closed.
///
/// Input that is full while the protocol waits with no end to it is a bug in the protocol: nothing
/// would ever change, so the caller closes the connection.
///
/// A connection that panics is dropped and reset; what the protocol shares may be half done, so the
/// worker finishes its other connections and is replaced. (Where panics abort, the worker dies.)
pub trait Connection {
    /// Consumes input, queues output, and returns what the connection waits for.
    fn step(&mut self, io: &mut Io<'_>) -> Next;

    /// Whether nothing is in flight, so that the peer loses nothing if the connection is evicted
    /// now: whatever the peer was about to begin, it can begin on another connection. Asked right
    /// after each step, and holds until the next one. By default, something is always in flight.
    fn is_idle(&self) -> bool {
        false
    }

    /// Whether the connection is waiting for an event other than its client, such as the next event
    /// of a stream, and its client has been sent all that there is so far. When there is no room,
    /// such a connection is evicted after the idle ones. Asked right after each step, and holds
    /// until the next one.
    fn is_waiting(&self) -> bool {
        false
    }

    /// The connection has failed, or the worker has ended it, before the protocol was done with it.
    /// Nothing can be sent any more, but a request in flight can still be reported; `output` holds
    /// what was queued and not sent. Called once, at the end.
    fn abandoned(&mut self, _output: &Output, _tally: &mut dyn Tally) {}
}

/// What a connection waits for after a step.
#[non_exhaustive]
pub enum Next {
    /// More input, the end of input, or room in the output.
    Wait,
    /// The same, or this point in time, if that comes first. While the output is full, the worker
    /// waits for room alone.
    WaitUntil(Millis),
    /// Nothing: send the output, then close. Input that still comes is read and discarded for a
    /// while (lingering close), so that the peer sees the answer and not a reset.
    Close,
    /// Nothing, and the peer sends nothing more, either: send the output, then close at once.
    Finish,
    /// Nothing: the answer cannot be completed, and only a reset tells the peer so.
    Break,
    /// Another protocol takes over, starting with the input that is left. It borrows nothing from
    /// the [`Process`] of the protocol before.
    Become(Box<dyn Connection>),
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Next::Wait => f.write_str("Wait"),
            Next::WaitUntil(at) => write!(f, "WaitUntil({})", at.get()),
            Next::Close => f.write_str("Close"),
            Next::Finish => f.write_str("Finish"),
            Next::Break => f.write_str("Break"),
            Next::Become(_) => f.write_str("Become"),
        }
    }
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Peer {
    /// A TCP client. An IPv4 client of a dual-stack socket is shown as IPv4.
    Inet(SocketAddr),
    /// A client of a Unix socket; these have no address.
    Unix,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Peer::Inet(address) => address.fmt(f),
            Peer::Unix => f.write_str("unix:"),
        }
    }
}
