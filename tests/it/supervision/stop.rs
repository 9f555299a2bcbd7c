//! How the program ends: what goes on until then, and in which time.

use std::fs::{self, File};
use std::io;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::server::{Server, TempDir, assert_gone, how, signal, sleep_ms, wait_until};

#[test]
fn before_a_drain_is_a_time_in_which_all_goes_on_but_readiness() {
    let mut server = Server::start(&[
        "-w",
        "2",
        "--drain-delay-ms",
        "600000",
        "--drain-timeout-ms",
        "700000",
    ]);
    let workers = server.workers();
    let mut client = server.connect();
    assert_eq!(client.get("/").status, 200);
    server.signal("TERM");
    let unready = || server.get("/readyz").status == 503;
    wait_until("it says that it is not ready", unready);
    assert_eq!(server.get("/livez").status, 200);
    server
        .err
        .wait_for("SIGTERM: not ready any more, and serves for 600000 ms before it drains");
    // Clients that do not know yet notice nothing, whether they are new or not.
    for _ in 0..3 {
        let answer = client.get("/");
        assert!(answer.status == 200 && !answer.closes(), "{answer:?}");
    }
    // No worker is replaced without need, but a worker that dies is.
    server.signal("HUP");
    signal(workers[0], "TERM");
    signal(workers[1], "KILL");
    wait_until("a replacement", || {
        let now = server.workers();
        now.len() == 2 && !now.contains(&workers[1])
    });
    server.err.wait_for("was killed by SIGKILL");
    assert!(server.workers().contains(&workers[0]));
    assert_eq!(server.get("/").status, 200);
    assert!(unready());
    let workers = server.workers();
    // A signal that follows at once is taken for the same one.
    sleep_ms(50);
    server.signal("TERM");
    let status = server.wait();
    assert_eq!(status.code(), Some(0), "{}", how(status));
    server.err.wait_for("stopped by SIGTERM: ");
    assert_gone(&workers);
}

#[test]
fn after_that_time_it_drains() {
    let mut server = Server::start(&["-w", "2", "--drain-delay-ms", "700"]);
    let mut client = server.connect();
    client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nfirst");
    // A worker that is replaced just then leaves alone, and closes nothing for the others.
    server.signal("HUP");
    let began = Instant::now();
    server.signal("TERM");
    wait_until("clients to be refused", || {
        TcpStream::connect(("127.0.0.1", server.port)).is_err()
    });
    let delayed = began.elapsed();
    assert!(delayed >= Duration::from_millis(690), "{delayed:?}");
    client.send(b"other");
    let answer = client.response();
    assert!(answer.text().ends_with("firstother") && answer.closes());
    drop(client);
    let status = server.wait();
    assert_eq!(status.code(), Some(0), "{}", how(status));
}

#[test]
fn a_worker_that_was_stopped_goes_on_and_finishes_what_it_began() {
    let mut server = Server::start(&["-w", "1", "--drain-timeout-ms", "100000"]);
    let worker = server.workers()[0];
    let mut client = server.connect();
    client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nfirst");
    assert_eq!(server.get("/").status, 200);
    signal(worker, "STOP");
    let mut queued = server.connect();
    queued.send(b"GET /queued HTTP/1.1\r\nHost: x\r\n\r\n");
    client.send(b"other");
    server.signal("TERM");
    assert!(client.response().text().ends_with("firstother"));
    assert_eq!(queued.response().status, 200);
    drop((client, queued));
    let status = server.wait();
    assert_eq!(status.code(), Some(0), "{}", how(status));
    let receipt = server.err.wait_for("stopped by SIGTERM: ");
    // A client in the queue may have come in before the worker read that it is to leave.
    assert!(receipt.contains(" 0 cut off, "), "{receipt}");
    assert!(!receipt.contains(" killed"), "{receipt}");
}

