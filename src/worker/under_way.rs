//! [`UnderWay`]: how many requests a worker has begun and not answered to their ends, where its
//! master can read it when the worker is dead.

use super::link::Link;
use super::turn::Fate;
use crate::scoreboard::Slot;

/// Counts the links that owe an answer.
#[derive(Debug, Default)]
pub struct UnderWay(usize);

impl UnderWay {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.0
    }

    /// A link has its turn. What it does in it is under way, too: it may never come back from it.
    /// Returns how many requests were answered so far.
    pub fn begin(&self, link: &Link<'_>, slot: &Slot) -> u64 {
        slot.set_under_way(self.0 + usize::from(!link.is_owing()));
        slot.requests()
    }

    /// The turn has come to this, when so many requests had been `answered` before it.
    pub fn end(&mut self, link: &mut Link<'_>, slot: &Slot, answered: u64, fate: Fate) {
        let finished = link.count(slot.requests() - answered, fate);
        if finished > 0 {
            slot.count_finished(finished);
        }
        match link.note_owing() {
            Some(true) => self.0 += 1,
            Some(false) => self.0 -= 1,
            None => {}
        }
        slot.set_under_way(self.0);
    }

    /// A link is closed, whatever it owes.
    pub fn forget(&mut self, link: &Link<'_>, slot: &Slot) {
        self.0 -= usize::from(link.is_owing());
        slot.set_under_way(self.0);
    }
}
