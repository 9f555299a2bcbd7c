//! The access log says what happened, not what was planned.

use std::fs;
use std::io::Read;
use std::net::TcpStream;

use crate::server::{Server, TempDir, sleep_ms, wait_until};

/// More than the kernel's buffers of both ends take over loopback.
const LARGE: u64 = 64 << 20;

fn site(name: &str) -> TempDir {
    let root = TempDir::new(name);
    let large = fs::File::create(root.0.join("large")).unwrap();
    large.set_len(LARGE).unwrap();
    fs::write(root.0.join("small"), "0123456789").unwrap();
    root
}

/// The value of a field of a flat JSON object.
fn field<'a>(line: &'a str, name: &str) -> &'a str {
    let (_, rest) = line.split_once(&format!("\"{name}\":")).expect(line);
    match rest.strip_prefix('"') {
        Some(text) => text.split('"').next().unwrap(),
        None => rest.split([',', '}']).next().unwrap(),
    }
}

fn number(line: &str, name: &str) -> f64 {
    field(line, name).parse().expect(line)
}

/// Asks for the large file and reads so many bytes of the answer.
fn read_some(server: &Server, bytes: usize) -> TcpStream {
    let mut client = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    let wire = b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n";
    std::io::Write::write_all(&mut client, wire).unwrap();
    client.read_exact(&mut vec![0; bytes]).unwrap();
    client
}

#[test]
fn a_transfer_is_logged_when_it_has_ended_and_as_it_ended() {
    let root = site("transfers");
    let args = ["--log", "json", "-w", "1", "--write-timeout-ms", "400"];
    let server = Server::start(&[&args[..], &["--min-rate", "0", root.text()]].concat());

    // The client closes after a megabyte.
    let client = read_some(&server, 1 << 20);
    sleep_ms(50);
    assert_eq!(server.out.all().len(), 0, "nothing has ended");
    drop(client);
    let line = server.out.wait_for("/large");
    assert_eq!(field(&line, "ended"), "client closed", "{line}");
    assert_eq!(field(&line, "status"), "200", "{line}");
    let sent = number(&line, "bytes");
    assert!(sent >= (1 << 20) as f64 - 400.0, "{line}");
    assert!(
        sent < LARGE as f64 / 2.0,
        "what the kernel took counts: {line}"
    );
    assert!(number(&line, "ms") >= 50.0, "{line}");

    // A small one has its microseconds, and all of its bytes.
    server.get("/small");
    let line = server.out.wait_for("/small");
    assert_eq!(field(&line, "ended"), "complete", "{line}");
    assert_eq!(field(&line, "bytes"), "10", "{line}");
    let (_, fraction) = field(&line, "ms").split_once('.').expect("a fraction");
    assert_eq!(fraction.len(), 3, "{line}");
    assert!(number(&line, "ms") > 0.0, "{line}");

    // The client stops reading.
    let _client = read_some(&server, 1 << 20);
    wait_until("the timeout", || server.out.find("timeout").is_some());
    let line = server.out.wait_for("timeout");
    assert_eq!(field(&line, "ended"), "timeout", "{line}");
    assert!(number(&line, "bytes") < LARGE as f64 / 2.0, "{line}");
}

#[test]
fn what_a_stop_cuts_is_logged_before_the_worker_exits() {
    let root = site("cut");
    let args = ["--log", "json", "-w", "1", "--drain-timeout-ms", "300"];
    let mut server = Server::start(&[&args[..], &[root.text()]].concat());
    let _reading = read_some(&server, 1 << 20);
    let mut writing = server.connect();
    writing.send(b"GET /small HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc");
    sleep_ms(100);
    server.stop();
    let lines = server.out.to_the_end();
    assert_eq!(lines.len(), 2, "{lines:?}");
    let large = lines.iter().find(|l| l.contains("/large")).unwrap();
    assert_eq!(field(large, "ended"), "cut at stop", "{large}");
    assert!(number(large, "bytes") < LARGE as f64 / 2.0, "{large}");
    let small = lines.iter().find(|l| l.contains("/small")).unwrap();
    let how = ("cut at stop", "0", "0");
    let is = (
        field(small, "ended"),
        field(small, "bytes"),
        field(small, "status"),
    );
    assert_eq!(is, how, "the upload was never answered: {small}");
}

