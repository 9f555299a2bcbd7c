//! What a program does around forks, and numbers that it shares with its workers.

use std::io;
use std::net::TcpStream;
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use crate::embedding::alone;
use crate::server::{Client, signal, test_name, wait_until};
use httprs::{Format, Http1, Level, Log, Server, SharedCounter, SharedU64s};

#[test]
fn hooks_are_called_in_their_order_and_numbers_outlive_workers() {
    let _turn = alone();
    let before = SharedCounter::new().unwrap();
    // The forks and the ends of each of two workers, and what their hooks saw.
    let (begun, ended) = (SharedU64s::new(2).unwrap(), SharedU64s::new(2).unwrap());
    let server = Server::bind("127.0.0.1:0").unwrap().workers(2);
    let (address, board) = (server.local_addr().unwrap(), server.scoreboard());
    let server = server
        .before_fork({
            let before = before.clone();
            move || {
                before.add(1);
                Ok(())
            }
        })
        .after_fork({
            let (before, begun) = (before.clone(), begun.clone());
            move |index| {
                assert_eq!(before.get(), 1, "the first hook came first, and once");
                begun.get(index).unwrap().add(1);
                Ok(())
            }
        })
        .on_exit({
            let ended = ended.clone();
            move |index| {
                ended.get(index).unwrap().add(1);
            }
        });
    let answered = SharedCounter::new().unwrap();
    let count = answered.clone();
    let http = Http1::new(move |_, res| {
        count.add(1);
        res.text(&std::process::id().to_string())
    });
    let running = server.spawn(http).unwrap();
    let ask = || -> u32 {
        let mut client = Client::tcp(TcpStream::connect(address).unwrap());
        client.get("/").text().parse().unwrap()
    };
    wait_until("two workers", || board.ready() == 2);
    assert_eq!(
        begun.values().collect::<Vec<_>>(),
        [1, 1],
        "before they are ready"
    );
    let killed = ask();
    signal(killed, "KILL");
    wait_until("a successor", || {
        begun.values().sum::<u64>() == 3 && board.ready() == 2
    });
    assert_ne!(ask(), killed);
    assert_eq!(
        ended.values().sum::<u64>(),
        0,
        "no hook of a worker that was killed"
    );
    assert!(running.stop().unwrap().stopped);
    assert_eq!(ended.values().collect::<Vec<_>>(), [1, 1]);
    assert_eq!((before.get(), answered.get()), (1, 2));
}

#[test]
fn an_error_of_a_hook_is_the_servers_or_the_workers() {
    let _turn = alone();
    let fail = || io::Error::new(io::ErrorKind::NotFound, "no database");
    let server = Server::bind("127.0.0.1:0")
        .unwrap()
        .before_fork(move || Err(fail()));
    let error = server.run(Http1::new(|_, _| Ok(()))).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string()),
        (io::ErrorKind::NotFound, "no database".into())
    );

    let forks = SharedCounter::new().unwrap();
    let count = forks.clone();
    let server = Server::bind("127.0.0.1:0")
        .unwrap()
        .workers(1)
        .max_restarts(2, 60);
    let server = server.after_fork(move |_| {
        count.add(1);
        Err(fail())
    });
    let outcome = server.run(Http1::new(|_, _| Ok(()))).unwrap();
    assert!(!outcome.stopped, "the server gave up");
    assert_eq!(forks.get(), 2);
}

/// A program with a thread, a log and a hook that fails; run by the test below.
#[test]
#[ignore = "it logs: the next test reads that"]
fn a_program_with_threads() {
    static BUSY: Mutex<()> = Mutex::new(());
    let _held = BUSY.lock();
    let accounting = || {
        let _wait = BUSY.lock();
    };
    thread::Builder::new()
        .name("accounting".into())
        .spawn(accounting)
        .unwrap();
    thread::sleep(Duration::from_millis(50));
    let server = Server::bind("127.0.0.1:0")
        .unwrap()
        .workers(1)
        .max_restarts(0, 60);
    let server = server.after_fork(|index| Err(io::Error::other(format!("no seed for {index}"))));
    let server = server.log(Log::new(Format::None, Level::Warn, None).unwrap());
    server.run(Http1::new(|_, _| Ok(()))).unwrap();
}

#[test]
fn threads_at_the_fork_and_errors_of_hooks_are_logged() {
    let mut program = Command::new(std::env::current_exe().unwrap());
    let name = test_name(module_path!(), "a_program_with_threads");
    program.args(["--exact", &name, "--ignored", "--nocapture"]);
    let text = String::from_utf8(program.output().unwrap().stderr).unwrap();
    // The names of the harness' own threads are its own matter.
    let threads = text
        .lines()
        .find(|line| line.contains("threads exist while workers are forked"));
    let threads = threads.unwrap_or_else(|| panic!("no warning: {text}"));
    assert!(threads.contains("accounting"), "{threads}");
    assert!(
        text.contains("worker 0 cannot begin: no seed for 0"),
        "{text}"
    );
}
