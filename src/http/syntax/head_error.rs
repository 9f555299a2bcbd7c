//! [`HeadError`]: why a request head is refused, and with which status.

use super::value::StatusCode;

/// Why a head is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeadError {
    /// A line feed without its carriage return.
    BareLf,
    /// A carriage return without its line feed.
    BareCr,
    /// A control byte, such as NUL.
    Control,
    /// The request line is not three words with a space between them.
    RequestLine,
    /// The method is not a token, or is longer than any.
    Method,
    /// The target holds bytes that none may hold.
    Target,
    /// The target is longer than [`Limits::target_bytes`](crate::http::Limits::target_bytes).
    TargetTooLong,
    /// A well-formed version, but not HTTP/1.
    Version,
    /// The name of a field is not a token followed by a colon.
    FieldName,
    /// A line begins with a space: a folded field (obs-fold), or a field that wants to hide.
    FieldFold,
    /// A control byte in the value of a field.
    FieldValue,
    /// More field lines than [`Limits::fields`](crate::http::Limits::fields).
    TooManyFields,
    /// More bytes than [`Limits::head_bytes`](crate::http::Limits::head_bytes).
    TooLong,
    /// HTTP/1.1, but no Host.
    HostMissing,
    /// More than one Host.
    HostRepeated,
    /// Host names no host.
    Host,
    /// A field that may stand in a head only once stands there twice.
    FieldRepeated,
    /// A name that is a framing field's where `_` is read as `-`.
    FramingName,
    /// The bytes end before the head does.
    Unfinished,
}

impl HeadError {
    /// The status of the response. The connection is closed in any case.
    pub fn status(self) -> StatusCode {
        match self {
            HeadError::TargetTooLong => StatusCode::URI_TOO_LONG,
            HeadError::TooLong | HeadError::TooManyFields => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            HeadError::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The reason, in a few words.
    pub fn as_str(self) -> &'static str {
        match self {
            HeadError::BareLf => "line feed without carriage return",
            HeadError::BareCr => "carriage return without line feed",
            HeadError::Control => "control byte in the head",
            HeadError::RequestLine => "malformed request line",
            HeadError::Method => "malformed method",
            HeadError::Target => "malformed request target",
            HeadError::TargetTooLong => "request target too long",
            HeadError::Version => "not HTTP/1",
            HeadError::FieldName => "malformed field name",
            HeadError::FieldFold => "line begins with a space",
            HeadError::FieldValue => "malformed field value",
            HeadError::TooManyFields => "too many fields",
            HeadError::TooLong => "head too long",
            HeadError::HostMissing => "no Host",
            HeadError::HostRepeated => "more than one Host",
            HeadError::Host => "malformed Host",
            HeadError::FieldRepeated => "a field that may be there only once is there twice",
            HeadError::FramingName => "an underscore in the name of a framing field",
            HeadError::Unfinished => "unfinished head",
        }
    }
}
