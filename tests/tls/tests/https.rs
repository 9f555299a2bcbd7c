//! HTTPS to curl, to Chromium, and to a client of rustls that does what these two do not: it ends
//! its side, stalls, breaks off, and looks at the end of each connection.

#[path = "https/client.rs"]
mod client;
#[path = "https/site.rs"]
mod site;

use std::fs;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::process::Command;
use std::thread;
use std::time::Duration;

use client::{Client, request};
use httprs::handlers::files::Files;
use httprs::{EchoProcess, Http1, HttpRequest, HttpResponse, Running, Server};
use httprs_tls::Tls;
use rustls::{HandshakeKind, ProtocolVersion, version};
use site::{Certificate, Program, Site, alone, wait_until};

/// A server of this process, its certificate and its address.
fn serve<P>(site: &Site, workers: usize, process: P) -> (Running, Client)
where
    P: httprs::process::Process + Send + 'static,
{
    let server = Server::bind("127.0.0.1:0").unwrap().workers(workers);
    let address = server.local_addr().unwrap();
    let tls = Tls::new(site.certificate(), site.key()).handshake_timeout_ms(300);
    let running = server.spawn_over(tls, process).unwrap();
    (running, Client::new(address, &site.issued))
}

fn greet(req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
    write!(
        res,
        "{} {} {}",
        std::process::id(),
        req.path(),
        req.body().len()
    )
}

