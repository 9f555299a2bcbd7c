//! [`Watchdog`]: which workers hang. Pure: the manager tells it the time and what is on the
//! scoreboard.
//!
//! A worker notes when it begins a turn of its loop, and counts its steps in it; one that waits for
//! events has noted that it does nothing, and can do so for ever. What hangs is one that has been
//! in the same step for too long: never given up before its time, and up to half of it, or a
//! second, after that, because only looks tell when a step began.

use crate::time::Millis;

/// How often it looks, in milliseconds, while nobody is late: one wake-up a second at most.
const LOOK_MS: u64 = 1_000;

/// A worker that was stopped is given up after so long, in milliseconds: as long as a person needs
/// who did not mean it.
const STOPPED_MS: u64 = 4_000;

/// What a worker says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beat {
    /// Since when it has been busy; `None` while it waits.
    pub busy_since: Option<Millis>,
    /// Its steps so far.
    pub steps: u64,
}

/// What is known of one worker.
#[derive(Clone, Copy, Debug, Default)]
struct Pulse {
    /// What it said at the last look.
    beat: Beat,
    /// The first look that found it in this step, which may have begun just then.
    seen_at: Millis,
    /// When it was seen to be stopped.
    stopped_at: Option<Millis>,
}

/// Watches workers.
#[derive(Debug)]
pub struct Watchdog {
    /// How long a worker may be busy with one step; 0 for any time.
    timeout_ms: u64,
    pulses: Vec<Pulse>,
    /// What came before does not count: we were not there either.
    fresh_since: Millis,
    look_at: Millis,
}

impl Watchdog {
    /// One that lets workers be busy with one step for so long; with 0, it only looks after those
    /// that were stopped.
    pub fn new(timeout_ms: u64) -> Watchdog {
        Watchdog {
            timeout_ms,
            pulses: Vec::new(),
            fresh_since: Millis::default(),
            look_at: Millis::NEVER,
        }
    }

    /// When it wants to look again at the latest.
    pub fn look_at(&self) -> Millis {
        self.look_at
    }

    /// There is a new worker in this slot.
    pub fn begin(&mut self, slot: usize, now: Millis) {
        if self.pulses.len() <= slot {
            self.pulses.resize(slot + 1, Pulse::default());
        }
        self.pulses[slot] = Pulse::default();
        if self.timeout_ms > 0 && self.look_at == Millis::NEVER {
            self.look_at = now.after(self.pause_ms());
        }
    }

    /// The worker in this slot was stopped, or goes on.
    pub fn stopped(&mut self, slot: usize, stopped: bool, now: Millis) {
        if let Some(pulse) = self.pulses.get_mut(slot) {
            pulse.stopped_at = stopped.then_some(now);
            // The time for which it was stopped was not spent in its step.
            pulse.seen_at = now;
            self.look_at = self.look_at.min(now.after(STOPPED_MS));
        }
    }

    /// Looks at all workers; `beat` says what one has noted. Those that hang are added to `hung`.
    pub fn look(&mut self, now: Millis, beat: impl Fn(usize) -> Beat, hung: &mut Vec<usize>) {
        if now < self.look_at {
            return;
        }
        // Whoever comes so late was asleep, and so, in all likelihood, was everybody else.
        if now.since(self.look_at) > 2 * LOOK_MS {
            self.fresh_since = now;
        }
        self.look_at = match self.timeout_ms {
            0 => Millis::NEVER,
            _ => now.after(self.pause_ms()),
        };
        for (slot, pulse) in self.pulses.iter_mut().enumerate() {
            let last = std::mem::replace(&mut pulse.beat, beat(slot));
            // Nobody knows when since the last look it has begun this step. A turn may be as long
            // as it likes, so the turn's beginning says nothing.
            if pulse.beat != last {
                pulse.seen_at = now;
            }
            let mut give_up_at = Millis::NEVER;
            if let Some(at) = pulse.stopped_at {
                give_up_at = at.max(self.fresh_since).after(STOPPED_MS);
            } else if pulse.beat.busy_since.is_some() && self.timeout_ms > 0 {
                give_up_at = pulse.seen_at.max(self.fresh_since).after(self.timeout_ms);
            }
            if give_up_at <= now {
                hung.push(slot);
                *pulse = Pulse::default();
            } else {
                self.look_at = self.look_at.min(give_up_at);
            }
        }
    }

