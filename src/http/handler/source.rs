//! [`Source`]: a response body that is made while the client reads it.
//!
//! It is pulled, not pushed: only while there is room in the output, so a client that reads slowly
//! holds up its source and costs no memory, and a body may be larger than the machine or never end.

use std::fmt;
use std::io::{self, Read, Write};

use super::field::{FieldError, check_field};
use crate::http::syntax::Fields;
use crate::process::{Waker, Wakers};
use crate::time::{Millis, Now};

/// Pulled bytes are gathered up to this many before they become a chunk. Pieces depend on the
/// source alone, never on how fast the client reads, and so do the bytes on the wire.
pub(crate) const PIECE: usize = 16 * 1024;

/// Makes a body, piece by piece. Closures of this form are sources.
///
/// Without a [`Source::length`] the body is chunked; for a client of HTTP/1.0 it ends where the
/// connection closes. A source is dropped when it has ended, when the client is gone, and at once
/// where no body is sent: to HEAD, or with 204 and 304.
///
/// A worker has one thread: a source that waits says until when ([`Flow::WaitUntil`]) and does not
/// block. It is `Send` because a [`Server`](crate::Server) may be.
///
/// ```
/// use std::io::Write;
/// use httprs::http::Flow;
/// use httprs::{Http1, harness};
///
/// // An event each second, for as long as the client listens.
/// let clock = Http1::new(|_, res| {
///     res.header("Content-Type", "text/event-stream")?;
///     res.stream(|piece| {
///         if piece.stopping() {
///             return Ok(Flow::End);
///         }
///         write!(piece, "data: {}\n\n", piece.now().unix())?;
///         Ok(Flow::WaitUntil(piece.now().at.after(1_000)))
///     });
///     Ok(())
/// });
/// let mut talk = harness::Conversation::open(&clock);
/// let first = talk.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
/// assert!(first.ends_with(b"\r\n12\r\ndata: 1795352400\n\n\r\n"));
/// assert_eq!(talk.pass(1_000), b"12\r\ndata: 1795352401\n\n\r\n");
/// assert_eq!(talk.stop(), b"0\r\n\r\n");
/// ```
pub trait Source: Send {
    /// Adds more of the body to `piece`, and says how the body goes on.
    ///
    /// # Errors
    /// Before the first piece is complete, the client gets 500, or the status of an
    /// [`HttpError`](crate::http::HttpError).
    /// After it the head is sent, so the response breaks off: the connection closes without the end
    /// of the body, which every client of HTTP/1.1 notices; for a client of HTTP/1.0 it is reset.
    fn pull(&mut self, piece: &mut Piece<'_>) -> io::Result<Flow>;

    /// How many bytes the source makes in all, if that is known. Behind any other number of bytes,
    /// the response breaks off.
    fn length(&self) -> Option<u64> {
        None
    }

    /// Fields to be sent behind a body in chunks, asked for when it has ended. To name them in a
    /// `Trailer` field of the head is the handler's choice (RFC 9110 §6.6.2).
    ///
    /// # Errors
    /// As with [`Source::pull`].
    fn trailers(&mut self, _trailers: &mut Trailers) -> io::Result<()> {
        Ok(())
    }
}

impl<F> Source for F
where
    F: FnMut(&mut Piece<'_>) -> io::Result<Flow> + Send,
{
    fn pull(&mut self, piece: &mut Piece<'_>) -> io::Result<Flow> {
        self(piece)
    }
}

impl fmt::Debug for dyn Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}

/// How a body goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flow {
    /// The source has added bytes, and has more. Without added bytes this is an error.
    More,
    /// The added bytes are sent now. The source waits until this time, until it is woken
    /// ([`Piece::waker`]), or until the worker drains. Whatever the time, the source is pulled
    /// again after an hour; a source that waits for a wake alone says [`Millis::NEVER`].
    ///
    /// A source that waits may wait for ever. So a client that closes its side of the connection
    /// meanwhile is taken to be gone, and where a worker is over capacity, a connection whose
    /// source waits may be evicted for a new client.
    WaitUntil(Millis),
    /// The added bytes, if any, are sent now. The source does not wait but has more work to do, and
    /// the other clients of the worker get their turn first. Unlike with [`Flow::WaitUntil`], the
    /// client may close its side, and gets all of the body.
    Yield,
    /// The body is complete.
    End,
}

/// The piece that a [`Source`] adds to: an [`io::Write`] that never fails, and the time.
#[derive(Debug)]
pub struct Piece<'a> {
    pub(crate) bytes: &'a mut Vec<u8>,
    pub(crate) now: Now,
    pub(crate) stopping: bool,
    pub(crate) woken: bool,
    pub(crate) wakers: Wakers<'a>,
}

