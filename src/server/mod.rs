//! [`Server`]: binds, forks, serves, stops, returns. It hands the caller's protocol to a
//! `WorkerManager`, and knows no protocol itself.

mod descriptors;
mod hooks;
mod running;
mod settings;

use std::io;
use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::mpsc::{self, Sender};
use std::thread;

use crate::log::{Level, Log};
use crate::master::supervisor::Policy;
use crate::master::{Outcome, Stopper, WorkerGroup, WorkerManager};
use crate::process::{Process, Rooms};
use crate::scoreboard::{MAX_WORKERS, Scoreboard};
use crate::sys::clock;
use crate::worker::{
    ADMIN_ROOM, Address, Bus, Listener, Plain, SocketOptions, SocketWorker, Transport, Worker,
};

use hooks::{Hooked, Hooks};
pub use running::Running;

/// A prefork server: a master that keeps a number of worker processes running, which share its
/// listening sockets.
///
/// It does nothing that was not asked for: it logs nothing, leaves signals alone, and waits for no
/// children but its own. See [`Server::log`] and [`Server::own_signals`].
///
/// ```
/// use std::io::{Read, Write};
/// use std::net::TcpStream;
/// use httprs::{EchoProcess, Server};
///
/// let server = Server::bind("127.0.0.1:0")?.workers(2);
/// let address = server.local_addr()?;
/// let running = server.spawn(EchoProcess)?;
///
/// let mut client = TcpStream::connect(address)?;
/// client.write_all(b"hello")?;
/// client.shutdown(std::net::Shutdown::Write)?;
/// let mut answer = String::new();
/// client.read_to_string(&mut answer)?;
/// assert_eq!(answer, "hello");
///
/// assert!(running.stop()?.stopped);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Server {
    listeners: Vec<Listener>,
    /// The protocol for admins, and where it is served.
    admin: Option<(Box<dyn Process + Send>, Vec<Listener>)>,
    workers: usize,
    options: SocketOptions,
    policy: Policy,
    log: Log,
    own_signals: bool,
    worker_timeout_ms: u64,
    board: Scoreboard,
    stopper: Stopper,
    rooms: Rooms,
    hooks: Hooks,
    announcement: Option<String>,
    /// Gets a message when the workers are forked.
    started: Option<Sender<()>>,
}

impl Server {
    /// Binds an address: `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080` or `unix:/path`; port 0
    /// lets the kernel choose a port. Clients can connect from now on, and wait until the server
    /// runs.
    ///
    /// # Errors
    /// The address is malformed, or it is in use or not permitted: then the error holds a
    /// [`BindError`](crate::BindError).
    pub fn bind(address: &str) -> io::Result<Server> {
        Server::bind_all(&Address::parse(address)?)
    }

    /// Binds several addresses. Those whose port is 0 get one port together.
    ///
    /// # Errors
    /// As for [`Server::bind`]; then none of them is bound.
    pub fn bind_all(addresses: &[Address]) -> io::Result<Server> {
        let options = SocketOptions::default();
        Ok(Server {
            listeners: Listener::bind_all(addresses, options.backlog)?,
            admin: None,
            workers: default_workers(),
            options,
            policy: Policy {
                workers: 0,
                most_workers: MAX_WORKERS,
                drain_delay_ms: 0,
                drain_timeout_ms: 8_000,
                restarts: 10,
                restarts_within_ms: 60_000,
            },
            log: Log::silent(),
            own_signals: false,
            worker_timeout_ms: 30_000,
            board: Scoreboard::new()?,
            stopper: Stopper::new()?,
            rooms: Rooms::default(),
            hooks: Hooks::default(),
            announcement: None,
            started: None,
        })
    }

    /// Serves another protocol, such as a status page, to admins on further addresses. The workers
    /// do that, too, but such connections have a little room beside [`Server::max_connections`], so
    /// that they get through to a full server, and are not counted on the [`Scoreboard`]. A second
    /// call replaces the first.
    ///
    /// ```
    /// use httprs::handlers::status::Status;
    /// use httprs::{Address, Http1, Server};
    ///
    /// let server = Server::bind("127.0.0.1:0")?;
    /// let status = Http1::with(Status::new(server.scoreboard()));
    /// let server = server.admin(&Address::parse("localhost:0")?, status)?;
    /// println!("http://{}/status", server.admin_addresses().next().unwrap());
    /// # let running = server.spawn(Http1::new(|_, _| Ok(())))?;
    /// # assert!(running.stop()?.stopped);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Server::bind_all`]; then the files of Unix sockets that this server has made are
    /// removed.
    pub fn admin<P>(mut self, addresses: &[Address], process: P) -> io::Result<Server>
    where
        P: Process + Send + 'static,
    {
        match Listener::bind_all(addresses, self.options.backlog) {
            Ok(listeners) => self.admin = Some((Box::new(process), listeners)),
            Err(error) => {
                self.listeners.iter().for_each(Listener::remove_file);
                return Err(error.into());
            }
        }
        Ok(self)
    }

