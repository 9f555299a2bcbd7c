//! `--udp-echo`: a second group of workers, on datagrams.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use crate::server::{Server, sleep_ms, wait_until};

fn start(args: &[&str]) -> (Server, SocketAddr) {
    let server = Server::start(&[&["--udp-echo", "0", "-w", "2"], args].concat());
    let (_, behind) = server
        .banner
        .split_once("; echo at udp://")
        .expect("it is in the banner");
    let is_address = |c: char| c.is_ascii_digit() || c == '.' || c == ':';
    let end = behind.find(|c| !is_address(c)).unwrap_or(behind.len());
    let address = behind[..end].parse().unwrap();
    (server, address)
}

/// A client of the echo. Its answers come within a second, or not at all.
fn client(to: SocketAddr) -> UdpSocket {
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(to).unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    client
}

/// Sends a datagram until it is answered: a datagram may be lost where a worker is killed.
fn asks(client: &UdpSocket, question: &[u8]) -> Vec<u8> {
    let mut answer = vec![0; 65_536];
    let mut len = 0;
    wait_until("an answer", || {
        client.send(question).unwrap();
        client.recv(&mut answer).map(|n| len = n).is_ok()
    });
    answer.truncate(len);
    answer
}

#[test]
fn datagrams_of_all_sizes_come_back_and_many_at_once() {
    let (mut server, address) = start(&[]);
    let client = client(address);
    for len in [1, 2, 1_000, 16_384, 16_385, 65_507] {
        let question = vec![len as u8; len];
        assert!(asks(&client, &question) == question, "{len} bytes");
    }
    assert_eq!(asks(&client, b""), b"");
    // More than one batch, while the worker is not stopped in between.
    let mut unanswered: Vec<String> = (0..100).map(|n| format!("datagram {n}")).collect();
    for datagram in &unanswered {
        client.send(datagram.as_bytes()).unwrap();
    }
    let mut answer = [0; 100];
    while !unanswered.is_empty() {
        let n = client.recv(&mut answer).expect("an answer to each");
        let text = std::str::from_utf8(&answer[..n]).unwrap();
        unanswered.retain(|datagram| datagram != text);
    }
    assert_eq!(server.get("/").status, 200, "HTTP is served as ever");
    assert!(server.stop().success());
}

#[test]
fn what_could_be_answered_for_ever_is_not_answered() {
    let (server, address) = start(&[]);
    // A forged sender is needed for more than this: the server's own address.
    let own = UdpSocket::bind(("127.0.0.2", address.port())).unwrap();
    own.set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    own.send_to(b"to yourself", address).unwrap();
    let error = own.recv(&mut [0; 100]).unwrap_err();
    assert!(
        matches!(
            error.kind(),
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
        ),
        "{error}"
    );
    assert_eq!(asks(&client(address), b"another"), b"another");
    drop(server);
}

#[test]
fn a_worker_that_is_killed_is_replaced_and_the_other_group_stays() {
    let (server, address) = start(&["--admin", "127.0.0.1:0"]);
    let client = client(address);
    assert_eq!(asks(&client, b"before"), b"before");
    let admin = server.banner.split("status at http://").nth(1).unwrap();
    let admin: SocketAddr = admin.split('/').next().unwrap().parse().unwrap();
    let status = || {
        let mut client = crate::server::Client::tcp(std::net::TcpStream::connect(admin).unwrap());
        client.send(b"GET /status.txt HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
        client.response().text()
    };
    let row = |text: &str| {
        text.lines()
            .find(|line| line.ends_with("udp-echo"))
            .unwrap()
            .to_owned()
    };
    let pid = |row: &str| {
        row.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<u32>()
            .unwrap()
    };
    let victim = pid(&row(&status()));
    let workers = server.wait_for_workers(3);
    assert!(workers.contains(&victim));
    crate::server::signal(victim, "KILL");
    let line = server.err.wait_for("was killed by SIGKILL");
    assert!(
        line.contains(&format!("worker 0 (udp-echo, pid {victim})")),
        "{line}"
    );
    assert_eq!(asks(&client, b"after"), b"after");
    let after = server.wait_for_workers(3);
    let stayed = after.iter().filter(|pid| workers.contains(pid)).count();
    assert_eq!(stayed, 2, "the workers of the other group are the same");
}

#[test]
fn a_reload_loses_no_datagram_and_fewer_workers_are_not_fewer_of_the_echo() {
    let (server, address) = start(&[]);
    let client = client(address);
    server.signal("HUP");
    for n in 0..200_u32 {
        client.send(&n.to_be_bytes()).unwrap();
        let mut answer = [0; 4];
        client.recv(&mut answer).expect("an answer");
        assert_eq!(u32::from_be_bytes(answer), n);
        sleep_ms(1);
    }
    server.err.wait_for("reloaded: all workers are new");
    for _ in 0..3 {
        server.signal("TTOU");
        sleep_ms(50);
    }
    server
        .err
        .wait_for("still 2 workers: there can be 2 to 512");
    assert_eq!(asks(&client, b"still here"), b"still here");
    assert_eq!(server.get("/").status, 200);
}
