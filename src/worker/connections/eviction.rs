//! Which connection is evicted when there is no room for a new one: a lingering one, then the one
//! that has been idle the longest, then the one whose client has read nothing for the longest time,
//! or whose stream has had nothing to send.
//!
//! Nothing is evicted for a client that is not there: a candidate is found first, and evicted when
//! the new client was accepted.

use super::Connections;
use super::candidates::Candidates;
use super::slab::Token;
use crate::time::Millis;
use crate::worker::iteration::Iteration;
use crate::worker::link::Rank;
use crate::worker::link::turn::Wakeup;
use crate::worker::role::Role;
use crate::worker::transport::Transport;

/// How soon to look again when no connection can be evicted, in milliseconds: a connection that is
/// busy now may be idle then, and no event would say so.
const LOOK_AGAIN_MS: u64 = 100;

/// How long an admin connection that sends nothing keeps its place when another one waits, in
/// milliseconds.
const ADMIN_IDLE_MS: u64 = 100;

/// What was found when room was needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Eviction {
    /// This connection can be closed. Nothing has come from its client up to now.
    Candidate(Token),
    /// A connection has closed by itself: there is room.
    AlreadyClosed,
    /// There is none. It is worth another look at that time.
    NoneUntil(Millis),
}

impl<T: Transport> Connections<'_, T> {
    /// Looks for the connection of a role that is to be evicted first. Closes nothing. A role has
    /// room of its own: an admin that is closed makes none for clients.
    pub(crate) fn find_idle(&mut self, role: Role, it: &Iteration) -> Eviction {
        let mut candidates = std::mem::take(&mut self.role_mut(role).candidates);
        let mut found = self.next_idle(&mut candidates, role, it);
        if found.is_none() {
            let of_role = (self.links.iter()).filter(|(_, link)| link.role() == role);
            candidates.renew(of_role.filter_map(|(token, link)| {
                let (rank, from) = link.evictable_at(most_idle_ms(role))?;
                Some((rank, from, token))
            }));
            found = self.next_idle(&mut candidates, role, it);
        }
        let due = candidates.due().min(it.now.at.after(LOOK_AGAIN_MS));
        candidates.forget_stalled();
        self.role_mut(role).candidates = candidates;
        found.unwrap_or(Eviction::NoneUntil(due))
    }

    /// Evicts the connection of a role that comes first; whether there was one.
    pub(crate) fn evict_idle(&mut self, role: Role, it: &Iteration) -> bool {
        match self.find_idle(role, it) {
            Eviction::Candidate(token) => self.evict(token, it),
            Eviction::AlreadyClosed => {}
            Eviction::NoneUntil(_) => return false,
        }
        true
    }

    /// Closes a connection to make room for another one.
    pub(crate) fn evict(&mut self, token: Token, it: &Iteration) {
        self.turn(token, Wakeup::Evict, it);
    }

    /// The first candidate that can be evicted by now.
    fn next_idle(
        &mut self,
        candidates: &mut Candidates,
        role: Role,
        it: &Iteration,
    ) -> Option<Eviction> {
        while let Some((rank, _, token)) = candidates.next(it.now.at) {
            let found = self.evictable_at(token, role);
            if found.is_none_or(|(now, _)| now != rank) {
                candidates.skip();
                continue;
            }
            // A last look: a request may have come just now.
            let connections = self.links.len();
            self.turn(token, Wakeup::Readable, it);
            if self.links.len() < connections {
                candidates.skip();
                return Some(Eviction::AlreadyClosed);
            }
            // What a client has not taken would be lost; a client that does not read wants it so.
            let link = self.links.get_mut(token);
            let is_lossless =
                rank == Rank::Stalled || link.is_some_and(|link| link.is_acknowledged());
            if is_lossless && self.evictable_at(token, role) == found {
                return Some(Eviction::Candidate(token));
            }
            candidates.skip();
        }
        None
    }

    fn evictable_at(&mut self, token: Token, role: Role) -> Option<(Rank, Millis)> {
        let link = self.links.get_mut(token)?;
        link.evictable_at(most_idle_ms(role))
    }
}

/// How long a connection in this role keeps its place at most when nothing moves on it, in
/// milliseconds.
fn most_idle_ms(role: Role) -> u64 {
    match role {
        Role::Client => u64::MAX,
        Role::Admin => ADMIN_IDLE_MS,
    }
}
