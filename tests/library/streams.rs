//! Bodies that are never in memory as a whole, out and in: what goes over the wire, when it ends,
//! and how much memory it takes.

use std::cell::Cell;
use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::server::{Client, children, sleep_ms, wait_until};
use httprs::harness::{Conversation, converse, every_split};
use httprs::http::chunked::Decoder;
use httprs::http::{Body, Fields, Flow, Limits, Piece, Plan, Sink, Source, Trailers, Want};
use httprs::process::{Connection, Io, Next};
use httprs::{Handler, Http1, HttpRequest, HttpResponse, Method, Millis, Server, StatusCode};

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Words, one a pull, with what else a source may say.
#[derive(Clone, Default)]
struct Words {
    words: &'static [&'static str],
    at: usize,
    length: Option<u64>,
    trailer: Option<(&'static str, &'static str)>,
    breaks: bool,
}

impl Source for Words {
    fn pull(&mut self, piece: &mut Piece<'_>) -> io::Result<Flow> {
        let Some(word) = self.words.get(self.at) else {
            return match self.breaks {
                true => Err(io::Error::other("out of words")),
                false => Ok(Flow::End),
            };
        };
        self.at += 1;
        write!(piece, "{word}")?;
        Ok(Flow::More)
    }

    fn length(&self) -> Option<u64> {
        self.length
    }

    fn trailers(&mut self, trailers: &mut Trailers) -> io::Result<()> {
        if let Some((name, value)) = self.trailer {
            trailers.add(name, value)?;
        }
        Ok(())
    }
}

/// Answers every request with the same stream.
fn answering(status: StatusCode, words: Words) -> Http1<impl Handler> {
    Http1::new(move |_, res| {
        res.status(status)
            .body(Body::Stream(Box::new(words.clone())));
        Ok(())
    })
}

