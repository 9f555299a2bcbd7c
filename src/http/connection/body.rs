//! How the body of a request is received, until the handler can answer.

use super::exchange::HttpExchange;
use super::failure::attempt;
use super::incoming::BodyProgress;
use super::refusal::Refusal;
use super::{Http1Connection, State};
use crate::http::handler::Handler;
use crate::process::{Io, Next, Stage};

/// How soon a body that found no memory tries again, in milliseconds.
pub(super) const MEMORY_RETRY_MS: u64 = 50;

impl<H: Handler> Http1Connection<'_, H> {
    /// Takes no byte of the body, so soon no more is read from the client (backpressure).
    fn wait_for_memory(&mut self, exchange: Box<HttpExchange>, io: &mut Io<'_>) -> Option<Next> {
        if io.now.at >= self.deadline {
            return self.refuse(exchange, Refusal::NO_MEMORY, io);
        }
        self.state = State::Body(exchange);
        // Memory is released by another connection, of which this one does not hear.
        let soon = io.now.at.after(MEMORY_RETRY_MS);
        Some(Next::WaitUntil(self.deadline.min(soon)))
    }

    /// Takes as much of the body as has come, and has it answered when it is complete.
    pub(super) fn body(
        &mut self,
        mut exchange: Box<HttpExchange>,
        io: &mut Io<'_>,
    ) -> Option<Next> {
        if let Some(bytes) = exchange
            .incoming
            .needs(&self.shared.limits)
            .filter(|_| exchange.reservation.is_none())
        {
            exchange.reservation = self.shared.body_memory.reserve(bytes);
            if exchange.reservation.is_none() {
                return self.wait_for_memory(exchange, io);
            }
            exchange.incoming.restart(io.now.at);
            self.deadline = exchange.incoming.deadline(io.now.at, &self.shared.timeouts);
        }
        let HttpExchange {
            request,
            response,
            incoming,
            ..
        } = &mut *exchange;
        request.now = io.now;
        let before = io.input.len();
        match incoming.take(io.input, request, &self.shared.limits) {
            Ok(BodyProgress::Part) => {}
            Ok(BodyProgress::All(sink)) => {
                io.tally.stage(Stage::Answering);
                let handled = attempt(|| match sink {
                    Some(sink) => sink.answer(request, response),
                    None => self.shared.handler.handle(request, response),
                });
                return self.answer(exchange, handled, true, io);
            }
            Ok(BodyProgress::Enough(sink)) => {
                let handled = attempt(|| sink.answer(request, response));
                return self.answer_early(exchange, handled, true, io);
            }
            Ok(BodyProgress::Failed(failure)) => {
                return self.answer_early(exchange, Err(failure), true, io);
            }
            Ok(BodyProgress::Discarded) => {
                let handled = exchange.handled.take().unwrap_or(Ok(()));
                return self.answer(exchange, handled, true, io);
            }
            Err(refusal) => return self.refuse(exchange, refusal, io),
        }
        if io.input.len() < before {
            self.deadline = incoming.deadline(io.now.at, &self.shared.timeouts);
        }
        if io.eof {
            return self.refuse(exchange, Refusal::BODY_CUT_SHORT, io);
        }
        if io.now.at >= self.deadline {
            let refusal = incoming.refusal(io.now.at, &self.shared.timeouts);
            return self.refuse(exchange, refusal, io);
        }
        self.state = State::Body(exchange);
        Some(Next::WaitUntil(self.deadline))
    }
}
