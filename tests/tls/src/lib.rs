//! TLS for `httprs`: [`Tls`] is a transport, and [`TlsStream`] one client's stream.
//!
//! Made on the public API of `httprs` alone, with rustls. The certificate and its key are PEM files
//! that each worker reads when it starts, so that `SIGHUP`, which replaces the workers one by one,
//! is how a new certificate is taken up: no connection is cut off for it.

mod stream;

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use httprs::Level;
use httprs::process::Peer;
use httprs::worker::{Context, Socket, Transport};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ProducesTickets, ServerConnection};
use rustls::{ServerConfig, version};

pub use stream::TlsStream;

/// What a client may ask to speak (ALPN).
const PROTOCOLS: &[&[u8]] = &[b"http/1.1"];

/// TLS 1.2 and 1.3 with one certificate.
#[derive(Debug)]
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    handshake_timeout_ms: u64,
    /// Made in the master, so that a client can resume its session in any worker. A worker makes
    /// new keys after some hours; from then on, the tickets of others mean a whole handshake.
    ticketer: Option<Arc<dyn ProducesTickets>>,
    /// In the master, what was there at the beginning; in a worker, what was there when it started.
    config: Option<Arc<ServerConfig>>,
}

impl Tls {
    /// TLS with the certificates of one PEM file, that of the server first, and the key of another.
    pub fn new(certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Tls {
        Tls {
            certificate: certificate.as_ref().to_owned(),
            key: key.as_ref().to_owned(),
            handshake_timeout_ms: 10_000,
            ticketer: None,
            config: None,
        }
    }

    /// How long a handshake may take, in milliseconds; the default is 10,000.
    pub fn handshake_timeout_ms(mut self, ms: u64) -> Tls {
        self.handshake_timeout_ms = ms;
        self
    }

    fn load(&self) -> io::Result<Arc<ServerConfig>> {
        let of = |path: &Path, error: &dyn Display| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{}: {error}", path.display()),
            )
        };
        let certificates = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| of(&self.certificate, &error))?;
        if certificates.is_empty() {
            return Err(of(&self.certificate, &"there is no certificate"));
        }
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| of(&self.key, &error))?;
        let mut config = ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(certificates, key)
            .map_err(|error| of(&self.certificate, &error))?;
        config.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
        if let Some(ticketer) = &self.ticketer {
            config.ticketer = ticketer.clone();
        }
        Ok(Arc::new(config))
    }
}

impl Transport for Tls {
    type Stream = TlsStream;

    fn init(&mut self) -> io::Result<()> {
        self.ticketer = Some(ring::Ticketer::new().map_err(io::Error::other)?);
        self.config = Some(self.load()?);
        Ok(())
    }

    fn start(&mut self, context: &Context<'_>) -> io::Result<()> {
        match self.load() {
            Ok(config) => self.config = Some(config),
            // One of two files that is copied at a bad moment must not end the server.
            Err(error) => {
                let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
                let unix_ms = now.map_or(0, |now| now.as_millis() as u64);
                let message = format_args!(
                    "worker {} serves the certificate that was there when the server began: {error}",
                    context.index
                );
                context.log.event(Level::Error, unix_ms, message);
            }
        }
        Ok(())
    }

    fn accept(&self, socket: Socket, _: &Peer) -> io::Result<TlsStream> {
        let config = self.config.clone().ok_or(io::ErrorKind::NotConnected)?;
        let session = ServerConnection::new(config).map_err(io::Error::other)?;
        Ok(TlsStream::new(socket, session, self.handshake_timeout_ms))
    }
}
