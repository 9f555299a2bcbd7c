//! [`UdpWorker`]: a protocol over UDP, a datagram at a time.

use std::io::{self, IoSlice};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;

use super::accept::listener::on_its_stacks;
use super::accept::{Address, BindError};
use super::control::{Command, Message};
use super::{Context, Worker};
use crate::log::Level;
use crate::process::{Input, Io, Output, Peer, Process, WakeQueue, Wakers};
use crate::sys::clock;
use crate::sys::datagram::{BATCH, Batch, LONGEST};
use crate::sys::epoll::{Epoll, Events, Interest};
use crate::sys::socket;
use crate::time::{Millis, Now};

const CONTROL: u64 = 0;
const SIGNALS: u64 = 1;
/// The tokens of the sockets.
const SOCKETS: u64 = 2;

/// How many batches a worker that drains takes at most: a flood must not keep it.
const LAST_BATCHES: usize = 100;

/// Serves a protocol over UDP: each datagram is a connection of its own, which has the datagram for
/// its input, ends with it, and is answered with one datagram.
///
/// An answer that is longer than its question is not sent, since a sender's address can be forged:
/// no server should send its victim more than the forger sends itself. Nor is a datagram answered
/// that comes from a port below 1024 or from the server's own port: two services that answer
/// everything (RFC 862) would answer each other for ever.
///
/// The socket is shared by the workers of the group, and belongs to the master: a worker that dies
/// takes only the datagrams that it had read.
///
/// ```
/// use std::net::UdpSocket;
/// use httprs::worker::UdpWorker;
/// use httprs::{EchoProcess, Server};
///
/// let worker = UdpWorker::bind("127.0.0.1:0", EchoProcess)?;
/// let address = worker.local_addr();
/// let server = Server::bind_all(&[])?.workers(1);
/// let stopper = server.stopper();
/// let master = std::thread::spawn(move || server.run_worker(worker));
///
/// let client = UdpSocket::bind("127.0.0.1:0")?;
/// client.send_to(b"hello", address)?;
/// let mut answer = [0; 9];
/// assert_eq!(client.recv(&mut answer)?, 5);
/// # stopper.stop()?;
/// # assert!(master.join().unwrap()?.stopped);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct UdpWorker<P> {
    process: P,
    sockets: Vec<(UdpSocket, SocketAddr)>,
}

impl<P: Process> UdpWorker<P> {
    /// Binds an address, written as for [`Server::bind`](crate::Server::bind).
    ///
    /// # Errors
    /// The address is malformed, or a path; or it is in use or not permitted: then the error holds
    /// a [`BindError`].
    pub fn bind(address: &str, process: P) -> io::Result<UdpWorker<P>> {
        UdpWorker::bind_all(&Address::parse(address)?, process)
    }

    /// Binds several addresses.
    ///
    /// # Errors
    /// As for [`UdpWorker::bind`], and if there is none.
    pub fn bind_all(addresses: &[Address], process: P) -> io::Result<UdpWorker<P>> {
        let ipv4 = |address: &Address| matches!(address, Address::Inet(a) if a.is_ipv4());
        let any_ipv4 = addresses.iter().any(ipv4);
        let mut sockets = Vec::new();
        for address in addresses {
            let Address::Inet(inet) = address else {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "UDP needs a port",
                ));
            };
            let bound = bind(*inet, any_ipv4).map_err(|cause| BindError {
                address: address.clone(),
                cause,
            });
            sockets.push(bound?);
        }
        match sockets.is_empty() {
            true => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "UDP needs an address",
            )),
            false => Ok(UdpWorker { process, sockets }),
        }
    }

    /// The first address that the worker is bound to, with the real port where that was 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.sockets[0].1
    }

    fn serve(&self, context: &Context<'_>) -> io::Result<()> {
        let orders = &context.orders;
        let epoll = Epoll::new()?;
        epoll.add(orders.as_fd(), CONTROL, Interest::READ)?;
        if let Some(signals) = orders.signals() {
            epoll.add(signals, SIGNALS, Interest::READ)?;
        }
        for (token, (socket, _)) in (SOCKETS..).zip(&self.sockets) {
            epoll.add(socket, token, Interest::READ_EXCLUSIVE)?;
        }
        let mut events = Events::with_capacity(BATCH);
        let mut datagrams = Datagrams::new();
        orders.report_ready();
        loop {
            context.slot.set_idle();
            epoll.wait(&mut events, None)?;
            for (token, _) in (0..events.len()).filter_map(|index| events.get(index)) {
                match token {
                    CONTROL => match self.obey(context, &mut datagrams) {
                        true => {}
                        false => return Ok(()),
                    },
                    SIGNALS => orders.pass_on_signals(),
                    token => {
                        let socket = &self.sockets[(token - SOCKETS) as usize];
                        datagrams.serve(&self.process, socket, context, false);
                    }
                }
            }
        }
    }

    /// Whether to go on.
    fn obey(&self, context: &Context<'_>, datagrams: &mut Datagrams) -> bool {
        loop {
            match context.orders.receive() {
                Message::None => return true,
                Message::Some(Command::ReopenLog) => {
                    // The master has told of it if that fails.
                    let _ = context.log.reopen();
                }
                Message::Some(Command::Drain) => {
                    for socket in &self.sockets {
                        let mut serve = || datagrams.serve(&self.process, socket, context, true);
                        let _ = (0..LAST_BATCHES).all(|_| serve());
                    }
                    return false;
                }
                Message::Some(Command::Cut) | Message::Gone => return false,
            }
        }
    }
}

