//! Points in time, as plain numbers: [`Millis`] and [`Now`].
//!
//! Time is an argument in this project: an event loop reads the clock once an iteration and hands
//! the time down, so that protocols, deadlines and the supervisor can be tested without waiting.
//! Nothing here reads a clock.

pub(crate) mod calendar;

/// A point on a clock that only goes forward, in milliseconds since an unknown start.
///
/// ```
/// use httprs::Millis;
/// let start = Millis::new(1_000);
/// assert_eq!(start.after(500), Millis::new(1_500));
/// assert_eq!(start.after(500).since(start), 500);
/// assert_eq!(start.since(start.after(500)), 0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(u64);

impl Millis {
    /// A deadline that never passes.
    pub const NEVER: Millis = Millis(u64::MAX);

    /// The point `ms` milliseconds after the clock's start.
    pub const fn new(ms: u64) -> Millis {
        Millis(ms)
    }

    /// Milliseconds since the clock's start.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The point `ms` milliseconds later; [`Millis::NEVER`] where that would overflow.
    pub const fn after(self, ms: u64) -> Millis {
        Millis(self.0.saturating_add(ms))
    }

    /// How many milliseconds have passed since `earlier`; 0 if it lies ahead.
    pub const fn since(self, earlier: Millis) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The time of both clocks when this turn began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// The monotonic clock: for deadlines and durations.
    pub at: Millis,
    /// The wall clock, in milliseconds since 1970: for `Date` and log lines, never for deadlines.
    pub unix_ms: u64,
}

impl Now {
    /// The wall clock in whole seconds since 1970.
    pub const fn unix(self) -> u64 {
        self.unix_ms / 1000
    }
}
