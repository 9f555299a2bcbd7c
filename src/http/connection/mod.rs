//! A connection, from its first byte to its last: `Http1Connection`.
//!
//! | file | what it is |
//! |---|---|
//! | `mod` | how the heads of requests are received |
//! | `body` | how the bodies of requests are received |
//! | `reply` | how responses are sent |
//! | `http1` | [`Http1`], the protocol of all connections, and its settings |
//! | `exchange` | a request with its response, and the state that connections share |
//! | `timeouts` | how long a client may take |
//! | `incoming`, `outgoing` | bodies in transit |
//! | `body_memory` | how much memory request bodies may take |
//! | `encode` | responses as bytes |
//! | `refusal`, `failure` | why a request is not handled, and why a handler failed |
//! | `misuse` | what a handler or a source may not do |
//! | `recorded` | which parts of a request an exit report may show |
//!
//! A state machine over the pure parts beside it. A step goes from state to state until one waits:
//!
//! ```text
//!           +----------------- keep-alive ------------------+
//!           v                                               |
//! New ---> Idle ---> Head ---> Body ---> response, queued --+
//!           |         |         |           |       |       |
//!           |         |         |           |       +--> Stream, while its source makes the body
//!           v         v         v           v              v
//!          Over: the client is gone or too slow, the request is refused, or no other may follow
//! ```
//! | state | waits for | until (`Next::WaitUntil`) |
//! |---|---|---|
//! | `Idle` | the first byte of a head | `keepalive_ms`; in a drain, `DRAIN_IDLE_MS` |
//! | `Head` | the end of the head | `header_ms`, `progress_ms`; in a drain, `DRAIN_HEAD_MS` |
//! | `Body` | more of the body; memory for it | `progress_ms`, `min_rate`; `MEMORY_RETRY_MS` |
//! | `Stream` | its source | the time that the source named |
//!
//! A new connection is `Idle` with the timeouts of `Head`. A full output stops any state
//! (backpressure, `Next::Wait`), and the link ends slow readers. `Over` is `Next::Close`; `Finish`
//! if the client asked to close, `Break` if only the close would end a body that broke off. A
//! request that cannot be understood is answered with the right status and the end of the
//! connection: behind bytes that two readers could read differently, it is not known where the next
//! request begins.

mod body;
mod body_memory;
mod encode;
mod exchange;
mod failure;
mod http1;
mod incoming;
mod misuse;
mod outgoing;
mod recorded;
mod refusal;
mod reply;
mod timeouts;

use std::mem;

use crate::http::handler::{Handler, HttpRequest, Plan};
use crate::http::syntax::{Framing, HeadEnd, HeadError, Method};
use crate::process::{Connection, Io, Next, Output, Stage, Tally};
use crate::time::Millis;
use exchange::{Answered, HttpExchange, Shared};
use failure::attempt;
use outgoing::Outgoing;
use refusal::Refusal;

pub use http1::Http1;
pub use timeouts::Timeouts;

/// The keep-alive timeout during a drain, in milliseconds: longer than clients that ask one thing
/// after the other take to do so, and shorter than an operator waits for a stop.
const DRAIN_IDLE_MS: u64 = 200;
/// How long the rest of a head may take during a drain, in milliseconds: it is either in flight or
/// never comes.
const DRAIN_HEAD_MS: u64 = 1_000;

/// A connection that speaks HTTP/1.1.
struct Http1Connection<'p, H> {
    shared: &'p Shared<H>,
    state: State,
    end: HeadEnd,
    /// Requests answered.
    served: u64,
    /// When the current request began, or the connection, before the first.
    began: Millis,
    /// How many bytes of the current head had come at the last step.
    seen: usize,
    /// The last step stopped because the output was full, and nothing was read since.
    output_full: bool,
    /// Since when the worker drains, or this connection's last response during the drain.
    draining_since: Millis,
    deadline: Millis,
}

enum State {
    /// No step was made yet, so the time is not known.
    New,
    /// No byte of the next request has come.
    Idle,
    /// Some of the head has come.
    Head,
    /// The head is understood; the body is arriving.
    Body(Box<HttpExchange>),
    /// The source makes the body of the response.
    Stream(Box<HttpExchange>),
    /// The last response is queued.
    Over,
}

