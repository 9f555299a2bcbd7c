//! Who goes when there is no room: the connection that has been idle the longest.
//!
//! Connections are not kept in the order in which they became idle: that would cost something with
//! every request. When room is needed, all of them are looked at once and those that are idle are
//! sorted; as long as that list lasts, nobody who became idle later has been so for longer.

use std::mem;

use super::event_loop::EventLoop;
use super::link::{Link, Phase};
use super::slab::Token;
use super::stream::Stream;
use super::turn::Why;
use crate::time::Millis;

/// How long a peer that has just connected may take to say something before its connection can be
/// closed for another one, in milliseconds: it is about to.
pub(super) const HELLO_MS: u64 = 1_000;
/// The same for one that has just had an answer: whoever asks one thing after the other takes less.
pub(super) const PAUSE_MS: u64 = 200;
/// How soon to look again when nobody can be spared, in milliseconds: who is busy now may be idle
/// then, and nothing else would tell.
const LOOK_AGAIN_MS: u64 = 100;

impl Link<'_> {
    /// From when on it can be closed for somebody else, if it stays as it is; `None` while anything
    /// is under way.
    pub fn spare_from(&self) -> Option<Millis> {
        match self.phase {
            Phase::Open if self.is_idle() => match self.heard {
                true => Some(self.moved.after(PAUSE_MS)),
                false => Some(self.moved.after(HELLO_MS)),
            },
            // The peer has all that it will get, if not just now.
            Phase::Lingering(_) => Some(self.moved.after(PAUSE_MS)),
            _ => None,
        }
    }

    fn is_idle(&self) -> bool {
        self.input.is_empty() && self.output.is_empty() && self.connection.is_idle()
    }

    /// Whether the peer has taken all that was sent. What it has not would be lost if something
    /// came from it after the end.
    pub fn is_taken(&self) -> bool {
        self.stream.untaken().is_ok_and(|bytes| bytes == 0)
    }
}

/// Connections that could be spared when it was last looked, and from when on: the next to go at
/// the end.
#[derive(Debug, Default)]
pub struct Candidates(Vec<(Millis, Token)>);

impl Candidates {
    /// Forgets those of before.
    fn renew(&mut self, found: impl Iterator<Item = (Millis, Token)>) {
        self.0.clear();
        self.0.extend(found);
        self.0
            .sort_unstable_by_key(|(from, _)| u64::MAX - from.get());
    }

    /// The next one, if it can be spared by now.
    fn next(&self, now: Millis) -> Option<(Millis, Token)> {
        self.0.last().copied().filter(|(from, _)| *from <= now)
    }

    /// The next one is not to be asked again.
    fn skip(&mut self) {
        self.0.pop();
    }

    /// When the next one can be spared.
    fn due(&self) -> Millis {
        self.0.last().map_or(Millis::NEVER, |(from, _)| *from)
    }
}

/// What was found when room was needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spare {
    /// This one can be closed. Nothing has come from it up to now.
    Idle(Token),
    /// One has closed by itself: there is room.
    Gone,
    /// There is none. It is worth another look at that time.
    None(Millis),
}

impl EventLoop<'_> {
    /// Looks for the client that can best be spared. Closes nothing.
    pub(super) fn find_spare(&mut self) -> Spare {
        let mut candidates = mem::take(&mut self.candidates);
        let mut spare = self.next_spare(&mut candidates);
        if spare.is_none() {
            // Admins have room of their own: without one of them there is none more for clients.
            let clients = (self.links.iter()).filter(|(token, _)| !self.is_admin(*token));
            candidates.renew(
                clients.filter_map(|(token, link)| link.spare_from().map(|from| (from, token))),
            );
            spare = self.next_spare(&mut candidates);
        }
        let spare = spare.unwrap_or_else(|| self.no_spare(&candidates));
        self.candidates = candidates;
        spare
    }

    /// The same among admins, who are too few for a list that lasts.
    pub(super) fn find_spare_admin(&mut self) -> Spare {
        let mut candidates = Candidates::default();
        let admins = (self.links.iter()).filter(|(token, _)| self.is_admin(*token));
        candidates
            .renew(admins.filter_map(|(token, link)| link.spare_from().map(|from| (from, token))));
        let spare = self.next_spare(&mut candidates);
        spare.unwrap_or_else(|| self.no_spare(&candidates))
    }

    /// The first candidate that can be spared by now.
    fn next_spare(&mut self, candidates: &mut Candidates) -> Option<Spare> {
        while let Some((from, token)) = candidates.next(self.now.at) {
            if self.spare_from(token) != Some(from) {
                candidates.skip();
                continue;
            }
            // A last look: it may have sent a request just now.
            let connections = self.links.len();
            self.turn(token, Why::Readable);
            if self.links.len() < connections {
                candidates.skip();
                return Some(Spare::Gone);
            }
            let taken = self.links.get_mut(token).is_some_and(|l| l.is_taken());
            if taken && self.spare_from(token) == Some(from) {
                return Some(Spare::Idle(token));
            }
            candidates.skip();
        }
        None
    }

    /// Closes the connection that can best be spared; whether there was one.
    pub(super) fn shed(&mut self, find: fn(&mut Self) -> Spare) -> bool {
        let spare = find(self);
        if let Spare::Idle(token) = spare {
            self.turn(token, Why::Unwanted);
        }
        !matches!(spare, Spare::None(_))
    }

    fn no_spare(&self, candidates: &Candidates) -> Spare {
        Spare::None(candidates.due().min(self.now.at.after(LOOK_AGAIN_MS)))
    }

    fn spare_from(&mut self, token: Token) -> Option<Millis> {
        self.links.get_mut(token)?.spare_from()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_are_idle_the_longest_go_first_and_nobody_goes_early() {
        let at = Millis::new;
        let token = |n: u64| Token::from_raw(n);
        let mut candidates = Candidates::default();
        assert_eq!(candidates.due(), Millis::NEVER);
        assert_eq!(candidates.next(at(1_000)), None);
        candidates.renew([(at(30), token(3)), (at(10), token(1)), (at(20), token(2))].into_iter());
        assert_eq!(candidates.due(), at(10));
        assert_eq!(candidates.next(at(9)), None);
        assert_eq!(candidates.next(at(10)), Some((at(10), token(1))));
        assert_eq!(candidates.next(at(10)), Some((at(10), token(1))), "still");
        candidates.skip();
        assert_eq!(candidates.next(at(19)), None);
        assert_eq!(candidates.next(at(99)), Some((at(20), token(2))));
        candidates.renew([(at(40), token(4))].into_iter());
        assert_eq!(candidates.due(), at(40), "the others are forgotten");
    }
}
