//! What is in a directory that has no page of its own.
//!
//! It lists what a request would get, and nothing else: each name is looked up below the root by
//! the rules by which it would be served, so a link is shown as what it leads to, and one that
//! leads outside or nowhere is not shown; nor are sockets, FIFOs and devices. What may be seen and
//! not read is shown, as `ls` does; asking for it says 403.
//!
//! That costs three system calls for each name. So a listing is made at most once a second for
//! each directory and form, at most [`MOST`] names of a directory are looked at, and all that is
//! sent of one listing is the same memory, however many clients are slow to take it.

use std::cmp::Ordering;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use super::hashes::{FNV_BASIS, fnv1a};
use super::store::{Found, Store};
use super::{Files, is_hidden_name, render};
use crate::handlers::pages;
use crate::handlers::prefers::prefers;
use crate::http::conditional::{self, Outcome};
use crate::http::{Body, HttpRequest, HttpResponse, StatusCode};
use crate::sys::beneath::{Cause, Links, Root};
use crate::sys::directory::each_name;
use crate::time::Now;

/// How many names of a directory are shown, and looked up: some 2.5 MB of HTML, and some 70 ms in
/// which a worker does nothing else. Whoever has more needs something that can search.
const MOST: usize = 10_000;

/// How many listings are remembered for a second, so that a directory that is asked for a thousand
/// times a second is read once.
pub const LISTINGS: usize = 16;

/// What a listing is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A page for people.
    Html,
    /// For programs.
    Json,
}

/// What is in a directory, ready to be sent.
#[derive(Debug)]
pub struct Listing {
    form: Form,
    body: Arc<[u8]>,
    etag: String,
}

/// What is in a directory.
#[derive(Debug, Default)]
pub struct Contents {
    /// Directories first, then by name.
    pub items: Vec<Item>,
    /// There is more.
    pub cut: bool,
}

/// One name of it.
#[derive(Debug)]
pub struct Item {
    /// Its bytes. They need not be text.
    pub name: Vec<u8>,
    /// Whether it is a directory, and not a regular file.
    pub is_directory: bool,
    /// In bytes.
    pub size: u64,
    /// When it changed, in seconds since 1970; 0 for before.
    pub changed: u64,
    /// The name as it is sorted.
    key: String,
}

impl Files {
    /// Whether a directory without an index file is answered with a list of what is in it; it is
    /// not by default. A page, or JSON for clients whose `Accept` prefers `application/json`:
    ///
    /// ```text
    /// {"path":"/x/","entries":[
    /// {"name":"y","type":"directory","modified":"2026-11-22T13:00:00Z"},
    /// {"name":"z.txt","type":"file","size":123,"modified":"2026-11-22T13:00:00Z"}
    /// ]}
    /// ```
    /// A name that is not UTF-8 has U+FFFD in it, and `href` besides, which leads there. Where
    /// there are more than 10 000 names, `"truncated":true` says so. Names that are hidden are not
    /// listed unless [`Files::hidden`] says that they are served.
    pub fn listing(mut self, on: bool) -> Files {
        self.listing = on;
        self
    }

    /// What is in the directory that is asked for.
    pub(super) fn list(&self, req: &HttpRequest) -> Result<Found, Cause> {
        let form = match prefers(req.headers(), &["text/html", "application/json"]) {
            0 => Form::Html,
            _ => Form::Json,
        };
        let mut store = self.store.borrow_mut();
        let listing = store.list(req.path_bytes(), form, self.hidden, req.now())?;
        Ok(Found::Listing(listing))
    }
}

