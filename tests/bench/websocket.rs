//! The server's processor time for each echo of 64 bytes: over WebSocket, and over HTTP. Both are
//! asked in turns by the same loop over 64 connections, and the least of the rounds counts.
//!
//! Arguments: the program, and how many rounds; `make bench-websocket` gives them.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

const CONNECTIONS: usize = 64;
const TURNS: usize = 2_000;

/// A server of one worker.
struct Served {
    child: Child,
    worker: u32,
    clients: Vec<TcpStream>,
}

impl Served {
    fn start(program: &str, protocol: &str) -> io::Result<Served> {
        let options = [
            "--host",
            "127.0.0.1",
            "--port",
            "0",
            "--worker",
            "1",
            "--log",
            "none",
        ];
        let mut command = Command::new(program);
        command.args(options).args(["--protocol", protocol]);
        let mut child = command.stderr(Stdio::piped()).spawn()?;
        let mut banner = String::new();
        BufReader::new(child.stderr.take().ok_or(io::ErrorKind::Other)?).read_line(&mut banner)?;
        let port = banner
            .split("127.0.0.1:")
            .nth(1)
            .and_then(|rest| rest.split('/').next());
        let port: u16 = port
            .and_then(|port| port.parse().ok())
            .ok_or(io::ErrorKind::NotFound)?;
        let pid = child.id();
        let worker = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
        let worker = worker.trim().parse().map_err(|_| io::ErrorKind::NotFound)?;
        let connect = |_| TcpStream::connect(("127.0.0.1", port));
        let clients = (0..CONNECTIONS).map(connect).collect::<io::Result<_>>()?;
        Ok(Served {
            child,
            worker,
            clients,
        })
    }

    /// Sends `message` on all connections and reads so many bytes on each.
    fn turn(&mut self, message: &[u8], len: usize) -> io::Result<()> {
        let mut answer = vec![0; len];
        for client in &mut self.clients {
            client.write_all(message)?;
        }
        for client in &mut self.clients {
            client.read_exact(&mut answer)?;
        }
        Ok(())
    }

    /// The worker's processor time in microseconds.
    fn cpu_us(&self) -> io::Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/schedstat", self.worker))?;
        let ns: u64 = text
            .split(' ')
            .next()
            .and_then(|n| n.parse().ok())
            .unwrap_or(0);
        Ok(ns / 1_000)
    }

    fn round(&mut self, message: &[u8], len: usize) -> io::Result<f64> {
        let before = self.cpu_us()?;
        for _ in 0..TURNS {
            self.turn(message, len)?;
        }
        Ok((self.cpu_us()? - before) as f64 / (TURNS * CONNECTIONS) as f64)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        let _ = self.child.wait();
    }
}

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let program = arguments.next().ok_or(io::ErrorKind::InvalidInput)?;
    let rounds = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(5);
    let payload = [b'x'; 64];
    let http_message = [
        &b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 64\r\n\r\n"[..],
        &payload,
    ]
    .concat();
    let mut frame = vec![0x82, 0x80 | 64, 1, 2, 3, 4];
    frame.extend(
        payload
            .iter()
            .zip([1, 2, 3, 4].iter().cycle())
            .map(|(b, key)| b ^ key),
    );
    let handshake = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

    let mut http = Served::start(&program, "http")?;
    let mut websocket = Served::start(&program, "websocket")?;
    let http_len = first_answer(&mut http, &http_message)?;
    let accepted = first_answer(&mut websocket, handshake)?;
    assert!(accepted > 0);
    let (mut least, mut least_http) = (f64::MAX, f64::MAX);
    for _ in 0..rounds {
        least = least.min(websocket.round(&frame, 66)?);
        least_http = least_http.min(http.round(&http_message, http_len)?);
    }
    println!(
        "WebSocket {least:.2} us, HTTP {least_http:.2} us: {:.2}",
        least / least_http
    );
    Ok(())
}

/// Sends the first message of each connection; returns how long each answer is.
fn first_answer(served: &mut Served, message: &[u8]) -> io::Result<usize> {
    let mut len = 0;
    for client in &mut served.clients {
        client.write_all(message)?;
        let mut answer = [0; 4096];
        // A short answer leaves in one piece.
        len = client.read(&mut answer)?;
    }
    Ok(len)
}
