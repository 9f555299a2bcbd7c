//! [`Store`]: from a path to a file below the root, as it was at most a second ago.
//!
//! Whatever the disk does meanwhile: what was found is believed for [`TRUST_MS`], then it is
//! opened again below the root and compared. The root's own path is resolved again as often, so
//! that a deploy that switches a link is noticed. Knows nothing of requests and responses.

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cache::{Cache, IDLE_MS, TRUST_MS};
use super::caching::Policy;
use super::entry::{Entry, Role};
use super::hashes::Hashes;
use super::variants::{Coding, Codings, may_be_coded};
use crate::handlers::mime::Types;
use crate::http::FieldError;
use crate::sys::beneath::{Cause, Links, Root};
use crate::time::{Millis, Now};

/// How often a look is repeated at most because something could be done about what it found. Once
/// is enough, but on a machine so busy that deploys overtake us.
const MORE_LOOKS: usize = 4;

/// What is at a path.
#[derive(Clone, Debug)]
pub enum Found {
    /// A regular file, or coded forms of one.
    File(Source),
    /// A directory, named without a slash at the end.
    Directory,
}

/// A file in all the forms in which it is there: at least one.
#[derive(Clone, Debug)]
pub struct Source {
    /// As it is. Coded forms may be there without it.
    pub plain: Option<Arc<Entry>>,
    /// In what it can be had as well; [`Store::find_coded`] has them.
    pub coded: Codings,
}

impl Source {
    fn is_open(&self) -> bool {
        self.plain.as_ref().is_some_and(|entry| entry.is_open())
    }

    fn is_unchanged(&self) -> bool {
        self.plain.as_ref().is_none_or(|entry| entry.is_unchanged())
    }
}

/// A directory of files, and what is remembered of them.
#[derive(Debug)]
pub struct Store {
    /// The name of a directory's own page.
    pub index: Vec<u8>,
    /// Whether links may be followed.
    pub links: Links,
    /// What files are.
    pub types: Types,
    /// What is said of how long files may be kept.
    pub policy: Policy,
    /// What was found. A coded form has an entry of its own, so that there are never more files
    /// open or in memory than entries; its key is that of the plain one, a NUL, which no path has,
    /// and the suffix.
    pub cache: Cache<Source>,
    hashes: Hashes,
    path: PathBuf,
    root: Arc<Root>,
    /// When `path` was last resolved.
    resolved: Option<Millis>,
    /// The path that is being opened; kept for its memory.
    name: Vec<u8>,
    /// What a coded form is remembered under; kept for its memory.
    key: Vec<u8>,
}

impl Store {
    /// The directory at `path`, with nothing remembered.
    ///
    /// # Errors
    /// It is no directory, or we may not go there.
    pub fn open(path: &Path, entries: usize) -> io::Result<Store> {
        // Where the process goes later does not matter.
        let path = std::path::absolute(path)?;
        Ok(Store {
            index: b"index.html".to_vec(),
            links: Links::Follow,
            policy: Policy::NOTHING,
            types: Types::default(),
            cache: Cache::new(entries),
            hashes: Hashes::default(),
            root: Arc::new(Root::open(&path)?),
            path,
            resolved: None,
            name: Vec::new(),
            key: Vec::new(),
        })
    }

    /// What is at `path`, which is decoded and begins with a slash. One at its end asks for the
    /// page of a directory.
    pub fn find(&mut self, path: &[u8], now: Now) -> Result<Found, Cause> {
        let is_due = self.resolved.is_none_or(|at| now.at.since(at) >= TRUST_MS);
        if is_due {
            self.resolve_root(now.at);
        }
        let mut known = match self.cache.get(path, now.at) {
            Some((source, true)) if source.is_unchanged() => return Ok(Found::File(source)),
            Some((source, _)) => Some(source),
            None => None,
        };
        // What is read anew is read from the root that is there now: the one before may be half
        // removed, and what is left of it looks like a site with fewer files.
        if !is_due && self.resolve_root(now.at) {
            known = None;
        }
        let mut found = self.look(path, known.as_ref(), now);
        for _ in 0..MORE_LOOKS {
            if !self.is_worth_another_look(&found, known.as_ref(), now) {
                break;
            }
            found = self.look(path, None, now);
        }
        match &found {
            Ok(Found::File(source)) => self.cache.insert(path, source.clone(), now.at),
            _ if known.is_some() => self.cache.remove(path),
            // What is not there is not remembered: a client that asks for a thousand names that do
            // not exist would push out the files that do.
            _ => {}
        }
        found
    }

