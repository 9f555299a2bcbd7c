//! The conversations of `tests/cases/*.http`, played without sockets, over TCP and over a Unix
//! socket. They must come out the same everywhere, however the bytes are cut.
//!
//! A case is a block of lines; the first character says what a line is:
//!
//! ```text
//! # a comment
//! == the name of the case
//! > GET / HTTP/1.1            what the client sends, with CRLF; without, if it ends in a backslash
//! {100}> X: y                 the same line a hundred times
//! < HTTP/1.1 200 OK           the status line of the next response
//! < Server: httprs            a field that it must have; `*` stands for any value
//! < !Connection               a field that it must not have
//! | Echo response             its body, with LF; without, if it ends in a backslash. A `...` at
//!                             the end of a line stands for all that follows; no lines, no body
//! |-                          no body, whatever Content-Length says
//! open                        another request on the same connection is answered
//! closed                      the server closes, and answers nothing that comes later
//! eof                         the client sends the end of input; the server answers and closes
//! ```
//!
//! In what is sent and in bodies, `\r`, `\n`, `\t`, `\\` and `\xNN` are single bytes, and `{a*9}`
//! is nine times an `a`. All cases have a limit of 1000 bytes for bodies; the other limits are as
//! usual.

use std::fs;
use std::path::Path;

use crate::server::{Client, Response, Server, TempPath, program, sleep_ms};
use httprs::handlers::echo::Echo;
use httprs::handlers::health::Health;
use httprs::handlers::welcome::Welcome;
use httprs::harness::every_split;
use httprs::http::Limits;
use httprs::process::Process;
use httprs::{Http1, Scoreboard};

const BODY_BYTES: u64 = 1000;
const NEXT: &[u8] = b"GET /the-next-one HTTP/1.1\r\nHost: x\r\n\r\n";
const NEXT_BODY: &[u8] = b"Echo response\nGET /the-next-one\nHost: x\n";

/// How many cases there are at least, so that none is lost by mistake.
const AT_LEAST: usize = 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Open,
    Closed,
    Eof,
}

#[derive(Clone, Debug, Default)]
struct Expected {
    status_line: String,
    has: Vec<(String, String)>,
    has_not: Vec<String>,
    body: Vec<u8>,
    /// What follows the body is not looked at.
    any_more: bool,
    /// No body, whatever the length says.
    bodyless: bool,
}

#[derive(Clone, Debug)]
struct Case {
    /// File, line and name.
    name: String,
    wire: Vec<u8>,
    responses: Vec<Expected>,
    end: End,
}

#[test]
fn without_sockets() {
    let process = process();
    for case in cases() {
        let got = every_split(&process, &case.wire);
        case.check(&got.bytes, "in memory");
        assert_eq!(got.closed, case.end == End::Closed, "{}", case.name);
        if case.end == End::Eof {
            continue;
        }
        // A few more bytes must not change the answer to those before.
        let trailing = [&case.wire[..], NEXT].concat();
        let got = every_split(&process, &trailing);
        match case.end {
            End::Closed => case.check(&got.bytes, "in memory, with trailing bytes"),
            _ => case
                .followed()
                .check(&got.bytes, "in memory, and one more request"),
        }
        assert_eq!(got.closed, case.end == End::Closed, "{}", case.name);
    }
}

#[test]
fn over_tcp() {
    let limit = BODY_BYTES.to_string();
    let server = Server::start(&["-w", "1", "--log", "none", "--max-body-size", &limit]);
    play(|| server.connect());
    assert_eq!(
        server.workers().len(),
        1,
        "and no worker died: {:?}",
        server.err.all()
    );
    assert_says_no_more_than_why(&server);
}

/// Refusals by a limit are told once for each kind in ten seconds; nothing else is there to be
/// told.
fn assert_says_no_more_than_why(server: &Server) {
    let said = server.err.all();
    let refusals = said
        .iter()
        .filter(|line| line.contains(" was refused with "));
    let (refusals, all) = (refusals.count(), said.len());
    assert!(
        refusals == all - 1 && (4..=8).contains(&refusals),
        "{said:?}"
    );
}

#[test]
fn over_a_unix_socket() {
    let path = TempPath::new("cases.sock");
    let limit = BODY_BYTES.to_string();
    let mut command = program();
    command.args([
        "--host",
        &format!("unix:{}", path.text()),
        "-w",
        "1",
        "--log",
        "none",
    ]);
    command.args(["--max-body-size", &limit]);
    let mut server = Server::launch(command);
    play(|| Client::unix(&path.0));
    assert_says_no_more_than_why(&server);
    assert!(server.stop().success());
    assert!(!path.0.exists(), "its socket is removed in the end");
}

