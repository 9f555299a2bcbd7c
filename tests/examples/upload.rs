//! Uploads to disk, piece by piece: a body of any size takes no memory, and a body that breaks off
//! leaves no file.
//!
//! `cargo run --example upload 127.0.0.1:8080 /tmp`, then `curl -T photo.jpg localhost:8080/`

use std::env;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use httprs::http::{HttpError, Plan, Sink, Want};
use httprs::{Handler, Http1, HttpRequest, HttpResponse, Method, Server, StatusCode};

fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let folder = PathBuf::from(env::args().nth(2).unwrap_or(".".into()));
    let server = Server::bind(&address)?.own_signals();
    println!("http://{}/", server.local_addr()?);
    server.run(Http1::with(Uploads { folder }))?;
    Ok(())
}

struct Uploads {
    folder: PathBuf,
}

impl Handler for Uploads {
    /// Called when the head of a request is there, and before its body.
    fn plan(&self, req: &HttpRequest, _: &mut HttpResponse) -> io::Result<Plan> {
        let name = req.path().trim_start_matches('/');
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let is_name = name.chars().all(is_plain) && !name.is_empty() && !name.starts_with('.');
        if req.method() != Method::Put || !is_name {
            let why = "PUT a file with a plain name";
            return Err(HttpError::new(StatusCode::BAD_REQUEST, why).into());
        }
        let part = self.folder.join(format!(".{name}.{}", std::process::id()));
        Ok(Plan::Stream(Box::new(Upload {
            file: File::create_new(&part)?,
            part,
            path: self.folder.join(name),
        })))
    }

    fn handle(&self, _: &HttpRequest, _: &mut HttpResponse) -> io::Result<()> {
        unreachable!("each plan is a stream or an error")
    }
}

/// A file that is being written under another name.
struct Upload {
    file: File,
    part: PathBuf,
    path: PathBuf,
}

impl Sink for Upload {
    fn piece(&mut self, bytes: &[u8]) -> io::Result<Want> {
        self.file.write_all(bytes)?;
        Ok(Want::More)
    }

    fn answer(self: Box<Self>, _: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        fs::rename(&self.part, &self.path)?;
        res.status(StatusCode::CREATED).text("stored\n")
    }

    fn max_bytes(&self, _: u64) -> u64 {
        1 << 30
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // Where the upload is complete, it has its name, and this fails.
        let _ = fs::remove_file(&self.part);
    }
}
