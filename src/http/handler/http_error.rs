//! [`HttpError`]: a status as an error, for `?` in handlers.

use std::borrow::Cow;
use std::error::Error;
use std::{fmt, io};

use crate::http::syntax::StatusCode;

/// An error that has a status: a handler that returns it answers with that status, and with the
/// text as the body. Every other error of a handler is 500, and its text is for the log alone.
///
/// ```
/// use std::io::Write;
/// use httprs::http::HttpError;
/// use httprs::{Http1, StatusCode, harness};
///
/// let http = Http1::new(|req, res| {
///     if req.path() != "/known" {
///         return Err(HttpError::new(StatusCode::NOT_FOUND, "no such thing").into());
///     }
///     writeln!(res, "here it is")
/// });
/// let answer = harness::converse(&http, &[b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n"]);
/// let text = String::from_utf8(answer.bytes).unwrap();
/// assert!(text.starts_with("HTTP/1.1 404 Not Found\r\n"));
/// assert!(text.ends_with("\r\n\r\n404 Not Found: no such thing\n"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpError {
    status: StatusCode,
    text: Cow<'static, str>,
}

impl HttpError {
    /// An error with this status; a status below 400 is answered as 500. The text goes to the
    /// client as plain text.
    pub fn new(status: StatusCode, text: impl Into<Cow<'static, str>>) -> HttpError {
        let text = text.into();
        match status.get() {
            400..600 => HttpError { status, text },
            _ => HttpError {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                text,
            },
        }
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What the client is told.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (code, reason) = (self.status.get(), self.status.reason());
        write!(f, "{code} {reason}: {}", self.text)
    }
}

impl Error for HttpError {}

impl From<HttpError> for io::Error {
    fn from(error: HttpError) -> io::Error {
        io::Error::other(error)
    }
}
