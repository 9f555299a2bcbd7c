//! Changes on the disk, and how soon the server notices them.

use super::*;

/// Each change is noticed after one second, and not before where the file is cached.
#[test]
fn changes_are_noticed_within_a_second() {
    type Change = fn(&Scratch);
    let changes: &[(&str, Change, Option<&str>)] = &[
        ("nothing", |_| (), Some("first")),
        (
            "replaced",
            |site| {
                site.write("f.new", "second one");
                rename(site, "f.new", "f")
            },
            Some("second one"),
        ),
        (
            "replaced, same size",
            |site| {
                site.write("f.new", "other");
                rename(site, "f.new", "f")
            },
            Some("other"),
        ),
        (
            "edited in place, same size and time",
            |site| {
                age(&site.write("f", "other"));
            },
            Some("other"),
        ),
        (
            "truncated",
            |site| {
                site.write("f", "fi");
            },
            Some("fi"),
        ),
        (
            "grown",
            |site| {
                site.write("f", "first and more");
            },
            Some("first and more"),
        ),
        (
            "deleted",
            |site| fs::remove_file(site.path().join("f")).unwrap(),
            None,
        ),
        (
            "a directory now",
            |site| {
                fs::remove_file(site.path().join("f")).unwrap();
                site.directory("f");
            },
            None,
        ),
        (
            "a FIFO now",
            |site| {
                fs::remove_file(site.path().join("f")).unwrap();
                site.fifo("f");
            },
            None,
        ),
        (
            "a link out now",
            |site| {
                fs::remove_file(site.path().join("f")).unwrap();
                site.link("f", "/etc/passwd");
            },
            None,
        ),
    ];
    for (name, change, want) in changes {
        let site = Scratch::new("files");
        age(&site.write("f", "first"));
        let http = serve(site.path());
        let mut talk = Conversation::open(&http);
        let first = get(&mut talk, "/f");
        assert_eq!(first.text(), "first", "{name}");
        change(&site);
        assert_eq!(get(&mut talk, "/f"), first, "{name}: at once");
        talk.pass(999);
        assert_eq!(get(&mut talk, "/f").text(), "first", "{name}: after 999 ms");
        talk.pass(1);
        let got = get(&mut talk, "/f");
        match want {
            Some(text) => {
                assert_eq!((got.status, got.text()), (200, *text), "{name}");
                let same = got.field("ETag") == first.field("ETag");
                assert_eq!(same, *text == "first", "{name}: {got:?}");
            }
            None => assert_ne!(got.status, 200, "{name}"),
        }
        assert!(!talk.closed(), "{name}");
    }
}

fn rename(site: &Scratch, from: &str, to: &str) {
    fs::rename(site.path().join(from), site.path().join(to)).unwrap();
}

#[test]
fn without_a_cache_changes_are_noticed_at_once() {
    let site = Scratch::new("files");
    site.write("f", "first");
    let http = Http1::with(Files::open(site.path()).unwrap().cache(0));
    let mut talk = Conversation::open(&http);
    for text in ["first", "second", "third"] {
        site.write("f", text);
        let got = get(&mut talk, "/f");
        assert_eq!(got.text(), text);
    }
}

/// As `ln -sfn` does it, and as renaming the directory itself does it.
#[test]
fn a_deploy_that_replaces_the_root_is_noticed_within_a_second() {
    for by_link in [true, false] {
        let site = Scratch::new("files");
        site.write("one/f", "one");
        site.write("one/gone", "one");
        site.write("two/f", "two");
        if by_link {
            site.link("root", "one");
        } else {
            rename(&site, "one", "root");
        }
        let http = serve(&site.path().join("root"));
        let mut talk = Conversation::open(&http);
        let mut after = |ms: u64, path: &str| {
            talk.pass(ms);
            let got = get(&mut talk, path);
            (got.status, got.text().to_owned())
        };
        assert_eq!(after(0, "/f"), (200, "one".into()));
        assert_eq!(after(0, "/gone"), (200, "one".into()));
        if by_link {
            site.link("new", "two");
            rename(&site, "new", "root");
        } else {
            rename(&site, "root", "old");
            // In the middle of a deploy the old one stays.
            assert_eq!(after(1_500, "/f"), (200, "one".into()));
            rename(&site, "two", "root");
        }
        assert_eq!(
            after(1_000, "/f"),
            (200, "two".into()),
            "by link: {by_link}"
        );
        assert_eq!(after(0, "/gone").0, 404, "by link: {by_link}");
    }
}

#[test]
fn a_large_file_that_is_edited_in_place_has_its_new_length_at_once() {
    let site = Scratch::new("files");
    let path = site.write("f", large());
    let http = serve(site.path());
    let mut talk = Conversation::open(&http);
    let got = get(&mut talk, "/f");
    assert_eq!(got.body.len(), 200_000);
    let tag = got.field("ETag").map(str::to_owned);
    File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_len(100_000)
        .unwrap();
    let got = get(&mut talk, "/f");
    assert_eq!(got.body.len(), 100_000);
    assert_ne!(got.field("ETag").map(str::to_owned), tag);
    site.write("f", "");
    assert_eq!(get(&mut talk, "/f").body.len(), 0);
    assert!(!talk.closed());
}

/// The old root is removed at once, and the rest of it looks like a site with fewer files.
#[test]
fn a_root_that_is_half_removed_is_not_believed() {
    for entries in [0, 256] {
        let site = Scratch::new("files");
        for (version, text) in [("one", "one"), ("two", "two")] {
            site.write(format!("{version}/index.html"), text);
            for name in ["app.js", "z.js"] {
                site.write(format!("{version}/{name}"), text);
            }
            site.write(format!("{version}/app.js.br"), format!("{text} br"));
            site.write(format!("{version}/z.js.gz"), format!("{text} gz"));
        }
        site.link("root", "one");
        let root = site.path().join("root");
        let http = Http1::with(Files::open(root).unwrap().cache(entries));
        let mut talk = Conversation::open(&http);
        assert_eq!(get(&mut talk, "/index.html").text(), "one");
        site.link("new", "two");
        rename(&site, "new", "root");
        for name in ["app.js", "z.js"] {
            std::fs::remove_file(site.path().join("one").join(name)).unwrap();
        }
        let bytes = talk.send(wire("GET /app.js", &[]).as_bytes());
        assert!(bytes.ends_with(b"\r\n\r\ntwo"), "{entries}");
        let bytes = talk.send(wire("GET /z.js", &[("Accept-Encoding", "br")]).as_bytes());
        assert!(bytes.ends_with(b"\r\n\r\ntwo"), "{entries}");
        let bytes = talk.send(wire("GET /z.js", &[("Accept-Encoding", "gzip")]).as_bytes());
        assert!(bytes.ends_with(b"\r\n\r\ntwo gz"), "{entries}");
    }
}
