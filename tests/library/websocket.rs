//! WebSockets in real workers: a chat whose members are in all of them, a worker that is killed in
//! the middle of it, and the end of a server.

use std::collections::BTreeSet;
use std::io;
use std::net::{SocketAddr, TcpStream};

use crate::server::{Client, signal, wait_until};
use httprs::handlers::websocket;
use httprs::process::{CloseCode, Message, Room, WebSocket, WebSocketHandler};
use httprs::{Http1, Server};

/// A member of a chat, which is told at first which worker serves it.
struct Member(Room);

impl WebSocketHandler for Member {
    fn open(&mut self, socket: &mut WebSocket<'_>) -> io::Result<()> {
        socket.join(&self.0);
        socket.send(&format!("pid {}", std::process::id()))
    }

    fn message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) -> io::Result<()> {
        match message {
            Message::Text("leave") => socket.leave(&self.0),
            Message::Text("crash") => std::process::abort(),
            Message::Text("error") => return Err(io::Error::other("as asked")),
            message => self.0.send(message)?,
        }
        Ok(())
    }
}

/// A client with the least of the protocol.
struct Socket {
    client: Client,
    pid: u32,
    unread: Vec<u8>,
}

impl Socket {
    fn connect(address: SocketAddr) -> Socket {
        let mut client = Client::tcp(TcpStream::connect(address).unwrap());
        client.send(
            b"GET /chat HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
              Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        );
        let mut socket = Socket {
            client,
            pid: 0,
            unread: Vec::new(),
        };
        while !socket.unread.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            assert_eq!(socket.client.read(&mut byte).unwrap(), 1);
            socket.unread.push(byte[0]);
        }
        assert!(socket.unread.starts_with(b"HTTP/1.1 101 "));
        socket.unread.clear();
        let hello = socket.next().unwrap();
        socket.pid = hello.strip_prefix("pid ").unwrap().parse().unwrap();
        socket
    }

    fn say(&mut self, text: &str) {
        let len = text.len();
        let mut frame = vec![0x81];
        match len {
            0..126 => frame.push(0x80 | len as u8),
            _ => {
                frame.push(0xff);
                frame.extend_from_slice(&(len as u64).to_be_bytes());
            }
        }
        if (126..65_536).contains(&len) {
            frame.truncate(1);
            frame.push(0xfe);
            frame.extend_from_slice(&(len as u16).to_be_bytes());
        }
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(text.as_bytes());
        self.client.send(&frame);
    }

    fn fill(&mut self, len: usize) -> Option<()> {
        while self.unread.len() < len {
            let mut some = [0; 4096];
            match self.client.read(&mut some) {
                Ok(n) if n > 0 => self.unread.extend_from_slice(&some[..n]),
                _ => return None,
            }
        }
        Some(())
    }

    /// The next message, or `closed CODE`; `None` at the end of the connection.
    fn next(&mut self) -> Option<String> {
        self.fill(2)?;
        let (first, short) = (self.unread[0], usize::from(self.unread[1]));
        let (at, len) = match short {
            126 => {
                self.fill(4)?;
                (
                    4,
                    usize::from(u16::from_be_bytes([self.unread[2], self.unread[3]])),
                )
            }
            127 => {
                self.fill(10)?;
                (
                    10,
                    u64::from_be_bytes(self.unread[2..10].try_into().unwrap()) as usize,
                )
            }
            short => (2, short),
        };
        self.fill(at + len)?;
        let payload: Vec<u8> = self.unread.drain(..at + len).skip(at).collect();
        Some(match first {
            0x88 => format!("closed {}", u16::from_be_bytes([payload[0], payload[1]])),
            _ => String::from_utf8(payload).unwrap(),
        })
    }
}

fn chat() -> (Server, impl FnOnce(Server) -> httprs::Running) {
    let server = Server::bind("127.0.0.1:0").unwrap().workers(3);
    let rooms = server.rooms();
    let http = Http1::new(move |req, res| {
        websocket::accept_with(req, res, Member(rooms.room(req.path())))
    });
    (server, |server| server.spawn(http).unwrap())
}

/// Connects until each of so many workers has a member.
fn members_in(workers: usize, address: SocketAddr, members: &mut Vec<Socket>) {
    let mut pids: BTreeSet<u32> = members.iter().map(|member| member.pid).collect();
    wait_until("members in all workers", || {
        let member = Socket::connect(address);
        pids.insert(member.pid);
        // Each member stays: a worker that is above the mean leaves the next client to others.
        members.push(member);
        pids.len() == workers
    });
}

fn all_hear(members: &mut [Socket], from: usize, text: &str) {
    members[from].say(text);
    for member in members {
        let heard = member.next();
        assert!(
            heard.as_deref() == Some(text),
            "{:?}",
            heard.map(|heard| heard.len())
        );
    }
}

#[test]
fn a_chat_crosses_workers_and_outlives_one_that_is_killed() {
    let (server, spawn) = chat();
    let address = server.local_addr().unwrap();
    let board = server.scoreboard();
    let running = spawn(server);
    let mut members = Vec::new();
    members_in(3, address, &mut members);
    for from in 0..members.len() {
        all_hear(&mut members, from, &format!("hello from {from}"));
    }
    all_hear(&mut members, 1, "");
    // As long as a message may be here, and not quite copied from piece to piece.
    all_hear(&mut members, 2, &"x".repeat(60_000));

    // Its members lose their connections, and nothing else happens to the others.
    let killed = members[0].pid;
    signal(killed, "KILL");
    let (dead, mut members): (Vec<_>, Vec<_>) =
        members.into_iter().partition(|member| member.pid == killed);
    for mut member in dead {
        assert_eq!(member.next(), None);
    }
    for from in 0..members.len() {
        all_hear(&mut members, from, &format!("still here: {from}"));
    }
    // The successor is in the chat, and has not heard what was said before.
    wait_until("a successor", || board.ready() == 3);
    members_in(3, address, &mut members);
    assert!(members.iter().all(|member| member.pid != killed));
    for from in 0..members.len() {
        all_hear(&mut members, from, &format!("together again: {from}"));
    }
    assert!(board.records().all(|record| record.lost_messages == 0));

    // A member that has left hears no more, and a crash is one of the worker's members alone.
    let last = members.len() - 1;
    members[last].say("leave");
    members[last].say("after leaving");
    let gone = members.pop().unwrap();
    for member in &mut members {
        assert_eq!(member.next().as_deref(), Some("after leaving"));
    }
    assert!(running.stop().unwrap().stopped);
    for mut member in members.into_iter().chain([gone]) {
        let going_away = format!("closed {}", CloseCode::GOING_AWAY);
        assert_eq!(member.next(), Some(going_away), "the server said good-bye");
        assert_eq!(member.next(), None);
    }
}

#[test]
fn a_member_whose_handler_fails_is_told_and_the_others_go_on() {
    let (server, spawn) = chat();
    let address = server.local_addr().unwrap();
    let running = spawn(server);
    let mut members: Vec<Socket> = (0..4).map(|_| Socket::connect(address)).collect();
    let mut failing = members.pop().unwrap();
    failing.say("error");
    assert_eq!(
        failing.next(),
        Some(format!("closed {}", CloseCode::INTERNAL_ERROR))
    );
    all_hear(&mut members, 0, "one of us failed");
    running.stop().unwrap();
}
