//! [`Entry`]: a file that was opened, looked at, and is ready to be sent many times.
//!
//! Small ones are read into memory, and their entity tag is a hash of their bytes: build tools
//! give every file the same time, so a time says nothing. Larger ones stay files; their tag is
//! time and size, but where the time is a whole second, as tools set it, and the file not very
//! large, it is a hash as well. None of them depends on the machine, so replicas agree.

use std::borrow::Cow;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;

use super::caching::Caching;
use super::variants::Coding;
use crate::http::{FieldError, FieldLines, HttpResponse, date};
use crate::time::Now;

/// Files up to this size, in bytes, are kept in memory. As much as a connection queues at once:
/// beyond that, sendfile(2) costs less than copying.
pub const SMALL: u64 = 64 * 1024;

/// Files up to this size, in bytes, are hashed if their time says nothing: once for each change,
/// in some 10 ms, during which the worker does nothing else.
const HASHED: u64 = 8 * 1024 * 1024;

/// A change so short a time, in milliseconds, before a file was looked at may not be the last one
/// with that time on it: clocks of file systems tick as slowly as that (FAT).
const TICK_MS: i64 = 2_000;

/// How often a small file is read again that became shorter meanwhile.
const TRIES: usize = 4;

/// Where the bytes are.
#[derive(Clone, Debug)]
pub enum Content {
    /// All of them in memory.
    Memory(Arc<[u8]>),
    /// In an open file.
    Open(Arc<File>),
}

/// A regular file, ready to be sent.
#[derive(Debug)]
pub struct Entry {
    /// Its bytes.
    pub content: Content,
    /// How many there are.
    pub size: u64,
    /// The entity tag, with its quotes. Strong.
    pub etag: Box<[u8]>,
    /// When it changed, in seconds since 1970; 0 for before. It may lie in the future.
    pub changed: u64,
    /// Fields that say what it is.
    pub about: FieldLines,
    /// Fields that say which one it is: ETag and Last-Modified.
    pub validators: FieldLines,
    /// Fields that say for how long it may be kept: Cache-Control, or none.
    pub caching: FieldLines,
    stamp: Stamp,
    /// It changed so recently that it may have changed again since, with the same stamp.
    young: bool,
}

/// What a file is served as.
#[derive(Clone, Copy, Debug)]
pub struct Role<'a> {
    /// The name that was asked for, whatever it is coded in.
    pub name: &'a [u8],
    /// The value of Content-Type.
    pub content_type: &'a str,
    /// What it is coded in, if it is.
    pub coding: Option<Coding>,
    /// What is said of how long it may be kept.
    pub caching: Caching,
}

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    mtime: (i64, i64),
    ctime: (i64, i64),
}

impl Stamp {
    fn of(seen: &Metadata) -> Stamp {
        Stamp {
            device: seen.dev(),
            inode: seen.ino(),
            size: seen.len(),
            mtime: (seen.mtime(), seen.mtime_nsec()),
            ctime: (seen.ctime(), seen.ctime_nsec()),
        }
    }
}

