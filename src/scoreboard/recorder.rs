//! The flight recorder: what a worker is doing, and for which client, recorded where its master can
//! read it when the worker is dead.
//!
//! A worker stores plain words in its own slot as it goes along. The head of a request is read for
//! an exit report alone, when the worker has panicked, died or hangs; the stage is for the status
//! page, too. Nothing is written to disk. The protocol blanks secrets before a head comes here.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::Ordering::Relaxed;

use super::Slot;
use crate::process::{Peer, Stage};

/// How much of a request is recorded, in bytes.
const HEAD_BYTES: usize = 256;

// Words of a slot; see the map in `mod.rs`.
const STAGE: usize = 48;
const SINCE: usize = 49;
const HEAD_LEN: usize = 50;
const PEER: usize = 51;
const HEAD: usize = 56;
/// Words that the recorder needs at the end of a slot.
pub(super) const END: usize = HEAD + HEAD_BYTES / 8;

/// The values of `STAGE`: no client, a client without a request, and from there on the stages of a
/// request.
const NO_CLIENT: u64 = 0;
const A_CLIENT: u64 = 1;

/// How much of a request line is shown, in bytes: enough to find it, in one line.
const SHOWN: usize = 100;

/// What a worker was doing, as far as it recorded it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recording {
    /// The client whose turn it was.
    pub(crate) peer: Peer,
    /// The request that the worker was working on.
    pub(crate) request: Option<RecordedRequest>,
}

/// A request that a worker was working on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecordedRequest {
    /// How far the request had come.
    pub(crate) stage: Stage,
    /// When its first byte was seen, in milliseconds of the monotonic clock.
    pub(crate) since_ms: u64,
    /// Its beginning, with secrets blanked: not text, not to be trusted, truncated.
    pub(crate) head: Vec<u8>,
}

impl Recording {
    /// What the worker was doing, in one line, as the end of a sentence.
    pub(crate) fn describe(&self, now_ms: u64) -> String {
        let peer = &self.peer;
        let Some(request) = &self.request else {
            return format!(" while serving {peer}");
        };
        let line = request.head.split(|b| matches!(b, b'\r' | b'\n')).next();
        let line = line.unwrap_or_default();
        // The usual protocol is left out.
        let line = line.strip_suffix(b" HTTP/1.1").unwrap_or(line);
        let shown = &line[..line.len().min(SHOWN)];
        let more = if shown.len() < line.len() { "..." } else { "" };
        let doing = match line {
            [] => String::from("reading a request"),
            _ => format!("{} {}{more}", request.stage, shown.escape_ascii()),
        };
        let ms = now_ms.saturating_sub(request.since_ms);
        format!(" while {doing} from {peer}, {ms} ms old")
    }
}

impl Slot {
    /// For the worker: it is this client's turn. The last request is discarded.
    pub(crate) fn record_turn(&self, peer: &Peer) {
        let (kind, address) = match peer {
            Peer::Unix => (0, 0),
            Peer::Inet(inet) => {
                let address = match inet.ip() {
                    IpAddr::V4(ip) => u128::from(ip.to_bits()),
                    IpAddr::V6(ip) => ip.to_bits(),
                };
                let version = if inet.is_ipv4() { 4 } else { 6 };
                (version << 16 | u64::from(inet.port()), address)
            }
        };
        self.store(PEER, kind);
        self.store(PEER + 1, (address >> 64) as u64);
        self.store(PEER + 2, address as u64);
        self.store(STAGE, A_CLIENT);
    }

    /// For the worker: it begins to read a request, or resumes it.
    pub(crate) fn record_request(&self, head: &[u8], since_ms: u64) {
        let head = &head[..head.len().min(HEAD_BYTES)];
        let words = &self.words[self.base + HEAD..self.base + END];
        let (whole, rest) = head.as_chunks();
        for (word, bytes) in words.iter().zip(whole) {
            word.store(u64::from_ne_bytes(*bytes), Relaxed);
        }
        if let Some(word) = words.get(whole.len()) {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            word.store(u64::from_ne_bytes(last), Relaxed);
        }
        self.store(HEAD_LEN, head.len() as u64);
        self.store(SINCE, since_ms);
        self.record_stage(Stage::Reading);
    }

    /// For the worker: the request has reached this stage.
    pub(crate) fn record_stage(&self, stage: Stage) {
        self.store(STAGE, A_CLIENT + 1 + stage as u64);
    }

