//! `Http1Connection`: a connection, from its first byte to its last.
//!
//! A state machine over the pure parts beside it: find the end of a head, read it, gather the
//! body, ask the handler, queue the answer, begin again. Whatever it does not understand is
//! answered with the right status and the end of the connection, since after a request that two
//! readers could read differently nobody knows where the next one begins.

use std::mem;

use super::HeadError;
use super::chunked::Decoder;
use super::encode::{Framed, push_response};
use super::framing::{Framing, request_framing};
use super::handler::Handler;
use super::head::HeadEnd;
use super::http1::{Http1, Pair};
use super::refusal::Refusal;
use super::request::HttpRequest;
use super::response::HttpResponse;
use super::value::{Method, StatusCode, Version};
use crate::process::{Connection, Exchange, Io, Next};
use crate::time::Millis;

/// How long a body may come at any rate, in milliseconds: short ones have no rate to speak of.
const RATE_GRACE_MS: u64 = 10_000;
/// How long the rest of a head may take when the worker is about to leave, in milliseconds: it is
/// either on its way or never comes.
const HURRY_MS: u64 = 1_000;
/// How much of what is no request is logged, in bytes.
const LOGGED: usize = 256;

/// A connection that speaks HTTP/1.1.
pub(super) struct Http1Connection<'p, H> {
    http: &'p Http1<H>,
    state: State,
    end: HeadEnd,
    /// Requests answered.
    served: u64,
    /// When the current request began, or the connection, before the first.
    began: Millis,
    /// How much of its head was there at the last look.
    seen: usize,
    /// When the current body began, and how much of it has come.
    body_began: Millis,
    body_bytes: u64,
    /// It stopped because the output was full, and nothing was read meanwhile.
    held: bool,
    /// When an unfinished head must be there, since the worker is about to leave.
    stop_by: Millis,
    deadline: Millis,
}

enum State {
    /// Nothing was done yet: the clock has not been seen.
    New,
    /// Nothing of the next request is there.
    Idle,
    /// Some of its head is.
    Head,
    /// The head is understood; the body is arriving.
    Body(Box<Pair>, Body),
    /// The last answer is queued.
    Over,
}

/// How the rest of a body is recognised.
enum Body {
    /// So many bytes are missing.
    Length(u64),
    /// It says itself.
    Chunked(Box<Decoder>),
}

impl<H: Handler> Connection for Http1Connection<'_, H> {
    fn step(&mut self, io: &mut Io<'_>) -> Next {
        if io.stopping && self.stop_by == Millis::NEVER {
            self.stop_by = io.now.at.after(HURRY_MS);
        }
        loop {
            // A client that sends requests and reads no answers gets no more of them.
            if io.output.is_full() {
                self.held = true;
                return Next::Wait;
            }
            let next = match mem::replace(&mut self.state, State::Over) {
                State::New => self.begin(io),
                State::Idle => self.idle(io),
                State::Head => self.head(io),
                State::Body(pair, body) => self.body(pair, body, io),
                State::Over => Some(Next::Close),
            };
            if let Some(next) = next {
                return next;
            }
        }
    }
}

