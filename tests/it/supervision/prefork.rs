//! The program as a family of processes: workers that die are replaced, a stop cuts nothing short,
//! and nothing is left over, whichever process is killed.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crate::server::{
    Client, Server, assert_gone, children, cpu_ms, how, is_alive, program, signal,
};
use crate::server::{open_files_limit, ports_of, sleep_ms, wait_until};

/// What should take a tenth of a second may take this long on a machine that is busy.
const SLACK: Duration = Duration::from_secs(2);

#[test]
fn there_are_as_many_workers_as_asked_for() {
    for (args, count) in [(["-w", "3"], 3), (["-w", "1"], 1)] {
        let mut server = Server::start(&args);
        assert_eq!(server.workers().len(), count, "{}", server.banner);
        let told = format!("with {count} workers (as asked)");
        assert!(server.banner.contains(&told), "{}", server.banner);
        assert!(server.stop().success());
    }
}

#[test]
fn a_worker_that_dies_is_replaced_and_only_its_own_connections_are_lost() {
    let mut server = Server::start(&["-w", "2"]);
    for name in ["KILL", "SEGV", "ABRT", "TERM", "QUIT"] {
        let mut clients = one_for_each_worker(&server);
        let (victim, mut lost) = clients.pop_first().unwrap();
        let (other, mut kept) = clients.pop_first().unwrap();
        signal(victim, name);
        let began = Instant::now();
        assert!(
            lost.rest().is_ok_and(|rest| rest.is_empty()),
            "{name}: the connection of the dead ends, with no bytes and no reset"
        );
        drop(lost);
        wait_until("a replacement", || {
            let workers = server.workers();
            workers.len() == 2 && !workers.contains(&victim)
        });
        let took = began.elapsed();
        println!("{name}: replaced after {took:?}");
        assert!(took < SLACK, "{name}: {took:?}");
        assert_eq!(kept.worker().unwrap(), other, "{name}: the other goes on");
        assert_eq!(server.get("/").status, 200, "{name}: so does the service");
    }
    assert!(server.stop().success());
}

#[test]
fn a_worker_that_is_told_to_leave_finishes_what_it_has_begun() {
    let server = Server::start(&["-w", "2"]);
    let mut client = server.connect();
    let victim = client.worker().unwrap();
    client.send(b"POST /half HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc");
    sleep_ms(100);
    signal(victim, "TERM");
    sleep_ms(100);
    client.send(b"def");
    let answer = client.response();
    assert!(answer.text().ends_with("abcdef") && answer.closes());
    client.expect_end();
    assert_gone(&[victim]);
    server.wait_for_workers(2);
}

#[test]
fn killing_workers_under_load_harms_no_connection_of_others() {
    let mut server = Server::start(&["-w", "3", "--log", "none"]);
    let (done, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let errors = Mutex::new(Vec::new());
    let killed = Mutex::new(BTreeSet::new());
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while !done.load(Relaxed) {
                    let mut client = server.connect();
                    // Which worker is killed between connect and the first answer is unknown.
                    let Ok(worker) = client.worker() else {
                        continue;
                    };
                    while !done.load(Relaxed) {
                        let asked = client.try_send(b"GET /load HTTP/1.1\r\nHost: x\r\n\r\n");
                        match asked.and_then(|()| client.try_response(false)) {
                            Ok(_) => answered.fetch_add(1, Relaxed),
                            Err(error) => {
                                errors.lock().unwrap().push((worker, error.kind()));
                                break;
                            }
                        };
                    }
                }
            });
        }
        for round in 0..6 {
            let before = answered.load(Relaxed);
            wait_until("some load", || answered.load(Relaxed) > before + 100);
            let workers = server.workers();
            let victim = workers[round % workers.len()];
            killed.lock().unwrap().insert(victim);
            signal(victim, "KILL");
            wait_until("a replacement", || {
                let workers = server.workers();
                workers.len() == 3 && !workers.contains(&victim)
            });
        }
        done.store(true, Relaxed);
    });
    let (errors, killed) = (errors.into_inner().unwrap(), killed.into_inner().unwrap());
    println!(
        "{} answers, {} connections lost to {} kills",
        answered.load(Relaxed),
        errors.len(),
        killed.len()
    );
    assert_eq!(killed.len(), 6);
    for (worker, error) in errors {
        assert!(
            killed.contains(&worker),
            "worker {worker} lives, but: {error}"
        );
    }
    assert!(server.stop().success());
}

