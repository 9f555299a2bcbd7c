//! The command line of the program, and what it writes: help, errors and their codes, the
//! environment, access logs in every format, and a standard output that is not read.

use std::io::Read;
use std::net::TcpListener;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use crate::server::{Server, TempPath, how, program, wait_until};

/// Runs the program until it ends by itself.
fn run(args: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = program();
    command.args(args).envs(env.iter().copied());
    command.output().expect("a program to start")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// A port that is free, as far as one can know.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port()
}

#[test]
fn help_and_version_go_to_stdout() {
    for args in [&["--help"][..], &["-h"], &["--port", "1", "--help"]] {
        let output = run(args, &[]);
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert!(output.stderr.is_empty(), "{args:?}");
        let help = text(&output.stdout);
        for part in [
            "--port",
            "--worker",
            "--timeout-ms",
            "--max-header-size",
            "--host",
        ] {
            assert!(help.contains(part), "{args:?}: {part}");
        }
    }
    for args in [["--version"], ["-V"]] {
        let output = run(&args, &[]);
        assert_eq!(output.status.code(), Some(0));
        let version = text(&output.stdout);
        assert!(version.contains(env!("CARGO_PKG_VERSION")), "{version}");
        assert_eq!(version.lines().count(), 1);
    }
}

#[test]
fn errors_are_one_line_with_cause_cure_and_code() {
    for (args, env, code, parts) in [
        (&["--prot", "1"][..], &[][..], 64, &["--prot", "--port"][..]),
        (&["--frobnicate"], &[], 64, &["--frobnicate", "--help"]),
        (&["--port", "x"], &[], 64, &["--port", "\"x\"", "65535"]),
        (&["--port", "65536"], &[], 64, &["65536"]),
        (&["-w", "0"], &[], 64, &["-w", "512"]),
        (&["--timeout-ms", "2s"], &[], 64, &["2s", "milliseconds"]),
        (&["--host", "nowhere.example"], &[], 64, &["nowhere"]),
        (&[], &[("HTTPRS_PORT", "x")], 78, &["HTTPRS_PORT", "\"x\""]),
        (&[], &[("PORT", "x")], 78, &["PORT"]),
        (
            &[],
            &[("WEB_CONCURRENCY", "many")],
            78,
            &["WEB_CONCURRENCY"],
        ),
        (&["--cache", "1h"], &[], 64, &["--cache", "1h", "off"]),
        (&["--spa"], &[], 64, &["--spa", "ROOT"]),
        (&[], &[("HTTPRS_SPA", "1")], 64, &["--spa", "ROOT"]),
        (
            &["--error-page", "404=/x"],
            &[],
            64,
            &["--error-page", "ROOT"],
        ),
        (
            &["src", "--error-page", "200=/x"],
            &[],
            64,
            &["\"200=/x\"", "404=/404.html"],
        ),
        (&["--mime", "a=b/c"], &[], 64, &["--mime", "ROOT"]),
        (&[], &[("HTTPRS_CORS", "*")], 64, &["--cors", "ROOT"]),
        (
            &["src", "--header", "Date: x"],
            &[],
            64,
            &["--header \"Date: x\"", "the server sets itself"],
        ),
        (
            &["src", "--header", "A B: x"],
            &[],
            64,
            &["--header \"A B: x\"", "field name"],
        ),
        (
            &["src", "--header", "A: x\r\nB: y"],
            &[],
            64,
            &["--header \"A: x\\r\\nB: y\"", "control bytes"],
        ),
        (
            &["src", "--cors=*", "--header=Access-Control-Allow-Origin: x"],
            &[],
            64,
            &["--header", "--cors"],
        ),
        (
            &["src", "--header", "cache-control: no-store"],
            &[],
            64,
            &["--header", "--cache off"],
        ),
        (
            &["src", "--cors", "https://a/b"],
            &[],
            64,
            &["--cors \"https://a/b\"", "no path"],
        ),
        (
            &["src", "--mime", ".a=b/c"],
            &[],
            64,
            &["--mime \".a=b/c\"", "no dot"],
        ),
        (
            &["src", "--mime", "a=b/c\n"],
            &[],
            64,
            &["--mime \"a=b/c\\n\"", "image/png"],
        ),
        (
            &["src", "--mime-types", "no/such\nfile"],
            &[],
            78,
            &["--mime-types \"no/such\\nfile\"", "No such file"],
        ),
        (
            &["src", "--mime-types", "Cargo.toml"],
            &[],
            78,
            &["--mime-types \"Cargo.toml\"", "line 1: a media type looks"],
        ),
        (&["--host", "192.0.2.1"], &[], 69, &["192.0.2.1", "--host"]),
    ] {
        let output = run(args, env);
        let stderr = text(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{args:?} {env:?}: {stderr}"
        );
        assert_eq!(stderr.lines().count(), 1, "{args:?} {env:?}: {stderr}");
        assert!(stderr.starts_with("httprs: "), "{stderr}");
        for part in parts {
            assert!(
                stderr.contains(part),
                "{args:?} {env:?}: {part:?} in {stderr}"
            );
        }
        assert!(output.stdout.is_empty(), "{args:?} {env:?}");
    }
}