impl<H: Handler> Connection for Http1Connection<'_, H> {
    fn step(&mut self, io: &mut Io<'_>) -> Next {
        if io.stopping && self.draining_since == Millis::NEVER {
            self.draining_since = io.now.at;
        }
        loop {
            // Backpressure: a client that reads no responses gets no more of them.
            if io.output.is_full() {
                self.output_full = true;
                return Next::Wait;
            }
            let next = match mem::replace(&mut self.state, State::Over) {
                State::New => self.begin(io),
                State::Idle => self.idle(io),
                State::Head => self.head(io),
                State::Body(exchange) => {
                    self.record(&exchange.request, Stage::Reading, io);
                    self.body(exchange, io)
                }
                State::Stream(exchange) => {
                    self.record(&exchange.request, Stage::Sending, io);
                    self.stream(exchange, io)
                }
                State::Over => Some(Next::Close),
            };
            if let Some(next) = next {
                return next;
            }
        }
    }

    /// Between two requests, or before the first.
    fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// The source waits.
    fn is_waiting(&self) -> bool {
        matches!(&self.state, State::Stream(exchange) if exchange.outgoing.as_ref().is_some_and(Outgoing::is_waiting))
    }

    fn abandoned(&mut self, output: &Output, tally: &mut dyn Tally) {
        match mem::replace(&mut self.state, State::Over) {
            State::Body(exchange) => {
                self.report(&exchange, 0, Answered::Not, output, tally);
            }
            State::Stream(exchange) => {
                let outgoing = exchange.outgoing.as_ref();
                let answered = match outgoing.is_some_and(Outgoing::is_begun) {
                    true => Answered::InPart,
                    false => Answered::Not,
                };
                let sent = outgoing.map_or(0, Outgoing::sent);
                self.report(&exchange, sent, answered, output, tally);
            }
            _ => {}
        }
    }
}

impl<'p, H: Handler> Http1Connection<'p, H> {
    /// A connection that has not been stepped.
    fn new(shared: &'p Shared<H>) -> Http1Connection<'p, H> {
        Http1Connection {
            shared,
            state: State::New,
            end: HeadEnd::default(),
            served: 0,
            began: Millis::default(),
            seen: 0,
            output_full: false,
            draining_since: Millis::NEVER,
            deadline: Millis::NEVER,
        }
    }
}

/// Each state's function does what it can and sets the next state. It returns what to wait for, or
/// `None` to go on at once.
impl<H: Handler> Http1Connection<'_, H> {
    fn begin(&mut self, io: &Io<'_>) -> Option<Next> {
        self.began = io.now.at;
        self.deadline = io.now.at.after(self.idle_ms());
        self.state = State::Idle;
        None
    }

    /// The timeout between requests, or before the first.
    fn idle_ms(&self) -> u64 {
        let timeouts = &self.shared.timeouts;
        match self.served {
            0 => timeouts.header_ms.min(timeouts.progress_ms),
            _ => timeouts.keepalive_ms,
        }
    }

    fn idle(&mut self, io: &mut Io<'_>) -> Option<Next> {
        if io.input.is_empty() {
            // The timeout begins when the client has the response, not when that is queued.
            if mem::replace(&mut self.output_full, false) || !io.output.is_empty() {
                self.deadline = self.deadline.max(io.now.at.after(self.idle_ms()));
            }
            let deadline = self.deadline.min(match (io.stopping, self.served) {
                (false, _) => Millis::NEVER,
                // During a drain, a new connection has `DRAIN_HEAD_MS` for its first request and an
                // idle one `DRAIN_IDLE_MS` for its next: closing at once would lose a request that
                // is in flight.
                (true, 0) => self.began.after(DRAIN_HEAD_MS),
                (true, _) => self.draining_since.after(DRAIN_IDLE_MS),
            });
            // No 408: a browser that connected in advance has sent no request.
            if io.eof || io.now.at >= deadline {
                return Some(Next::Close);
            }
            self.state = State::Idle;
            return Some(Next::WaitUntil(deadline));
        }
        self.began = io.now.at;
        self.seen = 0;
        self.end.reset();
        self.state = State::Head;
        None
    }

