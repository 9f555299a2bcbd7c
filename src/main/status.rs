//! `httprs status`: asks a running server for its status, and prints that.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use httprs::Address;

use super::{Failure, UNAVAILABLE};

/// How long the whole exchange may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How many bytes are read at most: more than the status of any server has.
const MOST: u64 = 4 << 20;
/// In HTTP/1.0, so that the body is not chunked, and ends with the connection.
const REQUEST: &[u8] = b"GET /status.txt HTTP/1.0\r\nHost: localhost\r\n\r\n";

/// Fetches the status text from the server at this admin address.
pub fn ask(admin: &str) -> Result<String, Failure> {
    let fail = |why: &dyn std::fmt::Display| {
        let advice = "--admin names where the server serves its status";
        (
            UNAVAILABLE,
            format!("no status from {admin}: {why}; {advice}"),
        )
    };
    let addresses = Address::parse(admin).map_err(|error| fail(&error))?;
    // No call has a timeout for the whole exchange, so it runs in a thread that the program does
    // not wait for.
    let (sender, answer) = mpsc::channel();
    thread::spawn(move || sender.send(ask_any(&addresses)));
    match answer.recv_timeout(ANSWER_TIMEOUT) {
        Ok(answer) => answer.map_err(|error| fail(&error)),
        Err(_) => Err(fail(&format_args!(
            "no answer within {} s",
            ANSWER_TIMEOUT.as_secs()
        ))),
    }
}

/// The status from the first address that can be connected to.
fn ask_any(addresses: &[Address]) -> io::Result<String> {
    let mut failed = io::Error::from(io::ErrorKind::NotFound);
    for address in addresses {
        let connected = match address {
            Address::Inet(inet) => TcpStream::connect(inet).map(converse),
            Address::Unix(path) => UnixStream::connect(path).map(converse),
        };
        match connected {
            Ok(answer) => return answer,
            Err(error) => failed = error,
        }
    }
    Err(match failed.kind() {
        io::ErrorKind::ConnectionRefused => io::Error::other("no server listens there"),
        io::ErrorKind::NotFound => io::Error::other("there is no such socket"),
        io::ErrorKind::PermissionDenied => io::Error::other("permission denied"),
        _ => failed,
    })
}

fn converse(mut stream: impl Read + Write) -> io::Result<String> {
    stream.write_all(REQUEST)?;
    let mut answer = Vec::new();
    stream.take(MOST).read_to_end(&mut answer)?;
    body(&answer)
}

/// The body of an answer, which must be whole, fit for a terminal: the peer may be another program.
fn body(answer: &[u8]) -> io::Result<String> {
    let text = String::from_utf8_lossy(answer);
    let strange = || io::Error::other("the server there is no httprs");
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(strange)?;
    let mut lines = head.lines();
    let status = lines.next().unwrap_or_default().split(' ').nth(1);
    if status != Some("200") || !body.starts_with("httprs ") {
        return Err(strange());
    }
    let length = lines.find_map(|line| line.strip_prefix("Content-Length: "));
    if length.and_then(|n| n.parse().ok()) != Some(answer.len() - head.len() - 4) {
        return Err(io::Error::other("its answer was cut off"));
    }
    let plain = |c: &char| *c == '\n' || !c.is_control();
    Ok(body.chars().filter(plain).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_status_of_httprs_is_accepted() {
        for (answer, want) in [
            (
                &b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhttprs 1\n"[..],
                Ok("httprs 1\n"),
            ),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhttprs \x1b[2J\n",
                Ok("httprs [2J\n"),
            ),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhttprs 1",
                Err("its answer was cut off"),
            ),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
                Err("the server there is no httprs"),
            ),
            (
                b"HTTP/1.1 404 Not Found\r\n\r\nhttprs ",
                Err("the server there is no httprs"),
            ),
            (b"SSH-2.0-x\r\n", Err("the server there is no httprs")),
            (b"", Err("the server there is no httprs")),
        ] {
            let got = body(answer).map_err(|error| error.to_string());
            let want = want.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(got, want, "{}", answer.escape_ascii());
        }
    }
}
