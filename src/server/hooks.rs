//! [`Hooks`]: what a program does around the forks of a server.

use std::fs;
use std::io;
use std::path::PathBuf;

use crate::log::{Level, Log};
use crate::sys::clock;
use crate::worker::{Context, Worker};

/// What a program has asked to be called.
#[derive(Default)]
pub(super) struct Hooks {
    before_fork: Option<Box<dyn FnOnce() -> io::Result<()> + Send>>,
    after_fork: Option<Box<dyn FnMut(usize) -> io::Result<()> + Send>>,
    on_exit: Option<Box<dyn FnMut(usize) + Send>>,
    /// The thread that waits in [`Server::spawn`](super::Server::spawn) for the forks.
    pub(super) waiting: Option<PathBuf>,
}

impl super::Server {
    /// Calls this once, in the process that runs the server, when its addresses are bound and no
    /// worker is forked.
    ///
    /// What may cross a fork: memory as it is at that moment, which each worker has a copy of;
    /// shared memory ([`SharedCounter`](crate::SharedCounter)); files that are only read by
    /// position. What may not: threads, which a worker has not; locks that another thread holds,
    /// which stay locked; connections, to a database for instance, which would carry the bytes of
    /// two processes; files with a position, which all processes move; random numbers, which all
    /// workers would draw alike. Those belong into [`Server::after_fork`].
    ///
    /// With a log, a debug build warns of threads that exist at the fork.
    ///
    /// An error ends [`Server::run`] with it.
    pub fn before_fork(mut self, hook: impl FnOnce() -> io::Result<()> + Send + 'static) -> Self {
        self.hooks.before_fork = Some(Box::new(hook));
        self
    }

    /// Calls this in each worker, with the worker's number, after the fork and before the worker
    /// serves: to connect to a database, to seed random numbers, to start threads. The successor of
    /// a worker has its number.
    ///
    /// An error is logged and ends the worker, as a worker that never became ready (see
    /// [`Server::max_restarts`]).
    pub fn after_fork(
        mut self,
        hook: impl FnMut(usize) -> io::Result<()> + Send + 'static,
    ) -> Self {
        self.hooks.after_fork = Some(Box::new(hook));
        self
    }

    /// Calls this in each worker, with the worker's number, when it has served: it has drained, was
    /// told to abort, or its master is dead. Not where a worker crashes or is killed, as it is
    /// 200 ms after it was told to abort; what must not be lost is written before.
    pub fn on_exit(mut self, hook: impl FnMut(usize) + Send + 'static) -> Self {
        self.hooks.on_exit = Some(Box::new(hook));
        self
    }
}

/// A worker, and the hooks around it.
pub(super) struct Hooked {
    pub(super) worker: Box<dyn Worker>,
    pub(super) hooks: Hooks,
}

impl Worker for Hooked {
    fn init(&mut self) -> io::Result<()> {
        self.worker.init()?;
        self.hooks.before_fork.take().map_or(Ok(()), |hook| hook())
    }

    fn run(&mut self, context: &mut Context<'_>) -> i32 {
        let index = context.index;
        if let Some(Err(error)) = self.hooks.after_fork.as_mut().map(|hook| hook(index)) {
            let message = format_args!("worker {index} cannot begin: {error}");
            let now = clock::realtime_ms();
            context.log.event(Level::Error, now, message);
            return 1;
        }
        let code = self.worker.run(context);
        if let Some(hook) = &mut self.hooks.on_exit {
            hook(index);
        }
        code
    }

    fn cleanup(&mut self) {
        self.worker.cleanup();
    }
}

/// This thread, as `/proc` has it.
pub(super) fn this_thread() -> Option<PathBuf> {
    fs::read_link("/proc/thread-self").ok()
}

/// In a debug build, warns of the threads that exist besides this one and the `waiting` one.
pub(super) fn warn_of_threads(waiting: Option<&PathBuf>, log: &Log) {
    if !cfg!(debug_assertions) || !log.enabled(Level::Warn) {
        return;
    }
    let own = [this_thread(), waiting.cloned()].map(|path| path?.file_name().map(Into::into));
    let threads = fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten();
    let others = threads.filter(|entry| !own.contains(&Some(entry.file_name())));
    let name = |entry: fs::DirEntry| fs::read_to_string(entry.path().join("comm")).ok();
    let names: Vec<String> = others
        .filter_map(name)
        .map(|name| name.trim().into())
        .collect();
    if !names.is_empty() {
        let message = format_args!(
            "threads exist while workers are forked ({}): a lock that such a thread holds now stays \
             locked in the workers",
            names.join(", ")
        );
        log.event(Level::Warn, clock::realtime_ms(), message);
    }
}
