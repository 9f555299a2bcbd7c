//! [`Files`]: a directory, served.
//!
//! | file | what it is |
//! |---|---|
//! | `mod` | requests in, answers out (RFC 9110) |
//! | `error_page` | bodies of errors |
//! | `store` | from a path to a file, as it was at most a second ago |
//! | `entry` | a file, ready to be sent many times |
//! | `stamp` | the identity of one state of a file |
//! | `hashes` | hashes of large files, made in slices |
//! | `send` | a file as an answer: whole, in part, or not at all |
//! | `variants` | coded forms of a file, and which one a client gets |
//! | `caching` | for how long caches may keep a file |
//! | `cache` | files kept open or in memory |
//! | `contents`, `listing`, `render` | a directory, as a page and as JSON |
//! | `rules/`, `by_rule` | `404.html`, `_redirects` and `_headers`, as static hosts have them |
//! | `config_warnings` | settings without effect, as the directory is now |
//!
//! No file outside of the directory is ever opened: the kernel sees to that (`sys::beneath`), so no
//! code here compares paths. A change on the disk is noticed within one second. A file that is
//! replaced by renaming is sent whole, the old one or the new one; an edit in place during a
//! response in flight cannot be detected, and an edit that shortens the file ends the connection.
//!
//! A request for a file that was checked within the second makes no system call and allocates
//! nothing. Small files are in memory: at most 64 KiB each, so with 256 of them 16 MiB in each
//! worker. Larger files hold a descriptor each, and cost one call, which checks that the promised
//! length is still right. A file and each of its coded forms count as one file each.

use std::cell::RefCell;
use std::io::{self, Write};
use std::path::Path;

use crate::handlers::escape::Segment;
use crate::handlers::mime::Types;
use crate::handlers::pages::Besides;
use crate::http::accept;
use crate::http::{Handler, HttpRequest, HttpResponse, Method, Plan, StatusCode};
use crate::sys::beneath::{Cause, Links};

mod by_rule;
mod cache;
mod caching;
mod config_warnings;
mod contents;
mod entry;
mod error_page;
mod hashes;
mod listing;
mod render;
mod rules;
mod send;
mod stamp;
mod store;
mod variants;

use by_rule::{add_fields, is_reserved};
use cache::Cache;
pub use caching::Caching;
pub use error_page::ErrorPageError;
use listing::Listings;
use rules::Rules;
use send::send;
use store::{Found, Source, Store};
use variants::{Coding, Codings};

/// The default capacity of the file cache.
const ENTRIES: usize = 256;

/// The methods that a file allows.
const ALLOW: &str = "GET, HEAD, OPTIONS";

/// Serves the files of a directory: GET and HEAD, with conditions and ranges.
///
/// Where `app.js.br`, `app.js.zst` or `app.js.gz` lies beside `app.js`, a client that takes that
/// coding gets it, by the qualities in its request, and in this order where they are equal. A coded
/// form need not be newer than `app.js`, which need not be there. A client that takes no form gets
/// `app.js` itself, or 406 without it. Each form has its own entity tag and its own ranges.
/// Requested by its own name, `app.js.gz` is a file like any other.
///
/// ```
/// use httprs::handlers::files::Files;
/// use httprs::{Http1, harness};
///
/// let http = Http1::with(Files::open("src")?);
/// let answer = harness::converse(&http, &[b"GET /lib.rs HTTP/1.1\r\nHost: x\r\n\r\n"]);
/// assert!(answer.bytes.starts_with(b"HTTP/1.1 200 OK\r\n"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Files {
    hidden: bool,
    spa: bool,
    /// Whether directories without a page of their own are listed.
    listing: bool,
    /// The error pages: paths by status.
    error_pages: Vec<(StatusCode, Box<[u8]>)>,
    /// What the site says of itself.
    rules: RefCell<Rules>,
    store: RefCell<Store>,
    listings: RefCell<Listings>,
}

impl Files {
    /// The directory at `root`. It may be a link that is switched later: the path is resolved
    /// again every second.
    ///
    /// # Errors
    /// The directory does not exist, is a file, or may not be entered.
    pub fn open(root: impl AsRef<Path>) -> io::Result<Files> {
        let store = Store::open(root.as_ref(), ENTRIES)?;
        Ok(Files {
            hidden: false,
            spa: false,
            listing: false,
            error_pages: Vec::new(),
            rules: RefCell::default(),
            listings: RefCell::new(Listings::new(store.root().clone())),
            store: RefCell::new(store),
        })
    }

    /// The name of index files; `index.html` by default, empty for none.
    pub fn index(mut self, name: &str) -> Files {
        self.store.get_mut().index = name.into();
        self
    }

    /// Whether names that begin with a dot are served, too. `.well-known` always is (RFC 8615).
    pub fn hidden(mut self, shown: bool) -> Files {
        self.hidden = shown;
        self
    }

