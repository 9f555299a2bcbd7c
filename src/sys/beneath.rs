//! Opening files below a directory so that nothing outside of it can be reached, whatever the path
//! and whatever happens to the tree meanwhile.
//!
//! `openat2(2)` with `RESOLVE_BENEATH` has the kernel prove that. Links that stay below are
//! followed, absolute ones and those that climb out are refused (`EXDEV`), even if they come back,
//! and the magic links of /proc too (`ELOOP`). Where the kernel is older than 5.6 or a seccomp
//! profile refuses the call, [`Root`] goes from component to component itself, by the same rules:
//! it holds every directory on the way open, so that `..` leads where it came from. A process finds
//! out once which of the two it needs.

use std::ffi::CStr;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::{check_fd, check_len, uninterrupted};

/// How symbolic links are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// Links are followed if they stay below.
    Follow,
    /// Links are refused, wherever they lead and wherever in a path they are.
    Refuse,
}

/// Why a file was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// There is no file of this name, or there can be none.
    Missing,
    /// This process may not read the file (or perhaps not see it).
    Forbidden,
    /// The path leaves the root.
    Outside,
    /// Too many links, a loop of links, a magic link, or a link where links are refused.
    Links,
    /// Descriptors or memory ran out, or the tree kept changing: a later try may succeed. Holds the
    /// number of the error.
    Exhausted(i32),
    /// Another error, perhaps of the disk. Holds its number.
    Other(i32),
}

impl Cause {
    /// The cause that `error`, of a call of this module, stands for.
    pub fn of(error: &io::Error) -> Cause {
        let number = error.raw_os_error();
        match number {
            Some(libc::EACCES | libc::EPERM) => Cause::Forbidden,
            Some(libc::EXDEV) => Cause::Outside,
            Some(libc::ELOOP) => Cause::Links,
            Some(n @ (libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::EAGAIN)) => {
                Cause::Exhausted(n)
            }
            // ENXIO and ENODEV are sockets and devices without a driver; EINVAL and EILSEQ are
            // names that some file systems cannot have.
            Some(
                libc::ENOENT
                | libc::ENOTDIR
                | libc::ENAMETOOLONG
                | libc::ENXIO
                | libc::ENODEV
                | libc::EINVAL
                | libc::EILSEQ,
            ) => Cause::Missing,
            _ => Cause::Other(number.unwrap_or(0)),
        }
    }

    /// The error to report to the operator; `None` if the client caused it.
    pub fn fault(self) -> Option<io::Error> {
        match self {
            // No error of the kernel: a file was shorter than its metadata said.
            Cause::Other(0) => Some(io::ErrorKind::UnexpectedEof.into()),
            Cause::Exhausted(number) | Cause::Other(number) => {
                Some(io::Error::from_raw_os_error(number))
            }
            _ => None,
        }
    }
}

/// A directory below which files are opened.
#[derive(Debug)]
pub struct Root {
    directory: File,
    device: u64,
    inode: u64,
}

/// A path with its NUL is no longer than this, in bytes (`PATH_MAX`).
const LONGEST_PATH: usize = 4096;

/// How many links one resolution follows, as in the kernel.
const MOST_LINKS: usize = 40;

/// How often a resolution is tried while renames disturb it.
const TRIES: usize = 32;

/// `O_NONBLOCK`: opening a FIFO must not wait for its writer.
const READ: libc::c_int =
    libc::O_RDONLY | libc::O_NONBLOCK | libc::O_CLOEXEC | libc::O_NOCTTY | libc::O_LARGEFILE;

const LOOK: libc::c_int = libc::O_PATH | libc::O_CLOEXEC;

/// Whether `openat2(2)` was refused in this process. It stays so: no filter is ever taken off.
static REFUSED: AtomicBool = AtomicBool::new(false);

