//! [`Address`]: where a server listens.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

/// An address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A TCP address. `[::]` means every address, IPv4 ones included.
    Inet(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl Address {
    /// Reads `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080` or `unix:/run/httprs.sock`. No name
    /// but `localhost` is known, since asking for others may block and needs libraries that a
    /// static program has not; it stands for both loopback addresses.
    ///
    /// ```
    /// use httprs::Address;
    /// assert_eq!(Address::parse("localhost:80").unwrap().len(), 2);
    /// assert!(Address::parse("example.org:80").is_err());
    /// ```
    pub fn parse(text: &str) -> io::Result<Vec<Address>> {
        if let Some(path) = text.strip_prefix("unix:") {
            if path.is_empty() {
                return Err(invalid("unix: needs the path of a socket after the colon"));
            }
            return Ok(vec![Address::Unix(path.into())]);
        }
        if let Some(port) = text.strip_prefix("localhost:") {
            let port = port
                .parse()
                .map_err(|_| invalid(&format!("{port:?} is not a port")))?;
            return Ok(Address::localhost(port));
        }
        match text.parse() {
            Ok(address) => Ok(vec![Address::Inet(address)]),
            Err(_) => Err(invalid(&format!(
                "{text:?} is not an address: expected IPV4:PORT, [IPV6]:PORT, localhost:PORT or \
                 unix:PATH"
            ))),
        }
    }

    /// Both loopback addresses, IPv4 first.
    pub fn localhost(port: u16) -> Vec<Address> {
        [
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ]
        .map(|ip| Address::Inet((ip, port).into()))
        .into()
    }
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

/// As a client would name it: `http://` and this is a URL.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Inet(address) => address.fmt(f),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for (text, want) in [
            ("127.0.0.1:80", &["127.0.0.1:80"][..]),
            ("[::1]:80", &["[::1]:80"]),
            ("localhost:80", &["127.0.0.1:80", "[::1]:80"]),
            ("unix:/tmp/a:b", &["unix:/tmp/a:b"]),
        ] {
            let got: Vec<String> = Address::parse(text)
                .unwrap()
                .iter()
                .map(Address::to_string)
                .collect();
            assert_eq!(got, want, "{text}");
        }
        for text in [
            "",
            "80",
            ":80",
            "unix:",
            "localhost",
            "localhost:x",
            "a.b:80",
            "::1:80",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }
}
