//! [`Sink`]: a destination of log lines, and its kind: pipe, socket, file, terminal or device.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use crate::sys::stdio::{self, Kind};

/// A destination of log lines.
pub(super) struct Sink {
    target: Target,
    kind: Kind,
}

pub(super) enum Target {
    Stdout,
    Stderr,
    File(File),
    /// A destination without a reader, or a descriptor that was never open.
    Closed,
}

impl Sink {
    pub(super) fn closed() -> Sink {
        Sink {
            target: Target::Closed,
            kind: Kind::Device,
        }
    }

    pub(super) fn open(path: &Path) -> io::Result<Sink> {
        Ok(Sink::of(Target::File(stdio::open_append(path)?)))
    }

    pub(super) fn of(target: Target) -> Sink {
        match target.with_fd(stdio::kind) {
            // Once, before the fork: the workers share the open file.
            Ok(Kind::Terminal) => Sink::of_terminal(target),
            Ok(kind) => Sink { target, kind },
            Err(_) => Sink::closed(),
        }
    }

    fn of_terminal(target: Target) -> Sink {
        match target.with_fd(stdio::reopen_terminal) {
            Ok(file) => Sink {
                target: Target::File(file),
                kind: Kind::File,
            },
            Err(_) => Sink {
                target,
                kind: Kind::Terminal,
            },
        }
    }

    /// Another sink for the same destination.
    pub(super) fn duplicate(&self) -> io::Result<Sink> {
        let target = match &self.target {
            Target::Stdout => Target::Stdout,
            Target::Stderr => Target::Stderr,
            Target::File(file) => Target::File(file.try_clone()?),
            Target::Closed => return Err(ErrorKind::BrokenPipe.into()),
        };
        Ok(Sink {
            target,
            kind: self.kind,
        })
    }

    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.target
            .with_fd(|fd| stdio::write_at_once(self.kind, fd, bytes))
    }

    pub(super) fn close(&mut self) {
        self.target = Target::Closed;
    }

    pub(super) fn is_closed(&self) -> bool {
        matches!(self.target, Target::Closed)
    }
}

impl Target {
    fn with_fd<T>(&self, then: impl FnOnce(BorrowedFd<'_>) -> io::Result<T>) -> io::Result<T> {
        match self {
            Target::Stdout => then(io::stdout().as_fd()),
            Target::Stderr => then(io::stderr().as_fd()),
            Target::File(file) => then(file.as_fd()),
            Target::Closed => Err(ErrorKind::BrokenPipe.into()),
        }
    }
}
