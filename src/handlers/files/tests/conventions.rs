//! `404.html`, `_redirects` and `_headers`: what a site says of itself.

use super::*;

const REDIRECTS: &str = "\
# moved
/old /new
/gone /404.html 404
/shadow /new 301
/forced /new 301!
/blog/:year/:slug /posts/:year-:slug.html?y=:year 308
/away/* https://other.example/:splat 302
/hide/* /:splat 200
/swap/:a/* /:splat/:a
/api/* https://backend.example/:splat 200
/app/* /app/index.html 200
/lang/* /en/404.html 404
/broken
";

const HEADERS: &str = "\
/*
  X-Frame-Options: DENY
  Link: </a>; rel=x
/assets/*
  Cache-Control: public, max-age=31536000, immutable
  Link: </b>; rel=y
/old
  X-Not: on a redirection
/plain
  ! X-Frame-Options
  Content-Type: text/markdown; charset=utf-8
";

fn site() -> Scratch {
    let site = Scratch::new("conventions");
    for (name, text) in [
        ("index.html", "home"),
        ("404.html", "lost"),
        ("new", "new"),
        ("shadow", "the file"),
        ("forced", "the file"),
        ("plain", "plain"),
        ("app/index.html", "the app"),
        ("app/app.js", "code"),
        ("en/404.html", "not in English"),
        ("assets/a.css", "css"),
        (".env", "secret"),
        ("_redirects", REDIRECTS),
        ("_headers", HEADERS),
        ("dir/_redirects", "another file"),
    ] {
        age(&site.write(format!("root/{name}"), text));
    }
    site
}

#[test]
fn the_rules_of_a_site_are_followed() {
    let site = site();
    let http = serve(&site.path().join("root"));
    for (path, status, location, text) in [
        ("/old", 302, Some("/new"), "302 Found\n"),
        ("/old?a=1", 302, Some("/new?a=1"), "302 Found\n"),
        ("/old/", 302, Some("/new"), "302 Found\n"),
        ("/gone", 404, None, "lost"),
        ("/shadow", 200, None, "the file"),
        ("/forced", 301, Some("/new"), "301 Moved Permanently\n"),
        (
            "/blog/2024/a%20b",
            308,
            Some("/posts/2024-a%20b.html?y=2024"),
            "308 Permanent Redirect\n",
        ),
        (
            "/blog/2024/x?q=1",
            308,
            Some("/posts/2024-x.html?y=2024"),
            "308 Permanent Redirect\n",
        ),
        (
            "/away/x/y",
            302,
            Some("https://other.example/x/y"),
            "302 Found\n",
        ),
        (
            "/away//evil.example",
            302,
            Some("https://other.example/evil.example"),
            "302 Found\n",
        ),
        (
            "/away/a%0d%0aX:%20y",
            302,
            Some("https://other.example/a%0D%0AX%3A%20y"),
            "302 Found\n",
        ),
        ("/swap/a/b", 302, Some("/b/a"), "302 Found\n"),
        (
            "/swap/evil.example/",
            302,
            Some("/evil.example"),
            "302 Found\n",
        ),
        (
            "/swap/evil.example",
            302,
            Some("/evil.example"),
            "302 Found\n",
        ),
        ("/hide/new", 200, None, "new"),
        ("/hide/", 200, None, "home"),
        ("/hide/.env", 404, None, "lost"),
        ("/hide/_headers", 404, None, "lost"),
        ("/api/x", 404, None, "lost"),
        ("/app/users/7", 200, None, "the app"),
        ("/app/app.js", 200, None, "code"),
        ("/lang/x", 404, None, "not in English"),
        ("/broken", 404, None, "lost"),
        ("/nowhere", 404, None, "lost"),
        ("/_redirects", 404, None, "lost"),
        ("/_headers", 404, None, "lost"),
        ("/dir/_redirects", 200, None, "another file"),
    ] {
        let got = ask(&http, &format!("GET {path}"), &[]);
        assert_eq!((got.status, got.text()), (status, text), "{path}");
        assert_eq!(got.field("Location"), location, "{path}");
        let head = ask(&http, &format!("HEAD {path}"), &[]);
        assert_eq!(
            (head.status, head.field("Location")),
            (status, location),
            "{path}"
        );
        let frames = (!(300..400).contains(&status) && path != "/plain").then_some("DENY");
        assert_eq!(got.field("X-Frame-Options"), frames, "{path}");
        assert_eq!(got.field("X-Not"), None);
    }
    assert_eq!(ask(&http, "DELETE /old", &[]).status, 405);
}

#[test]
fn the_fields_of_a_site_are_sent() {
    let site = site();
    let http = serve(&site.path().join("root"));
    let css = ask(&http, "GET /assets/a.css", &[]);
    assert_eq!(
        css.field("Cache-Control"),
        Some("public, max-age=31536000, immutable")
    );
    assert_eq!(css.head.matches("Cache-Control").count(), 1, "{}", css.head);
    for link in ["</a>; rel=x", "</b>; rel=y"] {
        assert!(
            css.head.contains(&format!("\r\nLink: {link}\r\n")),
            "{}",
            css.head
        );
    }
    let etag = css.field("ETag").unwrap().to_owned();
    let same = ask(&http, "GET /assets/a.css", &[("If-None-Match", &etag)]);
    assert_eq!(
        (same.status, same.field("Cache-Control")),
        (304, css.field("Cache-Control"))
    );
    let plain = ask(&http, "GET /plain", &[]);
    assert_eq!(
        plain.field("Content-Type"),
        Some("text/markdown; charset=utf-8")
    );
    assert_eq!(plain.field("X-Frame-Options"), None);
}

#[test]
fn a_change_is_seen_within_a_second_and_a_site_without_rules_has_none() {
    let site = site();
    let root = site.path().join("root");
    let http = serve(&root);
    let mut talk = Conversation::open(&http);
    assert_eq!(get(&mut talk, "/old").status, 302);
    fs::write(root.join("_redirects"), "/old /plain 301\n").unwrap();
    fs::remove_file(root.join("_headers")).unwrap();
    fs::remove_file(root.join("404.html")).unwrap();
    talk.pass(1_000);
    let moved = get(&mut talk, "/old");
    assert_eq!(
        (moved.status, moved.field("Location")),
        (301, Some("/plain"))
    );
    assert_eq!(get(&mut talk, "/plain").field("X-Frame-Options"), None);
    assert_eq!(get(&mut talk, "/nowhere").text(), "404 Not Found\n");
    fs::remove_file(root.join("_redirects")).unwrap();
    talk.pass(1_000);
    assert_eq!(get(&mut talk, "/old").status, 404);
}

#[test]
fn what_is_left_out_is_said_at_the_start() {
    let site = site();
    let files = Files::open(site.path().join("root")).unwrap();
    assert_eq!(
        files.config_warnings(),
        [
            "_redirects, line 10: proxying is not supported; this is left out",
            "_redirects, line 13: there is no destination; this is left out",
        ]
    );
    site.write("root/_headers", b"/a\n  X: \xff\n");
    let files = Files::open(site.path().join("root")).unwrap();
    let last = files.config_warnings().pop().unwrap();
    assert_eq!(last, "_headers, it is not UTF-8; this is left out");
    // Rules of nothing but errors, and a directory of that name, are no rules.
    fs::remove_file(site.path().join("root/_redirects")).unwrap();
    fs::create_dir(site.path().join("root/_redirects")).unwrap();
    assert_eq!(ask(&Http1::with(files), "GET /old", &[]).status, 404);
}
