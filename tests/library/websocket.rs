//! WebSockets in real workers: a chat whose members are in all of them, a worker that is killed in
//! the middle of it, and the end of a server.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;

use crate::embedding::alone;
use crate::server::{signal, wait_until};
use crate::socket::Socket;
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

/// A member as a client has it.
struct Joined {
    socket: Socket,
    pid: u32,
}

fn join(address: SocketAddr) -> Joined {
    let mut socket = Socket::connect(address, "/chat");
    let hello = socket.hear().unwrap();
    let pid = hello.strip_prefix("pid ").unwrap().parse().unwrap();
    Joined { socket, pid }
}

fn chat() -> (Server, impl FnOnce(Server) -> httprs::Running) {
    let server = Server::bind("127.0.0.1:0").unwrap().workers(3);
    let rooms = server.rooms();
    let error = rooms.room("/chat").send("from no worker").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotConnected);
    let http = Http1::new(move |req, res| {
        websocket::accept_with(req, res, Member(rooms.room(req.path())))
    });
    (server, |server| server.spawn(http).unwrap())
}

/// Connects until each of so many workers has a member.
fn members_in(workers: usize, address: SocketAddr, members: &mut Vec<Joined>) {
    let mut pids: BTreeSet<u32> = members.iter().map(|member| member.pid).collect();
    wait_until("members in all workers", || {
        let member = join(address);
        pids.insert(member.pid);
        // Each member stays: a worker that is above the mean leaves the next client to others.
        members.push(member);
        pids.len() == workers
    });
}

fn all_hear(members: &mut [Joined], from: usize, text: &str) {
    members[from].socket.say(text);
    for member in members {
        let heard = member.socket.hear();
        assert!(
            heard.as_deref() == Some(text),
            "{:?}",
            heard.map(|heard| heard.len())
        );
    }
}

#[test]
fn a_chat_crosses_workers_and_outlives_one_that_is_killed() {
    let _turn = alone();
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
        assert_eq!(member.socket.hear(), None);
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
    members[last].socket.say("leave");
    members[last].socket.say("after leaving");
    let gone = members.pop().unwrap();
    for member in &mut members {
        assert_eq!(member.socket.hear().as_deref(), Some("after leaving"));
    }
    assert!(running.stop().unwrap().stopped);
    for mut member in members.into_iter().chain([gone]) {
        let going_away = format!("closed {}", CloseCode::GOING_AWAY);
        assert_eq!(
            member.socket.hear(),
            Some(going_away),
            "the server said good-bye"
        );
        assert_eq!(member.socket.hear(), None);
    }
}

#[test]
fn a_member_whose_handler_fails_is_told_and_the_others_go_on() {
    let _turn = alone();
    let (server, spawn) = chat();
    let address = server.local_addr().unwrap();
    let running = spawn(server);
    let mut members: Vec<Joined> = (0..4).map(|_| join(address)).collect();
    let mut failing = members.pop().unwrap();
    failing.socket.say("error");
    assert_eq!(
        failing.socket.hear(),
        Some(format!("closed {}", CloseCode::INTERNAL_ERROR))
    );
    all_hear(&mut members, 0, "one of us failed");
    running.stop().unwrap();
}
