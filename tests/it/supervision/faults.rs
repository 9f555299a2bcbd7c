//! The faults that this project was born with, one test each, against the running program. None of
//! them may ever come back.

use std::time::{Duration, Instant};

use crate::server::{Server, cpu_ms, signal, sleep_ms, wait_until};

/// A worker that waits uses next to no processor time; a worker that spins uses all there is.
const IDLE_CPU_MS: u64 = 100;

/// The same workers still run, and standard error has the banner and nothing else.
#[track_caller]
fn assert_unharmed(server: &Server, workers: &[u32]) {
    assert_eq!(server.get("/after").status, 200);
    assert_eq!(server.workers(), workers);
    assert_eq!(server.err.all().len(), 1, "{:?}", server.err.all());
}

#[test]
fn an_empty_line_alone_harms_nobody() {
    let server = Server::start(&["-w", "1"]);
    let workers = server.workers();
    let mut client = server.connect();
    client.send(b"\r\n");
    client.half_close();
    client.expect_end();
    let mut client = server.connect();
    client.send(b"\r\n");
    sleep_ms(50);
    assert_eq!(client.get("/then-a-request").status, 200);
    assert_unharmed(&server, &workers);
}

#[test]
fn a_content_length_that_is_no_number_is_refused() {
    let server = Server::start(&["-w", "1"]);
    let workers = server.workers();
    let answer = server.request(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n");
    assert!(answer.status == 400 && answer.closes(), "{answer:?}");
    assert_unharmed(&server, &workers);
}

#[test]
fn a_body_cut_short_makes_nobody_spin() {
    let server = Server::start(&["-w", "1"]);
    let workers = server.workers();
    let before = cpu_ms(workers[0]);
    let half = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc";
    // One client says that no more will come, one goes away, one just waits.
    let mut finished = server.connect();
    finished.send(half);
    finished.half_close();
    let mut gone = server.connect();
    gone.send(half);
    drop(gone);
    let mut silent = server.connect();
    silent.send(half);

    let answer = finished.response();
    assert_eq!(answer.status, 400);
    finished.expect_end();
    sleep_ms(1_000);
    let used = cpu_ms(workers[0]) - before;
    println!("{used} ms of processor time in a second");
    assert!(used <= IDLE_CPU_MS, "{used} ms");
    assert_unharmed(&server, &workers);
}

#[test]
fn a_worker_that_is_killed_does_not_end_the_server() {
    let server = Server::start(&["-w", "1"]);
    for round in 0..3 {
        let victim = server.wait_for_workers(1)[0];
        signal(victim, "KILL");
        // No client is refused meanwhile: the master holds the listening socket.
        assert_eq!(server.get("/after").status, 200, "{round}");
        let workers = server.wait_for_workers(1);
        assert_ne!(workers[0], victim);
        // It may still have had the client of the round before.
        let told = format!("(pid {victim}) was killed by SIGKILL while it waited");
        let told = server.err.wait_for(&told);
        let replaced = format!("; replaced by {} (report {})", workers[0], round + 1);
        assert!(told.contains(&replaced), "{told}");
    }
}

#[test]
fn every_death_is_told_also_when_nobody_takes_the_place() {
    let mut server = Server::start(&["-w", "2"]);
    let mut dead = Vec::new();
    // Those that die soon after one another are replaced after a pause, and a stop falls into it.
    for _ in 0..5 {
        let workers = server.wait_for_workers(2);
        workers.iter().for_each(|victim| signal(victim, "KILL"));
        dead.extend(workers);
    }
    server.stop();
    let lines = server.err.to_the_end();
    for pid in dead {
        let told = format!("(pid {pid}) was killed by SIGKILL");
        let times = lines.iter().filter(|line| line.contains(&told)).count();
        assert_eq!(times, 1, "{pid}: {lines:#?}");
    }
}

#[test]
fn sigterm_ends_the_server() {
    let mut server = Server::start(&["-w", "2"]);
    let began = Instant::now();
    let status = server.stop();
    println!("stopped after {:?}", began.elapsed());
    assert_eq!(status.code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(4));
}

#[test]
fn transfer_encoding_is_honoured() {
    let server = Server::start(&["-w", "1"]);
    let mut client = server.connect();
    client.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send(b"3\r\nabc\r\n0\r\n\r\nGET /second HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(client.response().text().ends_with("\nabc"));
    let second = client.response().text();
    assert!(second.contains("GET /second\n"), "{second}");
}

#[test]
fn names_of_fields_have_no_case() {
    let server = Server::start(&["-w", "1"]);
    for name in ["content-length", "CONTENT-LENGTH", "cOnTeNt-LeNgTh"] {
        let request =
            format!("POST / HTTP/1.1\r\nHOST: x\r\n{name}: 3\r\nconnection: CLOSE\r\n\r\nabc");
        let answer = server.request(request.as_bytes());
        assert!(answer.text().ends_with("\nabc"), "{name}");
        assert!(answer.closes(), "{name}");
    }
}

#[test]
fn silent_clients_stall_nobody() {
    let server = Server::start(&["-w", "1"]);
    let workers = server.workers();
    let silent: Vec<_> = (0..10).map(|_| server.connect()).collect();
    let mut slow = server.connect();
    slow.send(b"GET / HT");
    let began = Instant::now();
    for _ in 0..20 {
        assert_eq!(server.get("/meanwhile").status, 200);
    }
    println!("20 requests beside silent clients: {:?}", began.elapsed());
    // The silent ones would be sent away after ten seconds.
    assert!(began.elapsed() < Duration::from_secs(5));
    slow.send(b"TP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(slow.response().status, 200);
    drop(silent);
    wait_until("no spinning", || server.workers() == workers);
}
