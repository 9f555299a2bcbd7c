//! Listings: the files in a directory that has no index file.
//!
//! A listing shows the files that a request would get, and no others: each name is looked up below
//! the root by the rules for requests, so a link is shown as its target, and a link that leads
//! outside or nowhere is not shown; nor are sockets, FIFOs and devices. A file that may not be read
//! is shown, as by `ls`; a request for it gets 403.
//!
//! That costs three system calls for each name. So a listing is made at most once a second for
//! each directory and form, at most [`MOST`] names of a directory are read, a turn looks up or
//! writes [`SLICE`] of them, and all responses with one listing share its memory, however many
//! slow readers there are.

use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::cache::{Cache, IDLE_MS, TRUST_MS};
use super::contents::{Contents, SLICE};
use super::hashes::{FNV_BASIS, fnv1a};
use super::render::{self, Form};
use super::{Files, fail, refuse};
use crate::handlers::escape::Segment;
use crate::handlers::negotiate::best_media_type;
use crate::handlers::pages;
use crate::http::conditional::{self, Outcome};
use crate::http::{Body, Flow, HttpRequest, HttpResponse, Piece, Source, StatusCode};
use crate::sys::beneath::{Cause, Links, Root};
use crate::time::{Millis, Now};

/// The most names of a directory that are looked up and shown: some 2.5 MB of HTML. A larger
/// directory needs a program that can search.
const MOST: usize = 10_000;

/// Listings that are cached for a second, so that a directory that is requested a thousand times a
/// second is read once.
const LISTINGS: usize = 16;

/// A listing, ready to be sent.
#[derive(Debug)]
pub struct Listing {
    form: Form,
    body: Arc<[u8]>,
    etag: String,
}

impl Files {
    /// Whether a request for a directory without an index file gets a list of its files; it gets
    /// 404 by default. A page, or JSON for clients whose `Accept` prefers `application/json`:
    ///
    /// ```text
    /// {"path":"/x/","entries":[
    /// {"name":"y","type":"directory","modified":"2026-11-22T13:00:00Z"},
    /// {"name":"z.txt","type":"file","size":123,"modified":"2026-11-22T13:00:00Z"}
    /// ]}
    /// ```
    /// A name that is not UTF-8 has U+FFFD in it, and a link to the file in `href`. Where there are
    /// more than 10 000 names, `"truncated":true` says so. Hidden names are not listed unless
    /// [`Files::hidden`] says that they are served.
    pub fn listing(mut self, on: bool) -> Files {
        self.listing = on;
        self
    }

    /// Answers with a listing of the directory in the request.
    pub(super) fn answer_listing(
        &self,
        req: &HttpRequest,
        res: &mut HttpResponse,
    ) -> io::Result<()> {
        match self.list(req) {
            // Its links go up by as many segments as the path has, and the client counts empty
            // ones.
            Ok(_) if req.raw_path().contains("//") => {
                res.header("Location", clean_location(req)?)?;
                refuse(res, StatusCode::MOVED_PERMANENTLY)
            }
            Ok(listing) => listing.send(req, res),
            Err(Cause::Missing) => self.answer_missing(req, res),
            Err(cause) => fail(cause, res),
        }
    }

    /// The listing of the directory in the request.
    fn list(&self, req: &HttpRequest) -> Result<Listed, Cause> {
        let form = match best_media_type(req.headers(), &["text/html", "application/json"]) {
            0 => Form::Html,
            _ => Form::Json,
        };
        let store = self.store.borrow();
        let rules = Rules {
            root: store.root(),
            links: store.links,
            hidden: self.hidden,
        };
        let mut listings = self.listings.borrow_mut();
        listings.list(req.path_bytes(), form, rules, req.now())
    }
}

/// The listings of the last second, and their root.
#[derive(Debug)]
pub struct Listings {
    root: Arc<Root>,
    /// Listings by path and form, each with the time at which the names were read.
    cache: Cache<Listed>,
    /// The time at which old listings were last evicted.
    expired: Millis,
}

/// The root and the rules by which names are looked up.
struct Rules<'a> {
    root: &'a Arc<Root>,
    links: Links,
    hidden: bool,
}

impl Listings {
    /// An empty cache of listings of this root.
    pub fn new(root: Arc<Root>) -> Listings {
        Listings {
            root,
            cache: Cache::new(LISTINGS),
            expired: Millis::default(),
        }
    }

