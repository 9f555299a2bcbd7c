//! [`Deadlines`]: when each connection times out.
//!
//! A flat table with one lower bound. Setting a deadline is a store and a comparison, whatever
//! it was before; when the bound passes, one sweep over the table finds what is due and the next
//! bound. A heap or a wheel would pay on every request for what happens once in seconds, and
//! 10,000 entries are swept in some microseconds.

use crate::time::Millis;

/// A deadline for each place of a slab.
#[derive(Debug)]
pub struct Deadlines {
    at: Vec<Millis>,
    /// No deadline lies before this; there may be none at it.
    bound: Millis,
}

impl Deadlines {
    /// None at all.
    pub const fn new() -> Deadlines {
        Deadlines {
            at: Vec::new(),
            bound: Millis::NEVER,
        }
    }

    /// Sets the deadline of a place; [`Millis::NEVER`] clears it.
    pub fn set(&mut self, index: usize, at: Millis) {
        if index >= self.at.len() {
            self.at.resize(index + 1, Millis::NEVER);
        }
        self.at[index] = at;
        self.bound = self.bound.min(at);
    }

    /// Until when nothing is due; [`Millis::NEVER`] if nothing ever is.
    pub fn bound(&self) -> Millis {
        self.bound
    }

    /// Clears what is due at `now` and adds its places to `due`.
    pub fn expire(&mut self, now: Millis, due: &mut Vec<usize>) {
        if now < self.bound {
            return;
        }
        self.bound = Millis::NEVER;
        for (index, at) in self.at.iter_mut().enumerate() {
            if *at <= now {
                *at = Millis::NEVER;
                due.push(index);
            } else {
                self.bound = self.bound.min(*at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(deadlines: &mut Deadlines, now: u64) -> Vec<usize> {
        let mut due = Vec::new();
        deadlines.expire(Millis::new(now), &mut due);
        due
    }

    #[test]
    fn each_is_due_once_and_not_early() {
        let mut deadlines = Deadlines::new();
        assert_eq!(deadlines.bound(), Millis::NEVER);
        deadlines.set(2, Millis::new(20));
        deadlines.set(0, Millis::new(10));
        assert_eq!(deadlines.bound(), Millis::new(10));
        assert_eq!(due(&mut deadlines, 9), []);
        assert_eq!(due(&mut deadlines, 10), [0]);
        assert_eq!(due(&mut deadlines, 10), []);
        assert_eq!(deadlines.bound(), Millis::new(20));
        assert_eq!(due(&mut deadlines, 100), [2]);
        assert_eq!(deadlines.bound(), Millis::NEVER);
    }

    #[test]
    fn a_deadline_that_was_moved_is_due_at_its_new_time() {
        let mut deadlines = Deadlines::new();
        deadlines.set(0, Millis::new(10));
        deadlines.set(0, Millis::new(30));
        assert_eq!(
            deadlines.bound(),
            Millis::new(10),
            "a bound, not the next deadline"
        );
        assert_eq!(due(&mut deadlines, 10), []);
        assert_eq!(deadlines.bound(), Millis::new(30));
        deadlines.set(0, Millis::NEVER);
        assert_eq!(due(&mut deadlines, 1_000), []);
    }
}
