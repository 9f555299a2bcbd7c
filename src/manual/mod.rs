//! The manual, a module for each chapter. It holds text alone; the examples in it are compiled and
//! run with the other ones.
//!
//! | chapter | what it is about |
//! |---|---|
//! | [`operating`] | flags, signals, deadlines, memory, the log, status and metrics |
//! | [`files`] | how a directory is served: entity tags, caches, listings, error pages |
//! | [`refused`] | requests that two readers could understand differently |
//! | [`library`] | handlers, tests without sockets, bodies in pieces, protocols |
//! | [`stability`] | what a program can build on |
//! | [`benchmark`] | what a request costs, and how that is measured |

#[doc = include_str!("operating.md")]
pub mod operating {}

#[doc = include_str!("files.md")]
pub mod files {}

#[doc = include_str!("refused.md")]
pub mod refused {}

#[doc = include_str!("library.md")]
pub mod library {}

#[doc = include_str!("stability.md")]
pub mod stability {}

#[doc = include_str!("benchmark.md")]
pub mod benchmark {}
