//! Datagram sockets: receiving and answering many datagrams in one call each.

use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use super::check;
use super::socket::address_of;

/// How many datagrams one call takes.
pub const BATCH: usize = 32;
/// The longest datagram of UDP over IPv4, in bytes; one over IPv6 may have 20 more, which no client
/// sends.
pub const LONGEST: usize = 65_507;

/// Words for what the kernel says of a datagram: to which of our addresses it was sent.
const CONTROL: usize = 8;

/// Datagrams that were received together, and the answers to them. An answer takes the place of its
/// datagram, so it cannot be longer.
pub struct Batch {
    bytes: Vec<u8>,
    places: Vec<Place>,
}

#[derive(Clone)]
struct Place {
    address: libc::sockaddr_storage,
    control: [u64; CONTROL],
    control_len: usize,
    /// The length of the datagram; `None` if it was cut off.
    received: Option<usize>,
    /// The length of the answer, if there is one.
    answer: Option<usize>,
}

impl Batch {
    /// Room for a batch.
    pub fn new() -> Batch {
        let place = Place {
            // SAFETY: zeros are an address of no family.
            address: unsafe { MaybeUninit::zeroed().assume_init() },
            control: [0; CONTROL],
            control_len: 0,
            received: None,
            answer: None,
        };
        Batch {
            bytes: vec![0; BATCH * LONGEST],
            places: vec![place; BATCH],
        }
    }

    /// `recvmmsg(2)`: receives what has come, up to [`BATCH`] datagrams, and returns how many;
    /// `WouldBlock` if there is none. A longer datagram is cut off, and has no answer.
    pub fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        let mut messages = no_messages();
        let mut vectors = no_vectors();
        let buffers = self.bytes.chunks_exact_mut(LONGEST);
        let each = messages
            .iter_mut()
            .zip(&mut vectors)
            .zip(buffers)
            .zip(&mut self.places);
        for (((message, vector), bytes), place) in each {
            vector.iov_base = bytes.as_mut_ptr().cast();
            vector.iov_len = LONGEST;
            let header = &mut message.msg_hdr;
            header.msg_name = ptr::from_mut(&mut place.address).cast();
            header.msg_namelen = size_of::<libc::sockaddr_storage>() as _;
            header.msg_iov = ptr::from_mut(vector);
            header.msg_iovlen = 1;
            header.msg_control = place.control.as_mut_ptr().cast();
            header.msg_controllen = size_of_val(&place.control) as _;
        }
        let (at, len) = (messages.as_mut_ptr(), BATCH as libc::c_uint);
        let (fd, flags) = (socket.as_raw_fd(), libc::MSG_DONTWAIT as _);
        // SAFETY: the kernel writes to the `len` local messages, and to what they point to: for
        // each an address, a control buffer and `LONGEST` bytes, which all are borrowed from `self`
        // and as long as is said there.
        let received = check(unsafe { libc::recvmmsg(fd, at, len, flags, ptr::null_mut()) })?;
        let received = received as usize;
        for (place, message) in self.places.iter_mut().zip(&messages).take(received) {
            let is_whole = message.msg_hdr.msg_flags & libc::MSG_TRUNC == 0;
            place.received = is_whole.then_some(message.msg_len as usize);
            place.control_len = message.msg_hdr.msg_controllen as _;
            place.answer = None;
        }
        Ok(received)
    }

    /// A datagram of those that were received last, and its sender; `None` if it was cut off.
    pub fn get(&self, index: usize) -> Option<(&[u8], SocketAddr)> {
        let place = self.places.get(index)?;
        let bytes = &self.bytes[index * LONGEST..][..place.received?];
        Some((bytes, address_of(&place.address)?))
    }

    /// Answers a datagram; whether the answer is short enough.
    pub fn answer<'a>(&mut self, index: usize, parts: impl Iterator<Item = &'a [u8]>) -> bool {
        let Some(place) = self.places.get_mut(index) else {
            return false;
        };
        let room = &mut self.bytes[index * LONGEST..][..place.received.unwrap_or(0)];
        let mut len = 0;
        for part in parts {
            let Some(room) = room.get_mut(len..len + part.len()) else {
                return false;
            };
            room.copy_from_slice(part);
            len += part.len();
        }
        place.answer = Some(len);
        true
    }

    /// `sendmmsg(2)`: sends the answers, each from the address that its datagram was sent to;
    /// returns how many the kernel has taken. The others are lost, as datagrams are.
    pub fn send(&mut self, socket: BorrowedFd<'_>) -> usize {
        let mut messages = no_messages();
        let mut vectors = no_vectors();
        let mut len = 0;
        for (index, place) in self.places.iter_mut().enumerate() {
            let Some(answer) = place.answer.take() else {
                continue;
            };
            let vector = &mut vectors[len];
            vector.iov_base = self.bytes[index * LONGEST..].as_mut_ptr().cast();
            vector.iov_len = answer;
            let header = &mut messages[len].msg_hdr;
            header.msg_name = ptr::from_mut(&mut place.address).cast();
            header.msg_namelen = size_of::<libc::sockaddr_storage>() as _;
            header.msg_iov = ptr::from_mut(vector);
            header.msg_iovlen = 1;
            if place.control_len > 0 {
                header.msg_control = place.control.as_mut_ptr().cast();
                header.msg_controllen = place.control_len as _;
            }
            len += 1;
        }
        let (mut done, mut sent) = (0, 0);
        while done < len {
            let rest = &mut messages[done..len];
            let (at, count) = (rest.as_mut_ptr(), rest.len() as libc::c_uint);
            let (fd, flags) = (socket.as_raw_fd(), libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL);
            // SAFETY: the kernel reads the `count` local messages and what they point to, which is
            // borrowed from `self`, and writes to their lengths alone.
            match check(unsafe { libc::sendmmsg(fd, at, count, flags as _) }) {
                Ok(n) => (done, sent) = (done + n as usize, sent + n as usize),
                // This is about the first of them: a client that cannot be reached, or no room.
                Err(_) => done += 1,
            }
        }
        sent
    }
}

