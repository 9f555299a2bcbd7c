//! Responses as bytes (RFC 9112 §4, RFC 9110 §6.6.1 and §8.6): status line, fields, length.

use std::io::Write;
use std::mem;

use crate::http::handler::{Body, HttpResponse};
use crate::http::semantics::date::imf_fixdate;
use crate::http::syntax::{Method, StatusCode, Version};
use crate::process::{Output, Segment};

/// Written bodies up to this size, in bytes, are copied behind their head, so that both leave in
/// one piece; larger ones are handed over as they are.
const COPIED: usize = 16 * 1024;
/// The same for shared bodies, such as small files. Up to about here a copy costs less than a call
/// with two buffers, which the kernel has to copy in and check, costs more than one with a single
/// buffer.
const COPIED_SHARED: usize = 4 * 1024;

/// The field lines of all responses of one second: `Date`, and `Server` if the server has a name.
#[derive(Debug)]
pub struct CommonLines {
    server: Box<str>,
    unix: u64,
    bytes: Vec<u8>,
}

impl CommonLines {
    /// The lines of a server of this name; empty for none.
    pub fn new(server: &str) -> CommonLines {
        let mut lines = CommonLines {
            server: server.into(),
            unix: 0,
            bytes: Vec::new(),
        };
        lines.write();
        lines
    }

    /// The lines of this second, made anew only in a new second.
    pub fn at(&mut self, unix: u64) -> &[u8] {
        if unix != self.unix {
            self.unix = unix;
            self.write();
        }
        &self.bytes
    }

    fn write(&mut self) {
        self.bytes.clear();
        self.bytes.extend_from_slice(b"Date: ");
        self.bytes.extend_from_slice(&imf_fixdate(self.unix));
        if !self.server.is_empty() {
            self.bytes.extend_from_slice(b"\r\nServer: ");
            self.bytes.extend_from_slice(self.server.as_bytes());
        }
        self.bytes.extend_from_slice(b"\r\n");
    }
}

/// How the client knows where the body ends (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delimited {
    /// There is no body, and the status or the method says so.
    Nothing,
    /// `Content-Length`.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// The body ends where the connection closes: for clients of HTTP/1.0.
    ByClose,
}

impl Delimited {
    /// How the body of this response to a client of this version ends.
    pub fn of(response: &HttpResponse, version: Version) -> Delimited {
        if response.status.is_bodiless() {
            return Delimited::Nothing;
        }
        if response.status == StatusCode::RESET_CONTENT {
            // A 205 has no body either, and must say so itself (RFC 9110 §15.3.6).
            return Delimited::Length(0);
        }
        match response.body_len() {
            Some(length) => Delimited::Length(length),
            None if version >= Version::Http11 => Delimited::Chunked,
            None => Delimited::ByClose,
        }
    }
}

/// How the connection goes on behind a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// The connection stays open.
    KeepAlive,
    /// The connection closes.
    Close,
    /// Another protocol takes the connection over.
    Switch,
}

impl Persistence {
    /// That of a response behind which the connection stays open, or does not.
    pub fn of(keep_alive: bool) -> Persistence {
        match keep_alive {
            true => Persistence::KeepAlive,
            false => Persistence::Close,
        }
    }
}

/// The part of a response's head that the server adds.
#[derive(Clone, Copy, Debug)]
pub struct Framed<'a> {
    /// The method of the request.
    pub method: Method,
    /// The version of the request.
    pub version: Version,
    /// Where the body ends.
    pub delimited: Delimited,
    /// How the connection goes on behind a response.
    pub persistence: Persistence,
    /// The field lines of all responses.
    pub common: &'a [u8],
    /// The field line of a connection that stays open.
    pub keep_alive: &'a [u8],
}