#[test]
fn a_stream_is_sent_as_the_client_can_read_it() {
    const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    const OLD: &str = "GET / HTTP/1.0\r\n\r\n";
    const OLD_KEEP: &str = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    const HEAD: &str = "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n";
    const CHUNKED: &str = "Transfer-Encoding: chunked\r\n\r\n";
    const CLOSE: &str = "Connection: close\r\n\r\n";
    const FAILED: &str = "Content-Length: 55\r\n\r\n";
    let ab = Words {
        words: &["a", "bcdefghijklmnop"],
        ..Words::default()
    };
    let known = |length| Words {
        length: Some(length),
        ..ab.clone()
    };
    let trailer = |name, value| Words {
        trailer: Some((name, value)),
        ..ab.clone()
    };
    let broken = Words {
        breaks: true,
        ..ab.clone()
    };
    let large: &str = "x".repeat(16 * 1024).leak();
    let later = Words {
        words: vec![large, "never sent"].leak(),
        ..broken.clone()
    };
    let first = format!("4000\r\n{large}\r\n");
    let why = "500 Internal Server Error: the server failed to answer\n";
    let empty = Words::default();
    let stuck = Words {
        words: &["a", "", "b"],
        ..Words::default()
    };
    let ok = StatusCode::OK;
    let bare = StatusCode::NO_CONTENT;
    let all = "10\r\nabcdefghijklmnop\r\n0\r\n\r\n";
    let length = "Content-Length: 16\r\n\r\n";
    let plain = "abcdefghijklmnop";
    let both = "Content-Length: 16\r\nConnection: keep-alive\r\n\r\n";
    // What is asked, of which source, the end of the head, what follows, whether it ends there.
    let mut faults = Vec::new();
    for (name, ask, status, source, head, body, closed) in [
        ("in one chunk", GET, ok, &ab, CHUNKED, all, false),
        ("nothing", GET, ok, &empty, CHUNKED, "0\r\n\r\n", false),
        ("no body", HEAD, ok, &ab, CHUNKED, "", false),
        (
            "no body by status",
            GET,
            bare,
            &ab,
            "timeout=75\r\n\r\n",
            "",
            false,
        ),
        ("to 1.0", OLD, ok, &ab, CLOSE, plain, true),
        ("to 1.0 that stays", OLD_KEEP, ok, &ab, CLOSE, plain, true),
        ("known", GET, ok, &known(16), length, plain, false),
        ("known to 1.0", OLD_KEEP, ok, &known(16), both, plain, false),
        ("known, HEAD", HEAD, ok, &known(16), length, "", false),
        ("too short", GET, ok, &known(17), "17\r\n\r\n", plain, true),
        ("too long", GET, ok, &known(15), "15\r\n\r\n", "", true),
        (
            "known and empty",
            GET,
            ok,
            &known(0),
            "0\r\n\r\n",
            "",
            false,
        ),
        ("broken", GET, ok, &broken, FAILED, why, false),
        ("broken to 1.0", OLD, ok, &broken, CLOSE, why, true),
        ("broken later", GET, ok, &later, CHUNKED, &first, true),
        ("more of nothing", GET, ok, &stuck, FAILED, why, false),
        (
            "a trailer",
            GET,
            ok,
            &trailer("X-Sum", "5"),
            CHUNKED,
            "10\r\nabcdefghijklmnop\r\n0\r\nX-Sum: 5\r\n\r\n",
            false,
        ),
        (
            "a trailer to 1.0",
            OLD,
            ok,
            &trailer("X-Sum", "5"),
            CLOSE,
            plain,
            true,
        ),
        (
            "a trailer that may not be one",
            GET,
            ok,
            &trailer("Content-Type", "text/plain"),
            CHUNKED,
            "10\r\nabcdefghijklmnop\r\n",
            true,
        ),
    ] {
        let http = answering(status, source.clone());
        let got = every_split(&http, ask.as_bytes());
        assert_eq!((got.closed, got.exchanges), (closed, 1), "{name}");
        let mut talk = Conversation::open(&http);
        talk.send(ask.as_bytes());
        faults.extend(talk.faults().iter().map(|fault| format!("{name}: {fault}")));
        let got = text(got.bytes);
        let (got_head, got_body) = got.split_once("\r\n\r\n").expect("a head");
        let got_head = format!("{got_head}\r\n\r\n");
        assert!(got_head.ends_with(head), "{name}: {got_head}");
        assert_eq!(got_body, body, "{name}");
        if !closed {
            let twice = every_split(&http, [ask, ask].concat().as_bytes());
            assert_eq!(text(twice.bytes), format!("{got}{got}"), "{name}, twice");
        }
    }
    // For the log.
    assert_eq!(
        faults,
        [
            "too short: a source makes less than it promised",
            "too long: a source makes more than it promised",
            "broken: out of words",
            "broken to 1.0: out of words",
            "broken later: out of words",
            "more of nothing: a source says More and adds nothing",
            "a trailer that may not be one: a field that may not stand behind a body",
        ]
    );
}

#[test]
fn small_pieces_are_sent_together_and_large_ones_alone() {
    let http = Http1::new(|req, res| {
        let size: usize = req.query_str().and_then(|q| q.parse().ok()).unwrap_or(1);
        let mut left = 100_000_usize;
        res.stream(move |piece| {
            let n = size.min(left);
            piece.write_all(&vec![b'x'; n])?;
            left -= n;
            Ok(if left > 0 { Flow::More } else { Flow::End })
        });
        Ok(())
    });
    for (size, chunks) in [
        (1, "4000 4000 4000 4000 4000 4000 6a0"),
        (16_383, "7ffe 7ffe 7ffe 6a6"),
        (16_384, "4000 4000 4000 4000 4000 4000 6a0"),
        (50_000, "c350 c350"),
        (1_000_000, "186a0"),
    ] {
        let ask = format!("GET /?{size} HTTP/1.1\r\nHost: x\r\n\r\n");
        let got = text(converse(&http, &[ask.as_bytes()]).bytes);
        let (_, body) = got.split_once("\r\n\r\n").expect("a head");
        let sizes: Vec<&str> = body
            .split("\r\n")
            .filter(|line| !line.is_empty() && !line.contains('x'))
            .collect();
        assert_eq!(sizes.join(" "), format!("{chunks} 0"), "{size}");
    }
}

