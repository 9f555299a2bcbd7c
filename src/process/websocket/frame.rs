//! Frames (RFC 6455 §5.2): the header of a frame as bytes and as a value, and masking.

use super::close::CloseCode;

/// What a frame is (RFC 6455 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// Another part of a message.
    Continuation = 0,
    /// Text, or its first part.
    Text = 1,
    /// Bytes, or their first part.
    Binary = 2,
    /// The end of the connection.
    Close = 8,
    /// A question whether the peer is there.
    Ping = 9,
    /// The answer to it.
    Pong = 10,
}

impl Opcode {
    fn of(nibble: u8) -> Option<Opcode> {
        Some(match nibble {
            0 => Opcode::Continuation,
            1 => Opcode::Text,
            2 => Opcode::Binary,
            8 => Opcode::Close,
            9 => Opcode::Ping,
            10 => Opcode::Pong,
            _ => return None,
        })
    }

    /// Whether the frame is about the connection, and not a part of a message.
    pub fn is_control(self) -> bool {
        self as u8 & 8 != 0
    }
}

/// The longest payload of a control frame, in bytes (RFC 6455 §5.5).
pub const LONGEST_CONTROL: usize = 125;

/// The header of a client's frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The frame is the last one of its message.
    pub fin: bool,
    /// What the frame is.
    pub opcode: Opcode,
    /// The bytes of the payload.
    pub len: u64,
    /// What the payload is masked with.
    pub key: [u8; 4],
}

impl Header {
    /// Reads a header; returns it with its length, or `None` if it is not whole. The first two
    /// bytes are judged as soon as they are there.
    ///
    /// # Errors
    /// `PROTOCOL_ERROR`: an extension that was not agreed on, an unknown opcode, a frame that is
    /// not masked (§5.1), a control frame that is long or fragmented (§5.5), a length that has a
    /// shorter form (§5.2). An intermediary may read each of these otherwise.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Header, usize)>, CloseCode> {
        let [first, second, rest @ ..] = bytes else {
            return Ok(None);
        };
        let fin = first & 0x80 != 0;
        let opcode = Opcode::of(first & 0x0f).filter(|_| first & 0x70 == 0);
        let opcode = opcode.ok_or(CloseCode::PROTOCOL_ERROR)?;
        let short = second & 0x7f;
        let fits = !opcode.is_control() || (fin && usize::from(short) <= LONGEST_CONTROL);
        if second & 0x80 == 0 || !fits {
            return Err(CloseCode::PROTOCOL_ERROR);
        }
        let (len, rest, least) = match (short, rest) {
            (126, [a, b, rest @ ..]) => (u64::from(u16::from_be_bytes([*a, *b])), rest, 126),
            (127, [a, b, c, d, e, f, g, h, rest @ ..]) => {
                let len = u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]);
                (len, rest, 0x1_0000)
            }
            (126 | 127, _) => return Ok(None),
            (short, rest) => (u64::from(short), rest, 0),
        };
        if len < least || len > i64::MAX as u64 {
            return Err(CloseCode::PROTOCOL_ERROR);
        }
        let [a, b, c, d, rest @ ..] = rest else {
            return Ok(None);
        };
        let header = Header {
            fin,
            opcode,
            len,
            key: [*a, *b, *c, *d],
        };
        Ok(Some((header, bytes.len() - rest.len())))
    }
}