    /// Whether this is a single-page application, whose script knows more paths than there are
    /// files; it is none by default. Where nothing is found, a navigation gets the root's own page
    /// (see [`Files::index`]) with 200: a GET or HEAD that names `text/html` in `Accept`, as
    /// browsers do for links and addresses, of a path without a dot in its last segment. Scripts,
    /// images and what programs ask for stay 404.
    pub fn spa(mut self, is_one: bool) -> Files {
        self.spa = is_one;
        self
    }

    /// Whether symbolic links are followed where they stay inside; they are by default. The root
    /// itself may be one in any case.
    pub fn follow_links(mut self, follow: bool) -> Files {
        self.store.get_mut().links = if follow { Links::Follow } else { Links::Refuse };
        self
    }

    /// The media types of files, by the extensions of their names; the built-in table by default.
    ///
    /// ```
    /// use httprs::handlers::files::Files;
    /// use httprs::handlers::mime::Types;
    /// use httprs::{Http1, harness};
    ///
    /// let mut types = Types::default();
    /// types.set("rs", "text/x-rust")?;
    /// let http = Http1::with(Files::open("src")?.mime(types));
    /// let answer = harness::converse(&http, &[b"HEAD /lib.rs HTTP/1.1\r\nHost: x\r\n\r\n"]);
    /// let head = String::from_utf8(answer.bytes).unwrap();
    /// assert!(head.contains("\r\nContent-Type: text/x-rust; charset=utf-8\r\n"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn mime(mut self, types: Types) -> Files {
        self.store.get_mut().types = types;
        self
    }

    /// How many files each worker remembers, 256 by default; 0 for none.
    pub fn cache(mut self, entries: usize) -> Files {
        self.store.get_mut().cache = Cache::new(entries);
        self
    }
}

impl Handler for Files {
    /// A method that files do not allow is refused before its body is read.
    fn plan(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<Plan> {
        match req.method() {
            Method::Get | Method::Head | Method::Options => Ok(Plan::Gather),
            _ => self.handle(req, res).map(|()| Plan::Answered),
        }
    }

    fn handle(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        if self.rules.borrow().is_due(req.now().at) {
            self.refresh_rules(req.now().at);
        }
        let rules = self.rules.borrow();
        self.answer(&rules, req, res)?;
        self.explain(&rules, req, res)?;
        match &rules.headers {
            Some(headers) => add_fields(headers, req, res),
            None => Ok(()),
        }
    }
}

impl Files {
    /// Answers a request, without the bodies of errors.
    fn answer(&self, rules: &Rules, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        match req.method() {
            Method::Get | Method::Head => {}
            Method::Options => {
                res.status(StatusCode::NO_CONTENT).header("Allow", ALLOW)?;
                return Ok(());
            }
            _ => {
                res.header("Allow", ALLOW)?;
                return refuse(res, StatusCode::METHOD_NOT_ALLOWED);
            }
        }
        let path = req.path_bytes();
        // No file has a slash in its name, and hidden files do not exist for clients.
        if req.has_encoded_slash() || is_reserved(path) || (!self.hidden && is_hidden(path)) {
            return refuse(res, StatusCode::NOT_FOUND);
        }
        let redirects = rules.redirects.as_ref();
        if let Some(redirects) = redirects.filter(|redirects| redirects.has_forced)
            && self.follow(redirects, true, req, res)?
        {
            return Ok(());
        }
        let found = self.store.borrow_mut().find(path, req.now());
        if self.listing {
            let mut listings = self.listings.borrow_mut();
            listings.expire(self.store.borrow().root(), req.now().at);
        }
        match found {
            Err(Cause::Missing) if self.listing && path.ends_with(b"/") => {
                self.answer_listing(req, res)
            }
            Ok(Found::File(source)) => self.negotiate(path, source, false, req, res),
            Ok(Found::Directory) => redirect(req, res),
            Err(Cause::Missing) => match redirects {
                Some(redirects) if self.follow(redirects, false, req, res)? => Ok(()),
                _ => self.answer_missing(req, res),
            },
            Err(cause) => fail(cause, res),
        }
    }

    /// Answers where there is no file.
    fn answer_missing(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        match self.spa && may_be_page(req.path_bytes()) {
            true => self.send_app(req, res),
            false => fail(Cause::Missing, res),
        }
    }
}

impl Files {
    /// Answers for a path that only the application may know: with its page, if the client
    /// navigates. `Vary` tells caches that other clients get 404.
    fn send_app(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        const PAGE: &[u8] = b"/";
        let found = match accept::names(req.headers(), "text/html") {
            true => self.store.borrow_mut().find(PAGE, req.now()),
            false => Err(Cause::Missing),
        };
        if let Ok(Found::File(source)) = found {
            return self.negotiate(PAGE, source, true, req, res);
        }
        res.header("Vary", "Accept")?;
        fail(found.err().unwrap_or(Cause::Missing), res)
    }

