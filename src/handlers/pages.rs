//! Built-in pages for statuses: HTML for browsers, one line of text for other clients. The frame
//! of a page, which listings of directories have too.
//!
//! A page needs no other resource, and its Content-Security-Policy forbids to fetch, to run scripts
//! and to set a base: text that a name or a path smuggles into a page stays text.

use std::io::{self, Write};

use super::escape::Html;
use super::negotiate::best_media_type;
use crate::http::{HttpRequest, HttpResponse, StatusCode};

/// The style of all pages. It follows the reader's preferences: light or dark, small or large.
const STYLE: &str = include_str!("page.css");

/// Answers with a status and its meaning: a page to clients whose `Accept` prefers `text/html` to
/// `text/plain`, as browsers' do, and one line to the others. Fields that were set before stay.
///
/// ```
/// use httprs::handlers::pages;
/// use httprs::{Http1, StatusCode, harness};
///
/// let http = Http1::new(|req, res| pages::explain(req, res, StatusCode::NOT_FOUND));
/// let answer = harness::converse(&http, &[b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n"]);
/// assert!(answer.bytes.starts_with(b"HTTP/1.1 404 Not Found\r\n"));
/// assert!(answer.bytes.ends_with(b"\r\n\r\n404 Not Found\n"));
/// ```
///
/// # Errors
/// None of its own; those of [`HttpResponse::header`] cannot come up.
pub fn explain(req: &HttpRequest, res: &mut HttpResponse, status: StatusCode) -> io::Result<()> {
    say(req, res, status, &Besides::Nothing)
}

/// Details besides a status.
pub(crate) enum Besides<'a> {
    Nothing,
    /// The target of a redirection, which ought to have a link (RFC 9110 §15.4.2).
    MovedTo(&'a [u8]),
    /// The available forms (§15.5.7).
    Forms(&'a [&'a str]),
}

/// Like [`explain`], with details.
pub(crate) fn say(
    req: &HttpRequest,
    res: &mut HttpResponse,
    status: StatusCode,
    besides: &Besides<'_>,
) -> io::Result<()> {
    res.status(status);
    res.header("X-Content-Type-Options", "nosniff")?
        .header("Vary", "Accept")?;
    let reason = status.reason();
    if best_media_type(req.headers(), &["text/plain", "text/html"]) == 0 {
        res.header("Content-Type", "text/plain; charset=utf-8")?;
        writeln!(res, "{status} {reason}")?;
        if let Besides::Forms(names) = besides {
            names.iter().try_for_each(|name| writeln!(res, "{name}"))?;
        }
        return Ok(());
    }
    html(res)?;
    begin(res, format_args!("{status} {reason}"), "")?;
    writeln!(res, "<h1><b>{status}</b> {reason}</h1>")?;
    if let Some(meaning) = meaning(status) {
        writeln!(res, "<p>{meaning}</p>")?;
    }
    match besides {
        Besides::Nothing => {}
        Besides::MovedTo(link) => {
            let link = Html(link);
            writeln!(res, "<p>It is at <a href=\"{link}\">{link}</a> now.</p>")?;
        }
        Besides::Forms(names) => {
            writeln!(res, "<ul>")?;
            for name in *names {
                writeln!(res, "<li>{}</li>", Html(name.as_bytes()))?;
            }
            writeln!(res, "</ul>")?;
        }
    }
    end(res)
}

/// The explanation for a reader, besides the name of the status.
fn meaning(status: StatusCode) -> Option<&'static str> {
    Some(match status {
        StatusCode::FORBIDDEN => "The server may not read the file at this address.",
        StatusCode::NOT_FOUND => "There is nothing at this address.",
        StatusCode::METHOD_NOT_ALLOWED => "This address can be read, and nothing else.",
        StatusCode::NOT_ACCEPTABLE => "The file has these codings, and the request accepts none.",
        StatusCode::PRECONDITION_FAILED => "The file is no longer what the request takes it for.",
        StatusCode::RANGE_NOT_SATISFIABLE => "The requested part of the file is not there.",
        StatusCode::INTERNAL_SERVER_ERROR => "Something went wrong on the server.",
        StatusCode::SERVICE_UNAVAILABLE => "The server is too busy just now. Try again soon.",
        _ => return None,
    })
}

/// Adds the fields of a built-in page.
pub(crate) fn html(res: &mut HttpResponse) -> io::Result<()> {
    res.header("Content-Type", "text/html; charset=utf-8")?
        .header(
            "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
        )?;
    Ok(())
}

/// Writes the beginning of a page, up to its content. The title is escaped already; `style` is
/// added to the common style.
pub(crate) fn begin(
    out: &mut impl Write,
    title: std::fmt::Arguments<'_>,
    style: &str,
) -> io::Result<()> {
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}{style}</style>\n<main>"
    )
}

/// Writes the end of a page.
pub(crate) fn end(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "</main>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::every_split;
    use crate::http::Http1;

    const BROWSER: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

    fn ask(accept: &str, status: StatusCode, link: Option<&'static str>) -> String {
        let http = Http1::new(move |req, res| match link {
            Some(link) => say(req, res, status, &Besides::MovedTo(link.as_bytes())),
            None => explain(req, res, status),
        });
        let wire = format!("GET / HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n");
        String::from_utf8(every_split(&http, wire.as_bytes()).bytes).unwrap()
    }

    #[test]
    fn people_get_a_page_and_programs_a_line() {
        for status in StatusCode::ALL
            .iter()
            .filter(|s| s.get() >= 300 && s.get() != 304)
        {
            let line = format!("{status} {}", status.reason());
            let text = ask("*/*", *status, None);
            assert!(text.starts_with(&format!("HTTP/1.1 {line}\r\n")), "{text}");
            assert!(text.ends_with(&format!("\r\n\r\n{line}\n")), "{text}");
            let page = ask(BROWSER, *status, None);
            assert!(page.contains(&format!("<title>{line}</title>")), "{page}");
            assert!(page.ends_with("</main>\n"), "{page}");
            for answer in [&text, &page] {
                assert!(answer.contains("\r\nVary: Accept\r\n"), "{answer}");
                assert!(answer.contains("\r\nX-Content-Type-Options: nosniff\r\n"));
            }
            assert!(!page.contains("<script"), "{page}");
        }
        let page = ask(BROWSER, StatusCode::NOT_FOUND, None);
        for part in [
            "\r\nContent-Type: text/html; charset=utf-8\r\n",
            "\r\nContent-Security-Policy: default-src 'none'; style-src 'unsafe-inline';",
            "<html lang=\"en\">",
            "name=\"viewport\"",
            "prefers-color-scheme: dark",
            "<p>There is nothing at this address.</p>",
        ] {
            assert!(page.contains(part), "{part:?} in {page}");
        }
    }

    #[test]
    fn a_link_is_escaped() {
        let page = ask(BROWSER, StatusCode::MOVED_PERMANENTLY, Some("./a/?b=\"'&c"));
        let link = "./a/?b=&quot;&#39;&amp;c";
        let want = format!("<p>It is at <a href=\"{link}\">{link}</a> now.</p>");
        assert!(page.contains(&want), "{page}");
    }
}
