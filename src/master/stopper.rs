//! [`Stopper`] and [`Outcome`]: how a program asks its server to stop, and how that ended.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use crate::sys::event::EventFd;

/// How a server ended, and what became of the requests that it had when its workers were told to
/// leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// Whether it was asked to stop. If not, it gave up: workers kept dying before they were
    /// ready to serve.
    pub stopped: bool,
    /// How many requests were answered to their ends, on connections that workers had when they
    /// were told to leave: those that had begun, and those that came while their clients could not
    /// know. An answer that its client did not take counts nowhere.
    pub finished: u64,
    /// How many connections were taken from the queue after that.
    pub queued: u64,
    /// How many requests had begun, and were not answered to their ends when the worker left or
    /// died.
    pub cut_off: u64,
    /// How many workers did not exit when they were told to abort, and were killed.
    pub killed: u32,
}

/// Stops a server from another thread.
#[derive(Clone, Debug)]
pub struct Stopper {
    event: Arc<EventFd>,
}

impl Stopper {
    /// A stopper of one server.
    pub fn new() -> io::Result<Stopper> {
        Ok(Stopper {
            event: Arc::new(EventFd::new()?),
        })
    }

    /// Asks the server to finish what it has begun and stop. Asked again, later than at once, it
    /// finishes nothing.
    pub fn stop(&self) -> io::Result<()> {
        self.event.notify()
    }

    /// Readable when a stop was asked for.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }

    /// Whether a stop was asked for since the last look.
    pub(super) fn take(&self) -> io::Result<bool> {
        self.event.take()
    }
}
