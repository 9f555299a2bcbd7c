//! What is left behind by workers that die: nothing. No descriptor, no memory, no zombie; and what
//! a worker has open is what it needs.
//!
//! `make soak` does the same for minutes, under load, and `DEATHS=1000 cargo test --test it leak`
//! with more of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use crate::server::{Client, Server, TempPath, children, is_alive, signal, sleep_ms, wait_until};

/// A heap grows by steps of so much (brk in glibc and musl), in KiB; one of them may be due.
const HEAP_STEP_KIB: u64 = 132;

/// What the kernel may share out in another way than before, in KiB.
const SHARE_KIB: u64 = 256;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// What a process has open, by number: what it is, and whether it is closed on exec. Without what
/// it has from what started this test, a `make` and its pipes for one.
fn descriptors(pid: u32) -> BTreeMap<u32, (String, bool)> {
    let open = |pid: &str| -> BTreeMap<u32, (String, bool)> {
        let names = fs::read_dir(format!("/proc/{pid}/fd")).expect("descriptors");
        let open = names.filter_map(|name| {
            let name = name.ok()?.file_name().into_string().ok()?;
            let path = fs::read_link(format!("/proc/{pid}/fd/{name}")).ok()?;
            let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{name}")).ok()?;
            let flags = info.lines().find_map(|line| line.strip_prefix("flags:"))?;
            let flags = u32::from_str_radix(flags.trim(), 8).ok()?;
            let path = path.to_string_lossy().into_owned();
            Some((name.parse().ok()?, (path, flags & 0o2_000_000 != 0)))
        });
        open.collect()
    };
    let inherited = open("self");
    let mut found = open(&pid.to_string());
    found.retain(|fd, what| {
        let is_closed_on_exec = what.1;
        *fd > 2 && (is_closed_on_exec || inherited.get(fd) != Some(what))
    });
    found
}

/// The kinds of descriptors, sorted: `socket`, `anon_inode:[eventpoll]`, a path.
fn kinds(pid: u32) -> Vec<String> {
    let kind = |(path, _): &(String, bool)| match path.split_once(":[") {
        Some(("socket" | "pipe", _)) => path.split(':').next().unwrap_or_default().to_string(),
        _ => path.clone(),
    };
    let mut kinds: Vec<String> = descriptors(pid).values().map(kind).collect();
    kinds.sort();
    kinds
}

/// A number in KiB of one of the files below `/proc/PID`.
fn kib(pid: u32, file: &str, name: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}")).expect("it lives");
    let line = text.lines().find(|line| line.starts_with(name));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.and_then(|n| n.parse().ok()).expect(name)
}

/// How much there is of a process.
#[derive(Clone, Copy, Debug)]
struct Size {
    descriptors: usize,
    /// Private memory that it may write to.
    data_kib: u64,
    /// Its share of what is in memory.
    share_kib: u64,
}

impl Size {
    fn of(pid: u32) -> Size {
        Size {
            descriptors: descriptors(pid).len(),
            data_kib: kib(pid, "status", "VmData:"),
            share_kib: kib(pid, "smaps_rollup", "Pss:"),
        }
    }

    #[track_caller]
    fn assert_not_above(self, before: Size, what: &str) {
        let is_as_before = self.descriptors == before.descriptors
            && self.data_kib <= before.data_kib + HEAP_STEP_KIB
            && self.share_kib <= before.share_kib + SHARE_KIB;
        assert!(is_as_before, "{what}: {before:?}, and now {self:?}");
    }
}

/// Waits until all workers of before are gone, and so many others are there and serve.
#[track_caller]
fn wait_for_others(server: &Server, before: &[u32], count: usize) {
    wait_until("new workers", || {
        let now = server.workers();
        now.len() == count && !before.iter().any(|pid| now.contains(pid))
    });
}

/// Waits until each of its children lives.
#[track_caller]
fn wait_for_burials(server: &Server) {
    wait_until("no zombies", || {
        children(server.pid()).into_iter().all(is_alive)
    });
}