    /// Evicts listings of another root than this, and old ones. A large listing takes megabytes.
    pub fn expire(&mut self, root: &Arc<Root>, now: Millis) {
        if !Arc::ptr_eq(root, &self.root) {
            self.root = root.clone();
            self.cache.clear();
        }
        if now.since(self.expired) >= TRUST_MS {
            self.expired = now;
            self.cache.retain(|_, checked| now.since(checked) < IDLE_MS);
        }
    }

    /// The listing of the directory at `path`, which ends with a slash, at most a second old.
    fn list(&mut self, path: &[u8], form: Form, by: Rules<'_>, now: Now) -> Result<Listed, Cause> {
        self.expire(by.root, now.at);
        let mut key = path.to_vec();
        key.push(form as u8);
        let known = match self.cache.get(&key, now.at) {
            Some((Listed::Made(listing), true)) => return Ok(Listed::Made(listing)),
            Some((Listed::Making(making), true)) => match lock(&making).advance(now.at) {
                Ok(None) => return Ok(Listed::Making(making.clone())),
                Ok(Some(listing)) => {
                    let listed = Listed::Made(listing);
                    self.cache.update(&key, |known| *known = listed.clone());
                    return Ok(listed);
                }
                Err(_) => None,
            },
            Some((Listed::Made(listing), false)) => Some(listing),
            // The listing in progress goes on for the clients that wait for it.
            Some((Listed::Making(_), false)) | None => None,
        };
        let made = Making::begin(&by, path, form);
        let listed = match made.and_then(|making| making.small(now.at)) {
            // Clients that still receive the old listing hold the same memory.
            Ok(Listed::Made(new)) => {
                Listed::Made(known.filter(|k| k.body == new.body).unwrap_or(new))
            }
            Ok(making) => making,
            Err(cause) => {
                self.cache.remove(&key);
                return Err(cause);
            }
        };
        self.cache.insert(&key, listed.clone(), now.at);
        Ok(listed)
    }
}

/// A listing, made or being made.
#[derive(Clone, Debug)]
pub enum Listed {
    /// A complete listing.
    Made(Arc<Listing>),
    /// A listing in progress, for which all clients that ask for it wait.
    Making(Arc<Mutex<Making>>),
}

/// A listing of a large directory that is being made, a slice a turn.
#[derive(Debug)]
pub struct Making {
    path: Vec<u8>,
    form: Form,
    contents: Contents,
    /// The number of items that are written.
    written: usize,
    body: Vec<u8>,
    hash: u128,
    /// The last turn that worked on the listing.
    turn: Option<Millis>,
    made: Option<Arc<Listing>>,
}

impl Making {
    fn begin(rules: &Rules<'_>, path: &[u8], form: Form) -> Result<Making, Cause> {
        Ok(Making {
            path: path.to_vec(),
            form,
            contents: Contents::read(rules.root.clone(), path, rules.links, rules.hidden, MOST)?,
            written: 0,
            body: Vec::new(),
            hash: FNV_BASIS,
            turn: None,
            made: None,
        })
    }

    /// Makes a small listing at once.
    fn small(mut self, now: Millis) -> Result<Listed, Cause> {
        if self.contents.left() > SLICE {
            // This turn has read the names.
            self.turn = Some(now);
            return Ok(Listed::Making(Arc::new(Mutex::new(self))));
        }
        self.contents.look()?;
        loop {
            if let Some(made) = self.write() {
                return Ok(Listed::Made(made));
            }
        }
    }

    /// Works on one slice, at most once in a turn; returns the listing when it is complete.
    fn advance(&mut self, now: Millis) -> Result<Option<Arc<Listing>>, Cause> {
        if self.made.is_some() || self.turn.replace(now) == Some(now) {
            return Ok(self.made.clone());
        }
        if self.contents.left() > 0 {
            self.contents.look()?;
            return Ok(None);
        }
        Ok(self.write())
    }

    /// Writes a slice; returns the listing after the last one.
    fn write(&mut self) -> Option<Arc<Listing>> {
        let before = self.body.len();
        let (form, written) = (self.form, self.written);
        if written == 0 {
            render::begin(&mut self.body, form, &self.path, &self.contents);
        }
        let items = self.contents.items.iter().skip(written).take(SLICE);
        render::items(&mut self.body, form, written, items);
        self.written = (written + SLICE).min(self.contents.items.len());
        let is_last = self.written == self.contents.items.len();
        if is_last {
            render::end(&mut self.body, form, &self.contents);
        }
        self.hash = fnv1a(self.hash, &self.body[before..]);
        if is_last {
            self.made = Some(Arc::new(Listing {
                form,
                etag: format!("\"{:032x}\"", self.hash),
                body: mem::take(&mut self.body).into(),
            }));
        }
        self.made.clone()
    }
}

