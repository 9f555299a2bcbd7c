//! [`Incoming`]: a request body in transit, and its destination.

use std::mem;

use super::body_memory;
use super::failure::{Failure, attempt};
use super::refusal::Refusal;
use super::timeouts::Timeouts;
use crate::http::handler::{HttpRequest, Sink, Want};
use crate::http::syntax::chunked::Decoder;
use crate::http::syntax::{Framing, Limits};
use crate::process::Input;
use crate::time::Millis;

/// How long a body may come at any rate, in milliseconds: short ones have no rate to speak of.
const RATE_GRACE_MS: u64 = 10_000;

/// A body up to this length, in bytes, that no handler wants is discarded before the response is
/// sent: for both sides that is cheaper than another connection. Forms and small documents have no
/// more.
const SMALL: u64 = 64 * 1024;

/// A body that is arriving; by default, none.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    remaining: Remaining,
    destination: Destination,
    /// When the body began, and how many bytes of it have come, as they were sent.
    began: Millis,
    received: u64,
    /// A response may wait until the body is discarded. This depends on the head and not on how
    /// much remains: the response must not depend on how the bytes were cut.
    small: bool,
}

/// How much of a body is missing.
#[derive(Debug, Default)]
enum Remaining {
    #[default]
    Nothing,
    /// So many bytes.
    Length(u64),
    /// As much as its chunks say.
    Chunked(Box<Decoder>),
}

/// Where a body goes.
#[derive(Debug, Default)]
enum Destination {
    /// Into the request's buffer.
    #[default]
    Buffer,
    /// To the handler's sink, which takes so many bytes at most.
    Sink(Box<dyn Sink>, u64),
    /// Nowhere: the response does not depend on it.
    Discard,
}

/// How far a body has come.
pub(super) enum BodyProgress {
    /// The body is incomplete.
    Part,
    /// The body is complete. The sink answers, if there is one.
    All(Option<Box<dyn Sink>>),
    /// The body is incomplete, but the sink can answer.
    Enough(Box<dyn Sink>),
    /// The sink failed.
    Failed(Failure),
    /// The body is complete, and was discarded.
    Discarded,
}

impl Incoming {
    /// Expects a body that ends as `framing` says, and is gathered unless another destination is
    /// named.
    pub(super) fn begin(&mut self, framing: Framing, now: Millis) {
        self.remaining = match framing {
            Framing::None | Framing::Length(0) => Remaining::Nothing,
            Framing::Length(n) => Remaining::Length(n),
            Framing::Chunked => Remaining::Chunked(Box::default()),
        };
        self.destination = Destination::Buffer;
        self.began = now;
        self.received = 0;
        self.small = matches!(framing, Framing::None | Framing::Length(..=SMALL));
    }

    /// Forgets the body, and its sink.
    pub(super) fn clear(&mut self) {
        self.remaining = Remaining::Nothing;
        self.destination = Destination::Buffer;
    }

    /// Sends the body to `sink`, which takes so many bytes at most.
    pub(super) fn stream(&mut self, sink: Box<dyn Sink>, most: u64) {
        self.destination = Destination::Sink(sink, most);
    }

    /// Discards the rest of the body. Whether the response should wait for its end.
    pub(super) fn discard_rest(&mut self) -> bool {
        self.destination = Destination::Discard;
        self.small
    }

    /// How much memory has to be reserved for the body, if any.
    pub(super) fn needs(&self, limits: &Limits) -> Option<u64> {
        let bytes = match (&self.destination, &self.remaining) {
            (Destination::Buffer, Remaining::Length(bytes)) => *bytes,
            (Destination::Buffer, Remaining::Chunked(_)) => limits.body_bytes,
            _ => 0,
        };
        (bytes > body_memory::SMALL).then_some(bytes)
    }

    /// Counts the time of the body from now on: until now there was no memory for it.
    pub(super) fn restart(&mut self, now: Millis) {
        self.began = now;
        self.received = 0;
    }

    /// Whether all of the body has come.
    pub(super) fn is_complete(&self) -> bool {
        matches!(self.remaining, Remaining::Nothing)
    }