    fn pause_ms(&self) -> u64 {
        LOOK_MS.max(self.timeout_ms / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What happens to a watchdog at a time.
    #[derive(Clone, Copy, Debug)]
    enum Do<'a> {
        Begin(usize),
        Stopped(usize),
        GoesOn(usize),
        /// A look, when the workers say this.
        Look(&'a [Beat]),
    }
    use Do::*;

    /// When there is nothing to look for.
    const NEVER: u64 = u64::MAX;

    const IDLE: Beat = Beat {
        busy_since: None,
        steps: 7,
    };

    const fn busy(since: u64, steps: u64) -> Beat {
        Beat {
            busy_since: Some(Millis::new(since)),
            steps,
        }
    }

    /// A watchdog of so much patience, and what happens: at which time, who is given up then, and
    /// when the next look is due.
    type History = (
        &'static str,
        u64,
        &'static [(u64, Do<'static>, &'static [usize], u64)],
    );

    #[track_caller]
    fn plays((name, timeout_ms, history): &History) {
        let mut watchdog = Watchdog::new(*timeout_ms);
        assert_eq!(watchdog.look_at(), Millis::NEVER, "{name}");
        for (ms, what, want, look_at) in *history {
            let now = Millis::new(*ms);
            let mut hung = Vec::new();
            match *what {
                Begin(slot) => watchdog.begin(slot, now),
                Stopped(slot) => watchdog.stopped(slot, true, now),
                GoesOn(slot) => watchdog.stopped(slot, false, now),
                Look(beats) => {
                    let early = now < watchdog.look_at();
                    let beat = |slot: usize| {
                        assert!(!early, "{name}: a look at {ms} ms, before it is due");
                        beats.get(slot).copied().unwrap_or_default()
                    };
                    watchdog.look(now, beat, &mut hung);
                }
            }
            assert_eq!(hung, *want, "{name}: {what:?} at {ms} ms");
            let due = watchdog.look_at().get();
            assert_eq!(due, *look_at, "{name}: due after {what:?} at {ms} ms");
        }
    }

    #[test]
    fn a_worker_hangs_that_is_in_one_step_for_too_long() {
        const HISTORIES: &[History] = &[
            (
                "idle",
                2_000,
                &[
                    (0, Begin(0), &[], 1_000),
                    (1_000, Look(&[IDLE]), &[], 2_000),
                    (2_000, Look(&[IDLE]), &[], 3_000),
                    (9_000, Look(&[IDLE]), &[], 10_000),
                ],
            ),
            (
                "it hangs, and is told of once in its time",
                2_000,
                &[
                    (0, Begin(0), &[], 1_000),
                    (999, Look(&[busy(900, 8)]), &[], 1_000),
                    (1_000, Look(&[busy(900, 8)]), &[], 2_000),
                    (2_000, Look(&[busy(900, 8)]), &[], 3_000),
                    (2_999, Look(&[busy(900, 8)]), &[], 3_000),
                    (3_000, Look(&[busy(900, 8)]), &[0], 4_000),
                    (4_000, Look(&[busy(900, 8)]), &[], 5_000),
                    (5_000, Look(&[busy(900, 8)]), &[], 6_000),
                    (6_000, Look(&[busy(900, 8)]), &[0], 7_000),
                ],
            ),
            (
                "an odd patience, whose end comes after two looks",
                2_001,
                &[
                    (0, Begin(0), &[], 1_000),
                    (1_000, Look(&[busy(900, 8)]), &[], 2_000),
                    (2_000, Look(&[busy(900, 8)]), &[], 3_000),
                    (3_000, Look(&[busy(900, 8)]), &[], 3_001),
                    (3_001, Look(&[busy(900, 8)]), &[0], 4_001),
                ],
            ),
            (
                "a long patience needs two looks",
                30_000,
                &[
                    (0, Begin(0), &[], 15_000),
                    (15_000, Look(&[busy(1, 8)]), &[], 30_000),
                    (30_000, Look(&[busy(1, 8)]), &[], 45_000),
                    (45_000, Look(&[busy(1, 8)]), &[0], 60_000),
                ],
            ),
            (
                "a short patience ends between two looks",
                500,
                &[
                    (0, Begin(0), &[], 1_000),
                    (1_000, Look(&[busy(10, 1)]), &[], 1_500),
                    (1_500, Look(&[busy(10, 2)]), &[], 2_000),
                    (2_000, Look(&[busy(10, 2)]), &[0], 3_000),
                ],
            ),
            (
                "a long turn of many steps",
                2_000,
                &[
                    (0, Begin(0), &[], 1_000),
                    (1_000, Look(&[busy(10, 1)]), &[], 2_000),
                    (2_000, Look(&[busy(10, 2)]), &[], 3_000),
                    (3_000, Look(&[busy(10, 3)]), &[], 4_000),
                    (4_000, Look(&[busy(10, 4)]), &[], 5_000),
                ],
            ),
            (
                "a step that began long after its turn has the whole time",
                2_000,
                &[
                    (0, Begin(0), &[], 1_000),
                    (1_000, Look(&[busy(10, 1)]), &[], 2_000),
                    (2_000, Look(&[busy(10, 2)]), &[], 3_000),
                    (3_000, Look(&[busy(10, 2)]), &[], 4_000),
                    (4_000, Look(&[busy(10, 2)]), &[0], 5_000),
                ],
            ),
            (
                "a turn of no steps is not the turn before",
                2_000,
                &[
                    (0, Begin(0), &[], 1_000),
                    (1_000, Look(&[busy(10, 1)]), &[], 2_000),
                    (2_000, Look(&[busy(1_500, 1)]), &[], 3_000),
                    (3_000, Look(&[busy(2_500, 1)]), &[], 4_000),
                ],
            ),
            (
                "a look that comes late, and another step since the last",
                2_000,
                &[
                    (0, Begin(0), &[], 1_000),
                    (1_000, Look(&[busy(10, 1)]), &[], 2_000),
                    (3_900, Look(&[busy(10, 2)]), &[], 4_900),
                ],
            ),
            (
                "a look that comes late, and the same step",
                2_000,
                &[
                    (0, Begin(0), &[], 1_000),
                    (1_000, Look(&[busy(10, 1)]), &[], 2_000),
                    (4_000, Look(&[busy(10, 1)]), &[0], 5_000),
                ],
            ),
            (
                "a look that comes so late that the master slept",
                2_000,
                &[
                    (0, Begin(0), &[], 1_000),
                    (1_000, Look(&[busy(10, 1)]), &[], 2_000),
                    (4_001, Look(&[busy(10, 1)]), &[], 5_001),
                    (5_001, Look(&[busy(10, 1)]), &[], 6_001),
                    (6_001, Look(&[busy(10, 1)]), &[0], 7_001),
                ],
            ),
            (
                "what was before the sleep is forgotten, what comes after it is not",
                2_000,
                &[
                    (0, Begin(0), &[], 1_000),
                    (60_000, Look(&[IDLE]), &[], 61_000),
                    (61_000, Look(&[busy(60_500, 8)]), &[], 62_000),
                    (62_000, Look(&[busy(60_500, 8)]), &[], 63_000),
                    (63_000, Look(&[busy(60_500, 8)]), &[0], 64_000),
                ],
            ),
            (
                "each worker has its own slot and time, and the second begins no second watch",
                2_000,
                &[
                    (0, Begin(2), &[], 1_000),
                    (500, Begin(0), &[], 1_000),
                    (1_000, Look(&[IDLE, IDLE, busy(1, 1)]), &[], 2_000),
                    (2_000, Look(&[busy(3, 9), IDLE, busy(1, 1)]), &[], 3_000),
                    (3_000, Look(&[busy(3, 9), IDLE, busy(1, 1)]), &[2], 4_000),
                    (4_000, Look(&[busy(3, 9), IDLE, IDLE]), &[0], 5_000),
                ],
            ),
            (
                "the shortest patience",
                1,
                &[
                    (0, Begin(0), &[], 1_000),
                    (1_000, Look(&[busy(10, 1)]), &[], 1_001),
                    (1_001, Look(&[busy(10, 1)]), &[0], 2_001),
                ],
            ),
            ("nobody minds", 0, &[(0, Begin(0), &[], NEVER)]),
        ];
        HISTORIES.iter().for_each(plays);
    }

    #[test]
    fn a_worker_that_was_stopped_is_given_up_unless_it_goes_on() {
        const HISTORIES: &[History] = &[
            (
                "it does not",
                0,
                &[
                    (0, Begin(0), &[], NEVER),
                    (100, Stopped(0), &[], 4_100),
                    (4_099, Look(&[IDLE]), &[], 4_100),
                    (4_100, Look(&[IDLE]), &[0], NEVER),
                ],
            ),
            (
                "it goes on",
                0,
                &[
                    (0, Begin(0), &[], NEVER),
                    (100, Stopped(0), &[], 4_100),
                    (3_000, GoesOn(0), &[], 4_100),
                    (4_100, Look(&[IDLE]), &[], NEVER),
                ],
            ),
            (
                "it does not, among looks for others",
                30_000,
                &[
                    (0, Begin(0), &[], 15_000),
                    (100, Stopped(0), &[], 4_100),
                    (4_100, Look(&[IDLE]), &[0], 19_100),
                ],
            ),
            (
                "in the middle of a step, whose patience is shorter or longer",
                2_000,
                &[
                    (0, Begin(0), &[], 1_000),
                    (1_000, Look(&[busy(900, 8)]), &[], 2_000),
                    (1_100, Stopped(0), &[], 2_000),
                    (2_000, Look(&[busy(900, 8)]), &[], 3_000),
                    (3_000, Look(&[busy(900, 8)]), &[], 4_000),
                    (4_000, Look(&[busy(900, 8)]), &[], 5_000),
                    (5_000, Look(&[busy(900, 8)]), &[], 5_100),
                    (5_100, Look(&[busy(900, 8)]), &[0], 6_100),
                ],
            ),
            (
                "it goes on in the middle of a step, which has the whole time again",
                2_000,
                &[
                    (0, Begin(0), &[], 1_000),
                    (1_000, Look(&[busy(900, 8)]), &[], 2_000),
                    (1_100, Stopped(0), &[], 2_000),
                    (2_000, Look(&[busy(900, 8)]), &[], 3_000),
                    (3_000, Look(&[busy(900, 8)]), &[], 4_000),
                    (3_900, GoesOn(0), &[], 4_000),
                    (4_000, Look(&[busy(900, 8)]), &[], 5_000),
                    (5_000, Look(&[busy(900, 8)]), &[], 5_900),
                    (5_900, Look(&[busy(900, 8)]), &[0], 6_900),
                ],
            ),
            (
                "where nobody minds how long a step takes",
                0,
                &[
                    (0, Begin(0), &[], NEVER),
                    (0, Begin(1), &[], NEVER),
                    (100, Stopped(1), &[], 4_100),
                    (4_100, Look(&[busy(10, 1), IDLE]), &[1], NEVER),
                ],
            ),
            (
                "one after the other",
                0,
                &[
                    (0, Begin(0), &[], NEVER),
                    (0, Begin(1), &[], NEVER),
                    (100, Stopped(1), &[], 4_100),
                    (600, Stopped(0), &[], 4_100),
                    (4_100, Look(&[IDLE, IDLE]), &[1], 4_600),
                    (4_600, Look(&[IDLE, IDLE]), &[0], NEVER),
                ],
            ),
            (
                "its successor is not stopped",
                0,
                &[
                    (0, Begin(1), &[], NEVER),
                    (100, Stopped(1), &[], 4_100),
                    (200, Begin(1), &[], 4_100),
                    (4_100, Look(&[IDLE, IDLE]), &[], NEVER),
                ],
            ),
            (
                "the master slept, and so it may not have meant it",
                0,
                &[
                    (0, Begin(0), &[], NEVER),
                    (100, Stopped(0), &[], 4_100),
                    (60_000, Look(&[IDLE]), &[], 64_000),
                    (64_000, Look(&[IDLE]), &[0], NEVER),
                ],
            ),
            (
                "the master slept before",
                2_000,
                &[
                    (0, Begin(0), &[], 1_000),
                    (60_000, Look(&[IDLE]), &[], 61_000),
                    (60_800, Stopped(0), &[], 61_000),
                    (61_000, Look(&[IDLE]), &[], 62_000),
                    (62_000, Look(&[IDLE]), &[], 63_000),
                    (63_000, Look(&[IDLE]), &[], 64_000),
                    (64_000, Look(&[IDLE]), &[], 64_800),
                    (64_800, Look(&[IDLE]), &[0], 65_800),
                ],
            ),
            ("nobody", 0, &[(100, Stopped(0), &[], NEVER)]),
        ];
        HISTORIES.iter().for_each(plays);
    }
}
