//! A few histories of the simulation once more, with real forks, signals and deaths, so that it is
//! not only our beliefs that are simulated.
//!
//! Each is played by a process of its own, because a master owns its signals and its children. The
//! same promises are checked as far as they can be seen from outside: by workers, each of which
//! holds a name that belongs to its slot, and by a thread that looks at the scoreboard and at
//! `/proc` all the time. Nothing depends on how fast it goes: what comes later than planned is
//! another history, and the promises hold in that one, too.

#[path = "it/server.rs"]
mod server;
#[path = "../fuzz/src/invariants/supervisor.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "only its histories are of use here"
)]
mod supervisor;

/// Stands in for the server's module of this name, which the supervisor's source imports.
mod time {
    pub use httprs::Millis;
}

use std::collections::BTreeSet;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::process::{Command, ExitCode, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use httprs::scoreboard::State;
use httprs::worker::{self, Context, Message};
use httprs::{Scoreboard, Server, Stopper, Worker};
use server::{LONGEST, children, is_alive};
use supervisor::Event;
use supervisor::histories::{CALM_MS, Dice, History};

const NAME: &str = "histories_are_replayed_with_real_processes";

/// Of these, 12 and 22 stop in the middle. In 34, a worker may be stopped, which takes four
/// seconds.
const SEEDS: &[u64] = &[7, 12, 22, 30, 34, 35];

/// A minute of the simulation takes a second.
const SCALE: u64 = 60;

/// How long workers have to leave, in milliseconds.
const DRAIN_MS: u64 = 300;

/// Says which history a process plays.
const SEED: &str = "REPLAY_SEED";

fn main() -> ExitCode {
    if let Some(seed) = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok()) {
        play(seed);
        return ExitCode::SUCCESS;
    }
    // What cargo passes on to every test program.
    let mut filters = std::env::args().skip(1).filter(|arg| !arg.starts_with('-'));
    let is_asked_for = filters.next().is_none_or(|filter| NAME.contains(&filter));
    if !is_asked_for || std::env::args().any(|arg| arg == "--list" || arg == "--ignored") {
        return ExitCode::SUCCESS;
    }
    let program = std::env::current_exe().expect("a path to this program");
    let players: Vec<_> = SEEDS
        .iter()
        .map(|seed| {
            let mut command = Command::new(&program);
            command.env(SEED, seed.to_string()).stdin(Stdio::null());
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            (seed, command.spawn().expect("a second process"))
        })
        .collect();
    let mut code = ExitCode::SUCCESS;
    for (seed, player) in players {
        let output = player.wait_with_output().expect("its end");
        print!("{NAME} {seed}: {}", String::from_utf8_lossy(&output.stdout));
        if !output.status.success() {
            eprint!("{}", String::from_utf8_lossy(&output.stderr));
            println!("{} ({SEED}={seed} plays it alone)", output.status);
            code = ExitCode::FAILURE;
        }
    }
    code
}

/// What a worker will do, which follows from its pid.
struct Fate {
    starts_for_ms: u64,
    /// It dies before it is ready.
    is_unready: bool,
    /// It dies after so long.
    lives_for_ms: Option<u64>,
    /// It does not leave when it is told to.
    is_stubborn: bool,
}

impl Fate {
    fn new(seed: u64, pid: u64, bad_child: u64) -> Fate {
        let mut dice = Dice::new(seed.wrapping_mul(1_000_003).wrapping_add(pid));
        let bad = dice.below(100);
        Fate {
            starts_for_ms: dice.below(30),
            is_unready: bad < bad_child / 2,
            lives_for_ms: (bad < bad_child).then(|| dice.below(100)),
            is_stubborn: dice.below(4) == 0,
        }
    }
}