impl Entry {
    /// Takes in a regular file. What was `seen` of it may be out of date by now.
    ///
    /// # Errors
    /// It cannot be read, or never for as long as it says it is.
    pub fn load(file: File, seen: Metadata, role: Role<'_>, now: Now) -> io::Result<Entry> {
        let mut seen = seen;
        for _ in 0..TRIES {
            if seen.len() > SMALL {
                return Entry::new(Content::Open(Arc::new(file)), &seen, role, now);
            }
            // The length is promised before the bytes are sent, so it has to be the right one.
            let mut bytes = vec![0; seen.len() as usize];
            match file.read_exact_at(&mut bytes, 0) {
                Ok(()) => return Entry::new(Content::Memory(bytes.into()), &seen, role, now),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
                Err(error) => return Err(error),
            }
            seen = file.metadata()?;
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    }

    fn new(content: Content, seen: &Metadata, role: Role<'_>, now: Now) -> io::Result<Entry> {
        let stamp = Stamp::of(seen);
        let tag = match &content {
            Content::Memory(bytes) => format!("{:032x}", fnv1a(FNV_BASIS, bytes)),
            Content::Open(file) => {
                let (seconds, nanoseconds) = stamp.mtime;
                let says_nothing = nanoseconds == 0 && stamp.size <= HASHED;
                // One that cannot be read to its end has changed again, and will be looked at again.
                match says_nothing.then(|| hash(file, stamp.size)) {
                    Some(Ok(hash)) => format!("{hash:032x}"),
                    _ => format!("{seconds:x}.{nanoseconds:x}-{:x}", stamp.size),
                }
            }
        };
        // Two forms of a file may be the same bytes and mean another thing (RFC 9110 §8.8.3.3).
        let etag = match role.coding {
            None => format!("\"{tag}\""),
            Some(coding) => format!("\"{tag}-{}\"", coding.name()),
        };
        let changed = u64::try_from(stamp.mtime.0).unwrap_or(0);
        let changed_ms = stamp.ctime.0.saturating_mul(1000) + stamp.ctime.1 / 1_000_000;
        Ok(Entry {
            content,
            size: stamp.size,
            about: about(role.content_type, role.coding)?,
            caching: caching(role.caching.value(role.name, role.content_type))?,
            validators: validators(&etag, changed)?,
            etag: etag.into_bytes().into(),
            changed,
            stamp,
            young: changed_ms.saturating_add(TICK_MS) > now.unix_ms as i64,
        })
    }

    /// Whether what is promised can still be kept: a file that is open may have been shortened or
    /// written over since. What is in memory has nothing to fear.
    pub fn is_unchanged(&self) -> bool {
        match &self.content {
            Content::Memory(_) => true,
            Content::Open(file) => file
                .metadata()
                .is_ok_and(|seen| Stamp::of(&seen) == self.stamp),
        }
    }

    /// Whether the file that this was made from, looked at again, is certainly the same.
    pub fn is_still(&self, seen: &Metadata) -> bool {
        !self.young && self.stamp == Stamp::of(seen)
    }

    /// Whether this holds a descriptor.
    pub fn is_open(&self) -> bool {
        matches!(self.content, Content::Open(_))
    }
}

fn about(content_type: &str, coding: Option<Coding>) -> Result<FieldLines, FieldError> {
    let mut lines = HttpResponse::default();
    if let Some(coding) = coding {
        lines.header("Content-Encoding", coding.name())?;
    }
    lines
        .header("Content-Type", content_type)?
        // What we say it is counts, not what a browser makes of its bytes.
        .header("X-Content-Type-Options", "nosniff")?
        .header("Accept-Ranges", "bytes")?;
    Ok(lines.into_lines())
}

fn validators(etag: &str, changed: u64) -> Result<FieldLines, FieldError> {
    let mut lines = HttpResponse::default();
    lines
        .header("ETag", etag)?
        .header("Last-Modified", date::imf_fixdate(changed))?;
    Ok(lines.into_lines())
}

fn caching(value: Option<Cow<'static, str>>) -> Result<FieldLines, FieldError> {
    let mut lines = HttpResponse::default();
    if let Some(value) = value {
        lines.header("Cache-Control", value.as_bytes())?;
    }
    Ok(lines.into_lines())
}

/// FNV-1a with 128 bits (Fowler, Noll, Vo; draft-eastlake-fnv): the same on every machine and in
/// every version, unlike what `std` hashes with. Whoever can forge a collision can write the files.
pub(super) fn fnv1a(basis: u128, bytes: &[u8]) -> u128 {
    bytes.iter().fold(basis, |hash, b| {
        (hash ^ u128::from(*b)).wrapping_mul(0x0100_0000_0000_0000_0000_013b)
    })
}

/// What a hash begins with.
pub(super) const FNV_BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;

/// The hash of a file of this size.
fn hash(file: &File, size: u64) -> io::Result<u128> {
    let mut piece = vec![0; SMALL as usize];
    let (mut hash, mut at) = (FNV_BASIS, 0);
    while at < size {
        let n = SMALL.min(size - at) as usize;
        file.read_exact_at(&mut piece[..n], at)?;
        hash = fnv1a(hash, &piece[..n]);
        at += n as u64;
    }
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::scratch::Scratch;
    use crate::time::Millis;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

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

    fn now(since_change_ms: i64) -> Now {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Now {
            at: Millis::default(),
            unix_ms: (unix.as_millis() as i64 + since_change_ms) as u64,
        }
    }

    const PLAIN: Role<'_> = Role {
        name: b"f",
        content_type: "a/b",
        coding: None,
        caching: Caching::Off,
    };

