//! What a connection reads from and writes to: [`Input`] and [`Output`].
//!
//! Both ends are plain memory. The caller fills the input and drains the output; a file is a
//! segment of the output that the caller sends with `sendfile(2)`, so a protocol never reads one.
//! Buffers grow on use and can come from a buffer pool: an idle connection holds none.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::sync::Arc;

use super::waker::Wakers;
use super::{Peer, Tally, Waker};
use crate::time::Now;

/// Everything that one step of a connection may look at and change.
pub struct Io<'a> {
    /// Bytes that the peer sent and the protocol has not consumed.
    pub input: &'a mut Input,
    /// Bytes and files that go to the peer.
    pub output: &'a mut Output,
    /// The peer.
    pub peer: &'a Peer,
    /// The time at which this turn began.
    pub now: Now,
    /// The peer has ended its input: nothing will follow what is in `input`.
    pub eof: bool,
    /// The worker drains: finish what is in flight, begin nothing new.
    pub stopping: bool,
    /// The worker is at its connection limit and clients are queued: a persistent connection should
    /// announce with its current answer that it closes, and close.
    pub crowded: bool,
    /// A waker of this connection was used since the last step.
    pub woken: bool,
    /// Where finished exchanges are reported, for the access log and the scoreboard.
    pub tally: &'a mut dyn Tally,
    pub(crate) wakers: Wakers<'a>,
}

impl Io<'_> {
    /// A waker of this connection, for whatever the connection waits for. Each call makes another
    /// one, which is an allocation: a connection that waits often keeps its waker.
    pub fn waker(&self) -> Waker {
        self.wakers.make()
    }
}

/// Bytes that the peer sent: a window over one buffer.
///
/// The buffer is kept initialised, so that the caller can read(2) straight into it.
#[derive(Debug, Default)]
pub struct Input {
    buf: Vec<u8>,
    start: usize,
    end: usize,
}

impl Input {
    /// The initial size of a buffer. One turn reads no more, so this also bounds how long one peer
    /// that sends much can keep the others waiting.
    pub const CHUNK: usize = 16 * 1024;

    /// All bytes that were not consumed yet.
    pub fn bytes(&self) -> &[u8] {
        &self.buf[self.start..self.end]
    }

