//! How a worker's death is told: of what, and what it was doing. The master reads that from the
//! flight recorder, which is all that is left of the worker.

use super::manager::{WorkerManager, now};
use super::stopper::Outcome;
use super::supervisor::Event;
use crate::log::Level;
use crate::scoreboard::State;
use crate::sys::clock;
use crate::sys::process::{Exit, Pid};
use crate::sys::signal::Signal;

/// A loss that is told together with what was done about it.
#[derive(Clone, Debug)]
pub(super) struct Obituary {
    /// Who, of what, and what it was doing.
    text: String,
    /// The number of the report on the scoreboard, of one that is dead.
    report: Option<u64>,
}

impl Obituary {
    /// The whole line.
    pub(super) fn line(&self, successor: Option<Pid>) -> String {
        let mut line = self.text.clone();
        if let Some(pid) = successor {
            line += &format!("; replaced by {pid}");
        }
        if let Some(report) = self.report {
            line += &format!(" (report {report})");
        }
        line
    }
}

impl WorkerManager<'_> {
    /// A worker is dead: tells of it, and asks the supervisor what to do.
    pub(super) fn bury(&mut self, slot: usize, exit: Exit) -> Option<Outcome> {
        // What it said before it died comes first: one that was ready is not one that never was.
        let heard = self.on_report(slot);
        let child = self.children[slot].take()?;
        self.forget(&child);
        self.count_cut_off(slot);
        let state = self.slot_state(slot);
        let obituary = match exit {
            // It was told to, and has been replaced already.
            Exit::Code(0) if state == State::Draining => {
                let name = self.name_of(slot, child.pid);
                self.say(Level::Debug, format_args!("{name} {exit}"));
                None
            }
            exit => Some(self.write_obituary(slot, child.pid, exit)),
        };
        self.set_slot(slot, State::Empty, 0);
        self.tell(slot);
        self.obituaries[slot] = obituary;
        if self.supervisor.is_closing() || state == State::Draining {
            self.tell(slot);
        }
        // Before its successor is forked, which would inherit what is still open.
        drop(child);
        let outcome = heard.or_else(|| self.decide(Event::Died(slot)));
        // One that was about to leave has a successor in the other slot: nothing else tells of it.
        if !self.supervisor.will_fill(slot) {
            self.tell(slot);
        }
        outcome
    }

    /// A worker hangs: tells of it, and asks the supervisor what to do.
    pub(super) fn give_up(&mut self, slot: usize) -> Option<Outcome> {
        let pid = self.children.get(slot)?.as_ref()?.pid;
        if self.slot_state(slot) == State::Starting {
            // For how long it may be starting is a matter of its own.
            return None;
        }
        let text = format!("{} hangs{}", self.name_of(slot, pid), self.doing(slot));
        let other = slot ^ 1;
        self.tell(other);
        self.obituaries[other] = Some(Obituary { text, report: None });
        // A successor that is there already was forked for another reason, so it is not named.
        if self.children[other].is_some() {
            self.tell(other);
        }
        let outcome = self.decide(Event::Hung(slot));
        if !self.supervisor.will_fill(other) {
            self.tell(other);
        }
        outcome
    }

    /// Tells of all losses of which nothing was told yet, because somebody was to take the place,
    /// and now nobody will, or nobody knows when.
    pub(super) fn tell_of_unfilled(&mut self) {
        for slot in 0..self.obituaries.len() {
            if !self.supervisor.will_fill(slot) {
                self.tell(slot);
            }
        }
    }

    /// Tells of a loss after which nobody takes the place.
    pub(super) fn tell(&mut self, slot: usize) {
        if let Some(obituary) = self.obituaries[slot].take() {
            self.say(Level::Warn, format_args!("{}", obituary.line(None)));
        }
    }

    fn write_obituary(&mut self, slot: usize, pid: Pid, exit: Exit) -> Obituary {
        let mut text = format!("{} {exit}", self.name_of(slot, pid));
        // Looked at with each death, so that no older one is taken for this.
        let out_of_memory = self.oom_kills.look();
        if exit == Exit::Signal(Signal::KILL) && out_of_memory {
            text += " (out of memory)";
        }
        text += &self.doing(slot);
        let mut report = text.clone();
        let busy = self
            .board
            .slot(slot)
            .filter(|s| s.busy_since_ms().is_some());
        let recording = busy.and_then(|slot| slot.recording());
        if let Some(request) = recording.and_then(|recording| recording.request) {
            let head = request.head.escape_ascii().to_string();
            report.push('\n');
            report.push_str(&head.replace("\\r\\n", "\n"));
        }
        Obituary {
            report: Some(self.board.report(clock::realtime_ms(), &report)),
            text,
        }
    }

    /// What a worker is doing, or was when it died, as the end of a sentence.
    pub(super) fn doing(&self, slot: usize) -> String {
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
                Some(recording) => recording.describe(now().get()),
                None => " while it was busy".into(),
            },
        }
    }
}
