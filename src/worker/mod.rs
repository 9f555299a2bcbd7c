//! What a forked process runs, and who looks after it.
//!
//! The master's half: `supervisor` decides, `watchdog` notices who hangs, `manager` forks, kills and
//! waits, `obituary` tells of the dead, `stop` of the end, and `signals` says what the operator
//! means. The worker's half: an `event_loop` moves bytes between sockets and connections, each pair
//! of which is a `link`; `admit` lets clients in, `shed` finds who goes for them, `drain` is how it
//! leaves, and `admin` is for those who look after it. Both halves talk over a `control` socket. Knows no protocol: HTTP is never named here.

mod acceptor;
mod admin;
mod admit;
mod complaints;
mod control;
mod deadlines;
mod drain;
mod event_loop;
mod exchange_log;
mod lag;
mod lines;
mod link;
mod listener;
mod manager;
mod obituary;
mod oom;
mod panic_hook;
mod retirement;
mod shed;
mod signals;
mod slab;
mod socket;
mod spares;
mod spawn;
mod stop;
mod stream;
pub(crate) mod supervisor;
mod turn;
mod under_way;
mod watchdog;

use std::io;

pub(crate) use admin::ROOM as ADMIN_ROOM;
pub use control::{Command, Message, Orders};
pub use listener::Address;
pub(crate) use listener::Listener;
pub(crate) use manager::WorkerManager;
pub(crate) use socket::{Recycling, SocketOptions, SocketWorker};
pub use stop::{Outcome, Stopper};

use crate::log::Log;
use crate::scoreboard::{Scoreboard, Slot};

/// What a forked process runs.
///
/// The same value is used in three places: `init` and `cleanup` run in the master, `run` in a
/// forked copy of it. What `init` opened is inherited by every worker; what `run` changes is seen
/// by nobody else.
///
/// Most servers need none of their own: `Server::run` serves any `Process` with one that accepts
/// connections. This one does its work without any:
///
/// ```
/// use std::{io, thread};
/// use httprs::Server;
/// use httprs::worker::{Command, Context, Message, Worker};
///
/// struct Janitor;
///
/// impl Worker for Janitor {
///     fn run(&mut self, context: &mut Context<'_>) -> i32 {
///         context.orders.report_ready();
///         loop {
///             match context.orders.wait(Some(1_000)) {
///                 Ok(Message::Some(Command::Drain) | Message::Gone) => return 0,
///                 Ok(_) => { /* sweep */ }
///                 Err(_) => return 1,
///             }
///         }
///     }
/// }
///
/// let server = Server::bind_all(&[])?.workers(2);
/// let stopper = server.stopper();
/// let master = thread::spawn(move || server.run_worker(Janitor));
/// stopper.stop()?;
/// assert!(master.join().unwrap()?.stopped);
/// # Ok::<(), io::Error>(())
/// ```
pub trait Worker {
    /// In the master, once, before the first fork: open what the workers share. An error here is
    /// reported once and ends the server before it began.
    fn init(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// In the worker: serve until [`Context::orders`] say otherwise; returns the exit code.
    fn run(&mut self, context: &mut Context<'_>) -> i32;

    /// In the master, once, when no worker is left: close what was shared.
    fn cleanup(&mut self) {}
}

/// So many workers of one kind.
pub(crate) struct WorkerGroup {
    /// What each of them runs.
    pub(crate) worker: Box<dyn Worker>,
    /// How many there are.
    pub(crate) count: usize,
}

/// What a worker is given by its master.
#[non_exhaustive]
pub struct Context<'a> {
    /// Its number, from 0.
    pub index: usize,
    /// Its record on the scoreboard.
    pub slot: Slot,
    /// All records.
    pub board: &'a Scoreboard,
    /// What the master wants, and what it is told.
    pub orders: Orders,
    /// Where log lines go.
    pub log: &'a Log,
}
