//! [`Guarded`]: a connection whose panics end that connection, and not the worker.
//!
//! All that a worker calls of a [`Process`] for a connection, it calls through this. A connection
//! that has panicked is dropped at once and never stepped again: its peer sees a reset. The worker
//! learns of it, since what the protocol shares among its connections may be half done.
//!
//! Where panics abort, nothing is caught, and the worker dies.

use std::cell::Cell;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::process::{Connection, Io, Next, Output, Peer, Process, Tally};

/// A connection, until it panics.
pub(in crate::worker) struct Guarded<'p>(Option<Box<dyn Connection + 'p>>);

/// What a connection does between its steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::worker) enum Activity {
    /// See [`Connection::is_idle`].
    Idle,
    /// See [`Connection::is_waiting`].
    Waiting,
    /// Neither.
    #[default]
    Busy,
}

impl<'p> Guarded<'p> {
    /// A connection that has not been stepped.
    pub fn new(connection: Box<dyn Connection + 'p>) -> Guarded<'p> {
        Guarded(Some(connection))
    }

    /// A connection of this protocol.
    pub fn open(process: &'p dyn Process, peer: &Peer, panicked: &Cell<bool>) -> Guarded<'p> {
        Guarded(attempt(panicked, || process.open(peer)))
    }

    /// Steps the connection, and asks what it does from then on.
    pub fn step(&mut self, io: &mut Io<'_>, panicked: &Cell<bool>) -> (Next, Activity) {
        let stepped = self.call(panicked, |connection| {
            let next = connection.step(io);
            let activity = match (connection.is_idle(), connection.is_waiting()) {
                (true, _) => Activity::Idle,
                (_, true) => Activity::Waiting,
                _ => Activity::Busy,
            };
            (next, activity)
        });
        stepped.unwrap_or((Next::Break, Activity::Busy))
    }

    /// Tells the connection that its peer is gone.
    pub fn abandoned(&mut self, output: &Output, tally: &mut dyn Tally, panicked: &Cell<bool>) {
        self.call(panicked, |connection| connection.abandoned(output, tally));
    }

    /// Drops the connection, and has another one in its place.
    pub fn replace(&mut self, connection: Box<dyn Connection + 'p>, panicked: &Cell<bool>) {
        self.close(panicked);
        *self = Guarded::new(connection);
    }

    /// Drops the connection.
    pub fn close(&mut self, panicked: &Cell<bool>) {
        let connection = self.0.take();
        attempt(panicked, || drop(connection));
    }

    fn call<T>(
        &mut self,
        panicked: &Cell<bool>,
        call: impl FnOnce(&mut dyn Connection) -> T,
    ) -> Option<T> {
        let connection = self.0.as_deref_mut()?;
        let result = attempt(panicked, || call(connection));
        if result.is_none() {
            self.close(panicked);
        }
        result
    }
}

/// What `call` returns; `None` if it panics, which is noted.
fn attempt<T>(panicked: &Cell<bool>, call: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => Some(result),
        Err(payload) => {
            panicked.set(true);
            // To drop the payload could panic, too. The worker exits soon, so it may stay.
            mem::forget(payload);
            None
        }
    }
}
