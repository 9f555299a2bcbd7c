//! Lingering close: all is sent, and what the client still sends is read and thrown away.

use std::io;

use super::answers::Ended;
use super::stream::Stream;
use super::turn::{Turn, TurnResult};
use super::{Link, Phase};
use crate::process::Input;
use crate::time::Millis;

/// How long a closed connection is still read from, in milliseconds: as long as a refused client
/// goes on sending, which it may do to the end before it reads. Closing at once would make the
/// kernel answer what still comes with a reset, and the peer's kernel would then throw away our
/// answer, read or not.
pub(super) const LINGER_MS: u64 = 30_000;
/// The same for a client that sends nothing: it has noticed, or never will.
pub(super) const LINGER_SILENT_MS: u64 = 2_000;
/// The same when the worker is about to leave: a client that has its answer and just does not
/// close should not hold up a stop.
pub(super) const LINGER_STOPPING_MS: u64 = 200;

impl<S: Stream> Link<'_, S> {
    /// All is sent: says so to the client, and closes or lingers.
    #[cold]
    pub(super) fn end(&mut self, turn: &Turn<'_>) -> Result<TurnResult, Ended> {
        let closes = self.phase == Phase::Finishing || self.at_end_of_input();
        let said = match closes {
            true => self.stream.close(),
            false => self.stream.shutdown(),
        };
        match said {
            // The stream has a word of its own for the end, and there is no room for it yet.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let until = self.moved.after(turn.slow_reader.write_timeout_ms);
                match turn.now.at < until {
                    true => Ok(TurnResult::Wait(until)),
                    false => Err(Ended::Timeout),
                }
            }
            _ if closes => Ok(TurnResult::Closed),
            Ok(()) => Ok(self.begin_to_linger(turn)),
            Err(_) => Err(Ended::ClientClosed),
        }
    }

    /// Our end of the stream is shut.
    pub(super) fn begin_to_linger(&mut self, turn: &Turn<'_>) -> TurnResult {
        let until = turn.now.at.after(linger_ms(turn.stopping));
        self.phase = Phase::Lingering(until);
        self.moved = turn.now.at;
        TurnResult::Wait(until.min(self.moved.after(LINGER_SILENT_MS)))
    }

    #[cold]
    pub(super) fn linger(
        &mut self,
        until: Millis,
        readable: bool,
        turn: &Turn<'_>,
    ) -> Result<TurnResult, Ended> {
        let until = until.min(turn.now.at.after(linger_ms(turn.stopping)));
        self.phase = Phase::Lingering(until);
        if readable {
            let space = self.input.space(Input::CHUNK);
            match self.stream.read(space) {
                Ok(0) => return Ok(TurnResult::Closed),
                Ok(_) => self.moved = turn.now.at,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Err(Ended::ClientClosed),
            }
        }
        let until = until.min(self.moved.after(LINGER_SILENT_MS));
        if turn.now.at >= until {
            return Ok(TurnResult::Closed);
        }
        Ok(TurnResult::Wait(until))
    }
}

fn linger_ms(stopping: bool) -> u64 {
    match stopping {
        true => LINGER_STOPPING_MS,
        false => LINGER_MS,
    }
}
