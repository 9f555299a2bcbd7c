//! [`Incoming`]: a request body on its way, and where it goes.

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

/// A body up to this length, in bytes, that no handler wants is read and dropped before the answer is
/// sent: for both sides that is cheaper than another connection. Forms and small documents have no
/// more.
const SMALL: u64 = 64 * 1024;

/// A body that is arriving; by default, none.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    left: Left,
    goes: Goes,
    /// When it began, and how much of it has come, as it was sent.
    began: Millis,
    seen: u64,
    /// An answer may wait until it is read and dropped. This depends on what the head says and not
    /// on how much is left: the answer must not depend on how the bytes were cut.
    small: bool,
}

/// How the rest of it is recognised.
#[derive(Debug, Default)]
enum Left {
    #[default]
    Nothing,
    /// So many bytes are missing.
    Length(u64),
    /// It says itself.
    Chunked(Box<Decoder>),
}

/// Where it goes.
#[derive(Debug, Default)]
enum Goes {
    /// Into the request.
    #[default]
    Whole,
    /// To whoever asked for pieces, and takes so many bytes at most.
    Pieces(Box<dyn Sink>, u64),
    /// Nowhere: the answer does not depend on it.
    Away,
}

/// What came of looking at the input.
pub(super) enum Arrived {
    /// There must be more.
    Part,
    /// All of it. The sink answers, if there is one.
    All(Option<Box<dyn Sink>>),
    /// Not all of it, but the sink can answer.
    Enough(Box<dyn Sink>),
    /// The sink failed.
    Failed(Failure),
    /// All of it, and nobody wanted it.
    Dropped,
}

impl Incoming {
    /// Expects a body that ends as `framing` says. It is gathered unless something else is said.
    pub(super) fn begin(&mut self, framing: Framing, now: Millis) {
        self.left = match framing {
            Framing::None | Framing::Length(0) => Left::Nothing,
            Framing::Length(n) => Left::Length(n),
            Framing::Chunked => Left::Chunked(Box::default()),
        };
        self.goes = Goes::Whole;
        self.began = now;
        self.seen = 0;
        self.small = matches!(framing, Framing::None | Framing::Length(..=SMALL));
    }

    /// There is none any more, and no sink that waits for it.
    pub(super) fn clear(&mut self) {
        self.left = Left::Nothing;
        self.goes = Goes::Whole;
    }

    /// It goes to `sink`, which takes so many bytes at most.
    pub(super) fn stream(&mut self, sink: Box<dyn Sink>, most: u64) {
        self.goes = Goes::Pieces(sink, most);
    }

    /// What is left of it is not wanted. Whether an answer should wait for its end.
    pub(super) fn drop_rest(&mut self) -> bool {
        self.goes = Goes::Away;
        self.small
    }

    /// How much memory it needs to be gathered, if that is more than each has.
    pub(super) fn needs(&self, limits: &Limits) -> Option<u64> {
        let bytes = match (&self.goes, &self.left) {
            (Goes::Whole, Left::Length(bytes)) => *bytes,
            (Goes::Whole, Left::Chunked(_)) => limits.body_bytes,
            _ => 0,
        };
        (bytes > body_memory::SMALL).then_some(bytes)
    }

    /// Its time begins now: until now there was no room for it.
    pub(super) fn restart(&mut self, now: Millis) {
        self.began = now;
        self.seen = 0;
    }

    /// Whether there is nothing left of it.
    pub(super) fn is_complete(&self) -> bool {
        matches!(self.left, Left::Nothing)
    }

    /// Whether its length, if that is known, is within its limit.
    pub(super) fn fits(&self, limits: &Limits) -> bool {
        let most = match self.goes {
            Goes::Pieces(_, most) => most,
            _ => limits.body_bytes,
        };
        !matches!(self.left, Left::Length(n) if n > most)
    }

    /// When the rest of it must have gone on.
    pub(super) fn deadline(&self, now: Millis, timeouts: &Timeouts) -> Millis {
        let some = now.after(timeouts.progress_ms);
        some.min(self.rate_deadline(timeouts))
    }

    /// When it is slower than the lowest rate, if nothing more comes.
    fn rate_deadline(&self, timeouts: &Timeouts) -> Millis {
        match (self.seen * 1000).checked_div(timeouts.min_rate) {
            Some(earned) => self.began.after(RATE_GRACE_MS + earned),
            None => Millis::NEVER,
        }
    }

    /// What to answer when its deadline has passed.
    pub(super) fn refusal(&self, now: Millis, timeouts: &Timeouts) -> Refusal {
        // A body of which nothing has come has no rate.
        match self.seen > 0 && now >= self.rate_deadline(timeouts) {
            true => Refusal::LOW_RATE,
            false => Refusal::SLOW_BODY,
        }
    }

    /// Takes what has come of it.
    pub(super) fn take(
        &mut self,
        input: &mut Input,
        request: &mut HttpRequest,
        limits: &Limits,
    ) -> Result<Arrived, Refusal> {
        let before = input.len();
        let want = match &mut self.left {
            Left::Nothing => Ok(Want::More),
            Left::Length(left) => {
                let n = usize::try_from(*left).unwrap_or(usize::MAX).min(before);
                let want = self.goes.take(&input.bytes()[..n], &mut request.body);
                input.consume(n);
                *left -= n as u64;
                if *left == 0 {
                    self.left = Left::Nothing;
                }
                want
            }
            Left::Chunked(decoder) => {
                let own = match self.goes {
                    Goes::Pieces(_, most) => Some(Limits {
                        body_bytes: most,
                        ..limits.clone()
                    }),
                    _ => None,
                };
                let limits = own.as_ref().unwrap_or(limits);
                let HttpRequest { body, trailers, .. } = request;
                let decoded = decoder.decode(input.bytes(), body, trailers, limits);
                // What stands before a fault counts: whether both have come at once is chance.
                let want = self.goes.take_decoded(body);
                if matches!(want, Ok(Want::More)) {
                    let progress = decoded?;
                    input.consume(progress.consumed);
                    if progress.done {
                        self.left = Left::Nothing;
                    }
                } else {
                    // They may or may not have come along.
                    trailers.clear();
                }
                want
            }
        };
        self.seen += (before - input.len()) as u64;
        match (want, mem::take(&mut self.goes)) {
            (Err(failure), _) => Ok(Arrived::Failed(failure)),
            (Ok(Want::Enough), Goes::Pieces(sink, _)) => Ok(Arrived::Enough(sink)),
            (_, goes) if !self.is_complete() => {
                self.goes = goes;
                Ok(Arrived::Part)
            }
            (_, Goes::Whole) => Ok(Arrived::All(None)),
            (_, Goes::Pieces(sink, _)) => Ok(Arrived::All(Some(sink))),
            (_, Goes::Away) => Ok(Arrived::Dropped),
        }
    }
}

impl Goes {
    /// Some more of the body.
    fn take(&mut self, bytes: &[u8], gathered: &mut Vec<u8>) -> Result<Want, Failure> {
        match self {
            Goes::Whole => gathered.extend_from_slice(bytes),
            Goes::Pieces(sink, _) if !bytes.is_empty() => return attempt(|| sink.piece(bytes)),
            Goes::Pieces(..) | Goes::Away => {}
        }
        Ok(Want::More)
    }

    /// The same where it was decoded into `gathered`.
    fn take_decoded(&mut self, gathered: &mut Vec<u8>) -> Result<Want, Failure> {
        if let Goes::Whole = self {
            return Ok(Want::More);
        }
        let want = self.take(gathered, &mut Vec::new());
        gathered.clear();
        want
    }
}
