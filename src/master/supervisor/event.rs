//! What a supervisor is told, what it is to keep up, and what it asks for.

/// What a supervisor is asked to keep up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How many workers should run at first.
    pub workers: usize,
    /// How many there are at least, whatever is asked for.
    pub least_workers: usize,
    /// How many may ever be asked for.
    pub most_workers: usize,
    /// How long all goes on as before when the end was asked for, before workers are told to leave.
    pub drain_delay_ms: u64,
    /// How long workers may take to finish what they have begun when they are told to leave; at a
    /// stop, from when that was asked for. What is unfinished then is cut off.
    pub drain_timeout_ms: u64,
    /// Give up after so many deaths before a worker was ready...
    pub restarts: u32,
    /// ...in so many milliseconds.
    pub restarts_within_ms: u64,
}

impl Policy {
    /// Why it cannot be kept, if that is so.
    pub fn check(&self) -> Result<(), String> {
        let (workers, most) = (self.workers, self.most_workers);
        if !(1..=most).contains(&workers) {
            return Err(format!("{workers} workers: expected 1 to {most}"));
        }
        let (delay_ms, timeout_ms) = (self.drain_delay_ms, self.drain_timeout_ms);
        if delay_ms > 0 && delay_ms >= timeout_ms {
            return Err(format!(
                "a drain delay of {delay_ms} ms leaves no time to drain: the drain timeout, which \
                 bounds both, is {timeout_ms} ms"
            ));
        }
        Ok(())
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The server begins.
    Start,
    /// The worker in this slot is ready to serve.
    Ready(usize),
    /// The worker in this slot has asked to be replaced by a new one.
    Retire(usize),
    /// All workers are to be replaced by new ones.
    Reload,
    /// One worker more is wanted.
    More,
    /// One worker less is wanted.
    Fewer,
    /// The worker in this slot does nothing any more.
    Hung(usize),
    /// The worker in this slot is dead, for whatever reason.
    Died(usize),
    /// The worker for this slot could not be forked.
    ForkFailed(usize),
    /// The server is asked to stop: gracefully the first time, at once the second time.
    Stop,
    /// Time has passed.
    Tick,
}

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Fork a worker for this slot.
    Fork(usize),
    /// Tell the worker in this slot to finish what it has begun and leave.
    Drain(usize),
    /// Tell the worker in this slot to leave at once, whatever is unfinished.
    Cut(usize),
    /// Have the worker in this slot die of `SIGABRT`, which leaves a core dump.
    Abort(usize),
    /// Kill the worker in this slot (`SIGKILL`).
    Kill(usize),
    /// The server stops soon: say so where load balancers ask (`/readyz`).
    Announce,
    /// No child is left: the server is over.
    Finish(Verdict),
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As requested. So many workers had to be killed.
    Stopped {
        /// How many workers did not leave in time.
        killed: u32,
    },
    /// Workers kept dying before they were ready.
    GaveUp,
}
