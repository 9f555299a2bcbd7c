//! [`Plan`] and [`Sink`]: how a handler treats a request before its body has come.

use std::fmt;
use std::io;

use super::request::HttpRequest;
use super::response::HttpResponse;
use crate::process::Connection;

/// How to treat a request of which the head is known.
#[non_exhaustive]
pub enum Plan {
    /// The body is gathered in memory, and [`Handler::handle`](crate::http::Handler::handle)
    /// answers.
    Gather,
    /// The body goes to this sink, piece by piece as it comes, and the sink answers.
    Stream(Box<dyn Sink>),
    /// The response was filled in: the body is not wanted. A body of at most 64 KiB, by its
    /// Content-Length, is discarded first, and the connection stays open. For any other body, and
    /// for a client that waits for `100 Continue`, `Connection: close` goes with the response,
    /// which is sent at once, and nothing behind it is read: a response that comes before its body
    /// on a connection that stays open can be used to smuggle requests.
    Answered,
    /// The response was filled in, and another protocol takes over behind it. The status is 101
    /// with an `Upgrade` field (RFC 9110 §7.8), and the request asked for that with an `Upgrade`
    /// field and `Connection: upgrade`, and has no body; or the status is 2xx and the method is
    /// CONNECT (§9.3.6). A request that does not ask for it so is answered with 400, and any other
    /// response of the handler with 500.
    Become(Box<dyn Connection>),
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Plan::Gather => "Gather",
            Plan::Stream(_) => "Stream",
            Plan::Answered => "Answered",
            Plan::Become(_) => "Become",
        })
    }
}

/// Takes in a request body piece by piece. Nothing of it is kept in memory unless the sink does.
///
/// Where a piece ends depends on the network and means nothing. The worker's other connections wait
/// while the sink works. A sink is dropped without [`Sink::answer`] when the body does not arrive
/// whole, or turns out to be malformed; it should undo then whatever it has begun.
///
/// ```
/// use std::io::{self, Write};
/// use httprs::http::{Plan, Sink, Want};
/// use httprs::{Handler, Http1, HttpRequest, HttpResponse, Method, harness};
///
/// struct Count;
/// struct Lines(usize);
///
/// impl Handler for Count {
///     fn plan(&self, req: &HttpRequest, _: &mut HttpResponse) -> io::Result<Plan> {
///         Ok(match req.method() {
///             Method::Put => Plan::Stream(Box::new(Lines(0))),
///             _ => Plan::Gather,
///         })
///     }
///     fn handle(&self, _: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
///         writeln!(res, "PUT me a text")
///     }
/// }
///
/// impl Sink for Lines {
///     fn piece(&mut self, bytes: &[u8]) -> io::Result<Want> {
///         self.0 += bytes.iter().filter(|b| **b == b'\n').count();
///         Ok(Want::More)
///     }
///     fn answer(self: Box<Self>, _: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
///         writeln!(res, "{} lines", self.0)
///     }
/// }
///
/// let http = Http1::with(Count);
/// let request = b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\na\nb\n";
/// assert!(harness::converse(&http, &[request]).bytes.ends_with(b"2 lines\n"));
/// ```
pub trait Sink: Send {
    /// Takes the next piece of the body.
    ///
    /// # Errors
    /// As with [`Handler::handle`](crate::http::Handler::handle): an
    /// [`HttpError`](crate::http::HttpError) has its own status, any other error is 500.
    fn piece(&mut self, bytes: &[u8]) -> io::Result<Want>;

    /// Answers, when the body is complete or the sink has enough of it.
    ///
    /// # Errors
    /// As with [`Handler::handle`](crate::http::Handler::handle).
    fn answer(self: Box<Self>, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()>;

    /// The most bytes that the sink takes; a larger body is refused with 413, at once if its length
    /// is known. By default the `configured` limit of bodies in memory
    /// ([`Limits::body_bytes`](crate::http::Limits::body_bytes)).
    fn max_bytes(&self, configured: u64) -> u64 {
        configured
    }
}

impl fmt::Debug for dyn Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sink")
    }
}

/// Whether a [`Sink`] takes more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// The sink takes more.
    More,
    /// The sink can answer now. The rest of the body is treated as with [`Plan::Answered`].
    Enough,
}
