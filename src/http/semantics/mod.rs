//! The meaning of some fields, as functions of their values.
//!
//! Dates in three forms, ranges of bytes, conditions, and which codings and media types a client
//! takes. Knows nothing of connections, handlers and files, and reads no clock.

pub mod accept;
pub mod conditional;
pub mod date;
pub mod range;
