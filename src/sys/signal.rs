//! Signals, without handlers: they are blocked and read from a `signalfd(2)`, so that no code of
//! ours ever interrupts other code of ours.

use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;

use super::{check_fd, check_len};

/// A signal's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Signal(libc::c_int);

impl Signal {
    /// The terminal is gone; by custom: reload.
    pub const HUP: Signal = Signal(libc::SIGHUP);
    /// ^C.
    pub const INT: Signal = Signal(libc::SIGINT);
    /// ^\; by custom: stop gracefully.
    pub const QUIT: Signal = Signal(libc::SIGQUIT);
    /// Ends a process, which dumps core if it may.
    pub const ABRT: Signal = Signal(libc::SIGABRT);
    /// By custom: one worker more.
    pub const TTIN: Signal = Signal(libc::SIGTTIN);
    /// By custom: one worker less.
    pub const TTOU: Signal = Signal(libc::SIGTTOU);
    /// Ends a process; cannot be blocked.
    pub const KILL: Signal = Signal(libc::SIGKILL);
    /// By custom: open the log file again.
    pub const USR1: Signal = Signal(libc::SIGUSR1);
    /// An invalid access to memory.
    pub const SEGV: Signal = Signal(libc::SIGSEGV);
    /// An access to memory that the kernel cannot supply.
    pub const BUS: Signal = Signal(libc::SIGBUS);
    /// A pipe's reader is gone.
    pub const PIPE: Signal = Signal(libc::SIGPIPE);
    /// A file would grow beyond what the process may write (`RLIMIT_FSIZE`).
    pub const XFSZ: Signal = Signal(libc::SIGXFSZ);
    /// Asks a process to stop.
    pub const TERM: Signal = Signal(libc::SIGTERM);
    /// Continues a stopped process.
    pub const CONT: Signal = Signal(libc::SIGCONT);
    /// A child has ended.
    pub const CHLD: Signal = Signal(libc::SIGCHLD);

    const NAMES: [(libc::c_int, &'static str); 21] = [
        (libc::SIGHUP, "SIGHUP"),
        (libc::SIGINT, "SIGINT"),
        (libc::SIGQUIT, "SIGQUIT"),
        (libc::SIGILL, "SIGILL"),
        (libc::SIGTRAP, "SIGTRAP"),
        (libc::SIGABRT, "SIGABRT"),
        (libc::SIGBUS, "SIGBUS"),
        (libc::SIGFPE, "SIGFPE"),
        (libc::SIGKILL, "SIGKILL"),
        (libc::SIGUSR1, "SIGUSR1"),
        (libc::SIGSEGV, "SIGSEGV"),
        (libc::SIGUSR2, "SIGUSR2"),
        (libc::SIGPIPE, "SIGPIPE"),
        (libc::SIGALRM, "SIGALRM"),
        (libc::SIGTERM, "SIGTERM"),
        (libc::SIGCHLD, "SIGCHLD"),
        (libc::SIGTTIN, "SIGTTIN"),
        (libc::SIGTTOU, "SIGTTOU"),
        (libc::SIGXCPU, "SIGXCPU"),
        (libc::SIGXFSZ, "SIGXFSZ"),
        (libc::SIGSYS, "SIGSYS"),
    ];

    /// The signal of this number.
    pub fn from_raw(number: i32) -> Signal {
        Signal(number)
    }

    pub(super) fn raw(self) -> libc::c_int {
        self.0
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Signal::NAMES.iter().find(|(number, _)| *number == self.0) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}

fn set_of(signals: &[Signal]) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the set that it is given.
    let mut set = unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        set.assume_init()
    };
    for signal in signals {
        // SAFETY: the set was initialised above; a number that is no signal is refused.
        unsafe { libc::sigaddset(&mut set, signal.0) };
    }
    set
}

/// Blocks `signals` in this thread and in all that it starts or forks from now on.
pub fn block(signals: &[Signal]) -> io::Result<()> {
    change_mask(libc::SIG_BLOCK, signals)
}

