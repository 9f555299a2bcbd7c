//! [`Health`]: `/livez` and `/readyz`, for a supervisor that must know whether to restart a server
//! or to send it clients. All other requests go to the handler inside.

use std::io::{self, Write};

use crate::http::{
    Handler, HttpRequest, HttpResponse, Layer, Method, Pass, Plan, StatusCode, Wrap,
};
use crate::scoreboard::Scoreboard;

/// Answers `/livez` and `/readyz`, and passes all other requests on.
///
/// `/livez` is 200 whenever a worker can answer. `/readyz` reads the scoreboard: 200 while a worker
/// is ready and the server is not stopping, else 503. Neither is logged.
#[derive(Debug)]
pub struct Health<H>(Wrap<Checks, H>);

#[derive(Debug)]
struct Checks(Scoreboard);

impl<H: Handler> Health<H> {
    /// Answers both paths in front of `inner`.
    pub fn new(board: Scoreboard, inner: H) -> Health<H> {
        Health(inner.wrap(Checks(board)))
    }
}

impl Checks {
    fn ready(&self, res: &mut HttpResponse) -> io::Result<()> {
        let Checks(board) = self;
        if board.is_ready() {
            // While a worker is replaced, its successor is ready as well.
            let (ready, wanted) = (board.ready(), board.wanted());
            return writeln!(res, "ready: {} of {wanted} workers", ready.min(wanted));
        }
        res.status(StatusCode::SERVICE_UNAVAILABLE);
        let why = match board.stopping() {
            true => "stopping",
            false => "no worker is ready",
        };
        writeln!(res, "not ready: {why}")
    }

    #[cold]
    fn answer(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<Pass> {
        res.unlogged();
        res.header("Content-Type", "text/plain; charset=utf-8")?;
        res.header("Cache-Control", "no-store")?;
        if !matches!(req.method(), Method::Get | Method::Head) {
            res.status(StatusCode::METHOD_NOT_ALLOWED)
                .header("Allow", "GET, HEAD")?;
            writeln!(res, "405 Method Not Allowed")?;
        } else if req.path_bytes() == b"/livez" {
            writeln!(res, "alive")?;
        } else {
            self.ready(res)?;
        }
        Ok(Pass::Answered)
    }
}

impl Layer for Checks {
    // On the way of each request, twice.
    #[inline]
    fn before(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<Pass> {
        match is_health(req) {
            true => self.answer(req, res),
            false => Ok(Pass::On),
        }
    }
}

impl<H: Handler> Handler for Health<H> {
    fn plan(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<Plan> {
        self.0.plan(req, res)
    }

    fn handle(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        self.0.handle(req, res)
    }
}

fn is_health(req: &HttpRequest) -> bool {
    matches!(req.path_bytes(), b"/livez" | b"/readyz")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::every_split;
    use crate::http::Http1;
    use crate::scoreboard::State;

    #[test]
    fn readiness_is_what_the_master_wrote() {
        let board = Scoreboard::new().unwrap();
        let http = Http1::with(Health::new(
            board.clone(),
            |_: &HttpRequest, res: &mut HttpResponse| write!(res, "inner"),
        ));
        let ask = |wire: &str| {
            let wire = format!("{wire} HTTP/1.1\r\nHost: x\r\n\r\n");
            let bytes = every_split(&http, wire.as_bytes()).bytes;
            let text = String::from_utf8(bytes).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            (head[9..12].to_string(), body.to_string())
        };
        let answer = |status: &str, body: &str| (status.to_string(), body.to_string());
        assert_eq!(
            ask("GET /readyz"),
            answer("503", "not ready: no worker is ready\n")
        );
        assert_eq!(ask("GET /livez"), answer("200", "alive\n"));
        board.set_wanted(2, 4);
        board.slot(1).unwrap().set_state(State::Ready, 1);
        assert_eq!(
            ask("GET /readyz?x"),
            answer("200", "ready: 1 of 2 workers\n")
        );
        assert_eq!(ask("HEAD /readyz"), answer("200", ""));
        assert_eq!(ask("POST /readyz").0, "405");
        assert_eq!(ask("GET /readyz/"), answer("200", "inner"));
        board.set_stopping();
        assert_eq!(ask("GET /readyz"), answer("503", "not ready: stopping\n"));
        assert_eq!(ask("GET /livez").0, "200");
    }
}