    /// The TCP address that this server listens on, the first if there are several.
    ///
    /// # Errors
    /// `Unsupported` if it listens on Unix sockets only.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        let first = self
            .listeners
            .iter()
            .find_map(|listener| match listener.address() {
                Address::Inet(address) => Some(*address),
                Address::Unix(_) => None,
            });
        first.ok_or_else(|| io::ErrorKind::Unsupported.into())
    }

    /// Every address that this server listens on, with the real port where that was 0.
    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.listeners.iter().map(Listener::address)
    }

    /// Every address of [`Server::admin`], in the same way.
    pub fn admin_addresses(&self) -> impl Iterator<Item = &Address> {
        let listeners = self.admin.iter().flat_map(|(_, listeners)| listeners);
        listeners.map(Listener::address)
    }

    /// A handle that stops this server from another thread.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// The state of the master and its workers, for handlers that show it.
    pub fn scoreboard(&self) -> Scoreboard {
        self.board.clone()
    }

    /// The rooms of this server, which connect its workers: a message reaches the members in all of
    /// them. [`Server::run`] and [`Server::spawn`] connect the rooms, if they were asked for, by
    /// datagram sockets between the workers. There are sockets for twice as many workers as the
    /// server begins with (`SIGTTIN` can add so many), and for eight at least; each worker holds
    /// two descriptors for each of them.
    ///
    /// ```
    /// use httprs::handlers::websocket;
    /// use httprs::process::{Message, Room, WebSocket, WebSocketHandler};
    /// use httprs::{Http1, Server};
    /// use std::io;
    ///
    /// struct Member(Room);
    ///
    /// impl WebSocketHandler for Member {
    ///     fn open(&mut self, socket: &mut WebSocket<'_>) -> io::Result<()> {
    ///         socket.join(&self.0);
    ///         Ok(())
    ///     }
    ///     fn message(&mut self, _: &mut WebSocket<'_>, message: Message<'_>) -> io::Result<()> {
    ///         self.0.send(message)
    ///     }
    /// }
    ///
    /// let server = Server::bind("127.0.0.1:0")?.workers(4);
    /// let rooms = server.rooms();
    /// let chat = Http1::new(move |req, res| {
    ///     websocket::accept_with(req, res, Member(rooms.room("lobby")))
    /// });
    /// let running = server.spawn(chat)?;
    /// # assert!(running.stop()?.stopped);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn rooms(&self) -> Rooms {
        self.rooms.clone()
    }

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
        descriptors::check(self.workers, self.own_signals)?;
        let bus = self.bus()?;
        self.fit_descriptors();
        let mut worker = SocketWorker::new(transport, process, listeners, self.options);
        if let Some((process, listeners)) = self.admin.take() {
            worker = worker.admin(process, listeners);
        }
        if let Some(bus) = bus {
            worker = worker.bus(bus, self.rooms.clone());
        }
        self.run_group(Box::new(worker))
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
        descriptors::check(self.workers, self.own_signals)?;
        self.run_group(Box::new(worker))
    }

    /// The sockets between the workers, if the program has asked for rooms.
    fn bus(&mut self) -> io::Result<Option<Bus>> {
        if !self.rooms.is_used() {
            return Ok(None);
        }
        let bus = Bus::new(self.workers)?;
        self.policy.most_workers = bus.most_workers();
        Ok(Some(bus))
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

    fn run_group(mut self, worker: Box<dyn Worker>) -> io::Result<Outcome> {
        hooks::warn_of_threads(self.hooks.waiting.as_ref(), &self.log);
        let hooks = std::mem::take(&mut self.hooks);
        let group = WorkerGroup {
            worker: Box::new(Hooked { worker, hooks }),
            count: self.workers,
        };
        let mut manager = WorkerManager::new(
            vec![group],
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
        let mut running = Running {
            stopper,
            thread: Some(thread),
        };
        // The channel closes if the workers were never forked.
        if forked.recv().is_err() {
            running.join()?;
        }
        Ok(running)
    }
}

/// One worker for each processor that this process may use (its cgroup's quota counts), and at
/// least 2, so that a worker that dies or is busy is not the only one.
fn default_workers() -> usize {
    thread::available_parallelism()
        .map_or(2, NonZero::get)
        .clamp(2, MAX_WORKERS)
}
