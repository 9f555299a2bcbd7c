//! [`Lag`]: patience with a peer that does not read as fast as we write.

use std::io;

use super::stream::Stream;
use crate::time::Millis;

/// How long a peer may read at any rate, in milliseconds.
const RATE_GRACE_MS: u64 = 10_000;

/// How fast a peer must read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How long it may take to read something, in milliseconds. After it has read some, it may be
    /// twice as long until that is certain.
    pub write_ms: u64,
    /// How many bytes it must read in a second on the whole; 0 for any number.
    pub min_rate: u64,
}

/// A peer that has not taken all that we have for it.
///
/// That the kernel takes something is a sign of progress, but a late one: its buffer may be
/// megabytes large, and it asks for more when a third of it is free. So before a peer is given up
/// the kernel is asked how much of that has been taken.
#[derive(Clone, Copy, Debug)]
pub struct Lag {
    since: Millis,
    /// When to look.
    until: Millis,
    /// The first look judges nothing: what was under way when it fell behind has arrived since.
    looked: bool,
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
            until: now.after(pace.write_ms / 4),
            looked: false,
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
            if sent > 0 && self.looked {
                self.until = now.after(pace.write_ms).min(self.earned(self.given, pace));
            }
            return Ok(true);
        }
        let taken = self.given.saturating_sub(stream.untaken()?);
        let wait_ms = match self.looked {
            true => pace.write_ms,
            false => pace.write_ms - pace.write_ms / 4,
        };
        let goes_on = (taken > self.taken || !self.looked) && now < self.earned(taken, pace);
        self.taken = taken;
        self.looked = true;
        self.until = now.after(wait_ms).min(self.earned(taken, pace));
        Ok(goes_on)
    }

    /// How long a peer that has taken so many bytes may stay behind.
    fn earned(&self, taken: u64, pace: Pace) -> Millis {
        match (taken * 1000).checked_div(pace.min_rate) {
            Some(ms) => self.since.after(pace.write_ms.max(RATE_GRACE_MS) + ms),
            None => Millis::NEVER,
        }
    }
}