/// A worker that does what its fate is. In the master, it has a thread watch.
struct Actor {
    seed: u64,
    bad_child: u64,
    /// From now on nothing goes wrong.
    calm: Instant,
    master: u32,
    /// Where it says what must not be.
    faults: UnixDatagram,
    watcher: Option<Watcher>,
    watch: Option<JoinHandle<()>>,
}

impl Worker for Actor {
    fn init(&mut self) -> std::io::Result<()> {
        // Here and not earlier: a thread that began before the master blocked its signals would
        // get them.
        let watcher = self.watcher.take().expect("it is called once");
        self.watch = Some(thread::spawn(move || watcher.watch()));
        Ok(())
    }

    fn run(&mut self, context: &mut Context<'_>) -> i32 {
        let pid = u64::from(std::process::id());
        let mine = |slot: &usize| {
            let slot = context.board.slot(*slot);
            slot.is_some_and(|slot| slot.record().pid == pid)
        };
        let slots = [2 * context.index, 2 * context.index + 1];
        // The master writes it down when it knows.
        let slot = loop {
            match slots.iter().find(|slot| mine(slot)) {
                Some(slot) => break slot,
                None => thread::sleep(Duration::from_micros(100)),
            }
        };
        // The system takes it back when its holder is dead, and gives it to one at a time.
        let name = format!("httprs-replay-{}-{slot}", self.master);
        let address = SocketAddr::from_abstract_name(name).expect("a short name");
        let _held = UnixListener::bind_addr(&address).map_err(|error| {
            let text = format!("two children in slot {slot}: {error}");
            self.faults.send(text.as_bytes())
        });
        let mut fate = Fate::new(self.seed, pid, self.bad_child);
        if Instant::now() > self.calm {
            (fate.is_unready, fate.lives_for_ms) = (false, None);
        }
        thread::sleep(Duration::from_millis(fate.starts_for_ms));
        if fate.is_unready {
            return 3;
        }
        context.orders.report_ready();
        let death = fate
            .lives_for_ms
            .map(|ms| Instant::now() + Duration::from_millis(ms));
        loop {
            let left = death.map(|at| at.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return 4;
            }
            let timeout_ms = left.map(|left| left.as_millis() as u64 + 1);
            match context.orders.wait(timeout_ms) {
                Ok(Message::Some(worker::Command::Drain)) if !fate.is_stubborn => return 0,
                Ok(Message::Gone) | Err(_) => return 0,
                Ok(_) => {}
            }
        }
    }

    fn cleanup(&mut self) {
        let watch = self.watch.take().expect("a thread watches");
        // Its panic has been told; this process must not end as if there had been none.
        assert!(watch.join().is_ok(), "a promise is broken");
    }
}

/// What the scoreboard says at one moment.
#[derive(Clone, Debug, PartialEq)]
struct Sight {
    wanted: usize,
    slots: Vec<(State, u64)>,
}

impl Sight {
    /// The board is written word by word, so what is seen twice in a row was there in between.
    fn of(board: &Scoreboard) -> Sight {
        let look = || Sight {
            wanted: board.wanted(),
            slots: board.records().map(|r| (r.state, r.pid)).collect(),
        };
        loop {
            let sight = look();
            if sight == look() {
                return sight;
            }
        }
    }

    fn count(&self, state: State) -> usize {
        self.slots.iter().filter(|slot| slot.0 == state).count()
    }

    /// Those that are there.
    fn pids(&self) -> BTreeSet<u64> {
        let pids = self.slots.iter().map(|slot| slot.1);
        pids.filter(|pid| *pid != 0).collect()
    }

    /// As many serve as are wanted, and there is no other child.
    fn is_settled(&self) -> bool {
        let others = self.count(State::Starting) + self.count(State::Draining);
        self.count(State::Ready) == self.wanted && others == 0
    }
}

