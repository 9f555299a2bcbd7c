//! Code that panics while it serves a client costs that client its answer, and no other client
//! anything: the client is told, the log has one event, the other connections finish, and the
//! worker is replaced.
//!
//! What a program writes to standard error cannot be read in that program, so the server runs in
//! another process of this test.

use std::env;
use std::io::{self, Write};
use std::panic;
use std::process::{Command, Stdio};
use std::thread;

use crate::server::{Client, assert_gone, test_name, wait_until};
use httprs::http::{Body, Flow, Piece, Plan, Sink, Source, Trailers, Want};
use httprs::process::{Connection, Io, Next, Output, Peer, Process, Tally};
use httprs::{Format, Handler, Http1, HttpRequest, HttpResponse, Level, Log, Server};

/// Says in the environment what the other process is to serve.
const SERVES: &str = "PANICS_SERVES";
const HTTP: &str = "http";
const HTTP_WITH_HOOK: &str = "http with a hook";
const PROTOCOL: &str = "protocol";

/// What the program's own hook writes.
const OWN: &str = "{\"own\":\"hook\"}\n";

/// Panics at every place that a path can name.
struct Mined;

impl Handler for Mined {
    fn plan(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<Plan> {
        let place = req.path().trim_start_matches('/').to_string();
        match place.as_str() {
            "plan" => panic!("on purpose in {place}"),
            "max_bytes" | "piece" | "enough" | "sink" => Ok(Plan::Stream(Box::new(Mine(place)))),
            "early" => {
                res.body(Body::Stream(Box::new(Mine(place))));
                Ok(Plan::Answered)
            }
            _ => Ok(Plan::Gather),
        }
    }

    fn handle(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        let place = req.path().trim_start_matches('/').to_string();
        match place.as_str() {
            "handle" => {
                write!(res, "half an answer, which no client must see")?;
                panic!("on purpose in {place}")
            }
            "value" => panic::panic_any(7),
            "quoted" => panic!("\"on purpose in {place}\"\n\u{1b}[2J{}", "x".repeat(9_000)),
            "thread" => {
                let joined = thread::spawn(|| panic!("on purpose in a thread")).join();
                let told = if joined.is_err() {
                    "a thread panicked"
                } else {
                    "?"
                };
                res.write_all(told.as_bytes())
            }
            "first" | "later" | "trailers" | "length" | "drop" => {
                res.body(Body::Stream(Box::new(Mine(place))));
                Ok(())
            }
            "pid" => write!(res, "{}", std::process::id()),
            _ => res.write_all(req.body()),
        }
    }
}

/// A body, in either direction, that panics at the place that it is called.
struct Mine(String);

impl Mine {
    fn at(&self, place: &str) {
        assert!(self.0 != place, "on purpose in {place}");
    }
}

impl Sink for Mine {
    fn piece(&mut self, _: &[u8]) -> io::Result<Want> {
        self.at("piece");
        Ok(match self.0.as_str() {
            "enough" => Want::Enough,
            _ => Want::More,
        })
    }

    fn answer(self: Box<Self>, _: &HttpRequest, _: &mut HttpResponse) -> io::Result<()> {
        self.at("enough");
        self.at("sink");
        Ok(())
    }

    fn max_bytes(&self, configured: u64) -> u64 {
        self.at("max_bytes");
        configured
    }
}

impl Source for Mine {
    fn pull(&mut self, piece: &mut Piece<'_>) -> io::Result<Flow> {
        self.at("first");
        self.at("early");
        if self.0 == "later" {
            self.0 = "second".into();
            return piece.write_all(&[b'x'; 20_000]).map(|()| Flow::More);
        }
        self.at("second");
        Ok(Flow::End)
    }

    fn length(&self) -> Option<u64> {
        self.at("length");
        None
    }

    fn trailers(&mut self, _: &mut Trailers) -> io::Result<()> {
        self.at("trailers");
        Ok(())
    }
}

impl Drop for Mine {
    fn drop(&mut self) {
        if self.0 == "drop" {
            panic!("on purpose in drop");
        }
    }
}

/// A protocol without HTTP: echoes, and panics at the place that is named to it.
struct MinedEcho;

impl Process for MinedEcho {
    fn name(&self) -> &'static str {
        "mined echo"
    }

    fn open(&self, _: &Peer) -> Box<dyn Connection + '_> {
        Box::new(MinedEchoing(Vec::new()))
    }
}

struct MinedEchoing(Vec<u8>);