/// Says the time every second, three times or until the worker is about to leave.
fn clock() -> Http1<impl Handler> {
    Http1::new(|_, res| {
        let mut left = 3;
        res.stream(move |piece| {
            if piece.stopping() {
                write!(piece, "bye")?;
                return Ok(Flow::End);
            }
            write!(piece, "{:02}", piece.now().unix() % 100)?;
            left -= 1;
            match left {
                0 => Ok(Flow::End),
                _ => Ok(Flow::WaitUntil(piece.now().at.after(1_000))),
            }
        });
        Ok(())
    })
}

#[test]
fn a_source_that_waits_is_asked_when_it_said_and_not_before() {
    const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let http = clock();
    let mut talk = Conversation::open(&http);
    assert!(text(talk.send(GET)).ends_with("\r\n\r\n2\r\n00\r\n"));
    assert_eq!(talk.deadline(), Some(1_000));
    // Requests that come meanwhile wait for their turn, even more than there is room for.
    for _ in 0..1_000 {
        assert_eq!(text(talk.send(GET)), "");
    }
    assert_eq!(text(talk.pass(999)), "");
    assert_eq!(text(talk.pass(1)), "2\r\n01\r\n");
    let last = text(talk.pass(1_000));
    assert!(last.starts_with("2\r\n02\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n"));
    assert!(last.ends_with("2\r\n02\r\n"), "the next one has begun");
    assert_eq!(talk.exchanges(), 1);
    for _ in 0..2_000 {
        talk.pass(1_000);
    }
    assert_eq!(talk.exchanges(), 1_001);

    let mut talk = Conversation::open(&http);
    talk.send(GET);
    talk.pass(500);
    assert_eq!(text(talk.stop()), "3\r\nbye\r\n0\r\n\r\n");
    // The head had said that the connection stays open.
    assert!(!talk.closed());
    talk.pass(200);
    assert!(talk.closed());

    // A client that has said its last while there is nothing for it is gone.
    let mut talk = Conversation::open(&http);
    talk.send(GET);
    assert_eq!(talk.exchanges(), 0);
    assert_eq!(text(talk.end()), "");
    assert!(talk.closed());
    assert_eq!(talk.exchanges(), 1, "which is logged");
    // An answer that waits for nothing is whole all the same.
    let at_once = Http1::new(|_, res| {
        let mut left = 3;
        res.stream(move |piece| {
            left -= 1;
            write!(piece, "{left}")?;
            Ok(if left > 0 { Flow::More } else { Flow::End })
        });
        Ok(())
    });
    let got = every_split(&at_once, GET);
    assert!(text(got.bytes).ends_with("\r\n\r\n3\r\n210\r\n0\r\n\r\n"));
}

/// Adds up what it is given, as its path says.
struct Summing {
    /// Sinks that were dropped.
    gone: Arc<AtomicUsize>,
}

struct Sum {
    total: usize,
    enough: usize,
    fails: usize,
    most: Option<u64>,
    gone: Arc<AtomicUsize>,
}

impl Drop for Sum {
    fn drop(&mut self) {
        self.gone.fetch_add(1, Ordering::Relaxed);
    }
}

impl Handler for Summing {
    fn plan(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<Plan> {
        assert!(req.body().is_empty(), "it is asked before the body");
        match req.path() {
            "/gather" => return Ok(Plan::Gather),
            "/no" => {
                res.status(StatusCode::FORBIDDEN);
                writeln!(res, "no")?;
                return Ok(Plan::Answered);
            }
            "/cannot" => return Err(io::ErrorKind::Other.into()),
            _ => {}
        }
        let mut sum = Sum {
            total: 0,
            enough: usize::MAX,
            fails: usize::MAX,
            most: None,
            gone: self.gone.clone(),
        };
        match req.path() {
            "/any" => sum.most = Some(u64::MAX),
            "/five" => sum.most = Some(5),
            "/enough" => sum.enough = 3,
            "/fail" => sum.fails = 3,
            _ => {}
        }
        res.header("X-Plan", "made")?;
        Ok(Plan::Stream(Box::new(sum)))
    }

    fn handle(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        writeln!(res, "gathered {}", req.body().len())
    }
}

impl Sink for Sum {
    fn piece(&mut self, bytes: &[u8]) -> io::Result<Want> {
        assert!(!bytes.is_empty());
        self.total += bytes.len();
        if self.total >= self.fails {
            return Err(io::ErrorKind::Other.into());
        }
        Ok(match self.total >= self.enough {
            true => Want::Enough,
            false => Want::More,
        })
    }

