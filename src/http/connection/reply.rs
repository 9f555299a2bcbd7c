//! The other half of [`Http1Connection`]: from a response, or a refusal, to the next request.

use super::encode::{Delimited, Framed, Persistence, push_response};
use super::exchange::{Answered, HttpExchange};
use super::failure::Failure;
use super::misuse::Misuse;
use super::outgoing::{Outgoing, Pulled};
use super::refusal::Refusal;
use super::{Http1Connection, State};
use crate::http::handler::{Handler, HttpRequest, HttpResponse};
use crate::http::syntax::{Method, StatusCode, Version};
use crate::process::{Connection, Exchange, Io, Next, Output, Tally};

/// How much of an unreadable request is logged, in bytes.
const LOGGED: usize = 256;
/// A buffer for pieces that grew beyond this, in bytes, is not kept.
const LARGEST_SPARE: usize = 64 * 1024;

impl<H: Handler> Http1Connection<'_, H> {
    /// Sends the handler's response. With `persists`, the connection may stay open behind it.
    pub(super) fn answer(
        &mut self,
        mut exchange: Box<HttpExchange>,
        handled: Result<(), Failure>,
        persists: bool,
        io: &mut Io<'_>,
    ) -> Option<Next> {
        let HttpExchange {
            request, response, ..
        } = &mut *exchange;
        if handled.is_ok()
            && let Some(next) = response.take_switch()
        {
            return self.switch(exchange, next, io);
        }
        let tunnel = request.method() == Method::Connect;
        let handled = handled.and_then(|()| match response.status.get() {
            ..200 => Err(Misuse::NoFinalStatus(response.status).into()),
            200..300 if tunnel => Err(Misuse::NoTunnel.into()),
            _ => Ok(()),
        });
        if let Err(failure) = handled {
            // The handler filled this in for a response that failed.
            response.clear();
            failure.answer(response, io.tally);
        }
        // Bytes behind a CONNECT may be for the other end of the tunnel.
        let persists =
            persists && !tunnel && self.keeps_alive(request, response, io.stopping || io.crowded);
        self.send(exchange, persists, io)
    }

    /// As `answer`, where the response does not depend on the rest of the body. With `rest_comes`,
    /// the rest certainly comes.
    ///
    /// A response that is sent before the body is there, on a connection that stays open, would let
    /// a front end that lost the length, or this server, take the next client's request for the
    /// missing body. So either the response waits for a small body, or the connection closes behind
    /// it.
    pub(super) fn answer_early(
        &mut self,
        mut exchange: Box<HttpExchange>,
        handled: Result<(), Failure>,
        rest_comes: bool,
        io: &mut Io<'_>,
    ) -> Option<Next> {
        let small = exchange.incoming.discard_rest();
        // A panic closes the connection anyway, and must be reported now.
        let panicked = matches!(handled, Err(Failure::Panic(_)));
        if !(small && rest_comes) || panicked {
            return self.answer(exchange, handled, false, io);
        }
        exchange.handled = Some(handled);
        self.deadline = exchange.incoming.deadline(io.now.at, &self.shared.timeouts);
        self.body(exchange, io)
    }

    /// Hands the connection over to another protocol, if the request allows that.
    pub(super) fn switch(
        &mut self,
        mut exchange: Box<HttpExchange>,
        next: Box<dyn Connection>,
        io: &mut Io<'_>,
    ) -> Option<Next> {
        let HttpExchange {
            request, response, ..
        } = &mut *exchange;
        let status = response.status;
        let (is_offered, is_asked) = match request.method() {
            Method::Connect => ((200..300).contains(&status.get()), true),
            // A 1.0 client cannot ask for it (RFC 9110 §7.8).
            _ => (
                status == StatusCode::SWITCHING_PROTOCOLS && response.upgrades,
                request.version() >= Version::Http11
                    && request.headers().count("upgrade") > 0
                    && request.headers().has_token("connection", "upgrade"),
            ),
        };
        if !is_offered {
            return self.answer(exchange, Err(Misuse::NoSwitch.into()), false, io);
        }
        if !is_asked || !exchange.incoming.is_complete() {
            return self.refuse(exchange, Refusal::UNASKED_SWITCH, io);
        }
        self.queue(&mut exchange, Delimited::Nothing, Persistence::Switch, io);
        self.report(&exchange, 0, Answered::Whole, io.output, io.tally);
        self.shared.release(exchange);
        Some(Next::Become(next))
    }

    /// RFC 9112 §9.3.
    fn keeps_alive(&self, request: &HttpRequest, response: &HttpResponse, ending: bool) -> bool {
        let limit = self.shared.timeouts.keepalive_requests;
        let last = limit > 0 && self.served + 1 >= limit;
        !asks_to_close(request) && !response.close && !ending && !last
    }

    /// Refuses bytes that are no head.
    pub(super) fn refuse_head(&mut self, refusal: Refusal, io: &mut Io<'_>) -> Option<Next> {
        let mut exchange = self.shared.acquire();
        let HttpExchange { request, .. } = &mut *exchange;
        let bytes = io.input.bytes();
        // A handshake record of TLS (RFC 8446 §5.1): the client was given the wrong port or scheme,
        // as its operator should read at once. No request begins with this control byte.
        let refusal = match bytes {
            [22, ..] => Refusal::TLS,
            _ => refusal,
        };
        // For the access log: the request line, or the bytes in its place.
        if request
            .head
            .parse_request_line(bytes, &self.shared.limits)
            .is_err()
        {
            request.head.clear();
            // A line that is too long, or of another version, may be a HEAD all the same.
            let first = bytes.strip_prefix(b"\r\n").unwrap_or(bytes);
            if first.starts_with(b"HEAD ") {
                request.head.presume(Method::Head);
            }
            let line = bytes.trim_ascii_start().split(|b| *b == b'\n').next();
            let line = line.unwrap_or_default().trim_ascii_end();
            request
                .unreadable
                .extend_from_slice(&line[..line.len().min(LOGGED)]);
        }
        self.refuse(exchange, refusal, io)
    }

    /// Refuses a request. It is not known where the next one begins, or not worth reading that far,
    /// so the connection closes.
    pub(super) fn refuse(
        &mut self,
        mut exchange: Box<HttpExchange>,
        refusal: Refusal,
        io: &mut Io<'_>,
    ) -> Option<Next> {
        exchange.refuse(refusal);
        self.send(exchange, false, io)
    }

    /// Queues the response, or begins its stream.
    fn send(
        &mut self,
        mut exchange: Box<HttpExchange>,
        persists: bool,
        io: &mut Io<'_>,
    ) -> Option<Next> {
        let HttpExchange {
            request,
            response,
            outgoing,
            keep_alive,
            reservation,
            ..
        } = &mut *exchange;
        let delimited = Delimited::of(response, request.head.version());
        let sends_body = !matches!(delimited, Delimited::Nothing | Delimited::Length(0))
            && request.method() != Method::Head;
        *keep_alive = persists && delimited != Delimited::ByClose;
        if sends_body && let Some(source) = response.take_source() {
            // The body was read, and the response may take long.
            request.release_body();
            *reservation = None;
            *outgoing = Some(Outgoing::new(source, delimited));
            self.state = State::Stream(exchange);
            return None;
        }
        let persistence = Persistence::of(exchange.keep_alive);
        let body_bytes = self.queue(&mut exchange, delimited, persistence, io);
        self.sent(exchange, body_bytes, io)
    }

    /// Queues the head of a response, and its body if that is there; returns how many bytes the
    /// body has.
    fn queue(
        &mut self,
        exchange: &mut HttpExchange,
        delimited: Delimited,
        persistence: Persistence,
        io: &mut Io<'_>,
    ) -> u64 {
        let mut common = self.shared.common.borrow_mut();
        let framed = Framed {
            method: exchange.request.head.method(),
            version: exchange.request.head.version(),
            delimited,
            persistence,
            common: common.at(io.now.unix()),
            keep_alive: &self.shared.keep_alive_line,
        };
        self.served += 1;
        push_response(io.output, &mut exchange.response, framed)
    }

    /// Pulls more of a body that is made while the client reads it.
    pub(super) fn stream(
        &mut self,
        mut exchange: Box<HttpExchange>,
        io: &mut Io<'_>,
    ) -> Option<Next> {
        let mut outgoing = exchange.outgoing.take()?;
        let mut piece = self.shared.piece.borrow_mut();
        let mut pulled = None;
        if !outgoing.is_begun() {
            piece.clear();
            match outgoing.gather(io, &mut piece) {
                Ok(flow) => {
                    let persistence = Persistence::of(exchange.keep_alive);
                    self.queue(&mut exchange, outgoing.delimited(), persistence, io);
                    pulled = outgoing.push(flow, &piece, io);
                }
                Err(failure) => {
                    drop(piece);
                    let persists = exchange.keep_alive;
                    return self.answer(exchange, Err(failure), persists, io);
                }
            }
        }
        let pulled = pulled.unwrap_or_else(|| outgoing.pull(io, &mut piece));
        if piece.capacity() > LARGEST_SPARE {
            *piece = Vec::new();
        }
        drop(piece);
        let (sent, is_waiting) = (outgoing.sent(), outgoing.is_waiting());
        let by_close = outgoing.delimited() == Delimited::ByClose;
        exchange.outgoing = Some(outgoing);
        match pulled {
            Pulled::Full => {
                self.state = State::Stream(exchange);
                None
            }
            Pulled::WaitUntil(at) => {
                self.state = State::Stream(exchange);
                // A client that closes its side while the source waits is taken to be gone: there
                // is no other sign, and a stream may never end. `Wait` at the end of input closes
                // the connection.
                Some(match io.eof && is_waiting {
                    true => Next::Wait,
                    false => Next::WaitUntil(at),
                })
            }
            Pulled::Done => {
                exchange.outgoing = None;
                self.sent(exchange, sent, io)
            }
            Pulled::Broken(failure) => {
                failure.report(&mut exchange.response, io.tally);
                exchange.keep_alive = false;
                let closed = self.sent(exchange, sent, io);
                // Otherwise a body that broke off looks complete.
                if by_close { Some(Next::Break) } else { closed }
            }
        }
    }

    /// The response is queued to its end, or has broken off.
    fn sent(
        &mut self,
        exchange: Box<HttpExchange>,
        body_bytes: u64,
        io: &mut Io<'_>,
    ) -> Option<Next> {
        // A source that broke off is still there.
        let answered = match exchange.outgoing {
            None => Answered::Whole,
            Some(_) => Answered::InPart,
        };
        self.report(&exchange, body_bytes, answered, io.output, io.tally);
        if !exchange.keep_alive {
            // A client that has asked to close sends no other request (RFC 9112 §9.6): to linger
            // would cost as much as the request.
            let finished = exchange.incoming.is_complete()
                && io.input.is_empty()
                && asks_to_close(&exchange.request);
            self.shared.release(exchange);
            return Some(if finished { Next::Finish } else { Next::Close });
        }
        self.await_request(exchange, io)
    }

    /// Waits for the next request.
    fn await_request(&mut self, exchange: Box<HttpExchange>, io: &Io<'_>) -> Option<Next> {
        self.shared.release(exchange);
        self.deadline = io.now.at.after(self.idle_ms());
        if io.stopping {
            // The response may have taken long: the next head has the whole time of a drain.
            self.draining_since = io.now.at;
        }
        self.state = State::Idle;
        None
    }

    /// Reports a response of which so many bytes of the body are queued, up to the end of the
    /// output.
    pub(super) fn report(
        &self,
        exchange: &HttpExchange,
        body_bytes: u64,
        answered: Answered,
        output: &Output,
        tally: &mut dyn Tally,
    ) {
        let HttpExchange {
            request, response, ..
        } = exchange;
        let (method, target) = request.head.asked();
        tally.end(&Exchange {
            method,
            target: match &request.unreadable[..] {
                [] => target,
                line => line,
            },
            protocol: request.head.version().as_str(),
            status: match answered {
                Answered::Not => 0,
                Answered::InPart | Answered::Whole => response.status.get(),
            },
            body_bytes,
            queued: output.queued(),
            whole: answered == Answered::Whole,
            since: self.began,
            unlogged: response.unlogged,
            refused: exchange.refused.map(|refusal| {
                let (limits, timeouts) = (&self.shared.limits, &self.shared.timeouts);
                refusal.report(limits, timeouts, self.shared.body_memory.limit())
            }),
            fault: response.fault.as_ref(),
        });
    }
}

/// Whether this is the client's last request, by its version or its `Connection` field.
fn asks_to_close(request: &HttpRequest) -> bool {
    let fields = request.head.fields();
    let persists = match request.head.version() {
        Version::Http10 => fields.has_token("connection", "keep-alive"),
        _ => true,
    };
    !persists || fields.has_token("connection", "close")
}