struct Watcher {
    seed: u64,
    history: History,
    began: Instant,
    calm: Instant,
    board: Scoreboard,
    stopper: Stopper,
    /// Workers that were ever there.
    seen: BTreeSet<u64>,
    /// Those that were sent a SIGSTOP.
    stopped: BTreeSet<u64>,
    /// Tells of itself what the end must say: how many will not leave, and how many there are.
    report: std::sync::mpsc::Sender<Report>,
}

struct Report {
    killed: std::ops::RangeInclusive<usize>,
    seen: BTreeSet<u64>,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = self.stopper.stop();
        }
    }
}

impl Watcher {
    fn watch(mut self) {
        let mut troubles = std::mem::take(&mut self.history.troubles);
        troubles.sort_by_key(|trouble| trouble.0);
        for (at, event) in troubles {
            let at = self.began + Duration::from_millis(at / SCALE);
            self.look_until("its time", |_| Instant::now() >= at);
            if event == Event::Stop {
                return self.end(0);
            }
            self.befall(event);
        }
        let calm = self.calm + Duration::from_millis(150);
        self.look_until("calm", |_| Instant::now() >= calm);
        let stopped = self.stopped.clone();
        self.look_until("rest", |sight| {
            sight.is_settled() && sight.pids().is_disjoint(&stopped)
        });
        self.replace_all();
        self.replace_one();
        let wanted = self.sight().wanted;
        self.send(self.master(), "TTIN");
        self.settle(wanted + 1, wanted);
        self.send(self.master(), "TTOU");
        self.settle(wanted, wanted);
        let is_zombie = |pid: &u32| !is_alive(*pid);
        self.look_until("a burial", |_| {
            !children(std::process::id()).iter().any(is_zombie)
        });
        let pids = self.sight().pids();
        let fates = pids
            .iter()
            .map(|pid| Fate::new(self.seed, *pid, self.history.bad_child));
        let stubborn = fates.filter(|fate| fate.is_stubborn).count();
        self.end(stubborn);
    }

    /// A reload when nothing goes wrong: never fewer than are wanted, never two more.
    fn replace_all(&mut self) {
        let before = self.sight().pids();
        self.send(self.master(), "HUP");
        self.look_until("new workers", |sight| {
            assert!(sight.count(State::Ready) >= sight.wanted, "{sight:?}");
            sight.is_settled() && sight.pids().is_disjoint(&before)
        });
    }

    /// A worker that is asked to leave is replaced, the others are not.
    fn replace_one(&mut self) {
        let mut left = self.sight().pids();
        let pid = left.pop_first().expect("there is always one");
        self.send(pid, "TERM");
        self.look_until("a successor", |sight| {
            assert!(sight.count(State::Ready) >= sight.wanted, "{sight:?}");
            assert!(sight.pids().is_superset(&left), "{sight:?}");
            sight.is_settled() && !sight.pids().contains(&pid)
        });
    }

    /// Waits until so many are wanted and there, and meanwhile at least so many serve.
    fn settle(&mut self, wanted: usize, at_least: usize) {
        self.look_until(&format!("{wanted} workers"), |sight| {
            assert!(sight.count(State::Ready) >= at_least, "{sight:?}");
            sight.is_settled() && sight.wanted == wanted
        });
    }

    fn end(&mut self, stubborn: usize) {
        let alive = self.sight().pids().len();
        let pid = self.master();
        self.send(pid, "TERM");
        let board = self.board.clone();
        self.look_until("the end", |sight| {
            board.stopping() && sight.count(State::Empty) == sight.slots.len()
        });
        // A worker that was being forked just then is one more.
        let report = Report {
            killed: stubborn..=alive + 1,
            seen: std::mem::take(&mut self.seen),
        };
        self.report.send(report).expect("the test waits for it");
    }

