//! Histories: faults and their times, for [`simulate`] and for tests that play them with real
//! processes.

use httprs::Millis;

use super::World;
use super::source::{Action, Event, Policy};

/// From this time on nothing goes wrong any more, in milliseconds.
pub const CALM_MS: u64 = 61_000;

/// The policy of a server, and the events that it has to deal with.
pub struct History {
    pub policy: Policy,
    /// Events from outside and their times, in milliseconds; in no order.
    pub troubles: Vec<(u64, Event)>,
    /// How likely it is, in percent, that something goes wrong with a fork.
    pub bad_fork: u64,
    /// The same for a child.
    pub bad_child: u64,
}

impl History {
    /// The same history for the same dice.
    pub fn new(dice: &mut Dice) -> History {
        let policy = Policy {
            workers: 1 + dice.below(4) as usize,
            least_workers: 1,
            most_workers: 6,
            drain_delay_ms: 0,
            drain_timeout_ms: [0, 50, 3_000, 8_000][dice.below(4) as usize],
            restarts: 3 + dice.below(10) as u32,
            restarts_within_ms: 60_000,
        };
        let troubles = dice.below(40);
        let (bad_fork, bad_child) = (dice.below(30), dice.below(30));
        let mut trouble = || {
            let at = 1 + dice.below(60_000);
            let slot = dice.below(12) as usize;
            let event = match dice.below(8) {
                0 | 1 => Event::Reload,
                2 => Event::More,
                3 => Event::Fewer,
                4 => Event::Retire(slot),
                5 => Event::Hung(slot),
                6 => Event::Died(slot),
                // Most histories go on to the end.
                _ if slot == 0 => Event::Stop,
                _ => Event::Tick,
            };
            (at, event)
        };
        History {
            policy,
            troubles: (0..troubles).map(|_| trouble()).collect(),
            bad_fork,
            bad_child,
        }
    }
}

/// Plays a history in which children become ready or do not, serve, die, hang, and exit when they
/// are told to, or not; forks fail, clocks jump, and an operator sends signals. Calls `trace` with
/// each event. Panics where the invariant is broken, and if in the end the server is not complete
/// although nothing happens any more.
pub fn simulate(seed: u64, trace: &mut dyn FnMut(String)) {
    let mut dice = Dice::new(seed);
    let history = History::new(&mut dice);
    let mut policy = history.policy;
    policy.drain_delay_ms = policy.drain_timeout_ms * dice.below(4) / 4;
    let mut world = World::new(policy);
    let mut plans = history.troubles;
    // Half of the histories have a stop in the middle, half of these a second one.
    let stop_at = 1 + dice.below(60_000);
    for wish in 0..dice.below(4).saturating_sub(1) {
        plans.push((stop_at + wish * dice.below(4_000), Event::Stop));
    }
    plans.push((1, Event::Start));
    let (bad_fork, bad_child) = (history.bad_fork, history.bad_child);
    let mut steps = 0;
    loop {
        steps += 1;
        assert!(steps < 20_000, "it never comes to rest");
        // Next is a planned event, or the time at which the supervisor wants to wake.
        let next = (0..plans.len()).min_by_key(|i| plans[*i].0);
        let wake_at = world.supervisor.wake_at();
        let (at, event) = match next {
            Some(i) if plans[i].0 <= wake_at.get() => plans.swap_remove(i),
            _ if wake_at == Millis::NEVER => break,
            _ => (wake_at.get(), Event::Tick),
        };
        // A machine that was asleep is late for everything.
        let late = if dice.below(200) == 0 { 70_000 } else { 0 };
        world.now = world.now.max(Millis::new(at)).after(late);
        let now = world.now.get();
        let event = match event {
            // A child that is gone reports nothing.
            Event::Ready(slot) | Event::Died(slot) if world.children[slot].is_none() => continue,
            event => event,
        };
        trace(format!("{now} {event:?}"));
        world.play(event);
        let quiet = now > CALM_MS;
        for action in std::mem::take(&mut world.actions) {
            trace(format!("    {action:?}"));
            match action {
                Action::Fork(slot) if !quiet && dice.below(100) < bad_fork => {
                    plans.push((now, Event::ForkFailed(slot)));
                }
                Action::Fork(slot) => {
                    // Events that were planned for the last child are not for this one.
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
                Action::Cut(slot) | Action::Abort(slot) if dice.below(2) == 0 => {
                    plans.push((now + 3, Event::Died(slot)));
                }
                Action::Kill(slot) => plans.push((now + 1, Event::Died(slot))),
                _ => {}
            }
        }
    }
    // Nothing is planned, nothing is due: all workers serve, unless the server stopped.
    if !world.announced {
        assert_eq!(world.serving(), world.wanted, "at rest");
        assert!(!world.supervisor.is_replacing(), "a reload without end");
    }
    world.end();
}

/// Random numbers that come again for the same seed (xorshift64*).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        // The state must not be zero, and small seeds must not look alike.
        let mut x = self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.0 = self.0.wrapping_add(0x632b_e59b_d9b4_e019);
        (x.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % n
    }
}
