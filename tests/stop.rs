//! How the program ends: what goes on until then, and in which time.

mod common;

use std::net::TcpStream;
use std::time::{Duration, Instant};

use common::{Server, assert_gone, how, signal, sleep_ms, wait_until};

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
    // Those who do not know yet notice nothing, whether they are new or not.
    for _ in 0..3 {
        let answer = client.get("/");
        assert!(answer.status == 200 && !answer.closes(), "{answer:?}");
    }
    // Nobody is replaced who need not be, but who dies is.
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
    // One that follows at once is taken for the same one.
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
    assert!(receipt.contains(" 0 killed, "), "{receipt}");
}
