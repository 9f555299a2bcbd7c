//! [`Lag`]: patience with a peer that does not read as fast as we write.

use std::io;

use super::stream::Stream;
use crate::time::Millis;

/// How long a peer may read at any rate, in milliseconds.
const RATE_GRACE_MS: u64 = 10_000;

/// How fast a peer must read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How long it may read nothing, in milliseconds. It may take a tenth more until that is certain.
    pub write_ms: u64,
    /// How many bytes it must read in a second on the whole; 0 for any number.
    pub min_rate: u64,
}

/// A peer that has not taken all that we have for it.
///
/// That the kernel takes something is a sign of progress, but a late one: its buffer may be
/// megabytes large, and it asks for more when a third of it is free. So the kernel is asked how much
/// of that has been taken, ten times in the time that a peer may read nothing, and the peer is given up
/// when that time has passed since it was last seen to have taken some.
#[derive(Clone, Copy, Debug)]
pub struct Lag {
    since: Millis,
    /// When to look.
    until: Millis,
    /// When it was last seen to have taken some.
    moved: Millis,
    /// What the kernel has been given that was not taken by `since`, and all that it was given
    /// later.
    given: u64,
    /// How much of that the peer had taken at the last look.
    taken: u64,
}

impl Lag {
    /// It is behind from now on, with so many bytes that the kernel has.
    pub fn new(untaken: u64, now: Millis, pace: Pace) -> Lag {
        Lag {
            since: now,
            until: now.after(look_ms(pace)),
            moved: now,
            given: untaken,
            taken: 0,
        }
    }

    /// When to come again at the latest.
    pub fn until(&self) -> Millis {
        self.until
    }

    /// The kernel took so many bytes. Whether to go on waiting.
    pub fn note(
        &mut self,
        sent: u64,
        stream: &dyn Stream,
        now: Millis,
        pace: Pace,
    ) -> io::Result<bool> {
        self.given += sent;
        if now < self.until {
            return Ok(true);
        }
        let taken = self.given.saturating_sub(stream.untaken()?);
        if taken > self.taken {
            self.taken = taken;
            self.moved = now;
        }
        let end = (self.moved.after(pace.write_ms)).min(self.earned(taken, pace));
        self.until = now.after(look_ms(pace)).min(end);
        Ok(now < end)
    }

    /// How long a peer that has taken so many bytes may stay behind.
    fn earned(&self, taken: u64, pace: Pace) -> Millis {
        match (taken * 1000).checked_div(pace.min_rate) {
            Some(ms) => self.since.after(pace.write_ms.max(RATE_GRACE_MS) + ms),
            None => Millis::NEVER,
        }
    }
}

/// How often to look, in milliseconds.
fn look_ms(pace: Pace) -> u64 {
    (pace.write_ms / 10).max(1)
}
