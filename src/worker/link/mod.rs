//! [`Link`]: a stream joined to a connection. It fills the input, steps the protocol, drains the
//! output, and closes so that the client reads the last answer and not a reset.
//!
//! ```text
//! a turn:  acquire buffers > fill > step > flush > settle > release buffers
//!                                    ^       |
//!                                    +-------+ the output has drained to LOW_WATER
//!
//! phases:  Open -- Next::Close ---> Closing --- all sent, shutdown(2) ---> Lingering ---> closed
//!           |----- Next::Finish --> Finishing - all sent -------------------------------> closed
//!           +----- Next::Break ---> Broken ---- reset ----------------------------------> closed
//! ```
//!
//! Where the stream and its client agree on something first (`handshake`), a turn does that and
//! nothing else until it is done.
//!
//! *fill* reads once: if there is more, epoll says so again, and others get their turn first.
//! *step* runs the protocol, which states what it awaits: room in a full output, a time, or the
//! client. *flush* sends what is queued, as far as the budget of the turn and the socket's room go;
//! whether the client is a slow reader is judged behind it, since the delay may have been ours.
//! *settle* decides what epoll and the deadlines should wake the link for.
//!
//! Two limits of time meet here. The link ends a connection whose client does not read
//! (`slow_reader`). A client that does not write is a matter of the protocol, which alone knows
//! what it waits for.

pub(crate) mod answers;
pub(crate) mod buffer_pool;
mod evictable;
pub(crate) mod exchange_log;
mod flush;
pub(crate) mod guarded;
mod handshake;
mod linger;
mod outstanding;
pub(crate) mod slow_reader;
pub(crate) mod stream;
pub(crate) mod turn;

use std::io;
use std::mem;
use std::os::fd::BorrowedFd;

use crate::process::{Input, Io, Next, Output, Peer};
use crate::sys::epoll::Interest;
use crate::time::Millis;
use crate::worker::role::Role;
use answers::Ended;
pub(crate) use evictable::Rank;
use exchange_log::{ExchangeLog, Exchanges};
use guarded::{Activity, Guarded};
use slow_reader::SlowReader;

use stream::{Socket, Stream};
use turn::{Turn, TurnResult, Wakeup};

/// Steps in one turn; a link that could do more comes again after the others.
const STEPS_PER_TURN: usize = 8;
/// Bytes sent in one turn, for the same reason.
const BYTES_PER_TURN: u64 = 1024 * 1024;
/// A link whose output was full steps again when no more than this is left of it, so that a slow
/// reader costs a step for every so many bytes and not for every packet.
const LOW_WATER: u64 = Output::HIGH_WATER / 4;
/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The protocol speaks.
    Open,
    /// It has said its last; that is still being sent.
    Closing,
    /// The same, and so has the peer.
    Finishing,
    /// It has promised what it cannot keep.
    Broken,
    /// All is sent; what still comes is thrown away until this time, or until nothing has come for
    /// `LINGER_SILENT_MS`.
    Lingering(Millis),
}

/// What a protocol awaits since its last step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaits {
    /// Room: the output was full. Until it has drained to `LOW_WATER`, there is no other step, and
    /// no deadline.
    Room,
    /// This time, or something from the client; [`Millis::NEVER`] for the latter alone.
    Until(Millis),
}

/// What has come from the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Received {
    /// Nothing, so far.
    Nothing,
    /// Some bytes.
    Something,
    /// The end of input.
    End,
}

/// A stream and the connection that speaks on it.
pub struct Link<'p, S = Socket> {
    stream: S,
    connection: Guarded<'p>,
    /// What the connection does since its last step.
    activity: Activity,
    peer: Peer,
    role: Role,
    input: Input,
    output: Output,
    phase: Phase,
    awaits: Awaits,
    received: Received,
    /// A waker was used since the last step.
    woken: bool,
    /// What the stream was told last: to limit its unsent bytes.
    unsent_limited: bool,
    /// While the client is behind with reading. Boxed, since few clients are.
    slow_reader: Option<Box<SlowReader>>,
    /// When bytes last moved, in either direction; before the first, when the link was made.
    moved: Millis,
    /// What epoll was told; nothing at first.
    watched: Option<Interest>,
    exchanges: Exchanges,
    /// A request is in flight, as of the last turn: what the worker's count was told.
    pending: bool,
    /// For the event loop: the link is in line for another turn.
    pub has_yielded: bool,
}

