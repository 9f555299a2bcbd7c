//! `eventfd(2)`: a counter that one process adds to and others wait for.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use super::{check_fd, check_len};

/// A non-blocking event counter. Processes that inherit it share it.
#[derive(Debug)]
pub struct EventFd {
    fd: OwnedFd,
}

impl EventFd {
    /// `eventfd(2)`, closed on exec, at 0.
    pub fn new() -> io::Result<EventFd> {
        // SAFETY: takes no pointer; the descriptor it returns is new and ours.
        let fd = unsafe { check_fd(libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK)) }?;
        Ok(EventFd { fd })
    }

    /// Adds 1, which wakes the processes that wait.
    pub fn notify(&self) -> io::Result<()> {
        let one = 1_u64.to_ne_bytes();
        // SAFETY: the kernel reads the eight bytes of the local `one`.
        check_len(unsafe { libc::write(self.fd.as_raw_fd(), one.as_ptr().cast(), one.len()) })?;
        Ok(())
    }

    /// Resets the counter to 0; whether it was above.
    pub fn take(&self) -> io::Result<bool> {
        let mut count = [0; 8];
        let buf = count.as_mut_ptr().cast();
        // SAFETY: the kernel writes at most the eight bytes of the local `count`.
        match check_len(unsafe { libc::read(self.fd.as_raw_fd(), buf, count.len()) }) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl AsFd for EventFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_notifications_are_one_event() {
        let event = EventFd::new().unwrap();
        assert!(!event.take().unwrap());
        event.notify().unwrap();
        event.notify().unwrap();
        assert!(event.take().unwrap());
        assert!(!event.take().unwrap());
    }
}
