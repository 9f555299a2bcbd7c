//! [`Answers`]: the answers of one connection that are queued and not sent.
//!
//! A protocol reports an exchange when all of the answer is in the output. The scoreboard and the
//! access log want to know what became of it: how many bytes were sent, how long that took and how
//! it ended. So each answer waits here, with the place in the stream where it ends.

use crate::log::COMPLETE;
use crate::process::Exchange;

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All of the answer was sent.
    Complete,
    /// The client closed or reset the connection.
    ClientClosed,
    /// The client read too slowly, or nothing for too long.
    Timeout,
    /// The worker was told to abort what was in flight.
    CutAtStop,
    /// The connection was closed to make room for another one.
    Evicted,
    /// The server could not finish the answer.
    Failed,
}

impl Ended {
    /// What the access log calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Ended::Complete => COMPLETE,
            Ended::ClientClosed => "client closed",
            Ended::Timeout => "timeout",
            Ended::CutAtStop => "cut at stop",
            Ended::Evicted => "evicted",
            Ended::Failed => "failed",
        }
    }
}

/// An answer whose last byte is not sent.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// Where its last byte is, counted from the beginning of the connection.
    ends_at: u64,
    /// Bytes of its body that were queued.
    body_bytes: u64,
    /// When the request began, in microseconds of the monotonic clock.
    pub since_us: u64,
    /// Why the request was refused, if it was.
    pub refused: Option<&'static str>,
    /// The protocol's name and version.
    pub protocol: &'static str,
    method_len: usize,
    target_len: usize,
    /// The status; 0 if no answer was begun.
    pub status: u16,
    /// False if the protocol did not finish it.
    whole: bool,
    /// It is left out of the access log.
    pub unlogged: bool,
}

impl Answer {
    /// How the answer has ended, and how many bytes of its body were sent, when the stream has
    /// taken `sent` bytes; `None` if the answer has not ended. If the connection is `over`, it has:
    /// the client did not take the last bytes.
    fn outcome(&self, sent: u64, over: Option<(Ended, u64)>) -> Option<(Ended, u64)> {
        let is_sent = self.ends_at <= sent;
        match over {
            _ if is_sent && self.whole => Some((Ended::Complete, self.body_bytes)),
            None => is_sent.then_some((Ended::Failed, self.body_bytes)),
            Some((ended, unacknowledged)) => {
                let missing = self
                    .ends_at
                    .saturating_sub(sent.saturating_sub(unacknowledged));
                Some((ended, self.body_bytes.saturating_sub(missing)))
            }
        }
    }
}

/// Answers in the order in which they are sent, with the methods and targets of their requests.
#[derive(Debug, Default)]
pub struct Answers {
    list: Vec<Answer>,
    text: Vec<u8>,
}

impl Answers {
    /// Whether no answer waits.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Takes note of an answer to a request that began then; its last byte is at `ends_at`. Without
    /// `logged`, the method and the target are of no use.
    pub fn push(&mut self, exchange: &Exchange<'_>, since_us: u64, ends_at: u64, logged: bool) {
        let (method, target) = match logged {
            true => (exchange.method, exchange.target),
            false => (&b""[..], &b""[..]),
        };
        self.text.extend_from_slice(method);
        self.text.extend_from_slice(target);
        self.list.push(Answer {
            ends_at,
            body_bytes: exchange.body_bytes,
            since_us,
            refused: exchange.refused.map(|refused| refused.why),
            protocol: exchange.protocol,
            method_len: method.len(),
            target_len: target.len(),
            status: exchange.status,
            whole: exchange.whole,
            unlogged: exchange.unlogged,
        });
    }

    /// Hands the answers that have ended to `report`, each with how it ended, how many bytes of its
    /// body were sent, and the method and the target of its request. `sent` and `over` are as in
    /// [`Answer::outcome`].
    pub fn settle(
        &mut self,
        sent: u64,
        over: Option<(Ended, u64)>,
        mut report: impl FnMut(&Answer, Ended, u64, &[u8], &[u8]),
    ) {
        let (mut ended, mut read) = (0, 0);
        for answer in &self.list {
            let Some((how, bytes)) = answer.outcome(sent, over) else {
                break;
            };
            let (method, rest) = self.text[read..].split_at(answer.method_len);
            report(answer, how, bytes, method, &rest[..answer.target_len]);
            read += answer.method_len + answer.target_len;
            ended += 1;
        }
        if ended == self.list.len() {
            self.list.clear();
            self.text.clear();
        } else {
            self.list.drain(..ended);
            self.text.drain(..read);
        }
    }
}
