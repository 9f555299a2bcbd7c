//! However its frames are cut, a WebSocket answers as a naive reader of all of them would.
//! Each message comes back whole; a frame that is not masked, or is wrong otherwise, ends it.

use httprs::handlers::websocket::Accept;
use httprs::harness::{Conversation, converse};
use httprs::{Handler, Http1};

use super::cut;

const HANDSHAKE: &[u8] =
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
/// The longest message, so short that a fuzzer reaches it.
const MAX: usize = 300;

fn echo() -> Http1<impl Handler> {
    let accept = Accept::new().max_message(MAX);
    Http1::new(move |req, res| accept.accept(req, res, |socket, message| socket.send(message)))
}

/// Panics where the invariant is broken.
pub fn holds(data: &[u8]) {
    let Some((pieces, wire)) = cut(data) else {
        return;
    };
    let want = Answer::of(wire);
    let mut bytes: Vec<&[u8]> = vec![HANDSHAKE];
    bytes.extend(wire.chunks(1));
    let mut cut_pieces = vec![HANDSHAKE];
    cut_pieces.extend(&pieces);
    let whole = [HANDSHAKE, wire].concat();
    for (how, pieces) in [
        ("cut", cut_pieces),
        ("whole", vec![&whole[..]]),
        ("bytes", bytes),
    ] {
        let got = converse(&echo(), &pieces);
        let at = got.bytes.windows(4).position(|end| end == b"\r\n\r\n");
        let sent = &got.bytes[at.expect("the end of the handshake") + 4..];
        assert!(
            sent == want.bytes,
            "{how}: {} and not {}",
            sent.escape_ascii(),
            want.bytes.escape_ascii()
        );
        assert_eq!(got.closed, want.closes, "{how}");
    }
    comes_back(&pieces, wire);
    interrupted(&pieces);
}

/// What is encoded is decoded: the wire, taken for a message in as many frames as it has pieces.
fn comes_back(pieces: &[&[u8]], wire: &[u8]) {
    if wire.len() > MAX {
        return;
    }
    let http = echo();
    let mut talk = Conversation::open(&http);
    talk.send(HANDSHAKE);
    let mut sent = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        let fin = if at + 1 == pieces.len() { 0x80 } else { 0 };
        let opcode = if at == 0 { 2 } else { 0 };
        let mut frame = vec![fin | opcode];
        push_len(&mut frame, 0x80, piece.len());
        let key = [piece.len() as u8, at as u8, 0x5a, 0xff];
        frame.extend_from_slice(&key);
        frame.extend(piece.iter().enumerate().map(|(n, b)| b ^ key[n % 4]));
        sent.extend(talk.send(&frame));
    }
    let mut want = vec![0x82];
    push_len(&mut want, 0, wire.len());
    want.extend_from_slice(wire);
    assert_eq!(sent, want);
}

/// The same frames to a worker that drains and wakes its connections, and a client that then falls
/// silent: the connection ends by itself.
fn interrupted(pieces: &[&[u8]]) {
    let http = echo();
    let mut talk = Conversation::open(&http);
    talk.send(HANDSHAKE);
    let (last, first) = pieces.split_last().expect("there is one piece at least");
    for piece in first {
        talk.send(piece);
        assert_eq!(talk.wake(), b"", "no handler has asked for a wake");
    }
    talk.stop();
    talk.send(last);
    // The time for an answer to the close frame.
    talk.pass(2_000);
    assert!(talk.closed(), "a silent client can stay");
}