#[test]
fn a_stop_finishes_the_request_that_was_begun() {
    for name in ["TERM", "QUIT", "INT"] {
        let mut server = Server::start(&["-w", "2"]);
        let workers = server.workers();
        let mut client = server.connect();
        client.send(b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nfirst");
        // A worker has read that when it answers on a later connection; both are given the time.
        let mut idle = one_for_each_worker(&server);
        server.signal(name);
        for client in idle.values_mut() {
            client.expect_end();
        }
        client.send(b"other");
        let answer = client.response();
        assert_eq!(answer.status, 200, "{name}");
        assert!(answer.text().ends_with("firstother"), "{name}");
        assert!(answer.closes(), "{name}: {:?}", answer.headers);
        client.expect_end();
        drop((client, idle));
        let status = server.wait();
        assert_eq!(status.code(), Some(0), "{name}: {}", how(status));
        let receipt = server.err.wait_for("stopped by SIG");
        assert!(receipt.contains(name), "{receipt}");
        assert!(
            receipt.contains(": 1 request in flight finished, "),
            "{receipt}"
        );
        assert!(receipt.contains(" 0 cut off, "), "{receipt}");
        assert!(!receipt.contains(" killed"), "{receipt}");
        // Two welcome pages at least, and the slow one.
        assert!(
            number_before(&receipt, " answered in all") >= 3,
            "{receipt}"
        );
        assert_gone(&workers);
    }
}

#[test]
fn a_stop_under_load_cuts_no_response_short() {
    let mut server = Server::start(&["-w", "2", "--log", "none"]);
    let done = AtomicBool::new(false);
    let (answered, unanswered) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let faults = Mutex::new(Vec::new());
    let body = "x".repeat(200_000);
    let request = format!(
        "POST /load HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let port = server.port;
    thread::scope(|scope| {
        for number in 0..6 {
            let (done, request) = (&done, request.as_bytes());
            let (answered, unanswered, faults) = (&answered, &unanswered, &faults);
            scope.spawn(move || {
                while !done.load(Relaxed) {
                    let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) else {
                        return;
                    };
                    let mut client = Client::tcp(stream);
                    // Half of them use a connection once, half for as long as it goes.
                    for _ in 0..if number % 2 == 0 { 1 } else { usize::MAX } {
                        if client.try_send(request).is_err() && client.has_nothing() {
                            unanswered.fetch_add(1, Relaxed);
                            break;
                        }
                        match client.try_response(false) {
                            Ok(answer) => {
                                answered.fetch_add(1, Relaxed);
                                if answer.closes() {
                                    break;
                                }
                            }
                            // Not one byte: an idle connection that was closed just then.
                            Err(_) if client.has_nothing() => {
                                unanswered.fetch_add(1, Relaxed);
                                break;
                            }
                            Err(error) => {
                                faults.lock().unwrap().push(error.to_string());
                                break;
                            }
                        }
                    }
                }
            });
        }
        wait_until("some load", || answered.load(Relaxed) > 100);
        server.signal("TERM");
        let status = server.wait();
        done.store(true, Relaxed);
        assert_eq!(status.code(), Some(0), "{}", how(status));
    });
    println!("{answered:?} whole answers, {unanswered:?} requests that came too late");
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "responses cut short: {faults:?}");
    let receipt = server.err.wait_for("stopped by SIGTERM");
    assert!(receipt.contains(" 0 cut off, "), "{receipt}");
}

