//! [`EchoProcess`]: sends back what it gets. The smallest protocol there is, and the proof that a
//! [`Process`] is not shaped like HTTP.

use super::{Connection, Io, Next, Peer, Process};
use crate::time::Millis;

/// How long a peer may send nothing, in milliseconds.
const IDLE_MS: u64 = 60_000;

/// The echo protocol (RFC 862): every byte comes back, until the peer ends its input.
///
/// ```
/// use httprs::harness::converse;
/// use httprs::EchoProcess;
/// assert_eq!(converse(&EchoProcess, &[b"hello, ", b"world"]).bytes, b"hello, world");
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct EchoProcess;

impl Process for EchoProcess {
    fn name(&self) -> &'static str {
        "echo"
    }

    fn open(&self, _peer: &Peer) -> Box<dyn Connection> {
        Box::new(Echo { last_input: None })
    }
}

struct Echo {
    /// When the peer last sent something; `None` before the first step.
    last_input: Option<Millis>,
}

impl Connection for Echo {
    fn step(&mut self, io: &mut Io<'_>) -> Next {
        let last_input = match self.last_input {
            Some(at) if io.input.is_empty() => at,
            _ => io.now.at,
        };
        self.last_input = Some(last_input);
        let deadline = last_input.after(IDLE_MS);
        let room = io.output.room().min(io.input.len());
        io.output.push(&io.input.bytes()[..room]);
        io.input.consume(room);
        let done = io.eof || io.stopping || io.now.at >= deadline;
        if done && io.input.is_empty() {
            return Next::Close;
        }
        Next::WaitUntil(deadline)
    }

    /// Always: bytes that do not fit into the output stay in the input.
    fn is_idle(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::harness::{Conversation, converse, every_split};
    use super::*;

    #[test]
    fn every_byte_comes_back_however_the_input_is_cut() {
        for (name, wire) in [
            ("nothing", &b""[..]),
            ("a line", b"hello\r\n"),
            ("not text", b"\0\xff\r\n\r\n\x80"),
        ] {
            assert_eq!(every_split(&EchoProcess, wire).bytes, wire, "{name}");
        }
    }

    #[test]
    fn input_larger_than_the_output_comes_back_too() {
        let wire = vec![b'x'; 300_000];
        assert_eq!(converse(&EchoProcess, &[&wire]).bytes, wire);
    }

    #[test]
    fn a_connection_closes_when_the_worker_stops() {
        let mut talk = Conversation::open(&EchoProcess);
        assert_eq!(talk.send(b"ping"), b"ping");
        assert!(!talk.closed());
        assert!(talk.is_idle(), "all input went back");
        talk.stop();
        assert!(talk.closed());
    }

    #[test]
    fn a_silent_peer_has_a_deadline() {
        let mut talk = Conversation::open(&EchoProcess);
        talk.pass(IDLE_MS - 1);
        assert!(!talk.closed());
        assert_eq!(talk.send(b"still here"), b"still here");
        talk.pass(IDLE_MS - 1);
        assert!(!talk.closed());
        talk.pass(1);
        assert!(talk.closed());
    }
}
