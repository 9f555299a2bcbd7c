//! The library as the author of a program uses it: bind, write a handler, spawn, stop, and find the
//! own program as it was: its signals, its children and its threads.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::server::{Client, TempPath, assert_gone, is_alive, signal, sleep_ms, wait_until};
use httprs::http::{Flow, Limits};
use httprs::{EchoProcess, Format, Handler, Http1, HttpRequest, HttpResponse, Level, Log, Millis};
use httprs::{Outcome, Server, StatusCode};

const RESET: io::ErrorKind = io::ErrorKind::ConnectionReset;

/// It was asked to stop; so many requests were cut off, so many workers killed.
const STOPPED: (bool, u64, u32) = (true, 0, 0);

fn gist(outcome: io::Result<Outcome>) -> (bool, u64, u32) {
    let outcome = outcome.expect("an outcome");
    (outcome.stopped, outcome.cut_off, outcome.killed)
}

/// Tests of one program run at the same time, in threads. A worker is a copy of its program, so one
/// that is forked meanwhile holds copies of the sockets of the other tests, and these would not see
/// their ends.
pub fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says which worker answers.
fn whose(_: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
    write!(res, "{}", std::process::id())
}

fn connect(address: std::net::SocketAddr) -> Client {
    Client::tcp(TcpStream::connect(address).expect("a connection"))
}

fn pid(client: &mut Client) -> u32 {
    client.get("/").text().parse().expect("a pid")
}

