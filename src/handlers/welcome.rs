//! [`Welcome`]: a page for browsers that request `/`. All other requests go to the handler inside.

use std::io::{self, Write};

use crate::http::{Handler, HttpRequest, HttpResponse, Method, Plan, accept};

/// Shows a page to clients that request `/` and name `text/html` in `Accept`, as browsers do, and
/// passes all other requests on.
#[derive(Clone, Copy, Debug)]
pub struct Welcome<H> {
    inner: H,
}

impl<H: Handler> Welcome<H> {
    /// Puts the page in front of `inner`.
    pub fn new(inner: H) -> Welcome<H> {
        Welcome { inner }
    }
}

impl<H: Handler> Handler for Welcome<H> {
    fn plan(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<Plan> {
        match wants_page(req) {
            true => Ok(Plan::Gather),
            false => self.inner.plan(req, res),
        }
    }

    fn handle(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        if !wants_page(req) {
            return self.inner.handle(req, res);
        }
        res.header("Content-Type", "text/html; charset=utf-8")?;
        res.header("Cache-Control", "no-store")?;
        res.header("Vary", "Accept")?;
        res.header(
            "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'",
        )?;
        let pid = std::process::id().to_string();
        let host = req
            .host()
            .filter(|host| is_plain(host))
            .unwrap_or("localhost:8080");
        write!(
            res,
            "{}",
            PAGE.replace("{pid}", &pid).replace("{host}", host)
        )
    }
}

/// Whether a browser requests the welcome page.
fn wants_page(req: &HttpRequest) -> bool {
    let reads = matches!(req.method(), Method::Get | Method::Head);
    reads && req.path_bytes() == b"/" && accept::names(req.headers(), "text/html")
}

/// Whether a host may stand unescaped in a page and in a command.
fn is_plain(host: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b".-:[]".contains(&b);
    !host.is_empty() && host.bytes().all(plain)
}

const PAGE: &str = include_str!("welcome.html");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::every_split;
    use crate::http::Http1;

    #[test]
    fn browsers_get_a_page_and_the_rest_does_not() {
        let inner = |_: &HttpRequest, res: &mut HttpResponse| write!(res, "inner");
        let http = Http1::with(Welcome::new(inner));
        let browser = "Accept: text/html,application/xhtml+xml,*/*;q=0.8";
        for (name, line, accept, want) in [
            ("a browser", "GET /", browser, true),
            ("a browser with a query", "GET /?a", browser, true),
            ("upper case", "GET /", "Accept: TEXT/HTML;q=0.1", true),
            ("refused", "GET /", "Accept: text/html;q=0", false),
            ("curl", "GET /", "Accept: */*", false),
            ("nothing", "GET /", "X: y", false),
            ("another path", "GET /a", browser, false),
            ("another method", "POST /", browser, false),
        ] {
            let wire = format!("{line} HTTP/1.1\r\nHost: x\r\n{accept}\r\n\r\n");
            let got = every_split(&http, wire.as_bytes()).bytes;
            let text = String::from_utf8(got).unwrap();
            assert_eq!(
                text.contains("\r\nContent-Type: text/html"),
                want,
                "{name}: {text}"
            );
            assert_eq!(text.ends_with("inner"), !want, "{name}");
            let pid = format!("{}", std::process::id());
            assert_eq!(text.contains(&pid), want, "{name}");
            assert_eq!(text.contains("'http://x/any/path?x=1'"), want, "{name}");
        }
    }
}
