//! How workers leave: one by one when they are replaced, all of them at a stop.

use super::{Action, Millis, Phase, START_MS, Slot, Supervisor, Verdict};

/// A second request to stop that follows the first in less than this is the same request, in
/// milliseconds: `timeout(1)` and some shells send one signal to the master and one to its whole
/// group. No hand is as fast.
const SAME_REQUEST_MS: u64 = 20;

/// How long a worker that is told to abort may take to report what it has in flight, in
/// milliseconds. It takes a few, if it does not hang.
const CUT_MS: u64 = 200;

impl Supervisor {
    /// A stop is asked for: graceful the first time, at once the second time.
    pub(super) fn stop(&mut self, now: Millis, actions: &mut Vec<Action>) {
        match self.phase {
            Phase::New => {
                actions.push(Action::Announce);
                self.phase = Phase::Stopping { since: now };
            }
            Phase::Running => {
                actions.push(Action::Announce);
                self.phase = Phase::Delaying { since: now };
            }
            Phase::Delaying { since } | Phase::Stopping { since }
                if now.since(since) >= SAME_REQUEST_MS =>
            {
                self.phase = Phase::Stopping { since };
                self.cut_all(now, actions);
            }
            Phase::Delaying { .. } | Phase::Stopping { .. } => {}
            Phase::GivingUp | Phase::Finished => {}
        }
    }

    /// When all workers are told to leave, if that is still to come.
    pub(super) fn delay_ends_at(&self) -> Millis {
        match self.phase {
            Phase::Delaying { since } => since.after(self.policy.drain_delay_ms),
            _ => Millis::NEVER,
        }
    }

    /// Has all workers leave when it is time for it.
    pub(super) fn end_delay(&mut self, now: Millis, actions: &mut Vec<Action>) {
        let Phase::Delaying { since } = self.phase else {
            return;
        };
        if now < self.delay_ends_at() {
            return;
        }
        self.phase = Phase::Stopping { since };
        for index in 0..self.slots.len() {
            let slot = self.slots[index];
            if !slot.is_empty() && !slot.is_leaving() {
                self.drain(index, now, actions);
            }
        }
    }

    pub(super) fn drain(&mut self, index: usize, now: Millis, actions: &mut Vec<Action>) {
        let cut_at = self.drain_ends_at(now);
        self.slots[index] = Slot::Draining { cut_at };
        actions.push(Action::Drain(index));
    }

    /// When a worker that is told to leave at `now` is cut off. What bounds a stop bounds all of
    /// it: a worker that is told late has less time.
    fn drain_ends_at(&self, now: Millis) -> Millis {
        let since = match self.phase {
            Phase::Delaying { since } | Phase::Stopping { since } => since,
            _ => now,
        };
        since.after(self.policy.drain_timeout_ms)
    }

    /// All workers are told to abort.
    fn cut_all(&mut self, now: Millis, actions: &mut Vec<Action>) {
        let soon = now.after(CUT_MS);
        for (index, slot) in self.slots.iter_mut().enumerate() {
            match slot {
                slot if slot.is_empty() => {}
                Slot::Cut { .. } | Slot::Killed { .. } => {}
                // A worker that hangs does not read commands.
                Slot::Aborted { kill_at } => *kill_at = soon.min(*kill_at),
                slot => {
                    *slot = Slot::Cut { kill_at: soon };
                    actions.push(Action::Cut(index));
                }
            }
        }
    }

    pub(super) fn cut_overdue(&mut self, now: Millis, actions: &mut Vec<Action>) {
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if matches!(*slot, Slot::Draining { cut_at } if cut_at <= now) {
                let kill_at = now.after(CUT_MS);
                *slot = Slot::Cut { kill_at };
                actions.push(Action::Cut(index));
            }
        }
    }

    pub(super) fn kill_overdue(&mut self, now: Millis, actions: &mut Vec<Action>) {
        let closing = self.is_closing();
        for (index, slot) in self.slots.iter_mut().enumerate() {
            let unready = match *slot {
                Slot::Cut { kill_at } | Slot::Aborted { kill_at } if kill_at <= now => false,
                Slot::Starting { since, .. } if now.since(since) >= START_MS => true,
                _ => continue,
            };
            *slot = Slot::Killed { unready };
            self.killed += u32::from(closing);
            actions.push(Action::Kill(index));
        }
    }

    /// The server gives up: workers are killed without being asked.
    pub(super) fn kill_all(&mut self, actions: &mut Vec<Action>) {
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if !slot.is_empty() && !matches!(slot, Slot::Killed { .. }) {
                *slot = Slot::Killed { unready: false };
                actions.push(Action::Kill(index));
            }
        }
    }

    pub(super) fn finish_if_empty(&mut self, actions: &mut Vec<Action>) {
        let verdict = match self.phase {
            Phase::Stopping { .. } => Verdict::Stopped {
                killed: self.killed,
            },
            Phase::GivingUp => Verdict::GaveUp,
            Phase::New | Phase::Running | Phase::Delaying { .. } | Phase::Finished => return,
        };
        if self.slots.iter().all(|slot| slot.is_empty()) {
            self.phase = Phase::Finished;
            actions.push(Action::Finish(verdict));
        }
    }
}
