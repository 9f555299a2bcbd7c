//! [`Stamp`]: the identity of one state of a file.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

/// The identity of one state of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    mtime: (i64, i64),
    ctime: (i64, i64),
}

impl Stamp {
    /// The stamp of a file with this metadata.
    pub fn of(seen: &Metadata) -> Stamp {
        Stamp {
            device: seen.dev(),
            inode: seen.ino(),
            size: seen.len(),
            mtime: (seen.mtime(), seen.mtime_nsec()),
            ctime: (seen.ctime(), seen.ctime_nsec()),
        }
    }

    /// The size of the file, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The time of the last change of data or metadata, in milliseconds since 1970.
    pub fn changed_ms(&self) -> i64 {
        let (seconds, nanoseconds) = self.ctime;
        seconds.saturating_mul(1000) + nanoseconds / 1_000_000
    }

    /// The file's modification time, in seconds since 1970; `None` for before.
    pub fn modified(&self) -> Option<u64> {
        u64::try_from(self.mtime.0).ok()
    }

    /// The stamp as bytes.
    pub fn key(&self) -> [u8; 56] {
        let ((changed, changed_ns), (set, set_ns)) = (self.ctime, self.mtime);
        let times = [set, set_ns, changed, changed_ns].map(|word| word as u64);
        let mut key = [0; 56];
        let words = [self.device, self.inode, self.size]
            .into_iter()
            .chain(times);
        for (to, word) in key.chunks_exact_mut(8).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        key
    }
}