#[test]
fn a_closure_is_served_and_stopped() {
    let _turn = alone();
    let server = Server::bind("127.0.0.1:0").unwrap().workers(2);
    let address = server.local_addr().unwrap();
    assert_ne!(address.port(), 0);
    let greeting = String::from("hello");
    let running = server
        .spawn(Http1::new(move |req, res| {
            res.header("X-Path", req.path())?;
            writeln!(res, "{greeting}, {}", req.path())
        }))
        .unwrap();
    let mut client = connect(address);
    for path in ["/a", "/b"] {
        let answer = client.get(path);
        assert_eq!(answer.text(), format!("hello, {path}\n"));
        assert_eq!(answer.header("x-path"), Some(path));
    }
    drop(client);
    // The client has closed, and no worker holds a copy of its socket: no client is waited for.
    let began = Instant::now();
    assert_eq!(gist(running.stop()), STOPPED);
    println!("stopped in {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_millis(1_500));
    assert!(TcpStream::connect(address).is_err(), "no server listens");
    assert!(TcpListener::bind(address).is_ok(), "the port is free");
}

#[test]
fn a_type_can_be_a_handler_and_fail() {
    struct Teapot {
        refills: u32,
    }
    impl Handler for Teapot {
        fn handle(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
            if req.body() == b"coffee" {
                write!(res, "half an answer, which no client must see")?;
                return Err(io::Error::other("no coffee"));
            }
            res.status(StatusCode::NOT_FOUND);
            write!(res, "{} refills", self.refills)
        }
    }
    let _turn = alone();
    let server = Server::bind("127.0.0.1:0").unwrap().workers(1);
    let address = server.local_addr().unwrap();
    let limits = Limits {
        body_bytes: 6,
        ..Limits::default()
    };
    let http = Http1::with(Teapot { refills: 3 }).limits(limits);
    let running = server.spawn(http).unwrap();
    let mut client = connect(address);
    let answer = client.get("/");
    assert_eq!((answer.status, answer.text().as_str()), (404, "3 refills"));
    client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\ncoffee");
    let answer = client.response();
    assert_eq!(answer.status, 500);
    assert!(!answer.text().contains("half"), "{}", answer.text());
    assert_eq!(client.get("/").status, 404, "the connection goes on");
    client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\ncoffee!");
    assert_eq!(client.response().status, 413);
    drop(client);
    assert_eq!(gist(running.stop()), STOPPED);
}

#[test]
fn a_handler_that_panics_costs_one_answer_and_its_worker_is_replaced() {
    let _turn = alone();
    let server = Server::bind("127.0.0.1:0").unwrap().workers(2);
    let address = server.local_addr().unwrap();
    let running = server
        .spawn(Http1::new(|req, res| {
            assert_ne!(req.path(), "/panic", "on purpose");
            whose(req, res)
        }))
        .unwrap();
    let master = std::process::id();
    for _ in 0..3 {
        let mut client = connect(address);
        let victim = pid(&mut client);
        assert_ne!(victim, master, "handlers run in workers");
        let answer = client.get("/panic");
        assert_eq!((answer.status, answer.closes()), (500, true));
        drop(client);
        pid(&mut connect(address));
        assert_gone(&[victim]);
    }
    wait_until("two workers again", || {
        let workers = crate::server::children(master);
        workers.iter().filter(|pid| is_alive(**pid)).count() == 2
    });
    assert_eq!(gist(running.stop()), STOPPED);
}

#[test]
fn run_returns_in_any_thread_when_its_stopper_says_so() {
    let _turn = alone();
    let server = Server::bind("localhost:0").unwrap().workers(2);
    let address = server.local_addr().unwrap();
    let stopper = server.stopper();
    let thread = thread::spawn(move || server.run(Http1::new(whose)));
    // It may fork meanwhile, before there is a client of whose socket workers would have a copy.
    sleep_ms(100);
    let mut client = connect(address);
    pid(&mut client);
    drop(client);
    stopper.stop().unwrap();
    assert_eq!(gist(thread.join().unwrap()), STOPPED);

    // Asked before it runs, it stops at once.
    let server = Server::bind("127.0.0.1:0").unwrap();
    server.stopper().stop().unwrap();
    assert_eq!(gist(server.run(Http1::new(whose))), STOPPED);
}

#[test]
fn a_stop_finishes_what_was_begun_and_kills_what_never_ends() {
    let _turn = alone();
    let serve = |drain_ms| {
        let server = Server::bind("127.0.0.1:0").unwrap().workers(1);
        let server = server.drain_timeout_ms(drain_ms);
        let address = server.local_addr().unwrap();
        let running = server.spawn(Http1::new(|req, res| res.write_all(req.body())));
        let mut client = connect(address);
        // An answer proves that the worker has what comes next on its desk.
        client.get("/");
        client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc");
        sleep_ms(50);
        (running.unwrap(), client)
    };
    let (running, mut client) = serve(20_000);
    let stopping = thread::spawn(move || running.stop());
    sleep_ms(100);
    client.send(b"def");
    let answer = client.response();
    assert!(
        answer.text() == "abcdef" && answer.closes(),
        "{}",
        answer.text()
    );
    drop(client);
    assert_eq!(gist(stopping.join().unwrap()), STOPPED);

    let (running, mut client) = serve(300);
    assert_eq!(gist(running.stop()), (true, 1, 0));
    assert_eq!(client.rest().unwrap_err().kind(), RESET);
}

#[test]
fn a_stop_kills_a_worker_whose_handler_never_returns() {
    let _turn = alone();
    let server = Server::bind("127.0.0.1:0").unwrap().workers(1);
    let server = server.drain_timeout_ms(100);
    let address = server.local_addr().unwrap();
    let running = server.spawn(Http1::new(|_, _| -> io::Result<()> {
        loop {
            thread::park();
        }
    }));
    let running = running.unwrap();
    let mut client = connect(address);
    client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    sleep_ms(100);
    // It hung before it could say that it had a request, and a request it was all the same.
    assert_eq!(gist(running.stop()), (true, 1, 1));
}

/// A body that is cut off is in the log like a body that ended, and looks like none to its client:
/// before HTTP/1.1 the end of the connection is all that ends it.
#[test]
fn a_worker_that_hangs_on_a_lock_of_a_thread_of_the_program_is_replaced() {
    static LOCK: Mutex<()> = Mutex::new(());
    let _turn = alone();
    // A thread of the program holds the lock at the fork, so it is never unlocked in a worker.
    let held = LOCK.lock().unwrap();
    let server = Server::bind("127.0.0.1:0").unwrap();
    let server = server.workers(1).worker_timeout_ms(500);
    let (address, board) = (server.local_addr().unwrap(), server.scoreboard());
    let http = Http1::new(|req, res| {
        if req.path() == "/lock" {
            drop(LOCK.lock());
        }
        whose(req, res)
    });
    let running = server.spawn(http).unwrap();
    drop(held);
    let first = pid(&mut connect(address));
    connect(address).send(b"GET /lock HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_until("a successor", || {
        let is_other = |pid| pid > 0 && pid != u64::from(first);
        board.ready() == 1 && board.records().any(|record| is_other(record.pid))
    });
    // The successor was forked when no thread held the lock.
    assert_eq!(connect(address).get("/lock").status, 200);
    running.stop().unwrap();
}

