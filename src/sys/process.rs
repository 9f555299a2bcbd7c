//! Processes: `fork(2)`, `waitpid(2)`, `kill(2)`, pidfds and the parent-death signal.

use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use super::signal::Signal;
use super::{check, check_fd, uninterrupted};

/// The id of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pid(libc::pid_t);

impl Pid {
    /// This process.
    pub fn current() -> Pid {
        // A pid is positive and fits, or there would be no pid_t.
        Pid(std::process::id() as libc::pid_t)
    }

    /// The parent of this process; 0 if it is outside our PID namespace.
    pub fn parent() -> Pid {
        Pid(std::os::unix::process::parent_id() as libc::pid_t)
    }

    /// The number.
    pub fn get(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How a process ended, or that it was stopped or continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this code.
    Code(i32),
    /// This signal killed it.
    Signal(Signal),
    /// A signal stopped it: it has not ended.
    Stopped,
    /// It was stopped and goes on: it has not ended.
    Continued,
    /// Another part of this process has waited for the child.
    Unknown,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // What the Rust runtime and `fork` below exit with after a panic.
            Exit::Code(101) => f.write_str("panicked (exit code 101)"),
            Exit::Code(code) => write!(f, "exited with code {code}"),
            Exit::Signal(signal) => write!(f, "was killed by {signal}"),
            Exit::Stopped => f.write_str("was stopped"),
            Exit::Continued => f.write_str("goes on"),
            Exit::Unknown => f.write_str("ended, it is not known how"),
        }
    }
}

/// `fork(2)`: runs `child` in a copy of this process, which then exits with the code it returns,
/// or with 101 if it panics. Only the parent returns.
///
/// The copy has one thread, the one that called. Locks that other threads held stay locked in it
/// for ever (libc repairs its own allocator's): `child` should not use what they may have held,
/// such as the standard streams' locks. That can cause a deadlock, not a memory error, so this is
/// a safe function.
pub fn fork(child: impl FnOnce() -> i32) -> io::Result<Pid> {
    // SAFETY: takes no pointer. The child never returns from this function: it neither unwinds
    // nor falls through into frames that belong to its parent.
    match check(unsafe { libc::fork() })? {
        0 => exit(catch_unwind(AssertUnwindSafe(child)).unwrap_or(101)),
        pid => Ok(Pid(pid)),
    }
}

/// `_exit(2)`: ends this process at once. Nothing is dropped or flushed, since a forked process
/// holds copies of what its parent will drop and flush.
pub fn exit(code: i32) -> ! {
    // SAFETY: takes no pointer and does not return.
    unsafe { libc::_exit(code) }
}

/// `waitpid(2)`; `None` if no such child has changed its state yet.
fn waitpid(pid: libc::pid_t, flags: libc::c_int) -> io::Result<Option<(Pid, Exit)>> {
    let mut status = 0;
    // SAFETY: the kernel writes to the local `status` alone.
    let pid = uninterrupted(|| check(unsafe { libc::waitpid(pid, &mut status, flags) }))?;
    if pid == 0 {
        return Ok(None);
    }
    let exit = if libc::WIFSIGNALED(status) {
        Exit::Signal(Signal::from_raw(libc::WTERMSIG(status)))
    } else if libc::WIFSTOPPED(status) {
        Exit::Stopped
    } else if libc::WIFCONTINUED(status) {
        Exit::Continued
    } else {
        Exit::Code(libc::WEXITSTATUS(status))
    };
    Ok(Some((Pid(pid), exit)))
}

/// A child that has ended, was stopped or goes on, if there is one. For a process that owns all its
/// children; as PID 1, it also reaps the orphans that it inherits.
pub fn try_wait_any() -> io::Result<Option<(Pid, Exit)>> {
    match waitpid(-1, libc::WNOHANG | libc::WUNTRACED | libc::WCONTINUED) {
        Err(error) if error.raw_os_error() == Some(libc::ECHILD) => Ok(None),
        result => result,
    }
}