#[test]
fn the_cases_are_read_as_they_are_meant() {
    let text = "# x\n== one\n> A\\r\\x00\\\\{b*3}\n{2}> c\\\n< HTTP/1.1 200 OK\n< A: *\n< !B\n| d\n| e\\\nopen\n";
    let cases = parse("f", text);
    assert_eq!(cases.len(), 1);
    assert_eq!(cases[0].name, "f:2: one");
    assert_eq!(cases[0].wire, b"A\r\0\\bbb\r\ncc");
    assert_eq!(cases[0].end, End::Open);
    let expected = &cases[0].responses[0];
    assert_eq!(expected.body, b"d\ne");
    assert_eq!(expected.has_not, ["B"]);
    // A checker that cannot fail proves nothing.
    for wrong in [
        "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 3\r\n\r\nd\nf",
        "HTTP/1.1 404 No\r\nA: b\r\nContent-Length: 3\r\n\r\nd\ne",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nd\ne",
        "HTTP/1.1 200 OK\r\nA: b\r\nB: c\r\nContent-Length: 3\r\n\r\nd\ne",
        "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 3\r\n\r\nd\ne\n",
        "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 3\r\n\r\nd\n",
        "",
    ] {
        assert!(cases[0].verdict(wrong.as_bytes()).is_err(), "{wrong:?}");
    }
    let right = "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 3\r\n\r\nd\ne";
    assert_eq!(cases[0].verdict(right.as_bytes()), Ok(()));
}

/// Plays all cases on connections of their own.
fn play(connect: impl Fn() -> Client) {
    for case in cases() {
        for cut in [0, 1, case.wire.len() / 2, case.wire.len().saturating_sub(1)] {
            let mut client = connect();
            let (first, second) = case.wire.split_at(cut.min(case.wire.len()));
            // A server that has seen enough may be gone before all is sent.
            let sent = client.try_send(first);
            if !first.is_empty() {
                sleep_ms(1);
            }
            let sent = sent.and_then(|()| client.try_send(second));
            assert!(sent.is_ok() || case.end == End::Closed, "{}", case.name);
            let (case, how) = match case.end {
                End::Open => {
                    client.send(NEXT);
                    client.half_close();
                    (case.followed(), "and one more request")
                }
                End::Closed => (case.clone(), "to its end"),
                End::Eof => {
                    client.half_close();
                    (case.clone(), "half closed")
                }
            };
            let rest = client.rest();
            let rest = rest.unwrap_or_else(|e| panic!("{} (cut at {cut}): {e}", case.name));
            case.check(&rest, &format!("cut at {cut}, {how}"));
        }
    }
}

/// The program's own handler, in memory.
fn process() -> impl Process {
    let board = Scoreboard::new().expect("shared memory");
    let limits = Limits {
        body_bytes: BODY_BYTES,
        ..Limits::default()
    };
    Http1::with(Health::new(board, Welcome::new(Echo))).limits(limits)
}

impl Case {
    /// The same case with one more request at its end.
    fn followed(&self) -> Case {
        let mut case = self.clone();
        case.wire.extend_from_slice(NEXT);
        case.responses.push(Expected {
            status_line: "HTTP/1.1 200 OK".into(),
            body: NEXT_BODY.to_vec(),
            ..Expected::default()
        });
        case
    }

    #[track_caller]
    fn check(&self, got: &[u8], how: &str) {
        if let Err(why) = self.verdict(got) {
            panic!(
                "{} ({how}): {why}\n-- all of it:\n{}",
                self.name,
                String::from_utf8_lossy(got)
            );
        }
    }

    /// What is wrong with these bytes.
    fn verdict(&self, got: &[u8]) -> Result<(), String> {
        let mut rest = got;
        for expected in &self.responses {
            let (response, used) = Response::parse(rest, expected.bodyless, true)?
                .ok_or_else(|| format!("no whole response for {:?}", expected.status_line))?;
            expected.verdict(&response)?;
            rest = &rest[used..];
        }
        match rest {
            [] => Ok(()),
            more => Err(format!("more than expected: {}", more.escape_ascii())),
        }
    }
}

