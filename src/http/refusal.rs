//! [`Refusal`]: why a request is not handled, as a status and a few words.
//!
//! The words go to the client, in plain text: whoever debugs a client wants to know which rule it
//! broke, and nothing in them depends on what was sent.

use std::io::Write;

use super::response::HttpResponse;
use super::value::StatusCode;
use super::{ChunkedError, FramingError, HeadError, UriError};

/// Why a request is answered without its handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    why: &'static str,
}

impl Refusal {
    pub(super) const TIMEOUT: Refusal = Refusal::new(
        StatusCode::REQUEST_TIMEOUT,
        "the request took too long to arrive",
    );
    pub(super) const BODY_TOO_LARGE: Refusal =
        Refusal::new(StatusCode::CONTENT_TOO_LARGE, "body too large");
    pub(super) const BODY_CUT_SHORT: Refusal =
        Refusal::new(StatusCode::BAD_REQUEST, "unfinished body");
    pub(super) const EXPECTATION: Refusal =
        Refusal::new(StatusCode::EXPECTATION_FAILED, "unknown expectation");
    pub(super) const NO_TUNNEL: Refusal =
        Refusal::new(StatusCode::NOT_IMPLEMENTED, "this is not a proxy");
    pub(super) const FAILED: Refusal = Refusal::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "the server failed to answer",
    );

    const fn new(status: StatusCode, why: &'static str) -> Refusal {
        Refusal { status, why }
    }

    /// Fills in a response that says so.
    pub(super) fn write(self, response: &mut HttpResponse) {
        response.status(self.status);
        // A constant field is never refused, and a response takes all that is written to it.
        let _ = response.header("Content-Type", "text/plain; charset=utf-8");
        let (code, reason) = (self.status.get(), self.status.reason());
        let _ = writeln!(response, "{code} {reason}: {}", self.why);
    }
}

impl From<HeadError> for Refusal {
    fn from(error: HeadError) -> Refusal {
        Refusal::new(error.status(), error.as_str())
    }
}

impl From<UriError> for Refusal {
    fn from(error: UriError) -> Refusal {
        Refusal::new(error.status(), error.as_str())
    }
}

impl From<FramingError> for Refusal {
    fn from(error: FramingError) -> Refusal {
        Refusal::new(error.status(), error.as_str())
    }
}

impl From<ChunkedError> for Refusal {
    fn from(error: ChunkedError) -> Refusal {
        Refusal::new(error.status(), error.as_str())
    }
}
