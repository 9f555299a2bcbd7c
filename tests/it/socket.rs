//! A client of WebSocket, with the least of the protocol: text of less than 64 KiB, masked with
//! zeros.

use std::net::{SocketAddr, TcpStream};

use crate::server::Client;

pub struct Socket {
    client: Client,
    unread: Vec<u8>,
}

impl Socket {
    #[track_caller]
    pub fn connect(address: SocketAddr, path: &str) -> Socket {
        let mut client = Client::tcp(TcpStream::connect(address).unwrap());
        let handshake = format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        client.send(handshake.as_bytes());
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            assert_eq!(client.read(&mut byte).unwrap(), 1);
            head.push(byte[0]);
        }
        assert!(
            head.starts_with(b"HTTP/1.1 101 "),
            "{}",
            head.escape_ascii()
        );
        Socket {
            client,
            unread: Vec::new(),
        }
    }

    pub fn say(&mut self, text: &str) {
        let mut frame = vec![0x81];
        match text.len() {
            len @ 0..126 => frame.push(0x80 | len as u8),
            len => {
                frame.push(0xfe);
                frame.extend_from_slice(&(len as u16).to_be_bytes());
            }
        }
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(text.as_bytes());
        self.client.send(&frame);
    }

    /// The next message, or `closed CODE`; `None` at the end of the connection.
    pub fn hear(&mut self) -> Option<String> {
        let head = self.take(2)?;
        let len = match head[1] {
            126 => self
                .take(2)?
                .iter()
                .fold(0, |len, b| len << 8 | usize::from(*b)),
            short => usize::from(short),
        };
        let payload = self.take(len)?;
        Some(match (head[0], &payload[..]) {
            (0x88, [high, low, ..]) => format!("closed {}", u16::from_be_bytes([*high, *low])),
            _ => String::from_utf8(payload).unwrap(),
        })
    }

    fn take(&mut self, len: usize) -> Option<Vec<u8>> {
        while self.unread.len() < len {
            let mut some = [0; 4096];
            match self.client.read(&mut some) {
                Ok(n) if n > 0 => self.unread.extend_from_slice(&some[..n]),
                _ => return None,
            }
        }
        Some(self.unread.drain(..len).collect())
    }
}
