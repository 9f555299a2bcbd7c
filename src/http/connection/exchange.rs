//! [`HttpExchange`]: a request, its answer, and what is on its way of either. [`Shared`]: what all
//! connections of a worker have in common, such as the pool that exchanges come from.

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

/// What all connections of a worker have in common.
#[derive(Debug)]
pub(super) struct Shared<H> {
    pub(super) handler: H,
    pub(super) limits: Limits,
    pub(super) timeouts: Timeouts,
    pub(super) body_memory: BodyMemory,
    /// What responses say behind which the connection goes on.
    pub(super) keep_alive_line: Box<[u8]>,
    /// What all responses say.
    pub(super) common: RefCell<CommonLines>,
    /// Exchanges between uses, so that a request costs no allocation.
    #[expect(
        clippy::vec_box,
        reason = "a connection that waits for a body keeps the box"
    )]
    exchange_pool: RefCell<Vec<Box<HttpExchange>>>,
    /// Where pieces of streams are made, one at a time.
    pub(super) piece: RefCell<Vec<u8>>,
    /// Where secrets of a head are blanked, for the flight recorder.
    pub(super) blanked: RefCell<Vec<u8>>,
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
            blanked: RefCell::default(),
        }
    }

    /// The same for another handler.
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
            blanked: self.blanked,
        }
    }

    /// An exchange in which nothing is filled in.
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

/// A request and its answer, and what is still on its way of either.
#[derive(Debug, Default)]
pub(super) struct HttpExchange {
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

impl HttpExchange {
    fn clear(&mut self) {
        self.request.clear();
        self.response.clear();
        self.incoming.clear();
        self.outgoing = None;
        self.refused = None;
        self.handled = None;
        self.room = None;
    }

    /// Has the response refuse the request.
    pub(super) fn refuse(&mut self, refusal: Refusal) {
        self.response.clear();
        refusal.write(&mut self.response);
        self.refused = Some(refusal);
    }

    /// What a head that could be read asks for, and whether it may.
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

/// How much of an answer a request got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    /// None was begun.
    Not,
    /// Its head, and some of its body.
    InPart,
    /// All of it.
    Whole,
}
