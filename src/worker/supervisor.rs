//! [`Supervisor`]: when to fork, drain and kill workers. All of the policy and none of the means.
//!
//! A pure function of state, event and time; `WorkerManager` turns signals and dead children into
//! events and performs the actions. It promises: never two children in a slot; a worker that died
//! is replaced, at once or after a pause of at most a second; one that is to be replaced serves
//! until its successor does; a drain ends by its deadline; [`Action::Finish`] comes once, when no
//! child lives. It must not know processes.
//!
//! Each worker has a pair of slots, `i` and `i + workers`: while one of them is replaced, both are
//! in use.

use std::collections::VecDeque;

use crate::time::Millis;

/// The longest pause before a worker is replaced, in milliseconds.
const LONGEST_PAUSE_MS: u64 = 1_000;
/// The first pause; each further death doubles it.
const FIRST_PAUSE_MS: u64 = 10;
/// Deaths follow each other when a worker lived for less than this, in milliseconds.
const SHORT_LIFE_MS: u64 = 1_000;

/// A second wish to stop that follows the first in less than this is the same wish, in
/// milliseconds: `timeout(1)` and some shells send one signal to the master and one to its whole
/// group. No hand is as fast.
const ONE_WISH_MS: u64 = 20;

/// How long a worker may take to be ready, in milliseconds. It takes a few; one that was forked
/// while another thread of its program held a lock that it needs never will be.
const START_MS: u64 = 30_000;

/// What a supervisor is asked to keep up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How many workers should run.
    pub workers: usize,
    /// How long workers may take to finish what they have begun when they are told to leave.
    pub drain_timeout_ms: u64,
    /// Give up after so many deaths before a worker was ready...
    pub restarts: u32,
    /// ...in so many milliseconds.
    pub restarts_within_ms: u64,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The server begins.
    Start,
    /// The worker in this slot is ready to serve.
    Ready(usize),
    /// The worker in this slot has asked to be replaced by a new one.
    Retire(usize),
    /// The worker in this slot is dead, for whatever reason.
    Died(usize),
    /// The worker for this slot could not be forked.
    ForkFailed(usize),
    /// Somebody asked the server to stop: gracefully the first time, at once the second time.
    Stop,
    /// Time has passed.
    Tick,
}

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Fork a worker for this slot.
    Fork(usize),
    /// Tell the worker in this slot to finish what it has begun and leave.
    Drain(usize),
    /// Kill the worker in this slot with a signal that it cannot refuse.
    Kill(usize),
    /// No worker will be forked any more: let everybody know.
    Announce,
    /// No child is left: the server is over.
    Finish(Verdict),
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As requested. So many workers had to be killed.
    Stopped {
        /// How many workers did not leave in time.
        killed: u32,
    },
    /// Workers kept dying before they were ready.
    GaveUp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    /// Nobody, and nobody is to come: the other slot of the pair is in use.
    Vacant,
    /// Nobody; to be filled at this time, or never.
    Empty { fork_at: Millis },
    /// Forked at this time, not yet ready; killed if that lasts.
    Starting { since: Millis },
    /// Forked at this time, and serving.
    Ready { since: Millis },
    /// Forked at this time; serves until its successor in the other slot is ready.
    Retiring { since: Millis },
    /// Leaving; killed at this time.
    Draining { kill_at: Millis },
    /// Killed, not yet dead.
    Killed {
        /// It never was ready, and took too long to be.
        unready: bool,
    },
}

impl Slot {
    /// Whether it has, or will have, a worker that stays.
    fn stays(self) -> bool {
        matches!(
            self,
            Slot::Empty { .. } | Slot::Starting { .. } | Slot::Ready { .. }
        )
    }

