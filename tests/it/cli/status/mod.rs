//! `--admin` and `httprs status`: what a running server says of itself, whatever happens to it.

mod json;
mod prometheus;

use std::io::{ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::server::{
    Client, Response, Server, TempPath, ports_of, program, signal, sleep_ms, wait_until,
};
use json::Json;
use prometheus::Series;

/// How many admin connections a worker has at most.
const ROOM: usize = 8;

/// A server with an admin address of its own.
#[track_caller]
fn start(args: &[&str]) -> (Server, u16) {
    let server = Server::start(&[&["--admin", "127.0.0.1:0"], args].concat());
    let ports = ports_of(&server.banner);
    assert_eq!(ports.len(), 2, "{}", server.banner);
    (server, ports[1])
}

fn admin(port: u16) -> Client {
    Client::tcp(TcpStream::connect(("127.0.0.1", port)).expect("a connection"))
}

#[track_caller]
fn get(port: u16, target: &str) -> Response {
    admin(port).get(target)
}

#[track_caller]
fn json(port: u16) -> Json {
    Json::parse(&get(port, "/status.json").text())
}

#[track_caller]
fn metrics(port: u16) -> Series {
    let text = get(port, "/metrics").text();
    prometheus::parse(&text).unwrap_or_else(|why| panic!("{why}\n{text}"))
}

/// Waits until all workers are there that should be.
#[track_caller]
fn wait_for_ready(port: u16, deaths: u64) {
    wait_until("all workers to be ready", || {
        let status = json(port);
        status["workers_ready"] == status["workers_wanted"] && status["deaths"].number() == deaths
    });
}

/// Whether the server has not closed a connection, of which nothing has come.
#[track_caller]
fn is_open(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).expect("a socket");
    match stream.peek(&mut [0]) {
        Ok(0) => false,
        Err(error) if error.kind() == ErrorKind::WouldBlock => true,
        other => panic!("neither silence nor an end: {other:?}"),
    }
}

/// Runs `httprs status`.
fn status(args: &[&str]) -> Output {
    let mut command = program();
    command.arg("status").args(args);
    command.output().expect("a program to run")
}

/// Waits until so many requests are counted: an answer is counted when it has been sent.
#[track_caller]
fn wait_for_requests(port: u16, requests: u64) {
    wait_until("all to be counted", || {
        json(port)["total"]["requests"].number() == requests
    });
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn every_form_says_the_same() {
    let (server, port) = start(&["-w", "2"]);
    let mut client = server.connect();
    for _ in 0..7 {
        assert_eq!(client.get("/x").status, 200);
    }
    client.send(b"nonsense\r\n\r\n");
    assert_eq!(client.response().status, 400);

    wait_for_requests(port, 8);
    let status = json(port);
    assert_eq!(status["version"].text(), env!("CARGO_PKG_VERSION"));
    assert_eq!(status["master_pid"].number(), server.pid().into());
    assert!(status["started_unix_ms"].number() > 1_700_000_000_000);
    assert_eq!(status["ready"], Json::Bool(true));
    assert_eq!(status["stopping"], Json::Bool(false));
    let total = &status["total"];
    assert_eq!(total["requests"].number(), 8);
    assert_eq!(total["accepted"].number(), 1);
    assert_eq!(total["responses"]["2xx"].number(), 7);
    assert_eq!(total["responses"]["4xx"].number(), 1);
    assert_eq!(total["latency"]["count"].number(), 8);
    let buckets = total["latency"]["buckets"].list();
    let sum: u64 = buckets.iter().map(|bucket| bucket["count"].number()).sum();
    assert_eq!(sum, 8);
    let workers = status["workers"].list();
    let pids: Vec<u32> = (workers.iter())
        .map(|worker| worker["processes"].list()[0]["pid"].number() as u32)
        .collect();
    let mut sorted = pids.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, server.workers());
    // The worker that is asked is sending a reply, and the other one will have done so.
    wait_until("the other worker to wait", || {
        let status = json(port);
        let letters = status["workers"].list().iter();
        let letters: String = letters
            .map(|worker| worker["processes"].list()[0]["letter"].text())
            .collect();
        ["_W", "W_"].contains(&&letters[..])
    });

    let series = metrics(port);
    let sum = |name: &str| -> f64 {
        let found = series.iter().filter(|(key, _)| key.starts_with(name));
        found.map(|(_, value)| value).sum()
    };
    assert_eq!(sum("httprs_requests_total{"), 8.0);
    assert_eq!(sum("httprs_connections_accepted_total{"), 1.0);
    assert_eq!(series["httprs_request_duration_seconds_count"], 8.0);
    assert_eq!(sum("httprs_workers{"), 2.0);
    assert_eq!(series["httprs_workers_ready"], 2.0);
    assert_eq!(series["httprs_ready"], 1.0);

    let text = get(port, "/status").text();
    assert!(text.contains("\n8 requests ("), "{text}");
    let mut browser = admin(port);
    browser.send(b"GET /status HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n");
    let page = browser.response();
    assert!(
        page.text().contains("<dt>Requests</dt><dd>8</dd>"),
        "{page:?}"
    );
    assert!(page.closes(), "one answer a connection");
    browser.expect_end();
    assert_eq!(get(port, "/livez").text(), "alive\n");
    assert_eq!(get(port, "/readyz").text(), "ready: 2 of 2 workers\n");
    assert_eq!(get(port, "/nothing").status, 404);
    assert_eq!(server.get("/readyz").status, 200, "still there, too");

    // None of that was counted but the last.
    wait_for_requests(port, 9);
    assert_eq!(json(port)["total"]["accepted"].number(), 2);
    assert!(
        server.out.find("\"target\":\"/status").is_none(),
        "{:?}",
        server.out.all()
    );
}

