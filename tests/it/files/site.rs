//! A directory served by the program: what its flags about files come to.

use std::fs;

use crate::server::{Response, Server, TempDir};

/// A site as a bundler leaves it; `name` tells it from those of other tests.
fn site(name: &str) -> TempDir {
    let site = TempDir::new(name);
    for (name, text) in [
        ("index.html", "<p>page"),
        ("index.html.gz", "page, coded"),
        ("app.js", "plain"),
        ("app.js.gz", "coded"),
        ("assets/index-BkX3f9aZ.js", "hashed"),
    ] {
        let path = site.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    site
}

fn get(server: &Server, path: &str, fields: &str) -> Response {
    let wire = format!("GET {path} HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
    server.request(wire.as_bytes())
}

#[test]
fn what_was_compressed_is_served_without_a_flag() {
    let site = site("coded");
    let server = Server::start(&["-w", "1", site.text()]);
    let mut client = server.connect();
    for (fields, coding, text) in [
        (
            "Accept-Encoding: gzip, deflate, br, zstd\r\n",
            Some("gzip"),
            "coded",
        ),
        ("", None, "plain"),
        ("Accept-Encoding: gzip\r\n", Some("gzip"), "coded"),
        ("Accept-Encoding: gzip;q=0, *\r\n", None, "plain"),
    ] {
        let wire = format!("GET /app.js HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
        client.send(wire.as_bytes());
        let got = client.response();
        assert_eq!(got.text(), text, "{fields}");
        assert_eq!(got.header("Content-Encoding"), coding, "{fields}");
        assert_eq!(got.header("Vary"), Some("Accept-Encoding"), "{fields}");
    }
}

#[test]
fn how_long_files_may_be_kept() {
    let site = site("kept");
    let hashed = "public, max-age=31536000, immutable";
    let other = "public, max-age=60, must-revalidate";
    for (args, page, script, asset) in [
        (&[][..], Some("no-cache"), Some(other), Some(hashed)),
        (
            &["--cache", "auto"],
            Some("no-cache"),
            Some(other),
            Some(hashed),
        ),
        (&["--cache", "off"], None, None, None),
        (
            &["--cache", "300"],
            Some("public, max-age=300"),
            Some("public, max-age=300"),
            Some("public, max-age=300"),
        ),
    ] {
        let server = Server::start(&[&["-w", "1", site.text()], args].concat());
        for (path, want) in [
            ("/", page),
            ("/app.js", script),
            ("/assets/index-BkX3f9aZ.js", asset),
            ("/nothing", None),
        ] {
            let got = get(&server, path, "");
            assert_eq!(got.header("Cache-Control"), want, "{args:?} {path}");
        }
    }
}

#[test]
fn an_application_answers_for_its_own_paths() {
    let site = site("spa");
    let browser = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";
    for (args, path, fields, status, text) in [
        (&["--spa"][..], "/users/42", browser, 200, "<p>page"),
        (
            &["--spa"],
            "/users/42",
            "Accept: */*\r\n",
            404,
            "404 Not Found\n",
        ),
        (
            &["--spa"],
            "/assets/gone.js",
            browser,
            404,
            "<title>404 Not Found</title>",
        ),
        (
            &["--spa", "--index", "app.js"],
            "/users/42",
            browser,
            200,
            "plain",
        ),
        (
            &[],
            "/users/42",
            browser,
            404,
            "<title>404 Not Found</title>",
        ),
    ] {
        let server = Server::start(&[&["-w", "1", site.text()], args].concat());
        let got = get(&server, path, fields);
        assert_eq!(got.status, status, "{args:?} {path}");
        assert!(got.text().contains(text), "{args:?} {path}: {}", got.text());
    }
}

#[test]
fn what_cannot_work_is_said_at_the_start() {
    let site = site("doubts");
    let server = Server::start(&[
        "-w1",
        "--spa",
        "--index=app.html",
        "--error-page=404=/none.html",
        "--error-page=403=/app.js",
        site.text(),
    ]);
    let warnings: Vec<String> = server.err.all();
    let told = |text: &str| warnings.iter().filter(|line| line.contains(text)).count();
    assert_eq!(told("there is no /none.html for 404"), 1, "{warnings:?}");
    assert_eq!(told("no page for the application"), 1, "{warnings:?}");
    assert_eq!(told("/app.js"), 0, "{warnings:?}");
    assert_eq!(get(&server, "/app.js", "").text(), "plain");
}
