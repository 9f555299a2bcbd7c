//! [`Http1`]: HTTP/1.1 as a protocol: a handler, its limits and its patience.

use std::cell::RefCell;
use std::io;

use super::body_memory::{BodyMemory, Reservation};
use super::byte;
use super::connection::Http1Connection;
use super::encode::CommonLines;
use super::failure::Failure;
use super::handler::Handler;
use super::incoming::Incoming;
use super::limits::Limits;
use super::outgoing::Outgoing;
use super::refusal::Refusal;
use super::request::HttpRequest;
use super::response::{FieldError, HttpResponse};
use crate::process::{Connection, Input, Peer, Process};

/// How long a connection waits for its client, in milliseconds, and for how many requests it
/// lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For some more of a request: its first byte on a new connection, the rest of its head or of
    /// its body. 10 s.
    pub progress_ms: u64,
    /// For a whole head, from its first byte, however steadily it comes. 10 s.
    pub header_ms: u64,
    /// For a body as a whole: 10 s, and another second for every so many bytes that have come, so
    /// that a client cannot stay for ever by sending a byte at a time; 0 for any rate. 64 bytes a
    /// second: slower than any line that a person would wait for.
    pub min_rate: u64,
    /// For another request. 75 s: longer than proxies and load balancers keep a connection to what is
    /// behind them (mostly 60 s), so that the proxy closes first, and no request meets the end.
    pub keepalive_ms: u64,
    /// Requests on one connection; 0 for any number.
    pub keepalive_requests: u64,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            progress_ms: 10_000,
            header_ms: 10_000,
            min_rate: 64,
            keepalive_ms: 75_000,
            keepalive_requests: 0,
        }
    }
}

/// HTTP/1.1 (RFC 9112) as a [`Process`]: what comes in is parsed, what a [`Handler`] answers goes
/// out.
///
/// ```
/// use std::io::Write;
/// use httprs::{Http1, harness};
/// let http = Http1::new(|req, res| writeln!(res, "hello, {}", req.path()));
/// let answer = harness::converse(&http, &[b"GET /you HTTP/1.1\r\nHost: x\r\n\r\n"]);
/// assert!(answer.bytes.ends_with(b"hello, /you\n"));
/// ```
#[derive(Debug)]
pub struct Http1<H> {
    pub(super) handler: H,
    pub(super) limits: Limits,
    pub(super) patience: Patience,
    pub(super) body_memory: BodyMemory,
    /// What responses say behind which the connection goes on.
    pub(super) keep_alive_line: Box<[u8]>,
    /// What all responses say.
    pub(super) common: RefCell<CommonLines>,
    /// Requests and responses between uses, so that a request costs no allocation.
    #[expect(
        clippy::vec_box,
        reason = "a connection that waits for a body keeps the box"
    )]
    spares: RefCell<Vec<Box<Pair>>>,
    /// Where pieces of streams are made, one at a time.
    pub(super) piece: RefCell<Vec<u8>>,
    /// Where secrets of a head are blanked, for the flight recorder.
    pub(super) blanked: RefCell<Vec<u8>>,
}

/// How long the connection is kept (RFC 2068 §19.7.1.1), in whole seconds: clients that heed it, such as
/// undici and Apache's, do not send a request into the end of the connection. Nothing where that is less
/// than a second.
fn keep_alive_line(patience: &Patience) -> Box<[u8]> {
    match patience.keepalive_ms / 1_000 {
        0 => Box::default(),
        seconds => format!("Keep-Alive: timeout={seconds}\r\n")
            .into_bytes()
            .into(),
    }
}

/// Bytes of bodies that a worker gathers at a time: 64 of the largest.
const BODY_MEMORY: u64 = 64 * 1024 * 1024;

/// How many spare pairs a worker keeps; more are in use only while as many bodies arrive at once.
const SPARES: usize = 32;

impl<F> Http1<F>
where
    F: Fn(&HttpRequest, &mut HttpResponse) -> io::Result<()>,
{
    /// Answers requests with a closure.
    pub fn new(handler: F) -> Http1<F> {
        Http1::with(handler)
    }
}

