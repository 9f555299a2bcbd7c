//! [`WebSocketConversation`]: a client of a [`WebSocketHandler`], for tests.

use super::close::{self, CloseCode};
use super::frame::{Opcode, mask};
use super::{Settings, WebSocketConnection, WebSocketHandler};
use crate::process::Message;
use crate::process::harness::Conversation;

/// A client that talks to a [`WebSocketHandler`] in memory, with no socket and no handshake, and
/// with a clock that only [`WebSocketConversation::pass`] moves.
///
/// ```
/// use httprs::process::{Message, WebSocket, WebSocketConversation};
///
/// let mut count = 0;
/// let mut client = WebSocketConversation::open(move |socket: &mut WebSocket<'_>, _: Message<'_>| {
///     count += 1;
///     socket.send(&format!("message {count}"))
/// });
/// assert_eq!(client.send("hello"), ["message 1"]);
/// assert_eq!(client.send(&b"\x01\x02"[..]), ["message 2"]);
/// ```
pub struct WebSocketConversation {
    talk: Conversation<'static>,
    unread: Vec<u8>,
    closed: Option<(CloseCode, String)>,
}

impl WebSocketConversation {
    /// Opens a WebSocket with this handler, which may send messages at once: see
    /// [`WebSocketConversation::hear`].
    pub fn open(handler: impl WebSocketHandler + 'static) -> WebSocketConversation {
        let settings = Settings {
            max_message: 64 * 1024,
            ping_ms: 30_000,
        };
        let connection = WebSocketConnection::new(handler, settings);
        WebSocketConversation {
            talk: Conversation::with(Box::new(connection)),
            unread: Vec::new(),
            closed: None,
        }
    }

    /// What the handler has sent since the last call: text as it is, bytes escaped as
    /// [`slice::escape_ascii`] does it. Pings are answered.
    pub fn hear(&mut self) -> Vec<String> {
        let sent = self.talk.take_sent();
        self.unread.extend(sent);
        let mut messages = Vec::new();
        while let Some((opcode, payload)) = self.next_frame() {
            match opcode {
                0x81 => messages.push(String::from_utf8_lossy(&payload).into_owned()),
                0x82 => messages.push(payload.escape_ascii().to_string()),
                0x88 if self.closed.is_none() => {
                    let end = close::parse(&payload).unwrap_or((CloseCode::PROTOCOL_ERROR, ""));
                    self.closed = Some((end.0, end.1.into()));
                }
                0x89 => self.frame(Opcode::Pong, &payload),
                _ => {}
            }
        }
        messages
    }

    /// Sends a message; returns what the handler sends then.
    pub fn send<'m>(&mut self, message: impl Into<Message<'m>>) -> Vec<String> {
        let message = message.into();
        let opcode = match message {
            Message::Text(_) => Opcode::Text,
            Message::Binary(_) => Opcode::Binary,
        };
        self.frame(opcode, message.bytes());
        self.hear()
    }

    /// Lets milliseconds pass; returns what the handler sends then.
    pub fn pass(&mut self, ms: u64) -> Vec<String> {
        self.talk.pass(ms);
        self.hear()
    }

    /// Steps the WebSocket if a waker of it was used, as by a message of a room; returns what the
    /// handler sends then.
    pub fn wake(&mut self) -> Vec<String> {
        if self.talk.is_woken() {
            self.talk.wake();
        }
        self.hear()
    }

    /// Tells the handler's connection that its worker drains.
    pub fn stop(&mut self) {
        self.talk.stop();
        self.hear();
    }

    /// Closes the WebSocket with this code.
    pub fn close(&mut self, code: CloseCode) {
        self.frame(Opcode::Close, &code.get().to_be_bytes());
        self.hear();
    }

    /// Why the WebSocket has closed, as its close frame says; `None` if there was none.
    pub fn closed(&self) -> Option<(CloseCode, &str)> {
        self.closed
            .as_ref()
            .map(|(code, reason)| (*code, &**reason))
    }

    /// Sends a frame, masked.
    fn frame(&mut self, opcode: Opcode, payload: &[u8]) {
        let mut bytes = vec![0x80 | opcode as u8];
        match payload.len() {
            len @ 0..126 => bytes.push(0x80 | len as u8),
            len @ 126..0x1_0000 => {
                bytes.push(0xfe);
                bytes.extend_from_slice(&(len as u16).to_be_bytes());
            }
            len => {
                bytes.push(0xff);
                bytes.extend_from_slice(&(len as u64).to_be_bytes());
            }
        }
        let key = [3, 1, 4, 1];
        bytes.extend_from_slice(&key);
        let at = bytes.len();
        bytes.extend_from_slice(payload);
        mask(&mut bytes[at..], key, 0);
        // The answer is with all that was sent, for `hear`.
        self.talk.send(&bytes);
    }

    /// Takes a frame of the server, which is never cut.
    fn next_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let (first, short) = (*self.unread.first()?, *self.unread.get(1)?);
        let extended = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let at = 2 + extended;
        let len = match self.unread.get(2..at)? {
            [] => usize::from(short),
            bytes => bytes.iter().fold(0, |len, b| len << 8 | usize::from(*b)),
        };
        self.unread.get(..at + len)?;
        Some((first, self.unread.drain(..at + len).skip(at).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{Rooms, WebSocket};
    use std::io;

    struct Member(Rooms);

    impl WebSocketHandler for Member {
        fn open(&mut self, socket: &mut WebSocket<'_>) -> io::Result<()> {
            socket.join(&self.0.room("r"));
            socket.send("welcome")
        }

        fn message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) -> io::Result<()> {
            match message {
                Message::Text("bye") => socket.close(CloseCode::NORMAL, "see you"),
                message => self.0.room("r").send(message),
            }
        }
    }

    #[test]
    fn a_handler_is_tested_without_sockets() {
        let rooms = Rooms::local();
        let mut a = WebSocketConversation::open(Member(rooms.clone()));
        let mut b = WebSocketConversation::open(Member(rooms));
        assert_eq!(
            (a.hear(), b.hear()),
            (vec!["welcome".into()], vec!["welcome".into()])
        );
        let long = "x".repeat(60_000);
        assert_eq!(a.send(&long)[..], *std::slice::from_ref(&long));
        assert_eq!(b.wake(), [long]);
        assert_eq!(b.wake(), [""; 0]);
        assert_eq!(b.send(&b"\xff"[..]), ["\\xff"]);
        // A client that answers pings stays.
        for _ in 0..4 {
            b.pass(30_000);
            assert_eq!(b.closed(), None);
        }
        assert_eq!(a.send("bye"), [""; 0]);
        assert_eq!(a.closed(), Some((CloseCode::NORMAL, "see you")));
        b.stop();
        assert_eq!(b.closed(), Some((CloseCode::GOING_AWAY, "")));
    }
}
