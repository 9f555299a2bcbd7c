//! What the disk does meanwhile: the program serves a directory that is deployed over, files that
//! are replaced, removed and sparse, has no room for the log, and runs out of descriptors.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};

use crate::server::{Client, Server, TempDir, cpu_ms, program, sleep_ms, wait_until};

/// Puts a file in its place as a deployment does: whole, or not at all.
fn replace(site: &TempDir, name: &str, bytes: &[u8]) {
    fs::write(site.path("new"), bytes).expect("a file");
    fs::rename(site.path("new"), site.path(name)).expect("another name");
}

fn serve(site: &TempDir, root: &str) -> Server {
    let root = site.path(root);
    let root = root.to_str().expect("a plain path");
    Server::start(&["-w", "2", "--log", "none", root])
}

/// What the page of a version is: its number again and again, each version with another length.
/// Every third is too large for memory.
fn page(version: usize) -> Vec<u8> {
    let times = match version % 3 {
        0 => 20_000 + version,
        _ => 100 + version,
    };
    format!("{version:04} ").repeat(times).into_bytes()
}

fn release(site: &TempDir, version: usize) -> PathBuf {
    let release = site.path(&format!("release-{version}"));
    fs::create_dir(&release).expect("a directory");
    fs::write(release.join("index.html"), page(version)).expect("a page");
    release
}

/// Points `current` somewhere else, in one step.
fn switch(site: &TempDir, release: &Path) {
    let link = site.path("link");
    symlink(release, &link).expect("a link");
    fs::rename(link, site.path("current")).expect("another name");
}

#[test]
fn two_hundred_deploys_under_load_make_no_wrong_answer() {
    const DEPLOYS: usize = 200;
    let site = TempDir::new("deploys");
    switch(&site, &release(&site, 0));
    let server = serve(&site, "current");
    // The newest version, before and after it is there.
    let (announced, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let mut client = server.connect();
            let (announced, done) = (announced.clone(), done.clone());
            thread::spawn(move || {
                let mut tags: HashMap<String, usize> = HashMap::new();
                let mut since: Vec<(Instant, usize)> = Vec::new();
                let mut answers = 0;
                while done.load(Ordering::SeqCst) < DEPLOYS || answers < 10 {
                    since.push((Instant::now(), done.load(Ordering::SeqCst)));
                    let answer = client.get("/");
                    let newest = announced.load(Ordering::SeqCst);
                    assert_eq!(answer.status, 200);
                    let version: usize = answer.text()[..4].parse().expect("a version");
                    assert!(answer.body == page(version), "mixed: {version}");
                    // A large file that has just been changed has none.
                    if let Some(tag) = answer.header("etag") {
                        let before = *tags.entry(tag.to_string()).or_insert(version);
                        assert_eq!(before, version, "one tag for two contents");
                    }
                    assert!(version <= newest, "{version} was not there yet");
                    // What was there two seconds ago is the oldest that may still be seen: one is
                    // promised, the other is for a machine that is busy.
                    let long_ago = |at: &Instant| at.elapsed() > Duration::from_secs(2);
                    while since.get(1).is_some_and(|(at, _)| long_ago(at)) {
                        since.remove(0);
                    }
                    if let Some((at, oldest)) = since.first()
                        && long_ago(at)
                    {
                        assert!(version >= *oldest, "{version} is long gone");
                    }
                    answers += 1;
                }
                answers
            })
        })
        .collect();
    for version in 1..=DEPLOYS {
        let next = release(&site, version);
        announced.store(version, Ordering::SeqCst);
        switch(&site, &next);
        done.store(version, Ordering::SeqCst);
        let _ = fs::remove_dir_all(site.path(&format!("release-{}", version - 1)));
        sleep_ms(15);
    }
    let answers: Vec<usize> = clients.into_iter().map(|c| c.join().unwrap()).collect();
    println!("{answers:?} answers");
    let mut client = server.connect();
    wait_until("the last version", || client.get("/").body == page(DEPLOYS));
    assert_eq!(server.err.all().len(), 1, "{:?}", server.err.all());
}

