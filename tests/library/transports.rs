//! Streams that are not sockets, as another crate makes them: a transport with a handshake, records
//! and a word for the end, under HTTP, in a server of two workers.

use std::cell::Cell;
use std::collections::VecDeque;
use std::fs;
use std::io::{self, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

use crate::embedding::alone;
use crate::server::{LONGEST, TempDir, TempPath, signal, wait_until};
use httprs::handlers::files::Files;
use httprs::process::Peer;
use httprs::scoreboard::State;
use httprs::worker::{Context, Interest, Socket, Stream, Transport};
use httprs::{EchoProcess, Http1, Server};

/// A record is its length in two bytes and so many bytes, each with the key in it. The client
/// begins with a record of one byte, its version; the server answers with its own, which is the
/// first byte of the key file. A record of no bytes is the end.
const VERSION: u8 = 7;
const RECORD: usize = 5_000;

fn record(key: u8, bytes: &[u8]) -> Vec<u8> {
    let len = (bytes.len() as u16).to_be_bytes();
    let veiled = bytes.iter().map(|byte| byte ^ key);
    len.into_iter().chain(veiled).collect()
}

/// Takes the first record, if it is whole.
fn take_record(key: u8, from: &mut VecDeque<u8>) -> Option<Vec<u8>> {
    let len = usize::from(u16::from_be_bytes([*from.front()?, *from.get(1)?]));
    if from.len() < 2 + len {
        return None;
    }
    Some(
        from.drain(..2 + len)
            .skip(2)
            .map(|byte| byte ^ key)
            .collect(),
    )
}

struct Records {
    key_file: PathBuf,
    key: u8,
    timeout_ms: u64,
    accepted: Cell<u32>,
}

impl Records {
    fn new(key_file: &TempPath) -> Records {
        Records {
            key_file: key_file.text().into(),
            key: 0,
            timeout_ms: 500,
            accepted: Cell::new(0),
        }
    }
}

impl Transport for Records {
    type Stream = Recorded;

    fn init(&mut self) -> io::Result<()> {
        fs::read(&self.key_file).map(drop)
    }

    fn start(&mut self, context: &Context<'_>) -> io::Result<()> {
        self.key = *fs::read(&self.key_file)?
            .first()
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        assert!(context.index < 2);
        Ok(())
    }

    fn accept(&self, socket: Socket, peer: &Peer) -> io::Result<Recorded> {
        assert!(matches!(peer, Peer::Inet(_)));
        self.accepted.set(self.accepted.get() + 1);
        if self.key == 13 && self.accepted.get() > 1 {
            return Err(io::Error::other("one is enough"));
        }
        Ok(Recorded {
            socket,
            key: self.key,
            timeout_ms: Some(self.timeout_ms),
            raw: VecDeque::new(),
            plain: VecDeque::new(),
            ended: false,
            out: VecDeque::new(),
            uncounted: 0,
        })
    }
}

/// The server's side.
struct Recorded {
    socket: Socket,
    key: u8,
    timeout_ms: Option<u64>,
    raw: VecDeque<u8>,
    plain: VecDeque<u8>,
    ended: bool,
    /// Records that wait for room.
    out: VecDeque<u8>,
    /// Bytes that are in records and were not counted as written.
    uncounted: usize,
}

impl Recorded {
    /// Reads once, and takes apart what is whole.
    fn pull(&mut self) -> io::Result<()> {
        let mut some = [0; 20_000];
        match self.socket.read(&mut some)? {
            0 if self.ended => {}
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => self.raw.extend(&some[..n]),
        }
        Ok(())
    }

    fn push(&mut self) -> io::Result<()> {
        while !self.out.is_empty() {
            let (one, _) = self.out.as_slices();
            let n = self.socket.write(&[IoSlice::new(one)], false)?;
            self.out.drain(..n);
        }
        Ok(())
    }
}

impl AsFd for Recorded {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Stream for Recorded {
    fn handshake(&mut self) -> io::Result<()> {
        if self.timeout_ms.is_some() {
            let hello = loop {
                match take_record(0, &mut self.raw) {
                    Some(hello) => break hello,
                    None => self.pull()?,
                }
            };
            if hello != [VERSION] {
                self.out.extend(record(0, b"another version"));
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.out.extend(record(0, &[self.key]));
            self.timeout_ms = None;
        }
        self.push()
    }

    fn handshake_timeout_ms(&self) -> Option<u64> {
        self.timeout_ms
    }

    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.timeout_ms.is_some() {
            // The handshake has failed.
            return self.socket.read(buf);
        }
        while self.plain.is_empty() && !self.ended {
            match take_record(self.key, &mut self.raw) {
                Some(record) => {
                    self.ended = record.is_empty();
                    self.plain.extend(record);
                }
                None => self.pull()?,
            }
        }
        self.plain.read(buf)
    }

    fn buffered(&self) -> bool {
        let whole = take_record(self.key, &mut self.raw.clone()).is_some();
        !self.plain.is_empty() || whole || self.ended
    }

    fn interest(&self, wanted: Interest) -> Interest {
        Interest::of(wanted.reads(), wanted.writes() || !self.out.is_empty())
    }

    fn write(&mut self, slices: &[IoSlice<'_>], _: bool) -> io::Result<usize> {
        let given: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
        let mut written = 0;
        while written < given.len() {
            if self.uncounted == 0 {
                self.uncounted = (given.len() - written).min(RECORD);
                let bytes = &given[written..written + self.uncounted];
                self.out.extend(record(self.key, bytes));
            }
            match self.push() {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && written > 0 => break,
                Err(error) => return Err(error),
            }
            let counted = self.uncounted.min(given.len() - written);
            self.uncounted -= counted;
            written += counted;
        }
        Ok(written)
    }

    fn unacknowledged(&self) -> io::Result<u64> {
        Ok(self.socket.unacknowledged()? + self.out.len() as u64)
    }

    fn shutdown(&mut self) -> io::Result<()> {
        self.close()?;
        self.socket.shutdown()
    }

    fn close(&mut self) -> io::Result<()> {
        self.out.extend(record(self.key, b""));
        self.push()
    }

    fn reset(&mut self) -> io::Result<()> {
        self.socket.reset()
    }
}

/// The client's side.
struct Client {
    tcp: TcpStream,
    key: u8,
}

impl Client {
    fn tcp(address: SocketAddr) -> TcpStream {
        let tcp = TcpStream::connect(address).unwrap();
        tcp.set_read_timeout(Some(LONGEST)).unwrap();
        tcp
    }

    fn connect(address: SocketAddr) -> Client {
        let mut client = Client {
            tcp: Client::tcp(address),
            key: 0,
        };
        client.send(&[VERSION]);
        client.key = client.read().unwrap()[0];
        client
    }

    fn send(&mut self, bytes: &[u8]) {
        self.tcp.write_all(&record(self.key, bytes)).unwrap();
    }

    /// One record.
    fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut len = [0; 2];
        self.tcp.read_exact(&mut len)?;
        let mut bytes = vec![0; usize::from(u16::from_be_bytes(len))];
        self.tcp.read_exact(&mut bytes)?;
        bytes.iter_mut().for_each(|byte| *byte ^= self.key);
        Ok(bytes)
    }

    /// Records until these bytes have come.
    fn read_until(&mut self, end: &[u8]) -> Vec<u8> {
        let mut all = Vec::new();
        while !all.ends_with(end) {
            all.extend(self.read().unwrap());
        }
        all
    }

    /// All up to the end, which is a word and no accident.
    fn rest(mut self) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            match self.read().unwrap() {
                record if record.is_empty() => break,
                record => all.extend(record),
            }
        }
        assert_eq!(
            self.tcp.read(&mut [0]).unwrap(),
            0,
            "nothing behind the end"
        );
        all
    }
}

