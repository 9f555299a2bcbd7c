//! A bounded map from paths to the files found there, each with the time of the last check on
//! the disk.
//!
//! Entries are evicted by a clock (Corbató's second chance): a hand goes round, spares the entries
//! that were used since it last came by, and evicts the first that was not. That is close enough
//! to the least recently used, and a hit costs one flag. Reads no wall clock and no file.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use crate::time::Millis;

/// For how long, in milliseconds, an entry is served without another check on the disk.
pub const TRUST_MS: u64 = 1_000;

/// An entry without a request for this many milliseconds is evicted when the next request comes, if
/// it takes more than a little memory. An open file may have been deleted, and its space is free
/// only when it is closed.
pub const IDLE_MS: u64 = 10_000;

/// Values by the paths they were found at; at most `limit` of them.
#[derive(Debug)]
pub struct Cache<V> {
    limit: usize,
    places: HashMap<Arc<[u8]>, usize, BuildHasherDefault<PathHasher>>,
    slots: Vec<Slot<V>>,
    hand: usize,
}

/// Mixes eight bytes at a time (the multiplication spreads a bit to those above it, the rotation
/// brings them back down). The standard library's hash costs as much as all else that a hit does;
/// it keeps clients from choosing keys that collide, and clients cannot choose which files there
/// are: no other path is cached.
#[derive(Default)]
struct PathHasher(u64);

impl Hasher for PathHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        for word in words.iter().chain([&last]) {
            self.write_u64(u64::from_le_bytes(*word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }

    fn finish(&self) -> u64 {
        // The hash table takes the bucket from the low bits and a tag from the high ones.
        self.0 ^ self.0 >> 32
    }
}

#[derive(Debug)]
struct Slot<V> {
    path: Arc<[u8]>,
    value: V,
    checked: Millis,
    used: bool,
}

impl<V: Clone> Cache<V> {
    /// An empty cache. With a limit of 0 it stays empty.
    pub fn new(limit: usize) -> Cache<V> {
        Cache {
            limit,
            places: HashMap::default(),
            slots: Vec::new(),
            hand: 0,
        }
    }

    /// The value for `path`, and whether it is fresh.
    pub fn get(&mut self, path: &[u8], now: Millis) -> Option<(V, bool)> {
        let slot = &mut self.slots[*self.places.get(path)?];
        slot.used = true;
        let fresh = now.since(slot.checked) < TRUST_MS;
        Some((slot.value.clone(), fresh))
    }

    /// Stores the value that was found at `path` just now.
    pub fn insert(&mut self, path: &[u8], value: V, now: Millis) {
        if let Some(&at) = self.places.get(path) {
            self.slots[at].value = value;
            self.slots[at].checked = now;
            return;
        }
        if self.limit == 0 {
            return;
        }
        if self.slots.len() >= self.limit {
            self.evict();
        }
        let path: Arc<[u8]> = path.into();
        self.places.insert(path.clone(), self.slots.len());
        self.slots.push(Slot {
            path,
            value,
            checked: now,
            // An entry that is requested once, as by a crawler, is evicted first.
            used: false,
        });
    }

    /// Replaces the value for `path`, which does not make it fresh.
    pub fn update(&mut self, path: &[u8], change: impl FnOnce(&mut V)) {
        if let Some(&at) = self.places.get(path) {
            change(&mut self.slots[at].value);
        }
    }

    /// Evicts the value for `path`.
    pub fn remove(&mut self, path: &[u8]) {
        if let Some(&at) = self.places.get(path) {
            self.take_out(at);
        }
    }

    /// Evicts all values.
    pub fn clear(&mut self) {
        self.places.clear();
        self.slots.clear();
    }

    /// Evicts the values for which `keep`, given each with the time of its last check, is false.
    pub fn retain(&mut self, keep: impl Fn(&V, Millis) -> bool) {
        let mut at = 0;
        while let Some(slot) = self.slots.get(at) {
            if keep(&slot.value, slot.checked) {
                at += 1;
            } else {
                self.take_out(at);
            }
        }
    }

    fn evict(&mut self) {
        // Each step of the hand clears a flag, so there are at most two rounds.
        while !self.slots.is_empty() {
            if self.hand >= self.slots.len() {
                self.hand = 0;
            }
            let slot = &mut self.slots[self.hand];
            if !std::mem::take(&mut slot.used) {
                return self.take_out(self.hand);
            }
            self.hand += 1;
        }
    }

    fn take_out(&mut self, at: usize) {
        let gone = self.slots.swap_remove(at);
        self.places.remove(&gone.path);
        if let Some(moved) = self.slots.get(at)
            && let Some(place) = self.places.get_mut(&moved.path)
        {
            *place = at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Millis = Millis::new(5_000);

    fn held(cache: &Cache<u32>) -> Vec<u32> {
        let mut values: Vec<u32> = cache.slots.iter().map(|slot| slot.value).collect();
        values.sort_unstable();
        for slot in &cache.slots {
            let place = cache.places[&slot.path];
            assert_eq!(cache.slots[place].value, slot.value, "a wrong place");
        }
        assert_eq!(cache.places.len(), cache.slots.len());
        values
    }

    #[test]
    fn what_is_old_is_not_believed() {
        let mut cache = Cache::new(2);
        cache.insert(b"a", 1, START);
        for (ms, fresh) in [(0, true), (999, true), (1_000, false), (5_000, false)] {
            assert_eq!(cache.get(b"a", START.after(ms)), Some((1, fresh)), "{ms}");
        }
        cache.insert(b"a", 2, START.after(5_000));
        assert_eq!(cache.get(b"a", START.after(5_999)), Some((2, true)));
        assert_eq!(cache.get(b"b", START), None);
        assert_eq!(held(&cache), [2]);
    }

    #[test]
    fn what_is_used_stays() {
        let mut cache = Cache::new(3);
        for n in 1..=3 {
            cache.insert(&[n as u8], n, START);
        }
        cache.get(&[1], START);
        cache.get(&[3], START);
        cache.insert(&[4], 4, START);
        assert_eq!(held(&cache), [1, 3, 4]);
        for n in 5..100 {
            cache.get(&[1], START);
            cache.insert(&[n as u8], n, START);
            assert_eq!(held(&cache).len(), 3, "{n}");
            assert!(cache.get(&[1], START).is_some(), "{n}");
        }
    }

    #[test]
    fn forgetting() {
        let mut cache = Cache::new(10);
        for n in 0..10 {
            cache.insert(&[n as u8], n, START.after(u64::from(n)));
        }
        cache.remove(&[0]);
        cache.remove(&[0]);
        assert_eq!(held(&cache), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        cache.retain(|value, checked| value % 2 == 1 && checked < START.after(8));
        assert_eq!(held(&cache), [1, 3, 5, 7]);
        cache.clear();
        assert_eq!(held(&cache), []);
        cache.insert(b"a", 1, START);
        assert_eq!(held(&cache), [1]);
        let mut none = Cache::new(0);
        none.insert(b"a", 1, START);
        assert_eq!(none.get(b"a", START), None);
    }
}