    /// Whether the length of the body, if that is known, is within its limit.
    pub(super) fn fits(&self, limits: &Limits) -> bool {
        let most = match self.destination {
            Destination::Sink(_, most) => most,
            _ => limits.body_bytes,
        };
        !matches!(self.remaining, Remaining::Length(n) if n > most)
    }

    /// When more of the body must have come.
    pub(super) fn deadline(&self, now: Millis, timeouts: &Timeouts) -> Millis {
        let some = now.after(timeouts.progress_ms);
        some.min(self.rate_deadline(timeouts))
    }

    /// When the body is slower than the minimum rate, if nothing more comes.
    fn rate_deadline(&self, timeouts: &Timeouts) -> Millis {
        match (self.received * 1000).checked_div(timeouts.min_rate) {
            Some(earned) => self.began.after(RATE_GRACE_MS + earned),
            None => Millis::NEVER,
        }
    }

    /// The refusal when the deadline has passed.
    pub(super) fn refusal(&self, now: Millis, timeouts: &Timeouts) -> Refusal {
        // A body of which nothing has come has no rate.
        match self.received > 0 && now >= self.rate_deadline(timeouts) {
            true => Refusal::LOW_RATE,
            false => Refusal::SLOW_BODY,
        }
    }

    /// Takes as much of the body as has come.
    pub(super) fn take(
        &mut self,
        input: &mut Input,
        request: &mut HttpRequest,
        limits: &Limits,
    ) -> Result<BodyProgress, Refusal> {
        let before = input.len();
        let want = match &mut self.remaining {
            Remaining::Nothing => Ok(Want::More),
            Remaining::Length(left) => {
                let n = usize::try_from(*left).unwrap_or(usize::MAX).min(before);
                let want = self
                    .destination
                    .take(&input.bytes()[..n], &mut request.body);
                input.consume(n);
                *left -= n as u64;
                if *left == 0 {
                    self.remaining = Remaining::Nothing;
                }
                want
            }
            Remaining::Chunked(decoder) => {
                let own = match self.destination {
                    Destination::Sink(_, most) => Some(Limits {
                        body_bytes: most,
                        ..limits.clone()
                    }),
                    _ => None,
                };
                let limits = own.as_ref().unwrap_or(limits);
                let HttpRequest { body, trailers, .. } = request;
                let decoded = decoder.decode(input.bytes(), body, trailers, limits);
                // The bytes before a fault count: whether both have come at once is chance.
                let want = self.destination.take_decoded(body);
                if matches!(want, Ok(Want::More)) {
                    let progress = decoded?;
                    input.consume(progress.consumed);
                    if progress.done {
                        self.remaining = Remaining::Nothing;
                    }
                } else {
                    // Whether they have come along is chance.
                    trailers.clear();
                }
                want
            }
        };
        self.received += (before - input.len()) as u64;
        match (want, mem::take(&mut self.destination)) {
            (Err(failure), _) => Ok(BodyProgress::Failed(failure)),
            (Ok(Want::Enough), Destination::Sink(sink, _)) => Ok(BodyProgress::Enough(sink)),
            (_, destination) if !self.is_complete() => {
                self.destination = destination;
                Ok(BodyProgress::Part)
            }
            (_, Destination::Buffer) => Ok(BodyProgress::All(None)),
            (_, Destination::Sink(sink, _)) => Ok(BodyProgress::All(Some(sink))),
            (_, Destination::Discard) => Ok(BodyProgress::Discarded),
        }
    }
}

impl Destination {
    /// Takes the next bytes of the body.
    fn take(&mut self, bytes: &[u8], gathered: &mut Vec<u8>) -> Result<Want, Failure> {
        match self {
            Destination::Buffer => gathered.extend_from_slice(bytes),
            Destination::Sink(sink, _) if !bytes.is_empty() => {
                return attempt(|| sink.piece(bytes));
            }
            Destination::Sink(..) | Destination::Discard => {}
        }
        Ok(Want::More)
    }

    /// As `take`, where they were decoded into `gathered`.
    fn take_decoded(&mut self, gathered: &mut Vec<u8>) -> Result<Want, Failure> {
        if let Destination::Buffer = self {
            return Ok(Want::More);
        }
        let want = self.take(gathered, &mut Vec::new());
        gathered.clear();
        want
    }
}