fn no_messages() -> [libc::mmsghdr; BATCH] {
    // SAFETY: a message of zeros has no name, no buffers and no control data.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

fn no_vectors() -> [libc::iovec; BATCH] {
    let none = libc::iovec {
        iov_base: ptr::null_mut(),
        iov_len: 0,
    };
    [none; BATCH]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::socket::{Stack, bind_udp};
    use std::net::UdpSocket;
    use std::os::fd::AsFd;

    #[test]
    fn a_batch_is_received_and_answered_from_where_it_was_sent_to() {
        // On all addresses: without its control data, an answer would come from 127.0.0.1.
        let any = bind_udp("[::]:0".parse().unwrap(), Stack::Dual).unwrap();
        let any = UdpSocket::from(any);
        let port = any.local_addr().unwrap().port();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.connect(("127.0.0.5", port)).unwrap();
        let mut batch = Batch::new();
        assert_eq!(
            batch.receive(any.as_fd()).unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        let longest = vec![7; LONGEST];
        for datagram in [&b"one"[..], b"", &longest, b"four"] {
            client.send(datagram).unwrap();
        }
        assert_eq!(batch.receive(any.as_fd()).unwrap(), 4);
        let (bytes, peer) = batch.get(0).unwrap();
        assert_eq!((bytes, peer), (&b"one"[..], client.local_addr().unwrap()));
        assert!(!batch.answer(0, [&b"on"[..], b"ly"].into_iter()), "longer");
        assert!(batch.answer(1, [].into_iter()));
        assert!(batch.answer(2, [&longest[..]].into_iter()));
        assert!(batch.answer(3, [&b"f"[..], b"ou"].into_iter()));
        assert_eq!(batch.send(any.as_fd()), 3);
        let mut got = vec![0; LONGEST + 1];
        for want in [&b""[..], &longest, b"fou"] {
            // The client is connected, so it takes nothing from another address.
            let n = client.recv(&mut got).unwrap();
            assert!(got[..n] == *want, "{n} bytes");
        }
        assert_eq!(batch.send(any.as_fd()), 0, "each answer once");
        // Over IPv6, a datagram can be longer.
        let Ok(client) = UdpSocket::bind("[::1]:0") else {
            return;
        };
        client.send_to(&[7; LONGEST + 1], ("::1", port)).unwrap();
        assert_eq!(batch.receive(any.as_fd()).unwrap(), 1);
        assert!(batch.get(0).is_none(), "it was cut off");
    }
}