#[test]
fn a_worker_has_open_what_it_needs_and_all_of_it_is_closed_on_exec() {
    const LISTENER: &str = "socket";
    const LINE: &str = "socket";
    const STOPPER: &str = "anon_inode:[eventfd]";
    const NUDGE: &str = "anon_inode:[eventfd]";
    /// Of a worker alone: what ends its wait for a connection that was woken.
    const WAKES: &str = "anon_inode:[eventfd]";
    const EPOLL: &str = "anon_inode:[eventpoll]";
    const SIGNALS: &str = "anon_inode:[signalfd]";
    let log = TempPath::new("leak.log");
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/src/handlers");
    // Sorted by what the constants stand for.
    let both = [STOPPER, NUDGE, EPOLL, SIGNALS, LISTENER];
    for (name, args, also) in [
        ("plain", &["-w", "3"][..], None),
        (
            "a log file",
            &["-w", "3", "--log-file", log.text()],
            Some(log.text()),
        ),
        ("a root", &["-w", "3", "--log", "none", root], Some(root)),
    ] {
        let server = Server::start(args);
        let workers = server.wait_for_workers(3);
        assert_eq!(server.get("/welcome.html").status, 200, "{name}");
        // A worker that was forked after others, and a worker after a death.
        signal(workers[1], "KILL");
        wait_until("a successor", || {
            let now = server.workers();
            now.len() == 3 && !now.contains(&workers[1])
        });
        assert_eq!(server.get("/welcome.html").status, 200, "{name}");
        // It says that it is ready before it is asked, and has opened everything by then.
        let want = |lines: &[&'static str]| {
            let mut want: Vec<&str> = both.to_vec();
            want.extend(also);
            want.extend(lines);
            want.sort();
            want
        };
        let of_worker = want(&[LINE, WAKES]);
        wait_until(&format!("{name}: what the master needs"), || {
            kinds(server.pid()) == want(&[LINE; 3])
        });
        for pid in server.workers() {
            // Connections of this test come and go.
            wait_until(
                &format!("{name}: {of_worker:?} for {:?}", kinds(pid)),
                || kinds(pid) == of_worker,
            );
        }
        for pid in server.workers().into_iter().chain([server.pid()]) {
            for (fd, (path, is_closed_on_exec)) in descriptors(pid) {
                assert!(is_closed_on_exec, "{name}: {fd} of {pid}: {path}");
            }
        }
    }
}

#[test]
fn workers_that_die_leave_nothing_behind() {
    let deaths = number("DEATHS").unwrap_or(200);
    let server = Server::start(&["-w", "4", "--log", "none"]);
    let mut died = 0;
    // What was needed once is not given back, so it does not count.
    let warm_up = 20;
    let mut before = None;
    while died < deaths + warm_up {
        let workers = server.wait_for_workers(4);
        for pid in &workers {
            signal(pid, "KILL");
        }
        died += 4;
        wait_for_others(&server, &workers, 4);
        // Deaths that follow each other are followed by pauses; a worker that leaves in peace ends
        // that.
        let workers = server.workers();
        server.signal("HUP");
        wait_for_others(&server, &workers, 4);
        if died == warm_up {
            wait_for_burials(&server);
            let worker = server.workers()[0];
            before = Some((Size::of(server.pid()), Size::of(worker), kinds(worker)));
        }
    }
    wait_for_burials(&server);
    let (master, worker, open) = before.expect("it was warm");
    let now = Size::of(server.pid());
    println!("{died} deaths: {master:?}, then {now:?}");
    now.assert_not_above(master, "the master");
    for pid in server.wait_for_workers(4) {
        wait_until("a worker that is ready", || kinds(pid) == open);
        Size::of(pid).assert_not_above(worker, "a new worker");
    }
    assert_eq!(server.get("/").status, 200);
}

/// A client that has just had an answer may ask for a fifth of a second, whatever its worker is
/// told. A client that was kept from its next request for longer may find its connection closed.
const GRACE: Duration = Duration::from_millis(150);

/// What the clients of a soak have met with.
#[derive(Default)]
struct Tally {
    answered: AtomicU64,
    /// Requests on connections to workers that were killed.
    lost: AtomicU64,
    over: AtomicBool,
    killed: Mutex<Killed>,
    faults: Mutex<Vec<String>>,
}

#[derive(Default)]
struct Killed {
    pids: BTreeSet<u32>,
    last: Option<Instant>,
}

