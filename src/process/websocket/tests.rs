//! What a server of RFC 6455 does, by the sections of the Autobahn test plan (1 to 7, 9, 10; 8 is
//! empty, and 12 and 13 are about an extension that is never agreed on), and what is beyond it.

use std::io;
use std::sync::{Arc, Mutex};

use super::*;
use crate::harness::{Conversation, every_split};
use crate::process::{Input, Peer, Process, Rooms, WakeQueue, Waker, Wakers};
use crate::time::Now;

/// A process whose connections have had their handshake.
struct Open<F>(F);

impl<H: WebSocketHandler + 'static, F: Fn() -> H> Process for Open<F> {
    fn name(&self) -> &'static str {
        "websocket"
    }

    fn open(&self, _: &Peer) -> Box<dyn Connection + '_> {
        let settings = Settings {
            max_message: 70_000,
            ping_ms: 1_000,
        };
        Box::new(WebSocketConnection::new((self.0)(), settings))
    }
}

fn echo() -> Open<impl Fn() -> Echo> {
    Open(|| Echo)
}

struct Echo;

impl WebSocketHandler for Echo {
    fn message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) -> io::Result<()> {
        socket.send(message)
    }
}

const FIN: u8 = 0x80;
const MORE: u8 = 0;
const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

fn header(first: u8, masked: u8, len: usize) -> Vec<u8> {
    let mut bytes = vec![first];
    match len {
        0..126 => bytes.push(masked | len as u8),
        126..65_536 => {
            bytes.push(masked | 126);
            bytes.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            bytes.push(masked | 127);
            bytes.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    bytes
}

/// A frame of the client, masked.
fn frame(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let (payload, key) = (payload.as_ref(), [0x37, 0xfa, 0x21, 0x3d]);
    let mut bytes = header(first, 0x80, payload.len());
    bytes.extend_from_slice(&key);
    bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(b, k)| b ^ k));
    bytes
}

fn text(payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(FIN | TEXT, payload)
}

fn closing(code: u16, reason: impl AsRef<[u8]>) -> Vec<u8> {
    frame(FIN | CLOSE, [&code.to_be_bytes(), reason.as_ref()].concat())
}

/// A frame of the server.
fn answer(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let mut bytes = header(first, 0, payload.as_ref().len());
    bytes.extend_from_slice(payload.as_ref());
    bytes
}

fn said(payload: impl AsRef<[u8]>) -> Vec<u8> {
    answer(FIN | TEXT, payload)
}

fn closed(code: u16) -> Vec<u8> {
    answer(FIN | CLOSE, code.to_be_bytes())
}