impl Store {
    /// What is in the directory at `path`, which ends with a slash, as it was at most a second ago.
    fn list(
        &mut self,
        path: &[u8],
        form: Form,
        hidden: bool,
        now: Now,
    ) -> Result<Arc<Listing>, Cause> {
        let mut key = path.to_vec();
        key.push(form as u8);
        let known = match self.listings.get(&key, now.at) {
            Some((listing, true)) => return Ok(listing),
            Some((listing, false)) => Some(listing),
            None => None,
        };
        let contents = Contents::read(&self.root, path, self.links, hidden, MOST);
        let listing = match contents.map(|contents| Listing::new(path, &contents, form)) {
            // Clients that are still taking the old one hold the same memory.
            Ok(new) => known
                .filter(|known| known.body == new.body)
                .unwrap_or_else(|| Arc::new(new)),
            Err(cause) => {
                self.listings.remove(&key);
                return Err(cause);
            }
        };
        self.listings.insert(&key, listing.clone(), now.at);
        Ok(listing)
    }
}

impl Contents {
    /// Looks at up to `most` names in the directory at `path` below `root`.
    fn read(
        root: &Root,
        path: &[u8],
        links: Links,
        hidden: bool,
        most: usize,
    ) -> Result<Contents, Cause> {
        let mut place = path.strip_prefix(b"/").unwrap_or(path).to_vec();
        let whole = if place.is_empty() { b"." } else { &place[..] };
        let directory = root.open_file(whole, links);
        let directory = directory.map_err(|error| Cause::of(&error))?;
        let mut names: Vec<Vec<u8>> = Vec::new();
        let mut cut = false;
        let read = each_name(&directory, |name| {
            if !hidden && is_hidden_name(name) {
                return ControlFlow::Continue(());
            }
            if names.len() == most {
                cut = true;
                return ControlFlow::Break(());
            }
            names.push(name.to_vec());
            ControlFlow::Continue(())
        });
        read.map_err(|error| Cause::of(&error))?;
        drop(directory);
        let mut items = Vec::with_capacity(names.len());
        let above = place.len();
        for name in names {
            place.truncate(above);
            place.extend_from_slice(&name);
            let seen = match root.look(&place, links) {
                Ok(seen) if seen.is_dir() || seen.is_file() => seen,
                // Half a list would say that the rest is not there.
                Err(error) if matches!(Cause::of(&error), Cause::Exhausted(_)) => {
                    return Err(Cause::of(&error));
                }
                // Whoever asks for it gets nothing either.
                _ => continue,
            };
            items.push(Item {
                is_directory: seen.is_dir(),
                size: seen.len(),
                changed: u64::try_from(seen.mtime()).unwrap_or(0),
                key: String::from_utf8_lossy(&name).to_lowercase(),
                name,
            });
        }
        items.sort_unstable_by(Item::order);
        Ok(Contents { items, cut })
    }
}

impl Item {
    /// Directories first; then as people count and spell: `a2` before `A10`. Bytes settle the rest.
    fn order(&self, other: &Item) -> Ordering {
        (other.is_directory.cmp(&self.is_directory))
            .then_with(|| natural(self.key.as_bytes(), other.key.as_bytes()))
            .then_with(|| self.name.cmp(&other.name))
    }
}

/// Compares byte by byte, but runs of digits as numbers, however long they are.
fn natural(mut a: &[u8], mut b: &[u8]) -> Ordering {
    loop {
        match (a, b) {
            ([], _) | (_, []) => return a.len().cmp(&b.len()),
            ([x, ..], [y, ..]) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let (number_a, number_b);
                (number_a, a) = number(a);
                (number_b, b) = number(b);
                let by_length = number_a.len().cmp(&number_b.len());
                match by_length.then_with(|| number_a.cmp(number_b)) {
                    Ordering::Equal => {}
                    unequal => return unequal,
                }
            }
            ([x, rest_a @ ..], [y, rest_b @ ..]) => {
                if x != y {
                    return x.cmp(y);
                }
                (a, b) = (rest_a, rest_b);
            }
        }
    }
}

/// The digits that `text` begins with, without zeros in front, and what follows them.
fn number(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|b| !b.is_ascii_digit());
    let (digits, rest) = text.split_at(end.unwrap_or(text.len()));
    let zeros = digits.iter().take_while(|b| **b == b'0').count();
    (&digits[zeros..], rest)
}

