//! [`Losses`]: dropped lines, the reasons, and the reports of both.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;

use super::rate_limited::RateLimited;
use crate::time::Millis;

/// At most one report of each kind of loss in this many milliseconds.
pub(super) const REPORT_EVERY_MS: u64 = 10_000;

/// All losses of a log.
#[derive(Default)]
pub(super) struct Losses {
    total: Cell<u64>,
    /// Lines dropped because the reader of the log was too slow.
    unread: RateLimited,
    /// Access lines dropped because writing them fails.
    lines: Failed,
    /// Events dropped because writing them fails.
    events: Failed,
}

/// Lines for one destination, to which writing fails.
#[derive(Default)]
struct Failed {
    lines: RateLimited,
    /// The last error.
    why: RefCell<Option<io::Error>>,
}

impl Losses {
    /// Lines dropped so far.
    pub(super) fn total(&self) -> u64 {
        self.total.get()
    }

    /// Counts lines dropped because the reader was too slow.
    pub(super) fn unread(&self, lines: u64) {
        self.total.set(self.total.get() + lines);
        self.unread.count(lines);
    }

    /// Counts access lines dropped because writing fails, and keeps the error, if there is one.
    pub(super) fn lines_failed(&self, lines: u64, why: Option<io::Error>) {
        self.total.set(self.total.get() + lines);
        self.lines.add(lines, why);
    }

    /// Counts an event dropped because writing it fails.
    pub(super) fn event_failed(&self, why: io::Error) {
        self.total.set(self.total.get() + 1);
        self.events.add(1, Some(why));
    }

    /// The number of dropped lines that were not reported; they count as reported now.
    pub(super) fn take_unreported(&self) -> u64 {
        self.kinds().into_iter().map(RateLimited::take).sum()
    }

    /// Makes the losses not reported yet due at once, however recent the last report is.
    pub(super) fn force_due(&self) {
        self.kinds().into_iter().for_each(RateLimited::forget_last);
    }

    fn kinds(&self) -> [&RateLimited; 3] {
        [&self.unread, &self.lines.lines, &self.events.lines]
    }

    /// Reports the losses that are due; `say` returns whether it could. Access lines go to `place`.
    pub(super) fn report(
        &self,
        now_ms: u64,
        place: &str,
        say: impl Fn(fmt::Arguments<'_>) -> bool,
    ) {
        report(&self.unread, now_ms, |lines| {
            say(format_args!(
                "log lines dropped, since they were not read in time: {lines}"
            ))
        });
        for (failed, place) in [(&self.lines, place), (&self.events, "standard error")] {
            let why = failed.why.borrow();
            report(&failed.lines, now_ms, |lines| match &*why {
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
        self.lines.count(lines);
        if why.is_some() {
            self.why.replace(why);
        }
    }
}

fn report(lost: &RateLimited, now_ms: u64, say: impl Fn(u64) -> bool) {
    let now = Millis::new(now_ms);
    let lines = lost.unreported();
    if lines > 0 && lost.is_due(now, REPORT_EVERY_MS) && say(lines) {
        // A line that is dropped meanwhile is for the next report.
        let reported = lost.reported(now);
        lost.count(reported - lines);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_said_now_and_then_and_no_line_is_said_twice() {
        let losses = Losses::default();
        let failure = || io::Error::from_raw_os_error(libc::ENOSPC);
        let unread = |n| format!("log lines dropped, since they were not read in time: {n}");
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
        losses.force_due();
        let said = Cell::new(0);
        losses.report(REPORT_EVERY_MS + 4, "the log file", |_| {
            said.set(said.get() + 1);
            true
        });
        assert_eq!(said.get(), 2);
        losses.unread(1);
        losses.lines_failed(2, None);
        assert_eq!((losses.take_unreported(), losses.take_unreported()), (3, 0));
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
