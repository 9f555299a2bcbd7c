//! [`Options`], which flags and variables fill, and the defaults.

use std::path::PathBuf;

/// All settings of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The directory to serve; the embedded default if there is none.
    pub root: Option<PathBuf>,
    /// The addresses to listen on, without brackets, `localhost`, or `unix:/path`. Empty means
    /// every address of the machine.
    pub hosts: Vec<String>,
    /// The TCP port; 0 picks a free one.
    pub port: u16,
    /// The protocol of all connections.
    pub protocol: Protocol,
    /// Other servers may bind the same port.
    pub reuse_port: bool,
    /// The port of the echo over UDP; `None` for no such echo.
    pub udp_echo: Option<u16>,
    /// The number of workers.
    pub workers: Workers,
    /// Connections that one worker serves at a time.
    pub max_connections: usize,
    /// How long a client may send no more of a request, in milliseconds.
    pub timeout_ms: u64,
    /// How long a client may read nothing of an answer, in milliseconds.
    pub write_timeout_ms: u64,
    /// How long a whole request head may take, in milliseconds.
    pub header_timeout_ms: u64,
    /// How long a connection may idle between two requests, in milliseconds.
    pub keepalive_ms: u64,
    /// Requests served on one connection; 0 for any number.
    pub keepalive_requests: u64,
    /// The minimum rate of bodies and slow readers, in bytes a second; 0 for none.
    pub min_rate: u64,
    /// The largest request head, in bytes.
    pub max_header_size: usize,
    /// The largest request body, in bytes.
    pub max_body_size: u64,
    /// The memory of each worker for request bodies, in bytes; `None` for a share of the machine's.
    pub body_memory: Option<u64>,
    /// How long a worker may be busy with one step, in milliseconds; 0 for any time.
    pub worker_timeout_ms: u64,
    /// Requests after which a worker is replaced; 0 for any number.
    pub max_requests: u64,
    /// The jitter of `max_requests`: each worker serves up to this many percent fewer.
    pub max_requests_jitter: u8,
    /// Give up after so many workers died before they were ready, within so many seconds.
    pub max_restarts: (u32, u32),
    /// How long a graceful stop waits before it drains, in milliseconds; less than its whole time.
    pub drain_delay_ms: u64,
    /// How long a graceful stop may take, delay and drain, in milliseconds.
    pub drain_timeout_ms: u64,
    /// The index file of directories.
    pub index: String,
    /// Answer navigations to missing paths with the root's index file.
    pub spa: bool,
    /// List directories that have no index file.
    pub listing: bool,
    /// Serve files whose names begin with a dot.
    pub hidden: bool,
    /// Follow no symbolic links below the root.
    pub no_symlinks: bool,
    /// The capacity of each worker's file cache, in files.
    pub file_cache: usize,
    /// The `Cache-Control` of files.
    pub cache: Caching,
    /// Custom error pages: status codes, and the paths of the files.
    pub error_pages: Vec<(u16, String)>,
    /// Extensions and their media types, stronger than those of `mime_types`.
    pub mime: Vec<(String, String)>,
    /// A file with a list of media types.
    pub mime_types: Option<PathBuf>,
    /// Names and values of fields on every response of the file handler.
    pub headers: Vec<(String, String)>,
    /// The prefixes of paths whose files never change.
    pub immutable: Vec<String>,
    /// The origins whose pages may read the files, or `*` alone.
    pub cors: Vec<String>,
    /// The format of access lines; `None` for text on a terminal and JSON otherwise.
    pub log: Option<LogFormat>,
    /// Events below this level are left out.
    pub log_level: Level,
    /// The file for access lines; `None` for standard output.
    pub log_file: Option<PathBuf>,
    /// The admin address: an address with its port, or `unix:/path`.
    pub admin: Option<String>,
    /// The value of the `Server` field; empty leaves the field out.
    pub server_name: String,
    /// Connections that the kernel queues until a worker accepts them.
    pub backlog: u32,
}

impl Options {
    /// A flag that was given and has no effect without a root: the operator expects files.
    pub fn about_files(&self) -> Option<&'static str> {
        let given = [
            ("--spa", self.spa),
            ("--listing", self.listing),
            ("--error-page", !self.error_pages.is_empty()),
            ("--mime", !self.mime.is_empty()),
            ("--mime-types", self.mime_types.is_some()),
            ("--header", !self.headers.is_empty()),
            ("--immutable", !self.immutable.is_empty()),
            ("--cors", !self.cors.is_empty()),
        ];
        given
            .into_iter()
            .find_map(|(flag, given)| given.then_some(flag))
    }
}

impl Default for Options {
    fn default() -> Options {
        Options {
            root: None,
            hosts: Vec::new(),
            port: 8080,
            protocol: Protocol::Http,
            reuse_port: false,
            udp_echo: None,
            workers: Workers::Auto,
            max_connections: 1024,
            timeout_ms: 10_000,
            write_timeout_ms: 60_000,
            header_timeout_ms: 10_000,
            keepalive_ms: 75_000,
            keepalive_requests: 0,
            min_rate: 64,
            max_header_size: 16_384,
            max_body_size: 1_048_576,
            body_memory: None,
            worker_timeout_ms: 30_000,
            max_requests: 0,
            max_requests_jitter: 10,
            max_restarts: (10, 60),
            drain_delay_ms: 0,
            drain_timeout_ms: 8_000,
            index: "index.html".to_owned(),
            spa: false,
            listing: false,
            hidden: false,
            no_symlinks: false,
            file_cache: 256,
            cache: Caching::Auto,
            error_pages: Vec::new(),
            mime: Vec::new(),
            mime_types: None,
            headers: Vec::new(),
            immutable: Vec::new(),
            cors: Vec::new(),
            log: None,
            log_level: Level::Info,
            log_file: None,
            admin: None,
            server_name: "httprs".to_owned(),
            backlog: 1024,
        }
    }
}

/// The protocol of all connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http,
    /// Every byte is sent back.
    Echo,
    /// WebSocket at every path, where every message is sent back.
    WebSocket,
}

/// The number of workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workers {
    /// One for each CPU that the process may use, and at least 2.
    Auto,
    /// This many, from 1 to 512.
    Exactly(usize),
}

/// The `Cache-Control` of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caching {
    /// By the type and the name of the file.
    Auto,
    /// No `Cache-Control`.
    Off,
    /// `max-age` with this many seconds, from 0 to a year.
    Seconds(u32),
}

/// The format of access lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
    /// The Common Log Format.
    Common,
    /// No access lines.
    None,
}

/// The least severe events that are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Failures.
    Error,
    /// And conditions that look wrong.
    Warn,
    /// And ordinary events.
    Info,
    /// And their details.
    Debug,
}
