//! A directory served in memory: real files, no sockets.

use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::harness::{Conversation, every_split};
use crate::http::Http1;
use crate::sys::beneath::walking;
use crate::sys::scratch::Scratch;

mod caching;
mod changes;
mod conventions;
mod spa;
mod variants;

const CHANGED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
const EARLIER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";

/// A response, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn of(bytes: &[u8]) -> Answer {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let (head, body) = bytes.split_at(end.expect("a whole head") + 4);
        let head = String::from_utf8(head.to_vec()).unwrap();
        Answer {
            status: head[9..12].parse().unwrap(),
            head,
            body: body.to_vec(),
        }
    }

    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let start = format!("\r\n{name}: ");
        let (_, rest) = self.head.split_once(&start)?;
        rest.split_once("\r\n").map(|(value, _)| value)
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// Sends a request in every cut; the connection must stay open.
pub(super) fn ask(http: &Http1<Files>, line: &str, fields: &[(&str, &str)]) -> Answer {
    let got = every_split(http, wire(line, fields).as_bytes());
    assert!(!got.closed, "{line}: closed");
    Answer::of(&got.bytes)
}

pub(super) fn wire(line: &str, fields: &[(&str, &str)]) -> String {
    let mut wire = format!("{line} HTTP/1.1\r\nHost: x\r\n");
    for (name, value) in fields {
        wire += &format!("{name}: {value}\r\n");
    }
    wire + "\r\n"
}

/// Sends a request on a connection that is open.
pub(super) fn get(talk: &mut Conversation<'_>, path: &str) -> Answer {
    Answer::of(&talk.send(wire(&format!("GET {path}"), &[]).as_bytes()))
}

fn serve(root: &Path) -> Http1<Files> {
    Http1::with(Files::open(root).unwrap())
}

/// Gives a file the time of [`CHANGED`].
pub(super) fn age(path: &Path) {
    let file = File::options().write(true).open(path).unwrap();
    let at = UNIX_EPOCH + Duration::from_secs(784_111_777);
    file.set_modified(at).unwrap();
}

fn large() -> Vec<u8> {
    (0..200_000u32).map(|n| (n % 251) as u8).collect()
}

fn site() -> Scratch {
    let site = Scratch::new("files");
    site.write("secret", "outside");
    site.write("root/index.html", "<p>home");
    site.write("root/a.txt", "0123456789");
    site.write("root/empty.css", "");
    site.write("root/app.mjs", "export {}");
    site.write("root/LICENSE", "MIT");
    site.write("root/large.bin", large());
    site.write("root/docs/index.html", "<p>docs");
    site.write("root/docs/x y%41.txt", "odd");
    site.write("root/a:b/index.html", "colon");
    site.write("root/ü \"'<b>?#/index.html", "odd directory");
    site.write("root/bare/file", "x");
    site.write("root/strange/index.html/x", "x");
    site.write("root/.env", "hidden");
    site.write("root/.git/config", "hidden");
    site.write("root/docs/.htaccess", "hidden");
    site.write("root/.well-known/security.txt", "known");
    site.write("root/.well-known/.hidden", "hidden");
    site.write(std::ffi::OsStr::from_bytes(b"root/\xff\n.txt"), "bytes");
    site.write("root/%2e%2e", "percent");
    site.link("root/inside", "docs/index.html");
    site.link("root/docs/up", "../a.txt");
    site.link("root/to-docs", "docs");
    site.link("root/out", "../secret");
    site.link("root/out-dir", "..");
    site.link("root/absolute", site.path().join("root/a.txt"));
    site.link("root/loop", "loop");
    site.fifo("root/fifo");
    drop(std::os::unix::net::UnixListener::bind(site.path().join("root/socket")).unwrap());
    for name in ["a.txt", "large.bin", "index.html", "empty.css"] {
        age(&site.path().join("root").join(name));
    }
    site
}

