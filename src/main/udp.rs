//! The echo over UDP, which a group of one worker serves: `--udp-echo`.

use httprs::args::Options;
use httprs::worker::UdpWorker;
use httprs::{Address, EchoProcess, Group, Server};

use super::{Failure, UNAVAILABLE, USAGE, addresses};

/// Adds the group to the server, and says for the banner where it answers.
pub fn serve(server: Server, options: &Options) -> Result<(Server, String), Failure> {
    let Some(port) = options.udp_echo else {
        return Ok((server, String::new()));
    };
    let mut inet = addresses(options, port)?;
    inet.retain(|address| matches!(address, Address::Inet(_)));
    if inet.is_empty() {
        let why = "--udp-echo: UDP needs an IP address, and each --host is a path";
        return Err((USAGE, why.into()));
    }
    let worker = UdpWorker::bind_all(&inet, EchoProcess).map_err(|error| {
        let message = format!("--udp-echo: {error}; choose another port");
        (UNAVAILABLE, message)
    })?;
    let banner = format!("; echo at udp://{}", worker.local_addr());
    Ok((server.also(Group::of("udp-echo", worker)), banner))
}
