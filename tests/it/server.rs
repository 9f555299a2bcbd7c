//! What the tests that run the program share: a server that is started and ended, a client that
//! reads one framed response at a time, and how long to wait.
//!
//! Nothing here asserts on speed: a machine that is busy with something else is no failure, so
//! what has to come about is waited for, for as long as [`LONGEST`]. Signals are sent with
//! `kill(1)`, because `unsafe` stays in `src/sys`.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take that must happen at all.
pub const LONGEST: Duration = Duration::from_secs(20);

/// Waits until `happened` says so; fails with `what` if it never does. Returns how long it took.
#[track_caller]
pub fn wait_until(what: &str, mut happened: impl FnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !happened() {
        assert!(began.elapsed() < LONGEST, "{what}: still not so");
        thread::sleep(Duration::from_millis(3));
    }
    began.elapsed()
}

/// What the test harness calls a test of a module: by its path, without that of the crate.
pub fn test_name(module: &str, name: &str) -> String {
    match module.split_once("::") {
        Some((_, path)) => format!("{path}::{name}"),
        None => name.to_owned(),
    }
}

pub fn sleep_ms(ms: u64) {
    thread::sleep(Duration::from_millis(ms));
}

/// The program, in an environment that sets none of its options.
pub fn program() -> Command {
    clean(Command::new(env!("CARGO_BIN_EXE_httprs")))
}

/// The same command without the variables that the program reads.
pub fn clean(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        let is_ours = name.to_string_lossy().starts_with("HTTPRS_");
        if is_ours || name == "PORT" || name == "WEB_CONCURRENCY" {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// Lines that a process has written so far.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<String>>>, Arc<AtomicBool>);

impl Lines {
    /// Gathers what can be read, in a thread of its own, until it ends.
    fn of(source: impl Read + Send + 'static) -> Lines {
        let lines = Lines::default();
        let into = lines.clone();
        thread::spawn(move || {
            let mut source = BufReader::new(source);
            let mut line = Vec::new();
            while matches!(source.read_until(b'\n', &mut line), Ok(n) if n > 0) {
                // A last line without its end stays recognisable: all others keep theirs.
                let text = String::from_utf8_lossy(&line).into_owned();
                into.0.lock().unwrap().push(text);
                line.clear();
            }
            into.1.store(true, Ordering::Release);
        });
        lines
    }

    /// All of them, each with its line end.
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// All that there will ever be, of a process that has ended.
    #[track_caller]
    pub fn to_the_end(&self) -> Vec<String> {
        wait_until("the end of output", || self.1.load(Ordering::Acquire));
        self.all()
    }

    /// The first that holds `text`.
    pub fn find(&self, text: &str) -> Option<String> {
        self.all().into_iter().find(|line| line.contains(text))
    }

    /// Waits for a line that holds `text`.
    #[track_caller]
    pub fn wait_for(&self, text: &str) -> String {
        wait_until(&format!("a line with {text:?}"), || {
            self.find(text).is_some()
        });
        self.find(text).unwrap()
    }
}

/// A running server. Dropping it kills it and waits until nothing of it is left.
pub struct Server {
    child: Child,
    pub port: u16,
    pub banner: String,
    /// Standard output, if it was not given away.
    pub out: Lines,
    pub err: Lines,
    ended: Option<ExitStatus>,
}

impl Server {
    /// Starts the program on a free port of 127.0.0.1.
    #[track_caller]
    pub fn start(args: &[&str]) -> Server {
        let mut command = program();
        command.args(["--host", "127.0.0.1", "--port", "0"]);
        command.args(args).stdout(Stdio::piped());
        Server::launch(command)
    }

    /// Runs a command that becomes the server, and waits for its banner.
    #[track_caller]
    pub fn launch(command: Command) -> Server {
        let mut server = Server::launch_quiet(command, 0);
        let began = Instant::now();
        server.banner = loop {
            if let Some(line) = server.err.find(" serves ") {
                break line;
            }
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}: {:?}", server.err.all());
            assert!(began.elapsed() < LONGEST, "{:?}", server.err.all());
            sleep_ms(2);
        };
        server.port = ports_of(&server.banner).first().copied().unwrap_or(0);
        server
    }

    /// Runs a command that becomes a server on this port, without waiting for anything.
    pub fn launch_quiet(mut command: Command, port: u16) -> Server {
        command.stderr(Stdio::piped());
        let mut child = command.spawn().expect("a program to start");
        let stdout = child.stdout.take();
        let stderr = child.stderr.take().expect("it is piped");
        Server {
            port,
            banner: String::new(),
            out: stdout.map(Lines::of).unwrap_or_default(),
            err: Lines::of(stderr),
            child,
            ended: None,
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The pids of its living children.
    pub fn workers(&self) -> Vec<u32> {
        children(self.pid())
            .into_iter()
            .filter(|pid| is_alive(*pid))
            .collect()
    }

    /// Waits until there are so many workers.
    #[track_caller]
    pub fn wait_for_workers(&self, count: usize) -> Vec<u32> {
        wait_until(&format!("{count} workers"), || {
            self.workers().len() == count
        });
        self.workers()
    }

    pub fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    pub fn connect(&self) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("a connection");
        Client::tcp(stream)
    }

    /// One request on a connection of its own.
    pub fn get(&self, target: &str) -> Response {
        self.request(
            format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes(),
        )
    }

    /// The first response to these bytes on a connection of their own.
    pub fn request(&self, bytes: &[u8]) -> Response {
        let mut client = self.connect();
        client.send(bytes);
        client.response()
    }

    /// Waits for it to end by itself.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        wait_until("the end of the server", || {
            self.ended = self.child.try_wait().unwrap();
            self.ended.is_some()
        });
        self.ended.unwrap()
    }

    /// Asks it to stop, and waits until nothing is left of it.
    #[track_caller]
    pub fn stop(&mut self) -> ExitStatus {
        let workers = self.workers();
        self.signal("TERM");
        let status = self.wait();
        assert_gone(&workers);
        status
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.ended.is_some() {
            return;
        }
        let workers = self.workers();
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !thread::panicking() {
            assert_gone(&workers);
        }
    }
}

