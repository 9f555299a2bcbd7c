//! WebSocket (RFC 6455): the protocol behind its handshake, which is the matter of
//! [`handlers::websocket`](crate::handlers::websocket).
//!
//! | file | what it is |
//! |---|---|
//! | `mod` | a connection: messages from frames, control frames, the close handshake |
//! | `handler` | [`WebSocketHandler`] and [`WebSocket`]: what answers a client |
//! | `frame` | the header of a frame, and masking |
//! | `close` | [`CloseCode`]: why a WebSocket closes |
//! | `conversation` | [`WebSocketConversation`]: a client, for tests |
//!
//! ```text
//! New ---> Open --- a close frame came and was answered, or the peer broke the protocol ---> Over
//!            |                                                                                ^
//!            +---> Closing: the handler closed, or the worker drains -- a close frame came, --+
//!                                                                       or `CLOSE_MS` passed
//! ```
//!
//! A message that lies whole in the input, as most do, is unmasked and handled there. Of any other
//! message the parts are gathered in a buffer; an idle connection holds none. Text is checked as it
//! comes, so that the first byte that cannot be UTF-8 ends the connection.

mod close;
mod conversation;
mod frame;
mod handler;
#[cfg(test)]
mod tests;

use std::io;
use std::mem;
use std::ops::Range;

pub use close::CloseCode;
pub use conversation::WebSocketConversation;
use frame::{Header, LONGEST_CONTROL, Opcode, mask};
pub use handler::{WebSocket, WebSocketHandler};
use handler::{push_close, push_frame, push_post};

use super::rooms::Mailbox;
use super::{Connection, Io, Message, Next, Output, Tally};
use crate::time::Millis;

/// How long a client may take to answer a close frame, in milliseconds.
const CLOSE_MS: u64 = 2_000;

/// How a server treats its WebSockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The longest message that a client may send, in bytes.
    pub(crate) max_message: usize,
    /// A client that has been silent for so long, in milliseconds, is sent a ping, and is gone if
    /// it is silent for as long again.
    pub(crate) ping_ms: u64,
}

/// A connection on which a handshake has been made.
pub(crate) struct WebSocketConnection<H> {
    handler: H,
    settings: Settings,
    state: State,
    /// A message that has not come whole.
    partial: Option<Box<Partial>>,
    mailbox: Option<Mailbox>,
    /// When the client was last heard.
    heard: Millis,
    /// Whether the client was sent a ping since.
    ping: Ping,
    /// The last step ended with a full output, so nothing was read since.
    was_full: bool,
    /// Bytes that the last step left in the input.
    left: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No step was made.
    New,
    Open,
    /// A close frame was sent; the client has until this time to answer it.
    Closing(Millis),
    Over,
}

/// A ping that the client has not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ping {
    None,
    Sent,
    /// For half of the time that the client has for its answer.
    Late,
}

/// A message of which some has come, and the frame that it is in.
struct Partial {
    /// The message is text.
    is_text: bool,
    bytes: Vec<u8>,
    /// So many of the bytes are whole characters.
    checked: usize,
    /// The frame, while some of its payload is to come.
    frame: Header,
    /// Bytes of the frame's payload that have come.
    at: u64,
}

/// What has been done with the front of the input.
enum Progress {
    /// A frame, or a part of one, was taken.
    Some,
    /// There is nothing more to take.
    None,
}

impl<H: WebSocketHandler> WebSocketConnection<H> {
    /// A connection whose handshake is queued.
    pub(crate) fn new(handler: H, settings: Settings) -> WebSocketConnection<H> {
        WebSocketConnection {
            handler,
            settings,
            state: State::New,
            partial: None,
            mailbox: None,
            heard: Millis::default(),
            ping: Ping::None,
            was_full: false,
            left: 0,
        }
    }

