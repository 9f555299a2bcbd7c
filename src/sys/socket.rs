//! Stream sockets: listening, accepting, receiving and sending.
//!
//! Options are set on the listening socket, before `bind`; on Linux the accepted sockets inherit
//! them, so that a new connection costs one call.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use super::{check, check_fd, check_len, uninterrupted};

/// Whether an IPv6 socket also takes IPv4 connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stack {
    /// Only the family of its own address.
    Single,
    /// IPv4 too, as `::ffff:a.b.c.d`.
    Dual,
}

/// A TCP socket that listens on `address`: non-blocking, closed on exec, with Nagle's algorithm
/// off for what it accepts. With `reuse_port`, another socket of the same user may listen there.
pub fn listen_tcp(
    address: SocketAddr,
    stack: Stack,
    backlog: u32,
    reuse_port: bool,
) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() {
        libc::AF_INET
    } else {
        libc::AF_INET6
    };
    let socket = new_socket(family, libc::SOCK_STREAM)?;
    // A restarted server must not wait for its old connections' TIME_WAIT.
    set_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
    if reuse_port {
        set_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)?;
    }
    set_option(socket.as_fd(), libc::IPPROTO_TCP, libc::TCP_NODELAY, 1)?;
    if address.is_ipv6() {
        // Always set, because the system's default can be changed.
        let only = libc::c_int::from(stack == Stack::Single);
        set_option(socket.as_fd(), libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, only)?;
    }
    bind(&socket, &RawAddress::from(address))?;
    listen(&socket, backlog)?;
    Ok(socket)
}

/// A UDP socket that is bound to `address`: non-blocking, closed on exec, and the kernel says with
/// each datagram to which address it was sent.
pub fn bind_udp(address: SocketAddr, stack: Stack) -> io::Result<OwnedFd> {
    let (family, level, option) = match address {
        SocketAddr::V4(_) => (libc::AF_INET, libc::IPPROTO_IP, libc::IP_PKTINFO),
        SocketAddr::V6(_) => (libc::AF_INET6, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO),
    };
    let socket = new_socket(family, libc::SOCK_DGRAM)?;
    set_option(socket.as_fd(), level, option, 1)?;
    if address.is_ipv6() {
        let only = libc::c_int::from(stack == Stack::Single);
        set_option(socket.as_fd(), libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, only)?;
    }
    bind(&socket, &RawAddress::from(address))?;
    Ok(socket)
}

fn new_socket(family: libc::c_int, kind: libc::c_int) -> io::Result<OwnedFd> {
    let kind = kind | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: takes no pointer; the descriptor it returns is new and ours.
    unsafe { check_fd(libc::socket(family, kind, 0)) }
}

fn set_option<T: Copy>(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    option: libc::c_int,
    value: T,
) -> io::Result<()> {
    let at = ptr::from_ref(&value).cast();
    let len = size_of::<T>() as libc::socklen_t;
    // SAFETY: the kernel reads `len` bytes, the size of the local `value`.
    check(unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, at, len) })?;
    Ok(())
}

fn bind(socket: &OwnedFd, address: &RawAddress) -> io::Result<()> {
    let (at, len) = address.as_ptr();
    // SAFETY: the kernel reads `len` bytes of the borrowed address, which is as long.
    check(unsafe { libc::bind(socket.as_raw_fd(), at, len) })?;
    Ok(())
}

/// `listen(2)`; called again, it changes the length of the accept queue.
pub fn listen(socket: &OwnedFd, backlog: u32) -> io::Result<()> {
    let backlog = libc::c_int::try_from(backlog).unwrap_or(libc::c_int::MAX);
    // SAFETY: takes no pointer.
    check(unsafe { libc::listen(socket.as_raw_fd(), backlog) })?;
    Ok(())
}

/// `connect(2)`: whether a Unix socket listens at `path`; the connection ends at once. `WouldBlock`
/// if its accept queue is full, `ConnectionRefused` if no process listens.
///
/// The standard library's `connect` would wait for room in that queue: for ever, if the server
/// hangs.
pub fn try_connect_unix(path: &Path) -> io::Result<()> {
    let address = RawAddress::unix(path)?;
    let socket = new_socket(libc::AF_UNIX, libc::SOCK_STREAM)?;
    let (at, len) = address.as_ptr();
    // SAFETY: the kernel reads `len` bytes of the borrowed address, which is as long.
    check(unsafe { libc::connect(socket.as_raw_fd(), at, len) })?;
    Ok(())
}

