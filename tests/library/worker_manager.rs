//! The worker manager: it forks, replaces, drains, kills and gives up, whatever its workers do.
//! They are of the simplest kind here, without sockets, and run in a thread of the test.

use std::io;
use std::process::Command as Program;
use std::thread;
use std::time::{Duration, Instant};

use crate::server::test_name;
use httprs::scoreboard::State;
use httprs::worker::{Command, Context, Message};
use httprs::{Format, Level, Log, Outcome, Scoreboard, Server, Stopper, Worker};

/// Does nothing until it is told to leave.
#[derive(Clone, Copy)]
struct Sleeper {
    /// It says that it is ready; else it exits at once.
    ready: bool,
    /// It leaves when it is told to.
    leaves: bool,
}

const GOOD: Sleeper = Sleeper {
    ready: true,
    leaves: true,
};

impl Worker for Sleeper {
    fn run(&mut self, context: &mut Context<'_>) -> i32 {
        if !self.ready {
            return 3;
        }
        context.orders.report_ready();
        loop {
            match context.orders.wait(None) {
                Ok(Message::Some(Command::Drain)) if self.leaves => return 0,
                Ok(Message::Gone) | Err(_) => return 0,
                Ok(_) => {}
            }
        }
    }
}

/// Runs a manager of `count` sleepers while `meanwhile` looks at its board.
fn manage(
    count: usize,
    sleeper: Sleeper,
    meanwhile: impl FnOnce(&Scoreboard, &Stopper) + Send,
) -> io::Result<Outcome> {
    let server = Server::bind_all(&[])?
        .workers(count)
        .drain_timeout_ms(200)
        .max_restarts(2, 60);
    let (board, stopper) = (server.scoreboard(), server.stopper());
    thread::scope(|scope| {
        scope.spawn(|| {
            // A test that fails ends its server, too.
            let _stop = StopOnPanic(&stopper);
            meanwhile(&board, &stopper);
        });
        server.run_worker(sleeper)
    })
}

struct StopOnPanic<'a>(&'a Stopper);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = self.0.stop();
        }
    }
}

#[track_caller]
fn until(mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "it never happens"
        );
        thread::sleep(Duration::from_millis(1));
    }
}

/// Of each worker's first slot.
fn pids(board: &Scoreboard) -> Vec<u64> {
    board
        .records()
        .step_by(2)
        .map(|record| record.pid)
        .collect()
}

#[test]
fn worker_manager_forks_drains_and_returns() {
    let outcome = manage(3, GOOD, |board, stopper| {
        until(|| board.ready() == 3);
        assert!(board.is_ready());
        stopper.stop().unwrap();
        until(|| board.stopping() && board.records().all(|r| r.state == State::Empty));
    });
    let outcome = outcome.unwrap();
    assert_eq!((outcome.stopped, outcome.killed), (true, 0));
}

#[test]
fn worker_manager_replaces_the_dead_and_leaves_the_others_alone() {
    let outcome = manage(3, GOOD, |board, stopper| {
        until(|| board.ready() == 3);
        let before = pids(board);
        for _ in 0..3 {
            let pid = pids(board)[1];
            // To kill 0 is to kill the whole group, these tests and what runs them.
            assert_ne!(pid, 0);
            let kill = Program::new("kill").args(["-9", &pid.to_string()]).status();
            assert!(kill.unwrap().success());
            // In this order: the dead one may still be taken for ready.
            until(|| ![0, pid].contains(&pids(board)[1]) && board.ready() == 3);
        }
        let after = pids(board);
        assert_eq!((before[0], before[2]), (after[0], after[2]));
        stopper.stop().unwrap();
    });
    assert_eq!(outcome.unwrap().killed, 0);
}

#[test]
fn worker_manager_kills_who_does_not_leave() {
    let outcome = manage(
        2,
        Sleeper {
            leaves: false,
            ..GOOD
        },
        |board, stopper| {
            until(|| board.ready() == 2);
            stopper.stop().unwrap();
        },
    );
    let outcome = outcome.unwrap();
    assert_eq!((outcome.stopped, outcome.killed), (true, 2));
}

#[test]
fn worker_manager_gives_up_on_workers_that_are_never_ready() {
    let outcome = manage(
        2,
        Sleeper {
            ready: false,
            ..GOOD
        },
        |_, _| {},
    );
    assert!(!outcome.unwrap().stopped);
}

/// The server of the next test, in a process of its own whose standard error can be read.
#[test]
#[ignore = "the next test runs it"]
fn worker_manager_that_gives_up() {
    let log = Log::new(Format::None, Level::Warn, None).unwrap();
    let server = Server::bind_all(&[])
        .unwrap()
        .workers(1)
        .max_restarts(3, 60);
    let hopeless = Sleeper {
        ready: false,
        ..GOOD
    };
    assert!(!server.log(log).run_worker(hopeless).unwrap().stopped);
}

#[test]
fn worker_manager_that_gives_up_says_what_each_worker_died_of() {
    let mut program = Program::new(std::env::current_exe().unwrap());
    let name = test_name(module_path!(), "worker_manager_that_gives_up");
    program.args(["--exact", &name]);
    let output = program.args(["--ignored", "--nocapture"]).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.matches(" exited with code 3").count(), 3, "{text}");
    assert_eq!(text.matches("; replaced by ").count(), 2, "{text}");
    assert_eq!(text.matches("gave up").count(), 1, "{text}");
}

#[test]
fn worker_manager_replaces_who_was_ready_for_ever() {
    /// Says that it is ready and dies before the master can have looked.
    struct Brief;
    impl Worker for Brief {
        fn run(&mut self, context: &mut Context<'_>) -> i32 {
            context.orders.report_ready();
            3
        }
    }
    let server = Server::bind_all(&[])
        .unwrap()
        .workers(8)
        .max_restarts(1, 60);
    let (board, stopper) = (server.scoreboard(), server.stopper());
    let outcome = thread::scope(|scope| {
        scope.spawn(|| {
            let mut seen = Vec::new();
            until(|| {
                seen.extend(pids(&board));
                seen.sort_unstable();
                seen.dedup();
                seen.len() > 24
            });
            stopper.stop().unwrap();
        });
        server.run_worker(Brief).unwrap()
    });
    assert!(outcome.stopped, "it gave up on workers that were ready");
}

#[test]
fn worker_manager_refuses_a_delay_that_leaves_no_time() {
    for (delay_ms, timeout_ms, fits) in [(100, 100, false), (99, 100, true), (0, 0, true)] {
        let server = Server::bind_all(&[]).unwrap().workers(1);
        let server = server.drain_delay_ms(delay_ms).drain_timeout_ms(timeout_ms);
        server.stopper().stop().unwrap();
        let outcome = server.run_worker(GOOD);
        let kind = outcome.as_ref().map_err(|error| error.kind());
        match fits {
            true => assert!(kind.is_ok_and(|o| o.stopped), "{outcome:?}"),
            false => assert_eq!(kind, Err(io::ErrorKind::InvalidInput)),
        }
    }
}

#[test]
fn worker_manager_refuses_a_number_of_workers_that_makes_no_sense() {
    for count in [0, 513] {
        let error = manage(count, GOOD, |_, _| {}).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{count}");
    }
}
