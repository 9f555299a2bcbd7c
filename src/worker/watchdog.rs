//! [`Watchdog`]: which workers hang. Pure: the manager tells it the time and what is on the
//! scoreboard.
//!
//! A worker notes when it begins a turn of its loop, and counts its steps in it; one that waits for
//! events has noted that it does nothing, and can do so for ever. What hangs is one that has been
//! in the same step for too long.

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
    /// When it was seen to be stopped.
    stopped_at: Option<Millis>,
}

/// Watches workers.
#[derive(Debug)]
pub struct Watchdog {
    /// How long a worker may be busy with one step; 0 for any time.
    timeout_ms: u64,
    pulses: Vec<Pulse>,
    looked_at: Millis,
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
            looked_at: Millis::NEVER,
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
            self.looked_at = now;
            self.look_at = now.after(self.pause_ms());
        }
    }

    /// The worker in this slot was stopped, or goes on.
    pub fn stopped(&mut self, slot: usize, stopped: bool, now: Millis) {
        if let Some(pulse) = self.pulses.get_mut(slot) {
            pulse.stopped_at = stopped.then_some(now);
            self.look_at = self.look_at.min(now.after(STOPPED_MS));
        }
    }

    /// Looks at all workers; `beat` says what one has noted. Those that hang are added to `hung`.
    pub fn look(&mut self, now: Millis, beat: impl Fn(usize) -> Beat, hung: &mut Vec<usize>) {
        if now < self.look_at {
            return;
        }
        // Whoever comes so late was asleep, and so, in all likelihood, was everybody else.
        let late = now.since(self.look_at) > 2 * LOOK_MS;
        if late {
            self.fresh_since = now;
        }
        let looked_at = std::mem::replace(&mut self.looked_at, now);
        let pause_ms = self.pause_ms();
        self.look_at = match self.timeout_ms {
            0 => Millis::NEVER,
            _ => now.after(pause_ms),
        };
        for (slot, pulse) in self.pulses.iter_mut().enumerate() {
            let last = std::mem::replace(&mut pulse.beat, beat(slot));
            let mut give_up_at = Millis::NEVER;
            if let Some(at) = pulse.stopped_at {
                give_up_at = at.max(self.fresh_since).after(STOPPED_MS);
            } else if let Some(since) = pulse.beat.busy_since
                && self.timeout_ms > 0
            {
                let since = match pulse.beat.steps == last.steps {
                    true => since,
                    // It has begun another step since the last look, nobody knows when.
                    false if self.timeout_ms >= 2 * pause_ms => since.max(looked_at),
                    false => now,
                };
                give_up_at = since.max(self.fresh_since).after(self.timeout_ms);
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

    const IDLE: Beat = Beat {
        busy_since: None,
        steps: 7,
    };

    fn busy(since: u64, steps: u64) -> Beat {
        Beat {
            busy_since: Some(Millis::new(since)),
            steps,
        }
    }

    /// Looks at one worker at these times, when it says this; the times at which it was given up.
    fn given_up(timeout_ms: u64, history: &[(u64, Beat)]) -> Vec<u64> {
        let mut watchdog = Watchdog::new(timeout_ms);
        watchdog.begin(0, Millis::new(0));
        let mut hung = Vec::new();
        let mut at = Vec::new();
        for (ms, beat) in history {
            watchdog.look(Millis::new(*ms), |_| *beat, &mut hung);
            at.extend(hung.drain(..).map(|_| *ms));
        }
        at
    }

    #[test]
    fn a_worker_hangs_that_is_in_one_step_for_too_long() {
        for (name, timeout_ms, history, want) in [
            (
                "idle",
                2_000,
                &[(1_000, IDLE), (2_000, IDLE), (9_000, IDLE)][..],
                &[][..],
            ),
            (
                "hangs",
                2_000,
                &[
                    (1_000, busy(900, 8)),
                    (2_000, busy(900, 8)),
                    (2_900, busy(900, 8)),
                ],
                &[2_900],
            ),
            (
                "a long turn of many steps",
                2_000,
                &[
                    (1_000, busy(10, 1)),
                    (2_000, busy(10, 2)),
                    (3_000, busy(10, 3)),
                    (4_000, busy(10, 4)),
                ],
                &[],
            ),
            (
                "hangs in the middle of such a turn",
                2_000,
                &[
                    (1_000, busy(10, 1)),
                    (2_000, busy(10, 2)),
                    (3_000, busy(10, 2)),
                ],
                &[3_000],
            ),
            (
                "a short patience and a long turn",
                500,
                &[
                    (1_000, busy(10, 1)),
                    (2_000, busy(10, 2)),
                    (2_500, busy(10, 2)),
                ],
                &[2_500],
            ),
            (
                "the master slept",
                2_000,
                &[
                    (1_000, busy(900, 8)),
                    (60_000, busy(900, 8)),
                    (61_000, busy(900, 8)),
                ],
                &[],
            ),
            (
                "the master slept and it hangs",
                2_000,
                &[
                    (60_000, busy(900, 8)),
                    (61_000, busy(900, 8)),
                    (62_000, busy(900, 8)),
                ],
                &[62_000],
            ),
            (
                "nobody minds",
                0,
                &[(1_000, busy(0, 8)), (99_000, busy(0, 8))],
                &[],
            ),
        ] {
            assert_eq!(given_up(timeout_ms, history), want, "{name}");
        }
    }

    #[test]
    fn it_looks_exactly_when_patience_ends_and_once_a_second_at_most_before() {
        let mut watchdog = Watchdog::new(2_000);
        assert_eq!(watchdog.look_at(), Millis::NEVER);
        watchdog.begin(0, Millis::new(0));
        let mut hung = Vec::new();
        let mut looks = Vec::new();
        while hung.is_empty() {
            let at = watchdog.look_at();
            looks.push(at.get());
            watchdog.look(at, |_| busy(1_300, 1), &mut hung);
        }
        assert_eq!(looks, [1_000, 2_000, 3_000, 3_300]);
    }

    #[test]
    fn a_worker_that_was_stopped_is_given_up_unless_it_goes_on() {
        for (timeout_ms, goes_on) in [(0, false), (0, true), (30_000, false), (30_000, true)] {
            let mut watchdog = Watchdog::new(timeout_ms);
            watchdog.begin(0, Millis::new(0));
            watchdog.stopped(0, true, Millis::new(100));
            if goes_on {
                watchdog.stopped(0, false, Millis::new(3_000));
            }
            let mut hung = Vec::new();
            while watchdog.look_at() < Millis::new(20_000) {
                watchdog.look(watchdog.look_at(), |_| IDLE, &mut hung);
            }
            let want: &[usize] = if goes_on { &[] } else { &[0] };
            assert_eq!(hung, want, "{timeout_ms}");
        }
    }
}
