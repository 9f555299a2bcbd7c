//! A file server over HTTPS: `httprs-tls CERTIFICATE KEY ADDRESS ROOT`, with two workers. `SIGHUP`
//! makes it read the certificate again.

use std::env;
use std::io;

use httprs::handlers::files::Files;
use httprs::{Format, Http1, Level, Log, Server};
use httprs_tls::Tls;

fn main() -> io::Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    let [certificate, key, address, root] = &args[..] else {
        eprintln!("usage: httprs-tls CERTIFICATE KEY ADDRESS ROOT");
        std::process::exit(64);
    };
    let server = Server::bind(address)?.workers(2).own_signals();
    let banner = format!("https://{}/", server.local_addr()?);
    let log = Log::new(Format::Text, Level::Info, None)?;
    let files = Http1::with(Files::open(root)?);
    server
        .log(log)
        .announce(banner)
        .run_over(Tls::new(certificate, key), files)?;
    Ok(())
}
