//! [`Headers`]: the same fields on every answer of the handler inside.

use std::io;

use crate::http::{FieldError, FieldLines, Handler, HttpRequest, HttpResponse, Layer, Plan, Wrap};

/// Fields of a single answer, or of the server itself. Twice, or on the wrong answer, they are
/// worse than missing.
const OF_ONE_ANSWER: [&str; 11] = [
    "accept-ranges",
    "allow",
    "content-encoding",
    "content-range",
    "content-type",
    "etag",
    "last-modified",
    "location",
    "server",
    "trailer",
    "upgrade",
];

/// Adds fields to every answer, errors included, of the handler inside. It replaces none: where the
/// handler inside sets a field of the same name to another value, there are two lines.
///
/// ```
/// use std::io::Write;
/// use httprs::handlers::headers::Headers;
/// use httprs::{Http1, HttpRequest, HttpResponse, harness};
///
/// let inner = |_: &HttpRequest, res: &mut HttpResponse| write!(res, "hello");
/// let handler = Headers::new(inner).add("Referrer-Policy", "no-referrer")?;
/// let answer = harness::converse(&Http1::with(handler), &[b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"]);
/// let answer = String::from_utf8(answer.bytes).unwrap();
/// assert!(answer.contains("\r\nReferrer-Policy: no-referrer\r\n"));
/// # Ok::<(), httprs::http::FieldError>(())
/// ```
#[derive(Debug)]
pub struct Headers<H>(Wrap<Lines, H>);

#[derive(Debug, Default)]
struct Lines(Vec<FieldLines>);

impl<H: Handler> Headers<H> {
    /// Adds nothing yet.
    pub fn new(inner: H) -> Headers<H> {
        Headers(inner.wrap(Lines::default()))
    }

    /// Adds this field. Fields of one name are sent in their order.
    ///
    /// # Errors
    /// The name or the value has invalid bytes; or the field is set by the server itself, or
    /// belongs to a single answer, such as `Content-Type` or `ETag`.
    pub fn add(mut self, name: &str, value: &str) -> Result<Headers<H>, FieldError> {
        let mut line = HttpResponse::default();
        line.header(name, value)?;
        if OF_ONE_ANSWER.iter().any(|it| it.eq_ignore_ascii_case(name)) {
            return Err(FieldError::Reserved);
        }
        self.0.layer_mut().0.push(line.into_lines());
        Ok(self)
    }
}

impl<H> Headers<H> {
    /// The handler inside.
    pub fn inner(&self) -> &H {
        self.0.inner()
    }
}

impl Layer for Lines {
    #[inline]
    fn after(&self, _: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        for line in &self.0 {
            // The same field twice would be read as a list of two values.
            if !res.has_lines(line) {
                res.lines(line);
            }
        }
        Ok(())
    }
}

impl<H: Handler> Handler for Headers<H> {
    fn plan(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<Plan> {
        self.0.plan(req, res)
    }

    fn handle(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        self.0.handle(req, res)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::every_split;
    use crate::http::{Http1, Sink, StatusCode, Want};
    use std::io::Write;

    fn inner(req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        res.status(match req.path() {
            "/missing" => StatusCode::NOT_FOUND,
            "/known" => StatusCode::NOT_MODIFIED,
            "/broken" => return Err(io::ErrorKind::Other.into()),
            _ => StatusCode::OK,
        });
        res.header("X-Inner", "i")?;
        Ok(())
    }

    /// A handler that answers before the body, from its pieces, or after it.
    struct Eager;

    struct Length(usize);

    impl Handler for Eager {
        fn plan(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<Plan> {
            Ok(match req.path() {
                "/early" => {
                    write!(res, "early")?;
                    Plan::Answered
                }
                "/pieces" => Plan::Stream(Box::new(Length(0))),
                _ => Plan::Gather,
            })
        }

        fn handle(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
            res.write_all(req.body())
        }
    }

    impl Sink for Length {
        fn piece(&mut self, bytes: &[u8]) -> io::Result<Want> {
            self.0 += bytes.len();
            Ok(Want::More)
        }

        fn answer(self: Box<Self>, _: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
            write!(res, "{}", self.0)
        }
    }

    #[test]
    fn every_answer_has_them() {
        let handler = Headers::new(inner);
        // A field that the handler inside sets as well is not sent twice.
        let handler = handler.add("X-Inner", "i").and_then(|h| h.add("A", "b"));
        let handler = handler.and_then(|h| h.add("A", "c, d"));
        let http = Http1::with(handler.and_then(|h| h.add("X-Empty", "")).unwrap());
        for (line, has) in [
            ("GET /", true),
            ("HEAD /", true),
            ("OPTIONS *", true),
            ("GET /missing", true),
            ("GET /known", true),
            // An answer that failed is discarded with its fields, whichever handler added them.
            ("GET /broken", false),
        ] {
            let wire = format!("{line} HTTP/1.1\r\nHost: x\r\n\r\n");
            let got = String::from_utf8(every_split(&http, wire.as_bytes()).bytes).unwrap();
            let fields = "\r\nX-Inner: i\r\nA: b\r\nA: c, d\r\nX-Empty: \r\n";
            assert_eq!(got.contains(fields), has, "{line}: {got}");
        }
    }

    #[test]
    fn answers_without_handle_have_them_once() {
        let http = Http1::with(Headers::new(Eager).add("A", "b").unwrap());
        for (path, body) in [("/early", "early"), ("/pieces", "3"), ("/gather", "abc")] {
            let wire = format!("PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
            let got = String::from_utf8(every_split(&http, wire.as_bytes()).bytes).unwrap();
            assert_eq!(got.matches("\r\nA: b\r\n").count(), 1, "{path}: {got}");
            assert!(got.ends_with(&format!("\r\n\r\n{body}")), "{path}: {got}");
        }
    }

    #[test]
    fn some_are_refused() {
        for (name, value, want) in [
            ("X-A", "b", None),
            ("Vary", "Cookie", None),
            ("Cache-Control", "no-store", None),
            ("X A", "b", Some(FieldError::Name)),
            ("", "b", Some(FieldError::Name)),
            ("X-A", "b\r\nX-B: c", Some(FieldError::Value)),
            ("Date", "b", Some(FieldError::Reserved)),
            ("content-LENGTH", "1", Some(FieldError::Reserved)),
            ("Transfer-Encoding", "chunked", Some(FieldError::Reserved)),
            ("Connection", "close", Some(FieldError::Reserved)),
            ("Content-type", "a/b", Some(FieldError::Reserved)),
            ("ETAG", "\"a\"", Some(FieldError::Reserved)),
            ("Server", "b", Some(FieldError::Reserved)),
        ] {
            let got = Headers::new(inner).add(name, value).err();
            assert_eq!(got, want, "{name:?}: {value:?}");
        }
        assert!(OF_ONE_ANSWER.is_sorted());
    }
}
