//! How an [`EventLoop`] writes its log: once a turn, and never waiting for whoever reads it.

use super::event_loop::EventLoop;
use crate::log::Level;

impl EventLoop<'_> {
    /// Hands over the lines of a turn, and counts those that nobody took.
    pub(super) fn write_log(&mut self) {
        self.context.log.flush();
        let lost = self.context.log.dropped();
        if lost > self.lost_lines {
            self.context.slot.count_lost_lines(lost - self.lost_lines);
            self.lost_lines = lost;
        }
    }

    /// The same for the last time.
    pub(super) fn finish_log(&mut self) {
        self.context.log.finish();
        self.write_log();
    }

    /// The file was moved.
    pub(super) fn reopen_log(&self) {
        if let Err(error) = self.context.log.reopen() {
            let message = format_args!("the log file cannot be opened again: {error}");
            self.context
                .log
                .event(Level::Error, self.now.unix_ms, message);
        }
    }
}