impl<'p, S: Stream> Link<'p, S> {
    /// Joins the two.
    pub fn new(
        stream: S,
        connection: Guarded<'p>,
        peer: Peer,
        role: Role,
        now: Millis,
    ) -> Link<'p, S> {
        Link {
            stream,
            connection,
            activity: Activity::default(),
            peer,
            role,
            input: Input::default(),
            output: Output::default(),
            phase: Phase::Open,
            awaits: Awaits::Until(Millis::NEVER),
            received: Received::Nothing,
            woken: false,
            unsent_limited: false,
            slow_reader: None,
            moved: now,
            watched: None,
            exchanges: Exchanges::default(),
            pending: false,
            has_yielded: false,
        }
    }

    /// The stream's descriptor.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Whether the connection is with a client or an admin.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Whether the client has not taken all that there is for it.
    fn is_behind(&self) -> bool {
        self.slow_reader.is_some()
    }

    fn at_end_of_input(&self) -> bool {
        self.received == Received::End
    }

    /// Whether the protocol has not ended it.
    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Whether input is of any use now.
    fn reads(&self, input_limit: usize) -> bool {
        match self.phase {
            Phase::Open => {
                !self.at_end_of_input() && !self.output.is_full() && self.input.len() < input_limit
            }
            // Nothing that comes now is of any use, but a full window would keep the peer from
            // reading our answer; it is read once that is sent.
            Phase::Closing | Phase::Finishing | Phase::Broken => false,
            Phase::Lingering(_) => true,
        }
    }

    /// What epoll must be told from now on, if that has changed, and whether it is the first that
    /// it hears of this stream. A link that ends with its first turn costs no call for that.
    pub fn change_of_interest(&mut self, input_limit: usize) -> Option<(Interest, bool)> {
        let wanted = Interest::of(self.reads(input_limit), !self.output.is_empty());
        let wanted = self.stream.interest(wanted);
        let before = self.watched.replace(wanted);
        (before != Some(wanted)).then_some((wanted, before.is_none()))
    }

    /// Does what can be done now: reads if there is something to read, lets the protocol step,
    /// writes.
    pub fn turn(&mut self, why: Wakeup, turn: &mut Turn<'_>) -> TurnResult {
        turn.slot.record_turn(&self.peer);
        turn.buffers.acquire(&mut self.input, &mut self.output);
        self.exchanges.resume(turn.answers);
        let fate = match why {
            // There is nothing to read that would tell, and it would be reported for ever.
            Wakeup::HungUp if !self.reads(turn.input_limit) => Err(Ended::ClientClosed),
            Wakeup::Evict => {
                self.abort();
                Err(Ended::Evicted)
            }
            Wakeup::Abort => {
                self.abort();
                Err(Ended::CutAtStop)
            }
            _ => {
                self.woken |= why == Wakeup::Woken;
                let readable = !matches!(why, Wakeup::WritableOrTimer | Wakeup::Woken);
                self.advance(readable, turn)
            }
        };
        let (fate, over) = match fate {
            // No event would tell of bytes that the stream holds.
            Ok(TurnResult::Wait(_)) if self.holds_input(turn.input_limit) => {
                (TurnResult::Yield, None)
            }
            Ok(fate @ (TurnResult::Wait(_) | TurnResult::Yield)) => (fate, None),
            Ok(fate @ (TurnResult::Closed | TurnResult::ProtocolError)) => {
                (fate, Some(Ended::Failed))
            }
            Err(ended) => (TurnResult::Closed, Some(ended)),
        };
        self.settle_exchanges(over, turn);
        turn.buffers.release(&mut self.input, &mut self.output);
        fate
    }

    fn advance(&mut self, readable: bool, turn: &mut Turn<'_>) -> Result<TurnResult, Ended> {
        if let Phase::Lingering(until) = self.phase {
            return self.linger(until, readable || self.stream.buffered(), turn);
        }
        if let Some(result) = self.shake_hands(turn)? {
            return Ok(result);
        }
        let readable = readable || self.holds_input(turn.input_limit);
        if readable && self.phase == Phase::Open && !self.at_end_of_input() {
            self.fill(turn)?;
        }
        let mut budget = BYTES_PER_TURN;
        for _ in 0..STEPS_PER_TURN {
            let mut again = false;
            let has_room = self.awaits != Awaits::Room || self.output.queued() <= LOW_WATER;
            if self.phase == Phase::Open && has_room {
                match self.step(turn) {
                    Stepped::Settled => {}
                    Stepped::More => again = true,
                    Stepped::Stuck => return Ok(TurnResult::ProtocolError),
                }
            }
            let queued = self.output.queued();
            self.flush(&mut budget)?;
            self.record_progress(queued, turn)?;
            if budget == 0 && !self.output.is_empty() {
                return Ok(TurnResult::Yield);
            }
            let drained = self.awaits == Awaits::Room && self.output.queued() <= LOW_WATER;
            if !again && !drained {
                return self.settle(turn);
            }
        }
        Ok(TurnResult::Yield)
    }

    fn fill(&mut self, turn: &Turn<'_>) -> Result<(), Ended> {
        let space = self.input.space(turn.input_limit);
        if space.is_empty() {
            return Ok(());
        }
        // One read: if there is more, epoll says so again, and others get their turn first.
        match self.stream.read(space) {
            Ok(0) => self.received = Received::End,
            Ok(n) => {
                self.input.filled(n);
                self.moved = turn.now.at;
                self.received = Received::Something;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return Err(Ended::ClientClosed),
        }
        Ok(())
    }

    fn step(&mut self, turn: &mut Turn<'_>) -> Stepped {
        let panicked = turn.panicked;
        let mut io = Io {
            input: &mut self.input,
            output: &mut self.output,
            peer: &self.peer,
            now: turn.now,
            eof: self.received == Received::End,
            stopping: turn.stopping,
            crowded: turn.crowded,
            woken: mem::take(&mut self.woken),
            wakers: turn.wakers,
            tally: &mut ExchangeLog {
                turn,
                peer: &self.peer,
                exchanges: &mut self.exchanges,
            },
        };
        let (next, activity) = self.connection.step(&mut io, panicked);
        self.note_activity(activity, turn.slow_reader.write_timeout_ms);
        self.awaits = match (self.output.is_full(), &next) {
            (true, _) => Awaits::Room,
            (false, Next::WaitUntil(at)) => Awaits::Until(*at),
            (false, _) => Awaits::Until(Millis::NEVER),
        };
        match next {
            Next::Wait | Next::WaitUntil(_) => {}
            Next::Close => self.close(Phase::Closing),
            Next::Finish => self.close(Phase::Finishing),
            Next::Break => self.close(Phase::Broken),
            Next::Become(connection) => {
                self.connection.replace(connection, panicked);
                self.activity = Activity::Busy;
                return Stepped::More;
            }
        }
        let full = self.phase == Phase::Open && self.input.len() >= turn.input_limit;
        // A protocol that waits for a time does something then; it may be busy with what it sends.
        if full && self.awaits == Awaits::Until(Millis::NEVER) {
            Stepped::Stuck
        } else {
            Stepped::Settled
        }
    }

    fn close(&mut self, phase: Phase) {
        self.phase = phase;
        self.awaits = Awaits::Until(Millis::NEVER);
        self.input.take();
    }

    fn settle(&mut self, turn: &Turn<'_>) -> Result<TurnResult, Ended> {
        let waits = self.phase == Phase::Open && self.awaits == Awaits::Until(Millis::NEVER);
        if waits && self.at_end_of_input() && self.output.is_empty() {
            // There is no more input, no room to wait for and no deadline: nothing will ever
            // change for this connection.
            return Err(Ended::ClientClosed);
        }
        if self.phase == Phase::Broken {
            // If this fails, it is gone already.
            let _ = self.stream.reset();
            return Err(Ended::Failed);
        }
        if self.output.is_empty() && matches!(self.phase, Phase::Closing | Phase::Finishing) {
            return self.end(turn);
        }
        // A protocol that awaits room will not be stepped, so its deadline must not wake the
        // worker.
        let step_by = match self.awaits {
            Awaits::Room => Millis::NEVER,
            Awaits::Until(at) => at,
        };
        let reader = self.slow_reader.as_ref();
        let write_by = reader.map_or(Millis::NEVER, |reader| reader.check_at());
        Ok(TurnResult::Wait(step_by.min(write_by)))
    }
}