    /// For the worker: no client has its turn.
    pub(crate) fn record_no_client(&self) {
        self.store(STAGE, NO_CLIENT);
    }

    /// The stage of the request that the worker is working on, if there is one.
    pub(super) fn stage(&self) -> Option<Stage> {
        match self.load(STAGE).checked_sub(A_CLIENT + 1)? {
            0 => Some(Stage::Reading),
            1 => Some(Stage::Answering),
            _ => Some(Stage::Sending),
        }
    }

    /// What the worker was doing for a client, if for any.
    pub(crate) fn recording(&self) -> Option<Recording> {
        if self.load(STAGE) == NO_CLIENT {
            return None;
        }
        let kind = self.load(PEER);
        let (port, address) = (kind as u16, self.load(PEER + 2));
        let ip = match kind >> 16 {
            4 => Some(IpAddr::from((address as u32).to_be_bytes())),
            6 => {
                let address = u128::from(self.load(PEER + 1)) << 64 | u128::from(address);
                Some(IpAddr::V6(Ipv6Addr::from_bits(address)))
            }
            _ => None,
        };
        Some(Recording {
            peer: ip.map_or(Peer::Unix, |ip| Peer::Inet(SocketAddr::new(ip, port))),
            request: self.stage().map(|stage| RecordedRequest {
                stage,
                since_ms: self.load(SINCE),
                head: self.head(),
            }),
        })
    }

    fn head(&self) -> Vec<u8> {
        let len = (self.load(HEAD_LEN) as usize).min(HEAD_BYTES);
        let words = &self.words[self.base + HEAD..self.base + END];
        let bytes = words.iter().flat_map(|w| w.load(Relaxed).to_ne_bytes());
        bytes.take(len).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoreboard::Scoreboard;

    #[test]
    fn the_last_record_is_the_one_that_is_read() {
        let slot = Scoreboard::new().unwrap().slot(3).unwrap();
        assert_eq!(slot.recording(), None);
        for peer in [
            Peer::Unix,
            Peer::Inet("127.0.0.1:55312".parse().unwrap()),
            Peer::Inet("[2001:db8::1:2]:65535".parse().unwrap()),
            Peer::Inet("255.255.255.255:1".parse().unwrap()),
        ] {
            slot.record_turn(&peer);
            let recorded = slot.recording().unwrap();
            assert_eq!((recorded.peer, recorded.request), (peer, None));
            for head in [
                &b""[..],
                b"G",
                b"GET /a?b HTTP/1.1\r\n",
                &[7; HEAD_BYTES + 9],
            ] {
                slot.record_request(head, 42);
                for stage in [Stage::Reading, Stage::Answering, Stage::Sending] {
                    slot.record_stage(stage);
                    let request = slot.recording().unwrap().request.unwrap();
                    assert_eq!((request.stage, request.since_ms), (stage, 42));
                    assert_eq!(request.head, head[..head.len().min(HEAD_BYTES)]);
                }
            }
        }
        slot.record_no_client();
        assert_eq!(slot.recording(), None);
    }

    #[test]
    fn a_description_is_one_line_whatever_was_sent() {
        let peer = Peer::Inet("127.0.0.1:55312".parse().unwrap());
        let described = |stage, head: &[u8]| {
            let recording = Recording {
                peer,
                request: Some(RecordedRequest {
                    stage,
                    since_ms: 97,
                    head: head.to_vec(),
                }),
            };
            recording.describe(100)
        };
        let end = "from 127.0.0.1:55312, 3 ms old";
        for (stage, head, want) in [
            (
                Stage::Answering,
                &b"GET /boom HTTP/1.1\r\nHost: x"[..],
                "answering GET /boom",
            ),
            (
                Stage::Sending,
                b"PUT / HTTP/1.0",
                "sending the answer to PUT / HTTP/1.0",
            ),
            (Stage::Reading, b"", "reading a request"),
            (
                Stage::Reading,
                b"\x16\x03\x01\nx",
                "reading \\x16\\x03\\x01",
            ),
            (Stage::Reading, b"\"\\\x1b[2J", "reading \\\"\\\\\\x1b[2J"),
        ] {
            assert_eq!(described(stage, head), format!(" while {want} {end}"));
        }
        let long = described(Stage::Answering, &[b'x'; 300]);
        assert_eq!(
            long,
            format!(" while answering {}... {end}", "x".repeat(SHOWN))
        );
        let peer = Recording {
            peer: Peer::Unix,
            request: None,
        };
        assert_eq!(peer.describe(1), " while serving unix:");
    }
}