impl Piece<'_> {
    /// The time.
    pub fn now(&self) -> Now {
        self.now
    }

    /// Whether the worker drains. It waits for bodies that have an end; a body that has none, such
    /// as a stream of events, should end now.
    pub fn stopping(&self) -> bool {
        self.stopping
    }

    /// A waker of this source: it is pulled soon after [`Waker::wake`], whatever time it has named.
    /// Each call makes another one, which is an allocation: a source keeps its waker.
    pub fn waker(&self) -> Waker {
        self.wakers.make()
    }

    /// Whether the source is pulled since its waker was used.
    pub fn woken(&self) -> bool {
        self.woken
    }

    /// How many bytes still fit well. More may be added, but then they are all in memory.
    pub fn room(&self) -> usize {
        PIECE.saturating_sub(self.bytes.len())
    }

    /// Adds the bytes of one `read` of `from`, which must not block.
    ///
    /// ```
    /// use httprs::{Http1, harness};
    /// let http = Http1::new(|_, res| {
    ///     let mut from = &b"from any reader"[..];
    ///     res.stream(move |piece| piece.read_from(&mut from));
    ///     Ok(())
    /// });
    /// let answer = harness::converse(&http, &[b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"]);
    /// assert!(answer.bytes.ends_with(b"\r\nf\r\nfrom any reader\r\n0\r\n\r\n"));
    /// ```
    ///
    /// # Errors
    /// Those of the reader.
    pub fn read_from(&mut self, from: &mut impl Read) -> io::Result<Flow> {
        let before = self.bytes.len();
        self.bytes.resize(before + self.room().max(1), 0);
        let read = loop {
            match from.read(&mut self.bytes[before..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        let n = *read.as_ref().unwrap_or(&0);
        self.bytes.truncate(before + n);
        read.map(|n| if n > 0 { Flow::More } else { Flow::End })
    }
}

impl Write for Piece<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The fields behind a body.
#[derive(Debug, Default)]
pub struct Trailers {
    pub(crate) fields: Fields,
}

/// Fields that may only stand in a head, since they must be known before the body is (RFC 9110
/// §6.5.1): how the message is framed, what its content is, how the response is to be treated,
/// which caches may keep it. Fields that the server sets itself are refused as well.
const HEAD_ONLY: [&str; 15] = [
    "age",
    "cache-control",
    "content-encoding",
    "content-range",
    "content-type",
    "expires",
    "host",
    "location",
    "proxy-authenticate",
    "retry-after",
    "set-cookie",
    "te",
    "trailer",
    "vary",
    "www-authenticate",
];

impl Trailers {
    /// Adds a field.
    ///
    /// # Errors
    /// As with [`HttpResponse::header`](crate::http::HttpResponse::header), or the field may not
    /// stand behind a body (RFC 9110 §6.5.1).
    pub fn add(
        &mut self,
        name: &str,
        value: impl AsRef<[u8]>,
    ) -> Result<&mut Trailers, FieldError> {
        let value = value.as_ref();
        check_field(name, value)?;
        if HEAD_ONLY.iter().any(|only| only.eq_ignore_ascii_case(name)) {
            return Err(FieldError::HeadOnly);
        }
        // The field was just checked, so it is taken.
        self.fields
            .push(name, value)
            .map_err(|_| FieldError::Value)?;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::WakeQueue;

    #[test]
    fn trailers_refuse_fields_of_the_head() {
        for (name, value, want) in [
            ("X-Checksum", "1", Ok(())),
            ("Server-Timing", "db;dur=5", Ok(())),
            ("ETag", "\"x\"", Ok(())),
            ("content-type", "text/plain", Err(FieldError::HeadOnly)),
            ("SET-COOKIE", "a=b", Err(FieldError::HeadOnly)),
            ("Content-Length", "1", Err(FieldError::Reserved)),
            ("Transfer-Encoding", "chunked", Err(FieldError::Reserved)),
            ("X-A", "b\r\nX-B: c", Err(FieldError::Value)),
            ("X A", "b", Err(FieldError::Name)),
            ("", "b", Err(FieldError::Name)),
        ] {
            let mut trailers = Trailers::default();
            assert_eq!(trailers.add(name, value).map(|_| ()), want, "{name}");
            assert_eq!(trailers.fields.is_empty(), want.is_err(), "{name}");
        }
    }

    #[test]
    fn a_reader_is_read_in_pieces_and_its_errors_are_kept() {
        struct Odd(u8);
        impl Read for Odd {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                self.0 += 1;
                match self.0 {
                    1 => Err(io::ErrorKind::Interrupted.into()),
                    2 => {
                        into[..3].copy_from_slice(b"abc");
                        Ok(3)
                    }
                    3 => Ok(0),
                    _ => Err(io::ErrorKind::Other.into()),
                }
            }
        }
        let (mut odd, mut bytes) = (Odd(0), b"x".to_vec());
        let mut piece = Piece {
            bytes: &mut bytes,
            now: Now::default(),
            stopping: false,
            woken: false,
            wakers: Wakers {
                queue: &WakeQueue::new(|| {}),
                connection: 0,
            },
        };
        assert_eq!(piece.read_from(&mut odd).unwrap(), Flow::More);
        assert_eq!(piece.read_from(&mut odd).unwrap(), Flow::End);
        assert!(piece.read_from(&mut odd).is_err());
        assert_eq!(bytes, b"xabc");
    }
}
