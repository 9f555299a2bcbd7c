//! [`Candidates`]: connections that may be evicted, in the order in which they are.
//!
//! Connections are not kept in the order in which they became idle: that would cost something with
//! every request. When room is needed, all of them are looked at once and the idle ones are sorted.
//! Entries stay in order until the list is used up: a connection that becomes idle later cannot
//! have been idle longer.

use std::cmp::Reverse;

use super::slab::Token;
use crate::time::Millis;
use crate::worker::link::Rank;

/// When a connection can be evicted, and which one it is.
pub(super) type Candidate = (Rank, Millis, Token);

/// Connections that could be evicted when all were last looked at; the next one is the last.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    list: Vec<Candidate>,
    /// Where the last answer of `next` is.
    at: usize,
}

impl Candidates {
    /// Forgets the connections of before.
    pub(super) fn renew(&mut self, found: impl Iterator<Item = Candidate>) {
        self.list.clear();
        self.list.extend(found);
        (self.list).sort_unstable_by_key(|(rank, from, _)| Reverse((*rank, *from)));
    }

    /// The next connection that can be evicted by now. A connection that cannot be yet does not
    /// stand in the way of those of the next rank.
    pub(super) fn next(&mut self, now: Millis) -> Option<Candidate> {
        self.at = self.list.iter().rposition(|(_, from, _)| *from <= now)?;
        self.list.get(self.at).copied()
    }

    /// The next one is not to be offered again.
    pub(super) fn skip(&mut self) {
        if self.at < self.list.len() {
            self.list.remove(self.at);
        }
    }

    /// Forgets the connections that are not idle: others may be idle when the next one is looked
    /// for, and go first.
    pub(super) fn forget_stalled(&mut self) {
        self.list.retain(|(rank, ..)| *rank != Rank::Stalled);
    }

    /// When the next one can be evicted.
    pub(super) fn due(&self) -> Millis {
        let times = self.list.iter().map(|(_, from, _)| *from);
        times.min().unwrap_or(Millis::NEVER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_come_one_after_the_other_and_none_goes_early() {
        use Rank::*;
        let (at, token) = (Millis::new, Token::from_raw);
        let mut candidates = Candidates::default();
        assert_eq!(candidates.due(), Millis::NEVER);
        assert_eq!(candidates.next(at(1_000)), None);
        candidates.renew(
            [
                (Idle, at(30), token(3)),
                (Stalled, at(5), token(5)),
                (Idle, at(10), token(1)),
                (Lingering, at(50), token(4)),
                (Idle, at(20), token(2)),
            ]
            .into_iter(),
        );
        assert_eq!(candidates.due(), at(5));
        assert_eq!(candidates.next(at(4)), None);
        let next = |candidates: &mut Candidates, now| {
            candidates.next(at(now)).map(|(.., token)| token.raw())
        };
        assert_eq!(
            next(&mut candidates, 9),
            Some(5),
            "none else can be evicted yet"
        );
        assert_eq!(next(&mut candidates, 10), Some(1));
        assert_eq!(next(&mut candidates, 10), Some(1), "still");
        candidates.skip();
        assert_eq!(next(&mut candidates, 50), Some(4), "lingering ones first");
        candidates.skip();
        assert_eq!(next(&mut candidates, 50), Some(2));
        candidates.skip();
        assert_eq!(next(&mut candidates, 50), Some(3));
        candidates.skip();
        assert_eq!(next(&mut candidates, 50), Some(5));
        candidates.skip();
        assert_eq!(next(&mut candidates, 99), None);
        candidates.renew([(Idle, at(40), token(4))].into_iter());
        assert_eq!(candidates.due(), at(40), "the others are forgotten");
    }
}
