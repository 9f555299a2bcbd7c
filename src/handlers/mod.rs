//! Handlers that come with the server. They know HTTP and, where they must, files and the
//! scoreboard; workers they do not know.

pub mod cors;
pub mod echo;
mod escape;
mod figures;
pub mod files;
pub mod headers;
pub mod health;
pub mod mime;
pub mod pages;
mod prefers;
pub mod status;
pub mod welcome;
