//! Supervision: which workers are forked, replaced, told to leave, and reported when they die.
//!
//! Sees a worker as a pid, a control line and a slot; knows nothing of clients' sockets, of `Process`
//! and of HTTP.
//!
//! | file | what it is |
//! |---|---|
//! | `supervisor/` | decides, and does nothing else: a pure function of events and time |
//! | `manager` | turns what happens into events, and does what was decided |
//! | `spawn` | forks a worker |
//! | `signals` | what the operator wants |
//! | `deaths`, `oom_kills` | how a worker died, as far as can be known |
//! | `watchdog` | which worker is stuck in one step |
//! | `stopper` | a stop from inside of the program, and what is said at the end |

mod deaths;
mod manager;
mod oom_kills;
mod signals;
mod spawn;
mod stopper;
pub(crate) mod supervisor;
mod watchdog;

pub(crate) use manager::WorkerManager;
pub use stopper::{Outcome, Stopper};

use crate::worker::Worker;

/// So many workers of one kind.
pub(crate) struct WorkerGroup {
    /// What each of them runs.
    pub(crate) worker: Box<dyn Worker>,
    /// How many there are.
    pub(crate) count: usize,
}