/// What the client sends, what comes back, and whether the server closes.
type Row = (&'static str, Vec<Vec<u8>>, Vec<Vec<u8>>, bool);

/// However the input is cut.
fn check(rows: Vec<Row>) {
    for (name, sent, want, closes) in rows {
        let got = every_split(&echo(), &sent.concat());
        let want = want.concat();
        assert!(
            got.bytes == want,
            "{name}: {} and not {}",
            got.bytes[..got.bytes.len().min(200)].escape_ascii(),
            want[..want.len().min(200)].escape_ascii()
        );
        assert_eq!(got.closed, closes, "{name}");
    }
}

#[test]
fn section_1_messages_of_all_sizes() {
    let mut rows = Vec::new();
    for len in [0, 1, 125, 126, 127, 128, 65_535, 65_536, 70_000] {
        let payload = vec![b'*'; len];
        rows.push(("text", vec![text(&payload)], vec![said(&payload)], false));
        let payload = vec![0xfe; len];
        rows.push((
            "binary",
            vec![frame(FIN | BINARY, &payload)],
            vec![answer(FIN | BINARY, &payload)],
            false,
        ));
    }
    check(rows);
}

#[test]
fn section_2_pings_and_pongs() {
    let long = [b'p'; 125];
    let many: Vec<_> = (0..10).map(|n| frame(FIN | PING, [n])).collect();
    let answers: Vec<_> = (0..10).map(|n| answer(FIN | PONG, [n])).collect();
    let ping = frame(FIN | PING, "hello");
    let pong = answer(FIN | PONG, "hello");
    check(vec![
        (
            "2.1",
            vec![frame(FIN | PING, "")],
            vec![answer(FIN | PONG, "")],
            false,
        ),
        ("2.2", vec![ping.clone()], vec![pong.clone()], false),
        (
            "2.3",
            vec![frame(FIN | PING, b"\0\xff\xfe")],
            vec![answer(FIN | PONG, b"\0\xff\xfe")],
            false,
        ),
        (
            "2.4",
            vec![frame(FIN | PING, long)],
            vec![answer(FIN | PONG, long)],
            false,
        ),
        (
            "2.5",
            vec![frame(FIN | PING, [b'p'; 126])],
            vec![closed(1002)],
            true,
        ),
        ("2.7", vec![frame(FIN | PONG, "")], vec![], false),
        ("2.8", vec![frame(FIN | PONG, "unasked")], vec![], false),
        (
            "2.9",
            vec![frame(FIN | PONG, "unasked"), ping],
            vec![pong],
            false,
        ),
        ("2.10", many, answers, false),
    ]);
}

#[test]
fn section_3_reserved_bits() {
    let mut rows = Vec::new();
    for bits in 1..8 {
        // What came before is answered; what comes behind is not.
        let sent = vec![
            text("a"),
            frame(FIN | bits << 4 | TEXT, "b"),
            frame(FIN | PING, ""),
        ];
        rows.push(("a message", sent, vec![said("a"), closed(1002)], true));
        for opcode in [PING, CLOSE, BINARY] {
            let sent = vec![frame(FIN | bits << 4 | opcode, "")];
            rows.push(("others", sent, vec![closed(1002)], true));
        }
    }
    check(rows);
}

#[test]
fn section_4_unknown_opcodes() {
    let mut rows = Vec::new();
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        for sent in [
            frame(FIN | opcode, ""),
            frame(FIN | opcode, "x"),
            frame(opcode, ""),
        ] {
            rows.push(("alone", vec![sent], vec![closed(1002)], true));
        }
        let sent = vec![text("a"), frame(FIN | opcode, "b"), frame(FIN | PING, "")];
        rows.push((
            "behind a message",
            sent,
            vec![said("a"), closed(1002)],
            true,
        ));
        let sent = vec![frame(MORE | TEXT, "a"), frame(FIN | opcode, "b")];
        rows.push(("in a message", sent, vec![closed(1002)], true));
    }
    check(rows);
}

#[test]
fn section_5_fragments() {
    let (more, last) = (MORE | CONTINUATION, FIN | CONTINUATION);
    let begin = || frame(MORE | TEXT, "frag");
    let end = || frame(last, "ment");
    let ping = || frame(FIN | PING, "p");
    let pong = || answer(FIN | PONG, "p");
    let whole = || said("fragment");
    check(vec![
        (
            "5.1",
            vec![frame(MORE | PING, "a"), frame(last, "b")],
            vec![closed(1002)],
            true,
        ),
        (
            "5.2",
            vec![frame(MORE | PONG, "a"), frame(last, "b")],
            vec![closed(1002)],
            true,
        ),
        ("5.3", vec![begin(), end()], vec![whole()], false),
        (
            "5.6",
            vec![begin(), ping(), end()],
            vec![pong(), whole()],
            false,
        ),
        (
            "5.9",
            vec![frame(last, "x"), text("y")],
            vec![closed(1002)],
            true,
        ),
        (
            "5.10",
            vec![text("a"), frame(last, "x"), text("y")],
            vec![said("a"), closed(1002)],
            true,
        ),
        (
            "5.12",
            vec![frame(more, "x"), text("y")],
            vec![closed(1002)],
            true,
        ),
        (
            "5.15",
            vec![begin(), end(), frame(more, "x"), text("y")],
            vec![whole(), closed(1002)],
            true,
        ),
        (
            "5.18",
            vec![begin(), text("other")],
            vec![closed(1002)],
            true,
        ),
        (
            "a binary in a text",
            vec![begin(), frame(FIN | BINARY, "other")],
            vec![closed(1002)],
            true,
        ),
        (
            "5.19",
            vec![
                begin(),
                frame(more, "m"),
                ping(),
                frame(more, "e"),
                ping(),
                frame(last, "nt"),
            ],
            vec![pong(), pong(), whole()],
            false,
        ),
        (
            "empty fragments",
            vec![frame(MORE | TEXT, ""), frame(more, ""), frame(last, "")],
            vec![said("")],
            false,
        ),
        (
            "two messages",
            vec![
                begin(),
                end(),
                frame(MORE | BINARY, b"\xff"),
                frame(last, b"\xfe"),
            ],
            vec![whole(), answer(FIN | BINARY, b"\xff\xfe")],
            false,
        ),
        ("a fragment and the end", vec![begin()], vec![], false),
    ]);
}

