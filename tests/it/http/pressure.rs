//! More clients than there is room for: idle ones make way for those that wait, busy ones stay, and
//! nothing spins.

use std::fs;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::panic;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crate::server::{Client, Server, clean, cpu_ms, sleep_ms, wait_until};

/// Half a request, as far as the server can tell.
const HALF: &[u8] = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nfirst";

/// The program with at most so many descriptors.
fn with_descriptors(limit: usize, args: &[&str]) -> Command {
    let mut command = clean(Command::new("sh"));
    command
        .arg("-c")
        .arg(format!("ulimit -n {limit}; exec \"$0\" \"$@\""))
        .arg(env!("CARGO_BIN_EXE_httprs"))
        .args(["--host", "127.0.0.1", "--port", "0"])
        .args(args)
        .stdout(Stdio::piped());
    command
}

/// How often a process has slept.
fn sleeps(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.and_then(|n| n.trim().parse().ok()).unwrap_or(0)
}

/// A worker that can accept no client looks now and then, and does nothing else.
#[track_caller]
fn assert_patient(pid: u32) {
    let (slept, used) = (sleeps(pid), cpu_ms(pid));
    let began = Instant::now();
    sleep_ms(500);
    let (slept, used) = (sleeps(pid) - slept, cpu_ms(pid) - used);
    let most = 20 + began.elapsed().as_millis() as u64 / 20;
    println!("{slept} naps and {used} ms in {:?}", began.elapsed());
    assert!(slept <= most, "it woke {slept} times");
    assert!(used < 250, "it spent {used} ms of 500");
}

/// Whether the server has closed a connection, which must have ended well.
#[track_caller]
fn is_closed(client: &mut Client) -> bool {
    client.read_timeout(Duration::from_millis(1));
    let mut buffer = [0; 16];
    let read = client.read(&mut buffer);
    client.read_timeout(crate::server::LONGEST);
    match read {
        Ok(0) => true,
        Ok(n) => panic!("more came: {}", buffer[..n].escape_ascii()),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => false,
        Err(error) => panic!("no end but {error}"),
    }
}

#[test]
fn an_idle_client_makes_room_where_there_is_room_for_one() {
    for workers in [1, 2] {
        let count = workers.to_string();
        let server = Server::start(&["-w", &count, "--max-connections", "1"]);
        let mut before: Vec<Client> = Vec::new();
        let began = Instant::now();
        for round in 0..5 {
            let mut client = server.connect();
            assert_eq!(client.get("/").status, 200, "-w {workers}, client {round}");
            before.push(client);
        }
        // Idling is for 15 s. Each of these waited until the one before had been idle for long
        // enough, a fifth of a second.
        println!("-w {workers}: {:?}", began.elapsed());
        assert!(began.elapsed() < Duration::from_secs(10));
        // Which worker lets the next one in is not said; within one, it is the oldest that goes.
        let closed: Vec<bool> = before.iter_mut().map(is_closed).collect();
        let gone = closed.iter().filter(|closed| **closed).count();
        assert_eq!(gone, 5 - workers, "-w {workers}: {closed:?}");
        assert!(!closed[4], "-w {workers}: {closed:?}");
    }
}

