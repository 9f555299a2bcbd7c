//! `sendfile(2)`: a file goes to a socket without passing through this process.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::check_len;

/// Sends up to `len` bytes of `file` from `offset` on; returns how many. `Ok(0)` means that the
/// file ends there. The file's own position is neither used nor moved.
pub fn sendfile(to: BorrowedFd<'_>, file: &File, offset: u64, len: u64) -> io::Result<usize> {
    let mut at = libc::off_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
    // The kernel sends at most this much in one call in any case.
    let len = len.min(0x7fff_f000) as usize;
    // SAFETY: both descriptors are borrowed, so open throughout; the kernel writes only to the
    // local `at`.
    check_len(unsafe { libc::sendfile(to.as_raw_fd(), file.as_raw_fd(), &mut at, len) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_range_of_a_file_arrives_and_its_end_is_reported() {
        let path = std::env::temp_dir().join(format!("httprs-sendfile-{}", std::process::id()));
        File::create(&path)
            .unwrap()
            .write_all(b"0123456789")
            .unwrap();
        let file = File::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let (a, mut b) = UnixStream::pair().unwrap();
        assert_eq!(sendfile(a.as_fd(), &file, 3, 4).unwrap(), 4);
        assert_eq!(sendfile(a.as_fd(), &file, 8, 100).unwrap(), 2);
        assert_eq!(sendfile(a.as_fd(), &file, 10, 100).unwrap(), 0);
        drop(a);
        let mut got = String::new();
        b.read_to_string(&mut got).unwrap();
        assert_eq!(got, "345689");
        assert!(sendfile(b.as_fd(), &file, u64::MAX, 1).is_err());
    }
}
