//! [`Supervisor`]: when to fork, drain and kill workers. All of the policy and none of the means.
//!
//! A pure function of state, event and time; `WorkerManager` turns signals and dead children into
//! events and performs the actions. It promises:
//!
//! - never two children in a slot;
//! - a worker that died is replaced, at once or after a backoff of at most `LONGEST_BACKOFF_MS`;
//! - a worker that is to be replaced serves until its successor is ready, and one worker is
//!   replaced
//!   at a time: there are never fewer workers than wanted for it, and never more than one above;
//! - a worker that exceeds its drain deadline (for a stop: delay plus drain) is told to abort, and
//!   a
//!   worker that does not exit within `CUT_MS` gets `SIGKILL`;
//! - [`Action::Finish`] comes once, when no child lives.
//!
//! It must not know processes.

mod event;
mod shutdown;
mod slot;

use std::collections::VecDeque;

pub use event::{Action, Event, Policy, Verdict};
use slot::Slot;

use crate::time::Millis;

/// The longest backoff before a worker is replaced, in milliseconds.
const LONGEST_BACKOFF_MS: u64 = 1_000;
/// The first backoff, in milliseconds; each further death doubles it.
const FIRST_BACKOFF_MS: u64 = 10;
/// A life that was shorter than this, in milliseconds, makes the backoff grow: a crash loop.
const SHORT_LIFE_MS: u64 = 1_000;

/// How long a worker may take to be ready, in milliseconds. It takes a few; a worker that was
/// forked while another thread of its program held a lock that the worker needs never will be.
const START_MS: u64 = 30_000;

/// How long a worker that hangs may take to die of its abort, in milliseconds: as long as a core
/// dump may need.
const ABORT_MS: u64 = 500;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    New,
    Running,
    /// A stop was asked for at this time. All goes on as before for the drain delay, so that a load
    /// balancer can notice.
    Delaying {
        since: Millis,
    },
    /// The same, and all workers were told to leave.
    Stopping {
        since: Millis,
    },
    GivingUp,
    Finished,
}

impl Phase {
    /// Whether workers that die are replaced.
    fn respawns(self) -> bool {
        matches!(self, Phase::Running | Phase::Delaying { .. })
    }
}

/// Decides what happens to workers.
#[derive(Debug)]
pub struct Supervisor {
    policy: Policy,
    phase: Phase,
    /// How many workers should run.
    wanted: usize,
    /// A pair for each worker that was ever wanted.
    slots: Vec<Slot>,
    /// How many workers in a row lived for less than `SHORT_LIFE_MS`.
    short_lives: u32,
    /// When workers died before they were ready.
    early_deaths: VecDeque<Millis>,
    killed: u32,
}

impl Supervisor {
    /// A supervisor that has not started.
    pub fn new(policy: Policy) -> Supervisor {
        let slots = vec![Slot::Vacant; 2 * policy.workers];
        Supervisor {
            policy,
            phase: Phase::New,
            wanted: policy.workers,
            slots,
            short_lives: 0,
            early_deaths: VecDeque::new(),
            killed: 0,
        }
    }

    /// Takes note of an event and adds what is to be done to `actions`, in order.
    pub fn on(&mut self, event: Event, now: Millis, actions: &mut Vec<Action>) {
        match event {
            Event::Start if self.phase == Phase::New => {
                self.phase = Phase::Running;
            }
            Event::Ready(slot) => self.ready(slot, now, actions),
            Event::Retire(slot) => self.mark_stale(slot),
            Event::Reload => (0..self.slots.len()).for_each(|slot| self.mark_stale(slot)),
            Event::More => self.more(),
            Event::Fewer => self.fewer(now, actions),
            Event::Hung(slot) => self.abort(slot, now, actions),
            Event::Died(slot) => self.died(slot, now, actions),
            Event::ForkFailed(slot) => self.fork_failed(slot, now),
            Event::Stop => self.stop(now, actions),
            Event::Start | Event::Tick => {}
        }
        // In this order: a worker that is killed is replaced by the same event, unless all leave.
        self.end_delay(now, actions);
        self.cut_overdue(now, actions);
        self.kill_overdue(now, actions);
        // A signal that asks for the end may have been sent to the whole group, and then each
        // worker asks for a successor.
        if self.phase == Phase::Running {
            self.replace_next();
        }
        if self.phase.respawns() {
            self.fill_pairs(now);
            self.fork_due(now, actions);
        }
        self.finish_if_empty(actions);
    }