#[test]
fn a_client_that_resets_its_upload_is_logged_without_a_status() {
    for (format, want) in [("json", "\"status\":0,\"bytes\":0"), ("common", "\" - 0\n")] {
        let server = Server::start(&["--log", format, "-w", "1"]);
        let mut client = server.connect();
        client.send(
            b"POST /up HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\nab",
        );
        sleep_ms(50);
        // A socket that is closed with bytes that nothing has read (`100 Continue`) sends a reset.
        drop(client);
        let line = server.out.wait_for("/up");
        assert!(line.contains(want), "{line}");
    }
}

#[test]
fn a_refusal_by_a_limit_names_the_limit_its_flag_and_the_client_once() {
    let large = "x".repeat(20_000);
    let body = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n".to_string();
    for (name, wire, status, want) in [
        (
            "a large cookie",
            format!("GET / HTTP/1.1\r\nHost: x\r\nCookie: {large}\r\n\r\n"),
            431,
            "431: head too long; the limit is 16384 bytes (--max-header-size)",
        ),
        (
            "many parameters",
            format!("GET /?{} HTTP/1.1\r\nHost: x\r\n\r\n", &large[..9_000]),
            414,
            "414: request target too long; the limit is 8192 bytes (half of --max-header-size)",
        ),
        (
            "a large body",
            body,
            413,
            "413: body too large; the limit is 1048576 bytes (--max-body-size)",
        ),
        (
            "many fields",
            format!(
                "GET / HTTP/1.1\r\nHost: x\r\n{}\r\n",
                "a: b\r\n".repeat(101)
            ),
            431,
            "431: too many fields; the limit is 100 lines (Limits::fields)",
        ),
        (
            "TLS",
            "\x16\x03\x01\x02\x00\x01\x00\x01\u{7c}\x03\x03".into(),
            400,
            "400: a TLS handshake on a port that speaks plain HTTP",
        ),
        (
            "a head that stops",
            "GET / HTTP/1.1\r\n".into(),
            408,
            "408: the request took too long to arrive; the limit is 300 ms (--timeout-ms)",
        ),
        (
            "a body that stops",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n".into(),
            408,
            "408: the request took too long to arrive; the limit is 300 ms (--timeout-ms)",
        ),
    ] {
        let server = Server::start(&["--log", "json", "-w", "1", "-t", "300"]);
        for _ in 0..3 {
            let mut client = server.connect();
            client.send(wire.as_bytes());
            assert_eq!(client.response().status, status, "{name}");
        }
        let said = server.err.wait_for(want);
        assert!(said.contains("127.0.0.1:"), "{name}: {said}");
        let all = server.err.all();
        let told = all.iter().filter(|line| line.contains(want)).count();
        assert_eq!(told, 1, "{name}: once in ten seconds: {all:?}");
        wait_until("all lines", || server.out.all().len() == 3);
        let why = &want[5..];
        let why = why.split(';').next().unwrap();
        for line in server.out.all() {
            assert_eq!(field(&line, "refused"), why, "{name}: {line}");
        }
    }
}

#[test]
fn the_flag_for_heads_raises_the_limit_of_the_target_along() {
    let target = format!("/?{}", "a=b&".repeat(7_000));
    let server = Server::start(&["-w", "1", "--max-header-size", "65536"]);
    assert_eq!(server.get(&target).status, 200);
    let server = Server::start(&["-w", "1"]);
    assert_eq!(server.get(&target).status, 414);
}

#[test]
fn a_log_file_that_may_not_grow_ends_no_worker() {
    let path = TempDir::new("full-log");
    let file = path.path("access.log");
    let program = crate::server::program();
    let mut command = crate::server::clean(std::process::Command::new("sh"));
    command
        .arg("-c")
        .arg("ulimit -f 8 && exec \"$@\"")
        .arg("sh");
    command.arg(program.get_program());
    command.args(["--host", "127.0.0.1", "-p", "0", "-w", "1", "--log", "json"]);
    command.args(["--log-file", file.to_str().unwrap()]);
    let mut server = Server::launch(command);
    let workers = server.workers();
    let mut client = server.connect();
    let long = format!("/{}", "x".repeat(1_000));
    for _ in 0..100 {
        assert_eq!(client.get(&long).status, 200);
    }
    let said = server.err.wait_for("log lines dropped");
    assert!(said.contains("the log file cannot be written"), "{said}");
    assert_eq!(server.workers(), workers, "the worker lives");
    assert!(server.stop().success());
    let written = fs::metadata(&file).unwrap().len();
    assert!((1..=8 * 1024).contains(&written), "{written}");
}