fn lock(making: &Mutex<Making>) -> MutexGuard<'_, Making> {
    making.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A client that waits for a listing that is being made.
struct Waiting {
    making: Arc<Mutex<Making>>,
    /// Bytes of the listing that the client has.
    sent: usize,
}

impl Source for Waiting {
    fn pull(&mut self, piece: &mut Piece<'_>) -> io::Result<Flow> {
        let now = piece.now().at;
        let made = lock(&self.making).advance(now);
        let made = made.map_err(|cause| {
            let fault = cause.fault();
            fault.unwrap_or_else(|| io::ErrorKind::NotFound.into())
        })?;
        let Some(listing) = made else {
            return Ok(Flow::Yield);
        };
        let rest = &listing.body[self.sent..];
        let n = rest.len().min(piece.room().max(1));
        piece.write_all(&rest[..n])?;
        self.sent += n;
        Ok(match self.sent == listing.body.len() {
            true => Flow::End,
            false => Flow::More,
        })
    }
}

impl Listed {
    /// Answers with the listing, or with 304 if the client has it already.
    pub fn send(self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        match self {
            Listed::Made(listing) => listing.send(req, res),
            Listed::Making(making) => {
                let form = lock(&making).form;
                push_fields(res, form)?;
                res.body(Body::Stream(Box::new(Waiting { making, sent: 0 })));
                Ok(())
            }
        }
    }
}

impl Listing {
    fn send(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        let etag = Some(self.etag.as_bytes());
        let now = req.now().unix();
        let outcome = conditional::evaluate(req.headers(), req.method(), etag, None, now);
        if outcome == Outcome::PreconditionFailed {
            res.status(StatusCode::PRECONDITION_FAILED);
            return Ok(());
        }
        if outcome == Outcome::NotModified {
            push_caching(res)?.header("ETag", &self.etag)?;
            res.status(StatusCode::NOT_MODIFIED);
            return Ok(());
        }
        push_fields(res, self.form)?;
        res.header("ETag", &self.etag)?
            .body(Body::Shared(self.body.clone()));
        Ok(())
    }
}

fn push_caching(res: &mut HttpResponse) -> io::Result<&mut HttpResponse> {
    // A listing changes with every file, so caches must revalidate it each time.
    Ok(res
        .header("Vary", "Accept")?
        .header("Cache-Control", "no-cache")?)
}

fn push_fields(res: &mut HttpResponse, form: Form) -> io::Result<()> {
    push_caching(res)?.header("X-Content-Type-Options", "nosniff")?;
    match form {
        Form::Html => pages::html(res),
        Form::Json => {
            res.header("Content-Type", "application/json")?;
            Ok(())
        }
    }
}

