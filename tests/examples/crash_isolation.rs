//! A C function that crashes takes its worker, and nothing else: the other clients are served, the
//! master forks a successor, and the log names the request.
//!
//! `cargo run --example crash_isolation`, then `curl localhost:8080/length?text=abc`,
//! `curl localhost:8080/length`

use std::env;
use std::ffi::{CString, c_char};
use std::io;
use std::ptr;

use httprs::handlers::Routes;
use httprs::{Format, Http1, HttpRequest, HttpResponse, Level, Log, Server};

fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let server = Server::bind(&address)?.workers(2).own_signals();
    println!("http://{}/", server.local_addr()?);
    let log = Log::new(Format::Text, Level::Info, None)?;
    let router = Routes::new().get("/length", length).build()?;
    server.log(log).run(Http1::with(router))?;
    Ok(())
}

fn length(req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
    let text = req
        .query()
        .find(|(name, _)| name == "text")
        .and_then(|(_, value)| value);
    let text = text.map(|text| CString::new(text.as_bytes())).transpose()?;
    // Without a text, the mistake of many a binding: the pointer is null.
    let pointer = text.as_ref().map_or(ptr::null(), |text| text.as_ptr());
    res.text(&format!(
        "{} bytes, says worker {}\n",
        c_length(pointer),
        std::process::id()
    ))
}

/// Stands for any function of a C library.
fn c_length(text: *const c_char) -> usize {
    // SAFETY: sound for every pointer but null, which this example is about.
    unsafe { libc::strlen(text) }
}
