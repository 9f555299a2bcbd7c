//! Coded forms of files: negotiation, the fields of each form, and changes on the disk.

use std::cell::Cell;

use super::super::variants::Coding;
use super::*;
use crate::time::Now;

const ALL: &str = "gzip, deflate, br, zstd";

/// Files whose bytes say what they are.
fn coded_site() -> Scratch {
    let site = Scratch::new("variants");
    for name in ["app.js", "app.js.br", "app.js.zst", "app.js.gz"] {
        age(&site.write(format!("root/{name}"), name));
    }
    for name in [
        "style.css",
        "style.css.gz",
        "plain.txt",
        "only.js.gz",
        "both.js.zst",
        "both.js.gz",
        "index.html",
        "index.html.br",
        "docs/index.html.gz",
        "twice.gz",
        "twice.gz.br",
        "empty/.br",
        "linked.js",
        "outside.js",
        "fifo.js",
        "folder.js",
        "folder.js.gz/x",
        "secret.js.gz",
        "real.br",
        ".env.gz",
    ] {
        site.write(format!("root/{name}"), name);
    }
    site.write("root/large.js", large());
    site.write("root/large.js.gz", &large()[1..]);
    site.write("secret.gz", "secret");
    site.directory("root/list");
    site.write("root/list.gz", "list.gz");
    site.link("root/linked.js.br", "real.br");
    site.link("root/outside.js.gz", "../secret.gz");
    site.link("root/out.js", "../secret.gz");
    site.write("root/out.js.gz", "out.js.gz");
    site.fifo("root/fifo.js.br");
    site
}