impl Root {
    /// The directory at `path`, which may itself be a link to one.
    ///
    /// # Errors
    /// There is no such directory, or this process may not enter it.
    pub fn open(path: &Path) -> io::Result<Root> {
        let directory = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_PATH | libc::O_DIRECTORY)
            .open(path)?;
        let seen = directory.metadata()?;
        Ok(Root {
            directory,
            device: seen.dev(),
            inode: seen.ino(),
        })
    }

    /// Whether both are the same directory. An inode number is not reused while its directory is
    /// open.
    pub fn is(&self, other: &Root) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    /// Opens the file at `path` below this root, to read it. It may be a directory, a FIFO or a
    /// device: look at its metadata before reading. `.` is the root itself.
    ///
    /// # Errors
    /// [`Cause::of`] classifies the error.
    pub fn open_file(&self, path: &[u8], links: Links) -> io::Result<File> {
        self.resolve(path, READ, links).map(File::from)
    }

    /// The metadata of the file at `path` below this root, without opening it for reading, which a
    /// FIFO or a device would notice. A link stands for its target.
    ///
    /// # Errors
    /// Those of [`Root::open_file`], except that the file need not be readable.
    pub fn look(&self, path: &[u8], links: Links) -> io::Result<Metadata> {
        File::from(self.resolve(path, LOOK, links)?).metadata()
    }

    /// Whether there is a directory at `path`, even if it may not be read.
    pub fn has_directory(&self, path: &[u8], links: Links) -> bool {
        self.resolve(path, LOOK | libc::O_DIRECTORY, links).is_ok()
    }

    fn resolve(&self, path: &[u8], flags: libc::c_int, links: Links) -> io::Result<OwnedFd> {
        let mut tries = 0;
        loop {
            tries += 1;
            // EAGAIN: something was renamed while `..` was resolved, and the kernel cannot tell
            // any more whether that left the root.
            match self.resolve_once(path, flags, links) {
                Err(error) if error.raw_os_error() == Some(libc::EAGAIN) && tries < TRIES => {}
                result => return result,
            }
        }
    }

    fn resolve_once(&self, path: &[u8], flags: libc::c_int, links: Links) -> io::Result<OwnedFd> {
        if !REFUSED.load(Relaxed) && !tests_walk() {
            match self.by_kernel(path, flags, links) {
                Err(error) if self.is_refusal(&error) => REFUSED.store(true, Relaxed),
                result => return result,
            }
        }
        self.by_walk(path, flags, links)
    }

    /// Whether `error` is about the call and not about the file: some file systems say EPERM too.
    fn is_refusal(&self, error: &io::Error) -> bool {
        match error.raw_os_error() {
            Some(libc::ENOSYS) => true,
            Some(libc::EPERM) => self.by_kernel(b".", LOOK, Links::Refuse).is_err(),
            _ => false,
        }
    }

    fn by_kernel(&self, path: &[u8], flags: libc::c_int, links: Links) -> io::Result<OwnedFd> {
        let mut buf = [0; LONGEST_PATH];
        let path = terminated(path, &mut buf)?;
        let mut resolve = libc::RESOLVE_BENEATH | libc::RESOLVE_NO_MAGICLINKS;
        if links == Links::Refuse {
            resolve |= libc::RESOLVE_NO_SYMLINKS;
        }
        uninterrupted(|| openat2(self.directory.as_fd(), path, flags, resolve))
    }

    fn by_walk(&self, path: &[u8], flags: libc::c_int, links: Links) -> io::Result<OwnedFd> {
        // The kernel refuses longer paths, too.
        if path.len() >= LONGEST_PATH {
            return Err(errno(libc::ENAMETOOLONG));
        }
        let mut left = path.to_vec();
        let mut entered: Vec<OwnedFd> = Vec::new();
        let mut followed = 0;
        loop {
            // The path itself, or the target of a link.
            if left.first() == Some(&b'/') {
                return Err(errno(libc::EXDEV));
            }
            // Steps down until the path ends, or goes on with the target of a link.
            let mut at = 0;
            let target = loop {
                let length = left[at..].iter().position(|b| *b == b'/');
                let end = length.map_or(left.len(), |length| at + length);
                let (name, rest) = (&left[at..end], &left[end..]);
                let slashes = rest.iter().take_while(|b| **b == b'/').count();
                let is_last = slashes == rest.len();
                if matches!(name, b"." | b"..") {
                    if name == b".." && entered.pop().is_none() {
                        return Err(errno(libc::EXDEV));
                    }
                    if is_last {
                        let here = entered.last().map_or(self.directory.as_fd(), AsFd::as_fd);
                        return open_component(here, b".", flags | libc::O_DIRECTORY);
                    }
                } else {
                    let here = entered.last().map_or(self.directory.as_fd(), AsFd::as_fd);
                    let found = File::from(open_component(here, name, LOOK | libc::O_NOFOLLOW)?);
                    let kind = found.metadata()?.file_type();
                    if kind.is_symlink() {
                        if links == Links::Refuse || followed == MOST_LINKS {
                            return Err(errno(libc::ELOOP));
                        }
                        followed += 1;
                        let mut target = read_link(found.as_fd())?;
                        target.extend_from_slice(rest);
                        break target;
                    }
                    if is_last {
                        let slash = if slashes > 0 { libc::O_DIRECTORY } else { 0 };
                        let flags = flags | libc::O_NOFOLLOW | slash;
                        return open_component(here, name, flags).map_err(unsettled);
                    }
                    if !kind.is_dir() {
                        return Err(errno(libc::ENOTDIR));
                    }
                    entered.push(found.into());
                }
                at = end + slashes;
            };
            left = target;
        }
    }
}