enum Stepped {
    /// Nothing more to do until something changes.
    Settled,
    /// Another protocol has taken over and was not asked yet.
    More,
    /// The input is full and the protocol waits for more of it.
    Stuck,
}

#[cfg(test)]
mod tests {
    use super::answers::Answers;
    use super::buffer_pool::BufferPool;
    use super::evictable::{HELLO_MS, PAUSE_MS};
    use super::linger::{LINGER_MS, LINGER_SILENT_MS, LINGER_STOPPING_MS};
    use super::slow_reader::SlowReaderLimits;
    use super::*;
    use crate::log::{ByKind, Log, RateLimited};
    use crate::process::echo::EchoProcess;
    use crate::process::{
        Connection, Exchange, FileRange, Process, Segment, Tally, WakeQueue, Wakers,
    };
    use crate::scoreboard::{Scoreboard, Slot};
    use crate::time::Now;
    use std::cell::Cell;
    use std::fs::File;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;

    /// A worker of one link, with a clock that is told.
    pub(super) struct Desk<'p, S = Socket> {
        pub(super) link: Link<'p, S>,
        pub(super) peer: UnixStream,
        buffers: BufferPool,
        slot: Slot,
        log: Log,
        faults: RateLimited,
        refusals: ByKind,
        panicked: Cell<bool>,
        answers: Answers,
        wakes: Arc<WakeQueue>,
        pub(super) now: u64,
        pub(super) stopping: bool,
        min_rate: u64,
    }

    impl<'p> Desk<'p> {
        fn new(connection: Box<dyn Connection + 'p>) -> Desk<'p> {
            Desk::over(|socket| socket, connection)
        }
    }

    impl<'p, S: Stream> Desk<'p, S> {
        pub(super) fn over(
            stream: impl FnOnce(Socket) -> S,
            connection: Box<dyn Connection + 'p>,
        ) -> Desk<'p, S> {
            let (ours, peer) = UnixStream::pair().unwrap();
            ours.set_nonblocking(true).unwrap();
            Desk {
                link: Link::new(
                    stream(Socket::new(ours.into())),
                    Guarded::new(connection),
                    Peer::Unix,
                    Role::Client,
                    Millis::default(),
                ),
                peer,
                buffers: BufferPool::default(),
                slot: Scoreboard::new().unwrap().slot(0).unwrap(),
                log: Log::silent(),
                faults: RateLimited::default(),
                refusals: ByKind::default(),
                panicked: Cell::new(false),
                answers: Answers::default(),
                wakes: WakeQueue::new(|| {}),
                now: 0,
                stopping: false,
                min_rate: 0,
            }
        }

        pub(super) fn turn(&mut self, readable: bool) -> TurnResult {
            self.wake(if readable {
                Wakeup::Readable
            } else {
                Wakeup::WritableOrTimer
            })
        }

        pub(super) fn wake(&mut self, why: Wakeup) -> TurnResult {
            self.link.turn(
                why,
                &mut Turn {
                    now: Now {
                        at: Millis::new(self.now),
                        unix_ms: 0,
                    },
                    now_us: self.now * 1_000,
                    stopping: self.stopping,
                    crowded: false,
                    slow_reader: SlowReaderLimits {
                        write_timeout_ms: 1_000,
                        min_rate: self.min_rate,
                    },
                    input_limit: 100,
                    counted: true,
                    slot: &self.slot,
                    worker: 0,
                    log: &self.log,
                    faults: &self.faults,
                    refusals: &self.refusals,
                    panicked: &self.panicked,
                    answers: &mut self.answers,
                    buffers: &mut self.buffers,
                    wakers: Wakers {
                        queue: &self.wakes,
                        connection: 5,
                    },
                },
            )
        }
    }

    /// A protocol that is a closure.
    pub(super) struct Speak<F>(pub(super) F);

    impl<F: FnMut(&mut Io<'_>) -> Next> Connection for Speak<F> {
        fn step(&mut self, io: &mut Io<'_>) -> Next {
            (self.0)(io)
        }
    }

    fn speaking<'p>(step: impl FnMut(&mut Io<'_>) -> Next + 'p) -> Desk<'p> {
        Desk::new(Box::new(Speak(step)))
    }

    #[test]
    fn a_wake_is_seen_once_and_waits_for_room() {
        let mut seen = Vec::new();
        let mut begun = false;
        let mut desk = speaking(|io| {
            if !begun {
                drop(io.waker());
                io.output.push(&vec![b'x'; 4 << 20]);
            }
            begun = true;
            seen.push(io.woken);
            Next::Wait
        });
        desk.turn(false);
        desk.wake(Wakeup::Woken);
        desk.wake(Wakeup::Woken);
        // The output is full: no step yet.
        let mut rest = vec![0; 4 << 20];
        desk.peer.set_nonblocking(true).unwrap();
        let mut left = rest.len();
        while left > 0 {
            left -= desk.peer.read(&mut rest).unwrap_or(0);
            desk.turn(false);
        }
        desk.turn(false);
        desk.wake(Wakeup::Woken);
        drop(desk);
        assert_eq!(seen[..2], [false, true], "no step without room");
        assert_eq!(seen.iter().filter(|woken| **woken).count(), 2, "{seen:?}");
        assert_eq!(seen.last(), Some(&true));
    }

    #[test]
    fn an_idle_link_holds_no_buffer() {
        let mut desk = Desk::new(EchoProcess.open(&Peer::Unix));
        assert!(matches!(desk.turn(false), TurnResult::Wait(_)));
        desk.peer.write_all(b"hello").unwrap();
        assert!(matches!(desk.turn(true), TurnResult::Wait(_)));
        let mut got = [0; 5];
        desk.peer.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"hello");
        assert!(!desk.link.input.has_buffer() && !desk.link.output.has_buffer());
        assert_eq!(
            (desk.buffers.inputs.len(), desk.buffers.outputs.len()),
            (1, 1)
        );
    }

    #[test]
    fn a_refused_peer_reads_the_answer_and_not_a_reset() {
        let mut desk = speaking(|io| {
            io.output.push(b"no");
            Next::Close
        });
        desk.peer.write_all(&[b'x'; 50]).unwrap();
        let silent = TurnResult::Wait(Millis::new(LINGER_SILENT_MS));
        assert_eq!(desk.turn(true), silent);
        let first = Some((Interest::READ, true));
        assert_eq!(desk.link.change_of_interest(100), first);
        assert_eq!(desk.link.change_of_interest(100), None, "still reading");
        // It goes on for a while, and none of it matters.
        desk.now = LINGER_SILENT_MS - 1;
        desk.peer.write_all(&[b'x'; 50]).unwrap();
        let later = Millis::new(desk.now).after(LINGER_SILENT_MS);
        assert_eq!(desk.turn(true), TurnResult::Wait(later));
        let mut got = String::new();
        desk.peer.read_to_string(&mut got).unwrap();
        assert_eq!(got, "no");
        desk.peer.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(desk.turn(true), TurnResult::Closed);
    }

    #[test]
    fn a_peer_that_has_said_its_last_is_not_waited_for() {
        let mut desk = speaking(|io| {
            io.input.take();
            io.output.push(b"yes");
            Next::Finish
        });
        desk.peer.write_all(b"the last").unwrap();
        assert_eq!(desk.turn(true), TurnResult::Closed);
        drop(desk.link);
        let mut got = String::new();
        desk.peer.read_to_string(&mut got).unwrap();
        assert_eq!(got, "yes");

        // What it does not read yet, it still gets.
        let body = vec![b'x'; 3_000_000];
        let mut desk = speaking(|io| {
            io.output.push(&body);
            Next::Finish
        });
        assert_ne!(desk.turn(true), TurnResult::Closed);
        let mut got = vec![0; body.len()];
        let mut at = 0;
        desk.peer.set_nonblocking(true).unwrap();
        while at < got.len() {
            match desk.peer.read(&mut got[at..]) {
                Ok(n) => at += n,
                Err(_) => {
                    desk.turn(false);
                }
            }
        }
        assert!(got == body);
        assert_eq!(desk.link.phase, Phase::Finishing);
    }

    #[test]
    fn lingering_ends_with_silence_and_a_stop_brings_the_end_nearer() {
        for (stopping, end) in [(false, LINGER_SILENT_MS), (true, LINGER_STOPPING_MS)] {
            let mut desk = speaking(|_| Next::Close);
            desk.stopping = stopping;
            desk.turn(false);
            desk.now = end - 1;
            assert_eq!(desk.turn(false), TurnResult::Wait(Millis::new(end)));
            desk.now = end;
            assert_eq!(desk.turn(false), TurnResult::Closed);
        }
    }

    #[test]
    fn lingering_lasts_as_long_as_the_client_sends_and_not_forever() {
        let mut desk = speaking(|_| Next::Close);
        desk.turn(false);
        while desk.now < LINGER_MS - 1_000 {
            desk.now += 1_000;
            desk.peer.write_all(&[b'x'; 50]).unwrap();
            assert!(
                matches!(desk.turn(true), TurnResult::Wait(_)),
                "{}",
                desk.now
            );
        }
        desk.now = LINGER_MS;
        desk.peer.write_all(&[b'x'; 50]).unwrap();
        assert_eq!(desk.turn(true), TurnResult::Closed);
    }

    /// Says `no` and ends, or nothing, and calls itself idle or not.
    struct Claims {
        idle: bool,
        ends: bool,
    }

    impl Connection for Claims {
        fn step(&mut self, io: &mut Io<'_>) -> Next {
            io.input.take();
            if self.ends {
                io.output.push(b"no");
                return Next::Close;
            }
            Next::Wait
        }

        fn is_idle(&self) -> bool {
            self.idle
        }
    }

    #[test]
    fn what_can_be_spared_and_when() {
        let desk = |idle, ends| Desk::new(Box::new(Claims { idle, ends }));
        let from = |desk: &Desk<'_>| desk.link.evictable_at(u64::MAX).map(|(_, at)| at.get());

        let mut quiet = desk(true, false);
        quiet.turn(false);
        assert_eq!(from(&quiet), Some(HELLO_MS), "it is about to say something");
        quiet.now = 5_000;
        quiet.peer.write_all(b"hello").unwrap();
        quiet.turn(true);
        assert_eq!(from(&quiet), Some(5_000 + PAUSE_MS), "it has");
        quiet.now = 5_100;
        quiet.turn(true);
        quiet.turn(false);
        assert_eq!(from(&quiet), Some(5_000 + PAUSE_MS), "looks change nothing");
        assert!(quiet.link.is_acknowledged());
        assert_eq!(quiet.wake(Wakeup::Evict), TurnResult::Closed);

        let mut busy = desk(false, false);
        busy.turn(false);
        assert_eq!(from(&busy), None, "its protocol says that it is busy");

        let mut over = desk(true, true);
        over.now = 5_000;
        over.turn(false);
        let end = 5_000 + PAUSE_MS;
        assert_eq!(from(&over), Some(end), "the peer has its last answer");
        over.now = 6_000;
        over.peer.write_all(b"never mind").unwrap();
        over.turn(true);
        assert_eq!(from(&over), Some(6_000 + PAUSE_MS), "it goes on sending");
        assert!(!over.link.is_acknowledged(), "but has not read it");
        over.peer.read_exact(&mut [0; 2]).unwrap();
        assert!(over.link.is_acknowledged());
    }

    #[test]
    fn who_has_not_taken_an_answer_is_not_idle() {
        struct Idle(Vec<u8>);
        impl Connection for Idle {
            fn step(&mut self, io: &mut Io<'_>) -> Next {
                io.output.push(&std::mem::take(&mut self.0));
                Next::Wait
            }
            fn is_idle(&self) -> bool {
                true
            }
        }
        let mut desk = Desk::new(Box::new(Idle(vec![b'x'; 1_000_000])));
        desk.turn(false);
        assert_eq!(
            desk.link.evictable_at(u64::MAX).map(|(rank, _)| rank),
            Some(Rank::Stalled)
        );
        let mut left = vec![0; 1_000_000];
        let mut peer = desk.peer.try_clone().unwrap();
        let reader = std::thread::spawn(move || peer.read_exact(&mut left).unwrap());
        desk.now = 50;
        while desk
            .link
            .evictable_at(u64::MAX)
            .is_none_or(|(rank, _)| rank != Rank::Idle)
        {
            desk.turn(false);
            std::thread::yield_now();
        }
        reader.join().unwrap();
        let from = desk.link.evictable_at(u64::MAX);
        let since = Millis::new(50 + HELLO_MS);
        assert_eq!(from, Some((Rank::Idle, since)), "since it was sent");
    }

    #[test]
    fn a_peer_that_reads_nothing_is_given_up_and_one_that_reads_is_not() {
        let body = vec![b'x'; 3_000_000];
        let mut sent = false;
        let mut desk = speaking(|io| {
            if !std::mem::replace(&mut sent, true) {
                io.output.push(&body);
            }
            Next::WaitUntil(Millis::new(7))
        });
        let first = TurnResult::Wait(Millis::new(100));
        assert_eq!(desk.turn(false), first, "held: the step can wait");
        let wanted = desk.link.change_of_interest(100);
        let unread = Some((Interest::WRITE, true));
        assert_eq!(wanted, unread, "nothing is read meanwhile");
        desk.now = 250;
        assert_eq!(desk.turn(false), TurnResult::Wait(Millis::new(350)));
        desk.now = 999;
        let mut some = vec![0; 50_000];
        desk.peer.read_exact(&mut some).unwrap();
        assert_eq!(
            desk.turn(false),
            TurnResult::Wait(Millis::new(1_099)),
            "its time begins anew"
        );
        desk.now = 1_998;
        assert_eq!(desk.turn(false), TurnResult::Wait(Millis::new(1_999)));
        desk.now = 1_999;
        assert_eq!(desk.turn(false), TurnResult::Closed);
    }

    #[test]
    fn a_peer_that_never_reads_is_given_up_in_time() {
        let body = vec![b'x'; 3_000_000];
        let mut desk = speaking(|io| {
            io.output.push(&body);
            Next::Wait
        });
        for (now, want) in [
            (0, TurnResult::Wait(Millis::new(100))),
            (99, TurnResult::Wait(Millis::new(100))),
            (100, TurnResult::Wait(Millis::new(200))),
            (950, TurnResult::Wait(Millis::new(1_000))),
            (1_000, TurnResult::Closed),
        ] {
            desk.now = now;
            assert_eq!(desk.turn(false), want, "{now}");
        }
    }

    #[test]
    fn a_peer_that_reads_too_slowly_is_given_up_in_the_end() {
        for (min_rate, gives_up) in [(1_000_000, true), (1_000, false), (0, false)] {
            let body = vec![b'x'; 4_000_000];
            let mut sent = false;
            let mut desk = speaking(|io| {
                if !std::mem::replace(&mut sent, true) {
                    io.output.push(&body);
                }
                Next::Wait
            });
            desk.min_rate = min_rate;
            let mut some = vec![0; 50_000];
            let mut fate = desk.turn(false);
            // 50 kB every 900 ms: never silent for a second.
            for _ in 0..20 {
                desk.peer.read_exact(&mut some).unwrap();
                desk.now += 900;
                fate = desk.turn(false);
                if fate == TurnResult::Closed {
                    break;
                }
            }
            assert_eq!(fate == TurnResult::Closed, gives_up, "{min_rate}");
        }
    }

    #[test]
    fn everything_arrives_however_slowly_it_is_read() {
        let mut left = 40;
        let mut desk = speaking(|io| {
            while left > 0 && !io.output.is_full() {
                io.output.push(&[left; 50_000]);
                left -= 1;
            }
            if left > 0 { Next::Wait } else { Next::Close }
        });
        let mut peer = desk.peer.try_clone().unwrap();
        let reader = std::thread::spawn(move || {
            let mut got = Vec::new();
            peer.read_to_end(&mut got).unwrap();
            got
        });
        while !matches!(desk.link.phase, Phase::Lingering(_)) {
            assert_ne!(desk.turn(false), TurnResult::Closed);
            std::thread::yield_now();
        }
        let got = reader.join().unwrap();
        let want: Vec<u8> = (1..=40).rev().flat_map(|n| [n; 50_000]).collect();
        assert!(got == want, "{} of {} bytes", got.len(), want.len());
    }

    #[test]
    fn a_file_that_is_shorter_than_promised_breaks_the_connection() {
        let file = Arc::new(File::open("/dev/null").unwrap());
        let mut desk = speaking(move |io| {
            io.output.push(b"head");
            let range = FileRange {
                file: file.clone(),
                offset: 0,
                len: 10,
            };
            io.output.push_segment(Segment::File(range));
            Next::Close
        });
        assert_eq!(desk.turn(false), TurnResult::Closed);
    }

    #[test]
    fn a_protocol_that_is_stuck_is_closed() {
        let mut desk = speaking(|_| Next::Wait);
        desk.peer.write_all(&[b'x'; 99]).unwrap();
        assert_eq!(desk.turn(true), TurnResult::Wait(Millis::NEVER));
        desk.peer.write_all(b"x").unwrap();
        assert_eq!(desk.turn(true), TurnResult::ProtocolError);
    }

    #[test]
    fn waiting_for_nothing_at_the_end_of_input_is_the_end() {
        for (name, farewell) in [("silent", &b""[..]), ("with a farewell", b"bye")] {
            let mut desk = speaking(|io| {
                if io.eof {
                    io.output.push(farewell);
                }
                Next::Wait
            });
            assert_eq!(desk.turn(true), TurnResult::Wait(Millis::NEVER), "{name}");
            desk.peer.shutdown(std::net::Shutdown::Write).unwrap();
            assert_eq!(desk.turn(true), TurnResult::Closed, "{name}");
            drop(desk.link);
            let mut got = Vec::new();
            desk.peer.read_to_end(&mut got).unwrap();
            assert_eq!(got, farewell, "{name}");
        }
    }

    #[test]
    fn a_peer_is_not_blamed_for_a_worker_that_comes_late() {
        let body = vec![b'x'; 1_000_000];
        let mut sent = false;
        let mut desk = speaking(|io| {
            if !std::mem::replace(&mut sent, true) {
                io.output.push(&body);
            }
            Next::WaitUntil(Millis::new(1))
        });
        assert_eq!(desk.turn(false), TurnResult::Wait(Millis::new(100)));
        // The client took some in time, but the worker did not look.
        let mut some = vec![0; 50_000];
        desk.peer.read_exact(&mut some).unwrap();
        desk.now = 5_000;
        assert_eq!(desk.turn(false), TurnResult::Wait(Millis::new(5_100)));
    }

    /// An exchange that began at 0, of which so many bytes of body are queued.
    fn exchange(body_bytes: u64, output: &Output) -> Exchange<'static> {
        Exchange {
            method: b"GET",
            target: b"/",
            protocol: "HTTP/1.1",
            status: 200,
            body_bytes,
            queued: output.queued(),
            whole: true,
            since: Millis::default(),
            unlogged: false,
            refused: None,
            fault: None,
        }
    }

    #[test]
    fn an_answer_is_counted_when_it_is_sent_with_the_bytes_that_were() {
        const HEAD: &[u8] = b"a head";
        let body = vec![b'x'; 3_000_000];
        let mut asked = false;
        let mut desk = speaking(|io| {
            if !std::mem::replace(&mut asked, true) {
                // Two answers in one step: the second is larger than what the kernel takes.
                for body in [&b"small"[..], &body] {
                    io.output.push(HEAD);
                    io.output.push(body);
                    io.tally.end(&exchange(body.len() as u64, io.output));
                }
            }
            Next::Wait
        });
        desk.turn(false);
        let record = desk.slot.record();
        assert_eq!((record.requests, record.body_bytes), (1, 5), "the first");
        let mut some = vec![0; 50_000];
        desk.peer.read_exact(&mut some).unwrap();
        desk.turn(false);
        assert_eq!(desk.slot.record().requests, 1, "the second is not sent");
        // The client is given up: no more was sent than it has read. (Of a Unix socket the kernel
        // tells how much memory is in use, which is more than the bytes in it.)
        desk.wake(Wakeup::Abort);
        let record = desk.slot.record();
        assert_eq!(record.requests, 2);
        assert!(record.body_bytes <= 50_000, "{}", record.body_bytes);
        assert!(desk.answers.is_empty());
    }

    #[test]
    fn what_was_under_way_is_reported_when_the_peer_is_gone() {
        struct Endless;
        impl Connection for Endless {
            fn step(&mut self, io: &mut Io<'_>) -> Next {
                while !io.output.is_full() {
                    io.output.push(&[b'x'; 10_000]);
                }
                Next::Wait
            }
            fn abandoned(&mut self, output: &Output, tally: &mut dyn Tally) {
                tally.end(&Exchange {
                    whole: false,
                    ..exchange(1 << 40, output)
                });
            }
        }
        for why in [Wakeup::WritableOrTimer, Wakeup::HungUp, Wakeup::Abort] {
            let mut desk = Desk::new(Box::new(Endless));
            desk.turn(false);
            desk.link.change_of_interest(100);
            assert_eq!(desk.slot.record().requests, 0);
            let (_, peer) = UnixStream::pair().unwrap();
            drop(std::mem::replace(&mut desk.peer, peer));
            assert_eq!(desk.wake(why), TurnResult::Closed, "{why:?}");
            assert_eq!(desk.slot.record().requests, 1, "{why:?}");
            let unsent = (1 << 40) - desk.slot.record().body_bytes;
            assert!(unsent >= Output::HIGH_WATER, "{why:?}: {unsent}");
        }
    }

    #[test]
    fn a_connection_that_panics_is_broken_and_its_worker_learns_of_it() {
        struct Panics(&'static str);
        impl Panics {
            fn at(&self, place: &str) {
                if self.0 == place {
                    // Without the hook, which would write to the output of the tests.
                    std::panic::resume_unwind(Box::new(()));
                }
            }
        }
        impl Connection for Panics {
            fn step(&mut self, io: &mut Io<'_>) -> Next {
                io.output.push(io.input.take());
                if !io.output.is_empty() {
                    self.at("step");
                }
                Next::Wait
            }
            fn is_idle(&self) -> bool {
                self.at("is_idle");
                true
            }
            fn abandoned(&mut self, _: &Output, _: &mut dyn Tally) {
                self.at("abandoned");
            }
        }
        impl Drop for Panics {
            fn drop(&mut self) {
                self.at("drop");
            }
        }
        struct Refuses;
        impl Process for Refuses {
            fn name(&self) -> &'static str {
                "refuses"
            }
            fn open(&self, _: &Peer) -> Box<dyn Connection + '_> {
                std::panic::resume_unwind(Box::new(()))
            }
        }
        for (place, ends) in [("step", true), ("is_idle", true), ("abandoned", false)] {
            let mut desk = Desk::new(Box::new(Panics(place)));
            let mut fate = desk.turn(false);
            if place == "step" {
                assert!(matches!(fate, TurnResult::Wait(_)) && !desk.panicked.get());
                desk.peer.write_all(b"hello").unwrap();
                fate = desk.turn(true);
            }
            assert_eq!(fate == TurnResult::Closed, ends, "{place}");
            if !ends {
                assert_eq!(desk.wake(Wakeup::Evict), TurnResult::Closed, "{place}");
            }
            assert!(desk.panicked.get(), "{place}");
        }
        let mut desk = Desk::new(Box::new(Panics("drop")));
        desk.turn(false);
        desk.link.close_connection(&desk.panicked);
        assert!(desk.panicked.take(), "drop");
        desk.link.connection = Guarded::open(&Refuses, &Peer::Unix, &desk.panicked);
        assert!(desk.panicked.get(), "open");
        assert_eq!(desk.turn(false), TurnResult::Closed, "open");
    }

    #[test]
    fn another_protocol_goes_on_with_the_input_that_is_left() {
        let mut desk = speaking(|io| {
            io.input.consume(3);
            Next::Become(Box::new(Speak(|io: &mut Io<'_>| {
                io.output.push(io.input.take());
                Next::Wait
            })))
        });
        desk.peer.write_all(b"up:hello").unwrap();
        assert_eq!(desk.turn(true), TurnResult::Wait(Millis::NEVER));
        let mut got = [0; 5];
        desk.peer.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"hello");
    }
}