#[test]
fn paths_and_what_they_lead_to() {
    let site = site();
    let http = serve(&site.path().join("root"));
    let uncached = Http1::with(Files::open(site.path().join("root")).unwrap().cache(0));
    let not_found = "404 Not Found\n";
    for (path, status, body) in [
        ("/", 200, "<p>home"),
        ("/index.html", 200, "<p>home"),
        ("//index.html", 200, "<p>home"),
        ("/a.txt", 200, "0123456789"),
        ("/a.txt?v=1", 200, "0123456789"),
        ("/%61.txt", 200, "0123456789"),
        ("/docs/../a.txt", 200, "0123456789"),
        ("/empty.css", 200, ""),
        ("/docs/", 200, "<p>docs"),
        ("/docs/x%20y%2541.txt", 200, "odd"),
        ("/%ff%0a.txt", 200, "bytes"),
        ("/a:b/", 200, "colon"),
        ("/%252e%252e", 200, "percent"),
        ("/bare/", 404, not_found),
        ("/strange/", 404, not_found),
        ("/nothing", 404, not_found),
        ("/nothing/", 404, not_found),
        ("/A.txt", 404, not_found),
        ("/a.txt/", 404, not_found),
        ("/a.txt/b", 404, not_found),
        // Traversal, in every spelling.
        ("/../secret", 404, not_found),
        ("/docs/../../secret", 404, not_found),
        ("/%2e%2e/secret", 404, not_found),
        ("/%2E./secret", 404, not_found),
        ("/..%2fsecret", 404, not_found),
        ("/..%2Fsecret", 404, not_found),
        ("/%2e%2e%2fsecret", 404, not_found),
        ("/%252e%252e/secret", 404, not_found),
        ("/..%5csecret", 404, not_found),
        ("/%c0%ae%c0%ae/secret", 404, not_found),
        ("/docs%2findex.html", 404, not_found),
        ("/docs%2F", 404, not_found),
        ("//etc/passwd", 404, not_found),
        ("/%2fetc/passwd", 404, not_found),
        // Hidden files.
        ("/.env", 404, not_found),
        ("/%2eenv", 404, not_found),
        ("/.git", 404, not_found),
        ("/.git/", 404, not_found),
        ("/.git/config", 404, not_found),
        ("/docs/.htaccess", 404, not_found),
        ("/.well-known/security.txt", 200, "known"),
        ("/.well-known/.hidden", 404, not_found),
        ("/.well-knownish", 404, not_found),
        ("/...", 404, not_found),
        // Links.
        ("/inside", 200, "<p>docs"),
        ("/docs/up", 200, "0123456789"),
        ("/to-docs/", 200, "<p>docs"),
        ("/to-docs/up", 200, "0123456789"),
        ("/out", 404, not_found),
        ("/out-dir/secret", 404, not_found),
        ("/out-dir/root/a.txt", 404, not_found),
        ("/absolute", 404, not_found),
        ("/loop", 404, not_found),
        // Paths without a regular file.
        ("/fifo", 404, not_found),
        ("/fifo/", 404, not_found),
        ("/socket", 404, not_found),
    ] {
        let get = ask(&http, &format!("GET {path}"), &[]);
        assert_eq!((get.status, get.text()), (status, body), "{path}");
        let length = get.field("Content-Length").unwrap();
        assert_eq!(length, body.len().to_string(), "{path}");
        assert_eq!(
            get.field("X-Content-Type-Options"),
            Some("nosniff"),
            "{path}"
        );
        // HEAD is GET without the body.
        let head = ask(&http, &format!("HEAD {path}"), &[]);
        assert_eq!(head.head, get.head, "HEAD {path}");
        assert_eq!(head.text(), "", "HEAD {path}");
        assert_eq!(
            ask(&uncached, &format!("GET {path}"), &[]),
            get,
            "{path}, no cache"
        );
        let walked = walking(|| ask(&uncached, &format!("GET {path}"), &[]));
        assert_eq!(walked, get, "{path}, without openat2");
    }
    let long = format!("GET /{}", "x".repeat(300));
    assert_eq!(ask(&http, &long, &[]).status, 404);
    let longer = format!("GET {}", "/xx".repeat(2_000));
    assert_eq!(ask(&http, &longer, &[]).status, 404);
}

