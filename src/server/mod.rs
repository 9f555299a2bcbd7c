//! [`Server`]: binds, forks, serves, stops, returns. It hands the caller's protocol to a
//! `WorkerManager`, and knows no protocol itself.

mod descriptors;
mod group;
mod hooks;
mod run;
mod running;
mod settings;

use std::io;
use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::mpsc::Sender;
use std::thread;

use crate::log::Log;
use crate::master::Stopper;
use crate::master::supervisor::Policy;
use crate::process::{Process, Rooms};
use crate::scoreboard::{MAX_WORKERS, Scoreboard};
use crate::worker::{Address, Listener, Listening, SocketOptions};

pub use group::Group;
use hooks::Hooks;
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
    /// Workers that serve something else.
    groups: Vec<Group>,
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
        Server::bind_with(addresses, false)
    }

    /// The same, and other servers of the same user may bind these ports as well, if they do it
    /// so too (`SO_REUSEPORT`): the kernel spreads new clients over all of them. So the next
    /// version of a program can serve before this one stops.
    ///
    /// # Errors
    /// As for [`Server::bind`].
    pub fn bind_all_reusing(addresses: &[Address]) -> io::Result<Server> {
        Server::bind_with(addresses, true)
    }

    fn bind_with(addresses: &[Address], reuse_port: bool) -> io::Result<Server> {
        let options = SocketOptions::default();
        let listening = Listening {
            backlog: options.backlog,
            reuse_port,
        };
        Ok(Server {
            listeners: Listener::bind_all(addresses, listening)?,
            admin: None,
            workers: default_workers(),
            groups: Vec::new(),
            options,
            policy: Policy {
                workers: 0,
                least_workers: 1,
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
            rooms: Rooms::of_server(),
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

    /// The rooms of this server, which connect its workers: a message of a worker reaches the
    /// members in all of them; the program itself can send none. [`Server::run`] and
    /// [`Server::spawn`] connect the rooms, if they were asked for, by datagram sockets between the
    /// workers. There are sockets for twice as many workers as the server begins with (`SIGTTIN`
    /// can add so many), and for eight at least; each worker holds two descriptors for each of
    /// them.
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
}

/// One worker for each processor that this process may use (its cgroup's quota counts), and at
/// least 2, so that a worker that dies or is busy is not the only one.
fn default_workers() -> usize {
    thread::available_parallelism()
        .map_or(2, NonZero::get)
        .clamp(2, MAX_WORKERS)
}
