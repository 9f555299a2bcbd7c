//! `getrlimit(2)`: how many descriptors a process may have.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use super::check;
use super::event::EventFd;

/// Raises the soft limit on open descriptors to the hard one, which needs no privilege; returns it.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    let mut limit = descriptor_limit()?;
    if limit.rlim_cur < limit.rlim_max {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: the kernel reads the local `limit`.
        check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) })?;
    }
    Ok(limit.rlim_cur)
}

/// The soft limit, and the hard one, to which a process may raise it without privilege.
pub fn descriptor_limits() -> io::Result<(u64, u64)> {
    descriptor_limit().map(|limit| (limit.rlim_cur, limit.rlim_max))
}

/// How many descriptors are open, if none was closed out of order: a new one gets the lowest free
/// number.
pub fn open_descriptors() -> io::Result<u64> {
    let next = EventFd::new()?;
    Ok(u64::try_from(next.as_fd().as_raw_fd()).unwrap_or(0))
}

fn descriptor_limit() -> io::Result<libc::rlimit> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the kernel writes to the local `limit`.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) })?;
    Ok(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_as_far_as_it_goes() {
        let hard = descriptor_limit().unwrap().rlim_max;
        assert_eq!(raise_descriptor_limit().unwrap(), hard);
        assert_eq!(descriptor_limit().unwrap().rlim_cur, hard);
    }

    #[test]
    fn open_descriptors_are_counted() {
        // Other tests open and close descriptors meanwhile: at least the standard three are there.
        let (soft, _) = descriptor_limits().unwrap();
        assert!((3..soft).contains(&open_descriptors().unwrap()));
    }
}
