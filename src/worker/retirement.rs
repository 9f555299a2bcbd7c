//! [`Retirement`]: when a worker asks its master for a successor.

use super::control::Orders;
use crate::scoreboard::Slot;
use crate::time::Millis;

/// A worker whose predecessor lived for less than this, in milliseconds, lives at least as long
/// before it asks for a successor because of a panic: else a client that makes workers panic could
/// have a worker forked for each of its requests.
const SHORT_LIFE_MS: u64 = 1_000;

/// Why a worker has to be replaced some day, or now.
#[derive(Debug, Default)]
pub struct Retirement {
    /// The count of requests in the worker's slot at which it has answered enough.
    at_requests: Option<u64>,
    panic_is_told: bool,
    /// No panic is reported to the master before this time.
    tells_from: Millis,
}

impl Retirement {
    /// For a worker that begins now and is to answer so many requests.
    pub fn new(requests: Option<u64>, slot: &Slot, now: Millis) -> Retirement {
        // The predecessors in the slot have counted, too.
        let answered = slot.requests();
        let tells_from = match slot.predecessor_age_ms() < SHORT_LIFE_MS {
            true => now.after(SHORT_LIFE_MS),
            false => now,
        };
        Retirement {
            at_requests: requests.map(|requests| answered.saturating_add(requests)),
            tells_from,
            ..Retirement::default()
        }
    }

    /// Asks for a successor if it is time, once for each reason. `panicked`: code has panicked that
    /// the worker called for a connection.
    pub fn check(&mut self, now: Millis, panicked: bool, slot: &Slot, orders: &Orders) {
        if self.at_requests.is_some_and(|at| slot.requests() >= at) {
            self.at_requests = None;
            orders.report_retire();
        }
        if now >= self.check_at(panicked) {
            self.panic_is_told = true;
            orders.report_panic();
        }
    }

    /// When there will be something to check, if nothing happens until then.
    pub fn check_at(&self, panicked: bool) -> Millis {
        match panicked && !self.panic_is_told {
            true => self.tells_from,
            false => Millis::NEVER,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoreboard::Scoreboard;
    use crate::worker::control::{Message, Report, pair};

    #[test]
    fn a_panic_is_told_once_and_not_by_each_of_a_quick_succession() {
        for (before, born, first) in [
            ("none", 0, 500),
            ("a long life", 1_000, 500),
            ("a short life", 1_001, 1_500),
            ("a clock that was set back", 9_000, 1_500),
        ] {
            let board = Scoreboard::new().unwrap();
            let slot = board.slot(5).unwrap();
            board.slot(4).unwrap().set_born(born);
            slot.set_born(2_000);
            let (line, orders) = pair().unwrap();
            let mut retirement = Retirement::new(None, &slot, Millis::new(500));
            let mut check = |ms, panicked: bool| {
                retirement.check(Millis::new(ms), panicked, &slot, &orders);
                (line.receive(), retirement.check_at(panicked).get())
            };
            let (nothing, never) = (Message::None, Millis::NEVER.get());
            assert_eq!(check(9_000, false), (nothing, never), "{before}");
            if first > 500 {
                assert_eq!(check(first - 1, true), (nothing, first), "{before}");
            }
            let told = Message::Some(Report::Panicked);
            assert_eq!(check(first, true), (told, never), "{before}");
            assert_eq!(check(9_000, true), (nothing, never), "{before}: told");
        }
    }
}
