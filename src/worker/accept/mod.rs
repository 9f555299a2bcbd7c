//! Listening sockets, and when a worker takes a client from one.
//!
//! Knows nothing of how a client that was accepted is served, nor of the master.
//!
//! | file | what it is |
//! |---|---|
//! | `listener` | a listening socket, and the addresses that it can have |
//! | `acceptor` | when a worker accepts: the balance between workers |
//! | `endpoint` | how many it accepts, and which connection goes for a new one |

pub(crate) mod acceptor;
pub(crate) mod endpoint;
pub(crate) mod listener;

pub use listener::Address;
pub(crate) use listener::Listener;
