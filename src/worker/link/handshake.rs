//! What a stream and its client agree on before the protocol is asked, and input that the stream
//! holds while its socket is quiet. A plain socket has neither, and costs nothing for it.

use std::io;

use super::answers::Ended;
use super::stream::Stream;
use super::turn::{Turn, TurnResult};
use super::{Link, Phase};

/// How long a handshake may take at most when the worker is about to leave, in milliseconds,
/// counted as its timeout is: a client that is there answers within a round trip or two.
pub(super) const HANDSHAKE_STOPPING_MS: u64 = 1_000;

impl<S: Stream> Link<'_, S> {
    /// Goes on with the handshake; `None` if there is none, or if it is done.
    pub(super) fn shake_hands(&mut self, turn: &Turn<'_>) -> Result<Option<TurnResult>, Ended> {
        let timeout_ms = self.stream.handshake_timeout_ms();
        match (self.stream.handshake(), timeout_ms) {
            (Ok(()), _) => Ok(None),
            (Err(error), Some(timeout_ms)) if error.kind() == io::ErrorKind::WouldBlock => {
                let timeout_ms = match turn.stopping {
                    true => timeout_ms.min(HANDSHAKE_STOPPING_MS),
                    false => timeout_ms,
                };
                // No bytes of the protocol have moved: the time is that of the link's beginning.
                let until = self.moved.after(timeout_ms);
                match turn.now.at < until {
                    true => Ok(Some(TurnResult::Wait(until))),
                    false => Err(Ended::Timeout),
                }
            }
            // The protocol was never asked. The stream's last words are worth being read.
            (Err(_), Some(_)) => {
                self.close(Phase::Closing);
                self.stream.shutdown().map_err(|_| Ended::ClientClosed)?;
                Ok(Some(self.begin_to_linger(turn)))
            }
            // A word of the stream's own, for which there is no room yet.
            (Err(error), None) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            (Err(_), None) => Err(Ended::ClientClosed),
        }
    }

    /// Whether the protocol was not asked yet, because the stream is not ready for it.
    pub(super) fn is_shaking_hands(&self) -> bool {
        self.stream.handshake_timeout_ms().is_some()
    }

    /// Whether there is input of use that no event tells of.
    pub(super) fn holds_input(&self, input_limit: usize) -> bool {
        self.stream.buffered() && self.reads(input_limit)
    }
}

#[cfg(test)]
mod tests {
    use super::super::evictable::{HELLO_MS, Rank};
    use super::super::linger::LINGER_SILENT_MS;
    use super::super::stream::Socket;
    use super::super::tests::{Desk, Speak};
    use super::super::turn::Wakeup;
    use super::*;
    use crate::process::{Io, Next, Output};
    use crate::sys::epoll::Interest;
    use crate::time::Millis;
    use std::collections::VecDeque;
    use std::io::{IoSlice, Read, Write};
    use std::os::fd::{AsFd, BorrowedFd};

    const TIMEOUT_MS: u64 = 5_000;

    /// A stream that does all that a stream may: the client says `?` first, and is told `!`; what
    /// has come is read ahead and handed out in threes; every other write holds what it was given;
    /// the ends have words, `S` and `C`.
    struct Toy {
        socket: Socket,
        is_done: bool,
        ahead: VecDeque<u8>,
        /// How many bytes are in its hands that it has not counted.
        held: Option<Vec<u8>>,
        /// There is no room for the word at the end.
        is_stuck: bool,
    }

    impl Toy {
        fn new(socket: Socket) -> Toy {
            Toy {
                socket,
                is_done: false,
                ahead: VecDeque::new(),
                held: None,
                is_stuck: false,
            }
        }

        fn done(socket: Socket) -> Toy {
            Toy {
                is_done: true,
                ..Toy::new(socket)
            }
        }

        fn say(&mut self, word: &[u8]) -> io::Result<()> {
            match self.is_stuck {
                true => Err(io::ErrorKind::WouldBlock.into()),
                false => self.socket.write(&[IoSlice::new(word)], false).map(drop),
            }
        }
    }

