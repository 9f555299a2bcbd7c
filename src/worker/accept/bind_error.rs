//! [`BindError`]: why a server cannot listen at an address.

use std::error::Error;
use std::{fmt, io};

use super::address::Address;

/// Why a server cannot listen at an address: what an [`io::Error`] of
/// [`Server::bind`](crate::Server::bind) holds.
///
/// ```
/// use httprs::{Address, BindError, Server};
///
/// let first = Server::bind("127.0.0.1:0")?;
/// let taken = first.local_addr()?;
/// let error = Server::bind(&taken.to_string()).err().unwrap();
/// let error = error.get_ref().and_then(|error| error.downcast_ref::<BindError>()).unwrap();
/// assert_eq!(error.address, Address::Inet(taken));
/// assert_eq!(error.to_string(), format!("{taken}: address already in use"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct BindError {
    /// The address.
    pub address: Address,
    /// What the system said.
    pub cause: io::Error,
}

impl BindError {
    /// Whether the process has as many descriptors open as it may have: no address would do.
    pub fn is_out_of_descriptors(&self) -> bool {
        self.cause.raw_os_error() == Some(libc::EMFILE)
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = match self.cause.kind() {
            io::ErrorKind::AddrInUse => "address already in use",
            io::ErrorKind::AddrNotAvailable => "this machine does not have that address",
            io::ErrorKind::AlreadyExists => "there is a file that is not a socket",
            io::ErrorKind::PermissionDenied => "permission denied",
            io::ErrorKind::NotFound => "no such directory",
            io::ErrorKind::InvalidInput => "not a usable address",
            _ if self.is_out_of_descriptors() => "too many open files (ulimit -n)",
            _ if self.cause.raw_os_error() == Some(libc::EAFNOSUPPORT) => {
                "address family not supported"
            }
            _ => "cannot listen there",
        };
        write!(f, "{}: {cause}", self.address)
    }
}

impl Error for BindError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}

impl From<BindError> for io::Error {
    fn from(error: BindError) -> io::Error {
        io::Error::new(error.cause.kind(), error)
    }
}
