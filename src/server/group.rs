//! [`Group`]: workers that serve something else, beside those of the server itself.

use std::io;
use std::sync::Arc;

use super::Server;
use crate::master::WorkerGroup;
use crate::process::{Process, Rooms};
use crate::worker::{Address, Bus, Listener, Plain, SocketOptions, SocketWorker, Worker};

/// Workers that serve something else, under the same master: see [`Server::also`].
pub struct Group {
    kind: Kind,
    name: &'static str,
    workers: usize,
}

enum Kind {
    /// A protocol on listening sockets.
    Sockets(Box<dyn Process + Send>, Vec<Listener>),
    /// Whatever a worker of the program's own does.
    Worker(Box<dyn Worker + Send>),
}

impl Group {
    /// One worker that serves a protocol at an address, written as for [`Server::bind`].
    ///
    /// # Errors
    /// As for [`Server::bind`].
    pub fn serve<P: Process + Send + 'static>(address: &str, process: P) -> io::Result<Group> {
        let backlog = SocketOptions::default().backlog;
        let listeners = Listener::bind_all(&Address::parse(address)?, backlog)?;
        let name = process.name();
        Ok(Group {
            kind: Kind::Sockets(Box::new(process), listeners),
            name,
            workers: 1,
        })
    }

    /// One worker of the program's own making, such as a
    /// [`UdpWorker`](crate::worker::UdpWorker).
    pub fn of<W: Worker + Send + 'static>(name: &'static str, worker: W) -> Group {
        Group {
            kind: Kind::Worker(Box::new(worker)),
            name,
            workers: 1,
        }
    }

    /// How many workers there are.
    pub fn workers(mut self, count: usize) -> Group {
        self.workers = count;
        self
    }

    /// What the log and the status call the group; by default, what its protocol is called.
    pub fn name(mut self, name: &'static str) -> Group {
        self.name = name;
        self
    }

    /// Every address of the group, with the real port where that was 0; none where a worker of the
    /// program's own opens its sockets.
    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        let listeners = match &self.kind {
            Kind::Sockets(_, listeners) => &listeners[..],
            Kind::Worker(_) => &[],
        };
        listeners.iter().map(Listener::address)
    }

    pub(super) fn count(&self) -> usize {
        self.workers
    }

    /// What a manager is given.
    pub(super) fn make(
        self,
        options: SocketOptions,
        bus: Option<(Arc<Bus>, Rooms)>,
    ) -> WorkerGroup {
        let worker: Box<dyn Worker> = match self.kind {
            Kind::Worker(worker) => worker,
            Kind::Sockets(process, listeners) => {
                let mut worker = SocketWorker::new(Plain, process, listeners, options);
                if let Some((bus, rooms)) = bus {
                    worker = worker.bus(bus, rooms);
                }
                Box::new(worker)
            }
        };
        WorkerGroup {
            worker,
            count: self.workers,
            name: self.name,
        }
    }
}

impl Server {
    /// Runs another group of workers under the same master. They are replaced, reloaded and drained
    /// together with the others, and have numbers of their own before those of the server itself;
    /// the log, the [`Scoreboard`](crate::Scoreboard), the status page and the metrics name their
    /// group. The settings of this server are theirs, too; `SIGTTIN` and `SIGTTOU` change the
    /// number of its own workers alone.
    ///
    /// ```
    /// use httprs::{EchoProcess, Group, Http1, Server};
    ///
    /// let echo = Group::serve("127.0.0.1:0", EchoProcess)?;
    /// println!("echo at {}", echo.addresses().next().unwrap());
    /// let server = Server::bind("127.0.0.1:0")?.workers(4).also(echo);
    /// let running = server.spawn(Http1::new(|_, res| res.text("hello")))?;
    /// # assert!(running.stop()?.stopped);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn also(mut self, group: Group) -> Server {
        self.groups.push(group);
        self
    }
}
