//! Bodies of errors: a page of the site's own, or a built-in one.
//!
//! The rest of [`Files`] only sets a status and the fields that belong to it; the body is added
//! here, in one place for all errors.

use std::fmt;
use std::io;

use super::rules::Rules;
use super::send::whole;
use super::store::Found;
use super::{Files, location};
use crate::handlers::pages::{self, Besides};
use crate::http::{HttpRequest, HttpResponse, StatusCode};

/// The reason why there can be no such error page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorPageError {
    /// The status is no error: neither 4xx nor 5xx.
    Status,
    /// The path does not begin with one slash.
    Path,
}

impl fmt::Display for ErrorPageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ErrorPageError::Status => "only errors, 400 to 599, have pages",
            ErrorPageError::Path => "the path of an error page begins with one slash, at the root",
        })
    }
}

impl std::error::Error for ErrorPageError {}

impl From<ErrorPageError> for io::Error {
    fn from(error: ErrorPageError) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidInput, error)
    }
}

impl Files {
    /// The file at `path`, from the root, is sent with this status in place of the built-in page:
    /// its bytes and its type, but no validators and no ranges, for it is not the file in the
    /// request. It may be hidden. While it is missing, or there are coded forms alone, the
    /// built-in page is sent. The path is that of a file, not percent-encoded.
    ///
    /// ```
    /// use httprs::StatusCode;
    /// use httprs::handlers::files::Files;
    /// let files = Files::open("src")?.error_page(StatusCode::NOT_FOUND, "/lib.rs")?;
    /// assert!(files.error_page(StatusCode::OK, "/lib.rs").is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// The status is no error, or the path does not begin with one slash.
    pub fn error_page(mut self, status: StatusCode, path: &str) -> Result<Files, ErrorPageError> {
        if status.get() < 400 {
            return Err(ErrorPageError::Status);
        }
        if !path.starts_with('/') || path.starts_with("//") {
            return Err(ErrorPageError::Path);
        }
        self.error_pages.retain(|(known, _)| *known != status);
        self.error_pages.push((status, path.as_bytes().into()));
        Ok(self)
    }

    /// Adds the body to a response that has only its status.
    pub(super) fn explain(
        &self,
        rules: &Rules,
        req: &HttpRequest,
        res: &mut HttpResponse,
    ) -> io::Result<()> {
        let status = res.status_code();
        match status {
            StatusCode::OK => Ok(()),
            // A rule of the site has sent a body.
            _ if res.body_len() != Some(0) => Ok(()),
            StatusCode::MOVED_PERMANENTLY => {
                self.say(req, res, status, &Besides::MovedTo(&location(req)?))
            }
            StatusCode::NOT_FOUND if rules.has_404 && !self.has_page(status) => {
                self.say_with(b"/404.html", req, res, status, &Besides::Nothing)
            }
            // A 406 lists the forms that there are.
            StatusCode::NOT_ACCEPTABLE => Ok(()),
            _ if status.get() < 400 => Ok(()),
            _ => self.say(req, res, status, &Besides::Nothing),
        }
    }

    /// Answers with a status, and with the page configured for it.
    pub(super) fn say(
        &self,
        req: &HttpRequest,
        res: &mut HttpResponse,
        status: StatusCode,
        besides: &Besides<'_>,
    ) -> io::Result<()> {
        let own = self.error_pages.iter().find(|(known, _)| *known == status);
        match own {
            Some((_, path)) => self.say_with(path, req, res, status, besides),
            None => pages::say(req, res, status, besides),
        }
    }

    /// The same with the page at this path, if it is there.
    fn say_with(
        &self,
        path: &[u8],
        req: &HttpRequest,
        res: &mut HttpResponse,
        status: StatusCode,
        besides: &Besides<'_>,
    ) -> io::Result<()> {
        let mut store = self.store.borrow_mut();
        if let Ok(Found::File(source)) = store.find(path, req.now())
            && let Some(entry) = source.plain
        {
            res.status(status)
                .header("Content-Type", store.types.content_type(path))?
                .header("X-Content-Type-Options", "nosniff")?
                .body(whole(&entry));
            return Ok(());
        }
        pages::say(req, res, status, besides)
    }