    /// The same, for a protocol that decodes them in place. Bytes that were changed are to be
    /// consumed in the same step.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.buf[self.start..self.end]
    }

    /// How many bytes were not consumed yet.
    pub fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether all bytes were consumed.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Drops the first `n` bytes, or all if there are fewer.
    pub fn consume(&mut self, n: usize) {
        self.start += n.min(self.len());
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Takes all bytes.
    pub fn take(&mut self) -> &[u8] {
        let all = self.start..self.end;
        self.start = 0;
        self.end = 0;
        &self.buf[all]
    }

    /// Room to read into, so that the input holds at most `limit` bytes; empty when it holds as
    /// many. Bytes read there become input by [`Input::filled`].
    pub fn space(&mut self, limit: usize) -> &mut [u8] {
        let wanted = limit.saturating_sub(self.len()).min(Self::CHUNK);
        if self.buf.len() - self.end < wanted && self.start > 0 {
            self.buf.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.buf.len() - self.end < wanted {
            let grown = (self.buf.len() * 2).min(limit).max(self.end + wanted);
            self.buf.resize(grown, 0);
        }
        &mut self.buf[self.end..self.end + wanted]
    }

    /// Makes the first `n` bytes of the last [`Input::space`] input.
    pub fn filled(&mut self, n: usize) {
        self.end = (self.end + n).min(self.buf.len());
    }

    /// Whether this holds a buffer, used or not.
    pub fn has_buffer(&self) -> bool {
        !self.buf.is_empty()
    }

    /// How many bytes this keeps allocated.
    pub fn capacity(&self) -> usize {
        self.buf.capacity()
    }
}

/// A piece of the output.
#[derive(Debug)]
#[non_exhaustive]
pub enum Segment {
    /// So many bytes, the next ones of the output's own buffer.
    Bytes(usize),
    /// Bytes that are part of the program.
    Static(&'static [u8]),
    /// Bytes that other answers share, from this offset on.
    Shared(Arc<[u8]>, usize),
    /// A large body that was made for this answer, from this offset on.
    Owned(Vec<u8>, usize),
    /// A range of an open file.
    File(FileRange),
}

/// `len` bytes of `file`, from `offset` on. The peer may count on them: a file that turns out to be
/// shorter ends the connection.
#[derive(Clone, Debug)]
pub struct FileRange {
    /// The open file. Its own position is neither used nor moved.
    pub file: Arc<File>,
    /// Where the next byte to send is.
    pub offset: u64,
    /// How many bytes are still to be sent.
    pub len: u64,
}

/// The bytes for the peer: a queue of segments, and one buffer for the small ones among them.
#[derive(Debug, Default)]
pub struct Output {
    bytes: Vec<u8>,
    /// Where in `bytes` the first `Segment::Bytes` begins.
    start: usize,
    segments: VecDeque<Segment>,
    /// The sum of all segments.
    queued: u64,
}

impl Output {
    /// A connection stops producing when so many bytes are queued.
    pub const HIGH_WATER: u64 = 64 * 1024;

    /// How many segments one gathering write takes.
    pub const GATHER: usize = 16;

    /// Queues a copy of `bytes`. An empty slice queues no segment: it is no progress.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.grew(bytes.len());
    }

    /// Queues bytes without copying them.
    pub fn push_segment(&mut self, segment: Segment) {
        let len = match &segment {
            // Only `push` and `append` know which bytes lie in the buffer.
            Segment::Bytes(_) => 0,
            Segment::Static(bytes) => bytes.len() as u64,
            Segment::Shared(bytes, from) => bytes.len().saturating_sub(*from) as u64,
            Segment::Owned(bytes, from) => bytes.len().saturating_sub(*from) as u64,
            Segment::File(range) => range.len,
        };
        if len > 0 {
            self.queued += len;
            self.segments.push_back(segment);
        }
    }

    /// Lets `write` append to the buffer and queues what it appended.
    pub fn append<T>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let before = self.bytes.len();
        let result = write(&mut self.bytes);
        // Bytes that are queued already must not be taken back.
        if self.bytes.len() < before {
            self.bytes.resize(before, 0);
        }
        self.grew(self.bytes.len() - before);
        result
    }

    fn grew(&mut self, n: usize) {
        if n == 0 {
            return;
        }
        self.queued += n as u64;
        match self.segments.back_mut() {
            Some(Segment::Bytes(len)) => *len += n,
            _ => self.segments.push_back(Segment::Bytes(n)),
        }
    }

    /// How many bytes are queued, those of files included.
    pub fn queued(&self) -> u64 {
        self.queued
    }

    /// Whether nothing is queued.
    pub fn is_empty(&self) -> bool {
        self.queued == 0
    }

    /// Whether the output is full, so that a connection should produce no more (backpressure).
    pub fn is_full(&self) -> bool {
        self.queued >= Self::HIGH_WATER
    }

    /// How many bytes a connection may still produce.
    pub fn room(&self) -> usize {
        Self::HIGH_WATER.saturating_sub(self.queued) as usize
    }

    /// The memory segments at the front, up to the first file, ready for a gathering write.
    /// Returns how many slices were filled and whether more is queued behind them.
    pub fn gather<'a>(&'a self, slices: &mut [IoSlice<'a>; Self::GATHER]) -> (usize, bool) {
        let mut at = self.start;
        let mut count = 0;
        for segment in &self.segments {
            if count == slices.len() {
                break;
            }
            slices[count] = IoSlice::new(match segment {
                Segment::Bytes(len) => {
                    at += len;
                    &self.bytes[at - len..at]
                }
                Segment::Static(bytes) => bytes,
                Segment::Shared(bytes, from) => &bytes[*from..],
                Segment::Owned(bytes, from) => &bytes[*from..],
                Segment::File(_) => break,
            });
            count += 1;
        }
        (count, count < self.segments.len())
    }

    /// The file at the front, if there is one.
    pub fn front_file(&self) -> Option<&FileRange> {
        match self.segments.front() {
            Some(Segment::File(range)) => Some(range),
            _ => None,
        }
    }

    /// Drops the first `n` bytes: they were sent.
    pub fn advance(&mut self, n: u64) {
        let mut left = n.min(self.queued);
        self.queued -= left;
        while left > 0 {
            let Some(front) = self.segments.front_mut() else {
                break;
            };
            let (len, taken) = match front {
                Segment::Bytes(len) => {
                    let taken = left.min(*len as u64);
                    self.start += taken as usize;
                    let before = *len as u64;
                    *len -= taken as usize;
                    (before, taken)
                }
                Segment::Static(bytes) => {
                    let before = bytes.len() as u64;
                    let taken = left.min(before);
                    *bytes = &bytes[taken as usize..];
                    (before, taken)
                }
                Segment::Shared(bytes, from) => skip(bytes.len(), from, left),
                Segment::Owned(bytes, from) => skip(bytes.len(), from, left),
                Segment::File(range) => {
                    let before = range.len;
                    let taken = left.min(before);
                    range.offset += taken;
                    range.len -= taken;
                    (before, taken)
                }
            };
            left -= taken;
            if taken == len {
                self.segments.pop_front();
            }
        }
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
        } else if self.start >= Self::HIGH_WATER as usize {
            // A peer that never quite catches up must not make the buffer grow for ever.
            self.bytes.drain(..self.start);
            self.start = 0;
        }
    }

    /// Whether this holds a buffer, used or not.
    pub fn has_buffer(&self) -> bool {
        self.bytes.capacity() > 0 || self.segments.capacity() > 0
    }

    /// How many bytes this keeps allocated.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }
}

