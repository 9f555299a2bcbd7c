//! HTTP/1.1 (RFC 9110, RFC 9112), strict and with no knobs.
//!
//! | folder | what it is |
//! |---|---|
//! | `syntax` | bytes to values and back: heads, framing, chunks, targets |
//! | `semantics` | what fields mean: dates, ranges, conditions, negotiation |
//! | `handler` | what a handler sees: request, response, sources and sinks |
//! | `connection` | the state machine that drives all of it: [`Http1`] |
//!
//! All of it is pure: bytes, numbers and dates in, values and segments out. It does no I/O, reads
//! no clock and knows nothing of files, sockets and workers. Imports point downwards: `connection`
//! to all, `handler` and `semantics` to `syntax`.

mod connection;
mod handler;
mod semantics;
mod syntax;

#[doc(hidden)]
pub use connection::Timeouts as Patience;
pub use connection::{Http1, Timeouts};
pub(crate) use handler::FieldLines;
pub use handler::{
    Body, Event, Events, FieldError, Flow, Handler, HttpError, HttpRequest, HttpResponse, Layer,
    Mark, Pass, Piece, Plan, Sink, Source, Trailers, Want, Wrap,
};
pub use semantics::{accept, conditional, date, range};
pub(crate) use syntax::base64;
pub(crate) use syntax::token::is_token;
pub use syntax::{
    ChunkedError, Fields, Form, Framing, FramingError, Head, HeadEnd, HeadError, Limits, Method,
    StatusCode, Target, UriError, Version, query_pairs, request_framing,
};
pub use syntax::{chunked, framing, head, header, host, limits, uri, value};