    fn befall(&mut self, event: Event) {
        let record = |slot: usize| self.board.records().nth(slot).filter(|r| r.pid != 0);
        match event {
            Event::Reload => self.send(self.master(), "HUP"),
            Event::More => self.send(self.master(), "TTIN"),
            Event::Fewer => self.send(self.master(), "TTOU"),
            Event::Retire(slot) => record(slot).map_or((), |r| self.send(r.pid, "TERM")),
            Event::Died(slot) => record(slot).map_or((), |r| self.send(r.pid, "KILL")),
            Event::Hung(slot) => {
                // A worker that never gets ready is given half a minute, which is too long for us.
                if let Some(record) = record(slot).filter(|r| r.state == State::Ready) {
                    self.send(record.pid, "STOP");
                    self.stopped.insert(record.pid);
                }
            }
            _ => {}
        }
    }

    fn master(&self) -> u64 {
        std::process::id().into()
    }

    /// Has `kill(1)` send a signal. The master, which waits for any child, waits for that one.
    #[allow(clippy::zombie_processes, reason = "the master waits for it")]
    fn send(&self, pid: u64, name: &str) {
        assert_ne!(pid, 0, "that would be all processes");
        let mut kill = Command::new("kill");
        kill.args(["-s", name, "--", &pid.to_string()]);
        kill.stderr(Stdio::null()).spawn().expect("kill(1)");
    }

    #[track_caller]
    fn look_until(&mut self, what: &str, mut is_so: impl FnMut(&Sight) -> bool) {
        let began = Instant::now();
        loop {
            let sight = self.sight();
            if is_so(&sight) {
                return;
            }
            assert!(began.elapsed() < LONGEST, "{what}: not with {sight:?}");
            thread::sleep(Duration::from_micros(200));
        }
    }

    /// Looks, and checks what must be so at all times.
    fn sight(&mut self) -> Sight {
        let sight = Sight::of(&self.board);
        let ready = sight.count(State::Ready);
        assert!(ready <= sight.wanted + 1, "{ready} serve: {sight:?}");
        let pids = sight.pids();
        let places = sight.slots.iter().filter(|slot| slot.1 != 0).count();
        assert_eq!(pids.len(), places, "one child in two slots: {sight:?}");
        self.seen.extend(pids);
        sight
    }
}

fn play(seed: u64) {
    let history = History::new(&mut Dice::new(seed));
    let (began, bad_child) = (Instant::now(), history.bad_child);
    let calm = began + Duration::from_millis(CALM_MS / SCALE);
    let server = Server::bind_all(&[]).expect("nothing can fail to be bound");
    let server = server
        .workers(history.policy.workers)
        .drain_timeout_ms(DRAIN_MS)
        .max_restarts(10_000, 60)
        .own_signals();
    let (faults, told) = UnixDatagram::pair().expect("a pair of sockets");
    faults.set_nonblocking(true).expect("that it does not wait");
    let (report, reported) = std::sync::mpsc::channel();
    let actor = Actor {
        seed,
        bad_child,
        calm,
        master: std::process::id(),
        faults: told,
        watcher: Some(Watcher {
            seed,
            history,
            began,
            calm,
            board: server.scoreboard(),
            stopper: server.stopper(),
            seen: BTreeSet::new(),
            stopped: BTreeSet::new(),
            report,
        }),
        watch: None,
    };
    let outcome = server.run_worker(actor).expect("a server");
    let left = children(std::process::id());
    let report = reported.recv().expect("it is over");
    let killed = outcome.killed as usize;
    let ms = began.elapsed().as_millis();
    let seen = report.seen.len();
    println!("{seen} workers, {killed} killed at the end, {ms} ms");
    assert!(outcome.stopped, "it gave up");
    assert!(report.killed.contains(&killed), "{killed} killed");
    // Zombies count. The last kill(1) is no worker.
    let left = left
        .into_iter()
        .filter(|pid| report.seen.contains(&u64::from(*pid)));
    assert_eq!(left.collect::<Vec<_>>(), [], "children that are left");
    let mut text = [0; 200];
    if let Ok(n) = faults.recv(&mut text) {
        panic!("{}", text[..n].escape_ascii());
    }
}