#[test]
fn a_second_signal_stops_at_once() {
    let mut server = Server::start(&["-w", "2"]);
    let workers = server.workers();
    let mut client = server.connect();
    client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nfirst");
    one_for_each_worker(&server);
    server.signal("TERM");
    sleep_ms(400);
    assert!(is_alive(server.pid()), "one is a request, not an order");
    let began = Instant::now();
    server.signal("INT");
    let status = server.wait();
    println!("stopped {:?} after the second signal", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(4), "at once");
    assert_eq!(status.code(), Some(0), "{}", how(status));
    let receipt = server.err.wait_for("stopped by SIGTERM");
    assert!(receipt.contains(" 1 cut off, "), "{receipt}");
    assert_gone(&workers);
}

#[test]
fn a_drain_has_an_end() {
    let mut server = Server::start(&["-w", "2", "--drain-timeout-ms", "500"]);
    let workers = server.workers();
    let mut client = server.connect();
    client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nnever");
    drop(one_for_each_worker(&server));
    let began = Instant::now();
    server.signal("TERM");
    let status = server.wait();
    let took = began.elapsed();
    println!("stopped after {took:?}, with a drain timeout of 500 ms");
    assert!(took >= Duration::from_millis(480), "{took:?}");
    assert!(took < Duration::from_millis(500) + 2 * SLACK, "{took:?}");
    assert_eq!(status.code(), Some(0), "{}", how(status));
    let receipt = server.err.wait_for("stopped by SIGTERM");
    assert!(receipt.contains(" 1 cut off, "), "{receipt}");
    assert_gone(&workers);
}

#[test]
fn a_worker_that_is_stopped_does_not_keep_the_server_from_stopping_or_others_from_serving() {
    let mut server = Server::start(&["-w", "2", "--drain-timeout-ms", "100000"]);
    let workers = server.workers();
    signal(workers[0], "STOP");
    for _ in 0..20 {
        assert_eq!(server.get("/while-one-hangs").status, 200);
    }
    let status = server.stop();
    assert_eq!(status.code(), Some(0), "{}", how(status));
    let receipt = server.err.wait_for("stopped by SIGTERM");
    assert!(!receipt.contains(" killed"), "{receipt}");
    assert_gone(&workers);
}

#[test]
fn a_signal_to_the_whole_group_is_one_graceful_stop() {
    // The last one twice at once, as `timeout(1)` does: to its child, and to the whole group.
    for (name, twice) in [("TERM", false), ("INT", false), ("TERM", true)] {
        let mut command = program();
        command.args(["--host", "127.0.0.1", "--port", "0", "-w", "2"]);
        command.process_group(0).stdout(Stdio::piped());
        let mut server = Server::launch(command);
        let workers = server.workers();
        let mut client = server.connect();
        client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nfirst");
        drop(one_for_each_worker(&server));
        let pid = server.pid();
        match twice {
            true => signal(format!("{pid} -{pid}"), name),
            false => signal(format!("-{pid}"), name),
        }
        sleep_ms(300);
        client.send(b"other");
        let answer = client.response();
        assert!(
            answer.text().ends_with("firstother") && answer.closes(),
            "{name}"
        );
        drop(client);
        assert_eq!(server.wait().code(), Some(0), "{name}");
        let receipt = server.err.wait_for("stopped by SIG");
        assert!(
            receipt.contains(": 1 request in flight finished, "),
            "{receipt}"
        );
        assert!(receipt.contains(" 0 cut off, "), "{receipt}");
        assert_gone(&workers);
    }
}

#[test]
fn workers_die_with_their_master_and_the_port_is_free_again() {
    let mut server = Server::start(&["-w", "3"]);
    let workers = server.workers();
    assert_eq!(workers.len(), 3);
    let mut client = server.connect();
    client.worker().unwrap();
    server.signal("KILL");
    let began = Instant::now();
    server.wait();
    assert_gone(&workers);
    println!("all workers gone {:?} after the master", began.elapsed());
    assert!(client.rest().is_ok_and(|rest| rest.is_empty()));
    let again = TcpListener::bind(("127.0.0.1", server.port));
    assert!(again.is_ok(), "{again:?}");
}

