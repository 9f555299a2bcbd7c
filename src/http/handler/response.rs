//! [`HttpResponse`]: the response that a handler fills in.

use std::fmt;
use std::io::{self, Write};
use std::mem;
use std::sync::Arc;

use super::field::{FieldError, check_field};
use super::source::{Flow, Piece, Source};
use crate::http::syntax::StatusCode;
use crate::process::{Connection, FileRange};

/// A response: 200 with an empty body, until a handler fills it in.
///
/// It is an [`io::Write`], so `write!(res, ...)` and `writeln!(res, ...)` add to the body. The
/// server itself adds the length, the date and the fields of the connection.
///
/// ```
/// use std::io::Write;
/// use httprs::{Http1, StatusCode, harness};
///
/// let http = Http1::new(|req, res| {
///     res.status(StatusCode::CREATED);
///     res.header("Content-Type", "text/plain")?;
///     writeln!(res, "hello, {}", req.path())
/// });
/// let answer = harness::converse(&http, &[b"GET /you HTTP/1.1\r\nHost: x\r\n\r\n"]);
/// assert!(answer.bytes.starts_with(b"HTTP/1.1 201 Created\r\n"));
/// assert!(answer.bytes.ends_with(b"\r\n\r\nhello, /you\n"));
/// ```
#[derive(Debug)]
pub struct HttpResponse {
    pub(crate) status: StatusCode,
    /// Encoded field lines.
    pub(crate) fields: Vec<u8>,
    /// All values of `Vary`, each once.
    pub(crate) vary: Vec<u8>,
    /// The body, as far as it was written.
    pub(crate) bytes: Vec<u8>,
    pub(crate) body: Body,
    /// The length of a stream, if its source knows it.
    stream_len: Option<u64>,
    pub(crate) close: bool,
    /// There is an `Upgrade` field.
    pub(crate) upgrades: bool,
    pub(crate) unlogged: bool,
    pub(crate) fault: Option<io::Error>,
    switch: Switch,
}

/// A body that is not made by writing it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Body {
    /// The bytes that were written to the response.
    Written,
    /// Bytes that are part of the program.
    Static(&'static [u8]),
    /// Bytes that many responses share.
    Shared(Arc<[u8]>),
    /// A range of an open file. It is never read into memory.
    File(FileRange),
    /// A body that this source makes while the client reads it. It is never in memory as a whole.
    Stream(Box<dyn Source>),
}

/// Field lines, encoded once to be sent often. Only [`HttpResponse::into_lines`] makes them, so
/// every line has passed through [`HttpResponse::header`]: none can smuggle another field, and none
/// says how the message is framed.
#[derive(Clone, Debug, Default)]
pub(crate) struct FieldLines {
    fields: Box<[u8]>,
    vary: Box<[u8]>,
}

/// The protocol that takes over behind a response.
struct Switch(Option<Box<dyn Connection + Send>>);

impl fmt::Debug for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Some" } else { "None" })
    }
}

/// A body buffer that grew beyond this, in bytes, is not kept for later responses.
const LARGEST_SPARE: usize = 64 * 1024;

impl Default for HttpResponse {
    fn default() -> HttpResponse {
        HttpResponse {
            status: StatusCode::OK,
            fields: Vec::new(),
            vary: Vec::new(),
            bytes: Vec::new(),
            body: Body::Written,
            stream_len: None,
            close: false,
            upgrades: false,
            unlogged: false,
            fault: None,
            switch: Switch(None),
        }
    }
}

impl HttpResponse {
    /// Sets the status.
    pub fn status(&mut self, status: StatusCode) -> &mut HttpResponse {
        self.status = status;
        self
    }

    /// The status, 200 by default: for a handler around another handler.
    pub fn status_code(&self) -> StatusCode {
        self.status
    }

    /// Adds a field. Several of one name are sent in their order; those of `Vary` in one line, each
    /// name once.
    ///
    /// # Errors
    /// The name or the value could be read as something else, or the field is the server's:
    /// `Connection`, `Content-Length`, `Date`, `Keep-Alive`, `Transfer-Encoding`.
    pub fn header(
        &mut self,
        name: &str,
        value: impl AsRef<[u8]>,
    ) -> Result<&mut HttpResponse, FieldError> {
        let value = value.as_ref();
        check_field(name, value)?;
        if name.eq_ignore_ascii_case("vary") {
            self.add_vary(value);
            return Ok(self);
        }
        self.upgrades |= name.eq_ignore_ascii_case("upgrade");
        self.fields.extend_from_slice(name.as_bytes());
        self.fields.extend_from_slice(b": ");
        self.fields.extend_from_slice(value);
        self.fields.extend_from_slice(b"\r\n");
        Ok(self)
    }

