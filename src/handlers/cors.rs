//! [`Cors`]: which pages of other origins may read the answers of the handler inside (Fetch
//! standard, "CORS protocol").
//!
//! CORS restricts pages in browsers, and keeps no other client out. There is no setting for
//! credentials: pages of other sites must not read a response that depends on the user.

use std::fmt;
use std::io;

use crate::http::{
    Handler, HttpRequest, HttpResponse, Layer, Method, Pass, Plan, StatusCode, Wrap,
};

/// For how long, in seconds, browsers may cache a preflight. They limit it: Chromium to two hours.
const MAX_AGE: &str = "7200";

/// Fields that pages may read besides those that they always may, such as Content-Type.
const EXPOSED: &str = "Accept-Ranges, Content-Encoding, Content-Range, ETag";

/// Lets pages of other origins read the answers of the handler inside, and answers the preflights
/// that browsers send before some requests. Until an origin is allowed, it changes nothing.
///
/// ```
/// use std::io::Write;
/// use httprs::handlers::cors::Cors;
/// use httprs::{Http1, HttpRequest, HttpResponse, harness};
///
/// let inner = |_: &HttpRequest, res: &mut HttpResponse| write!(res, "hello");
/// let http = Http1::with(Cors::new(inner).allow("https://app.example")?);
/// let wire = b"GET / HTTP/1.1\r\nHost: x\r\nOrigin: https://app.example\r\n\r\n";
/// let answer = String::from_utf8(harness::converse(&http, &[wire]).bytes).unwrap();
/// assert!(answer.contains("\r\nAccess-Control-Allow-Origin: https://app.example\r\n"));
/// # Ok::<(), httprs::handlers::cors::OriginError>(())
/// ```
#[derive(Debug)]
pub struct Cors<H>(Wrap<Allowed, H>);

#[derive(Debug)]
enum Allowed {
    Any,
    These(Vec<Box<str>>),
}

/// The reason why a text is not the origin of any page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OriginError {
    /// The text is not a scheme, `://`, a host and perhaps a port, and nothing else. `null` stands
    /// for pages of unknown origin.
    Form,
    /// The text names the default port of its scheme, which browsers leave out.
    DefaultPort,
}

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OriginError::Form => "an origin looks like https://app.example:8443, with no path",
            OriginError::DefaultPort => "browsers leave out the port that is the scheme's own",
        })
    }
}

impl std::error::Error for OriginError {}

impl From<OriginError> for io::Error {
    fn from(error: OriginError) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidInput, error)
    }
}

impl<H: Handler> Cors<H> {
    /// Allows no origin yet.
    pub fn new(inner: H) -> Cors<H> {
        Cors(inner.wrap(Allowed::These(Vec::new())))
    }

    /// Allows pages of this origin; `*` for all pages.
    ///
    /// # Errors
    /// No page can have this origin.
    pub fn allow(mut self, origin: &str) -> Result<Cors<H>, OriginError> {
        if origin == "*" {
            *self.0.layer_mut() = Allowed::Any;
            return Ok(self);
        }
        let origin = check(origin)?;
        if let Allowed::These(origins) = self.0.layer_mut() {
            origins.push(origin.into());
        }
        Ok(self)
    }
}

impl<H> Cors<H> {
    /// The handler inside.
    pub fn inner(&self) -> &H {
        self.0.inner()
    }
}

