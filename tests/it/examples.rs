//! The programs of tests/examples do what they say.

use std::fs;
use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::server::{Client, Server, TempDir, clean, ports_of, signal, wait_until};
use crate::socket::Socket;

/// Starts an example on a free port.
fn start(name: &str, args: &[&str]) -> Server {
    let programs = Path::new(env!("CARGO_BIN_EXE_httprs")).parent().unwrap();
    let mut command = clean(Command::new(programs.join("examples").join(name)));
    command.arg("127.0.0.1:0").args(args).stdout(Stdio::piped());
    let mut server = Server::launch_quiet(command, 0);
    server.port = ports_of(&server.out.wait_for("://"))[0];
    server
}

fn address(server: &Server) -> SocketAddr {
    ([127, 0, 0, 1], server.port).into()
}

fn send(server: &Server, method: &str, target: &str, body: &str) -> (u16, String) {
    let len = body.len();
    let wire = format!(
        "{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len}\r\n\r\n{body}"
    );
    let response = server.request(wire.as_bytes());
    (response.status, response.text())
}

#[test]
fn each_example_is_short_and_tested() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/examples");
    let examples: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(examples.len() >= 7);
    for path in examples {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines < 80, "{name} has {lines} lines");
        let test = format!("#[test]\nfn {name}() {{\n    let ");
        assert!(
            include_str!("examples.rs").contains(&test),
            "{name} has no test"
        );
    }
}

#[test]
fn hello() {
    let mut server = start("hello", &[]);
    assert_eq!(server.get("/world").text(), "hello, world\n");
    assert!(server.stop().success());
    assert!(
        server.err.to_the_end().is_empty(),
        "a library does not log by itself"
    );
}

#[test]
fn json_api() {
    let server = start("json_api", &[]);
    for (method, target, body, status, want) in [
        ("GET", "/api/sum/2/-3", "", 200, "{\"sum\": -1}\n"),
        (
            "GET",
            "/api/sum/2/x",
            "",
            400,
            "400 Bad Request: b is malformed\n",
        ),
        (
            "GET",
            "/api/sum/9223372036854775807/1",
            "",
            422,
            "422 Unprocessable Content: too large\n",
        ),
        ("GET", "/api/length", "", 405, "405 Method Not Allowed\n"),
        (
            "POST",
            "/api/length",
            "\"h\u{e9}llo\"",
            200,
            "{\"length\": 5}\n",
        ),
        (
            "POST",
            "/api/length",
            "{}",
            400,
            "400 Bad Request: a JSON string, please\n",
        ),
        ("GET", "/nowhere", "", 404, "404 Not Found\n"),
    ] {
        assert_eq!(
            send(&server, method, target, body),
            (status, want.into()),
            "{target}"
        );
    }
    let (status, _) = send(&server, "POST", "/api/length", &"x".repeat(10_001));
    assert_eq!(status, 413);
}

#[test]
fn upload() {
    let folder = TempDir::new("upload");
    let server = start("upload", &[folder.text()]);
    let large = "0123456789".repeat(300_000);
    assert_eq!(
        send(&server, "PUT", "/digits.txt", &large),
        (201, "stored\n".into())
    );
    assert!(fs::read_to_string(folder.path("digits.txt")).unwrap() == large);
    for (method, target) in [
        ("PUT", "/"),
        ("PUT", "/.hidden"),
        ("PUT", "/a/b"),
        ("GET", "/digits.txt"),
    ] {
        assert_eq!(
            send(&server, method, target, "x").0,
            400,
            "{method} {target}"
        );
    }
    // A client that breaks off.
    let mut client = server.connect();
    client.send(b"PUT /half HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf");
    wait_until("the first half", || {
        fs::read_dir(folder.path("")).unwrap().count() == 2
    });
    drop(client);
    wait_until("no part of a file", || {
        fs::read_dir(folder.path("")).unwrap().count() == 1
    });
}

