//! [`Deaths`]: reports of workers that exited or hang: of what, and what the worker was doing. The
//! master reads that from the flight recorder, which is all that is left of the worker.
//!
//! A report is logged together with the pid of the successor where there is one, so it may wait
//! until that is forked. Knows no children.

use std::mem;

use super::oom_kills::OomKills;
use crate::log::{Level, Log};
use crate::scoreboard::{Scoreboard, State};
use crate::sys::clock;
use crate::sys::process::{Exit, Pid};
use crate::sys::signal::Signal;
use crate::time::Millis;

/// What is known of a worker that exited or hangs, until it is logged.
#[derive(Clone, Debug)]
struct ExitReport {
    /// Which worker, how it ended, and what it was doing.
    text: String,
    /// The number of the report on the scoreboard, of a worker that exited.
    number: Option<u64>,
}

/// Reports that wait for a successor, by the slot into which that will be forked.
pub(super) struct Deaths<'a> {
    pending: Vec<Option<ExitReport>>,
    oom_kills: OomKills,
    board: &'a Scoreboard,
    log: &'a Log,
}

/// What the log calls the worker in a slot.
pub(super) fn name_of(board: &Scoreboard, slot: usize, pid: Pid) -> String {
    let number = slot / 2;
    match board.group_of(number) {
        "" => format!("worker {number} (pid {pid})"),
        group => format!("worker {number} ({group}, pid {pid})"),
    }
}

impl<'a> Deaths<'a> {
    /// No reports yet.
    pub(super) fn new(board: &'a Scoreboard, log: &'a Log) -> Deaths<'a> {
        Deaths {
            pending: Vec::new(),
            oom_kills: OomKills::new(),
            board,
            log,
        }
    }

    /// Makes room for so many slots.
    pub(super) fn resize(&mut self, slots: usize) {
        self.pending.resize(slots, None);
    }

    /// The worker in this slot has exited.
    pub(super) fn exited(&mut self, slot: usize, pid: Pid, exit: Exit, now: Millis) {
        let mut text = format!("{} {exit}", name_of(self.board, slot, pid));
        // The counter is read on every exit, so that an earlier kill is not attributed to this one.
        let out_of_memory = self.oom_kills.look();
        if exit == Exit::Signal(Signal::KILL) && out_of_memory {
            text += " (out of memory)";
        }
        text += &self.activity(slot, now);
        let mut report = text.clone();
        if let Some(head) = self.request_head(slot) {
            report.push('\n');
            report.push_str(&head.escape_ascii().to_string().replace("\\r\\n", "\n"));
        }
        let number = Some(self.board.report(clock::realtime_ms(), &report));
        self.put(slot, ExitReport { text, number });
    }

    /// The worker in this slot hangs. Its successor will be forked into the other slot of the pair.
    pub(super) fn hung(&mut self, slot: usize, successor: usize, pid: Pid, now: Millis) {
        let text = format!(
            "{} hangs{}",
            name_of(self.board, slot, pid),
            self.activity(slot, now)
        );
        self.put(successor, ExitReport { text, number: None });
    }

    fn put(&mut self, slot: usize, report: ExitReport) {
        self.report_without_successor(slot);
        self.pending[slot] = Some(report);
    }

    /// A worker was forked into this slot: logs the report that waits for it, if there is one.
    pub(super) fn replaced_by(&mut self, slot: usize, pid: Pid) -> bool {
        self.write(slot, Some(pid))
    }

    /// Logs the report that waits in this slot: there is no successor, or none can be foreseen.
    pub(super) fn report_without_successor(&mut self, slot: usize) {
        self.write(slot, None);
    }

    /// Logs the reports of all slots that `respawns` does not hold for.
    pub(super) fn flush(&mut self, respawns: impl Fn(usize) -> bool) {
        for slot in (0..self.pending.len()).filter(|slot| !respawns(*slot)) {
            self.report_without_successor(slot);
        }
    }

    fn write(&mut self, slot: usize, successor: Option<Pid>) -> bool {
        let pending = self.pending.get_mut(slot).and_then(mem::take);
        let Some(ExitReport { mut text, number }) = pending else {
            return false;
        };
        if let Some(pid) = successor {
            text += &format!("; replaced by {pid}");
        }
        if let Some(number) = number {
            text += &format!(" (report {number})");
        }
        let now = clock::realtime_ms();
        self.log.event(Level::Warn, now, format_args!("{text}"));
        true
    }

    /// The head of the request that the worker was busy with.
    fn request_head(&self, slot: usize) -> Option<Vec<u8>> {
        let slot = self.board.slot(slot)?;
        slot.busy_since_ms()?;
        Some(slot.recording()?.request?.head)
    }

    /// What a worker is doing, or was when it died, as the end of a sentence.
    fn activity(&self, slot: usize, now: Millis) -> String {
        let Some(slot) = self.board.slot(slot) else {
            return String::new();
        };
        match (slot.state(), slot.busy_since_ms()) {
            (State::Starting, _) => " before it was ready".into(),
            (_, None) => match slot.record().connections {
                0 => " while it waited".into(),
                1 => " while it waited, with 1 connection".into(),
                n => format!(" while it waited, with {n} connections"),
            },
            _ => match slot.recording() {
                Some(recording) => recording.describe(now.get()),
                None => " while it was busy".into(),
            },
        }
    }
}
