//! Server-sent events: what is posted is pushed to all pages that listen, in whatever worker.
//!
//! `cargo run --example events`, then
//! `curl -N localhost:8080/events`, and in another shell `curl -d 'it rains' localhost:8080/`

use std::env;
use std::io;

use httprs::handlers::Routes;
use httprs::http::{Event, Flow};
use httprs::process::{Mailbox, Room};
use httprs::{Http1, HttpResponse, Millis, Server};

const PAGE: &str = "<!doctype html><title>events</title><ul id=news></ul><script>
new EventSource('/events').onmessage = (event) => {
  news.append(Object.assign(document.createElement('li'), { textContent: event.data }))
}</script>";

fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let server = Server::bind(&address)?.own_signals();
    println!("http://{}/", server.local_addr()?);
    let news = server.rooms().room("news");
    let room = news.clone();
    let router = Routes::new()
        .get("/", |_, res| res.html(PAGE))
        .get("/events", move |_, res| listen(&room, res))
        .post("/", move |req, res| {
            news.send(req.body_str().unwrap_or("no text"))?;
            res.no_content()
        });
    server.run(Http1::with(router.build()?))?;
    Ok(())
}

/// The events of one client. A message of the room wakes it; between two, it costs nothing.
fn listen(room: &Room, res: &mut HttpResponse) -> io::Result<()> {
    let (room, mut mailbox) = (room.clone(), None);
    res.sse(move |events| {
        if mailbox.is_none() {
            events.retry(1_000)?;
        }
        let mailbox = mailbox.get_or_insert_with(|| {
            let mut mailbox = Mailbox::new(events.waker());
            mailbox.join(&room);
            mailbox
        });
        while let Some(post) = mailbox.take() {
            events.send(Event::new(post.message().text().unwrap_or_default()))?;
        }
        // A client that was too slow connects again.
        Ok(if mailbox.has_overflowed() {
            Flow::End
        } else {
            Flow::WaitUntil(Millis::NEVER)
        })
    })
}