#[test]
fn options_of_the_handler() {
    let site = site();
    let root = site.path().join("root");
    let files = || Files::open(&root).unwrap();
    for (name, files, path, status) in [
        ("another index", files().index("a.txt"), "/", 200),
        ("no such index", files().index("a.txt"), "/docs/", 404),
        ("no index", files().index(""), "/", 404),
        ("shown", files().hidden(true), "/.env", 200),
        ("shown below", files().hidden(true), "/.git/config", 200),
        ("links", files().follow_links(true), "/inside", 200),
        ("no links", files().follow_links(false), "/inside", 404),
        (
            "none on the way",
            files().follow_links(false),
            "/to-docs/",
            404,
        ),
        (
            "none to a directory",
            files().follow_links(false),
            "/to-docs",
            404,
        ),
        (
            "files without links",
            files().follow_links(false),
            "/a.txt",
            200,
        ),
        ("one in the cache", files().cache(1), "/docs/", 200),
    ] {
        let http = Http1::with(files);
        assert_eq!(
            ask(&http, &format!("GET {path}"), &[]).status,
            status,
            "{name}"
        );
    }
    for wrong in ["secret", "nothing"] {
        assert!(Files::open(site.path().join(wrong)).is_err(), "{wrong}");
    }
    fn is_send<T: Send>() {}
    is_send::<Files>();
}

#[test]
fn methods() {
    let site = site();
    let http = serve(&site.path().join("root"));
    for (line, status) in [
        ("OPTIONS /a.txt", 204),
        ("OPTIONS *", 204),
        ("POST /a.txt", 405),
        ("PUT /new", 405),
        ("DELETE /a.txt", 405),
        ("TRACE /", 405),
        ("PROPFIND /", 405),
        ("get /", 405),
    ] {
        let got = ask(&http, line, &[]);
        assert_eq!(got.status, status, "{line}");
        assert_eq!(got.field("Allow"), Some("GET, HEAD, OPTIONS"), "{line}");
    }
}

#[test]
fn directories_get_their_slash() {
    let site = site();
    let http = serve(&site.path().join("root"));
    for (target, location) in [
        ("/docs", "./docs/"),
        ("//docs", "./docs/"),
        ("/docs?", "./docs/?"),
        ("/docs?a=1&b=/../x", "./docs/?a=1&b=/../x"),
        ("/%64ocs", "./docs/"),
        ("/to-docs", "./to-docs/"),
        ("/bare", "./bare/"),
        ("/docs/../docs", "./docs/"),
        ("/strange/index.html", "./index.html/"),
        ("/a:b", "./a%3Ab/"),
        (
            "/%c3%bc%20%22%27%3Cb%3E%3f%23",
            "./%C3%BC%20%22%27%3Cb%3E%3F%23/",
        ),
        ("/.well-known", "./.well-known/"),
    ] {
        let got = ask(&http, &format!("GET {target}"), &[]);
        assert_eq!(got.status, 301, "{target}");
        assert_eq!(got.field("Location"), Some(location), "{target}");
        assert_eq!(got.text(), "301 Moved Permanently\n", "{target}");
    }
}

#[test]
fn what_is_said_of_a_file() {
    let site = site();
    let http = serve(&site.path().join("root"));
    for (path, content_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/a.txt", "text/plain; charset=utf-8"),
        ("/app.mjs", "text/javascript; charset=utf-8"),
        ("/empty.css", "text/css; charset=utf-8"),
        ("/large.bin", "application/octet-stream"),
        ("/LICENSE", "application/octet-stream"),
        // The name that was asked for counts, not the link's target.
        ("/inside", "application/octet-stream"),
        ("/nothing.css", "text/plain; charset=utf-8"),
    ] {
        let got = ask(&http, &format!("GET {path}"), &[]);
        assert_eq!(got.field("Content-Type"), Some(content_type), "{path}");
    }
    let got = ask(&http, "GET /a.txt", &[]);
    assert_eq!(got.field("Last-Modified"), Some(CHANGED));
    assert_eq!(got.field("Accept-Ranges"), Some("bytes"));
    assert!(got.field("ETag").unwrap().starts_with('"'));
    // Written an hour after the harness's clock stopped.
    let future = site.write("root/future.txt", "x");
    let at = UNIX_EPOCH + Duration::from_secs(4_000_000_000);
    File::options()
        .write(true)
        .open(future)
        .unwrap()
        .set_modified(at)
        .unwrap();
    let got = ask(&http, "GET /future.txt", &[]);
    assert_eq!(got.field("Last-Modified"), got.field("Date"));
    assert!(got.field("ETag").is_some());
    let got = ask(&http, "GET /large.bin", &[]);
    assert!(got.body == large(), "not the bytes that were written");
}