    /// Whether it has no child.
    fn is_alone(self) -> bool {
        matches!(self, Slot::Vacant | Slot::Empty { .. })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    New,
    Running,
    /// Somebody asked for it at this time.
    Stopping {
        since: Millis,
    },
    GivingUp,
    Finished,
}

/// Decides what happens to workers.
#[derive(Debug)]
pub struct Supervisor {
    policy: Policy,
    phase: Phase,
    slots: Vec<Slot>,
    /// How many short lives ended in a row.
    streak: u32,
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
            slots,
            streak: 0,
            early_deaths: VecDeque::new(),
            killed: 0,
        }
    }

    /// Takes note of an event and adds what is to be done to `actions`, in order.
    pub fn on(&mut self, event: Event, now: Millis, actions: &mut Vec<Action>) {
        match event {
            Event::Start if self.phase == Phase::New => {
                self.phase = Phase::Running;
                self.slots[..self.policy.workers].fill(Slot::Empty { fork_at: now });
            }
            Event::Ready(slot) => self.ready(slot, now, actions),
            Event::Retire(slot) => self.retire(slot, now, actions),
            Event::Died(slot) => self.died(slot, now, actions),
            Event::ForkFailed(slot) => self.fork_failed(slot, now),
            Event::Stop => self.stop(now, actions),
            Event::Start | Event::Tick => {}
        }
        self.fork_due(now, actions);
        self.kill_overdue(now, actions);
        self.finish_if_alone(actions);
    }

    /// When [`Event::Tick`] is needed at the latest; [`Millis::NEVER`] if it is not.
    pub fn wake_at(&self) -> Millis {
        let due = self.slots.iter().map(|slot| match *slot {
            Slot::Empty { fork_at } if self.phase == Phase::Running => fork_at,
            Slot::Draining { kill_at } => kill_at,
            Slot::Starting { since } => since.after(START_MS),
            _ => Millis::NEVER,
        });
        due.min().unwrap_or(Millis::NEVER)
    }

    /// Whether as many workers are ready as should be.
    pub fn is_complete(&self) -> bool {
        let ready = |slot: &&Slot| matches!(slot, Slot::Ready { .. } | Slot::Retiring { .. });
        self.slots.iter().filter(ready).count() == self.policy.workers
    }

    /// Whether a slot that is empty gets a worker again. If not, the other one of its pair does, or
    /// has one.
    pub fn will_fill(&self, slot: usize) -> bool {
        !matches!(self.slots.get(slot), None | Some(Slot::Vacant))
    }

    /// How long the next replacement will wait, in milliseconds.
    pub fn pause_ms(&self) -> u64 {
        match self.streak {
            // The first in a row is replaced at once: it may well be the only one.
            0 | 1 => 0,
            n => (FIRST_PAUSE_MS << (n - 2).min(16)).min(LONGEST_PAUSE_MS),
        }
    }

    /// The other slot of the pair.
    fn partner(&self, index: usize) -> usize {
        let workers = self.policy.workers;
        if index < workers {
            index + workers
        } else {
            index - workers
        }
    }

    fn ready(&mut self, index: usize, now: Millis, actions: &mut Vec<Action>) {
        let Some(&Slot::Starting { since }) = self.slots.get(index) else {
            return;
        };
        self.slots[index] = Slot::Ready { since };
        let partner = self.partner(index);
        if matches!(self.slots[partner], Slot::Retiring { .. }) {
            self.drain(partner, now, actions);
        }
    }

    fn retire(&mut self, index: usize, now: Millis, actions: &mut Vec<Action>) {
        let Some(&slot) = self.slots.get(index) else {
            return;
        };
        let partner = self.partner(index);
        let has_room = self.slots[partner] == Slot::Vacant;
        match slot {
            Slot::Ready { since } if has_room => self.slots[index] = Slot::Retiring { since },
            // Its own predecessor has not left yet: it is replaced when it has left itself.
            Slot::Ready { .. } | Slot::Starting { .. } => self.drain(index, now, actions),
            _ => return,
        }
        if has_room {
            self.slots[partner] = Slot::Empty { fork_at: now };
        }
    }

    fn drain(&mut self, index: usize, now: Millis, actions: &mut Vec<Action>) {
        let kill_at = now.after(self.policy.drain_timeout_ms);
        self.slots[index] = Slot::Draining { kill_at };
        actions.push(Action::Drain(index));
    }

    fn died(&mut self, index: usize, now: Millis, actions: &mut Vec<Action>) {
        let Some(&slot) = self.slots.get(index) else {
            return;
        };
        let short = |since: Millis| now.since(since) < SHORT_LIFE_MS;
        match slot {
            // Nobody was there.
            Slot::Vacant | Slot::Empty { .. } => return,
            // It left because it was told to.
            Slot::Draining { .. } => self.streak = 0,
            Slot::Starting { since } | Slot::Ready { since } | Slot::Retiring { since }
                if short(since) =>
            {
                self.streak = self.streak.saturating_add(1);
            }
            // It lived long enough: the only one in a row, so far.
            Slot::Starting { .. } | Slot::Ready { .. } | Slot::Retiring { .. } => self.streak = 1,
            Slot::Killed { .. } => {}
        }
        let fork_at = now.after(self.pause_ms());
        self.slots[index] = match self.slots[self.partner(index)].stays() {
            true => Slot::Vacant,
            false => Slot::Empty { fork_at },
        };
        let unready = matches!(slot, Slot::Starting { .. } | Slot::Killed { unready: true });
        if unready && self.phase == Phase::Running {
            self.note_early_death(now, actions);
        }
    }

    /// Workers that never get as far as being ready will not do so next time either, and whoever
    /// started us must see it. One that *was* ready is always replaced: a request that crashes
    /// workers must not be able to end the service.
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
        self.streak = self.streak.saturating_add(1).max(2);
        let fork_at = now.after(self.pause_ms());
        if let Some(slot) = self.slots.get_mut(index)
            && matches!(slot, Slot::Starting { .. })
        {
            *slot = Slot::Empty { fork_at };
        }
    }

    fn stop(&mut self, now: Millis, actions: &mut Vec<Action>) {
        match self.phase {
            Phase::New | Phase::Running => self.drain_all(now, actions),
            Phase::Stopping { since } if now.since(since) >= ONE_WISH_MS => self.kill_all(actions),
            Phase::Stopping { .. } | Phase::GivingUp | Phase::Finished => {}
        }
    }

    fn drain_all(&mut self, now: Millis, actions: &mut Vec<Action>) {
        self.phase = Phase::Stopping { since: now };
        actions.push(Action::Announce);
        for index in 0..self.slots.len() {
            let slot = self.slots[index];
            if matches!(
                slot,
                Slot::Starting { .. } | Slot::Ready { .. } | Slot::Retiring { .. }
            ) {
                self.drain(index, now, actions);
            }
        }
    }

    fn kill_all(&mut self, actions: &mut Vec<Action>) {
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if !slot.is_alone() && !matches!(slot, Slot::Killed { .. }) {
                *slot = Slot::Killed { unready: false };
                self.killed += 1;
                actions.push(Action::Kill(index));
            }
        }
    }

    fn fork_due(&mut self, now: Millis, actions: &mut Vec<Action>) {
        if self.phase != Phase::Running {
            return;
        }
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if matches!(*slot, Slot::Empty { fork_at } if fork_at <= now) {
                *slot = Slot::Starting { since: now };
                actions.push(Action::Fork(index));
            }
        }
    }

    fn kill_overdue(&mut self, now: Millis, actions: &mut Vec<Action>) {
        for (index, slot) in self.slots.iter_mut().enumerate() {
            let unready = match *slot {
                Slot::Draining { kill_at } if kill_at <= now => false,
                Slot::Starting { since } if now.since(since) >= START_MS => true,
                _ => continue,
            };
            *slot = Slot::Killed { unready };
            let stopping = matches!(self.phase, Phase::Stopping { .. });
            self.killed += u32::from(stopping);
            actions.push(Action::Kill(index));
        }
    }

    fn finish_if_alone(&mut self, actions: &mut Vec<Action>) {
        let verdict = match self.phase {
            Phase::Stopping { .. } => Verdict::Stopped {
                killed: self.killed,
            },
            Phase::GivingUp => Verdict::GaveUp,
            Phase::New | Phase::Running | Phase::Finished => return,
        };
        if self.slots.iter().all(|slot| slot.is_alone()) {
            self.phase = Phase::Finished;
            actions.push(Action::Finish(verdict));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Action::*;
    use super::Event as E;
    use super::*;

    const POLICY: Policy = Policy {
        workers: 2,
        drain_timeout_ms: 8_000,
        restarts: 3,
        restarts_within_ms: 60_000,
    };

    /// Plays events at their times and compares what is done about each.
    #[track_caller]
    fn plays(name: &str, history: &[(u64, Event, &[Action])]) -> Supervisor {
        let mut supervisor = Supervisor::new(POLICY);
        for (row, (at, event, want)) in history.iter().enumerate() {
            let mut actions = Vec::new();
            supervisor.on(*event, Millis::new(*at), &mut actions);
            assert_eq!(&actions, want, "{name}, row {row}: {event:?} at {at} ms");
        }
        supervisor
    }

    #[test]
    fn histories() {
        const STARTED: (u64, Event, &[Action]) = (0, E::Start, &[Fork(0), Fork(1)]);
        const READY: [(u64, Event, &[Action]); 2] = [(5, E::Ready(0), &[]), (5, E::Ready(1), &[])];
        let after_start =
            |rows: &[(u64, Event, &'static [Action])]| [&[STARTED], &READY[..], rows].concat();
        plays(
            "a worker that lived is replaced at once",
            &after_start(&[
                (5_000, E::Died(1), &[Fork(1)]),
                (5_010, E::Ready(1), &[]),
                (9_000, E::Died(1), &[Fork(1)]),
            ]),
        );
        plays(
            "deaths that follow each other get a growing pause",
            &after_start(&[
                (100, E::Died(0), &[Fork(0)]),
                (110, E::Ready(0), &[]),
                (120, E::Died(0), &[]),
                (129, E::Tick, &[]),
                (130, E::Tick, &[Fork(0)]),
                (135, E::Ready(0), &[]),
                (140, E::Died(0), &[]),
                (159, E::Tick, &[]),
                (160, E::Tick, &[Fork(0)]),
            ]),
        );
        plays(
            "nobody is forked twice for one death",
            &after_start(&[
                (2_000, E::Died(0), &[Fork(0)]),
                (2_000, E::Tick, &[]),
                (2_001, E::Start, &[]),
            ]),
        );
        plays(
            "a death in an empty slot is nobody's",
            &[
                (0, E::Tick, &[]),
                (0, E::Died(0), &[]),
                (0, E::Died(7), &[]),
                (0, E::Ready(7), &[]),
                (0, E::Retire(7), &[]),
            ],
        );
        plays(
            "a graceful stop drains, then finishes once",
            &after_start(&[
                (1_000, E::Stop, &[Announce, Drain(0), Drain(1)]),
                (1_001, E::Stop, &[]),
                (1_010, E::Died(1), &[]),
                (1_020, E::Died(0), &[Finish(Verdict::Stopped { killed: 0 })]),
                (1_030, E::Tick, &[]),
                (1_040, E::Stop, &[]),
            ]),
        );
        plays(
            "a drain ends by its deadline",
            &after_start(&[
                (1_000, E::Stop, &[Announce, Drain(0), Drain(1)]),
                (1_010, E::Died(1), &[]),
                (8_999, E::Tick, &[]),
                (9_000, E::Tick, &[Kill(0)]),
                (9_001, E::Tick, &[]),
                (9_002, E::Died(0), &[Finish(Verdict::Stopped { killed: 1 })]),
            ]),
        );
        plays(
            "a second wish kills at once, but not the echo of the first",
            &after_start(&[
                (1_000, E::Stop, &[Announce, Drain(0), Drain(1)]),
                (1_019, E::Stop, &[]),
                (1_020, E::Stop, &[Kill(0), Kill(1)]),
                (1_501, E::Stop, &[]),
                (1_510, E::Died(0), &[]),
                (1_510, E::Died(1), &[Finish(Verdict::Stopped { killed: 2 })]),
            ]),
        );
        plays(
            "a worker that is not ready yet is drained too",
            &[
                STARTED,
                (1, E::Ready(0), &[]),
                (2, E::Stop, &[Announce, Drain(0), Drain(1)]),
                (3, E::Ready(1), &[]),
                (9, E::Died(0), &[]),
                (9, E::Died(1), &[Finish(Verdict::Stopped { killed: 0 })]),
            ],
        );
        plays(
            "a stop while a slot waits to be filled fills it no more",
            &after_start(&[
                (100, E::Died(0), &[Fork(0)]),
                (101, E::Died(0), &[]),
                (102, E::Stop, &[Announce, Drain(1)]),
                (500, E::Tick, &[]),
                (501, E::Died(1), &[Finish(Verdict::Stopped { killed: 0 })]),
            ]),
        );
        plays(
            "a stop before the start",
            &[
                (
                    0,
                    E::Stop,
                    &[Announce, Finish(Verdict::Stopped { killed: 0 })],
                ),
                (1, E::Start, &[]),
            ],
        );
        plays(
            "a fork that fails is tried again, later and later",
            &[
                STARTED,
                (0, E::ForkFailed(1), &[]),
                (9, E::Tick, &[]),
                (10, E::Tick, &[Fork(1)]),
                (10, E::ForkFailed(1), &[]),
                (29, E::Tick, &[]),
                (30, E::Tick, &[Fork(1)]),
            ],
        );
        plays(
            "a worker that asks serves until its successor does",
            &after_start(&[
                (100, E::Retire(0), &[Fork(2)]),
                (101, E::Retire(0), &[]),
                (110, E::Ready(2), &[Drain(0)]),
                (200, E::Died(0), &[]),
                (300, E::Retire(2), &[Fork(0)]),
                (310, E::Ready(0), &[Drain(2)]),
                (320, E::Died(2), &[]),
            ]),
        );
        plays(
            "one that dies before its successor is ready was replaced already",
            &after_start(&[
                (5_100, E::Retire(0), &[Fork(2)]),
                (5_101, E::Died(0), &[]),
                (5_110, E::Ready(2), &[]),
                (9_000, E::Died(2), &[Fork(2)]),
            ]),
        );
        plays(
            "a successor that dies is tried again, and meanwhile the old one serves",
            &after_start(&[
                (100, E::Retire(0), &[Fork(2)]),
                (101, E::Died(2), &[Fork(2)]),
                (110, E::Ready(2), &[Drain(0)]),
            ]),
        );
        plays(
            "one that asks before its predecessor has left is replaced when it has left",
            &after_start(&[
                (100, E::Retire(0), &[Fork(2)]),
                (110, E::Ready(2), &[Drain(0)]),
                (120, E::Retire(2), &[Drain(2)]),
                (130, E::Died(2), &[Fork(2)]),
                (140, E::Died(0), &[]),
            ]),
        );
        plays(
            "one that asks before it is ready is replaced at once",
            &[
                STARTED,
                (1, E::Retire(0), &[Drain(0), Fork(2)]),
                (2, E::Ready(0), &[]),
                (3, E::Died(0), &[]),
            ],
        );
        plays(
            "a stop in the middle of a replacement drains both",
            &after_start(&[
                (100, E::Retire(0), &[Fork(2)]),
                (101, E::Stop, &[Announce, Drain(0), Drain(1), Drain(2)]),
                (102, E::Died(1), &[]),
                (102, E::Died(2), &[]),
                (103, E::Died(0), &[Finish(Verdict::Stopped { killed: 0 })]),
            ]),
        );
        plays(
            "one that is never ready is killed, and that counts as an early death",
            &[
                STARTED,
                (1, E::Ready(0), &[]),
                (START_MS - 1, E::Tick, &[]),
                (START_MS, E::Tick, &[Kill(1)]),
                (START_MS + 1, E::Tick, &[]),
                (START_MS + 2, E::Died(1), &[Fork(1)]),
                (START_MS + 3, E::Died(1), &[Fork(1)]),
                (START_MS + 4, E::Died(1), &[Announce, Kill(0)]),
                (START_MS + 5, E::Died(0), &[Finish(Verdict::GaveUp)]),
            ],
        );
        plays(
            "one that is replaced and does not leave is killed",
            &after_start(&[
                (100, E::Retire(0), &[Fork(2)]),
                (110, E::Ready(2), &[Drain(0)]),
                (8_110, E::Tick, &[Kill(0)]),
                (8_111, E::Died(0), &[]),
            ]),
        );
        plays(
            "workers that are never ready end the server",
            &[
                STARTED,
                (1, E::Ready(0), &[]),
                (10, E::Died(1), &[Fork(1)]),
                (20, E::Died(1), &[]),
                (30, E::Tick, &[Fork(1)]),
                (40, E::Died(1), &[Announce, Kill(0)]),
                (80, E::Died(0), &[Finish(Verdict::GaveUp)]),
            ],
        );
    }

    #[test]
    fn workers_that_were_ready_are_replaced_for_ever_and_the_pause_has_an_end() {
        let mut supervisor = Supervisor::new(POLICY);
        let (mut actions, mut now, mut forks) = (Vec::new(), Millis::new(0), 0);
        supervisor.on(Event::Start, now, &mut actions);
        for _ in 0..100 {
            forks += actions
                .drain(..)
                .filter(|action| matches!(action, Fork(0)))
                .count();
            supervisor.on(Event::Ready(0), now, &mut actions);
            supervisor.on(Event::Died(0), now, &mut actions);
            assert!(supervisor.pause_ms() <= LONGEST_PAUSE_MS);
            now = now.after(supervisor.pause_ms());
            supervisor.on(Event::Tick, now, &mut actions);
        }
        assert_eq!(forks, 100);
        assert_eq!(supervisor.pause_ms(), LONGEST_PAUSE_MS);
    }

    #[test]
    fn early_deaths_long_ago_are_forgotten() {
        let mut supervisor = Supervisor::new(POLICY);
        let mut actions = Vec::new();
        supervisor.on(Event::Start, Millis::new(0), &mut actions);
        for death in 1..20 {
            let now = Millis::new(death * 31_000);
            supervisor.on(Event::Died(0), now, &mut actions);
            supervisor.on(Event::Tick, now.after(1_000), &mut actions);
        }
        assert!(
            !actions
                .iter()
                .any(|action| matches!(action, Finish(_) | Announce))
        );
    }

    #[test]
    fn it_wakes_for_what_is_due() {
        let supervisor = plays(
            "idle",
            &[
                (0, E::Start, &[Fork(0), Fork(1)]),
                (1, E::Ready(0), &[]),
                (1, E::Ready(1), &[]),
            ],
        );
        assert_eq!(supervisor.wake_at(), Millis::NEVER);
        assert!(supervisor.is_complete());
        let supervisor = plays(
            "draining",
            &[
                (0, E::Start, &[Fork(0), Fork(1)]),
                (7, E::Stop, &[Announce, Drain(0), Drain(1)]),
            ],
        );
        assert_eq!(supervisor.wake_at(), Millis::new(8_007));
        let supervisor = plays(
            "waiting to fork",
            &[
                (0, E::Start, &[Fork(0), Fork(1)]),
                (0, E::ForkFailed(1), &[]),
            ],
        );
        assert_eq!(supervisor.wake_at(), Millis::new(10));
    }
}
