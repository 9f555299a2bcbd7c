//! [`accept`]: makes a WebSocket of a request (RFC 6455 §4.2).

mod sha1;

use std::io;

use crate::http::{Handler, HttpRequest, HttpResponse, Method, StatusCode, Version, base64};
use crate::process::websocket::{Settings, WebSocketConnection};
use crate::process::{Message, WebSocket, WebSocketHandler};

/// What the digest of a handshake is salted with (RFC 6455 §1.3).
const SALT: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Accepts a WebSocket that a client asks for, and has `answer` called for each message. A request
/// that does not ask for a WebSocket properly is answered with the status that says why.
///
/// ```
/// use httprs::handlers::websocket;
/// use httprs::{Http1, harness};
///
/// let echo = Http1::new(|req, res| {
///     websocket::accept(req, res, |socket, message| socket.send(message))
/// });
/// let handshake = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
///     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
/// let mut talk = harness::Conversation::open(&echo);
/// let answer = String::from_utf8(talk.send(handshake)).unwrap();
/// assert!(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
/// assert!(answer.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
/// // A client masks what it sends; here, with zeros.
/// assert_eq!(talk.send(b"\x81\x85\0\0\0\0hello"), b"\x81\x05hello");
/// ```
///
/// # Errors
/// None; it is what a handler returns.
pub fn accept<F>(req: &HttpRequest, res: &mut HttpResponse, answer: F) -> io::Result<()>
where
    F: FnMut(&mut WebSocket<'_>, Message<'_>) -> io::Result<()> + Send + 'static,
{
    accept_with(req, res, answer)
}

/// The same with a handler of any type, which has its state and hears of more than messages.
///
/// # Errors
/// None; it is what a handler returns.
pub fn accept_with<H>(req: &HttpRequest, res: &mut HttpResponse, handler: H) -> io::Result<()>
where
    H: WebSocketHandler + 'static,
{
    Accept::new().accept_with(req, res, handler)
}

/// How WebSockets are accepted, where the defaults do not do.
#[derive(Clone, Debug)]
pub struct Accept {
    settings: Settings,
    origins: Origins,
    protocols: Vec<String>,
}

/// From which pages a browser may connect.
#[derive(Clone, Debug)]
enum Origins {
    Any,
    /// From the pages of the request's host, and from these.
    Same(Vec<String>),
}

impl Default for Accept {
    fn default() -> Accept {
        Accept::new()
    }
}

impl Accept {
    /// The defaults: messages of at most 64 KiB, a ping after 30 s of silence, pages of the same
    /// host alone, no subprotocol.
    pub fn new() -> Accept {
        Accept {
            settings: Settings {
                max_message: 64 * 1024,
                ping_ms: 30_000,
            },
            origins: Origins::Same(Vec::new()),
            protocols: Vec::new(),
        }
    }

    /// The longest message that a client may send, in bytes; a longer one closes the WebSocket with
    /// 1009. A message is gathered in memory, and a worker has as many as it has connections.
    pub fn max_message(mut self, bytes: usize) -> Accept {
        self.settings.max_message = bytes;
        self
    }

    /// A client that has been silent for so many milliseconds is sent a ping, and is taken to be
    /// gone if it is silent for as long again. At least 1.
    pub fn ping_ms(mut self, ms: u64) -> Accept {
        self.settings.ping_ms = ms.max(1);
        self
    }

    /// Accepts pages of this origin too, such as `https://example.org`.
    ///
    /// A browser lets the pages of any site connect, and sends its user's cookies along
    /// (cross-site WebSocket hijacking); it says with `Origin` which page it is. So a request of a
    /// page of another host is refused with 403, unless it is allowed here. A client that is no
    /// browser sends no `Origin`.
    pub fn origin(mut self, origin: &str) -> Accept {
        if let Origins::Same(origins) = &mut self.origins {
            origins.push(origin.into());
        }
        self
    }

    /// Accepts the pages of all sites: where no cookie and no address makes a client privileged, or
    /// where a proxy changes the `Host` and checks the origin itself.
    pub fn any_origin(mut self) -> Accept {
        self.origins = Origins::Any;
        self
    }

