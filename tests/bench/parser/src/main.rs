//! Nanoseconds per request, ours next to httparse, in one process: `make bench-parser`.
//!
//! Ours is what a connection does with a head that came whole: `Head::receive` into memory that is
//! used again, and `request_framing`, which says where the body ends. httparse's is
//! `Request::parse`, with its array of headers made once. Ours does more: it copies the head,
//! refuses what httparse lets through (bare LF, a target or version that is none, more than the
//! limits allow), counts Host and reads it by its grammar, and settles the framing.
//!
//! The two take turns, a millisecond or so each, so that whatever else the machine does disturbs
//! both alike; the median of all turns counts.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use httparse::{EMPTY_HEADER, Header, Request, Status};
use httprs::http::{Framing, Head, HeadEnd, Limits, request_framing};

/// Turns for each request and parser; odd, so that there is a middle one.
const TURNS: usize = 301;

/// Bytes parsed in one turn, about.
const BYTES_A_TURN: usize = 400_000;

/// Which httparse this was built with.
const BUILD: &str = if cfg!(feature = "simd") {
    "SIMD"
} else {
    "scalar"
};

fn main() -> ExitCode {
    println!(
        "{:<10}{:>7}{:>12}{:>21}{:>8}",
        "request",
        "bytes",
        "httprs, ns",
        format!("httparse {BUILD}, ns"),
        "ratio"
    );
    for (name, wire) in requests() {
        let wire = wire.as_bytes();
        if let Err(reason) = both_accept(wire) {
            eprintln!("{name}: not counted: {reason}");
            return ExitCode::FAILURE;
        }
        let (ours, theirs) = measure(wire);
        let ratio = ours / theirs;
        let bytes = wire.len();
        println!("{name:<10}{bytes:>7}{ours:>12.1}{theirs:>21.1}{ratio:>8.2}");
    }
    ExitCode::SUCCESS
}

fn requests() -> [(&'static str, String); 5] {
    let browser = "GET /articles/2024/a-longer-title-of-a-page?utm_source=news HTTP/1.1\r\n\
        Host: www.example.com\r\n\
        User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
        Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n\
        Accept-Language: en-US,en;q=0.7,de;q=0.3\r\n\
        Accept-Encoding: gzip, deflate, br, zstd\r\n\
        Referer: https://www.example.com/articles/\r\n\
        Connection: keep-alive\r\n\
        Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n\
        Upgrade-Insecure-Requests: 1\r\n\
        Sec-Fetch-Dest: document\r\n\
        Sec-Fetch-Mode: navigate\r\n\
        Sec-Fetch-Site: same-origin\r\n\
        Sec-Fetch-User: ?1\r\n\
        Priority: u=0, i\r\n\
        \r\n";
    let mut cookies = "GET /account HTTP/1.1\r\nHost: www.example.com\r\n\
        User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
        Accept: */*\r\nCookie: "
        .to_owned();
    for i in 0..60 {
        cookies += &format!("_name_{i:02}=GA1.2.{i:010}.17000{i:05}-abcdefghijklmnop; ");
    }
    cookies += "last=1\r\nConnection: keep-alive\r\n\r\n";
    let mut fields = "GET /api/v1/things HTTP/1.1\r\nHost: api.example.com\r\n".to_owned();
    for i in 1..60 {
        fields += &format!("X-Forwarded-Thing-{i:02}: value number {i}\r\n");
    }
    fields += "\r\n";
    [
        ("minimal", "GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned()),
        (
            "curl",
            "GET /index.html HTTP/1.1\r\nHost: www.example.com:8080\r\n\
             User-Agent: curl/8.9.1\r\nAccept: */*\r\nX-A: b\r\n\r\n"
                .to_owned(),
        ),
        ("browser", browser.to_owned()),
        ("cookies", cookies),
        ("60 fields", fields),
    ]
}

/// Whether both accept the request, and understand the same by it.
fn both_accept(wire: &[u8]) -> Result<(), String> {
    let mut ours = Ours::default();
    let framing = ours.parse(wire)?;
    if framing != Framing::None {
        return Err(format!("{framing:?} is no framing of a request to compare"));
    }
    let mut headers = [EMPTY_HEADER; 128];
    let mut theirs = Request::new(&mut headers);
    match theirs.parse(wire) {
        Ok(Status::Complete(end)) if end == wire.len() => {}
        other => return Err(format!("httparse: {other:?}")),
    }
    let head = &ours.head;
    let same = theirs.method == Some(head.method_str())
        && theirs.path == Some(head.target_str())
        && theirs.version == Some(1)
        && theirs
            .headers
            .iter()
            .map(|h| (h.name, h.value))
            .eq(head.fields().iter());
    if same {
        Ok(())
    } else {
        Err("the two differ".to_owned())
    }
}

/// What a connection keeps.
#[derive(Default)]
struct Ours {
    limits: Limits,
    end: HeadEnd,
    head: Head,
}

impl Ours {
    fn parse(&mut self, wire: &[u8]) -> Result<Framing, String> {
        self.end.reset();
        let (head, limits) = (&mut self.head, &self.limits);
        let end = head.receive(wire, &mut self.end, limits);
        end.map_err(|e| e.as_str())?.ok_or("unfinished")?;
        request_framing(head).map_err(|e| e.as_str().to_owned())
    }
}

/// Nanoseconds per request, ours and theirs.
fn measure(wire: &[u8]) -> (f64, f64) {
    let times = (BYTES_A_TURN / wire.len()).max(1);
    let mut ours = Ours::default();
    let mut headers = [EMPTY_HEADER; 128];
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        a.push(turn(times, || ours.parse(black_box(wire)).is_ok()));
        b.push(turn(times, || theirs(black_box(wire), &mut headers)));
    }
    (median(a), median(b))
}

fn theirs<'a>(wire: &'a [u8], headers: &mut [Header<'a>]) -> bool {
    let mut request = Request::new(headers);
    let parsed = request.parse(wire);
    black_box(&request);
    matches!(parsed, Ok(Status::Complete(_)))
}

/// Nanoseconds for each of so many parses.
fn turn(times: usize, mut parse: impl FnMut() -> bool) -> f64 {
    let start = Instant::now();
    for _ in 0..times {
        assert!(black_box(parse()), "it was accepted before");
    }
    start.elapsed().as_nanos() as f64 / times as f64
}

fn median(mut turns: Vec<f64>) -> f64 {
    turns.sort_by(f64::total_cmp);
    turns[turns.len() / 2]
}
