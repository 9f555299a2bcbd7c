//! How the body of a request comes in, until the handler can answer.

use super::exchange::HttpExchange;
use super::failure::attempt;
use super::incoming::BodyProgress;
use super::refusal::Refusal;
use super::{Http1Connection, State};
use crate::http::handler::Handler;
use crate::process::{Io, Next, Stage};

/// How soon a body that found no room in memory looks again, in milliseconds.
pub(super) const ROOM_MS: u64 = 50;

impl<H: Handler> Http1Connection<'_, H> {
    /// Nothing of the body is taken, so before long nothing more is read from the client.
    fn wait_for_room(&mut self, exchange: Box<HttpExchange>, io: &mut Io<'_>) -> Option<Next> {
        if io.now.at >= self.deadline {
            return self.refuse(exchange, Refusal::NO_ROOM, io);
        }
        self.state = State::Body(exchange);
        // Room comes with the end of another connection's request, of which this one does not hear.
        let soon = io.now.at.after(ROOM_MS);
        Some(Next::WaitUntil(self.deadline.min(soon)))
    }

    /// Takes what there is of the body, if there is one, and goes on when it is complete.
    pub(super) fn body(
        &mut self,
        mut exchange: Box<HttpExchange>,
        io: &mut Io<'_>,
    ) -> Option<Next> {
        if let Some(bytes) = exchange
            .incoming
            .needs(&self.shared.limits)
            .filter(|_| exchange.room.is_none())
        {
            exchange.room = self.shared.body_memory.reserve(bytes);
            if exchange.room.is_none() {
                return self.wait_for_room(exchange, io);
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
