//! The manual, a module for each chapter. It holds text alone; the examples in it are compiled and
//! run with the other ones.
//!
//! | chapter | what it is about |
//! |---|---|
//! | [`operating`] | flags, signals, deadlines, memory, the log, status and metrics |
//! | [`refused`] | requests that two readers could understand differently |

#[doc = include_str!("operating.md")]
pub mod operating {}

#[doc = include_str!("refused.md")]
pub mod refused {}
