//! `httprs`: a small prefork HTTP/1.1 server for Linux, as a library.
//!
//! A master process forks workers that share one listening socket; each runs an epoll loop over
//! its connections. A worker that dies, for whatever reason, takes no other with it and is
//! replaced.
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//! use httprs::{Http1, Server};
//!
//! let server = Server::bind("127.0.0.1:0")?;
//! let address = server.local_addr()?;
//! let running = server.spawn(Http1::new(|req, res| writeln!(res, "hello, {}", req.path())))?;
//!
//! let mut client = TcpStream::connect(address)?;
//! client.write_all(b"GET /you HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
//! let mut answer = String::new();
//! client.read_to_string(&mut answer)?;
//! assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"));
//! assert!(answer.ends_with("hello, /you\n"));
//!
//! running.stop()?;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! [`Server::run`] does the same in the calling thread and returns when the server was stopped.
//! Nothing is logged, no signal is touched and no other child is waited for, unless asked.
//!
//! # Traits to build on
//! | trait | it is | examples |
//! |---|---|---|
//! | [`Handler`] | what answers an HTTP request | closures, [`handlers`] |
//! | [`process::Process`] | which protocol a connection speaks | [`Http1`], [`EchoProcess`] |
//! | [`worker::Transport`] | what lies between a socket and a protocol | [`worker::Plain`] |
//! | [`Worker`] | what a forked process runs | what [`Server::run`] makes |
//!
//! [`harness::converse`] runs any `Process` in memory, so most tests need neither a socket nor a
//! fork.
//!
//! # Reading the source
//! From the bottom up; each module imports only from those above it in this list.
//!
//! 1. `time`, `json`: points in time are numbers that are handed down; strings in JSON.
//! 2. `sys`: the kernel, one call a function. All of the `unsafe` is here.
//! 3. [`process`]: what a protocol is, and the contract of its one function. Begin with `echo`.
//! 4. `log`, [`scoreboard`], `shared`: log lines for operators, and what processes share.
//! 5. [`http`]: HTTP/1.1 without sockets. Begin with `syntax/framing`, then `syntax/head`, then
//!    `connection/mod` and its other half, `connection/reply`.
//! 6. [`handlers`]: static files and handlers to put around them, echo, health, status.
//! 7. [`worker`]: one process that serves. Begin with `link/mod`, then `event_loop`.
//! 8. `master`: forks, replaces and drains workers. Begin with `supervisor`, then `manager`.
//! 9. `server`: [`Server`], which puts the pieces together.
//! 10. `args` and `main`: the command line.
//!
//! [`manual`] is for operators and for users of the library.
//!
//! # Words
//! Where the source has a word of its own, the field has one as well:
//!
//! | here | elsewhere |
//! |---|---|
//! | turn of a link, step of a connection | event-loop iteration, protocol state transition |
//! | full output, `Awaits::Room` | backpressure |
//! | limit of unsent bytes | `TCP_NOTSENT_LOWAT` |
//! | to evict, rank | idle-connection eviction; nginx: reusable connections |
//! | slow reader, minimum rate | slow read attack; Apache: `RequestReadTimeout` |
//! | crowded | over capacity |
//! | above the mean, accept trigger | accept balancing; nginx: accept mutex |
//! | to drain, to abort (`Command::Cut`) | graceful shutdown, immediate shutdown |
//! | in flight, pending | outstanding requests |
//! | tally, exchange log | observer of exchanges |
//! | slot, scoreboard | shared-memory worker table, as in Apache's `mod_status` |
//! | flight recorder, exit report | crash diagnostics, post-mortem |
//! | short lives, backoff | crash-loop backoff |
//! | stale, retiring | to be replaced, being replaced (rolling restart) |
//! | receipt | shutdown summary |
//! | lingering | lingering close (nginx: `lingering_close`) |
//! | peers, to wake peers | other workers of the same listening socket |
#![deny(unsafe_code)]

#[cfg(not(target_os = "linux"))]
compile_error!("httprs runs on Linux alone: it is built on epoll, signalfd, pidfd and sendfile");

#[doc(hidden)]
pub mod args;
pub mod handlers;
pub mod http;
mod json;
mod log;
pub mod manual;
mod master;
pub mod process;
pub mod scoreboard;
mod server;
mod shared;
mod sys;
mod time;
pub mod worker;

pub use http::{Handler, Http1, HttpRequest, HttpResponse, Method, StatusCode};
pub use log::{Format, Level, Log};
pub use master::{Outcome, Stopper};
pub use process::echo::EchoProcess;
pub use process::harness;
pub use scoreboard::Scoreboard;
pub use server::{Group, Running, Server};
pub use shared::{SharedCounter, SharedU64s};
pub use time::{Millis, Now};
pub use worker::{Address, BindError, Worker};

/// The examples of the README are compiled and run with the other ones.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
