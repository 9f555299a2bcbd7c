//! [`Losses`]: lines that were not written, why not, and what was said of it.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;

/// At most one report of each kind of loss in so many milliseconds.
pub(super) const REPORT_EVERY_MS: u64 = 10_000;

/// All losses of a log.
#[derive(Default)]
pub(super) struct Losses {
    total: Cell<u64>,
    /// Who should have read them was too slow.
    unread: Unsaid,
    /// They could not be written, however long one waits.
    failed: Unsaid,
    /// What could not be written to, and why, when that last happened.
    failure: RefCell<Option<(&'static str, io::Error)>>,
}

/// Lines of one kind of loss of which nothing was said yet.
#[derive(Default)]
struct Unsaid {
    lines: Cell<u64>,
    said_ms: Cell<Option<u64>>,
}

impl Losses {
    /// Lines that were lost so far.
    pub(super) fn total(&self) -> u64 {
        self.total.get()
    }

    /// So many lines were lost, since nobody read them in time.
    pub(super) fn unread(&self, lines: u64) {
        self.total.set(self.total.get() + lines);
        self.unread.add(lines);
    }

    /// So many lines were lost, since writing fails.
    pub(super) fn failed(&self, lines: u64) {
        self.total.set(self.total.get() + lines);
        self.failed.add(lines);
    }

    /// Writing failed.
    pub(super) fn note_failure(&self, to: &'static str, error: io::Error) {
        self.failure.replace(Some((to, error)));
    }

    /// How many lines were lost of which nothing was said, which counts as said now.
    pub(super) fn take_unsaid(&self) -> u64 {
        self.unread.lines.take() + self.failed.lines.take()
    }

    /// What is still unsaid is due, however short ago something was said.
    pub(super) fn hurry(&self) {
        self.unread.said_ms.set(None);
        self.failed.said_ms.set(None);
    }

    /// Says what is due; `say` returns whether it could.
    pub(super) fn report(&self, now_ms: u64, say: impl Fn(fmt::Arguments<'_>) -> bool) {
        self.unread.report(now_ms, |lines| {
            say(format_args!(
                "log lines dropped, since nobody read them in time: {lines}"
            ))
        });
        self.failed
            .report(now_ms, |lines| match &*self.failure.borrow() {
                Some((to, error)) => say(format_args!(
                    "log lines dropped: {lines}, since {to} cannot be written: {error}"
                )),
                None => false,
            });
    }
}

impl Unsaid {
    fn add(&self, lines: u64) {
        self.lines.set(self.lines.get() + lines);
    }

    fn report(&self, now_ms: u64, say: impl Fn(u64) -> bool) {
        let lines = self.lines.get();
        let last = self.said_ms.get();
        let too_early = last.is_some_and(|last| now_ms.saturating_sub(last) < REPORT_EVERY_MS);
        if lines > 0 && !too_early && say(lines) {
            self.lines.set(self.lines.get() - lines);
            self.said_ms.set(Some(now_ms));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_said_now_and_then_and_no_line_is_said_twice() {
        let losses = Losses::default();
        let failure = || io::Error::from_raw_os_error(libc::ENOSPC);
        let unread = |n| format!("log lines dropped, since nobody read them in time: {n}");
        let failed = |n| {
            format!(
                "log lines dropped: {n}, since the log file cannot be written: {}",
                failure()
            )
        };
        losses.note_failure("the log file", failure());
        for (now, slow, broken, heard, want) in [
            (0, 0, 0, true, vec![]),
            (1, 3, 0, true, vec![unread(3)]),
            (2, 4, 5, true, vec![failed(5)]),
            (REPORT_EVERY_MS, 0, 6, true, vec![]),
            (REPORT_EVERY_MS + 1, 0, 0, false, vec![]),
            (REPORT_EVERY_MS + 1, 0, 0, true, vec![unread(4)]),
            (REPORT_EVERY_MS + 2, 0, 1, true, vec![failed(7)]),
            (REPORT_EVERY_MS + 3, 1, 1, true, vec![]),
        ] {
            losses.unread(slow);
            losses.failed(broken);
            let said = RefCell::new(Vec::new());
            losses.report(now, |message| {
                if heard {
                    said.borrow_mut().push(message.to_string());
                }
                heard
            });
            assert_eq!(said.into_inner(), want, "at {now}");
        }
        losses.hurry();
        let said = Cell::new(0);
        losses.report(REPORT_EVERY_MS + 4, |_| {
            said.set(said.get() + 1);
            true
        });
        assert_eq!(said.get(), 2);
        losses.unread(1);
        losses.failed(2);
        assert_eq!((losses.take_unsaid(), losses.take_unsaid()), (3, 0));
        assert_eq!(losses.total(), 3 + 4 + 5 + 6 + 1 + 2 + 3);
    }
}
