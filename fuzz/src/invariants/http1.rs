//! However the bytes are cut, a connection gives the same answers, one a request at most.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use httprs::handlers::echo::Echo;
use httprs::harness::{Conversation, Transcript, converse};
use httprs::http::{Body, Flow, Piece, Plan, Sink, Source, Trailers, Version, Want};
use httprs::process::{Connection, Io, Next};
use httprs::{Handler, Http1, HttpRequest, HttpResponse, Method, StatusCode};

use super::{cut, naive, small};

/// A request, as the handler saw it.
#[derive(Clone, Debug, PartialEq)]
struct Asked {
    method: Vec<u8>,
    target: Vec<u8>,
    path: String,
    /// HTTP/1.0.
    old: bool,
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    /// `None` if the request was answered before its body was there.
    body: Option<Vec<u8>>,
    trailers: Vec<(Vec<u8>, Vec<u8>)>,
}

/// A response, as read from its bytes.
#[derive(Debug)]
struct Response {
    status: u16,
    closes: bool,
}

/// The word that a stream repeats.
const WORD: &[u8] = b"stream ";
/// The output of the other protocol.
const SWITCHED: &[u8] = b"switched";

/// A handler that answers in every way there is, and records its requests.
#[derive(Default)]
struct Witness(Arc<Mutex<Vec<Asked>>>);

fn note(asked: &Mutex<Vec<Asked>>, req: &HttpRequest, body: Option<&[u8]>) {
    let own = |(n, v): (&str, &[u8])| (n.as_bytes().to_vec(), v.to_vec());
    asked.lock().expect("one thread").push(Asked {
        method: req.method_str().into(),
        target: req.target().into(),
        path: req.path().into(),
        old: req.version() == Version::Http10,
        fields: req.headers().iter().map(own).collect(),
        body: body.map(<[u8]>::to_vec),
        trailers: req.trailers().iter().map(own).collect(),
    });
}

impl Handler for &Witness {
    fn plan(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<Plan> {
        assert!(req.body().is_empty());
        let enough = match req.path() {
            "/pieces" => usize::MAX,
            "/enough" => 3,
            "/unwanted" => {
                note(&self.0, req, None);
                res.status(StatusCode::FORBIDDEN);
                return Ok(Plan::Answered);
            }
            "/switch" if switches(req) => {
                note(&self.0, req, Some(b""));
                res.status(StatusCode::SWITCHING_PROTOCOLS);
                return Ok(Plan::Become(Box::new(Other)));
            }
            _ => return Ok(Plan::Gather),
        };
        Ok(Plan::Stream(Box::new(Pieces {
            asked: self.0.clone(),
            bytes: Vec::new(),
            enough,
        })))
    }

    fn handle(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        note(&self.0, req, Some(req.body()));
        match req.path() {
            "/fail" => {
                write!(res, "half an answer")?;
                return Err(io::ErrorKind::Other.into());
            }
            "/none" => drop(res.status(StatusCode::NO_CONTENT)),
            "/same" => drop(res.status(StatusCode::NOT_MODIFIED)),
            "/close" => drop(res.close()),
            "/static" => drop(res.body(Body::Static(b"static"))),
            "/shared" => drop(res.body(Body::Shared(b"shared"[..].into()))),
            "/large" => res.write_all(&[b'x'; 20_000])?,
            "/stream" | "/known" | "/broken" | "/none-of-a-stream" => {
                if req.path() == "/none-of-a-stream" {
                    res.status(StatusCode::NO_CONTENT);
                }
                res.body(Body::Stream(Box::new(Words {
                    left: words(req.target().as_bytes()),
                    known: req.path() == "/known",
                    breaks: req.path() == "/broken",
                })));
            }
            _ => return Echo.handle(req, res),
        }
        Ok(())
    }
}

/// Whether a request may be answered with another protocol.
fn switches(req: &HttpRequest) -> bool {
    req.method() != Method::Connect
        && req.version() >= Version::Http11
        && req.headers().has_token("connection", "upgrade")
        && req.headers().count("content-length") == 0
        && req.headers().count("transfer-encoding") == 0
}

/// How many words a target asks for: as many as it has bytes, or so many that they fill the output.
fn words(target: &[u8]) -> usize {
    match target.contains(&b'!') {
        true => 10_000,
        false => target.len(),
    }
}

struct Words {
    left: usize,
    known: bool,
    breaks: bool,
}

impl Source for Words {
    fn pull(&mut self, piece: &mut Piece<'_>) -> io::Result<Flow> {
        if self.left == 0 {
            return match self.breaks {
                true => Err(io::ErrorKind::Other.into()),
                false => Ok(Flow::End),
            };
        }
        self.left -= 1;
        piece.write_all(WORD)?;
        Ok(Flow::More)
    }

    fn length(&self) -> Option<u64> {
        self.known.then_some((self.left * WORD.len()) as u64)
    }

