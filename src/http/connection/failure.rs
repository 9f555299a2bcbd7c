//! [`Failure`]: how code fails that the connection calls and that is not ours: handlers, sinks and
//! sources.
//!
//! A panic of such code is contained here and nowhere else in `http`. What it leaves half done is
//! dropped: the response, the sink, the source. What the handler itself keeps may be half done as
//! well, and is shared by all connections of the worker: so the worker is told
//! ([`Tally::panicked`]), and is replaced.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::http::handler::HttpResponse;
use crate::process::Tally;

/// Why a call failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// It returned an error.
    Error(io::Error),
    /// It panicked with this.
    Panic(Box<dyn Any + Send>),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Error(error)
    }
}

/// Calls code that is not ours.
pub(super) fn attempt<T>(call: impl FnOnce() -> io::Result<T>) -> Result<T, Failure> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => Ok(result?),
        Err(payload) => Err(Failure::Panic(payload)),
    }
}

impl Failure {
    /// Tells of it: an error goes to the log with the exchange that `response` belongs to. What a
    /// panic had to say was said when it began.
    pub(super) fn report(self, response: &mut HttpResponse, tally: &mut dyn Tally) {
        match self {
            Failure::Error(error) => {
                response.fault(error);
            }
            Failure::Panic(payload) => tally.panicked(payload),
        }
    }
}
