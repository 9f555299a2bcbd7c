//! [`Watchdog`]: which workers hang. Pure: the manager tells it the time and what is on the
//! scoreboard.
//!
//! A worker publishes when it begins a step, and that it is idle before it waits for events, which
//! may last for ever. A worker hangs if it has been in the same step for too long.

use crate::time::Millis;

/// How often the watchdog looks, in milliseconds, while no worker is late: one wake-up a second at
/// most, where the timeout is not shorter than that.
const LOOK_MS: u64 = 1_000;

/// How often it looks at most, however short the timeout is, in milliseconds.
const SOONEST_MS: u64 = 50;

/// A look that is so late, in milliseconds, says more of the master than of the workers.
const LATE_MS: u64 = LOOK_MS / 2;

/// A worker that was stopped (`SIGSTOP`) hangs after so long, in milliseconds: an operator that
/// stopped it by mistake has as long to continue it.
const STOPPED_MS: u64 = 4_000;

/// Since when a worker has been in its step; `None` while it waits for events.
pub type Beat = Option<Millis>;

/// What is known of one worker.
#[derive(Clone, Copy, Debug, Default)]
struct Pulse {
    /// What the worker did before does not count.
    fresh_since: Millis,
    /// When the worker was seen to be stopped.
    stopped_at: Option<Millis>,
}

/// Watches workers.
#[derive(Debug)]
pub struct Watchdog {
    /// How long a worker may be busy with one step; 0 for any time.
    timeout_ms: u64,
    pulses: Vec<Pulse>,
    /// What came before does not count: the master did not run either.
    fresh_since: Millis,
    look_at: Millis,
}

impl Watchdog {
    /// A watchdog that lets workers be busy with one step for so long; with 0, it only watches
    /// workers that were stopped.
    pub fn new(timeout_ms: u64) -> Watchdog {
        Watchdog {
            timeout_ms,
            pulses: Vec::new(),
            fresh_since: Millis::default(),
            look_at: Millis::NEVER,
        }
    }

