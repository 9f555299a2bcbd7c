//! [`Slot`]: a place for one child, and what is known of it.

use crate::time::Millis;

/// A place for one child. Each worker has two of them, `2 i` and `2 i + 1`, so that it and its
/// successor can live at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// No child and none scheduled: the pair's other slot is active, or the pair is not in use.
    Vacant,
    /// No child; a worker is to be forked at this time.
    Empty { fork_at: Millis },
    /// Forked at this time, not yet ready; killed if that lasts. With `stale`, to be replaced.
    Starting { since: Millis, stale: bool },
    /// Forked at this time, and serving. With `stale`, to be replaced when it is its turn.
    Ready { since: Millis, stale: bool },
    /// Forked at this time; serves until its successor in the other slot is ready.
    Retiring { since: Millis },
    /// Draining; told to abort at this time.
    Draining { cut_at: Millis },
    /// Told to abort; killed at this time.
    Cut { kill_at: Millis },
    /// The child hung and got `SIGABRT`; killed at this time.
    Aborted { kill_at: Millis },
    /// Killed, not yet dead.
    Killed {
        /// The child took too long to be ready.
        unready: bool,
    },
}

impl Slot {
    /// Whether the slot has, or is scheduled to get, a worker that is not on its way out.
    pub(super) fn has_or_awaits_worker(self) -> bool {
        matches!(
            self,
            Slot::Empty { .. } | Slot::Starting { .. } | Slot::Ready { .. }
        )
    }

    /// Whether the slot has no child.
    pub(super) fn is_empty(self) -> bool {
        matches!(self, Slot::Vacant | Slot::Empty { .. })
    }

    /// Whether the slot's child serves, and was not told to leave.
    pub(super) fn serves(self) -> bool {
        matches!(self, Slot::Ready { .. } | Slot::Retiring { .. })
    }

    /// Whether the slot's child is to be replaced.
    pub(super) fn is_stale(self) -> bool {
        matches!(
            self,
            Slot::Starting { stale: true, .. }
                | Slot::Ready { stale: true, .. }
                | Slot::Retiring { .. }
        )
    }

    /// Whether the slot's child was told to leave or to die.
    pub(super) fn is_leaving(self) -> bool {
        matches!(
            self,
            Slot::Draining { .. } | Slot::Cut { .. } | Slot::Aborted { .. } | Slot::Killed { .. }
        )
    }

    /// The other slot of the pair.
    pub(super) fn partner(index: usize) -> usize {
        index ^ 1
    }
}