#[test]
fn the_oldest_idle_clients_make_room_when_there_are_no_descriptors() {
    let server = Server::launch(with_descriptors(40, &["-w", "1"]));
    let worker = server.workers()[0];
    server.err.wait_for("connections and not 1024");
    // The first of all, so that they would be the first to go.
    let mut half: Vec<Client> = (0..3).map(|_| server.connect()).collect();
    for client in &mut half {
        assert_eq!(client.get("/").status, 200);
        client.send(HALF);
    }
    let mut idle: Vec<Client> = Vec::new();
    for number in 0..60 {
        let mut client = server.connect();
        assert_eq!(client.get("/").status, 200, "client {number}");
        idle.push(client);
        // The clock of the worker ticks coarsely, and it cannot tell which client came first in a
        // tick.
        sleep_ms(10);
    }
    let closed: Vec<bool> = idle.iter_mut().map(is_closed).collect();
    let gone = closed.iter().filter(|closed| **closed).count();
    println!("{gone} of 60 had to go");
    assert!((20..60).contains(&gone), "{gone}");
    assert!(closed[..gone].iter().all(|closed| *closed), "{closed:?}");
    for client in &mut half {
        client.send(b"other");
        let answer = client.response();
        assert!(answer.text().ends_with("firstother"));
    }
    for client in &mut idle[gone..] {
        assert_eq!(client.get("/again").status, 200);
    }
    assert_eq!(server.workers(), [worker]);
    assert_patient(worker);
    // There is no room for more connections, but there are descriptors for files.
    assert!(server.err.find("cannot accept").is_none());
}

#[test]
fn who_has_just_connected_is_not_closed_for_another_before_it_can_have_asked() {
    let server = Server::start(&["-w", "1", "--max-connections", "1"]);
    let mut silent = server.connect();
    let began = Instant::now();
    let mut client = server.connect();
    assert_eq!(client.get("/").status, 200);
    let waited = began.elapsed();
    println!("{waited:?}");
    // The clock of the worker may be a tick behind.
    assert!(waited > Duration::from_millis(950), "{waited:?}");
    silent.expect_end();
}

