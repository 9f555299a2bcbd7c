//! [`SocketWorker`]: the worker that accepts connections from TCP and Unix sockets and speaks one
//! protocol on them.

use std::io;
use std::mem;

use super::event_loop::EventLoop;
use super::lag::Pace;
use super::listener::Listener;
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
}

impl Default for SocketOptions {
    fn default() -> SocketOptions {
        SocketOptions {
            max_connections: 1024,
            pace: Pace {
                write_ms: 10_000,
                min_rate: 64,
            },
            backlog: 1024,
        }
    }
}

/// Serves a protocol on sockets that were bound in the master.
pub struct SocketWorker<P> {
    process: P,
    listeners: Vec<Listener>,
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
            options,
            nudge: None,
        }
    }
}

impl<P: Process> Worker for SocketWorker<P> {
    fn init(&mut self) -> io::Result<()> {
        self.nudge = Some(EventFd::new()?);
        for listener in &self.listeners {
            listener.set_backlog(self.options.backlog)?;
        }
        Ok(())
    }

    fn run(&mut self, context: &mut Context<'_>) -> i32 {
        // Thousands of connections need as many descriptors. In the worker, so that a program
        // that embeds this keeps its own limit.
        let _ = resource::raise_descriptor_limit();
        let listeners = mem::take(&mut self.listeners);
        let served = match &self.nudge {
            Some(nudge) => EventLoop::new(&self.process, listeners, nudge, self.options, context)
                .and_then(|mut event_loop| event_loop.run()),
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
        for listener in self.listeners.drain(..) {
            // Workers do that when they leave; those that were killed could not.
            listener.shut();
            listener.remove_file();
        }
    }
}
