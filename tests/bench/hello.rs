//! The library as `make bench` measures it: a handler that writes 13 bytes, one worker.
//!
//! Its answer has the size of the smallest file that is measured, so that the two can be compared.

use std::env;
use std::io::{self, Write};

use httprs::{Http1, Server};

fn main() -> io::Result<()> {
    let port = env::args().nth(1).unwrap_or_else(|| "8080".to_owned());
    let server = Server::bind(&format!("127.0.0.1:{port}"))?.workers(1);
    server.run(Http1::new(|_, res| {
        res.header("Content-Type", "text/plain")?;
        res.write_all(b"hello, world\n")
    }))?;
    Ok(())
}
