//! [`Echo`]: answers with the request as it was parsed, for experiments.

use std::io::{self, Write};

use super::pages;
use crate::http::{Handler, HttpRequest, HttpResponse, Method, StatusCode};

/// Words in the names of fields that carry credentials, which browsers attach by themselves, or
/// proxies that log users in.
const SECRET: [&str; 11] = [
    "assertion",
    "auth",
    "cookie",
    "credential",
    "jwt",
    "key",
    "oidc",
    "password",
    "secret",
    "session",
    "token",
];

/// Answers every request with 200 and, as plain text, the request: a line `Echo response`, a line
/// with method, path and query, a line for each header field, then the body as decoded.
///
/// The values of fields that carry credentials are blanked: a script of the same origin could read
/// cookies here that are hidden from scripts. For the same reason `TRACE` is 405 (RFC 9110 §9.3.8).
#[derive(Clone, Copy, Debug, Default)]
pub struct Echo;

impl Handler for Echo {
    fn handle(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        if matches!(req.method(), Method::Trace | Method::Options) {
            res.header("Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH")?;
        }
        if req.method() == Method::Trace {
            return pages::explain(req, res, StatusCode::METHOD_NOT_ALLOWED);
        }
        res.header("Content-Type", "text/plain; charset=utf-8")?;
        // The client chose the body: a browser must not take it for a page of this site.
        res.header("X-Content-Type-Options", "nosniff")?;
        writeln!(res, "Echo response")?;
        write!(res, "{} {}", req.method_str(), req.raw_path())?;
        if let Some(query) = req.query_str() {
            write!(res, " {query}")?;
        }
        writeln!(res)?;
        for (name, value) in req.headers().iter() {
            write!(res, "{name}: ")?;
            res.write_all(if is_secret(name) { b"***" } else { value })?;
            writeln!(res)?;
        }
        res.write_all(req.body())
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.as_bytes();
    SECRET.iter().any(|word| {
        let mut windows = name.windows(word.len());
        windows.any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::every_split;
    use crate::http::Http1;

    #[test]
    fn credentials_do_not_come_back() {
        for (name, shown) in [
            ("Cookie", false),
            ("Authorization", false),
            ("Proxy-Authorization", false),
            ("X-Api-Key", false),
            ("X-CSRF-Token", false),
            ("Cf-Access-Jwt-Assertion", false),
            ("X-Session-Id", false),
            ("User-Agent", true),
            ("X-Forwarded-For", true),
            ("Accept", true),
        ] {
            let wire = format!("GET / HTTP/1.1\r\nHost: x\r\n{name}: s3cret\r\n\r\n");
            let got = every_split(&Http1::with(Echo), wire.as_bytes());
            let text = String::from_utf8(got.bytes).unwrap();
            assert_eq!(text.contains("s3cret"), shown, "{name}: {text}");
            assert_eq!(text.contains(&format!("{name}: ***")), !shown, "{name}");
        }
        let options = b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n";
        let got = every_split(&Http1::with(Echo), options).bytes;
        let text = String::from_utf8(got).unwrap();
        assert!(
            text.contains("200 OK") && text.contains("\r\nAllow: GET,"),
            "{text}"
        );
        let trace = b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n";
        let got = every_split(&Http1::with(Echo), trace);
        let text = String::from_utf8(got.bytes).unwrap();
        assert!(text.starts_with("HTTP/1.1 405 "), "{text}");
        assert!(text.contains("\r\nAllow: GET, HEAD, POST,"), "{text}");
    }

    #[test]
    fn what_was_asked_comes_back() {
        for (name, wire, want) in [
            (
                "a query",
                "GET /a%20b?c=d&e HTTP/1.1\r\nHost: x\r\nX-Y:  z \r\n\r\n",
                "Echo response\nGET /a%20b c=d&e\nHost: x\nX-Y: z\n",
            ),
            (
                "a body",
                "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
                "Echo response\nPOST /\nHost: x\nContent-Length: 3\nabc",
            ),
            (
                "a chunked body",
                "BREW /pot HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\
                 3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n",
                "Echo response\nBREW /pot\nHost: x\nTransfer-Encoding: chunked\nabcd",
            ),
        ] {
            let got = every_split(&Http1::with(Echo), wire.as_bytes());
            let text = String::from_utf8(got.bytes).unwrap();
            assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{name}: {text}");
            assert!(
                text.contains("\r\nX-Content-Type-Options: nosniff\r\n"),
                "{name}: {text}"
            );
            assert_eq!(text.split_once("\r\n\r\n").unwrap().1, want, "{name}");
            assert!(!got.closed, "{name}");
        }
    }
}
