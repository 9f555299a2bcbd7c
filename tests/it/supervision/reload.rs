//! Workers that are replaced while the server goes on: because the operator asks for it, because
//! they have served enough, because they hang.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Instant;

use crate::server::{Server, assert_gone, cpu_ms, is_alive, program, signal, sleep_ms, wait_until};

fn pids(server: &Server) -> BTreeSet<u32> {
    server.workers().into_iter().collect()
}

/// Loads a server with `clients` that keep their connections for a few requests each, while `act`
/// does something. How many requests were answered; none may fail.
fn under_load(server: &Server, clients: usize, act: impl FnOnce()) -> usize {
    let (done, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| {
                while !done.load(SeqCst) {
                    let mut client = server.connect();
                    for _ in 0..20 {
                        let answer = client.get("/load");
                        assert_eq!(answer.status, 200);
                        answered.fetch_add(1, SeqCst);
                        if answer.closes() {
                            break;
                        }
                    }
                }
            });
        }
        // However it ends, the clients do too.
        struct Done<'a>(&'a AtomicBool);
        impl Drop for Done<'_> {
            fn drop(&mut self) {
                self.0.store(true, SeqCst);
            }
        }
        let _done = Done(&done);
        act();
    });
    answered.load(SeqCst)
}

#[test]
fn a_reload_replaces_every_worker_and_no_request_fails() {
    let mut server = Server::start(&["-w", "3", "--log", "none"]);
    server.wait_for_workers(3);
    let first = pids(&server);
    let answered = under_load(&server, 4, || {
        let mut before = first.clone();
        for _ in 0..10 {
            server.signal("HUP");
            wait_until("new workers alone", || {
                let now = pids(&server);
                now.len() == 3 && now.is_disjoint(&before)
            });
            before = pids(&server);
        }
    });
    println!("{answered} answered over ten reloads");
    assert!(answered > 100);
    assert_gone(&first.into_iter().collect::<Vec<_>>());
    let told = |text: &str| server.err.all().iter().filter(|l| l.contains(text)).count();
    wait_until("ten lines", || told(" reloaded: ") == 10);
    assert!(server.stop().success());
}

#[test]
fn a_storm_of_reloads_ends_with_new_workers() {
    let mut server = Server::start(&["-w", "2", "--log", "none"]);
    let first = pids(&server);
    let answered = under_load(&server, 2, || {
        for _ in 0..40 {
            server.signal("HUP");
            sleep_ms(10);
        }
    });
    assert!(answered > 10);
    wait_until("two new ones", || {
        let now = pids(&server);
        now.len() == 2 && now.is_disjoint(&first)
    });
    assert!(server.stop().success());
}

#[test]
fn a_reload_opens_the_log_file_again() {
    let path = crate::server::TempPath::new("reload.log");
    let mut server = Server::start(&["-w", "1", "--log", "text", "--log-file", path.text()]);
    server.get("/before");
    wait_until("a line", || {
        std::fs::read_to_string(&path.0).is_ok_and(|text| text.contains("/before"))
    });
    std::fs::remove_file(&path.0).unwrap();
    server.signal("HUP");
    wait_until("another file", || {
        server.get("/after");
        std::fs::read_to_string(&path.0).is_ok_and(|text| text.contains("/after"))
    });
    assert!(server.stop().success());
}

#[test]
fn one_worker_more_and_one_less() {
    let mut server = Server::start(&["-w", "2", "--log", "none"]);
    server.wait_for_workers(2);
    let first = pids(&server);
    server.signal("TTIN");
    server.wait_for_workers(3);
    server.signal("TTIN");
    server.wait_for_workers(4);
    assert!(pids(&server).is_superset(&first));
    for left in [3, 2, 1, 1] {
        server.signal("TTOU");
        server.wait_for_workers(left);
    }
    server
        .err
        .wait_for("still 1 workers: there can be 1 to 512");
    assert_eq!(server.get("/").status, 200);
    server.signal("HUP");
    wait_until("another one", || {
        let now = pids(&server);
        now.len() == 1 && now.is_disjoint(&first)
    });
    server.signal("TTIN");
    server.wait_for_workers(2);
    assert!(server.stop().success());
}

#[test]
fn workers_that_have_served_enough_are_replaced_and_no_request_fails() {
    let args = ["-w", "2", "--log", "none", "--max-requests", "50"];
    let server = Server::start(&args);
    let mut seen = pids(&server);
    let answered = under_load(&server, 2, || {
        wait_until("some generations", || {
            seen.extend(server.workers());
            seen.len() >= 8
        });
    });
    println!("{answered} answered by {} workers", seen.len());
    assert!(answered >= 6 * 45);
    server.wait_for_workers(2);
}

#[test]
fn a_stopped_worker_is_replaced() {
    let server = Server::start(&["-w", "2", "--log", "none"]);
    server.wait_for_workers(2);
    let victim = *pids(&server).first().unwrap();
    signal(victim, "STOP");
    let began = Instant::now();
    wait_until("a replacement", || {
        let now = pids(&server);
        now.len() == 2 && !now.contains(&victim)
    });
    println!("replaced after {:?}", began.elapsed());
    server.err.wait_for("hangs");
    // A worker that goes on in time is left alone.
    let other = *pids(&server).first().unwrap();
    signal(other, "STOP");
    sleep_ms(500);
    signal(other, "CONT");
    sleep_ms(5_000);
    assert!(is_alive(other));
}

#[test]
fn a_master_that_slept_gives_its_workers_time() {
    let server = Server::start(&["-w", "1", "--log", "none", "--worker-timeout-ms", "1000"]);
    let worker = server.wait_for_workers(1)[0];
    signal(server.pid(), "STOP");
    signal(worker, "STOP");
    sleep_ms(3_000);
    signal(worker, "CONT");
    signal(server.pid(), "CONT");
    sleep_ms(2_500);
    assert_eq!(server.workers(), [worker]);
    assert_eq!(server.get("/").status, 200);
}

#[test]
fn a_watch_for_hangs_costs_an_idle_server_one_look_a_second() {
    let server = Server::start(&["-w", "2", "--log", "none", "--worker-timeout-ms", "2000"]);
    server.wait_for_workers(2);
    let switches = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
        let line = status.lines().find(|l| l.starts_with("voluntary_ctxt"));
        let number = line.and_then(|l| l.split_whitespace().nth(1)).unwrap();
        number.parse::<u64>().unwrap()
    };
    sleep_ms(300);
    let (before, cpu) = (switches(), cpu_ms(server.pid()));
    sleep_ms(3_200);
    let looks = switches() - before;
    println!("{looks} looks");
    assert!((1..=5).contains(&looks), "{looks}");
    assert!(cpu_ms(server.pid()) - cpu < 50);
}

#[test]
fn the_next_server_shares_the_port_of_one_that_leaves() {
    let mut old = Server::start(&["--reuse-port", "-w", "1"]);
    let port = old.port.to_string();
    let serve = |args: &[&str]| {
        let mut command = program();
        command.args(["--host", "127.0.0.1", "-w", "1", "--port", &port]);
        command.args(args).stdout(Stdio::null());
        command
    };
    // Without the flag, the port is taken.
    let refused = serve(&[]).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(refused.status.code(), Some(69));
    let new = Server::launch(serve(&["--reuse-port"]));
    let asked = |n: usize| (0..n).all(|_| new.get("/").status == 200);
    assert!(asked(20), "either of them answers");
    assert!(old.stop().success());
    assert!(asked(20), "the new one alone");
}
