//! Server-sent events (HTML Standard, §9.2): [`HttpResponse::sse`], [`Events`] and [`Event`].

use std::io::{self, Write as _};

use super::response::{Body, HttpResponse};
use super::source::{Flow, Piece, Source};
use crate::process::Waker;
use crate::time::{Millis, Now};

/// How often a client hears of a stream without events at least, in milliseconds: proxies take a
/// connection without bytes for dead, mostly after 30 to 60 s.
const KEEPALIVE_MS: u64 = 15_000;

impl HttpResponse {
    /// Streams server-sent events, which a browser's `EventSource` reads. `events` is called at
    /// once, then whenever it is woken ([`Events::waker`]), at the time that it has named
    /// ([`Flow::WaitUntil`]), and a last time when the worker drains; then the stream ends, and a
    /// browser connects again by itself, to another worker. What it has seen before is in the
    /// request's `Last-Event-ID`.
    ///
    /// A stream without events sends a comment every 15 s. When the client is gone, `events` is
    /// dropped.
    ///
    /// ```
    /// use httprs::http::{Event, Flow};
    /// use httprs::{Http1, harness};
    ///
    /// let http = Http1::new(|req, res| {
    ///     let seen = req.header("last-event-id").and_then(|id| id.parse().ok());
    ///     let mut id = seen.unwrap_or(0);
    ///     res.sse(move |events| {
    ///         id += 1;
    ///         events.send(Event::new("tick\ntock").name("clock").id(&id.to_string()))?;
    ///         Ok(Flow::WaitUntil(events.now().at.after(20_000)))
    ///     })
    /// });
    /// let mut talk = harness::Conversation::open(&http);
    /// let first = talk.send(b"GET / HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 6\r\n\r\n");
    /// assert!(first.ends_with(b"\r\nevent: clock\nid: 7\ndata: tick\ndata: tock\n\n\r\n"));
    /// assert_eq!(talk.pass(15_000), b"3\r\n:\n\n\r\n");
    /// assert!(talk.pass(5_000).ends_with(b"id: 8\ndata: tick\ndata: tock\n\n\r\n"));
    /// assert!(talk.stop().ends_with(b"0\r\n\r\n"));
    /// ```
    ///
    /// # Errors
    /// None; it is what a handler returns.
    pub fn sse<F>(&mut self, events: F) -> io::Result<()>
    where
        F: FnMut(&mut Events<'_, '_>) -> io::Result<Flow> + Send + 'static,
    {
        self.header("Content-Type", "text/event-stream")?
            .header("Cache-Control", "no-cache")?
            // nginx passes the events on at once.
            .header("X-Accel-Buffering", "no")?;
        self.body(Body::Stream(Box::new(EventStream {
            events,
            wait_until: Millis::default(),
        })));
        Ok(())
    }
}

/// Where events go. See [`HttpResponse::sse`].
#[derive(Debug)]
pub struct Events<'a, 'p> {
    piece: &'a mut Piece<'p>,
}

impl Events<'_, '_> {
    /// Sends an event.
    ///
    /// # Errors
    /// `InvalidInput`: the name or the id has a line end, or the id a NUL; a client would read
    /// something else. With `?`, the stream breaks off, and the log has the error.
    pub fn send(&mut self, event: Event<'_>) -> io::Result<()> {
        if event.name.contains(['\r', '\n'])
            || event.id.is_some_and(|id| id.contains(['\r', '\n', '\0']))
        {
            let why = "the name or the id of an event has a line end";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        if !event.name.is_empty() {
            writeln!(self.piece, "event: {}", event.name)?;
        }
        if let Some(id) = event.id {
            writeln!(self.piece, "id: {id}")?;
        }
        // CR, LF and CR LF end a line there, so a client gives back each of them as LF.
        let mut rest = event.data;
        loop {
            let end = rest.find(['\r', '\n']).unwrap_or(rest.len());
            writeln!(self.piece, "data: {}", &rest[..end])?;
            rest = match &rest[end..] {
                "" => break,
                behind => behind.strip_prefix("\r\n").unwrap_or(&behind[1..]),
            };
        }
        writeln!(self.piece)
    }

    /// Tells the client after how many milliseconds to connect again when the stream has ended.
    ///
    /// # Errors
    /// None; the type is that of [`Events::send`].
    pub fn retry(&mut self, ms: u64) -> io::Result<()> {
        writeln!(self.piece, "retry: {ms}\n")
    }

    /// A waker of this stream: after [`Waker::wake`], it is asked for events. Each call makes
    /// another one: a stream keeps its waker.
    pub fn waker(&self) -> Waker {
        self.piece.waker()
    }

    /// The time.
    pub fn now(&self) -> Now {
        self.piece.now()
    }

    /// Whether the worker drains: these are the last events.
    pub fn stopping(&self) -> bool {
        self.piece.stopping()
    }
}

/// An event: its data, and what else a client learns of it.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    data: &'a str,
    name: &'a str,
    id: Option<&'a str>,
}