    fn head(&mut self, io: &mut Io<'_>) -> Option<Next> {
        let mut exchange = self.shared.acquire();
        let request = &mut exchange.request;
        let limits = &self.shared.limits;
        // Before the head is parsed: a crash of the parser must be seen as well.
        io.tally
            .begin(recorded::first_line(io.input.bytes()), self.began);
        let received = request
            .head
            .receive(io.input.bytes(), &mut self.end, limits);
        match received {
            Ok(Some(len)) => io.input.consume(len),
            Ok(None) => {
                self.shared.release(exchange);
                return self.wait_for_head(io);
            }
            Err(error) => {
                self.shared.release(exchange);
                return self.refuse_head(Refusal::from(error), io);
            }
        }
        match exchange.examine() {
            Ok(framing) => self.plan(exchange, framing, io),
            Err(refusal) => self.refuse(exchange, refusal, io),
        }
    }

    /// Asks the handler how to treat a request of which the head is known.
    fn plan(
        &mut self,
        mut exchange: Box<HttpExchange>,
        framing: Framing,
        io: &mut Io<'_>,
    ) -> Option<Next> {
        let HttpExchange {
            request,
            response,
            incoming,
            ..
        } = &mut *exchange;
        request.peer = *io.peer;
        request.now = io.now;
        incoming.begin(framing, io.now.at);
        let limits = &self.shared.limits;
        // A client that waits for `100 Continue` and gets a response instead may send the body or
        // the next request, and the server cannot tell which (RFC 9110 §10.1.1).
        let rest_comes = incoming.is_complete() || !request.expects_continue();
        self.record(request, Stage::Answering, io);
        let planned = attempt(|| {
            let plan = self.shared.handler.plan(request, response)?;
            let most = match &plan {
                Plan::Stream(sink) => sink.max_bytes(limits.body_bytes),
                _ => limits.body_bytes,
            };
            Ok((plan, most))
        });
        match planned {
            Ok((Plan::Answered, _)) => return self.answer_early(exchange, Ok(()), rest_comes, io),
            Ok((Plan::Become(connection), _)) => return self.switch(exchange, connection, io),
            // An origin server opens no tunnel (RFC 9110 §9.3.6), unless its handler does.
            _ if request.method() == Method::Connect => {
                return self.refuse(exchange, Refusal::NO_TUNNEL, io);
            }
            Ok((Plan::Gather, _)) => {}
            Ok((Plan::Stream(sink), most)) => incoming.stream(sink, most),
            Err(failure) => return self.answer_early(exchange, Err(failure), rest_comes, io),
        }
        if !incoming.fits(limits) {
            return self.refuse(exchange, Refusal::BODY_TOO_LARGE, io);
        }
        if !incoming.is_complete() {
            if request.expects_continue() {
                // Even if some of the body has come: the response must not depend on how the bytes
                // were cut.
                io.output.push(b"HTTP/1.1 100 Continue\r\n\r\n");
            }
            self.deadline = incoming.deadline(io.now.at, &self.shared.timeouts);
        }
        self.body(exchange, io)
    }

    fn wait_for_head(&mut self, io: &mut Io<'_>) -> Option<Next> {
        if io.input.len() > self.seen {
            self.seen = io.input.len();
            let timeouts = &self.shared.timeouts;
            let whole = self.began.after(timeouts.header_ms);
            self.deadline = io.now.at.after(timeouts.progress_ms).min(whole);
        }
        // An empty line, which some clients send after a body, is not yet a request.
        let nothing = io.input.bytes() == b"\r\n" || io.input.bytes() == b"\r";
        if (io.eof || io.stopping) && nothing {
            return Some(Next::Close);
        }
        if io.eof {
            return self.refuse_head(Refusal::from(HeadError::Unfinished), io);
        }
        let deadline = self.deadline.min(self.draining_since.after(DRAIN_HEAD_MS));
        if io.now.at >= deadline {
            if nothing {
                return Some(Next::Close);
            }
            return self.refuse_head(Refusal::SLOW_HEAD, io);
        }
        self.state = State::Head;
        Some(Next::WaitUntil(deadline))
    }