    /// When the next look is due at the latest.
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
            pulse.fresh_since = now;
            self.look_at = self.look_at.min(now.after(STOPPED_MS));
        }
    }

    /// Looks at all workers; `beat` says what one has noted. Those that hang are added to `hung`,
    /// and again when as much time has passed once more.
    pub fn look(&mut self, now: Millis, beat: impl Fn(usize) -> Beat, hung: &mut Vec<usize>) {
        if now < self.look_at {
            return;
        }
        // A master that comes so late was asleep, and so, in all likelihood, were the workers.
        if now.since(self.look_at) > LATE_MS {
            self.fresh_since = now;
        }
        self.look_at = match self.timeout_ms {
            0 => Millis::NEVER,
            _ => now.after(self.pause_ms()),
        };
        for (slot, pulse) in self.pulses.iter_mut().enumerate() {
            let (since, timeout_ms) = match (pulse.stopped_at, beat(slot)) {
                (Some(at), _) => (at, STOPPED_MS),
                (None, Some(since)) if self.timeout_ms > 0 => (since, self.timeout_ms),
                _ => continue,
            };
            let since = since.max(pulse.fresh_since).max(self.fresh_since);
            let give_up_at = since.after(timeout_ms);
            if give_up_at <= now {
                hung.push(slot);
                *pulse = Pulse {
                    fresh_since: now,
                    stopped_at: None,
                };
            } else {
                self.look_at = self.look_at.min(give_up_at);
            }
        }
    }

    /// Not longer than the timeout: so a step is seen before its time is up, and the next look is
    /// just when that is.
    fn pause_ms(&self) -> u64 {
        (self.timeout_ms.clamp(SOONEST_MS, LOOK_MS)).max(self.timeout_ms / 2)
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

    const IDLE: Beat = None;

    const fn busy(since: u64) -> Beat {
        Some(Millis::new(since))
    }

    /// A watchdog with this timeout, and what happens: at which time, which hang then, and
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
                "it hangs, and is told of when its time is up, and once more when it still does",
                2_000,
                &[
                    (0, Begin(0), &[], 1_000),
                    (999, Look(&[busy(900)]), &[], 1_000),
                    (1_000, Look(&[busy(900)]), &[], 2_000),
                    (2_000, Look(&[busy(900)]), &[], 2_900),
                    (2_899, Look(&[busy(900)]), &[], 2_900),
                    (2_900, Look(&[busy(900)]), &[0], 3_900),
                    (3_900, Look(&[busy(900)]), &[], 4_900),
                    (4_900, Look(&[busy(900)]), &[0], 5_900),
                ],
            ),
            (
                "an odd timeout, whose end comes after two looks",
                2_001,
                &[
                    (0, Begin(0), &[], 1_000),
                    (1_000, Look(&[busy(999)]), &[], 2_000),
                    (2_000, Look(&[busy(999)]), &[], 3_000),
                    (3_000, Look(&[busy(999)]), &[0], 4_000),
                ],
            ),
            (
                "a long timeout",
                30_000,
                &[
                    (0, Begin(0), &[], 15_000),
                    (15_000, Look(&[busy(1)]), &[], 30_000),
                    (30_000, Look(&[busy(1)]), &[], 30_001),
                    (30_001, Look(&[busy(1)]), &[0], 45_001),
                ],
            ),
            (
                "a short timeout is what it says",
                500,
                &[
                    (0, Begin(0), &[], 500),
                    (500, Look(&[busy(1)]), &[], 501),
                    (501, Look(&[busy(1)]), &[0], 1_001),
                    (1_001, Look(&[busy(1_000)]), &[], 1_500),
                    (1_500, Look(&[busy(1_400)]), &[], 1_900),
                    (1_900, Look(&[busy(1_400)]), &[0], 2_400),
                ],
            ),
            (
                "a long turn of many steps",
                2_000,
                &[
                    (0, Begin(0), &[], 1_000),
                    (1_000, Look(&[busy(10)]), &[], 2_000),
                    (2_000, Look(&[busy(1_500)]), &[], 3_000),
                    (3_000, Look(&[busy(2_900)]), &[], 4_000),
                    (4_000, Look(&[busy(3_900)]), &[], 5_000),
                ],
            ),
            (
                "a look that comes late, and another step since the last",
                2_000,
                &[
                    (0, Begin(0), &[], 1_000),
                    (1_000, Look(&[busy(10)]), &[], 2_000),
                    (3_900, Look(&[busy(3_000)]), &[], 4_900),
                ],
            ),
            (
                "a look that comes late, and the same step",
                2_000,
                &[
                    (0, Begin(0), &[], 1_000),
                    (1_000, Look(&[busy(10)]), &[], 2_000),
                    (2_500, Look(&[busy(10)]), &[0], 3_500),
                ],
            ),
            (
                "a look that comes so late that the master slept",
                2_000,
                &[
                    (0, Begin(0), &[], 1_000),
                    (1_000, Look(&[busy(10)]), &[], 2_000),
                    (2_501, Look(&[busy(10)]), &[], 3_501),
                    (3_501, Look(&[busy(10)]), &[], 4_501),
                    (4_501, Look(&[busy(10)]), &[0], 5_501),
                ],
            ),
            (
                "what was before the sleep is forgotten, what comes after it is not",
                2_000,
                &[
                    (0, Begin(0), &[], 1_000),
                    (60_000, Look(&[IDLE]), &[], 61_000),
                    (61_000, Look(&[busy(60_500)]), &[], 62_000),
                    (62_000, Look(&[busy(60_500)]), &[], 62_500),
                    (62_500, Look(&[busy(60_500)]), &[0], 63_500),
                ],
            ),
            (
                "each worker has its own slot and time, and the second begins no second watch",
                2_000,
                &[
                    (0, Begin(2), &[], 1_000),
                    (500, Begin(0), &[], 1_000),
                    (1_000, Look(&[IDLE, IDLE, busy(100)]), &[], 2_000),
                    (2_000, Look(&[busy(1_300), IDLE, busy(100)]), &[], 2_100),
                    (2_100, Look(&[busy(1_300), IDLE, busy(100)]), &[2], 3_100),
                    (3_100, Look(&[busy(1_300), IDLE, IDLE]), &[], 3_300),
                    (3_300, Look(&[busy(1_300), IDLE, IDLE]), &[0], 4_300),
                ],
            ),
            (
                "a successor begins anew",
                2_000,
                &[
                    (0, Begin(0), &[], 1_000),
                    (1_000, Stopped(0), &[], 1_000),
                    (1_100, Begin(0), &[], 1_000),
                    (1_200, Look(&[busy(1_150)]), &[], 2_200),
                    (2_200, Look(&[busy(1_150)]), &[], 3_150),
                    (3_150, Look(&[busy(1_150)]), &[0], 4_150),
                ],
            ),
            (
                "the shortest timeout",
                1,
                &[
                    (0, Begin(0), &[], 50),
                    (50, Look(&[busy(50)]), &[], 51),
                    (51, Look(&[busy(50)]), &[0], 101),
                ],
            ),
            ("no timeout", 0, &[(0, Begin(0), &[], NEVER)]),
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
                "in the middle of a step, whose timeout is shorter or longer",
                2_000,
                &[
                    (0, Begin(0), &[], 1_000),
                    (1_000, Look(&[busy(900)]), &[], 2_000),
                    (1_100, Stopped(0), &[], 2_000),
                    (2_000, Look(&[busy(900)]), &[], 3_000),
                    (3_000, Look(&[busy(900)]), &[], 4_000),
                    (4_000, Look(&[busy(900)]), &[], 5_000),
                    (5_000, Look(&[busy(900)]), &[], 5_100),
                    (5_100, Look(&[busy(900)]), &[0], 6_100),
                ],
            ),
            (
                "it goes on in the middle of a step, which has the whole time again",
                2_000,
                &[
                    (0, Begin(0), &[], 1_000),
                    (1_000, Look(&[busy(900)]), &[], 2_000),
                    (1_100, Stopped(0), &[], 2_000),
                    (2_000, Look(&[busy(900)]), &[], 3_000),
                    (3_000, Look(&[busy(900)]), &[], 4_000),
                    (3_900, GoesOn(0), &[], 4_000),
                    (4_000, Look(&[busy(900)]), &[], 5_000),
                    (5_000, Look(&[busy(900)]), &[], 5_900),
                    (5_900, Look(&[busy(900)]), &[0], 6_900),
                ],
            ),
            (
                "without a timeout",
                0,
                &[
                    (0, Begin(0), &[], NEVER),
                    (0, Begin(1), &[], NEVER),
                    (100, Stopped(1), &[], 4_100),
                    (4_100, Look(&[busy(10), IDLE]), &[1], NEVER),
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
            ("no timeout", 0, &[(100, Stopped(0), &[], NEVER)]),
        ];
        HISTORIES.iter().for_each(plays);
    }
}