#[test]
fn a_port_in_use_is_one_line_with_cause_and_cure() {
    let server = Server::start(&["-w", "1"]);
    let port = server.port.to_string();
    for host in ["127.0.0.1", "localhost", "0.0.0.0", "::"] {
        let output = program()
            .args(["--host", host, "--port", &port])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(69), "{host}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        for part in ["httprs: ", "in use", &port, "--port"] {
            assert!(text.contains(part), "{part:?} is missing: {text}");
        }
        assert!(output.stdout.is_empty());
    }
    assert_eq!(server.get("/").status, 200, "the first one does not mind");
}

#[test]
fn port_0_is_one_real_port_for_all_hosts() {
    let mut command = program();
    command.args([
        "--host",
        "127.0.0.1",
        "--host",
        "127.0.0.2",
        "-p",
        "0",
        "-w",
        "1",
    ]);
    command.stdout(Stdio::null());
    let server = Server::launch(command);
    let ports = ports_of(&server.banner);
    assert_eq!(ports.len(), 2, "{}", server.banner);
    assert!(ports[0] != 0 && ports[0] == ports[1], "{}", server.banner);
    for host in ["127.0.0.1", "127.0.0.2"] {
        let mut client = Client::tcp(TcpStream::connect((host, server.port)).unwrap());
        assert_eq!(client.get("/").status, 200, "{host}");
    }
}

#[test]
fn children_that_are_not_its_own_are_reaped_and_ignored() {
    let site = crate::server::TempDir::new("prefork-children");
    for (name, dies_before) in [("it was dead before", true), ("it dies later", false)] {
        let mut command = crate::server::clean(std::process::Command::new("sh"));
        let script = "sleep 100 & echo $!; exec \"$0\" \"$@\"";
        command.args(["-c", script, env!("CARGO_BIN_EXE_httprs"), site.text()]);
        command.args(["--host", "127.0.0.1", "--port", "0", "-w", "2"]);
        // It begins when that has come to its end.
        let (list, hold) = std::io::pipe().unwrap();
        command.args(["--mime-types", "/dev/stdin"]).stdin(list);
        command.stdout(Stdio::piped());
        let mut server = Server::launch_quiet(command, 0);
        wait_until("the pid of a child", || !server.out.all().is_empty());
        let pid = server.out.all()[0].trim().parse().expect("a pid");
        if dies_before {
            // The signal that tells of it comes before any client reads it.
            signal(pid, "KILL");
            wait_until("a zombie", || !is_alive(pid));
        }
        drop(hold);
        let banner = server.err.wait_for(" serves ");
        server.port = ports_of(&banner)[0];
        if !dies_before {
            assert!(children(server.pid()).contains(&pid), "{name}");
            for what in ["STOP", "CONT", "KILL"] {
                signal(pid, what);
            }
        }
        // Zombies are children too: it must be waited for, not just dead.
        wait_until("two children and no more", || {
            let children = children(server.pid());
            children.len() == 2 && !children.contains(&pid)
        });
        assert_eq!(server.get("/livez").status, 200, "{name}");
        assert_eq!(server.err.all(), [banner], "{name}");
        assert!(server.stop().success(), "{name}");
    }
}

#[test]
fn connections_are_shared_evenly() {
    // Both ends are open in this test, but only one of each in this process.
    let room = open_files_limit().saturating_sub(200);
    for count in [64, 1000.min(room)] {
        let server = Server::start(&["-w", "2", "--log", "none"]);
        let mut clients: Vec<Client> = (0..count).map(|_| server.connect()).collect();
        let mut shares: BTreeMap<u32, usize> = BTreeMap::new();
        for client in &mut clients {
            *shares.entry(client.worker().unwrap()).or_default() += 1;
        }
        println!("{count} connections: {shares:?}");
        assert_eq!(shares.len(), 2, "{count} connections: {shares:?}");
        let (least, most) = (shares.values().min(), shares.values().max());
        let (least, most) = (*least.unwrap(), *most.unwrap());
        assert!(most <= 2 * least, "{count} connections: {shares:?}");
    }
}

