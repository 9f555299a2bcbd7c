//! [`Waker`]: has the event loop step a connection that waits for something other than its client.
//!
//! Without it, a connection that waits for another connection, for a thread or for another worker
//! would have to look again and again.

use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Wakes one connection: the event loop steps it in the next iteration, with [`Io::woken`] set.
///
/// Cheap to clone, and usable from wherever in the worker something happens that the connection
/// waits for: from another connection's step or from a thread that the worker has started. Wakes
/// before that step are one. To wake a connection that has closed does nothing. A waker is of no
/// use in another process: there is a copy of it, and of its connection, which are never looked at.
///
/// [`Io::woken`]: super::Io::woken
#[derive(Clone)]
pub struct Waker(Arc<Target>);

/// What the clones of a waker share.
struct Target {
    queue: Arc<WakeQueue>,
    /// The connection's number in its worker, which no other connection ever has.
    connection: u64,
    is_queued: AtomicBool,
}

impl Waker {
    /// Has the connection stepped soon. Never blocks for longer than another thread's call of it.
    pub fn wake(&self) {
        // Orders nothing by itself: what the connection is to see is ordered by the queue's lock,
        // which the event loop takes before it clears this.
        let mut queued = self.0.queue.lock();
        if !self.0.is_queued.swap(true, Relaxed) {
            queued.woken.push(self.0.clone());
            let must_notify = mem::replace(&mut queued.is_waiting, false);
            drop(queued);
            if must_notify {
                (self.0.queue.notify)();
            }
        }
    }
}

impl Waker {
    /// Whether the connection was woken and its event loop has not noticed yet.
    pub(crate) fn is_queued(&self) -> bool {
        self.0.is_queued.load(Relaxed)
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Waker({})", self.0.connection)
    }
}

/// The connections of one event loop that are to be stepped.
pub(crate) struct WakeQueue {
    queued: Mutex<Queued>,
    /// Ends the wait of the event loop. It is called only while that waits, so wakes within an
    /// iteration cost no system call.
    notify: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct Queued {
    woken: Vec<Arc<Target>>,
    /// The event loop waits for events, or is about to.
    is_waiting: bool,
}

impl WakeQueue {
    /// An empty queue of an event loop whose wait `notify` ends.
    pub(crate) fn new(notify: impl Fn() + Send + Sync + 'static) -> Arc<WakeQueue> {
        Arc::new(WakeQueue {
            queued: Mutex::default(),
            notify: Box::new(notify),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Queued> {
        // A thread that panicked while it held the lock has left a whole list.
        self.queued.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Before the event loop waits: whether it may, since no connection is to be stepped. From then
    /// until [`WakeQueue::take`], a wake ends the wait.
    pub(crate) fn begin_wait(self: &Arc<WakeQueue>) -> bool {
        // Wakers are made in steps, by this thread alone: without any, there is nothing to lock.
        if Arc::strong_count(self) == 1 {
            return true;
        }
        let mut queued = self.lock();
        queued.is_waiting = queued.woken.is_empty();
        queued.is_waiting
    }

    /// Behind the wait: adds the numbers of the connections that are to be stepped, each once.
    pub(crate) fn take(self: &Arc<WakeQueue>, connections: &mut Vec<u64>) {
        if Arc::strong_count(self) == 1 {
            return;
        }
        let mut queued = self.lock();
        queued.is_waiting = false;
        for target in queued.woken.drain(..) {
            target.is_queued.store(false, Relaxed);
            connections.push(target.connection);
        }
        drop(queued);
        // A connection may have made several wakers.
        connections.sort_unstable();
        connections.dedup();
    }
}

/// Makes the wakers of one connection.
#[derive(Clone, Copy)]
pub(crate) struct Wakers<'a> {
    /// The queue of the connection's event loop.
    pub(crate) queue: &'a Arc<WakeQueue>,
    /// The connection's number there.
    pub(crate) connection: u64,
}

impl Wakers<'_> {
    /// A new one.
    pub(crate) fn make(self) -> Waker {
        Waker(Arc::new(Target {
            queue: self.queue.clone(),
            connection: self.connection,
            is_queued: AtomicBool::new(false),
        }))
    }
}

impl fmt::Debug for Wakers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wakers({})", self.connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::thread;

    fn taken(queue: &Arc<WakeQueue>) -> Vec<u64> {
        let mut connections = Vec::new();
        queue.take(&mut connections);
        connections
    }

    #[test]
    fn many_wakes_before_a_step_are_one_and_one_after_it_is_another() {
        let queue = WakeQueue::new(|| {});
        let make = |connection| {
            let queue = &queue;
            Wakers { queue, connection }.make()
        };
        let (one, same, other) = (make(7), make(7), make(3));
        for _ in 0..3 {
            one.wake();
            one.clone().wake();
            same.wake();
            other.wake();
        }
        assert_eq!(queue.lock().woken.len(), 3, "each waker at most once");
        assert_eq!(taken(&queue), [3, 7]);
        assert_eq!(taken(&queue), []);
        one.wake();
        assert_eq!(taken(&queue), [7]);
    }

    #[test]
    fn only_an_event_loop_that_waits_is_notified_and_once() {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = count.clone();
        let queue = WakeQueue::new(move || {
            counted.fetch_add(1, Relaxed);
        });
        assert!(queue.begin_wait(), "no waker was made");
        let queue_ref = &queue;
        let wakers = |connection| Wakers {
            queue: queue_ref,
            connection,
        };
        let (one, other) = (wakers(1).make(), wakers(2).make());
        one.wake();
        assert_eq!(count.load(Relaxed), 0, "the loop does not wait");
        assert!(!queue.begin_wait(), "there is something to do");
        assert_eq!(taken(&queue), [1]);
        assert!(queue.begin_wait());
        one.wake();
        other.wake();
        assert_eq!(count.load(Relaxed), 1);
        assert_eq!(taken(&queue), [1, 2]);
        one.wake();
        assert_eq!(count.load(Relaxed), 1, "the wait is over");
    }

    #[test]
    fn no_wake_of_a_thread_is_lost() {
        let (sender, notified) = std::sync::mpsc::channel();
        let queue = WakeQueue::new(move || {
            let _ = sender.send(());
        });
        let (ours, shared) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let queue_ref = &queue;
        let waker = Wakers {
            queue: queue_ref,
            connection: 1,
        }
        .make();
        let counted = shared.clone();
        let thread = thread::spawn(move || {
            for _ in 0..10_000 {
                counted.fetch_add(1, Relaxed);
                waker.wake();
            }
        });
        while ours.load(Relaxed) < 10_000 {
            if queue.begin_wait() {
                // A lost wake would leave this for ever.
                notified.recv().unwrap();
            }
            if !taken(&queue).is_empty() {
                ours.store(shared.load(Relaxed), Relaxed);
            }
        }
        thread.join().unwrap();
    }
}
