//! Clients that take their time, or never come to an end, with the program's timeouts made short.
//! Lower bounds are what was promised to a client; upper ones are generous, because machines are
//! busy.

use std::fs;
use std::io::{ErrorKind, Write};
use std::thread;
use std::time::{Duration, Instant};

use crate::server::{Client, Server, TempDir, cpu_ms, open_files_limit, sleep_ms};

const SHORT: [&str; 10] = [
    "--write-timeout-ms",
    "300",
    "-t",
    "300",
    "--header-timeout-ms",
    "600",
    "--keepalive-ms",
    "300",
    "-w",
    "1",
];
const SLACK: Duration = Duration::from_secs(3);

/// How long it took from `began` on, which must be at least `ms`, and not much more.
#[track_caller]
fn assert_took(what: &str, began: Instant, ms: u64) {
    let (took, ms) = (began.elapsed(), Duration::from_millis(ms));
    println!("{what}: {took:?}, promised {ms:?}");
    // The clock of the deadlines ticks coarsely, and may be a tick behind when they are set.
    let early = ms.saturating_sub(Duration::from_millis(20));
    assert!(took >= early, "{what}: too early, {took:?}");
    assert!(took < ms + SLACK, "{what}: too late, {took:?}");
}

#[test]
fn a_silent_client_is_sent_away_without_a_word() {
    let server = Server::start(&SHORT);
    let began = Instant::now();
    let mut client = server.connect();
    client.expect_end();
    assert_took("silence", began, 300);
    assert!(server.out.all().is_empty(), "{:?}", server.out.all());
}

#[test]
fn a_head_that_stops_is_408() {
    let server = Server::start(&SHORT);
    for part in ["G", "GET / HTTP/1.1\r\nHost: x\r\n"] {
        let mut client = server.connect();
        let began = Instant::now();
        client.send(part.as_bytes());
        let answer = client.response();
        assert_eq!(answer.status, 408, "{part:?}");
        assert!(answer.closes(), "{part:?}");
        client.expect_end();
        assert_took("half a head", began, 300);
    }
}

#[test]
fn a_head_that_drips_is_ended_as_a_whole() {
    let server = Server::start(&SHORT);
    let mut client = server.connect();
    let began = Instant::now();
    // Each byte alone is in time; together they are not.
    let head = b"GET /a-rather-long-path HTTP/1.1\r\nHost: example.org\r\n\r\n";
    for byte in head {
        if began.elapsed() > Duration::from_millis(800) || client.try_send(&[*byte]).is_err() {
            break;
        }
        sleep_ms(25);
    }
    let answer = client.response();
    assert_eq!(answer.status, 408, "{answer:?}");
    client.expect_end();
    assert_took("a dripping head", began, 600);
}

#[test]
fn a_body_that_stops_is_408_but_one_that_goes_on_is_waited_for() {
    let server = Server::start(&SHORT);
    let post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n";
    let mut client = server.connect();
    client.send(post);
    let began = Instant::now();
    client.send(b"abc");
    let answer = client.response();
    assert!(answer.status == 408 && answer.closes(), "{answer:?}");
    client.expect_end();
    assert_took("half a body", began, 300);

    // Longer than every timeout there is, but never long without a byte.
    let mut client = server.connect();
    client.send(post);
    for byte in b"abcdefgh" {
        sleep_ms(100);
        client.send(&[*byte]);
    }
    let answer = client.response();
    assert_eq!(answer.status, 200);
    assert!(answer.text().ends_with("abcdefgh"));
}

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    let server = Server::start(&SHORT);
    let mut client = server.connect();
    for _ in 0..3 {
        assert_eq!(client.get("/").status, 200);
        // In time for the next one.
        sleep_ms(100);
    }
    assert_eq!(client.get("/").status, 200);
    let began = Instant::now();
    client.expect_end();
    assert_took("idling", began, 300);
}