#[test]
fn who_gets_which() {
    let site = coded_site();
    let root = site.path().join("root");
    let http = serve(&root);
    let uncached = Http1::with(Files::open(&root).unwrap().cache(0));
    let one = Http1::with(Files::open(&root).unwrap().cache(1));
    let (br, zstd, gzip) = (Some("br"), Some("zstd"), Some("gzip"));
    for (path, accept, status, coding, vary, body) in [
        ("/app.js", Some(ALL), 200, br, true, "app.js.br"),
        ("/app.js", Some("gzip, zstd"), 200, zstd, true, "app.js.zst"),
        ("/app.js", Some("GZIP"), 200, gzip, true, "app.js.gz"),
        ("/app.js", Some("x-gzip"), 200, gzip, true, "app.js.gz"),
        ("/app.js", Some("*"), 200, br, true, "app.js.br"),
        ("/app.js", Some("br;q=0, *"), 200, zstd, true, "app.js.zst"),
        (
            "/app.js",
            Some("gzip, br;q=0.9"),
            200,
            gzip,
            true,
            "app.js.gz",
        ),
        (
            "/app.js",
            Some("gzip;q=0.9, identity"),
            200,
            None,
            true,
            "app.js",
        ),
        ("/app.js", Some("gzip;q=0"), 200, None, true, "app.js"),
        ("/app.js", Some("deflate"), 200, None, true, "app.js"),
        ("/app.js", Some(""), 200, None, true, "app.js"),
        ("/app.js", None, 200, None, true, "app.js"),
        ("/app.js?v=1", Some(ALL), 200, br, true, "app.js.br"),
        // The plain form is refused, but there is no other.
        ("/app.js", Some("*;q=0"), 200, None, true, "app.js"),
        ("/plain.txt", Some("*;q=0"), 200, None, false, "plain.txt"),
        ("/plain.txt", Some(ALL), 200, None, false, "plain.txt"),
        ("/style.css", Some(ALL), 200, gzip, true, "style.css.gz"),
        // Coded alone.
        ("/only.js", Some(ALL), 200, gzip, true, "only.js.gz"),
        ("/only.js", None, 200, gzip, true, "only.js.gz"),
        (
            "/only.js",
            Some("br"),
            406,
            None,
            true,
            "406 Not Acceptable\ngzip\n",
        ),
        (
            "/only.js",
            Some(""),
            406,
            None,
            true,
            "406 Not Acceptable\ngzip\n",
        ),
        (
            "/both.js",
            Some("identity"),
            406,
            None,
            true,
            "406 Not Acceptable\nzstd\ngzip\n",
        ),
        // Pages of directories.
        ("/", Some(ALL), 200, br, true, "index.html.br"),
        ("/", None, 200, None, true, "index.html"),
        ("/index.html", Some(ALL), 200, br, true, "index.html.br"),
        ("/docs/", Some(ALL), 200, gzip, true, "docs/index.html.gz"),
        ("/empty/", Some(ALL), 404, None, false, "404 Not Found\n"),
        // By their own names.
        ("/app.js.gz", Some(ALL), 200, None, false, "app.js.gz"),
        ("/app.js.br", None, 200, None, false, "app.js.br"),
        ("/twice.gz", Some(ALL), 200, None, false, "twice.gz"),
        ("/twice", Some(ALL), 200, gzip, true, "twice.gz"),
        // Coded forms that may not be served either.
        (
            "/list",
            Some(ALL),
            301,
            None,
            false,
            "301 Moved Permanently\n",
        ),
        ("/list/", Some(ALL), 404, None, false, "404 Not Found\n"),
        ("/linked.js", Some(ALL), 200, br, true, "real.br"),
        ("/outside.js", Some(ALL), 200, None, false, "outside.js"),
        ("/out.js", Some(ALL), 404, None, false, "404 Not Found\n"),
        ("/fifo.js", Some(ALL), 200, None, false, "fifo.js"),
        ("/folder.js", Some(ALL), 200, None, false, "folder.js"),
        ("/.env", Some(ALL), 404, None, false, "404 Not Found\n"),
        (
            "/%2e%2e%2fsecret",
            Some(ALL),
            404,
            None,
            false,
            "404 Not Found\n",
        ),
        ("/../secret", Some(ALL), 404, None, false, "404 Not Found\n"),
        ("/app.js/", Some(ALL), 404, None, false, "404 Not Found\n"),
        (
            "/nothing.js",
            Some(ALL),
            404,
            None,
            false,
            "404 Not Found\n",
        ),
    ] {
        let fields: Vec<_> = accept.iter().map(|a| ("Accept-Encoding", *a)).collect();
        let line = format!("GET {path}");
        let got = ask(&http, &line, &fields);
        let name = format!("{path} {accept:?}");
        assert_eq!((got.status, got.text()), (status, body), "{name}");
        assert_eq!(got.field("Content-Encoding"), coding, "{name}");
        let want = match status {
            // The body of an error is HTML or text.
            301 | 404 => Some("Accept"),
            406 => Some("Accept-Encoding, Accept"),
            _ => vary.then_some("Accept-Encoding"),
        };
        assert_eq!(got.field("Vary"), want, "{name}");
        assert_eq!(got.field("Content-Length"), Some(&*body.len().to_string()));
        let head = ask(&http, &format!("HEAD {path}"), &fields);
        assert_eq!((head.head, head.body), (got.head.clone(), vec![]), "{name}");
        assert_eq!(ask(&uncached, &line, &fields), got, "{name}, no cache");
        assert_eq!(ask(&one, &line, &fields), got, "{name}, one in the cache");
        let walked = walking(|| ask(&uncached, &line, &fields));
        assert_eq!(walked, got, "{name}, without openat2");
    }
}

#[test]
fn what_is_said_of_coded_files() {
    let site = coded_site();
    let http = serve(&site.path().join("root"));
    for (path, content_type) in [
        ("/app.js", "text/javascript; charset=utf-8"),
        ("/only.js", "text/javascript; charset=utf-8"),
        ("/", "text/html; charset=utf-8"),
        ("/docs/", "text/html; charset=utf-8"),
        ("/app.js.gz", "application/gzip"),
        ("/app.js.zst", "application/zstd"),
    ] {
        let got = ask(&http, &format!("GET {path}"), &[("Accept-Encoding", ALL)]);
        assert_eq!(got.field("Content-Type"), Some(content_type), "{path}");
        assert_eq!(got.field("Accept-Ranges"), Some("bytes"), "{path}");
        let nosniff = got.field("X-Content-Type-Options");
        assert_eq!(nosniff, Some("nosniff"), "{path}");
    }
}

