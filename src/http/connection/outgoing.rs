//! [`Outgoing`]: a response body that is pulled from its [`Source`] while there is room for it.

use super::encode::Delimited;
use super::failure::{Failure, attempt};
use super::misuse::Misuse;
use crate::http::handler::{Flow, PIECE, Piece, Source, Trailers};
use crate::http::syntax::chunked::{push_chunk, push_last_with};
use crate::process::Io;
use crate::time::Millis;

/// A source is asked again after this, in milliseconds, whatever it said.
const LONGEST_WAIT_MS: u64 = 3_600_000;

/// A body on its way out.
#[derive(Debug)]
pub(super) struct Outgoing {
    source: Box<dyn Source>,
    delimited: Delimited,
    /// The first piece, and the head before it, is queued.
    begun: bool,
    /// Bytes of body so far, without their framing.
    sent: u64,
    /// There is nothing before this time.
    pull_at: Millis,
    /// The source waits for something else, and not only for its next turn.
    waits: bool,
    /// The source knows that the worker is about to leave.
    told: bool,
}

/// What came of pulling.
pub(super) enum Pulled {
    /// There is no room for more.
    Full,
    /// There is no more before this time.
    WaitUntil(Millis),
    /// That was all of it.
    Done,
    /// It cannot be finished.
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
            waits: false,
            told: false,
        }
    }

    /// Whether the head of the answer is queued. It waits for the first piece: a source that fails
    /// before it has made any fails while the client can still be told.
    pub(super) fn is_begun(&self) -> bool {
        self.begun
    }

    /// How the body ends.
    pub(super) fn delimited(&self) -> Delimited {
        self.delimited
    }

    /// Whether the source waits for something else ([`Flow::WaitUntil`]).
    pub(super) fn waits(&self) -> bool {
        self.waits
    }

    /// Bytes of body that were queued.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// Pulls until there is no room or no more. `piece` is scratch space.
    pub(super) fn pull(&mut self, io: &mut Io<'_>, piece: &mut Vec<u8>) -> Pulled {
        if io.now.at < self.pull_at && self.told == io.stopping {
            return Pulled::WaitUntil(self.pull_at);
        }
        self.pull_at = Millis::default();
        self.waits = false;
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

    /// Asks until there is a piece that is worth sending, or the source has no more for now.
    pub(super) fn gather(&mut self, io: &mut Io<'_>, piece: &mut Vec<u8>) -> Result<Flow, Failure> {
        self.told = io.stopping;
        loop {
            let before = piece.len();
            let flow = attempt(|| {
                self.source.pull(&mut Piece {
                    bytes: piece,
                    now: io.now,
                    stopping: io.stopping,
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

    /// Queues a piece behind which the source says `flow`; what came of that, or `None` to go on.
    pub(super) fn push(&mut self, flow: Flow, piece: &[u8], io: &mut Io<'_>) -> Option<Pulled> {
        self.begun = true;
        let ended = match self.queue(piece, io) {
            Err(error) => Err(error.into()),
            // A length that is reached is an end, said or not.
            Ok(()) if self.delimited == Delimited::Length(self.sent) => Ok(()),
            Ok(()) => match flow {
                Flow::More => return None,
                Flow::WaitUntil(at) => {
                    // To wait for what has passed is to ask again and again; to wait for ever, at
                    // a client that is gone without a word, would be just that.
                    let (soonest, latest) = (io.now.at.after(1), io.now.at.after(LONGEST_WAIT_MS));
                    self.pull_at = at.clamp(soonest, latest);
                    self.waits = true;
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
