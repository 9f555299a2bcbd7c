//! [`Router`]: which handler answers, by method and path.
//!
//! Where several patterns match, the most specific one wins, segment by segment from the left: a
//! literal before `{name}` before `{*rest}`. The order in which routes were added does not matter.

mod tree;

use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::sync::Arc;

use crate::http::{Handler, HttpRequest, HttpResponse, Method, Plan, StatusCode};

use tree::{Node, Spans};

type BoxedHandler = Box<dyn Handler + Send>;

/// Routes that are being gathered, until [`Routes::build`] makes a [`Router`] of them.
#[derive(Default)]
pub struct Routes {
    routes: Vec<(Option<Method>, String, BoxedHandler)>,
    fallback: Option<BoxedHandler>,
}

/// Hands each request to the handler of its route.
///
/// A pattern is a path: segments stand for themselves, `{name}` for any one segment, and `{*name}`
/// at the end for all that follows, be it nothing. [`HttpRequest::param`] has what they stand for.
/// A path that no pattern matches goes to the fallback, or is 404; with another method it is 405,
/// and `Allow` says which there are. HEAD is answered by what answers GET, and OPTIONS by the
/// router itself, unless there are routes for them.
///
/// ```
/// use std::io::Write;
/// use httprs::handlers::Routes;
/// use httprs::{Http1, harness};
///
/// let api = Routes::new()
///     .get("/users/{id}", |req, res| writeln!(res, "user {}", req.param_as::<u64>("id")?))
///     .get("/users/me", |_, res| writeln!(res, "you"));
/// let router = Routes::new()
///     .get("/", |_, res| writeln!(res, "hello"))
///     .nest("/api", api)
///     .build()?;
/// let http = Http1::with(router);
/// for (path, status, body) in [
///     ("/", "200", "hello\n"),
///     ("/api/users/42", "200", "user 42\n"),
///     ("/api/users/me", "200", "you\n"),
///     ("/api/users/x", "400", "400 Bad Request: id is malformed\n"),
///     ("/api", "404", "404 Not Found\n"),
/// ] {
///     let wire = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
///     let answer = harness::converse(&http, &[wire.as_bytes()]);
///     let text = String::from_utf8(answer.bytes).unwrap();
///     assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {text}");
///     assert!(text.ends_with(body), "{path}: {text}");
/// }
/// # Ok::<(), httprs::handlers::RouteError>(())
/// ```
pub struct Router {
    root: Node,
    routes: Vec<Route>,
    fallback: Option<BoxedHandler>,
}

/// Why routes make no router.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RouteError {
    /// A pattern that is none, and why.
    Pattern(String, &'static str),
    /// Two patterns that match the same paths, with the same method.
    Ambiguous(String, String),
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RouteError::Pattern(pattern, why) => write!(f, "{pattern:?} is no pattern: {why}"),
            RouteError::Ambiguous(one, other) => {
                write!(f, "{one:?} and {other:?} match the same requests")
            }
        }
    }
}

impl std::error::Error for RouteError {}

impl From<RouteError> for io::Error {
    fn from(error: RouteError) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidInput, error)
    }
}

/// The handlers of the patterns that match the same paths.
struct Route {
    by_method: Vec<Handled>,
}

/// A handler, and the pattern that it was added with.
struct Handled {
    /// `None` for any method.
    method: Option<Method>,
    pattern: String,
    names: Arc<[Box<str>]>,
    handler: BoxedHandler,
}

impl Routes {
    /// No routes.
    pub fn new() -> Routes {
        Routes::default()
    }

    /// Adds a handler for GET, and for HEAD.
    pub fn get<F>(self, pattern: &str, handler: F) -> Routes
    where
        F: Fn(&HttpRequest, &mut HttpResponse) -> io::Result<()> + Send + 'static,
    {
        self.on(Method::Get, pattern, handler)
    }

    /// Adds a handler for POST.
    pub fn post<F>(self, pattern: &str, handler: F) -> Routes
    where
        F: Fn(&HttpRequest, &mut HttpResponse) -> io::Result<()> + Send + 'static,
    {
        self.on(Method::Post, pattern, handler)
    }

