//! A client of rustls that reads one answer at a time.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls::{SupportedProtocolVersion, version};

use crate::site::Certificate;

/// How long anything may take that must happen at all.
pub const LONGEST: Duration = Duration::from_secs(30);

/// A request without a body.
pub fn request(target: &str, fields: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n").into_bytes()
}

/// How clients connect, and what they trust. They share their sessions.
#[derive(Clone)]
pub struct Client {
    address: SocketAddr,
    roots: Arc<RootCertStore>,
    config: Arc<ClientConfig>,
}

impl Client {
    pub fn new(address: SocketAddr, issued: &Certificate) -> Client {
        Client::trusting(address, &[issued])
    }

    pub fn trusting(address: SocketAddr, issued: &[&Certificate]) -> Client {
        let mut roots = RootCertStore::empty();
        for certificate in issued {
            roots.add(certificate.der.clone()).unwrap();
        }
        let roots = Arc::new(roots);
        let config = config(&roots, &[&version::TLS13, &version::TLS12]);
        Client {
            address,
            roots,
            config: Arc::new(config),
        }
    }

    pub fn versions(&self, versions: &[&'static SupportedProtocolVersion]) -> Client {
        let config = Arc::new(config(&self.roots, versions));
        Client {
            config,
            ..self.clone()
        }
    }

    pub fn protocols(&self, names: &[&[u8]]) -> Client {
        let mut config = ClientConfig::clone(&self.config);
        config.alpn_protocols = names.iter().map(|name| name.to_vec()).collect();
        Client {
            config: Arc::new(config),
            ..self.clone()
        }
    }

    pub fn tcp(&self) -> TcpStream {
        let tcp = TcpStream::connect(self.address).unwrap();
        tcp.set_read_timeout(Some(LONGEST)).unwrap();
        tcp
    }

    fn session(&self) -> ClientConnection {
        let name = ServerName::try_from("localhost").unwrap();
        ClientConnection::new(self.config.clone(), name).unwrap()
    }

    /// The first that a client sends.
    pub fn hello(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.session().write_tls(&mut bytes).unwrap();
        bytes
    }

    pub fn try_connect(&self) -> io::Result<Stream> {
        let (mut session, mut tcp) = (self.session(), self.tcp());
        while session.is_handshaking() {
            session.complete_io(&mut tcp)?;
        }
        Ok(Stream(StreamOwned::new(session, tcp)))
    }

    pub fn connect(&self) -> Stream {
        self.try_connect().expect("a handshake")
    }
}

fn config(
    roots: &Arc<RootCertStore>,
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let mut config = ClientConfig::builder_with_provider(ring::default_provider().into())
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots.clone())
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

/// A connection after its handshake.
pub struct Stream(pub StreamOwned<ClientConnection, TcpStream>);

impl Stream {
    pub fn get(&mut self, target: &str) -> String {
        self.0.write_all(&request(target, "")).unwrap();
        self.answer()
    }

    /// The next answer, which has a length, as text.
    pub fn answer(&mut self) -> String {
        String::from_utf8(self.answer_bytes()).unwrap()
    }

    /// The same as bytes.
    pub fn answer_bytes(&mut self) -> Vec<u8> {
        let (head, mut body) = self.head();
        let len = head.split("Content-Length: ").nth(1).expect("a length");
        let len: usize = len.split("\r\n").next().unwrap().parse().unwrap();
        let had = body.len();
        assert!(had <= len, "more than one answer");
        body.resize(len, 0);
        self.0.read_exact(&mut body[had..]).unwrap();
        [head.as_bytes(), &body].concat()
    }

    /// A head, and what has come of the body.
    pub fn head(&mut self) -> (String, Vec<u8>) {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            self.0.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        (String::from_utf8(head).unwrap(), Vec::new())
    }

    /// All that comes up to the server's `close_notify`: an end without it is an error. The socket
    /// ends behind it.
    pub fn rest(mut self) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        self.0.read_to_end(&mut all)?;
        assert_eq!(self.0.sock.read(&mut [0])?, 0, "nothing behind the end");
        Ok(all)
    }

    /// The certificate that the server has shown.
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.0.conn.peer_certificates().expect("a certificate")[0].clone()
    }
}
