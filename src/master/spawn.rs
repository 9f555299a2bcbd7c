//! [`fork`]: how a master makes a worker; what the new process closes, and what ties it to its
//! master.

use std::io;

use super::children::Children;
use super::signals::Signals;
use crate::log::Log;
use crate::scoreboard::{Scoreboard, State};
use crate::sys::clock;
use crate::sys::process::{self, Pid};
use crate::sys::signal::{self, Signal};
use crate::worker::control::{self, Orders};
use crate::worker::{Context, Worker, panic_hook};

/// What every worker of a server is given.
#[derive(Clone, Copy)]
pub(super) struct Equipment<'a> {
    pub(super) board: &'a Scoreboard,
    pub(super) log: &'a Log,
}

/// What the master has that a worker closes.
pub(super) struct Masters<'m> {
    pub(super) children: &'m mut Children,
    /// Where the program's signals are ours, the worker reads those that ask for a stop itself.
    pub(super) signals: &'m mut Option<Signals>,
}

/// Forks a worker into a slot.
///
/// # Errors
/// The system refuses the process, its control socket, or to watch it; then there is no worker.
pub(super) fn fork(
    slot: usize,
    worker: &mut dyn Worker,
    masters: Masters<'_>,
    equipment: Equipment<'_>,
) -> io::Result<Pid> {
    let Masters { children, signals } = masters;
    let (line, orders) = control::pair()?;
    let record = equipment.board.slot(slot);
    if let Some(record) = &record {
        record.set_state(State::Starting, 0);
        record.set_born(clock::realtime_ms());
    }
    let master = Pid::current();
    let mut line = Some(line);
    let forked = process::fork(|| {
        // The master's end: as long as the worker held it, it could not see that the master is
        // dead.
        line = None;
        children.close();
        let own_signals = signals.take().is_some();
        let mut orders = orders;
        match become_worker(master, &mut orders, own_signals) {
            Ok(()) => run_worker(slot, worker, orders, equipment),
            Err(_) => 1,
        }
    });
    let watched = forked.and_then(|pid| {
        let line = line.ok_or(io::ErrorKind::NotConnected)?;
        children.watch(slot, pid, line).map(|()| pid)
    });
    if let Some(record) = record {
        match &watched {
            Ok(pid) => {
                record.set_state(State::Starting, pid.get() as u64);
                record.count_life();
            }
            Err(_) => record.set_state(State::Empty, 0),
        }
    }
    watched
}

fn become_worker(master: Pid, orders: &mut Orders, own_signals: bool) -> io::Result<()> {
    process::set_parent_death_signal(Signal::KILL)?;
    // The master may have died before that call; then no signal would come.
    if Pid::parent() != master {
        return Err(io::ErrorKind::NotConnected.into());
    }
    // A worker writes to clients that may be gone, and sendfile(2) has no MSG_NOSIGNAL.
    signal::ignore(Signal::PIPE)?;
    // The write of a log line fails instead, and the line is counted as lost.
    signal::ignore(Signal::XFSZ)?;
    signal::set_default(Signal::CHLD)?;
    // The standard library's handlers, which look for an overflown stack, swallow the first of
    // these that is sent by kill(2). Whatever sent it, it ends this worker.
    signal::set_default(Signal::SEGV)?;
    signal::set_default(Signal::BUS)?;
    if own_signals {
        orders.listen_to_signals()?;
        signal::ignore(Signal::USR1)?;
        signal::unblock(&[Signal::CHLD, Signal::USR1])?;
    }
    Ok(())
}

fn run_worker(
    slot: usize,
    worker: &mut dyn Worker,
    orders: Orders,
    equipment: Equipment<'_>,
) -> i32 {
    let Equipment { board, log } = equipment;
    let index = slot / 2;
    let (Some(record), Some(own)) = (board.slot(slot), board.slot(slot)) else {
        return 1;
    };
    if let Some(events) = log.event_writer() {
        panic_hook::set(index, record, events);
    }
    worker.run(&mut Context {
        index,
        slot: own,
        board,
        orders,
        log,
    })
}
