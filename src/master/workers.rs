//! [`Workers`]: what can be done to a worker: fork it, tell it to leave, kill it, and take note of
//! its end. Does what it is told: when and why is for the supervisor to say.

use std::{fmt, io};

use super::WorkerGroup;
use super::children::Children;
use super::deaths::{Deaths, name_of};
use super::signals::Signals;
use super::spawn::{self, Equipment, Masters};
use crate::log::Level;
use crate::scoreboard::{Drained, MAX_SLOTS, State};
use crate::sys::clock;
use crate::sys::process::Exit;
use crate::sys::signal::Signal;
use crate::time::Millis;
use crate::worker::Worker;
use crate::worker::control::Command;

/// The workers of a server: their processes, their slots on the scoreboard, and reports of those
/// that have ended.
pub(super) struct Workers<'a> {
    groups: Vec<WorkerGroup>,
    pub(super) children: Children,
    pub(super) deaths: Deaths<'a>,
    /// `None` where the program's signals are not ours.
    pub(super) signals: Option<Signals>,
    equipment: Equipment<'a>,
}

impl<'a> Workers<'a> {
    /// None yet. Without `signals`, each worker is watched by a pidfd.
    pub(super) fn new(
        groups: Vec<WorkerGroup>,
        signals: Option<Signals>,
        equipment: Equipment<'a>,
    ) -> io::Result<Self> {
        let Equipment { board, log } = equipment;
        Ok(Workers {
            groups,
            children: Children::new(signals.is_none())?,
            deaths: Deaths::new(board, log),
            signals,
            equipment,
        })
    }

    /// In the master, before the first fork.
    pub(super) fn init(&mut self) -> io::Result<()> {
        self.groups
            .iter_mut()
            .try_for_each(|group| group.worker.init())
    }

    /// In the master, when no worker is left.
    pub(super) fn cleanup(&mut self) {
        self.groups
            .iter_mut()
            .for_each(|group| group.worker.cleanup());
    }

    /// Makes room for so many slots.
    pub(super) fn resize(&mut self, slots: usize) {
        self.children.resize(slots);
        self.deaths.resize(slots);
    }

    /// Forks a worker into a slot, and logs which worker it replaces: that whose report waits, or
    /// that in the other slot, if it `retires`.
    pub(super) fn fork(&mut self, slot: usize, retires: bool) -> io::Result<()> {
        let worker = worker_of(&mut self.groups, slot / 2);
        let masters = Masters {
            children: &mut self.children,
            signals: &mut self.signals,
        };
        let pid = spawn::fork(slot, worker, masters, self.equipment)?;
        if !self.deaths.replaced_by(slot, pid)
            && retires
            && let Some(old) = self.children.get(slot ^ 1)
        {
            let (level, why) = match old.panicked {
                true => (Level::Warn, "has panicked and "),
                false => (Level::Info, ""),
            };
            let old = name_of(self.equipment.board, slot, old.pid);
            self.say(
                level,
                format_args!("{old} {why}is to leave; replaced by {pid}"),
            );
        }
        Ok(())
    }

    /// The worker in this slot serves.
    pub(super) fn is_ready(&self, slot: usize) {
        if let Some(child) = self.children.get(slot)
            && self.state(slot) == State::Starting
        {
            self.set_state(slot, State::Ready, child.pid.get() as u64);
        }
    }

    /// Tells the worker in this slot to drain or to abort.
    pub(super) fn tell_to_leave(&self, slot: usize, command: Command) {
        let Some(child) = self.children.get(slot) else {
            return;
        };
        self.children.send(slot, command);
        // A worker stopped by SIGSTOP may have requests in flight, and must be continued to drain.
        // SIGCONT means nothing to the others, so the master need not know which are stopped.
        self.children.kill(slot, Signal::CONT);
        self.set_state(slot, State::Draining, child.pid.get() as u64);
    }

    /// The worker in this slot has exited. Its report waits for a successor, unless `closing`.
    /// Returns how many requests it had in flight; `None` if there was no worker.
    pub(super) fn exited(
        &mut self,
        slot: usize,
        exit: Exit,
        closing: bool,
        now: Millis,
    ) -> Option<u64> {
        let child = self.children.take(slot)?;
        let in_flight = self.equipment.board.slot(slot)?.in_flight();
        let is_draining = self.state(slot) == State::Draining;
        if is_draining && exit == Exit::Code(0) {
            // The worker was told to leave, and has been replaced already.
            let name = name_of(self.equipment.board, slot, child.pid);
            self.say(Level::Debug, format_args!("{name} {exit}"));
        } else {
            self.deaths.exited(slot, child.pid, exit, now);
        }
        self.set_state(slot, State::Empty, 0);
        if closing || is_draining {
            self.deaths.report_without_successor(slot);
        }
        Some(in_flight)
    }

    /// The worker in this slot hangs. Its report waits for the successor in the other slot.
    pub(super) fn hung(&mut self, slot: usize, now: Millis) {
        let partner = slot ^ 1;
        let Some(child) = self.children.get(slot) else {
            return;
        };
        self.deaths.hung(slot, partner, child.pid, now);
        // A successor that is there already was forked for another reason, so it is not named.
        if self.children.get(partner).is_some() {
            self.deaths.report_without_successor(partner);
        }
    }

    /// Since when the worker in this slot has been in its step, if it serves and does not wait.
    pub(super) fn busy_since(&self, slot: usize) -> Option<Millis> {
        self.children.get(slot)?;
        let slot = self.equipment.board.slot(slot)?;
        (slot.state() == State::Ready)
            .then(|| slot.busy_since_ms())?
            .map(Millis::new)
    }

    /// What all workers so far have drained.
    pub(super) fn drained(&self) -> Drained {
        (0..MAX_SLOTS)
            .filter_map(|slot| self.equipment.board.slot(slot))
            .fold(Drained::default(), |sum, slot| sum + slot.drained())
    }

    /// What the worker in this slot is doing.
    pub(super) fn state(&self, slot: usize) -> State {
        let slot = self.equipment.board.slot(slot);
        slot.map_or(State::Empty, |slot| slot.state())
    }

    fn set_state(&self, slot: usize, state: State, pid: u64) {
        if let Some(slot) = self.equipment.board.slot(slot) {
            slot.set_state(state, pid);
        }
    }

    fn say(&self, level: Level, message: fmt::Arguments<'_>) {
        self.equipment
            .log
            .event(level, clock::realtime_ms(), message);
    }
}

/// What the worker with this number runs.
fn worker_of(groups: &mut [WorkerGroup], index: usize) -> &mut dyn Worker {
    let mut first = 0;
    let group = groups.iter().position(|group| {
        first += group.count;
        index < first
    });
    // Workers that were asked for later are more of the last group.
    let group = group.unwrap_or(groups.len() - 1);
    &mut *groups[group].worker
}