    /// Calls the handler; its error, or its wish, closes the WebSocket.
    fn call(
        &mut self,
        io: &mut Io<'_>,
        call: impl FnOnce(&mut H, &mut WebSocket<'_>) -> io::Result<()>,
    ) {
        let mut socket = WebSocket {
            output: io.output,
            peer: io.peer,
            now: io.now,
            wakers: io.wakers,
            mailbox: &mut self.mailbox,
            closing: None,
        };
        let result = call(&mut self.handler, &mut socket);
        let closing = socket.closing.take();
        // Each message is progress: many small ones in one step are no hang.
        io.tally.progress();
        if let Err(error) = result {
            io.tally.fault("a WebSocket", &error);
            self.close(CloseCode::INTERNAL_ERROR, "", io);
        } else if let Some((code, reason)) = closing {
            self.close(code, &reason, io);
        }
    }

    /// Begins the close handshake.
    fn close(&mut self, code: CloseCode, reason: &str, io: &mut Io<'_>) {
        if self.state != State::Open {
            return;
        }
        push_close(io.output, code, reason);
        self.state = State::Closing(io.now.at.after(CLOSE_MS));
        self.end(code, reason);
    }

    /// The peer has broken the protocol: tells it how, and reads no more (RFC 6455 §7.1.7).
    fn fail(&mut self, code: CloseCode, io: &mut Io<'_>) {
        if self.state == State::Open {
            push_close(io.output, code, "");
            self.end(code, "");
        }
        self.state = State::Over;
    }

    /// Tells the handler how the WebSocket has closed, once. From then on the connection is in no
    /// room, and keeps no part of a message but where the frame ends.
    fn end(&mut self, code: CloseCode, reason: &str) {
        self.mailbox = None;
        if let Some(partial) = &mut self.partial {
            partial.bytes = Vec::new();
        }
        self.handler.closed(code, reason);
    }

    /// Takes the frame at the front of the input, or as much of it as is there.
    ///
    /// # Errors
    /// The code with which the connection fails.
    fn receive(&mut self, io: &mut Io<'_>) -> Result<Progress, CloseCode> {
        let in_frame = |partial: &&mut Box<Partial>| partial.at < partial.frame.len;
        if let Some(partial) = self.partial.as_mut().filter(in_frame) {
            if io.input.is_empty() {
                return Ok(Progress::None);
            }
            partial.take(self.state == State::Open, io)?;
            return self.end_frame(io);
        }
        let Some((header, at)) = Header::parse(io.input.bytes())? else {
            return Ok(Progress::None);
        };
        if header.opcode.is_control() {
            let end = at + header.len as usize;
            let Some(bytes) = io.input.bytes().get(at..end) else {
                return Ok(Progress::None);
            };
            let mut payload = [0; LONGEST_CONTROL];
            let payload = &mut payload[..bytes.len()];
            payload.copy_from_slice(bytes);
            mask(payload, header.key, 0);
            io.input.consume(end);
            return self.control(header.opcode, payload, io);
        }
        // A continuation has a message to continue, and nothing else has one before it (§5.4).
        if (header.opcode == Opcode::Continuation) != self.partial.is_some() {
            return Err(CloseCode::PROTOCOL_ERROR);
        }
        let before = self
            .partial
            .as_ref()
            .map_or(0, |partial| partial.bytes.len());
        let max = self.settings.max_message as u64;
        if header.len > max.saturating_sub(before as u64) && self.state == State::Open {
            return Err(CloseCode::TOO_BIG);
        }
        let whole = header.fin && self.partial.is_none() && self.state == State::Open;
        if whole && let Some(end) = end_within(io.input.len(), at, header.len) {
            return self.whole(header, at..end, io).map(|()| Progress::Some);
        }
        io.input.consume(at);
        match &mut self.partial {
            Some(partial) => partial.frame = header,
            None => {
                self.partial = Some(Box::new(Partial {
                    is_text: header.opcode == Opcode::Text,
                    bytes: Vec::new(),
                    checked: 0,
                    frame: header,
                    at: 0,
                }));
            }
        }
        self.partial.iter_mut().for_each(|partial| partial.at = 0);
        self.end_frame(io)
    }

    /// Handles a message that lies whole in the input.
    fn whole(
        &mut self,
        header: Header,
        at: Range<usize>,
        io: &mut Io<'_>,
    ) -> Result<(), CloseCode> {
        // Out of the handler's way, which has the rest of `io`.
        let (end, mut input) = (at.end, mem::take(io.input));
        let payload = &mut input.bytes_mut()[at];
        mask(payload, header.key, 0);
        let handled = self.handle(header.opcode == Opcode::Text, payload, io);
        input.consume(end);
        *io.input = input;
        handled
    }

    /// Handles a message.
    fn handle(&mut self, is_text: bool, bytes: &[u8], io: &mut Io<'_>) -> Result<(), CloseCode> {
        let message = match is_text {
            true => Message::Text(str::from_utf8(bytes).map_err(|_| CloseCode::INVALID_DATA)?),
            false => Message::Binary(bytes),
        };
        self.call(io, |handler, socket| handler.message(socket, message));
        Ok(())
    }

    /// Handles the message if the frame that has come whole is its last one.
    fn end_frame(&mut self, io: &mut Io<'_>) -> Result<Progress, CloseCode> {
        let is_whole =
            |partial: &mut Box<Partial>| partial.at == partial.frame.len && partial.frame.fin;
        let Some(message) = self.partial.take_if(is_whole) else {
            return Ok(Progress::Some);
        };
        if self.state != State::Open {
            return Ok(Progress::Some);
        }
        self.handle(message.is_text, &message.bytes, io)?;
        Ok(Progress::Some)
    }

    fn control(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        io: &mut Io<'_>,
    ) -> Result<Progress, CloseCode> {
        match opcode {
            // Also behind our own close frame (RFC 6455 §5.5.2).
            Opcode::Ping => {
                push_frame(io.output, Opcode::Pong, payload);
            }
            Opcode::Close => {
                let (code, reason) = close::parse(payload)?;
                if self.state == State::Open {
                    push_close(io.output, code, "");
                    self.end(code, reason);
                }
                self.state = State::Over;
            }
            _ => {}
        }
        Ok(Progress::Some)
    }

    /// Takes what has come, as long as there is room for what it causes.
    fn receive_all(&mut self, io: &mut Io<'_>) {
        // Behind a full output, what the client has sent meanwhile was not read.
        if io.input.len() > usize::from(self.left) || mem::replace(&mut self.was_full, false) {
            self.heard = io.now.at;
            self.ping = Ping::None;
        }
        while self.state != State::Over && !io.output.is_full() {
            match self.receive(io) {
                Ok(Progress::Some) => {}
                Ok(Progress::None) => break,
                Err(code) => self.fail(code, io),
            }
        }
        // More than a header and a control frame is left only while the output is full; that more
        // has come is then seen late, by at most one step.
        self.left = io.input.len().min(u8::MAX.into()) as u8;
    }

    fn send_posts(&mut self, io: &mut Io<'_>) {
        while self.state == State::Open && !io.output.is_full() {
            let Some(mailbox) = &mut self.mailbox else {
                return;
            };
            match mailbox.take() {
                Some(post) => push_post(io.output, post),
                None if mailbox.has_overflowed() => {
                    self.close(CloseCode::TRY_AGAIN_LATER, "too slow", io);
                }
                None => return,
            }
        }
    }

    /// When to do something if nothing comes, having done what is due.
    fn wait(&mut self, io: &mut Io<'_>) -> Next {
        let ping_ms = self.settings.ping_ms;
        let until = match self.state {
            State::New | State::Over => return Next::Close,
            State::Open if io.output.is_full() => return Next::Wait,
            State::Closing(until) => until,
            State::Open if self.ping == Ping::None => {
                let ping_at = self.heard.after(ping_ms);
                if io.now.at < ping_at {
                    return Next::WaitUntil(ping_at);
                }
                push_frame(io.output, Opcode::Ping, b"");
                self.ping = Ping::Sent;
                // The time that it has been silent began when it was last heard; the time to answer
                // begins now.
                self.heard = io.now.at;
                return Next::WaitUntil(io.now.at.after(ping_ms / 2 + 1));
            }
            State::Open if io.now.at < self.heard.after(ping_ms / 2 + 1) => {
                return Next::WaitUntil(self.heard.after(ping_ms / 2 + 1));
            }
            State::Open => {
                self.ping = Ping::Late;
                self.heard.after(ping_ms)
            }
        };
        if io.now.at < until {
            return Next::WaitUntil(until);
        }
        if self.state == State::Open {
            self.end(CloseCode::ABNORMAL, "");
        }
        self.state = State::Over;
        Next::Close
    }
}

/// Where a payload of `len` bytes ends that begins at `at`, if it does within so many bytes.
fn end_within(bytes: usize, at: usize, len: u64) -> Option<usize> {
    let end = at.checked_add(usize::try_from(len).ok()?)?;
    (end <= bytes).then_some(end)
}

impl Partial {
    /// Takes as much of the frame's payload as is there, to keep it or to drop it.
    fn take(&mut self, keep: bool, io: &mut Io<'_>) -> Result<(), CloseCode> {
        let left = usize::try_from(self.frame.len - self.at).unwrap_or(usize::MAX);
        let n = left.min(io.input.len());
        let (before, at) = (self.bytes.len(), self.at);
        self.at += n as u64;
        if keep {
            self.bytes.extend_from_slice(&io.input.bytes()[..n]);
            mask(&mut self.bytes[before..], self.frame.key, at);
        }
        io.input.consume(n);
        match keep && self.is_text {
            true => self.check(),
            false => Ok(()),
        }
    }

