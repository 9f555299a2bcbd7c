//! In any order of events: one child a slot, no worker drains before its successor serves, one end.

use httprs::Millis;

/// The supervisor is not public; its source is plain enough to be read here a second time.
#[path = "../../../src/master/supervisor/mod.rs"]
#[allow(dead_code, reason = "the manager asks for more than a simulation")]
mod source;

/// Histories that a world plays by itself; no fuzz target plays them.
#[path = "histories.rs"]
#[allow(dead_code, reason = "`make sim` plays them, and others replay them")]
pub mod histories;

pub use source::Event;
use source::{Action, Policy, Supervisor, Verdict};

// The policy's own numbers, written a second time.

/// The first and the longest backoff before a worker is replaced that died soon after another, in
/// milliseconds.
const BACKOFF_MS: (u64, u64) = (10, 1_000);
/// A worker that lived for less time died soon.
const SHORT_LIFE_MS: u64 = 1_000;
/// How long a child may take to be ready.
const START_MS: u64 = 30_000;
/// How long a child may take to die of `SIGABRT`.
const ABORT_MS: u64 = 500;
/// How long a child may take to exit when it is told to do so at once.
const CUT_MS: u64 = 200;
/// A second wish to stop comes later than this.
const ONE_WISH_MS: u64 = 20;

/// How much time an event can take, in milliseconds.
const STEPS_MS: [u64; 8] = [0, 1, 9, 10, 100, 990, 1_000, 70_000];

/// A child as the kernel would know it.
#[derive(Clone, Copy)]
struct Child {
    since: Millis,
    ready: bool,
    /// It is to be replaced.
    stale: bool,
    /// When it was told to drain.
    drained: Option<Millis>,
    /// When it was told to exit at once.
    cut: Option<Millis>,
    /// When it was sent `SIGABRT`.
    aborted: Option<Millis>,
    killed: bool,
}

impl Child {
    fn new(since: Millis) -> Child {
        Child {
            since,
            ready: false,
            stale: false,
            drained: None,
            cut: None,
            aborted: None,
            killed: false,
        }
    }

    /// The supervisor has not told the child to exit.
    fn stays(self) -> bool {
        let told = self.drained.or(self.cut).or(self.aborted);
        told.is_none() && !self.killed
    }

    /// The child accepts connections.
    fn serves(self) -> bool {
        self.ready && self.stays()
    }
}

/// A supervisor, and the children that it believes to have.
pub struct World {
    policy: Policy,
    supervisor: Supervisor,
    now: Millis,
    children: Vec<Option<Child>>,
    wanted: usize,
    most_wanted: usize,
    started: bool,
    /// Since when a stop is asked for.
    stopping: Option<Millis>,
    /// Since when an immediate stop is asked for.
    at_once: Option<Millis>,
    /// The server does not serve any more.
    closing: bool,
    announced: bool,
    gave_up: bool,
    finished: bool,
    /// Children killed since the server stops.
    killed: u32,
    /// How many children died soon after they were forked, in a row.
    in_a_row: u32,
    /// When children died before they were ready.
    early_deaths: Vec<Millis>,
    /// Before this, no worker may be forked for the slot.
    backoff_until: Vec<Millis>,
    /// The actions that were asked for in the last step.
    actions: Vec<Action>,
}

/// Four bytes of policy, then two for each event: its kind and the time before it, and its slot.
/// Panics where the invariant is broken.
pub fn holds(data: &[u8]) {
    let [workers, drain, restarts, within, events @ ..] = data else {
        return;
    };
    let drain_timeout_ms = u64::from(*drain) * 16;
    let mut world = World::new(Policy {
        workers: 1 + usize::from(workers % 4),
        least_workers: 1,
        most_workers: 6,
        drain_delay_ms: drain_timeout_ms * u64::from(workers >> 5) / 8,
        drain_timeout_ms,
        restarts: u32::from(restarts % 5),
        restarts_within_ms: u64::from(*within) * 100,
    });
    for event in events.chunks_exact(2) {
        world.now = world.now.after(STEPS_MS[usize::from(event[0] >> 4 & 7)]);
        let slot = usize::from(event[1] % 16);
        world.play(match event[0] & 15 {
            0 => Event::Start,
            1 | 2 => Event::Ready(slot),
            3 => Event::Retire(slot),
            4 | 5 => Event::Died(slot),
            6 => Event::ForkFailed(slot),
            7 => Event::Reload,
            8 => Event::More,
            9 => Event::Fewer,
            10 => Event::Hung(slot),
            11 => Event::Stop,
            _ => Event::Tick,
        });
    }
    world.end();
}

