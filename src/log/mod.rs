//! The log: access lines on standard output or in a file, everything else on standard error.
//!
//! Promises: whole lines only, at most `PIPE_BUF` bytes a write, so that the lines of several
//! workers do not mix; never a wait for the reader at the other end: lines that cannot be written
//! are dropped and counted; no byte of a peer reaches the log unescaped; no allocation for a line
//! in the steady state. Knows nothing of HTTP or sockets.

mod event_writer;
mod line;
mod losses;
mod rate_limited;
mod sink;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

pub(crate) use event_writer::EventWriter;
use losses::Losses;
pub(crate) use rate_limited::{ByKind, RateLimited};
use sink::{Sink, Target};

/// The format of access lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// For people: time, peer, request, status, bytes of the body, duration, worker.
    Text,
    /// One JSON object a line; events are JSON as well.
    Json,
    /// The Common Log Format, in UTC.
    Common,
    /// No access lines.
    None,
}

/// The severity of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something failed.
    Error,
    /// Something looks wrong.
    Warn,
    /// Something happened.
    Info,
    /// The details that explain an event.
    Debug,
}

impl Level {
    /// The level's name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
        }
    }
}

/// A request and its answer, as they appear in the access log. The bytes are as the peer sent them.
#[derive(Clone, Copy)]
pub struct Access<'a> {
    /// The client.
    pub peer: &'a dyn fmt::Display,
    /// The time, in milliseconds since 1970.
    pub unix_ms: u64,
    /// The method; empty if the request could not be understood.
    pub method: &'a [u8],
    /// The target; the first bytes of the request if it could not be understood.
    pub target: &'a [u8],
    /// The protocol's name and version.
    pub protocol: &'a str,
    /// The status of the answer; 0 if there was none.
    pub status: u16,
    /// Bytes of the answer's body that were sent.
    pub body_bytes: u64,
    /// From the first byte of the request to the last one sent of the answer, in microseconds.
    pub us: u64,
    /// How the exchange ended.
    pub ended: &'a str,
    /// The reason, if the request was refused.
    pub refused: Option<&'a str>,
    /// The number of the worker that answered.
    pub worker: usize,
}

/// The usual end of an exchange, which formats for people do not mention.
pub const COMPLETE: &str = "complete";

/// Bytes buffered until the end of the turn; a turn that logs more writes in between.
const BUFFER: usize = 16 * 1024;

/// Bytes buffered for a slow reader; beyond that the newer lines are dropped. A pipe holds 64 KiB
/// besides, so a reader may pause for a moment.
const BACKLOG: usize = 256 * 1024;

/// The log of one process. After a fork each process has its own; flush before, so that no line is
/// there twice.
pub struct Log {
    format: Format,
    /// `None` for a log that writes nothing.
    level: Option<Level>,
    path: Option<PathBuf>,
    lines: RefCell<Sink>,
    events: RefCell<Sink>,
    /// Access lines that are not written yet. The first may be the rest of a line whose beginning
    /// was written.
    waiting: RefCell<Vec<u8>>,
    /// Scratch memory in which a line is put together.
    scratch: Cell<Vec<u8>>,
    /// Bytes of `waiting` that belong to a line whose beginning was written.
    begun: Cell<usize>,
    /// Whether the last write would have had to wait.
    blocked: Cell<bool>,
    losses: Losses,
    /// Events that an [`EventWriter`] of this log could not write.
    lost_beside: Arc<AtomicU64>,
    /// The latest time of a line or an event: the log reads no clock.
    now_ms: Cell<u64>,
}

impl Log {
    /// A log that writes nothing.
    pub fn silent() -> Log {
        Log::with(Format::None, None, None, Sink::closed(), Sink::closed())
    }

    /// Access lines in this format to `log_file`, or to standard output; events of this level and
    /// graver ones to standard error.
    ///
    /// # Errors
    /// If the file cannot be opened. A named pipe must have a reader already.
    pub fn new(format: Format, level: Level, log_file: Option<&Path>) -> io::Result<Log> {
        let lines = match log_file {
            Some(path) => Sink::open(path)?,
            None => Sink::of(Target::Stdout),
        };
        let path = log_file.map(Path::to_path_buf);
        let events = Sink::of(Target::Stderr);
        Ok(Log::with(format, Some(level), path, lines, events))
    }

