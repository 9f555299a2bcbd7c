//! [`HttpExchange`]: a request, its response, and their bodies in transit. [`Shared`]: the state
//! that all connections of a worker share, such as the pool of exchanges.

use std::cell::RefCell;

use super::body_memory::{BodyMemory, Reservation};
use super::encode::CommonLines;
use super::failure::Failure;
use super::incoming::Incoming;
use super::outgoing::Outgoing;
use super::refusal::Refusal;
use super::timeouts::Timeouts;
use crate::http::handler::{HttpRequest, HttpResponse};
use crate::http::syntax::{Framing, Limits, Version, request_framing};

/// Bytes of bodies that a worker gathers at a time: 64 of the largest.
const BODY_MEMORY: u64 = 64 * 1024 * 1024;

/// How many exchanges the pool keeps; more are in use only while as many bodies arrive at once.
const POOLED: usize = 32;

/// The state that all connections of a worker share.
#[derive(Debug)]
pub(super) struct Shared<H> {
    pub(super) handler: H,
    pub(super) limits: Limits,
    pub(super) timeouts: Timeouts,
    pub(super) body_memory: BodyMemory,
    /// The field line of responses behind which the connection stays open.
    pub(super) keep_alive_line: Box<[u8]>,
    /// The field lines of all responses.
    pub(super) common: RefCell<CommonLines>,
    /// Exchanges between uses, so that a request costs no allocation.
    #[expect(
        clippy::vec_box,
        reason = "a connection that waits for a body keeps the box"
    )]
    exchange_pool: RefCell<Vec<Box<HttpExchange>>>,
    /// Scratch space for pieces of streams, one at a time.
    pub(super) piece: RefCell<Vec<u8>>,
    /// Scratch space for a redacted head, for the flight recorder.
    pub(super) redacted: RefCell<Vec<u8>>,
}

impl<H> Shared<H> {
    /// The defaults, for this handler.
    pub(super) fn new(handler: H) -> Shared<H> {
        Shared {
            handler,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            body_memory: BodyMemory::new(BODY_MEMORY),
            keep_alive_line: Timeouts::default().keep_alive_line(),
            common: RefCell::new(CommonLines::new("httprs")),
            exchange_pool: RefCell::default(),
            piece: RefCell::default(),
            redacted: RefCell::default(),
        }
    }

    /// The same state with another handler.
    pub(super) fn map<G>(self, wrap: impl FnOnce(H) -> G) -> Shared<G> {
        Shared {
            handler: wrap(self.handler),
            limits: self.limits,
            timeouts: self.timeouts,
            body_memory: self.body_memory,
            keep_alive_line: self.keep_alive_line,
            common: self.common,
            exchange_pool: self.exchange_pool,
            piece: self.piece,
            redacted: self.redacted,
        }
    }

    /// An empty exchange.
    pub(super) fn acquire(&self) -> Box<HttpExchange> {
        self.exchange_pool.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes back an exchange that has ended.
    pub(super) fn release(&self, mut exchange: Box<HttpExchange>) {
        let mut pool = self.exchange_pool.borrow_mut();
        if pool.len() < POOLED {
            exchange.clear();
            pool.push(exchange);
        }
    }
}

/// A request and its response, and their bodies in transit.
#[derive(Debug, Default)]
pub(super) struct HttpExchange {
    pub(super) request: HttpRequest,
    pub(super) response: HttpResponse,
    pub(super) incoming: Incoming,
    pub(super) outgoing: Option<Outgoing>,
    /// The handler's result, if that came before the body: the response waits for the body.
    pub(super) handled: Option<Result<(), Failure>>,
    /// The memory that is reserved for the body.
    pub(super) reservation: Option<Reservation>,
    /// Why the request was refused, if it was.
    pub(super) refused: Option<Refusal>,
    /// The connection stays open behind the response.
    pub(super) keep_alive: bool,
}

impl HttpExchange {
    fn clear(&mut self) {
        self.request.clear();
        self.response.clear();
        self.incoming.clear();
        self.outgoing = None;
        self.refused = None;
        self.handled = None;
        self.reservation = None;
    }

    /// Has the response refuse the request.
    pub(super) fn refuse(&mut self, refusal: Refusal) {
        self.response.clear();
        refusal.write(&mut self.response);
        self.refused = Some(refusal);
    }

    /// Checks the target, the framing and the expectation of a head that was parsed.
    pub(super) fn examine(&mut self) -> Result<Framing, Refusal> {
        let request = &mut self.request;
        let head = &request.head;
        request.target.parse_bytes(head.method(), head.asked().1)?;
        let framing = request_framing(head)?;
        // RFC 9110 §10.1.1: a 1.0 client cannot expect anything.
        let expects = head.version() >= Version::Http11;
        let unknown = |value: &[u8]| !value.eq_ignore_ascii_case(b"100-continue");
        if expects && head.fields().get_all("expect").any(unknown) {
            return Err(Refusal::EXPECTATION);
        }
        Ok(framing)
    }
}

/// How much of a response a request got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    /// The response was not begun.
    Not,
    /// Its head, and some of its body.
    InPart,
    /// All of it.
    Whole,
}