    /// Adds a handler of any type for a method.
    pub fn on(
        mut self,
        method: Method,
        pattern: &str,
        handler: impl Handler + Send + 'static,
    ) -> Routes {
        let route = (Some(method), pattern.to_owned(), Box::new(handler) as _);
        self.routes.push(route);
        self
    }

    /// Adds a handler of any type for the methods that have none of their own.
    pub fn any(mut self, pattern: &str, handler: impl Handler + Send + 'static) -> Routes {
        self.routes
            .push((None, pattern.to_owned(), Box::new(handler)));
        self
    }

    /// Adds other routes below a prefix, which may have parameters, too: `/` of them is the prefix
    /// itself. Their fallback is not used.
    pub fn nest(mut self, prefix: &str, routes: Routes) -> Routes {
        let prefix = prefix.trim_end_matches('/');
        for (method, pattern, handler) in routes.routes {
            let pattern = match (prefix, &pattern[..]) {
                ("", _) => pattern,
                (_, "/") => prefix.to_owned(),
                _ => format!("{prefix}{pattern}"),
            };
            self.routes.push((method, pattern, handler));
        }
        self
    }

    /// What answers where no pattern matches, such as [`Files`](super::files::Files).
    pub fn fallback(mut self, handler: impl Handler + Send + 'static) -> Routes {
        self.fallback = Some(Box::new(handler));
        self
    }

    /// Makes a router.
    ///
    /// # Errors
    /// A pattern is malformed, or two of them match the same paths with the same method.
    pub fn build(self) -> Result<Router, RouteError> {
        let mut router = Router {
            root: Node::default(),
            routes: Vec::new(),
            fallback: self.fallback,
        };
        for (method, pattern, handler) in self.routes {
            router.add(method, pattern, handler)?;
        }
        Ok(router)
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patterns = self.routes.iter().map(|(_, pattern, _)| pattern);
        f.debug_list().entries(patterns).finish()
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let handled = self.routes.iter().flat_map(|route| &route.by_method);
        f.debug_list()
            .entries(handled.map(|one| &one.pattern))
            .finish()
    }
}

impl Router {
    fn add(
        &mut self,
        method: Option<Method>,
        pattern: String,
        handler: BoxedHandler,
    ) -> Result<(), RouteError> {
        let placed = self.root.place(&pattern);
        let (place, names) = placed.map_err(|why| RouteError::Pattern(pattern.clone(), why))?;
        let at = *place.get_or_insert(self.routes.len());
        if at == self.routes.len() {
            let by_method = Vec::new();
            self.routes.push(Route { by_method });
        }
        let route = &mut self.routes[at];
        if let Some(other) = route.by_method.iter().find(|one| one.method == method) {
            return Err(RouteError::Ambiguous(other.pattern.clone(), pattern));
        }
        route.by_method.push(Handled {
            method,
            pattern,
            names,
            handler,
        });
        Ok(())
    }

    /// The route of a request's path, and where the parameters are.
    fn route(&self, req: &HttpRequest, spans: &mut Spans) -> Option<&Route> {
        // Decoded, an encoded slash would end a segment, and a parameter is text.
        let path = req.path_bytes();
        if req.has_encoded_slash() || std::str::from_utf8(path).is_err() {
            return None;
        }
        let at = self.root.find(path, 1, spans)?;
        self.routes.get(at)
    }

    /// What answers a request, with its parameters set.
    fn choose(&self, req: &HttpRequest) -> Choice<'_> {
        let mut spans = Spans::default();
        let Some(route) = self.route(req, &mut spans) else {
            return match &self.fallback {
                Some(handler) => Choice::Handler(&**handler),
                None => Choice::NotFound,
            };
        };
        let by = |method| route.by_method.iter().find(|one| one.method == method);
        let method = req.method();
        let head = || by(Some(Method::Get)).filter(|_| method == Method::Head);
        match by(Some(method)).or_else(head).or_else(|| by(None)) {
            Some(one) => {
                req.set_params(&one.names, spans.get());
                Choice::Handler(&*one.handler)
            }
            None => Choice::OtherMethods(route),
        }
    }
}