#[test]
fn an_answer_that_is_cut_off_is_logged_and_not_taken_for_a_whole_one() {
    let _turn = alone();
    let path = TempPath::new("cut.log");
    for twice in [false, true] {
        let server = Server::bind("127.0.0.1:0").unwrap().workers(1);
        let timeout_ms = if twice { 100_000 } else { 200 };
        let server = server.drain_timeout_ms(timeout_ms);
        let server = server.log(Log::new(Format::Common, Level::Error, Some(&path.0)).unwrap());
        let (address, stopper) = (server.local_addr().unwrap(), server.stopper());
        let running = server.spawn(Http1::new(|_, res| {
            let mut first = true;
            res.stream(move |piece| match std::mem::take(&mut first) {
                true => write!(piece, "begun").map(|()| Flow::More),
                false => Ok(Flow::WaitUntil(Millis::NEVER)),
            });
            Ok(())
        }));
        let running = running.unwrap();
        let mut clients = [connect(address), connect(address), connect(address)];
        clients[0].send(b"GET /old HTTP/1.0\r\n\r\n");
        clients[1].send(b"GET /new HTTP/1.1\r\nHost: x\r\n\r\n");
        for client in &mut clients[..2] {
            let mut seen = Vec::new();
            while !seen.windows(5).any(|w| w == b"begun") {
                let mut some = [0; 1000];
                let n = client.read(&mut some).unwrap();
                assert!(n > 0, "{}", seen.escape_ascii());
                seen.extend(&some[..n]);
            }
        }
        stopper.stop().unwrap();
        if twice {
            sleep_ms(100);
            stopper.stop().unwrap();
        }
        assert_eq!(gist(running.wait()), (true, 2, 0));
        for client in &mut clients[..2] {
            assert_eq!(client.rest().unwrap_err().kind(), RESET, "{twice}");
        }
        clients[2].expect_end();
        let log = fs::read_to_string(&path.0).unwrap();
        for line in ["\"GET /old HTTP/1.0\" 200 5", "\"GET /new HTTP/1.1\" 200 5"] {
            assert_eq!(log.matches(line).count(), 1 + usize::from(twice), "{log}");
        }
    }
}

#[test]
fn dropping_a_running_server_stops_it() {
    let _turn = alone();
    let server = Server::bind("127.0.0.1:0").unwrap().workers(1);
    let address = server.local_addr().unwrap();
    let running = server.spawn(Http1::new(whose)).unwrap();
    let worker = pid(&mut connect(address));
    drop(running);
    assert!(!is_alive(worker));
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn other_children_and_all_signals_stay_the_programs_own() {
    let _turn = alone();
    let signals = || {
        let status = fs::read_to_string("/proc/thread-self/status").unwrap();
        let is_mask = |line: &&str| line.starts_with("Sig") && !line.starts_with("SigQ");
        status
            .lines()
            .filter(is_mask)
            .map(String::from)
            .collect::<Vec<_>>()
    };
    let before = signals();
    assert!(before.iter().any(|line| line.starts_with("SigCgt")));
    let mut early = Command::new("sh")
        .args(["-c", "sleep 0.1; exit 7"])
        .spawn()
        .unwrap();
    let server = Server::bind("127.0.0.1:0").unwrap().workers(2);
    let address = server.local_addr().unwrap();
    let running = server.spawn(Http1::new(whose)).unwrap();
    let worker = pid(&mut connect(address));
    assert_eq!(signals(), before, "while it runs");
    let mut late = Command::new("sh")
        .args(["-c", "sleep 0.1; exit 8"])
        .spawn()
        .unwrap();
    // One of its own dies in between.
    signal(worker, "KILL");
    sleep_ms(300);
    assert_eq!(early.wait().unwrap().code(), Some(7));
    assert_eq!(late.wait().unwrap().code(), Some(8));
    let next = pid(&mut connect(address));
    assert_ne!(next, worker);
    assert_eq!(gist(running.stop()), STOPPED);
    assert_eq!(signals(), before, "and after");
    assert_eq!(
        crate::server::children(std::process::id()),
        [0; 0],
        "not even a zombie"
    );
}

#[test]
fn two_servers_live_side_by_side() {
    let _turn = alone();
    let bind = || Server::bind("127.0.0.1:0").unwrap().workers(2);
    let (first, second) = (bind(), bind());
    let addresses = [first.local_addr().unwrap(), second.local_addr().unwrap()];
    assert_ne!(addresses[0], addresses[1]);
    let serve = |server: Server, name: &'static str| {
        server
            .spawn(Http1::new(move |_, res| write!(res, "{name}")))
            .unwrap()
    };
    let (first, second) = (serve(first, "first"), serve(second, "second"));
    let ask = |index: usize| connect(addresses[index]).get("/").text();
    assert_eq!(
        (ask(0).as_str(), ask(1).as_str()),
        ("first", "second"),
        "both answer"
    );
    assert_eq!(gist(first.stop()), STOPPED);
    assert_eq!(ask(1), "second", "the other goes on");
    // What the second one's workers have inherited must not keep the first one's port open: its
    // clients would wait for ever.
    assert!(
        TcpStream::connect(addresses[0]).is_err(),
        "no server listens"
    );
    assert_eq!(gist(second.stop()), STOPPED);
}

