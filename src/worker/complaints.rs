//! [`Complaints`]: what goes wrong again and again is logged now and then, and counted in between.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;

use crate::log::{Level, Log};
use crate::time::{Millis, Now};

/// One kind of trouble.
#[derive(Debug, Default)]
pub struct Complaints {
    last: Cell<Option<Millis>>,
    unsaid: Cell<u64>,
}

impl Complaints {
    /// Says so, unless that was done in the last `pause_ms` milliseconds.
    pub fn make(
        &self,
        log: &Log,
        level: Level,
        now: Now,
        pause_ms: u64,
        message: fmt::Arguments<'_>,
    ) {
        match self.is_due(now.at, pause_ms) {
            None => {}
            Some(0) => log.event(level, now.unix_ms, message),
            Some(n) => {
                let message = format_args!("{message} ({n} like it before went unsaid)");
                log.event(level, now.unix_ms, message);
            }
        }
    }

    /// Whether to say so, and how many before were not said.
    fn is_due(&self, now: Millis, pause_ms: u64) -> Option<u64> {
        if self.last.get().is_some_and(|at| now.since(at) < pause_ms) {
            self.unsaid.set(self.unsaid.get() + 1);
            return None;
        }
        self.last.set(Some(now));
        Some(self.unsaid.take())
    }
}

/// The same for trouble of several kinds, each with a pause of its own.
#[derive(Debug, Default)]
pub struct ByKind(RefCell<Vec<(&'static str, Rc<Complaints>)>>);

impl ByKind {
    /// The complaints of this kind. Kinds are part of the program, so they are few.
    pub fn of(&self, kind: &'static str) -> Rc<Complaints> {
        let mut kinds = self.0.borrow_mut();
        if let Some((_, of_kind)) = kinds.iter().find(|(known, _)| *known == kind) {
            return of_kind.clone();
        }
        let of_kind = Rc::new(Complaints::default());
        kinds.push((kind, of_kind.clone()));
        of_kind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_that_goes_on_is_told_now_and_then() {
        let complaints = Complaints::default();
        for (ms, want) in [
            (0, Some(0)),
            (1, None),
            (999, None),
            (1_000, Some(2)),
            (1_999, None),
            (9_000, Some(1)),
            (10_000, Some(0)),
        ] {
            assert_eq!(complaints.is_due(Millis::new(ms), 1_000), want, "{ms}");
        }
    }
}
