//! [`Misuse`]: what a handler or a source did that HTTP cannot say.

use std::error::Error;
use std::{fmt, io};

use super::failure::Failure;
use crate::http::syntax::StatusCode;

/// What a handler or a source did that HTTP cannot say. The client is told 500, or sees its answer
/// break off; the log tells the author of the handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misuse {
    /// A status below 200: the client would take the next answer for this one.
    NoFinalStatus(StatusCode),
    /// CONNECT was answered with success: the client would take all that follows for what comes
    /// out of the tunnel (RFC 9110 §9.3.6).
    NoTunnel,
    /// Another protocol without 101 and `Upgrade`, or to CONNECT without success.
    NoSwitch,
    /// A source says [`Flow::More`](crate::http::Flow::More) and adds nothing: it would be asked
    /// for ever.
    EmptyPiece,
    /// A source makes more than its length.
    TooLong,
    /// A source ends before its length.
    TooShort,
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Misuse::NoFinalStatus(status) => return write!(f, "status {status} is no answer"),
            Misuse::NoTunnel => "CONNECT without another protocol",
            Misuse::NoSwitch => "another protocol, without the status that says so",
            Misuse::EmptyPiece => "a source says More and adds nothing",
            Misuse::TooLong => "a source makes more than it promised",
            Misuse::TooShort => "a source makes less than it promised",
        })
    }
}

impl Error for Misuse {}

impl From<Misuse> for Failure {
    fn from(misuse: Misuse) -> Failure {
        io::Error::other(misuse).into()
    }
}
