//! What is known of a worker that died: which client it was answering, and what. Told in the log,
//! and kept on the scoreboard, where these tests read it.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::server::{Client, signal, wait_until};
use httprs::handlers::status::Status;
use httprs::http::{Body, Flow, Piece, Plan, Sink, Source, Want};
use httprs::scoreboard::State;
use httprs::{Address, Handler, Http1, HttpRequest, HttpResponse, Running, Scoreboard, Server};

/// Workers of one test hold copies of the sockets of the others: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Dies in every way that its path names.
struct Mortal;

impl Handler for Mortal {
    fn plan(&self, req: &HttpRequest, _res: &mut HttpResponse) -> io::Result<Plan> {
        match req.path() {
            "/plan" => std::process::abort(),
            "/sink" => Ok(Plan::Stream(Box::new(DeadlySink))),
            _ => Ok(Plan::Gather),
        }
    }

    fn handle(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        match req.path() {
            "/abort" | "/body" => std::process::abort(),
            "/exit" => std::process::exit(3),
            "/hang" => loop {
                std::thread::sleep(Duration::from_secs(1));
            },
            "/stream" => {
                res.body(Body::Stream(Box::new(DeadlySource(0))));
                Ok(())
            }
            _ => writeln!(res, "alive"),
        }
    }
}

struct DeadlySink;

impl Sink for DeadlySink {
    fn piece(&mut self, _bytes: &[u8]) -> io::Result<Want> {
        std::process::abort()
    }

    fn answer(self: Box<Self>, _req: &HttpRequest, _res: &mut HttpResponse) -> io::Result<()> {
        Ok(())
    }
}

struct DeadlySource(u32);

impl Source for DeadlySource {
    fn pull(&mut self, piece: &mut Piece<'_>) -> io::Result<Flow> {
        self.0 += 1;
        if self.0 > 3 {
            std::process::abort();
        }
        piece.write_all(b"a piece")?;
        Ok(Flow::More)
    }
}

fn serve(server: Server) -> (Running, SocketAddr, Scoreboard) {
    let address = server.local_addr().unwrap();
    let board = server.scoreboard();
    let running = server.workers(1).spawn(Http1::with(Mortal)).unwrap();
    (running, address, board)
}

/// Waits until so many deaths were reported, and the place is filled again; the last report.
fn report(board: &Scoreboard, number: u64) -> String {
    wait_until("a report", || {
        board.deaths() == number && board.ready() == 1
    });
    let report = board.reports().remove(0);
    assert_eq!(report.number, number);
    assert!(report.unix_ms > 1_700_000_000_000, "{report:?}");
    report.text
}

#[test]
fn a_death_is_reported_with_the_request_that_was_worked_on() {
    let _turn = alone();
    let (running, address, board) = serve(Server::bind("127.0.0.1:0").unwrap());
    for (number, (request, line, fields)) in [
        (
            "GET /abort?x=1 HTTP/1.1\r\nHost: x\r\nAuthorization: Basic c2VjcmV0\r\n\
             Cookie: sid=secret\r\nAccept: */*\r\n\r\n",
            "was killed by SIGABRT while answering GET /abort?x=1 from ",
            "GET /abort?x=1 HTTP/1.1\nHost: x\nAuthorization: ***\nCookie: ***\nAccept: */*",
        ),
        (
            "GET /plan HTTP/1.1\r\nHost: x\r\n\r\n",
            "was killed by SIGABRT while answering GET /plan from ",
            "GET /plan HTTP/1.1\nHost: x",
        ),
        (
            "GET /exit HTTP/1.0\r\n\r\n",
            "exited with code 3 while answering GET /exit HTTP/1.0 from ",
            "GET /exit HTTP/1.0",
        ),
        (
            "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n",
            "was killed by SIGABRT while sending the answer to GET /stream from ",
            "GET /stream HTTP/1.1\nHost: x",
        ),
        (
            "POST /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
            "was killed by SIGABRT while answering POST /sink from ",
            "POST /sink HTTP/1.1\nHost: x\nContent-Length: 5",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        // Another client's request before it must not be taken for it.
        let mut other = Client::tcp(TcpStream::connect(address).unwrap());
        assert_eq!(other.get("/other").status, 200);
        let mut victim = TcpStream::connect(address).unwrap();
        let peer = victim.local_addr().unwrap();
        victim.write_all(request.as_bytes()).unwrap();
        let text = report(&board, number as u64 + 1);
        let (first, head) = text.split_once('\n').unwrap();
        assert!(first.starts_with("worker 0 (pid "), "{text}");
        assert!(first.contains(&format!("{line}{peer}, ")), "{text}");
        assert!(first.ends_with(" ms old"), "{text}");
        assert_eq!(head, fields);
        assert!(!text.contains("secret") && !text.contains("c2Vj"), "{text}");
    }
    assert!(running.stop().unwrap().stopped);
}

#[test]
fn a_body_that_comes_later_belongs_to_its_own_request() {
    let _turn = alone();
    let (running, address, board) = serve(Server::bind("127.0.0.1:0").unwrap());
    let mut victim = TcpStream::connect(address).unwrap();
    let head = b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel";
    victim.write_all(head).unwrap();
    wait_until("a connection", || {
        board.records().any(|record| record.connections == 1)
    });
    let mut other = Client::tcp(TcpStream::connect(address).unwrap());
    assert_eq!(other.get("/other").status, 200);
    victim.write_all(b"lo").unwrap();
    let text = report(&board, 1);
    let peer = victim.local_addr().unwrap();
    let want = format!("was killed by SIGABRT while answering POST /body from {peer}, ");
    assert!(text.contains(&want), "{text}");
    assert!(running.stop().unwrap().stopped);
}

#[test]
fn who_was_answered_before_has_nothing_to_do_with_it() {
    let _turn = alone();
    let (running, address, board) = serve(Server::bind("127.0.0.1:0").unwrap());
    let mut client = Client::tcp(TcpStream::connect(address).unwrap());
    assert_eq!(client.get("/before").status, 200);
    // The client may have the answer before the worker has noted that.
    wait_until("a worker that waits again", || {
        let mut records = board.records();
        records.any(|record| (record.requests, record.stage) == (1, None))
    });
    let pid = board.records().map(|record| record.pid).max().unwrap();
    signal(pid, "KILL");
    let text = report(&board, 1);
    let want = " was killed by SIGKILL while it waited, with 1 connection";
    assert!(text.ends_with(want), "{text}");
    assert!(running.stop().unwrap().stopped);
}

#[test]
fn a_worker_that_hangs_is_reported_with_its_request() {
    let _turn = alone();
    let server = Server::bind("127.0.0.1:0").unwrap().worker_timeout_ms(200);
    let (running, address, board) = serve(server);
    let mut victim = TcpStream::connect(address).unwrap();
    victim
        .write_all(b"GET /hang HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    wait_until("a busy worker", || {
        let mut records = board.records();
        records.any(|r| (r.letter(), r.word()) == ('W', "sending reply"))
    });
    let text = report(&board, 1);
    assert!(
        text.contains(" was killed by SIGABRT while answering GET /hang from 127.0.0.1:"),
        "{text}"
    );
    assert!(running.stop().unwrap().stopped);
}

