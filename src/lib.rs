//! `httprs`: a small prefork HTTP/1.1 server for Linux, as a library.
#![deny(unsafe_code)]

#[cfg(not(target_os = "linux"))]
compile_error!("httprs runs on Linux alone: it is built on epoll, signalfd, pidfd and sendfile");

#[doc(hidden)]
pub mod args;
pub mod handlers;
pub mod http;
mod log;
pub mod process;
pub mod scoreboard;
mod server;
mod sys;
mod time;
pub mod worker;

pub use http::{Handler, Http1, HttpRequest, HttpResponse, Method, StatusCode};
pub use log::{Format, Level, Log};
pub use process::echo::EchoProcess;
pub use process::harness;
pub use scoreboard::Scoreboard;
pub use server::{Running, Server};
pub use time::{Millis, Now};
pub use worker::{Address, Outcome, Stopper, Worker};