/// `accept4(2)`: the next connection in the accept queue, non-blocking and closed on exec, and its
/// peer's address (`None` for a Unix socket). `WouldBlock` when the queue is empty.
pub fn accept(listener: BorrowedFd<'_>) -> io::Result<(OwnedFd, Option<SocketAddr>)> {
    let mut storage = MaybeUninit::<libc::sockaddr_storage>::zeroed();
    let mut len = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    let at = storage.as_mut_ptr().cast();
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    let socket = uninterrupted(|| {
        // SAFETY: the kernel writes at most `len` bytes to the local `storage`, which is that
        // long; the descriptor it returns is new and ours.
        unsafe { check_fd(libc::accept4(listener.as_raw_fd(), at, &mut len, flags)) }
    })?;
    // SAFETY: it was zeroed, which is a valid address of no family.
    Ok((socket, address_of(unsafe { storage.assume_init_ref() })))
}

/// An address as the kernel wrote it; `None` if it is not an Internet address.
pub(super) fn address_of(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match libc::c_int::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that this is a sockaddr_in, and a storage is large enough
            // and aligned for any address.
            let raw = unsafe { &*ptr::from_ref(storage).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(raw.sin_addr.s_addr.to_ne_bytes());
            Some(SocketAddrV4::new(ip, u16::from_be(raw.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above, for a sockaddr_in6.
            let raw = unsafe { &*ptr::from_ref(storage).cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(raw.sin6_addr.s6_addr);
            let port = u16::from_be(raw.sin6_port);
            Some(match ip.to_ipv4_mapped() {
                // An IPv4 client of a dual-stack socket.
                Some(ip) => SocketAddrV4::new(ip, port).into(),
                None => SocketAddrV6::new(ip, port, 0, raw.sin6_scope_id).into(),
            })
        }
        _ => None,
    }
}

/// An address in the kernel's form.
enum RawAddress {
    V4(libc::sockaddr_in),
    V6(libc::sockaddr_in6),
    Unix(libc::sockaddr_un),
}

impl From<SocketAddr> for RawAddress {
    fn from(address: SocketAddr) -> RawAddress {
        match address {
            SocketAddr::V4(v4) => RawAddress::V4(libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr {
                    s_addr: u32::from_ne_bytes(v4.ip().octets()),
                },
                sin_zero: [0; 8],
            }),
            SocketAddr::V6(v6) => RawAddress::V6(libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: v6.flowinfo(),
                sin6_addr: libc::in6_addr {
                    s6_addr: v6.ip().octets(),
                },
                sin6_scope_id: v6.scope_id(),
            }),
        }
    }
}

impl RawAddress {
    /// The address of a path; an error if the path is too long or holds a NUL. An empty path would
    /// be an abstract address, outside of the file system.
    fn unix(path: &Path) -> io::Result<RawAddress> {
        let path = path.as_os_str().as_bytes();
        let mut raw = libc::sockaddr_un {
            sun_family: libc::AF_UNIX as libc::sa_family_t,
            sun_path: [0; 108],
        };
        if path.is_empty() || path.len() >= raw.sun_path.len() || path.contains(&0) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        for (to, from) in raw.sun_path.iter_mut().zip(path) {
            *to = *from as libc::c_char;
        }
        Ok(RawAddress::Unix(raw))
    }

    fn as_ptr(&self) -> (*const libc::sockaddr, libc::socklen_t) {
        match self {
            RawAddress::V4(raw) => (ptr::from_ref(raw).cast(), size_of_val(raw) as _),
            RawAddress::V6(raw) => (ptr::from_ref(raw).cast(), size_of_val(raw) as _),
            RawAddress::Unix(raw) => (ptr::from_ref(raw).cast(), size_of_val(raw) as _),
        }
    }
}

/// `recv(2)`: reads what has arrived; `Ok(0)` is the end of input.
#[inline(always)]
pub fn recv(socket: BorrowedFd<'_>, buf: &mut [u8]) -> io::Result<usize> {
    let (at, len) = (buf.as_mut_ptr().cast(), buf.len());
    // SAFETY: the kernel writes at most `len` bytes to the borrowed buffer, which is that long.
    uninterrupted(|| check_len(unsafe { libc::recv(socket.as_raw_fd(), at, len, 0) }))
}

/// `send(2)`: queues as much as there is room for. With `more`, the last packet may wait for
/// what follows.
pub fn send(socket: BorrowedFd<'_>, bytes: &[u8], more: bool) -> io::Result<usize> {
    let (at, len) = (bytes.as_ptr().cast(), bytes.len());
    // SAFETY: the kernel reads at most `len` bytes of the borrowed buffer, which is that long.
    uninterrupted(|| check_len(unsafe { libc::send(socket.as_raw_fd(), at, len, flags(more)) }))
}

/// `sendmsg(2)`: the same for several buffers, of which it takes at most 1024.
pub fn send_vectored(
    socket: BorrowedFd<'_>,
    slices: &[IoSlice<'_>],
    more: bool,
) -> io::Result<usize> {
    // SAFETY: a message of zeros has no name, no buffers and no control data.
    let mut message = unsafe { MaybeUninit::<libc::msghdr>::zeroed().assume_init() };
    // An IoSlice is promised to have the layout of an iovec; the kernel only reads it.
    message.msg_iov = slices.as_ptr().cast_mut().cast();
    message.msg_iovlen = slices.len().min(1024) as _;
    // SAFETY: the kernel reads `message`, which is local, and the buffers that it points to,
    // which are borrowed for the whole call.
    uninterrupted(|| check_len(unsafe { libc::sendmsg(socket.as_raw_fd(), &message, flags(more)) }))
}

fn flags(more: bool) -> libc::c_int {
    // A peer that is gone is an error like any other, whatever SIGPIPE's disposition.
    libc::MSG_NOSIGNAL | if more { libc::MSG_MORE } else { 0 }
}

/// `SIOCOUTQ`: how many bytes were sent that the peer's kernel has not acknowledged, or, on a Unix
/// socket, that the peer has not read.
pub fn unacknowledged(socket: BorrowedFd<'_>) -> io::Result<u64> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the kernel writes to the local `bytes` alone. SIOCOUTQ is the number of TIOCOUTQ.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &mut bytes) })?;
    Ok(u64::try_from(bytes).unwrap_or(0))
}

/// `TCP_NOTSENT_LOWAT`: how many unsent bytes a TCP socket takes; 0 for as many as its buffer
/// holds, which grows to some megabytes.
pub fn limit_unsent(socket: BorrowedFd<'_>, bytes: u32) -> io::Result<()> {
    set_option(socket, libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT, bytes)
}

/// Turns on TCP keep-alive for the connections of a listening socket, which inherit it: when a
/// connection is idle for `idle_s` seconds, the kernel probes the peer three times in 30 seconds
/// (`SO_KEEPALIVE`, tcp(7)).
pub fn find_dead_peers(listener: BorrowedFd<'_>, idle_s: u32) -> io::Result<()> {
    let tcp = |option, value: u32| set_option(listener, libc::IPPROTO_TCP, option, value);
    set_option(listener, libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1)?;
    tcp(libc::TCP_KEEPIDLE, idle_s)?;
    tcp(libc::TCP_KEEPINTVL, 10)?;
    tcp(libc::TCP_KEEPCNT, 3)
}

/// Makes the kernel end a TCP connection whose peer does not acknowledge what was sent to it for
/// `ms` milliseconds (`TCP_USER_TIMEOUT`). The same goes for a peer whose window stays closed for
/// so long.
pub fn limit_unacknowledged(socket: BorrowedFd<'_>, ms: u32) -> io::Result<()> {
    set_option(socket, libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT, ms)
}

/// Makes `close(2)` reset a TCP connection: what was not sent yet is dropped, and the peer learns
/// that something is missing. A Unix socket just ends.
pub fn reset_on_close(socket: BorrowedFd<'_>) -> io::Result<()> {
    let at_once = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    set_option(socket, libc::SOL_SOCKET, libc::SO_LINGER, at_once)
}

/// `shutdown(2)`: ends one direction of a connection, or both.
pub fn shutdown(socket: BorrowedFd<'_>, how: Shutdown) -> io::Result<()> {
    let how = match how {
        Shutdown::Read => libc::SHUT_RD,
        Shutdown::Write => libc::SHUT_WR,
        Shutdown::Both => libc::SHUT_RDWR,
    };
    // SAFETY: takes no pointer.
    check(unsafe { libc::shutdown(socket.as_raw_fd(), how) })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;

    fn try_listen(address: &str, stack: Stack) -> io::Result<TcpListener> {
        Ok(listen_tcp(address.parse().unwrap(), stack, 16, false)?.into())
    }

    #[test]
    fn a_connection_is_accepted_and_its_peer_is_known() {
        let listener = try_listen("127.0.0.1:0", Stack::Single).unwrap();
        let none = accept(listener.as_fd()).unwrap_err();
        assert_eq!(none.kind(), io::ErrorKind::WouldBlock);

        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, peer) = accept(listener.as_fd()).unwrap();
        assert_eq!(peer, Some(client.local_addr().unwrap()));
        assert!(
            TcpStream::from(socket.try_clone().unwrap())
                .nodelay()
                .unwrap(),
            "inherited"
        );

        let mut buf = [0; 16];
        let empty = recv(socket.as_fd(), &mut buf).unwrap_err();
        assert_eq!(empty.kind(), io::ErrorKind::WouldBlock);
        client.write_all(b"ping").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(recv(socket.as_fd(), &mut buf).unwrap(), 4);
        assert_eq!(recv(socket.as_fd(), &mut buf).unwrap(), 0);

        assert_eq!(send(socket.as_fd(), b"a", true).unwrap(), 1);
        assert!(unacknowledged(socket.as_fd()).unwrap() <= 1);
        let slices = [IoSlice::new(b"bc"), IoSlice::new(b""), IoSlice::new(b"d")];
        assert_eq!(send_vectored(socket.as_fd(), &slices, false).unwrap(), 3);
        shutdown(socket.as_fd(), Shutdown::Write).unwrap();
        let mut got = String::new();
        client.read_to_string(&mut got).unwrap();
        assert_eq!(got, "abcd");
    }

    #[test]
    fn unsent_bytes_for_a_client_that_stops_reading_can_be_limited() {
        for (limit, want) in [(128 * 1024, 1..384 * 1024), (0, 1_000_000..u64::MAX)] {
            let listener = try_listen("127.0.0.1:0", Stack::Single).unwrap();
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            client.set_nonblocking(true).unwrap();
            // Else the client's kernel offers a window of megabytes and drops bytes that do not
            // fit: those stay unacknowledged.
            set_option(client.as_fd(), libc::SOL_SOCKET, libc::SO_RCVBUF, 64 * 1024).unwrap();
            let (socket, _) = accept(listener.as_fd()).unwrap();
            limit_unsent(socket.as_fd(), 1).unwrap();
            limit_unsent(socket.as_fd(), limit).unwrap();
            let piece = vec![0; 64 * 1024];
            let fill = || while send(socket.as_fd(), &piece, false).is_ok() {};
            // The client reads well at first, which lets the kernel's buffers grow.
            let (mut buf, mut got) = (piece.clone(), 0);
            while got < 64 * 1024 * 1024 {
                fill();
                while let Ok(n) = client.read(&mut buf) {
                    got += n;
                }
            }
            let mut unsent = [0, 0];
            while unsent.contains(&0) {
                fill();
                std::thread::sleep(std::time::Duration::from_millis(5));
                unsent = [unsent[1], unacknowledged(socket.as_fd()).unwrap()];
            }
            assert!(want.contains(&unsent[1]), "{limit}: {unsent:?}");
        }
        let (unix, _) = std::os::unix::net::UnixStream::pair().unwrap();
        assert!(limit_unsent(unix.as_fd(), 1).is_err(), "it has no network");
    }

    #[test]
    fn a_port_in_use_is_refused() {
        let first = try_listen("127.0.0.1:0", Stack::Single).unwrap();
        let again = listen_tcp(first.local_addr().unwrap(), Stack::Single, 1, false).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn an_ipv4_client_of_a_dual_stack_socket_is_shown_as_ipv4() {
        let listener = match try_listen("[::]:0", Stack::Dual) {
            Ok(listener) => listener,
            // A machine without IPv6 cannot show it.
            Err(error) if error.raw_os_error() == Some(libc::EAFNOSUPPORT) => return,
            Err(error) => panic!("{error}"),
        };
        let port = listener.local_addr().unwrap().port();
        let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let (_, peer) = accept(listener.as_fd()).unwrap();
        assert_eq!(peer, Some(client.local_addr().unwrap()));
    }
}