    /// Speaks this subprotocol if a client offers it. Of several, the first in the client's
    /// list is chosen; without any of them offered, the client is accepted
    /// all the same.
    pub fn protocol(mut self, name: &str) -> Accept {
        self.protocols.push(name.into());
        self
    }

    /// See [`accept`].
    ///
    /// # Errors
    /// A subprotocol has bytes that a field value may not have.
    pub fn accept<F>(&self, req: &HttpRequest, res: &mut HttpResponse, answer: F) -> io::Result<()>
    where
        F: FnMut(&mut WebSocket<'_>, Message<'_>) -> io::Result<()> + Send + 'static,
    {
        self.accept_with(req, res, answer)
    }

    /// See [`accept_with`].
    ///
    /// # Errors
    /// As with [`Accept::accept`].
    pub fn accept_with<H>(
        &self,
        req: &HttpRequest,
        res: &mut HttpResponse,
        handler: H,
    ) -> io::Result<()>
    where
        H: WebSocketHandler + 'static,
    {
        match self.check(req) {
            Ok(key) => {
                let digest = sha1::digest(&[key.as_bytes(), SALT].concat());
                res.status(StatusCode::SWITCHING_PROTOCOLS)
                    .header("Upgrade", "websocket")?
                    .header("Sec-WebSocket-Accept", base64::encode(&digest))?;
                if let Some(protocol) = self.choose_protocol(req) {
                    res.header("Sec-WebSocket-Protocol", protocol)?;
                }
                res.switch_to(WebSocketConnection::new(handler, self.settings));
                Ok(())
            }
            Err((status, why)) => {
                match status {
                    StatusCode::UPGRADE_REQUIRED => {
                        res.header("Upgrade", "websocket")?
                            .header("Sec-WebSocket-Version", "13")?;
                    }
                    StatusCode::METHOD_NOT_ALLOWED => {
                        res.header("Allow", "GET")?;
                    }
                    _ => {}
                }
                res.status(status).text(why)
            }
        }
    }

    /// The key of a handshake (RFC 6455 §4.2.1).
    ///
    /// # Errors
    /// How the request is refused, and why.
    fn check<'r>(&self, req: &'r HttpRequest) -> Result<&'r str, (StatusCode, &'static str)> {
        let fields = req.headers();
        let bad = |why| Err((StatusCode::BAD_REQUEST, why));
        let other = |why| Err((StatusCode::UPGRADE_REQUIRED, why));
        if req.method() != Method::Get {
            return Err((
                StatusCode::METHOD_NOT_ALLOWED,
                "a WebSocket begins with GET\n",
            ));
        }
        if !fields.has_token("upgrade", "websocket") {
            return other("this is a WebSocket: connect to it with ws:// or wss://\n");
        }
        if req.version() < Version::Http11 || !fields.has_token("connection", "upgrade") {
            return bad("an upgrade needs HTTP/1.1 and 'Connection: upgrade'\n");
        }
        if !req.body().is_empty() || fields.count("transfer-encoding") > 0 {
            return bad("the handshake of a WebSocket has no body\n");
        }
        if fields.count("sec-websocket-version") != 1
            || req.header("sec-websocket-version") != Some("13")
        {
            return other("the version of WebSocket is 13\n");
        }
        let key = req.header("sec-websocket-key").filter(|key| {
            let bytes = base64::decode(key.as_bytes());
            fields.count("sec-websocket-key") == 1 && bytes.is_some_and(|bytes| bytes.len() == 16)
        });
        let Some(key) = key else {
            return bad("Sec-WebSocket-Key is 16 bytes in base64\n");
        };
        if !self.allows_origin(req) {
            let why = "pages of other origins may not connect (Accept::origin allows one)\n";
            return Err((StatusCode::FORBIDDEN, why));
        }
        Ok(key)
    }

    fn allows_origin(&self, req: &HttpRequest) -> bool {
        let Origins::Same(allowed) = &self.origins else {
            return true;
        };
        let Some(origin) = req.header("origin") else {
            // Not a browser; but a field that is no text is none of a browser, either.
            return req.headers().count("origin") == 0;
        };
        let host = origin.split_once("://").map(|(_, host)| host);
        allowed.iter().any(|it| it.eq_ignore_ascii_case(origin))
            || host.is_some_and(|host| req.header("host").is_some_and(|it| same_host(it, host)))
    }

    fn choose_protocol(&self, req: &HttpRequest) -> Option<&str> {
        let offered = req.headers().get_all("sec-websocket-protocol");
        let offered = offered.flat_map(|list| list.split(|b| *b == b','));
        offered.map(<[u8]>::trim_ascii).find_map(|name| {
            let ours = self.protocols.iter().find(|ours| ours.as_bytes() == name);
            ours.map(String::as_str)
        })
    }
}

