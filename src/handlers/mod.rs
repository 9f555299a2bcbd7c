//! Handlers that come with the server. They know HTTP and, where they must, files and the
//! scoreboard, but not workers.

mod basic_auth;
pub mod cors;
pub mod echo;
mod escape;
pub mod files;
pub mod headers;
pub mod health;
mod human;
pub mod mime;
mod negotiate;
mod observe;
pub mod pages;
mod rate_limit;
mod request_id;
mod router;
mod sha256;
pub mod status;
pub mod websocket;
pub mod welcome;

pub use basic_auth::BasicAuth;
pub use observe::Observe;
pub use rate_limit::RateLimit;
pub use request_id::RequestId;
pub use router::{RouteError, Router, Routes};