impl World {
    fn new(policy: Policy) -> World {
        let slots = 2 * policy.most_workers;
        World {
            policy,
            supervisor: Supervisor::new(policy),
            now: Millis::new(1),
            children: vec![None; slots],
            wanted: policy.workers,
            most_wanted: policy.workers,
            started: false,
            stopping: None,
            at_once: None,
            closing: false,
            announced: false,
            gave_up: false,
            finished: false,
            killed: 0,
            in_a_row: 0,
            early_deaths: Vec::new(),
            backoff_until: vec![Millis::default(); slots],
            actions: Vec::new(),
        }
    }

    fn play(&mut self, event: Event) {
        let was_finished = self.finished;
        let served = self.serving();
        self.apply(event);
        let mut actions = Vec::new();
        self.supervisor.on(event, self.now, &mut actions);
        assert!(!was_finished || actions.is_empty(), "after the end");
        for action in &actions {
            self.perform(*action);
        }
        let may_lose = matches!(
            event,
            Event::Died(_) | Event::Hung(_) | Event::Fewer | Event::Stop
        );
        if !may_lose && self.keeps_up() {
            assert!(self.serving() >= served, "fewer serve after {event:?}");
        }
        if let Event::Hung(slot) = event {
            let child = self.children.get(slot).copied().flatten();
            assert!(!child.is_some_and(Child::serves), "{slot} hangs on");
        }
        self.actions = actions;
        self.check();
    }

    fn serving(&self) -> usize {
        let children = self.children.iter().flatten();
        children.filter(|child| child.serves()).count()
    }

    /// The server serves, and was not told to stop.
    fn runs(&self) -> bool {
        self.keeps_up() && self.stopping.is_none()
    }

    /// The server serves, if not for long.
    fn keeps_up(&self) -> bool {
        self.started && !self.closing && !self.gave_up
    }

    /// Stops, waits, and lets every child die: that must be the end.
    fn end(&mut self) {
        self.play(Event::Stop);
        self.now = self.now.after(self.policy.drain_timeout_ms.max(ABORT_MS));
        self.play(Event::Tick);
        self.now = self.now.after(CUT_MS);
        self.play(Event::Tick);
        for slot in 0..self.children.len() {
            if let Some(child) = self.children[slot] {
                assert!(child.killed, "the child in {slot} outlives the drain");
                self.play(Event::Died(slot));
            }
        }
        assert!(self.finished, "no end");
    }

    /// Applies the event to the children. A failed fork can only be that of a child that is not
    /// known to be ready.
    fn apply(&mut self, event: Event) {
        let runs = self.runs();
        match event {
            Event::Start => self.started |= self.stopping.is_none(),
            Event::Stop => match self.stopping {
                None => self.stopping = Some(self.now),
                Some(since) if self.now.since(since) >= ONE_WISH_MS => {
                    self.at_once = self.at_once.or(Some(self.now));
                }
                Some(_) => {}
            },
            Event::More if runs && self.wanted < self.policy.most_workers => {
                self.backoff_until[2 * self.wanted..][..2].fill(self.now);
                self.wanted += 1;
                self.most_wanted = self.most_wanted.max(self.wanted);
            }
            Event::Fewer if runs && self.wanted > 1 => self.wanted -= 1,
            Event::Ready(slot) => {
                // A child that took too long does not become ready by a late report.
                let child = self.children.get_mut(slot).into_iter().flatten();
                child.for_each(|child| child.ready |= child.stays());
            }
            Event::Retire(slot) => {
                let child = self.children.get_mut(slot).into_iter().flatten();
                child.for_each(|child| child.stale = true);
            }
            Event::Reload => {
                let children = self.children.iter_mut().flatten();
                children.for_each(|child| child.stale = true);
            }
            Event::Died(slot) => {
                if let Some(child) = self.children.get_mut(slot).and_then(Option::take) {
                    self.record_death(slot, child);
                }
            }
            Event::ForkFailed(slot) => {
                if let Some(place) = self.children.get_mut(slot)
                    && place.is_some_and(|child| !child.ready && child.stays())
                {
                    *place = None;
                    self.backoff_until[slot] = self.now.after(BACKOFF_MS.0);
                }
            }
            _ => {}
        }
        if let Some(since) = self.stopping {
            let over = self.now.since(since) >= self.policy.drain_delay_ms;
            self.closing |= over || self.at_once.is_some() || !self.started;
        }
    }

