//! `Site`: what is served over HTTP, as the flags want it.

use std::fmt::Display;
use std::fs;
use std::io;

use httprs::args::{self, Options, Protocol};
use httprs::handlers::cors::Cors;
use httprs::handlers::echo::Echo;
use httprs::handlers::files::{Caching, Files};
use httprs::handlers::headers::Headers;
use httprs::handlers::mime::Types;
use httprs::handlers::websocket::WebSocketEcho;
use httprs::handlers::welcome::Welcome;
use httprs::http::Plan;
use httprs::{Handler, HttpRequest, HttpResponse, StatusCode};

use super::{CONFIG, Failure, USAGE};

/// What is served over HTTP.
pub enum Site {
    /// A welcome page and an echo, without a root.
    Embedded(Welcome<Echo>),
    /// A WebSocket at every path.
    WebSocket(WebSocketEcho),
    /// The files below a root.
    Files(Box<Headers<Cors<Files>>>),
}

impl Site {
    /// Opens the root, if there is one, and checks the flags about files.
    pub fn open(options: &Options) -> Result<Site, Failure> {
        let Some(root) = &options.root else {
            return match options.about_files() {
                Some(flag) => Err((
                    USAGE,
                    format!("{flag} is about files; name a directory with ROOT or --root"),
                )),
                None if options.protocol == Protocol::WebSocket => {
                    Ok(Site::WebSocket(WebSocketEcho::new()))
                }
                None => Ok(Site::Embedded(Welcome::new(Echo))),
            };
        };
        let name = match options.protocol {
            Protocol::Http => None,
            Protocol::Echo => Some("echo"),
            Protocol::WebSocket => Some("websocket"),
        };
        if let Some(name) = name {
            let why = format!("the {name} protocol serves no files; leave out ROOT or --protocol");
            return Err((USAGE, why));
        }
        let files = Files::open(root).map_err(|error| {
            let why = match error.kind() {
                io::ErrorKind::NotADirectory => "it is not a directory".into(),
                io::ErrorKind::NotFound => "there is no such directory".into(),
                io::ErrorKind::PermissionDenied => "permission denied".into(),
                _ => error.to_string(),
            };
            let root = root.display();
            (
                CONFIG,
                format!("{root} cannot be served: {why}; ROOT or --root names a directory"),
            )
        })?;
        let files = files
            .index(&options.index)
            .spa(options.spa)
            .listing(options.listing)
            .hidden(options.hidden)
            .follow_links(!options.no_symlinks)
            .caching(match options.cache {
                args::Caching::Auto => Caching::Auto,
                args::Caching::Off => Caching::Off,
                args::Caching::Seconds(seconds) => Caching::Seconds(seconds),
            })
            .mime(types(options)?)
            .cache(options.file_cache);
        let files = (options.immutable.iter()).fold(files, |files, prefix| files.immutable(prefix));
        let files = error_pages(files, options)?;
        let cors = cors(Cors::new(files), options)?;
        let files = headers(Headers::new(cors), options)?;
        Ok(Site::Files(Box::new(files)))
    }

    /// Warnings of flags that do not work with the files as they are.
    pub fn config_warnings(&self) -> Vec<String> {
        match self {
            Site::Embedded(_) | Site::WebSocket(_) => Vec::new(),
            Site::Files(files) => files.inner().inner().config_warnings(),
        }
    }

    /// The name of the site in the banner.
    pub fn describe(&self, options: &Options) -> String {
        match (options.protocol, self) {
            (Protocol::Echo, _) => "the echo protocol".into(),
            (_, Site::WebSocket(_)) => "a WebSocket echo".into(),
            (_, Site::Embedded(_)) => "a welcome page and an echo".into(),
            (_, Site::Files(_)) => options
                .root
                .as_deref()
                .unwrap_or(".".as_ref())
                .display()
                .to_string(),
        }
    }
}

impl Handler for Site {
    fn plan(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<Plan> {
        match self {
            Site::Embedded(welcome) => welcome.plan(req, res),
            Site::WebSocket(echo) => echo.plan(req, res),
            Site::Files(files) => files.plan(req, res),
        }
    }

    fn handle(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        match self {
            Site::Embedded(welcome) => welcome.handle(req, res),
            Site::WebSocket(echo) => echo.handle(req, res),
            Site::Files(files) => files.handle(req, res),
        }
    }
}

fn error_pages(files: Files, options: &Options) -> Result<Files, Failure> {
    options
        .error_pages
        .iter()
        .try_fold(files, |files, (code, path)| {
            // A number that is no status code is refused like that of a success.
            let status = StatusCode::new(*code).unwrap_or(StatusCode::OK);
            files
                .error_page(status, path)
                .map_err(|error| (USAGE, format!("--error-page {code}={path:?}: {error}")))
        })
}

fn cors(files: Cors<Files>, options: &Options) -> Result<Cors<Files>, Failure> {
    options.cors.iter().try_fold(files, |files, origin| {
        files
            .allow(origin)
            .map_err(|error| (USAGE, format!("--cors {origin:?}: {error}")))
    })
}

fn headers<H: Handler>(files: Headers<H>, options: &Options) -> Result<Headers<H>, Failure> {
    let mut given = options.headers.iter();
    given.try_fold(files, |files, (name, value)| {
        let shown = format!("{name}: {value}");
        // A browser refuses a field of CORS that comes twice.
        if !options.cors.is_empty() && name.to_ascii_lowercase().starts_with("access-control-") {
            let why = "this field is what --cors is for; leave out one of the two";
            return Err((USAGE, format!("--header {shown:?}: {why}")));
        }
        if options.cache != args::Caching::Off && name.eq_ignore_ascii_case("cache-control") {
            let why = "this field is what --cache is for; --cache off leaves it to you";
            return Err((USAGE, format!("--header {shown:?}: {why}")));
        }
        let added = files.add(name, value);
        added.map_err(|error| (USAGE, format!("--header {shown:?}: {error}")))
    })
}

fn types(options: &Options) -> Result<Types, Failure> {
    let mut types = Types::default();
    if let Some(path) = &options.mime_types {
        // With quotes and escapes: the message stays one line.
        let failed = |error: &dyn Display| (CONFIG, format!("--mime-types {path:?}: {error}"));
        let list = fs::read(path).map_err(|error| failed(&error))?;
        types.read(&list).map_err(|error| failed(&error))?;
    }
    for (extension, content_type) in &options.mime {
        types.set(extension, content_type).map_err(|error| {
            let given = format!("{extension}={content_type}");
            (USAGE, format!("--mime {given:?}: {error}"))
        })?;
    }
    Ok(types)
}
