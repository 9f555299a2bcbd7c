//! The grammar of HTTP/1.1: bytes in, values out, and values as bytes again.
//!
//! Never panics, whatever the bytes; strict, with no knobs; partial input is `Ok(None)` and no
//! error. Knows nothing of time, connections, handlers and responses.
//!
//! | file | what it is |
//! |---|---|
//! | `limits` | every size and count at which the parsers stop |
//! | `byte` | classes of bytes, with their grammar |
//! | `base64` | bytes as text in fields |
//! | `token` | tokens and quoted strings |
//! | `value` | methods, versions, status codes |
//! | `header` | field lines, and lookup in them |
//! | `host` | hosts and ports, as in `Host` |
//! | `request_line` | the first line of a head |
//! | `head` | where a head ends, and what it says |
//! | `names` | field names that two readers may take for different ones |
//! | `head_error` | why a head is refused |
//! | `framing` | where a body ends: the gate against smuggling |
//! | `chunked` | bodies in chunks, both ways |
//! | `uri` | what a target means: host, path, query |

pub(crate) mod base64;
pub(crate) mod byte;
pub mod chunked;
pub mod framing;
pub mod head;
mod head_error;
pub mod header;
pub mod host;
pub mod limits;
mod names;
mod request_line;
pub(crate) mod token;
pub mod uri;
pub mod value;

pub use chunked::ChunkedError;
pub use framing::{Framing, FramingError, request_framing};
pub use head::{Head, HeadEnd};
pub use head_error::HeadError;
pub use header::Fields;
pub use limits::Limits;
pub use uri::{Form, Target, UriError, query_pairs};
pub use value::{Method, StatusCode, Version};
