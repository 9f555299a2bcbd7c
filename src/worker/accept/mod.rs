//! Listening sockets, and when a worker takes a client from one.
//!
//! Knows nothing of how a client that was accepted is served, nor of the master.
//!
//! | file | what it is |
//! |---|---|
//! | `address`, `listener` | where a server listens, and a socket that does |
//! | `bind_error` | why a server cannot listen at an address |
//! | `acceptor` | when a worker accepts: the balance between workers |
//! | `endpoint` | how many it accepts, and which connection goes for a new one |

pub(crate) mod acceptor;
mod address;
mod bind_error;
pub(crate) mod endpoint;
pub(crate) mod listener;

pub use address::Address;
pub use bind_error::BindError;
pub(crate) use listener::{Listener, Listening};
