//! The interface of handlers: [`Handler`], a request, a response, and bodies in pieces.
//!
//! Knows nothing of how a connection is driven, nor of how a response is written.
//!
//! | file | what it is |
//! |---|---|
//! | `request`, `response`, `usual` | what a handler reads, and what it fills in |
//! | `field` | which fields a handler may send |
//! | `http_error` | a status as an error |
//! | `layer` | what is around a handler |
//! | `params` | the parts of a path that a router has given names |
//! | `source`, `sink` | bodies that are never in memory as a whole, out and in |
//! | `sse` | server-sent events |

mod field;
mod http_error;
mod layer;
mod params;
mod request;
mod response;
mod sink;
mod source;
mod sse;
mod usual;

use std::io;

pub use field::FieldError;
pub use http_error::HttpError;
pub use layer::{Layer, Mark, Pass, Wrap};
pub use request::HttpRequest;
pub(crate) use response::FieldLines;
pub use response::{Body, HttpResponse};
pub use sink::{Plan, Sink, Want};
pub(crate) use source::PIECE;
pub use source::{Flow, Piece, Source, Trailers};
pub use sse::{Event, Events};

/// Answers HTTP requests. Built before the fork; each worker has a copy.
///
/// A worker calls one handler at a time, and its other connections wait meanwhile: more workers are
/// the remedy for a handler that blocks.
///
/// A panic, here, in a [`Sink`](crate::http::Sink) or in a [`Source`](crate::http::Source), costs
/// the client its response: it gets 500, or its response breaks off, and the connection closes. The
/// state of the handler may be half changed, so the worker is replaced: it drains, and its
/// successor serves before it exits (in a row of panics, once a second). Where the program is built
/// with `panic = "abort"`, the worker dies instead, with all its connections, and the master forks
/// another.
///
/// Closures are handlers; so are types of your own:
///
/// ```
/// use std::io::{self, Write};
/// use httprs::{Handler, Http1, HttpRequest, HttpResponse, harness};
///
/// struct Hello { greeting: String }
///
/// impl Handler for Hello {
///     fn handle(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
///         writeln!(res, "{} from {}", self.greeting, req.path())
///     }
/// }
///
/// let http = Http1::with(Hello { greeting: "good morning".into() });
/// let answer = harness::converse(&http, &[b"GET /here HTTP/1.1\r\nHost: x\r\n\r\n"]);
/// assert!(answer.bytes.ends_with(b"good morning from /here\n"));
/// ```
pub trait Handler {
    /// Plans the rest of a request of which the head is known and no body was read. By default the
    /// body is gathered. The response keeps what is filled in here.
    ///
    /// # Errors
    /// As with [`Handler::handle`]; the body is not wanted then.
    fn plan(&self, _req: &HttpRequest, _res: &mut HttpResponse) -> io::Result<Plan> {
        Ok(Plan::Gather)
    }

    /// Answers `req` by filling in `res`.
    ///
    /// # Errors
    /// The response is dropped. With an [`HttpError`], the client gets its status and its text;
    /// with any other error, the client gets 500, and the log gets the error.
    fn handle(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()>;

    /// The handler with a layer around it. The layer that is added last is outermost: it is asked
    /// first, and adds to the response last.
    fn wrap<L: Layer>(self, layer: L) -> Wrap<L, Self>
    where
        Self: Sized,
    {
        Wrap::new(layer, self)
    }
}

impl<F> Handler for F
where
    F: Fn(&HttpRequest, &mut HttpResponse) -> io::Result<()>,
{
    fn handle(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        self(req, res)
    }
}
