//! The names in a directory that is open already.
//!
//! `std::fs::read_dir` takes a path, and a path may lead elsewhere by the time it is read; the path
//! of an open directory, `/proc/self/fd/N`, does not exist in a chroot. The files of these names
//! are not looked at here: `beneath` does that, by the rules by which they are served.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use super::{check_len, uninterrupted};

/// How many bytes of entries one call may return: as many as C libraries ask for. The longest entry
/// takes 280.
const CHUNK: usize = 32 * 1024;

/// Where the length of an entry is: behind `d_ino` and `d_off`.
const LENGTH_AT: usize = 16;

/// Where its name is: behind the length (two bytes) and the type (one byte).
const NAME_AT: usize = 19;

/// Calls `visit` with each name in `directory`, in the order of the file system, until it breaks.
/// `.` and `..` are left out. A descriptor can be read through once.
///
/// # Errors
/// `directory` is no directory, was opened with `O_PATH`, or the disk fails.
pub fn each_name(
    directory: &File,
    mut visit: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> io::Result<()> {
    let mut buf = vec![0; CHUNK];
    loop {
        let len = uninterrupted(|| getdents64(directory.as_fd(), &mut buf))?;
        if len == 0 {
            return Ok(());
        }
        let mut rest = &buf[..len];
        while !rest.is_empty() {
            let (name, after) = entry(rest).ok_or(io::ErrorKind::InvalidData)?;
            rest = after;
            if !matches!(name, b"." | b"..") && visit(name).is_break() {
                return Ok(());
            }
        }
    }
}

/// The name of the entry (`struct linux_dirent64`) that `bytes` begin with, and what follows it.
fn entry(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = bytes.get(LENGTH_AT..)?.first_chunk()?;
    let (entry, rest) = bytes.split_at_checked(u16::from_ne_bytes(*length).into())?;
    let name = entry.get(NAME_AT..)?;
    // Behind the NUL there may be padding.
    let end = name.iter().position(|b| *b == 0)?;
    Some((&name[..end], rest))
}

/// `getdents64(2)`: as many whole entries as fit; 0 at the end. Called by number: musl has no such
/// function, nor do the older versions of glibc that we support.
fn getdents64(directory: BorrowedFd<'_>, buf: &mut [u8]) -> io::Result<usize> {
    let (to, len) = (buf.as_mut_ptr(), buf.len());
    // SAFETY: the fd is borrowed, so open; the kernel writes at most `len` bytes, all of them in
    // `buf`.
    let returned = unsafe { libc::syscall(libc::SYS_getdents64, directory.as_raw_fd(), to, len) };
    check_len(returned as libc::ssize_t)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::scratch::Scratch;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::OpenOptionsExt;

    fn names(directory: &File, most: usize) -> io::Result<Vec<Vec<u8>>> {
        let mut names = Vec::new();
        each_name(directory, |name| {
            names.push(name.to_vec());
            match names.len() == most {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        })?;
        names.sort();
        Ok(names)
    }

    #[test]
    fn every_name_is_read_once() {
        let scratch = Scratch::new("directory");
        let open = || File::open(scratch.path()).unwrap();
        assert_eq!(names(&open(), 9).unwrap(), [b""; 0]);
        let odd = [&b"a"[..], b"...", b"\xff\n", &[b'x'; 255]];
        for name in odd {
            scratch.write(OsStr::from_bytes(name), "");
        }
        scratch.directory("d");
        scratch.link("l", "nowhere");
        scratch.fifo("p");
        let mut want = [&odd[..], &[b"d", b"l", b"p"]].concat();
        want.sort();
        assert_eq!(names(&open(), 99).unwrap(), want);
        assert_eq!(names(&open(), 3).unwrap().len(), 3, "it can be stopped");
        // More than one call returns.
        for n in 0..1_000 {
            scratch.write(format!("many/{n:0>100}"), "");
        }
        let many = File::open(scratch.path().join("many")).unwrap();
        let mut got = names(&many, 9_999).unwrap();
        got.dedup();
        assert_eq!(got.len(), 1_000);
        assert_eq!(names(&many, 9).unwrap().len(), 0, "read through once");
    }

    #[test]
    fn a_directory_that_cannot_be_read_is_an_error() {
        let scratch = Scratch::new("directory");
        let file = File::open(scratch.write("f", "x")).unwrap();
        assert_eq!(
            names(&file, 9).unwrap_err().kind(),
            io::ErrorKind::NotADirectory
        );
        let mut options = File::options();
        options.read(true).custom_flags(libc::O_PATH);
        assert!(names(&options.open(scratch.path()).unwrap(), 9).is_err());
    }

    #[test]
    fn malformed_entries_are_refused() {
        let made = |length: u16, name: &[u8]| {
            let mut bytes = vec![7; LENGTH_AT];
            bytes.extend(length.to_ne_bytes());
            bytes.push(4);
            bytes.extend(name);
            bytes
        };
        for (name, bytes, want) in [
            ("one", made(21, b"a\0"), Some((&b"a"[..], 0))),
            ("padded", made(24, b"a\0\0\0\0"), Some((b"a", 0))),
            ("more behind", made(22, b"ab\0next"), Some((b"ab", 4))),
            ("no name", made(20, b"\0"), Some((b"", 0))),
            ("no NUL", made(21, b"ab"), None),
            ("a NUL behind it", made(21, b"ab\0"), None),
            ("longer than there is", made(22, b"a\0"), None),
            ("too short for a name", made(18, b"a\0"), None),
            ("no length", made(0, b"a\0"), None),
            ("half a length", made(21, b"")[..17].to_vec(), None),
            ("nothing", Vec::new(), None),
        ] {
            let got = entry(&bytes).map(|(name, rest)| (name, rest.len()));
            assert_eq!(got, want, "{name}");
        }
    }
}
