//! The admin addresses, and the protocol that is served there: `--admin`.

use httprs::args::Options;
use httprs::handlers::health::Health;
use httprs::handlers::status::Status;
use httprs::http::Timeouts;
use httprs::{Address, Http1, Scoreboard, Server};

use super::{CONFIG, Failure, UNAVAILABLE, named};

/// The admin addresses; none without the flag.
pub fn addresses(options: &Options) -> Result<Vec<Address>, Failure> {
    let parsed = options.admin.as_deref().map(Address::parse).transpose();
    let addresses = parsed.map_err(|error| (CONFIG, format!("--admin: {error}")))?;
    Ok(addresses.unwrap_or_default())
}

/// Warns if the admin address is reachable from other machines.
pub fn config_warnings(addresses: &[Address]) -> impl Iterator<Item = String> {
    addresses.iter().filter_map(|address| match address {
        Address::Inet(inet) if !inet.ip().to_canonical().is_loopback() => Some(format!(
            "--admin {inet} shows every client that can connect to it what this server does, and \
             parts of requests; 127.0.0.1 or unix:/path keeps that on this machine"
        )),
        _ => None,
    })
}

/// Adds the admin protocol to the server.
pub fn serve(server: Server, addresses: &[Address], options: &Options) -> Result<Server, Failure> {
    if addresses.is_empty() {
        return Ok(server);
    }
    let process = process(server.scoreboard(), options)?;
    server.admin(addresses, process).map_err(|error| {
        let message = format!("{error}; choose another address with --admin");
        (UNAVAILABLE, message)
    })
}

/// No keep-alive, and short timeouts: there is little room, and connections that are kept open, or
/// send nothing or half a request, would take it.
fn process(board: Scoreboard, options: &Options) -> Result<Http1<Health<Status>>, Failure> {
    let http = Http1::with(Health::new(board.clone(), Status::new(board)));
    let timeouts = Timeouts {
        keepalive_requests: 1,
        progress_ms: 1_000,
        header_ms: 1_000,
        ..Timeouts::default()
    };
    named(http.timeouts(timeouts), options)
}

/// The admin addresses, as the end of the banner.
pub fn describe(server: &Server) -> String {
    let urls: Vec<String> = (server.admin_addresses())
        .map(|address| match address {
            Address::Inet(inet) => format!("http://{inet}/status"),
            Address::Unix(_) => address.to_string(),
        })
        .collect();
    match urls.is_empty() {
        true => String::new(),
        false => format!("; status at {}", urls.join(" and ")),
    }
}