    /// When [`Event::Tick`] is needed at the latest; [`Millis::NEVER`] if it is not.
    pub fn wake_at(&self) -> Millis {
        let due = self.slots.iter().map(|slot| match *slot {
            Slot::Empty { fork_at } if self.phase.respawns() => fork_at,
            Slot::Draining { cut_at } => cut_at,
            Slot::Cut { kill_at } | Slot::Aborted { kill_at } => kill_at,
            Slot::Starting { since, .. } => since.after(START_MS),
            _ => Millis::NEVER,
        });
        due.min().unwrap_or(Millis::NEVER).min(self.delay_ends_at())
    }

    /// Whether as many workers are ready as should be.
    pub fn is_complete(&self) -> bool {
        self.slots.iter().filter(|slot| slot.serves()).count() >= self.wanted
    }

    /// How many slots there are.
    pub fn slots(&self) -> usize {
        self.slots.len()
    }

    /// Whether the worker in this slot serves until its successor does.
    pub fn retires(&self, slot: usize) -> bool {
        matches!(self.slots.get(slot), Some(Slot::Retiring { .. }))
    }

    /// Whether all workers were told to leave, and have no successors.
    pub fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Stopping { .. })
    }

    /// Whether workers are to be replaced by new ones.
    pub fn is_replacing(&self) -> bool {
        self.slots.iter().any(|slot| slot.is_stale())
    }

    /// How long all goes on as before when a stop was asked for, in milliseconds.
    pub fn delay_ms(&self) -> u64 {
        self.policy.drain_delay_ms
    }

    /// How many workers it may be asked for, from the least to the most.
    pub fn bounds(&self) -> (usize, usize) {
        (self.policy.least_workers, self.policy.most_workers)
    }

    /// How many workers should run.
    pub fn wanted(&self) -> usize {
        self.wanted
    }

    /// Whether a slot that is empty gets a worker again. If not, the other slot of its pair does or
    /// has one, or no worker is forked any more.
    pub fn respawn_pending(&self, slot: usize) -> bool {
        let is_due = matches!(self.slots.get(slot), Some(Slot::Empty { .. }));
        is_due && self.phase.respawns()
    }

    /// How long the next replacement will wait, in milliseconds.
    pub fn backoff_ms(&self) -> u64 {
        match self.short_lives {
            // The first death in a row may well be the only one.
            0 | 1 => 0,
            n => (FIRST_BACKOFF_MS << (n - 2).min(16)).min(LONGEST_BACKOFF_MS),
        }
    }

    fn ready(&mut self, index: usize, now: Millis, actions: &mut Vec<Action>) {
        let Some(&Slot::Starting { since, stale }) = self.slots.get(index) else {
            return;
        };
        self.slots[index] = Slot::Ready { since, stale };
        let partner = Slot::partner(index);
        if matches!(self.slots[partner], Slot::Retiring { .. }) {
            self.drain(partner, now, actions);
        }
    }

    /// The worker in this slot is to be replaced when it is its turn.
    fn mark_stale(&mut self, index: usize) {
        if let Some(Slot::Starting { stale, .. } | Slot::Ready { stale, .. }) =
            self.slots.get_mut(index)
        {
            *stale = true;
        }
    }

    /// Starts to replace the next stale worker, one at a time. The successor is forked into the
    /// other slot of the pair; while that slot still holds an exiting child, the replacement is
    /// deferred and the old worker keeps serving.
    fn replace_next(&mut self) {
        let retires = |slot: &Slot| matches!(slot, Slot::Retiring { .. });
        if self.slots.iter().any(retires) {
            return;
        }
        for index in 0..self.slots.len() {
            let partner = Slot::partner(index);
            if let Slot::Ready { since, stale: true } = self.slots[index]
                && self.slots[partner] == Slot::Vacant
            {
                self.slots[index] = Slot::Retiring { since };
                return;
            }
        }
    }

    /// Schedules a worker for each pair that should have one and has none.
    fn fill_pairs(&mut self, now: Millis) {
        for pair in self.slots.chunks_exact_mut(2).take(self.wanted) {
            if pair.iter().any(|slot| slot.has_or_awaits_worker()) {
                continue;
            }
            if let Some(slot) = pair.iter_mut().find(|slot| **slot == Slot::Vacant) {
                *slot = Slot::Empty { fork_at: now };
            }
        }
    }

    fn more(&mut self) {
        if self.phase == Phase::Running && self.wanted < self.policy.most_workers {
            self.wanted += 1;
            let len = self.slots.len().max(2 * self.wanted);
            self.slots.resize(len, Slot::Vacant);
        }
    }

    /// The last worker leaves, if there are more than the least.
    fn fewer(&mut self, now: Millis, actions: &mut Vec<Action>) {
        if self.phase != Phase::Running || self.wanted <= self.policy.least_workers {
            return;
        }
        self.wanted -= 1;
        for index in [2 * self.wanted, 2 * self.wanted + 1] {
            match self.slots[index] {
                Slot::Empty { .. } => self.slots[index] = Slot::Vacant,
                slot if slot.is_empty() || slot.is_leaving() => {}
                _ => self.drain(index, now, actions),
            }
        }
    }

    /// The worker in this slot hangs. It gets `SIGABRT`, which leaves a core dump, and after
    /// `ABORT_MS` `SIGKILL`.
    fn abort(&mut self, index: usize, now: Millis, actions: &mut Vec<Action>) {
        if self.slots.get(index).is_some_and(|slot| slot.serves()) {
            let kill_at = now.after(ABORT_MS);
            self.slots[index] = Slot::Aborted { kill_at };
            actions.push(Action::Abort(index));
        }
    }

    fn died(&mut self, index: usize, now: Millis, actions: &mut Vec<Action>) {
        let Some(&slot) = self.slots.get(index) else {
            return;
        };
        let short = |since: Millis| now.since(since) < SHORT_LIFE_MS;
        match slot {
            // The slot had no child: ignore.
            Slot::Vacant | Slot::Empty { .. } => return,
            // The worker left because it was told to.
            Slot::Draining { .. } | Slot::Cut { .. } => self.short_lives = 0,
            Slot::Starting { since, .. } | Slot::Ready { since, .. } | Slot::Retiring { since }
                if short(since) =>
            {
                self.short_lives = self.short_lives.saturating_add(1);
            }
            // The worker lived long enough: the first death in a row.
            Slot::Starting { .. } | Slot::Ready { .. } | Slot::Retiring { .. } => {
                self.short_lives = 1
            }
            Slot::Aborted { .. } | Slot::Killed { .. } => {}
        }
        let fork_at = now.after(self.backoff_ms());
        let is_replaced = self.slots[Slot::partner(index)].has_or_awaits_worker();
        self.slots[index] = if is_replaced || index / 2 >= self.wanted {
            Slot::Vacant
        } else {
            Slot::Empty { fork_at }
        };
        let unready = matches!(slot, Slot::Starting { .. } | Slot::Killed { unready: true });
        if unready && self.phase == Phase::Running {
            self.note_early_death(now, actions);
        }
    }

    /// Workers that never become ready will not do so next time either, and the operator must see
    /// that. A worker that *was* ready is always replaced: a request that crashes workers must not
    /// be able to end the service.
    fn note_early_death(&mut self, now: Millis, actions: &mut Vec<Action>) {
        self.early_deaths.push_back(now);
        while let Some(&first) = self.early_deaths.front()
            && now.since(first) > self.policy.restarts_within_ms
        {
            self.early_deaths.pop_front();
        }
        if self.early_deaths.len() >= self.policy.restarts as usize {
            self.phase = Phase::GivingUp;
            actions.push(Action::Announce);
            self.kill_all(actions);
        }
    }

    fn fork_failed(&mut self, index: usize, now: Millis) {
        self.short_lives = self.short_lives.saturating_add(1).max(2);
        let fork_at = now.after(self.backoff_ms());
        if let Some(slot) = self.slots.get_mut(index)
            && matches!(slot, Slot::Starting { .. })
        {
            *slot = Slot::Empty { fork_at };
        }
    }

    fn fork_due(&mut self, now: Millis, actions: &mut Vec<Action>) {
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if matches!(*slot, Slot::Empty { fork_at } if fork_at <= now) {
                *slot = Slot::Starting {
                    since: now,
                    stale: false,
                };
                actions.push(Action::Fork(index));
            }
        }
    }
}

#[cfg(test)]
mod tests;
