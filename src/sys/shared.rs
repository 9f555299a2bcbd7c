//! `mmap(2)`: memory that forked processes share. It is only ever seen as atomic words: a zeroed
//! word is valid, there are no data races on it, and it holds no pointer.

use std::io;
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::atomic::AtomicU64;

/// Words, all 0 at first, that this process shares with every child that it forks later.
#[derive(Debug)]
pub struct SharedWords {
    words: NonNull<AtomicU64>,
    len: usize,
}

impl SharedWords {
    /// Maps `len` words. Pages that are not touched cost nothing.
    pub fn new(len: usize) -> io::Result<SharedWords> {
        let bytes = len.checked_mul(size_of::<AtomicU64>()).filter(|&n| n > 0);
        let bytes = bytes.ok_or(io::ErrorKind::InvalidInput)?;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        // SAFETY: a new anonymous mapping at a place of the kernel's choice touches no memory
        // that is in use.
        let map = unsafe { libc::mmap(ptr::null_mut(), bytes, protection, flags, -1, 0) };
        if map == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let words = NonNull::new(map.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(SharedWords { words, len })
    }
}

impl Deref for SharedWords {
    type Target = [AtomicU64];

    fn deref(&self) -> &[AtomicU64] {
        // SAFETY: the mapping is page-aligned, `len` words long, zeroed by the kernel (which is a
        // valid AtomicU64), and stays until `self` is dropped, which no borrow outlives.
        unsafe { slice::from_raw_parts(self.words.as_ptr(), self.len) }
    }
}

impl Drop for SharedWords {
    fn drop(&mut self) {
        let bytes = self.len * size_of::<AtomicU64>();
        // SAFETY: this is the mapping that `new` made; nothing borrows from it any more.
        unsafe { libc::munmap(self.words.as_ptr().cast(), bytes) };
    }
}

// SAFETY: the mapping belongs to the process, not to a thread.
unsafe impl Send for SharedWords {}
// SAFETY: the mapping is only seen as atomics.
unsafe impl Sync for SharedWords {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering::Relaxed;

    #[test]
    fn a_parent_sees_the_words_that_its_child_writes() {
        let words = SharedWords::new(1_000).unwrap();
        assert!(words.iter().all(|word| word.load(Relaxed) == 0));
        let child = super::super::process::fork(|| {
            words[999].store(42, Relaxed);
            0
        })
        .unwrap();
        super::super::process::wait(child).unwrap();
        assert_eq!(words[999].load(Relaxed), 42);
        assert!(SharedWords::new(0).is_err());
    }
}
