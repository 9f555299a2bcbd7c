//! A protocol of one's own, without HTTP: a stack of numbers, a command a line.
//! `cargo run --example line_protocol`, then `printf 'push 2\npush 3\nadd\n' | nc -q1 localhost 8080`

use std::env;
use std::io;

use httprs::process::{Connection, Io, Next, Peer, Process};
use httprs::{Millis, Server};

/// How long a client may be silent, in milliseconds.
const IDLE_MS: u64 = 60_000;

fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let server = Server::bind(&address)?.own_signals();
    println!("tcp://{}/", server.local_addr()?);
    server.run(Calculator)?;
    Ok(())
}

struct Calculator;

/// One client.
#[derive(Default)]
struct Session {
    stack: Vec<i64>,
    /// When the client was last heard; `None` before the first step.
    heard: Option<Millis>,
}

impl Process for Calculator {
    fn name(&self) -> &'static str {
        "calculator"
    }

    fn open(&self, _: &Peer) -> Box<dyn Connection + '_> {
        Box::<Session>::default()
    }
}

impl Connection for Session {
    /// Takes whole lines, as long as there is room for the answers.
    fn step(&mut self, io: &mut Io<'_>) -> Next {
        let heard = self
            .heard
            .filter(|_| io.input.is_empty())
            .unwrap_or(io.now.at);
        self.heard = Some(heard);
        while !io.output.is_full() {
            let Some(end) = io.input.bytes().iter().position(|b| *b == b'\n') else {
                break;
            };
            let line = String::from_utf8_lossy(&io.input.bytes()[..end]).into_owned();
            io.input.consume(end + 1);
            let answer = self
                .run(line.trim())
                .map_or("error".into(), |n| n.to_string());
            io.output.push(format!("{answer}\n").as_bytes());
        }
        let over = io.eof || io.stopping || io.now.at >= heard.after(IDLE_MS);
        match over && !io.output.is_full() {
            true => Next::Close,
            false => Next::WaitUntil(heard.after(IDLE_MS)),
        }
    }
}

impl Session {
    fn run(&mut self, line: &str) -> Option<i64> {
        let result = match line.split_once(' ').unwrap_or((line, "")) {
            ("push", number) if self.stack.len() < 100 => number.parse().ok()?,
            ("add", "") => self.stack.pop()?.checked_add(self.stack.pop()?)?,
            _ => return None,
        };
        self.stack.push(result);
        Some(result)
    }
}
