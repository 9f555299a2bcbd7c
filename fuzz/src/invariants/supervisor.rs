//! In any order of events: one child a slot, nobody leaves before its successor serves, one end.

use httprs::Millis;

/// The supervisor is not public; its source is plain enough to be read here a second time.
#[path = "../../../src/worker/supervisor/mod.rs"]
#[allow(dead_code, reason = "the manager asks for more than a simulation")]
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
    /// It was told to die, in one way or the other.
    doomed: bool,
    killed: bool,
}

impl Child {
    /// It accepts connections.
    fn serves(self) -> bool {
        self.ready && self.drained.is_none() && !self.doomed
    }
}

/// A supervisor, and the children that it believes to have.
pub struct World {
    policy: Policy,
    supervisor: Supervisor,
    now: Millis,
    children: Vec<Option<Child>>,
    wanted: usize,
    started: bool,
    stopping: bool,
    announced: bool,
    finished: bool,
    /// What was asked for in the last step.
    actions: Vec<Action>,
}

/// Four bytes of policy, then two for each event: which it is and what time it takes, and whose it
/// is. Panics where the invariant is broken.
pub fn holds(data: &[u8]) {
    let [workers, drain, restarts, within, events @ ..] = data else {
        return;
    };
    let mut world = World::new(Policy {
        workers: 1 + usize::from(workers % 4),
        most_workers: 6,
        drain_timeout_ms: u64::from(*drain) * 16,
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
        World {
            policy,
            supervisor: Supervisor::new(policy),
            now: Millis::new(1),
            children: vec![None; 2 * policy.most_workers],
            wanted: policy.workers,
            started: false,
            stopping: false,
            announced: false,
            finished: false,
            actions: Vec::new(),
        }
    }

    fn play(&mut self, event: Event) {
        let was_finished = self.finished;
        let served = self.serving();
        self.happen(event);
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
        if !may_lose && !self.announced {
            assert!(self.serving() >= served, "fewer serve after {event:?}");
        }
        self.actions = actions;
        self.check();
    }

    fn serving(&self) -> usize {
        let children = self.children.iter().flatten();
        children.filter(|child| child.serves()).count()
    }

    /// Stops, waits, and lets every child die: that must be the end.
    fn end(&mut self) {
        self.play(Event::Stop);
        self.now = self.now.after(self.policy.drain_timeout_ms.max(PAUSE_MS));
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
        let running = self.started && !self.stopping && !self.announced;
        match event {
            Event::Start => self.started |= !self.stopping,
            Event::Stop => self.stopping = true,
            Event::More if running && self.wanted < self.policy.most_workers => self.wanted += 1,
            Event::Fewer if running && self.wanted > 1 => self.wanted -= 1,
            Event::Ready(slot) => {
                if let Some(Some(child)) = self.children.get_mut(slot) {
                    child.ready = true;
                }
            }
            Event::Died(slot) => {
                if let Some(place) = self.children.get_mut(slot) {
                    *place = None;
                }
            }
            Event::ForkFailed(slot) => {
                if let Some(place) = self.children.get_mut(slot)
                    && place.is_some_and(|c| !c.ready && c.drained.is_none() && !c.doomed)
                {
                    *place = None;
                }
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
                    doomed: false,
                    killed: false,
                });
            }
            Action::Drain(slot) => {
                let child = children[slot].as_mut().expect("a child to drain");
                assert!(child.drained.is_none() && !child.doomed, "drained twice");
                child.drained = Some(self.now);
            }
            Action::Abort(slot) => {
                let child = children[slot].as_mut().expect("a child to abort");
                assert!(child.serves(), "aborted and did not serve");
                child.doomed = true;
            }
            Action::Kill(slot) => {
                let child = children[slot].as_mut().expect("a child to kill");
                assert!(!child.killed, "killed twice");
                (child.doomed, child.killed) = (true, true);
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
        let running = self.started && !self.announced;
        assert!(self.supervisor.pause_ms() <= PAUSE_MS);
        assert!(
            !self.stopping || self.announced,
            "a stop that nobody knows of"
        );
        assert_eq!(self.supervisor.wanted(), self.wanted);
        let serving = self.serving();
        assert!(
            !running || serving <= self.wanted + 1,
            "{serving} serve, {} are wanted",
            self.wanted
        );
        for (slot, child) in self.children.iter().enumerate() {
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
            let is_doomed = |c: &Child| c.doomed && !c.killed;
            if child.as_ref().is_some_and(is_doomed) {
                assert!(
                    wake_at <= now.after(PAUSE_MS),
                    "asleep when {slot} lives on"
                );
            }
        }
        for worker in 0..self.policy.most_workers {
            let slots = [2 * worker, 2 * worker + 1];
            let stays = |child: &Child| child.drained.is_none() && !child.doomed;
            let pair = slots.map(|slot| self.children[slot]);
            let staying = pair.iter().flatten().filter(|c| stays(c)).count();
            let wanted = running && worker < self.wanted;
            let filled = slots.map(|s| self.supervisor.will_fill(s)) != [false; 2];
            assert!(!wanted || filled, "nobody will ever be worker {worker}");
            assert!(
                !running || wanted || staying == 0,
                "worker {worker} is not wanted"
            );
            if wanted && staying == 0 {
                // Both places may be taken by those that leave.
                let full = pair.iter().all(Option::is_some);
                assert!(
                    full || wake_at <= now.after(PAUSE_MS),
                    "{worker} stays empty"
                );
            }
        }
        assert_eq!(
            self.supervisor.is_complete(),
            serving >= self.wanted,
            "complete"
        );
        let alone = self.children.iter().all(Option::is_none);
        assert_eq!(self.finished, self.announced && alone, "the end");
    }
}

/// Plays a history in which children do what children do: they become ready or do not, serve, die,
/// hang, and leave when they are told to, or not; forks fail, clocks jump, and somebody sends
/// signals. Tells `trace` of each event. Panics where the invariant is broken, and if in the end
/// the server is not complete although nothing happens any more.
#[allow(dead_code, reason = "`make sim` plays it, and no fuzz target")]
pub fn simulate(seed: u64, trace: &mut dyn FnMut(String)) {
    let mut dice = Dice(seed);
    let policy = Policy {
        workers: 1 + dice.below(4) as usize,
        most_workers: 6,
        drain_timeout_ms: [0, 50, 3_000, 8_000][dice.below(4) as usize],
        restarts: 3 + dice.below(10) as u32,
        restarts_within_ms: 60_000,
    };
    let mut world = World::new(policy);
    let mut plans: Vec<(u64, Event)> = vec![(1, Event::Start)];
    let troubles = dice.below(40);
    // How likely it is, in percent, that something goes wrong with a fork and with a child.
    let (bad_fork, bad_child) = (dice.below(30), dice.below(30));
    for _ in 0..troubles {
        let at = 1 + dice.below(60_000);
        plans.push((
            at,
            match dice.below(8) {
                0 | 1 => Event::Reload,
                2 => Event::More,
                3 => Event::Fewer,
                4 => Event::Retire(dice.below(12) as usize),
                5 => Event::Hung(dice.below(12) as usize),
                6 => Event::Died(dice.below(12) as usize),
                _ => Event::Tick,
            },
        ));
    }
    let calm = 61_000;
    let mut steps = 0;
    loop {
        steps += 1;
        assert!(steps < 20_000, "it never comes to rest");
        // What comes next: something planned, or what the supervisor wants to be woken for.
        let next = (0..plans.len()).min_by_key(|i| plans[*i].0);
        let wake_at = world.supervisor.wake_at();
        let (at, event) = match next {
            Some(i) if plans[i].0 <= wake_at.get() => plans.swap_remove(i),
            _ if wake_at == Millis::NEVER => break,
            _ => (wake_at.get(), Event::Tick),
        };
        // A machine that sleeps comes late to everything.
        let late = if dice.below(200) == 0 { 70_000 } else { 0 };
        world.now = world.now.max(Millis::new(at)).after(late);
        let now = world.now.get();
        let event = match event {
            // Whose child is gone has nothing to say.
            Event::Ready(slot) | Event::Died(slot) if world.children[slot].is_none() => continue,
            event => event,
        };
        trace(format!("{now} {event:?}"));
        world.play(event);
        let quiet = now > calm;
        for action in std::mem::take(&mut world.actions) {
            trace(format!("    {action:?}"));
            match action {
                Action::Fork(slot) if !quiet && dice.below(100) < bad_fork => {
                    plans.push((now, Event::ForkFailed(slot)));
                }
                Action::Fork(slot) => {
                    // Whatever was planned for the child before is not for this one.
                    plans.retain(
                        |plan| !matches!(plan.1, Event::Died(s) | Event::Ready(s) if s == slot),
                    );
                    let fate = if quiet { 100 } else { dice.below(100) };
                    if fate >= bad_child / 2 {
                        plans.push((now + dice.below(60), Event::Ready(slot)));
                    }
                    if fate < bad_child {
                        plans.push((now + dice.below(3_000), Event::Died(slot)));
                    }
                }
                Action::Drain(slot) => {
                    let stays = dice.below(2) * dice.below(9_000);
                    plans.push((now + stays, Event::Died(slot)));
                }
                Action::Abort(slot) if dice.below(2) == 0 => {
                    plans.push((now + 3, Event::Died(slot)));
                }
                Action::Kill(slot) => plans.push((now + 1, Event::Died(slot))),
                _ => {}
            }
        }
    }
    // Nothing is planned, nothing is due: all is well, or it gave up.
    if !world.announced {
        assert_eq!(world.serving(), world.wanted, "at rest");
        assert!(!world.supervisor.is_replacing(), "a reload without end");
    }
    world.end();
}

/// Random numbers that come again for the same seed (xorshift64*).
#[allow(dead_code, reason = "see `simulate`")]
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        // The state must not be zero, and small seeds must not look alike.
        let mut x = self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.0 = self.0.wrapping_add(0x632b_e59b_d9b4_e019);
        (x.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % n
    }
}