#[test]
fn the_echo_protocol_speaks_over_tcp_and_a_unix_socket() {
    fn talk(mut stream: impl Read + Write, end: impl Fn()) {
        for piece in ["one", "two", "", "\r\n\0"] {
            stream.write_all(piece.as_bytes()).unwrap();
            let mut back = vec![0; piece.len()];
            stream.read_exact(&mut back).unwrap();
            assert_eq!(back, piece.as_bytes());
        }
        let long = vec![b'x'; 300_000];
        let mut back = Vec::new();
        // Less than what the sockets hold, so that no client has to read meanwhile.
        stream.write_all(&long[..50_000]).unwrap();
        end();
        stream.read_to_end(&mut back).unwrap();
        assert_eq!(back.len(), 50_000);
    }
    let _turn = alone();
    let server = Server::bind("127.0.0.1:0").unwrap().workers(1);
    let address = server.local_addr().unwrap();
    let running = server.spawn(EchoProcess).unwrap();
    let stream = TcpStream::connect(address).unwrap();
    let end = stream.try_clone().unwrap();
    talk(stream, || end.shutdown(Shutdown::Write).unwrap());
    drop(end);
    assert_eq!(gist(running.stop()), STOPPED);

    let path = TempPath::new("echo.sock");
    let address = format!("unix:{}", path.text());
    let server = Server::bind(&address).unwrap().workers(1);
    assert!(server.local_addr().is_err(), "it has no port");
    assert!(server.addresses().any(|a| a.to_string() == address));
    let running = server.spawn(EchoProcess).unwrap();
    let stream = UnixStream::connect(&path.0).unwrap();
    let end = stream.try_clone().unwrap();
    talk(stream, || end.shutdown(Shutdown::Write).unwrap());
    drop(end);
    assert_eq!(gist(running.stop()), STOPPED);
    assert!(!path.0.exists(), "its socket is removed");
}

#[test]
fn a_server_that_cannot_be_says_why() {
    let _turn = alone();
    let first = Server::bind("127.0.0.1:0").unwrap();
    let address = first.local_addr().unwrap().to_string();
    let error = Server::bind(&address).err().expect("it is in use");
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    assert!(error.to_string().contains(&address), "{error}");
    for nonsense in ["", "127.0.0.1", "127.0.0.1:x", "nowhere:1", "unix:"] {
        assert!(Server::bind(nonsense).is_err(), "{nonsense:?}");
    }
    for workers in [0, 513] {
        let server = Server::bind("127.0.0.1:0").unwrap().workers(workers);
        let error = server.run(Http1::new(whose)).expect_err("too few or many");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}

#[test]
fn workers_that_never_become_ready_end_the_server_with_an_outcome() {
    struct Hopeless;
    impl httprs::worker::Worker for Hopeless {
        fn run(&mut self, _: &mut httprs::worker::Context<'_>) -> i32 {
            3
        }
    }
    let _turn = alone();
    let server = Server::bind_all(&[]).unwrap().workers(2);
    let began = Instant::now();
    let outcome = server.max_restarts(3, 60).run_worker(Hopeless).unwrap();
    assert!(!outcome.stopped, "{outcome:?}");
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_master_that_replaced_a_worker_sleeps_again() {
    let _turn = alone();
    // The second server's workers inherit what the first one's master has open.
    let servers: Vec<_> = (0..2)
        .map(|_| {
            let server = Server::bind("127.0.0.1:0").unwrap().workers(2);
            let board = server.scoreboard();
            (server.spawn(EchoProcess).unwrap(), board)
        })
        .collect();
    for (_, board) in &servers {
        wait_until("both workers", || board.ready() == 2);
        let pid = board.records().next().unwrap().pid;
        signal(pid, "KILL");
        wait_until("another worker", || {
            board.records().all(|record| record.pid != pid) && board.ready() == 2
        });
    }
    let before = threads_cpu_ms("httprs");
    sleep_ms(500);
    let spent = threads_cpu_ms("httprs") - before;
    assert!(
        spent < 200,
        "two masters spent {spent} ms of 500 on nothing"
    );
    for (running, _) in servers {
        assert!(running.stop().unwrap().stopped);
    }
}

/// Processor time of all threads of this process that have this name.
fn threads_cpu_ms(name: &str) -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let stats = tasks.filter_map(|task| {
        let stat = std::fs::read_to_string(task.ok()?.path().join("stat")).ok()?;
        let (start, rest) = stat.split_once(") ")?;
        start.ends_with(&format!("({name}")).then_some(())?;
        let fields: Vec<u64> = rest.split(' ').map(|f| f.parse().unwrap_or(0)).collect();
        // utime and stime, in hundredths of a second.
        Some((fields[11] + fields[12]) * 10)
    });
    stats.sum()
}
