//! Exit reports of the last workers that died, which the master writes where every worker can read
//! them: for the status page.
//!
//! Each report is a seqlock: one writer, readers that never wait, and a number that shows a reader
//! whether the report was written over meanwhile. Boehm, "Can seqlocks get along with programming
//! language memory models?" (2012), has the orderings. A reader that has seen the number `n` before
//! and after the words has seen the words of report `n` alone:
//!
//! - Not older ones. The reader's first load of `n` acquires what the writer released with it, and
//!   all words of `n` were stored before that.
//! - Not newer ones. The writer stores 0, then has a release fence, then stores the words of
//!   `n + 8`. If the reader has seen one of these, its acquire fence makes that 0 visible to its
//!   second load, which then cannot be `n`: numbers are never used twice.
//!
//! On x86-64 the fences cost nothing but the compiler's freedom; on ARM they are what keeps a
//! report whole. Elsewhere no two words have to be of one moment. Counters are read one by one. The
//! recording of a worker that hangs may be torn if it goes on meanwhile: lengths are bounded and
//! bytes escaped, so at worst that report is wrong.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::fence;

use super::Scoreboard;

/// How many reports are kept.
pub(super) const KEPT: usize = 8;
/// Words of a report: its number, the time, the length of the text, and the text.
pub(super) const WORDS: usize = 128;
const NUMBER: usize = 0;
const UNIX_MS: usize = 1;
const LEN: usize = 2;
const TEXT: usize = 3;
const TEXT_BYTES: usize = (WORDS - TEXT) * 8;

/// The exit report of a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The first report is 1.
    pub number: u64,
    /// When the worker died, in milliseconds since 1970.
    pub unix_ms: u64,
    /// A line about the death, and below it the head of the request, if there was one: escaped,
    /// with secrets blanked.
    pub text: String,
}

impl Scoreboard {
    /// Reports of the last workers that died and were not told to drain, latest first.
    pub fn reports(&self) -> Vec<Report> {
        let mut reports: Vec<Report> = (0..KEPT).filter_map(|at| self.report_at(at)).collect();
        reports.sort_by_key(|report| std::cmp::Reverse(report.number));
        reports
    }

    /// How many such deaths there were.
    pub fn deaths(&self) -> u64 {
        self.words[super::DEATHS].load(Acquire)
    }

    /// For the master: adds a report; returns its number.
    pub(crate) fn report(&self, unix_ms: u64, text: &str) -> u64 {
        let number = self.deaths() + 1;
        let base = Scoreboard::report_base(number as usize % KEPT);
        let words = &self.words[base..base + WORDS];
        words[NUMBER].store(0, Relaxed);
        fence(Release);
        words[UNIX_MS].store(unix_ms, Relaxed);
        let text = &text.as_bytes()[..text.len().min(TEXT_BYTES)];
        words[LEN].store(text.len() as u64, Relaxed);
        for (word, bytes) in words[TEXT..].iter().zip(text.chunks(8)) {
            let mut buffer = [0; 8];
            buffer[..bytes.len()].copy_from_slice(bytes);
            word.store(u64::from_ne_bytes(buffer), Relaxed);
        }
        words[NUMBER].store(number, Release);
        self.words[super::DEATHS].store(number, Release);
        number
    }

    fn report_at(&self, at: usize) -> Option<Report> {
        let base = Scoreboard::report_base(at);
        let words = &self.words[base..base + WORDS];
        let number = words[NUMBER].load(Acquire);
        let len = (words[LEN].load(Relaxed) as usize).min(TEXT_BYTES);
        let bytes = words[TEXT..]
            .iter()
            .flat_map(|w| w.load(Relaxed).to_ne_bytes());
        let bytes: Vec<u8> = bytes.take(len).collect();
        let report = Report {
            number,
            unix_ms: words[UNIX_MS].load(Relaxed),
            text: String::from_utf8_lossy(&bytes).into_owned(),
        };
        fence(Acquire);
        // The report may have been written over meanwhile.
        (number > 0 && words[NUMBER].load(Relaxed) == number).then_some(report)
    }

    fn report_base(at: usize) -> usize {
        super::REPORTS_AT + WORDS * at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::process::{fork, wait};

    /// Without the number's check this fails at once. That the fences are needed cannot be seen on
    /// x86-64, which never reorders two stores or two loads; see the head of this file.
    #[test]
    fn a_report_that_is_written_over_is_never_read_in_part() {
        const WRITTEN: u64 = 40_000;
        let board = Scoreboard::new().unwrap();
        let child = fork(|| {
            for n in 1..=WRITTEN {
                board.report(n, &format!("{n:09} ").repeat(90));
            }
            0
        })
        .unwrap();
        let mut read = 0;
        while board.deaths() < WRITTEN {
            for report in board.reports() {
                assert_eq!(report.unix_ms, report.number, "{report:?}");
                let want = format!("{:09}", report.number);
                assert!(
                    report.text.split_whitespace().all(|n| n == want),
                    "{report:?}"
                );
                read += 1;
            }
        }
        wait(child).unwrap();
        assert!(read > 0);
    }

    #[test]
    fn the_last_reports_are_kept_latest_first() {
        let board = Scoreboard::new().unwrap();
        assert_eq!((board.deaths(), board.reports()), (0, Vec::new()));
        for n in 1..=KEPT as u64 + 3 {
            assert_eq!(board.report(n * 10, &format!("death {n}")), n);
        }
        let reports = board.reports();
        assert_eq!((reports.len(), board.deaths()), (KEPT, KEPT as u64 + 3));
        for (report, n) in reports.iter().zip((4..=KEPT as u64 + 3).rev()) {
            assert_eq!((report.number, report.unix_ms), (n, n * 10));
            assert_eq!(report.text, format!("death {n}"));
        }
        board.report(1, &"long".repeat(1_000));
        assert_eq!(board.reports()[0].text.len(), TEXT_BYTES);
    }
}