fn key_file(name: &str, key: u8) -> TempPath {
    let path = TempPath::new(name);
    fs::write(path.text(), [key]).unwrap();
    path
}

fn greeting() -> Http1<impl httprs::Handler> {
    Http1::new(|req, res| write!(res, "hello, {}", req.path()))
}

const GET: &[u8] = b"GET /you HTTP/1.1\r\nHost: x\r\n\r\n";

#[test]
fn http_over_a_transport_of_another_crate() {
    let _turn = alone();
    let key = key_file("transport", 42);
    let server = Server::bind("127.0.0.1:0").unwrap().workers(2);
    let address = server.local_addr().unwrap();
    let running = server.spawn_over(Records::new(&key), greeting()).unwrap();

    let mut client = Client::connect(address);
    for _ in 0..3 {
        client.send(GET);
        client.read_until(b"hello, /you");
    }
    // Cut anywhere, and two in one record.
    let twice = [
        record(42, &GET[..9]),
        record(42, &[&GET[9..], GET].concat()),
    ]
    .concat();
    for byte in twice {
        client.tcp.write_all(&[byte]).unwrap();
    }
    let answers = client.read_until(b"hello, /you");
    let answers = match answers.windows(4).filter(|four| four == b"HTTP").count() {
        1 => [answers, client.read_until(b"hello, /you")].concat(),
        _ => answers,
    };
    assert_eq!(answers.windows(4).filter(|four| four == b"HTTP").count(), 2);

    // A client that ends its side and keeps the socket open: the end is held like other input.
    client
        .tcp
        .write_all(&[record(42, GET), record(42, b"")].concat())
        .unwrap();
    assert!(client.rest().ends_with(b"hello, /you"));

    // What begins wrongly is told so, and reads the end.
    let mut wrong = Client::tcp(address);
    wrong.write_all(&record(0, b"x")).unwrap();
    let mut told = Vec::new();
    wrong.read_to_end(&mut told).unwrap();
    assert_eq!(
        told,
        [record(0, b"another version"), record(42, b"")].concat()
    );

    // A client that stalls is ended by the timeout of the transport, not of HTTP.
    let mut stalled = Client::tcp(address);
    stalled.write_all(&record(0, b"x")[..2]).unwrap();
    assert_eq!(stalled.read(&mut [0]).unwrap(), 0);

    // An idle client reads the word for the end when the server drains.
    let mut idle = Client::connect(address);
    idle.send(GET);
    idle.read_until(b"hello, /you");
    let stopping = std::thread::spawn(move || running.stop());
    assert_eq!(idle.rest(), b"");
    let outcome = stopping.join().unwrap().unwrap();
    assert_eq!((outcome.stopped, outcome.cut_off), (true, 0));
}