impl<'p, H: Handler> Http1Connection<'p, H> {
    /// One that has seen nothing yet.
    pub(super) fn new(http: &'p Http1<H>) -> Http1Connection<'p, H> {
        Http1Connection {
            http,
            state: State::New,
            end: HeadEnd::default(),
            served: 0,
            began: Millis::default(),
            seen: 0,
            body_began: Millis::default(),
            body_bytes: 0,
            held: false,
            stop_by: Millis::NEVER,
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

    /// How long a client may say nothing between requests, or before the first.
    fn idle_ms(&self) -> u64 {
        let patience = &self.http.patience;
        match self.served {
            0 => patience.header_ms.min(patience.progress_ms),
            _ => patience.keepalive_ms,
        }
    }

    fn idle(&mut self, io: &mut Io<'_>) -> Option<Next> {
        if io.input.is_empty() {
            // It idles from when it has our answer, not from when that was queued.
            if mem::replace(&mut self.held, false) || !io.output.is_empty() {
                self.deadline = self.deadline.max(io.now.at.after(self.idle_ms()));
            }
            let deadline = self.deadline.min(match (io.stopping, self.served) {
                (false, _) => Millis::NEVER,
                // Who has just connected is about to ask; who has an answer may not ask again.
                (true, 0) => self.began.after(HURRY_MS),
                (true, _) => io.now.at,
            });
            // Silence is answered with silence: a browser that connected in advance did not ask.
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
        let mut pair = self.http.take_pair();
        let request = &mut pair.request;
        let limits = &self.http.limits;
        let received = request
            .head
            .receive(io.input.bytes(), &mut self.end, limits);
        match received {
            Ok(Some(len)) => io.input.consume(len),
            Ok(None) => {
                self.http.give_back(pair);
                return self.wait_for_head(io);
            }
            Err(error) => {
                self.http.give_back(pair);
                return self.refuse_head(Refusal::from(error), io);
            }
        }
        let framing = self.examine(request);
        let framing = match framing {
            Ok(framing) => framing,
            Err(refusal) => return self.refuse(pair, refusal, io),
        };
        let body = match framing {
            Framing::None | Framing::Length(0) => return self.respond(pair, io),
            Framing::Length(length) => Body::Length(length),
            Framing::Chunked => Body::Chunked(Box::default()),
        };
        if pair.request.head.version() >= Version::Http11
            && pair.request.head.fields().count("expect") > 0
        {
            // Whether or not some of the body is there already: the answer must not depend on
            // how the bytes were cut.
            io.output.push(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        self.body_began = io.now.at;
        self.body_bytes = 0;
        self.deadline = self.body_deadline(io.now.at);
        self.state = State::Body(pair, body);
        None
    }

    fn wait_for_head(&mut self, io: &mut Io<'_>) -> Option<Next> {
        if io.input.len() > self.seen {
            self.seen = io.input.len();
            let patience = &self.http.patience;
            let whole = self.began.after(patience.header_ms);
            self.deadline = io.now.at.after(patience.progress_ms).min(whole);
        }
        // An empty line, which some clients send after a body, is not yet a request.
        let nothing = io.input.bytes() == b"\r\n" || io.input.bytes() == b"\r";
        if (io.eof || io.stopping) && nothing {
            return Some(Next::Close);
        }
        if io.eof {
            return self.refuse_head(Refusal::from(HeadError::Unfinished), io);
        }
        let deadline = self.deadline.min(self.stop_by);
        if io.now.at >= deadline {
            if nothing {
                return Some(Next::Close);
            }
            return self.refuse_head(Refusal::TIMEOUT, io);
        }
        self.state = State::Head;
        Some(Next::WaitUntil(deadline))
    }

    /// What a head that could be read asks for, and whether it may.
    fn examine(&self, request: &mut HttpRequest) -> Result<Framing, Refusal> {
        let head = &request.head;
        request.target.parse(head.method(), head.target_str())?;
        let framing = request_framing(head)?;
        // A tunnel is not for an origin server (RFC 9110 §9.3.6).
        if head.method() == Method::Connect {
            return Err(Refusal::NO_TUNNEL);
        }
        if matches!(framing, Framing::Length(n) if n > self.http.limits.body_bytes) {
            return Err(Refusal::BODY_TOO_LARGE);
        }
        // RFC 9110 §10.1.1: a 1.0 client cannot expect anything.
        let expects = head.version() >= Version::Http11;
        let unknown = |value: &[u8]| !value.eq_ignore_ascii_case(b"100-continue");
        if expects && head.fields().get_all("expect").any(unknown) {
            return Err(Refusal::EXPECTATION);
        }
        Ok(framing)
    }

    fn body(&mut self, mut pair: Box<Pair>, mut body: Body, io: &mut Io<'_>) -> Option<Next> {
        let before = io.input.len();
        let done = match &mut body {
            Body::Length(left) => {
                let n = usize::try_from(*left).unwrap_or(usize::MAX).min(before);
                pair.request.body.extend_from_slice(&io.input.bytes()[..n]);
                io.input.consume(n);
                *left -= n as u64;
                *left == 0
            }
            Body::Chunked(decoder) => {
                let HttpRequest { body, trailers, .. } = &mut pair.request;
                let bytes = io.input.bytes();
                match decoder.decode(bytes, body, trailers, &self.http.limits) {
                    Ok(progress) => {
                        io.input.consume(progress.consumed);
                        progress.done
                    }
                    Err(error) => return self.refuse(pair, Refusal::from(error), io),
                }
            }
        };
        if done {
            return self.respond(pair, io);
        }
        if io.input.len() < before {
            self.body_bytes += (before - io.input.len()) as u64;
            self.deadline = self.body_deadline(io.now.at);
        }
        if io.eof {
            return self.refuse(pair, Refusal::BODY_CUT_SHORT, io);
        }
        if io.now.at >= self.deadline {
            return self.refuse(pair, Refusal::TIMEOUT, io);
        }
        self.state = State::Body(pair, body);
        Some(Next::WaitUntil(self.deadline))
    }

    /// When the rest of a body, of which some has come now, must have gone on.
    fn body_deadline(&self, now: Millis) -> Millis {
        let patience = &self.http.patience;
        let some = now.after(patience.progress_ms);
        match (self.body_bytes * 1000).checked_div(patience.min_rate) {
            Some(earned) => some.min(self.body_began.after(RATE_GRACE_MS + earned)),
            None => some,
        }
    }

    fn respond(&mut self, mut pair: Box<Pair>, io: &mut Io<'_>) -> Option<Next> {
        let Pair { request, response } = &mut *pair;
        request.peer = *io.peer;
        request.now = io.now;
        let handled = self.http.handler.handle(request, response);
        // A status of 1xx is not an answer: the client would take the next one for it.
        if handled.is_err() || response.status < StatusCode::OK {
            // What was filled in belongs to an answer that failed. The request was read whole, so
            // the connection can go on.
            response.clear();
            Refusal::FAILED.write(response);
        }
        let keep_alive = self.keeps_alive(request, response, io.stopping);
        self.send(request, response, keep_alive, io);
        self.http.give_back(pair);
        if !keep_alive {
            return Some(Next::Close);
        }
        self.deadline = io.now.at.after(self.idle_ms());
        self.state = State::Idle;
        None
    }

    /// RFC 9112 §9.3.
    fn keeps_alive(&self, request: &HttpRequest, response: &HttpResponse, stopping: bool) -> bool {
        let fields = request.head.fields();
        let asked = match request.head.version() {
            Version::Http10 => fields.has_token("connection", "keep-alive"),
            _ => true,
        };
        let limit = self.http.patience.keepalive_requests;
        let last = limit > 0 && self.served + 1 >= limit;
        asked && !fields.has_token("connection", "close") && !response.close && !stopping && !last
    }

    /// Refuses what could not even be read as a head.
    fn refuse_head(&mut self, refusal: Refusal, io: &mut Io<'_>) -> Option<Next> {
        let mut pair = self.http.take_pair();
        let Pair { request, .. } = &mut *pair;
        let bytes = io.input.bytes();
        // For the access log: what was asked, or what was sent instead of asking.
        if request
            .head
            .parse_request_line(bytes, &self.http.limits)
            .is_err()
        {
            request.head.clear();
            let line = bytes.trim_ascii_start().split(|b| *b == b'\n').next();
            let line = line.unwrap_or_default().trim_ascii_end();
            request
                .unreadable
                .extend_from_slice(&line[..line.len().min(LOGGED)]);
        }
        self.refuse(pair, refusal, io)
    }

    /// Answers a request that will not be handled. Nobody knows where the next one would begin,
    /// or wants to read as far as that, so the connection ends here.
    fn refuse(&mut self, mut pair: Box<Pair>, refusal: Refusal, io: &mut Io<'_>) -> Option<Next> {
        let Pair { request, response } = &mut *pair;
        response.clear();
        refusal.write(response);
        self.send(request, response, false, io);
        self.http.give_back(pair);
        Some(Next::Close)
    }

    fn send(
        &mut self,
        request: &HttpRequest,
        response: &mut HttpResponse,
        keep_alive: bool,
        io: &mut Io<'_>,
    ) {
        let date = self.http.date.get().at(io.now.unix());
        self.http.date.set(date);
        let framed = Framed {
            method: request.head.method(),
            version: request.head.version(),
            keep_alive,
            date,
            server: &self.http.server_name,
        };
        let body_bytes = push_response(io.output, response, framed);
        self.served += 1;
        io.tally.end(&Exchange {
            method: request.head.method_str().as_bytes(),
            target: match &request.unreadable[..] {
                [] => request.head.target_str().as_bytes(),
                line => line,
            },
            protocol: request.head.version().as_str(),
            status: response.status.get(),
            body_bytes,
            since: self.began,
            unlogged: response.unlogged,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::{Conversation, converse};
    use crate::http::Patience;
    use crate::process::{Input, Output, Peer, Process};
    use crate::time::Now;
    use std::io::Write;

    const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    const PATIENCE: Patience = Patience {
        progress_ms: 1_500,
        header_ms: 3_000,
        min_rate: 2,
        keepalive_ms: 5_000,
        keepalive_requests: 0,
    };

    fn hello() -> Http1<impl Handler> {
        Http1::new(|_, res| write!(res, "hello")).patience(PATIENCE)
    }

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn patience_ends_silently_before_a_request_and_with_408_within_one() {
        let post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n";
        for (name, sent, wait, says_408) in [
            ("nothing at all", &b""[..], 1_500, false),
            ("an empty line", b"\r\n", 1_500, false),
            ("some of a head", b"GET / HT", 1_500, true),
            ("a head, no body", post, 1_500, true),
            ("after an answer", GET, 5_000, false),
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
    fn a_head_that_drips_has_an_end_and_so_has_a_body_that_drips_too_slowly() {
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
        }
    }

    #[test]
    fn a_stop_hurries_what_has_begun_and_ends_what_has_not() {
        let http = hello();
        let mut talk = Conversation::open(&http);
        talk.send(GET);
        assert_eq!(text(talk.stop()), "");
        assert!(talk.closed(), "idle");

        let mut talk = Conversation::open(&http);
        talk.pass(HURRY_MS - 1);
        talk.stop();
        assert!(!talk.closed(), "it has just connected");
        assert!(text(talk.send(GET)).contains("\r\nConnection: close\r\n"));

        let mut talk = Conversation::open(&http);
        talk.stop();
        assert_eq!(text(talk.pass(HURRY_MS)), "");
        assert!(talk.closed(), "it did not ask after all");

        let http = hello().patience(Patience {
            progress_ms: 60_000,
            header_ms: 60_000,
            ..PATIENCE
        });
        let mut talk = Conversation::open(&http);
        talk.send(&GET[..9]);
        talk.stop();
        assert_eq!(talk.deadline(), Some(HURRY_MS));
        let last = text(talk.send(&GET[9..]));
        assert!(
            last.contains("\r\nConnection: close\r\n") && last.ends_with("hello"),
            "{last}"
        );
        assert!(talk.closed(), "answered");

        let mut talk = Conversation::open(&http);
        talk.send(&GET[..9]);
        talk.stop();
        assert!(text(talk.pass(HURRY_MS)).starts_with("HTTP/1.1 408 "));
    }

    #[test]
    fn an_interim_status_is_no_answer() {
        let http = Http1::new(|_, res| {
            res.status(StatusCode::CONTINUE);
            Ok(())
        });
        let got = text(converse(&http, &[GET]).bytes);
        assert!(got.starts_with("HTTP/1.1 500 "), "{got}");
    }

    #[test]
    fn the_last_request_of_a_connection_says_so() {
        let http = hello().patience(Patience {
            keepalive_requests: 2,
            ..PATIENCE
        });
        let got = converse(&http, &[GET, GET, GET]);
        assert!(got.closed);
        let got = text(got.bytes);
        assert_eq!(got.matches("HTTP/1.1 200 OK\r\n").count(), 2, "{got}");
        assert_eq!(got.matches("Connection: close").count(), 1, "{got}");
    }

    #[test]
    fn idling_begins_when_the_client_has_the_answer() {
        let http = Http1::new(|_, res| res.write_all(&[b'x'; 100_000])).patience(PATIENCE);
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
                tally: &mut (),
            })
        };
        // A slow reader: nothing is read from it while so much is queued.
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