impl Connection for MinedEchoing {
    fn step(&mut self, io: &mut Io<'_>) -> Next {
        self.0 = io.input.take().to_vec();
        match &self.0[..] {
            b"pid" => write!(io.output, "{}", std::process::id()).expect("an output takes all"),
            b"step" => panic!("on purpose in step"),
            echoed => io.output.push(echoed),
        }
        if io.eof || io.stopping {
            Next::Close
        } else {
            Next::Wait
        }
    }

    fn abandoned(&mut self, _: &Output, _: &mut dyn Tally) {}
}

/// Not a test: what the other process runs.
#[test]
#[ignore = "runs in another process of these tests"]
fn serve() {
    let Ok(what) = env::var(SERVES) else {
        return;
    };
    if what == HTTP_WITH_HOOK {
        panic::set_hook(Box::new(|_| {
            io::stderr()
                .write_all(OWN.as_bytes())
                .expect("standard error");
        }));
    }
    let server = Server::bind("127.0.0.1:0").unwrap().workers(1);
    let port = server.local_addr().unwrap().port();
    let server = server
        .log(Log::new(Format::Json, Level::Info, None).unwrap())
        .announce(format!("this serves {what} at http://127.0.0.1:{port}/"));
    match what.as_str() {
        PROTOCOL => server.run(MinedEcho).unwrap(),
        _ => server.run(Http1::with(Mined)).unwrap(),
    };
}

