//! [`Rank`]: whether a connection may be evicted when there is no room for a new one, and since
//! when.

use super::guarded::Activity;
use super::stream::Stream;
use super::{Link, Phase, Received};
use crate::time::Millis;

/// How long a client that has just connected may take to send something before its connection can
/// be evicted, in milliseconds: its request is likely to be on its way.
pub(crate) const HELLO_MS: u64 = 1_000;
/// The same for a client that has just had an answer: a client that asks one thing after the other
/// takes less.
pub(crate) const PAUSE_MS: u64 = 200;
/// How long a client must have read nothing before it can be evicted, in milliseconds: slow is not
/// paused.
const STALLED_MS: u64 = 1_000;

/// In which order connections are evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// The client has its last answer.
    Lingering,
    /// The client has all its answers.
    Idle,
    /// The client reads nothing, or there is nothing to read for it.
    Stalled,
}

impl<S: Stream> Link<'_, S> {
    /// From when on the connection can be evicted, if it stays as it is; `None` while it is busy.
    /// No client has longer than `most_ms` after bytes last moved.
    pub(crate) fn evictable_at(&self, most_ms: u64) -> Option<(Rank, Millis)> {
        let (rank, ms) = match self.phase {
            Phase::Lingering(_) => (Rank::Lingering, PAUSE_MS),
            Phase::Open if self.is_shaking_hands() => (Rank::Idle, HELLO_MS),
            Phase::Open if self.is_idle() && self.received == Received::Nothing => {
                (Rank::Idle, HELLO_MS)
            }
            Phase::Open if self.is_idle() => (Rank::Idle, PAUSE_MS),
            _ if self.is_behind() => (Rank::Stalled, STALLED_MS),
            Phase::Open if self.activity == Activity::Waiting => (Rank::Stalled, 0),
            _ => return None,
        };
        Some((rank, self.moved.after(ms.min(most_ms))))
    }

    fn is_idle(&self) -> bool {
        self.input.is_empty() && self.output.is_empty() && self.activity == Activity::Idle
    }

    /// Whether the client's kernel has taken all that was sent. What it has not taken would be lost
    /// if something came from the client after the end.
    pub(crate) fn is_acknowledged(&self) -> bool {
        self.stream.unacknowledged().is_ok_and(|bytes| bytes == 0)
    }
}