    impl AsFd for Toy {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.socket.as_fd()
        }
    }

    impl Stream for Toy {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            if self.ahead.is_empty() {
                let mut all = [0; 100];
                let n = self.socket.read(&mut all)?;
                self.ahead.extend(&all[..n]);
            }
            let len = buf.len().min(3);
            self.ahead.read(&mut buf[..len])
        }

        fn write(&mut self, slices: &[IoSlice<'_>], _: bool) -> io::Result<usize> {
            let given: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
            let Some(held) = self.held.take() else {
                self.held = Some(given[..given.len().min(1_000)].to_vec());
                return Err(io::ErrorKind::WouldBlock.into());
            };
            assert_eq!(held, given[..held.len()], "the same bytes come again");
            self.socket.write(&[IoSlice::new(&held)], false)
        }

        fn handshake(&mut self) -> io::Result<()> {
            if self.is_done {
                return Ok(());
            }
            let mut first = [0];
            match (self.socket.read(&mut first)?, first) {
                (1, [b'?']) => self.say(b"!")?,
                _ => return Err(io::ErrorKind::InvalidData.into()),
            }
            self.is_done = true;
            Ok(())
        }

        fn handshake_timeout_ms(&self) -> Option<u64> {
            (!self.is_done).then_some(TIMEOUT_MS)
        }

        fn buffered(&self) -> bool {
            !self.ahead.is_empty()
        }

        fn interest(&self, wanted: Interest) -> Interest {
            Interest::of(wanted.reads(), wanted.writes() || self.is_stuck)
        }

        fn unacknowledged(&self) -> io::Result<u64> {
            self.socket.unacknowledged()
        }

        fn shutdown(&mut self) -> io::Result<()> {
            self.say(b"S")?;
            self.socket.shutdown()
        }

        fn close(&mut self) -> io::Result<()> {
            self.say(b"C")
        }

        fn reset(&mut self) -> io::Result<()> {
            self.socket.reset()
        }
    }

    fn toy<'p>(
        stream: fn(Socket) -> Toy,
        step: impl FnMut(&mut Io<'_>) -> Next + 'p,
    ) -> Desk<'p, Toy> {
        Desk::over(stream, Box::new(Speak(step)))
    }

    fn wait(until: u64) -> TurnResult {
        TurnResult::Wait(Millis::new(until))
    }

    /// Turns until the link waits for something.
    fn turns(desk: &mut Desk<'_, Toy>) -> TurnResult {
        let mut result = desk.turn(true);
        for _ in 0..100 {
            if result != TurnResult::Yield {
                return result;
            }
            result = desk.turn(false);
        }
        panic!("it yields for ever");
    }

    /// More turns than there is anything for.
    fn settle(desk: &mut Desk<'_, Toy>) -> TurnResult {
        let mut results = (0..20).map(|_| desk.turn(true));
        let closed = results.find(|result| *result == TurnResult::Closed);
        closed.unwrap_or_else(|| desk.turn(true))
    }

    fn rest(desk: Desk<'_, Toy>) -> String {
        let Desk { link, mut peer, .. } = desk;
        drop(link);
        let mut got = String::new();
        peer.read_to_string(&mut got).unwrap();
        got
    }

    #[test]
    fn the_protocol_is_asked_when_the_handshake_is_done() {
        let mut steps = 0;
        let mut desk = toy(Toy::new, |io| {
            steps += 1;
            io.output.push(io.input.take());
            if io.eof { Next::Finish } else { Next::Wait }
        });
        assert_eq!(desk.turn(true), wait(TIMEOUT_MS));
        assert_eq!(
            desk.link.change_of_interest(100),
            Some((Interest::READ, true))
        );
        // No request is in flight, and there is no answer to be lost.
        assert_eq!(desk.link.update_pending(), None);
        let evictable = Some((Rank::Idle, Millis::new(HELLO_MS)));
        assert_eq!(desk.link.evictable_at(u64::MAX), evictable);
        desk.now = TIMEOUT_MS - 1;
        desk.peer.write_all(b"?hello").unwrap();
        assert_eq!(settle(&mut desk), TurnResult::Wait(Millis::NEVER));
        desk.peer.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(settle(&mut desk), TurnResult::Closed);
        assert_eq!(rest(desk), "!helloC");
        assert!(steps >= 3);
    }

    #[test]
    fn a_handshake_that_stalls_ends_and_sooner_while_draining() {
        for (stopping, timeout_ms) in [(false, TIMEOUT_MS), (true, HANDSHAKE_STOPPING_MS)] {
            let mut desk = toy(Toy::new, |_| unreachable!());
            desk.stopping = stopping;
            assert_eq!(desk.turn(true), wait(timeout_ms));
            desk.now = timeout_ms - 1;
            assert_eq!(desk.turn(false), wait(timeout_ms));
            desk.now = timeout_ms;
            assert_eq!(desk.turn(false), TurnResult::Closed);
            assert_eq!(rest(desk), "", "{stopping}");
        }
    }

    #[test]
    fn the_last_words_of_a_handshake_that_fails_are_read() {
        let mut desk = toy(Toy::new, |_| unreachable!());
        desk.peer.write_all(b"GET / HTTP/1.1\r\n").unwrap();
        assert_eq!(desk.turn(true), wait(LINGER_SILENT_MS));
        // Closed now, the socket would be reset for what was not read, and "S" lost.
        desk.peer.write_all(b"\r\n").unwrap();
        desk.peer.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(settle(&mut desk), TurnResult::Closed);
        assert_eq!(rest(desk), "S");

        let mut desk = toy(Toy::new, |_| unreachable!());
        desk.turn(true);
        assert_eq!(desk.wake(Wakeup::Evict), TurnResult::Closed);
        assert_eq!(rest(desk), "C");
    }

    #[test]
    fn input_that_the_stream_holds_needs_no_event() {
        let mut got = Vec::new();
        let mut may_read = false;
        let mut desk = toy(Toy::done, |io| {
            if !may_read {
                may_read = true;
                io.output.push(&[b'x'; Output::HIGH_WATER as usize]);
            }
            got.extend_from_slice(io.input.take());
            Next::Wait
        });
        desk.peer.write_all(b"0123456789").unwrap();
        // The output is full: what the stream holds is of no use now, and waiting is right.
        assert!(matches!(desk.turn(true), TurnResult::Wait(_)));
        let watched = desk.link.change_of_interest(100);
        assert_eq!(watched, Some((Interest::WRITE, true)));
        desk.peer.set_nonblocking(true).unwrap();
        for _ in 0..1_000 {
            let _ = desk.peer.read(&mut [0; 1_000]);
            if desk.link.output.is_empty() {
                break;
            }
            desk.turn(false);
        }
        assert_eq!(turns(&mut desk), TurnResult::Wait(Millis::NEVER));
        drop(desk);
        assert_eq!(got, b"0123456789");

        // While it lingers, too.
        let mut desk = toy(Toy::done, |_| Next::Close);
        desk.peer.write_all(b"0123456789").unwrap();
        desk.peer.shutdown(std::net::Shutdown::Write).unwrap();
        desk.turn(true);
        assert_eq!(desk.turn(true), TurnResult::Yield);
        assert!(matches!(turns(&mut desk), TurnResult::Wait(_)));
        assert!(desk.link.stream.ahead.is_empty());
        assert_eq!(turns(&mut desk), TurnResult::Closed);
    }

    #[test]
    fn a_word_for_the_end_waits_for_room_and_not_for_ever() {
        for next in [|| Next::Close, || Next::Finish] {
            let mut desk = toy(Toy::done, |_| next());
            desk.link.stream.is_stuck = true;
            assert_eq!(desk.turn(false), wait(1_000), "the write timeout");
            let watched = desk.link.change_of_interest(100);
            assert_eq!(watched, Some((Interest::WRITE, true)));
            assert_eq!(desk.turn(false), wait(1_000));
            desk.now = 1_000;
            assert_eq!(desk.turn(false), TurnResult::Closed);

            let mut desk = toy(Toy::done, |_| next());
            desk.link.stream.is_stuck = true;
            desk.turn(false);
            desk.link.stream.is_stuck = false;
            let lingers = matches!(desk.turn(false), TurnResult::Wait(_));
            assert_eq!(rest(desk), if lingers { "S" } else { "C" });
        }
    }

    #[test]
    fn what_is_cut_off_has_no_word_for_the_end() {
        let mut desk = toy(Toy::done, |_| Next::Wait);
        desk.turn(false);
        assert_eq!(desk.wake(Wakeup::Abort), TurnResult::Closed);
        assert_eq!(rest(desk), "");
    }

    #[test]
    fn a_connection_that_has_hung_up_while_nothing_is_read_is_over() {
        let mut desk = toy(Toy::done, |io| {
            if io.output.is_empty() {
                io.output.push(&[b'x'; Output::HIGH_WATER as usize]);
            }
            Next::Wait
        });
        assert!(matches!(desk.turn(true), TurnResult::Wait(_)));
        assert_eq!(desk.wake(Wakeup::HungUp), TurnResult::Closed);
    }
}