/// How this child ended, if it has: [`Exit::Unknown`] in a program that ignores SIGCHLD or waits
/// for any child.
pub fn try_wait(pid: Pid) -> io::Result<Option<Exit>> {
    match waitpid(pid.0, libc::WNOHANG) {
        Err(error) if error.raw_os_error() == Some(libc::ECHILD) => Ok(Some(Exit::Unknown)),
        result => Ok(result?.map(|(_, exit)| exit)),
    }
}

/// Waits until this child ends.
pub fn wait(pid: Pid) -> io::Result<Exit> {
    match waitpid(pid.0, 0)? {
        Some((_, exit)) => Ok(exit),
        // Without WNOHANG there is no "not yet".
        None => Err(io::ErrorKind::WouldBlock.into()),
    }
}

/// `kill(2)`. The pid must be that of a child that was not waited for yet: until then it cannot
/// have been given to another process.
pub fn kill(pid: Pid, signal: Signal) -> io::Result<()> {
    // SAFETY: takes no pointer.
    check(unsafe { libc::kill(pid.0, signal.raw()) })?;
    Ok(())
}

/// `pidfd_open(2)`: a descriptor that becomes readable when the process ends. Since Linux 5.3.
pub fn pidfd(pid: Pid) -> io::Result<OwnedFd> {
    // SAFETY: takes no pointer; the descriptor it returns is new and ours.
    unsafe { check_fd(libc::syscall(libc::SYS_pidfd_open, pid.0, 0) as libc::c_int) }
}

/// `pidfd_send_signal(2)`: a signal for this very process, even where its pid may have been given
/// to another one. Since Linux 5.1.
pub fn kill_by_pidfd(pidfd: BorrowedFd<'_>, signal: Signal) -> io::Result<()> {
    let (info, flags) = (ptr::null::<libc::siginfo_t>(), 0);
    // SAFETY: without an info, the kernel makes one as kill(2) does; the descriptor is borrowed.
    let sent = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal.raw(),
            info,
            flags,
        )
    };
    check(sent as libc::c_int)?;
    Ok(())
}

/// `PR_SET_PDEATHSIG`: the kernel sends us `signal` when the thread that forked us ends. A change
/// of user clears this.
pub fn set_parent_death_signal(signal: Signal) -> io::Result<()> {
    // SAFETY: this option takes a number, no pointer.
    check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal.raw() as libc::c_ulong) })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn an_exit_code_and_a_fatal_signal_are_told_apart() {
        for (name, child, want) in [
            (
                "exit",
                Box::new(|| 7) as Box<dyn FnOnce() -> i32>,
                Exit::Code(7),
            ),
            (
                "killed",
                Box::new(|| {
                    loop {
                        std::thread::park()
                    }
                }),
                Exit::Signal(Signal::KILL),
            ),
        ] {
            let pid = fork(child).unwrap();
            let fd = pidfd(pid).unwrap();
            if name == "killed" {
                assert_eq!(try_wait(pid).unwrap(), None, "{name}");
                kill_by_pidfd(fd.as_fd(), Signal::KILL).unwrap();
            }
            assert_eq!(wait(pid).unwrap(), want, "{name}");
            assert!(wait(pid).is_err(), "{name}: waited for twice");
            assert_eq!(try_wait(pid).unwrap(), Some(Exit::Unknown), "{name}");
        }
    }

    #[test]
    fn a_panic_does_not_unwind_into_the_parents_code() {
        let pid = fork(|| {
            // `resume_unwind` skips the hook, which would print.
            std::panic::resume_unwind(Box::new(()))
        });
        let exit = wait(pid.unwrap()).unwrap();
        assert_eq!(exit, Exit::Code(101));
        assert_eq!(exit.to_string(), "panicked (exit code 101)");
    }
}