    fn with(
        format: Format,
        level: Option<Level>,
        path: Option<PathBuf>,
        lines: Sink,
        events: Sink,
    ) -> Log {
        Log {
            format,
            level,
            path,
            lines: RefCell::new(lines),
            events: RefCell::new(events),
            waiting: RefCell::default(),
            scratch: Cell::default(),
            begun: Cell::new(0),
            blocked: Cell::new(false),
            losses: Losses::default(),
            lost_beside: Arc::default(),
            now_ms: Cell::new(0),
        }
    }

    /// Opens the log file anew, after the old one was moved away. Without a log file this
    /// does nothing.
    ///
    /// # Errors
    /// If it cannot be opened; then lines go on into the old one.
    pub fn reopen(&self) -> io::Result<()> {
        if let Some(path) = &self.path {
            // Earlier lines belong into the old file.
            self.flush();
            let sink = Sink::open(path)?;
            self.lines.replace(sink);
            // Lines that the old file did not take are lost with it.
            self.give_up_waiting();
        }
        Ok(())
    }

    /// Whether events of this level are written.
    pub fn enabled(&self, level: Level) -> bool {
        self.level.is_some_and(|most| level <= most)
    }

    /// Whether access lines are written: if not, the caller need not gather their values.
    pub fn logs_access(&self) -> bool {
        self.format != Format::None
    }

    /// Lines dropped so far.
    pub fn dropped(&self) -> u64 {
        self.losses.total() + self.lost_beside.load(Relaxed)
    }

    /// Writes one event to standard error, at once.
    pub fn event(&self, level: Level, unix_ms: u64, message: fmt::Arguments<'_>) {
        self.now_ms.set(unix_ms);
        if !self.enabled(level) {
            return;
        }
        match self.write_event(level, unix_ms, message) {
            Ok(_) => self.report(),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => self.losses.unread(1),
                _ => self.losses.event_failed(error),
            },
        }
    }

    /// Buffers one access line; [`Log::flush`] writes it.
    pub fn access(&self, entry: &Access<'_>) {
        self.now_ms.set(entry.unix_ms);
        if !self.logs_access() || self.lines.borrow().is_closed() {
            return;
        }
        // The memory is taken, not borrowed: a `Display` that logs must not find it in use.
        let mut line = self.scratch.take();
        line.clear();
        line::access(&mut line, self.format, entry);
        if self.waiting.borrow().len() + line.len() > BUFFER && !self.blocked.get() {
            self.flush();
        }
        let mut waiting = self.waiting.borrow_mut();
        if waiting.len() + line.len() > BACKLOG {
            self.losses.unread(1);
        } else {
            waiting.extend_from_slice(&line);
        }
        drop(waiting);
        self.scratch.set(line);
    }

    /// Whether lines wait for another [`Log::flush`], soon.
    pub fn is_blocked(&self) -> bool {
        self.blocked.get()
    }

    /// Writes the access lines that wait, as far as that is possible without waiting.
    pub fn flush(&self) {
        self.blocked.set(false);
        let mut waiting = self.waiting.borrow_mut();
        if waiting.is_empty() {
            return;
        }
        let mut at = 0;
        let mut trouble = None;
        while at < waiting.len() {
            let piece = whole_lines(&waiting[at..]);
            match self.lines.borrow().write(piece) {
                Ok(0) => trouble = Some(ErrorKind::WriteZero.into()),
                Ok(n) => {
                    at += n;
                    continue;
                }
                Err(error) => trouble = Some(error),
            }
            break;
        }
        if at > 0 {
            let torn = waiting[at - 1] != b'\n';
            self.begun
                .set(if torn { first_line(&waiting[at..]) } else { 0 });
        }
        let kind = trouble.as_ref().map(io::Error::kind);
        if let Some(error) = trouble
            && kind != Some(ErrorKind::WouldBlock)
        {
            // A line whose beginning was written stays, so that the next one begins on a line of
            // its own; the others go.
            let kept = at + self.begun.get();
            self.losses
                .lines_failed(count_lines(&waiting[kept..]), Some(error));
            waiting.truncate(kept);
        }
        waiting.drain(..at);
        drop(waiting);
        match kind {
            Some(ErrorKind::BrokenPipe) => return self.close(),
            Some(ErrorKind::WouldBlock) => self.blocked.set(true),
            _ => {}
        }
        self.report();
    }

    /// The last flush of a process: lines that still cannot be written are dropped, and all losses
    /// are reported.
    pub fn finish(&self) {
        self.flush();
        self.give_up_waiting();
        self.losses.force_due();
        self.report();
    }

    /// Drops the lines that wait.
    fn give_up_waiting(&self) {
        let lines = count_lines(&self.waiting.take());
        match self.blocked.take() {
            true => self.losses.unread(lines),
            false => self.losses.lines_failed(lines, None),
        }
        self.begun.set(0);
    }

    /// The destination of access lines, in words.
    fn place(&self) -> &'static str {
        match self.path {
            Some(_) => "the log file",
            None => "standard output",
        }
    }

    /// Ends the access lines, because their reader is gone.
    fn close(&self) {
        self.lines.borrow_mut().close();
        self.waiting.borrow_mut().clear();
        self.begun.set(0);
        self.blocked.set(false);
        let lost = self.losses.take_unreported();
        if self.enabled(Level::Warn) {
            let (to, now) = (self.place(), self.now_ms.get());
            let message = format_args!(
                "{to} has no reader any more: no more access lines, and {lost} were lost before"
            );
            let _ = self.write_event(Level::Warn, now, message);
        }
    }

    /// Reports the lines dropped since the last report, at a limited rate.
    fn report(&self) {
        if self.enabled(Level::Warn) {
            let now = self.now_ms.get();
            self.losses.report(now, self.place(), |message| {
                self.write_event(Level::Warn, now, message).is_ok()
            });
        }
    }

    fn write_event(
        &self,
        level: Level,
        unix_ms: u64,
        message: fmt::Arguments<'_>,
    ) -> io::Result<usize> {
        let mut line = self.scratch.take();
        line.clear();
        line::event(&mut line, self.format, level, unix_ms, message);
        let mut events = self.events.borrow_mut();
        let written = events.write(&line);
        self.scratch.set(line);
        if matches!(&written, Err(error) if error.kind() == ErrorKind::BrokenPipe) {
            events.close();
        }
        written
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log")
            .field("format", &self.format)
            .field("level", &self.level)
            .field("path", &self.path)
            .field("dropped", &self.dropped())
            .finish_non_exhaustive()
    }
}

