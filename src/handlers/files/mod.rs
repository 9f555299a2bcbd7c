//! [`Files`]: a directory, served.
//!
//! | file | what it is |
//! |---|---|
//! | `mod` | requests in, answers out (RFC 9110) |
//! | `error_page` | what is said with an error |
//! | `store` | from a path to a file, as it was at most a second ago |
//! | `entry` | a file, ready to be sent many times |
//! | `stamp` | what tells one state of a file from another |
//! | `hashes` | what large files are, by their bytes |
//! | `send` | a file as an answer: whole, in part, or not at all |
//! | `variants` | coded forms of a file, and which one a client gets |
//! | `caching` | for how long others may keep a file |
//! | `cache` | which of them are remembered |
//! | `contents`, `listing`, `render` | what is in a directory, as a page and as JSON |
//! | `config_warnings` | what cannot work as the directory is |
//!
//! Nothing outside of the directory is ever opened: the kernel sees to that (`sys::beneath`), so
//! nothing here compares paths. What changes on the disk is noticed within one second. A file that
//! is replaced by renaming is sent whole, the old one or the new one; an edit in place under an
//! answer that is on its way cannot be caught, and an edit that shortens it ends the connection.
//!
//! A request for a file that was looked at within the second makes no system call and allocates
//! nothing. Small files are in memory: at most 64 KiB each, so with 256 of them 16 MiB in each
//! worker. The others hold a descriptor each, and cost one call, which sees whether they are still
//! as long as will be promised. A file and each of its coded forms count as one each.

use std::cell::RefCell;
use std::io::{self, Write};
use std::path::Path;

use crate::handlers::escape::Segment;
use crate::handlers::mime::Types;
use crate::handlers::pages::Besides;
use crate::http::accept;
use crate::http::{Handler, HttpRequest, HttpResponse, Method, Plan, StatusCode};
use crate::sys::beneath::{Cause, Links};

mod cache;
mod caching;
mod config_warnings;
mod contents;
mod entry;
mod error_page;
mod hashes;
mod listing;
mod render;
mod send;
mod stamp;
mod store;
mod variants;

use cache::Cache;
pub use caching::Caching;
pub use error_page::ErrorPageError;
use listing::Listings;
use send::send;
use store::{Found, Source, Store};
use variants::{Coding, Codings};

/// How many files are remembered by default.
const ENTRIES: usize = 256;

/// What may be asked of a file.
const ALLOW: &str = "GET, HEAD, OPTIONS";

/// Serves the files of a directory: GET and HEAD, with conditions and ranges.
///
/// Where `app.js.br`, `app.js.zst` or `app.js.gz` lies beside `app.js`, a client that takes that
/// coding gets it, by the qualities that it gives them, and in this order where they are equal. It
/// need not be newer than `app.js`, and that need not be there. A client that takes none of what
/// there is gets `app.js` itself, else 406. Each form has its own entity tag and its own ranges.
/// Asked for by its own name, `app.js.gz` is a file like any other.
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
    /// What is sent with a status, by its path.
    error_pages: Vec<(StatusCode, Box<[u8]>)>,
    store: RefCell<Store>,
    listings: RefCell<Listings>,
}

impl Files {
    /// The directory at `root`. It may be a link that is switched later: the path is resolved
    /// again every second.
    ///
    /// # Errors
    /// There is none, it is no directory, or we may not go there.
    pub fn open(root: impl AsRef<Path>) -> io::Result<Files> {
        let store = Store::open(root.as_ref(), ENTRIES)?;
        Ok(Files {
            hidden: false,
            spa: false,
            listing: false,
            error_pages: Vec::new(),
            listings: RefCell::new(Listings::new(store.root().clone())),
            store: RefCell::new(store),
        })
    }

    /// The name of the file that stands for its directory; `index.html` by default, empty for
    /// none.
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

    /// What files are, by the extensions of their names. The built-in table, if nothing is said.
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
    /// What cannot be done to a file is refused before its body has come.
    fn plan(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<Plan> {
        match req.method() {
            Method::Get | Method::Head | Method::Options => Ok(Plan::Gather),
            _ => self.handle(req, res).map(|()| Plan::Answered),
        }
    }

    fn handle(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        self.answer(req, res)?;
        self.explain(req, res)
    }
}

impl Files {
    /// Answers, but for the bodies of errors.
    fn answer(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
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
        // No file has a slash in its name, and what is hidden does not exist.
        if req.has_encoded_slash() || (!self.hidden && is_hidden(path)) {
            return refuse(res, StatusCode::NOT_FOUND);
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
            Err(Cause::Missing) => self.answer_missing(req, res),
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
    /// Answers for a path that only the application may know: with its page, if a page is asked
    /// for. Caches must know that others get another answer, also that nothing is there.
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

    /// Answers with the form of what was found at `path` that the client likes best. `by_accept`:
    /// others would not get it at all.
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
        // A cache that keeps the answer must know what it depends on, whichever it is.
        match (by_accept, negotiated) {
            (true, true) => res.header("Vary", "Accept, Accept-Encoding")?,
            (true, false) => res.header("Vary", "Accept")?,
            (false, true) => res.header("Vary", "Accept-Encoding")?,
            (false, false) => res,
        };
        let mut cause = Cause::Missing;
        // Each turn sends something, or takes out a form that was there when it was looked for.
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
    /// Answers that there are only coded forms, and that the client takes none of them: 406, with
    /// those that there are (RFC 9110 §15.5.7). To send one regardless is allowed, but bytes that
    /// it says it cannot read help no client.
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

/// Answers that nothing could be opened.
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

/// The path with a slash at its end. Relative, since only the client knows what it calls us; with a
/// dot in front, so that `a:b/` is no scheme.
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
