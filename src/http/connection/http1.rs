//! [`Http1`]: HTTP/1.1 as a protocol: a handler, its limits and its timeouts.

use std::cell::RefCell;
use std::io;

use super::Http1Connection;
use super::body_memory::BodyMemory;
use super::encode::CommonLines;
use super::exchange::Shared;
use super::timeouts::Timeouts;
use crate::http::handler::{FieldError, Handler, HttpRequest, HttpResponse};
use crate::http::syntax::{Limits, byte};
use crate::process::{Connection, Input, Peer, Process};

/// HTTP/1.1 (RFC 9112) as a [`Process`]: requests are parsed, and answered by a [`Handler`].
///
/// ```
/// use std::io::Write;
/// use httprs::{Http1, harness};
/// let http = Http1::new(|req, res| writeln!(res, "hello, {}", req.path()));
/// let answer = harness::converse(&http, &[b"GET /you HTTP/1.1\r\nHost: x\r\n\r\n"]);
/// assert!(answer.bytes.ends_with(b"hello, /you\n"));
/// ```
#[derive(Debug)]
pub struct Http1<H> {
    shared: Shared<H>,
}

impl<F> Http1<F>
where
    F: Fn(&HttpRequest, &mut HttpResponse) -> io::Result<()>,
{
    /// Answers requests with a closure.
    pub fn new(handler: F) -> Http1<F> {
        Http1::with(handler)
    }
}

impl<H: Handler> Http1<H> {
    /// Answers requests with a handler of any type.
    pub fn with(handler: H) -> Http1<H> {
        Http1 {
            shared: Shared::new(handler),
        }
    }

    /// How much a client may send.
    pub fn limits(mut self, limits: Limits) -> Http1<H> {
        self.shared.limits = limits;
        self
    }

    /// How long a client may take.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Http1<H> {
        self.shared.keep_alive_line = timeouts.keep_alive_line();
        self.shared.timeouts = timeouts;
        self
    }

    /// The first name of [`Http1::timeouts`].
    #[doc(hidden)]
    pub fn patience(self, timeouts: Timeouts) -> Http1<H> {
        self.timeouts(timeouts)
    }

    /// How many bytes of request bodies each worker gathers in memory at a time; 64 MiB by default.
    /// A connection whose body finds no memory is not read from until there is some, and gets 503
    /// if there is none in time. Bodies of at most 16 KiB, and those that go to a
    /// [`Sink`](crate::http::Sink), need none; a body of unknown length needs
    /// [`Limits::body_bytes`].
    pub fn body_memory(mut self, bytes: u64) -> Http1<H> {
        self.shared.body_memory = BodyMemory::new(bytes);
        self
    }

    /// The value of the `Server` field, `httprs` by default; empty for no such field.
    ///
    /// # Errors
    /// The name has bytes that a field value may not have.
    pub fn server_name(mut self, name: &str) -> Result<Http1<H>, FieldError> {
        if !byte::all(name.as_bytes(), &byte::FIELD_VALUE) {
            return Err(FieldError::Value);
        }
        self.shared.common = RefCell::new(CommonLines::new(name));
        Ok(self)
    }

    /// The same protocol with a handler around, or in place of, its handler.
    pub fn map<G: Handler>(self, wrap: impl FnOnce(H) -> G) -> Http1<G> {
        Http1 {
            shared: self.shared.map(wrap),
        }
    }
}

impl<H: Handler> Process for Http1<H> {
    fn name(&self) -> &'static str {
        "HTTP/1.1"
    }

    fn open(&self, _peer: &Peer) -> Box<dyn Connection + '_> {
        Box::new(Http1Connection::new(&self.shared))
    }

    /// One byte more than a head may have, so that a head that is too long is seen to be.
    fn input_limit(&self) -> usize {
        self.shared
            .limits
            .head_bytes
            .saturating_add(1)
            .max(Input::CHUNK)
    }
}
