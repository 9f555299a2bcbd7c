//! One process that serves: [`Worker`], and the worker that serves stream sockets.
//!
//! An event loop moves bytes between sockets and connections of a `Process`. Knows neither pids nor
//! why a worker is forked: commands of its master come over a `control` socket. Knows no protocol.
//!
//! | file | what it is |
//! |---|---|
//! | `control` | orders from the master, and reports to it |
//! | `transport` | what makes streams out of sockets |
//! | `socket_worker` | the `Worker` that serves a `Process` on stream sockets |
//! | `udp` | the `Worker` that serves a `Process` on datagrams |
//! | `event_loop` | one iteration after the other: wait, turn, accept, sweep |
//! | `accept/` | listeners, and when a worker takes a client from them |
//! | `connections/` | which connections there are, when they are due, which is evicted |
//! | `link/` | one stream joined to one connection |
//! | `iteration`, `role`, `options` | what is handed down |
//! | `bus` | messages between the workers, for rooms |
//! | `panic_hook`, `retirement` | what becomes of a worker in which a handler panicked |

mod accept;
mod bus;
mod connections;
pub(crate) mod control;
mod event_loop;
mod iteration;
mod link;
mod options;
pub(crate) mod panic_hook;
mod retirement;
mod role;
mod socket_worker;
mod transport;
mod udp;

use std::io;

pub use accept::{Address, BindError};
pub(crate) use accept::{Listener, Listening};
pub(crate) use bus::Bus;
pub use control::{Command, Message, Orders};
pub(crate) use event_loop::ADMIN_ROOM;
pub use link::stream::{Socket, Stream};
pub(crate) use options::{Recycling, SocketOptions};
pub(crate) use socket_worker::SocketWorker;
pub use transport::{Plain, Transport};
pub use udp::UdpWorker;

use crate::log::Log;
use crate::scoreboard::{Scoreboard, Slot};
pub use crate::sys::epoll::Interest;

/// What a forked process runs.
///
/// The same value is used in three places: `init` and `cleanup` run in the master, `run` in a
/// forked copy of it. What `init` opened is inherited by every worker; what `run` changes is seen
/// by no other process.
///
/// Most programs need no worker of their own: `Server::run` serves any `Process` with a worker that
/// accepts connections. This worker has no connections:
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

/// What a worker is given by its master.
#[non_exhaustive]
pub struct Context<'a> {
    /// The worker's number, from 0.
    pub index: usize,
    /// The worker's record on the scoreboard.
    pub slot: Slot,
    /// The records of all workers.
    pub board: &'a Scoreboard,
    /// Commands from the master, and reports to it.
    pub orders: Orders,
    /// Where log lines go.
    pub log: &'a Log,
}