#[test]
fn events() {
    let server = start("events", &[]);
    let read_until = |client: &mut Client, end: &str| {
        let mut all = Vec::new();
        while !String::from_utf8_lossy(&all).contains(end) {
            let mut some = [0; 1024];
            let n = client.read(&mut some).unwrap();
            assert!(n > 0, "{}", String::from_utf8_lossy(&all));
            all.extend_from_slice(&some[..n]);
        }
    };
    let mut listeners: Vec<Client> = (0..4).map(|_| server.connect()).collect();
    for listener in &mut listeners {
        listener.send(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
        read_until(listener, "retry: 1000\n\n");
    }
    assert_eq!(send(&server, "POST", "/", "it rains\nagain").0, 204);
    for listener in &mut listeners {
        read_until(listener, "data: it rains\ndata: again\n\n");
    }
    assert!(
        server
            .get("/")
            .text()
            .contains("new EventSource('/events')")
    );
}

#[test]
fn chat() {
    let server = start("chat", &[]);
    assert!(server.get("/").text().contains("new WebSocket("));
    let mut members: Vec<Socket> = (0..4)
        .map(|_| Socket::connect(address(&server), "/rooms/lobby"))
        .collect();
    for member in &mut members {
        assert!(member.hear().unwrap().starts_with("welcome; worker "));
    }
    members[1].say("hello");
    for member in &mut members {
        assert_eq!(member.hear().as_deref(), Some("hello"));
    }
    let mut elsewhere = Socket::connect(address(&server), "/rooms/other");
    elsewhere.hear();
    elsewhere.say("hello");
    assert_eq!(elsewhere.hear().as_deref(), Some("hello"));
    members.pop();
    for member in &mut members {
        assert_eq!(member.hear().as_deref(), Some("a member has left"));
    }
}

#[test]
fn line_protocol() {
    let server = start("line_protocol", &[]);
    let mut stream = TcpStream::connect(address(&server)).unwrap();
    stream
        .write_all(b"push 2\r\npush 3\nadd\nadd\nnonsense\n")
        .unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let answers = Client::tcp(stream).rest().unwrap();
    assert_eq!(
        String::from_utf8(answers).unwrap(),
        "2\n3\n5\nerror\nerror\n"
    );
}

#[test]
fn crash_isolation() {
    let server = start("crash_isolation", &[]);
    assert!(
        server
            .get("/length?text=four")
            .text()
            .starts_with("4 bytes, says worker ")
    );
    let mut client = server.connect();
    client.send(b"GET /length HTTP/1.1\r\nHost: x\r\n\r\n");
    client.expect_end();
    let line = server.err.wait_for("SIGSEGV");
    assert!(line.contains("while answering GET /length "), "{line}");
    server.wait_for_workers(2);
    assert!(
        server
            .get("/length?text=")
            .text()
            .starts_with("0 bytes, says worker ")
    );
    // The end of any other worker is no different.
    signal(server.workers()[0], "KILL");
    server.err.wait_for("SIGKILL");
    assert_eq!(server.get("/length?text=a").status, 200);
}

#[test]
fn udp_echo() {
    let mut server = start("udp_echo", &[]);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(address(&server)).unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    // The socket is bound before there is a worker, and keeps what comes.
    client.send(b"hello").unwrap();
    let mut answer = [0; 9];
    assert_eq!(client.recv(&mut answer).unwrap(), 5);
    assert_eq!(&answer[..5], b"hello");
    assert!(server.stop().success());
}

#[test]
fn two_groups() {
    let server = start("two_groups", &["127.0.0.1:0"]);
    let echo = ports_of(&server.out.wait_for("tcp://"))[0];
    wait_until("both groups", || {
        let text = server.get("/").text();
        text.matches("echo ").count() == 1 && text.matches("HTTP/1.1 ").count() == 2
    });
    let mut stream = TcpStream::connect(("127.0.0.1", echo)).unwrap();
    stream.write_all(b"hello").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(Client::tcp(stream).rest().unwrap(), b"hello");
}

#[test]
fn static_site() {
    let folder = TempDir::new("site");
    fs::write(folder.path("users"), "alice:secret\n").unwrap();
    fs::write(folder.path("page.txt"), "a page").unwrap();
    let server = start(
        "static_site",
        &[folder.text(), &folder.path("users").to_string_lossy()],
    );
    let ask = |fields: &str| {
        let wire = format!("GET /page.txt HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
        server.request(wire.as_bytes())
    };
    let refused = ask("X-Request-Id: first\r\n");
    assert_eq!(
        (refused.status, refused.header("x-request-id")),
        (401, Some("first"))
    );
    assert_eq!(
        refused.header("www-authenticate"),
        Some("Basic realm=\"the site\", charset=\"UTF-8\"")
    );
    let page = ask("X-Request-Id: second\r\nAuthorization: Basic YWxpY2U6c2VjcmV0\r\n");
    assert_eq!((page.status, page.text()), (200, "a page".into()));
    server.out.wait_for("second /page.txt 200 Some(6)");
    assert!(
        server.out.find("first").is_none(),
        "the layer inside was not asked"
    );
    // More than a worker lets through in a second, from one client on one connection.
    let mut client = server.connect();
    let statuses: Vec<u16> = (0..150).map(|_| client.get("/page.txt").status).collect();
    assert!(
        statuses.contains(&401) && statuses.contains(&429),
        "{statuses:?}"
    );
}
