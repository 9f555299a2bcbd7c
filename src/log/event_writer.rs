//! [`EventWriter`]: writes events beside the [`Log`] that made it, from any thread.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::sink::Sink;
use super::{Format, Level, Log, line};

/// Writes the events that the log itself cannot take: the log belongs to one thread, and may be in
/// the middle of a write when that thread panics.
pub(crate) struct EventWriter {
    format: Format,
    sink: Sink,
    /// Events that could not be written, for the log to count.
    lost: Arc<AtomicU64>,
}

impl Log {
    /// A writer of events beside this log, for any thread; `None` if the log writes no errors.
    pub(crate) fn event_writer(&self) -> Option<EventWriter> {
        if !self.enabled(Level::Error) {
            return None;
        }
        Some(EventWriter {
            format: self.format,
            sink: self.events.borrow().duplicate().ok()?,
            lost: self.lost_beside.clone(),
        })
    }
}

impl EventWriter {
    /// Writes one event, at once.
    pub(crate) fn write(&self, level: Level, unix_ms: u64, message: fmt::Arguments<'_>) {
        let mut line = Vec::new();
        line::event(&mut line, self.format, level, unix_ms, message);
        if self.sink.write(&line).is_err() {
            self.lost.fetch_add(1, Relaxed);
        }
    }
}