    /// The coded form of what [`Store::find`] has just found at `path`. It may be gone since.
    pub fn find_coded(
        &mut self,
        path: &[u8],
        coding: Coding,
        now: Now,
    ) -> Result<Arc<Entry>, Cause> {
        self.set_key(path, coding);
        let known = self.cache.get(&self.key, now.at);
        let known = match known.and_then(|(source, fresh)| Some((source.plain?, fresh))) {
            Some((entry, true)) if entry.is_unchanged() => return Ok(entry),
            known => known.map(|(entry, _)| entry),
        };
        let mut found = self.look_coded(path, coding, known.as_ref(), now);
        for _ in 0..MORE_LOOKS {
            if !self.can_be_helped(found.as_ref().err(), now) {
                break;
            }
            found = self.look_coded(path, coding, None, now);
        }
        match &found {
            Ok(entry) => {
                let source = Source {
                    plain: Some(entry.clone()),
                    coded: Codings::default(),
                };
                self.cache.insert(&self.key, source, now.at);
            }
            Err(_) => self.cache.remove(&self.key),
        }
        found
    }

    /// What was found at `path`, with its tag if that is known by now.
    pub fn tagged(
        &mut self,
        path: &[u8],
        coding: Option<Coding>,
        entry: &Arc<Entry>,
        now: Now,
    ) -> Result<Arc<Entry>, FieldError> {
        let unhashed = entry.unhashed();
        let hash = unhashed.and_then(|(file, state)| self.hashes.get(file, state, now.at));
        let Some(hash) = hash else {
            return Ok(entry.clone());
        };
        let tagged = Arc::new(entry.with_hash(hash)?);
        match coding {
            None => self
                .cache
                .update(path, |source| source.plain = Some(tagged.clone())),
            Some(coding) => {
                self.set_key(path, coding);
                self.cache
                    .update(&self.key, |source| source.plain = Some(tagged.clone()));
            }
        }
        Ok(tagged)
    }

    fn set_key(&mut self, path: &[u8], coding: Coding) {
        self.key.clear();
        self.key.extend_from_slice(path);
        self.key.push(0);
        self.key.extend_from_slice(coding.suffix());
    }

    /// The directory that files are looked up in now.
    pub fn root(&self) -> &Arc<Root> {
        &self.root
    }

    /// Remembers nothing.
    pub fn forget(&mut self) {
        self.cache.clear();
        self.resolved = None;
    }

    /// Whether to look again: something could be done about a failure, or something is gone and the
    /// root with it, since it was resolved a moment ago.
    fn is_worth_another_look(
        &mut self,
        found: &Result<Found, Cause>,
        known: Option<&Source>,
        now: Now,
    ) -> bool {
        match found {
            Ok(Found::File(source)) => {
                let lost = source.plain.is_none() || known.is_some_and(|k| k.coded != source.coded);
                lost && self.resolve_root(now.at)
            }
            Ok(_) => false,
            Err(cause) => self.can_be_helped(Some(cause), now),
        }
    }

    /// Whether something can be done about a failure. Descriptors that are only kept to save time
    /// are given back. And where there is nothing, a deploy may just have put another directory
    /// in the place of this one, and removed it.
    fn can_be_helped(&mut self, cause: Option<&Cause>, now: Now) -> bool {
        match cause {
            Some(Cause::Exhausted(_)) => {
                self.cache.retain(|source, _| !source.is_open());
                true
            }
            Some(Cause::Missing) => self.resolve_root(now.at),
            _ => false,
        }
    }

    /// Resolves the root's path again; whether it leads somewhere else now. Where it leads nowhere,
    /// as in the middle of a deploy, the old one stays.
    fn resolve_root(&mut self, now: Millis) -> bool {
        self.resolved = Some(now);
        let moved = match Root::open(&self.path) {
            Ok(root) if !root.is(&self.root) => {
                self.root = Arc::new(root);
                self.cache.clear();
                true
            }
            _ => false,
        };
        self.cache
            .retain(|source, checked| !source.is_open() || now.since(checked) < IDLE_MS);
        moved
    }

