//! [`Outgoing`]: a response body that is pulled from its [`Source`] until the output is full.

use super::encode::Delimited;
use super::failure::{Failure, attempt};
use super::misuse::Misuse;
use crate::http::handler::{Flow, PIECE, Piece, Source, Trailers};
use crate::http::syntax::chunked::{push_chunk, push_last_with};
use crate::process::Io;
use crate::time::Millis;

/// A source that waits is pulled after this at the latest, in milliseconds.
const LONGEST_WAIT_MS: u64 = 3_600_000;

/// A response body in transit.
#[derive(Debug)]
pub(super) struct Outgoing {
    source: Box<dyn Source>,
    delimited: Delimited,
    /// The first piece, and the head before it, is queued.
    begun: bool,
    /// Bytes of body so far, without their framing.
    sent: u64,
    /// The source is not pulled before this time.
    pull_at: Millis,
    /// The source waits ([`Flow::WaitUntil`]), and not only for its next turn ([`Flow::Yield`]).
    is_waiting: bool,
    /// The source has seen that the worker drains.
    saw_drain: bool,
}

/// The outcome of pulling.
pub(super) enum Pulled {
    /// The output is full.
    Full,
    /// The source waits until this time, or for its next turn.
    WaitUntil(Millis),
    /// The body is complete.
    Done,
    /// The body breaks off.
    Broken(Failure),
}

impl Outgoing {
    pub(super) fn new(source: Box<dyn Source>, delimited: Delimited) -> Outgoing {
        Outgoing {
            source,
            delimited,
            begun: false,
            sent: 0,
            pull_at: Millis::default(),
            is_waiting: false,
            saw_drain: false,
        }
    }

    /// Whether the head of the response is queued. The head waits for the first piece: if the
    /// source fails before, the client gets 500.
    pub(super) fn is_begun(&self) -> bool {
        self.begun
    }

    /// How the body ends.
    pub(super) fn delimited(&self) -> Delimited {
        self.delimited
    }

    /// Whether the source waits ([`Flow::WaitUntil`]).
    pub(super) fn is_waiting(&self) -> bool {
        self.is_waiting
    }

    /// Bytes of body that were queued.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// Pulls until the output is full, or the source waits or ends. `piece` is scratch space.
    pub(super) fn pull(&mut self, io: &mut Io<'_>, piece: &mut Vec<u8>) -> Pulled {
        if io.now.at < self.pull_at && self.saw_drain == io.stopping && !io.woken {
            return Pulled::WaitUntil(self.pull_at);
        }
        self.pull_at = Millis::default();
        self.is_waiting = false;
        while !io.output.is_full() {
            piece.clear();
            let pushed = self
                .gather(io, piece)
                .map(|flow| self.push(flow, piece, io));
            match pushed {
                Ok(None) => {}
                Ok(Some(pulled)) => return pulled,
                Err(failure) => return Pulled::Broken(failure),
            }
        }
        Pulled::Full
    }

    /// Pulls until there is a piece that is worth sending, or the source waits or ends.
    pub(super) fn gather(&mut self, io: &mut Io<'_>, piece: &mut Vec<u8>) -> Result<Flow, Failure> {
        self.saw_drain = io.stopping;
        loop {
            let before = piece.len();
            let flow = attempt(|| {
                self.source.pull(&mut Piece {
                    bytes: piece,
                    now: io.now,
                    stopping: io.stopping,
                    woken: io.woken,
                    wakers: io.wakers,
                })
            })?;
            io.tally.progress();
            let all = self.sent + piece.len() as u64;
            if flow != Flow::More
                || piece.len() >= PIECE
                || self.delimited == Delimited::Length(all)
            {
                return Ok(flow);
            }
            if piece.len() <= before {
                return Err(Misuse::EmptyPiece.into());
            }
        }
    }

    /// Queues a piece behind which the source says `flow`; returns `None` to pull again.
    pub(super) fn push(&mut self, flow: Flow, piece: &[u8], io: &mut Io<'_>) -> Option<Pulled> {
        self.begun = true;
        let ended = match self.queue(piece, io) {
            Err(misuse) => Err(misuse.into()),
            // A body that has its length is complete, whether the source says so or not.
            Ok(()) if self.delimited == Delimited::Length(self.sent) => Ok(()),
            Ok(()) => match flow {
                Flow::More => return None,
                Flow::WaitUntil(at) => {
                    // To wait for a time that has passed would be to spin; to wait for ever would
                    // be to outlast a client that is gone without a word.
                    let (soonest, latest) = (io.now.at.after(1), io.now.at.after(LONGEST_WAIT_MS));
                    self.pull_at = at.clamp(soonest, latest);
                    self.is_waiting = true;
                    return Some(Pulled::WaitUntil(self.pull_at));
                }
                Flow::Yield => {
                    self.pull_at = io.now.at.after(1);
                    return Some(Pulled::WaitUntil(self.pull_at));
                }
                Flow::End => self.end(io),
            },
        };
        Some(ended.map_or_else(Pulled::Broken, |()| Pulled::Done))
    }

    fn queue(&mut self, piece: &[u8], io: &mut Io<'_>) -> Result<(), Misuse> {
        let sent = self.sent + piece.len() as u64;
        match self.delimited {
            Delimited::Length(length) if sent > length => {
                return Err(Misuse::TooLong);
            }
            Delimited::Chunked => io.output.append(|out| push_chunk(out, piece)),
            _ => io.output.push(piece),
        }
        self.sent = sent;
        Ok(())
    }

    fn end(&mut self, io: &mut Io<'_>) -> Result<(), Failure> {
        match self.delimited {
            Delimited::Length(_) => Err(Misuse::TooShort.into()),
            Delimited::Chunked => {
                let mut trailers = Trailers::default();
                attempt(|| self.source.trailers(&mut trailers))?;
                io.output
                    .append(|out| push_last_with(out, &trailers.fields));
                Ok(())
            }
            Delimited::Nothing | Delimited::ByClose => Ok(()),
        }
    }
}