#[test]
fn requests_follow_each_other_on_one_connection() {
    let _turn = alone();
    let site = Site::new("keep-alive");
    let (running, client) = serve(&site, 2, Http1::new(greet));
    for (version, kind) in [
        (&version::TLS13, ProtocolVersion::TLSv1_3),
        (&version::TLS12, ProtocolVersion::TLSv1_2),
    ] {
        let mut stream = client.versions(&[version]).connect();
        for n in 0..100 {
            let answer = stream.get(&format!("/{n}"));
            assert!(answer.contains(&format!(" /{n} 0")), "{answer}");
        }
        let session = &stream.0.conn;
        assert_eq!(session.protocol_version(), Some(kind));
        // The client has offered h2, too.
        assert_eq!(session.alpn_protocol(), Some(&b"http/1.1"[..]));
        // A request whose records hold one byte each, and two requests in one record.
        for byte in request("/cut", "") {
            stream.0.write_all(&[byte]).unwrap();
            stream.0.flush().unwrap();
        }
        assert!(stream.answer().contains(" /cut 0"));
        let two = [request("/one", ""), request("/two", "")].concat();
        stream.0.write_all(&two).unwrap();
        assert!(stream.answer().contains(" /one 0"));
        assert!(stream.answer().contains(" /two 0"));
        // A body of several records, more of which the stream holds than the worker takes at once.
        let body = vec![b'x'; 1_000_000];
        let head = format!(
            "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream
            .0
            .write_all(&[head.as_bytes(), &body].concat())
            .unwrap();
        assert!(stream.answer().contains(" /post 1000000"));
        stream
            .0
            .write_all(&request("/last", "Connection: close\r\n"))
            .unwrap();
        assert!(stream.rest().unwrap().ends_with(b" /last 0"));
    }
    assert!(running.stop().unwrap().stopped);
}

#[test]
fn a_session_is_resumed_by_any_worker() {
    let _turn = alone();
    let site = Site::new("resume");
    let (running, client) = serve(&site, 2, Http1::new(greet));
    // Connections stay open, so that the workers share them.
    let mut streams = Vec::new();
    let (mut workers, mut kinds) = (Vec::new(), Vec::new());
    for _ in 0..40 {
        let mut stream = client.connect();
        let answer = stream.get("/");
        let body = answer.rsplit("\r\n").next().unwrap().to_owned();
        workers.push(body.split(' ').next().unwrap().to_owned());
        kinds.push(stream.0.conn.handshake_kind());
        streams.push(stream);
    }
    workers.sort_unstable();
    workers.dedup();
    let full = kinds
        .iter()
        .filter(|kind| **kind != Some(HandshakeKind::Resumed))
        .count();
    // rustls takes no ticket that is longer than those that it has made itself: each worker shakes
    // hands once.
    assert!(full <= 2 && workers.len() == 2, "{workers:?}: {kinds:?}");
    assert!(running.stop().unwrap().stopped);
}

#[test]
fn a_large_file_arrives_whole_however_it_is_read() {
    let _turn = alone();
    let site = Site::new("large");
    let len = site.large_file("large.bin", 100);
    let (running, client) = serve(&site, 1, Http1::with(Files::open(site.root()).unwrap()));
    let mut stream = client.connect();
    stream.0.write_all(&request("/large.bin", "")).unwrap();
    let (head, mut body) = stream.head();
    assert!(
        head.contains(&format!("Content-Length: {len}\r\n")),
        "{head}"
    );
    // Pauses fill the socket's buffers and those of rustls.
    let mut some = vec![0; 1 << 20];
    let mut paused = 0;
    while (body.len() as u64) < len {
        let n = stream.0.read(&mut some).unwrap();
        body.extend_from_slice(&some[..n]);
        if body.len() >> 25 > paused {
            paused += 1;
            thread::sleep(Duration::from_millis(50));
        }
    }
    assert!(body == fs::read(site.root().join("large.bin")).unwrap());
    // The connection goes on.
    let range = "Range: bytes=1000000-1000009\r\n";
    stream.0.write_all(&request("/large.bin", range)).unwrap();
    let answer = stream.answer_bytes();
    assert!(answer.starts_with(b"HTTP/1.1 206 "));
    assert_eq!(answer[answer.len() - 10..], body[1_000_000..1_000_010]);
    assert!(running.stop().unwrap().stopped);
}

#[test]
fn an_answer_that_is_cut_off_does_not_end_in_order() {
    let _turn = alone();
    let site = Site::new("slow-reader");
    let len = site.large_file("large.bin", 50);
    let server = Server::bind("127.0.0.1:0")
        .unwrap()
        .workers(1)
        .write_timeout_ms(300);
    let (address, board) = (server.local_addr().unwrap(), server.scoreboard());
    let tls = Tls::new(site.certificate(), site.key());
    let files = Http1::with(Files::open(site.root()).unwrap());
    let running = server.spawn_over(tls, files).unwrap();
    let mut stream = Client::new(address, &site.issued).connect();
    stream.0.write_all(&request("/large.bin", "")).unwrap();
    wait_until("the client that reads nothing is given up", || {
        board
            .records()
            .any(|record| record.requests == 1 && record.connections == 0)
    });
    let mut got = Vec::new();
    let end = stream.0.read_to_end(&mut got).map_err(|error| error.kind());
    assert!(
        (got.len() as u64) < len && end.is_err(),
        "{} bytes, {end:?}",
        got.len()
    );
    assert!(running.stop().unwrap().stopped);
}

#[test]
fn a_client_that_ends_its_side_reads_all_and_the_end() {
    let _turn = alone();
    let site = Site::new("half-close");
    let (running, client) = serve(&site, 1, EchoProcess);
    for len in [0, 5, 300_000] {
        let sent: Vec<u8> = (0..len).map(|n: u32| n as u8).collect();
        let mut stream = client.connect();
        stream.0.write_all(&sent).unwrap();
        // The socket itself stays open in both directions: `close_notify` is all that tells.
        stream.0.conn.send_close_notify();
        stream.0.flush().unwrap();
        assert!(stream.rest().unwrap() == sent, "{len}");
    }
    // A client that breaks off without `close_notify` disturbs no other.
    let mut stream = client.connect();
    stream.0.write_all(b"hello").unwrap();
    stream.0.sock.shutdown(Shutdown::Both).unwrap();
    let mut stream = client.connect();
    stream.0.write_all(b"hello").unwrap();
    stream.0.conn.send_close_notify();
    assert_eq!(stream.rest().unwrap(), b"hello");
    assert!(running.stop().unwrap().stopped);
}

#[test]
fn a_drain_finishes_what_is_in_flight_and_says_the_end() {
    let _turn = alone();
    let site = Site::new("drain");
    let slow = |req: &HttpRequest, res: &mut HttpResponse| {
        if req.path() == "/slow" {
            thread::sleep(Duration::from_millis(300));
        }
        write!(res, "done {}", req.path())
    };
    let (running, client) = serve(&site, 1, Http1::new(slow));
    let mut idle = client.connect();
    assert!(idle.get("/").ends_with("done /"));
    let mut busy = client.connect();
    assert!(busy.get("/").ends_with("done /"));
    let shaking = client.tcp();
    busy.0.write_all(&request("/slow", "")).unwrap();
    thread::sleep(Duration::from_millis(50));
    let stopping = thread::spawn(move || running.stop());
    let answer = busy.rest().unwrap();
    assert!(
        answer.ends_with(b"done /slow"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    assert!(idle.rest().unwrap().is_empty());
    let outcome = stopping.join().unwrap().unwrap();
    assert_eq!(
        (outcome.stopped, outcome.cut_off, outcome.killed),
        (true, 0, 0)
    );
    drop(shaking);
}

#[test]
fn a_client_that_stalls_in_the_handshake_is_ended() {
    let _turn = alone();
    let site = Site::new("stall");
    let (running, client) = serve(&site, 1, Http1::new(greet));
    let hello = client.hello();
    for len in [0, 1, 5, hello.len() / 2, hello.len()] {
        let mut stalled = client.tcp();
        stalled.write_all(&hello[..len]).unwrap();
        let mut got = Vec::new();
        // The server's half of the handshake, where the client's was whole, and the end.
        let ended = stalled.read_to_end(&mut got);
        assert!(ended.is_ok(), "{len}: {ended:?}");
        assert_eq!(got.is_empty(), len < hello.len(), "{len}");
    }
    assert!(client.connect().get("/").contains(" / 0"));
    assert!(running.stop().unwrap().stopped);
}

#[test]
fn plain_http_gets_an_alert_and_a_clean_end() {
    let _turn = alone();
    let site = Site::new("plain");
    let (running, client) = serve(&site, 1, Http1::new(greet));
    let long = [
        &request("/", "Content-Length: 200000\r\n")[..],
        &[b'x'; 200_000],
    ]
    .concat();
    for bytes in [
        &request("/", ""),
        &long,
        &vec![0; 100_000],
        &b"\x16\x03\x01\x00\x05\x01\x00\x00\x01x".to_vec(),
    ] {
        let mut plain = client.tcp();
        plain.write_all(bytes).unwrap();
        let mut got = Vec::new();
        // A reset would be an error here, and take the alert with it.
        plain.read_to_end(&mut got).unwrap();
        assert_eq!(
            got.get(..2),
            Some(&[21, 3][..]),
            "a record of the type alert: {got:?}"
        );
        assert_eq!(got.len(), 7, "and nothing else: {got:?}");
    }
    assert!(client.connect().get("/").contains(" / 0"));
    assert!(running.stop().unwrap().stopped);
}

#[test]
fn a_client_that_offers_another_protocol_alone_is_told() {
    let _turn = alone();
    let site = Site::new("alpn");
    let (running, client) = serve(&site, 1, Http1::new(greet));
    let refused = client.protocols(&[b"h2"]).try_connect().map(drop);
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("NoApplicationProtocol"), "{refused}");
    assert!(client.protocols(&[]).connect().get("/").contains(" / 0"));
    assert!(running.stop().unwrap().stopped);
}

#[test]
fn an_admin_address_has_the_same_transport() {
    let _turn = alone();
    let site = Site::new("admin");
    let server = Server::bind("127.0.0.1:0").unwrap().workers(1);
    let admin = httprs::Address::parse("127.0.0.1:0").unwrap();
    let server = server
        .admin(&admin, Http1::new(|_, res| write!(res, "admin")))
        .unwrap();
    let Some(httprs::Address::Inet(address)) = server.admin_addresses().next().cloned() else {
        panic!("no address");
    };
    let running = server
        .spawn_over(Tls::new(site.certificate(), site.key()), EchoProcess)
        .unwrap();
    let client = Client::new(address, &site.issued);
    assert!(client.connect().get("/").ends_with("admin"));
    assert!(running.stop().unwrap().stopped);
}

#[test]
fn a_hangup_takes_up_another_certificate_and_cuts_nothing_off() {
    let _turn = alone();
    let mut site = Site::new("hup");
    fs::write(site.root().join("index.html"), "hello").unwrap();
    let program = Program::start(&site);
    let old = Client::new(program.address, &site.issued);
    let mut kept = old.connect();
    assert!(kept.get("/").ends_with("hello"));

    let issued = Certificate::new();
    site.install(&issued);
    let both = Client::trusting(program.address, &[&site.issued, &issued]);
    program.signal("HUP");
    // Clients come meanwhile, and none is refused or cut off.
    wait_until("both workers serve the new certificate", || {
        let new = (0..20).filter(|_| {
            let mut stream = both.connect();
            assert!(stream.get("/").ends_with("hello"));
            stream.certificate() == issued.der
        });
        new.count() == 20
    });
    assert!(
        kept.rest().unwrap().is_empty(),
        "the connection of before ends in order"
    );

    // Half a certificate: the workers go on with the one of the beginning, and say so.
    fs::write(site.certificate(), &issued.pem[..100]).unwrap();
    program.signal("HUP");
    program.wait_for("serves the certificate that was there when the server began");
    wait_until("both workers are replaced", || {
        (0..20).all(|_| both.connect().certificate() == site.issued.der)
    });
    let log = program.stop();
    assert!(log.contains(" 0 cut off"), "{log}");
}

#[test]
fn a_certificate_that_cannot_be_read_ends_the_server_before_it_began() {
    let _turn = alone();
    let site = Site::new("none");
    let swapped = Tls::new(site.key(), site.certificate());
    let server = Server::bind("127.0.0.1:0").unwrap();
    let error = server.spawn_over(swapped, EchoProcess).unwrap_err();
    assert!(
        error.to_string().contains(site.key().to_str().unwrap()),
        "{error}"
    );
}

#[test]
fn curl_is_content() {
    if !site::has("curl") {
        return eprintln!("skipped: there is no curl");
    }
    let _turn = alone();
    let site = Site::new("curl");
    fs::write(site.root().join("index.html"), "hello").unwrap();
    site.large_file("large.bin", 100);
    let program = Program::start(&site);
    let base = format!("https://localhost:{}", program.address.port());
    let curl = |args: &[&str]| {
        let mut command = Command::new("curl");
        command.args([
            "--silent",
            "--show-error",
            "--verbose",
            "--max-time",
            "60",
            "--cacert",
        ]);
        let resolve = format!("localhost:{}:127.0.0.1", program.address.port());
        command
            .arg(site.certificate())
            .args(["--resolve", &resolve])
            .args(args);
        let output = command.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{args:?}: {told}");
        (output.stdout, told)
    };
    for version in [&["--tlsv1.3"][..], &["--tlsv1.2", "--tls-max", "1.2"]] {
        let url = format!("{base}/");
        let (body, told) = curl(&[version, &["--http2", &url, &url]].concat());
        assert_eq!(body, b"hellohello");
        assert!(told.contains("server accepted http/1.1"), "{told}");
        assert!(told.contains("Re-using existing connection"), "{told}");
    }
    let into = site.path("copy.bin");
    let (_, told) = curl(&[
        "--output",
        into.to_str().unwrap(),
        &format!("{base}/large.bin"),
    ]);
    let copied = fs::read(&into).unwrap();
    assert!(
        copied == fs::read(site.root().join("large.bin")).unwrap(),
        "{told}"
    );
    assert!(
        !told.contains("error") && !told.contains("unexpected eof"),
        "{told}"
    );
    program.stop();
}

#[test]
fn chromium_loads_a_page_with_all_that_belongs_to_it() {
    let Some(chromium) = ["chromium", "chromium-headless-shell"]
        .into_iter()
        .find(|name| site::has(name))
    else {
        return eprintln!("skipped: there is no chromium");
    };
    let _turn = alone();
    let site = Site::new("chromium");
    let page = "<!doctype html><title>t</title><link rel=stylesheet href=style.css>\
                <p id=told>nothing</p><script type=module src=main.js></script>";
    let script = "const all = [...Array(20).keys()].map(n => fetch(`data.txt?${n}`).then(r => r.text()));\n\
                  const texts = await Promise.all(all);\n\
                  const size = getComputedStyle(document.body).fontSize;\n\
                  told.textContent = `${location.protocol} ${new Set(texts).size} ${texts[0].length} ${size}`;\n";
    fs::write(site.root().join("index.html"), page).unwrap();
    fs::write(site.root().join("style.css"), "body { font-size: 33px }").unwrap();
    fs::write(site.root().join("main.js"), script).unwrap();
    fs::write(site.root().join("data.txt"), "x".repeat(123_456)).unwrap();
    let program = Program::start(&site);
    let output = Command::new(chromium)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--virtual-time-budget=10000",
        ])
        .arg(format!(
            "--user-data-dir={}",
            site.path("profile").display()
        ))
        .arg("--ignore-certificate-errors")
        .args([
            "--dump-dom",
            &format!("https://127.0.0.1:{}/", program.address.port()),
        ])
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout).into_owned();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(dom.contains("https: 1 123456 33px"), "{dom}\n{told}");
    program.stop();
}
