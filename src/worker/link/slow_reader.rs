//! [`SlowReader`]: how long a client may be behind with reading what was sent to it.

use std::io;

use super::stream::Stream;
use crate::time::Millis;

/// How long a client may read at any rate, in milliseconds.
const RATE_GRACE_MS: u64 = 10_000;

/// How fast a client must read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlowReaderLimits {
    /// How long a client may read nothing, in milliseconds. It may take a tenth more until that is
    /// certain.
    pub write_timeout_ms: u64,
    /// How many bytes a client must read in a second on the whole; 0 for any number.
    pub min_rate: u64,
}

/// A client that has not taken all that there is for it.
///
/// That the kernel takes something is a sign of progress, but a late one: its buffer may be
/// megabytes large, and it asks for more when a third of it is free. So the kernel is asked how
/// much of that was acknowledged, ten times in the time that a client may read nothing, and the
/// connection ends when that time has passed since the client was last seen to have read some.
#[derive(Clone, Copy, Debug)]
pub struct SlowReader {
    since: Millis,
    check_at: Millis,
    /// When the client was last seen to have read some.
    moved: Millis,
    /// What the kernel had been given that was not acknowledged at `since`, and all that it was
    /// given later.
    given: u64,
    /// How much of that was acknowledged at the last check.
    acknowledged: u64,
}

impl SlowReader {
    /// The client is behind from now on, with so many bytes that the kernel has.
    pub fn new(unacknowledged: u64, now: Millis, limits: SlowReaderLimits) -> SlowReader {
        SlowReader {
            since: now,
            check_at: now.after(check_every_ms(limits)),
            moved: now,
            given: unacknowledged,
            acknowledged: 0,
        }
    }

    /// When the next check is due.
    pub fn check_at(&self) -> Millis {
        self.check_at
    }

    /// The kernel took so many bytes. Whether to go on waiting.
    pub fn record_progress(
        &mut self,
        sent: u64,
        stream: &dyn Stream,
        now: Millis,
        limits: SlowReaderLimits,
    ) -> io::Result<bool> {
        self.given += sent;
        if now < self.check_at {
            return Ok(true);
        }
        let acknowledged = self.given.saturating_sub(stream.unacknowledged()?);
        if acknowledged > self.acknowledged {
            self.acknowledged = acknowledged;
            self.moved = now;
        }
        let silent_until = self.moved.after(limits.write_timeout_ms);
        let end = silent_until.min(self.allowed_until(acknowledged, limits));
        self.check_at = now.after(check_every_ms(limits)).min(end);
        Ok(now < end)
    }

    /// How long a client that has read so many bytes may stay behind.
    fn allowed_until(&self, acknowledged: u64, limits: SlowReaderLimits) -> Millis {
        match (acknowledged * 1000).checked_div(limits.min_rate) {
            Some(ms) => {
                let grace_ms = limits.write_timeout_ms.max(RATE_GRACE_MS);
                self.since.after(grace_ms + ms)
            }
            None => Millis::NEVER,
        }
    }
}

fn check_every_ms(limits: SlowReaderLimits) -> u64 {
    (limits.write_timeout_ms / 10).max(1)
}