#[test]
fn the_oldest_promise_is_accepted() {
    let line = "--host 127.0.0.1 --port 8080 --worker 4 --timeout-ms 2000 --max-header-size 8192";
    let mut command = program();
    command.args(line.split(' ')).stdout(Stdio::null());
    let mut server = Server::launch_quiet(command, 8080);
    wait_until("a banner, or an error", || !server.err.all().is_empty());
    let said = server.err.all().remove(0);
    if said.contains(" serves ") {
        assert!(
            said.contains("http://127.0.0.1:8080/ with 4 workers"),
            "{said}"
        );
        assert!(server.stop().success());
    } else {
        // Another program has the port, which is no fault of the line.
        assert_eq!(server.wait().code(), Some(69), "{said}");
    }
}

#[test]
fn the_nearest_source_wins() {
    let (flag, ours, platform) = (free_port(), free_port(), free_port());
    let [flag, ours, platform] = [flag, ours, platform].map(|port| port.to_string());
    for (args, env, want) in [
        (&[][..], &[("PORT", &platform)][..], &platform),
        (&[], &[("PORT", &platform), ("HTTPRS_PORT", &ours)], &ours),
        (&["--port", &flag], &[("HTTPRS_PORT", &ours)], &flag),
    ] {
        let mut command = program();
        command.args(args).envs(env.iter().copied());
        command
            .args(["--host", "127.0.0.1"])
            .env("WEB_CONCURRENCY", "3");
        let server = Server::launch(command);
        assert_eq!(&server.port.to_string(), want, "{args:?} {env:?}");
        assert_eq!(server.workers().len(), 3, "{args:?} {env:?}");
    }
    let mut command = program();
    command.args(["-p", "0", "-w", "1"]);
    command
        .env("HTTPRS_WORKER", "2")
        .env("HTTPRS_HOST", "127.0.0.1");
    let server = Server::launch(command);
    assert!(
        server.banner.contains("http://127.0.0.1:"),
        "{}",
        server.banner
    );
    assert_eq!(server.workers().len(), 1);
}

#[test]
fn the_banner_is_true() {
    let server = Server::start(&["-w", "2"]);
    let banner = &server.banner;
    let pid = server.pid();
    assert_eq!(
        server.err.all().len(),
        1,
        "one line: {:?}",
        server.err.all()
    );
    for part in [
        format!("httprs {}", env!("CARGO_PKG_VERSION")),
        format!("(pid {pid})"),
        format!("http://127.0.0.1:{}/", server.port),
        "with 2 workers (as asked)".into(),
    ] {
        assert!(banner.contains(&part), "{part:?} in {banner}");
    }
    assert_eq!(server.workers().len(), 2);
}

