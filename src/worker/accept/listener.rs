//! [`Listener`]: a socket that listens, bound once, in the master.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixListener;
use std::path::Path;

use super::address::Address;
use super::bind_error::BindError;
use crate::process::Peer;
use crate::sys::socket::{self, Stack};

/// How often a port of the system's choice is tried when several addresses must share it.
const PORT_TRIES: usize = 16;

/// How long a connection must be quiet before the first keep-alive probe, in seconds.
const QUIET_S: u32 = 60;

/// How sockets listen.
#[derive(Clone, Copy, Debug)]
pub struct Listening {
    /// How many connections may wait to be accepted.
    pub backlog: u32,
    /// Another server may listen on the same port, if it says so too (`SO_REUSEPORT`).
    pub reuse_port: bool,
}

impl From<u32> for Listening {
    fn from(backlog: u32) -> Listening {
        Listening {
            backlog,
            reuse_port: false,
        }
    }
}

/// A socket that listens.
#[derive(Debug)]
pub struct Listener {
    socket: OwnedFd,
    address: Address,
    /// Device and inode of a Unix socket that we made.
    made: Option<(u64, u64)>,
}

impl Listener {
    /// Binds all `addresses`, or none. Those whose port is 0 get one port together, of the
    /// system's choice.
    pub fn bind_all(
        addresses: &[Address],
        listening: impl Into<Listening>,
    ) -> Result<Vec<Listener>, BindError> {
        let listening = listening.into();
        let mut tries = 0;
        loop {
            match Listener::try_bind_all(addresses, listening) {
                // The port that the system gave for one address is taken on another.
                Err((error, true)) if error.cause.kind() == io::ErrorKind::AddrInUse => {
                    tries += 1;
                    if tries == PORT_TRIES {
                        return Err(error);
                    }
                }
                result => return result.map_err(|(error, _)| error),
            }
        }
    }

    /// The flag of an error: whether another port may help.
    fn try_bind_all(
        addresses: &[Address],
        listening: Listening,
    ) -> Result<Vec<Listener>, (BindError, bool)> {
        let any_ipv4 = addresses
            .iter()
            .any(|a| matches!(a, Address::Inet(a) if a.is_ipv4()));
        let mut listeners: Vec<Listener> = Vec::new();
        let mut chosen = None;
        for address in addresses {
            let mut wanted = address.clone();
            let mut shares_port = false;
            if let (Address::Inet(inet), Some(port)) = (&mut wanted, chosen)
                && inet.port() == 0
            {
                inet.set_port(port);
                shares_port = true;
            }
            let listener = match Listener::bind(&wanted, listening, any_ipv4) {
                Ok(listener) => listener,
                // `localhost` on a machine without IPv6: the other address is enough.
                Err(error) if is_second_loopback(&wanted, &listeners) && is_absent(&error) => {
                    continue;
                }
                Err(cause) => {
                    let address = wanted;
                    return Err((BindError { address, cause }, shares_port));
                }
            };
            if let (Address::Inet(asked), Address::Inet(got)) = (address, &listener.address)
                && asked.port() == 0
            {
                chosen = Some(got.port());
            }
            listeners.push(listener);
        }
        Ok(listeners)
    }

    fn bind(address: &Address, listening: Listening, any_ipv4: bool) -> io::Result<Listener> {
        match address {
            Address::Inet(inet) => bind_tcp(*inet, listening, any_ipv4),
            Address::Unix(path) => bind_unix(path, listening.backlog),
        }
    }

    /// The address of the socket; a port that was 0 is now the real one.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Changes the length of the queue of connections that wait to be accepted.
    pub fn set_backlog(&self, backlog: u32) -> io::Result<()> {
        socket::listen(&self.socket, backlog)
    }

    /// Has the kernel end connections whose peers are gone without a word: keep-alive probes
    /// (tcp(7)) are sent on quiet connections.
    pub fn find_dead_peers(&self) -> io::Result<()> {
        match self.address {
            Address::Unix(_) => Ok(()),
            Address::Inet(_) => socket::find_dead_peers(self.socket.as_fd(), QUIET_S),
        }
    }

    /// The next connection; `WouldBlock` if none waits.
    pub fn accept(&self) -> io::Result<(OwnedFd, Peer)> {
        let (socket, address) = socket::accept(self.socket.as_fd())?;
        Ok((socket, address.map_or(Peer::Unix, Peer::Inet)))
    }

    /// Ends the socket itself, in every process that has a copy of it: from now on clients are
    /// refused.
    pub fn shut(&self) {
        // An error means that another worker has shut the socket.
        let _ = socket::shutdown(self.socket.as_fd(), Shutdown::Both);
    }