    /// Records the backoff and the early death that must follow from a death.
    fn record_death(&mut self, slot: usize, child: Child) {
        if child.drained.or(child.cut).is_some() && !child.killed {
            self.in_a_row = 0;
        } else if child.stays() {
            let soon = self.now.since(child.since) < SHORT_LIFE_MS;
            self.in_a_row = if soon { self.in_a_row + 1 } else { 1 };
        }
        if self.in_a_row >= 2 && child.stays() && !self.has_successor(slot) {
            let backoff_ms = BACKOFF_MS.0 << (self.in_a_row - 2).min(20);
            self.backoff_until[slot] = self.now.after(backoff_ms.min(BACKOFF_MS.1));
        }
        if self.runs() && !child.ready && child.drained.is_none() {
            let within = |at: &Millis| self.now.since(*at) <= self.policy.restarts_within_ms;
            self.early_deaths.push(self.now);
            self.early_deaths.retain(within);
            self.gave_up = self.early_deaths.len() >= self.policy.restarts as usize;
        }
    }

    /// The other slot of the pair has, or will have, a worker that stays. That is the successor of
    /// the dead worker, so no backoff holds for this slot, which is free for the next reload.
    fn has_successor(&self, slot: usize) -> bool {
        let partner = slot ^ 1;
        let comes = match self.children[partner] {
            Some(child) => child.stays(),
            None => self.supervisor.respawn_pending(partner),
        };
        comes && !self.supervisor.retires(partner)
    }

    fn perform(&mut self, action: Action) {
        let (keeps_up, now) = (self.keeps_up(), self.now);
        match action {
            Action::Fork(slot) => {
                assert!(self.children[slot].is_none(), "two children in {slot}");
                assert!(keeps_up, "a late fork");
                assert!(now >= self.backoff_until[slot], "{slot} is forked too soon");
                self.children[slot] = Some(Child::new(now));
            }
            Action::Drain(slot) => {
                let child = self.children[slot].as_mut().expect("a child to drain");
                assert!(child.stays(), "drained twice");
                child.drained = Some(now);
            }
            Action::Cut(slot) => {
                let child = self.children[slot].expect("a child to cut off");
                let early = child.drained.is_none() || now < self.due(child);
                assert!(
                    !early || self.at_once == Some(now),
                    "{slot} is cut off early"
                );
                let told = child.cut.or(child.aborted).is_some() || child.killed;
                assert!(!told, "cut off twice");
                self.children[slot] = Some(Child {
                    cut: Some(now),
                    ..child
                });
            }
            Action::Abort(slot) => {
                let child = self.children[slot].as_mut().expect("a child to abort");
                assert!(child.serves(), "aborted and did not serve");
                child.aborted = Some(now);
            }
            Action::Kill(slot) => {
                let child = self.children[slot].expect("a child to kill");
                let asked = child.drained.is_none() || child.cut.is_some();
                let early = now < self.due(child) || !asked;
                assert!(
                    !early || self.gave_up,
                    "the child in {slot} is killed early"
                );
                let child = self.children[slot].as_mut().expect("a child to kill");
                assert!(!child.killed, "killed twice");
                child.killed = true;
                self.killed += u32::from(self.closing);
            }
            Action::Announce => {
                assert!(!self.announced, "announced twice");
                self.announced = true;
            }
            Action::Finish(verdict) => {
                assert!(!self.finished, "finished twice");
                assert!(self.announced, "finished before it was announced");
                assert!(self.children.iter().all(Option::is_none), "a child lives");
                let killed = self.killed;
                let want = match self.gave_up {
                    true => Verdict::GaveUp,
                    false => Verdict::Stopped { killed },
                };
                assert_eq!(verdict, want);
                self.finished = true;
            }
        }
    }

    /// When a child that drains is to be told to exit at once, or another one to be killed.
    fn due(&self, child: Child) -> Millis {
        match child {
            Child { killed: true, .. } => Millis::NEVER,
            Child { cut: Some(at), .. } => at.after(CUT_MS),
            Child {
                drained: Some(at), ..
            } => self.drain_ends_at(at),
            Child {
                aborted: Some(at), ..
            } => {
                let hurry = self.at_once.map_or(Millis::NEVER, |at| at.after(CUT_MS));
                at.after(ABORT_MS).min(hurry)
            }
            Child { ready: true, .. } => Millis::NEVER,
            Child { since, .. } => since.after(START_MS),
        }
    }