    /// Answers with the form of the file at `path` that the client prefers. `by_accept`: the
    /// response depends on `Accept` as well.
    fn negotiate(
        &self,
        path: &[u8],
        source: Source,
        by_accept: bool,
        req: &HttpRequest,
        res: &mut HttpResponse,
    ) -> io::Result<()> {
        let Source { plain, mut coded } = source;
        let negotiated = !coded.is_empty();
        // A cache must know the fields that the response depends on, whichever form is sent.
        match (by_accept, negotiated) {
            (true, true) => res.header("Vary", "Accept, Accept-Encoding")?,
            (true, false) => res.header("Vary", "Accept")?,
            (false, true) => res.header("Vary", "Accept-Encoding")?,
            (false, false) => res,
        };
        let mut cause = Cause::Missing;
        // Each round sends a form, or removes a form that is gone since the lookup.
        loop {
            let choice = match negotiated {
                true => variants::choose(plain.is_some(), coded, req.headers()),
                false => None,
            };
            let coding = match (choice, &plain) {
                (Some(coding), _) => coding,
                (None, Some(plain)) if plain.unhashed().is_none() => {
                    return send(plain, negotiated, req, res);
                }
                (None, Some(plain)) => {
                    let plain = self
                        .store
                        .borrow_mut()
                        .tagged(path, None, plain, req.now())?;
                    return send(&plain, negotiated, req, res);
                }
                (None, None) if coded.is_empty() => return fail(cause, res),
                (None, None) => return self.refuse_all(coded, req, res),
            };
            let found = self.store.borrow_mut().find_coded(path, coding, req.now());
            match found {
                Ok(entry) => {
                    let mut store = self.store.borrow_mut();
                    let entry = store.tagged(path, Some(coding), &entry, req.now())?;
                    return send(&entry, negotiated, req, res);
                }
                Err(why) => cause = why,
            }
            coded.remove(coding);
        }
    }
    /// Answers a client that takes none of the coded forms, where there is no plain one: 406, with
    /// a list of the forms (RFC 9110 §15.5.7). The RFC allows to send any form, but the
    /// client could not decode it.
    fn refuse_all(
        &self,
        coded: Codings,
        req: &HttpRequest,
        res: &mut HttpResponse,
    ) -> io::Result<()> {
        let names: Vec<&str> = coded.iter().map(Coding::name).collect();
        self.say(
            req,
            res,
            StatusCode::NOT_ACCEPTABLE,
            &Besides::Forms(&names),
        )
    }
}

/// Whether a path may be that of a page, rather than of a file: its last segment has no dot.
fn may_be_page(path: &[u8]) -> bool {
    path.iter()
        .rev()
        .take_while(|b| **b != b'/')
        .all(|b| *b != b'.')
}

/// Answers for a file that could not be opened.
fn fail(cause: Cause, res: &mut HttpResponse) -> io::Result<()> {
    if let Some(fault) = cause.fault() {
        res.fault(fault);
    }
    match cause {
        Cause::Missing | Cause::Outside | Cause::Links => refuse(res, StatusCode::NOT_FOUND),
        Cause::Forbidden => refuse(res, StatusCode::FORBIDDEN),
        Cause::Exhausted(_) => {
            res.header("Retry-After", "1")?;
            refuse(res, StatusCode::SERVICE_UNAVAILABLE)
        }
        Cause::Other(_) => refuse(res, StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// Whether a segment begins with a dot. Dot segments themselves are gone by now.
fn is_hidden(path: &[u8]) -> bool {
    path.split(|b| *b == b'/').any(is_hidden_name)
}

fn is_hidden_name(name: &[u8]) -> bool {
    name.starts_with(b".") && name != b".well-known"
}

/// Sends the client to the same path with a slash at its end, where relative links lead into the
/// directory.
fn redirect(req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
    res.header("Location", location(req)?)?;
    refuse(res, StatusCode::MOVED_PERMANENTLY)
}

/// The path with a slash at its end. Relative, since a proxy may have changed the path above; with
/// a dot in front, so that `a:b/` is no scheme.
fn location(req: &HttpRequest) -> io::Result<Vec<u8>> {
    let path = req.path_bytes();
    let name = path.rsplit(|b| *b == b'/').next().unwrap_or(path);
    let mut location = Vec::new();
    write!(location, "./{}/", Segment(name))?;
    if let Some(query) = req.query_str() {
        write!(location, "?{query}")?;
    }
    Ok(location)
}

/// Answers with a status; `Files::explain` says what it means.
fn refuse(res: &mut HttpResponse, status: StatusCode) -> io::Result<()> {
    res.status(status);
    Ok(())
}

#[cfg(test)]
mod tests;