    fn answer(self: Box<Self>, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        assert!(req.body().is_empty(), "nothing is gathered");
        let trailer = req.trailers().get_str("x").unwrap_or("-");
        match self.enough {
            3 => writeln!(res, "enough"),
            _ => writeln!(res, "{} {trailer}", self.total),
        }
    }

    fn max_bytes(&self, configured: u64) -> u64 {
        assert_eq!(configured, 10);
        self.most.unwrap_or(configured)
    }
}

fn post(path: &str, fields: &str, body: &str) -> Vec<u8> {
    format!("POST {path} HTTP/1.1\r\nHost: x\r\n{fields}\r\n{body}").into_bytes()
}

fn post_length(path: &str, fields: &str, length: usize) -> Vec<u8> {
    let fields = format!("{fields}Content-Length: {length}\r\n");
    post(path, &fields, &"x".repeat(length))
}

#[test]
fn a_body_goes_where_the_handler_wants_it() {
    let gone = Arc::new(AtomicUsize::new(0));
    let http = Http1::with(Summing { gone: gone.clone() }).limits(Limits {
        body_bytes: 10,
        ..Limits::default()
    });
    let chunked = "Transfer-Encoding: chunked\r\n";
    let expect = "Expect: 100-continue\r\n";
    let in_chunks = |path, body| post(path, chunked, body);
    // What is sent, the status and the end of the answer, whether the connection goes on.
    for (name, wire, status, end, open) in [
        ("pieces", post_length("/", "", 9), 200, "9 -\n", true),
        ("the limit", post_length("/", "", 10), 200, "10 -\n", true),
        (
            "beyond",
            post_length("/", "", 11),
            413,
            "too large\n",
            false,
        ),
        ("no body", post("/", "", ""), 200, "0 -\n", true),
        (
            "none at all",
            post("/", "Content-Length: 0\r\n", ""),
            200,
            "0 -\n",
            true,
        ),
        (
            "chunks and a trailer",
            in_chunks("/", "3\r\nabc\r\n4\r\ndefg\r\n0\r\nX: y\r\n\r\n"),
            200,
            "7 y\n",
            true,
        ),
        (
            "chunks beyond",
            in_chunks("/", "3\r\nabc\r\n8\r\ndefghijk\r\n0\r\n\r\n"),
            413,
            "too large\n",
            false,
        ),
        (
            "broken chunks",
            in_chunks("/", "3\r\nabcX"),
            400,
            "longer than its size\n",
            false,
        ),
        (
            "own limit",
            post_length("/five", "", 6),
            413,
            "too large\n",
            false,
        ),
        (
            "no limit",
            post_length("/any", "", 70_000),
            200,
            "70000 -\n",
            true,
        ),
        (
            "no limit for chunks",
            in_chunks("/any", "b\r\nabcdefghijk\r\n0\r\n\r\n"),
            200,
            "11 -\n",
            true,
        ),
        (
            "gathered",
            post_length("/gather", "", 10),
            200,
            "gathered 10\n",
            true,
        ),
        (
            "gathered beyond",
            post_length("/gather", "", 11),
            413,
            "too large\n",
            false,
        ),
        (
            "told to go on",
            post_length("/", expect, 3),
            200,
            "3 -\n",
            true,
        ),
        (
            "told that it is too large",
            post_length("/", expect, 11),
            413,
            "too large\n",
            false,
        ),
        ("not wanted", post_length("/no", "", 70), 403, "no\n", true),
        (
            "not wanted and too large to be read",
            post_length("/no", "", 65_537),
            403,
            "no\n",
            false,
        ),
        (
            "as large as is read",
            post_length("/no", "", 65_536),
            403,
            "no\n",
            true,
        ),
        (
            "not wanted, without end",
            in_chunks("/no", "3\r\nabc\r\n0\r\n\r\n"),
            403,
            "no\n",
            false,
        ),
        (
            "not wanted and not sent yet",
            post("/no", "Expect: 100-continue\r\nContent-Length: 9\r\n", ""),
            403,
            "no\n",
            false,
        ),
        (
            "nothing there to be wanted",
            post("/no", expect, ""),
            403,
            "no\n",
            true,
        ),
        (
            "enough",
            post_length("/enough", "", 10),
            200,
            "enough\n",
            true,
        ),
        (
            "enough, told to go on",
            post_length("/enough", expect, 10),
            200,
            "enough\n",
            true,
        ),
        (
            "enough of chunks",
            in_chunks("/enough", "3\r\nabc\r\n0\r\n\r\n"),
            200,
            "enough\n",
            false,
        ),
        (
            "enough before it breaks",
            in_chunks("/enough", "3\r\nabcX"),
            200,
            "enough\n",
            false,
        ),
        (
            "failed",
            post_length("/fail", "", 10),
            500,
            "failed to answer\n",
            true,
        ),
        (
            "failed plan",
            post_length("/cannot", "", 10),
            500,
            "failed to answer\n",
            true,
        ),
    ] {
        let streams = !wire.starts_with(b"POST /gather")
            && !wire.starts_with(b"POST /no")
            && !wire.starts_with(b"POST /cannot");
        gone.store(0, Ordering::Relaxed);
        let got = converse(&http, &[&wire]);
        let sinks = gone.load(Ordering::Relaxed);
        assert_eq!(sinks, usize::from(streams), "{name}: sinks");
        assert_eq!(every_split(&http, &wire), got, "{name}");
        assert_eq!((got.closed, got.exchanges), (!open, 1), "{name}");
        let got = text(got.bytes);
        let told = got.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n");
        let expects = wire.windows(expect.len()).any(|w| w == expect.as_bytes());
        assert_eq!(told.is_some(), expects && status < 300, "{name}: {got}");
        let answer = told.unwrap_or(&got);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.ends_with(end),
            "{name}: {got}"
        );
        let closes = answer.contains("\r\nConnection: close\r\n");
        assert_eq!(closes, !open, "{name}: {got}");
        let made = answer.contains("\r\nX-Plan: made\r\n");
        assert_eq!(made, streams && status == 200, "{name}: {got}");
        if open {
            let wires = [&wire[..], &post_length("/", "", 4)].concat();
            let both = every_split(&http, &wires);
            assert_eq!(both.exchanges, 2, "{name}: and another one");
            assert!(text(both.bytes).ends_with("\r\n\r\n4 -\n"), "{name}");
        }
    }
}

