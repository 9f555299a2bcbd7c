//! Which connection is evicted when there is no room: one that lingers, then the one that has been
//! idle the longest, then the one whose client has read nothing for the longest time, or whose stream
//! has had nothing to send.
//!
//! Connections are not kept in the order in which they became idle: that would cost something with
//! every request. When room is needed, all of them are looked at once and those that are idle are
//! sorted; as long as that list lasts, nobody who became idle later has been so for longer.

use std::mem;

use super::slab::Token;
use crate::time::Millis;
use crate::worker::event_loop::EventLoop;
use crate::worker::link::guarded::Activity;
use crate::worker::link::stream::Stream;
use crate::worker::link::turn::Why;
use crate::worker::link::{Link, Phase};

/// How long a peer that has just connected may take to say something before its connection can be
/// closed for another one, in milliseconds: it is about to.
pub(crate) const HELLO_MS: u64 = 1_000;
/// The same for one that has just had an answer: whoever asks one thing after the other takes less.
pub(crate) const PAUSE_MS: u64 = 200;
/// How soon to look again when nobody can be spared, in milliseconds: who is busy now may be idle
/// then, and nothing else would tell.
const LOOK_AGAIN_MS: u64 = 100;
/// How long a client must have read nothing before it can be evicted, in milliseconds: slow is not
/// paused.
const STALLED_MS: u64 = 1_000;

/// How long an admin connection that says nothing keeps its place when another one waits, in
/// milliseconds.
const ADMIN_HELLO_MS: u64 = 100;

/// In which order connections are evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// The client has its last answer.
    Lingering,
    /// The client has all its answers.
    Idle,
    /// The client reads nothing, or there is nothing to read for it.
    Stalled,
}

impl Link<'_> {
    /// From when on the connection can be evicted, if it stays as it is; `None` while it is busy.
    pub fn evictable_at(&self) -> Option<(Rank, Millis)> {
        let idle_ms = if self.heard { PAUSE_MS } else { HELLO_MS };
        match self.phase {
            Phase::Lingering(_) => Some((Rank::Lingering, self.moved.after(PAUSE_MS))),
            Phase::Open if self.is_idle() => Some((Rank::Idle, self.moved.after(idle_ms))),
            _ if self.is_behind() => Some((Rank::Stalled, self.moved.after(STALLED_MS))),
            Phase::Open if self.activity == Activity::Waiting => Some((Rank::Stalled, self.moved)),
            _ => None,
        }
    }

    fn is_idle(&self) -> bool {
        self.input.is_empty() && self.output.is_empty() && self.activity == Activity::Idle
    }

    /// Whether the peer has taken all that was sent. What it has not would be lost if something
    /// came from it after the end.
    pub fn is_taken(&self) -> bool {
        self.stream.untaken().is_ok_and(|bytes| bytes == 0)
    }
}

/// When a connection can be evicted, and which one it is.
type Candidate = (Rank, Millis, Token);

/// Connections that could be evicted when it was last looked: the next one is the last.
#[derive(Debug, Default)]
pub struct Candidates {
    list: Vec<Candidate>,
    /// Where the last answer of `next` is.
    at: usize,
}

impl Candidates {
    /// Forgets those of before.
    fn renew(&mut self, found: impl Iterator<Item = Candidate>) {
        self.list.clear();
        self.list.extend(found);
        (self.list).sort_unstable_by_key(|(rank, from, _)| std::cmp::Reverse((*rank, *from)));
    }

    /// The next one, if it can be evicted by now. One that cannot be yet does not keep those of the
    /// next rank.
    fn next(&mut self, now: Millis) -> Option<Candidate> {
        self.at = self.list.iter().rposition(|(_, from, _)| *from <= now)?;
        self.list.get(self.at).copied()
    }

    /// The next one is not to be asked again.
    fn skip(&mut self) {
        if self.at < self.list.len() {
            self.list.remove(self.at);
        }
    }

    /// When the next one can be spared.
    fn due(&self) -> Millis {
        let times = self.list.iter().map(|(_, from, _)| *from);
        times.min().unwrap_or(Millis::NEVER)
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
    pub(crate) fn find_spare(&mut self) -> Spare {
        let mut candidates = mem::take(&mut self.candidates);
        let mut spare = self.next_spare(&mut candidates);
        if spare.is_none() {
            // Admins have room of their own: without one of them there is none more for clients.
            let clients = (self.links.iter()).filter(|(token, _)| !self.is_admin(*token));
            candidates.renew(clients.filter_map(candidate));
            spare = self.next_spare(&mut candidates);
        }
        let spare = spare.unwrap_or_else(|| self.no_spare(&candidates));
        // Others may be idle when the next one is looked for, and go first.
        candidates.list.retain(|(rank, ..)| *rank != Rank::Stalled);
        self.candidates = candidates;
        spare
    }

    /// The same among admins, who are too few for a list that lasts.
    pub(crate) fn find_spare_admin(&mut self) -> Spare {
        let mut candidates = Candidates::default();
        let admins = (self.links.iter()).filter(|(token, _)| self.is_admin(*token));
        candidates.renew(admins.filter_map(|found| {
            let (rank, from, token) = candidate(found)?;
            // An admin that has connected and says nothing for longer is none.
            Some((rank, from.min(found.1.moved.after(ADMIN_HELLO_MS)), token))
        }));
        let spare = self.next_spare(&mut candidates);
        spare.unwrap_or_else(|| self.no_spare(&candidates))
    }

    /// The first candidate that can be spared by now.
    fn next_spare(&mut self, candidates: &mut Candidates) -> Option<Spare> {
        while let Some((rank, _, token)) = candidates.next(self.now.at) {
            let found = self.evictable_at(token);
            if found.is_none_or(|(now, _)| now != rank) {
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
            // What a client has not taken would be lost; one that does not read wants it so.
            let link = self.links.get_mut(token);
            let is_lossless = rank == Rank::Stalled || link.is_some_and(|l| l.is_taken());
            if is_lossless && self.evictable_at(token) == found {
                return Some(Spare::Idle(token));
            }
            candidates.skip();
        }
        None
    }

    /// Closes the connection that can best be spared; whether there was one.
    pub(crate) fn shed(&mut self, find: fn(&mut Self) -> Spare) -> bool {
        let spare = find(self);
        if let Spare::Idle(token) = spare {
            self.turn(token, Why::Unwanted);
        }
        !matches!(spare, Spare::None(_))
    }

    fn no_spare(&self, candidates: &Candidates) -> Spare {
        Spare::None(candidates.due().min(self.now.at.after(LOOK_AGAIN_MS)))
    }

    fn evictable_at(&mut self, token: Token) -> Option<(Rank, Millis)> {
        self.links.get_mut(token)?.evictable_at()
    }
}

fn candidate((token, link): (Token, &Link<'_>)) -> Option<Candidate> {
    let (rank, from) = link.evictable_at()?;
    Some((rank, from, token))
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