impl<'a> Event<'a> {
    /// An event with this data, which may have several lines.
    pub fn new(data: &'a str) -> Event<'a> {
        Event {
            data,
            name: "",
            id: None,
        }
    }

    /// Names the event: `addEventListener(name, ...)` in place of `onmessage`.
    pub fn name(mut self, name: &'a str) -> Event<'a> {
        self.name = name;
        self
    }

    /// Numbers the event: a client that connects again sends the last id that it has seen.
    pub fn id(mut self, id: &'a str) -> Event<'a> {
        self.id = Some(id);
        self
    }
}

/// Events as a body.
struct EventStream<F> {
    events: F,
    /// The events have asked for no call before this time.
    wait_until: Millis,
}

impl<F> Source for EventStream<F>
where
    F: FnMut(&mut Events<'_, '_>) -> io::Result<Flow> + Send,
{
    fn pull(&mut self, piece: &mut Piece<'_>) -> io::Result<Flow> {
        let now = piece.now().at;
        if now < self.wait_until && !piece.woken() && !piece.stopping() {
            piece.write_all(b":\n\n")?;
        } else {
            // Where the events name no time, they are asked again at once.
            self.wait_until = Millis::default();
            match (self.events)(&mut Events { piece })? {
                _ if piece.stopping() => return Ok(Flow::End),
                Flow::WaitUntil(at) => self.wait_until = at,
                flow => return Ok(flow),
            }
        }
        Ok(Flow::WaitUntil(
            self.wait_until.min(now.after(KEEPALIVE_MS)),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::Conversation;
    use crate::http::Http1;

    const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

    /// The first events of a stream.
    fn events(event: Event<'static>) -> Option<String> {
        let http = Http1::new(move |_, res| {
            res.sse(move |events| {
                events.send(event)?;
                events.retry(250)?;
                Ok(Flow::End)
            })
        });
        let got = crate::harness::converse(&http, &[GET]).bytes;
        let got = String::from_utf8(got).unwrap();
        let body = got
            .strip_prefix("HTTP/1.1 200 OK\r\n")?
            .split_once("\r\n\r\n")?
            .1;
        assert!(got.contains("\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"));
        let chunk = body.split_once("\r\n")?.1.strip_suffix("\r\n0\r\n\r\n")?;
        Some(chunk.strip_suffix("retry: 250\n\n")?.into())
    }

    #[test]
    fn an_event_is_what_its_client_reads_or_none() {
        for (event, want) in [
            (Event::new(""), Some("data: \n\n")),
            (Event::new(" a"), Some("data:  a\n\n")),
            (
                Event::new("a\nb\r\nc\rd"),
                Some("data: a\ndata: b\ndata: c\ndata: d\n\n"),
            ),
            (Event::new("a\n"), Some("data: a\ndata: \n\n")),
            (Event::new("\r\n\r\n"), Some("data: \ndata: \ndata: \n\n")),
            (Event::new("a").name("n"), Some("event: n\ndata: a\n\n")),
            (Event::new("a").id(""), Some("id: \ndata: a\n\n")),
            (
                Event::new("ü").id("é").name("ö"),
                Some("event: ö\nid: é\ndata: ü\n\n"),
            ),
            (Event::new("a").name("n\ndata: forged"), None),
            (Event::new("a").name("n\rdata: forged"), None),
            (Event::new("a").id("1\nretry: 0"), None),
            (Event::new("a").id("\0"), None),
        ] {
            assert_eq!(events(event).as_deref(), want, "{event:?}");
        }
    }

    #[test]
    fn a_stream_is_asked_when_it_is_woken_and_not_for_its_comments() {
        let http = Http1::new(|_, res| {
            let mut calls = 0;
            res.sse(move |events| {
                calls += 1;
                events.send(Event::new(&calls.to_string()))?;
                Ok(Flow::WaitUntil(Millis::NEVER))
            })
        });
        let mut talk = Conversation::open(&http);
        assert!(talk.send(GET).ends_with(b"data: 1\n\n\r\n"));
        assert_eq!(talk.pass(14_999), b"");
        assert_eq!(talk.pass(1), b"3\r\n:\n\n\r\n");
        assert_eq!(talk.wake(), b"9\r\ndata: 2\n\n\r\n");
        assert_eq!(talk.pass(14_999), b"");
        assert_eq!(talk.pass(1), b"3\r\n:\n\n\r\n");
        assert_eq!(talk.stop(), b"9\r\ndata: 3\n\n\r\n0\r\n\r\n");
        // The client is gone: that ends the stream, which waits.
        let mut talk = Conversation::open(&http);
        talk.send(GET);
        talk.end();
        assert!(talk.closed());
    }

    #[test]
    fn a_stream_that_has_more_behind_a_wake_is_asked_again() {
        for (flow, size) in [(Flow::Yield, 1), (Flow::More, 20_000)] {
            let http = Http1::new(move |_, res| {
                let mut left = 0;
                res.sse(move |events| {
                    if left == 0 {
                        left = 5;
                        return Ok(Flow::WaitUntil(Millis::NEVER));
                    }
                    events.send(Event::new(&"x".repeat(size)).name(&left.to_string()))?;
                    left -= 1;
                    match left {
                        0 => Ok(Flow::WaitUntil(Millis::NEVER)),
                        _ => Ok(flow),
                    }
                })
            });
            let mut talk = Conversation::open(&http);
            talk.send(GET);
            let mut got = talk.wake();
            for _ in 0..20 {
                got.extend(talk.pass(1));
            }
            let text = String::from_utf8(got).unwrap();
            let names: String = text
                .lines()
                .filter_map(|l| l.strip_prefix("event: "))
                .collect();
            assert_eq!(names, "54321", "{flow:?}");
        }
    }
}