/// Links are followed into coded files by the rules for plain ones.
#[test]
fn links_are_refused_for_coded_files_too() {
    let site = coded_site();
    let files = Files::open(site.path().join("root")).unwrap();
    let http = Http1::with(files.follow_links(false));
    let got = ask(&http, "GET /linked.js", &[("Accept-Encoding", ALL)]);
    assert_eq!((got.status, got.text()), (200, "linked.js"));
    assert_eq!(got.field("Vary"), None);
}

/// On one connection, in every order: each coding has its own tag, and conditions and ranges
/// apply to the form that is sent.
#[test]
fn conditions_and_ranges_are_about_the_form_that_is_sent() {
    let site = coded_site();
    let http = serve(&site.path().join("root"));
    let forms = [
        ("br", "app.js.br"),
        ("zstd", "app.js.zst"),
        ("gzip", "app.js.gz"),
    ];
    let forms = [("identity", "app.js")].into_iter().chain(forms);
    let tags: Vec<(&str, &str, String)> = forms
        .map(|(coding, body)| {
            let got = ask(&http, "GET /app.js", &[("Accept-Encoding", coding)]);
            assert_eq!(got.text(), body, "{coding}");
            (coding, body, got.field("ETag").unwrap().to_owned())
        })
        .collect();
    let mut talk = Conversation::open(&http);
    for (coding, body, etag) in &tags {
        for (other, _, known) in &tags {
            let same = coding == other;
            let name = format!("{coding}, known as {other}");
            let mut ask = |method: &str, fields: &[(&str, &str)]| {
                let fields = [fields, &[("Accept-Encoding", *coding)]].concat();
                let line = format!("{method} /app.js");
                Answer::of(&talk.send(wire(&line, &fields).as_bytes()))
            };
            for method in ["GET", "HEAD"] {
                let got = ask(method, &[("If-None-Match", known)]);
                assert_eq!(got.status, if same { 304 } else { 200 }, "{name}");
                assert_eq!(got.field("ETag"), Some(&**etag), "{name}");
                assert_eq!(got.field("Vary"), Some("Accept-Encoding"), "{name}");
                assert_eq!(
                    got.field("Content-Encoding").is_none(),
                    same || *coding == "identity"
                );
            }
            let got = ask("GET", &[("If-Match", known)]);
            assert_eq!(got.status, if same { 200 } else { 412 }, "{name}");
            let got = ask("GET", &[("Range", "bytes=-4"), ("If-Range", known)]);
            let want = if same { &body[body.len() - 4..] } else { body };
            let status = if same { 206 } else { 200 };
            assert_eq!((got.status, got.text()), (status, want), "{name}");
            assert_eq!(got.field("ETag"), Some(&**etag), "{name}");
            assert_eq!(got.field("Vary"), Some("Accept-Encoding"), "{name}");
            let range = format!("bytes {}-{}/{}", body.len() - 4, body.len() - 1, body.len());
            let range = same.then_some(&*range);
            assert_eq!(got.field("Content-Range"), range, "{name}");
            // All four forms have this time, so it identifies none.
            let got = ask("GET", &[("Range", "bytes=-4"), ("If-Range", CHANGED)]);
            assert_eq!((got.status, got.text()), (200, *body), "{name}");
            let got = ask("GET", &[("Range", "bytes=99-")]);
            assert_eq!(got.status, 416, "{name}");
            let want = format!("bytes */{}", body.len());
            assert_eq!(got.field("Content-Range"), Some(&*want), "{name}");
        }
    }
    let all = [("Accept-Encoding", "gzip"), ("Range", "bytes=-1")];
    let got = ask(&http, "GET /large.js", &all);
    assert_eq!(
        got.field("Content-Range"),
        Some("bytes 199998-199998/199999")
    );
    assert_eq!(got.body, large()[199_999..]);
}

