//! [`SharedCounter`] and [`SharedU64s`]: numbers that a program and all its workers see.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;

use crate::sys::shared::SharedWords;

/// A number in memory that the program shares with every worker that it forks later.
///
/// Everything else that a handler has is a copy: what one worker writes, no other process sees.
/// This number outlives the worker that wrote it, whatever ends that. Clones are the same number.
/// Each operation is atomic, across processes too, and all processes see them in one order.
///
/// ```
/// use std::io::{Read, Write};
/// use std::net::TcpStream;
/// use httprs::{Http1, Server, SharedCounter};
///
/// let asked = SharedCounter::new()?;
/// let seen = asked.clone();
/// let server = Server::bind("127.0.0.1:0")?.workers(2);
/// let address = server.local_addr()?;
/// let running = server.spawn(Http1::new(move |_, res| writeln!(res, "{}", asked.add(1))))?;
/// for number in 1..=3 {
///     let mut client = TcpStream::connect(address)?;
///     client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
///     let mut answer = String::new();
///     client.read_to_string(&mut answer)?;
///     assert!(answer.ends_with(&format!("\r\n\r\n{number}\n")));
/// }
/// running.stop()?;
/// assert_eq!(seen.get(), 3);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SharedCounter {
    words: Arc<SharedWords>,
    index: usize,
}

/// So many numbers of this kind, in one piece of memory.
#[derive(Clone, Debug)]
pub struct SharedU64s {
    words: Arc<SharedWords>,
}

impl SharedCounter {
    /// A number, 0 at first. To be made before the server runs: what a worker makes is its own.
    ///
    /// # Errors
    /// There is no memory.
    pub fn new() -> io::Result<SharedCounter> {
        Ok(SharedCounter {
            words: Arc::new(SharedWords::new(1)?),
            index: 0,
        })
    }

    /// The number.
    pub fn get(&self) -> u64 {
        self.word().load(SeqCst)
    }

    /// Sets the number.
    pub fn set(&self, to: u64) {
        self.word().store(to, SeqCst);
    }

    /// Adds to the number, and returns what it is then; above [`u64::MAX`], it begins at 0 again.
    pub fn add(&self, n: u64) -> u64 {
        self.word().fetch_add(n, SeqCst).wrapping_add(n)
    }

    /// Subtracts from the number, and returns what it is then; below 0, it goes on at
    /// [`u64::MAX`]. What a worker has added and not subtracted stays when the worker dies.
    pub fn sub(&self, n: u64) -> u64 {
        self.word().fetch_sub(n, SeqCst).wrapping_sub(n)
    }

    /// Sets the number to this if it is less; returns what it was.
    pub fn raise(&self, to: u64) -> u64 {
        self.word().fetch_max(to, SeqCst)
    }

    /// Sets the number to `to` if it is `from`; whether it was.
    pub fn replace(&self, from: u64, to: u64) -> bool {
        let replaced = self.word().compare_exchange(from, to, SeqCst, SeqCst);
        replaced.is_ok()
    }

    fn word(&self) -> &AtomicU64 {
        &self.words[self.index]
    }
}

impl SharedU64s {
    /// So many numbers, 0 at first. To be made before the server runs.
    ///
    /// # Errors
    /// There is no memory; `InvalidInput` for none at all.
    pub fn new(len: usize) -> io::Result<SharedU64s> {
        Ok(SharedU64s {
            words: Arc::new(SharedWords::new(len)?),
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there is none, which is never so.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// One of them; `None` if there are fewer.
    pub fn get(&self, index: usize) -> Option<SharedCounter> {
        (index < self.len()).then(|| SharedCounter {
            words: self.words.clone(),
            index,
        })
    }

    /// All of them, as they are.
    pub fn values(&self) -> impl Iterator<Item = u64> + '_ {
        self.words.iter().map(|word| word.load(SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn each_number_is_its_own_and_its_clones_are_the_same() {
        let numbers = SharedU64s::new(3).unwrap();
        let (one, two) = (numbers.get(1).unwrap(), numbers.get(2).unwrap());
        assert!(numbers.get(3).is_none() && SharedU64s::new(0).is_err());
        assert_eq!(
            (one.add(5), one.clone().sub(2), two.sub(1)),
            (5, 3, u64::MAX)
        );
        assert_eq!((one.raise(2), one.raise(9), one.raise(1)), (3, 3, 9));
        assert!(!one.replace(3, 4) && one.replace(9, 4));
        two.set(7);
        assert_eq!(numbers.values().collect::<Vec<_>>(), [0, 4, 7]);
        assert_eq!((numbers.len(), numbers.is_empty()), (3, false));
    }

    #[test]
    fn no_addition_is_lost() {
        let number = SharedCounter::new().unwrap();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    (0..10_000).for_each(|_| {
                        number.add(1);
                    })
                });
            }
        });
        assert_eq!(number.get(), 40_000);
    }
}
