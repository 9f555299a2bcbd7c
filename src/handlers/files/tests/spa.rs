//! Single-page applications: the paths that get the application's page.

use super::*;

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

fn app() -> Scratch {
    let site = Scratch::new("spa");
    for name in [
        "index.html",
        "app.js",
        "docs/index.html",
        "bare/x.txt",
        "only/page.gz",
    ] {
        age(&site.write(format!("root/{name}"), name));
    }
    site.write("root/.env", "hidden");
    site.write("secret", "secret");
    site.link("root/out", "../secret");
    site.fifo("root/fifo");
    site
}

#[test]
fn which_paths_are_its_own() {
    let site = app();
    let files = || Files::open(site.path().join("root")).unwrap();
    let spa = Http1::with(files().spa(true));
    let plain = Http1::with(files());
    let (page, missing) = ("index.html", "404 Not Found\n");
    let (yes, no) = (Some("Accept"), None);
    for (path, accept, status, vary, text) in [
        ("/users/42", Some(BROWSER), 200, yes, page),
        ("/users/42", Some("TEXT/HTML"), 200, yes, page),
        (
            "/users/42",
            Some("image/png, text/html;q=0.1"),
            200,
            yes,
            page,
        ),
        ("/users", Some(BROWSER), 200, yes, page),
        ("/users/", Some(BROWSER), 200, yes, page),
        ("/users?a=b.c", Some(BROWSER), 200, yes, page),
        ("/v1.2/users", Some(BROWSER), 200, yes, page),
        ("/bare/", Some(BROWSER), 200, yes, page),
        ("/app.js/users", Some(BROWSER), 200, yes, page),
        ("/fifo", Some(BROWSER), 200, yes, page),
        // No navigation.
        ("/users/42", None, 404, yes, missing),
        ("/users/42", Some("*/*"), 404, yes, missing),
        ("/users/42", Some("text/*"), 404, yes, missing),
        ("/users/42", Some("text/html;q=0, */*"), 404, yes, missing),
        ("/users/42", Some("application/json"), 404, yes, missing),
        ("/users/42", Some(""), 404, yes, missing),
        ("/gone.js", Some(BROWSER), 404, no, missing),
        ("/users/jane.doe", Some(BROWSER), 404, no, missing),
        ("/users/...", Some(BROWSER), 404, no, missing),
        // Files that exist are served as without `spa`.
        ("/", Some(BROWSER), 200, no, page),
        ("/app.js", Some(BROWSER), 200, no, "app.js"),
        ("/docs/", Some(BROWSER), 200, no, "docs/index.html"),
        ("/docs", Some(BROWSER), 301, no, "301 Moved Permanently\n"),
        ("/bare", Some(BROWSER), 301, no, "301 Moved Permanently\n"),
        // Hidden files and links out of the root are 404, without the page.
        ("/.env", Some(BROWSER), 404, no, missing),
        ("/.git/users", Some(BROWSER), 404, no, missing),
        ("/a%2fb", Some(BROWSER), 404, no, missing),
        ("/..%2fsecret", Some(BROWSER), 404, no, missing),
        ("/out", Some(BROWSER), 404, no, missing),
    ] {
        let fields: Vec<_> = accept.iter().map(|a| ("Accept", *a)).collect();
        let line = format!("GET {path}");
        let name = format!("{path} {accept:?}");
        let got = ask(&spa, &line, &fields);
        let title = format!("<title>{}</title>", text.trim_end());
        let is_page = status >= 300 && got.text().contains(&title);
        assert!(is_page || got.text() == text, "{name}: {}", got.text());
        assert_eq!(got.status, status, "{name}");
        let want = if status < 300 { vary } else { yes };
        assert_eq!(got.field("Vary"), want, "{name}");
        let head = ask(&spa, &format!("HEAD {path}"), &fields);
        assert_eq!((head.head, head.body), (got.head.clone(), vec![]), "{name}");
        let without = ask(&plain, &line, &fields);
        if vary.is_some() {
            assert_eq!(without.status, 404, "{name}, without");
        } else {
            assert_eq!(without, got, "{name}, without");
        }
    }
    let got = ask(&spa, "POST /users/42", &[("Accept", BROWSER)]);
    assert_eq!(got.status, 405);
}

#[test]
fn its_page_is_what_the_root_serves() {
    let site = app();
    site.write("root/index.html.gz", "coded");
    let files = || {
        let files = Files::open(site.path().join("root")).unwrap();
        files.spa(true).caching(Caching::Auto)
    };
    let http = Http1::with(files());
    let both = [("Accept", BROWSER), ("Accept-Encoding", "gzip")];
    for fields in [&both[..1], &both] {
        let root = ask(&http, "GET /", fields);
        let mut got = ask(&http, "GET /users/42", fields);
        assert_eq!(got.field("Vary"), Some("Accept, Accept-Encoding"));
        assert_eq!(got.field("Cache-Control"), Some("no-cache"));
        assert_eq!(got.field("Content-Type"), Some("text/html; charset=utf-8"));
        let etag = got.field("ETag").unwrap().to_owned();
        let known = [fields, &[("If-None-Match", &*etag)]].concat();
        let again = ask(&http, "GET /users/43", &known);
        assert_eq!(again.status, 304);
        assert_eq!(again.field("Vary"), Some("Accept, Accept-Encoding"));
        assert_eq!(again.field("Cache-Control"), Some("no-cache"));
        got.head = got.head.replace("Vary: Accept, ", "Vary: ");
        assert_eq!(got, root);
    }
    // There may be none, or another one.
    for (index, status) in [("none.html", 404), ("", 404), ("app.js", 200)] {
        let http = Http1::with(files().index(index));
        let got = ask(&http, "GET /users", &both);
        assert_eq!(got.status, status, "{index:?}");
        assert_eq!(got.field("Vary"), Some("Accept"), "{index:?}");
    }
}
