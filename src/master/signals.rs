//! [`Signals`]: which signals a master reads, and what each of them asks for.
//!
//! | signal | request |
//! |---|---|
//! | `TERM`, `QUIT`, `INT` | serve for the drain delay, finish what has begun and stop; a second one: stop at once |
//! | `HUP` | replace all workers, one by one, and open the log again; a stop if the terminal is gone |
//! | `TTIN`, `TTOU` | one worker more, one less |
//! | `USR1` | open the log again |
//! | `CHLD` | none: a child has changed its state |

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use crate::sys::signal::{self, Signal, SignalFd};

/// Signals that the master reads, if the program's signals are ours.
const MASTER_SIGNALS: [Signal; 8] = [
    Signal::TERM,
    Signal::QUIT,
    Signal::INT,
    Signal::HUP,
    Signal::USR1,
    Signal::TTIN,
    Signal::TTOU,
    Signal::CHLD,
];

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// Stop, and say that this signal was the reason.
    Stop(Signal),
    /// Replace all workers.
    Reload,
    /// Open the log again.
    ReopenLogs,
    /// One worker more.
    More,
    /// One worker less.
    Fewer,
    /// Wait for children.
    ChildChanged,
}

/// Where the master reads its signals.
pub(super) struct Signals {
    fd: SignalFd,
    /// At the start there was a terminal that controls the program.
    had_terminal: bool,
}

impl Signals {
    /// Blocks the signals that a master reads.
    pub(super) fn new() -> io::Result<Signals> {
        signal::set_default(Signal::CHLD)?;
        // A log file that may not grow is no reason to end.
        signal::ignore(Signal::XFSZ)?;
        signal::block(&MASTER_SIGNALS)?;
        Ok(Signals {
            fd: SignalFd::new(&MASTER_SIGNALS)?,
            had_terminal: has_terminal(),
        })
    }

    /// The next request, if a signal is pending.
    pub(super) fn next(&self) -> io::Result<Option<Request>> {
        Ok(self.fd.read()?.map(|signal| match signal {
            Signal::CHLD => Request::ChildChanged,
            Signal::USR1 => Request::ReopenLogs,
            // An operator that closes the terminal wants the program to end with it.
            Signal::HUP if !self.had_terminal || has_terminal() => Request::Reload,
            Signal::TTIN => Request::More,
            Signal::TTOU => Request::Fewer,
            signal => Request::Stop(signal),
        }))
    }
}

/// Whether there is a terminal that controls the program (tty(4)).
fn has_terminal() -> bool {
    File::open("/dev/tty").is_ok()
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