    /// Records a request that was understood, for the flight recorder.
    fn record(&self, request: &HttpRequest, stage: Stage, io: &mut Io<'_>) {
        let mut redacted = self.shared.redacted.borrow_mut();
        let head = recorded::whole(&request.head, &mut redacted);
        io.tally.begin(head, self.began);
        io.tally.stage(stage);
    }
}

#[cfg(test)]
mod tests {
    use super::body::MEMORY_RETRY_MS;
    use super::*;
    use crate::harness::{Conversation, converse};
    use crate::http::handler::{Flow, HttpError, HttpResponse};
    use crate::http::syntax::StatusCode;
    use crate::process::{Input, Output, Peer, Process, WakeQueue, Wakers};
    use crate::time::Now;
    use std::io::Write;

    const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    const SHORT: Timeouts = Timeouts {
        progress_ms: 1_500,
        header_ms: 3_000,
        min_rate: 2,
        keepalive_ms: 5_000,
        keepalive_requests: 0,
    };

    fn hello() -> Http1<impl Handler> {
        Http1::new(|_, res| write!(res, "hello")).timeouts(SHORT)
    }

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn timeouts_are_silent_before_a_request_and_408_within_one() {
        let post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n";
        for (name, sent, wait, says_408) in [
            ("nothing at all", &b""[..], 1_500, false),
            ("an empty line", b"\r\n", 1_500, false),
            ("some of a head", b"GET / HT", 1_500, true),
            ("a head, no body", post, 1_500, true),
            ("after a response", GET, 5_000, false),
        ] {
            let http = hello();
            let mut talk = Conversation::open(&http);
            talk.send(sent);
            assert_eq!(text(talk.pass(wait - 1)), "", "{name}");
            assert!(!talk.closed(), "{name}");
            let last = text(talk.pass(1));
            assert!(talk.closed(), "{name}");
            assert_eq!(
                last.starts_with("HTTP/1.1 408 "),
                says_408,
                "{name}: {last}"
            );
            assert_eq!(last.is_empty(), !says_408, "{name}: {last}");
        }
    }

    #[test]
    fn a_dripping_head_and_a_dripping_body_time_out() {
        let http = hello();
        let mut talk = Conversation::open(&http);
        for _ in 0..3 {
            talk.send(b"G");
            talk.pass(999);
        }
        talk.send(b"G");
        assert!(text(talk.pass(3)).starts_with("HTTP/1.1 408 "));

        // Two bytes a second is the least, on the whole.
        for (pause, wants) in [(500, "HTTP/1.1 200 "), (999, "HTTP/1.1 408 ")] {
            let mut talk = Conversation::open(&http);
            talk.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\n");
            let mut got = Vec::new();
            for _ in 0..30 {
                got.extend(talk.pass(pause));
                got.extend(talk.send(b"b"));
            }
            let got = text(got);
            assert!(got.starts_with(wants), "{pause}: {got}");
            // Bytes came all the time, so `progress_ms` is not the reason.
            assert_eq!(got.contains("arrived too slowly"), pause == 999, "{got}");
        }
    }

