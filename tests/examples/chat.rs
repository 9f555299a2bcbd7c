//! A chat over WebSocket: each line goes to all that are in the room, in whatever worker.
//!
//! `cargo run --example chat`, then open two pages of http://localhost:8080/, and kill a worker.

use std::env;
use std::io;

use httprs::handlers::{Routes, websocket};
use httprs::process::{CloseCode, Message, Room, WebSocket, WebSocketHandler};
use httprs::{Http1, Server};

const PAGE: &str = "<!doctype html><meta charset=utf-8><title>chat</title>
<form><input id=line autofocus autocomplete=off></form><ul id=lines></ul><script>
const show = (text) => lines.append(Object.assign(document.createElement('li'), { textContent: text }))
let socket
function connect() {
  socket = new WebSocket(`${location.protocol.replace('http', 'ws')}//${location.host}/rooms/lobby`)
  socket.onmessage = (message) => show(message.data)
  socket.onclose = (close) => { show(`closed: ${close.code}`); setTimeout(connect, 500) }
}
connect()
document.forms[0].onsubmit = () => { socket.send(line.value); line.value = ''; return false }
</script>";

fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let server = Server::bind(&address)?.own_signals();
    println!("http://{}/", server.local_addr()?);
    let rooms = server.rooms();
    let router =
        Routes::new()
            .get("/", |_, res| res.html(PAGE))
            .get("/rooms/{room}", move |req, res| {
                let room = rooms.room(req.param("room").unwrap_or_default());
                websocket::accept_with(req, res, Member { room })
            });
    server.run(Http1::with(router.build()?))?;
    Ok(())
}

/// One client. Each has a value of its own, so `self` is the place for its state.
struct Member {
    room: Room,
}

impl WebSocketHandler for Member {
    fn open(&mut self, socket: &mut WebSocket<'_>) -> io::Result<()> {
        socket.join(&self.room);
        socket.send(&format!(
            "welcome; worker {} serves you",
            std::process::id()
        ))
    }

    fn message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) -> io::Result<()> {
        match message.text() {
            Some(line) => self.room.send(line),
            None => socket.close(CloseCode::UNSUPPORTED, "text, please"),
        }
    }

    fn closed(&mut self, _: CloseCode, _: &str) {
        // The line is lost where the worker cannot go on, and there is nothing else to do.
        let _ = self.room.send("a member has left");
    }
}
