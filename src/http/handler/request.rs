//! [`HttpRequest`]: what a handler is asked.

use std::borrow::Cow;

use crate::http::syntax::{Fields, Head, Method, Target, Version, query_pairs};
use crate::process::Peer;
use crate::time::Now;

/// A request whose head was understood and whose body has arrived; in
/// [`Handler::plan`](crate::http::Handler::plan), not yet.
///
/// It owns its bytes, so that handlers need no lifetimes, and is used again for later requests,
/// so that it costs no allocation.
#[derive(Debug)]
pub struct HttpRequest {
    pub(crate) head: Head,
    pub(crate) target: Target,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Fields,
    pub(crate) peer: Peer,
    pub(crate) now: Now,
    /// The first line of what could not be read as a request, for the access log.
    pub(crate) unreadable: Vec<u8>,
}

/// A body buffer that grew beyond this, in bytes, is not kept for later requests.
const LARGEST_SPARE: usize = 64 * 1024;

impl Default for HttpRequest {
    fn default() -> HttpRequest {
        HttpRequest {
            head: Head::default(),
            target: Target::default(),
            body: Vec::new(),
            trailers: Fields::default(),
            peer: Peer::Unix,
            now: Now::default(),
            unreadable: Vec::new(),
        }
    }
}

impl HttpRequest {
    /// The method, if it is one of the common ones.
    pub fn method(&self) -> Method {
        self.head.method()
    }

    /// The method as it was sent.
    pub fn method_str(&self) -> &str {
        self.head.method_str()
    }

    /// The request target as it was sent: usually a path and a query.
    pub fn target(&self) -> &str {
        self.head.target_str()
    }

    /// The path: percent-decoded once, without dot segments, beginning with a slash. A path that
    /// is not UTF-8 when decoded is shown as it was sent; [`HttpRequest::path_bytes`] has it
    /// decoded.
    pub fn path(&self) -> &str {
        std::str::from_utf8(self.target.path()).unwrap_or(self.target.raw_path())
    }

    /// The path as [`HttpRequest::path`] has it, whatever its bytes: files have such names.
    pub fn path_bytes(&self) -> &[u8] {
        self.target.path()
    }

    /// The path as it was sent.
    pub fn raw_path(&self) -> &str {
        self.target.raw_path()
    }

    /// Whether the path holds an encoded slash, `%2F`. Decoded, it cannot be told from a slash that
    /// separates segments.
    pub fn has_encoded_slash(&self) -> bool {
        self.target.has_encoded_slash()
    }

    /// What follows the `?`, as it was sent. `None` if there is no `?`.
    pub fn query_str(&self) -> Option<&str> {
        self.target.query()
    }

    /// The pairs of the query, decoded, in their order: `a=1&b&c=` is `("a", Some("1"))`,
    /// `("b", None)`, `("c", Some(""))`. A `+` is a space.
    pub fn query(&self) -> impl Iterator<Item = (Cow<'_, str>, Option<Cow<'_, str>>)> {
        query_pairs(self.target.query().unwrap_or(""))
    }

    /// The protocol's version.
    pub fn version(&self) -> Version {
        self.head.version()
    }

    /// The first field of this name, in any case of letters, if its value is UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.fields().get_str(name)
    }

    /// The host that the client meant: the authority of the target where it names one (then the
    /// `Host` field does not count, RFC 9112 §3.2.2), else the `Host` field. `None` in HTTP/1.0
    /// alone.
    pub fn host(&self) -> Option<&str> {
        self.target.authority().or_else(|| self.header("host"))
    }

    /// All fields of the head.
    pub fn headers(&self) -> &Fields {
        self.head.fields()
    }

    /// The body, decoded; empty if there is none, or if it went to a [`Sink`](crate::http::Sink).
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The fields that came after a chunked body. They are not to be mixed with those of the head,
    /// which alone say which client asks, and for what (RFC 9110 §6.5.1).
    pub fn trailers(&self) -> &Fields {
        &self.trailers
    }

    /// The client.
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// When the request was complete; in [`Handler::plan`](crate::http::Handler::plan), its head.
    pub fn now(&self) -> Now {
        self.now
    }

    /// Whether the client waits for `100 Continue` before it sends the body (RFC 9110 §10.1.1).
    pub(crate) fn expects_continue(&self) -> bool {
        self.head.version() >= Version::Http11 && self.head.fields().count("expect") > 0
    }

    /// Gives back the memory of a body that will not be read again.
    pub(crate) fn release_body(&mut self) {
        self.body = Vec::new();
    }

    /// Ready for the next request, with what was allocated for this one.
    pub(crate) fn clear(&mut self) {
        self.head.clear();
        self.target.clear();
        self.trailers.clear();
        self.unreadable.clear();
        if self.body.capacity() > LARGEST_SPARE {
            self.body = Vec::new();
        }
        self.body.clear();
    }
}
