//! Two groups of workers under one master: HTTP, and an echo beside it. A slow or crashing handler
//! of one group is nothing to the other.
//!
//! `cargo run --example two_groups`, then `curl localhost:8080` and `nc localhost 8081`

use std::env;
use std::io;

use httprs::{EchoProcess, Group, Http1, Server};

fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let other = env::args().nth(2).unwrap_or("127.0.0.1:8081".into());
    let server = Server::bind(&address)?.workers(2).own_signals();
    println!("http://{}/", server.local_addr()?);
    let echo = Group::serve(&other, EchoProcess)?.workers(1).name("echo");
    for address in echo.addresses() {
        println!("tcp://{address}/");
    }
    let board = server.scoreboard();
    let http = Http1::new(move |_, res| {
        let workers = board.records().filter(|record| record.pid > 0);
        let lines = workers.map(|record| format!("{} {}\n", record.group, record.pid));
        res.text(&lines.collect::<String>())
    });
    server.also(echo).run(http)?;
    Ok(())
}
