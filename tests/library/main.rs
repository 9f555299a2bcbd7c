//! The library as a program embeds it.
//!
//! Apart from `it`, because these tests fork workers of this very process: each of them has copies
//! of all descriptors that the tests beside it have open at that moment, so a socket of those would
//! stay open behind their backs.

mod embedding;
mod groups;
mod hooks;
mod memory;
mod panics;
mod recorder;
#[path = "../it/server.rs"]
mod server;
#[path = "../it/socket.rs"]
mod socket;
mod streams;
mod transports;
mod wakers;
mod websocket;
mod worker_manager;
