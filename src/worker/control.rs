//! The socket between a master and one of its workers.
//!
//! Commands go down and reports come up, one byte each. The end of input means that the other
//! side is dead: a worker that reads it exits at once.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use crate::sys::epoll::{Epoll, Events, Interest};
use crate::sys::signal::{Signal, SignalFd};
use crate::sys::socket::unacknowledged;

/// How much a worker may not have read yet when it is told again to open its log, in bytes as the
/// kernel counts them, which are some hundreds for each command.
const MOST_UNREAD: u64 = 16 * 1024;

/// What a master asks of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Finish what is in flight, accept nothing new, and exit.
    Drain,
    /// Exit now, whatever is in flight: the deadline of the drain has passed, or the server was
    /// asked to stop at once. A worker that does not exit within `CUT_MS` is killed.
    Cut,
    /// The log file was moved: open it again.
    ReopenLog,
}

/// What a worker tells its master.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// The worker serves.
    Ready,
    /// The worker wants to be replaced.
    Retire,
    /// The same, since code that the worker called has panicked.
    Panicked,
}

/// Signals that ask for the end of a server. A worker never acts on them by itself: they may have
/// been sent to the whole group, and then it is for the master to say how all of it stops.
pub const STOP_SIGNALS: [Signal; 4] = [Signal::TERM, Signal::QUIT, Signal::INT, Signal::HUP];

/// The master's end.
#[derive(Debug)]
pub struct Line {
    socket: UnixStream,
}

/// The worker's end.
#[derive(Debug)]
pub struct Orders {
    socket: UnixStream,
    signals: Option<SignalFd>,
}

/// What there is to read at one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<T> {
    /// This message.
    Some(T),
    /// No message, for now.
    None,
    /// The other side is gone.
    Gone,
}

/// A new pair of ends, both non-blocking and closed on exec.
pub fn pair() -> io::Result<(Line, Orders)> {
    let (master, worker) = UnixStream::pair()?;
    master.set_nonblocking(true)?;
    worker.set_nonblocking(true)?;
    Ok((
        Line { socket: master },
        Orders {
            socket: worker,
            signals: None,
        },
    ))
}

fn read_byte(mut socket: &UnixStream) -> Message<u8> {
    let mut byte = [0];
    loop {
        match socket.read(&mut byte) {
            Ok(0) => return Message::Gone,
            Ok(_) => return Message::Some(byte[0]),
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted => {}
                io::ErrorKind::WouldBlock => return Message::None,
                _ => return Message::Gone,
            },
        }
    }
}

impl Line {
    /// Sends a command. Errors are ignored: the worker has exited.
    pub fn send(&self, command: Command) {
        let byte = match command {
            Command::Drain => b'D',
            Command::Cut => b'C',
            Command::ReopenLog => b'L',
        };
        // The commands that were not read yet would open the log as late as this one, and a worker
        // that is busy for long must not be told so often that nothing else fits.
        let unread = || unacknowledged(self.socket.as_fd()).unwrap_or(0);
        if command == Command::ReopenLog && unread() >= MOST_UNREAD {
            return;
        }
        // A few bytes always fit; a worker that is gone will be waited for.
        let _ = (&self.socket).write(&[byte]);
    }

    /// The next report of the worker.
    pub fn receive(&self) -> Message<Report> {
        loop {
            return match read_byte(&self.socket) {
                Message::Some(b'R') => Message::Some(Report::Ready),
                Message::Some(b'T') => Message::Some(Report::Retire),
                Message::Some(b'P') => Message::Some(Report::Panicked),
                Message::Some(_) => continue,
                Message::None => Message::None,
                Message::Gone => Message::Gone,
            };
        }
    }
}

impl AsFd for Line {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Orders {
    /// From now on [`STOP_SIGNALS`] that are sent to this process come here. They must be blocked.
    pub(crate) fn listen_to_signals(&mut self) -> io::Result<()> {
        self.signals = Some(SignalFd::new(&STOP_SIGNALS)?);
        Ok(())
    }

    /// Tells the master that this worker serves.
    pub fn report_ready(&self) {
        self.report(b'R');
    }

