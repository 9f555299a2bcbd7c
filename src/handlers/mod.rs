//! Handlers that come with the server. They know HTTP and, where they must, files and the
//! scoreboard, but not workers.

pub mod cors;
pub mod echo;
mod escape;
pub mod files;
pub mod headers;
pub mod health;
mod human;
pub mod mime;
mod negotiate;
pub mod pages;
mod router;
pub mod status;
pub mod websocket;
pub mod welcome;

pub use router::{RouteError, Router, Routes};