#[test]
fn a_client_that_does_not_read_is_dropped_and_keeps_nobody_waiting() {
    let body = 24 << 20;
    let limit = body.to_string();
    let mut args = SHORT.to_vec();
    args.extend(["--max-body-size", &limit]);
    let server = Server::start(&args);
    let mut client = server.connect();
    client.send(format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {body}\r\n\r\n").as_bytes());
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..24 {
        client.send(&piece);
    }
    // It is answered with as much; the sockets hold only a part of that.
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(2_000) {
        assert_eq!(server.get("/meanwhile").status, 200);
        sleep_ms(10);
    }
    let mut received = 0;
    let mut buffer = vec![0; 1 << 20];
    let end = loop {
        match client.read(&mut buffer) {
            Ok(0) => break ErrorKind::UnexpectedEof,
            Ok(n) => received += n,
            Err(error) => break error.kind(),
        }
    };
    println!("{received} of {body} bytes, then {end:?}");
    assert!(received < body, "it was dropped: {received} bytes");
    assert_ne!(end, ErrorKind::WouldBlock, "and the connection is over");
    assert_eq!(server.get("/after").status, 200);
}

#[test]
fn a_client_that_reads_slowly_gets_all_of_it() {
    let body = 12 << 20;
    let limit = body.to_string();
    let mut args = SHORT.to_vec();
    args.extend(["--max-body-size", &limit]);
    let server = Server::start(&args);
    let mut client = server.connect();
    client.send(format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {body}\r\n\r\n").as_bytes());
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..12 {
        client.send(&piece);
    }
    // Some of it every now and then, for longer than any timeout.
    let mut received = 0;
    let mut buffer = vec![0; 1 << 20];
    for _ in 0..10 {
        sleep_ms(100);
        received += client.read(&mut buffer).expect("some of the answer");
    }
    while received < body {
        match client.read(&mut buffer).expect("the rest of the answer") {
            0 => break,
            n => received += n,
        }
    }
    assert!(received > body, "{received} of more than {body} bytes");
}

#[test]
fn a_client_that_is_refused_while_it_sends_reads_the_answer_and_no_reset() {
    let server = Server::start(&["-w", "1"]);
    for round in 0..5 {
        let mut client = server.connect();
        client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n");
        // What is sent after the refusal is what would provoke a reset.
        let piece = vec![b'x'; 64 * 1024];
        for _ in 0..40 {
            client.send(&piece);
        }
        sleep_ms(20 * round);
        client.send(&piece);
        let answer = client.response();
        assert!(answer.status == 413 && answer.closes(), "{answer:?}");
        client.expect_end();
    }
}

#[test]
fn idle_connections_cost_nothing_and_keep_nobody_out() {
    let count = 1000.min(open_files_limit().saturating_sub(200));
    let server = Server::start(&["-w", "2", "--log", "none"]);
    let workers = server.workers();
    let memory = || workers.iter().map(|pid| resident_kb(*pid)).sum::<u64>();
    let time = || workers.iter().map(|pid| cpu_ms(*pid)).sum::<u64>();
    for _ in 0..20 {
        server.get("/warm");
    }
    let before = memory();
    // Half of them have asked once, the others never said a word.
    let mut idle: Vec<Client> = (0..count).map(|_| server.connect()).collect();
    for client in idle.iter_mut().step_by(2) {
        assert_eq!(client.get("/once").status, 200);
    }
    let grown = memory().saturating_sub(before);
    println!("{count} idle connections: {grown} KiB more in two workers");
    assert!(grown < 8 * 1024, "{grown} KiB");
    let used = time();
    let began = Instant::now();
    for _ in 0..50 {
        assert_eq!(server.get("/new").status, 200);
    }
    println!("50 new connections beside them: {:?}", began.elapsed());
    assert!(began.elapsed() < SLACK);
    thread::sleep(Duration::from_millis(500));
    let used = time() - used;
    assert!(used < 400, "{used} ms of processor time for nothing");
    for client in &mut idle {
        assert_eq!(client.get("/again").status, 200);
    }
}

#[test]
fn a_crowd_of_slow_clients_costs_others_nothing() {
    let few = open_files_limit().saturating_sub(200) / 700 == 0;
    let (senders, readers) = if few { (50, 20) } else { (500, 200) };
    let site = TempDir::new("slow-crowd");
    let large = 16 << 20;
    let file = fs::File::create(site.path("large")).unwrap();
    file.set_len(large).unwrap();
    fs::write(site.path("small"), "small").unwrap();
    let server = Server::start(&["-w", "2", "--log", "none", site.text()]);
    let workers = server.workers();
    let memory = || workers.iter().map(|pid| resident_kb(*pid)).sum::<u64>();
    let time = || workers.iter().map(|pid| cpu_ms(*pid)).sum::<u64>();
    // What so many requests cost the workers, not how long they take.
    let requests = || {
        let before = time();
        let mut client = server.connect();
        for _ in 0..2_000 {
            assert_eq!(client.get("/small").text(), "small");
        }
        time() - before
    };
    requests();
    let alone = requests();
    let before = memory();

    let head = b"GET /small HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n";
    let mut sending: Vec<Client> = (0..senders).map(|_| server.connect()).collect();
    let mut reading: Vec<Client> = (0..readers).map(|_| server.connect()).collect();
    for client in &mut reading {
        client.send(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    }
    let mut received = 0;
    let mut some = [0; 4_096];
    let mut round = |number: usize| {
        for client in &mut sending {
            client.send(&head[number..=number]);
        }
        for client in &mut reading {
            received += client.read(&mut some).expect("some of it");
        }
        sleep_ms(100);
    };
    (0..5).for_each(&mut round);
    let idle = time();
    let began = Instant::now();
    (5..15).for_each(&mut round);
    let mut rounds = 15;
    let idle = time() - idle;
    let held = began.elapsed();
    let beside = thread::scope(|scope| {
        let beside = scope.spawn(requests);
        while !beside.is_finished() && rounds + 1 < head.len() {
            round(rounds);
            rounds += 1;
        }
        beside.join().unwrap()
    });
    let grown = memory().saturating_sub(before);
    println!(
        "{senders} senders and {readers} readers: {grown} KiB; {idle} ms in {held:?} for them \
         alone; 2000 requests: {alone} ms, and {beside} ms beside them"
    );
    // 16 KiB of buffer for each, and not a whole file.
    assert!(grown < 32 * (senders + readers), "{grown} KiB");
    // 7,000 bytes were sent meanwhile, one by one, and as many reads made room.
    assert!(idle < 700, "{idle} ms of processor time for ten rounds");
    assert!(
        beside < 3 * alone + 300,
        "{beside} ms, and {alone} ms alone"
    );

    for client in &mut sending {
        client.send(&head[rounds..]);
        assert_eq!(client.response().text(), "small");
        client.expect_end();
    }
    for client in reading.iter_mut().take(5) {
        let rest = client.rest().expect("all of it").len();
        let whole = rest + received / readers as usize;
        assert!(whole as u64 > large, "{whole}");
    }
    assert_eq!(server.workers(), workers, "and no worker died");
}

/// How much memory a process occupies.
fn resident_kb(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmRSS:"));
    let number = line.and_then(|l| l.split_whitespace().nth(1));
    number.and_then(|n| n.parse().ok()).unwrap_or(0)
}

#[test]
fn unfinished_bodies_do_not_fill_the_memory() {
    const BODY: usize = 1_000_000;
    let args = [
        "-w",
        "1",
        "--body-memory",
        "8000000",
        "--max-body-size",
        "1000000",
    ];
    let server = Server::start(&args);
    let worker = server.workers()[0];
    server.get("/");
    let before = resident_kb(worker);
    let head = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {BODY}\r\n\r\n");
    let clients: Vec<_> = (0..60)
        .map(|_| {
            let address = ("127.0.0.1", server.port);
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            stream.write_all(head.as_bytes()).unwrap();
            stream.set_nonblocking(true).unwrap();
            stream
        })
        .collect();
    let piece = vec![b'x'; 900_000];
    let mut left = vec![&piece[..]; clients.len()];
    for _ in 0..200 {
        for (mut client, left) in clients.iter().zip(&mut left) {
            if let Ok(n) = client.write(left) {
                *left = &left[n..];
            }
        }
        sleep_ms(2);
    }
    // Eight bodies of 900 kB, and what is read of each of the others: 16 KiB and its buffer.
    let grown = resident_kb(worker) - before;
    println!("60 unfinished bodies: {grown} kB");
    assert!(grown < 14_000, "{grown} kB");
    assert!(grown > 6_000, "{grown} kB: eight are let in");
    // Small ones go on beside them.
    let small = b"POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nsmall";
    assert_eq!(server.request(small).status, 200);
}
