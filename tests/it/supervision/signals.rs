//! Signals in every order, to the master and to its whole group, while clients ask, stall and leave
//! and workers are stopped: it serves until it is stopped, and then nothing is left of it.

use std::fs;
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::process::Stdio;

use crate::server::{Client, Server, how, is_alive, program, signal, sleep_ms, wait_until};

const HARMLESS: [&str; 6] = ["HUP", "TTIN", "TTOU", "USR1", "CHLD", "WINCH"];
const STOPS: [&str; 3] = ["TERM", "INT", "QUIT"];

/// Random numbers that come again for the same seed (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// Living processes of a group.
fn group(leader: u32) -> Vec<u32> {
    let in_group = |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        rest.split(' ').nth(2) == Some(&leader.to_string())
    };
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    let pids = entries.filter_map(|e| e.file_name().to_str()?.parse().ok());
    pids.filter(in_group).filter(|pid| is_alive(*pid)).collect()
}

#[test]
fn whatever_is_sent_in_whatever_order_ends_with_a_receipt_and_nothing_left() {
    for seed in 1..=12 {
        let dice = &mut Dice(u64::wrapping_mul(seed, 0x9e37_79b9_7f4a_7c15));
        let delay = dice.one_of(&["0", "200"]);
        let mut command = program();
        command.args(["--host", "127.0.0.1", "--port", "0", "-w", "2"]);
        command.args(["--log", "none", "--drain-timeout-ms", "3000"]);
        command.args(["--drain-delay-ms", delay]);
        command.process_group(0).stdout(Stdio::piped());
        let mut server = Server::launch(command);
        let (pid, mut stalled, mut told) = (server.pid(), Vec::new(), Vec::new());
        let stop_at = dice.below(9);
        for move_number in 0..9 {
            let name = match move_number >= stop_at && dice.below(2) == 0 || move_number == stop_at
            {
                true => dice.one_of(&STOPS),
                false => dice.one_of(&HARMLESS),
            };
            let to = dice
                .one_of(&[format!("{pid}").as_str(), &format!("-{pid}")])
                .to_owned();
            told.push(format!("{name} {to}"));
            signal(&to, name);
            match dice.below(4) {
                // No worker is stopped before the end is near: others would stand in for it.
                0 if move_number >= stop_at => {
                    let worker = server.workers().first().copied();
                    worker.into_iter().for_each(|pid| signal(pid, "STOP"));
                }
                1 => {
                    if let Ok(stream) = TcpStream::connect(("127.0.0.1", server.port)) {
                        let mut client = Client::tcp(stream);
                        let _ = client
                            .try_send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n");
                        stalled.push(client);
                    }
                }
                2 if move_number < stop_at => assert_eq!(server.get("/").status, 200, "{told:?}"),
                _ => sleep_ms(dice.below(60) as u64),
            }
        }
        let status = server.wait();
        assert_eq!(status.code(), Some(0), "{seed} {}: {told:?}", how(status));
        wait_until("an empty group", || group(pid).is_empty());
        let refused = TcpStream::connect(("127.0.0.1", server.port)).is_err();
        assert!(refused, "{seed}: {told:?}");
        let lines = server.err.to_the_end();
        let receipts = lines
            .iter()
            .filter(|l| l.contains("stopped by SIG"))
            .count();
        assert_eq!(receipts, 1, "{seed}: {told:?} {lines:?}");
        println!(
            "{seed}: {}",
            lines.last().map_or("", |line| line.trim_end())
        );
    }
}