#[test]
fn conditions() {
    let site = site();
    let http = serve(&site.path().join("root"));
    for path in ["/a.txt", "/large.bin", "/"] {
        let whole = ask(&http, &format!("GET {path}"), &[]);
        let etag = whole.field("ETag").unwrap();
        let (weak, list) = (format!("W/{etag}"), format!("\"x\", {etag}"));
        for (name, value, status) in [
            ("If-None-Match", etag, 304),
            ("If-None-Match", &weak, 304),
            ("If-None-Match", &list, 304),
            ("If-None-Match", "*", 304),
            ("If-None-Match", "\"x\"", 200),
            ("If-Modified-Since", CHANGED, 304),
            ("If-Modified-Since", LATER, 304),
            ("If-Modified-Since", "Sunday, 06-Nov-94 08:49:37 GMT", 304),
            ("If-Modified-Since", "Sun Nov  6 08:49:37 1994", 304),
            ("If-Modified-Since", EARLIER, 200),
            ("If-Match", etag, 200),
            ("If-Match", "\"x\"", 412),
            ("If-Match", &weak, 412),
            ("If-Unmodified-Since", CHANGED, 200),
            ("If-Unmodified-Since", EARLIER, 412),
        ] {
            for method in ["GET", "HEAD"] {
                let got = ask(&http, &format!("{method} {path}"), &[(name, value)]);
                assert_eq!(got.status, status, "{method} {path} {name}: {value}");
                if status == 304 {
                    assert_eq!(got.field("ETag"), Some(etag), "{name}");
                    assert_eq!(got.field("Last-Modified"), Some(CHANGED), "{name}");
                    assert_eq!(got.field("Content-Length"), None, "{name}");
                    assert_eq!(got.text(), "", "{name}");
                }
            }
        }
    }
    let missing = ask(&http, "GET /nothing", &[("If-None-Match", "*")]);
    assert_eq!(missing.status, 404);
}

#[test]
fn ranges() {
    let site = site();
    let http = serve(&site.path().join("root"));
    let large = large();
    for (path, bytes) in [("/a.txt", &b"0123456789"[..]), ("/large.bin", &large)] {
        let size = bytes.len();
        let whole = ask(&http, &format!("GET {path}"), &[]);
        let etag = whole.field("ETag").unwrap().to_owned();
        let suffix = format!("bytes={}-", size - 1);
        let beyond = format!("bytes={size}-");
        for (name, fields, part) in [
            ("first", &[("Range", "bytes=0-0")][..], Some(Some((0, 0)))),
            ("middle", &[("Range", "bytes=2-5")], Some(Some((2, 5)))),
            ("open", &[("Range", "bytes=7-")], Some(Some((7, size - 1)))),
            (
                "last",
                &[("Range", &suffix)],
                Some(Some((size - 1, size - 1))),
            ),
            (
                "suffix",
                &[("Range", "bytes=-3")],
                Some(Some((size - 3, size - 1))),
            ),
            ("all", &[("Range", "bytes=0-")], Some(Some((0, size - 1)))),
            (
                "too long",
                &[("Range", "bytes=1-99999999999")],
                Some(Some((1, size - 1))),
            ),
            ("beyond", &[("Range", &beyond)], Some(None)),
            ("no suffix", &[("Range", "bytes=-0")], Some(None)),
            ("several", &[("Range", "bytes=0-1,3-4")], None),
            ("another unit", &[("Range", "lines=0-1")], None),
            ("nonsense", &[("Range", "bytes=5-2")], None),
            (
                "If-Range, tag",
                &[("Range", "bytes=0-0"), ("If-Range", &etag)],
                Some(Some((0, 0))),
            ),
            (
                "If-Range, date",
                &[("Range", "bytes=0-0"), ("If-Range", CHANGED)],
                Some(Some((0, 0))),
            ),
            (
                "If-Range, another tag",
                &[("Range", "bytes=0-0"), ("If-Range", "\"x\"")],
                None,
            ),
            (
                "If-Range, a later date",
                &[("Range", "bytes=0-0"), ("If-Range", LATER)],
                None,
            ),
            (
                "If-Range fails, beyond",
                &[("Range", &beyond), ("If-Range", "\"x\"")],
                None,
            ),
        ] {
            let got = ask(&http, &format!("GET {path}"), fields);
            let (status, content_range, body) = match part {
                None => (200, None, bytes),
                Some(None) => (
                    416,
                    Some(format!("bytes */{size}")),
                    &b"416 Range Not Satisfiable\n"[..],
                ),
                Some(Some((start, end))) => (
                    206,
                    Some(format!("bytes {start}-{end}/{size}")),
                    &bytes[start..=end],
                ),
            };
            assert_eq!(got.status, status, "{path} {name}");
            assert_eq!(
                got.field("Content-Range"),
                content_range.as_deref(),
                "{path} {name}"
            );
            assert!(got.body == body, "{path} {name}: wrong bytes");
            let length = got.field("Content-Length").unwrap();
            assert_eq!(length, body.len().to_string(), "{path} {name}");
            if status == 206 {
                assert_eq!(got.field("ETag"), Some(&*etag), "{path} {name}");
            }
            let head = ask(&http, &format!("HEAD {path}"), fields);
            assert_eq!(
                head.head,
                ask(&http, &format!("HEAD {path}"), &[]).head,
                "{name}"
            );
        }
        let both = [("Range", "bytes=0-0"), ("If-None-Match", &*etag)];
        assert_eq!(ask(&http, &format!("GET {path}"), &both).status, 304);
    }
    let empty = ask(&http, "GET /empty.css", &[("Range", "bytes=0-")]);
    assert_eq!(empty.status, 416);
    assert_eq!(empty.field("Content-Range"), Some("bytes */0"));
}