#[test]
fn the_receipt_tells_what_became_of_whom() {
    let args = ["-w", "1", "--max-connections", "5"];
    let mut server = Server::start(&[&args[..], &["--drain-timeout-ms", "100000"]].concat());
    let mut busy: Vec<_> = (0..4).map(|_| server.connect()).collect();
    for client in &mut busy {
        assert_eq!(client.get("/").status, 200);
        client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nfirst");
    }
    let mut slow = server.connect();
    assert_eq!(slow.get("/").status, 200);
    slow.send(b"GET / HT");
    // There is no room for these.
    let mut queued: Vec<_> = (0..2).map(|_| server.connect()).collect();
    for client in &mut queued {
        client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    server.signal("TERM");
    // Now it drains: otherwise it would wait for ten seconds.
    assert_eq!(slow.response().status, 408);
    for client in &mut busy[..3] {
        client.send(b"other");
        assert!(client.response().closes());
    }
    for client in &mut queued {
        assert!(client.response().closes());
    }
    server.signal("TERM");
    assert!(server.wait().success());
    let receipt = server.err.wait_for("stopped by ");
    let told =
        "stopped by SIGTERM: 4 requests in flight finished, 2 taken from the queue, 1 cut off, ";
    assert!(receipt.contains(told), "{receipt}");
    assert!(receipt.contains(" s; 11 answered in all"), "{receipt}");
    assert!(!receipt.contains(" killed"), "{receipt}");
}

#[test]
fn the_receipt_tells_of_workers_that_die_while_they_drain_and_not_of_those_before() {
    let mut server = Server::start(&["-w", "1", "--drain-timeout-ms", "100000"]);
    let half = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nfirst";
    // A worker that dies with a request, and a worker that leaves when it has finished one.
    for name in ["KILL", "TERM"] {
        let old = server.wait_for_workers(1)[0];
        let mut client = server.connect();
        assert_eq!(client.get("/").status, 200);
        client.send(half);
        signal(old, name);
        if name == "TERM" {
            wait_until("a successor", || server.workers().len() == 2);
            client.send(b"other");
            assert_eq!(client.response().status, 200);
        }
        drop(client);
        wait_until("a new worker alone", || {
            let now = server.workers();
            now.len() == 1 && now[0] != old
        });
    }
    let worker = server.workers()[0];
    let mut clients: Vec<_> = (0..3).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").status, 200);
    }
    clients[..2].iter_mut().for_each(|client| client.send(half));
    server.signal("TERM");
    wait_until("clients to be refused", || {
        TcpStream::connect(("127.0.0.1", server.port)).is_err()
    });
    signal(worker, "KILL");
    assert!(server.wait().success());
    let receipt = server.err.wait_for("stopped by ");
    let told = ": 0 requests in flight finished, ";
    assert!(receipt.contains(told), "{receipt}");
    assert!(receipt.contains(" 2 cut off, "), "{receipt}");
}

#[test]
fn an_answer_is_finished_when_it_is_sent_and_not_when_it_is_made() {
    let site = TempDir::new("stop");
    let len = 32 << 20;
    let file = File::create(site.path("large")).unwrap();
    file.set_len(len).unwrap();
    for (waits, told) in [
        (
            true,
            ": 1 request in flight finished, 0 taken from the queue, 0 cut off, ",
        ),
        (
            false,
            ": 0 requests in flight finished, 0 taken from the queue, 1 cut off, ",
        ),
    ] {
        let mut server = Server::start(&["-w", "1", "--log", "none", site.text()]);
        let mut client = server.connect();
        client.send(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(client.read(&mut [0; 1000]).unwrap() > 0);
        server.signal("TERM");
        sleep_ms(50);
        if waits {
            assert!(client.rest().unwrap().len() as u64 > len - 1000);
        } else {
            server.signal("TERM");
            let error = client.rest().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        }
        assert!(server.wait().success());
        let receipt = server.err.wait_for("stopped by ");
        assert!(receipt.contains(told), "{receipt}");
    }
}

#[test]
fn an_answer_of_some_size_does_not_hold_up_the_end_for_a_slow_reader() {
    // As much as kernels take at once.
    const SIZE: usize = 1024 * 1024;
    let dir = TempDir::new("slow-reader");
    fs::write(dir.path("file"), vec![b'x'; SIZE]).unwrap();
    let mut server = Server::start(&["-w", "1", "--drain-timeout-ms", "600000", dir.text()]);
    let mut client = server.connect();
    client.send(b"GET /file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    client.read(&mut [0; 1000]).unwrap();
    server.signal("TERM");
    // It goes while most is unread, and the client gets it all the same.
    let status = server.wait();
    assert_eq!(status.code(), Some(0), "{}", how(status));
    let rest = client.rest().unwrap();
    assert!(rest.len() > SIZE - 1000, "{}", rest.len());
}