#[test]
fn nobody_is_closed_who_is_busy_and_the_next_one_waits() {
    let site = crate::server::TempDir::new("pressure-busy");
    fs::write(site.path("large"), vec![b'x'; 8 << 20]).unwrap();
    for what in ["sends", "reads"] {
        let args = [
            "-w",
            "1",
            "--max-connections",
            "1",
            "--max-body-size",
            "9000000",
        ];
        let mut args = args.to_vec();
        if what == "reads" {
            args.push(site.text());
        }
        let server = Server::start(&args);
        let mut busy = server.connect();
        assert_eq!(busy.get("/livez").status, 200);
        match what {
            "sends" => busy.send(HALF),
            _ => busy.send(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n"),
        }
        // Long enough to be seen, and to be closed if it were idle.
        sleep_ms(300);
        let mut next = server.connect();
        next.send(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_patient(server.workers()[0]);
        if what == "sends" {
            busy.send(b"other");
        }
        let answer = busy.response();
        assert_eq!(answer.status, 200, "{what}");
        assert_eq!(next.response().status, 200, "{what}");
        drop(busy);
    }
}

#[test]
fn one_that_asks_all_the_time_makes_room_for_others_and_loses_nothing() {
    let server = Server::start(&["-w", "1", "--max-connections", "1"]);
    let worker = server.workers()[0];
    let ask = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let done = AtomicBool::new(false);
    let asked = AtomicUsize::new(0);
    thread::scope(|scope| {
        // Never idle, so never to be closed without a word.
        let greedy = scope.spawn(|| {
            let mut connections = 1;
            let mut client = server.connect();
            while !done.load(Relaxed) {
                client.send(ask);
                let answer = client.response();
                assert_eq!(answer.status, 200);
                asked.fetch_add(1, Relaxed);
                if answer.closes() {
                    client = server.connect();
                    connections += 1;
                }
            }
            connections
        });
        wait_until("some questions", || asked.load(Relaxed) > 100);
        let result = panic::catch_unwind(|| {
            for _ in 0..5 {
                let mut other = server.connect();
                other.send(ask);
                assert_eq!(other.response().status, 200);
            }
        });
        done.store(true, Relaxed);
        let connections = greedy.join().unwrap();
        println!(
            "{connections} connections for {} questions",
            asked.load(Relaxed)
        );
        result.unwrap();
        // One for each of the others, and a few that met none.
        assert!((2..30).contains(&connections), "{connections}");
    });
    assert_eq!(server.workers(), [worker]);
}

#[test]
fn many_who_wait_are_all_answered_with_room_for_few() {
    for workers in ["1", "2"] {
        let server = Server::start(&["-w", workers, "--max-connections", "4"]);
        let mut clients: Vec<Client> = (0..60).map(|_| server.connect()).collect();
        for client in &mut clients {
            client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        }
        for (number, client) in clients.iter_mut().enumerate() {
            let answer = client.response();
            assert_eq!(answer.status, 200, "-w {workers}, client {number}");
        }
    }
}

#[test]
fn a_master_without_descriptors_says_so_in_one_line() {
    for (limit, workers) in [(10, "4"), (40, "64")] {
        let output = with_descriptors(limit, &["-w", workers]).output().unwrap();
        assert_eq!(output.status.code(), Some(78), "{output:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        for part in ["httprs: ", "ulimit -n", &limit.to_string(), workers] {
            assert!(text.contains(part), "{part:?} is missing: {text}");
        }
    }
}

#[test]
fn idle_clients_make_room_where_files_have_taken_the_descriptors() {
    let site = crate::server::TempDir::new("pressure-files");
    for n in 0..40 {
        fs::write(site.path(&format!("large-{n}")), vec![b'x'; 4 << 20]).unwrap();
    }
    // No client is given up meanwhile.
    let patient = ["--timeout-ms", "60000", "--min-rate", "0"];
    let mut args = vec!["-w", "1", "--log", "none"];
    args.extend(patient);
    args.push(site.text());
    let server = Server::launch(with_descriptors(48, &args));
    let worker = server.workers()[0];
    let mut idle: Vec<Client> = (0..8).map(|_| server.connect()).collect();
    for client in &mut idle {
        assert_eq!(client.get("/livez").status, 200);
    }
    sleep_ms(250);
    // Each holds two descriptors, and does not read.
    let mut slow = Vec::new();
    for n in 0..40 {
        if server.err.find("cannot accept").is_some() {
            break;
        }
        let mut client = server.connect();
        let ask = format!("GET /large-{n} HTTP/1.1\r\nHost: x\r\n\r\n");
        client.send(ask.as_bytes());
        slow.push(client);
        sleep_ms(20);
    }
    server.err.wait_for("Too many open files");
    assert!(idle.iter_mut().any(is_closed), "they were there to go");
    assert_patient(worker);
    for client in &mut slow {
        let answer = client.response();
        let whole = answer.status == 200 && answer.body.len() == 4 << 20;
        assert!(whole || answer.status == 503, "{}", answer.status_line);
    }
    assert_eq!(server.workers(), [worker]);
}

#[test]
fn clients_leave_descriptors_for_those_who_look_after_the_server() {
    const FILES: usize = 7;
    let site = crate::server::TempDir::new("pressure-admin");
    for n in 0..FILES {
        let file = fs::File::create(site.path(&format!("large-{n}"))).unwrap();
        file.set_len(64 << 20).unwrap();
    }
    // No client is given up meanwhile.
    let patient = ["--header-timeout-ms", "60000", "--timeout-ms", "60000"];
    let mut args = vec!["-w", "1", "--admin", "127.0.0.1:0", "--min-rate", "0"];
    args.extend(patient);
    args.push(site.text());
    let server = Server::launch(with_descriptors(48, &args));
    let worker = server.workers()[0];
    let told = server.err.wait_for("connections and not 1024");
    let (_, room) = told.split_once(" takes ").expect(&told);
    let room = room.split(' ').next().and_then(|n| n.parse().ok());
    let room: usize = room.expect(&told);
    let port = crate::server::ports_of(&server.banner)[1];
    let connect = || Client::tcp(TcpStream::connect(("127.0.0.1", port)).expect("a connection"));
    // These use what is kept for files, and do not read.
    let mut slow: Vec<Client> = (0..FILES).map(|_| server.connect()).collect();
    for (n, client) in slow.iter_mut().enumerate() {
        client.send(format!("GET /large-{n} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
    }
    let is_large = |fd: &fs::DirEntry| {
        let path = fs::read_link(fd.path()).unwrap_or_default();
        path.to_string_lossy().contains("/large-")
    };
    wait_until("the files to be open", || {
        let fds = fs::read_dir(format!("/proc/{worker}/fd"))
            .unwrap()
            .flatten();
        fds.filter(is_large).count() == FILES
    });
    // And these are in the middle of a request.
    let rest = room + 5 - FILES;
    let mut clients: Vec<Client> = (0..rest).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(b"GET / HTT");
    }
    let all = format!(", {room} of {room} connections open\n");
    wait_until("all the room to be taken", || {
        connect().get("/status.txt").text().contains(&all)
    });
    // So many at a time, none of which is idle either.
    let mut admins: Vec<Client> = (0..8).map(|_| connect()).collect();
    for admin in &mut admins {
        admin.send(b"GET /status.txt HTTP/1.1\r\n");
    }
    for admin in admins.iter_mut().rev() {
        // Before their heads are overdue, which would make room.
        admin.read_timeout(Duration::from_secs(5));
        admin.send(b"Host: localhost\r\n\r\n");
        let answer = admin.response();
        assert!(answer.text().contains(&all), "{}", answer.text());
    }
    assert!(server.err.find("Too many open files").is_none());
    assert_eq!(server.workers(), [worker]);
}

#[test]
fn files_leave_descriptors_for_those_who_look_after_the_server() {
    const FILES: usize = 40;
    let site = crate::server::TempDir::new("pressure-admin-files");
    for n in 0..FILES {
        let file = fs::File::create(site.path(&format!("large-{n}"))).unwrap();
        file.set_len(64 << 20).unwrap();
    }
    let mut args = vec!["-w", "1", "--admin", "127.0.0.1:0", "--log", "none"];
    // No client is given up meanwhile.
    args.extend(["--timeout-ms", "60000", "--min-rate", "0", site.text()]);
    let server = Server::launch(with_descriptors(48, &args));
    let worker = server.workers()[0];
    let port = crate::server::ports_of(&server.banner)[1];
    let admin = || TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    // As many as there is room for, before: they use up nothing.
    let mut before = [(); 8].map(|()| Client::tcp(admin()));
    for client in &mut before {
        assert_eq!(client.get("/status.txt").status, 200);
    }
    drop(before);
    // Each holds two descriptors, if there are so many, and does not read.
    let mut slow: Vec<Client> = Vec::new();
    for n in 0..FILES {
        let mut client = server.connect();
        client.send(format!("GET /large-{n} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
        slow.push(client);
    }
    server.err.wait_for("Too many open files");
    let began = Instant::now();
    for round in 0..10 {
        // Two that stay for a while, so that more than one is needed.
        let mut pair = [admin(), admin()].map(Client::tcp);
        for client in &mut pair {
            client.read_timeout(Duration::from_secs(5));
            client.send(b"GET /status.txt HTTP/1.1\r\nHost: [::1]:1\r\n\r\n");
        }
        for client in &mut pair {
            assert_eq!(client.response().status, 200, "round {round}");
        }
    }
    println!("20 answers: {:?}", began.elapsed());
    assert_patient(worker);
    assert_eq!(server.workers(), [worker]);
}

#[test]
fn a_socket_that_is_closed_at_once_costs_nobody_a_connection() {
    let server = Server::start(&["-w", "1", "--max-connections", "2"]);
    let mut idle: Vec<Client> = (0..2).map(|_| server.connect()).collect();
    for client in &mut idle {
        assert_eq!(client.get("/").status, 200);
    }
    // It has found room for all, and no client waits: no connection has to go.
    sleep_ms(500);
    for client in &mut idle {
        assert!(!is_closed(client));
        assert_eq!(client.get("/").status, 200);
    }
    drop(TcpStream::connect(("127.0.0.1", server.port)));
    wait_until("one of them to go", || idle.iter_mut().any(is_closed));
    assert!(!idle.iter_mut().all(is_closed));
}
