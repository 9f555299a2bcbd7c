//! [`Iteration`]: what is true for one iteration of the event loop.

use crate::sys::clock;
use crate::time::{Millis, Now};

/// What is true for one iteration of the event loop: the clock is read once, and the time handed
/// down.
#[derive(Clone, Copy, Debug)]
pub struct Iteration {
    /// The time.
    pub now: Now,
    /// The same, in microseconds of the monotonic clock.
    pub now_us: u64,
    /// The worker drains.
    pub stopping: bool,
}

impl Iteration {
    /// The next one: reads the clock.
    pub fn begin(stopping: bool) -> Iteration {
        let now_us = clock::monotonic_us();
        Iteration {
            now: Now {
                at: Millis::new(now_us / 1_000),
                unix_ms: clock::realtime_ms(),
            },
            now_us,
            stopping,
        }
    }
}
