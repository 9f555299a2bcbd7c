//! HTTP/1.1 (RFC 9110, RFC 9112), strict and with no knobs.
//!
//! | file | what it is |
//! |---|---|
//! | `limits` | every size and count at which we stop |
//! | `byte` | classes of bytes, with their grammar |
//! | `value` | methods, versions, status codes |
//! | `header` | field lines, and lookup in them |
//! | `host` | who is meant |
//! | `request_line` | the first line of a head |
//! | `head` | where a head ends, and what it says |
//! | `head_error` | why it is refused |
//! | `framing` | where its body ends: the gate against smuggling |
//! | `chunked` | bodies in chunks, both ways |
//! | `uri` | what a target means: host, path, query |
//! | `date` | one form out, three forms in |
//! | `range` | which bytes of a file |
//! | `conditional` | whether the client has it already |
//! | `accept` | which codings and media types the client takes |
//! | `request`, `response` | what a handler is asked, and what it answers |
//! | `source`, `sink` | bodies that are never in memory as a whole, out and in |
//! | `handler` | what answers |
//! | `encode` | responses as bytes |
//! | `incoming`, `outgoing` | bodies on their way |
//! | `refusal` | why a request is not handled |
//! | `recorded` | what may be told of a request if we crash |
//! | `connection` | a connection, from its first byte to its last: how requests come in |
//! | `reply` | the rest of it: how answers go out |
//! | `http1` | HTTP/1.1 as a protocol |
//!
//! All of it is pure: bytes, numbers and dates in, values and segments out. It does no I/O, reads
//! no clock and knows nothing of workers.

pub mod accept;
mod body_memory;
mod byte;
pub mod chunked;
pub mod conditional;
mod connection;
pub mod date;
mod encode;
mod failure;
pub mod framing;
mod handler;
pub mod head;
mod head_error;
pub mod header;
pub mod host;
mod http1;
mod incoming;
pub mod limits;
mod names;
mod outgoing;
pub mod range;
mod recorded;
mod refusal;
mod reply;
mod request;
mod request_line;
mod response;
mod sink;
mod source;
pub mod uri;
pub mod value;

pub use chunked::ChunkedError;
pub use framing::{Framing, FramingError, request_framing};
pub use handler::Handler;
pub use head::{Head, HeadEnd};
pub use head_error::HeadError;
pub use header::Fields;
pub use http1::{Http1, Patience};
pub use limits::Limits;
pub use request::HttpRequest;
pub(crate) use response::FieldLines;
pub use response::{Body, FieldError, HttpResponse};
pub use sink::{Plan, Sink, Want};
pub use source::{Flow, Piece, Source, Trailers};
pub use uri::{Form, Target, UriError, query_pairs};
pub use value::{Method, StatusCode, Version};
