//! That a request costs no allocation once a worker has served some: buffers are kept, heads are
//! read where they lie, and answers are written where they are sent from.
//!
//! The whole server is asked, over a socket: its allocator counts, and a handler of this test says
//! how far it has come.

#[path = "it/server.rs"]
mod server;

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use httprs::handlers::Routes;
use httprs::handlers::files::Files;
use httprs::{Format, Handler, Http1, HttpRequest, HttpResponse, Level, Log, Server};
use server::TempDir;

/// How often the allocator was asked for memory, in this process.
static ASKED: AtomicU64 = AtomicU64::new(0);

struct Counting;

// SAFETY: all is done by `System`, which keeps the promises.
unsafe impl GlobalAlloc for Counting {
    // # Safety: that of `System::alloc`.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.fetch_add(1, Relaxed);
        // SAFETY: what the caller promises is passed on.
        unsafe { System.alloc(layout) }
    }

    // # Safety: that of `System::realloc`.
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ASKED.fetch_add(1, Relaxed);
        // SAFETY: what the caller promises is passed on.
        unsafe { System.realloc(at, layout, size) }
    }

    // # Safety: that of `System::dealloc`.
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: what the caller promises is passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Says how many allocations there were, echoes, and serves files.
fn answer(files: &Files, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
    match req.path() {
        "/asked" => write!(res, "{}", ASKED.load(Relaxed)),
        "/echo" => res.write_all(req.body()),
        _ => files.handle(req, res),
    }
}

/// A client. What it allocates does not count: the worker is another process.
struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(address: SocketAddr) -> Client {
        Client(BufReader::new(TcpStream::connect(address).unwrap()))
    }

    /// Sends requests, none of them a HEAD, and reads an answer to each.
    fn ask(&mut self, requests: &str) -> Vec<u8> {
        self.0.get_mut().write_all(requests.as_bytes()).unwrap();
        let heads = requests.matches(" HTTP/1.1").count();
        (0..heads).map(|_| self.read()).last().unwrap()
    }

    /// Reads the body of one answer.
    fn read(&mut self) -> Vec<u8> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(self.0.read_line(&mut head).unwrap(), 0, "{head}");
        }
        let length = head
            .lines()
            .find_map(|l| l.strip_prefix("Content-Length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        self.0.read_exact(&mut body).unwrap();
        body
    }

    fn asked(&mut self) -> u64 {
        let asked = self.ask("GET /asked HTTP/1.1\r\nHost: x\r\n\r\n");
        String::from_utf8(asked).unwrap().parse().unwrap()
    }
}

#[test]
fn a_request_costs_no_allocation() {
    let dir = TempDir::new("allocations");
    for (name, size) in [("small", 13), ("some", 1_024), ("large", 200_000)] {
        fs::write(dir.path(name), vec![b'x'; size]).unwrap();
    }
    let lines = dir.path("access.log");
    let log = Log::new(Format::Text, Level::Info, Some(&lines)).unwrap();
    let server = Server::bind("127.0.0.1:0").unwrap().workers(1).log(log);
    let address = server.local_addr().unwrap();
    let files = Files::open(&dir.0).unwrap();
    // All of it behind a router with a hundred routes.
    let routes = (0..100).fold(Routes::new(), |routes, n| {
        routes.get(&format!("/routes/{n}/{{name}}"), |req, res| {
            res.text(req.param("name").unwrap_or("?"))
        })
    });
    let routes =
        routes.fallback(move |req: &HttpRequest, res: &mut HttpResponse| answer(&files, req, res));
    let running = server.spawn(Http1::with(routes.build().unwrap())).unwrap();

    let browser = "User-Agent: Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0\r\n\
        Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\n\
        Accept-Encoding: gzip, deflate, br\r\nCookie: a=b; c=d\r\n";
    let get = |path, more| format!("GET {path} HTTP/1.1\r\nHost: localhost:8080\r\n{more}\r\n");
    let post = |rest| format!("POST /echo HTTP/1.1\r\nHost: x\r\n{rest}");
    let known = "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n";
    let rows = [
        ("a file", get("/small", "")),
        ("as a browser asks", get("/small", browser)),
        ("copied behind its head", get("/some", "")),
        ("sent from its file", get("/large", "")),
        ("pipelined", get("/small", "").repeat(16)),
        ("a range", get("/large", "Range: bytes=5-50\r\n")),
        ("not modified", get("/small", known)),
        ("a body", post("Content-Length: 5\r\n\r\nhello")),
        ("not there", get("/nothing", "")),
        ("a route with a parameter", get("/routes/42/x", "")),
        // The decoder is not kept, since few connections ever need one.
        (
            CHUNKED,
            post("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        ),
    ];
    let mut client = Client::connect(address);
    for (name, request) in rows {
        let want = if name == CHUNKED { ROUNDS } else { 0 };
        let got = least(&mut client, |client| client.ask(&request));
        assert_eq!(got, want, "{name}, {ROUNDS} times");
    }
    // Its place among the others is there already; its protocol's state is not.
    let got = least(&mut client, |_| {
        Client::connect(address).ask(&get("/small", ""))
    });
    assert_eq!(got, ROUNDS, "a new connection, {ROUNDS} times");
    drop(client);
    running.stop().unwrap();
}

const CHUNKED: &str = "chunked";
/// How often each request is made in a row.
const ROUNDS: u64 = 50;

/// How many allocations it costs the worker if something is done so often, at least: once a second
/// a file is looked at again, which may cost some more.
fn least(client: &mut Client, mut something: impl FnMut(&mut Client) -> Vec<u8>) -> u64 {
    let mut cost = || {
        let before = client.asked();
        for _ in 0..ROUNDS {
            something(client);
        }
        client.asked() - before
    };
    (0..8).map(|_| cost()).min().unwrap()
}