    fn has_page(&self, status: StatusCode) -> bool {
        self.error_pages.iter().any(|(known, _)| *known == status)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Answer, ask};
    use super::*;
    use crate::http::Http1;
    use crate::sys::scratch::Scratch;

    const BROWSER: (&str, &str) = ("Accept", "text/html,*/*;q=0.8");

    fn site() -> Scratch {
        let site = Scratch::new("errors");
        site.write("secret", "outside");
        site.write("root/a.txt", "0123456789");
        site.write("root/dir/b", "");
        site.write("root/lost.html", "<h1>Lost?");
        site.write("root/.errors/range.txt", "no such part");
        site.write("root/large.svg", vec![b'x'; 100_000]);
        site.write("root/coded.js.br", "");
        site.write("root/coded.js.gz", "");
        site
    }

    fn files(site: &Scratch) -> Files {
        Files::open(site.path().join("root")).unwrap()
    }

    #[test]
    fn every_error_and_redirection_has_a_body_for_each_reader() {
        let site = site();
        let http = Http1::with(files(&site));
        let beyond = ("Range", "bytes=99-");
        for (line, field, status, text, html) in [
            (
                "GET /x",
                beyond,
                404,
                "404 Not Found\n",
                "There is nothing at",
            ),
            (
                "GET /.hidden",
                beyond,
                404,
                "404 Not Found\n",
                "There is nothing at",
            ),
            (
                "GET /a%2Fb",
                beyond,
                404,
                "404 Not Found\n",
                "There is nothing at",
            ),
            (
                "POST /a.txt",
                beyond,
                405,
                "405 Method Not Allowed\n",
                "can be read, and",
            ),
            (
                "GET /a.txt",
                ("If-Match", "\"x\""),
                412,
                "412 Precondition Failed\n",
                "no longer what the request",
            ),
            (
                "GET /a.txt",
                beyond,
                416,
                "416 Range Not Satisfiable\n",
                "is not there",
            ),
            (
                "GET /coded.js",
                ("Accept-Encoding", "zstd"),
                406,
                "406 Not Acceptable\nbr\ngzip\n",
                "<li>br</li>\n<li>gzip</li>",
            ),
            (
                "GET /dir?a&b='",
                beyond,
                301,
                "301 Moved Permanently\n",
                "<a href=\"./dir/?a&amp;b=&#39;\">./dir/?a&amp;b=&#39;</a>",
            ),
        ] {
            let plain = ask(&http, line, &[field]);
            assert_eq!((plain.status, plain.text()), (status, text), "{line}");
            let page = ask(&http, line, &[field, BROWSER]);
            assert_eq!(page.status, status, "{line}");
            assert!(page.text().contains(html), "{line}: {}", page.text());
            for (answer, kind) in [(&plain, "text/plain"), (&page, "text/html")] {
                let want = format!("{kind}; charset=utf-8");
                assert_eq!(answer.field("Content-Type"), Some(&*want), "{line}");
                let vary = answer.field("Vary").unwrap_or_default();
                assert!(
                    vary.split(", ").any(|name| name == "Accept"),
                    "{line}: {vary}"
                );
                assert_eq!(answer.field("ETag"), None, "{line}");
            }
            let policy = page.field("Content-Security-Policy").unwrap();
            assert!(policy.starts_with("default-src 'none';"), "{policy}");
        }
        // Responses other than errors stay as they are.
        for (line, field, status) in [
            ("GET /a.txt", BROWSER, 200),
            ("GET /a.txt", ("If-None-Match", "*"), 304),
            ("OPTIONS /a.txt", BROWSER, 204),
        ] {
            let got = ask(&http, line, &[field]);
            assert_eq!(got.status, status, "{line}");
            assert_eq!(got.field("Vary"), None, "{line}");
        }
    }