#[test]
fn types_come_from_a_file_and_from_flags() {
    let list = TempPath::new("mime.types");
    std::fs::write(&list.0, "# ours\ntext/x-one rs toml\n").unwrap();
    let args = [
        "-w",
        "1",
        "--mime-types",
        list.text(),
        "--mime",
        "RS=text/x-two",
        ".",
    ];
    let server = Server::start(&args);
    for (path, want) in [
        ("/src/lib.rs", "text/x-two; charset=utf-8"),
        ("/Cargo.toml", "text/x-one; charset=utf-8"),
        ("/README.md", "text/markdown; charset=utf-8"),
    ] {
        let got = server.get(path);
        assert_eq!(
            (got.status, got.header("content-type")),
            (200, Some(want)),
            "{path}"
        );
    }
}

#[test]
fn fields_and_permissions_are_on_every_answer_of_the_files() {
    let page = "https://app.example";
    let args = [
        "-w",
        "1",
        "--cors",
        page,
        "--header",
        "X-A: b, c",
        "--cache=off",
        "--header=Cache-Control: no-store",
        "--listing",
        "src",
    ];
    let server = Server::start(&args);
    let ask = |line: &str, fields: &str| {
        let wire = format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{fields}\r\n");
        server.request(wire.as_bytes())
    };
    let origin = format!("Origin: {page}\r\n");
    let before = "Access-Control-Request-Method: GET\r\n".to_string();
    for (line, fields, status) in [
        ("GET /lib.rs", String::new(), 200),
        ("GET /", String::new(), 200),
        ("GET /nothing", String::new(), 404),
        ("GET /http", String::new(), 301),
        ("POST /lib.rs", String::new(), 405),
        ("GET /lib.rs", "If-None-Match: *\r\n".into(), 304),
        ("GET /lib.rs", "Range: bytes=0-1\r\n".into(), 206),
        ("OPTIONS /lib.rs", before, 204),
    ] {
        let got = ask(line, &(fields + &origin));
        assert_eq!(got.status, status, "{line}");
        assert_eq!(got.header("x-a"), Some("b, c"), "{line}");
        let allowed = got.header("access-control-allow-origin");
        assert_eq!(allowed, Some(page), "{line}");
        let mut caching = got
            .headers
            .iter()
            .filter(|(name, _)| name == "Cache-Control");
        assert!(caching.any(|(_, value)| value == "no-store"), "{line}");
    }
    let health = ask("GET /livez", &origin);
    assert_eq!(health.header("x-a"), None);
    assert_eq!(health.header("access-control-allow-origin"), None);
}