impl Listing {
    fn new(path: &[u8], contents: &Contents, form: Form) -> Listing {
        let body = match form {
            Form::Html => render::html(path, contents),
            Form::Json => render::json(path, contents),
        };
        Listing {
            form,
            etag: format!("\"{:032x}\"", fnv1a(FNV_BASIS, &body)),
            body: body.into(),
        }
    }

    /// Answers with it, or with the news that the client has it already.
    pub fn send(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        let etag = Some(self.etag.as_bytes());
        let now = req.now().unix();
        let outcome = conditional::evaluate(req.headers(), req.method(), etag, None, now);
        if outcome == Outcome::PreconditionFailed {
            res.status(StatusCode::PRECONDITION_FAILED);
            return Ok(());
        }
        res.header("Vary", "Accept")?
            // It changes whenever a file does: to be asked about each time.
            .header("Cache-Control", "no-cache")?
            .header("ETag", &self.etag)?;
        if outcome == Outcome::NotModified {
            res.status(StatusCode::NOT_MODIFIED);
            return Ok(());
        }
        res.header("X-Content-Type-Options", "nosniff")?
            .body(Body::Shared(self.body.clone()));
        match self.form {
            Form::Html => pages::html(res),
            Form::Json => {
                res.header("Content-Type", "application/json")?;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Answer, ask, get};
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

    /// What can be called by a name that is hard to write down, and what cannot be served.
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
    fn names_in_the_order_of_people() {
        let sorted = [
            "",
            "-",
            "0",
            "00",
            "000",
            "01",
            "1",
            "1a",
            "2",
            "007b",
            "10",
            "10000000000000000000000",
            "A",
            "a",
            "a01",
            "a1",
            "A2",
            "a2b",
            "a2c",
            "a10",
            "b",
            "B1",
            "z",
            "\u{c4}",
            "\u{e4}",
            "\u{e9}",
        ];
        let item = |name: &str, is_directory| Item {
            name: name.as_bytes().to_vec(),
            is_directory,
            size: 0,
            changed: 0,
            key: name.to_lowercase(),
        };
        for (x, first) in sorted.iter().enumerate() {
            for (y, second) in sorted.iter().enumerate() {
                let got = item(first, false).order(&item(second, false));
                assert_eq!(got, x.cmp(&y), "{first:?} and {second:?}");
                let got = item(first, true).order(&item(second, false));
                assert_eq!(got, Ordering::Less, "a directory {first:?} and {second:?}");
            }
        }
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
        let root = Root::open(site.path()).unwrap();
        for (most, shown, cut) in [(4, 3, false), (3, 3, false), (2, 2, true), (0, 0, true)] {
            let got = Contents::read(&root, b"/", Links::Follow, false, most).unwrap();
            assert_eq!((got.items.len(), got.cut), (shown, cut), "{most}");
            let page = String::from_utf8(render::html(b"/", &got)).unwrap();
            let note = format!("There is more here than can be shown: these are {shown} of");
            assert_eq!(page.contains(&note), cut, "{most}: {page}");
            let json = String::from_utf8(render::json(b"/", &got)).unwrap();
            assert_eq!(json.ends_with("],\"truncated\":true}\n"), cut, "{json}");
        }
        let all = Contents::read(&root, b"/", Links::Follow, true, 5).unwrap();
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
        let mut store = Store::open(site.path(), 0).unwrap();
        let mut list = |form, ms| {
            let mut now = Now::default();
            now.at = now.at.after(ms);
            store.list(b"/", form, false, now).unwrap()
        };
        let first = list(Form::Html, 0);
        assert!(Arc::ptr_eq(&list(Form::Html, 999), &first));
        assert!(Arc::ptr_eq(&list(Form::Html, 5_000), &first));
        assert!(!Arc::ptr_eq(&list(Form::Json, 5_000), &first));
        site.write("b", "");
        assert!(Arc::ptr_eq(&list(Form::Html, 5_999), &first));
        assert!(!Arc::ptr_eq(&list(Form::Html, 6_000), &first));
    }
}
