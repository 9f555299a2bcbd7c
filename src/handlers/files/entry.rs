//! [`Entry`]: a file that was opened and checked, and is ready to be sent many times.
//!
//! Small files are read into memory. Validators come from a file's bytes as soon as their hash is
//! known (see `hashes`): build tools give every file the same time, so a time says little.

use std::borrow::Cow;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::caching::Policy;
use super::hashes::{FNV_BASIS, fnv1a};
use super::stamp::Stamp;
use super::variants::Coding;
use crate::http::{FieldError, FieldLines, HttpResponse, date};
use crate::time::Now;

/// Files up to this size, in bytes, are kept in memory. As much as a connection queues at once:
/// beyond that, sendfile(2) costs less than copying.
pub const SMALL: u64 = 64 * 1024;

/// Files up to this size, in bytes, are hashed, a slice with each request.
const HASHED: u64 = 8 * 1024 * 1024;

/// A time up to this one, in seconds since 1970, is no time at which a file changed: build tools
/// set 0, 1 or the beginning of 1980, which ZIP cannot go below, so that every build is the same.
/// Such a time would validate old bytes after a new build. 1980-01-02.
const CLAMPED: u64 = 315_619_200;

/// A change this close, in milliseconds, to the check of a file may be followed by another one with
/// the same time: clocks of file systems tick as slowly as that (FAT).
const TICK_MS: i64 = 2_000;

/// How often a small file is read again if it became shorter meanwhile.
const TRIES: usize = 4;

/// The place of a file's bytes.
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
    /// The file's bytes.
    pub content: Content,
    /// The number of bytes.
    pub size: u64,
    /// The entity tag, with its quotes. Strong. `None` while no tag is certain to be of these bytes
    /// alone.
    pub etag: Option<Box<[u8]>>,
    /// The time of the last change, in seconds since 1970, maybe in the future; `None` where the
    /// file's time is that of a build tool.
    pub changed: Option<u64>,
    /// The fields of the representation: Content-Type and others.
    pub about: FieldLines,
    /// The validators: ETag and Last-Modified, as far as there are any.
    pub validators: FieldLines,
    /// Cache-Control, or no field.
    pub caching: FieldLines,
    coding: Option<Coding>,
    stamp: Stamp,
    /// Whether the file changed so recently that it may have changed again with the same stamp.
    young: bool,
}

/// The metadata that a file is served with.
#[derive(Clone, Copy, Debug)]
pub struct Role<'a> {
    /// The name in the request, without the suffix of a coding.
    pub name: &'a [u8],
    /// The value of Content-Type.
    pub content_type: &'a str,
    /// The content coding, if there is one.
    pub coding: Option<Coding>,
    /// The policy for Cache-Control.
    pub caching: &'a Policy,
}

impl Entry {
    /// Loads a regular file. The metadata `seen` may be out of date by now.
    ///
    /// # Errors
    /// The file cannot be read, or becomes shorter each time it is read.
    pub fn load(file: File, seen: Metadata, role: Role<'_>, now: Now) -> io::Result<Entry> {
        let mut seen = seen;
        for _ in 0..TRIES {
            if seen.len() > SMALL {
                return Entry::new(Content::Open(Arc::new(file)), &seen, role, now);
            }
            // The length is promised before the bytes are sent, so it must be right.
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
        // The next change could have the same time.
        let young = stamp.changed_ms().abs_diff(now.unix_ms as i64) < TICK_MS as u64;
        let tag = match &content {
            Content::Memory(bytes) => Some(hash_tag(fnv1a(FNV_BASIS, bytes))),
            // The hash is not known yet, and a young file may change and keep its stamp.
            Content::Open(_) if young || stamp.size() <= HASHED => None,
            // The stamp distinguishes this state from all others on this machine.
            Content::Open(_) => Some(hash_tag(fnv1a(FNV_BASIS, &stamp.key()))),
        };
        let changed = stamp.modified();
        let mut entry = Entry {
            content,
            size: stamp.size(),
            about: about(role.content_type, role.coding)?,
            caching: caching(role.caching.value(role.name, role.content_type))?,
            validators: FieldLines::default(),
            etag: None,
            changed: changed.filter(|at| *at > CLAMPED),
            coding: role.coding,
            stamp,
            young,
        };
        entry.set_tag(tag)?;
        Ok(entry)
    }

    /// Makes the validators, with this tag.
    fn set_tag(&mut self, tag: Option<String>) -> Result<(), FieldError> {
        // Two forms of a file may have the same bytes and different meanings (RFC 9110 §8.8.3.3).
        let etag = tag.map(|tag| match self.coding {
            None => format!("\"{tag}\""),
            Some(coding) => format!("\"{tag}-{}\"", coding.name()),
        });
        self.validators = validators(etag.as_deref(), self.changed)?;
        self.etag = etag.map(|etag| etag.into_bytes().into());
        Ok(())
    }

    /// The file that must be hashed before there is a tag, and its state; `None` if there is a tag.
    pub fn unhashed(&self) -> Option<(&Arc<File>, Stamp)> {
        match &self.content {
            Content::Open(file) if self.etag.is_none() && !self.young => Some((file, self.stamp)),
            _ => None,
        }
    }

    /// The same entry with a tag made from this hash.
    pub fn with_hash(&self, hash: u128) -> Result<Entry, FieldError> {
        let mut entry = Entry {
            content: self.content.clone(),
            about: self.about.clone(),
            caching: self.caching.clone(),
            validators: FieldLines::default(),
            etag: None,
            ..*self
        };
        entry.set_tag(Some(hash_tag(hash)))?;
        Ok(entry)
    }

    /// Whether the entry is still valid: an open file may have been shortened or overwritten since.
    /// Bytes in memory cannot be.
    pub fn is_unchanged(&self) -> bool {
        match &self.content {
            Content::Memory(_) => true,
            Content::Open(file) => file
                .metadata()
                .is_ok_and(|seen| Stamp::of(&seen) == self.stamp),
        }
    }

    /// Whether `seen`, read later, is certainly the metadata of the same state.
    pub fn is_still(&self, seen: &Metadata) -> bool {
        !self.young && self.stamp == Stamp::of(seen)
    }

    /// Whether the entry holds a descriptor.
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
        // The declared type counts, not a guess of the browser from the bytes.
        .header("X-Content-Type-Options", "nosniff")?
        .header("Accept-Ranges", "bytes")?;
    Ok(lines.into_lines())
}

fn hash_tag(hash: u128) -> String {
    format!("{hash:032x}")
}

fn validators(etag: Option<&str>, changed: Option<u64>) -> Result<FieldLines, FieldError> {
    let mut lines = HttpResponse::default();
    if let Some(etag) = etag {
        lines.header("ETag", etag)?;
    }
    if let Some(changed) = changed {
        lines.header("Last-Modified", date::imf_fixdate(changed))?;
    }
    Ok(lines.into_lines())
}

fn caching(value: Option<Cow<'static, str>>) -> Result<FieldLines, FieldError> {
    let mut lines = HttpResponse::default();
    if let Some(value) = value {
        lines.header("Cache-Control", value.as_bytes())?;
    }
    Ok(lines.into_lines())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::scratch::Scratch;
    use crate::time::Millis;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

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
        caching: &Policy::NOTHING,
    };