/// Queues the response; returns how many bytes its body has. The body is taken; of a stream, which
/// was taken before, only the head is queued.
pub fn push_response(output: &mut Output, response: &mut HttpResponse, framed: Framed<'_>) -> u64 {
    let len = match framed.delimited {
        Delimited::Length(len) if framed.method != Method::Head => len,
        _ => 0,
    };
    let copied: &[u8] = match &response.body {
        _ if len == 0 => &[],
        Body::Written if response.bytes.len() <= COPIED => &response.bytes,
        Body::Shared(bytes) if bytes.len() <= COPIED_SHARED => bytes,
        _ => &[],
    };
    output.append(|out| {
        push_head(out, response, framed);
        out.extend_from_slice(copied);
    });
    if len == copied.len() as u64 {
        return len;
    }
    output.push_segment(match mem::replace(&mut response.body, Body::Written) {
        // A stream is pulled, and comes behind this.
        Body::Written | Body::Stream(_) => Segment::Owned(mem::take(&mut response.bytes), 0),
        Body::Static(bytes) => Segment::Static(bytes),
        Body::Shared(bytes) => Segment::Shared(bytes, 0),
        Body::File(range) => Segment::File(range),
    });
    len
}

fn push_head(out: &mut Vec<u8>, response: &HttpResponse, framed: Framed<'_>) {
    push_status_line(out, response.status);
    out.extend_from_slice(framed.common);
    if framed.persistence == Persistence::KeepAlive {
        out.extend_from_slice(framed.keep_alive);
    }
    out.extend_from_slice(&response.fields);
    if !response.vary.is_empty() {
        out.extend_from_slice(b"Vary: ");
        out.extend_from_slice(&response.vary);
        out.extend_from_slice(b"\r\n");
    }
    match framed.delimited {
        Delimited::Length(len) => {
            out.extend_from_slice(b"Content-Length: ");
            push_decimal(out, len);
            out.extend_from_slice(b"\r\n");
        }
        Delimited::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        Delimited::Nothing | Delimited::ByClose => {}
    }
    let option: &[u8] = match framed.persistence {
        Persistence::Close => b"close",
        // A client of HTTP/1.0 has asked for this, and must be told that it got it.
        Persistence::KeepAlive if framed.version == Version::Http10 => b"keep-alive",
        Persistence::KeepAlive | Persistence::Switch => b"",
    };
    // RFC 9110 §7.8: a message with Upgrade says so in Connection.
    let upgrade: &[u8] = match (response.upgrades, option) {
        (false, _) => b"",
        (true, b"") => b"upgrade",
        (true, _) => b", upgrade",
    };
    if !option.is_empty() || !upgrade.is_empty() {
        out.extend_from_slice(b"Connection: ");
        out.extend_from_slice(option);
        out.extend_from_slice(upgrade);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// Always 1.1: the version is that of the server, not of the request (RFC 9110 §6.2).
fn push_status_line(out: &mut Vec<u8>, status: StatusCode) {
    if status == StatusCode::OK {
        out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        return;
    }
    // A Vec takes all that is written to it.
    let _ = write!(out, "HTTP/1.1 {} {}\r\n", status.get(), status.reason());
}

fn push_decimal(out: &mut Vec<u8>, mut n: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_those_of_std() {
        for n in [0, 1, 9, 10, 99, 100, 12_345, u64::MAX] {
            let mut out = Vec::new();
            push_decimal(&mut out, n);
            assert_eq!(out, n.to_string().into_bytes());
        }
    }

    #[test]
    fn common_lines_are_made_once_a_second() {
        let lines = |lines: &mut CommonLines, unix| String::from_utf8(lines.at(unix).to_vec());
        let mut named = CommonLines::new("x/1");
        for (unix, want) in [
            (0, "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nServer: x/1\r\n"),
            (
                1_795_352_400,
                "Date: Sun, 22 Nov 2026 13:00:00 GMT\r\nServer: x/1\r\n",
            ),
            (
                1_795_352_401,
                "Date: Sun, 22 Nov 2026 13:00:01 GMT\r\nServer: x/1\r\n",
            ),
        ] {
            assert_eq!(lines(&mut named, unix).unwrap(), want);
            assert_eq!(lines(&mut named, unix).unwrap(), want, "again");
        }
        let mut unnamed = CommonLines::new("");
        let want = "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
        assert_eq!(lines(&mut unnamed, 0).unwrap(), want);
    }
}