/// Opens connections until every worker has one, and keeps one for each.
#[track_caller]
fn one_for_each_worker(server: &Server) -> BTreeMap<u32, Client> {
    let mut clients = BTreeMap::new();
    let mut others = Vec::new();
    let wanted = server.workers().len();
    wait_until("a connection to each worker", || {
        let mut client = server.connect();
        match client.worker() {
            Ok(pid) => drop(clients.insert(pid, client).map(|old| others.push(old))),
            Err(error) => assert_ne!(error.kind(), io::ErrorKind::TimedOut),
        }
        clients.len() == wanted
    });
    clients
}

/// The number that stands before `word`.
fn number_before(text: &str, word: &str) -> u64 {
    let (before, _) = text.split_once(word).expect(word);
    let digits = before.rsplit(|c: char| !c.is_ascii_digit()).next();
    digits.and_then(|n| n.parse().ok()).expect("a number")
}

/// A request that asks for `target`, for a client that does not wait to send it.
fn ask(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n").into_bytes()
}

#[test]
fn clients_in_the_queue_are_served_before_a_stop() {
    for workers in ["1", "2"] {
        let mut server = Server::start(&["-w", workers]);
        let pids = server.workers();
        // No worker accepts: all of these are connected, and wait.
        pids.iter().for_each(|pid| signal(pid, "STOP"));
        let mut clients: Vec<_> = (0..40).map(|_| server.connect()).collect();
        for (number, client) in clients.iter_mut().enumerate() {
            client.send(&ask(&format!("/{number}")));
        }
        server.signal("TERM");
        pids.iter().for_each(|pid| signal(pid, "CONT"));
        for (number, client) in clients.iter_mut().enumerate() {
            let status = client.response().status;
            assert_eq!(status, 200, "-w {workers}, client {number}");
        }
        assert!(server.wait().success());
    }
}

#[test]
fn clients_in_the_queue_get_the_room_of_idle_ones_at_a_stop() {
    let mut server = Server::start(&["-w", "2", "--max-connections", "1"]);
    let idle = one_for_each_worker(&server);
    let mut clients: Vec<_> = (0..5).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(&ask("/queued"));
    }
    // They are idle until the workers have seen that no other client may come in.
    sleep_ms(100);
    server.signal("TERM");
    for client in &mut clients {
        assert_eq!(client.response().status, 200);
    }
    drop(idle);
    assert!(server.wait().success());
}

#[test]
fn a_worker_that_is_to_leave_serves_until_its_successor_does_and_finishes_what_it_began() {
    let server = Server::start(&["-w", "1"]);
    let old = server.workers()[0];
    let mut client = server.connect();
    client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nfirst");
    // It is in the middle of that when this answer comes.
    assert_eq!(server.get("/").status, 200);
    signal(old, "TERM");
    wait_until("a second worker", || server.workers().len() == 2);
    // The old one is still busy, and no client has to wait for it.
    for _ in 0..20 {
        assert_eq!(server.get("/meanwhile").status, 200);
    }
    assert!(is_alive(old));
    assert_sleeps(old);
    client.send(b"other");
    let answer = client.response();
    assert!(answer.status == 200 && answer.closes(), "{answer:?}");
    assert!(answer.text().ends_with("firstother"));
    drop(client);
    wait_until("the old one to leave", || !is_alive(old));
    assert_eq!(server.wait_for_workers(1).len(), 1);
    server
        .err
        .wait_for(&format!("worker 0 (pid {old}) is to leave; replaced by "));
}

#[test]
fn a_server_that_drains_does_not_spin() {
    let mut server = Server::start(&["-w", "1"]);
    let worker = server.workers()[0];
    let mut client = server.connect();
    client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nfirst");
    assert_eq!(server.get("/").status, 200);
    server.signal("TERM");
    wait_until("clients to be refused", || {
        TcpStream::connect(("127.0.0.1", server.port)).is_err()
    });
    assert_sleeps(worker);
    assert_sleeps(server.pid());
    client.send(b"other");
    assert_eq!(client.response().status, 200);
    assert!(server.wait().success());
}

/// Looks at a process that has nothing to do but to wait.
#[track_caller]
fn assert_sleeps(pid: u32) {
    let before = cpu_ms(pid);
    sleep_ms(300);
    let spent = cpu_ms(pid) - before;
    assert!(spent < 150, "it spent {spent} ms of 300 on nothing");
}
