//! [`send()`]: a file as an answer: whole, in part, or not at all (RFC 9110 §13, §14).

use std::io::{self, Write};

use super::entry::{Content, Entry};
use super::refuse;
use crate::http::conditional::{self, Outcome};
use crate::http::date::imf_fixdate;
use crate::http::range::{self, Range};
use crate::http::{Body, HttpRequest, HttpResponse, Method, StatusCode};
use crate::process::FileRange;

/// Answers with a file, with a part of it, or with 304. `negotiated`: other requests may get
/// another form of the file.
pub fn send(
    entry: &Entry,
    negotiated: bool,
    req: &HttpRequest,
    res: &mut HttpResponse,
) -> io::Result<()> {
    let now = req.now().unix();
    // A time in the future would make the next change look like none (RFC 9110 §8.8.2.1).
    let changed = entry.changed.map(|changed| changed.min(now));
    let etag = entry.etag.as_deref();
    match conditional::evaluate(req.headers(), req.method(), etag, changed, now) {
        Outcome::Proceed => {}
        Outcome::NotModified => {
            res.status(StatusCode::NOT_MODIFIED);
            return push_validators(entry, changed, res);
        }
        Outcome::PreconditionFailed => return refuse(res, StatusCode::PRECONDITION_FAILED),
    }
    // Forms of a file may share a time and differ in bytes, so a time does not tell of which form
    // the client has a part.
    let strong = changed.filter(|_| !negotiated);
    let (start, end) = match asked_range(entry, strong, req) {
        Range::Whole => {
            res.lines(&entry.about).body(whole(entry));
            return push_validators(entry, changed, res);
        }
        Range::Unsatisfiable => {
            content_range(res, format_args!("bytes */{}", entry.size))?;
            return refuse(res, StatusCode::RANGE_NOT_SATISFIABLE);
        }
        Range::Part { start, end } => (start, end),
    };
    res.status(StatusCode::PARTIAL_CONTENT).lines(&entry.about);
    push_validators(entry, changed, res)?;
    content_range(res, format_args!("bytes {start}-{end}/{}", entry.size))?;
    match &entry.content {
        // Shared bytes are sent to their end, so a part of them is copied. There are few.
        Content::Memory(bytes) => res.write_all(&bytes[start as usize..=end as usize]),
        Content::Open(file) => {
            res.body(Body::File(FileRange {
                file: file.clone(),
                offset: start,
                len: end - start + 1,
            }));
            Ok(())
        }
    }
}

/// The range in the request: of the coded bytes, where the file is coded (RFC 9110 §14.2). Only GET
/// has ranges.
fn asked_range(entry: &Entry, changed: Option<u64>, req: &HttpRequest) -> Range {
    let fields = req.headers();
    let mut values = fields.get_all("range");
    match (values.next(), values.next()) {
        (Some(value), None)
            if req.method() == Method::Get
                && conditional::if_range_holds(
                    fields,
                    entry.etag.as_deref(),
                    changed,
                    req.now().unix(),
                ) =>
        {
            range::resolve(value, entry.size)
        }
        _ => Range::Whole,
    }
}

/// A body with the whole file.
pub fn whole(entry: &Entry) -> Body {
    match &entry.content {
        Content::Memory(bytes) => Body::Shared(bytes.clone()),
        Content::Open(file) => Body::File(FileRange {
            file: file.clone(),
            offset: 0,
            len: entry.size,
        }),
    }
}

/// Adds the fields of a file that a 304 has as well.
fn push_validators(entry: &Entry, changed: Option<u64>, res: &mut HttpResponse) -> io::Result<()> {
    res.lines(&entry.caching);
    if changed == entry.changed {
        res.lines(&entry.validators);
        return Ok(());
    }
    if let Some(etag) = &entry.etag {
        res.header("ETag", etag)?;
    }
    if let Some(changed) = changed {
        res.header("Last-Modified", imf_fixdate(changed))?;
    }
    Ok(())
}

/// Adds Content-Range without allocating: `bytes`, three numbers of at most twenty digits, signs.
fn content_range(res: &mut HttpResponse, value: std::fmt::Arguments<'_>) -> io::Result<()> {
    let mut text = [0; 80];
    let mut rest = &mut text[..];
    rest.write_fmt(value)?;
    let left = rest.len();
    res.header("Content-Range", &text[..text.len() - left])?;
    Ok(())
}
