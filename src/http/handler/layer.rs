//! [`Layer`]: what is around a handler, such as a check before it and fields behind it, and
//! [`Wrap`], the two together.

use std::io;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use super::{Handler, HttpRequest, HttpResponse, Plan};

/// What is around a handler (middleware): it may answer in the place of the handler, and it may add
/// to the handler's responses. [`Handler::wrap`] puts a handler into one.
///
/// ```
/// use std::io::{self, Write};
/// use httprs::http::{Layer, Pass};
/// use httprs::{Handler, Http1, HttpRequest, HttpResponse, StatusCode, harness};
///
/// struct Closed;
///
/// impl Layer for Closed {
///     fn before(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<Pass> {
///         if req.path().starts_with("/private") {
///             res.status(StatusCode::FORBIDDEN).text("not for you\n")?;
///             return Ok(Pass::Answered);
///         }
///         Ok(Pass::On)
///     }
///     fn after(&self, _: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
///         res.header("X-Checked", "yes")?;
///         Ok(())
///     }
/// }
///
/// let hello = |_: &HttpRequest, res: &mut HttpResponse| writeln!(res, "hello");
/// let http = Http1::with(hello.wrap(Closed));
/// for (path, status, body) in [("/", "200", "hello\n"), ("/private", "403", "not for you\n")] {
///     let wire = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
///     let answer = String::from_utf8(harness::converse(&http, &[wire.as_bytes()]).bytes).unwrap();
///     assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.ends_with(body));
///     assert_eq!(answer.contains("X-Checked"), path == "/");
/// }
/// ```
pub trait Layer {
    /// Before the handler is asked. Called when the head of a request is there, so that the body of
    /// a request that is refused need not be read, and once more before the handler has the body: a
    /// layer that counts, or has much to do, has a [`Mark`]. By default, every request passes.
    ///
    /// # Errors
    /// As with [`Handler::handle`]; the handler is not asked.
    fn before(&self, _req: &HttpRequest, _res: &mut HttpResponse) -> io::Result<Pass> {
        Ok(Pass::On)
    }

    /// Behind the handler, when it has filled in its response. Not called where the handler failed,
    /// and where the layer has answered itself. Where the body of the request goes to a
    /// [`Sink`](crate::http::Sink) of the handler, called before that has answered. By default,
    /// does nothing.
    ///
    /// # Errors
    /// As with [`Handler::handle`].
    fn after(&self, _req: &HttpRequest, _res: &mut HttpResponse) -> io::Result<()> {
        Ok(())
    }
}

/// Whether a request goes on to the handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// The request goes on.
    On,
    /// The layer has filled in the response.
    Answered,
}

/// A handler with a layer around it: see [`Handler::wrap`].
#[derive(Clone, Debug)]
pub struct Wrap<L, H> {
    layer: L,
    inner: H,
}

impl<L: Layer, H: Handler> Wrap<L, H> {
    /// The layer around the handler.
    pub fn new(layer: L, inner: H) -> Wrap<L, H> {
        Wrap { layer, inner }
    }
}

impl<L, H> Wrap<L, H> {
    /// The layer.
    pub fn layer(&self) -> &L {
        &self.layer
    }

    /// The layer, to change its settings.
    pub fn layer_mut(&mut self) -> &mut L {
        &mut self.layer
    }

    /// The handler inside.
    pub fn inner(&self) -> &H {
        &self.inner
    }
}

impl<L: Layer, H: Handler> Handler for Wrap<L, H> {
    #[inline]
    fn plan(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<Plan> {
        if self.layer.before(req, res)? == Pass::Answered {
            return Ok(Plan::Answered);
        }
        let plan = self.inner.plan(req, res)?;
        // With any other plan, `handle` is not called.
        if !matches!(plan, Plan::Gather) {
            self.layer.after(req, res)?;
        }
        Ok(plan)
    }

    #[inline]
    fn handle(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        // A closure around this has no plan, so this may be the first time.
        if self.layer.before(req, res)? == Pass::Answered {
            return Ok(());
        }
        self.inner.handle(req, res)?;
        self.layer.after(req, res)
    }
}

/// What a layer remembers of a request: that it has let it pass, or has counted it.
#[derive(Debug)]
pub struct Mark(usize);

impl Mark {
    /// A mark that differs from all others.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Mark {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        Mark(NEXT.fetch_add(1, Relaxed))
    }

    /// Whether the request has this mark.
    pub fn is_on(&self, req: &HttpRequest) -> bool {
        req.marks.borrow().contains(&self.0)
    }

    /// Puts the mark on the request.
    pub fn put(&self, req: &HttpRequest) {
        req.marks.borrow_mut().push(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::converse;
    use crate::http::{Http1, StatusCode};
    use std::cell::RefCell;
    use std::io::Write;
    use std::rc::Rc;

    /// Writes down what it is asked; refuses requests of its name.
    struct Witness {
        name: &'static str,
        log: Rc<RefCell<Vec<String>>>,
        mark: Mark,
    }

    impl Layer for Witness {
        fn before(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<Pass> {
            let again = if self.mark.is_on(req) { " again" } else { "" };
            self.log.borrow_mut().push(format!("{}{again}", self.name));
            if req.path().ends_with(self.name) {
                res.status(StatusCode::FORBIDDEN);
                return Ok(Pass::Answered);
            }
            self.mark.put(req);
            Ok(Pass::On)
        }

        fn after(&self, _: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
            self.log.borrow_mut().push(format!("after {}", self.name));
            res.header("X-After", self.name)?;
            Ok(())
        }
    }

    #[test]
    fn layers_are_asked_from_the_outermost_and_none_is_gone_around() {
        let log = Rc::<RefCell<Vec<String>>>::default();
        let witness = |name| Witness {
            name,
            log: log.clone(),
            mark: Mark::new(),
        };
        let inner = |_: &HttpRequest, res: &mut HttpResponse| write!(res, "inner");
        let wrapped = inner.wrap(witness("in")).wrap(witness("out"));
        let http = Http1::new(move |req, res| wrapped.handle(req, res));
        let inner = |_: &HttpRequest, res: &mut HttpResponse| write!(res, "inner");
        let planned = Http1::with(inner.wrap(witness("in")).wrap(witness("out")));
        for (path, is_planned, status, want) in [
            (
                "/",
                true,
                200,
                "out|in|out again|in again|after in|after out",
            ),
            ("/in", true, 403, "out|in|after out"),
            ("/out", true, 403, "out"),
            ("/", false, 200, "out|in|after in|after out"),
            ("/in", false, 403, "out|in|after out"),
        ] {
            let wire = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
            let bytes = match is_planned {
                true => converse(&planned, &[wire.as_bytes()]).bytes,
                false => converse(&http, &[wire.as_bytes()]).bytes,
            };
            let text = String::from_utf8(bytes).unwrap();
            assert!(
                text.starts_with(&format!("HTTP/1.1 {status} ")),
                "{path}: {text}"
            );
            assert_eq!(log.take().join("|"), want, "{path} {is_planned}");
        }
    }
}
