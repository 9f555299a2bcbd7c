//! [`SocketWorker`]: the worker that accepts connections from TCP and Unix sockets and speaks one
//! protocol on them.

use std::io;
use std::mem;

use super::accept::listener::Listener;
use super::event_loop::EventLoop;
use super::link::slow_reader::Pace;
use super::{Context, Worker};
use crate::log::Level;
use crate::process::Process;
use crate::sys::clock;
use crate::sys::event::EventFd;
use crate::sys::resource;

/// How many connections a worker takes, and how long it waits for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketOptions {
    /// Connections of one worker at most.
    pub max_connections: usize,
    /// How fast a peer must read.
    pub pace: Pace,
    /// How many connections may wait to be accepted.
    pub backlog: u32,
    /// How long a worker lives.
    pub recycling: Recycling,
}

/// After how many requests a worker asks for a successor. Code that loses memory a little at a time
/// can be lived with so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recycling {
    /// So many; 0 for any number.
    pub requests: u64,
    /// Up to so many percent fewer, so that workers that began together do not leave together.
    pub jitter: u8,
}

impl Recycling {
    /// How many for this worker; `None` for any number. `salt` is another one for each.
    fn of(self, salt: u64) -> Option<u64> {
        if self.requests == 0 {
            return None;
        }
        let most = self.requests / 100 * u64::from(self.jitter)
            + self.requests % 100 * u64::from(self.jitter) / 100;
        // Multiplication spreads what differs by one (Knuth).
        let dice = salt.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        Some((self.requests - dice % (most + 1)).max(1))
    }
}

impl Default for SocketOptions {
    fn default() -> SocketOptions {
        SocketOptions {
            max_connections: 1024,
            pace: Pace {
                write_ms: 60_000,
                min_rate: 64,
            },
            backlog: 1024,
            recycling: Recycling::default(),
        }
    }
}

/// Serves a protocol on sockets that were bound in the master.
pub struct SocketWorker<P> {
    process: P,
    listeners: Vec<Listener>,
    /// What is served to admins, and where.
    admin: Option<(Box<dyn Process>, Vec<Listener>)>,
    options: SocketOptions,
    /// See `acceptor`. Made before the fork, so that all workers share it.
    nudge: Option<EventFd>,
}

impl<P: Process> SocketWorker<P> {
    /// A worker that serves `process` on `listeners`.
    pub fn new(process: P, listeners: Vec<Listener>, options: SocketOptions) -> SocketWorker<P> {
        SocketWorker {
            process,
            listeners,
            admin: None,
            options,
            nudge: None,
        }
    }

    /// Serves another protocol to admins, on listening sockets of their own.
    pub fn admin(mut self, process: Box<dyn Process>, listeners: Vec<Listener>) -> SocketWorker<P> {
        self.admin = Some((process, listeners));
        self
    }

    fn listeners(&self) -> impl Iterator<Item = &Listener> {
        let admin = self.admin.iter().flat_map(|(_, listeners)| listeners);
        self.listeners.iter().chain(admin)
    }
}

impl<P: Process> Worker for SocketWorker<P> {
    fn init(&mut self) -> io::Result<()> {
        self.nudge = Some(EventFd::new()?);
        for listener in self.listeners() {
            listener.set_backlog(self.options.backlog)?;
            listener.find_dead_peers()?;
        }
        Ok(())
    }

    fn run(&mut self, context: &mut Context<'_>) -> i32 {
        // Thousands of connections need as many descriptors. In the worker, so that a program
        // that embeds this keeps its own limit.
        let _ = resource::raise_descriptor_limit();
        let listeners = mem::take(&mut self.listeners);
        let admin = self.admin.as_mut();
        let admin = admin.map(|(process, listeners)| (&**process, mem::take(listeners)));
        let served = match &self.nudge {
            Some(nudge) => {
                let requests = self.options.recycling.of(u64::from(std::process::id()));
                let (process, options) = (&self.process, self.options);
                EventLoop::new(process, listeners, admin, nudge, options, context)
                    .and_then(|mut event_loop| event_loop.run(requests))
            }
            None => Err(io::Error::other("the worker was not initialised")),
        };
        if let Err(error) = served {
            let message = format_args!("worker {} failed: {error}", context.index);
            context
                .log
                .event(Level::Error, clock::realtime_ms(), message);
            return 1;
        }
        0
    }

    fn cleanup(&mut self) {
        for listener in self.listeners() {
            // Workers do that when they leave; those that were killed could not.
            listener.shut();
            listener.remove_file();
        }
        self.listeners.clear();
        self.admin = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_that_begin_together_do_not_leave_together() {
        for (requests, jitter, least) in [
            (1_000, 10, 900),
            (1_000, 0, 1_000),
            (1_000, 100, 1),
            (1, 10, 1),
            (55, 10, 50),
        ] {
            let recycling = Recycling { requests, jitter };
            let all: Vec<u64> = (1..500).filter_map(|pid| recycling.of(pid)).collect();
            assert_eq!(all.len(), 499);
            assert!(
                all.iter().all(|n| (least..=requests).contains(n)),
                "{requests}"
            );
            let spread = all.iter().any(|n| *n != all[0]);
            assert_eq!(spread, least < requests, "{requests} {jitter}");
        }
        assert_eq!(Recycling::default().of(7), None);
    }
}
