//! The manual, a module for each chapter. It holds text alone; the examples in it are compiled and
//! run with the other ones.
//!
//! | chapter | what it is about |
//! |---|---|
//! | [`refused`] | requests that two readers could understand differently |

#[doc = include_str!("refused.md")]
pub mod refused {}