    #[test]
    fn a_drain_hurries_heads_and_closes_idle_connections() {
        let http = hello();
        let mut talk = Conversation::open(&http);
        talk.send(GET);
        assert_eq!(text(talk.stop()), "");
        assert_eq!(talk.deadline(), Some(DRAIN_IDLE_MS));
        assert_eq!(text(talk.pass(DRAIN_IDLE_MS)), "");
        assert!(talk.closed(), "idle");

        let mut talk = Conversation::open(&http);
        talk.send(GET);
        talk.stop();
        talk.pass(DRAIN_IDLE_MS - 1);
        let last = text(talk.send(GET));
        assert!(last.contains("\r\nConnection: close\r\n"), "{last}");
        assert!(talk.closed(), "the request was in flight");

        let mut talk = Conversation::open(&http);
        talk.pass(DRAIN_HEAD_MS - 1);
        talk.stop();
        assert!(!talk.closed(), "the connection is new");
        assert!(text(talk.send(GET)).contains("\r\nConnection: close\r\n"));

        let mut talk = Conversation::open(&http);
        talk.stop();
        assert_eq!(text(talk.pass(DRAIN_HEAD_MS)), "");
        assert!(talk.closed(), "no request came");

        let http = hello().timeouts(Timeouts {
            progress_ms: 60_000,
            header_ms: 60_000,
            ..SHORT
        });
        let mut talk = Conversation::open(&http);
        talk.send(&GET[..9]);
        talk.stop();
        assert_eq!(talk.deadline(), Some(DRAIN_HEAD_MS));
        let last = text(talk.send(&GET[9..]));
        assert!(
            last.contains("\r\nConnection: close\r\n") && last.ends_with("hello"),
            "{last}"
        );
        assert!(talk.closed(), "answered");

        let mut talk = Conversation::open(&http);
        talk.send(&GET[..9]);
        talk.stop();
        assert!(text(talk.pass(DRAIN_HEAD_MS)).starts_with("HTTP/1.1 408 "));
    }

