//! `Cache-Control`: its values, and the responses that have it.

use super::*;

const HASHED: &str = "public, max-age=31536000, immutable";
const OTHER: &str = "public, max-age=60, must-revalidate";

#[test]
fn what_is_said_of_keeping_a_file() {
    let site = Scratch::new("caching");
    for name in [
        "index.html",
        "index.html.gz",
        "docs/index.html",
        "app.js",
        "assets/index-BkX3f9aZ.js",
        "assets/index-BkX3f9aZ.js.gz",
        "main.8f3a2b1c.js.gz",
    ] {
        age(&site.write(name, name));
    }
    let serve = |caching: Option<Caching>| {
        let files = Files::open(site.path()).unwrap();
        Http1::with(match caching {
            Some(caching) => files.caching(caching),
            None => files,
        })
    };
    let not_found = ("/nothing-BkX3f9aZ.js", None);
    for (name, http, rows) in [
        (
            "auto",
            serve(Some(Caching::Auto)),
            [
                ("/", Some("no-cache")),
                ("/docs/", Some("no-cache")),
                ("/app.js", Some(OTHER)),
                ("/app.js?index-BkX3f9aZ.js", Some(OTHER)),
                ("/assets/index-BkX3f9aZ.js", Some(HASHED)),
                ("/main.8f3a2b1c.js", Some(HASHED)),
                not_found,
            ],
        ),
        (
            "seconds",
            serve(Some(Caching::Seconds(5))),
            [
                ("/", Some("public, max-age=5")),
                ("/docs/", Some("public, max-age=5")),
                ("/app.js", Some("public, max-age=5")),
                ("/app.js?index-BkX3f9aZ.js", Some("public, max-age=5")),
                ("/assets/index-BkX3f9aZ.js", Some("public, max-age=5")),
                ("/main.8f3a2b1c.js", Some("public, max-age=5")),
                not_found,
            ],
        ),
        (
            "nothing by default",
            serve(None),
            [
                ("/", None),
                ("/docs/", None),
                ("/app.js", None),
                ("/app.js?index-BkX3f9aZ.js", None),
                ("/assets/index-BkX3f9aZ.js", None),
                ("/main.8f3a2b1c.js", None),
                not_found,
            ],
        ),
    ] {
        for (path, want) in rows {
            for accept in ["", "gzip"] {
                let ask = |method: &str, fields: &[(&str, &str)]| {
                    let fields = [fields, &[("Accept-Encoding", accept)]].concat();
                    let got = ask(&http, &format!("{method} {path}"), &fields);
                    (got.status, got.field("Cache-Control").map(String::from))
                };
                let name = format!("{name}: {path} {accept:?}");
                let want = want.map(String::from);
                let status = match (path, accept) {
                    ("/nothing-BkX3f9aZ.js", _) => 404,
                    ("/main.8f3a2b1c.js", "") => 406,
                    _ => 200,
                };
                if status != 200 {
                    assert_eq!(ask("GET", &[]), (status, None), "{name}");
                    continue;
                }
                assert_eq!(ask("GET", &[]), (200, want.clone()), "{name}");
                assert_eq!(ask("HEAD", &[]), (200, want.clone()), "{name}");
                let got = ask("GET", &[("Range", "bytes=0-0")]);
                assert_eq!(got, (206, want.clone()), "{name}");
                let got = ask("GET", &[("If-None-Match", "*")]);
                assert_eq!(got, (304, want), "{name}");
                // An error is not the file.
                let got = ask("GET", &[("Range", "bytes=99-")]);
                assert_eq!(got, (416, None), "{name}");
                let got = ask("GET", &[("If-Match", "\"x\"")]);
                assert_eq!(got, (412, None), "{name}");
            }
        }
    }
}

/// The file's time lies after the clock of the harness.
#[test]
fn a_time_in_the_future_changes_nothing() {
    let site = Scratch::new("caching");
    let path = site.write("a.txt", "x");
    let at = UNIX_EPOCH + Duration::from_secs(4_000_000_000);
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(at).unwrap();
    let files = Files::open(site.path()).unwrap();
    let http = Http1::with(files.caching(Caching::Seconds(5)));
    for fields in [&[][..], &[("If-None-Match", "*")]] {
        let got = ask(&http, "GET /a.txt", fields);
        assert_eq!(got.field("Cache-Control"), Some("public, max-age=5"));
    }
}
