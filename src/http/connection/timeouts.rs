//! [`Timeouts`]: how long a connection waits for its client.

/// How long a connection waits for its client, in milliseconds, and for how many requests it
/// lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For some more of a request: its first byte on a new connection, the rest of its head or of
    /// its body. 10 s.
    pub progress_ms: u64,
    /// For a whole head, from its first byte, however steadily it comes. 10 s.
    pub header_ms: u64,
    /// For a body as a whole: 10 s, and another second for every so many bytes that have come, so
    /// that a client cannot stay for ever by sending a byte at a time; 0 for any rate. 64 bytes a
    /// second: slower than any line that a person would wait for.
    pub min_rate: u64,
    /// For another request. 75 s: longer than proxies and load balancers keep a connection to what
    /// is behind them (mostly 60 s), so that the proxy closes first, and no request meets the end.
    pub keepalive_ms: u64,
    /// Requests on one connection; 0 for any number.
    pub keepalive_requests: u64,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            progress_ms: 10_000,
            header_ms: 10_000,
            min_rate: 64,
            keepalive_ms: 75_000,
            keepalive_requests: 0,
        }
    }
}

impl Timeouts {
    /// The keep-alive timeout as a field line (RFC 2068 §19.7.1.1), in whole seconds: clients that
    /// heed it, such as undici and Apache's, do not send a request into the end of the connection.
    /// Empty for less than a second.
    pub(super) fn keep_alive_line(&self) -> Box<[u8]> {
        match self.keepalive_ms / 1_000 {
            0 => Box::default(),
            seconds => format!("Keep-Alive: timeout={seconds}\r\n")
                .into_bytes()
                .into(),
        }
    }
}
