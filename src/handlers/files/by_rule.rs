//! How a rule of the site's `_redirects` is followed.

use std::io;

use super::rules::{HEADERS, HeaderRules, REDIRECTS, Redirects, Rule};
use super::send::whole;
use super::store::Found;
use super::{Files, fail, is_hidden, refuse};
use crate::handlers::pages::{self, Besides};
use crate::http::{HttpRequest, HttpResponse, StatusCode};
use crate::sys::beneath::Cause;
use crate::time::Millis;

impl Files {
    /// Looks at the files of rules again.
    #[cold]
    pub(super) fn refresh_rules(&self, now: Millis) {
        let mut store = self.store.borrow_mut();
        let links = store.links;
        self.rules
            .borrow_mut()
            .refresh(store.new_root(now), links, now);
    }

    /// Follows the rule for the path of a request, if there is one. Where a file exists
    /// (`is_shadowed`), only a rule that says so is followed. Whether one was.
    pub(super) fn follow(
        &self,
        redirects: &Redirects,
        is_shadowed: bool,
        req: &HttpRequest,
        res: &mut HttpResponse,
    ) -> io::Result<bool> {
        let path = req.path_bytes();
        let Some((rule, captures)) = redirects.find(path) else {
            return Ok(false);
        };
        if is_shadowed && !rule.is_forced {
            return Ok(false);
        }
        match rule.redirects() {
            true => redirect(rule, one_slash(rule.to.encoded(path, &captures)), req, res)?,
            false => {
                let to = one_slash(rule.to.decoded(path, &captures));
                self.rewrite(rule.status, to, req, res)?;
            }
        }
        Ok(true)
    }

    /// Sends the file at another path. No rule is looked for there.
    fn rewrite(
        &self,
        status: StatusCode,
        mut path: Vec<u8>,
        req: &HttpRequest,
        res: &mut HttpResponse,
    ) -> io::Result<()> {
        // A part of the path in the request may be the name of a hidden file.
        if is_reserved(&path) || (!self.hidden && is_hidden(&path)) {
            return refuse(res, StatusCode::NOT_FOUND);
        }
        let mut found = self.store.borrow_mut().find(&path, req.now());
        if matches!(found, Ok(Found::Directory)) {
            path.push(b'/');
            found = self.store.borrow_mut().find(&path, req.now());
        }
        match found {
            Ok(Found::File(source)) if status == StatusCode::OK => {
                self.negotiate(&path, source, false, req, res)
            }
            // As with the page of an error: no validators, for it is not the file in the request.
            Ok(Found::File(source)) => match source.plain {
                Some(entry) => {
                    let store = self.store.borrow();
                    res.status(status)
                        .header("Content-Type", store.types.content_type(&path))?
                        .body(whole(&entry));
                    Ok(())
                }
                None => fail(Cause::Missing, res),
            },
            Ok(Found::Directory) => fail(Cause::Missing, res),
            Err(cause) => fail(cause, res),
        }
    }
}

/// Changes the fields of a response as the site wants it. The hosts do that with no redirection.
pub(super) fn add_fields(
    headers: &HeaderRules,
    req: &HttpRequest,
    res: &mut HttpResponse,
) -> io::Result<()> {
    match res.status_code() {
        StatusCode::NOT_MODIFIED => headers.apply(req.path_bytes(), res),
        status if (300..400).contains(&status.get()) => {}
        _ => headers.apply(req.path_bytes(), res),
    }
    Ok(())
}

/// A path with one slash at its beginning. Where a splat was empty there are two, and what follows
/// these names another host.
fn one_slash(mut to: Vec<u8>) -> Vec<u8> {
    let slashes = to.iter().take_while(|b| **b == b'/').count();
    to.drain(..slashes.saturating_sub(1));
    to
}

/// Whether a path is that of a file of rules, which is not served.
pub(super) fn is_reserved(path: &[u8]) -> bool {
    let name = path.strip_prefix(b"/").unwrap_or(path);
    name == REDIRECTS.as_bytes() || name == HEADERS.as_bytes()
}

/// Sends the client elsewhere. The query of the request goes along, unless the rule has one.
fn redirect(
    rule: &Rule,
    mut location: Vec<u8>,
    req: &HttpRequest,
    res: &mut HttpResponse,
) -> io::Result<()> {
    if let Some(query) = req.query_str()
        && !location.contains(&b'?')
    {
        let end = location
            .iter()
            .position(|b| *b == b'#')
            .unwrap_or(location.len());
        let query = [b"?", query.as_bytes()].concat();
        location.splice(end..end, query);
    }
    res.header("Location", &location)?;
    pages::say(req, res, rule.status, &Besides::MovedTo(&location))
}