/// A file that has become a link since it was looked at: worth another try.
fn unsettled(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::ELOOP) => errno(libc::EAGAIN),
        _ => error,
    }
}

fn errno(number: libc::c_int) -> io::Error {
    io::Error::from_raw_os_error(number)
}

/// `path` with a NUL behind it.
fn terminated<'b>(path: &[u8], buf: &'b mut [u8; LONGEST_PATH]) -> io::Result<&'b CStr> {
    if path.len() >= buf.len() {
        return Err(errno(libc::ENAMETOOLONG));
    }
    buf[..path.len()].copy_from_slice(path);
    buf[path.len()] = 0;
    CStr::from_bytes_with_nul(&buf[..=path.len()]).map_err(|_| errno(libc::EINVAL))
}

fn open_component(
    directory: BorrowedFd<'_>,
    name: &[u8],
    flags: libc::c_int,
) -> io::Result<OwnedFd> {
    let mut buf = [0; LONGEST_PATH];
    let name = terminated(name, &mut buf)?;
    uninterrupted(|| openat(directory, name, flags))
}

/// The target of the link that `link` was opened at.
fn read_link(link: BorrowedFd<'_>) -> io::Result<Vec<u8>> {
    let mut buf = vec![0; LONGEST_PATH];
    let len = readlinkat(link, &mut buf)?;
    // A target that fills the buffer may be truncated.
    if len == buf.len() {
        return Err(errno(libc::ENAMETOOLONG));
    }
    buf.truncate(len);
    Ok(buf)
}

/// `struct open_how` of openat2(2); the one of `libc` cannot be made without unsafe code.
#[repr(C)]
struct OpenHow {
    flags: u64,
    mode: u64,
    resolve: u64,
}

/// `openat2(2)`. Called by number: C libraries have no function for it.
fn openat2(
    directory: BorrowedFd<'_>,
    path: &CStr,
    flags: libc::c_int,
    resolve: u64,
) -> io::Result<OwnedFd> {
    let how = OpenHow {
        flags: flags as u64,
        mode: 0,
        resolve,
    };
    // SAFETY: the fd is borrowed, so open; the kernel reads the path up to its NUL and as much of
    // the local `how` as its size says. The descriptor it returns, which fits, is new and ours.
    unsafe {
        check_fd(libc::syscall(
            libc::SYS_openat2,
            directory.as_raw_fd(),
            path.as_ptr(),
            &how,
            size_of::<OpenHow>(),
        ) as RawFd)
    }
}

