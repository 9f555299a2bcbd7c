//! The one table of flags.

use super::flag::{FLAG, Flag, Job};
use super::values::{bytes, caching, choice, cors, error_page, file_name, header, host, millis};
use super::values::{mime, number, path, restarts, server_name, workers};
use super::{Level, LogFormat, Protocol};

const WHAT: &str = "What to serve";
const WHERE: &str = "Where";
const WORKERS: &str = "Workers";
const LIMITS: &str = "Limits";
const FILES: &str = "Files";
const LOG: &str = "Log";
const OTHER: &str = "Other";

/// All flags, in the order of `--help`. Variables are applied in this order too, so what sets
/// several things at once (`-q`) stands above what sets one of them.
pub(super) const FLAGS: &[Flag] = &[
    Flag {
        long: "root",
        short: Some('d'),
        value: "DIR",
        about: "a directory of files; the same as ROOT",
        group: WHAT,
        default: "a built-in page and echo",
        job: Job::Value(|o, v| path(v, "a directory").map(|v| o.root = Some(v))),
        ..FLAG
    },
    Flag {
        long: "protocol",
        value: "http|echo",
        about: "what connections speak",
        group: WHAT,
        default: "http",
        job: Job::Value(|o, v| choice(v, PROTOCOLS).map(|v| o.protocol = v)),
        ..FLAG
    },
    Flag {
        long: "host",
        value: "ADDR",
        about: "IPv4, IPv6, localhost or unix:/path; repeatable",
        group: WHERE,
        default: "all addresses",
        job: Job::List(|o, v| host(v).map(|v| o.hosts.push(v))),
        ..FLAG
    },
    Flag {
        long: "port",
        short: Some('p'),
        value: "PORT",
        platform: Some("PORT"),
        about: "TCP port; 0 picks a free one",
        group: WHERE,
        default: "8080",
        job: Job::Value(|o, v| number(v, 0, 65_535).map(|n| o.port = n as u16)),
        ..FLAG
    },
    Flag {
        long: "backlog",
        value: "N",
        about: "connections the kernel queues for us",
        group: WHERE,
        default: "1024",
        job: Job::Value(|o, v| number(v, 1, 65_535).map(|n| o.backlog = n as u32)),
        ..FLAG
    },
    Flag {
        long: "worker",
        alias: Some("workers"),
        short: Some('w'),
        value: "N|auto",
        platform: Some("WEB_CONCURRENCY"),
        about: "processes; auto: one per CPU, at least 2",
        group: WORKERS,
        default: "auto",
        job: Job::Value(|o, v| workers(v).map(|v| o.workers = v)),
    },
    Flag {
        long: "max-connections",
        value: "N",
        about: "connections per worker; 1 is classic prefork",
        group: WORKERS,
        default: "1024",
        job: Job::Value(|o, v| number(v, 1, 1_000_000).map(|n| o.max_connections = n as usize)),
        ..FLAG
    },
    Flag {
        long: "worker-timeout-ms",
        value: "MS",
        about: "replace a worker stuck in one step; 0: never",
        group: WORKERS,
        default: "30000",
        job: Job::Value(|o, v| millis(v, 0).map(|n| o.worker_timeout_ms = n)),
        ..FLAG
    },
    Flag {
        long: "max-requests",
        value: "N",
        about: "replace a worker after so many; 0: never",
        group: WORKERS,
        default: "0",
        job: Job::Value(|o, v| number(v, 0, u32::MAX.into()).map(|n| o.max_requests = n)),
        ..FLAG
    },
    Flag {
        long: "max-requests-jitter",
        value: "PERCENT",
        about: "up to so much fewer, each worker its own",
        group: WORKERS,
        default: "10",
        job: Job::Value(|o, v| number(v, 0, 100).map(|n| o.max_requests_jitter = n as u8)),
        ..FLAG
    },
    Flag {
        long: "max-restarts",
        value: "N/SECS",
        about: "give up when N workers die unready in SECS",
        group: WORKERS,
        default: "10/60",
        job: Job::Value(|o, v| restarts(v).map(|v| o.max_restarts = v)),
        ..FLAG
    },
    Flag {
        long: "drain-timeout-ms",
        value: "MS",
        about: "how long a graceful stop may take",
        group: WORKERS,
        default: "8000",
        job: Job::Value(|o, v| millis(v, 0).map(|n| o.drain_timeout_ms = n)),
        ..FLAG
    },
    Flag {
        long: "timeout-ms",
        short: Some('t'),
        value: "MS",
        about: "close on a client that makes no progress",
        group: LIMITS,
        default: "10000",
        job: Job::Value(|o, v| millis(v, 1).map(|n| o.timeout_ms = n)),
        ..FLAG
    },
    Flag {
        long: "header-timeout-ms",
        value: "MS",
        about: "for a whole request head",
        group: LIMITS,
        default: "10000",
        job: Job::Value(|o, v| millis(v, 1).map(|n| o.header_timeout_ms = n)),
        ..FLAG
    },
    Flag {
        long: "keepalive-ms",
        value: "MS",
        about: "idle time between two requests",
        group: LIMITS,
        default: "15000",
        job: Job::Value(|o, v| millis(v, 1).map(|n| o.keepalive_ms = n)),
        ..FLAG
    },
    Flag {
        long: "keepalive-requests",
        value: "N",
        about: "requests per connection; 0: no limit",
        group: LIMITS,
        default: "0",
        job: Job::Value(|o, v| number(v, 0, u32::MAX.into()).map(|n| o.keepalive_requests = n)),
        ..FLAG
    },
    Flag {
        long: "min-rate",
        value: "BYTES",
        about: "a second that a client must make on the whole; 0: any",
        group: LIMITS,
        default: "64",
        job: Job::Value(|o, v| number(v, 0, 1 << 30).map(|n| o.min_rate = n)),
        ..FLAG
    },
    Flag {
        long: "max-header-size",
        value: "BYTES",
        about: "largest request head (256 to 1048576)",
        group: LIMITS,
        default: "16384",
        job: Job::Value(|o, v| bytes(v, 256, 1 << 20).map(|n| o.max_header_size = n as usize)),
        ..FLAG
    },
    Flag {
        long: "max-body-size",
        value: "BYTES",
        about: "largest request body",
        group: LIMITS,
        default: "1048576",
        job: Job::Value(|o, v| bytes(v, 0, 1 << 40).map(|n| o.max_body_size = n)),
        ..FLAG
    },
    Flag {
        long: "index",
        value: "NAME",
        about: "the file that stands for its directory",
        group: FILES,
        default: "index.html",
        job: Job::Value(|o, v| file_name(v).map(|v| o.index = v)),
        ..FLAG
    },
    Flag {
        long: "spa",
        about: "the root's index also for pages that are not there",
        group: FILES,
        default: "off",
        job: Job::Switch(|o, on| o.spa = on),
        ..FLAG
    },
    Flag {
        long: "listing",
        about: "list directories that have no index file",
        group: FILES,
        default: "off",
        job: Job::Switch(|o, on| o.listing = on),
        ..FLAG
    },
    Flag {
        long: "hidden",
        about: "serve names that begin with a dot",
        group: FILES,
        default: "off",
        job: Job::Switch(|o, on| o.hidden = on),
        ..FLAG
    },
    Flag {
        long: "no-symlinks",
        about: "follow no links, not even those that stay inside",
        group: FILES,
        default: "off",
        job: Job::Switch(|o, on| o.no_symlinks = on),
        ..FLAG
    },
    Flag {
        long: "file-cache",
        value: "N",
        about: "files that a worker remembers for a second; 0: none",
        group: FILES,
        default: "256",
        job: Job::Value(|o, v| number(v, 0, 65_536).map(|n| o.file_cache = n as usize)),
        ..FLAG
    },
    Flag {
        long: "cache",
        value: "auto|off|SECS",
        about: "what Cache-Control lets others keep, and how long",
        group: FILES,
        default: "auto",
        job: Job::Value(|o, v| caching(v).map(|v| o.cache = v)),
        ..FLAG
    },
    Flag {
        long: "error-page",
        value: "CODE=PATH",
        about: "a page for 4xx or 5xx, as 404=/404.html; repeatable",
        group: FILES,
        default: "built in",
        job: Job::List(|o, v| error_page(v).map(|v| o.error_pages.push(v))),
        ..FLAG
    },
    Flag {
        long: "mime",
        value: "EXT=TYPE",
        about: "the type of files that end in .EXT; repeatable",
        group: FILES,
        default: "a built-in table",
        job: Job::List(|o, v| mime(v).map(|v| o.mime.push(v))),
        ..FLAG
    },
    Flag {
        long: "mime-types",
        value: "FILE",
        about: "more types, as Apache or nginx lists them",
        group: FILES,
        default: "no file",
        job: Job::Value(|o, v| path(v, "a file").map(|v| o.mime_types = Some(v))),
        ..FLAG
    },
    Flag {
        long: "header",
        value: "'NAME: VALUE'",
        about: "a field on every answer of the files; repeatable",
        group: FILES,
        default: "no more",
        job: Job::Lines(|o, v| header(v).map(|v| o.headers.push(v))),
        ..FLAG
    },
    Flag {
        long: "cors",
        value: "ORIGIN",
        about: "whose pages may read the files; * for all; repeatable",
        group: FILES,
        default: "their own",
        job: Job::List(|o, v| cors(v, &o.cors).map(|v| o.cors.push(v))),
        ..FLAG
    },
    Flag {
        long: "quiet",
        short: Some('q'),
        about: "as --log none --log-level warn",
        group: LOG,
        default: "off",
        job: Job::Switch(|o, on| {
            if on {
                o.log = Some(LogFormat::None);
                o.log_level = Level::Warn;
            }
        }),
        ..FLAG
    },
    Flag {
        long: "verbose",
        short: Some('v'),
        about: "as --log-level debug",
        group: LOG,
        default: "off",
        job: Job::Switch(|o, on| {
            if on {
                o.log_level = Level::Debug;
            }
        }),
        ..FLAG
    },
    Flag {
        long: "log",
        value: "text|json|common|none",
        about: "access lines",
        group: LOG,
        default: "text on a terminal, else json",
        job: Job::Value(|o, v| choice(v, FORMATS).map(|v| o.log = Some(v))),
        ..FLAG
    },
    Flag {
        long: "log-file",
        value: "PATH",
        about: "where access lines go",
        group: LOG,
        default: "standard output",
        job: Job::Value(|o, v| path(v, "a file").map(|v| o.log_file = Some(v))),
        ..FLAG
    },
    Flag {
        long: "log-level",
        value: "error|warn|info|debug",
        about: "events, on standard error",
        group: LOG,
        default: "info",
        job: Job::Value(|o, v| choice(v, LEVELS).map(|v| o.log_level = v)),
        ..FLAG
    },
    Flag {
        long: "server-name",
        value: "NAME",
        about: "the Server field; '' leaves it out",
        group: OTHER,
        default: "httprs",
        job: Job::Value(|o, v| server_name(v).map(|v| o.server_name = v)),
        ..FLAG
    },
    Flag {
        long: "help",
        short: Some('h'),
        about: "print this and exit",
        group: OTHER,
        job: Job::Help,
        ..FLAG
    },
    Flag {
        long: "version",
        short: Some('V'),
        about: "print the version and exit",
        group: OTHER,
        job: Job::Version,
        ..FLAG
    },
];

const PROTOCOLS: &[(&str, Protocol)] = &[("http", Protocol::Http), ("echo", Protocol::Echo)];

const FORMATS: &[(&str, LogFormat)] = &[
    ("text", LogFormat::Text),
    ("json", LogFormat::Json),
    ("common", LogFormat::Common),
    ("none", LogFormat::None),
];

const LEVELS: &[(&str, Level)] = &[
    ("error", Level::Error),
    ("warn", Level::Warn),
    ("info", Level::Info),
    ("debug", Level::Debug),
];

/// The flag that a bare argument stands for: the first row.
pub(super) fn root() -> &'static Flag {
    &FLAGS[0]
}
