//! The least there is: one handler, on one address, in as many workers as there are processors.
//!
//! `cargo run --example hello`, then `curl localhost:8080/world`

use std::env;
use std::io::{self, Write};

use httprs::{Http1, Server};

fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let server = Server::bind(&address)?.own_signals();
    println!("http://{}/", server.local_addr()?);
    server.run(Http1::new(|req, res| {
        writeln!(res, "hello, {}", req.path().trim_matches('/'))
    }))?;
    Ok(())
}
