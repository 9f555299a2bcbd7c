//! Writing log lines to descriptors that others share, without ever waiting for their readers.
//!
//! Standard output and error belong to whoever started us: `O_NONBLOCK` is a property of the open
//! file, not of the descriptor, and setting it would change the terminal of the shell as well. So
//! every kind of file is asked in its own way not to block this one write.

use std::fs::{File, OpenOptions};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// What a descriptor leads to, as far as it matters for writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A pipe or a named FIFO.
    Pipe,
    /// A socket.
    Socket,
    /// A regular file, whose writes never wait for a reader.
    File,
    /// A terminal or another device.
    Device,
}

/// Opens the file at `path` to append to, and makes it if there is none.
///
/// `O_NONBLOCK` is harmless here, the open file is ours alone; it makes the open of a FIFO that
/// nobody reads an error (`ENXIO`), which would otherwise hang.
pub(crate) fn open_append(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o644)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
}

/// Writes what can be written at once: `WouldBlock` if that is nothing. To a pipe, up to
/// `PIPE_BUF` bytes are written whole or not at all.
pub(crate) fn write_at_once(kind: Kind, fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    loop {
        let written = match kind {
            Kind::Pipe => match write_nowait(fd, bytes) {
                Err(e) if is_unsupported(&e) => write_if_ready(fd, bytes),
                outcome => outcome,
            },
            Kind::Socket => send(fd, bytes),
            Kind::File => write(fd, bytes),
            Kind::Device => write_if_ready(fd, bytes),
        };
        match written {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            outcome => return outcome,
        }
    }
}

/// `fstat(2)`: what `fd` leads to.
pub(crate) fn kind(fd: BorrowedFd<'_>) -> io::Result<Kind> {
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the fd is borrowed, so open; the kernel writes one `stat` into a place of that size.
    if unsafe { libc::fstat(fd.as_raw_fd(), stat.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: fstat returned 0, so it has filled the whole struct.
    let mode = unsafe { stat.assume_init() }.st_mode;
    Ok(match mode & libc::S_IFMT {
        libc::S_IFIFO => Kind::Pipe,
        libc::S_IFSOCK => Kind::Socket,
        libc::S_IFREG => Kind::File,
        _ => Kind::Device,
    })
}

/// Whether the kernel (or a sandbox around it) does not know `RWF_NOWAIT` for this file.
fn is_unsupported(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EOPNOTSUPP | libc::EINVAL | libc::ENOSYS | libc::EPERM)
    )
}

/// Asks first whether there is room. Between the question and the write another process may fill
/// the pipe, and then the write waits after all: this is only for where nothing better works.
fn write_if_ready(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    if !poll_writable(fd)? {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    write(fd, bytes)
}

/// `pwritev2(2)` with `RWF_NOWAIT`, at the file's own position.
///
/// Called by number: older C libraries have no function for it.
fn write_nowait(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    let piece = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    let here: libc::c_long = -1;
    // SAFETY: the fd is borrowed, so open; the kernel reads one iovec, and through it only `bytes`.
    let written = unsafe {
        libc::syscall(
            libc::SYS_pwritev2,
            fd.as_raw_fd(),
            &piece,
            1 as libc::c_long,
            here,
            here,
            libc::RWF_NOWAIT,
        )
    };
    usize::try_from(written).map_err(|_| io::Error::last_os_error())
}

/// `send(2)`, without waiting and without `SIGPIPE`.
fn send(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the fd is borrowed, so open; the kernel reads `bytes.len()` bytes of `bytes`.
    let sent = unsafe { libc::send(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), flags) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// `poll(2)`, without waiting: whether a write would make progress, or fail at once.
fn poll_writable(fd: BorrowedFd<'_>) -> io::Result<bool> {
    let mut asked = libc::pollfd {
        fd: fd.as_raw_fd(),
        events: libc::POLLOUT,
        revents: 0,
    };
    // SAFETY: the kernel reads and writes one pollfd, the local `asked`.
    match unsafe { libc::poll(&mut asked, 1, 0) } {
        -1 => Err(io::Error::last_os_error()),
        ready => Ok(ready > 0),
    }
}

/// `write(2)`.
fn write(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: the fd is borrowed, so open; the kernel reads `bytes.len()` bytes of `bytes`.
    let written = unsafe { libc::write(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) };
    usize::try_from(written).map_err(|_| io::Error::last_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{ErrorKind, Read};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    /// Writes until there is no room; how many bytes went in.
    fn fill(kind: Kind, fd: BorrowedFd<'_>) -> usize {
        let mut total = 0;
        loop {
            match write_at_once(kind, fd, &[b'x'; 4096]) {
                Ok(n) => total += n,
                Err(e) => {
                    assert_eq!(e.kind(), ErrorKind::WouldBlock, "{e}");
                    return total;
                }
            }
        }
    }

    #[test]
    fn every_kind_is_told_apart() {
        let (_reader, writer) = io::pipe().unwrap();
        assert_eq!(kind(writer.as_fd()).unwrap(), Kind::Pipe);
        let (socket, _other) = UnixStream::pair().unwrap();
        assert_eq!(kind(socket.as_fd()).unwrap(), Kind::Socket);
        let file = File::open("/proc/self/exe").unwrap();
        assert_eq!(kind(file.as_fd()).unwrap(), Kind::File);
        let null = File::open("/dev/null").unwrap();
        assert_eq!(kind(null.as_fd()).unwrap(), Kind::Device);
    }

    #[test]
    fn a_full_pipe_or_socket_does_not_block() {
        let (mut reader, writer) = io::pipe().unwrap();
        assert!(fill(Kind::Pipe, writer.as_fd()) > 0);
        let mut page = [0; 4096];
        reader.read_exact(&mut page).unwrap();
        assert_eq!(fill(Kind::Pipe, writer.as_fd()), 4096);
        let (socket, _other) = UnixStream::pair().unwrap();
        assert!(fill(Kind::Socket, socket.as_fd()) > 0);
    }

    #[test]
    fn the_way_round_does_not_block_either() {
        let (mut reader, writer) = io::pipe().unwrap();
        assert!(fill(Kind::Device, writer.as_fd()) > 0);
        let mut page = [0; 4096];
        reader.read_exact(&mut page).unwrap();
        assert_eq!(fill(Kind::Device, writer.as_fd()), 4096);
    }

    #[test]
    fn a_closed_reader_is_an_error_and_no_signal() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let (socket, other) = UnixStream::pair().unwrap();
        drop(other);
        for (kind, fd) in [
            (Kind::Pipe, writer.as_fd()),
            (Kind::Device, writer.as_fd()),
            (Kind::Socket, socket.as_fd()),
        ] {
            let error = write_at_once(kind, fd, b"x").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BrokenPipe, "{kind:?}");
        }
    }

    #[test]
    fn a_fifo_that_nobody_reads_is_an_error() {
        let path = std::env::temp_dir().join(format!("httprs-fifo-{}", std::process::id()));
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        let opened = open_append(&path);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(opened.unwrap_err().raw_os_error(), Some(libc::ENXIO));
    }

    #[test]
    fn files_are_appended_to() {
        let dir = std::env::temp_dir().join(format!("httprs-stdio-{}", std::process::id()));
        let _ = std::fs::remove_file(&dir);
        for line in ["one\n", "two\n"] {
            let file = open_append(&dir).unwrap();
            write_at_once(Kind::File, file.as_fd(), line.as_bytes()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&dir).unwrap(), "one\ntwo\n");
        std::fs::remove_file(&dir).unwrap();
    }
}