#[test]
fn the_status_lists_deaths_without_secrets() {
    let _turn = alone();
    let server = Server::bind("127.0.0.1:0").unwrap();
    let status = Http1::with(Status::new(server.scoreboard()));
    let server = server
        .admin(&Address::parse("127.0.0.1:0").unwrap(), status)
        .unwrap();
    let Some(Address::Inet(admin)) = server.admin_addresses().next().cloned() else {
        unreachable!()
    };
    let (running, address, board) = serve(server);
    let mut victim = TcpStream::connect(address).unwrap();
    let request = b"GET /abort?a&b HTTP/1.1\r\nHost: x\r\nCookie: sid=secret\r\n\r\n";
    victim.write_all(request).unwrap();
    report(&board, 1);
    for (target, accept, want) in [
        ("/status", "text/html", "GET /abort?a&amp;b HTTP/1.1"),
        ("/status.txt", "*/*", "    GET /abort?a&b HTTP/1.1"),
        ("/status.json", "*/*", "\\nGET /abort?a&b HTTP/1.1\\n"),
        ("/metrics", "*/*", "httprs_worker_deaths_total 1"),
    ] {
        let mut client = Client::tcp(TcpStream::connect(admin).unwrap());
        let wire =
            format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1:1\r\nAccept: {accept}\r\n\r\n");
        client.send(wire.as_bytes());
        let text = client.response().text();
        assert!(text.contains(want), "{target}: {text}");
        assert!(!text.contains("secret"), "{target}: {text}");
    }
    assert!(running.stop().unwrap().stopped);
}

#[test]
fn the_scoreboard_counts_by_status_and_by_time() {
    let _turn = alone();
    let (running, address, board) = serve(Server::bind("127.0.0.1:0").unwrap());
    let mut client = Client::tcp(TcpStream::connect(address).unwrap());
    for _ in 0..5 {
        assert_eq!(client.get("/").status, 200);
    }
    client.send(b"nonsense\r\n\r\n");
    wait_until("the counters", || {
        let (mut by_class, mut answers) = ([0; 5], 0);
        for record in board.records() {
            answers += record.latency.count();
            for (sum, n) in by_class.iter_mut().zip(record.by_class) {
                *sum += n;
            }
        }
        (by_class, answers) == ([0, 5, 0, 1, 0], 6)
    });
    let born: Vec<u64> = board
        .records()
        .filter(|record| record.state == State::Ready)
        .map(|record| record.born_unix_ms)
        .collect();
    assert!(born[0] >= board.started_unix_ms() && board.started_unix_ms() > 0);
    assert_eq!(board.master_pid(), u64::from(std::process::id()));
    assert!(running.stop().unwrap().stopped);
}

#[test]
fn a_source_that_is_slow_by_nature_does_not_hang() {
    let _turn = alone();
    let server = Server::bind("127.0.0.1:0").unwrap().worker_timeout_ms(400);
    let address = server.local_addr().unwrap();
    let board = server.scoreboard();
    let slow = Http1::new(|_, res| {
        let mut left = 8;
        res.stream(move |piece| {
            std::thread::sleep(Duration::from_millis(150));
            left -= 1;
            writeln!(piece, "row {left}")?;
            Ok(if left > 0 { Flow::More } else { Flow::End })
        });
        Ok(())
    });
    let running = server.workers(1).spawn(slow).unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"GET /rows HTTP/1.0\r\n\r\n").unwrap();
    // More than a second in one step, and never longer than 400 ms without a piece.
    let answer = io::read_to_string(client).unwrap();
    assert!(answer.ends_with("row 0\n"), "{answer}");
    assert_eq!(board.deaths(), 0);
    running.stop().unwrap();
}