/// `openat(2)`.
fn openat(directory: BorrowedFd<'_>, path: &CStr, flags: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: the fd is borrowed, so open; the kernel reads the path up to its NUL. No flag of
    // ours takes a mode. The descriptor it returns is new and ours.
    unsafe { check_fd(libc::openat(directory.as_raw_fd(), path.as_ptr(), flags)) }
}

/// `readlinkat(2)` with an empty path, which stands for `link` itself; no NUL is written.
fn readlinkat(link: BorrowedFd<'_>, buf: &mut [u8]) -> io::Result<usize> {
    let (to, len) = (buf.as_mut_ptr().cast(), buf.len());
    // SAFETY: the fd is borrowed, so open; the kernel writes at most `len` bytes, all of them in
    // `buf`.
    check_len(unsafe { libc::readlinkat(link.as_raw_fd(), c"".as_ptr(), to, len) })
}

#[cfg(not(test))]
fn tests_walk() -> bool {
    false
}

#[cfg(test)]
std::thread_local! {
    static WALKS: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

#[cfg(test)]
fn tests_walk() -> bool {
    WALKS.get()
}

/// Lets `test` run as if there were no openat2(2), on this thread.
#[cfg(test)]
pub fn walking<T>(test: impl FnOnce() -> T) -> T {
    WALKS.set(true);
    let result = test();
    WALKS.set(false);
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::scratch::Scratch;
    use std::io::Read;

    /// What a path leads to.
    #[derive(Debug, PartialEq, Eq)]
    enum Got {
        Holds(String),
        Directory,
        Special,
        Failed(Cause),
    }

    fn get(root: &Root, path: &[u8], links: Links) -> Got {
        let mut file = match root.open_file(path, links) {
            Ok(file) => file,
            Err(error) => return Got::Failed(Cause::of(&error)),
        };
        let kind = file.metadata().unwrap().file_type();
        if kind.is_dir() {
            return Got::Directory;
        }
        if !kind.is_file() {
            return Got::Special;
        }
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        Got::Holds(text)
    }

    /// Runs `test` with `openat2(2)`, where there is one, and without it.
    fn both_ways(test: impl Fn(&str)) {
        if !REFUSED.load(Relaxed) {
            test("openat2");
        }
        walking(|| test("walk"));
    }

    fn tree() -> Scratch {
        let tree = Scratch::new("beneath");
        tree.write("secret", "outside");
        tree.write("root/a", "A");
        tree.write("root/d/b", "B");
        tree.write("root/d/e/c", "C");
        tree.write("root/odd \n\"%2e", "odd");
        tree.link("root/to-a", "a");
        tree.link("root/to-d", "d");
        tree.link("root/to-d-slash", "d/");
        tree.link("root/a-slash", "a/");
        tree.link("root/d/e/up", "../../a");
        tree.link("root/d/up", "..");
        tree.link("root/through", "to-d/up/to-d/b");
        tree.link("root/out", "../secret");
        tree.link("root/out-and-in", "../root/a");
        tree.link("root/d/e/out", "../../../secret");
        tree.link("root/absolute", tree.path().join("root/a"));
        tree.link("root/slash", "/");
        tree.link("root/dangling", "nowhere");
        tree.link("root/self", "self");
        tree.link("root/ping", "pong");
        tree.link("root/pong", "ping");
        tree.link("root/chain1", "a");
        for n in 2..=41 {
            tree.link(&format!("root/chain{n}"), format!("chain{}", n - 1));
        }
        tree.fifo("root/fifo");
        drop(std::os::unix::net::UnixListener::bind(tree.path().join("root/socket")).unwrap());
        tree
    }

    #[test]
    fn no_path_leads_out_of_the_root() {
        use Got::*;
        let holds = |text: &str| Holds(text.into());
        let failed = |cause| Failed(cause);
        let tree = tree();
        let root = Root::open(&tree.path().join("root")).unwrap();
        let (long, longer) = ("x".repeat(256), "d/../".repeat(1000));
        // With links followed, and with links refused where that is different.
        for (path, follow, refuse) in [
            ("a", holds("A"), None),
            ("d/b", holds("B"), None),
            ("d//e///c", holds("C"), None),
            ("./d/./e/./c", holds("C"), None),
            ("odd \n\"%2e", holds("odd"), None),
            (".", Directory, None),
            ("./", Directory, None),
            ("d", Directory, None),
            ("d/", Directory, None),
            ("d/.", Directory, None),
            ("d/e/..", Directory, None),
            ("d/..", Directory, None),
            ("a/", failed(Cause::Missing), None),
            ("a/.", failed(Cause::Missing), None),
            ("a/..", failed(Cause::Missing), None),
            ("a/b", failed(Cause::Missing), None),
            ("none", failed(Cause::Missing), None),
            ("none/..", failed(Cause::Missing), None),
            ("", failed(Cause::Missing), None),
            ("a\0b", failed(Cause::Missing), None),
            (&long, failed(Cause::Missing), None),
            (&longer, failed(Cause::Missing), None),
            ("d/../a", holds("A"), None),
            ("d/e/../../a", holds("A"), None),
            ("..", failed(Cause::Outside), None),
            ("../secret", failed(Cause::Outside), None),
            ("../root/a", failed(Cause::Outside), None),
            ("d/../../secret", failed(Cause::Outside), None),
            ("/", failed(Cause::Outside), None),
            ("/etc/passwd", failed(Cause::Outside), None),
            ("fifo", Special, None),
            ("fifo/", failed(Cause::Missing), None),
            ("socket", failed(Cause::Missing), None),
            ("to-a", holds("A"), Some(failed(Cause::Links))),
            ("to-a/", failed(Cause::Missing), Some(failed(Cause::Links))),
            (
                "a-slash",
                failed(Cause::Missing),
                Some(failed(Cause::Links)),
            ),
            ("to-d", Directory, Some(failed(Cause::Links))),
            ("to-d/", Directory, Some(failed(Cause::Links))),
            ("to-d/b", holds("B"), Some(failed(Cause::Links))),
            ("to-d-slash/b", holds("B"), Some(failed(Cause::Links))),
            ("to-d/../a", holds("A"), Some(failed(Cause::Links))),
            ("d/e/up", holds("A"), Some(failed(Cause::Links))),
            ("d/up", Directory, Some(failed(Cause::Links))),
            ("d/up/a", holds("A"), Some(failed(Cause::Links))),
            (
                "d/up/..",
                failed(Cause::Outside),
                Some(failed(Cause::Links)),
            ),
            ("through", holds("B"), Some(failed(Cause::Links))),
            ("out", failed(Cause::Outside), Some(failed(Cause::Links))),
            (
                "out-and-in",
                failed(Cause::Outside),
                Some(failed(Cause::Links)),
            ),
            (
                "d/e/out",
                failed(Cause::Outside),
                Some(failed(Cause::Links)),
            ),
            (
                "absolute",
                failed(Cause::Outside),
                Some(failed(Cause::Links)),
            ),
            ("slash", failed(Cause::Outside), Some(failed(Cause::Links))),
            (
                "slash/etc/passwd",
                failed(Cause::Outside),
                Some(failed(Cause::Links)),
            ),
            (
                "dangling",
                failed(Cause::Missing),
                Some(failed(Cause::Links)),
            ),
            ("self", failed(Cause::Links), None),
            ("self/a", failed(Cause::Links), None),
            ("ping", failed(Cause::Links), None),
            ("chain40", holds("A"), Some(failed(Cause::Links))),
            ("chain41", failed(Cause::Links), None),
        ] {
            both_ways(|way| {
                let got = get(&root, path.as_bytes(), Links::Follow);
                assert_eq!(got, follow, "{path:?} by {way}");
                let seen = root.look(path.as_bytes(), Links::Follow);
                let kind = seen.map(|seen| (seen.is_dir(), seen.is_file())).ok();
                let want = match (&follow, path) {
                    // A socket can be seen, and not opened.
                    (_, "socket") => Some((false, false)),
                    (Holds(_), _) => Some((false, true)),
                    (Directory, _) => Some((true, false)),
                    (Special, _) => Some((false, false)),
                    (Failed(_), _) => None,
                };
                assert_eq!(kind, want, "{path:?} by {way}, seen");
                let got = get(&root, path.as_bytes(), Links::Refuse);
                assert_eq!(
                    &got,
                    refuse.as_ref().unwrap_or(&follow),
                    "{path:?} by {way}, no links"
                );
            });
        }
    }

    #[test]
    fn a_link_to_a_root_is_the_same_root() {
        let tree = tree();
        tree.link("current", "root");
        let root = Root::open(&tree.path().join("root")).unwrap();
        let current = Root::open(&tree.path().join("current")).unwrap();
        let d = Root::open(&tree.path().join("root/d")).unwrap();
        assert!(root.is(&current));
        assert!(!root.is(&d));
        both_ways(|way| {
            let got = get(&current, b"d/b", Links::Refuse);
            assert_eq!(got, Got::Holds("B".into()), "{way}");
            assert_eq!(get(&d, b"up/a", Links::Follow), Got::Failed(Cause::Outside));
            assert!(root.has_directory(b"to-d", Links::Follow), "{way}");
            assert!(!root.has_directory(b"to-d", Links::Refuse), "{way}");
            assert!(!root.has_directory(b"a", Links::Follow), "{way}");
        });
        let file = Root::open(&tree.path().join("root/a"));
        assert_eq!(Cause::of(&file.unwrap_err()), Cause::Missing);
    }

    #[test]
    fn magic_links_are_not_followed() {
        let proc = Root::open(Path::new("/proc")).unwrap();
        both_ways(|way| {
            assert!(
                matches!(get(&proc, b"self/stat", Links::Follow), Got::Holds(_)),
                "{way}"
            );
            // The kernel says ELOOP because it is magic, the walk EXDEV because it reads as an
            // absolute path.
            for path in [&b"self/root/etc/passwd"[..], b"self/cwd", b"self/exe"] {
                let got = get(&proc, path, Links::Follow);
                let refused = [Cause::Links, Cause::Outside].map(Got::Failed);
                assert!(
                    refused.contains(&got),
                    "{} by {way}: {got:?}",
                    path.escape_ascii()
                );
            }
        });
    }

    #[test]
    fn no_path_leads_out_of_a_tree_that_is_being_rearranged() {
        use std::sync::atomic::AtomicBool;
        let tree = tree();
        let root = Root::open(&tree.path().join("root")).unwrap();
        let (path, over) = (tree.path().to_owned(), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Relaxed) {
                    // `e` goes up and down; from its upper place its links climb out.
                    let _ = std::fs::rename(path.join("root/d/e"), path.join("root/e"));
                    let _ = std::fs::rename(path.join("root/e"), path.join("root/d/e"));
                }
            });
            both_ways(|way| {
                for _ in 0..2_000 {
                    for name in [&b"d/e/up"[..], b"e/up", b"d/e/out", b"e/out", b"d/e/../b"] {
                        let got = get(&root, name, Links::Follow);
                        assert_ne!(got, Got::Holds("outside".into()), "{way}");
                    }
                }
            });
            over.store(true, Relaxed);
        });
    }

    #[test]
    fn every_error_number_has_its_cause() {
        for (number, want) in [
            (libc::ENOENT, Cause::Missing),
            (libc::ENOTDIR, Cause::Missing),
            (libc::ENAMETOOLONG, Cause::Missing),
            (libc::EACCES, Cause::Forbidden),
            (libc::EXDEV, Cause::Outside),
            (libc::ELOOP, Cause::Links),
            (libc::EMFILE, Cause::Exhausted(libc::EMFILE)),
            (libc::ENFILE, Cause::Exhausted(libc::ENFILE)),
            (libc::ENOMEM, Cause::Exhausted(libc::ENOMEM)),
            (libc::EAGAIN, Cause::Exhausted(libc::EAGAIN)),
            (libc::EIO, Cause::Other(libc::EIO)),
        ] {
            assert_eq!(Cause::of(&errno(number)), want, "{number}");
        }
    }
}
