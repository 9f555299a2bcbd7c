//! [`RequestId`]: a name for each request, in its response and for the handler.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::process;

use crate::http::{HttpRequest, HttpResponse, Layer, Pass};

/// The longest id that is taken from a client, in bytes.
const LONGEST: usize = 64;

/// Gives each request an id, so that a line in the log of a proxy, of this server and of what the
/// handler asks can be found by it. The id of a client or a proxy (`X-Request-Id`) is taken if it
/// is 1 to 64 letters, digits, `.`, `_` or `-`; for any other request the server makes one. The
/// response has it, and the handler, as [`HttpRequest::request_id`].
///
/// ```
/// use std::io::Write;
/// use httprs::handlers::RequestId;
/// use httprs::{Handler, Http1, HttpRequest, HttpResponse, harness};
///
/// let inner = |req: &HttpRequest, res: &mut HttpResponse| {
///     writeln!(res, "I am {}", req.request_id().unwrap_or_default())
/// };
/// let http = Http1::with(inner.wrap(RequestId::new()));
/// let request = b"GET / HTTP/1.1\r\nHost: x\r\nX-Request-Id: a.1\r\n\r\n";
/// let answer = String::from_utf8(harness::converse(&http, &[request]).bytes).unwrap();
/// assert!(answer.contains("\r\nX-Request-Id: a.1\r\n") && answer.ends_with("I am a.1\n"));
/// ```
#[derive(Debug)]
pub struct RequestId {
    /// Differs from server to server.
    server: u32,
    /// How many ids this worker has made.
    count: Cell<u64>,
}

impl Default for RequestId {
    fn default() -> RequestId {
        RequestId::new()
    }
}

impl RequestId {
    /// Ids that no other server makes, in all likelihood, and none of its workers twice.
    pub fn new() -> RequestId {
        RequestId {
            // The standard library draws its keys at random.
            server: RandomState::new().hash_one(0) as u32,
            count: Cell::new(0),
        }
    }

    /// The server, the worker, the second and a number. A worker that gets the process id of an
    /// earlier one begins in another second.
    fn make(&self, unix: u64) -> Box<str> {
        let (server, pid, count) = (self.server, process::id(), self.count.get());
        self.count.set(count + 1);
        format!("{server:08x}-{pid:x}-{unix:x}-{count:x}").into()
    }
}

impl Layer for RequestId {
    fn before(&self, req: &HttpRequest, _: &mut HttpResponse) -> io::Result<Pass> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let given = req.header("x-request-id");
        let given =
            given.filter(|id| (1..=LONGEST).contains(&id.len()) && id.chars().all(is_plain));
        let given = given.filter(|_| req.headers().count("x-request-id") == 1);
        req.set_request_id(|| match given {
            Some(id) => id.into(),
            None => self.make(req.now().unix()),
        });
        Ok(Pass::On)
    }

    fn after(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        res.header("X-Request-Id", req.request_id().unwrap_or_default())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::Conversation;
    use crate::http::{Handler, Http1, StatusCode};
    use std::io::Write;

    #[test]
    fn an_id_is_taken_if_it_is_plain_or_made_and_never_twice() {
        let inner = |req: &HttpRequest, res: &mut HttpResponse| {
            if req.path() == "/missing" {
                res.status(StatusCode::NOT_FOUND);
            }
            write!(res, "{}", req.request_id().unwrap_or("none"))
        };
        let http = Http1::with(inner.wrap(RequestId::new()));
        let mut talk = Conversation::open(&http);
        let mut made = Vec::new();
        let long = "x".repeat(65);
        for (path, given, is_taken) in [
            ("/", "a", true),
            ("/missing", "B-7_c.", true),
            ("/", &long[..64], true),
            ("/", &long, false),
            ("/", "", false),
            ("/", "a b", false),
            ("/", "a\"", false),
            ("/", "a\r\nX-Request-Id: b", false),
            ("/", "\u{fc}", false),
        ] {
            let wire = format!("GET {path} HTTP/1.1\r\nHost: x\r\nX-Request-Id: {given}\r\n\r\n");
            let got = String::from_utf8(talk.send(wire.as_bytes())).unwrap();
            let (_, id) = got.split_once("\r\n\r\n").unwrap();
            assert!(
                got.contains(&format!("\r\nX-Request-Id: {id}\r\n")),
                "{got}"
            );
            assert_eq!(id == given, is_taken, "{given:?}: {id}");
            made.extend((!is_taken).then(|| id.to_owned()));
        }
        let count = made.len();
        made.sort();
        made.dedup();
        assert_eq!((made.len(), count), (6, 6), "{made:?}");
        let none = String::from_utf8(talk.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")).unwrap();
        assert!(none.contains("\r\nX-Request-Id: "), "{none}");
    }
}
