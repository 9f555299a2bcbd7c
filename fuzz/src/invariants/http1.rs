//! However the bytes are cut, a connection answers the same, and no more than it was asked.

use std::cell::RefCell;
use std::io::{self, Write};

use httprs::handlers::echo::Echo;
use httprs::harness::{Conversation, Transcript, converse};
use httprs::http::Body;
use httprs::{Handler, Http1, HttpRequest, HttpResponse, StatusCode};

use super::{cut, naive, small};

/// What a handler was asked.
#[derive(Debug, PartialEq)]
struct Asked {
    method: Vec<u8>,
    target: Vec<u8>,
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    body: Vec<u8>,
    trailers: Vec<(Vec<u8>, Vec<u8>)>,
}

/// A response, as its bytes say.
#[derive(Debug)]
struct Response {
    status: u16,
    closes: bool,
}

/// Answers in every way there is, and remembers what it was asked.
#[derive(Default)]
struct Witness(RefCell<Vec<Asked>>);

impl Handler for &Witness {
    fn handle(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
        let own = |(n, v): (&str, &[u8])| (n.as_bytes().to_vec(), v.to_vec());
        self.0.borrow_mut().push(Asked {
            method: req.method_str().into(),
            target: req.target().into(),
            fields: req.headers().iter().map(own).collect(),
            body: req.body().to_vec(),
            trailers: req.trailers().iter().map(own).collect(),
        });
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
            _ => return Echo.handle(req, res),
        }
        Ok(())
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
    requests(wire, &asked);
    let finals = responses(&whole.bytes, &asked);
    assert_eq!(finals.len(), whole.exchanges, "answers and reports");
    // What was handled, and perhaps one that was refused.
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
    (transcript, witness.0.into_inner())
}

/// The same bytes to a worker that is about to leave, and a client that then falls silent: the
/// connection ends by itself.
fn interrupted(pieces: &[&[u8]]) {
    let witness = Witness::default();
    let http = Http1::with(&witness).limits(small());
    let mut talk = Conversation::open(&http);
    let mut sent = Vec::new();
    let (last, first) = pieces.split_last().expect("there is one piece at least");
    for piece in first {
        sent.extend(talk.send(piece));
    }
    sent.extend(talk.stop());
    sent.extend(talk.send(last));
    // Longer than any patience: progress 10 s, a head 10 s, another request 15 s.
    sent.extend(talk.pass(60_000));
    assert!(talk.closed(), "a silent client can stay");
    let finals = responses(&sent, &witness.0.borrow());
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

/// Another reader, who takes only plain requests, finds the same ones at the same places.
fn requests(wire: &[u8], asked: &[Asked]) {
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
                let n = usize::try_from(n).expect("a body that has arrived");
                let (body, after) = rest.split_at(n);
                rest = after;
                (body.to_vec(), Vec::new())
            }
            naive::Framing::Chunked => {
                let body = naive::chunked(rest).expect("a body that has arrived");
                rest = &rest[body.len..];
                (body.data, own(&body.trailers))
            }
            naive::Framing::Doubtful => panic!("more than one reading: {head:?}"),
        };
        let want = Asked {
            method: head.method.into(),
            target: head.target.into(),
            fields: own(&head.fields),
            body,
            trailers,
        };
        assert_eq!(*got, want);
    }
}

/// Reads all that was sent as responses, and returns the final ones.
fn responses(sent: &[u8], asked: &[Asked]) -> Vec<Response> {
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
        assert!(value("transfer-encoding").is_empty());
        if status < 200 {
            assert_eq!(status, 100);
            assert!(fields.is_empty() && !interim, "one 100, with no fields");
            interim = true;
            continue;
        }
        interim = false;
        assert_eq!(value("date").len(), 1, "one Date");
        assert_eq!(value("server"), [b"httprs"]);
        let handled = asked.get(finals.len());
        let bodiless = status == 204 || status == 304;
        let length = match lengths[..] {
            [] if bodiless => 0,
            [length] if !bodiless => naive::digits(length).expect("a length"),
            _ => panic!("{status} with {} lengths", lengths.len()),
        };
        let length = usize::try_from(length).expect("a length");
        let connection = value("connection");
        assert!(connection.len() <= 1);
        let closes = connection.contains(&&b"close"[..]);
        match handled {
            Some(asked) if asked.method == b"HEAD" => {}
            Some(_) => rest = rest.get(length..).expect("the whole body"),
            None => {
                assert!(matches!(
                    status,
                    400 | 408 | 413 | 414 | 417 | 431 | 501 | 505
                ));
                assert!(closes, "a refusal that does not close");
                // To a HEAD it is without its body.
                assert!(rest.is_empty() || rest.len() == length);
                rest = &[];
            }
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