#[test]
fn section_6_text_is_utf8_across_fragments_and_fails_at_once() {
    let (more, last) = (MORE | CONTINUATION, FIN | CONTINUATION);
    let kosme = "\u{3ba}\u{1f79}\u{3c3}\u{3bc}\u{3b5}";
    let mut rows = vec![
        ("6.2", vec![text(kosme)], vec![said(kosme)], false),
        (
            "6.3",
            vec![text(b"\xce\xba\xed\xa0\x80edited")],
            vec![closed(1007)],
            true,
        ),
        (
            "6.4: the rest of the frame need not come",
            vec![
                frame(MORE | TEXT, "\u{3ba}"),
                frame(more, b"\xf4\x90\x80\x80"),
                frame(last, "x"),
            ],
            vec![closed(1007)],
            true,
        ),
        (
            "6.2: cut within a character",
            vec![
                frame(MORE | TEXT, b"\xf0\x9f"),
                frame(more, ""),
                frame(last, b"\x98\x80"),
            ],
            vec![said("\u{1f600}")],
            false,
        ),
        (
            "a character that does not end",
            vec![frame(MORE | TEXT, b"\xf0\x9f"), frame(last, b"\x98")],
            vec![closed(1007)],
            true,
        ),
        (
            "the same in one frame",
            vec![text(b"\xf0\x9f\x98")],
            vec![closed(1007)],
            true,
        ),
        (
            "a character that breaks off",
            vec![frame(MORE | TEXT, b"\xce"), frame(more, b"x")],
            vec![closed(1007)],
            true,
        ),
        (
            "bytes are not text",
            vec![frame(FIN | BINARY, b"\xff\xfe")],
            vec![answer(FIN | BINARY, b"\xff\xfe")],
            false,
        ),
    ];
    // 6.5 to 6.22: the first and the last of each length, those between, and what UTF-8 excludes.
    for good in [
        "\0",
        "\u{7f}",
        "\u{80}",
        "\u{7ff}",
        "\u{800}",
        "\u{d7ff}",
        "\u{e000}",
        "\u{fffd}",
        "\u{fffe}",
        "\u{ffff}",
        "\u{10000}",
        "\u{10ffff}",
        "\u{1fffe}",
        "\u{feff}",
    ] {
        rows.push((
            "6.7 to 6.9, 6.22, 6.23",
            vec![text(good)],
            vec![said(good)],
            false,
        ));
    }
    for bad in [
        &b"\x80"[..],
        b"\xbf",
        b"\x80\xbf\x80",
        b"\xc0\xaf",
        b"\xc1\xbf",
        b"\xe0\x80\xaf",
        b"\xe0\x9f\xbf",
        b"\xf0\x80\x80\xaf",
        b"\xf0\x8f\xbf\xbf",
        b"\xf8\x88\x80\x80\x80",
        b"\xfc\x84\x80\x80\x80\x80",
        b"\xfe",
        b"\xff",
        b"\xed\xa0\x80",
        b"\xed\xbf\xbf",
        b"\xed\xa0\x80\xed\xb0\x80",
        b"\xf4\x90\x80\x80",
        b"\xf7\xbf\xbf\xbf",
        b"\xc3 ",
        b"\xe2\x82 ",
    ] {
        rows.push(("6.10 to 6.21", vec![text(bad)], vec![closed(1007)], true));
    }
    check(rows);
    // At once, while the frame is not whole.
    let process = echo();
    let mut talk = Conversation::open(&process);
    let long = frame(
        FIN | TEXT,
        [&b"valid, then \xff"[..], &[b'x'; 1_000]].concat(),
    );
    assert_eq!(talk.send(&long[..8 + 12]), b"");
    assert_eq!(talk.send(&long[8 + 12..8 + 13]), closed(1007));
    assert!(talk.closed());
}