    /// Asks the disk for a file, and for what lies beside it. For a path where there is nothing
    /// that is four calls, and two for the root.
    fn look(&mut self, path: &[u8], known: Option<&Source>, now: Now) -> Result<Found, Cause> {
        self.set_name(path);
        let known = known.and_then(|source| source.plain.as_ref());
        let plain = match self.look_plain(path.ends_with(b"/"), known, now) {
            Ok(Some(entry)) => Some(entry),
            Ok(None) => return Ok(Found::Directory),
            // What is there and may not be had may not be had coded either.
            Err(Cause::Missing) => None,
            Err(cause) => return Err(cause),
        };
        match (plain, self.look_beside()) {
            (None, Ok(coded)) if coded.is_empty() => Err(Cause::Missing),
            (None, Err(cause)) => Err(cause),
            (plain, coded) => Ok(Found::File(Source {
                plain,
                coded: coded.unwrap_or_default(),
            })),
        }
    }

    /// The file that is called `self.name`; `None` for a directory.
    fn look_plain(
        &self,
        wants_page: bool,
        known: Option<&Arc<Entry>>,
        now: Now,
    ) -> Result<Option<Arc<Entry>>, Cause> {
        let file = match self.root.open_file(&self.name, self.links) {
            Ok(file) => file,
            Err(error) => {
                let cause = Cause::of(&error);
                // A directory that may not be read may still be gone through.
                let is_directory = cause == Cause::Forbidden
                    && !wants_page
                    && self.root.has_directory(&self.name, self.links);
                return if is_directory { Ok(None) } else { Err(cause) };
            }
        };
        let seen = file.metadata().map_err(|error| Cause::of(&error))?;
        if seen.is_dir() && !wants_page {
            return Ok(None);
        }
        let role = Role {
            name: &self.name,
            content_type: self.types.content_type(&self.name),
            coding: None,
            caching: &self.policy,
        };
        take_in(file, seen, role, known, now).map(Some)
    }

    /// Which coded forms of the file that is called `self.name` can be read.
    fn look_beside(&mut self) -> Result<Codings, Cause> {
        let mut coded = Codings::default();
        if !may_be_coded(&self.name) {
            return Ok(coded);
        }
        let length = self.name.len();
        for coding in Coding::ALL {
            self.name.extend_from_slice(coding.suffix());
            let file = self.root.open_file(&self.name, self.links);
            self.name.truncate(length);
            match file.and_then(|file| file.metadata()) {
                Ok(seen) if seen.is_file() => coded.insert(coding),
                Err(error) if matches!(Cause::of(&error), Cause::Exhausted(_)) => {
                    return Err(Cause::of(&error));
                }
                _ => {}
            }
        }
        Ok(coded)
    }

    fn look_coded(
        &mut self,
        path: &[u8],
        coding: Coding,
        known: Option<&Arc<Entry>>,
        now: Now,
    ) -> Result<Arc<Entry>, Cause> {
        self.set_name(path);
        let length = self.name.len();
        self.name.extend_from_slice(coding.suffix());
        let file = self.root.open_file(&self.name, self.links);
        let file = file.map_err(|error| Cause::of(&error))?;
        let seen = file.metadata().map_err(|error| Cause::of(&error))?;
        let role = Role {
            name: &self.name[..length],
            content_type: self.types.content_type(&self.name[..length]),
            coding: Some(coding),
            caching: &self.policy,
        };
        take_in(file, seen, role, known, now)
    }

    /// Sets `self.name` to what `path` is called below the root.
    fn set_name(&mut self, path: &[u8]) {
        self.name.clear();
        self.name
            .extend_from_slice(path.strip_prefix(b"/").unwrap_or(path));
        if path.ends_with(b"/") {
            self.name.extend_from_slice(&self.index);
        }
    }
}

/// A file that was opened, as what is `known` of it if that is still so.
fn take_in(
    file: File,
    seen: Metadata,
    role: Role<'_>,
    known: Option<&Arc<Entry>>,
    now: Now,
) -> Result<Arc<Entry>, Cause> {
    // FIFOs and devices were opened without waiting, and are not read.
    if !seen.is_file() {
        return Err(Cause::Missing);
    }
    if let Some(known) = known
        && known.is_still(&seen)
    {
        return Ok(known.clone());
    }
    let entry = Entry::load(file, seen, role, now).map_err(|error| Cause::of(&error))?;
    Ok(Arc::new(entry))
}
