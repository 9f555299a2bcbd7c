//! Several groups of workers under one master.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream, UdpSocket};
use std::time::Duration;

use crate::embedding::alone;
use crate::server::{Client, signal, wait_until};
use httprs::worker::UdpWorker;
use httprs::{Address, EchoProcess, Group, Http1, Server, SharedU64s};

#[test]
fn each_group_has_its_workers_its_listeners_and_its_name() {
    let _turn = alone();
    let echo = Group::serve("127.0.0.1:0", EchoProcess).unwrap().workers(2);
    let Some(Address::Inet(echo_at)) = echo.addresses().next().cloned() else {
        unreachable!()
    };
    let udp = UdpWorker::bind("127.0.0.1:0", EchoProcess).unwrap();
    let udp_at = udp.local_addr();
    let server = Server::bind("127.0.0.1:0").unwrap().workers(2);
    let (address, board) = (server.local_addr().unwrap(), server.scoreboard());
    let numbers = SharedU64s::new(5).unwrap();
    let begun = numbers.clone();
    let server = server
        .also(echo)
        .also(Group::of("datagrams", udp).name("udp"));
    let server = server.after_fork(move |index| {
        begun.get(index).unwrap().add(1);
        Ok(())
    });
    let running = server.spawn(Http1::new(|_, res| res.text("http"))).unwrap();
    wait_until("all workers", || board.ready() == 5);
    let groups: Vec<_> = (0..5).map(|worker| board.group_of(worker)).collect();
    assert_eq!(groups, ["echo", "echo", "udp", "HTTP/1.1", "HTTP/1.1"]);
    assert_eq!(
        numbers.values().collect::<Vec<_>>(),
        [1; 5],
        "each worker has its number"
    );

    let ask_all = || {
        assert_eq!(
            Client::tcp(TcpStream::connect(address).unwrap())
                .get("/")
                .text(),
            "http"
        );
        let mut client = TcpStream::connect(echo_at).unwrap();
        client.write_all(b"tcp").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "tcp");
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        client.send_to(b"udp", udp_at).unwrap();
        let mut answer = [0; 4];
        assert_eq!(client.recv(&mut answer).unwrap(), 3);
    };
    ask_all();
    // One of each group dies; its successor belongs to the same group.
    let pids: Vec<u64> = board.records().map(|record| record.pid).collect();
    for group in ["echo", "udp", "HTTP/1.1"] {
        let of_group =
            |record: &httprs::scoreboard::Record| record.group == group && record.pid > 0;
        let victim = board.records().find(of_group).unwrap().pid;
        signal(victim, "KILL");
        wait_until("a successor", || {
            let mut records = board.records().filter(of_group);
            board.ready() == 5 && records.any(|record| !pids.contains(&record.pid))
        });
        ask_all();
    }
    assert!(running.stop().unwrap().stopped);
}
