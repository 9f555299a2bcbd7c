//! Supervision: which workers are forked, replaced, told to leave, and reported when they die.
//!
//! Sees a worker as a pid, a control line and a slot; knows nothing of clients' sockets, of
//! `Process` and of HTTP.
//!
//! | file | what it is |
//! |---|---|
//! | `supervisor/` | decides, and does nothing else: a pure function of events and time |
//! | `manager` | turns what happens into events, and performs what was decided |
//! | `workers` | what can be done to a worker |
//! | `children`, `spawn` | the worker processes, and how one is forked |
//! | `signals`, `stopper` | what the operator asks for, and what the program asks for |
//! | `watchdog` | which worker has been in one step for too long |
//! | `deaths`, `oom_kills` | how a worker died, and what it was doing |
//! | `receipt` | what is accounted for at a stop |

mod children;
mod deaths;
mod manager;
mod oom_kills;
mod receipt;
mod signals;
mod spawn;
mod stopper;
pub(crate) mod supervisor;
mod watchdog;
mod workers;

pub(crate) use manager::WorkerManager;
pub use stopper::{Outcome, Stopper};

use crate::worker::Worker;

/// So many workers of one kind.
pub(crate) struct WorkerGroup {
    /// What each of them runs.
    pub(crate) worker: Box<dyn Worker>,
    /// How many there are at first.
    pub(crate) count: usize,
    /// What the log and the status call them, where there are several groups.
    pub(crate) name: &'static str,
}
