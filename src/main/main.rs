//! The `httprs` program: makes a [`Server`] of flags, and an exit code of its outcome. Nothing else
//! is decided here.
#![forbid(unsafe_code)]

mod admin;
mod memory;
mod site;
mod status;
mod udp;

use std::env;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::net::{IpAddr, Ipv6Addr};
use std::process::ExitCode;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use httprs::args::{self, Command, LogFormat, Options, Protocol, Workers};
use httprs::handlers::health::Health;
use httprs::http::{Limits, Timeouts};
use httprs::{
    Address, BindError, EchoProcess, Format, Handler, Http1, Level, Log, Outcome, Server,
};
use site::Site;

/// Exit codes, from sysexits(3).
const USAGE: u8 = 64;
const UNAVAILABLE: u8 = 69;
const SOFTWARE: u8 = 70;
const CONFIG: u8 = 78;

fn main() -> ExitCode {
    let options = match args::parse(env::args_os().skip(1), &|name| env::var_os(name)) {
        Ok(Command::Run(options)) => options,
        Ok(Command::Status(admin)) => {
            return match status::ask(&admin) {
                Ok(text) => print(&text),
                Err((code, message)) => fail(code, message),
            };
        }
        Ok(Command::Help) => return print(&args::help()),
        Ok(Command::Version) => return print(&args::version()),
        Err(error) => return fail(error.exit_code(), error),
    };
    match serve(&options) {
        Ok(Outcome { stopped: true, .. }) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(SOFTWARE),
        Err((code, message)) => fail(code, message),
    }
}

