//! What a [`Link`] still owes its peer, and how it ends with that.

use super::{Fate, Link, Phase};
use crate::worker::stream::Stream;

/// A link's account of requests.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// One has begun whose answer is not sent, as far as is known since the last turn.
    owing: bool,
    /// While the worker leaves, if the connection is older than that: answers that are made, and
    /// not sent to their ends.
    made: Option<u64>,
}

impl<S: Stream> Link<'_, S> {
    /// Whether a request has begun whose answer is not sent, as of the last turn.
    pub fn is_owing(&self) -> bool {
        self.account.owing
    }

    /// Notes whether one has; says so if that has changed.
    pub fn note_owing(&mut self) -> Option<bool> {
        let owes = self.owes();
        (std::mem::replace(&mut self.account.owing, owes) != owes).then_some(owes)
    }

    /// The worker begins to leave: from now on answers count.
    pub fn begin_to_count(&mut self) {
        let made = match self.phase {
            Phase::Open => self.connection.is_idle() && !self.output.is_empty(),
            Phase::Closing | Phase::Finishing => !self.output.is_empty(),
            Phase::Broken | Phase::Lingering(_) => false,
        };
        self.account.made = Some(made.into());
    }

    /// After a turn that has come to this, in which so many answers were made: how many were sent to
    /// their ends, of those that count.
    pub fn count(&mut self, answers: u64, fate: Fate) -> u64 {
        let is_over = matches!(fate, Fate::Gone | Fate::Stuck);
        let is_lost = match self.phase {
            // Its peer was gone, or given up.
            Phase::Open => is_over,
            Phase::Broken => true,
            Phase::Closing | Phase::Finishing | Phase::Lingering(_) => false,
        };
        match &mut self.account.made {
            Some(made) if !is_lost => {
                *made += answers;
                match self.output.is_empty() {
                    true => std::mem::take(made),
                    false => 0,
                }
            }
            _ => 0,
        }
    }

    fn owes(&self) -> bool {
        match self.phase {
            Phase::Open => {
                !self.connection.is_idle() || !self.input.is_empty() || !self.output.is_empty()
            }
            Phase::Closing | Phase::Finishing => !self.output.is_empty(),
            Phase::Broken | Phase::Lingering(_) => false,
        }
    }

    /// Ends, whatever is unfinished. The peer must not take this for the end of an answer.
    pub(super) fn cut(&mut self) -> Fate {
        if self.owes() {
            // If this fails, it is gone already.
            let _ = self.stream.reset();
        }
        Fate::Gone
    }
}
