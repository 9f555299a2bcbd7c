//! Which fields a handler may send: [`FieldError`] says why one was refused.

use std::{fmt, io};

use crate::http::syntax::byte;
use crate::http::syntax::token::is_token;

/// Why a field was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldError {
    /// The name is not a token (RFC 9110 §5.1).
    Name,
    /// The value has bytes that would end it or begin something else, such as CR and LF (§5.5).
    Value,
    /// The server sets this field itself.
    Reserved,
    /// Behind a body, it would come too late (RFC 9110 §6.5.1).
    HeadOnly,
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FieldError::Name => "not a field name",
            FieldError::Value => "a field value with control bytes",
            FieldError::Reserved => "a field that the server sets itself",
            FieldError::HeadOnly => "a field that may not stand behind a body",
        })
    }
}

impl std::error::Error for FieldError {}

impl From<FieldError> for io::Error {
    fn from(error: FieldError) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidInput, error)
    }
}

/// Fields of message framing and of the connection's persistence, which the server decides alone.
const RESERVED: [&str; 5] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "transfer-encoding",
];

/// Whether a handler may set this field.
pub(crate) fn check_field(name: &str, value: &[u8]) -> Result<(), FieldError> {
    if !is_token(name.as_bytes()) {
        return Err(FieldError::Name);
    }
    if !byte::all(value, &byte::FIELD_VALUE) {
        return Err(FieldError::Value);
    }
    if RESERVED
        .iter()
        .any(|reserved| reserved.eq_ignore_ascii_case(name))
    {
        return Err(FieldError::Reserved);
    }
    Ok(())
}
