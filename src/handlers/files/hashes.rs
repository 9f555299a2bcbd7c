//! [`Hashes`]: hashes of files that are too large to be in memory, made a slice at a time.
//!
//! A worker has one thread: while it hashes, all its clients wait. So a turn hashes at most
//! [`SLICE`] bytes, each request for a file hashes one more slice, and until the hash is known the
//! file is sent without an entity tag. The hash of a state of a file (device, inode, size and both
//! times) is kept apart from the file cache, since it costs milliseconds to make and few bytes to
//! keep.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::cache::Cache;
use super::stamp::Stamp;
use crate::time::Millis;

/// Bytes hashed in one turn: some 0.4 ms.
pub const SLICE: u64 = 256 * 1024;

/// States of files that are remembered, each in some 150 bytes.
const KNOWN: usize = 4_096;

/// The progress of a file's hash.
#[derive(Clone, Copy, Debug)]
struct Progress {
    hash: u128,
    hashed: u64,
}

/// Hashes of files, complete or in progress, by the state of the file.
#[derive(Debug)]
pub struct Hashes {
    known: Cache<Progress>,
    /// The last turn that hashed.
    turn: Option<Millis>,
    piece: Vec<u8>,
}

impl Default for Hashes {
    fn default() -> Hashes {
        Hashes {
            known: Cache::new(KNOWN),
            turn: None,
            piece: Vec::new(),
        }
    }
}

impl Hashes {
    /// The hash of a file in this state, if it is complete. Otherwise hashes another slice, unless
    /// this turn has hashed already.
    pub fn get(&mut self, file: &File, state: Stamp, now: Millis) -> Option<u128> {
        let key = state.key();
        let known = self.known.get(&key, now).map(|(progress, _)| progress);
        let mut progress = known.unwrap_or(Progress {
            hash: FNV_BASIS,
            hashed: 0,
        });
        let size = state.size();
        if progress.hashed < size && self.turn.replace(now) != Some(now) {
            let n = SLICE.min(size - progress.hashed) as usize;
            self.piece.resize(n, 0);
            // A file that cannot be read has changed, and will be checked again.
            file.read_exact_at(&mut self.piece, progress.hashed).ok()?;
            progress.hash = fnv1a(progress.hash, &self.piece);
            progress.hashed += n as u64;
            // The file may have been written to since its state was read.
            if file.metadata().map(|seen| Stamp::of(&seen)).ok() != Some(state) {
                return None;
            }
            self.known.insert(&key, progress, now);
        }
        (progress.hashed == size).then_some(progress.hash)
    }
}

/// FNV-1a with 128 bits (Fowler, Noll, Vo; draft-eastlake-fnv): the same on every machine and in
/// every version, unlike what `std` hashes with. A person that can forge a collision can write the
/// files.
pub fn fnv1a(basis: u128, bytes: &[u8]) -> u128 {
    bytes.iter().fold(basis, |hash, b| {
        (hash ^ u128::from(*b)).wrapping_mul(0x0100_0000_0000_0000_0000_013b)
    })
}

/// The initial value of a hash (its offset basis).
pub const FNV_BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::scratch::Scratch;

    #[test]
    fn hashes() {
        for (bytes, want) in [
            ("", 0x6c62272e07bb014262b821756295c58d),
            ("a", 0xd228cb696f1a8caf78912b704e4a8964),
            ("foobar", 0x343e1662793c64bf6f0d3597ba446f18),
        ] {
            assert_eq!(fnv1a(FNV_BASIS, bytes.as_bytes()), want, "{bytes:?}");
        }
    }

    #[test]
    fn a_turn_hashes_one_slice_and_a_change_begins_anew() {
        let scratch = Scratch::new("hashes");
        let bytes = vec![b'x'; 2 * SLICE as usize + 1];
        let path = scratch.write("f", &bytes);
        let (mut hashes, other) = (Hashes::default(), File::open(&path).unwrap());
        let file = File::open(&path).unwrap();
        let state = Stamp::of(&file.metadata().unwrap());
        let at = Millis::new;
        let want = Some(fnv1a(FNV_BASIS, &bytes));
        assert_eq!(hashes.get(&file, state, at(1)), None);
        for _ in 0..9 {
            assert_eq!(hashes.get(&file, state, at(1)), None, "the same turn");
        }
        assert_eq!(hashes.get(&file, state, at(2)), None);
        assert_eq!(hashes.get(&other, state, at(3)), want, "by its state");
        assert_eq!(hashes.get(&file, state, at(3)), want, "known");
        let changed = [&bytes[1..], b"y"].concat();
        std::thread::sleep(std::time::Duration::from_millis(20));
        scratch.write("f", &changed);
        let state = Stamp::of(&file.metadata().unwrap());
        assert_eq!(hashes.get(&file, state, at(4)), None);
        assert_eq!(hashes.get(&file, state, at(5)), None);
        let want = Some(fnv1a(FNV_BASIS, &changed));
        assert_eq!(hashes.get(&file, state, at(6)), want);
    }
}
