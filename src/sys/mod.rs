//! The kernel, one call at a time: the only place in this project with `unsafe` in it.
//!
//! Each function makes one libc call, takes borrowed descriptors and returns owned ones. A
//! `SAFETY` line above each call says what keeps it sound; `tests/tidy.rs` counts the blocks, so
//! that none is added unseen. Knows nothing of the rest of the project.
//!
//! # Audit index
//! | file | calls | what could go wrong |
//! |---|---|---|
//! | [`beneath`] | openat2, openat, readlinkat | a path that leaves its root, which the kernel decides; a struct of another size |
//! | [`clock`] | clock_gettime | an unwritten timespec |
//! | [`datagram`] | recvmmsg, sendmmsg | a message that points beyond its buffer; a datagram that was cut off |
//! | [`directory`] | getdents64 | an entry that says it is longer than what was read |
//! | [`epoll`] | epoll_create1, epoll_ctl, epoll_wait | more events reported than the buffer holds; a stale token |
//! | [`event`] | eventfd, read, write | a blocked write (it is non-blocking) |
//! | [`process`] | fork, waitpid, kill, prctl, pidfd_open, pidfd_send_signal, _exit | a child that returns into its parent's code |
//! | [`resource`] | getrlimit, setrlimit | an unwritten rlimit |
//! | [`sendfile`] | sendfile | an offset beyond what the kernel takes |
//! | [`shared`] | mmap, munmap | memory used after it was unmapped, data races |
//! | [`signal`] | sigprocmask, signalfd, signal, read | an uninitialised set; a lost mask |
//! | [`stdio`] | fstat, poll, pwritev2, send, write, open, tcgetsid | a write that waits for its reader |
//! | [`socket`] | socket, setsockopt, bind, listen, connect, accept4, recv, send, sendmsg, ioctl, shutdown | an address shorter than its family |
#![allow(unsafe_code)]

pub mod beneath;
pub mod clock;
pub mod datagram;
pub mod directory;
pub mod epoll;
pub mod event;
pub mod process;
pub mod resource;
#[cfg(test)]
pub mod scratch;
pub mod sendfile;
pub mod shared;
pub mod signal;
pub mod socket;
pub mod stdio;

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// The result of most calls: -1 is an error whose number is in `errno`.
fn check(returned: libc::c_int) -> io::Result<libc::c_int> {
    if returned == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(returned)
    }
}

/// The result of calls that count bytes.
fn check_len(returned: libc::ssize_t) -> io::Result<usize> {
    usize::try_from(returned).map_err(|_| io::Error::last_os_error())
}

/// The result of calls that return a new descriptor.
///
/// # Safety
/// `returned` is what such a call just returned, and nothing else owns it.
unsafe fn check_fd(returned: RawFd) -> io::Result<OwnedFd> {
    check(returned)?;
    // SAFETY: it is not -1, so it is a new descriptor, and the caller says that it is ours alone.
    Ok(unsafe { OwnedFd::from_raw_fd(returned) })
}

/// Repeats a call that a signal has interrupted.
// Left to the compiler, it is a call of its own, and `recv` a copy of the result: 30 instructions.
#[inline(always)]
fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