/// The judgement of Prometheus itself, where it is installed.
#[test]
fn promtool_has_nothing_to_complain_of() {
    let known = Command::new("promtool").arg("--version").output();
    if known.is_err() {
        println!("promtool is not installed: the metrics were checked by our own rules alone");
        return;
    }
    let (server, port) = start(&["-w", "2"]);
    assert_eq!(server.get("/x").status, 200);
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool");
    let body = get(port, "/metrics").body;
    let mut stdin = promtool.stdin.take().expect("it is piped");
    stdin.write_all(&body).expect("it reads");
    drop(stdin);
    let output = promtool.wait_with_output().expect("it ends");
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[test]
fn counters_go_on_when_a_worker_is_killed() {
    let (server, port) = start(&["-w", "2"]);
    let mut before = metrics(port);
    for round in 1..=3 {
        for _ in 0..5 {
            assert_eq!(server.get("/x").status, 200);
        }
        signal(server.wait_for_workers(2)[0], "KILL");
        wait_for_ready(port, round);
        // A death is counted while the dead one still looks ready.
        wait_until("its successor", || {
            json(port)["total"]["starts"].number() == 2 + round
        });
        assert_eq!(server.get("/y").status, 200);
        let after = metrics(port);
        let lost = prometheus::backwards(&before, &after);
        assert!(lost.is_empty(), "{lost:?}");
        before = after;
        wait_for_requests(port, round * 6);
        let status = json(port);
        assert_eq!(status["total"]["responses"]["2xx"].number(), round * 6);
        assert_eq!(status["total"]["starts"].number(), 2 + round);
        assert_eq!(status["total"]["connections"].number(), 0, "{status:?}");
        let report = &status["reports"].list()[0];
        assert_eq!(report["number"].number(), round);
        assert!(report["text"].text().contains("was killed by SIGKILL"));
    }
    assert_eq!(before["httprs_worker_deaths_total"], 3.0);
    // Those that are replaced are no deaths, and count as well.
    server.signal("HUP");
    wait_until("new workers", || {
        metrics(port)["httprs_workers{state=\"finishing\"}"] == 0.0
            && json(port)["total"]["starts"].number() == 7
    });
    let after = metrics(port);
    assert!(prometheus::backwards(&before, &after).is_empty());
    assert_eq!(after["httprs_worker_deaths_total"], 3.0);
}

#[test]
fn a_server_that_is_full_still_says_so() {
    let (server, port) = start(&["-w", "1", "--max-connections", "1"]);
    let mut busy = server.connect();
    busy.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhal");
    wait_until("the only place to be taken", || {
        json(port)["total"]["connections"].number() == 1
    });
    let mut waiting = server.connect();
    waiting.send(b"GET /waiting HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    for _ in 0..20 {
        assert_eq!(get(port, "/metrics").status, 200);
    }
    assert_eq!(json(port)["total"]["accepted"].number(), 1);
    // The other way round: admins that connect and say nothing are in no client's way.
    let connect = || TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    let silent: Vec<TcpStream> = (0..ROOM).map(|_| connect()).collect();
    // Long enough for them to be closed, if they were to make room for clients.
    sleep_ms(300);
    busy.send(b"lo");
    assert_eq!(busy.response().status, 200);
    drop(busy);
    assert_eq!(waiting.response().status, 200);
    // They are still there, so no client had to wait for their end.
    assert_eq!(silent.iter().filter(|stream| is_open(stream)).count(), ROOM);
}

#[test]
fn who_says_nothing_makes_room_for_whoever_asks() {
    let (_server, port) = start(&["-w", "1"]);
    // The first of all, so that it would be the first to go.
    let mut half = admin(port);
    half.send(b"GET /livez HTT");
    let connect = || TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    let mut silent: Vec<TcpStream> = Vec::new();
    for _ in 1..ROOM {
        silent.push(connect());
        // The clock of the worker ticks coarsely, and it cannot tell which client came first in a
        // tick.
        sleep_ms(20);
    }
    let began = Instant::now();
    for round in 1..=3 {
        assert!(get(port, "/status.txt").text().starts_with("httprs "));
        let open: Vec<bool> = silent.iter().map(is_open).collect();
        let gone = open.iter().filter(|open| !**open).count();
        assert!((1..=round).contains(&gone), "round {round}: {open:?}");
        assert!(open[gone..].iter().all(|open| *open), "{open:?}");
    }
    println!("3 answers beside silent connections: {:?}", began.elapsed());
    // They would be sent away after ten seconds.
    assert!(began.elapsed() < Duration::from_secs(5));
    half.send(b"P/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(half.response().text(), "alive\n");
}

#[test]
fn nobody_who_asks_makes_room_for_another() {
    let (server, port) = start(&["-w", "1"]);
    let mut asking: Vec<Client> = (0..ROOM).map(|_| admin(port)).collect();
    for client in &mut asking {
        client.send(b"GET /livez HTT");
    }
    let mut late = admin(port);
    late.send(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    // Heads that are not finished have a second.
    late.read_timeout(Duration::from_millis(400));
    let none = late.try_response(false).expect_err("there is no room");
    assert!([ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&none.kind()));
    late.read_timeout(crate::server::LONGEST);
    for client in &mut asking {
        client.send(b"P/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(client.response().text(), "alive\n");
    }
    assert_eq!(late.response().status, 200);
    assert_eq!(server.err.all().len(), 1, "{:?}", server.err.all());
}

#[test]
fn httprs_status_prints_it() {
    let path = TempPath::new("status-admin");
    let address = format!("unix:{}", path.text());
    let mut server = Server::start(&["-w", "2", "--admin", &address]);
    assert!(
        server.banner.contains(&format!("; status at {address}")),
        "{}",
        server.banner
    );
    assert_eq!(
        server.err.all().len(),
        1,
        "no doubts: {:?}",
        server.err.all()
    );
    assert_eq!(server.get("/x").status, 200);
    let output = status(&["--admin", &address]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let first = format!(
        "httprs {} (pid {}), up ",
        env!("CARGO_PKG_VERSION"),
        server.pid()
    );
    assert!(said.starts_with(&first), "{said}");
    assert!(
        said.contains("\n2 of 2 workers ready, 0 deaths\n1 requests ("),
        "{said}"
    );
    assert!(output.stderr.is_empty(), "{output:?}");
    assert!(server.stop().success());
    assert!(!path.0.exists(), "the socket's file is gone");

    let (_server, port) = start(&[]);
    let mut command = program();
    command
        .arg("status")
        .env("HTTPRS_ADMIN", format!("localhost:{port}"));
    let output = command.output().expect("a program to run");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn httprs_status_says_why_there_is_none() {
    let server = Server::start(&[]);
    let main = format!("127.0.0.1:{}", server.port);
    // It takes connections, and never says anything.
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let mute_at = mute.local_addr().unwrap().to_string();
    // And that one is gone.
    let gone_at = {
        let gone = TcpListener::bind("127.0.0.1:0").unwrap();
        gone.local_addr().unwrap().to_string()
    };
    for (address, code, why) in [
        (&main[..], 69, "the server there is no httprs"),
        (&mute_at, 69, "no answer within 5 s"),
        (&gone_at, 69, "no server listens there"),
        ("unix:/no/such/socket", 69, "there is no such socket"),
        ("nowhere", 64, "expects an address with its port"),
    ] {
        let output = status(&["--admin", address]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{address}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        for part in ["httprs: ", "--admin", address, why] {
            assert!(said.contains(part), "{part} in {said}");
        }
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn it_is_there_throughout_a_reload_and_leaves_with_the_rest() {
    let (mut server, port) = start(&["-w", "2"]);
    let old = server.workers();
    server.signal("HUP");
    wait_until("new workers", || {
        // A worker that leaves takes no request along: each of these is answered.
        assert_eq!(get(port, "/metrics").status, 200);
        let new = server.workers();
        new.len() == 2 && !new.iter().any(|pid| old.contains(pid))
    });
    wait_for_ready(port, 0);
    // Something that holds up the stop, and an admin that watches.
    let mut busy = server.connect();
    busy.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhal");
    wait_until("a connection", || {
        json(port)["total"]["connections"].number() == 1
    });
    let mut watching = admin(port);
    watching.send(b"GET /readyz HTT");
    server.signal("TERM");
    wait_until("the end of new connections", || {
        TcpStream::connect(("127.0.0.1", port)).is_err()
    });
    watching.send(b"P/1.1\r\nHost: localhost\r\n\r\n");
    let last = watching.response();
    assert_eq!(
        (last.status, &last.text()[..]),
        (503, "not ready: stopping\n")
    );
    watching.expect_end();
    busy.send(b"lo");
    assert_eq!(busy.response().status, 200);
    assert!(server.wait().success());
}

#[test]
fn what_it_cannot_have_is_said_once() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap().to_string();
    let port = taken.local_addr().unwrap().port().to_string();
    let ours = format!("127.0.0.2:{port}");
    let path = TempPath::new("status-main");
    let host = format!("unix:{}", path.text());
    for args in [
        ["--host", &host, "--port", "0", "--admin", &at],
        ["--host", &host, "--port", "0", "--admin", &host],
        ["--host", "127.0.0.2", "--port", &port, "--admin", &ours],
    ] {
        let output = program().args(args).output().expect("a program to run");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(69), "{args:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains("address already in use"), "{said}");
        assert!(said.contains("with --admin"), "{said}");
        assert!(!path.0.exists(), "{args:?} left a file behind");
    }
}

#[test]
fn whom_it_is_shown_to_is_doubted() {
    for (address, doubted) in [
        ("0.0.0.0:0", true),
        ("[::1]:0", false),
        ("localhost:0", false),
    ] {
        if address == "[::1]:0" && TcpListener::bind(address).is_err() {
            println!("there is no IPv6: {address} was not tried");
            continue;
        }
        let server = Server::start(&["--admin", address]);
        let doubt = server.err.find("shows every client that can connect");
        assert_eq!(
            doubt.is_some(),
            doubted,
            "{address}: {:?}",
            server.err.all()
        );
    }
}
