//! [`BodyMemory`]: how much memory the request bodies of a worker may take while they are gathered.
//!
//! A body has a limit of its own, but a worker has a thousand connections, and the product does not
//! fit into a small container. So a body reserves its length before any of it is taken from the
//! input; where there is no memory, the connection is not read from (backpressure), and is refused
//! with 503 at its deadline. A reservation is for the whole body, so a body that has begun can
//! always go on to its end, and no two wait for each other; one body is admitted whatever its
//! length.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Bodies up to this length, in bytes, need no memory: so much is in the input of each connection
/// anyway, and requests with small bodies go on beside large ones.
pub(super) const SMALL: u64 = 16 * 1024;

/// The memory of a worker for bodies.
#[derive(Debug)]
pub(super) struct BodyMemory {
    limit: u64,
    reserved: Arc<AtomicU64>,
}

/// Memory for one body, until the reservation is dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    bytes: u64,
    of: Arc<AtomicU64>,
}

impl BodyMemory {
    /// Memory for so many bytes.
    pub(super) fn new(limit: u64) -> BodyMemory {
        BodyMemory {
            limit,
            reserved: Arc::default(),
        }
    }

    /// How many bytes there are in all.
    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    /// Reserves memory for a body of so many bytes; `None` if there is too little now.
    pub(super) fn reserve(&self, bytes: u64) -> Option<Reservation> {
        // A worker has one thread, so nothing comes between the two.
        let before = self.reserved.load(Relaxed);
        if before > 0 && before.saturating_add(bytes) > self.limit {
            return None;
        }
        self.reserved.store(before.saturating_add(bytes), Relaxed);
        Some(Reservation {
            bytes,
            of: self.reserved.clone(),
        })
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.of.fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_released_and_one_body_is_always_admitted() {
        let memory = BodyMemory::new(100);
        let first = memory.reserve(60);
        assert!(first.is_some() && memory.reserve(41).is_none());
        let second = memory.reserve(40);
        assert!(second.is_some() && memory.reserve(1).is_none());
        drop(first);
        assert!(memory.reserve(61).is_none() && memory.reserve(60).is_some());
        drop(second);
        let large = memory.reserve(1_000);
        assert!(large.is_some(), "no other body is there");
        assert!(memory.reserve(1).is_none());
        drop(large);
        assert!(memory.reserve(100).is_some());
    }
}
