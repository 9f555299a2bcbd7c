//! [`Failure`]: why a call of the user's code failed: of a handler, a sink or a source.
//!
//! A panic of such code is contained here and nowhere else in `http`. The response, the sink and
//! the source, which may be half done, are dropped. So may be the handler's own state, which all
//! connections of the worker share: the panic is reported ([`Tally::panicked`]), and the worker is
//! replaced.

use std::any::Any;
use std::io::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::refusal::Refusal;
use crate::http::handler::{HttpError, HttpResponse};
use crate::process::Tally;

/// Why a call failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The call returned an error.
    Error(io::Error),
    /// The call panicked with this.
    Panic(Box<dyn Any + Send>),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Error(error)
    }
}

/// Calls the user's code.
pub(super) fn attempt<T>(call: impl FnOnce() -> io::Result<T>) -> Result<T, Failure> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => Ok(result?),
        Err(payload) => Err(Failure::Panic(payload)),
    }
}

impl Failure {
    /// Fills in the answer: the status and the text of an [`HttpError`], else 500.
    pub(super) fn answer(self, response: &mut HttpResponse, tally: &mut dyn Tally) {
        let own = match &self {
            Failure::Error(error) => error.get_ref().and_then(|e| e.downcast_ref::<HttpError>()),
            Failure::Panic(_) => None,
        };
        let Some(own) = own else {
            Refusal::FAILED.write(response);
            // The worker is replaced: the next request is for another one.
            response.close = matches!(self, Failure::Panic(_));
            return self.report(response, tally);
        };
        response.status(own.status());
        // A constant field is never refused, and a response takes all that is written to it.
        let _ = response.header("Content-Type", "text/plain; charset=utf-8");
        let _ = writeln!(response, "{own}");
        if own.status().get() >= 500 {
            self.report(response, tally);
        }
    }

    /// Reports the failure: an error is logged with the exchange of `response`; the message of a
    /// panic was logged when it began.
    pub(super) fn report(self, response: &mut HttpResponse, tally: &mut dyn Tally) {
        match self {
            Failure::Error(error) => {
                response.fault(error);
            }
            Failure::Panic(payload) => tally.panicked(payload),
        }
    }
}