    /// When a child that was told to drain at this time is overdue: a stop bounds all of the drain.
    fn drain_ends_at(&self, told: Millis) -> Millis {
        let since = self.stopping.map_or(told, |since| since.min(told));
        since.after(self.policy.drain_timeout_ms)
    }

    /// What must be true between events.
    fn check(&self) {
        let (now, wake_at) = (self.now, self.supervisor.wake_at());
        assert!(wake_at > now, "it never sleeps");
        assert!(self.supervisor.backoff_ms() <= BACKOFF_MS.1);
        assert_eq!(
            self.announced,
            self.gave_up || self.stopping.is_some(),
            "announced"
        );
        assert_eq!(self.supervisor.wanted(), self.wanted);
        assert_eq!(self.supervisor.slots(), 2 * self.most_wanted, "slots");
        let serving = self.serving();
        assert!(
            !self.keeps_up() || serving <= self.wanted + 1,
            "{serving} serve, {} are wanted",
            self.wanted
        );
        for (slot, child) in self.children.iter().enumerate() {
            let Some(child) = child else { continue };
            let due = self.due(*child);
            assert!(now < due, "the child in {slot} is overdue");
            assert!(wake_at <= due, "asleep when {slot} is due");
            assert!(child.killed || !self.gave_up, "{slot} was not killed");
            let told = child.killed || child.cut.or(child.aborted).is_some();
            assert!(told || self.at_once.is_none(), "{slot} may finish");
        }
        for worker in 0..self.policy.most_workers {
            self.check_pair(worker);
        }
        let slots = 0..self.children.len();
        let retiring = slots.filter(|slot| self.supervisor.retires(*slot)).count();
        assert!(retiring <= 1, "{retiring} are replaced at a time");
        let to_replace = |child: &Child| child.stale && child.stays();
        assert_eq!(
            self.supervisor.is_replacing(),
            self.children.iter().flatten().any(to_replace),
            "to be replaced"
        );
        assert_eq!(
            self.supervisor.is_complete(),
            serving >= self.wanted,
            "complete"
        );
        if let Some(since) = self.stopping
            && self.keeps_up()
        {
            let drain_at = since.after(self.policy.drain_delay_ms);
            assert!(wake_at <= drain_at, "asleep when the delay ends");
        }
        let over = self.closing || self.gave_up;
        let stays = |child: &Child| child.stays();
        let staying = self.children.iter().flatten().any(stays);
        assert!(!over || !staying, "they were not told to drain");
        let alone = self.children.iter().all(Option::is_none);
        assert_eq!(self.finished, over && alone, "the end");
    }

    /// What must be true of the two slots of a worker.
    fn check_pair(&self, worker: usize) {
        let slots = [2 * worker, 2 * worker + 1];
        let retires = |slot: &usize| self.supervisor.retires(*slot);
        let child = |slot: &usize| self.children[*slot];
        for slot in slots.iter().filter(|slot| retires(slot)) {
            let serves = child(slot).is_some_and(|c| c.serves() && c.stale);
            assert!(serves, "{slot} need not be replaced");
        }
        let stays = |slot: &&usize| child(slot).is_some_and(Child::stays);
        let staying = slots.iter().filter(stays);
        let kept = staying.filter(|slot| !retires(slot)).count();
        let fills =
            |slot: &&usize| child(slot).is_none() && self.supervisor.respawn_pending(**slot);
        let filled = slots.iter().filter(fills).count();
        if !self.keeps_up() || worker >= self.wanted {
            assert_eq!(filled, 0, "a worker comes for {worker}");
            assert!(
                !self.keeps_up() || kept == 0,
                "worker {worker} is not wanted"
            );
            return;
        }
        // Both slots may be taken by children that drain.
        let full = slots.iter().all(|slot| child(slot).is_some());
        assert!(kept + filled <= 1, "two for worker {worker}");
        assert!(kept + filled == 1 || full, "no child is worker {worker}");
        let soon = self.supervisor.wake_at() <= self.now.after(BACKOFF_MS.1);
        assert!(filled == 0 || soon, "worker {worker} stays away");
    }
}
