//! [`Refusal`]: why a request is not handled, as a status and a few words.
//!
//! The words go to the client, in plain text, for the developer of that client. They do not depend
//! on the request.

use std::io::Write;

use super::timeouts::Timeouts;
use crate::http::handler::HttpResponse;
use crate::http::syntax::{ChunkedError, FramingError, HeadError, Limits, StatusCode, UriError};
use crate::process::{Limit, Refused};

/// Why a request is answered without its handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    why: &'static str,
    setting: Option<Setting>,
}

/// The setting by which an operator can have a request like this one accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Setting {
    HeadBytes,
    TargetBytes,
    Fields,
    TrailerBytes,
    BodyBytes,
    BodyMemory,
    HeadTime,
    BodyTime,
    BodyRate,
}

impl Refusal {
    pub(super) const SLOW_HEAD: Refusal = Refusal::new(
        StatusCode::REQUEST_TIMEOUT,
        "the request took too long to arrive",
    )
    .at(Setting::HeadTime);
    pub(super) const SLOW_BODY: Refusal = Refusal::new(
        StatusCode::REQUEST_TIMEOUT,
        "the request took too long to arrive",
    )
    .at(Setting::BodyTime);
    pub(super) const LOW_RATE: Refusal = Refusal::new(
        StatusCode::REQUEST_TIMEOUT,
        "the request arrived too slowly",
    )
    .at(Setting::BodyRate);
    pub(super) const BODY_TOO_LARGE: Refusal =
        Refusal::new(StatusCode::CONTENT_TOO_LARGE, "body too large").at(Setting::BodyBytes);
    pub(super) const NO_MEMORY: Refusal = Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "no memory for the body, now",
    )
    .at(Setting::BodyMemory);
    pub(super) const BODY_CUT_SHORT: Refusal =
        Refusal::new(StatusCode::BAD_REQUEST, "unfinished body");
    pub(super) const TLS: Refusal = Refusal::new(
        StatusCode::BAD_REQUEST,
        "a TLS handshake on a port that speaks plain HTTP",
    );
    pub(super) const UNASKED_SWITCH: Refusal = Refusal::new(
        StatusCode::BAD_REQUEST,
        "no proper request to change the protocol",
    );
    pub(super) const EXPECTATION: Refusal =
        Refusal::new(StatusCode::EXPECTATION_FAILED, "unknown expectation");
    pub(super) const NO_TUNNEL: Refusal =
        Refusal::new(StatusCode::NOT_IMPLEMENTED, "this is not a proxy");
    pub(super) const FAILED: Refusal = Refusal::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "the server failed to answer",
    );

    const fn new(status: StatusCode, why: &'static str) -> Refusal {
        Refusal {
            status,
            why,
            setting: None,
        }
    }

    const fn at(self, setting: Setting) -> Refusal {
        Refusal {
            setting: Some(setting),
            ..self
        }
    }

    /// The refusal for the log: the reason, and the limit that the request went past.
    pub(super) fn report(self, limits: &Limits, timeouts: &Timeouts, body_memory: u64) -> Refused {
        let bytes = |setting, value| (setting, value, "bytes");
        let limit = self.setting.map(|setting| match setting {
            Setting::HeadBytes => bytes("--max-header-size", limits.head_bytes as u64),
            // The flag raises both: see `Limits::of_head`.
            Setting::TargetBytes => bytes("half of --max-header-size", limits.target_bytes as u64),
            Setting::Fields => ("Limits::fields", limits.fields as u64, "lines"),
            Setting::TrailerBytes => bytes("Limits::trailer_bytes", limits.trailer_bytes as u64),
            Setting::BodyMemory => bytes("--body-memory", body_memory),
            Setting::BodyBytes => bytes("--max-body-size", limits.body_bytes),
            Setting::HeadTime if timeouts.header_ms > timeouts.progress_ms => {
                ("--timeout-ms", timeouts.progress_ms, "ms")
            }
            Setting::HeadTime => ("--header-timeout-ms", timeouts.header_ms, "ms"),
            Setting::BodyTime => ("--timeout-ms", timeouts.progress_ms, "ms"),
            Setting::BodyRate => ("--min-rate", timeouts.min_rate, "bytes/s"),
        });
        Refused {
            why: self.why,
            notable: limit.is_some() || self == Refusal::TLS,
            limit: limit.map(|(setting, value, unit)| Limit {
                setting,
                value,
                unit,
            }),
        }
    }

    /// Fills in the response.
    pub(super) fn write(self, response: &mut HttpResponse) {
        response.status(self.status);
        // A constant field is never refused, and a response takes all that is written to it.
        let _ = response.header("Content-Type", "text/plain; charset=utf-8");
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            let _ = response.header("Retry-After", "1");
        }
        let (code, reason) = (self.status.get(), self.status.reason());
        let _ = writeln!(response, "{code} {reason}: {}", self.why);
    }
}

impl From<HeadError> for Refusal {
    fn from(error: HeadError) -> Refusal {
        let refusal = Refusal::new(error.status(), error.as_str());
        match error {
            HeadError::TooLong => refusal.at(Setting::HeadBytes),
            HeadError::TargetTooLong => refusal.at(Setting::TargetBytes),
            HeadError::TooManyFields => refusal.at(Setting::Fields),
            _ => refusal,
        }
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
        let refusal = Refusal::new(error.status(), error.as_str());
        match error {
            ChunkedError::BodyTooLarge => refusal.at(Setting::BodyBytes),
            ChunkedError::TrailersTooLong => refusal.at(Setting::TrailerBytes),
            _ => refusal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_what_an_operator_can_change() {
        let limits = Limits::default();
        let short = Timeouts::default();
        let long = Timeouts {
            header_ms: 20_000,
            ..short
        };
        for (refusal, timeouts, want) in [
            (
                Refusal::SLOW_HEAD,
                &short,
                Some(("--header-timeout-ms", 10_000, "ms")),
            ),
            (
                Refusal::SLOW_HEAD,
                &long,
                Some(("--timeout-ms", 10_000, "ms")),
            ),
            (
                Refusal::SLOW_BODY,
                &short,
                Some(("--timeout-ms", 10_000, "ms")),
            ),
            (
                Refusal::LOW_RATE,
                &short,
                Some(("--min-rate", 64, "bytes/s")),
            ),
            (
                Refusal::BODY_TOO_LARGE,
                &short,
                Some(("--max-body-size", limits.body_bytes, "bytes")),
            ),
            (
                Refusal::NO_MEMORY,
                &short,
                Some(("--body-memory", 77, "bytes")),
            ),
            (
                HeadError::TooLong.into(),
                &short,
                Some(("--max-header-size", limits.head_bytes as u64, "bytes")),
            ),
            (
                ChunkedError::BodyTooLarge.into(),
                &short,
                Some(("--max-body-size", limits.body_bytes, "bytes")),
            ),
            (Refusal::BODY_CUT_SHORT, &short, None),
            (Refusal::NO_TUNNEL, &short, None),
        ] {
            let report = refusal.report(&limits, timeouts, 77);
            let limit = report.limit.map(|l| (l.setting, l.value, l.unit));
            assert_eq!(limit, want, "{}", report.why);
            assert_eq!(report.notable, want.is_some(), "{}", report.why);
        }
    }
}