    fn trailers(&mut self, trailers: &mut Trailers) -> io::Result<()> {
        trailers.add("X-Behind", "it")?;
        Ok(())
    }
}

struct Pieces {
    asked: Arc<Mutex<Vec<Asked>>>,
    bytes: Vec<u8>,
    enough: usize,
}

impl Sink for Pieces {
    fn piece(&mut self, bytes: &[u8]) -> io::Result<Want> {
        assert!(!bytes.is_empty());
        self.bytes.extend_from_slice(bytes);
        Ok(match self.bytes.len() >= self.enough {
            true => Want::Enough,
            false => Want::More,
        })
    }

    fn answer(self: Box<Self>, req: &HttpRequest, _: &mut HttpResponse) -> io::Result<()> {
        assert!(req.body().is_empty());
        let all = self.bytes.len() < self.enough;
        note(&self.asked, req, all.then_some(&self.bytes));
        Ok(())
    }
}

/// The other protocol.
struct Other;

impl Connection for Other {
    fn step(&mut self, io: &mut Io<'_>) -> Next {
        io.output.push(SWITCHED);
        Next::Close
    }
}

/// Panics where the invariant is broken; so does the harness, where a connection is stuck, spins
/// or answers twice.
pub fn holds(data: &[u8]) {
    let Some((pieces, wire)) = cut(data) else {
        return;
    };
    let (whole, asked) = talk(&[wire]);
    let (pieced, asked_pieced) = talk(&pieces);
    same(&pieced, &whole, "cut");
    assert_eq!(asked_pieced, asked);
    if wire.len() <= 512 {
        let bytes: Vec<&[u8]> = wire.chunks(1).collect();
        let (bytes, asked_bytes) = talk(&bytes);
        same(&bytes, &whole, "byte by byte");
        assert_eq!(asked_bytes, asked);
    }
    let refused = requests(wire, &asked);
    let finals = responses(&whole.bytes, &asked, refused);
    assert_eq!(finals.len(), whole.exchanges, "answers and reports");
    // The requests that were handled, and perhaps a refused one.
    assert!(finals.len() <= asked.len() + 1);
    if whole.closed
        && let Some(last) = finals.last()
    {
        assert!(last.closes, "closed, but {last:?} did not say so");
    }
    interrupted(&pieces);
}

fn talk(pieces: &[&[u8]]) -> (Transcript, Vec<Asked>) {
    let witness = Witness::default();
    let transcript = converse(&Http1::with(&witness).limits(small()), pieces);
    let asked = witness.0.lock().expect("one thread").clone();
    (transcript, asked)
}

/// The same bytes to a worker that drains, and a client that then falls silent: the connection ends
/// by itself.
fn interrupted(pieces: &[&[u8]]) {
    let witness = Witness::default();
    let http = Http1::with(&witness).limits(small());
    let mut talk = Conversation::open(&http);
    let mut sent = Vec::new();
    let (last, first) = pieces.split_last().expect("there is one piece at least");
    for piece in first {
        sent.extend(talk.send(piece));
        // No connection has asked for a wake, so it changes nothing.
        assert_eq!(talk.wake(), b"");
    }
    sent.extend(talk.stop());
    sent.extend(talk.send(last));
    // Longer than any of the default `Timeouts`.
    sent.extend(talk.pass(60_000));
    assert!(talk.closed(), "a silent client can stay");
    let asked = witness.0.lock().expect("one thread").clone();
    let wire = pieces.concat();
    let refused = requests(&wire, &asked);
    let finals = responses(&sent, &asked, refused);
    assert_eq!(finals.len(), talk.exchanges());
}

fn same(got: &Transcript, want: &Transcript, how: &str) {
    assert!(
        got == want,
        "the reply depends on the cut ({how}):\n{} {}\n-- but whole:\n{} {}",
        got.closed,
        got.bytes.escape_ascii(),
        want.closed,
        want.bytes.escape_ascii()
    );
}

/// The naive reader, which takes only plain requests, finds the same requests at the same places.
/// Returns the bytes behind them.
fn requests<'a>(wire: &'a [u8], asked: &[Asked]) -> &'a [u8] {
    let own = |fields: &[(&[u8], &[u8])]| -> Vec<_> {
        fields.iter().map(|f| (f.0.into(), f.1.into())).collect()
    };
    let mut rest = wire;
    for got in asked {
        let head = naive::head(rest).expect("a request that was handled has a head");
        rest = &rest[head.len..];
        let (body, trailers) = match head.framing() {
            naive::Framing::None => (Vec::new(), Vec::new()),
            naive::Framing::Length(n) => {
                let n = usize::try_from(n).expect("a length");
                if got.body.is_none() && rest.len() < n {
                    // The answer did not wait for the body, and nothing can follow.
                    rest = b"";
                    continue;
                }
                let (body, after) = rest.split_at(n);
                rest = after;
                (body.to_vec(), Vec::new())
            }
            // The body was not read, and nothing can follow.
            naive::Framing::Chunked if got.body.is_none() => {
                rest = b"";
                continue;
            }
            naive::Framing::Chunked => {
                let body = naive::chunked(rest).expect("a body that has arrived");
                rest = &rest[body.len..];
                (body.data, own(&body.trailers))
            }
            naive::Framing::Doubtful => panic!("more than one reading: {head:?}"),
        };
        let body = got.body.is_some().then_some(body);
        let want = Asked {
            method: head.method.into(),
            target: head.target.into(),
            path: got.path.clone(),
            old: got.old,
            fields: own(&head.fields),
            body,
            trailers,
        };
        assert_eq!(*got, want);
    }
    rest
}

