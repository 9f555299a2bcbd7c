//! [`InFlight`]: how many requests a worker has begun and not answered to their ends, where its
//! master can read it when the worker is dead.

use crate::scoreboard::Slot;
use crate::worker::link::Link;
use crate::worker::link::stream::Stream;

/// Counts the connections that have a request in flight.
#[derive(Debug, Default)]
pub struct InFlight(usize);

impl InFlight {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.0
    }

    /// A connection has its turn. What it does in it is in flight as well: a step may never return.
    pub fn begin<S: Stream>(&self, link: &Link<'_, S>, slot: &Slot) {
        slot.set_in_flight(self.0 + usize::from(!link.is_pending()));
    }

    /// The turn is over.
    pub fn end<S: Stream>(&mut self, link: &mut Link<'_, S>, slot: &Slot) {
        match link.update_pending() {
            Some(true) => self.0 += 1,
            Some(false) => self.0 -= 1,
            None => {}
        }
        slot.set_in_flight(self.0);
    }

    /// A connection is closed, with or without a request in flight.
    pub fn forget<S: Stream>(&mut self, link: &Link<'_, S>, slot: &Slot) {
        self.0 -= usize::from(link.is_pending());
        slot.set_in_flight(self.0);
    }
}