    /// Adds the names of a `Vary` that are not there yet. They are sent in one line: there are
    /// caches that look at one line only (nginx up to 1.23), and then keep the wrong response.
    fn add_vary(&mut self, value: &[u8]) {
        for name in value.split(|b| *b == b',').map(<[u8]>::trim_ascii) {
            let mut known = self.vary.split(|b| *b == b',').map(<[u8]>::trim_ascii);
            if name.is_empty() || known.any(|it| it.eq_ignore_ascii_case(name)) {
                continue;
            }
            if !self.vary.is_empty() {
                self.vary.extend_from_slice(b", ");
            }
            self.vary.extend_from_slice(name);
        }
    }

    /// Adds encoded fields: a copy, and nothing to check again.
    pub(crate) fn lines(&mut self, lines: &FieldLines) -> &mut HttpResponse {
        self.fields.extend_from_slice(&lines.fields);
        if !lines.vary.is_empty() {
            self.add_vary(&lines.vary);
        }
        self
    }

    /// Removes all fields of this name.
    pub(crate) fn remove(&mut self, name: &str) {
        if name.eq_ignore_ascii_case("vary") {
            self.vary.clear();
        }
        let mut at = 0;
        while let Some(len) = self.fields[at..].windows(2).position(|end| end == b"\r\n") {
            let line = &self.fields[at..at + len];
            let is_it = line.get(name.len()) == Some(&b':')
                && line[..name.len()].eq_ignore_ascii_case(name.as_bytes());
            match is_it {
                true => drop(self.fields.drain(at..at + len + 2)),
                false => at += len + 2,
            }
        }
    }

    /// Whether the same fields were added already, with nothing between them.
    pub(crate) fn has_lines(&self, lines: &FieldLines) -> bool {
        let starts_line = |at: usize| at == 0 || self.fields[..at].ends_with(b"\r\n");
        !lines.fields.is_empty()
            && (self.fields.windows(lines.fields.len()).enumerate())
                .any(|(at, window)| *window == *lines.fields && starts_line(at))
    }

    /// The fields, encoded, for [`HttpResponse::lines`] of other responses.
    pub(crate) fn into_lines(self) -> FieldLines {
        FieldLines {
            fields: self.fields.into(),
            vary: self.vary.into(),
        }
    }

    /// Sends this body in place of the written one.
    pub fn body(&mut self, body: Body) -> &mut HttpResponse {
        // Asked while the handler runs: a source that fails here fails before anything is sent.
        self.stream_len = match &body {
            Body::Stream(source) => source.length(),
            _ => None,
        };
        self.body = body;
        self
    }

