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
    /// Access lines that could not be written, however long one waits.
    lines: Failed,
    /// Events of which the same is true.
    events: Failed,
}

/// Lines of one kind of loss of which nothing was said yet.
#[derive(Default)]
struct Unsaid {
    lines: Cell<u64>,
    said_ms: Cell<Option<u64>>,
}

/// The same of one place that cannot be written to.
#[derive(Default)]
struct Failed {
    unsaid: Unsaid,
    /// Why, when that last happened.
    why: RefCell<Option<io::Error>>,
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

    /// So many access lines were lost, since writing them fails; why, if that is known better than
    /// before.
    pub(super) fn lines_failed(&self, lines: u64, why: Option<io::Error>) {
        self.total.set(self.total.get() + lines);
        self.lines.add(lines, why);
    }

    /// An event was lost for that.
    pub(super) fn event_failed(&self, why: io::Error) {
        self.total.set(self.total.get() + 1);
        self.events.add(1, Some(why));
    }

    /// How many lines were lost of which nothing was said, which counts as said now.
    pub(super) fn take_unsaid(&self) -> u64 {
        let all = [&self.unread, &self.lines.unsaid, &self.events.unsaid];
        all.iter().map(|unsaid| unsaid.lines.take()).sum()
    }

    /// What is still unsaid is due, however short ago something was said.
    pub(super) fn hurry(&self) {
        for unsaid in [&self.unread, &self.lines.unsaid, &self.events.unsaid] {
            unsaid.said_ms.set(None);
        }
    }

    /// Says what is due; `say` returns whether it could. Access lines go to `place`.
    pub(super) fn report(
        &self,
        now_ms: u64,
        place: &str,
        say: impl Fn(fmt::Arguments<'_>) -> bool,
    ) {
        self.unread.report(now_ms, |lines| {
            say(format_args!(
                "log lines dropped, since nobody read them in time: {lines}"
            ))
        });
        for (failed, place) in [(&self.lines, place), (&self.events, "standard error")] {
            let why = failed.why.borrow();
            failed.unsaid.report(now_ms, |lines| match &*why {
                Some(why) => say(format_args!(
                    "log lines dropped: {lines}, since {place} cannot be written: {why}"
                )),
                None => false,
            });
        }
    }
}

impl Failed {
    fn add(&self, lines: u64, why: Option<io::Error>) {
        self.unsaid.add(lines);
        if why.is_some() {
            self.why.replace(why);
        }
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
            losses.lines_failed(broken, (broken > 0).then(failure));
            let said = RefCell::new(Vec::new());
            losses.report(now, "the log file", |message| {
                if heard {
                    said.borrow_mut().push(message.to_string());
                }
                heard
            });
            assert_eq!(said.into_inner(), want, "at {now}");
        }
        losses.hurry();
        let said = Cell::new(0);
        losses.report(REPORT_EVERY_MS + 4, "the log file", |_| {
            said.set(said.get() + 1);
            true
        });
        assert_eq!(said.get(), 2);
        losses.unread(1);
        losses.lines_failed(2, None);
        assert_eq!((losses.take_unsaid(), losses.take_unsaid()), (3, 0));
        assert_eq!(losses.total(), 3 + 4 + 5 + 6 + 1 + 2 + 3);
    }

    #[test]
    fn what_fails_in_one_place_is_not_said_of_another() {
        let losses = Losses::default();
        losses.lines_failed(500, Some(io::Error::from_raw_os_error(libc::ENOSPC)));
        losses.event_failed(io::Error::from_raw_os_error(libc::EIO));
        let said = RefCell::new(Vec::new());
        losses.report(1, "standard output", |message| {
            said.borrow_mut().push(message.to_string());
            true
        });
        let why = |code| io::Error::from_raw_os_error(code).to_string();
        let want = [
            format!(
                "log lines dropped: 500, since standard output cannot be written: {}",
                why(libc::ENOSPC)
            ),
            format!(
                "log lines dropped: 1, since standard error cannot be written: {}",
                why(libc::EIO)
            ),
        ];
        assert_eq!(said.into_inner(), want);
    }
}
