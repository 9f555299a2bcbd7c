//! A JSON API: routes with parameters, errors with a status, a body, and a limit on it.
//!
//! `cargo run --example json_api`, then
//! `curl localhost:8080/api/sum/2/3`, `curl -d '"some text"' localhost:8080/api/length`

use std::env;
use std::io::{self, Write};

use httprs::handlers::Routes;
use httprs::http::{HttpError, Limits};
use httprs::{Http1, HttpRequest, HttpResponse, Server, StatusCode};

fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let server = Server::bind(&address)?.own_signals();
    println!("http://{}/", server.local_addr()?);
    let api = Routes::new()
        .get("/sum/{a}/{b}", sum)
        .post("/length", length);
    let router = Routes::new().nest("/api", api).build()?;
    let limits = Limits {
        body_bytes: 10_000,
        ..Limits::default()
    };
    server.run(Http1::with(router).limits(limits))?;
    Ok(())
}

/// Parameters that are no numbers are 400; a sum that is none is 422.
fn sum(req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
    let (a, b): (i64, i64) = (req.param_as("a")?, req.param_as("b")?);
    let sum = a.checked_add(b);
    let sum = sum.ok_or(HttpError::new(
        StatusCode::UNPROCESSABLE_CONTENT,
        "too large",
    ))?;
    res.json_str(&format!("{{\"sum\": {sum}}}\n"))
}

/// Any JSON library reads `req.body_str()`; this takes the length of a plain string.
fn length(req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
    let text = req
        .body_str()
        .and_then(|body| body.trim().strip_prefix('"')?.strip_suffix('"'));
    let text = text.ok_or(HttpError::new(
        StatusCode::BAD_REQUEST,
        "a JSON string, please",
    ))?;
    res.header("Content-Type", "application/json")?;
    writeln!(res, "{{\"length\": {}}}", text.chars().count())
}