#[test]
fn section_7_closing() {
    let ping = || frame(FIN | PING, "");
    let (normal, none) = (closing(1000, ""), frame(FIN | CLOSE, ""));
    let mut rows = vec![
        (
            "7.1.1",
            vec![text("a"), normal.clone()],
            vec![said("a"), closed(1000)],
            true,
        ),
        (
            "7.1.2",
            vec![normal.clone(), normal.clone()],
            vec![closed(1000)],
            true,
        ),
        (
            "7.1.3",
            vec![normal.clone(), ping()],
            vec![closed(1000)],
            true,
        ),
        (
            "7.1.4",
            vec![normal.clone(), text("late")],
            vec![closed(1000)],
            true,
        ),
        (
            "7.1.5",
            vec![
                frame(MORE | TEXT, "a"),
                normal.clone(),
                frame(FIN | CONTINUATION, "b"),
            ],
            vec![closed(1000)],
            true,
        ),
        ("7.3.1", vec![none], vec![answer(FIN | CLOSE, "")], true),
        (
            "7.3.2",
            vec![frame(FIN | CLOSE, "x")],
            vec![closed(1002)],
            true,
        ),
        ("7.3.3", vec![normal], vec![closed(1000)], true),
        (
            "7.3.4",
            vec![closing(1000, "bye")],
            vec![closed(1000)],
            true,
        ),
        (
            "7.3.5",
            vec![closing(1000, [b'r'; 123])],
            vec![closed(1000)],
            true,
        ),
        (
            "7.3.6",
            vec![closing(1000, [b'r'; 124])],
            vec![closed(1002)],
            true,
        ),
        (
            "7.5.1",
            vec![closing(1000, b"\xce\xba\xe1")],
            vec![closed(1007)],
            true,
        ),
    ];
    for code in [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000,
        4999,
    ] {
        rows.push(("7.7", vec![closing(code, "")], vec![closed(code)], true));
    }
    for code in [
        0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535,
    ] {
        rows.push((
            "7.9, 7.13",
            vec![closing(code, "")],
            vec![closed(1002)],
            true,
        ));
    }
    check(rows);
}

