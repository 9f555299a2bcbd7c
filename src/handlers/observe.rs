//! [`Observe`]: calls a closure with each request and its response.

use std::io;

use crate::http::{HttpRequest, HttpResponse, Layer};

/// Calls a closure behind the handler with what was asked and what is answered: to log or to count
/// what the access log does not know, such as the size of a body. The closure sees the response
/// before it is sent; how that ends, the access log says.
///
/// ```
/// use std::io::Write;
/// use std::sync::{Arc, Mutex};
/// use httprs::handlers::Observe;
/// use httprs::{Handler, Http1, HttpRequest, HttpResponse, harness};
///
/// let lines = Arc::<Mutex<Vec<String>>>::default();
/// let into = lines.clone();
/// let log = Observe::new(move |req, res| {
///     let (asked, answered) = (req.body().len(), res.body_len());
///     into.lock().unwrap().push(format!("{} {asked} {answered:?}", req.path()));
/// });
/// let echo = |req: &HttpRequest, res: &mut HttpResponse| res.write_all(&req.body()[1..]);
/// let http = Http1::with(echo.wrap(log));
/// let request = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
/// harness::converse(&http, &[request]);
/// assert_eq!(*lines.lock().unwrap(), ["/x 5 Some(4)"]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Observe<F>(F);

impl<F: Fn(&HttpRequest, &HttpResponse)> Observe<F> {
    /// Calls this.
    pub fn new(observe: F) -> Observe<F> {
        Observe(observe)
    }
}

impl<F: Fn(&HttpRequest, &HttpResponse)> Layer for Observe<F> {
    fn after(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        (self.0)(req, res);
        Ok(())
    }
}
