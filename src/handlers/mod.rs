//! Handlers that come with the server. They know HTTP and, where they must, files and the
//! scoreboard; workers they do not know.

pub mod echo;
pub mod files;
pub mod health;
pub mod mime;
pub mod welcome;
