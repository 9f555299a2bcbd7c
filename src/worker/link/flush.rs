//! Sending what is queued, and judging a client that does not read it.

use std::io::{self, IoSlice};

use super::answers::Ended;
use super::slow_reader::SlowReader;
use super::stream::Stream;
use super::turn::Turn;
use super::{BYTES_PER_TURN, Link, Phase};
use crate::process::Output;

/// While more than this remains of a file, the socket's unsent data is limited. Bytes that the
/// kernel has are exempt from the slow-reader check and are still delivered after the worker has
/// exited, so the last mebibyte is queued without the limit. Not below `BYTES_PER_TURN`, so that
/// every file has a final turn that lifts the limit.
const UNLIMITED_TAIL: u64 = BYTES_PER_TURN;

impl<S: Stream> Link<'_, S> {
    /// Sends what is queued, until there is none, no room, or no budget.
    pub(super) fn flush(&mut self, budget: &mut u64) -> Result<(), Ended> {
        while !self.output.is_empty() && *budget > 0 {
            let (sent, wanted) = if let Some(range) = self.output.front_file() {
                let limited = range.len > UNLIMITED_TAIL;
                if self.unsent_limited != limited {
                    self.unsent_limited = limited;
                    self.stream.limit_unsent(limited);
                }
                match self.stream.send_file(range, *budget) {
                    // It was truncated. Its length was promised, so all that is left is to break
                    // the connection, visibly.
                    Ok(0) => return Err(Ended::Failed),
                    result => (result, range.len.min(*budget)),
                }
            } else {
                let mut slices = [IoSlice::new(&[]); Output::GATHER];
                let (count, more) = self.output.gather(&mut slices);
                // What ends behind this says so in the same packet.
                let more = more || self.phase != Phase::Open;
                let slices = &slices[..count];
                let wanted = slices.iter().map(|slice| slice.len() as u64).sum();
                (self.stream.write(slices, more), wanted)
            };
            let sent = match sent {
                Ok(sent) => sent as u64,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // However it failed, the client is gone.
                Err(_) => return Err(Ended::ClientClosed),
            };
            self.output.advance(sent);
            self.exchanges.sent += sent;
            *budget = budget.saturating_sub(sent);
            if sent < wanted {
                // The peer's window is full: asking again would only be told so.
                return Ok(());
            }
        }
        Ok(())
    }

    /// Whether a slow reader may continue. Checked after the write attempt, because the delay may
    /// have been ours.
    pub(super) fn record_progress(
        &mut self,
        queued_before: u64,
        turn: &Turn<'_>,
    ) -> Result<(), Ended> {
        let (now, limits) = (turn.now.at, turn.slow_reader);
        let sent = queued_before.saturating_sub(self.output.queued());
        if sent > 0 {
            self.moved = now;
        }
        if self.output.is_empty() {
            self.slow_reader = None;
            return Ok(());
        }
        let gone = |_| Ended::ClientClosed;
        match &mut self.slow_reader {
            Some(reader) => {
                let goes_on = reader.record_progress(sent, &self.stream, now, limits);
                goes_on.map_err(gone)?.then_some(()).ok_or(Ended::Timeout)
            }
            None => {
                let unacknowledged = self.stream.unacknowledged().map_err(gone)?;
                let reader = SlowReader::new(unacknowledged, now, limits);
                self.slow_reader = Some(Box::new(reader));
                Ok(())
            }
        }
    }
}
