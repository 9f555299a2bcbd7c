//! How a [`Server`] is run: what it is made of is handed to a `WorkerManager`.

use std::io;
use std::sync::{Arc, mpsc};
use std::thread;

use super::{Group, Running, Server, descriptors, hooks};
use crate::log::Level;
use crate::master::{Outcome, WorkerGroup, WorkerManager};
use crate::process::Process;
use crate::sys::clock;
use crate::worker::{ADMIN_ROOM, Bus, Plain, SocketWorker, Transport, Worker};

impl Server {
    /// Forks the workers, keeps them running, and returns when the server was stopped and no
    /// worker is left. May be called from any thread.
    ///
    /// A worker is a copy of this process with one thread, so a lock that another thread holds at
    /// that moment stays locked in it: fork before you start threads that share locks with your
    /// handlers.
    ///
    /// # Errors
    /// The kernel refuses a resource that a server cannot do without; `InvalidInput` if there can
    /// never be as many workers, for want of descriptors, and for a [`Server::drain_delay_ms`] that
    /// leaves no time. Workers that die or cannot be forked are no error.
    pub fn run<P: Process + 'static>(self, process: P) -> io::Result<Outcome> {
        self.run_over(Plain, process)
    }

    /// The same as [`Server::run`], with a layer such as TLS between the sockets and the protocol:
    /// see [`Transport`]. Connections of [`Server::admin`] are made by the same transport.
    ///
    /// # Errors
    /// As for [`Server::run`], and what [`Transport::init`] returns.
    pub fn run_over<T, P>(mut self, transport: T, process: P) -> io::Result<Outcome>
    where
        T: Transport + 'static,
        P: Process + 'static,
    {
        let listeners = std::mem::take(&mut self.listeners);
        descriptors::check(self.all_workers(), self.own_signals)?;
        let bus = self.bus()?;
        self.fit_descriptors();
        let process_name = process.name();
        let mut worker = SocketWorker::new(transport, process, listeners, self.options);
        if let Some((process, listeners)) = self.admin.take() {
            worker = worker.admin(process, listeners);
        }
        if let Some(bus) = &bus {
            worker = worker.bus(bus.clone(), self.rooms.clone());
        }
        self.run_groups(process_name, Box::new(worker), bus)
    }

    /// Forks workers of your own making in place of those that serve a [`Process`]. Such workers
    /// open their own sockets and files, so this server is bound to nothing:
    /// `Server::bind_all(&[])`.
    ///
    /// # Errors
    /// As for [`Server::run`], what [`Worker::init`] returns, and `InvalidInput` if this server is
    /// bound to addresses: no worker would accept from them.
    pub fn run_worker<W: Worker + 'static>(self, worker: W) -> io::Result<Outcome> {
        if let Some(address) = self.addresses().chain(self.admin_addresses()).next() {
            let message = format!("{address} is bound, and no worker uses it");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        descriptors::check(self.all_workers(), self.own_signals)?;
        self.run_groups("own", Box::new(worker), None)
    }

    /// The sockets between the workers, if the program has asked for rooms.
    fn bus(&mut self) -> io::Result<Option<Arc<Bus>>> {
        if !self.rooms.is_used() {
            return Ok(None);
        }
        let bus = Bus::new(self.all_workers())?;
        self.policy.most_workers = bus.most_workers();
        Ok(Some(Arc::new(bus)))
    }

    /// How many workers all groups have.
    fn all_workers(&self) -> usize {
        self.groups.iter().map(Group::count).sum::<usize>() + self.workers
    }

    /// Lowers the limit of connections to the number that there are descriptors for.
    fn fit_descriptors(&mut self) {
        // A limit that cannot be read is found out by failing.
        let admins = self.admin.as_ref().map_or(0, |_| ADMIN_ROOM);
        let Ok((room, limit)) = descriptors::connections(admins) else {
            return;
        };
        let wanted = self.options.max_connections;
        if room < wanted {
            self.options.max_connections = room;
            let message = format_args!(
                "a worker takes {room} connections and not {wanted}: \
                 no more than {limit} open files are allowed (ulimit -n)"
            );
            self.log.event(Level::Warn, clock::realtime_ms(), message);
        }
    }

    /// Runs the further groups, and behind them the workers of the server itself: the number of
    /// these can change.
    fn run_groups(
        mut self,
        name: &'static str,
        worker: Box<dyn Worker>,
        bus: Option<Arc<Bus>>,
    ) -> io::Result<Outcome> {
        hooks::warn_of_threads(self.hooks.waiting.as_ref(), &self.log);
        let bus = bus.map(|bus| (bus, self.rooms.clone()));
        let make = |group: Group| group.make(self.options, bus.clone());
        let mut groups: Vec<WorkerGroup> = self.groups.drain(..).map(make).collect();
        groups.push(WorkerGroup {
            worker,
            count: self.workers,
            name,
        });
        let groups = hooks::wrap(std::mem::take(&mut self.hooks), groups);
        let mut manager = WorkerManager::new(
            groups,
            self.policy,
            &self.board,
            &self.log,
            self.stopper.clone(),
            self.own_signals,
        )?;
        manager.watch_for_hangs(self.worker_timeout_ms);
        if let Some(line) = self.announcement.take() {
            manager.announce(line);
        }
        let started = self.started.take();
        manager.run(|| {
            if let Some(started) = started {
                // `spawn` waits for this.
                let _ = started.send(());
            }
        })
    }

    /// The same as [`Server::run`] in a thread of its own, which the returned value stops. For
    /// tests, and for programs that are servers among other things. Returns when the workers are
    /// forked: they hold no copies of descriptors that the program opens later, so a socket that it
    /// closes is closed.
    ///
    /// # Errors
    /// The thread cannot be started, or [`Server::run`] failed before that.
    pub fn spawn<P: Process + Send + 'static>(self, process: P) -> io::Result<Running> {
        self.spawn_over(Plain, process)
    }

    /// The same as [`Server::run_over`] in a thread of its own, as [`Server::spawn`] does it.
    ///
    /// # Errors
    /// The thread cannot be started, or [`Server::run_over`] failed before the workers were forked.
    pub fn spawn_over<T, P>(mut self, transport: T, process: P) -> io::Result<Running>
    where
        T: Transport + Send + 'static,
        P: Process + Send + 'static,
    {
        let stopper = self.stopper();
        let (started, forked) = mpsc::channel();
        self.started = Some(started);
        self.hooks.waiting = hooks::this_thread();
        let thread = thread::Builder::new()
            .name("httprs".into())
            .spawn(move || self.run_over(transport, process))?;
        let mut running = Running::new(stopper, thread);
        // The channel closes if the workers were never forked.
        if forked.recv().is_err() {
            running.join()?;
        }
        Ok(running)
    }
}