/// Moves `from` on by at most `n` of the bytes that are left; returns how many were left and taken.
fn skip(len: usize, from: &mut usize, n: u64) -> (u64, u64) {
    let left = len.saturating_sub(*from) as u64;
    let taken = n.min(left);
    *from += taken as usize;
    (left, taken)
}

/// `write!(io.output, ...)` works and cannot fail.
impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(output: &Output) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); Output::GATHER];
        let (count, _) = output.gather(&mut slices);
        slices[..count]
            .iter()
            .flat_map(|s| s.iter().copied())
            .collect()
    }

    #[test]
    fn input_is_a_window() {
        let mut input = Input::default();
        assert!(!input.has_buffer());
        input.space(100)[..5].copy_from_slice(b"hello");
        input.filled(5);
        input.consume(2);
        assert_eq!(input.bytes(), b"llo");
        assert_eq!(input.space(100).len(), 97);
        assert_eq!(input.bytes(), b"llo");
        assert_eq!(input.take(), b"llo");
        assert!(input.is_empty());
    }

    #[test]
    fn input_never_holds_more_than_its_limit() {
        let mut input = Input::default();
        let mut total = 0;
        loop {
            let space = input.space(40_000);
            if space.is_empty() {
                break;
            }
            let n = space.len();
            input.filled(n);
            total += n;
        }
        assert_eq!((total, input.len()), (40_000, 40_000));
        input.consume(1);
        assert_eq!(input.space(40_000).len(), 1);
    }

    #[test]
    fn segments_leave_in_order_however_they_are_advanced() {
        for step in 1..20 {
            let mut output = Output::default();
            output.push(b"one ");
            output.push(b"");
            output.push_segment(Segment::Static(b"two "));
            output.push_segment(Segment::Shared(Arc::from(&b"..three "[..]), 2));
            output.push_segment(Segment::Owned(b"four ".to_vec(), 0));
            write!(output, "five").unwrap();
            assert_eq!(output.queued(), 23);
            let mut sent = Vec::new();
            while !output.is_empty() {
                let front = gathered(&output);
                let n = front.len().min(step);
                sent.extend_from_slice(&front[..n]);
                output.advance(n as u64);
            }
            assert_eq!(sent, b"one two three four five", "{step} at a time");
        }
    }

    #[test]
    fn a_file_stops_the_gathering_until_it_is_sent() {
        let mut output = Output::default();
        let file = Arc::new(File::open("/proc/self/exe").unwrap());
        output.push(b"head");
        output.push_segment(Segment::File(FileRange {
            file,
            offset: 7,
            len: 10,
        }));
        output.push(b"tail");
        assert_eq!(gathered(&output), b"head");
        output.advance(4);
        assert_eq!(gathered(&output), b"");
        assert_eq!(
            output.front_file().map(|f| (f.offset, f.len)),
            Some((7, 10))
        );
        output.advance(4);
        assert_eq!(
            output.front_file().map(|f| (f.offset, f.len)),
            Some((11, 6))
        );
        output.advance(6);
        assert_eq!(gathered(&output), b"tail");
    }

    #[test]
    fn a_slow_reader_does_not_make_the_buffer_grow() {
        let mut output = Output::default();
        output.push(b"x");
        for _ in 0..1_000 {
            output.push(&[b'y'; 1_000]);
            output.advance(1_000);
        }
        assert!(output.capacity() < 300_000, "{}", output.capacity());
    }
}