impl Allowed {
    /// Adds the fields that let this page read the answer; returns whether it may.
    fn permit(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<bool> {
        let origins = match self {
            Allowed::Any => {
                res.header("Access-Control-Allow-Origin", "*")?;
                return Ok(true);
            }
            Allowed::These(origins) => origins,
        };
        // Responses to other clients have it as well: a cache must not send them to a page.
        res.header("Vary", "Origin")?;
        let asking = req.header("origin").unwrap_or_default();
        let known = origins.iter().find(|origin| ***origin == *asking);
        if let Some(origin) = known {
            res.header("Access-Control-Allow-Origin", origin.as_bytes())?;
        }
        Ok(known.is_some())
    }

    fn is_off(&self) -> bool {
        matches!(self, Allowed::These(origins) if origins.is_empty())
    }
}

impl Layer for Allowed {
    // Both are on the way of each request, and mostly off.
    #[inline]
    fn before(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<Pass> {
        match !self.is_off() && is_preflight(req) {
            true => self.answer_preflight(req, res),
            false => Ok(Pass::On),
        }
    }

    #[inline]
    fn after(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        match self.is_off() {
            true => Ok(()),
            false => self.expose(req, res),
        }
    }
}

impl Allowed {
    #[cold]
    fn answer_preflight(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<Pass> {
        res.status(StatusCode::NO_CONTENT);
        if self.permit(req, res)? {
            res.header("Access-Control-Allow-Methods", "GET, HEAD")?
                // All but Authorization, which `*` leaves out on purpose.
                .header("Access-Control-Allow-Headers", "*")?
                .header("Access-Control-Max-Age", MAX_AGE)?;
        }
        Ok(Pass::Answered)
    }

    #[inline(never)]
    fn expose(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        if self.permit(req, res)? {
            res.header("Access-Control-Expose-Headers", EXPOSED)?;
        }
        Ok(())
    }
}

impl<H: Handler> Handler for Cors<H> {
    fn plan(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<Plan> {
        self.0.plan(req, res)
    }

    fn handle(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        self.0.handle(req, res)
    }
}

/// Whether a request is a preflight.
fn is_preflight(req: &HttpRequest) -> bool {
    req.method() == Method::Options
        && req.header("origin").is_some()
        && req.header("access-control-request-method").is_some()
}

/// The origin as browsers write it: in lower case (RFC 6454 §6.2).
fn check(origin: &str) -> Result<String, OriginError> {
    let origin = origin.to_ascii_lowercase();
    let (scheme, rest) = origin.split_once("://").ok_or(OriginError::Form)?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && (scheme.bytes()).all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    // The colons of an IPv6 address are in brackets.
    let end = rest.rfind(']').map_or(0, |bracket| bracket + 1);
    let (host, port) = match rest[end..].rfind(':') {
        Some(colon) => (&rest[..end + colon], Some(&rest[end + colon + 1..])),
        None => (rest, None),
    };
    let is_host = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && (host.bytes()).all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
        }
    };
    if !is_scheme || !is_host {
        return Err(OriginError::Form);
    }
    if let Some(port) = port {
        let number: u16 = match port.parse() {
            // Browsers write a port without a plus sign or leading zeros.
            Ok(number) if number > 0 && format!("{number}") == port => number,
            _ => return Err(OriginError::Form),
        };
        if matches!((scheme, number), ("http", 80) | ("https", 443)) {
            return Err(OriginError::DefaultPort);
        }
    }
    Ok(origin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::every_split;
    use crate::http::Http1;
    use std::io::Write;

    fn inner(_: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        res.header("Vary", "Accept")?;
        write!(res, "inner")
    }

    fn ask(origins: &[&str], line: &str, fields: &str) -> String {
        let mut cors = Cors::new(inner as fn(&HttpRequest, &mut HttpResponse) -> io::Result<()>);
        for origin in origins {
            cors = cors.allow(origin).unwrap();
        }
        let wire = format!("{line} HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
        let got = every_split(&Http1::with(cors), wire.as_bytes());
        String::from_utf8(got.bytes).unwrap()
    }

    /// The fields of CORS, and whether the handler inside was called.
    fn told(answer: &str) -> (Vec<&str>, bool) {
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let about = |line: &&str| line.starts_with("Access-Control") || line.starts_with("Vary");
        let fields = head.split("\r\n").filter(about);
        let fields = fields.map(|line| line.strip_prefix("Access-Control-").unwrap_or(line));
        let mut fields: Vec<&str> = fields.collect();
        // The field may stand anywhere.
        fields.sort_by_key(|line| !line.starts_with("Vary"));
        (fields, body == "inner")
    }

    #[test]
    fn who_may_read() {
        let (a, b) = ("https://a.example", "http://b.example:8080");
        let exposed = "Expose-Headers: Accept-Ranges, Content-Encoding, Content-Range, ETag";
        let from_a = "Origin: https://a.example\r\n";
        for (name, origins, fields, want) in [
            ("no origin", &[][..], from_a, &["Vary: Accept"][..]),
            (
                "any origin",
                &["*"],
                from_a,
                &["Vary: Accept", "Allow-Origin: *", exposed],
            ),
            (
                "no page",
                &["*"],
                "",
                &["Vary: Accept", "Allow-Origin: *", exposed],
            ),
            (
                "the first",
                &[a, b],
                from_a,
                &[
                    "Vary: Accept, Origin",
                    "Allow-Origin: https://a.example",
                    exposed,
                ],
            ),
            (
                "the second",
                &[a, b],
                "Origin: http://b.example:8080\r\n",
                &[
                    "Vary: Accept, Origin",
                    "Allow-Origin: http://b.example:8080",
                    exposed,
                ],
            ),
            ("no page, some allowed", &[a], "", &["Vary: Accept, Origin"]),
            ("another", &[b], from_a, &["Vary: Accept, Origin"]),
            (
                "an origin that begins like it",
                &[a],
                "Origin: https://a.example.org\r\n",
                &["Vary: Accept, Origin"],
            ),
            (
                "another scheme",
                &[a],
                "Origin: http://a.example\r\n",
                &["Vary: Accept, Origin"],
            ),
            ("null", &[a], "Origin: null\r\n", &["Vary: Accept, Origin"]),
            (
                "all after some",
                &[a, "*", b],
                "",
                &["Vary: Accept", "Allow-Origin: *", exposed],
            ),
        ] {
            for line in ["GET /", "POST /", "OPTIONS /"] {
                let got = ask(origins, line, fields);
                assert_eq!(told(&got), (want.to_vec(), true), "{name}: {line}");
            }
        }
    }

    #[test]
    fn what_browsers_ask_before() {
        let asked = "Origin: https://a.example\r\nAccess-Control-Request-Method: GET\r\n\
                     Access-Control-Request-Headers: range\r\n";
        let rules = [
            "Allow-Methods: GET, HEAD",
            "Allow-Headers: *",
            "Max-Age: 7200",
        ];
        let a = "https://a.example";
        for (name, origins, line, want, is_inner) in [
            (
                "no origin",
                &[][..],
                "OPTIONS /",
                vec!["Vary: Accept"],
                true,
            ),
            (
                "any origin",
                &["*"],
                "OPTIONS /",
                [&["Allow-Origin: *"], &rules[..]].concat(),
                false,
            ),
            (
                "this one",
                &[a],
                "OPTIONS /missing",
                [
                    &["Vary: Origin", "Allow-Origin: https://a.example"],
                    &rules[..],
                ]
                .concat(),
                false,
            ),
            (
                "another",
                &["http://b"],
                "OPTIONS /",
                vec!["Vary: Origin"],
                false,
            ),
            (
                "of no resource",
                &["http://b"],
                "OPTIONS *",
                vec!["Vary: Origin"],
                false,
            ),
        ] {
            let got = ask(origins, line, asked);
            assert_eq!(told(&got), (want, is_inner), "{name}");
            let status = if is_inner { "200" } else { "204" };
            assert_eq!(&got[9..12], status, "{name}");
        }
        let own = ask(
            &["*"],
            "OPTIONS /",
            "Access-Control-Request-Method: GET\r\n",
        );
        assert!(told(&own).1, "no page asks without saying which one it is");
    }

    /// Answers before the body has come, or when it is there.
    struct Eager;

    impl Handler for Eager {
        fn plan(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<Plan> {
            if req.path() != "/early" {
                return Ok(Plan::Gather);
            }
            write!(res, "early")?;
            Ok(Plan::Answered)
        }

        fn handle(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
            res.write_all(req.body())
        }
    }

    #[test]
    fn an_early_answer_says_it_once() {
        let http = Http1::with(Cors::new(Eager).allow("*").unwrap());
        for (line, more, body) in [
            ("PUT /early", "", "early"),
            ("PUT /gather", "", "abc"),
            (
                "OPTIONS /early",
                "Access-Control-Request-Method: PUT\r\n",
                "",
            ),
        ] {
            let wire = format!(
                "{line} HTTP/1.1\r\nHost: x\r\nOrigin: http://a\r\n{more}Content-Length: 3\r\n\r\nabc"
            );
            let got = String::from_utf8(every_split(&http, wire.as_bytes()).bytes).unwrap();
            let times = got
                .matches("\r\nAccess-Control-Allow-Origin: *\r\n")
                .count();
            assert_eq!(times, 1, "{line}: {got}");
            assert!(got.ends_with(&format!("\r\n\r\n{body}")), "{line}: {got}");
        }
    }

    #[test]
    fn origins() {
        use OriginError::*;
        for (origin, want) in [
            ("https://app.example", Ok("https://app.example")),
            ("HTTPS://App.Example:8443", Ok("https://app.example:8443")),
            ("http://localhost:3000", Ok("http://localhost:3000")),
            ("http://127.0.0.1", Ok("http://127.0.0.1")),
            ("http://[::1]", Ok("http://[::1]")),
            ("http://[::1]:3000", Ok("http://[::1]:3000")),
            ("http://a:443", Ok("http://a:443")),
            ("chrome-extension://abc", Ok("chrome-extension://abc")),
            (
                "https://xn--bcher-kva.example",
                Ok("https://xn--bcher-kva.example"),
            ),
            ("http://a:80", Err(DefaultPort)),
            ("https://a:443", Err(DefaultPort)),
            ("", Err(Form)),
            ("null", Err(Form)),
            ("app.example", Err(Form)),
            ("https://", Err(Form)),
            ("https://:80", Err(Form)),
            ("https://a/", Err(Form)),
            ("https://a/b", Err(Form)),
            ("https://a?b", Err(Form)),
            ("https://u@a", Err(Form)),
            ("https://a:", Err(Form)),
            ("https://a:0", Err(Form)),
            ("https://a:080", Err(Form)),
            ("https://a:+8", Err(Form)),
            ("https://a:65536", Err(Form)),
            ("https://a:b", Err(Form)),
            ("https://*.example", Err(Form)),
            ("https://b\u{fc}cher.example", Err(Form)),
            ("https://a b", Err(Form)),
            ("https://a\r\nX: y", Err(Form)),
            ("https://[::g]", Err(Form)),
            ("https://[::1]x", Err(Form)),
            ("1https://a", Err(Form)),
            ("ht tp://a", Err(Form)),
        ] {
            assert_eq!(check(origin), want.map(String::from), "{origin:?}");
        }
    }
}
