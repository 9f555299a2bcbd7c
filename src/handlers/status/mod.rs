//! [`Status`]: the state of a server, for people and for monitoring.
//!
//! | path | what it is |
//! |---|---|
//! | `/status` | a page for clients that name `text/html` in `Accept`, as browsers do; text for others |
//! | `/status.txt` | the text: what `httprs status` prints |
//! | `/status.json` | the same as JSON; see `json.rs` for its names, which stay |
//! | `/metrics` | for Prometheus, in its text format 0.0.4 |
//!
//! `/` leads to `/status`. A request for a host that is a name other than `localhost` is 421, since
//! a web page elsewhere can make its name lead here. The worker that gets the request reads the
//! [`Scoreboard`]; that worker shows itself as sending a reply, as Apache's does. Reports may show
//! the beginnings of requests that killed workers, so the status belongs on an address of its own:
//! see `Server::admin`.

mod json;
mod metrics;
mod page;
mod snapshot;
mod text;

use std::io::{self, Write};
use std::net::IpAddr;

use super::pages::{self, Besides};
use crate::http::{Handler, HttpRequest, HttpResponse, Method, Plan, StatusCode, accept};
use crate::process::Peer;
use crate::scoreboard::Scoreboard;
use snapshot::Snapshot;

/// The refresh interval for browsers, in seconds.
const REFRESH_S: u32 = 5;

/// Shows the state of a server; see the [module](self).
///
/// ```
/// use httprs::handlers::status::Status;
/// use httprs::{Http1, Scoreboard, harness};
///
/// let http = Http1::with(Status::new(Scoreboard::new()?));
/// let answer = harness::converse(&http, &[b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"]);
/// let text = String::from_utf8(answer.bytes).unwrap();
/// assert!(text.contains("\nhttprs_workers_ready 0\n"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Status {
    board: Scoreboard,
}

impl Status {
    /// Shows this scoreboard.
    pub fn new(board: Scoreboard) -> Status {
        Status { board }
    }

    fn snapshot(&self, req: &HttpRequest) -> Snapshot {
        Snapshot::take(&self.board, req.now().unix_ms)
    }

    fn page(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        pages::html(res)?;
        res.header("X-Content-Type-Options", "nosniff")?;
        // A page that a person reads, or has read aloud, must not be replaced.
        let still = req.query_str() == Some("still");
        if !still {
            res.header("Refresh", REFRESH_S.to_string())?;
        }
        page::write(res, &self.snapshot(req), still)
    }

    fn text(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        typed(res, "text/plain; charset=utf-8")?;
        text::write(res, &self.snapshot(req))
    }
}

impl Handler for Status {
    fn plan(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<Plan> {
        // No path of the status uses a body.
        self.handle(req, res).map(|()| Plan::Answered)
    }

    fn handle(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        res.unlogged().header("Cache-Control", "no-store")?;
        if !is_direct(req) {
            res.status(StatusCode::MISDIRECTED_REQUEST);
            typed(res, "text/plain; charset=utf-8")?;
            return writeln!(
                res,
                "421 Misdirected Request: ask for an IP address or localhost, not for a name"
            );
        }
        if !matches!(req.method(), Method::Get | Method::Head) {
            res.status(StatusCode::METHOD_NOT_ALLOWED)
                .header("Allow", "GET, HEAD")?;
            typed(res, "text/plain; charset=utf-8")?;
            return writeln!(res, "405 Method Not Allowed");
        }
        match req.path_bytes() {
            b"/status" => {
                res.header("Vary", "Accept")?;
                match accept::names(req.headers(), "text/html") {
                    true => self.page(req, res),
                    false => self.text(req, res),
                }
            }
            b"/status.txt" => self.text(req, res),
            b"/status.json" => {
                typed(res, "application/json")?;
                json::write(res, &self.snapshot(req))
            }
            b"/metrics" => {
                typed(res, "text/plain; version=0.0.4; charset=utf-8")?;
                metrics::write(res, &self.snapshot(req))
            }
            b"/" => {
                res.header("Location", "/status")?;
                pages::say(req, res, StatusCode::FOUND, &Besides::MovedTo(b"/status"))
            }
            _ => pages::explain(req, res, StatusCode::NOT_FOUND),
        }
    }
}

/// Whether a web page cannot have made this request by a name of its own that it pointed at us (DNS
/// rebinding): the host is an address or `localhost`, there is none, or the client is not on a
/// network.
fn is_direct(req: &HttpRequest) -> bool {
    let Some(host) = req.host().filter(|_| req.peer() != Peer::Unix) else {
        return true;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    name.eq_ignore_ascii_case("localhost") || bare.unwrap_or(name).parse::<IpAddr>().is_ok()
}

fn typed(res: &mut HttpResponse, content_type: &str) -> io::Result<()> {
    res.header("Content-Type", content_type)?
        .header("X-Content-Type-Options", "nosniff")?;
    Ok(())
}

#[cfg(test)]
mod tests;