/// Every port in the URLs of a banner.
pub fn ports_of(banner: &str) -> Vec<u16> {
    let mut ports = Vec::new();
    for after in banner.split("://").skip(1) {
        let authority = after.split('/').next().unwrap_or(after);
        let port = authority.rsplit(':').next();
        ports.extend(port.and_then(|p| p.parse::<u16>().ok()));
    }
    ports
}

/// Sends a signal to a process, to a group if `pid` is written with a dash, or to several.
pub fn signal(pid: impl ToString, name: &str) {
    let pids = pid.to_string();
    // To signal 0 is to signal the whole group, these tests and what runs them.
    assert!(!pids.split(' ').any(|pid| pid == "0"), "{pids}");
    let status = Command::new("kill")
        .args(["-s", name, "--"])
        .args(pids.split(' '))
        .stderr(Stdio::null())
        .status();
    assert!(status.is_ok(), "kill(1) is needed: {status:?}");
}

/// Waits until none of these processes is left. A process that was not waited for yet is left.
#[track_caller]
pub fn assert_gone(pids: &[u32]) {
    wait_until(&format!("the end of {pids:?}"), || {
        !pids.iter().any(|pid| is_alive(*pid))
    });
}

/// Whether a process runs, and is not just a zombie.
pub fn is_alive(pid: u32) -> bool {
    stat(pid).is_some_and(|fields| fields[0] != "Z" && fields[0] != "X")
}

/// All children of a process, zombies included.
pub fn children(parent: u32) -> Vec<u32> {
    let parent = parent.to_string();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").expect("/proc").flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse().ok()) else {
            continue;
        };
        if stat(pid).is_some_and(|fields| fields[1] == parent) {
            found.push(pid);
        }
    }
    found.sort_unstable();
    found
}

/// The processor time that a process has used, in milliseconds.
pub fn cpu_ms(pid: u32) -> u64 {
    // In hundredths of a second, whatever the kernel's own tick is.
    let number = |text: &String| text.parse::<u64>().unwrap_or(0);
    stat(pid).map_or(0, |f| (number(&f[11]) + number(&f[12])) * 10)
}