    #[test]
    fn a_page_of_the_sites_own() {
        let site = site();
        let page = |code, path: &str| {
            let status = StatusCode::new(code).unwrap();
            Http1::with(files(&site).error_page(status, path).unwrap())
        };
        let (text, html) = ("text/plain; charset=utf-8", "text/html; charset=utf-8");
        let not_found = "404 Not Found\n";
        for (name, http, line, status, kind, body) in [
            (
                "a page",
                page(404, "/lost.html"),
                "GET /x",
                404,
                html,
                "<h1>Lost?",
            ),
            (
                "for HEAD",
                page(404, "/lost.html"),
                "HEAD /x",
                404,
                html,
                "",
            ),
            (
                "for another",
                page(403, "/lost.html"),
                "GET /x",
                404,
                text,
                not_found,
            ),
            (
                "a hidden one",
                page(404, "/.errors/range.txt"),
                "GET /x",
                404,
                text,
                "no such part",
            ),
            (
                "another status",
                page(405, "/.errors/range.txt"),
                "PUT /a.txt",
                405,
                text,
                "no such part",
            ),
            (
                "it is missing",
                page(404, "/gone.html"),
                "GET /x",
                404,
                text,
                not_found,
            ),
            (
                "a directory",
                page(404, "/dir"),
                "GET /x",
                404,
                text,
                not_found,
            ),
            (
                "outside",
                page(404, "/../secret"),
                "GET /x",
                404,
                text,
                not_found,
            ),
            (
                "itself",
                page(404, "/lost.html"),
                "GET /lost.html",
                200,
                html,
                "<h1>Lost?",
            ),
        ] {
            let got = ask(&http, line, &[]);
            assert_eq!((got.status, got.text()), (status, body), "{name}");
            assert_eq!(got.field("Content-Type"), Some(kind), "{name}");
            assert_eq!(
                got.field("X-Content-Type-Options"),
                Some("nosniff"),
                "{name}"
            );
            assert_eq!(got.field("ETag").is_some(), status == 200, "{name}");
        }
        // The fields of the error stay; conditions and ranges do not apply to its page.
        let http = page(416, "/.errors/range.txt");
        let got = ask(&http, "GET /a.txt", &[("Range", "bytes=99-")]);
        assert_eq!((got.status, got.text()), (416, "no such part"));
        assert_eq!(got.field("Content-Range"), Some("bytes */10"));
        let http = page(406, "/lost.html");
        let got = ask(&http, "GET /coded.js", &[("Accept-Encoding", "zstd")]);
        assert_eq!((got.status, got.text()), (406, "<h1>Lost?"));
        assert_eq!(got.head.matches("\nContent-Type: ").count(), 1);
        assert_eq!(got.field("Vary"), Some("Accept-Encoding"));
        let http = page(404, "/large.svg");
        for fields in [
            &[("If-None-Match", "*")][..],
            &[("Range", "bytes=0-1")],
            &[BROWSER],
        ] {
            let got: Answer = ask(&http, "GET /x", fields);
            assert_eq!((got.status, got.body.len()), (404, 100_000), "{fields:?}");
            for name in ["Last-Modified", "Accept-Ranges", "Content-Range"] {
                assert_eq!(got.field(name), None, "{fields:?}");
            }
        }
    }

    #[test]
    fn what_can_be_no_error_page() {
        let site = site();
        for (code, path, want) in [
            (400, "/a", None),
            (599, "/a", None),
            (399, "/a", Some(ErrorPageError::Status)),
            (200, "/a", Some(ErrorPageError::Status)),
            (404, "a", Some(ErrorPageError::Path)),
            (404, "//a", Some(ErrorPageError::Path)),
            (404, "", Some(ErrorPageError::Path)),
        ] {
            let status = StatusCode::new(code).unwrap();
            let got = files(&site).error_page(status, path).err();
            assert_eq!(got, want, "{code} {path:?}");
        }
        // The last one counts.
        let files = files(&site)
            .error_page(StatusCode::NOT_FOUND, "/a.txt")
            .and_then(|files| files.error_page(StatusCode::NOT_FOUND, "/lost.html"));
        let got = ask(&Http1::with(files.unwrap()), "GET /x", &[]);
        assert_eq!(got.text(), "<h1>Lost?");
    }
}
