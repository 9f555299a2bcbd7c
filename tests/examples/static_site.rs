//! A directory of files for clients that know a password, each request with an id.
//!
//! `echo alice:secret > /tmp/users`, `cargo run --example static_site 127.0.0.1:8080 . /tmp/users`,
//! then `curl -u alice:secret localhost:8080/README.md`

use std::env;
use std::io;
use std::path::Path;

use httprs::handlers::files::Files;
use httprs::handlers::{BasicAuth, Observe, RateLimit, RequestId};
use httprs::{Handler, Http1, Server};

fn main() -> io::Result<()> {
    let argument = |n: usize, default: &str| env::args().nth(n).unwrap_or(default.into());
    let server = Server::bind(&argument(1, "127.0.0.1:8080"))?.own_signals();
    println!("http://{}/", server.local_addr()?);
    let log = Observe::new(|req, res| {
        let (id, size) = (req.request_id().unwrap_or_default(), res.body_len());
        println!("{id} {} {} {size:?}", req.path(), res.status_code().get());
    });
    // The outermost layer comes last: a request has an id before it is refused, and is counted
    // before its password is looked at.
    let site = Files::open(Path::new(&argument(2, ".")))?
        .listing(true)
        .wrap(log)
        .wrap(BasicAuth::from_file(argument(3, "users"))?.realm("the site")?)
        .wrap(RateLimit::new(100, 1_000))
        .wrap(RequestId::new());
    server.run(Http1::with(site))?;
    Ok(())
}