#[test]
fn access_lines_are_whole_and_escaped_in_every_format() {
    // Some bytes that would do harm in one format or another; all of them may be in a target.
    let target = "/a\"b\\c'd%0A?<e>{f}";
    let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let odd = b"GET /\xff\x9b HTTP/1.1\r\nHost: x\r\n\r\n";
    for format in ["text", "json", "common", "none"] {
        let mut server = Server::start(&["-w", "1", "--log", format]);
        let first = server.request(request.as_bytes()).status;
        let second = server.request(odd).status;
        server.request(b"\x1b[31m nonsense\r\n\r\n");
        server.get("/last");
        server.get("/livez");
        server.stop();
        if format == "none" {
            assert_eq!(server.out.to_the_end(), [""; 0]);
            continue;
        }
        let lines = server.out.to_the_end();
        assert_eq!(lines.len(), 4, "{format}: {lines:?}");
        for (line, status) in lines.iter().zip([first, second, 400, 200]) {
            assert!(line.ends_with('\n'), "{format}: {line:?}");
            let line = line.trim_end_matches('\n');
            assert!(
                line.bytes().all(|b| (b' '..=b'~').contains(&b)),
                "{format}: {line:?}"
            );
            match format {
                "json" => {
                    let fields = json_object(line).unwrap_or_else(|| panic!("no JSON: {line}"));
                    let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
                    assert_eq!(
                        names,
                        [
                            "time", "peer", "method", "target", "protocol", "status", "bytes",
                            "ms", "ended", "worker", "refused"
                        ][..if status == 400 { 11 } else { 10 }]
                    );
                    assert_eq!(fields[5].1, status.to_string(), "{line}");
                }
                "common" => {
                    let (host, rest) = line.split_once(" - - [").expect(line);
                    assert_eq!(host, "127.0.0.1", "{line}");
                    let (time, rest) = rest.split_once("] \"").expect(line);
                    assert_eq!(time.len(), "22/Nov/2026:13:00:00 +0000".len(), "{line}");
                    let (asked, numbers) = rest.split_once("\" ").expect(line);
                    assert!(!asked.contains('"'), "{line}");
                    let numbers: Vec<&str> = numbers.split(' ').collect();
                    assert_eq!(numbers[0], status.to_string(), "{line}");
                    assert!(numbers[1].parse::<u64>().is_ok() && numbers.len() == 2);
                }
                _ => {
                    let parts: Vec<&str> = line.split('"').collect();
                    assert_eq!(parts.len(), 3, "{line}");
                    assert!(parts[2].starts_with(&format!(" {status} ")), "{line}");
                    assert!(parts[2].ends_with(" w0"), "{line}");
                }
            }
        }
        // Refused or not, what was asked for is told, and cannot be mistaken for anything else.
        let told = match format {
            "json" => r#""target":"/a\"b\\c'd%0A?<e>{f}","#,
            _ => r#""GET /a\x22b\x5cc'd%0A?<e>{f} HTTP/1.1""#,
        };
        assert!(lines[0].contains(told), "{format}: {}", lines[0]);
    }
}

#[test]
fn lines_of_several_workers_do_not_mix() {
    let mut server = Server::start(&["-w", "3", "--log", "json"]);
    let long = "/".to_string() + &"x".repeat(3_000);
    std::thread::scope(|scope| {
        for number in 0..6 {
            let (server, long) = (&server, &long);
            scope.spawn(move || {
                let mut client = server.connect();
                for _ in 0..100 {
                    assert_eq!(client.get(&format!("{long}/{number}")).status, 200);
                }
            });
        }
    });
    server.stop();
    // Lines that came faster than they were read are left out, but whole.
    let lines = server.out.to_the_end();
    println!("{} of 600 lines", lines.len());
    assert!((20..=600).contains(&lines.len()), "{}", lines.len());
    for line in lines {
        let fields = json_object(line.trim_end()).unwrap_or_else(|| panic!("no JSON: {line:?}"));
        assert!(line.ends_with('\n') && fields.len() == 10, "{line}");
    }
}

#[test]
fn a_log_file_is_opened_again_when_asked() {
    let (path, moved) = (TempPath::new("access.log"), TempPath::new("access.log.1"));
    let server = Server::start(&["-w", "2", "--log-file", path.text()]);
    server.get("/before");
    let holds = |path: &TempPath, what: &str| {
        std::fs::read_to_string(&path.0).is_ok_and(|text| text.contains(what))
    };
    wait_until("a line in the file", || holds(&path, "/before"));
    std::fs::rename(&path.0, &moved.0).unwrap();
    server.signal("USR1");
    wait_until("a new file with a line", || {
        server.get("/after");
        holds(&path, "/after")
    });
    assert!(server.out.all().is_empty());
}

#[test]
fn a_stdout_that_nobody_reads_blocks_nobody() {
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    let mut command = program();
    command.args(["--host", "127.0.0.1", "-p", "0", "-w", "2", "--log", "json"]);
    command.stdout(writer);
    let mut server = Server::launch(command);
    // A pipe holds 64 KiB. This is some 4 MB of lines.
    let long = "/".to_string() + &"x".repeat(2_000);
    let began = Instant::now();
    let mut client = server.connect();
    for _ in 0..2_000 {
        assert_eq!(client.get(&long).status, 200);
    }
    println!("2000 requests beside a full pipe: {:?}", began.elapsed());
    drop(client);
    let status = server.stop();
    assert_eq!(status.code(), Some(0), "{}", how(status));
    drop(server);
    let mut lines = Vec::new();
    reader.read_to_end(&mut lines).expect("what is in the pipe");
    let lines = text(&lines);
    assert!(
        lines.len() > 32 * 1024,
        "the pipe was full: {}",
        lines.len()
    );
    for line in lines.lines() {
        assert!(json_object(line).is_some(), "half a line: {line}");
    }
}