impl Tally {
    fn killed(&self) -> MutexGuard<'_, Killed> {
        self.killed.lock().expect("no thread panics with it")
    }

    /// Asks again and again, at a pace that leaves room for others.
    fn ask(&self, port: u16) {
        while !self.over.load(Relaxed) {
            let began = Instant::now();
            let stream = match TcpStream::connect(("127.0.0.1", port)) {
                Ok(stream) => stream,
                Err(error) => return self.blame(format!("no connection: {error}")),
            };
            let mut client = Client::tcp(stream);
            let (mut worker, mut answered) = (None, began);
            for _ in 0..50 {
                let idle = answered.elapsed();
                let ends = match client.worker_and_end() {
                    Ok((pid, ends)) => {
                        worker = Some(pid);
                        ends
                    }
                    Err(error) => {
                        self.judge(worker, began, idle, &error);
                        break;
                    }
                };
                self.answered.fetch_add(1, Relaxed);
                answered = Instant::now();
                sleep_ms(2);
                if ends || self.over.load(Relaxed) {
                    break;
                }
            }
        }
    }

    /// Whether a request may fail: if its worker was killed, or, where it is not known which worker
    /// had it, any was since.
    fn judge(&self, worker: Option<u32>, began: Instant, idle: Duration, error: &io::Error) {
        let killed = self.killed();
        let is_lost = match worker {
            Some(pid) => killed.pids.contains(&pid),
            None => killed.last.is_some_and(|at| at >= began),
        };
        drop(killed);
        if is_lost {
            self.lost.fetch_add(1, Relaxed);
        } else if worker.is_none() || idle < GRACE {
            self.blame(format!("a request to {worker:?} after {idle:?}: {error}"));
        }
    }

    fn blame(&self, fault: String) {
        self.faults.lock().expect("no thread panics").push(fault);
    }
}

/// Numbers in no order to speak of.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

#[test]
#[ignore = "it takes SOAK_SECONDS: make soak"]
fn a_server_under_load_does_not_grow_and_fails_no_request_but_those_of_the_killed() {
    const WORKERS: usize = 4;
    let seconds = number("SOAK_SECONDS").unwrap_or(600);
    let seed = number("SEED").unwrap_or(0x5eed);
    let server = Server::start(&["-w", "4", "--log", "none"]);
    server.wait_for_workers(WORKERS);
    let (tally, mut dice) = (Tally::default(), Dice(seed.max(1)));
    let port = server.port;
    let began = Instant::now();
    println!("soak: {seconds} s, SEED={seed}");
    thread::scope(|scope| {
        let clients: Vec<_> = (0..6).map(|_| scope.spawn(|| tally.ask(port))).collect();
        let _end = EndOf(&tally.over);
        let mut before = None;
        let (mut kills, mut reloads, mut wanted) = (0, 0, WORKERS);
        let mut next_look = Duration::from_secs(10.min(seconds));
        while began.elapsed() < Duration::from_secs(seconds) || next_look <= began.elapsed() {
            match dice.below(10) {
                0..4 => {
                    let workers = server.workers();
                    let victim = dice.below(workers.len().max(1) as u64) as usize;
                    if let Some(pid) = workers.get(victim) {
                        let mut killed = tally.killed();
                        killed.pids.insert(*pid);
                        signal(pid, "KILL");
                        killed.last = Some(Instant::now());
                        kills += 1;
                    }
                }
                4 => {
                    server.signal("HUP");
                    reloads += 1;
                }
                5 if wanted < 2 * WORKERS => {
                    server.signal("TTIN");
                    wanted += 1;
                }
                6 if wanted > 2 => {
                    server.signal("TTOU");
                    wanted -= 1;
                }
                _ => {}
            }
            sleep_ms(20 + dice.below(160));
            if began.elapsed() < next_look {
                continue;
            }
            // The same number of workers, all of them at rest, can be compared.
            let step = if wanted < WORKERS { "TTIN" } else { "TTOU" };
            while wanted != WORKERS {
                server.signal(step);
                wanted = if wanted < WORKERS {
                    wanted + 1
                } else {
                    wanted - 1
                };
                sleep_ms(5);
            }
            let at_rest = server.workers();
            server.signal("HUP");
            wait_for_others(&server, &at_rest, WORKERS);
            wait_for_burials(&server);
            let now = Size::of(server.pid());
            println!(
                "{:4} s: {} answered, {} lost with {kills} killed workers, {reloads} reloads; {now:?}",
                began.elapsed().as_secs(),
                tally.answered.load(Relaxed),
                tally.lost.load(Relaxed),
            );
            now.assert_not_above(*before.get_or_insert(now), "the master");
            let faults = tally.faults.lock().expect("no thread panics");
            assert!(faults.is_empty(), "failed: {faults:#?}");
            next_look += Duration::from_secs(10);
            if next_look > Duration::from_secs(seconds) && began.elapsed().as_secs() < seconds {
                next_look = Duration::from_secs(seconds);
            }
        }
        assert!(
            clients.iter().all(|client| !client.is_finished()),
            "a client gave up"
        );
    });
    let faults = tally.faults.into_inner().expect("no thread panics");
    assert!(faults.is_empty(), "failed: {faults:#?}");
    assert!(tally.answered.load(Relaxed) > 0, "no request was answered");
    wait_for_burials(&server);
}

/// Sends clients home, also from a test that fails.
struct EndOf<'a>(&'a AtomicBool);

impl Drop for EndOf<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}