#[test]
fn an_answer_waits_for_a_small_body_that_no_handler_wants_and_not_forever() {
    let http = Http1::with(Summing {
        gone: Arc::default(),
    })
    .limits(Limits {
        body_bytes: 10,
        ..Limits::default()
    });
    let part = post("/no", "Content-Length: 9\r\n", "some");
    for (name, how, want) in [
        ("silence", 0, "HTTP/1.1 408 "),
        ("an end", 1, "HTTP/1.1 400 "),
        ("the rest, while the worker leaves", 2, "HTTP/1.1 403 "),
    ] {
        let mut talk = Conversation::open(&http);
        assert_eq!(text(talk.send(&part)), "", "{name}");
        let more = match how {
            0 => talk.pass(10_000),
            1 => talk.end(),
            _ => {
                assert!(talk.stop().is_empty() && !talk.closed(), "{name}");
                talk.send(b"other")
            }
        };
        assert!(text(more).starts_with(want), "{name}");
        assert!(talk.closed(), "{name}");
    }
}

#[test]
fn a_stream_begins_when_the_body_that_no_handler_wants_is_there() {
    struct Early;
    impl Handler for Early {
        fn plan(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<Plan> {
            if req.path() != "/stream" {
                return Ok(Plan::Gather);
            }
            let mut left = 300;
            res.stream(move |piece| {
                left -= 1;
                write!(piece, ".")?;
                Ok(match left {
                    0 => Flow::End,
                    _ => Flow::WaitUntil(piece.now().at.after(1_000)),
                })
            });
            Ok(Plan::Answered)
        }
        fn handle(&self, _: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
            write!(res, "next")
        }
    }
    let http = Http1::with(Early);
    let mut talk = Conversation::open(&http);
    let (body, rest) = ("y".repeat(39_999), b"y");
    let head = "Content-Length: 40000\r\n";
    assert!(talk.send(&post("/stream", head, &body)).is_empty());
    assert!(talk.send(rest).ends_with(b"\r\n1\r\n.\r\n"));
    talk.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    let last: String = (0..300).map(|_| text(talk.pass(1_000))).collect();
    assert!(last.ends_with("\r\n\r\nnext"), "{last}");
}

#[test]
fn a_source_that_waits_for_ever_is_asked_when_the_worker_leaves() {
    let http = Http1::new(|_, res| {
        res.stream(|piece| match piece.stopping() {
            true => Ok(Flow::End),
            false => Ok(Flow::WaitUntil(Millis::NEVER)),
        });
        Ok(())
    });
    let mut talk = Conversation::open(&http);
    talk.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(talk.deadline(), Some(3_600_000), "an hour at most");
    assert!(!talk.closed());
    assert_eq!(text(talk.stop()), "0\r\n\r\n");
}

#[test]
fn a_length_that_is_reached_is_an_end() {
    struct Five(u8);
    impl Source for Five {
        fn pull(&mut self, piece: &mut Piece<'_>) -> io::Result<Flow> {
            self.0 += 1;
            assert_eq!(self.0, 1, "asked again");
            write!(piece, "fives")?;
            Ok(Flow::More)
        }
        fn length(&self) -> Option<u64> {
            Some(5)
        }
    }
    let http = Http1::new(|_, res| {
        res.body(Body::Stream(Box::new(Five(0))));
        Ok(())
    });
    let got = every_split(&http, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(!got.closed && got.bytes.ends_with(b"\r\n\r\nfives"));
}

#[test]
fn statuses_that_say_something_about_the_connection() {
    let http = Http1::new(|req, res| {
        match req.path() {
            "/205" => res.status(StatusCode::RESET_CONTENT),
            _ => res
                .status(StatusCode::UPGRADE_REQUIRED)
                .header("Upgrade", "loud")?,
        };
        write!(res, "body")
    });
    for (target, fields, end) in [
        ("/205", "", "timeout=75\r\nContent-Length: 0\r\n\r\n"),
        (
            "/",
            "",
            "Content-Length: 4\r\nConnection: upgrade\r\n\r\nbody",
        ),
        (
            "/",
            "Connection: close\r\n",
            "Content-Length: 4\r\nConnection: close, upgrade\r\n\r\nbody",
        ),
    ] {
        let wire = format!("GET {target} HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
        let got = text(every_split(&http, wire.as_bytes()).bytes);
        assert!(got.ends_with(end), "{target} {fields}: {got}");
    }
}

#[test]
fn a_body_that_is_cut_off_never_looks_complete() {
    let server = Server::bind("127.0.0.1:0").unwrap().workers(1);
    let address = server.local_addr().unwrap();
    let broken = Words {
        words: &["some"],
        breaks: true,
        ..Words::default()
    };
    let http = Http1::new(move |_, res| {
        let mut source = broken.clone();
        let mut first = true;
        // What was sent before it breaks off has arrived, so that only the end can tell.
        res.stream(move |piece| match std::mem::take(&mut first) {
            true => {
                write!(piece, "first")?;
                Ok(Flow::WaitUntil(piece.now().at.after(50)))
            }
            false => source.pull(piece).and_then(|_| source.pull(piece)),
        });
        Ok(())
    });
    let running = server.spawn(http).unwrap();
    let mut client = Client::tcp(TcpStream::connect(address).unwrap());
    client.send(b"GET / HTTP/1.0\r\n\r\n");
    let end = client.rest().expect_err("a reset");
    assert_eq!(end.kind(), io::ErrorKind::ConnectionReset);
    running.stop().unwrap();
}

#[test]
fn a_sink_whose_body_never_comes_is_dropped_unasked() {
    let gone = Arc::new(AtomicUsize::new(0));
    let http = Http1::with(Summing { gone: gone.clone() }).limits(Limits {
        body_bytes: 10,
        ..Limits::default()
    });
    let mut talk = Conversation::open(&http);
    talk.send(&post("/", "Content-Length: 9\r\n", "some"));
    assert_eq!(gone.load(Ordering::Relaxed), 0);
    assert!(text(talk.end()).starts_with("HTTP/1.1 400 "));
    assert_eq!(gone.load(Ordering::Relaxed), 1);
    let mut talk = Conversation::open(&http);
    talk.send(&post("/", "Content-Length: 9\r\n", "some"));
    drop(talk);
    assert_eq!(gone.load(Ordering::Relaxed), 2);
}

/// Repeats what it hears, in capitals.
struct Loud;

impl Connection for Loud {
    fn step(&mut self, io: &mut Io<'_>) -> Next {
        let loud = io.input.take().to_ascii_uppercase();
        io.output.push(&loud);
        match io.eof {
            true => Next::Close,
            false => Next::Wait,
        }
    }
}

/// Hands every request over, right or wrong.
struct Switching;

impl Handler for Switching {
    fn plan(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<Plan> {
        if req.path() == "/plain" {
            return Ok(Plan::Gather);
        }
        if req.method() != Method::Connect {
            res.status(StatusCode::SWITCHING_PROTOCOLS)
                .header("Upgrade", "loud")?;
        }
        Ok(Plan::Become(Box::new(Loud)))
    }

    fn handle(&self, _: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        writeln!(res, "plain")
    }
}

#[test]
fn another_protocol_takes_over_where_the_client_asked_for_it() {
    let http = Http1::with(Switching);
    let upgrade = "Connection: upgrade\r\nUpgrade: loud\r\n";
    let get = |fields: &str| format!("GET / HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
    let connect = "CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n";
    for (name, wire, head) in [
        (
            "upgrade",
            get(upgrade),
            Some("Upgrade: loud\r\nConnection: upgrade"),
        ),
        ("CONNECT", format!("{connect}\r\n"), Some("Server: httprs")),
        ("not asked for", get(""), None),
        (
            "with a body",
            get(&format!("{upgrade}Content-Length: 3\r\n")),
            None,
        ),
        (
            "in 1.0",
            "GET / HTTP/1.0\r\nConnection: upgrade\r\n\r\n".into(),
            None,
        ),
        (
            "with nothing that it would rather speak",
            get("Connection: upgrade\r\n"),
            None,
        ),
        (
            "CONNECT with a body",
            format!("{connect}Content-Length: 3\r\n\r\n"),
            None,
        ),
    ] {
        let got = every_split(&http, format!("{wire}abc").as_bytes());
        assert_eq!(got.exchanges, 1, "{name}");
        let text = text(got.bytes);
        match head {
            Some(head) => {
                let end = format!("{head}\r\n\r\nABC");
                assert!(text.ends_with(&end), "{name}: {text}");
                assert!(!text.contains("Content-Length"), "{name}: {text}");
            }
            None => {
                // It is the client's fault, and none that the log should have.
                assert!(got.closed, "{name}");
                assert!(text.starts_with("HTTP/1.1 400 "), "{name}: {text}");
            }
        }
    }
    // A CONNECT that is accepted without another protocol.
    struct Accepting;
    impl Handler for Accepting {
        fn plan(&self, _: &HttpRequest, _: &mut HttpResponse) -> io::Result<Plan> {
            Ok(Plan::Answered)
        }
        fn handle(&self, _: &HttpRequest, _: &mut HttpResponse) -> io::Result<()> {
            Ok(())
        }
    }
    let got = every_split(
        &Http1::with(Accepting),
        format!("{connect}\r\nabc").as_bytes(),
    );
    assert!(got.closed && got.bytes.starts_with(b"HTTP/1.1 500 "));
    // A handler that switches and does not say so.
    struct Silent;
    impl Handler for Silent {
        fn plan(&self, _: &HttpRequest, _: &mut HttpResponse) -> io::Result<Plan> {
            Ok(Plan::Become(Box::new(Loud)))
        }
        fn handle(&self, _: &HttpRequest, _: &mut HttpResponse) -> io::Result<()> {
            Ok(())
        }
    }
    let got = every_split(&Http1::with(Silent), get(upgrade).as_bytes());
    assert!(got.closed && got.bytes.starts_with(b"HTTP/1.1 500 "));
    // A source that is asked and says nothing of it.
    let wire = format!("GET /plain HTTP/1.1\r\nHost: x\r\n{upgrade}\r\n");
    assert!(text(every_split(&http, wire.as_bytes()).bytes).ends_with("plain\n"));
}

/// Anonymous memory of a process, in kibibytes.
fn anonymous_kib(pid: u32) -> u64 {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("a process");
    let line = rollup.lines().find(|line| line.starts_with("Anonymous:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.and_then(|n| n.parse().ok()).expect("a number")
}

/// Makes, and takes, as much as it is asked to.
struct Bulk;

struct Swallow(u64);

impl Sink for Swallow {
    fn piece(&mut self, bytes: &[u8]) -> io::Result<Want> {
        self.0 += bytes.len() as u64;
        Ok(Want::More)
    }
    fn answer(self: Box<Self>, _: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        write!(res, "{}", self.0)
    }
    fn max_bytes(&self, _: u64) -> u64 {
        u64::MAX
    }
}

impl Handler for Bulk {
    fn plan(&self, req: &HttpRequest, _: &mut HttpResponse) -> io::Result<Plan> {
        Ok(match req.method() {
            Method::Post => Plan::Stream(Box::new(Swallow(0))),
            _ => Plan::Gather,
        })
    }

    fn handle(&self, _: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        let left = Cell::new(64 << 20);
        res.stream(move |piece| {
            let n = piece.room().min(left.get());
            piece.write_all(&[b'x'; 16 * 1024][..n])?;
            left.set(left.get() - n);
            Ok(match left.get() {
                0 => Flow::End,
                _ => Flow::More,
            })
        });
        Ok(())
    }
}

/// Reads a response in chunks; how many bytes its body has.
fn body_in_chunks(client: &mut Client) -> usize {
    let (mut decoder, mut trailers) = (Decoder::default(), Fields::default());
    let limits = Limits {
        body_bytes: u64::MAX,
        ..Limits::default()
    };
    let mut buffer = vec![0; 64 * 1024];
    let (mut head, mut in_body, mut total) = (Vec::new(), false, 0);
    loop {
        let n = client.read(&mut buffer).expect("more of a response");
        assert!(n > 0, "cut after {total} bytes");
        let mut bytes = &buffer[..n];
        if !in_body {
            head.extend_from_slice(bytes);
            let Some(end) = head.windows(4).position(|w| w == b"\r\n\r\n") else {
                continue;
            };
            (in_body, bytes) = (true, &head[end + 4..]);
        }
        let mut body = Vec::new();
        let progress = decoder.decode(bytes, &mut body, &mut trailers, &limits);
        total += body.len();
        if progress.expect("well-formed chunks").done {
            return total;
        }
    }
}

#[test]
fn large_bodies_cost_little_memory_in_both_directions() {
    const LARGE: usize = 64 << 20;
    let server = Server::bind("127.0.0.1:0").unwrap().workers(1);
    let address = server.local_addr().unwrap();
    let running = server.spawn(Http1::with(Bulk)).unwrap();
    let connect = || Client::tcp(TcpStream::connect(address).expect("a connection"));
    wait_until("a worker", || !children(std::process::id()).is_empty());
    let worker = children(std::process::id())[0];

    // Ten clients that ask and do not read.
    let mut slow: Vec<Client> = (0..10).map(|_| connect()).collect();
    let before = anonymous_kib(worker);
    for client in &mut slow {
        client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    // And a source that does, which shows that the others had their turn.
    let mut client = connect();
    client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(body_in_chunks(&mut client), LARGE);
    let grown = anonymous_kib(worker).saturating_sub(before);
    println!("grown by {grown} KiB for ten readers that stand still");
    assert!(grown < 4 * 1024, "{grown} KiB for what is not read");

    let before = anonymous_kib(worker);
    let head = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {LARGE}\r\n\r\n");
    client.send(head.as_bytes());
    for _ in 0..LARGE >> 20 {
        client.send(&vec![b'y'; 1 << 20]);
    }
    assert_eq!(client.response().text(), LARGE.to_string());
    let grown = anonymous_kib(worker).saturating_sub(before);
    println!("grown by {grown} KiB for an upload");
    assert!(grown < 1024, "{grown} KiB for an upload");
    drop((client, slow));
    sleep_ms(10);
    running.stop().unwrap();
}