/// Adds the header of a server's frame that is not fragmented. A server masks nothing (§5.1).
pub fn push_header(out: &mut Vec<u8>, opcode: Opcode, len: usize) {
    out.push(0x80 | opcode as u8);
    match len {
        0..126 => out.push(len as u8),
        126..0x1_0000 => {
            out.push(126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
}

/// Masks or unmasks a part of a payload that has `at` bytes before it (§5.3), eight bytes at a
/// time.
pub fn mask(bytes: &mut [u8], key: [u8; 4], at: u64) {
    let turn = (at % 4) as usize;
    let key: [u8; 4] = std::array::from_fn(|n| key[(n + turn) % 4]);
    let twice: [u8; 8] = std::array::from_fn(|n| key[n % 4]);
    let wide = u64::from_ne_bytes(twice);
    let (eights, rest) = bytes.as_chunks_mut::<8>();
    for eight in eights {
        *eight = (u64::from_ne_bytes(*eight) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(twice) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_in_their_shortest_form_alone() {
        let refused = Err(CloseCode::PROTOCOL_ERROR);
        let header = |fin, opcode, len| Header {
            fin,
            opcode,
            len,
            key: *b"abcd",
        };
        let text = |len, at| Ok(Some((header(true, Opcode::Text, len), at)));
        for (name, bytes, want) in [
            ("nothing", &b""[..], Ok(None)),
            ("one byte", b"\x81", Ok(None)),
            ("no key", b"\x81\x85abc", Ok(None)),
            ("small", b"\x81\x85abcd", text(5, 6)),
            ("empty", b"\x81\x80abcdrest", text(0, 6)),
            ("125", b"\x81\xfdabcd", text(125, 6)),
            ("126", b"\x81\xfe\0\x7eabcd", text(126, 8)),
            ("126 cut", b"\x81\xfe\0", Ok(None)),
            ("65,535", b"\x81\xfe\xff\xffabcd", text(65_535, 8)),
            (
                "65,536",
                b"\x81\xff\0\0\0\0\0\x01\0\0abcd",
                text(65_536, 14),
            ),
            ("cut in the length", b"\x81\xff\0\0\0\0\0\x01\0", Ok(None)),
            ("125 in two bytes", b"\x81\xfe\0\x7dabcd", refused),
            (
                "65,535 in eight",
                b"\x81\xff\0\0\0\0\0\0\xff\xffabcd",
                refused,
            ),
            (
                "a negative length",
                b"\x81\xff\x80\0\0\0\0\0\0\0abcd",
                refused,
            ),
            ("not masked", b"\x81\x05hello", refused),
            ("not masked, cut", b"\x81\x05", refused),
            ("RSV1", b"\xc1\x85abcd", refused),
            ("RSV2", b"\xa1\x85abcd", refused),
            ("RSV3", b"\x91\x85abcd", refused),
            ("opcode 3", b"\x83\x80abcd", refused),
            ("opcode 7", b"\x87\x80abcd", refused),
            ("opcode 11", b"\x8b\x80abcd", refused),
            ("opcode 15", b"\x8f\x80abcd", refused),
            ("a ping in parts", b"\x09\x80abcd", refused),
            ("a long ping", b"\x89\xfe\0\x7eabcd", refused),
            (
                "a close",
                b"\x88\x82abcd",
                Ok(Some((header(true, Opcode::Close, 2), 6))),
            ),
            (
                "a part",
                b"\x00\x81abcd",
                Ok(Some((header(false, Opcode::Continuation, 1), 6))),
            ),
        ] {
            assert_eq!(Header::parse(bytes), want, "{name}");
        }
    }

    #[test]
    fn what_is_pushed_has_the_shortest_form() {
        for (len, want) in [
            (0, &b"\x82\0"[..]),
            (125, b"\x82\x7d"),
            (126, b"\x82\x7e\0\x7e"),
            (65_535, b"\x82\x7e\xff\xff"),
            (65_536, b"\x82\x7f\0\0\0\0\0\x01\0\0"),
        ] {
            let mut out = Vec::new();
            push_header(&mut out, Opcode::Binary, len);
            assert_eq!(out, want, "{len}");
        }
    }

    #[test]
    fn masking_does_not_depend_on_where_a_payload_is_cut() {
        let key = [1, 2, 4, 128];
        let plain: Vec<u8> = (0..100).map(|n| n * 2).collect();
        let masked: Vec<u8> = (plain.iter().enumerate())
            .map(|(n, b)| b ^ key[n % 4])
            .collect();
        for cut in 0..plain.len() {
            let mut bytes = masked.clone();
            let (head, tail) = bytes.split_at_mut(cut);
            mask(head, key, 0);
            mask(tail, key, cut as u64);
            assert_eq!(bytes, plain, "{cut}");
        }
    }
}