/// Unblocks `signals` in this thread.
pub fn unblock(signals: &[Signal]) -> io::Result<()> {
    change_mask(libc::SIG_UNBLOCK, signals)
}

fn change_mask(how: libc::c_int, signals: &[Signal]) -> io::Result<()> {
    let set = set_of(signals);
    // SAFETY: reads the local `set`; the old mask is not asked for.
    let error = unsafe { libc::pthread_sigmask(how, &set, ptr::null_mut()) };
    // This call returns its error number.
    if error == 0 {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(error))
    }
}

/// Gives a signal its default action. A process inherits an ignored `SIGCHLD` from its parent, and
/// could then wait for no child.
pub fn set_default(signal: Signal) -> io::Result<()> {
    set_disposition(signal, libc::SIG_DFL)
}

/// Ignores a signal.
pub fn ignore(signal: Signal) -> io::Result<()> {
    set_disposition(signal, libc::SIG_IGN)
}

fn set_disposition(signal: Signal, disposition: libc::sighandler_t) -> io::Result<()> {
    // SAFETY: only SIG_DFL and SIG_IGN are ever passed, so no function is installed.
    if unsafe { libc::signal(signal.0, disposition) } == libc::SIG_ERR {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// A descriptor to read blocked signals from.
#[derive(Debug)]
pub struct SignalFd {
    fd: OwnedFd,
}

impl SignalFd {
    /// `signalfd(2)`, non-blocking and closed on exec. The signals must be blocked already.
    pub fn new(signals: &[Signal]) -> io::Result<SignalFd> {
        let set = set_of(signals);
        let flags = libc::SFD_NONBLOCK | libc::SFD_CLOEXEC;
        // SAFETY: reads the local `set`; the descriptor it returns is new and ours.
        let fd = unsafe { check_fd(libc::signalfd(-1, &set, flags)) }?;
        Ok(SignalFd { fd })
    }

    /// The next pending signal, if there is one. A process reads its own signals, even from an
    /// inherited descriptor.
    pub fn read(&self) -> io::Result<Option<Signal>> {
        let mut info = MaybeUninit::<libc::signalfd_siginfo>::uninit();
        let size = size_of::<libc::signalfd_siginfo>();
        // SAFETY: the kernel writes at most `size` bytes, the size of the local `info`.
        let read = unsafe { libc::read(self.fd.as_raw_fd(), info.as_mut_ptr().cast(), size) };
        match check_len(read) {
            Ok(n) if n == size => {
                // SAFETY: the kernel has written all of it, and any bytes are valid for it.
                let info = unsafe { info.assume_init() };
                Ok(Some(Signal(info.ssi_signo as libc::c_int)))
            }
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl AsFd for SignalFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::super::process::{Exit, Pid, fork, kill, wait};
    use super::*;

    #[test]
    fn a_blocked_signal_is_read_and_an_unblocked_one_kills() {
        // In a child, so that no other test's thread sees the mask or the signal.
        let child = fork(|| {
            let signals = [Signal::TERM, Signal::INT];
            block(&signals).unwrap();
            let fd = SignalFd::new(&signals).unwrap();
            assert_eq!(fd.read().unwrap(), None);
            kill(Pid::current(), Signal::TERM).unwrap();
            assert_eq!(fd.read().unwrap(), Some(Signal::TERM));
            assert_eq!(fd.read().unwrap(), None);
            ignore(Signal::PIPE).unwrap();
            kill(Pid::current(), Signal::PIPE).unwrap();
            set_default(Signal::INT).unwrap();
            kill(Pid::current(), Signal::INT).unwrap();
            unblock(&signals).unwrap();
            0
        });
        assert_eq!(wait(child.unwrap()).unwrap(), Exit::Signal(Signal::INT));
    }

    #[test]
    fn signals_have_their_names() {
        assert_eq!(Signal::KILL.to_string(), "SIGKILL");
        assert_eq!(Signal::from_raw(libc::SIGRTMAX()).to_string(), "signal 64");
    }
}
