//! [`RateLimited`]: events that repeat are logged at a limited rate, and counted in between.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;

use super::{Level, Log};
use crate::time::{Millis, Now};

/// Events of one kind.
#[derive(Debug, Default)]
pub(crate) struct RateLimited {
    /// The time at which such an event was last logged.
    last: Cell<Option<Millis>>,
    unreported: Cell<u64>,
}

impl RateLimited {
    /// Logs an event, unless one was logged in the last `pause_ms` milliseconds.
    pub(crate) fn log(
        &self,
        log: &Log,
        level: Level,
        now: Now,
        pause_ms: u64,
        message: fmt::Arguments<'_>,
    ) {
        if !self.is_due(now.at, pause_ms) {
            return self.count(1);
        }
        match self.reported(now.at) {
            0 => log.event(level, now.unix_ms, message),
            n => {
                let message = format_args!("{message} ({n} like it before were not logged)");
                log.event(level, now.unix_ms, message);
            }
        }
    }

    /// Counts events without logging one.
    pub(super) fn count(&self, more: u64) {
        self.unreported.set(self.unreported.get() + more);
    }

    /// The number of events since one was last logged.
    pub(super) fn unreported(&self) -> u64 {
        self.unreported.get()
    }

    /// Whether no event was logged in the last `pause_ms` milliseconds.
    pub(super) fn is_due(&self, now: Millis, pause_ms: u64) -> bool {
        let last = self.last.get();
        last.is_none_or(|at| now.since(at) >= pause_ms)
    }

    /// Marks an event as logged now; returns the number of earlier ones that were not.
    pub(super) fn reported(&self, now: Millis) -> u64 {
        self.last.set(Some(now));
        self.take()
    }

    /// The number of events since one was last logged; they count no more.
    pub(super) fn take(&self) -> u64 {
        self.unreported.take()
    }

    /// Makes the next event due at once.
    pub(super) fn forget_last(&self) {
        self.last.set(None);
    }
}

/// Events of several kinds, each with a pause of its own.
#[derive(Debug, Default)]
pub(crate) struct ByKind(RefCell<Vec<(&'static str, Rc<RateLimited>)>>);

impl ByKind {
    /// The events of this kind. Kinds are part of the program, so they are few.
    pub(crate) fn of(&self, kind: &'static str) -> Rc<RateLimited> {
        let mut kinds = self.0.borrow_mut();
        if let Some((_, of_kind)) = kinds.iter().find(|(known, _)| *known == kind) {
            return of_kind.clone();
        }
        let of_kind = Rc::new(RateLimited::default());
        kinds.push((kind, of_kind.clone()));
        of_kind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_that_goes_on_is_told_now_and_then() {
        let limited = RateLimited::default();
        for (ms, want) in [
            (0, Some(0)),
            (1, None),
            (999, None),
            (1_000, Some(2)),
            (1_999, None),
            (9_000, Some(1)),
            (10_000, Some(0)),
        ] {
            let now = Millis::new(ms);
            let got = match limited.is_due(now, 1_000) {
                true => Some(limited.reported(now)),
                false => {
                    limited.count(1);
                    None
                }
            };
            assert_eq!(got, want, "{ms}");
        }
    }
}