/// `/proc/PID/stat` from the state on: state, parent, ...
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, which comes before, may hold anything.
    let (_, rest) = text.rsplit_once(") ")?;
    Some(rest.split(' ').map(String::from).collect())
}

/// How many files this process may have open.
pub fn open_files_limit() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|l| l.starts_with("Max open files"));
    let soft = line.and_then(|l| l.split_whitespace().nth(3));
    match soft {
        Some("unlimited") => usize::MAX,
        Some(n) => n.parse().unwrap_or(256),
        None => 256,
    }
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A connection to a server. Reading gives up after a while.
pub struct Client {
    stream: Stream,
    /// What was read beyond the last response.
    ahead: Vec<u8>,
}

/// One response, without the interim ones before it.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub status_line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub raw: Vec<u8>,
}

impl Response {
    /// The first field of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn closes(&self) -> bool {
        self.header("connection")
            .is_some_and(|v| v.eq_ignore_ascii_case("close"))
    }

    /// Takes one response from the front of `bytes`: `Ok(None)` if it is not all there yet. With
    /// `at_end`, one without a length is whole as it is.
    pub fn parse(
        bytes: &[u8],
        bodyless: bool,
        at_end: bool,
    ) -> Result<Option<(Response, usize)>, String> {
        let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else {
            return Ok(None);
        };
        let head =
            String::from_utf8(bytes[..end].to_vec()).map_err(|_| "a head that is no text")?;
        let mut lines = head.split("\r\n");
        let status_line = lines.next().unwrap_or_default().to_string();
        let status: u16 = status_line
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3))
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| format!("no status line: {status_line:?}"))?;
        let mut headers = Vec::new();
        for line in lines {
            let (name, value) = line
                .split_once(": ")
                .ok_or_else(|| format!("no field: {line:?}"))?;
            headers.push((name.to_string(), value.to_string()));
        }
        let mut response = Response {
            status,
            status_line,
            headers,
            body: Vec::new(),
            raw: Vec::new(),
        };
        let start = end + 4;
        let none = bodyless || status < 200 || status == 204 || status == 304;
        let length = match response.header("content-length") {
            _ if none => Some(0),
            Some(n) => Some(n.parse::<usize>().map_err(|_| format!("length {n:?}"))?),
            None => None,
        };
        let total = match length {
            Some(n) => start + n,
            None if at_end => bytes.len(),
            None => return Ok(None),
        };
        if bytes.len() < total {
            return Ok(None);
        }
        response.body = bytes[start..total].to_vec();
        response.raw = bytes[..total].to_vec();
        Ok(Some((response, total)))
    }
}

