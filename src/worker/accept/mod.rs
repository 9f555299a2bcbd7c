//! Listening sockets, and when a worker takes a client from one.
//!
//! Knows nothing of what becomes of a client that was accepted, nor of the master.

pub(crate) mod acceptor;
pub(crate) mod listener;

pub use listener::Address;
pub(crate) use listener::Listener;