#[test]
fn a_file_goes_through_a_transport_whole() {
    let _turn = alone();
    let dir = TempDir::new("transport-file");
    let body: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    fs::write(dir.path("large.bin"), &body).unwrap();
    let key = key_file("transport-large", 1);
    let server = Server::bind("127.0.0.1:0").unwrap().workers(1);
    let address = server.local_addr().unwrap();
    let files = Files::open(dir.text()).unwrap();
    let running = server
        .spawn_over(Records::new(&key), Http1::with(files))
        .unwrap();

    let mut client = Client::connect(address);
    client.send(b"GET /large.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let answer = client.rest();
    assert!(answer.ends_with(&body), "{} bytes", answer.len());
    assert!(running.stop().unwrap().stopped);
}

#[test]
fn each_worker_starts_its_transport_after_its_fork() {
    let _turn = alone();
    let key = key_file("transport-start", 1);
    let server = Server::bind("127.0.0.1:0").unwrap().workers(1);
    let (address, board) = (server.local_addr().unwrap(), server.scoreboard());
    let running = server.spawn_over(Records::new(&key), greeting()).unwrap();

    let mut client = Client::connect(address);
    assert_eq!(client.key, 1);
    fs::write(key.text(), [13]).unwrap();
    client.send(GET);
    client.read_until(b"hello, /you");
    let first = board.records().next().unwrap().pid;
    signal(first, "KILL");
    let pid = || {
        board
            .records()
            .find(|record| record.state == State::Ready)
            .map(|record| record.pid)
    };
    wait_until("another worker is ready", || {
        pid().is_some_and(|pid| pid != first)
    });
    assert_eq!(Client::connect(address).key, 13);

    // A client for which the transport makes no stream.
    let mut refused = Client::tcp(address);
    assert_eq!(refused.read(&mut [0]).unwrap(), 0);
    drop((client, refused));
    assert!(running.stop().unwrap().stopped);
}

#[test]
fn a_transport_that_cannot_begin_ends_the_server_before_it_began() {
    let key = TempPath::new("transport-none");
    let server = Server::bind("127.0.0.1:0").unwrap();
    let error = server
        .spawn_over(Records::new(&key), EchoProcess)
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}
