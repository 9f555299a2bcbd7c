//! How many descriptors a server needs, and how many connections there is room for.
//!
//! A master without descriptors for its workers fails at the start. A worker takes so few
//! connections that descriptors are left for files, so that it can answer the requests on them.

use std::io;

use crate::sys::resource;

/// Descriptors that a worker, or a master beside its workers, needs for itself.
const OWN: u64 = 8;
/// One in so many of the others is reserved for the files of answers.
const RESERVE: u64 = 4;
/// No more are reserved: the cache of files holds 256.
const MOST_RESERVED: u64 = 512;

/// How many connections a worker can have with `reserved` descriptors set aside, and the hard limit
/// (`RLIMIT_NOFILE`), to which it raises its own.
pub fn connections(reserved: usize) -> io::Result<(usize, u64)> {
    let (_, limit) = resource::descriptor_limits()?;
    let used = resource::open_descriptors()?.saturating_add(reserved as u64);
    Ok((room(limit, used), limit))
}

fn room(limit: u64, used: u64) -> usize {
    let free = limit.saturating_sub(used.saturating_add(OWN));
    let connections = free - (free / RESERVE).min(MOST_RESERVED);
    usize::try_from(connections).unwrap_or(usize::MAX).max(1)
}

/// Checks that there are descriptors for so many workers. In a program that is nothing but a
/// server, the limit is raised for that; elsewhere each worker needs one more, a pidfd.
///
/// # Errors
/// `InvalidInput`: there are too few.
pub fn check(workers: usize, own_process: bool) -> io::Result<()> {
    let (limit, each) = match own_process {
        true => (resource::raise_descriptor_limit()?, 1),
        false => (resource::descriptor_limits()?.0, 2),
    };
    // If no descriptor can be opened, all are in use.
    let used = resource::open_descriptors().unwrap_or(limit);
    let need = need(workers, each, used);
    if need <= limit {
        return Ok(());
    }
    let message = format!(
        "{workers} workers need {need} open files, and no more than {limit} are allowed; \
         raise that (ulimit -n), or use fewer workers"
    );
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

fn need(workers: usize, each: u64, used: u64) -> u64 {
    used + OWN + workers as u64 * each
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_files() {
        for (limit, used, want) in [
            (0, 0, 1),
            (10, 12, 1),
            (20, 12, 1),
            (21, 12, 1),
            (28, 12, 6),
            (44, 12, 18),
            (1_024, 12, 753),
            (20_000, 12, 19_468),
            (u64::MAX, 12, usize::MAX - 12 - 8 - 512),
        ] {
            assert_eq!(room(limit, used), want, "{limit}");
        }
    }

    #[test]
    fn more_workers_than_descriptors_are_refused() {
        assert_eq!(need(4, 2, 6), 22);
        check(1, false).unwrap();
        let error = check(100_000_000, false).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        let message = error.to_string();
        assert!(
            message.starts_with("100000000 workers need 2000000"),
            "{message}"
        );
    }
}