/// The path without its empty segments: relative, by way of the root as the client sees it.
fn clean_location(req: &HttpRequest) -> io::Result<Vec<u8>> {
    let slashes = req.raw_path().bytes().filter(|b| *b == b'/').count();
    let mut location = b"../".repeat(slashes.saturating_sub(1));
    for segment in req.path_bytes().split(|b| *b == b'/') {
        if !segment.is_empty() {
            write!(location, "{}/", Segment(segment))?;
        }
    }
    if let Some(query) = req.query_str() {
        write!(location, "?{query}")?;
    }
    Ok(location)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Answer, ask, get, wire};
    use super::*;
    use crate::harness::{Conversation, converse};
    use crate::http::Http1;
    use crate::sys::beneath::walking;
    use crate::sys::scratch::Scratch;
    use std::ffi::OsStr;
    use std::fs::{self, File};
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;
    use std::time::{Duration, UNIX_EPOCH};

    const JSON: (&str, &str) = ("Accept", "application/json");

    fn files(root: impl AsRef<Path>) -> Files {
        Files::open(root).unwrap().listing(true)
    }

    /// Files with names that are hard to write down, and some that cannot be served.
    fn odd() -> Scratch {
        let site = Scratch::new("listing");
        site.write("secret", "outside");
        for name in [
            &b"a.txt"[..],
            b"<b>bold",
            b"\"quotes\" 'too'",
            b"100%.txt",
            b"%2e%2e",
            "\u{fc}n\u{ef} c\u{f6}d\u{e9}".as_bytes(),
            b"two\nlines",
            b"a:b",
            b"javascript:alert(1)",
            b"?x#y",
            b"back\\slash",
            b"not \xff\xfe text",
            b"a+b;c=d&amp;e",
            "\u{202e}txt.exe".as_bytes(),
            b" blanks ",
            b"x..y",
            b"~",
            b"-",
            b"d/index.html",
            b"e\"<&/f",
            b"g\xff/h",
            b".well-known/security.txt",
        ] {
            site.write(Path::new("root").join(OsStr::from_bytes(name)), name);
        }
        site.directory("root/empty");
        site.write("root/strange/index.html/x", "x");
        site.link("root/link", "a.txt");
        site.link("root/link-to-directory", "empty");
        site.link("root/empty/up", "../a.txt");
        // None of these would be served.
        site.write("root/.hidden", "x");
        site.write("root/.git/config", "x");
        site.link("root/dangling", "nowhere");
        site.link("root/outside", "../secret");
        site.link("root/absolute", site.path().join("root/a.txt"));
        site.link("root/loop", "loop");
        site.fifo("root/fifo");
        drop(std::os::unix::net::UnixListener::bind(site.path().join("root/socket")).unwrap());
        site
    }

    /// The links of a page, as a browser reads them.
    fn links(page: &str) -> Vec<String> {
        let parts = page.split("href=\"").skip(1);
        let links = parts.map(|part| part.split('"').next().unwrap());
        links.map(unescape).collect()
    }

    fn unescape(text: &str) -> String {
        let text = text.replace("&lt;", "<").replace("&gt;", ">");
        let text = text.replace("&quot;", "\"").replace("&#39;", "'");
        text.replace("&amp;", "&")
    }

    fn decode(link: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut rest = link.as_bytes();
        while let Some((&b, after)) = rest.split_first() {
            rest = after;
            if b == b'%' {
                let digits = std::str::from_utf8(&rest[..2]).unwrap();
                bytes.push(u8::from_str_radix(digits, 16).unwrap());
                rest = &rest[2..];
            } else {
                bytes.push(b);
            }
        }
        bytes
    }

    /// Asks once, as it takes long to ask in every cut for many names.
    fn once(http: &Http1<Files>, target: &str) -> Answer {
        let wire = format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
        Answer::of(&converse(http, &[wire.as_bytes()]).bytes)
    }

    /// Follows every link of every listing; returns where that led.
    fn crawl(http: &Http1<Files>) -> Vec<String> {
        let mut seen = vec!["/".to_owned()];
        let mut at = 0;
        while at < seen.len() {
            let url = seen[at].clone();
            at += 1;
            let got = once(http, &url);
            assert_eq!(got.status, 200, "{url}");
            if got.field("Cache-Control") != Some("no-cache") {
                continue;
            }
            for link in links(got.text()) {
                let safe = |b: u8| b.is_ascii_alphanumeric() || b"-._~%/".contains(&b);
                assert!(link.bytes().all(safe), "{link:?} in {url}");
                let climbs = link.trim_start_matches("../");
                let up = (link.len() - climbs.len()) / 3;
                let mut base = url.trim_end_matches('/').to_owned();
                for _ in 0..up {
                    base.truncate(base.rfind('/').expect("a link that stays inside"));
                }
                let next = format!("{base}/{climbs}");
                if !seen.contains(&next) {
                    seen.push(next);
                }
            }
        }
        seen
    }

    #[test]
    fn every_link_leads_to_what_it_names() {
        let site = odd();
        let http = Http1::with(files(site.path().join("root")));
        let seen = crawl(&http);
        for want in [
            "/a.txt",
            "/%3Cb%3Ebold",
            "/a%3Ab",
            "/two%0Alines",
            "/not%20%FF%FE%20text",
            "/%252e%252e",
            "/d/",
            "/e%22%3C%26/f",
            "/g%FF/h",
            "/empty/up",
            "/link",
            "/link-to-directory/up",
            "/strange/index.html/x",
            "/.well-known/security.txt",
        ] {
            assert!(seen.contains(&want.to_owned()), "{want}: {seen:#?}");
        }
        for name in [
            "hidden", "git", "dangling", "outside", "absolute", "loop", "fifo", "socket",
        ] {
            let found = seen.iter().find(|url| url.contains(name));
            assert_eq!(found, None, "{name}");
        }
        assert_eq!(walking(|| crawl(&http)), seen, "without openat2");
        let hidden = Http1::with(files(site.path().join("root")).hidden(true));
        let more = crawl(&hidden);
        for want in ["/.hidden", "/.git/config"] {
            assert!(more.contains(&want.to_owned()), "{want}");
        }
        let refusing = Http1::with(files(site.path().join("root")).follow_links(false));
        let fewer = crawl(&refusing);
        assert!(!fewer.iter().any(|url| url.contains("link")), "{fewer:?}");
        assert!(fewer.contains(&"/a.txt".to_owned()));
        let off = Http1::with(Files::open(site.path().join("root")).unwrap());
        assert_eq!(ask(&off, "GET /", &[]).status, 404);
        assert_eq!(ask(&http, "GET /nothing/", &[]).status, 404);
        // A directory is no page of an application, and what is nothing may be one.
        let app = Http1::with(files(site.path().join("root")).spa(true).index("a.txt"));
        let browser = [("Accept", "text/html")];
        let page = ask(&app, "GET /nothing/", &browser);
        assert_eq!((page.status, page.text()), (200, "a.txt"));
        let page = ask(&app, "GET /empty/", &browser);
        assert!(
            page.text().starts_with("<!doctype html>"),
            "{}",
            page.text()
        );
        assert_eq!(ask(&http, "GET /a.txt/", &[]).status, 404);
        assert_eq!(ask(&http, "GET /.git/", &[]).status, 404);
        assert_eq!(ask(&http, "GET /outside/", &[]).status, 404);
        assert_eq!(ask(&http, "GET /empty", &[]).status, 301);
        assert_eq!(ask(&http, "POST /", &[]).status, 405);
    }

    #[test]
    fn every_byte_that_a_name_can_have() {
        let site = Scratch::new("listing");
        for b in 1..=255u8 {
            if b != b'/' {
                let name = [b'x', b];
                site.write(OsStr::from_bytes(&name), name);
            }
        }
        let http = Http1::with(files(site.path()));
        let page = ask(&http, "GET /", &[]);
        let links = links(page.text());
        assert_eq!(links.len(), 254);
        for link in links {
            let got = once(&http, &format!("/{link}"));
            assert_eq!((got.status, got.body), (200, decode(&link)), "{link}");
        }
    }

    #[test]
    fn the_page() {
        let site = odd();
        let http = Http1::with(files(site.path().join("root")));
        let got = ask(&http, "GET /", &[("Accept", "text/html,*/*;q=0.8")]);
        let page = got.text();
        for part in [
            "<!doctype html>\n<html lang=\"en\">",
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">",
            "<title>Files in /</title>",
            "<caption>7 directories and 19 files. Times are in UTC.</caption>",
            "<th scope=\"col\">Size</th>",
            "<th scope=\"row\"><a href=\"a%3Ab\"><bdi>a:b</bdi></a></th>",
            "<bdi>&lt;b&gt;bold</bdi>",
            "<bdi>&quot;quotes&quot; &#39;too&#39;</bdi>",
            "<bdi>two\u{240a}lines</bdi>",
            "<bdi>not \u{fffd}\u{fffd} text</bdi>",
            "<bdi>a+b;c=d&amp;amp;e</bdi>",
            "<a href=\"e%22%3C%26/\"><bdi>e&quot;&lt;&amp;/</bdi></a>",
            "<data value=\"5\" title=\"5 bytes\">5 B</data>",
        ] {
            assert!(page.contains(part), "{part:?} in {page}");
        }
        assert!(!page.contains("<b>bold"), "{page}");
        assert!(!page.contains("<script") && !page.contains("javascript:\""));
        for (name, want) in [
            ("Content-Type", "text/html; charset=utf-8"),
            ("X-Content-Type-Options", "nosniff"),
            ("Cache-Control", "no-cache"),
            ("Vary", "Accept"),
            (
                "Content-Security-Policy",
                "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                 form-action 'none'",
            ),
        ] {
            assert_eq!(got.field(name), Some(want), "{name}");
        }
        let head = ask(&http, "HEAD /", &[("Accept", "text/html,*/*;q=0.8")]);
        assert_eq!((head.head, head.body), (got.head, Vec::new()));
        // A path is as dangerous as a name.
        let got = ask(&http, "GET /e%22%3C%26/", &[]);
        let page = got.text();
        assert!(page.contains("<title>Files in /e&quot;&lt;&amp;/</title>"));
        assert!(page.contains("<h1>Files in <bdi>e&quot;&lt;&amp;</bdi></h1>"));
        assert!(page.contains("<nav aria-label=\"Directories above\">"));
        assert!(page.contains("<li><a href=\"../\"><bdi>root</bdi></a></li>\n</ol>"));
        assert!(page.contains("<caption>0 directories and 1 file. "));
        let got = ask(&http, "GET /strange/index.html/", &[]);
        let way = "<li><a href=\"../../\"><bdi>root</bdi></a></li>\n\
                   <li><a href=\"../\"><bdi>strange</bdi></a></li>\n</ol>";
        assert!(got.text().contains(way), "{}", got.text());
        fs::remove_file(site.path().join("root/empty/up")).unwrap();
        let got = ask(
            &Http1::with(files(site.path().join("root"))),
            "GET /empty/",
            &[],
        );
        assert!(got.text().contains("<p>There is nothing to show.</p>"));
    }

    #[test]
    fn json() {
        let site = Scratch::new("listing");
        site.write("q\"\\\n\u{1}\u{7f}\u{e9}", "12345");
        site.write(OsStr::from_bytes(b"b\xff\xfe"), "");
        site.write("d/e", "");
        site.link("to-d", "d");
        let paths = fs::read_dir(site.path())
            .unwrap()
            .map(|e| e.unwrap().path());
        for path in paths {
            let at = UNIX_EPOCH + Duration::from_secs(784_111_777);
            File::open(path).unwrap().set_modified(at).unwrap();
        }
        let http = Http1::with(files(site.path()));
        let got = ask(&http, "GET /", &[JSON]);
        let rest = "\"modified\":\"1994-11-06T08:49:37Z\"}";
        let want = [
            "{\"path\":\"/\",\"entries\":[\n".to_owned(),
            format!("{{\"name\":\"d\",\"type\":\"directory\",{rest},\n"),
            format!("{{\"name\":\"to-d\",\"type\":\"directory\",{rest},\n"),
            "{\"name\":\"b\u{fffd}\u{fffd}\",\"href\":\"b%FF%FE\",\"type\":\"file\",".to_owned(),
            format!("\"size\":0,{rest},\n"),
            "{\"name\":\"q\\\"\\\\\\n\\u0001\\u007f\u{e9}\",\"type\":\"file\",".to_owned(),
            format!("\"size\":5,{rest}\n"),
            "]}\n".to_owned(),
        ];
        assert_eq!(got.text(), want.concat());
        assert_eq!(got.field("Content-Type"), Some("application/json"));
        assert_eq!(got.field("Vary"), Some("Accept"));
        assert_eq!(got.field("X-Content-Type-Options"), Some("nosniff"));
        for (accept, html) in [
            ("*/*", true),
            ("text/plain", true),
            ("text/html, application/json", true),
            ("application/json, */*;q=0.1", false),
            ("text/html;q=0.5, application/json", false),
            ("application/*", false),
        ] {
            let got = ask(&http, "GET /", &[("Accept", accept)]);
            assert_eq!(got.text().starts_with('<'), html, "{accept}");
        }
        fs::remove_file(site.path().join("d/e")).unwrap();
        let got = ask(&Http1::with(files(site.path())), "GET /to-d/", &[JSON]);
        assert_eq!(got.text(), "{\"path\":\"/to-d/\",\"entries\":[]}\n");
    }

    #[test]
    fn what_may_not_be_read_is_listed_and_what_may_not_be_listed_is_forbidden() {
        use std::fs::Permissions;
        use std::os::unix::fs::PermissionsExt;
        let site = Scratch::new("listing");
        if site.reads_everything().unwrap() {
            eprintln!("skipped: the superuser may read everything");
            return;
        }
        let modes = [
            ("secret", 0o000),
            ("closed", 0o000),
            ("blind", 0o311),
            ("names", 0o444),
        ];
        site.write("secret", "x");
        for (name, mode) in modes {
            if name != "secret" {
                site.write(format!("{name}/a"), "x");
            }
            fs::set_permissions(site.path().join(name), Permissions::from_mode(mode)).unwrap();
        }
        let http = Http1::with(files(site.path()));
        for (path, status, listed) in [
            ("/", 200, &["blind/", "closed/", "names/", "secret"][..]),
            ("/secret", 403, &[]),
            ("/closed/", 403, &[]),
            ("/blind/", 403, &[]),
            ("/blind/a", 200, &[]),
            // Its names are known, but nothing in it can be had.
            ("/names/", 403, &[]),
        ] {
            for got in [once(&http, path), walking(|| once(&http, path))] {
                assert_eq!(got.status, status, "{path}");
                let mut names = links(got.text());
                names.retain(|link| link != "../");
                assert_eq!(names, listed, "{path}");
            }
        }
        for (name, _) in modes {
            fs::set_permissions(site.path().join(name), Permissions::from_mode(0o700)).unwrap();
        }
    }

    #[test]
    fn a_large_directory_is_cut() {
        let site = Scratch::new("listing");
        for name in ["a", "b", "c", ".hidden", ".hidden-too"] {
            site.write(name, "");
        }
        let root = Arc::new(Root::open(site.path()).unwrap());
        for (most, shown, cut) in [(4, 3, false), (3, 3, false), (2, 2, true), (0, 0, true)] {
            let read = || {
                let mut got =
                    Contents::read(root.clone(), b"/", Links::Follow, false, most).unwrap();
                got.look().unwrap();
                got
            };
            let got = read();
            assert_eq!((got.items.len(), got.cut), (shown, cut), "{most}");
            let written = |form| {
                let mut making = Making {
                    contents: read(),
                    ..Making::begin(&rules(&root), b"/", form).unwrap()
                };
                String::from_utf8(making.write().unwrap().body.to_vec()).unwrap()
            };
            let page = written(Form::Html);
            let note = format!("There is more here than can be shown: these are {shown} of");
            assert_eq!(page.contains(&note), cut, "{most}: {page}");
            let json = written(Form::Json);
            assert_eq!(json.ends_with("],\"truncated\":true}\n"), cut, "{json}");
        }
        let mut all = Contents::read(root, b"/", Links::Follow, true, 5).unwrap();
        all.look().unwrap();
        assert_eq!((all.items.len(), all.cut), (5, false));
    }

    #[test]
    fn a_change_is_listed_within_a_second() {
        let site = Scratch::new("listing");
        site.write("root/d/a", "1");
        let http = Http1::with(files(site.path().join("root")));
        let mut talk = Conversation::open(&http);
        let first = get(&mut talk, "/d/");
        assert!(first.text().contains("href=\"a\""));
        let etag = first.field("ETag").unwrap();
        for (name, value, status) in [
            ("If-None-Match", etag, 304),
            ("If-None-Match", "\"x\"", 200),
            ("If-Match", "\"x\"", 412),
            ("If-Modified-Since", "Sun, 06 Nov 2039 08:49:37 GMT", 200),
            ("Range", "bytes=0-1", 200),
        ] {
            let got = ask(&http, "GET /d/", &[(name, value)]);
            assert_eq!(got.status, status, "{name}");
            if status == 304 {
                for (name, want) in [("ETag", etag), ("Cache-Control", "no-cache")] {
                    assert_eq!(got.field(name), Some(want));
                }
                assert_eq!(got.field("Vary"), Some("Accept"));
            }
        }
        talk.pass(1_000);
        assert_eq!(get(&mut talk, "/d/").body, first.body, "no change");
        site.write("root/d/b", "2");
        assert_eq!(get(&mut talk, "/d/").body, first.body, "at once");
        talk.pass(999);
        assert_eq!(get(&mut talk, "/d/").body, first.body, "after 999 ms");
        talk.pass(1);
        assert!(get(&mut talk, "/d/").text().contains("href=\"b\""));
        // A page of its own comes before, at once; and a deploy forgets what it replaces.
        site.write("root/d/index.html", "<p>own");
        assert_eq!(get(&mut talk, "/d/").text(), "<p>own");
        fs::remove_file(site.path().join("root/d/index.html")).unwrap();
        fs::remove_dir_all(site.path().join("root/d")).unwrap();
        talk.pass(1_000);
        assert_eq!(get(&mut talk, "/d/").status, 404);
        site.write("root/d/c", "");
        assert!(get(&mut talk, "/d/").text().contains("href=\"c\""));
        talk.pass(900);
        fs::rename(site.path().join("root"), site.path().join("old")).unwrap();
        site.write("root/d/new", "");
        talk.pass(100);
        assert!(get(&mut talk, "/d/").text().contains("href=\"new\""));
    }

    #[test]
    fn the_same_listing_is_the_same_memory() {
        let site = Scratch::new("listing");
        site.write("a", "");
        let root = Arc::new(Root::open(site.path()).unwrap());
        let mut listings = Listings::new(root.clone());
        let mut list = |form, ms| {
            let mut now = Now::default();
            now.at = now.at.after(ms);
            match listings.list(b"/", form, rules(&root), now).unwrap() {
                Listed::Made(listing) => listing,
                Listed::Making(_) => panic!("it is small"),
            }
        };
        let first = list(Form::Html, 0);
        assert!(Arc::ptr_eq(&list(Form::Html, 999), &first));
        assert!(Arc::ptr_eq(&list(Form::Html, 5_000), &first));
        assert!(!Arc::ptr_eq(&list(Form::Json, 5_000), &first));
        site.write("b", "");
        assert!(Arc::ptr_eq(&list(Form::Html, 5_999), &first));
        assert!(!Arc::ptr_eq(&list(Form::Html, 6_000), &first));
    }

    fn rules(root: &Arc<Root>) -> Rules<'_> {
        Rules {
            root,
            links: Links::Follow,
            hidden: false,
        }
    }

    /// A directory that takes several turns, and a server of it.
    fn many() -> (Scratch, Http1<Files>) {
        let site = Scratch::new("listing");
        for n in 0..3 * SLICE + 1 {
            site.write(format!("{n}"), "");
        }
        let http = Http1::with(files(site.path()));
        (site, http)
    }

    /// Lets turns pass until all of a listing is there, in chunks or at once.
    fn finish(talk: &mut Conversation<'_>, mut got: Vec<u8>) -> String {
        for _ in 0..100 {
            if got.ends_with(b"\r\n0\r\n\r\n") || got.ends_with(b"</main>\n") {
                return String::from_utf8_lossy(&got).into_owned();
            }
            got.extend(talk.pass(1));
        }
        panic!("no end after {} bytes", got.len());
    }

    #[test]
    fn a_client_that_has_said_its_last_gets_all_of_a_large_listing() {
        let (_site, http) = many();
        let mut talk = Conversation::open(&http);
        let mut got = talk.send(wire("GET /", &[]).as_bytes());
        got.extend(talk.end());
        assert!(!talk.closed(), "it waits for a turn, and not for an event");
        finish(&mut talk, got);
    }

    #[test]
    fn a_change_of_a_large_directory_is_listed_within_a_second_as_well() {
        // Whether the listing before was made to its end, or its client went away.
        for is_made in [true, false] {
            let (site, http) = many();
            let mut first = Conversation::open(&http);
            let got = first.send(wire("GET /", &[]).as_bytes());
            if is_made {
                finish(&mut first, got);
            }
            drop(first);
            site.write("new", "");
            let mut later = Conversation::open(&http);
            later.pass(1_100);
            let got = later.send(wire("GET /", &[]).as_bytes());
            assert!(
                finish(&mut later, got).contains("href=\"new\""),
                "{is_made}"
            );
        }
    }

    #[test]
    fn a_large_directory_is_listed_a_slice_a_turn_for_all_that_ask() {
        let (_site, http) = many();
        let mut talks = [Conversation::open(&http), Conversation::open(&http)];
        let mut got = [Vec::new(), Vec::new()];
        for (talk, got) in talks.iter_mut().zip(&mut got) {
            *got = talk.send(wire("GET /", &[]).as_bytes());
        }
        let mut turns = 0;
        while !got.iter().all(|got| got.ends_with(b"\r\n0\r\n\r\n")) {
            for (talk, got) in talks.iter_mut().zip(&mut got) {
                got.extend(talk.pass(1));
            }
            turns += 1;
            assert!(turns < 100, "{}", got[0].escape_ascii());
        }
        // The names are read in the first turn; then four slices are looked up and four are
        // written.
        assert!((7..=9).contains(&turns), "{turns}");
        assert_eq!(got[0], got[1]);
        let text = String::from_utf8_lossy(&got[0]).into_owned();
        // Each second part of the body is the size of a chunk.
        let (_, chunks) = text.split_once("\r\n\r\n").unwrap();
        let body: String = chunks.split("\r\n").skip(1).step_by(2).collect();
        assert_eq!(
            body.matches("<tr><th scope=\"row\">").count(),
            3 * SLICE + 1
        );
        // From then on it is a listing like any other.
        let again = get(&mut talks[0], "/");
        assert_eq!(again.status, 200);
        assert!(again.field("ETag").is_some());
    }
}