#[test]
fn a_stdout_that_is_closed_harms_nobody() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut command = program();
    command.args(["--host", "127.0.0.1", "-p", "0", "-w", "1"]);
    command.stdout(writer);
    let mut server = Server::launch(command);
    drop(reader);
    let workers = server.workers();
    for _ in 0..50 {
        assert_eq!(server.get("/").status, 200);
    }
    assert_eq!(server.workers(), workers);
    assert!(server.stop().success());

    // There may be none at all, as after `>&-`.
    let mut command = crate::server::clean(std::process::Command::new("sh"));
    command.args(["-c", "exec \"$0\" \"$@\" >&-", env!("CARGO_BIN_EXE_httprs")]);
    command.args(["--host", "127.0.0.1", "-p", "0", "-w", "1"]);
    let mut server = Server::launch(command);
    for _ in 0..50 {
        // Nothing of the log may end up in a connection that has got the number of stdout.
        let answer = server.get("/");
        assert!(answer.status == 200 && answer.text().starts_with("Echo response\nGET /\n"));
    }
    assert!(server.stop().success());
}

#[test]
fn quiet_says_nothing() {
    let port = free_port();
    let mut command = program();
    command.args([
        "-q",
        "-w",
        "1",
        "--host",
        "127.0.0.1",
        "-p",
        &port.to_string(),
    ]);
    command.stdout(Stdio::piped());
    let mut server = Server::launch_quiet(command, port);
    wait_until("a server", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    assert_eq!(server.get("/").status, 200);
    let began = Instant::now();
    assert!(server.stop().success());
    assert!(began.elapsed() < Duration::from_secs(6));
    assert_eq!(server.out.to_the_end(), [""; 0]);
    assert_eq!(server.err.to_the_end(), [""; 0]);
}

/// The fields of a flat JSON object, by the grammar of RFC 8259; `None` if it is none. Numbers are
/// kept as they are written.
fn json_object(line: &str) -> Option<Vec<(String, String)>> {
    let mut rest = line.strip_prefix('{')?;
    let mut fields = Vec::new();
    loop {
        let (name, after) = json_string(rest)?;
        let after = after.strip_prefix(':')?;
        let (value, after) = if after.starts_with('"') {
            json_string(after)?
        } else {
            let end = after.find(|c: char| !c.is_ascii_digit() && c != '.')?;
            (after[..end].to_string(), &after[end..])
        };
        if value.is_empty() && after.starts_with(['0', '-']) {
            return None;
        }
        fields.push((name, value));
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None => return (after == "}").then_some(fields),
        }
    }
}

fn json_string(text: &str) -> Option<(String, &str)> {
    let mut out = String::new();
    let mut rest = text.strip_prefix('"')?;
    loop {
        let c = rest.chars().next()?;
        rest = &rest[c.len_utf8()..];
        match c {
            '"' => return Some((out, rest)),
            '\\' => {
                let escape = rest.chars().next()?;
                rest = &rest[escape.len_utf8()..];
                match escape {
                    '"' | '\\' | '/' => out.push(escape),
                    'n' => out.push('\n'),
                    'r' => out.push('\r'),
                    't' => out.push('\t'),
                    'u' => {
                        let code = u32::from_str_radix(rest.get(..4)?, 16).ok()?;
                        out.push(char::from_u32(code)?);
                        rest = &rest[4..];
                    }
                    _ => return None,
                }
            }
            c if c.is_control() => return None,
            c => out.push(c),
        }
    }
}