/// Each change is noticed after one second; until then a form that is gone causes no error.
#[test]
fn coded_forms_come_and_go() {
    let site = Scratch::new("variants");
    for name in ["a.js", "a.js.gz", "b.js.gz", "c.js", "c.js.zst", "c.js.gz"] {
        site.write(name, name);
    }
    let http = serve(site.path());
    let mut talk = Conversation::open(&http);
    let mut after = |ms: u64, path: &str, accept: &str| {
        talk.pass(ms);
        let fields = [("Accept-Encoding", accept)];
        let got = Answer::of(&talk.send(wire(&format!("GET {path}"), &fields).as_bytes()));
        (got.status, got.text().to_owned())
    };
    assert_eq!(after(0, "/a.js", "gzip"), (200, "a.js.gz".into()));
    assert_eq!(
        after(0, "/b.js", "br"),
        (406, "406 Not Acceptable\ngzip\n".into())
    );
    site.write("a.js.br", "a.js.br");
    site.write("a.js.gz", "another");
    assert_eq!(after(999, "/a.js", "gzip, br"), (200, "a.js.gz".into()));
    assert_eq!(after(1, "/a.js", "gzip, br"), (200, "a.js.br".into()));
    assert_eq!(after(0, "/a.js", "gzip"), (200, "another".into()));
    assert_eq!(after(0, "/b.js", "br").0, 406);
    assert_eq!(after(0, "/c.js", ""), (200, "c.js".into()));
    for name in ["a.js.br", "b.js.gz", "c.js.zst"] {
        fs::remove_file(site.path().join(name)).unwrap();
    }
    // A form is cached, or was never opened: the other two were only looked up.
    assert_eq!(after(0, "/c.js", "gzip, zstd"), (200, "c.js.gz".into()));
    assert_eq!(after(0, "/c.js", "zstd"), (200, "c.js".into()));
    assert_eq!(after(0, "/a.js", "gzip, br"), (200, "a.js.br".into()));
    assert_eq!(after(0, "/b.js", "gzip").0, 404);
    assert_eq!(after(1_000, "/a.js", "gzip, br"), (200, "another".into()));
    fs::remove_file(site.path().join("a.js")).unwrap();
    assert_eq!(after(1_000, "/a.js", "br").0, 406);
    assert_eq!(after(0, "/a.js", "gzip"), (200, "another".into()));
    fs::remove_file(site.path().join("a.js.gz")).unwrap();
    assert_eq!(after(1_000, "/a.js", "gzip").0, 404);
}

/// With four forms of each file, no more forms are open or in memory than the cache may hold.
#[test]
fn every_form_counts_as_a_file() {
    let site = Scratch::new("variants");
    let suffixes = ["", ".br", ".zst", ".gz"];
    for n in 0..4 {
        for suffix in suffixes {
            site.write(format!("{n}.js{suffix}"), large());
        }
    }
    let now = Now::default();
    let mut store = Store::open(site.path(), 5).unwrap();
    for path in ["/0.js", "/1.js", "/2.js", "/3.js", "/0.js"] {
        assert!(matches!(
            store.find(path.as_bytes(), now),
            Ok(Found::File(_))
        ));
        for coding in Coding::ALL {
            let entry = store.find_coded(path.as_bytes(), coding, now).unwrap();
            assert!(entry.is_open(), "{path} {coding:?}");
        }
        let open = Cell::new(0);
        store.cache.retain(|source, _| {
            open.set(open.get() + usize::from(source.plain.is_some()));
            true
        });
        assert!((4..=5).contains(&open.get()), "{path}: {}", open.get());
    }
}

/// An older coded form is served as well: programs that copy files keep no order among times.
#[test]
fn a_coded_form_need_not_be_newer() {
    let site = Scratch::new("variants");
    site.write("a.js", "new");
    age(&site.write("a.js.gz", "old"));
    let http = serve(site.path());
    let got = ask(&http, "GET /a.js", &[("Accept-Encoding", "gzip")]);
    assert_eq!(got.text(), "old");
    assert_eq!(got.field("Last-Modified"), Some(CHANGED));
}

#[test]
fn permissions_of_the_plain_file_count() {
    let site = Scratch::new("variants");
    if site.reads_everything().unwrap() {
        eprintln!("skipped: the superuser may read everything");
        return;
    }
    for (name, mode) in [
        ("a.js", 0o000),
        ("a.js.gz", 0o644),
        ("b.js", 0o644),
        ("b.js.gz", 0o000),
    ] {
        let path = site.write(name, name);
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
    let http = serve(site.path());
    for (path, status, text) in [("/a.js", 403, "403 Forbidden\n"), ("/b.js", 200, "b.js")] {
        let got = ask(
            &http,
            &format!("GET {path}"),
            &[("Accept-Encoding", "gzip")],
        );
        assert_eq!((got.status, got.text()), (status, text), "{path}");
    }
}
