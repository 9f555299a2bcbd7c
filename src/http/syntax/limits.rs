//! [`Limits`]: every size and count that the parsers in this folder stop at, each with its reason.
//!
//! Knows nothing of time: deadlines belong to the connection.

/// How much of everything a client may send. What goes past a limit is refused, never cut short.
///
/// ```
/// use httprs::http::Limits;
/// let limits = Limits { body_bytes: 10 << 20, ..Limits::default() };
/// assert_eq!(limits.head_bytes, 16 * 1024);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a whole head, from the first byte (a leading empty line included) to the empty
    /// line that ends it. 16 KiB: twice what Apache and nginx allow one line, and what node and
    /// IIS let a whole head have; it is also one read of a connection.
    pub head_bytes: usize,
    /// Bytes of a request target. 8 KiB: RFC 9112 §3 asks for 8000 octets of request line at
    /// least. A head limit below this one wins, and is then reported as 414 too.
    pub target_bytes: usize,
    /// Bytes of a method. The longest that IANA lists, `UPDATEREDIRECTREF`, has 17.
    pub method_bytes: usize,
    /// Field lines of a head, and of a trailer section. 100, as in Apache; browsers send 30.
    pub fields: usize,
    /// Bytes of a request body, decoded. 1 MiB, as in nginx: enough for forms and JSON, and what
    /// a worker can hold for each of its connections.
    pub body_bytes: u64,
    /// Bytes that chunk framing may waste in all. Each chunk has 16 bytes and twice its own length
    /// for free (as in Go), so honest senders never draw on this, not even byte by byte; what
    /// draws on it is extensions and zeros before a size. 16 KiB, as in hyper.
    pub chunk_overhead: usize,
    /// Bytes of a trailer section, its line ends included. 8 KiB: checksums and signatures fit.
    pub trailer_bytes: usize,
}

impl Limits {
    /// These limits with heads of up to so many bytes; the target may have half of them, and never
    /// less than by default.
    ///
    /// ```
    /// use httprs::http::Limits;
    /// assert_eq!(Limits::default().of_head(64 * 1024).target_bytes, 32 * 1024);
    /// ```
    pub fn of_head(self, head_bytes: usize) -> Limits {
        let target_bytes = (head_bytes / 2).max(Limits::default().target_bytes);
        Limits {
            head_bytes,
            target_bytes,
            ..self
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            head_bytes: 16 * 1024,
            target_bytes: 8 * 1024,
            method_bytes: 32,
            fields: 100,
            body_bytes: 1024 * 1024,
            chunk_overhead: 16 * 1024,
            trailer_bytes: 8 * 1024,
        }
    }
}
