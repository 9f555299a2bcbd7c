//! [`Reserve`]: descriptors that are held for connections to come.
//!
//! However many descriptors there are for clients, files take those that are not in use. So for
//! admins, each of which should get through when no client does, descriptors are held from the
//! start.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A descriptor for each connection that there is still room for: copies of a descriptor that the
/// worker has anyway.
#[derive(Debug, Default)]
pub(crate) struct Reserve {
    held: Vec<OwnedFd>,
    /// What is copied.
    original: Option<OwnedFd>,
    capacity: usize,
    /// How many connections there are.
    connections: usize,
}

impl Reserve {
    /// Holds as many descriptors as there can be connections, or as can be had.
    pub(crate) fn new(original: BorrowedFd<'_>, capacity: usize) -> Reserve {
        let mut reserve = Reserve {
            held: Vec::with_capacity(capacity),
            original: original.try_clone_to_owned().ok(),
            capacity,
            connections: 0,
        };
        reserve.refill();
        reserve
    }

    /// There are so many connections now.
    pub(super) fn fit(&mut self, connections: usize) {
        self.connections = connections;
        self.held
            .truncate(self.capacity.saturating_sub(connections));
        self.refill();
    }

    /// Gives one descriptor back to the system; whether there was one.
    pub(crate) fn release(&mut self) -> bool {
        self.held.pop().is_some()
    }

    /// Holds again what was released.
    pub(crate) fn refill(&mut self) {
        while let Some(original) = &self.original
            && self.held.len() + self.connections < self.capacity
            && let Ok(copy) = original.as_fd().try_clone_to_owned()
        {
            self.held.push(copy);
        }
    }
}