fn bind(address: SocketAddr, any_ipv4: bool) -> io::Result<(UdpSocket, SocketAddr)> {
    let socket = UdpSocket::from(on_its_stacks(address, any_ipv4, socket::bind_udp)?);
    let address = socket.local_addr()?;
    Ok((socket, address))
}

impl<P: Process> Worker for UdpWorker<P> {
    fn run(&mut self, context: &mut Context<'_>) -> i32 {
        match self.serve(context) {
            Ok(()) => 0,
            Err(error) => {
                let message = format_args!("worker {} failed: {error}", context.index);
                let now = clock::realtime_ms();
                context.log.event(Level::Error, now, message);
                1
            }
        }
    }

    fn cleanup(&mut self) {
        self.sockets.clear();
    }
}

/// What a worker keeps for its datagrams.
struct Datagrams {
    batch: Batch,
    input: Input,
    output: Output,
}

impl Datagrams {
    fn new() -> Datagrams {
        Datagrams {
            batch: Batch::new(),
            input: Input::default(),
            output: Output::default(),
        }
    }

    /// Answers a batch of datagrams; whether there was one.
    fn serve(
        &mut self,
        process: &dyn Process,
        (socket, own): &(UdpSocket, SocketAddr),
        context: &Context<'_>,
        stopping: bool,
    ) -> bool {
        // An error other than that there is nothing is about an answer that did not arrive.
        let Ok(received) = self.batch.receive(socket.as_fd()) else {
            return false;
        };
        let now = Now {
            at: Millis::new(clock::monotonic_ms()),
            unix_ms: clock::realtime_ms(),
        };
        context.slot.set_busy(now.at.get());
        for index in 0..received {
            let is_answered = self
                .batch
                .get(index)
                .is_some_and(|(_, from)| from.port() >= 1024 && from.port() != own.port());
            if is_answered {
                context.slot.count_accepted();
                self.step(index, process, now, stopping);
            }
        }
        self.batch.send(socket.as_fd());
        true
    }

    /// Lets a connection of its own see a datagram, and takes its answer.
    fn step(&mut self, index: usize, process: &dyn Process, now: Now, stopping: bool) {
        let Some((mut bytes, from)) = self.batch.get(index) else {
            return;
        };
        self.input.take();
        self.output.advance(u64::MAX);
        while !bytes.is_empty() {
            let space = self.input.space(LONGEST);
            let (part, rest) = bytes.split_at(bytes.len().min(space.len()));
            space[..part.len()].copy_from_slice(part);
            self.input.filled(part.len());
            bytes = rest;
        }
        let peer = Peer::Inet(from);
        let is_empty = self.input.is_empty();
        process.open(&peer).step(&mut Io {
            input: &mut self.input,
            output: &mut self.output,
            peer: &peer,
            now,
            eof: true,
            stopping,
            crowded: false,
            woken: false,
            tally: &mut (),
            // The connection is gone before it could be woken.
            wakers: Wakers {
                queue: &WakeQueue::new(|| {}),
                connection: 0,
            },
        });
        let mut slices = [IoSlice::new(&[]); Output::GATHER];
        let (count, is_more) = self.output.gather(&mut slices);
        // An empty datagram is answered with one; any other that has no answer with none.
        if !is_more && (count > 0 || is_empty) {
            let parts = slices[..count].iter().map(|slice| &**slice);
            self.batch.answer(index, parts);
        }
    }
}