    /// Checks the characters that have come whole since the last time.
    fn check(&mut self) -> Result<(), CloseCode> {
        match str::from_utf8(&self.bytes[self.checked..]) {
            Ok(text) => self.checked += text.len(),
            // The rest of the last character may come.
            Err(error) if error.error_len().is_none() => self.checked += error.valid_up_to(),
            Err(_) => return Err(CloseCode::INVALID_DATA),
        }
        Ok(())
    }
}

impl<H: WebSocketHandler> Connection for WebSocketConnection<H> {
    fn step(&mut self, io: &mut Io<'_>) -> Next {
        if self.state == State::New {
            (self.state, self.heard) = (State::Open, io.now.at);
            self.call(io, |handler, socket| handler.open(socket));
        }
        if io.woken && self.state == State::Open {
            self.call(io, |handler, socket| handler.woken(socket));
        }
        self.receive_all(io);
        // What has come for the client goes before the end of the WebSocket.
        self.send_posts(io);
        if io.stopping {
            self.close(CloseCode::GOING_AWAY, "", io);
        }
        if io.eof && !io.output.is_full() && self.state != State::Over {
            if self.state == State::Open {
                self.end(CloseCode::ABNORMAL, "");
            }
            self.state = State::Over;
        }
        self.was_full = io.output.is_full();
        self.wait(io)
    }

    /// The client has not answered a ping for a while. A client that does is not evicted for
    /// another one: it would connect again at once, and evict the next.
    fn is_waiting(&self) -> bool {
        let is_late = self.state == State::Open && self.ping == Ping::Late;
        is_late && self.partial.is_none() && self.left == 0
    }

    fn abandoned(&mut self, _output: &Output, _tally: &mut dyn Tally) {
        if self.state == State::Open {
            self.end(CloseCode::ABNORMAL, "");
        }
        self.state = State::Over;
    }
}
