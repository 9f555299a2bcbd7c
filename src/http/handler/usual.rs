//! The usual answers, in one call each.

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::Arc;

use super::response::{Body, HttpResponse};
use crate::http::syntax::StatusCode;
use crate::process::FileRange;

/// ```
/// use httprs::{Http1, StatusCode, harness};
///
/// let http = Http1::new(|req, res| match req.path() {
///     "/text" => res.text("plain"),
///     "/html" => res.html("<p>page"),
///     "/json" => res.json_str(r#"{"a":1}"#),
///     "/old" => res.redirect(StatusCode::MOVED_PERMANENTLY, "/text"),
///     _ => res.no_content(),
/// });
/// for (path, want) in [
///     ("/text", "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n\r\nplain"),
///     ("/html", "Content-Type: text/html; charset=utf-8\r\nContent-Length: 7\r\n\r\n<p>page"),
///     ("/json", "Content-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}"),
///     ("/old", "Location: /text\r\nContent-Length: 0\r\n\r\n"),
///     ("/", "\r\n\r\n"),
/// ] {
///     let wire = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
///     let got = String::from_utf8(harness::converse(&http, &[wire.as_bytes()]).bytes).unwrap();
///     let got = got.replace("Connection: close\r\n", "");
///     assert!(got.ends_with(want), "{got}");
/// }
/// ```
impl HttpResponse {
    /// Plain text.
    ///
    /// # Errors
    /// None; it is what a handler returns.
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        self.content("text/plain; charset=utf-8", text)
    }

    /// A page. Nothing in it is escaped.
    ///
    /// # Errors
    /// None; it is what a handler returns.
    pub fn html(&mut self, page: &str) -> io::Result<()> {
        self.content("text/html; charset=utf-8", page)
    }

    /// JSON that was made elsewhere: there is no serialiser here.
    ///
    /// # Errors
    /// None; it is what a handler returns.
    pub fn json_str(&mut self, json: &str) -> io::Result<()> {
        self.content("application/json", json)
    }

    /// Leads to another place: with 301 and 308 for ever, with 302, 303 and 307 for now; 307 and
    /// 308 keep the method.
    ///
    /// # Errors
    /// The location has bytes that a field value may not have.
    pub fn redirect(&mut self, status: StatusCode, location: &str) -> io::Result<()> {
        self.status(status).header("Location", location)?;
        Ok(())
    }

    /// Done, and nothing to say: 204.
    ///
    /// # Errors
    /// None; it is what a handler returns.
    pub fn no_content(&mut self) -> io::Result<()> {
        self.status(StatusCode::NO_CONTENT);
        Ok(())
    }

    /// All of an open file, as it is long now. It is sent by the kernel and never read into memory;
    /// its type is for the handler to say. For directories there is
    /// [`Files`](crate::handlers::files::Files).
    ///
    /// # Errors
    /// The length of the file cannot be had.
    pub fn file(&mut self, file: File) -> io::Result<()> {
        let len = file.metadata()?.len();
        let file = Arc::new(file);
        self.body(Body::File(FileRange {
            file,
            offset: 0,
            len,
        }));
        Ok(())
    }

    /// Has browsers save the answer under this name (RFC 6266). Clients that know no `filename*`
    /// are given the name with `_` for all that is not plain ASCII.
    ///
    /// ```
    /// use httprs::{Http1, harness};
    ///
    /// let http = Http1::new(|_, res| res.attachment("Bericht \"ü\".pdf")?.text("%PDF"));
    /// let got = harness::converse(&http, &[b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"]);
    /// let got = String::from_utf8(got.bytes).unwrap();
    /// let want = "Content-Disposition: attachment; filename=\"Bericht ____.pdf\"; \
    ///             filename*=UTF-8''Bericht%20%22%C3%BC%22.pdf\r\n";
    /// assert!(got.contains(want), "{got}");
    /// ```
    ///
    /// # Errors
    /// None: the name is encoded.
    pub fn attachment(&mut self, name: &str) -> io::Result<&mut HttpResponse> {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b" !#$&+-.^_`|~()[]{}@,;=".contains(&b);
        let plain = name.bytes().map(|b| if is_plain(b) { b } else { b'_' });
        let mut value = b"attachment; filename=\"".to_vec();
        value.extend(plain);
        value.extend_from_slice(b"\"; filename*=UTF-8''");
        for b in name.bytes() {
            // attr-char (RFC 8187 §3.2.1).
            match b.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&b) {
                true => value.push(b),
                false => write!(value, "%{b:02X}")?,
            }
        }
        Ok(self.header("Content-Disposition", value)?)
    }

    fn content(&mut self, content_type: &str, text: &str) -> io::Result<()> {
        self.header("Content-Type", content_type)?;
        self.write_all(text.as_bytes())
    }
}
