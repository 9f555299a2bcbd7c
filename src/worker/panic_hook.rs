//! A panic in a worker is one event of the log, in place of the lines that the standard library
//! writes, which are not in the log's format.
//!
//! The hook is set in a worker alone, and only where there is a log: the program that embeds the
//! server keeps its hook, and so does a worker without a log. A hook of the program's own is called
//! behind the event; that of the standard library is not.
//!
//! The event is written at once, by whichever thread panics, whether or not anything catches the
//! panic: where panics abort there is no later.

use std::panic::{self, PanicHookInfo};
use std::ptr;
use std::thread;

use crate::log::{EventWriter, Level};
use crate::scoreboard::Slot;
use crate::sys::clock;

/// Has panics of this process, the worker `index`, reported by `events`.
pub fn set(index: usize, slot: Slot, events: EventWriter) {
    let before = panic::take_hook();
    // Nothing says whether that is the hook of the standard library. But that is what is set now,
    // and both are made in one place: they are equal, type and all, if the first was that, too.
    let default = panic::take_hook();
    let own = (!ptr::eq(&*before, &*default)).then_some(before);
    let serving = thread::current().id();
    panic::set_hook(Box::new(move |info| {
        let doing = match thread::current().id() == serving {
            true => (slot.busy_since_ms().and_then(|_| slot.recording()))
                .map(|recording| recording.describe(clock::monotonic_ms())),
            false => Some(" in another thread".into()),
        };
        let doing = doing.unwrap_or_default();
        let (pid, message) = (std::process::id(), message(info));
        let place = info
            .location()
            .map(|place| format!(" ({place})"))
            .unwrap_or_default();
        let event = format_args!("worker {index} (pid {pid}) panicked{doing}: {message}{place}");
        events.write(Level::Error, clock::realtime_ms(), event);
        if let Some(own) = &own {
            own(info);
        }
    }));
}

/// The message of a panic.
fn message<'a>(info: &'a PanicHookInfo<'_>) -> &'a str {
    let payload = info.payload();
    match (
        payload.downcast_ref::<&str>(),
        payload.downcast_ref::<String>(),
    ) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "a value that is no text",
    }
}