#[test]
fn what_happens_to_a_file_is_seen_within_a_second_or_so() {
    let site = TempDir::new("changes");
    let large = vec![b'l'; 300_000];
    fs::write(site.path("a.txt"), "one").unwrap();
    fs::write(site.path("large"), &large).unwrap();
    let server = serve(&site, "");
    let mut client = server.connect();
    assert_eq!(client.get("/a.txt").text(), "one");
    assert!(client.get("/large").body == large);
    let old = client.get("/a.txt").header("etag").map(str::to_string);

    replace(&site, "a.txt", b"two");
    wait_until("another content", || client.get("/a.txt").text() == "two");
    assert_ne!(client.get("/a.txt").header("etag").map(str::to_string), old);

    let grown = [&large[..], b"more"].concat();
    let mut file = File::options()
        .append(true)
        .open(site.path("large"))
        .unwrap();
    file.write_all(b"more").unwrap();
    wait_until("growth", || client.get("/large").body == grown);
    File::options()
        .write(true)
        .open(site.path("large"))
        .and_then(|file| file.set_len(5))
        .unwrap();
    // Until then its length is a promise that cannot be kept: the connection breaks, visibly.
    wait_until("a shorter one", || {
        let mut client = server.connect();
        client.send(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
        client
            .try_response(false)
            .is_ok_and(|answer| answer.text() == "lllll")
    });

    fs::remove_file(site.path("a.txt")).unwrap();
    wait_until("an end", || client.get("/a.txt").status == 404);
    fs::create_dir(site.path("a.txt")).unwrap();
    wait_until("a directory", || client.get("/a.txt").status == 301);
    fs::remove_dir(site.path("a.txt")).unwrap();
    symlink("/etc/passwd", site.path("a.txt")).unwrap();
    wait_until("a link that leads out", || {
        client.get("/a.txt").status == 404
    });
    replace(&site, "a.txt", b"again");
    wait_until("a file again", || client.get("/a.txt").text() == "again");
    assert_eq!(server.workers().len(), 2, "no worker died");
}

#[test]
fn files_beyond_four_gibibytes_have_ends_too() {
    const SIZE: u64 = 5 << 30;
    let site = TempDir::new("sparse");
    let mut file = File::create(site.path("sparse")).unwrap();
    file.set_len(SIZE - 4).unwrap();
    file.seek(SeekFrom::End(0)).unwrap();
    file.write_all(b"tail").unwrap();
    drop(file);
    let server = serve(&site, "");
    let mut client = server.connect();
    client.send(b"HEAD /sparse HTTP/1.1\r\nHost: x\r\n\r\n");
    let head = client.head_response();
    assert_eq!(head.header("content-length"), Some("5368709120"));
    for (range, status, body, about) in [
        (
            "bytes=-4",
            206,
            "tail",
            "bytes 5368709116-5368709119/5368709120",
        ),
        (
            "bytes=5368709117-",
            206,
            "ail",
            "bytes 5368709117-5368709119/5368709120",
        ),
        (
            "bytes=4294967296-4294967297",
            206,
            "\0\0",
            "bytes 4294967296-4294967297/5368709120",
        ),
        (
            "bytes=5368709119-99999999999999999999",
            206,
            "l",
            "bytes 5368709119-5368709119/5368709120",
        ),
        ("bytes=5368709120-", 416, "", "bytes */5368709120"),
    ] {
        let ask = format!("GET /sparse HTTP/1.1\r\nHost: x\r\nRange: {range}\r\n\r\n");
        client.send(ask.as_bytes());
        let answer = client.response();
        assert_eq!(answer.status, status, "{range}");
        assert_eq!(answer.header("content-range"), Some(about), "{range}");
        if status == 206 {
            assert_eq!(answer.text(), body, "{range}");
        }
    }
}

#[test]
fn a_log_that_a_full_disk_does_not_take_is_told_of_now_and_then() {
    const REQUESTS: u64 = 20;
    for (place, log_file) in [
        ("standard output", None),
        ("the log file", Some("/dev/full")),
    ] {
        let mut command = program();
        command.args(["--host", "127.0.0.1", "--port", "0", "-w", "1"]);
        command.args(["--log", "text"]);
        match log_file {
            Some(path) => command.args(["--log-file", path]),
            None => command.stdout(File::create("/dev/full").expect("a device")),
        };
        let mut server = Server::launch(command);
        let began = Instant::now();
        for _ in 0..REQUESTS {
            assert_eq!(server.get("/x").status, 200);
        }
        server.err.wait_for("log lines dropped");
        server.stop();
        let told = server.err.to_the_end();
        let told: Vec<&String> = told
            .iter()
            .filter(|line| line.contains("log lines dropped"))
            .collect();
        // The first at once, one in ten seconds, and one in the end.
        let most = 2 + began.elapsed().as_secs() as usize / 10;
        assert!((1..=most).contains(&told.len()), "{told:#?}");
        let mut lost = 0;
        for line in told {
            let why = format!(", since {place} cannot be written: No space left on device");
            assert!(line.contains(&why), "{line}");
            let (_, count) = line.split_once("log lines dropped: ").expect("a count");
            let (count, _) = count.split_once(',').expect("a count");
            lost += count.parse::<u64>().expect("a count");
        }
        assert_eq!(lost, REQUESTS, "{place}");
    }
}

#[test]
fn descriptors_that_run_out_are_told_of_and_do_not_end_anything() {
    let site = TempDir::new("descriptors");
    for n in 0..40 {
        fs::write(site.path(&format!("large-{n}")), vec![b'x'; 100_000]).unwrap();
    }
    let command = program();
    let mut limited = crate::server::clean(Command::new("sh"));
    limited
        .args(["-c", "ulimit -n 40; exec \"$0\" \"$@\""])
        .arg(command.get_program())
        .args(["--host", "127.0.0.1", "--port", "0", "-w", "1"])
        .args(["--log", "text", site.path("").to_str().unwrap()])
        .stdout(Stdio::piped());
    let server = Server::launch(limited);
    let pid = server.wait_for_workers(1)[0];
    let mut client = server.connect();
    let mut full = 0;
    let statuses: Vec<u16> = (0..40)
        .map(|n| {
            let answer = client.get(&format!("/large-{n}"));
            match answer.status {
                200 => assert_eq!(answer.body.len(), 100_000),
                503 => {
                    full += 1;
                    assert_eq!(answer.header("retry-after"), Some("1"));
                }
                other => panic!("{other}"),
            }
            answer.status
        })
        .collect();
    println!("{statuses:?}");
    let told = |text: &str| server.err.all().iter().filter(|l| l.contains(text)).count();
    if full > 0 {
        assert_eq!(told("Too many open files"), 1, "{:?}", server.err.all());
    }
    // Connections take what is left.
    let idle: Vec<Client> = (0..60).map(|_| server.connect()).collect();
    wait_until("a complaint", || told("Too many open files") > 0);
    let before = cpu_ms(pid);
    sleep_ms(500);
    let spent = cpu_ms(pid) - before;
    assert!(spent < 250, "it spins: {spent} ms in 500");
    assert!(told("") < 6, "{:?}", server.err.all());
    drop(idle);
    wait_until("an answer", || {
        server.connect().get("/large-39").status == 200
    });
    assert_eq!(server.workers(), [pid], "and no worker died");
}

#[test]
fn a_file_that_cannot_be_opened_is_a_503_and_a_line() {
    let site = TempDir::new("exhausted");
    fs::write(site.path("small"), "small").unwrap();
    fs::write(site.path("large"), vec![b'x'; 300_000]).unwrap();
    let root = site.path("");
    let server = Server::start(&["-w", "1", "--log", "none", root.to_str().unwrap()]);
    let pid = server.wait_for_workers(1)[0];
    let mut client = server.connect();
    assert_eq!(client.get("/nothing").status, 404);
    // util-linux has it. All descriptors that the worker may have, it has by now.
    let limit = |files: u32| {
        let status = Command::new("prlimit")
            .args(["--pid", &pid.to_string(), &format!("--nofile={files}:")])
            .status();
        status.is_ok_and(|status| status.success())
    };
    if !limit(4) {
        println!("there is no prlimit: not tried");
        return;
    }
    for path in ["/small", "/large"] {
        let answer = client.get(path);
        assert_eq!(answer.status, 503, "{path}");
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert!(!answer.closes());
    }
    let line = server.err.wait_for("failed at GET /small");
    assert!(line.contains("Too many open files"), "{line}");
    assert!(limit(1_024));
    for path in ["/small", "/large"] {
        assert_eq!(client.get(path).status, 200, "{path}");
    }
    assert_eq!(server.workers(), [pid], "and no worker died");
}

#[test]
fn a_large_file_with_a_clamped_time_has_a_tag_after_some_requests_and_no_date() {
    let site = TempDir::new("clamped");
    let path = site.path("large.js");
    fs::write(&path, vec![b'x'; 700 * 1024]).expect("a file");
    let file = fs::File::options()
        .write(true)
        .open(&path)
        .expect("it is there");
    file.set_modified(UNIX_EPOCH + Duration::from_secs(1))
        .expect("its time");
    let server = Server::start(&["-w", "1", site.text()]);
    let mut client = server.connect();
    // What has just changed may change again with the same times on it.
    sleep_ms(2_100);
    let mut without = 0;
    let tag = loop {
        sleep_ms(5);
        let since = "If-Modified-Since: Thu, 01 Jan 1970 00:00:01 GMT";
        let wire = format!("GET /large.js HTTP/1.1\r\nHost: x\r\n{since}\r\n\r\n");
        client.send(wire.as_bytes());
        let answer = client.response();
        assert_eq!((answer.status, answer.body.len()), (200, 700 * 1024));
        assert_eq!(answer.header("last-modified"), None);
        if let Some(tag) = answer.header("etag") {
            break tag.to_string();
        }
        without += 1;
        assert!(without < 1_000, "no tag after all");
    };
    assert!(without >= 2, "256 KiB are hashed with a request: {without}");
    let wire = format!("GET /large.js HTTP/1.1\r\nHost: x\r\nIf-None-Match: {tag}\r\n\r\n");
    client.send(wire.as_bytes());
    assert_eq!(client.response().status, 304);
}

#[test]
fn other_clients_do_not_wait_for_a_listing_of_ten_thousand_names() {
    let site = TempDir::new("many");
    fs::create_dir(site.path("many")).expect("a directory");
    for n in 0..10_000 {
        File::create(site.path(&format!("many/{n}"))).expect("a file");
    }
    fs::write(site.path("small"), "small").expect("a file");
    let server = Server::start(&["-w", "1", "--listing", "--log", "none", site.text()]);
    let (mut lister, mut other) = (server.connect(), server.connect());
    assert_eq!(other.get("/small").status, 200);
    lister.send(b"GET /many/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    // 40 slices are looked up and 40 are written: others are answered in between.
    let mut between = 0;
    let mut longest = Duration::ZERO;
    let began = Instant::now();
    let listed = thread::spawn(move || {
        let mut listed = Vec::new();
        let mut buffer = vec![0; 1 << 20];
        while let Ok(n @ 1..) = lister.read(&mut buffer) {
            listed.extend_from_slice(&buffer[..n]);
        }
        (listed, began.elapsed())
    });
    while !listed.is_finished() {
        let asked = Instant::now();
        assert_eq!(other.get("/small").status, 200);
        longest = longest.max(asked.elapsed());
        between += 1;
    }
    let (listed, took) = listed.join().expect("a listing");
    println!("{between} answers beside a listing of {took:?}, the latest after {longest:?}");
    assert!(String::from_utf8_lossy(&listed).contains("10000 files"));
    assert!(between >= 40, "{between}");
}