#[test]
fn section_9_limits() {
    let max = vec![b'm'; 70_000];
    let part = |first, n: usize| frame(first, &max[..n]);
    check(vec![
        (
            "as long as allowed",
            vec![text(&max)],
            vec![said(&max)],
            false,
        ),
        (
            "longer",
            vec![text([&max[..], b"x"].concat())],
            vec![closed(1009)],
            true,
        ),
        (
            "as long in parts",
            vec![
                part(MORE | TEXT, 69_999),
                part(FIN | CONTINUATION, 1),
                frame(FIN | PING, ""),
            ],
            vec![said(&max), answer(FIN | PONG, "")],
            false,
        ),
        (
            "longer in parts",
            vec![part(MORE | TEXT, 69_999), part(FIN | CONTINUATION, 2)],
            vec![closed(1009)],
            true,
        ),
        (
            "a header that promises more than there is memory",
            vec![vec![
                FIN | BINARY,
                0xff,
                0x7f,
                0xff,
                0xff,
                0xff,
                0xff,
                0xff,
                0xff,
                0xff,
                0,
                0,
                0,
                0,
            ]],
            vec![closed(1009)],
            true,
        ),
        (
            "a length with a sign",
            vec![vec![
                FIN | BINARY,
                0xff,
                0x80,
                0,
                0,
                0,
                0,
                0,
                0,
                1,
                0,
                0,
                0,
                0,
            ]],
            vec![closed(1002)],
            true,
        ),
        (
            "not masked",
            vec![text("a"), said("b")],
            vec![said("a"), closed(1002)],
            true,
        ),
    ]);
    // Many at once: the output is full before the input is empty.
    let many = frame(FIN | BINARY, [7; 1_000]).repeat(500);
    let want = answer(FIN | BINARY, [7; 1_000]).repeat(500);
    assert_eq!(crate::harness::converse(&echo(), &[&many]).bytes, want);
}

#[test]
fn section_10_a_message_in_many_parts() {
    let payload = vec![b'*'; 65_536];
    let mut sent = Vec::new();
    for (n, part) in payload.chunks(1_300).enumerate() {
        let opcode = if n == 0 { TEXT } else { CONTINUATION };
        let fin = if (n + 1) * 1_300 >= payload.len() {
            FIN
        } else {
            MORE
        };
        sent.push(frame(fin | opcode, part));
    }
    check(vec![("10.1.1", sent, vec![said(&payload)], false)]);
}

/// What became of a WebSocket, as its handler saw it.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn note(&self, what: String) {
        self.0.lock().unwrap().push(what);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// Obeys its client.
#[derive(Clone, Default)]
struct Obedient {
    log: Log,
    rooms: Rooms,
    waker: Arc<Mutex<Option<Waker>>>,
}

impl WebSocketHandler for Obedient {
    fn open(&mut self, socket: &mut WebSocket<'_>) -> io::Result<()> {
        *self.waker.lock().unwrap() = Some(socket.waker());
        self.log.note("open".into());
        Ok(())
    }

    fn message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) -> io::Result<()> {
        let text = message.text().unwrap_or_default();
        self.log.note(text.into());
        match text.split_once(' ').unwrap_or((text, "")) {
            ("join", room) => socket.join(&self.rooms.room(room)),
            ("leave", room) => socket.leave(&self.rooms.room(room)),
            ("say", words) => self.rooms.room("r").send(words)?,
            ("close", reason) => {
                socket.close(CloseCode::new(4_000).unwrap(), reason)?;
                socket.close(CloseCode::NORMAL, "twice")?;
                socket.send("too late")?;
            }
            ("fail", _) => return Err(io::Error::other("no")),
            _ => {}
        }
        Ok(())
    }

    fn woken(&mut self, socket: &mut WebSocket<'_>) -> io::Result<()> {
        socket.send("woken")
    }

    fn closed(&mut self, code: CloseCode, reason: &str) {
        self.log.note(format!("closed {code} {reason}"));
    }
}