impl<H: Handler> Http1<H> {
    /// Answers requests with a handler of any type.
    pub fn with(handler: H) -> Http1<H> {
        Http1 {
            handler,
            limits: Limits::default(),
            patience: Patience::default(),
            body_memory: BodyMemory::new(BODY_MEMORY),
            keep_alive_line: keep_alive_line(&Patience::default()),
            common: RefCell::new(CommonLines::new("httprs")),
            spares: RefCell::default(),
            piece: RefCell::default(),
            blanked: RefCell::default(),
        }
    }

    /// How much a client may send.
    pub fn limits(mut self, limits: Limits) -> Http1<H> {
        self.limits = limits;
        self
    }

    /// How long a client may take.
    pub fn patience(mut self, patience: Patience) -> Http1<H> {
        self.keep_alive_line = keep_alive_line(&patience);
        self.patience = patience;
        self
    }

    /// How many bytes of request bodies each worker gathers in memory at a time; 64 MiB by default. A
    /// connection whose body finds no room is not read from until there is some, and is answered with
    /// 503 if there is none in time. Bodies of at most 16 KiB, and those that go to a
    /// [`Sink`](super::Sink), need none; one of which the length is not known needs
    /// [`Limits::body_bytes`].
    pub fn body_memory(mut self, bytes: u64) -> Http1<H> {
        self.body_memory = BodyMemory::new(bytes);
        self
    }

    /// The value of the `Server` field, `httprs` by default; empty for no such field.
    ///
    /// # Errors
    /// The name has bytes that a field value may not have.
    pub fn server_name(mut self, name: &str) -> Result<Http1<H>, FieldError> {
        if !byte::all(name.as_bytes(), &byte::FIELD_VALUE) {
            return Err(FieldError::Value);
        }
        self.common = RefCell::new(CommonLines::new(name));
        Ok(self)
    }

    /// The same with a handler around, or in place of, its handler.
    pub fn map<G: Handler>(self, wrap: impl FnOnce(H) -> G) -> Http1<G> {
        Http1 {
            handler: wrap(self.handler),
            limits: self.limits,
            patience: self.patience,
            body_memory: self.body_memory,
            keep_alive_line: self.keep_alive_line,
            common: self.common,
            spares: self.spares,
            piece: self.piece,
            blanked: self.blanked,
        }
    }

    /// A request and a response to fill in.
    pub(super) fn take_pair(&self) -> Box<Pair> {
        self.spares.borrow_mut().pop().unwrap_or_default()
    }

    /// They are not needed any more.
    pub(super) fn give_back(&self, mut pair: Box<Pair>) {
        let mut spares = self.spares.borrow_mut();
        if spares.len() < SPARES {
            pair.request.clear();
            pair.response.clear();
            pair.incoming.clear();
            pair.outgoing = None;
            pair.refused = None;
            pair.handled = None;
            pair.room = None;
            spares.push(pair);
        }
    }
}

impl<H: Handler> Process for Http1<H> {
    fn name(&self) -> &'static str {
        "HTTP/1.1"
    }

    fn open(&self, _peer: &Peer) -> Box<dyn Connection + '_> {
        Box::new(Http1Connection::new(self))
    }

    /// One byte more than a head may have, so that one that is too long is seen to be.
    fn input_limit(&self) -> usize {
        self.limits.head_bytes.saturating_add(1).max(Input::CHUNK)
    }
}

/// A request and its answer, and what is still on its way of either.
#[derive(Debug, Default)]
pub(super) struct Pair {
    pub(super) request: HttpRequest,
    pub(super) response: HttpResponse,
    pub(super) incoming: Incoming,
    pub(super) outgoing: Option<Outgoing>,
    /// What came of answering, if that was before the body was there: the answer waits for it.
    pub(super) handled: Option<Result<(), Failure>>,
    /// The room that its body has in memory.
    pub(super) room: Option<Reservation>,
    /// Why the request was refused, if it was.
    pub(super) refused: Option<Refusal>,
    /// The connection goes on behind the answer.
    pub(super) keep_alive: bool,
}

impl Pair {
    /// Makes the response one that refuses the request.
    pub(super) fn refuse(&mut self, refusal: Refusal) {
        self.response.clear();
        refusal.write(&mut self.response);
        self.refused = Some(refusal);
    }
}
