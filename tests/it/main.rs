//! The program as its users meet it: started, asked, killed, stopped.
//!
//! One crate, so that it is linked once. What forks workers of its own process is in `library`.

mod cli;
mod examples;
mod files;
mod http;
mod server;
mod socket;
mod supervision;
