//! A program of tokio has a server: it is started and stopped from its tasks, and its timers,
//! sockets and child processes go on as before, also when a worker dies.

use std::time::Duration;

use httprs::{Http1, Server, SharedCounter};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

async fn ask(address: std::net::SocketAddr) -> String {
    let mut client = TcpStream::connect(address).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    client.write_all(request).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    answer.rsplit("\r\n\r\n").next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_lives_beside_tasks_timers_and_children() {
    let count = SharedCounter::new().unwrap();
    let counted = count.clone();
    let server = Server::bind("127.0.0.1:0").unwrap().workers(2);
    let (address, board) = (server.local_addr().unwrap(), server.scoreboard());
    let http = Http1::new(move |_, res| {
        counted.add(1);
        res.text(&std::process::id().to_string())
    });
    // It forks, which takes a moment: not in a task's own thread.
    let running = spawn_blocking(move || server.spawn(http))
        .await
        .unwrap()
        .unwrap();

    let tasks: Vec<_> = (0..20).map(|_| tokio::spawn(ask(address))).collect();
    let mut pid = 0;
    for task in tasks {
        pid = timeout(Duration::from_secs(5), task)
            .await
            .unwrap()
            .unwrap()
            .parse()
            .unwrap();
    }
    assert_eq!(count.get(), 20);

    // Both sides wait for children, each for its own.
    let killed = Command::new("kill")
        .args(["-KILL", &pid.to_string()])
        .status()
        .await
        .unwrap();
    assert!(killed.success());
    let deadline = Duration::from_secs(5);
    let replaced = async {
        while board.deaths() == 0 || board.ready() < 2 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(deadline, replaced).await.unwrap();
    let child = Command::new("sh")
        .args(["-c", "exit 7"])
        .status()
        .await
        .unwrap();
    assert_eq!(child.code(), Some(7));
    assert_ne!(ask(address).await, pid.to_string());

    let outcome = spawn_blocking(move || running.stop())
        .await
        .unwrap()
        .unwrap();
    assert!(outcome.stopped);
    assert!(TcpStream::connect(address).await.is_err());
}
