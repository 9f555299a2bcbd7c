//! [`Store`]: from a path to a file below the root, as it was at most a second ago.
//!
//! A file is served from the cache for [`TRUST_MS`], then it is opened again below the root and
//! compared. The root's own path is resolved again as often, so that a deploy that switches a link
//! is noticed. Knows nothing of requests and responses.

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

/// How often a failed lookup is repeated after its cause was removed. Once is enough, but on a
/// machine so busy that deploys overtake the lookup.
const MORE_LOOKS: usize = 4;

/// The file or directory at a path.
#[derive(Clone, Debug)]
pub enum Found {
    /// A regular file, or coded forms of one.
    File(Source),
    /// A directory, named without a slash at the end.
    Directory,
}

/// A file in all its forms, of which there is at least one.
#[derive(Clone, Debug)]
pub struct Source {
    /// The plain form. Coded forms may be there without it.
    pub plain: Option<Arc<Entry>>,
    /// The coded forms; [`Store::find_coded`] opens them.
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

/// A directory of files, and the cache of them.
#[derive(Debug)]
pub struct Store {
    /// The name of index files.
    pub index: Vec<u8>,
    /// Whether links may be followed.
    pub links: Links,
    /// The media types of files.
    pub types: Types,
    /// The policy for Cache-Control.
    pub policy: Policy,
    /// The file cache. A coded form has an entry of its own, so that there are never more files
    /// open or in memory than entries; its key is that of the plain form, a NUL, which no path has,
    /// and the suffix.
    pub cache: Cache<Source>,
    hashes: Hashes,
    path: PathBuf,
    root: Arc<Root>,
    /// The time at which `path` was last resolved.
    resolved: Option<Millis>,
    /// Scratch memory: the path to open.
    name: Vec<u8>,
    /// Scratch memory: the cache key of a coded form.
    key: Vec<u8>,
}

impl Store {
    /// The directory at `path`, with an empty cache.
    ///
    /// # Errors
    /// The path is not that of a directory, or the directory may not be entered.
    pub fn open(path: &Path, entries: usize) -> io::Result<Store> {
        // An absolute path does not depend on the working directory.
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

    /// The file or directory at `path`, which is decoded and begins with a slash. A slash at its
    /// end asks for the index file of a directory.
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
        // A file is opened below the current root: the one before may be half removed, and the
        // rest of it looks like a site with fewer files.
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
            // Missing files are not cached: a client that asks for a thousand names that do not
            // exist would evict the files that do.
            _ => {}
        }
        found
    }

    /// The coded form of the file that [`Store::find`] has just found; `None` if it is gone since.
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
            if !self.remove_cause(found.as_ref().err(), now) {
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

    /// The entry for `path`, with its tag if the hash is known by now.
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

    /// The root, resolved again.
    pub fn new_root(&mut self, now: Millis) -> &Arc<Root> {
        self.resolve_root(now);
        &self.root
    }

    /// The current root.
    pub fn root(&self) -> &Arc<Root> {
        &self.root
    }

    /// Empties the cache.
    pub fn forget(&mut self) {
        self.cache.clear();
        self.resolved = None;
    }

    /// Whether to repeat a lookup: the cause of a failure was removed, or a form is missing and the
    /// root was replaced since it was resolved a moment ago.
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
            Err(cause) => self.remove_cause(Some(cause), now),
        }
    }

    /// Removes the cause of a failure, and returns whether it could. Without a free descriptor the
    /// cached files are closed. Where a file is missing, a deploy may just have replaced and
    /// removed the root, which is resolved again.
    fn remove_cause(&mut self, cause: Option<&Cause>, now: Now) -> bool {
        match cause {
            Some(Cause::Exhausted(_)) => {
                self.cache.retain(|source, _| !source.is_open());
                true
            }
            Some(Cause::Missing) => self.resolve_root(now.at),
            _ => false,
        }
    }

    /// Resolves the root's path again; whether it leads to another directory now. Where it leads
    /// nowhere, as in the middle of a deploy, the old root stays.
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

    /// Opens a file, and looks for its coded forms. For a path without a file that is four system
    /// calls, and two for the root.
    fn look(&mut self, path: &[u8], known: Option<&Source>, now: Now) -> Result<Found, Cause> {
        self.set_name(path);
        let known = known.and_then(|source| source.plain.as_ref());
        let plain = match self.look_plain(path.ends_with(b"/"), known, now) {
            Ok(Some(entry)) => Some(entry),
            Ok(None) => return Ok(Found::Directory),
            // Where the plain form may not be read, the coded forms are not served either.
            Err(Cause::Missing) => None,
            Err(cause) => return Err(cause),
        };
        match (plain, self.look_for_coded()) {
            (None, Ok(coded)) if coded.is_empty() => Err(Cause::Missing),
            (None, Err(cause)) => Err(cause),
            (plain, coded) => Ok(Found::File(Source {
                plain,
                coded: coded.unwrap_or_default(),
            })),
        }
    }

    /// The file named `self.name`; `None` for a directory.
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
                // A directory that may not be read may still be traversed.
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
        load_or_reuse(file, seen, role, known, now).map(Some)
    }

    /// The readable coded forms of the file named `self.name`.
    fn look_for_coded(&mut self) -> Result<Codings, Cause> {
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
        load_or_reuse(file, seen, role, known, now)
    }

    /// Sets `self.name` to the name of `path` below the root.
    fn set_name(&mut self, path: &[u8]) {
        self.name.clear();
        self.name
            .extend_from_slice(path.strip_prefix(b"/").unwrap_or(path));
        if path.ends_with(b"/") {
            self.name.extend_from_slice(&self.index);
        }
    }
}

/// The entry for an opened file: the `known` one if the file is still the same.
fn load_or_reuse(
    file: File,
    seen: Metadata,
    role: Role<'_>,
    known: Option<&Arc<Entry>>,
    now: Now,
) -> Result<Arc<Entry>, Cause> {
    // FIFOs and devices were opened without waiting, and are never read.
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