impl Expected {
    fn verdict(&self, got: &Response) -> Result<(), String> {
        if got.status_line != self.status_line {
            return Err(format!("{:?}, not {:?}", got.status_line, self.status_line));
        }
        for (name, value) in &self.has {
            match got.header(name) {
                Some(found) if value == "*" || value == found => {}
                found => return Err(format!("{name} is {found:?}, not {value:?}")),
            }
        }
        if let Some(name) = self.has_not.iter().find(|name| got.header(name).is_some()) {
            return Err(format!("there is a {name}"));
        }
        let same = if self.any_more {
            got.body.starts_with(&self.body)
        } else {
            got.body == self.body
        };
        match same {
            true => Ok(()),
            false => Err(format!(
                "the body is {:?}, not {:?}",
                got.text(),
                String::from_utf8_lossy(&self.body)
            )),
        }
    }
}

/// Every case there is.
fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut cases = Vec::new();
    for entry in fs::read_dir(folder).expect("tests/cases") {
        let path = entry.expect("a readable folder").path();
        if path.extension().is_some_and(|e| e == "http") {
            let name = path.file_name().unwrap().to_string_lossy();
            cases.extend(parse(&name, &fs::read_to_string(&path).unwrap()));
        }
    }
    assert!(cases.len() >= AT_LEAST, "only {} cases", cases.len());
    cases
}

fn parse(file: &str, text: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut case: Option<Case> = None;
    for (number, line) in text.lines().enumerate() {
        let place = format!("{file}:{}", number + 1);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix("== ") {
            assert!(case.is_none(), "{place}: the case before has no end");
            case = Some(Case {
                name: format!("{place}: {name}"),
                wire: Vec::new(),
                responses: Vec::new(),
                end: End::Open,
            });
            continue;
        }
        let current = case.as_mut().unwrap_or_else(|| panic!("{place}: no case"));
        match line {
            "open" | "closed" | "eof" => {
                current.end = match line {
                    "open" => End::Open,
                    "closed" => End::Closed,
                    _ => End::Eof,
                };
                cases.extend(case.take());
            }
            _ => read_line(current, line).unwrap_or_else(|| panic!("{place}: {line:?}")),
        }
    }
    assert!(case.is_none(), "{file}: the last case has no end");
    cases
}

fn read_line(case: &mut Case, line: &str) -> Option<()> {
    if let Some((count, sent)) = line.strip_prefix('{').and_then(|l| l.split_once("}> ")) {
        for _ in 0..count.parse().ok()? {
            case.wire.extend(text(sent, b"\r\n")?);
        }
        return Some(());
    }
    let rest = line[1..].strip_prefix(' ').unwrap_or(&line[1..]);
    match line.as_bytes()[0] {
        b'>' => case.wire.extend(text(rest, b"\r\n")?),
        b'<' if rest.starts_with("HTTP/") => case.responses.push(Expected {
            status_line: rest.into(),
            ..Expected::default()
        }),
        b'<' => {
            let response = case.responses.last_mut()?;
            match rest.strip_prefix('!') {
                Some(name) => response.has_not.push(name.into()),
                None => {
                    let (name, value) = rest.split_once(": ")?;
                    response.has.push((name.into(), value.into()));
                }
            }
        }
        b'|' if line == "|-" => case.responses.last_mut()?.bodyless = true,
        b'|' => {
            let response = case.responses.last_mut()?;
            response.any_more = rest.ends_with("...");
            let (rest, end): (_, &[u8]) = match rest.strip_suffix("...") {
                Some(rest) => (rest, b""),
                None => (rest, b"\n"),
            };
            response.body.extend(text(rest, end)?);
        }
        _ => return None,
    }
    Some(())
}

/// A line of bytes with its escapes undone, and with `end` unless it ends in a backslash.
fn text(line: &str, end: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\\' if rest.is_empty() => return Some(out),
            '\\' => {
                let (byte, used) = match rest.as_bytes()[0] {
                    b'r' => (b'\r', 1),
                    b'n' => (b'\n', 1),
                    b't' => (b'\t', 1),
                    b'\\' => (b'\\', 1),
                    b'x' => (u8::from_str_radix(rest.get(1..3)?, 16).ok()?, 3),
                    _ => return None,
                };
                out.push(byte);
                rest = &rest[used..];
            }
            '{' => {
                let (repeated, after) = rest.split_once('}')?;
                let (what, count) = repeated.split_once('*')?;
                out.extend(what.repeat(count.parse().ok()?).bytes());
                rest = after;
            }
            c => out.extend(c.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    out.extend_from_slice(end);
    Some(out)
}