#[test]
fn a_handler_hears_once_how_its_websocket_closed() {
    type Act<'a> = &'a dyn Fn(&mut Conversation<'_>) -> Vec<u8>;
    let rows: [(&str, Act<'_>, Vec<u8>, &str); 9] = [
        (
            "the client",
            &|talk| talk.send(&closing(3_001, "done")),
            closed(3_001),
            "closed 3001 done",
        ),
        (
            "no code",
            &|talk| talk.send(&frame(FIN | CLOSE, "")),
            answer(FIN | CLOSE, ""),
            "closed 1005 ",
        ),
        (
            "the end of input",
            &|talk| talk.end(),
            vec![],
            "closed 1006 ",
        ),
        (
            "a broken frame",
            &|talk| talk.send(&said("not masked")),
            closed(1002),
            "closed 1002 ",
        ),
        ("a drain", &|talk| talk.stop(), closed(1001), "closed 1001 "),
        (
            "the handler",
            &|talk| talk.send(&text("close now")),
            answer(FIN | CLOSE, b"\x0f\xa0now"),
            "closed 4000 now",
        ),
        (
            "a reason that is too long",
            &|talk| talk.send(&text(format!("close {}ü", "x".repeat(122)))),
            answer(FIN | CLOSE, [&b"\x0f\xa0"[..], &[b'x'; 122]].concat()),
            &format!("closed 4000 {}ü", "x".repeat(122)),
        ),
        (
            "an error",
            &|talk| talk.send(&text("fail")),
            closed(1011),
            "closed 1011 ",
        ),
        (
            "silence",
            &|talk| {
                assert_eq!(talk.pass(999), b"");
                assert_eq!(talk.pass(1), answer(FIN | PING, ""));
                assert_eq!(talk.pass(999), b"");
                talk.pass(1)
            },
            vec![],
            "closed 1006 ",
        ),
    ];
    for (name, act, want, end) in rows {
        let handler = Obedient::default();
        let process = Open(|| handler.clone());
        let mut talk = Conversation::open(&process);
        assert_eq!(handler.log.take(), ["open"], "{name}");
        assert_eq!(act(&mut talk), want, "{name}");
        // What the client sends behind its end, or ours, is not handled.
        talk.send(&text("behind"));
        talk.send(&closing(1000, ""));
        talk.end();
        assert!(talk.closed(), "{name}");
        let log = handler.log.take();
        assert_eq!(log.last().unwrap(), end, "{name}");
        assert!(!log.contains(&"behind".into()), "{name}");
        assert_eq!(
            log.iter().filter(|line| line.starts_with("closed")).count(),
            1,
            "{name}"
        );
    }
}

#[test]
fn a_close_frame_of_the_server_is_answered_or_times_out() {
    let handler = Obedient::default();
    let process = Open(|| handler.clone());
    // In the middle of a long frame, which still has to be read to its end.
    let long = frame(FIN | BINARY, [1; 50_000]);
    for answers in [true, false] {
        let mut talk = Conversation::open(&process);
        talk.send(&long[..20_000]);
        assert_eq!(talk.stop(), closed(1001));
        talk.send(&long[20_000..]);
        assert_eq!(talk.send(&frame(FIN | PING, "p")), answer(FIN | PONG, "p"));
        assert!(!talk.closed());
        assert_eq!(talk.deadline(), Some(CLOSE_MS));
        match answers {
            true => talk.send(&closing(1001, "")),
            false => talk.pass(CLOSE_MS),
        };
        assert!(talk.closed());
    }
}

#[test]
fn a_client_that_answers_pings_stays() {
    let process = echo();
    let mut talk = Conversation::open(&process);
    for _ in 0..5 {
        assert!(!talk.is_waiting(), "not to be evicted");
        assert_eq!(talk.pass(1_000), answer(FIN | PING, ""));
        assert_eq!(talk.pass(500), b"");
        assert!(!talk.is_waiting(), "the answer may be on its way");
        assert_eq!(talk.pass(100), b"");
        assert!(talk.is_waiting());
        assert_eq!(talk.send(&frame(FIN | PONG, "")), b"");
    }
    // Half a header is a sign of life, too, but not for ever.
    talk.send(&text("x")[..3]);
    assert_eq!(talk.pass(1_000), answer(FIN | PING, ""));
    talk.pass(1_000);
    assert!(talk.closed());
}

#[test]
fn rooms_and_wakes_reach_a_client() {
    let handler = Obedient::default();
    let process = Open(|| handler.clone());
    let (mut a, mut b) = (Conversation::open(&process), Conversation::open(&process));
    a.send(&text("join r"));
    b.send(&text("join r"));
    assert!(!a.is_woken());
    assert_eq!(
        b.send(&text("say hello")),
        said("hello"),
        "its own message comes at once"
    );
    assert!(a.is_woken());
    assert_eq!(a.wake(), [said("woken"), said("hello")].concat());
    b.is_woken();
    // A long message is shared, a short one copied.
    let long = "x".repeat(50_000);
    assert_eq!(a.send(&text(format!("say {long}"))), said(&long));
    assert_eq!(b.wake(), [said("woken"), said(&long)].concat());
    a.send(&text("leave r"));
    b.send(&text("say again"));
    a.is_woken();
    assert_eq!(a.wake(), said("woken"));
    assert_eq!(handler.rooms.room("r").members(), 1);
    b.send(&closing(1000, ""));
    assert_eq!(
        handler.rooms.room("r").members(),
        0,
        "a closed WebSocket has left"
    );
    drop((a, b));
    let waker = handler.waker.lock().unwrap().take().unwrap();
    waker.wake();
}

#[test]
fn a_message_that_has_come_is_sent_before_a_drain_ends_the_websocket() {
    let handler = Obedient::default();
    let process = Open(|| handler.clone());
    let mut talk = Conversation::open(&process);
    talk.send(&text("join r"));
    handler.rooms.room("r").send("last").unwrap();
    assert_eq!(talk.stop(), [said("last"), closed(1001)].concat());
}

#[test]
fn a_client_whose_output_was_full_is_not_taken_for_silent() {
    let process = echo();
    let mut connection = process.open(&Peer::Unix);
    let (mut input, mut output) = (Input::default(), Output::default());
    let mut step = |output: &mut Output, bytes: &[u8], ms| {
        for part in bytes.chunks(Input::CHUNK) {
            input.space(70_000)[..part.len()].copy_from_slice(part);
            input.filled(part.len());
        }
        connection.step(&mut Io {
            input: &mut input,
            output,
            peer: &Peer::Unix,
            now: Now {
                at: Millis::new(ms),
                unix_ms: 0,
            },
            eof: false,
            stopping: false,
            crowded: false,
            woken: false,
            tally: &mut (),
            wakers: Wakers {
                queue: &WakeQueue::new(|| {}),
                connection: 0,
            },
        })
    };
    assert!(matches!(step(&mut output, b"", 0), Next::WaitUntil(_)));
    for ms in 1..6 {
        step(&mut output, &frame(FIN | BINARY, [1; 16_000]), ms);
    }
    assert!(output.is_full());
    // Much later, the client has read it, and its pong is still in the kernel.
    output.advance(u64::MAX);
    let next = step(&mut output, b"", 9_000);
    assert!(
        matches!(next, Next::WaitUntil(at) if at.get() == 10_000),
        "{next:?}"
    );
}

#[test]
fn a_member_that_is_too_slow_is_told_to_try_again_later() {
    let handler = Obedient::default();
    let process = Open(|| handler.clone());
    let mut slow = Conversation::open(&process);
    slow.send(&text("join r"));
    let room = handler.rooms.room("r");
    // More than waits for any member.
    for _ in 0..50 {
        room.send(&"x".repeat(100_000)).unwrap();
    }
    let got = slow.wake();
    let end = answer(
        FIN | CLOSE,
        [&1013_u16.to_be_bytes()[..], b"too slow"].concat(),
    );
    assert!(got == [said("woken"), end].concat(), "{} bytes", got.len());
    assert_eq!(room.members(), 0);
}

#[test]
fn an_idle_websocket_is_small() {
    // With the link, its place in a slab and what the allocator adds, below 600 bytes.
    let size = size_of::<WebSocketConnection<[u8; 16]>>();
    assert!(size <= 128, "{size}");
}