/// Reads all output as responses, and returns the final ones. A request in `refused` came behind
/// those that were asked.
fn responses(sent: &[u8], asked: &[Asked], refused: &[u8]) -> Vec<Response> {
    let mut finals: Vec<Response> = Vec::new();
    let mut rest = sent;
    let mut interim = false;
    while !rest.is_empty() {
        let closed = finals.last().is_some_and(|last| last.closes);
        assert!(!closed, "an answer behind the last one");
        let (line, after) = naive::line(rest).expect("a status line");
        let status = status(line);
        let (fields, after) = naive::fields(after).expect("fields");
        rest = after;
        let value = |name: &str| -> Vec<&[u8]> {
            let named = |f: &&(&[u8], &[u8])| f.0.eq_ignore_ascii_case(name.as_bytes());
            fields.iter().filter(named).map(|f| f.1).collect()
        };
        let lengths = value("content-length");
        let codings = value("transfer-encoding");
        if status == 100 {
            assert!(fields.is_empty() && !interim, "one 100, with no fields");
            interim = true;
            continue;
        }
        interim = false;
        assert_eq!(value("date").len(), 1, "one Date");
        assert_eq!(value("server"), [b"httprs"]);
        let connection = value("connection");
        assert!(connection.len() <= 1);
        let mut closes = connection.contains(&&b"close"[..]);
        let Some(asked) = asked.get(finals.len()) else {
            assert!(matches!(
                status,
                400 | 408 | 413 | 414 | 417 | 431 | 501 | 505
            ));
            assert!(closes, "a refusal that does not close");
            let length = naive::digits(lengths[0]).expect("a length") as usize;
            // The response to a HEAD has no body, even if the rest of the head is unreadable.
            let refused = refused.strip_prefix(b"\r\n").unwrap_or(refused);
            let head = refused.starts_with(b"HEAD ");
            assert_eq!(rest.len(), if head { 0 } else { length });
            rest = b"";
            finals.push(Response { status, closes });
            continue;
        };
        let head = asked.method == b"HEAD";
        let words = WORD.repeat(words(&asked.target));
        let streams = matches!(&asked.path[..], "/stream" | "/known" | "/broken");
        match (&lengths[..], &codings[..]) {
            ([], []) if status == 101 => {
                assert_eq!(connection, [b"upgrade"]);
                assert_eq!(rest, SWITCHED);
                (rest, closes) = (b"", true);
            }
            ([], []) if status == 204 || status == 304 => {}
            // The body ends with the connection, for a client that knows no chunks.
            ([], []) => {
                assert!(asked.old && closes && streams);
                let broken = asked.path == "/broken" && words.starts_with(rest);
                assert!(broken || rest == if head { b"" } else { &words[..] });
                rest = b"";
            }
            ([], [b"chunked"]) => {
                assert!(!asked.old && streams);
                match naive::chunked(rest) {
                    _ if head => {}
                    Some(body) => {
                        assert_eq!(body.data, words);
                        assert_eq!(body.trailers, [(&b"X-Behind"[..], &b"it"[..])]);
                        rest = &rest[body.len..];
                    }
                    None => {
                        assert_eq!(asked.path, "/broken");
                        (rest, closes) = (b"", true);
                    }
                }
            }
            ([length], []) => {
                let length = naive::digits(length).expect("a length") as usize;
                if !head {
                    let (body, after) = rest.split_at(length);
                    // A source that fails before it has made anything is 500.
                    let failed = asked.path == "/broken" && status == 500;
                    assert!(!streams || body == words || failed);
                    rest = after;
                }
            }
            _ => panic!("{status} with {} lengths", lengths.len()),
        }
        finals.push(Response { status, closes });
    }
    assert!(!interim, "100 and nothing behind it");
    let refused = finals.get(asked.len()).map(|last| last.status);
    assert_eq!(finals.len() - asked.len(), usize::from(refused.is_some()));
    finals
}

/// `HTTP/1.1 200 OK`
fn status(line: &[u8]) -> u16 {
    let line = std::str::from_utf8(line).expect("ASCII");
    let rest = line.strip_prefix("HTTP/1.1 ").expect("a version");
    let (code, reason) = rest.split_once(' ').expect("a reason");
    assert!(code.len() == 3 && !reason.is_empty(), "{line}");
    code.parse().expect("a code")
}