fn push_len(out: &mut Vec<u8>, mask: u8, len: usize) {
    match len {
        0..=125 => out.push(mask | len as u8),
        _ => {
            out.push(mask | 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
    }
}

/// What an echo sends, by a reader that has all bytes at once.
#[derive(Default)]
struct Answer {
    bytes: Vec<u8>,
    closes: bool,
}

impl Answer {
    fn of(wire: &[u8]) -> Answer {
        let mut answer = Answer::default();
        let mut rest = wire;
        // The kind and the bytes of a message that is not whole.
        let mut message: Option<(u8, Vec<u8>)> = None;
        while !answer.closes {
            let Some(read) = answer.frame(rest, &mut message) else {
                break;
            };
            rest = &rest[read..];
        }
        answer
    }

    fn close(&mut self, code: u16) -> Option<usize> {
        self.bytes.extend_from_slice(&[0x88, 2]);
        self.bytes.extend_from_slice(&code.to_be_bytes());
        self.closes = true;
        None
    }

    fn push(&mut self, first: u8, payload: &[u8]) {
        self.bytes.push(first);
        push_len(&mut self.bytes, 0, payload.len());
        self.bytes.extend_from_slice(payload);
    }

    /// Reads one frame; returns its length, or `None` behind the last one.
    fn frame(&mut self, wire: &[u8], message: &mut Option<(u8, Vec<u8>)>) -> Option<usize> {
        let (first, second) = (*wire.first()?, *wire.get(1)?);
        let (fin, opcode) = (first >= 0x80, first & 15);
        let control = opcode >= 8;
        let short = usize::from(second & 127);
        if first & 0x70 != 0 || !matches!(opcode, 0..=2 | 8..=10) || second < 0x80 {
            return self.close(1002);
        }
        if control && (!fin || short > 125) {
            return self.close(1002);
        }
        let extended = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let len = match wire.get(2..2 + extended)? {
            [] => short as u64,
            bytes => bytes.iter().fold(0, |n: u64, b| n << 8 | u64::from(*b)),
        };
        let shortest = match len {
            0..=125 => 0,
            126..=65_535 => 2,
            _ => 8,
        };
        if extended != shortest || len >> 63 != 0 {
            return self.close(1002);
        }
        let at = 2 + extended + 4;
        let key: [u8; 4] = wire.get(at - 4..at)?.try_into().ok()?;
        let starts = opcode == 1 || opcode == 2;
        if !control && starts == message.is_some() {
            return self.close(1002);
        }
        let before = message.as_ref().map_or(0, |(_, bytes)| bytes.len());
        if !control && before as u64 + len > MAX as u64 {
            return self.close(1009);
        }
        // At most `MAX` from here on, but all of it may not be there.
        let there = &wire[at..wire.len().min(at + len as usize)];
        let whole = there.len() == len as usize;
        let payload: Vec<u8> = there
            .iter()
            .zip(key.iter().cycle())
            .map(|(b, k)| b ^ k)
            .collect();
        if control {
            return match (whole, opcode) {
                (false, _) => None,
                (_, 8) => self.closing(&payload),
                (_, 9) => {
                    self.push(0x8a, &payload);
                    Some(at + payload.len())
                }
                _ => Some(at + payload.len()),
            };
        }
        let (kind, mut bytes) = message.take().unwrap_or((opcode, Vec::new()));
        bytes.extend_from_slice(&payload);
        if kind == 1 {
            match std::str::from_utf8(&bytes) {
                Ok(_) => {}
                // The rest of the last character may come, but not behind the end.
                Err(error) if error.error_len().is_none() && !(fin && whole) => {}
                Err(_) => return self.close(1007),
            }
        }
        if !whole {
            return None;
        }
        match fin {
            true => self.push(0x80 | kind, &bytes),
            false => *message = Some((kind, bytes)),
        }
        Some(at + payload.len())
    }

    fn closing(&mut self, payload: &[u8]) -> Option<usize> {
        let code = match payload {
            [] => {
                self.push(0x88, b"");
                self.closes = true;
                return None;
            }
            [_] => return self.close(1002),
            [high, low, ..] => u16::from(*high) << 8 | u16::from(*low),
        };
        let sent = [
            1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
        ];
        if !sent.contains(&code) && !(3000..5000).contains(&code) {
            return self.close(1002);
        }
        match std::str::from_utf8(&payload[2..]) {
            Ok(_) => self.close(code),
            Err(_) => self.close(1007),
        }
    }
}
