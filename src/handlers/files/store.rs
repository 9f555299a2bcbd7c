//! [`Store`]: from a path to a file below the root, as it was at most a second ago.
//!
//! Whatever the disk does meanwhile: what was found is believed for [`TRUST_MS`], then it is
//! opened again below the root and compared. The root's own path is resolved again as often, so
//! that a deploy that switches a link is noticed. Knows nothing of requests and responses.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cache::{Cache, TRUST_MS};
use super::entry::Entry;
use crate::sys::beneath::{Cause, Links, Root};
use crate::time::{Millis, Now};

/// An open file that nobody asked for in so many milliseconds is closed, when the next request
/// for any file comes: it may have been deleted, and its space is free only then.
const IDLE_MS: u64 = 10_000;

/// What is at a path.
#[derive(Clone, Debug)]
pub enum Found {
    /// A regular file.
    File(Arc<Entry>),
    /// A directory, named without a slash at the end.
    Directory,
}

/// A directory of files, and what is remembered of them.
#[derive(Debug)]
pub struct Store {
    /// The name of a directory's own page.
    pub index: Vec<u8>,
    /// Whether links may be followed.
    pub links: Links,
    /// What was found.
    pub cache: Cache<Arc<Entry>>,
    path: PathBuf,
    root: Root,
    /// When `path` was last resolved.
    resolved: Option<Millis>,
    /// The path that is being opened; kept for its memory.
    name: Vec<u8>,
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
            cache: Cache::new(entries),
            root: Root::open(&path)?,
            path,
            resolved: None,
            name: Vec::new(),
        })
    }

    /// What is at `path`, which is decoded and begins with a slash. One at its end asks for the
    /// page of a directory.
    pub fn find(&mut self, path: &[u8], now: Now) -> Result<Found, Cause> {
        self.resolve_root(now.at);
        let known = match self.cache.get(path, now.at) {
            Some((entry, true)) => return Ok(Found::File(entry)),
            Some((entry, false)) => Some(entry),
            None => None,
        };
        let mut found = self.look(path, known.as_ref(), now);
        if matches!(found, Err(Cause::Exhausted)) {
            // Descriptors that are only kept to save time are given back first.
            self.cache.retain(|entry, _| !entry.is_open());
            found = self.look(path, None, now);
        }
        match &found {
            Ok(Found::File(entry)) => self.cache.insert(path, entry.clone(), now.at),
            _ if known.is_some() => self.cache.remove(path),
            // What is not there is not remembered: whoever asks for a thousand names that do not
            // exist would push out the files that do.
            _ => {}
        }
        found
    }

    /// Resolves the root's path again if that is due. Where it leads nowhere, as in the middle of
    /// a deploy, the old one stays.
    fn resolve_root(&mut self, now: Millis) {
        if self.resolved.is_some_and(|at| now.since(at) < TRUST_MS) {
            return;
        }
        self.resolved = Some(now);
        if let Ok(root) = Root::open(&self.path)
            && !root.is(&self.root)
        {
            self.root = root;
            self.cache.clear();
        }
        self.cache
            .retain(|entry, checked| !entry.is_open() || now.since(checked) < IDLE_MS);
    }

    /// Asks the disk.
    fn look(&mut self, path: &[u8], known: Option<&Arc<Entry>>, now: Now) -> Result<Found, Cause> {
        self.name.clear();
        self.name
            .extend_from_slice(path.strip_prefix(b"/").unwrap_or(path));
        let wants_page = path.ends_with(b"/");
        if wants_page {
            self.name.extend_from_slice(&self.index);
        }
        let file = match self.root.open_file(&self.name, self.links) {
            Ok(file) => file,
            Err(error) => {
                let cause = Cause::of(&error);
                // A directory that may not be read may still be gone through.
                let is_directory = cause == Cause::Forbidden
                    && !wants_page
                    && self.root.has_directory(&self.name, self.links);
                return if is_directory {
                    Ok(Found::Directory)
                } else {
                    Err(cause)
                };
            }
        };
        let seen = file.metadata().map_err(|error| Cause::of(&error))?;
        if seen.is_dir() && !wants_page {
            return Ok(Found::Directory);
        }
        // FIFOs and devices were opened without waiting, and are not read.
        if !seen.is_file() {
            return Err(Cause::Missing);
        }
        if let Some(known) = known
            && known.is_still(&seen)
        {
            return Ok(Found::File(known.clone()));
        }
        let entry = Entry::load(file, seen, &self.name, now).map_err(|error| Cause::of(&error))?;
        Ok(Found::File(Arc::new(entry)))
    }
}