    fn load(path: &std::path::Path, now: Now) -> io::Result<Entry> {
        let file = File::open(path)?;
        let seen = file.metadata()?;
        Entry::load(file, seen, PLAIN, now)
    }

    /// The entry of a server that has hashed all of the file's bytes.
    fn tagged(entry: &Entry) -> Option<Box<[u8]>> {
        let Some((file, state)) = entry.unhashed() else {
            return entry.etag.clone();
        };
        let mut hashes = super::super::hashes::Hashes::default();
        let hash = (0..64).find_map(|turn| hashes.get(file, state, Millis::new(turn)));
        hash.and_then(|hash| entry.with_hash(hash).unwrap().etag)
    }

    const SETTLED: i64 = TICK_MS + 1_000;

    #[test]
    fn tags_depend_on_what_replicas_share() {
        let (one, two) = (Scratch::new("entry"), Scratch::new("entry"));
        let at = |nanoseconds| UNIX_EPOCH + Duration::new(784_111_777, nanoseconds);
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
                let entry = load(&path, now(SETTLED)).unwrap();
                assert_eq!(entry.is_open(), bytes.len() as u64 > SMALL, "{name}");
                assert_eq!(
                    (entry.size, entry.changed),
                    (bytes.len() as u64, Some(784_111_777))
                );
                tagged(&entry).expect(name)
            });
            assert_eq!(both[0] == both[1], same, "{name}");
        }
    }

    #[test]
    fn a_tag_never_stands_for_other_bytes_whatever_the_time_says() {
        let scratch = Scratch::new("entry");
        let sizes = [1, SMALL as usize + 1, HASHED as usize, HASHED as usize + 1];
        for size in sizes {
            let mut tags = Vec::new();
            for byte in *b"ab" {
                // The file is replaced as by a deploy, with the time that all files have.
                let path = scratch.write("new", vec![byte; size]);
                let file = File::options().write(true).open(&path).unwrap();
                file.set_modified(UNIX_EPOCH + Duration::from_secs(1))
                    .unwrap();
                let to = path.with_file_name("f");
                std::fs::rename(&path, &to).unwrap();
                let entry = load(&to, now(SETTLED)).unwrap();
                assert_eq!(entry.changed, None, "1970 is no time of change");
                let young = load(&to, now(0)).unwrap();
                assert_eq!(
                    young.etag.is_some(),
                    size == 1,
                    "{size}: it may change again"
                );
                tags.push(tagged(&entry).expect("a tag"));
            }
            assert_ne!(tags[0], tags[1], "{size}");
        }
    }

    #[test]
    fn a_time_that_build_tools_set_is_no_validator() {
        let scratch = Scratch::new("entry");
        for (seconds, counts) in [
            (0, false),
            (1, false),
            (315_532_800, false),
            (CLAMPED, false),
            (CLAMPED + 1, true),
        ] {
            let path = scratch.write("f", "x");
            let file = File::options().write(true).open(&path).unwrap();
            file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds))
                .unwrap();
            let entry = load(&path, now(0)).unwrap();
            assert_eq!(entry.changed.is_some(), counts, "{seconds}");
        }
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
                let entry = Entry::load(file, seen, role, now(SETTLED)).unwrap();
                tags.push(tagged(&entry).expect("a tag"));
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
