//! What the flags come to: [`Options`], and the defaults.

use std::path::PathBuf;

/// Everything that can be set from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The directory to serve; the embedded default if there is none.
    pub root: Option<PathBuf>,
    /// Where to listen: addresses without brackets, `localhost`, or `unix:/path`. Empty means every
    /// address of the machine.
    pub hosts: Vec<String>,
    /// The TCP port; 0 picks a free one.
    pub port: u16,
    /// What connections speak.
    pub protocol: Protocol,
    /// How many workers run.
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
    /// Bytes a second that bodies and slow readers must make; 0 for any number.
    pub min_rate: u64,
    /// The largest request head, in bytes.
    pub max_header_size: usize,
    /// The largest request body, in bytes.
    pub max_body_size: u64,
    /// The memory of each worker for request bodies, in bytes; `None` for what suits the machine.
    pub body_memory: Option<u64>,
    /// How long a worker may be busy with one step, in milliseconds; 0 for any time.
    pub worker_timeout_ms: u64,
    /// Requests after which a worker is replaced; 0 for any number.
    pub max_requests: u64,
    /// Up to so many percent fewer.
    pub max_requests_jitter: u8,
    /// Give up after so many workers died before they were ready, within so many seconds.
    pub max_restarts: (u32, u32),
    /// How long a graceful stop waits before it drains, in milliseconds; less than the next.
    pub drain_delay_ms: u64,
    /// How long a graceful stop may take, in milliseconds.
    pub drain_timeout_ms: u64,
    /// The file that stands for its directory.
    pub index: String,
    /// Answer navigations to paths where there is nothing with the root's own page.
    pub spa: bool,
    /// List directories that have no index file.
    pub listing: bool,
    /// Serve files whose names begin with a dot.
    pub hidden: bool,
    /// Follow no symbolic links below the root.
    pub no_symlinks: bool,
    /// Open files that one worker remembers.
    pub file_cache: usize,
    /// What is said of how long files may be kept.
    pub cache: Caching,
    /// Errors that have a page of the site's own: their codes, and the paths of the files.
    pub error_pages: Vec<(u16, String)>,
    /// Extensions and their media types, stronger than those of `mime_types`.
    pub mime: Vec<(String, String)>,
    /// A file with a list of media types.
    pub mime_types: Option<PathBuf>,
    /// Names and values of fields that every answer of the files has.
    pub headers: Vec<(String, String)>,
    /// What the paths of files that never change begin with.
    pub immutable: Vec<String>,
    /// The origins whose pages may read the files, or `*` alone.
    pub cors: Vec<String>,
    /// How access lines look; `None` if nothing was said: text on a terminal, JSON otherwise.
    pub log: Option<LogFormat>,
    /// Events below this level are left out.
    pub log_level: Level,
    /// Where access lines go, if not to standard output.
    pub log_file: Option<PathBuf>,
    /// Where the status is served: an address with its port, or `unix:/path`.
    pub admin: Option<String>,
    /// The value of the `Server` field; empty leaves the field out.
    pub server_name: String,
    /// Connections that the kernel queues until a worker accepts them.
    pub backlog: u32,
}

impl Options {
    /// A flag that was given and says nothing without a root: the operator expects files.
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

/// What connections speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http,
    /// Every byte comes back.
    Echo,
}

/// How many workers run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workers {
    /// As many as the machine, or the share of it that we were given, can run at a time.
    Auto,
    /// This many, from 1 to 512.
    Exactly(usize),
}

/// What is said of how long files may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caching {
    /// What suits the file.
    Auto,
    /// Nothing.
    Off,
    /// So many seconds, from 0 to a year.
    Seconds(u32),
}

/// How access lines look.
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

/// How much the event log says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// What went wrong.
    Error,
    /// And what looks wrong.
    Warn,
    /// And what happened.
    Info,
    /// And why.
    Debug,
}