/// The longest run of whole lines that one write takes. No line is longer than that.
fn whole_lines(bytes: &[u8]) -> &[u8] {
    if bytes.len() <= line::LONGEST {
        return bytes;
    }
    let end = bytes[..line::LONGEST].iter().rposition(|b| *b == b'\n');
    &bytes[..end.map_or(line::LONGEST, |end| end + 1)]
}

fn first_line(bytes: &[u8]) -> usize {
    let end = bytes.iter().position(|b| *b == b'\n');
    end.map_or(bytes.len(), |end| end + 1)
}

fn count_lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|b| **b == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use super::losses::REPORT_EVERY_MS;
    use super::*;
    use std::fs::File;
    use std::io::{PipeReader, Read};
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    const MS: u64 = 1_795_352_400_000;

    fn sink(fd: impl Into<OwnedFd>) -> Sink {
        Sink::of(Target::File(File::from(fd.into())))
    }

    /// A log, the reader of its access lines and the reader of its events.
    fn log(format: Format) -> (Log, PipeReader, PipeReader) {
        let ((a, lines), (b, events)) = (io::pipe().unwrap(), io::pipe().unwrap());
        let log = Log::with(format, Some(Level::Info), None, sink(lines), sink(events));
        (log, a, b)
    }

    /// A request and its answer.
    pub(super) fn entry() -> Access<'static> {
        Access {
            peer: &"127.0.0.1:40000",
            unix_ms: MS + 123,
            method: b"GET",
            target: b"/x?y",
            protocol: "HTTP/1.1",
            status: 200,
            body_bytes: 512,
            us: 3_004,
            ended: COMPLETE,
            refused: None,
            worker: 1,
        }
    }

    fn access(log: &Log, unix_ms: u64, target: &str) {
        log.access(&Access {
            unix_ms,
            target: target.as_bytes(),
            worker: 0,
            ..entry()
        });
    }

    fn rest(log: Log, mut reader: impl Read) -> String {
        drop(log);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    }

    fn is_send<T: Send>(_: &T) {}

    #[test]
    fn lines_wait_for_the_flush_and_events_do_not() {
        let (log, lines, mut events) = log(Format::Text);
        is_send(&log);
        access(&log, MS, "/one");
        log.event(Level::Info, MS, format_args!("up with {}", 2));
        log.event(Level::Debug, MS, format_args!("not this"));
        let mut event = [0; 42];
        let n = events.read(&mut event).unwrap();
        assert_eq!(&event[..n], b"2026-11-22T13:00:00.000Z info  up with 2\n");
        access(&log, MS, "/two");
        log.flush();
        assert_eq!(log.dropped(), 0);
        let text = rest(log, lines);
        assert_eq!(text.lines().count(), 2);
        assert!(
            text.contains("GET /one") && text.contains("GET /two"),
            "{text}"
        );
    }

    #[test]
    fn a_silent_log_says_nothing() {
        let log = Log::silent();
        assert!(!log.enabled(Level::Error) && !log.logs_access());
        access(&log, MS, "/");
        log.event(Level::Error, MS, format_args!("x"));
        log.flush();
        log.reopen().unwrap();
        assert_eq!(log.dropped(), 0);
    }

    #[test]
    fn levels_are_thresholds() {
        let (log, _lines, _events) = log(Format::None);
        for (level, want) in [
            (Level::Error, true),
            (Level::Warn, true),
            (Level::Info, true),
            (Level::Debug, false),
        ] {
            assert_eq!(log.enabled(level), want, "{level:?}");
        }
    }

    #[test]
    fn a_full_pipe_is_waited_for_then_lines_are_dropped_counted_and_said_so_once() {
        let (log, mut lines, events) = log(Format::Text);
        let sent = 10_000;
        for i in 0..sent {
            access(&log, MS, &format!("/{i}"));
        }
        log.flush();
        let lost = log.dropped();
        assert!(lost > 0 && lost < sent, "{lost}");
        assert!(log.is_blocked() && log.waiting.borrow().len() <= BACKLOG);
        // The reader wakes up.
        let mut text = Vec::new();
        let mut some = vec![0; 1 << 16];
        while log.is_blocked() {
            let n = lines.read(&mut some).unwrap();
            text.extend_from_slice(&some[..n]);
            log.flush();
        }
        access(&log, MS + 5, "/after");
        log.flush();
        access(&log, MS + 6, "/after");
        log.flush();
        assert_eq!(log.dropped(), lost);
        let events_text = rest(log, events);
        lines.read_to_end(&mut text).unwrap();
        let lines_text = String::from_utf8(text).unwrap();
        assert_eq!(lines_text.lines().count() as u64, sent - lost + 2);
        assert!(
            lines_text
                .lines()
                .all(|l| l.ends_with(" 200 512 3.004ms w0"))
        );
        let said = format!("warn  log lines dropped, since they were not read in time: {lost}\n");
        assert!(events_text.ends_with(&said), "{events_text}");
        assert_eq!(events_text.lines().count(), 1);
    }

    #[test]
    fn lines_that_wait_in_the_end_were_not_read_in_time() {
        let (log, lines, events) = log(Format::Text);
        // More than the pipe takes, and no more than may wait.
        for i in 0..3_000 {
            access(&log, MS, &format!("/{i}"));
        }
        log.flush();
        assert!(log.is_blocked() && log.dropped() == 0);
        log.finish();
        let lost = log.dropped();
        assert!(lost > 0);
        let said = format!("warn  log lines dropped, since they were not read in time: {lost}\n");
        let events_text = rest(log, events);
        assert!(events_text.ends_with(&said), "{events_text}");
        drop(lines);
    }

    #[test]
    fn why_lines_cannot_be_written_is_said_now_and_then_and_in_the_end() {
        let full = || File::options().write(true).open("/dev/full").unwrap();
        let (reader, events) = io::pipe().unwrap();
        let level = Some(Level::Info);
        let log = Log::with(Format::Text, level, None, sink(full()), sink(events));
        for now in [MS, MS + 1, MS + 2, MS + REPORT_EVERY_MS, MS + 20_000] {
            access(&log, now, "/");
            log.flush();
            assert!(!log.is_blocked() && log.waiting.borrow().is_empty());
        }
        access(&log, MS + 20_001, "/");
        log.finish();
        assert_eq!(log.dropped(), 6);
        let text = rest(log, reader);
        let counts: Vec<&str> = text
            .lines()
            .map(|line| {
                let (_, said) = line.split_once(" warn  log lines dropped: ").expect(line);
                let (count, why) = said.split_once(", since ").expect(line);
                let want = io::Error::from_raw_os_error(libc::ENOSPC);
                assert_eq!(why, format!("standard output cannot be written: {want}"));
                count
            })
            .collect();
        assert_eq!(counts, ["1", "3", "1", "1"]);
    }

    #[test]
    fn events_that_cannot_be_written_are_counted() {
        let (reader, lines) = io::pipe().unwrap();
        let full = File::options().write(true).open("/dev/full").unwrap();
        let level = Some(Level::Info);
        let log = Log::with(Format::Text, level, None, sink(lines), sink(full));
        log.event(Level::Error, MS, format_args!("no reader sees this"));
        access(&log, MS, "/heard");
        log.finish();
        assert_eq!(log.dropped(), 1);
        assert!(rest(log, reader).contains("/heard"));
    }

    #[test]
    fn a_closed_reader_is_mentioned_once() {
        let (log, lines, events) = log(Format::Text);
        drop(lines);
        for i in 0..3 {
            access(&log, MS + i, "/");
            log.flush();
        }
        let text = rest(log, events);
        assert_eq!(
            text,
            "2026-11-22T13:00:00.000Z warn  standard output has no reader any more: \
             no more access lines, and 1 were lost before\n"
        );
    }

    #[test]
    fn closed_events_do_not_stop_the_lines() {
        let (log, lines, events) = log(Format::Text);
        drop(events);
        log.event(Level::Error, MS, format_args!("no reader sees this"));
        access(&log, MS, "/heard");
        log.flush();
        assert_eq!(log.dropped(), 1);
        assert!(rest(log, lines).contains("/heard"));
    }

    #[test]
    fn a_line_that_was_cut_is_finished_first() {
        // A stream socket takes part of a write, which a pipe never does.
        let (writer, mut reader) = UnixStream::pair().unwrap();
        let (_events, events) = io::pipe().unwrap();
        let level = Some(Level::Error);
        let log = Log::with(Format::Text, level, None, sink(writer), sink(events));
        let mut text = Vec::new();
        let mut some = vec![0; 3_001];
        for i in 0..40_000 {
            access(&log, MS, &format!("/{i}"));
            if i % 7 == 0 {
                log.flush();
            }
            if i % 200 == 0 {
                let n = reader.read(&mut some).unwrap();
                text.extend_from_slice(&some[..n]);
            }
        }
        let begun = log.begun.get();
        let waiting = log.waiting.borrow().len();
        assert!(waiting <= BACKLOG && begun <= line::LONGEST);
        let lost = log.dropped();
        assert!(lost > 0);
        let mut tail = String::new();
        drop(log);
        reader.read_to_string(&mut tail).unwrap();
        text.extend_from_slice(tail.as_bytes());
        let text = String::from_utf8(text).unwrap();
        let whole = text.rfind('\n').unwrap_or(0);
        for line in text[..whole].lines() {
            assert!(line.starts_with("2026-") && line.ends_with(" w0"), "{line}");
        }
    }

    #[test]
    fn the_log_file_can_be_moved_away() {
        let path = std::env::temp_dir().join(format!("httprs-log-{}", std::process::id()));
        let moved = path.with_extension("1");
        let log = Log::new(Format::Common, Level::Error, Some(&path)).unwrap();
        access(&log, MS, "/one");
        log.flush();
        std::fs::rename(&path, &moved).unwrap();
        access(&log, MS, "/two");
        log.reopen().unwrap();
        access(&log, MS, "/three");
        log.flush();
        let (old, new) = (
            std::fs::read_to_string(&moved).unwrap(),
            std::fs::read_to_string(&path).unwrap(),
        );
        std::fs::remove_file(&moved).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!((old.lines().count(), new.lines().count()), (2, 1));
        assert!(old.contains("/two") && new.contains("/three"));
        let nowhere = Path::new("/nonexistent/log");
        assert!(Log::new(Format::Text, Level::Error, Some(nowhere)).is_err());
    }

    #[test]
    fn the_steady_state_reuses_its_buffers() {
        let (log, mut lines, _events) = log(Format::Json);
        let mut sink = vec![0; 1 << 16];
        let mut sizes = Vec::new();
        for _ in 0..100 {
            access(&log, MS, "/some/path");
            log.flush();
            let _ = lines.read(&mut sink).unwrap();
            let scratch = log.scratch.take();
            sizes.push((scratch.capacity(), log.waiting.borrow().capacity()));
            log.scratch.set(scratch);
        }
        assert!(sizes[1..].iter().all(|s| *s == sizes[1]), "{sizes:?}");
    }
}