    #[test]
    fn no_response_leaves_a_body_behind_that_may_never_come() {
        struct Early;
        impl Handler for Early {
            fn plan(&self, _: &HttpRequest, res: &mut HttpResponse) -> std::io::Result<Plan> {
                write!(res, "early").map(|()| Plan::Answered)
            }
            fn handle(&self, _: &HttpRequest, _: &mut HttpResponse) -> std::io::Result<()> {
                unreachable!("the plan has answered")
            }
        }
        let http = Http1::with(Early).timeouts(SHORT);
        for (name, fields, waits) in [
            ("a small body", "Content-Length: 5\r\n", true),
            ("the largest small one", "Content-Length: 65536\r\n", true),
            ("a larger one", "Content-Length: 65537\r\n", false),
            ("chunks", "Transfer-Encoding: chunked\r\n", false),
            (
                "a client that waits",
                "Content-Length: 5\r\nExpect: 100-continue\r\n",
                false,
            ),
        ] {
            let mut talk = Conversation::open(&http);
            let head = format!("POST / HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
            let got = text(talk.send(head.as_bytes()));
            assert_eq!(got.is_empty(), waits, "{name}: {got}");
            if waits {
                // The rest does not come: the response is that to a slow body.
                let got = text(talk.pass(SHORT.progress_ms));
                assert!(got.starts_with("HTTP/1.1 408 ") && talk.closed(), "{name}");
            } else {
                assert!(got.contains("\r\nConnection: close\r\n"), "{name}: {got}");
                assert!(got.ends_with("early") && talk.closed(), "{name}");
            }
        }
        // The rest comes, and behind it another request.
        let post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nGET /";
        let got = crate::harness::every_split(&http, &[&post[..], GET].concat());
        assert!(!got.closed);
        assert_eq!(text(got.bytes).matches("HTTP/1.1 200 OK").count(), 2);
    }

    #[test]
    fn a_body_waits_for_memory_until_its_deadline() {
        let http = hello().body_memory(100_000);
        let head = |bytes: &str| format!("POST / HTTP/1.1\r\nHost: x\r\n{bytes}\r\n");
        let large = head("Content-Length: 60000\r\n");
        let half = vec![b'x'; 30_000];
        let mut first = Conversation::open(&http);
        first.send(large.as_bytes());
        first.send(&half);
        // A body that finds no memory is not read beyond the input.
        let mut second = Conversation::open(&http);
        second.send(large.as_bytes());
        second.send(&[&half[..], &half].concat());
        assert_eq!(second.deadline(), Some(MEMORY_RETRY_MS));
        // Small bodies go on beside it.
        let mut small = Conversation::open(&http);
        let wire = [head("Content-Length: 5\r\n").as_bytes(), b"small"].concat();
        assert!(text(small.send(&wire)).ends_with("hello"));
        // The first ends, and the second has its memory.
        assert!(text(first.send(&half)).ends_with("hello"));
        assert!(text(second.pass(MEMORY_RETRY_MS)).ends_with("hello"));

        // A body of unknown length reserves the largest length.
        let mut chunked = Conversation::open(&http);
        chunked.send(head("Transfer-Encoding: chunked\r\n").as_bytes());
        let mut late = Conversation::open(&http);
        late.send(large.as_bytes());
        let mut said = String::new();
        for _ in 0..SHORT.progress_ms / MEMORY_RETRY_MS {
            said += &text(late.pass(MEMORY_RETRY_MS));
        }
        assert!(said.starts_with("HTTP/1.1 503 ") && late.closed(), "{said}");
        assert!(said.contains("\r\nRetry-After: 1\r\n"), "{said}");
        // The end of a connection releases its reservation.
        drop(chunked);
        let mut next = Conversation::open(&http);
        next.send(large.as_bytes());
        assert!(text(next.send(&[&half[..], &half].concat())).ends_with("hello"));
    }

    /// Steps once with all of `wire` in the input; returns the wait.
    fn next_after(http: &Http1<impl Handler>, wire: &[u8]) -> Next {
        let mut connection = http.open(&Peer::Unix);
        let (mut input, mut output) = (Input::default(), Output::default());
        input.space(1_000)[..wire.len()].copy_from_slice(wire);
        input.filled(wire.len());
        connection.step(&mut Io {
            input: &mut input,
            output: &mut output,
            peer: &Peer::Unix,
            now: Now::default(),
            eof: false,
            stopping: false,
            crowded: false,
            woken: false,
            tally: &mut (),
            wakers: Wakers {
                queue: &WakeQueue::new(|| {}),
                connection: 0,
            },
        })
    }

    #[test]
    fn a_connection_lingers_unless_its_client_asked_to_close_and_sent_no_more() {
        let last = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let post = b"POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nab";
        let old = b"GET / HTTP/1.0\r\n\r\n";
        for (name, wire, limit, finishes) in [
            ("close", &last[..], 0, true),
            ("1.0", old, 0, true),
            ("1.0 with a body", post, 0, true),
            (
                "an empty line behind it",
                &[&post[..], b"\r\n"].concat(),
                0,
                false,
            ),
            (
                "another request behind it",
                &[&last[..], GET].concat(),
                0,
                false,
            ),
            ("the limit of requests", GET, 1, false),
            (
                "refused",
                b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
                0,
                false,
            ),
            ("nonsense", b"\x16\x03\x01", 0, false),
        ] {
            let http = hello().timeouts(Timeouts {
                keepalive_requests: limit,
                ..SHORT
            });
            let next = next_after(&http, wire);
            let want = if finishes { "Finish" } else { "Close" };
            assert_eq!(format!("{next:?}"), want, "{name}");
        }
    }

    #[test]
    fn a_worker_over_capacity_closes_connections_behind_their_next_response() {
        let http = hello();
        let mut talk = Conversation::open(&http);
        let first = text(talk.send(GET));
        assert!(!first.contains("Connection: close"), "{first}");
        talk.crowd();
        talk.pass(1);
        assert!(!talk.closed(), "no other request came");
        let last = text(talk.send(&[GET, GET].concat()));
        assert!(last.contains("\r\nConnection: close\r\n"), "{last}");
        assert!(last.ends_with("hello") && talk.closed(), "{last}");
        assert_eq!(talk.exchanges(), 2);
    }

    #[test]
    fn a_connection_is_idle_between_requests_and_not_within_them() {
        let post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n";
        let endless = Http1::new(|req, res| {
            if req.path() == "/endless" {
                res.stream(|piece| Ok(Flow::WaitUntil(piece.now().at.after(100))));
            }
            Ok(())
        });
        for (name, sent, idle) in [
            ("nothing", vec![], true),
            ("an empty line", vec![&b"\r\n"[..]], false),
            ("a byte", vec![b"G"], false),
            ("most of a head", vec![&GET[..GET.len() - 1]], false),
            ("a request", vec![GET], true),
            ("one and a byte", vec![GET, b"G"], false),
            ("no body yet", vec![post], false),
            ("some of it", vec![post, b"abc"], false),
            ("all of it", vec![post, b"abcd"], true),
            (
                "a response that goes on",
                vec![b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n"],
                false,
            ),
            ("a last one", vec![b"GET / HTTP/1.0\r\n\r\n"], false),
        ] {
            let mut talk = Conversation::open(&endless);
            for part in sent {
                talk.send(part);
            }
            assert_eq!(talk.is_idle(), idle, "{name}");
        }
    }

    #[test]
    fn an_interim_status_is_no_final_response() {
        let http = Http1::new(|_, res| {
            res.status(StatusCode::CONTINUE);
            Ok(())
        });
        let mut talk = Conversation::open(&http);
        let got = text(talk.send(GET));
        assert!(got.starts_with("HTTP/1.1 500 "), "{got}");
        assert_eq!(talk.faults(), ["status 100 is no answer"]);
    }

    #[test]
    fn the_last_request_of_a_connection_says_so() {
        let http = hello().timeouts(Timeouts {
            keepalive_requests: 2,
            ..SHORT
        });
        let got = converse(&http, &[GET, GET, GET]);
        assert!(got.closed);
        let got = text(got.bytes);
        assert_eq!(got.matches("HTTP/1.1 200 OK\r\n").count(), 2, "{got}");
        assert_eq!(got.matches("Connection: close").count(), 1, "{got}");
    }

    #[test]
    fn an_error_with_a_status_is_answered_with_it() {
        let error = |status| HttpError::new(status, "why");
        let http = Http1::new(move |req, res| match req.path() {
            "/404" => Err(error(StatusCode::NOT_FOUND).into()),
            "/503" => Err(error(StatusCode::SERVICE_UNAVAILABLE).into()),
            "/200" => Err(error(StatusCode::OK).into()),
            "/stream" => {
                res.stream(move |_| Err(error(StatusCode::BAD_GATEWAY).into()));
                Ok(())
            }
            _ => Err(std::io::Error::other("secret")),
        });
        for (path, want) in [
            ("/404", "404 Not Found: why"),
            ("/503", "503 Service Unavailable: why"),
            ("/200", "500 Internal Server Error: why"),
            ("/stream", "502 Bad Gateway: why"),
            (
                "/",
                "500 Internal Server Error: the server failed to answer",
            ),
        ] {
            let wire = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
            let got = crate::harness::every_split(&http, wire.as_bytes());
            let body = text(got.bytes);
            let body = body.split_once("\r\n\r\n").unwrap().1;
            assert_eq!((body.trim_end(), got.closed), (want, false), "{path}");
        }
    }

    #[test]
    fn the_keep_alive_timeout_begins_when_the_client_has_the_response() {
        let http = Http1::new(|_, res| res.write_all(&[b'x'; 100_000])).timeouts(SHORT);
        let mut connection = http.open(&Peer::Unix);
        let (mut input, mut output) = (Input::default(), Output::default());
        input.space(100)[..GET.len()].copy_from_slice(GET);
        input.filled(GET.len());
        let mut step = |output: &mut Output, ms| {
            connection.step(&mut Io {
                input: &mut input,
                output,
                peer: &Peer::Unix,
                now: Now {
                    at: Millis::new(ms),
                    unix_ms: 0,
                },
                eof: false,
                stopping: false,
                crowded: false,
                woken: false,
                tally: &mut (),
                wakers: Wakers {
                    queue: &WakeQueue::new(|| {}),
                    connection: 0,
                },
            })
        };
        // A slow reader: the output is full, so no request is read.
        assert!(matches!(step(&mut output, 0), Next::Wait));
        output.advance(90_000);
        let next = step(&mut output, 60_000);
        assert!(
            matches!(next, Next::WaitUntil(at) if at.get() == 65_000),
            "{next:?}"
        );
        output.advance(u64::MAX);
        let next = step(&mut output, 64_999);
        assert!(
            matches!(next, Next::WaitUntil(at) if at.get() == 65_000),
            "{next:?}"
        );
        assert!(matches!(step(&mut output, 65_000), Next::Close));
    }
}