    /// Sends the body that `source` makes in place of the written one; see [`Source`]. For a source
    /// with a length or with trailers it is `res.body(Body::Stream(Box::new(source)))`.
    pub fn stream<S>(&mut self, source: S) -> &mut HttpResponse
    where
        S: FnMut(&mut Piece<'_>) -> io::Result<Flow> + Send + 'static,
    {
        self.body(Body::Stream(Box::new(source)))
    }

    /// Closes the connection behind this response.
    pub fn close(&mut self) -> &mut HttpResponse {
        self.close = true;
        self
    }

    /// Leaves this exchange out of the access log: for health checks.
    pub fn unlogged(&mut self) -> &mut HttpResponse {
        self.unlogged = true;
        self
    }

    /// Tells the server's log, and not the client, why the response is not as it should be. An
    /// error that a handler returns is logged alike. The log has one such line a second at most,
    /// and counts the others.
    pub fn fault(&mut self, error: io::Error) -> &mut HttpResponse {
        self.fault = Some(error);
        self
    }

    /// Hands the connection over to another protocol behind this response, as
    /// [`Plan::Become`](crate::http::Plan::Become) does, and under its conditions; but the body of
    /// the request has come, if there was one. For a WebSocket, there is
    /// [`websocket::accept`](crate::handlers::websocket::accept).
    pub fn switch_to(&mut self, connection: impl Connection + Send + 'static) -> &mut HttpResponse {
        self.switch = Switch(Some(Box::new(connection)));
        self
    }

    /// Takes the protocol that takes over behind this response.
    pub(crate) fn take_switch(&mut self) -> Option<Box<dyn Connection>> {
        self.switch
            .0
            .take()
            .map(|connection| connection as Box<dyn Connection>)
    }

    /// Resets the response: 200 with an empty body.
    pub fn clear(&mut self) {
        self.status = StatusCode::OK;
        self.fields.clear();
        self.vary.clear();
        if self.bytes.capacity() > LARGEST_SPARE {
            self.bytes = Vec::new();
        }
        self.bytes.clear();
        self.body = Body::Written;
        self.close = false;
        self.upgrades = false;
        self.unlogged = false;
        self.fault = None;
        self.switch = Switch(None);
    }

    /// How many bytes the body has, if that is known: not of a stream that does not know it itself.
    pub fn body_len(&self) -> Option<u64> {
        Some(match &self.body {
            Body::Written => self.bytes.len() as u64,
            Body::Static(bytes) => bytes.len() as u64,
            Body::Shared(bytes) => bytes.len() as u64,
            Body::File(range) => range.len,
            Body::Stream(_) => return self.stream_len,
        })
    }

    /// Takes the body if it is a stream.
    pub(crate) fn take_source(&mut self) -> Option<Box<dyn Source>> {
        match mem::replace(&mut self.body, Body::Written) {
            Body::Stream(source) => {
                // The stream replaces the written body.
                self.bytes.clear();
                Some(source)
            }
            body => {
                self.body = body;
                None
            }
        }
    }
}

impl Write for HttpResponse {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_field_can_smuggle_another_one() {
        for (name, field, value, want) in [
            ("fine", "X-A", &b"b"[..], Ok(())),
            ("empty", "X-A", b"", Ok(())),
            ("obs-text", "X-A", b"\xe4", Ok(())),
            ("CR LF", "X-A", b"b\r\nX-B: c", Err(FieldError::Value)),
            ("LF", "X-A", b"b\nc", Err(FieldError::Value)),
            ("CR", "X-A", b"b\rc", Err(FieldError::Value)),
            ("NUL", "X-A", b"b\0c", Err(FieldError::Value)),
            ("no name", "", b"b", Err(FieldError::Name)),
            ("colon", "X:A", b"b", Err(FieldError::Name)),
            ("space", "X A", b"b", Err(FieldError::Name)),
            ("length", "content-LENGTH", b"1", Err(FieldError::Reserved)),
            (
                "coding",
                "Transfer-Encoding",
                b"chunked",
                Err(FieldError::Reserved),
            ),
        ] {
            let mut response = HttpResponse::default();
            let got = response.header(field, value).map(|_| ());
            assert_eq!(got, want, "{name}");
            assert_eq!(response.fields.is_empty(), want.is_err(), "{name}");
        }
    }

    #[test]
    fn lines_are_encoded_once_and_added_often() {
        let mut once = HttpResponse::default();
        once.header("A", "b").unwrap();
        assert!(once.header("C", "d\r\nE: f").is_err());
        let lines = once.into_lines();
        let mut often = HttpResponse::default();
        often.header("X", "y").unwrap().lines(&lines).lines(&lines);
        assert!(often.vary.is_empty());
        assert!(often.has_lines(&lines));
        let mut other = HttpResponse::default();
        other.header("X-A", "b").unwrap();
        assert!(!other.has_lines(&lines), "it ends alike");
        assert_eq!(often.fields, b"X: y\r\nA: b\r\nA: b\r\n");
    }

    #[test]
    fn vary_names_each_field_once() {
        let mut lines = HttpResponse::default();
        lines.header("vary", "Cookie, accept").unwrap();
        let lines = lines.into_lines();
        let mut response = HttpResponse::default();
        for value in ["Accept", "Accept-Encoding, Accept", "", "ORIGIN", "Origin"] {
            response.header("Vary", value).unwrap();
        }
        response.lines(&lines);
        assert_eq!(response.vary, b"Accept, Accept-Encoding, ORIGIN, Cookie");
        assert!(response.fields.is_empty());
    }

    #[test]
    fn a_cleared_response_is_a_new_one() {
        let mut response = HttpResponse::default();
        response
            .status(StatusCode::NOT_FOUND)
            .close()
            .unlogged()
            .body(Body::Static(b"x"));
        response.header("A", "b").unwrap();
        write!(response, "hello").unwrap();
        response.clear();
        assert_eq!(
            format!("{response:?}"),
            format!("{:?}", HttpResponse::default())
        );
    }
}
