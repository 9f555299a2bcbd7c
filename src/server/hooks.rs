//! [`Hooks`]: what a program does around the forks of a server.

use std::cell::RefCell;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;

use super::Server;
use crate::log::{Level, Log};
use crate::master::WorkerGroup;
use crate::sys::clock;
use crate::worker::{Context, Worker};

/// What a program has asked to be called.
#[derive(Default)]
pub(super) struct Hooks {
    before_fork: Option<Box<dyn FnOnce() -> io::Result<()> + Send>>,
    after_fork: Option<Box<dyn FnOnce(usize) -> io::Result<()> + Send>>,
    on_exit: Option<Box<dyn FnOnce(usize) + Send>>,
    /// The thread that waits in [`Server::spawn`](super::Server::spawn) for the forks.
    pub(super) waiting: Option<PathBuf>,
}

impl Server {
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
        hook: impl FnOnce(usize) -> io::Result<()> + Send + 'static,
    ) -> Self {
        self.hooks.after_fork = Some(Box::new(hook));
        self
    }

    /// Calls this in each worker, with the worker's number, when it has served: it has drained, was
    /// told to abort, or its master is dead. Not where a worker crashes or is killed, as it is
    /// 200 ms after it was told to abort; what must not be lost is written before.
    pub fn on_exit(mut self, hook: impl FnOnce(usize) + Send + 'static) -> Self {
        self.hooks.on_exit = Some(Box::new(hook));
        self
    }
}

/// Has the hooks called around what the workers of each group do.
pub(super) fn wrap(hooks: Hooks, groups: Vec<WorkerGroup>) -> Vec<WorkerGroup> {
    let hooks = Rc::new(RefCell::new(hooks));
    let wrapped = groups.into_iter().map(|group| WorkerGroup {
        worker: Box::new(Hooked {
            worker: group.worker,
            hooks: hooks.clone(),
        }),
        ..group
    });
    wrapped.collect()
}

/// A worker, and the hooks around it, which all groups share.
struct Hooked {
    worker: Box<dyn Worker>,
    hooks: Rc<RefCell<Hooks>>,
}

impl Worker for Hooked {
    fn init(&mut self) -> io::Result<()> {
        self.worker.init()?;
        // Of the first group; no group has a worker yet.
        let hook = self.hooks.borrow_mut().before_fork.take();
        hook.map_or(Ok(()), |hook| hook())
    }

    fn run(&mut self, context: &mut Context<'_>) -> i32 {
        let index = context.index;
        let hook = self.hooks.borrow_mut().after_fork.take();
        if let Some(Err(error)) = hook.map(|hook| hook(index)) {
            let message = format_args!("worker {index} cannot begin: {error}");
            let now = clock::realtime_ms();
            context.log.event(Level::Error, now, message);
            return 1;
        }
        let code = self.worker.run(context);
        let hook = self.hooks.borrow_mut().on_exit.take();
        if let Some(hook) = hook {
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