    /// Asks the master for a successor, and serves until there is one.
    pub fn report_retire(&self) {
        self.report(b'T');
    }

    /// The same, since code that this worker called has panicked, and what its connections share
    /// may be half done.
    pub(crate) fn report_panic(&self) {
        self.report(b'P');
    }

    /// Passes signals that were sent to this process on to the master. `SIGTERM` and `SIGQUIT`
    /// mean this worker; ^C and the end of the terminal are sent to all processes, the master too.
    pub fn pass_on_signals(&self) {
        let Some(signals) = &self.signals else {
            return;
        };
        while let Ok(Some(signal)) = signals.read() {
            if signal == Signal::TERM || signal == Signal::QUIT {
                self.report(b'T');
            }
        }
    }

    fn report(&self, byte: u8) {
        // If this fails, the master is dead, and the next read says so.
        let _ = (&self.socket).write(&[byte]);
    }

    /// The next command of the master.
    pub fn receive(&self) -> Message<Command> {
        loop {
            return match read_byte(&self.socket) {
                Message::Some(b'D') => Message::Some(Command::Drain),
                Message::Some(b'C') => Message::Some(Command::Cut),
                Message::Some(b'L') => Message::Some(Command::ReopenLog),
                Message::Some(_) => continue,
                Message::None => Message::None,
                Message::Gone => Message::Gone,
            };
        }
    }

    /// Waits until the master has sent a command or is dead, for `timeout_ms` milliseconds at most
    /// (`None`: for ever). For workers that have no event loop of their own.
    ///
    /// # Errors
    /// The system refuses an epoll instance.
    pub fn wait(&self, timeout_ms: Option<u64>) -> io::Result<Message<Command>> {
        let epoll = Epoll::new()?;
        epoll.add(self.as_fd(), 0, Interest::READ)?;
        if let Some(signals) = self.signals() {
            epoll.add(signals, 1, Interest::READ)?;
        }
        epoll.wait(&mut Events::with_capacity(2), timeout_ms)?;
        self.pass_on_signals();
        Ok(self.receive())
    }

    /// Readable when the master has sent a command, or is dead.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Readable when a signal came for this process; `None` where signals are not ours to read.
    pub fn signals(&self) -> Option<BorrowedFd<'_>> {
        self.signals.as_ref().map(AsFd::as_fd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_too_often_leaves_room_for_what_matters() {
        let (line, orders) = pair().unwrap();
        for _ in 0..10_000 {
            line.send(Command::ReopenLog);
        }
        line.send(Command::Drain);
        line.send(Command::Cut);
        let mut heard = Vec::new();
        while let Message::Some(command) = orders.receive() {
            heard.push(command);
        }
        assert_eq!(heard.pop(), Some(Command::Cut));
        assert_eq!(heard.pop(), Some(Command::Drain));
        assert!(heard.contains(&Command::ReopenLog));
    }

    #[test]
    fn both_sides_hear_each_other_and_know_when_the_other_is_gone() {
        let (line, orders) = pair().unwrap();
        assert_eq!(orders.receive(), Message::None);
        line.send(Command::ReopenLog);
        line.send(Command::Drain);
        line.send(Command::Cut);
        assert_eq!(orders.receive(), Message::Some(Command::ReopenLog));
        assert_eq!(orders.wait(None).unwrap(), Message::Some(Command::Drain));
        assert_eq!(orders.receive(), Message::Some(Command::Cut));
        assert_eq!(orders.wait(Some(0)).unwrap(), Message::None);
        orders.report_ready();
        orders.report_panic();
        orders.report_retire();
        assert_eq!(line.receive(), Message::Some(Report::Ready));
        assert_eq!(line.receive(), Message::Some(Report::Panicked));
        assert_eq!(line.receive(), Message::Some(Report::Retire));
        assert_eq!(line.receive(), Message::None);
        drop(line);
        assert_eq!(orders.receive(), Message::Gone);

        let (line, orders) = pair().unwrap();
        drop(orders);
        line.send(Command::Drain);
        assert_eq!(line.receive(), Message::Gone);
    }
}
