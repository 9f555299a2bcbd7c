//! [`HttpRequest`]: the request that a handler answers.

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::str::FromStr;
use std::sync::Arc;

use super::http_error::HttpError;
use super::params::Params;
use crate::http::syntax::{Fields, Head, Method, StatusCode, Target, Version, query_pairs};
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
    /// The first line of bytes that are no request, for the access log.
    pub(crate) unreadable: Vec<u8>,
    params: Params,
    /// What layers have put on the request.
    pub(super) marks: RefCell<Vec<usize>>,
    id: OnceCell<Box<str>>,
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
            params: Params::default(),
            marks: RefCell::default(),
            id: OnceCell::new(),
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

    /// The part of the path that a [`Router`](crate::handlers::Router) has given this name,
    /// decoded. `None` if the route has no such name.
    pub fn param(&self, name: &str) -> Option<&str> {
        let (start, end) = self.params.span(name)?;
        std::str::from_utf8(self.target.path().get(start..end)?).ok()
    }

    /// The part of the path of this name, as what it is meant to be.
    ///
    /// # Errors
    /// It is something else: 400, if the handler returns this with `?`. The route has no such name:
    /// 500.
    pub fn param_as<T: FromStr>(&self, name: &str) -> Result<T, HttpError> {
        let Some(text) = self.param(name) else {
            let why = "the route has no such parameter";
            return Err(HttpError::new(StatusCode::INTERNAL_SERVER_ERROR, why));
        };
        let bad = |_| HttpError::new(StatusCode::BAD_REQUEST, format!("{name} is malformed"));
        text.parse().map_err(bad)
    }

    /// Gives parts of the decoded path names: each begins and ends there.
    pub(crate) fn set_params(&self, names: &Arc<[Box<str>]>, spans: &[(usize, usize)]) {
        self.params.set(names, spans);
    }

    /// The query as it was sent, without the `?`. `None` if there is no `?`.
    pub fn query_str(&self) -> Option<&str> {
        self.target.query()
    }

    /// The pairs of the query, decoded, in their order: `a=1&b&c=` is `("a", Some("1"))`,
    /// `("b", None)`, `("c", Some(""))`. A `+` is a space.
    pub fn query(&self) -> impl Iterator<Item = (Cow<'_, str>, Option<Cow<'_, str>>)> {
        query_pairs(self.target.query().unwrap_or(""))
    }

    /// The pairs of a form in the body (`application/x-www-form-urlencoded`), decoded as those of
    /// [`HttpRequest::query`]. None where the body is something else.
    pub fn form(&self) -> impl Iterator<Item = (Cow<'_, str>, Option<Cow<'_, str>>)> {
        const FORM: &str = "application/x-www-form-urlencoded";
        let content_type = self.header("content-type").unwrap_or("");
        let kind = content_type.split(';').next().unwrap_or("").trim();
        let body = self.body_str().filter(|_| kind.eq_ignore_ascii_case(FORM));
        query_pairs(body.unwrap_or(""))
    }

    /// The pairs of all `Cookie` fields, as they were sent (RFC 6265 §4.2): names and values
    /// without the blanks around them, values without the quotes. What has no `=` is left out.
    pub fn cookies(&self) -> impl Iterator<Item = (&str, &str)> {
        let values = self.head.fields().get_all("cookie");
        let texts = values.filter_map(|value| std::str::from_utf8(value).ok());
        texts.flat_map(|text| text.split(';')).filter_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            let (name, value) = (
                name.trim_matches([' ', '\t']),
                value.trim_matches([' ', '\t']),
            );
            let quoted = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
            (!name.is_empty()).then_some((name, quoted.unwrap_or(value)))
        })
    }

    /// The protocol's version.
    pub fn version(&self) -> Version {
        self.head.version()
    }

    /// The first field of this name, in any case of letters, if its value is UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.fields().get_str(name)
    }

    /// The host of the request: the authority of the target where it names one (then the `Host`
    /// field does not count, RFC 9112 §3.2.2), else the `Host` field. `None` in HTTP/1.0 alone.
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

    /// The body as text; `None` if it is not UTF-8.
    pub fn body_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.body).ok()
    }

    /// The fields that came after a chunked body. They are not to be mixed with those of the head,
    /// which alone say which client asks, and what for (RFC 9110 §6.5.1).
    pub fn trailers(&self) -> &Fields {
        &self.trailers
    }

    /// The id of the request, where a [`RequestId`](crate::handlers::RequestId) is around the
    /// handler.
    pub fn request_id(&self) -> Option<&str> {
        self.id.get().map(|id| &**id)
    }

    /// Gives the request an id, if it has none; returns the one that it has.
    pub(crate) fn set_request_id(&self, id: impl FnOnce() -> Box<str>) -> &str {
        self.id.get_or_init(id)
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

    /// Clears the request for the next one, and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.head.clear();
        self.target.clear();
        self.trailers.clear();
        self.unreadable.clear();
        self.params.clear();
        self.marks.get_mut().clear();
        self.id.take();
        if self.body.capacity() > LARGEST_SPARE {
            self.body = Vec::new();
        }
        self.body.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(wire: &str, body: &str) -> HttpRequest {
        let mut request = HttpRequest::default();
        let limits = crate::http::syntax::Limits::default();
        request.head.parse(wire.as_bytes(), &limits).unwrap();
        request.body = body.into();
        request
    }

    #[test]
    fn cookies_are_pairs() {
        for (lines, want) in [
            ("", &[][..]),
            ("Cookie: a=b\r\n", &[("a", "b")]),
            (
                "Cookie: a=b; c=d=e\r\nCookie: f=\r\n",
                &[("a", "b"), ("c", "d=e"), ("f", "")],
            ),
            (
                "Cookie: a=\"b c\";; =x; y;z = 1 \r\n",
                &[("a", "b c"), ("z", "1")],
            ),
            ("Cookie: a=\"\r\n", &[("a", "\"")]),
        ] {
            let request = request(&format!("GET / HTTP/1.1\r\nHost: x\r\n{lines}\r\n"), "");
            let got: Vec<_> = request.cookies().collect();
            assert_eq!(got, want, "{lines:?}");
        }
    }

    #[test]
    fn a_form_is_one_if_it_says_so() {
        for (content_type, body, want) in [
            (
                "application/x-www-form-urlencoded",
                "a=1&b=x+y%21",
                &["a=1", "b=x y!"][..],
            ),
            (
                "Application/X-WWW-Form-Urlencoded; charset=utf-8",
                "a=",
                &["a="],
            ),
            ("application/json", "a=1", &[]),
            ("application/x-www-form-urlencoded", "", &[]),
        ] {
            let wire =
                format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\n\r\n");
            let request = request(&wire, body);
            let pairs = request.form();
            let got: Vec<String> = pairs.map(|(n, v)| format!("{n}={}", v.unwrap())).collect();
            assert_eq!(got, want, "{content_type} {body}");
        }
    }
}
