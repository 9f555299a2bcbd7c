//! [`WebSocketHandler`]: what answers the messages of a WebSocket, and [`WebSocket`], through which
//! it does.

use std::fmt;
use std::io;
use std::sync::Arc;

use super::close::CloseCode;
use super::frame::{LONGEST_CONTROL, Opcode, push_header};
use crate::process::rooms::{Mailbox, Post, Room};
use crate::process::{Message, Output, Peer, Segment, Waker, Wakers};
use crate::time::Now;

/// Messages up to this size, in bytes, are copied behind their header, so that both leave in one
/// piece; larger ones are shared among the members of a room.
const COPIED: usize = 4 * 1024;

/// Answers the messages of one client. A closure that takes each message is a handler; a type of
/// your own can do more:
///
/// ```
/// use std::io;
/// use httprs::process::{Message, WebSocket, WebSocketHandler};
///
/// struct Counter(u64);
///
/// impl WebSocketHandler for Counter {
///     fn message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) -> io::Result<()> {
///         self.0 += 1;
///         socket.send(&format!("message {} has {} bytes", self.0, message.bytes().len()))
///     }
/// }
/// ```
///
/// A handler must not block: the worker's other connections wait meanwhile. An error closes the
/// WebSocket with code 1011, and the log has the error.
pub trait WebSocketHandler: Send {
    /// The WebSocket is open; the client has sent nothing yet.
    ///
    /// # Errors
    /// See [`WebSocketHandler`].
    fn open(&mut self, _socket: &mut WebSocket<'_>) -> io::Result<()> {
        Ok(())
    }

    /// The client has sent a message.
    ///
    /// # Errors
    /// See [`WebSocketHandler`].
    fn message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) -> io::Result<()>;

    /// A waker of this WebSocket was used ([`WebSocket::waker`]), or a message has come from a
    /// room. So this may be called without a reason of the handler's own.
    ///
    /// # Errors
    /// See [`WebSocketHandler`].
    fn woken(&mut self, _socket: &mut WebSocket<'_>) -> io::Result<()> {
        Ok(())
    }

    /// The WebSocket has closed, with the code and the reason of the side that closed it first;
    /// [`CloseCode::ABNORMAL`] if the connection ended without. Called once, at the end.
    fn closed(&mut self, _code: CloseCode, _reason: &str) {}
}

impl<F> WebSocketHandler for F
where
    F: FnMut(&mut WebSocket<'_>, Message<'_>) -> io::Result<()> + Send,
{
    fn message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) -> io::Result<()> {
        self(socket, message)
    }
}

/// The server's side of an open WebSocket.
pub struct WebSocket<'a> {
    pub(super) output: &'a mut Output,
    pub(super) peer: &'a Peer,
    pub(super) now: Now,
    pub(super) wakers: Wakers<'a>,
    /// The messages of the rooms that the WebSocket has joined.
    pub(super) mailbox: &'a mut Option<Mailbox>,
    /// The handler has closed the WebSocket, for this reason.
    pub(super) closing: Option<(CloseCode, String)>,
}

impl WebSocket<'_> {
    /// Sends a message to the client. After [`WebSocket::close`], it is dropped.
    ///
    /// # Errors
    /// None; it is what a handler returns.
    pub fn send<'m>(&mut self, message: impl Into<Message<'m>>) -> io::Result<()> {
        if self.closing.is_none() {
            let message = message.into();
            let opcode = match message {
                Message::Text(_) => Opcode::Text,
                Message::Binary(_) => Opcode::Binary,
            };
            push_frame(self.output, opcode, message.bytes());
        }
        Ok(())
    }

    /// Closes the WebSocket: the client is told this code and as much of the reason as fits, 123
    /// bytes.
    ///
    /// # Errors
    /// None; it is what a handler returns.
    pub fn close(&mut self, code: CloseCode, reason: &str) -> io::Result<()> {
        if self.closing.is_none() {
            self.closing = Some((code, reason.into()));
        }
        Ok(())
    }

    /// From now on the messages of this room go to the client, until [`WebSocket::leave`] or the
    /// end of the WebSocket.
    pub fn join(&mut self, room: &Room) {
        let wakers = self.wakers;
        let mailbox = self
            .mailbox
            .get_or_insert_with(|| Mailbox::new(wakers.make()));
        mailbox.join(room);
    }

    /// The messages of this room no longer go to the client.
    pub fn leave(&mut self, room: &Room) {
        if let Some(mailbox) = self.mailbox {
            mailbox.leave(room);
        }
    }

    /// A waker of this WebSocket: [`WebSocketHandler::woken`] is called soon after
    /// [`Waker::wake`]. Each call makes another one: a handler keeps its waker.
    pub fn waker(&self) -> Waker {
        self.wakers.make()
    }

    /// Whether the client is behind with reading what was sent: a handler that sends without being
    /// asked should wait for its next message or wake.
    pub fn is_full(&self) -> bool {
        self.output.is_full()
    }

    /// The client.
    pub fn peer(&self) -> &Peer {
        self.peer
    }

    /// The time.
    pub fn now(&self) -> Now {
        self.now
    }
}

impl fmt::Debug for WebSocket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebSocket({})", self.peer)
    }
}

/// Queues a frame.
pub(super) fn push_frame(output: &mut Output, opcode: Opcode, payload: &[u8]) {
    output.append(|out| {
        push_header(out, opcode, payload.len());
        out.extend_from_slice(payload);
    });
}

/// Queues a message of a room.
pub(super) fn push_post(output: &mut Output, post: Post) {
    let (opcode, bytes): (Opcode, Arc<[u8]>) = match post {
        Post::Text(text) => (Opcode::Text, text.into()),
        Post::Binary(bytes) => (Opcode::Binary, bytes),
    };
    if bytes.len() <= COPIED {
        return push_frame(output, opcode, &bytes);
    }
    output.append(|out| push_header(out, opcode, bytes.len()));
    output.push_segment(Segment::Shared(bytes, 0));
}

/// Queues a close frame with as much of the reason as fits.
pub(super) fn push_close(output: &mut Output, code: CloseCode, reason: &str) {
    if code == CloseCode::NO_CODE || code == CloseCode::ABNORMAL {
        return push_frame(output, Opcode::Close, b"");
    }
    let mut end = reason.len().min(LONGEST_CONTROL - 2);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    output.append(|out| {
        push_header(out, Opcode::Close, 2 + end);
        out.extend_from_slice(&code.get().to_be_bytes());
        out.extend_from_slice(&reason.as_bytes()[..end]);
    });
}