    /// Removes the file of a Unix socket, unless another file was put in its place.
    pub fn remove_file(&self) {
        if let (Address::Unix(path), Some(made)) = (&self.address, self.made)
            && identity(path).ok() == Some(made)
        {
            // If it cannot be removed, the next start finds it stale and replaces it.
            let _ = fs::remove_file(path);
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn bind_tcp(address: SocketAddr, listening: Listening, any_ipv4: bool) -> io::Result<Listener> {
    let Listening {
        backlog,
        reuse_port,
    } = listening;
    let listen = |address, stack| socket::listen_tcp(address, stack, backlog, reuse_port);
    let listener = TcpListener::from(on_its_stacks(address, any_ipv4, listen)?);
    let address = Address::Inet(listener.local_addr()?);
    Ok(Listener {
        socket: listener.into(),
        address,
        made: None,
    })
}

/// Binds an address: `::` takes IPv4 as well, and is `0.0.0.0` on a machine without IPv6, unless
/// the program names `any_ipv4` address too, to which this socket leaves them.
pub(in crate::worker) fn on_its_stacks(
    address: SocketAddr,
    any_ipv4: bool,
    bind: impl Fn(SocketAddr, Stack) -> io::Result<OwnedFd>,
) -> io::Result<OwnedFd> {
    if address.ip() != IpAddr::V6(Ipv6Addr::UNSPECIFIED) || any_ipv4 {
        return bind(address, Stack::Single);
    }
    match bind(address, Stack::Dual) {
        Err(error) if is_absent(&error) => bind(
            (Ipv4Addr::UNSPECIFIED, address.port()).into(),
            Stack::Single,
        ),
        bound => bound,
    }
}

fn bind_unix(path: &Path, backlog: u32) -> io::Result<Listener> {
    // A file that a dead server left behind is replaced, unless a server answers there.
    match fs::symlink_metadata(path) {
        Ok(meta) if !meta.file_type().is_socket() => {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        // A server that is stuck, with a full queue, is alive as well, and not waited for.
        Ok(_) => match socket::try_connect_unix(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                fs::remove_file(path)?;
            }
            _ => return Err(io::ErrorKind::AddrInUse.into()),
        },
        // Any other problem with the path is reported by bind(2).
        Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    listener.set_nonblocking(true)?;
    let made = Some(identity(path)?);
    let listener = Listener {
        socket: listener.into(),
        address: Address::Unix(path.into()),
        made,
    };
    listener.set_backlog(backlog)?;
    Ok(listener)
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let meta = fs::symlink_metadata(path)?;
    Ok((meta.dev(), meta.ino()))
}

fn is_second_loopback(address: &Address, bound: &[Listener]) -> bool {
    matches!(address, Address::Inet(a) if a.ip() == IpAddr::V6(Ipv6Addr::LOCALHOST))
        && bound.iter().any(
            |l| matches!(l.address, Address::Inet(a) if a.ip() == IpAddr::V4(Ipv4Addr::LOCALHOST)),
        )
}

/// This machine does not have the address, or its family.
fn is_absent(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.kind() == io::ErrorKind::Unsupported
        || error.raw_os_error() == Some(libc::EAFNOSUPPORT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;
    use std::os::unix::net::UnixStream;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    fn addresses(texts: &[&str]) -> Vec<Address> {
        texts
            .iter()
            .flat_map(|text| Address::parse(text).unwrap())
            .collect()
    }

    #[test]
    fn port_0_with_several_hosts_is_one_port() {
        let wanted = addresses(&["127.0.0.1:0", "127.0.0.2:0", "127.0.0.3:0"]);
        let listeners = Listener::bind_all(&wanted, 16).unwrap();
        let ports: Vec<u16> = listeners
            .iter()
            .filter_map(|l| match l.address() {
                Address::Inet(a) => Some(a.port()),
                Address::Unix(_) => None,
            })
            .collect();
        assert!(
            ports[0] != 0 && ports.iter().all(|p| *p == ports[0]),
            "{ports:?}"
        );
        for listener in &listeners {
            let Address::Inet(address) = listener.address() else {
                continue;
            };
            TcpStream::connect(address).unwrap();
        }
    }

    #[test]
    fn all_are_bound_or_none() {
        let taken = Listener::bind_all(&addresses(&["127.0.0.1:0"]), 1).unwrap();
        let wanted = [
            Address::parse("127.0.0.2:0").unwrap(),
            vec![taken[0].address().clone()],
        ];
        let error = Listener::bind_all(&wanted.concat(), 1).unwrap_err();
        assert_eq!(error.cause.kind(), io::ErrorKind::AddrInUse);
        let message = error.to_string();
        assert_eq!(
            message,
            format!("{}: address already in use", taken[0].address())
        );
    }

    #[test]
    fn a_unix_socket_whose_server_is_stuck_is_in_use() {
        let path = std::env::temp_dir().join(format!("httprs-stuck-{}", std::process::id()));
        let address = [Address::Unix(path.clone())];
        let stuck = Listener::bind_all(&address, 1).unwrap();
        let full = loop {
            if let Err(error) = socket::try_connect_unix(&path) {
                break error;
            }
        };
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
        // In a thread of its own, so that to wait is a failure and no hang.
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || sender.send(Listener::bind_all(&address, 1)));
        let second = receiver.recv_timeout(Duration::from_secs(20));
        stuck[0].remove_file();
        let error = second.expect("an answer").unwrap_err();
        assert_eq!(error.cause.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_stale_unix_socket_is_replaced_and_a_live_one_is_not() {
        let path = std::env::temp_dir().join(format!("httprs-listener-{}", std::process::id()));
        let address = [Address::Unix(path.clone())];
        let first = Listener::bind_all(&address, 1).unwrap();
        let error = Listener::bind_all(&address, 1).unwrap_err();
        assert_eq!(error.cause.kind(), io::ErrorKind::AddrInUse);
        drop(first);
        let second = Listener::bind_all(&address, 1).unwrap();
        UnixStream::connect(&path).unwrap();
        assert_eq!(second[0].accept().unwrap().1, Peer::Unix);
        second[0].remove_file();
        assert!(!path.exists());
        second[0].remove_file();

        fs::write(&path, "mine").unwrap();
        assert!(
            Listener::bind_all(&address, 1).is_err(),
            "a file that is no socket stays"
        );
        second[0].remove_file();
        assert_eq!(fs::read(&path).unwrap(), b"mine");
        fs::remove_file(&path).unwrap();
    }
}