/// The server in another process, which ends when this is dropped.
#[track_caller]
fn launch(what: &str) -> crate::server::Server {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args([
            "--exact",
            &test_name(module_path!(), "serve"),
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(SERVES, what)
        .env("RUST_BACKTRACE", "1")
        .stdout(Stdio::piped());
    crate::server::Server::launch(command)
}

fn ask(target: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST /{target} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}").into()
}

fn pid(client: &mut Client) -> u32 {
    client.get("/pid").text().parse().expect("a pid")
}

/// Every line is an event of the log, and no line of std's.
#[track_caller]
fn assert_events(lines: &[String]) {
    for line in lines {
        let is_event = line.starts_with("{\"time\":\"") && line.ends_with("\"}\n");
        assert!(is_event || line == OWN, "raw text: {line:?}");
    }
}

#[test]
fn a_panic_costs_one_answer_and_the_worker_is_replaced() {
    // A server each: workers that panic in quick succession are replaced once a second.
    thread::scope(|scope| {
        for (place, body, stage, status) in [
            ("handle", "", "answering", Some(500)),
            ("plan", "", "answering", Some(500)),
            ("max_bytes", "hello", "answering", Some(500)),
            ("piece", "hello", "answering", Some(500)),
            ("enough", "hello", "answering", Some(500)),
            ("sink", "hello", "answering", Some(500)),
            ("length", "", "answering", Some(500)),
            ("first", "", "sending the answer to", Some(500)),
            ("early", "hello", "sending the answer to", Some(500)),
            ("later", "", "sending the answer to", None),
            ("trailers", "", "sending the answer to", None),
        ] {
            scope.spawn(move || costs_one_answer(place, body, stage, status));
        }
    });
}

fn costs_one_answer(place: &str, body: &str, stage: &str, status: Option<u16>) {
    let server = launch(HTTP);
    // In the middle of a request, on the same worker.
    let mut other = server.connect();
    let victim = pid(&mut other);
    let wire = ask("echo", "whatever happens");
    let (some, rest) = wire.split_at(wire.len() - 8);
    other.send(some);

    let mut client = server.connect();
    let wire = ask(place, body);
    // Of these, the answer does not wait for a body that may never come.
    let missing = usize::from(matches!(place, "max_bytes" | "piece" | "enough"));
    client.send(&wire[..wire.len() - missing]);
    match status {
        Some(status) => {
            let response = client.response();
            assert_eq!(
                (response.status, response.closes()),
                (status, true),
                "{place}"
            );
            let text = response.text();
            assert!(
                text.starts_with("500 ") && !text.contains("half"),
                "{place}: {text}"
            );
            client.expect_end();
        }
        None => {
            // It ends without the last chunk.
            let got = client.rest().expect("an end");
            assert!(got.starts_with(b"HTTP/1.1 200 OK\r\n"), "{place}");
            assert!(!got.ends_with(b"0\r\n\r\n"), "{place}");
        }
    }

    let event = server
        .err
        .wait_for(&format!("worker 0 (pid {victim}) panicked"));
    let purpose = if place == "later" { "second" } else { place };
    let want = format!("panicked while {stage} POST /{place} from 127.0.0.1:");
    assert!(event.contains(&want), "{place}: {event}");
    assert!(
        event.contains(&format!("on purpose in {purpose} (")),
        "{place}: {event}"
    );
    assert!(
        event.contains("(tests/library/panics.rs:"),
        "{place}: {event}"
    );
    assert!(event.contains("\"level\":\"error\""), "{place}: {event}");
    let left = server.err.wait_for(&format!(
        "worker 0 (pid {victim}) has panicked and is to leave; replaced by "
    ));
    assert!(left.contains("\"level\":\"warn\""), "{place}: {left}");
    // The worker serves until its successor does.
    wait_until("the successor", || pid(&mut server.connect()) != victim);
    assert!(
        crate::server::is_alive(victim),
        "{place}: it has a request to finish"
    );

    other.send(rest);
    assert_eq!(other.response().text(), "whatever happens", "{place}");
    assert_gone(&[victim]);
    let line = server.out.wait_for(&format!("\"/{place}\""));
    let status = format!("\"status\":{},", status.unwrap_or(200));
    assert!(line.contains(&status), "{place}: {line}");
    let lines = server.err.all();
    assert_events(&lines);
    // A debug build warns of the threads of the test harness, too.
    let ours = lines
        .iter()
        .filter(|line| !line.contains("threads exist while workers are forked"));
    assert_eq!(
        ours.count(),
        3,
        "{place}: the banner and two events: {lines:?}"
    );
}

#[test]
fn what_a_panic_says_is_one_line_whatever_it_is() {
    let server = launch(HTTP);
    for (place, want) in [
        (
            "value",
            "ms old: a value that is no text (tests/library/panics.rs:",
        ),
        (
            "quoted",
            r#"ms old: \"on purpose in quoted\"\n\u001b[2Jxxxx"#,
        ),
    ] {
        let victim = pid(&mut server.connect());
        assert_eq!(server.request(&ask(place, "")).status, 500, "{place}");
        let event = server.err.wait_for(&format!("/{place} from"));
        assert!(event.contains(want), "{place}: {event}");
        assert!(event.len() <= 4_096, "{place}: {}", event.len());
        server
            .err
            .wait_for(&format!("(pid {victim}) has panicked and is to leave"));
        assert_gone(&[victim]);
    }
    // A panic that the handler survives is logged, too, and no reason to leave.
    let survivor = pid(&mut server.connect());
    let response = server.request(&ask("thread", ""));
    assert_eq!(
        (response.status, response.text().as_str()),
        (200, "a thread panicked")
    );
    let event = server.err.wait_for("in another thread");
    assert!(
        event.contains("panicked in another thread: on purpose in a thread (tests/"),
        "{event}"
    );
    assert_eq!(pid(&mut server.connect()), survivor);
    assert_events(&server.err.all());
}

#[test]
fn a_hook_of_the_programs_own_is_called_behind_the_event() {
    let server = launch(HTTP_WITH_HOOK);
    assert_eq!(server.request(&ask("handle", "")).status, 500);
    server.err.wait_for("is to leave");
    let lines = server.err.all();
    let event = lines
        .iter()
        .position(|line| line.contains("on purpose"))
        .unwrap();
    assert_eq!(lines[event + 1], OWN, "{lines:?}");
    assert_events(&lines);
}

#[test]
fn a_protocol_that_panics_costs_its_connection_alone() {
    let server = launch(PROTOCOL);
    let read = |client: &mut Client, n: usize| {
        let mut some = vec![0; n];
        let n = client.read(&mut some).expect("an answer");
        String::from_utf8_lossy(&some[..n]).into_owned()
    };
    let mut other = server.connect();
    other.send(b"pid");
    let victim: u32 = read(&mut other, 20).parse().expect("a pid");
    let mut client = server.connect();
    client.send(b"step");
    let error = client
        .rest()
        .expect_err("a reset: what was said may be half of it");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    let event = server.err.wait_for("panicked while serving 127.0.0.1:");
    assert!(
        event.contains("on purpose in step (tests/library/panics.rs:"),
        "{event}"
    );
    server.err.wait_for(&format!(
        "(pid {victim}) has panicked and is to leave; replaced by "
    ));
    assert_gone(&[victim]);
    other.expect_end();
    assert_events(&server.err.all());
}

#[test]
fn a_body_that_panics_when_it_is_dropped_costs_its_connection_alone() {
    let server = launch(HTTP);
    let mut other = server.connect();
    let victim = pid(&mut other);
    let mut client = server.connect();
    client.send(&ask("drop", ""));
    // The answer was whole, and the end is a reset: it may or may not be read.
    let _ = client.rest();
    server
        .err
        .wait_for("on purpose in drop (tests/library/panics.rs:");
    server.err.wait_for(&format!(
        "(pid {victim}) has panicked and is to leave; replaced by "
    ));
    assert_gone(&[victim]);
    assert_events(&server.err.all());
}
