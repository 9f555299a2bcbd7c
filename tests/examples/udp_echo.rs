//! The echo protocol over UDP (RFC 862): each datagram goes back to its sender.
//!
//! `cargo run --example udp_echo`, then `echo hello | nc -u -w1 localhost 8080`

use std::env;
use std::io;

use httprs::worker::UdpWorker;
use httprs::{EchoProcess, Server};

fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let worker = UdpWorker::bind(&address, EchoProcess)?;
    println!("udp://{}/", worker.local_addr());
    // The worker has sockets of its own, so the server itself is bound to nothing.
    Server::bind_all(&[])?
        .workers(2)
        .own_signals()
        .run_worker(worker)?;
    Ok(())
}
