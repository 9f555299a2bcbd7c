//! Memory that runs out: the worker that wanted it dies and is replaced, and no other worker
//! notices. The limit is that of address space (`ulimit -v`), so that no memory has to be there to
//! run out.

use std::collections::BTreeMap;
use std::env;
use std::hint::black_box;
use std::io::{self, Read, Write};
use std::mem::forget;
use std::process::{Command, Stdio};
use std::thread;

use crate::server::{Client, Server as Program, assert_gone, clean, test_name, wait_until};
use httprs::{Http1, HttpRequest, HttpResponse, Server};

/// What a request to `/feast` asks for at once, in bytes.
const FEAST: usize = 1 << 40;
/// What a request to `/leak` costs for ever, in bytes.
const LEAK: usize = 64 << 20;

/// The program at `path` with at most so many kilobytes of address space.
fn with_memory(kilobytes: usize, path: &str) -> Command {
    let mut command = clean(Command::new("sh"));
    command
        .arg("-c")
        .arg(format!("ulimit -v {kilobytes}; exec \"$0\" \"$@\""))
        .arg(path)
        // It would take seconds to make one, and more memory than there is.
        .env("RUST_BACKTRACE", "0")
        .stdout(Stdio::null());
    command
}

/// Says which worker it is, or asks for memory first.
fn hungry(req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
    match req.path() {
        "/feast" => drop(black_box(Vec::<u8>::with_capacity(FEAST))),
        "/leak" => forget(black_box(Vec::<u8>::with_capacity(LEAK))),
        _ => {}
    }
    write!(res, "{}", std::process::id())
}

#[test]
#[ignore = "a server for the next one, which runs it with a limit that is for it alone"]
fn hungry_server() {
    let server = Server::bind("127.0.0.1:0").unwrap().workers(2);
    let (address, stopper) = (server.local_addr().unwrap(), server.stopper());
    thread::spawn(move || {
        // Until the program that started it is gone.
        let _ = io::stdin().read_to_end(&mut Vec::new());
        let _ = stopper.stop();
    });
    eprintln!("it serves http://{address}/");
    server.run(Http1::new(hungry)).unwrap();
}

fn pid(client: &mut Client) -> u32 {
    client.get("/").text().parse().expect("a pid")
}

#[test]
fn a_handler_that_wants_too_much_costs_a_worker_and_no_more() {
    let this = env::current_exe().unwrap();
    let mut command = with_memory(2_000_000, this.to_str().unwrap());
    command
        .args(["--ignored", "--exact", "--nocapture"])
        .arg(test_name(module_path!(), "hungry_server"))
        .stdin(Stdio::piped());
    let server = Program::launch(command);
    for target in ["/feast", "/leak", "/feast"] {
        server.wait_for_workers(2);
        let mut clients: BTreeMap<u32, Client> = BTreeMap::new();
        let mut others = Vec::new();
        wait_until("a connection to each worker", || {
            let mut client = server.connect();
            let worker = pid(&mut client);
            // Those that are kept lead the next one to the other worker.
            others.extend(clients.insert(worker, client));
            clients.len() == 2
        });
        let (victim, mut client) = clients.pop_first().unwrap();
        let (other, mut neighbour) = clients.pop_first().unwrap();
        let ask = format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
        let mut asked = 0;
        loop {
            client.send(ask.as_bytes());
            match client.try_response(false) {
                Ok(answer) => assert_eq!(answer.status, 200),
                Err(_) => break,
            }
            asked += 1;
            assert!(asked * LEAK < 2 << 30, "{target}: there is no limit");
            assert_eq!(pid(&mut neighbour), other, "{target}: meanwhile");
        }
        println!("{target}: it died of request {}", asked + 1);
        assert_eq!(asked == 0, target == "/feast");
        assert_eq!(pid(&mut neighbour), other, "{target}: the other goes on");
        let next = pid(&mut server.connect());
        assert_ne!(next, victim, "{target}");
        assert_gone(&[victim]);
    }
    server.wait_for_workers(2);
    let cause = format!("memory allocation of {FEAST} bytes failed");
    server.err.wait_for(&cause);
}

#[test]
fn uploads_that_want_too_much_cost_a_worker_and_no_more() {
    let size = 40 << 20;
    let mut command = with_memory(150_000, env!("CARGO_BIN_EXE_httprs"));
    command
        .args(["--host", "127.0.0.1", "--port", "0", "-w", "2"])
        .args(["--max-body-size", "100000000", "--log", "none"])
        // More than there is: what happens then is what this is about.
        .args(["--body-memory", "1000000000"]);
    let mut server = Program::launch(command);
    let before = server.workers();
    let head = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n");
    // One is not too much.
    let mut client = server.connect();
    client.send(head.as_bytes());
    client.send(&vec![b'x'; size]);
    assert_eq!(client.response().status, 200);
    assert_eq!(server.workers(), before);
    drop(client);

    // The length alone takes nothing.
    let mut promises: Vec<Client> = (0..20).map(|_| server.connect()).collect();
    for client in &mut promises {
        client.send(head.as_bytes());
    }
    assert_eq!(server.get("/").status, 200);
    assert_eq!(server.workers(), before);
    drop(promises);

    // A worker that has three of these at once has too many.
    let uploads: Vec<_> = (0..6)
        .map(|_| {
            let mut client = server.connect();
            let head = head.clone();
            thread::spawn(move || {
                let sent = client.try_send(head.as_bytes());
                let sent = sent.and_then(|()| client.try_send(&vec![b'x'; size - 1]));
                // The last byte is not sent, so that no request is done before the others have
                // come.
                (client, sent)
            })
        })
        .collect();
    let clients: Vec<_> = uploads.into_iter().map(|u| u.join().unwrap()).collect();
    server.err.wait_for("killed by SIGABRT");
    assert_eq!(server.get("/").status, 200, "meanwhile");
    drop(clients);
    let after = server.wait_for_workers(2);
    assert_ne!(before, after);
    for _ in 0..10 {
        assert_eq!(server.get("/").status, 200);
    }
    assert!(server.stop().success());
}