    fn load(path: &std::path::Path, now: Now) -> io::Result<Entry> {
        let file = File::open(path)?;
        let seen = file.metadata()?;
        Entry::load(file, seen, PLAIN, now)
    }

    #[test]
    fn tags_depend_on_what_replicas_share() {
        let (one, two) = (Scratch::new("entry"), Scratch::new("entry"));
        let at = |nanoseconds| UNIX_EPOCH + Duration::new(784_111_777, nanoseconds);
        let mut tags = Vec::new();
        let large = vec![b'x'; SMALL as usize + 1];
        let other = [&large[1..], b"y"].concat();
        for (name, ns, a, b, same) in [
            ("small, the same", 42, &b"x"[..], &b"x"[..], true),
            ("small, another", 42, b"x", b"y", false),
            ("the largest in memory", 42, &large[1..], &large[1..], true),
            ("large, the same", 42, &large, &large, true),
            ("large, a time that was set", 0, &large, &large, true),
            ("large, another with that time", 0, &large, &other, false),
        ] {
            let at = at(ns);
            let both = [(&one, a), (&two, b)].map(|(scratch, bytes)| {
                let path = scratch.write("f", bytes);
                let file = File::options().write(true).open(&path).unwrap();
                file.set_modified(at).unwrap();
                let entry = load(&path, now(0)).unwrap();
                assert_eq!(entry.is_open(), bytes.len() as u64 > SMALL, "{name}");
                assert_eq!(
                    (entry.size, entry.changed),
                    (bytes.len() as u64, 784_111_777)
                );
                entry.etag
            });
            assert_eq!(both[0] == both[1], same, "{name}");
            tags.push(both[0].clone());
        }
        assert_eq!(tags[3][..], *b"\"2ebc98a1.2a-10001\"");
    }

    #[test]
    fn every_form_has_its_own_tag() {
        let scratch = Scratch::new("entry");
        for bytes in [vec![], vec![b'x'; 9], vec![b'x'; SMALL as usize + 1]] {
            let path = scratch.write("f", &bytes);
            let mut tags = Vec::new();
            for coding in [None].into_iter().chain(Coding::ALL.map(Some)) {
                let file = File::open(&path).unwrap();
                let seen = file.metadata().unwrap();
                let role = Role { coding, ..PLAIN };
                tags.push(Entry::load(file, seen, role, now(0)).unwrap().etag);
            }
            tags.sort();
            tags.dedup();
            assert_eq!(tags.len(), 4, "{} bytes: {tags:?}", bytes.len());
            assert!(tags.iter().all(|tag| tag.starts_with(b"\"")), "strong");
        }
    }

    #[test]
    fn only_what_has_settled_is_known_again() {
        let scratch = Scratch::new("entry");
        let path = scratch.write("f", "abc");
        let file = File::open(&path).unwrap();
        let seen = file.metadata().unwrap();
        assert!(!load(&path, now(0)).unwrap().is_still(&seen), "young");
        let settled = load(&path, now(TICK_MS + 1_000)).unwrap();
        assert!(settled.is_still(&seen));
        std::thread::sleep(Duration::from_millis(20));
        scratch.write("f", "abd");
        assert!(!settled.is_still(&file.metadata().unwrap()), "edited");
    }

    #[test]
    fn a_file_that_shrank_since_it_was_seen_has_its_new_length() {
        let scratch = Scratch::new("entry");
        let path = scratch.write("f", "abcdef");
        let file = File::open(&path).unwrap();
        let seen = file.metadata().unwrap();
        scratch.write("f", "abc");
        let entry = Entry::load(file, seen, PLAIN, now(0)).unwrap();
        assert_eq!(entry.size, 3);
        assert!(matches!(entry.content, Content::Memory(bytes) if *bytes == *b"abc"));
    }
}
