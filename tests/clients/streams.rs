//! What `make clients` asks of the library and the program has not: streams that never end, a late
//! first byte, a body that goes into a sink, an answer before the body, an upgrade.
//!
//! Arguments: an IP address, a port, and deadlines in milliseconds: for progress, for a head, for
//! writing, for idling. A number behind them is how many connections there may be, of one worker.

use std::env;
use std::io::{self, Write};

use httprs::http::{Flow, Plan, Sink, Timeouts, Want};
use httprs::process::{Peer, Process};
use httprs::{
    EchoProcess, Format, Handler, Http1, HttpRequest, HttpResponse, Level, Log, Millis, Server,
    StatusCode,
};

/// Between two events, in milliseconds.
const EVENT_MS: u64 = 200;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [ip, port, deadlines @ ..] = &arguments[..] else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let mut deadlines = deadlines.iter().map(|ms| ms.parse().unwrap_or(0u64));
    let mut ms = || deadlines.next().unwrap_or(0);
    let (progress_ms, header_ms, write_ms, keepalive_ms) = (ms(), ms(), ms(), ms());
    let timeouts = Timeouts {
        progress_ms,
        header_ms,
        keepalive_ms,
        ..Timeouts::default()
    };
    let mut server = Server::bind(&format!("{ip}:{port}"))?.workers(2);
    if let Some(most) = deadlines.next() {
        server = server.workers(1).max_connections(most as usize);
    }
    let banner = format!("streams serves at http://{}/", server.local_addr()?);
    server
        .write_timeout_ms(write_ms)
        .log(Log::new(Format::None, Level::Info, None)?)
        .own_signals()
        .announce(banner)
        .run(Http1::with(Streams).timeouts(timeouts))?;
    Ok(())
}

struct Streams;

impl Handler for Streams {
    fn plan(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<Plan> {
        match req.path() {
            "/sink" => return Ok(Plan::Stream(Box::new(Count(0)))),
            "/early" => {
                res.status(StatusCode::FORBIDDEN);
                return Ok(Plan::Answered);
            }
            "/upgrade" => {
                res.status(StatusCode::SWITCHING_PROTOCOLS);
                res.header("Upgrade", "echo")?;
                return Ok(Plan::Become(EchoProcess.open(&Peer::Unix)));
            }
            _ => {}
        }
        Ok(Plan::Gather)
    }

    fn handle(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        // The number that the query is, in milliseconds.
        let query = req.query_str();
        let ms = query.and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut due = None;
        match req.path() {
            // An event at once, and another one every so often.
            "/events" => {
                res.header("Content-Type", "text/event-stream")?;
                res.stream(|piece| {
                    write!(piece, "data: event\n\n")?;
                    Ok(Flow::WaitUntil(piece.now().at.after(EVENT_MS)))
                });
            }
            // A subscription of which nothing is heard.
            "/silent" => {
                res.header("Content-Type", "text/event-stream")?;
                res.stream(|_| Ok(Flow::WaitUntil(Millis::NEVER)));
            }
            // As much as the client takes.
            "/flood" => {
                res.stream(|piece| {
                    piece.write_all(&[b'x'; 16 * 1024])?;
                    Ok(Flow::More)
                });
            }
            // One word, so many milliseconds later.
            "/late" => {
                res.stream(move |piece| {
                    let due = *due.get_or_insert(piece.now().at.after(ms));
                    if piece.now().at < due {
                        return Ok(Flow::WaitUntil(due));
                    }
                    piece.write_all(b"late")?;
                    Ok(Flow::End)
                });
            }
            _ => res.write_all(req.body())?,
        }
        Ok(())
    }
}

/// Counts the bytes of a body and keeps none.
struct Count(u64);

impl Sink for Count {
    fn piece(&mut self, bytes: &[u8]) -> io::Result<Want> {
        self.0 += bytes.len() as u64;
        Ok(Want::More)
    }

    fn answer(self: Box<Self>, _: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        write!(res, "{}", self.0)
    }

    fn max_bytes(&self, _: u64) -> u64 {
        u64::MAX
    }
}
