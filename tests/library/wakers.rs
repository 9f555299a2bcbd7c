//! Wakers in a real worker: what happens elsewhere in it steps a connection that waits.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::embedding::alone;
use crate::server::Client;
use httprs::http::Flow;
use httprs::process::Waker;
use httprs::{Http1, Millis, Server};

/// Words for all that listen, and the listeners to wake.
#[derive(Default)]
struct Board {
    words: Vec<String>,
    listeners: Vec<Waker>,
}

impl Board {
    fn say(board: &Mutex<Board>, word: &str) {
        let mut board = board.lock().unwrap();
        board.words.push(word.into());
        // A wake too many is none; some of the listeners are gone.
        for _ in 0..2 {
            board.listeners.iter().for_each(Waker::wake);
        }
    }
}

#[test]
fn a_source_is_woken_by_another_connection_and_by_a_thread() {
    let _turn = alone();
    let board = Arc::<Mutex<Board>>::default();
    let http = Http1::new(move |req, res| {
        let board = board.clone();
        match req.path() {
            "/listen" => {
                let (mut heard, mut pulls, mut waker) = (0, 0, None);
                res.stream(move |piece| {
                    pulls += 1;
                    let mut board = board.lock().unwrap();
                    if waker.is_none() {
                        let new = piece.waker();
                        board.listeners.push(new.clone());
                        waker = Some(new);
                        write!(piece, "listening;")?;
                    }
                    for word in &board.words[heard..] {
                        let how = if piece.woken() { "woken" } else { "asked" };
                        write!(piece, "{word} {how} at pull {pulls};")?;
                    }
                    heard = board.words.len();
                    Ok(if piece.stopping() {
                        Flow::End
                    } else {
                        Flow::WaitUntil(Millis::NEVER)
                    })
                });
            }
            "/thread" => {
                thread::spawn(move || {
                    // The worker waits for events by then, in all likelihood.
                    thread::sleep(Duration::from_millis(30));
                    Board::say(&board, "thread");
                });
            }
            word => Board::say(&board, word),
        }
        Ok(())
    });
    let server = Server::bind("127.0.0.1:0").unwrap().workers(1);
    let address = server.local_addr().unwrap();
    let running = server.spawn(http).unwrap();
    let connect = || Client::tcp(std::net::TcpStream::connect(address).unwrap());
    let ask = |target: &str| {
        let mut client = connect();
        assert_eq!(client.get(target).status, 200);
    };
    let read_until = |client: &mut Client, end: &str| {
        let mut all = Vec::new();
        while !String::from_utf8_lossy(&all).contains(end) {
            let mut some = [0; 1024];
            let n = client.read(&mut some).unwrap();
            assert!(n > 0, "{}", String::from_utf8_lossy(&all));
            all.extend_from_slice(&some[..n]);
        }
        String::from_utf8(all).unwrap()
    };
    let mut gone = connect();
    let mut listener = connect();
    for client in [&mut gone, &mut listener] {
        client.send(b"GET /listen HTTP/1.1\r\nHost: x\r\n\r\n");
        read_until(client, "listening;");
    }
    drop(gone);
    ask("/word");
    read_until(&mut listener, "/word woken at pull 2;");
    ask("/thread");
    read_until(&mut listener, "thread woken at pull 3;");
    ask("/again");
    // The thread's second wake may have come behind the step that the first one has caused.
    read_until(&mut listener, "/again woken at pull ");
    assert!(running.stop().unwrap().stopped);
    read_until(&mut listener, "0\r\n\r\n");
}
