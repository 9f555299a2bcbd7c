//! Writing log lines to descriptors that others share, without ever waiting for their readers.
//!
//! Standard output and error belong to the program that started this one: `O_NONBLOCK` is a
//! property of the open file, not of the descriptor, and setting it would change the terminal of
//! the shell as well. So every kind of file is asked in its own way not to block this one write; a
//! terminal, which knows none, is opened a second time.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal};
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
    /// A regular file, whose writes never wait for a reader, or what [`reopen_terminal`] opened.
    File,
    /// A terminal, whose open file others may share.
    Terminal,
    /// Another device.
    Device,
}

/// A quarter of the unit in which a terminal has room.
const PIECE: usize = 64;

/// Opens the file at `path` to append to, and makes it if there is none.
///
/// `O_NONBLOCK` is harmless here, the open file is ours alone; it makes the open of a FIFO that
/// is not read an error (`ENXIO`), which would otherwise hang.
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
            Kind::Terminal => write_pieces(fd, bytes),
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
        _ if fd.is_terminal() => Kind::Terminal,
        _ => Kind::Device,
    })
}

/// Opens a terminal once more: the new open file is ours alone, and its writes never wait.
///
/// # Errors
/// The terminal cannot be opened, as where it is another user's (`sudo -u`): then
/// [`Kind::Terminal`] is the way to write to the old one.
pub(crate) fn reopen_terminal(fd: BorrowedFd<'_>) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options
        .write(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    // The master end of a terminal: each open makes a new pair.
    if std::fs::read_link(&path).is_ok_and(|device| device.ends_with("ptmx")) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    options.open(path)
}

/// Whether the kernel (or a sandbox around it) does not know `RWF_NOWAIT` for this file.
fn is_unsupported(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EOPNOTSUPP | libc::EINVAL | libc::ENOSYS | libc::EPERM)
    )
}

/// Polls for room first. Between the poll and the write another process may fill the pipe, and then
/// the write blocks after all: this is only for files where nothing better works.
fn write_if_ready(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    if !poll_writable(fd)? {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    write(fd, bytes)
}

/// For a terminal that could not be opened again. `poll` calls it ready when there is any room at
/// all, and a longer write blocks for the rest. So each piece fits: room comes in units of 256
/// bytes, and a byte that a terminal may write as several (`\n` as `\r\n`, a tab as spaces) goes
/// alone. Lines of several processes may mix here; no other way never waits.
fn write_pieces(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    let mut at = 0;
    while at < bytes.len() {
        let next = &bytes[at..bytes.len().min(at + PIECE)];
        let plain = next.iter().position(u8::is_ascii_control);
        let piece = &next[..plain.unwrap_or(next.len()).max(1)];
        match write_if_ready(fd, piece) {
            Ok(n) => at += n,
            Err(_) if at > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(at)
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
    use std::os::fd::{AsFd, FromRawFd};
    use std::os::unix::net::UnixStream;
    use std::ptr;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

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
    fn every_kind_of_file_is_told_apart() {
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
    fn a_full_pipe_that_is_polled_does_not_block_either() {
        let (mut reader, writer) = io::pipe().unwrap();
        assert!(fill(Kind::Device, writer.as_fd()) > 0);
        let mut page = [0; 4096];
        reader.read_exact(&mut page).unwrap();
        assert_eq!(fill(Kind::Device, writer.as_fd()), 4096);
    }

    /// A terminal: the end that shows it, and the end that programs write to.
    fn terminal() -> (File, File) {
        let (mut reader, mut writer) = (-1, -1);
        // SAFETY: the C library writes to the two local numbers; no name, no settings, no size.
        let made = unsafe {
            libc::openpty(
                &mut reader,
                &mut writer,
                ptr::null_mut(),
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        assert_eq!(made, 0, "{}", io::Error::last_os_error());
        // SAFETY: both are new, and owned by nothing else.
        let own = |fd| unsafe { File::from_raw_fd(fd) };
        (own(reader), own(writer))
    }

    #[test]
    fn a_terminal_that_is_not_read_does_not_block() {
        type Way = fn(&File, &[u8]) -> io::Result<usize>;
        let shared: Way = |file, bytes| write_at_once(Kind::Terminal, file.as_fd(), bytes);
        let own: Way = |file, bytes| {
            let file = reopen_terminal(file.as_fd())?;
            write_at_once(Kind::File, file.as_fd(), bytes)
        };
        let line = [&[b'x'; 99][..], b"\n"].concat().repeat(40);
        for (name, write, bytes) in [
            ("shared: one line", shared, vec![b'x'; 4096]),
            ("shared: lines", shared, line.clone()),
            ("shared: ends of lines", shared, vec![b'\n'; 4096]),
            ("shared: tabs", shared, vec![b'\t'; 4096]),
            ("own: one line", own, vec![b'x'; 4096]),
            ("own: lines", own, line),
        ] {
            let (mut reader, writer) = terminal();
            assert_eq!(kind(writer.as_fd()).unwrap(), Kind::Terminal);
            // In a thread of its own, so that a write that blocks is a failure and no hang.
            let (sender, receiver) = mpsc::channel();
            thread::spawn(move || {
                for _ in 0..2 {
                    let mut total = 0;
                    let error = loop {
                        match write(&writer, &bytes) {
                            Ok(n) => total += n,
                            Err(error) => break error,
                        }
                    };
                    let _ = sender.send((total, error.kind(), writer.try_clone()));
                }
            });
            let full = || receiver.recv_timeout(Duration::from_secs(20)).expect(name);
            let (total, error, _writer) = full();
            assert!(total > 0, "{name}");
            assert_eq!(error, ErrorKind::WouldBlock, "{name}");
            let mut some = [0; 4096];
            assert!(reader.read(&mut some).unwrap() > 0, "{name}");
            assert_eq!(full().1, ErrorKind::WouldBlock, "{name}");
        }
    }

    #[test]
    fn a_reopened_terminal_is_the_same_and_leaves_the_other_as_it_was() {
        let (mut reader, writer) = terminal();
        let own = reopen_terminal(writer.as_fd()).unwrap();
        assert_eq!(write_at_once(Kind::File, own.as_fd(), b"hello").unwrap(), 5);
        let mut some = [0; 16];
        let n = reader.read(&mut some).unwrap();
        assert_eq!(&some[..n], b"hello");
        let flags = |file: &File| {
            let info = format!("/proc/self/fdinfo/{}", file.as_raw_fd());
            let info = std::fs::read_to_string(info).unwrap();
            let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
            i32::from_str_radix(flags.unwrap().trim(), 8).unwrap()
        };
        assert_eq!(flags(&writer) & libc::O_NONBLOCK, 0);
        let wanted = libc::O_NONBLOCK | libc::O_CLOEXEC;
        assert_eq!(flags(&own) & wanted, wanted);
        // To open the master end again would make another terminal.
        assert!(reopen_terminal(reader.as_fd()).is_err());
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
    fn a_fifo_without_a_reader_is_an_error() {
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
