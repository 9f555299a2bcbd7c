//! [`Outgoing`]: a response body that is pulled from its [`Source`] while there is room for it.

use std::io;

use super::chunked::{push_chunk, push_last_with};
use super::encode::Delimited;
use super::source::{Flow, PIECE, Piece, Source, Trailers};
use crate::process::Io;
use crate::time::Millis;

/// A source is asked again after this, in milliseconds, whatever it said.
const LONGEST_WAIT_MS: u64 = 3_600_000;

/// A body on its way out.
#[derive(Debug)]
pub(super) struct Outgoing {
    source: Box<dyn Source>,
    delimited: Delimited,
    /// Bytes of body so far, without their framing.
    sent: u64,
    /// There is nothing before this time.
    pull_at: Millis,
    /// The source knows that the worker is about to leave.
    told: bool,
}

/// What came of pulling.
#[derive(Debug)]
pub(super) enum Pulled {
    /// There is no room for more.
    Full,
    /// There is no more before this time.
    WaitUntil(Millis),
    /// That was all of it.
    Done,
    /// It cannot be finished.
    Broken(io::Error),
}

impl Outgoing {
    pub(super) fn new(source: Box<dyn Source>, delimited: Delimited) -> Outgoing {
        Outgoing {
            source,
            delimited,
            sent: 0,
            pull_at: Millis::default(),
            told: false,
        }
    }

    /// Whether the client takes the end of the connection for the end of the body.
    pub(super) fn ends_by_close(&self) -> bool {
        self.delimited == Delimited::ByClose
    }

    /// Whether the source said that there is nothing before a certain time.
    pub(super) fn waits(&self) -> bool {
        self.pull_at != Millis::default()
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
        self.told = io.stopping;
        self.pull_at = Millis::default();
        while !io.output.is_full() {
            piece.clear();
            let flow = self.gather(io, piece).and_then(|flow| {
                self.push(piece, io)?;
                Ok(flow)
            });
            let ended = match flow {
                Err(error) => return Pulled::Broken(error),
                // A length that is reached is an end, said or not.
                Ok(_) if self.delimited == Delimited::Length(self.sent) => Ok(()),
                Ok(Flow::More) => continue,
                Ok(Flow::WaitUntil(at)) => {
                    // To wait for what has passed is to ask again and again; to wait for ever, at
                    // a client that is gone without a word, would be just that.
                    let (soonest, latest) = (io.now.at.after(1), io.now.at.after(LONGEST_WAIT_MS));
                    self.pull_at = at.clamp(soonest, latest);
                    return Pulled::WaitUntil(self.pull_at);
                }
                Ok(Flow::End) => self.end(io),
            };
            return match ended {
                Ok(()) => Pulled::Done,
                Err(error) => Pulled::Broken(error),
            };
        }
        Pulled::Full
    }

    /// Asks until there is a piece that is worth sending, or the source has no more for now.
    fn gather(&mut self, io: &Io<'_>, piece: &mut Vec<u8>) -> io::Result<Flow> {
        loop {
            let before = piece.len();
            let flow = self.source.pull(&mut Piece {
                bytes: piece,
                now: io.now,
                stopping: io.stopping,
            })?;
            let all = self.sent + piece.len() as u64;
            if flow != Flow::More
                || piece.len() >= PIECE
                || self.delimited == Delimited::Length(all)
            {
                return Ok(flow);
            }
            if piece.len() <= before {
                // It would be asked for ever.
                return Err(io::Error::other("a source says More and adds nothing"));
            }
        }
    }

    fn push(&mut self, piece: &[u8], io: &mut Io<'_>) -> io::Result<()> {
        let sent = self.sent + piece.len() as u64;
        match self.delimited {
            Delimited::Length(length) if sent > length => {
                return Err(io::Error::other("a source makes more than it promised"));
            }
            Delimited::Chunked => io.output.append(|out| push_chunk(out, piece)),
            _ => io.output.push(piece),
        }
        self.sent = sent;
        Ok(())
    }

    fn end(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        match self.delimited {
            Delimited::Length(_) => Err(io::Error::other("a source makes less than it promised")),
            Delimited::Chunked => {
                let mut trailers = Trailers::default();
                self.source.trailers(&mut trailers)?;
                io.output
                    .append(|out| push_last_with(out, &trailers.fields));
                Ok(())
            }
            Delimited::Nothing | Delimited::ByClose => Ok(()),
        }
    }
}
