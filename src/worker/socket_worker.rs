//! [`SocketWorker`]: the worker that accepts connections from TCP and Unix sockets and speaks one
//! protocol on them.

use std::io;
use std::mem;
use std::sync::Arc;

use super::accept::listener::Listener;
use super::bus::Bus;
use super::event_loop::{EventLoop, Served};
use super::options::SocketOptions;
use super::transport::Transport;
use super::{Context, Worker};
use crate::log::Level;
use crate::process::{Process, Rooms};
use crate::sys::clock;
use crate::sys::epoll::Epoll;
use crate::sys::event::EventFd;
use crate::sys::resource;

/// Serves a protocol on sockets that were bound in the master.
pub struct SocketWorker<T, P> {
    transport: T,
    process: P,
    listeners: Vec<Listener>,
    /// What is served to admins, and where.
    admin: Option<(Box<dyn Process>, Vec<Listener>)>,
    options: SocketOptions,
    /// The way between the workers for the messages of these rooms.
    bus: Option<(Arc<Bus>, Rooms)>,
    /// Wakes all workers: see `acceptor`. Made before the fork, so that they share it.
    peers: Option<EventFd>,
}

impl<T: Transport, P: Process> SocketWorker<T, P> {
    /// A worker that serves `process` on `listeners`.
    pub fn new(
        transport: T,
        process: P,
        listeners: Vec<Listener>,
        options: SocketOptions,
    ) -> SocketWorker<T, P> {
        SocketWorker {
            transport,
            process,
            listeners,
            admin: None,
            bus: None,
            options,
            peers: None,
        }
    }

    /// Serves another protocol to admins, over the same transport, on listening sockets of their
    /// own.
    pub fn admin(mut self, process: Box<dyn Process>, listeners: Vec<Listener>) -> Self {
        self.admin = Some((process, listeners));
        self
    }

    /// Connects the rooms of all workers.
    pub fn bus(mut self, bus: Arc<Bus>, rooms: Rooms) -> SocketWorker<T, P> {
        self.bus = Some((bus, rooms));
        self
    }

    fn listeners(&self) -> impl Iterator<Item = &Listener> {
        let admin = self.admin.iter().flat_map(|(_, listeners)| listeners);
        self.listeners.iter().chain(admin)
    }
}

impl<T: Transport, P: Process> Worker for SocketWorker<T, P> {
    fn init(&mut self) -> io::Result<()> {
        self.transport.init()?;
        self.peers = Some(EventFd::new()?);
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
        let clients: Served<'_> = (&self.process, listeners);
        let bus = self.bus.take();
        let served = self
            .peers
            .as_ref()
            .ok_or(io::ErrorKind::NotConnected.into());
        let started = self.transport.start(context);
        let served = started.and(served).and_then(|peers| {
            let epoll = Epoll::new()?;
            let mut event_loop = EventLoop::new(
                &self.transport,
                clients,
                admin,
                peers,
                &epoll,
                self.options,
                context,
            )?;
            if let Some((bus, rooms)) = bus {
                event_loop.receive_from(bus.join(&rooms, context)?)?;
            }
            event_loop.run()
        });
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
            // Workers do that when they leave; workers that were killed could not.
            listener.shut();
            listener.remove_file();
        }
        self.listeners.clear();
        self.admin = None;
    }
}