/// 5 GiB that take no room on the disk.
#[test]
fn offsets_have_64_bits() {
    let site = Scratch::new("files");
    let path = site.write("sparse", "");
    let file = File::options().write(true).open(&path).unwrap();
    let size = 5u64 << 30;
    file.set_len(size).unwrap();
    file.write_all_at(b"the end", size - 7).unwrap();
    let http = serve(site.path());
    let head = ask(&http, "HEAD /sparse", &[]);
    assert_eq!(head.field("Content-Length"), Some("5368709120"));
    let got = ask(&http, "GET /sparse", &[("Range", "bytes=-7")]);
    assert_eq!(got.text(), "the end");
    let want = "bytes 5368709113-5368709119/5368709120";
    assert_eq!(got.field("Content-Range"), Some(want));
}

#[test]
fn what_may_not_be_read_is_forbidden() {
    let site = Scratch::new("files");
    if site.reads_everything().unwrap() {
        eprintln!("skipped: the superuser may read everything");
        return;
    }
    let http = serve(site.path());
    let file = site.write("secret.txt", "x");
    let closed = site.directory("closed");
    site.write("closed/a.txt", "x");
    let blind = site.directory("blind");
    site.write("blind/index.html", "seen");
    for (path, mode) in [(&file, 0o000), (&closed, 0o000), (&blind, 0o311)] {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
    for (path, status) in [
        ("/secret.txt", 403),
        ("/closed/a.txt", 403),
        ("/closed/", 403),
        // The directory cannot be listed, but it can be traversed.
        ("/blind", 301),
        ("/blind/", 200),
        ("/blind/nothing", 404),
    ] {
        let line = format!("GET {path}");
        assert_eq!(ask(&http, &line, &[]).status, status, "{path}");
        let walked = walking(|| ask(&http, &line, &[]).status);
        assert_eq!(walked, status, "{path}, without openat2");
    }
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(&blind, Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_listing_has_one_name_so_that_its_links_lead_up() {
    let site = Scratch::new("files");
    site.write("a/b/c", "");
    let http = Http1::with(Files::open(site.path()).unwrap().listing(true));
    for (target, want) in [
        ("//a//b/", "../../../../a/b/"),
        ("/a/b//?x", "../../../a/b/?x"),
        ("//", "../"),
    ] {
        let mut talk = Conversation::open(&http);
        let got = get(&mut talk, target);
        assert_eq!(got.status, 301, "{target}");
        assert_eq!(got.field("Location"), Some(want), "{target}");
    }
    let mut talk = Conversation::open(&http);
    assert_eq!(get(&mut talk, "/a/b/").status, 200);
}
