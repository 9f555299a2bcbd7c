//! In any order of events: one child a slot, no fork after a stop, one end, when none lives.

use httprs::Millis;

/// The supervisor is not public; its source is plain enough to be read here a second time.
#[path = "../../../src/worker/supervisor.rs"]
mod source;

use source::{Action, Event, Policy, Supervisor};

/// The longest pause before a worker is replaced, in milliseconds.
const PAUSE_MS: u64 = 1_000;

/// How much time an event can take, in milliseconds.
const STEPS_MS: [u64; 8] = [0, 1, 9, 10, 100, 990, 1_000, 70_000];

/// A child as the kernel would know it.
#[derive(Clone, Copy)]
struct Child {
    ready: bool,
    /// When it was told to leave.
    drained: Option<Millis>,
    killed: bool,
}

struct World {
    policy: Policy,
    supervisor: Supervisor,
    now: Millis,
    children: Vec<Option<Child>>,
    started: bool,
    stopping: bool,
    announced: bool,
    finished: bool,
}

/// Four bytes of policy, then a byte for each event: which it is, what time it takes, and whose it
/// is. Panics where the invariant is broken.
pub fn holds(data: &[u8]) {
    let [workers, drain, restarts, within, events @ ..] = data else {
        return;
    };
    let policy = Policy {
        workers: 1 + usize::from(workers % 4),
        drain_timeout_ms: u64::from(*drain) * 16,
        restarts: u32::from(restarts % 5),
        restarts_within_ms: u64::from(*within) * 100,
    };
    let mut world = World {
        policy,
        supervisor: Supervisor::new(policy),
        now: Millis::new(1),
        children: vec![None; 2 * policy.workers],
        started: false,
        stopping: false,
        announced: false,
        finished: false,
    };
    for &byte in events {
        world.now = world.now.after(STEPS_MS[usize::from(byte >> 3 & 7)]);
        let slot = usize::from(byte >> 6);
        world.play(match byte & 7 {
            0 => Event::Start,
            1 => Event::Ready(slot),
            2 => Event::Retire(slot),
            3 => Event::Died(slot),
            4 => Event::ForkFailed(slot),
            5 | 6 => Event::Stop,
            _ => Event::Tick,
        });
    }
    world.end();
}

impl World {
    fn play(&mut self, event: Event) {
        let was_finished = self.finished;
        self.happen(event);
        let mut actions = Vec::new();
        self.supervisor.on(event, self.now, &mut actions);
        assert!(!was_finished || actions.is_empty(), "after the end");
        for action in actions {
            self.perform(action);
        }
        self.check();
    }

    /// Stops, waits, and lets every child die: that must be the end.
    fn end(&mut self) {
        self.play(Event::Stop);
        self.now = self.now.after(self.policy.drain_timeout_ms);
        self.play(Event::Tick);
        for slot in 0..self.children.len() {
            if let Some(child) = self.children[slot] {
                assert!(child.killed, "the child in {slot} outlives the drain");
                self.play(Event::Died(slot));
            }
        }
        assert!(self.finished, "no end");
    }

    /// What the event means for the children. One that has been forked and is not known to be
    /// ready is all that a failed fork can be about.
    fn happen(&mut self, event: Event) {
        let child = match event {
            Event::Ready(slot) | Event::Died(slot) | Event::ForkFailed(slot) => slot,
            Event::Start => {
                self.started = true;
                return;
            }
            Event::Stop => {
                self.stopping = true;
                return;
            }
            Event::Retire(_) | Event::Tick => return,
        };
        let Some(place) = self.children.get_mut(child) else {
            return;
        };
        match (event, &place) {
            (Event::Ready(_), Some(_)) => {
                if let Some(child) = place {
                    child.ready = true;
                }
            }
            (Event::Died(_), _) => *place = None,
            (Event::ForkFailed(_), Some(child))
                if !child.ready && child.drained.is_none() && !child.killed =>
            {
                *place = None;
            }
            _ => {}
        }
    }

    fn perform(&mut self, action: Action) {
        let children = &mut self.children;
        match action {
            Action::Fork(slot) => {
                assert!(children[slot].is_none(), "two children in {slot}");
                assert!(
                    self.started && !self.stopping && !self.announced,
                    "a late fork"
                );
                children[slot] = Some(Child {
                    ready: false,
                    drained: None,
                    killed: false,
                });
            }
            Action::Drain(slot) => {
                let workers = self.policy.workers;
                let successor = children[(slot + workers) % (2 * workers)];
                assert!(
                    self.announced
                        || !children[slot].is_some_and(|c| c.ready)
                        || successor.is_some(),
                    "{slot} drains and nobody takes over"
                );
                let child = children[slot].as_mut().expect("a child to drain");
                assert!(child.drained.is_none() && !child.killed, "drained twice");
                child.drained = Some(self.now);
            }
            Action::Kill(slot) => {
                let child = children[slot].as_mut().expect("a child to kill");
                assert!(!child.killed, "killed twice");
                child.killed = true;
            }
            Action::Announce => {
                assert!(!self.announced, "announced twice");
                self.announced = true;
            }
            Action::Finish(_) => {
                assert!(!self.finished, "finished twice");
                assert!(self.announced, "finished before it was announced");
                assert!(children.iter().all(Option::is_none), "a child lives");
                self.finished = true;
            }
        }
    }

    /// What must be true between events.
    fn check(&self) {
        let (now, wake_at) = (self.now, self.supervisor.wake_at());
        assert!(self.supervisor.pause_ms() <= PAUSE_MS);
        assert!(
            !self.stopping || self.announced,
            "a stop that nobody knows of"
        );
        let mut ready = 0;
        for (slot, child) in self.children.iter().enumerate() {
            ready +=
                usize::from(child.is_some_and(|c| c.ready && c.drained.is_none() && !c.killed));
            if let Some(Child {
                drained: Some(since),
                killed: false,
                ..
            }) = child
            {
                let kill_at = since.after(self.policy.drain_timeout_ms);
                assert!(now < kill_at, "the child in {slot} is overdue");
                assert!(wake_at <= kill_at, "asleep when {slot} is due");
            }
        }
        for worker in 0..self.policy.workers {
            let pair = [worker, worker + self.policy.workers].map(|slot| self.children[slot]);
            let slots = [worker, worker + self.policy.workers];
            assert!(
                !self.started
                    || self.announced
                    || slots.map(|s| self.supervisor.will_fill(s)) != [false; 2],
                "nobody will ever be worker {worker}"
            );
            let staying = pair
                .iter()
                .flatten()
                .filter(|c| c.drained.is_none() && !c.killed);
            let staying = staying.count();
            if staying == 0 && self.started && !self.announced {
                // It may be that one was killed because it took too long to be ready.
                let waits = pair
                    .iter()
                    .flatten()
                    .any(|c| c.killed || c.drained.is_some());
                assert!(
                    waits || wake_at <= now.after(PAUSE_MS),
                    "{worker} stays empty"
                );
            }
        }
        assert_eq!(
            self.supervisor.is_complete(),
            ready == self.policy.workers,
            "complete"
        );
        let alone = self.children.iter().all(Option::is_none);
        assert_eq!(self.finished, self.announced && alone, "the end");
    }
}