fn print(text: &str) -> ExitCode {
    // A reader that has seen enough, such as `head`, is no error.
    let _ = io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn fail(code: u8, message: impl Display) -> ExitCode {
    // In one write: another process may be writing to the same terminal or log.
    let _ = io::stderr().write_all(format!("httprs: {message}\n").as_bytes());
    ExitCode::from(code)
}

/// An exit code, and the message that explains it.
type Failure = (u8, String);

fn serve(options: &Options) -> Result<Outcome, Failure> {
    // Flags and files are checked before the addresses are bound: a Unix socket leaves a file
    // behind.
    let site = Site::open(options)?;
    let log = open_log(options)?;
    let admin = admin::addresses(options)?;
    let names: Vec<String> = std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .collect();
    let unknown = args::unknown_variables(names.iter().map(String::as_str));
    for warning in site
        .config_warnings()
        .into_iter()
        .chain(admin::config_warnings(&admin))
        .chain(unknown)
    {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let unix_ms = since.map_or(0, |since| since.as_millis() as u64);
        log.event(Level::Warn, unix_ms, format_args!("{warning}"));
    }
    let addresses = addresses(options, options.port)?;
    let (workers, why) = count_workers(options.workers);
    let (restarts, seconds) = options.max_restarts;
    let what = site.describe(options);
    let http = http(options, site, workers)?;
    let bind = match options.reuse_port {
        true => Server::bind_all_reusing,
        false => Server::bind_all,
    };
    let server = bind(&addresses).map_err(|error| (UNAVAILABLE, explain_bind(&error, options)))?;
    let server = admin::serve(server, &admin, options)?;
    let (server, udp) = udp::serve(server, options)?;
    let urls: Vec<String> = server
        .addresses()
        .map(|address| url(address, options))
        .collect();
    let banner = format!(
        "httprs {} (pid {}) serves {what} at {} with {workers} workers ({why}){udp}{}",
        env!("CARGO_PKG_VERSION"),
        std::process::id(),
        urls.join(" and "),
        admin::describe(&server),
    );
    let board = server.scoreboard();
    let server = server
        .workers(workers)
        .max_connections(options.max_connections)
        .backlog(options.backlog)
        .write_timeout_ms(options.write_timeout_ms)
        .min_rate(options.min_rate)
        .drain_delay_ms(options.drain_delay_ms)
        .drain_timeout_ms(options.drain_timeout_ms)
        .worker_timeout_ms(options.worker_timeout_ms)
        .max_requests(options.max_requests, options.max_requests_jitter)
        .max_restarts(restarts, seconds.into())
        .log(log)
        .own_signals()
        .announce(banner);
    let outcome = match options.protocol {
        Protocol::Echo => server.run(EchoProcess),
        Protocol::Http | Protocol::WebSocket => {
            server.run(http.map(|site| Health::new(board, site)))
        }
    };
    outcome.map_err(|error| match error.kind() {
        io::ErrorKind::InvalidInput => (CONFIG, error.to_string()),
        _ => (SOFTWARE, format!("the server cannot go on: {error}")),
    })
}

fn http<H: Handler>(options: &Options, handler: H, workers: usize) -> Result<Http1<H>, Failure> {
    let limits = Limits {
        body_bytes: options.max_body_size,
        ..Limits::default().of_head(options.max_header_size)
    };
    let timeouts = Timeouts {
        progress_ms: options.timeout_ms,
        header_ms: options.header_timeout_ms,
        keepalive_ms: options.keepalive_ms,
        keepalive_requests: options.keepalive_requests,
        min_rate: options.min_rate,
    };
    named(
        Http1::with(handler)
            .limits(limits)
            .timeouts(timeouts)
            .body_memory(
                options
                    .body_memory
                    .unwrap_or_else(|| memory::for_bodies(workers)),
            ),
        options,
    )
}

/// Sets the value of the `Server` field.
fn named<H: Handler>(http: Http1<H>, options: &Options) -> Result<Http1<H>, Failure> {
    let name = &options.server_name;
    http.server_name(name)
        .map_err(|error| (CONFIG, format!("--server-name {name:?}: {error}")))
}

/// The addresses of all hosts, with this port.
fn addresses(options: &Options, port: u16) -> Result<Vec<Address>, Failure> {
    if options.hosts.is_empty() {
        // Every address, IPv4 included; without IPv6, IPv4 alone.
        return Ok(vec![Address::Inet((Ipv6Addr::UNSPECIFIED, port).into())]);
    }
    let mut addresses = Vec::new();
    for host in &options.hosts {
        if host == "localhost" {
            addresses.extend(Address::localhost(port));
        } else if let Ok(ip) = host.parse::<IpAddr>() {
            addresses.push(Address::Inet((ip, port).into()));
        } else {
            let parsed = Address::parse(host);
            addresses.extend(parsed.map_err(|error| (CONFIG, format!("--host: {error}")))?);
        }
    }
    Ok(addresses)
}

fn explain_bind(error: &io::Error, options: &Options) -> String {
    let port = options.port;
    let bind_error = error.get_ref().and_then(|e| e.downcast_ref::<BindError>());
    let is_inet = bind_error.is_some_and(|e| matches!(e.address, Address::Inet(_)));
    match error.kind() {
        io::ErrorKind::PermissionDenied if (1..1024).contains(&port) && is_inet => {
            format!("port {port} needs CAP_NET_BIND_SERVICE or root; use --port 8080")
        }
        io::ErrorKind::AddrInUse if options.hosts.len() > 1 => format!(
            "{error}, by another server or another --host; choose another with --port or --host"
        ),
        io::ErrorKind::AddrInUse => format!(
            "{error} by another server; stop that one, or choose another with --port or --host"
        ),
        // Another address would fail, too.
        _ if bind_error.is_some_and(BindError::is_out_of_descriptors) => error.to_string(),
        _ => format!("{error}; choose another address with --host"),
    }
}

/// How many workers to fork, and why as many.
fn count_workers(workers: Workers) -> (usize, String) {
    match workers {
        Workers::Exactly(n) => (n, "as asked".into()),
        Workers::Auto => {
            let processors = thread::available_parallelism().map_or(1, |n| n.get());
            match processors {
                1 => (2, "the least there are, for 1 processor".into()),
                n => (n.min(512), format!("one for each of {n} processors")),
            }
        }
    }
}

/// The URL of an address, as a client would write it.
fn url(address: &Address, options: &Options) -> String {
    let scheme = match options.protocol {
        Protocol::Http => "http",
        Protocol::Echo => "tcp",
        Protocol::WebSocket => "ws",
    };
    match address {
        Address::Unix(_) => address.to_string(),
        Address::Inet(inet) if inet.ip().is_unspecified() => {
            // An IPv6 socket takes IPv4 clients too, unless another one is there for them.
            let which = match inet.is_ipv6() {
                false => "IPv4 ",
                true if options.hosts.len() > 1 => "IPv6 ",
                true => "",
            };
            format!(
                "{scheme}://localhost:{}/ (on every {which}address)",
                inet.port()
            )
        }
        Address::Inet(inet) => format!("{scheme}://{inet}/"),
    }
}

fn open_log(options: &Options) -> Result<Log, Failure> {
    let format = match options.log {
        Some(LogFormat::Text) => Format::Text,
        Some(LogFormat::Json) => Format::Json,
        Some(LogFormat::Common) => Format::Common,
        Some(LogFormat::None) => Format::None,
        // A person reads a terminal, a program the rest.
        None if options.log_file.is_none() && io::stdout().is_terminal() => Format::Text,
        None => Format::Json,
    };
    let level = match options.log_level {
        args::Level::Error => Level::Error,
        args::Level::Warn => Level::Warn,
        args::Level::Info => Level::Info,
        args::Level::Debug => Level::Debug,
    };
    Log::new(format, level, options.log_file.as_deref()).map_err(|error| {
        let path = options
            .log_file
            .as_deref()
            .unwrap_or("stdout".as_ref())
            .display();
        (CONFIG, format!("--log-file {path}: {error}"))
    })
}