impl Client {
    pub fn tcp(stream: TcpStream) -> Client {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(LONGEST)).unwrap();
        stream.set_write_timeout(Some(LONGEST)).unwrap();
        Client {
            stream: Stream::Tcp(stream),
            ahead: Vec::new(),
        }
    }

    pub fn unix(path: &Path) -> Client {
        let stream = UnixStream::connect(path).expect("a connection");
        stream.set_read_timeout(Some(LONGEST)).unwrap();
        stream.set_write_timeout(Some(LONGEST)).unwrap();
        Client {
            stream: Stream::Unix(stream),
            ahead: Vec::new(),
        }
    }

    pub fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Tcp(stream) => stream.write_all(bytes),
            Stream::Unix(stream) => stream.write_all(bytes),
        }
    }

    #[track_caller]
    pub fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).expect("bytes to be sent");
    }

    pub fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match &mut self.stream {
                Stream::Tcp(stream) => stream.read(into),
                Stream::Unix(stream) => stream.read(into),
            };
            match read {
                // A read with a timeout is not restarted by the kernel, whatever interrupted it.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// How long reading may take from now on.
    pub fn read_timeout(&self, timeout: Duration) {
        match &self.stream {
            Stream::Tcp(stream) => stream.set_read_timeout(Some(timeout)),
            Stream::Unix(stream) => stream.set_read_timeout(Some(timeout)),
        }
        .unwrap();
    }

    /// Says that no more will be sent.
    pub fn half_close(&self) {
        // It fails if the other side was faster to close everything.
        let _ = match &self.stream {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Stream::Unix(stream) => stream.shutdown(Shutdown::Write),
        };
    }

    /// The next response that is not interim.
    #[track_caller]
    pub fn response(&mut self) -> Response {
        loop {
            let response = self.try_response(false).expect("a response");
            if response.status >= 200 {
                return response;
            }
        }
    }

    /// The next response to a HEAD.
    #[track_caller]
    pub fn head_response(&mut self) -> Response {
        self.try_response(true).expect("a response")
    }

    /// The next response, or how the connection ended: `Err` with `UnexpectedEof` if in the middle
    /// of one, and with what the system says for a reset. `NotConnected` if it ended well before.
    pub fn try_response(&mut self, bodyless: bool) -> io::Result<Response> {
        let mut buffer = vec![0; 64 * 1024];
        let mut at_end = false;
        loop {
            let parsed =
                Response::parse(&self.ahead, bodyless, at_end).map_err(io::Error::other)?;
            if let Some((response, used)) = parsed {
                self.ahead.drain(..used);
                return Ok(response);
            }
            if at_end {
                let kind = match self.ahead.len() {
                    0 => io::ErrorKind::NotConnected,
                    _ => io::ErrorKind::UnexpectedEof,
                };
                return Err(kind.into());
            }
            match self.read(&mut buffer)? {
                0 => at_end = true,
                n => self.ahead.extend_from_slice(&buffer[..n]),
            }
        }
    }

    /// Whether nothing at all was received of a next response.
    pub fn has_nothing(&self) -> bool {
        self.ahead.is_empty()
    }

    /// All that comes until the server closes; an error for a reset.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut all = std::mem::take(&mut self.ahead);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match self.read(&mut buffer)? {
                0 => return Ok(all),
                n => all.extend_from_slice(&buffer[..n]),
            }
        }
    }

    /// The server closes now, without a word and without a reset.
    #[track_caller]
    pub fn expect_end(&mut self) {
        let rest = self.rest().expect("an end and no reset");
        assert!(rest.is_empty(), "more came: {}", rest.escape_ascii());
    }

    /// A plain request on this connection, which goes on.
    #[track_caller]
    pub fn get(&mut self, target: &str) -> Response {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
        self.response()
    }

    /// The pid of the worker that serves this connection, from its welcome page.
    pub fn worker(&mut self) -> io::Result<u32> {
        self.worker_and_end().map(|(pid, _)| pid)
    }

    /// The same, and whether the connection ends with that.
    pub fn worker_and_end(&mut self) -> io::Result<(u32, bool)> {
        self.try_send(b"GET / HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n\r\n")?;
        let response = self.try_response(false)?;
        let page = response.text();
        let pid = pid_in(&page).ok_or_else(|| io::Error::other(format!("no pid in {page}")))?;
        Ok((pid, response.closes()))
    }
}

/// The number behind the last `PAGE_MARK` of a page.
fn pid_in(page: &str) -> Option<u32> {
    let (_, after) = page.split_once(PAGE_MARK)?;
    let digits = after.find(|c: char| !c.is_ascii_digit())?;
    after[..digits].parse().ok()
}

const PAGE_MARK: &str = "kill -9 ";

/// A code, or the signal that ended it, for messages.
pub fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (_, signal) => format!("signal {signal:?}"),
    }
}

/// A directory of this test, which is removed in the end with all that is in it.
pub struct TempDir(pub std::path::PathBuf);

impl TempDir {
    /// An empty one; `name` tells it from those of other tests.
    pub fn new(name: &str) -> TempDir {
        let name = format!("httprs-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a directory");
        TempDir(path)
    }

    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.join(name)
    }

    pub fn text(&self) -> &str {
        self.0.to_str().expect("a plain path")
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A path for a socket or a file of this test, which is removed in the end.
pub struct TempPath(pub std::path::PathBuf);

impl TempPath {
    pub fn new(name: &str) -> TempPath {
        let name = format!("httprs-{}-{name}", std::process::id());
        TempPath(std::env::temp_dir().join(name))
    }

    pub fn text(&self) -> &str {
        self.0.to_str().expect("a plain path")
    }
}

impl Drop for TempPath {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