/// Whether a `Host` is that of an origin: an origin leaves out the port that belongs to its scheme.
fn same_host(host: &str, of_origin: &str) -> bool {
    let bare = |text: &str| -> String {
        let text = text
            .strip_suffix(":80")
            .or(text.strip_suffix(":443"))
            .unwrap_or(text);
        text.to_ascii_lowercase()
    };
    bare(host) == bare(of_origin)
}

/// Sends back each message, at every path: what `httprs --protocol websocket` serves.
#[derive(Clone, Debug, Default)]
pub struct WebSocketEcho {
    accept: Accept,
}

impl WebSocketEcho {
    /// An echo for the pages of all sites: it tells them nothing that they do not know.
    pub fn new() -> WebSocketEcho {
        WebSocketEcho {
            accept: Accept::new().any_origin(),
        }
    }
}

impl Handler for WebSocketEcho {
    fn handle(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        (self.accept).accept(req, res, |socket, message| socket.send(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::{Conversation, every_split};
    use crate::http::Http1;

    const GOOD: [&str; 5] = [
        "Host: example.org",
        "Connection: keep-alive, Upgrade",
        "Upgrade: WebSocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];

    /// A handshake with some lines in place of those that begin alike.
    fn handshake(line: &str, other: &[&str]) -> String {
        let name = |line: &str| line.split(':').next().unwrap().to_owned();
        let replaced = |good: &&str| !other.iter().any(|line| name(line) == name(good));
        let mut lines: Vec<&str> = GOOD.into_iter().filter(|good| replaced(good)).collect();
        lines.extend(other.iter().filter(|line| !line.ends_with('-')));
        format!("{line}\r\n{}\r\n\r\n", lines.join("\r\n"))
    }

    fn answer(accept: &Accept, wire: &str) -> String {
        let accept = accept.clone();
        let http = Http1::new(move |req, res| {
            accept.accept(req, res, |socket, message| socket.send(message))
        });
        String::from_utf8(every_split(&http, wire.as_bytes()).bytes).unwrap()
    }

    #[test]
    fn a_handshake_is_accepted_or_refused_with_the_reason() {
        const GET: &str = "GET /chat HTTP/1.1";
        let accept = Accept::new().origin("https://friend.example");
        for (line, fields, want) in [
            (GET, &[][..], 101),
            (GET, &["Origin: http://example.org"], 101),
            (GET, &["Origin: https://EXAMPLE.org"], 101),
            (
                GET,
                &["Host: example.org:80", "Origin: http://example.org"],
                101,
            ),
            (
                GET,
                &["Host: example.org:8080", "Origin: http://example.org:8080"],
                101,
            ),
            (GET, &["Origin: https://friend.example"], 101),
            (GET, &["Origin: http://friend.example"], 403),
            (GET, &["Origin: https://evil.example"], 403),
            (GET, &["Origin: https://example.org.evil.example"], 403),
            (
                GET,
                &["Host: example.org:8080", "Origin: http://example.org:8081"],
                403,
            ),
            (GET, &["Origin: null"], 403),
            (GET, &["Origin: "], 403),
            (
                GET,
                &["Origin: http://example.org", "Origin: http://evil.example"],
                400,
            ),
            (GET, &["Upgrade: h2c, websocket"], 101),
            (GET, &["Upgrade: h2c"], 426),
            (GET, &["Upgrade:-"], 426),
            (GET, &["Sec-WebSocket-Version: 8"], 426),
            (GET, &["Sec-WebSocket-Version: 013"], 426),
            (
                GET,
                &["Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8"],
                426,
            ),
            (GET, &["Sec-WebSocket-Version:-"], 426),
            (GET, &["Connection: keep-alive"], 400),
            (GET, &["Connection:-"], 400),
            ("GET / HTTP/1.0", &[], 400),
            (GET, &["Sec-WebSocket-Key:-"], 400),
            (GET, &["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ"], 400),
            (GET, &["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j"], 400),
            (GET, &["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR=="], 400),
            (
                GET,
                &[
                    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
                    "Sec-WebSocket-Key: x",
                ],
                400,
            ),
            (GET, &["Transfer-Encoding: chunked"], 400),
            ("POST / HTTP/1.1", &["Content-Length: 0"], 405),
            ("HEAD / HTTP/1.1", &[], 405),
        ] {
            let mut wire = handshake(line, fields);
            if wire.contains("chunked") {
                wire += "0\r\n\r\n";
            }
            let got = answer(&accept, &wire);
            let status = format!("HTTP/1.1 {want} ");
            assert!(
                got.starts_with(&status),
                "{line} {fields:?}: {want} and not {got}"
            );
            let says = |field: &str| got.contains(&format!("\r\n{field}\r\n"));
            assert_eq!(
                says("Upgrade: websocket"),
                matches!(want, 101 | 426),
                "{got}"
            );
            assert_eq!(
                says("Connection: upgrade"),
                want == 101 || got.contains("426 "),
                "{got}"
            );
            assert_eq!(says("Sec-WebSocket-Version: 13"), want == 426, "{got}");
            assert_eq!(says("Allow: GET"), want == 405, "{got}");
        }
        let wire = handshake(GET, &["Content-Length: 1"]) + "x";
        assert!(answer(&accept, &wire).starts_with("HTTP/1.1 400 "));
        assert!(
            answer(
                &Accept::new().any_origin(),
                &handshake(GET, &["Origin: null"])
            )
            .starts_with("HTTP/1.1 101 ")
        );
    }

    #[test]
    fn the_first_subprotocol_of_the_client_that_the_server_knows_is_spoken() {
        let accept = Accept::new().protocol("chat.v1").protocol("chat.v2");
        for (offered, want) in [
            (&[][..], None),
            (&["Sec-WebSocket-Protocol: soap"], None),
            (
                &["Sec-WebSocket-Protocol: soap, chat.v2 ,chat.v1"],
                Some("chat.v2"),
            ),
            (
                &[
                    "Sec-WebSocket-Protocol: soap",
                    "Sec-WebSocket-Protocol: chat.v1",
                ],
                Some("chat.v1"),
            ),
            (&["Sec-WebSocket-Protocol: CHAT.V1"], None),
        ] {
            let got = answer(&accept, &handshake("GET / HTTP/1.1", offered));
            let spoken = got
                .split("\r\n")
                .find_map(|line| line.strip_prefix("Sec-WebSocket-Protocol: "));
            assert_eq!(spoken, want, "{offered:?}");
        }
    }

    #[test]
    fn what_comes_behind_a_handshake_is_for_the_websocket_and_no_exchange_is_left() {
        let echo = Http1::with(WebSocketEcho::new());
        let mut talk = Conversation::open(&echo);
        let mut wire = handshake("GET /any HTTP/1.1", &[]).into_bytes();
        wire.extend_from_slice(b"\x81\x82\0\0\0\0hi");
        let got = talk.send(&wire);
        assert!(
            got.ends_with(b"\r\n\r\n\x81\x02hi"),
            "{}",
            got.escape_ascii()
        );
        assert_eq!(talk.exchanges(), 1);
        // Another limit than that of a head: a connection of HTTP would be full.
        let long = [&b"\x82\xfe\xff\xff\0\0\0\0"[..], &[7; 65_535]].concat();
        assert_eq!(talk.send(&long)[..4], *b"\x82\x7e\xff\xff");
        assert!(!talk.closed());
    }
}
