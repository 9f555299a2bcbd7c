//! [`Running`]: a server in a thread of its own.

use std::io;
use std::thread::JoinHandle;

use crate::master::{Outcome, Stopper};

/// A server that runs in a thread of its own. Dropping it stops the server and waits for it.
#[derive(Debug)]
pub struct Running {
    stopper: Stopper,
    thread: Option<JoinHandle<io::Result<Outcome>>>,
}

impl Running {
    /// The server that this thread runs.
    pub(super) fn new(stopper: Stopper, thread: JoinHandle<io::Result<Outcome>>) -> Running {
        Running {
            stopper,
            thread: Some(thread),
        }
    }

    /// Asks the server for a graceful drain, and waits until no worker is left.
    ///
    /// # Errors
    /// The error of [`Server::run`](super::Server::run).
    pub fn stop(mut self) -> io::Result<Outcome> {
        self.stopper.stop()?;
        self.join()
    }

    /// Waits until the server was stopped by its [`Stopper`].
    ///
    /// # Errors
    /// The error of [`Server::run`](super::Server::run).
    pub fn wait(mut self) -> io::Result<Outcome> {
        self.join()
    }

    pub(super) fn join(&mut self) -> io::Result<Outcome> {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(outcome)) => outcome,
            _ => Err(io::Error::other("the server's thread panicked")),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.thread.is_some() {
            let _ = self.stopper.stop();
            let _ = self.join();
        }
    }
}
