//! What a [`Link`] leaves unfinished when it has to end.

use super::{Fate, Link, Phase};

impl Link<'_> {
    /// Whether a request has begun whose answer is not sent.
    pub fn owes(&self) -> bool {
        match self.phase {
            Phase::Open => {
                !self.connection.is_idle() || !self.input.is_empty() || !self.output.is_empty()
            }
            Phase::Closing => !self.output.is_empty(),
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