enum Choice<'r> {
    Handler(&'r dyn Handler),
    NotFound,
    OtherMethods(&'r Route),
}

impl Handler for Router {
    fn plan(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<Plan> {
        match self.choose(req) {
            Choice::Handler(handler) => handler.plan(req, res),
            // What is refused has no use for a body.
            _ => self.handle(req, res).map(|()| Plan::Answered),
        }
    }

    fn handle(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        let status = match self.choose(req) {
            Choice::Handler(handler) => return handler.handle(req, res),
            Choice::NotFound => StatusCode::NOT_FOUND,
            Choice::OtherMethods(route) => {
                res.header("Allow", route.allow())?;
                match req.method() {
                    Method::Options => StatusCode::NO_CONTENT,
                    _ => StatusCode::METHOD_NOT_ALLOWED,
                }
            }
        };
        res.status(status);
        if status == StatusCode::NO_CONTENT {
            return Ok(());
        }
        res.header("Content-Type", "text/plain; charset=utf-8")?;
        writeln!(res, "{} {}", status.get(), status.reason())
    }
}

impl Route {
    /// The methods that it has, for `Allow`.
    fn allow(&self) -> String {
        let mut allow = String::new();
        for method in self.by_method.iter().filter_map(|one| one.method) {
            let _ = write!(allow, "{method}, ");
            if method == Method::Get {
                allow.push_str("HEAD, ");
            }
        }
        match allow.contains("OPTIONS") {
            true => allow.trim_end_matches(", ").to_owned(),
            false => allow + "OPTIONS",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::every_split;
    use crate::http::Http1;

    fn ask(http: &Http1<Router>, line: &str) -> String {
        let wire = format!("{line} HTTP/1.1\r\nHost: x\r\n\r\n");
        String::from_utf8(every_split(http, wire.as_bytes()).bytes).unwrap()
    }

    /// Says which route it is, and with what parameters.
    fn say(
        name: &'static str,
    ) -> impl Fn(&HttpRequest, &mut HttpResponse) -> io::Result<()> + Send {
        move |req, res| {
            write!(res, "{name}")?;
            for param in ["a", "b", "rest"] {
                if let Some(value) = req.param(param) {
                    write!(res, " {param}={value}")?;
                }
            }
            Ok(())
        }
    }

    #[test]
    fn the_most_specific_route_answers_whatever_the_order() {
        let patterns = [
            "/",
            "/x",
            "/x/",
            "/x/{a}",
            "/x/y",
            "/x/{a}/z",
            "/x/y/{b}",
            "/x/{a}/{b}/w",
            "/x/{*rest}",
            "/{a}/only",
            "/files/{*rest}",
        ];
        for reversed in [false, true] {
            let mut order: Vec<_> = patterns.to_vec();
            if reversed {
                order.reverse();
            }
            let routes = order.into_iter().fold(Routes::new(), |routes, pattern| {
                routes.get(pattern, say(pattern))
            });
            let http = Http1::with(routes.build().unwrap());
            for (path, want) in [
                ("/", "/"),
                ("/x", "/x"),
                ("/x/", "/x/"),
                ("/x/y", "/x/y"),
                ("/x/q", "/x/{a} a=q"),
                ("/x/%C3%BC%20b", "/x/{a} a=ü b"),
                ("/x/y/z", "/x/y/{b} b=z"),
                ("/x/q/z", "/x/{a}/z a=q"),
                ("/x/y/q/w", "/x/{a}/{b}/w a=y b=q"),
                ("/x/y/q/v", "/x/{*rest} rest=y/q/v"),
                ("/x/only", "/x/{a} a=only"),
                ("/q/only", "/{a}/only a=q"),
                ("/files/", "/files/{*rest} rest="),
                ("/files/a/b.c", "/files/{*rest} rest=a/b.c"),
                ("/files", "404 Not Found\n"),
                ("/q", "404 Not Found\n"),
                ("/q/only/", "404 Not Found\n"),
                ("/x/a%2Fb", "404 Not Found\n"),
                ("/x/%FF", "404 Not Found\n"),
            ] {
                let got = ask(&http, &format!("GET {path}"));
                let body = got.split_once("\r\n\r\n").unwrap().1;
                assert_eq!(body, want, "{path}, reversed: {reversed}");
            }
        }
    }

    #[test]
    fn methods_and_what_there_is_instead() {
        let routes = Routes::new()
            .get("/a", say("get"))
            .post("/a", say("post"))
            .any("/b", say("any"))
            .on(Method::Delete, "/b", say("delete"))
            .on(Method::Options, "/c", say("own"));
        let http = Http1::with(routes.build().unwrap());
        for (line, status, has) in [
            ("GET /a", "200", "\r\n\r\nget"),
            ("HEAD /a", "200", "Content-Length: 3\r\n"),
            ("POST /a", "200", "\r\n\r\npost"),
            ("PUT /a", "405", "Allow: GET, HEAD, POST, OPTIONS\r\n"),
            ("OPTIONS /a", "204", "Allow: GET, HEAD, POST, OPTIONS\r\n"),
            ("BREW /a", "405", "405 Method Not Allowed\n"),
            ("DELETE /b", "200", "\r\n\r\ndelete"),
            ("BREW /b", "200", "\r\n\r\nany"),
            ("OPTIONS /c", "200", "\r\n\r\nown"),
            ("GET /c", "405", "Allow: OPTIONS\r\n"),
        ] {
            let got = ask(&http, line);
            assert!(
                got.starts_with(&format!("HTTP/1.1 {status} ")),
                "{line}: {got}"
            );
            assert!(got.contains(has), "{line}: {got}");
        }
    }

    #[test]
    fn nesting_and_fallback() {
        let inner = Routes::new().get("/", say("index")).get("/{b}", say("one"));
        let routes = Routes::new()
            .nest("/v1/{a}", inner)
            .fallback(say("fallback"));
        let http = Http1::with(routes.build().unwrap());
        for (path, want) in [
            ("/v1/q", "index a=q"),
            ("/v1/q/r", "one a=q b=r"),
            ("/v1/q/", "fallback"),
            ("/else", "fallback"),
        ] {
            assert!(ask(&http, &format!("GET {path}")).ends_with(want), "{path}");
        }
    }

    #[test]
    fn what_is_no_pattern_or_is_there_already() {
        let build = |patterns: &[&str]| {
            let routes = patterns.iter().fold(Routes::new(), |routes, pattern| {
                routes.get(pattern, say("x"))
            });
            routes
                .build()
                .map(|_| ())
                .map_err(|error| error.to_string())
        };
        for (patterns, want) in [
            (&["/a", "/{a}"][..], None),
            (&["/{a}/b", "/a/{b}"], None),
            (
                &["/a", "/a"],
                Some("\"/a\" and \"/a\" match the same requests"),
            ),
            (
                &["/u/{id}", "/u/{name}"],
                Some("\"/u/{id}\" and \"/u/{name}\" match the same requests"),
            ),
            (
                &["/{*a}", "/{*b}"],
                Some("\"/{*a}\" and \"/{*b}\" match the same requests"),
            ),
            (&["a"], Some("\"a\" is no pattern: it begins with a slash")),
            (
                &["/a//b"],
                Some("\"/a//b\" is no pattern: paths have no empty segments"),
            ),
            (
                &["/{}"],
                Some("\"/{}\" is no pattern: a name has letters, digits and _"),
            ),
            (
                &["/{a}/{a}"],
                Some("\"/{a}/{a}\" is no pattern: a name is there twice"),
            ),
            (
                &["/{*a}/b"],
                Some("\"/{*a}/b\" is no pattern: {*rest} ends a pattern"),
            ),
            (
                &["/{a}.json"],
                Some("\"/{a}.json\" is no pattern: a segment is literal, {name} or {*rest}"),
            ),
        ] {
            assert_eq!(build(patterns).err().as_deref(), want, "{patterns:?}");
        }
    }
}
