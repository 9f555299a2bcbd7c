//! Lines of the log: their formats, escaping, and the longest line.
//!
//! Pure: values in, bytes appended to a buffer. The bytes of a peer are hostile: none of them may
//! end a line, a quoted field or a JSON string, or reach a terminal as a command.

use std::fmt::{self, Write as _};

use super::{Access, COMPLETE, Format, Level};
use crate::json;
use crate::time::calendar::{MONTHS, civil};

/// A pipe takes `PIPE_BUF` bytes in one piece, so no line is longer.
pub(super) const LONGEST: usize = 4096;

/// Bytes reserved behind the target for the rest of an access line, which is shorter.
const REST: usize = 384;

/// The longest method or peer in a line; those of honest clients are far shorter.
const SHORT: usize = 128;

/// The escaping that a place in a line needs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// Between quotes, for people: `\xNN` for all but printable ASCII, and for `"` and `\`.
    Quoted,
    /// In a JSON string.
    Json,
    /// A message of the server: only unprintable characters are escaped.
    Message,
}

/// Appends one access line.
pub(super) fn access(out: &mut Vec<u8>, format: Format, entry: &Access<'_>) {
    let start = out.len();
    let Access {
        status,
        body_bytes,
        us,
        worker,
        ended,
        refused,
        ..
    } = entry;
    let (ms, us) = (us / 1_000, us % 1_000);
    match format {
        Format::None => {}
        Format::Text => {
            time(out, entry.unix_ms);
            out.push(b' ');
            peer(out, Style::Quoted, entry);
            request(out, Style::Quoted, start, entry);
            put_status(out, *status);
            put(out, format_args!(" {body_bytes} {ms}.{us:03}ms w{worker}"));
            if *ended != COMPLETE {
                put(out, format_args!(" ({ended})"));
            }
            out.push(b'\n');
        }
        Format::Common => {
            peer(out, Style::Quoted, entry);
            without_port(out, start);
            out.extend_from_slice(b" - - [");
            common_time(out, entry.unix_ms);
            out.push(b']');
            request(out, Style::Quoted, start, entry);
            put_status(out, *status);
            put(out, format_args!(" {body_bytes}"));
            out.push(b'\n');
        }
        Format::Json => {
            out.extend_from_slice(b"{\"time\":\"");
            time(out, entry.unix_ms);
            out.extend_from_slice(b"\",\"peer\":\"");
            peer(out, Style::Json, entry);
            out.extend_from_slice(b"\",\"method\":\"");
            escape(out, Style::Json, SHORT, entry.method);
            out.extend_from_slice(b"\",\"target\":\"");
            let room = room_for_target(out, start);
            escape(out, Style::Json, room, entry.target);
            out.extend_from_slice(b"\",\"protocol\":\"");
            escape(out, Style::Json, SHORT, entry.protocol.as_bytes());
            put(
                out,
                format_args!(
                    "\",\"status\":{status},\"bytes\":{body_bytes},\"ms\":{ms}.{us:03},\
                     \"ended\":\"{ended}\",\"worker\":{worker}"
                ),
            );
            if let Some(refused) = refused {
                out.extend_from_slice(b",\"refused\":\"");
                escape(out, Style::Json, SHORT, refused.as_bytes());
                out.push(b'"');
            }
            out.extend_from_slice(b"}\n");
        }
    }
}

/// Appends one event line.
pub(super) fn event(
    out: &mut Vec<u8>,
    format: Format,
    level: Level,
    unix_ms: u64,
    message: fmt::Arguments<'_>,
) {
    let name = level.name();
    if format == Format::Json {
        out.extend_from_slice(b"{\"time\":\"");
        time(out, unix_ms);
        let pid = std::process::id();
        put(
            out,
            format_args!("\",\"level\":\"{name}\",\"pid\":{pid},\"message\":\""),
        );
        put_escaped(out, Style::Json, LONGEST - REST, message);
        out.extend_from_slice(b"\"}\n");
    } else {
        time(out, unix_ms);
        put(out, format_args!(" {name:5} "));
        put_escaped(out, Style::Message, LONGEST - REST, message);
        out.push(b'\n');
    }
}

/// Appends a status; a dash for a request without a response.
fn put_status(out: &mut Vec<u8>, status: u16) {
    match status {
        0 => out.extend_from_slice(b" -"),
        _ => put(out, format_args!(" {status}")),
    }
}

fn peer(out: &mut Vec<u8>, style: Style, entry: &Access<'_>) {
    put_escaped(out, style, SHORT, format_args!("{}", entry.peer));
}

/// The quoted request line; `"-"` for a request that could not be understood.
fn request(out: &mut Vec<u8>, style: Style, start: usize, entry: &Access<'_>) {
    out.extend_from_slice(b" \"");
    if entry.method.is_empty() && entry.target.is_empty() {
        out.push(b'-');
    } else if entry.method.is_empty() {
        let room = room_for_target(out, start);
        escape(out, style, room, entry.target);
    } else {
        escape(out, style, SHORT, entry.method);
        out.push(b' ');
        let room = room_for_target(out, start);
        escape(out, style, room, entry.target);
        out.push(b' ');
        escape(out, style, SHORT, entry.protocol.as_bytes());
    }
    out.push(b'"');
}

fn room_for_target(out: &[u8], start: usize) -> usize {
    LONGEST - REST - (out.len() - start).min(LONGEST - REST)
}

/// Turns `127.0.0.1:40000` into `127.0.0.1` and `[::1]:40000` into `::1`: the Common Log Format
/// has hosts without ports.
fn without_port(out: &mut Vec<u8>, start: usize) {
    let Some(colon) = out[start..].iter().rposition(|b| *b == b':') else {
        return;
    };
    let port = &out[start + colon + 1..];
    if port.is_empty() || !port.iter().all(u8::is_ascii_digit) {
        return;
    }
    let host = start..start + colon;
    match &out[host.clone()] {
        [b'[', .., b']'] => {
            out.truncate(host.end - 1);
            out.remove(start);
        }
        plain if !plain.contains(&b':') => out.truncate(host.end),
        _ => {}
    }
}

/// Appends formatted text of the server's own.
fn put(out: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    put_escaped(out, Style::Message, LONGEST, text);
}

/// Appends formatted text, escaped, at most `room` bytes of it.
fn put_escaped(out: &mut Vec<u8>, style: Style, room: usize, text: fmt::Arguments<'_>) {
    let mut escaper = Escaper::new(out, style, room);
    // This fails when the room is used up, or when a `Display` fails; either way the line goes on.
    let _ = escaper.write_fmt(text);
}

/// Appends bytes, escaped, at most `room` bytes of it.
fn escape(out: &mut Vec<u8>, style: Style, room: usize, bytes: &[u8]) {
    let mut escaper = Escaper::new(out, style, room);
    for chunk in bytes.utf8_chunks() {
        let valid = escaper.write_str(chunk.valid());
        if valid.is_err() || chunk.invalid().iter().any(|b| escaper.byte(*b).is_err()) {
            return;
        }
    }
}

/// Writes escaped text until its room is used up, then `…` once.
struct Escaper<'a> {
    out: &'a mut Vec<u8>,
    style: Style,
    room: usize,
    full: bool,
}

const ELLIPSIS: &str = "…";

impl Escaper<'_> {
    /// `room` includes the ellipsis.
    fn new(out: &mut Vec<u8>, style: Style, room: usize) -> Escaper<'_> {
        Escaper {
            out,
            style,
            room: room.saturating_sub(ELLIPSIS.len()),
            full: false,
        }
    }

    /// Appends an escape or a character, whole or not at all: half of it would be no valid JSON.
    fn unit(&mut self, bytes: &[u8]) -> fmt::Result {
        if self.full || bytes.len() > self.room {
            if !self.full {
                self.full = true;
                self.out.extend_from_slice(ELLIPSIS.as_bytes());
            }
            return Err(fmt::Error);
        }
        self.room -= bytes.len();
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    /// Appends a byte as an escape.
    fn byte(&mut self, byte: u8) -> fmt::Result {
        let [high, low] = json::hex(byte);
        match self.style {
            Style::Json => self.unit(&[b'\\', b'u', b'0', b'0', high, low]),
            Style::Quoted | Style::Message => self.unit(&[b'\\', b'x', high, low]),
        }
    }
}

impl fmt::Write for Escaper<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            let mut bytes = [0; 4];
            let bytes = c.encode_utf8(&mut bytes).as_bytes();
            match (c, self.style) {
                (c, Style::Json) => self.unit(json::escaped(c, &mut [0; 6]).as_bytes())?,
                ('"' | '\\', Style::Quoted) => self.byte(bytes[0])?,
                (' '..='~', _) => self.unit(bytes)?,
                // C0, DEL, and C1, which terminals obey as well.
                (c, style) if c.is_control() || style == Style::Quoted => {
                    for byte in bytes {
                        self.byte(*byte)?;
                    }
                }
                _ => self.unit(bytes)?,
            }
        }
        Ok(())
    }
}

/// `2026-11-22T13:00:00.123Z`
fn time(out: &mut Vec<u8>, unix_ms: u64) {
    let (year, month, day) = civil(unix_ms / 86_400_000);
    let (h, m, s, ms) = clock(unix_ms);
    put(
        out,
        format_args!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{ms:03}Z"),
    );
}

/// `22/Nov/2026:13:00:00 +0000`
fn common_time(out: &mut Vec<u8>, unix_ms: u64) {
    let (year, month, day) = civil(unix_ms / 86_400_000);
    let (h, m, s, _) = clock(unix_ms);
    let month = MONTHS[month as usize - 1];
    put(
        out,
        format_args!("{day:02}/{month}/{year:04}:{h:02}:{m:02}:{s:02} +0000"),
    );
}

/// Hours, minutes, seconds and milliseconds of the day.
fn clock(unix_ms: u64) -> (u64, u64, u64, u64) {
    let seconds = unix_ms / 1000;
    (
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60,
        unix_ms % 1000,
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::entry;
    use super::*;

    const MS: u64 = 1_795_352_400_123;

    fn line(format: Format, entry: &Access<'_>) -> String {
        let mut out = Vec::new();
        access(&mut out, format, entry);
        String::from_utf8(out).unwrap()
    }

    fn escaped(style: Style, bytes: &[u8]) -> String {
        let mut out = Vec::new();
        escape(&mut out, style, LONGEST, bytes);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn access_lines() {
        let unclear = Access {
            method: b"",
            target: b"",
            status: 400,
            ..entry()
        };
        for (name, format, entry, want) in [
            (
                "text",
                Format::Text,
                entry(),
                "2026-11-22T13:00:00.123Z 127.0.0.1:40000 \"GET /x?y HTTP/1.1\" 200 512 3.004ms w1\n",
            ),
            (
                "text, not understood",
                Format::Text,
                unclear,
                "2026-11-22T13:00:00.123Z 127.0.0.1:40000 \"-\" 400 512 3.004ms w1\n",
            ),
            (
                "common",
                Format::Common,
                entry(),
                "127.0.0.1 - - [22/Nov/2026:13:00:00 +0000] \"GET /x?y HTTP/1.1\" 200 512\n",
            ),
            (
                "json",
                Format::Json,
                entry(),
                "{\"time\":\"2026-11-22T13:00:00.123Z\",\"peer\":\"127.0.0.1:40000\",\
                 \"method\":\"GET\",\"target\":\"/x?y\",\"protocol\":\"HTTP/1.1\",\
                 \"status\":200,\"bytes\":512,\"ms\":3.004,\"ended\":\"complete\",\"worker\":1}\n",
            ),
            ("none", Format::None, entry(), ""),
        ] {
            assert_eq!(line(format, &entry), want, "{name}");
        }
    }

    #[test]
    fn common_lines_have_hosts_without_ports() {
        for (peer, want) in [
            ("127.0.0.1:40000", "127.0.0.1"),
            ("[::1]:40000", "::1"),
            ("::1", "::1"),
            ("unix:", "unix:"),
            ("127.0.0.1", "127.0.0.1"),
        ] {
            let entry = Access {
                peer: &peer,
                ..entry()
            };
            let line = line(Format::Common, &entry);
            assert_eq!(line.split(' ').next(), Some(want), "{peer}");
        }
    }

    #[test]
    fn event_lines() {
        for (name, format, level, message, want) in [
            (
                "text",
                Format::Text,
                Level::Info,
                "hello, \"wörld\"",
                "2026-11-22T13:00:00.123Z info  hello, \"wörld\"\n".to_owned(),
            ),
            (
                "common is text",
                Format::Common,
                Level::Error,
                "a\nb\x1b[2J\u{9b}",
                "2026-11-22T13:00:00.123Z error a\\x0ab\\x1b[2J\\xc2\\x9b\n".to_owned(),
            ),
            (
                "json",
                Format::Json,
                Level::Warn,
                "a\n\"b\"",
                format!(
                    "{{\"time\":\"2026-11-22T13:00:00.123Z\",\"level\":\"warn\",\"pid\":{},\
                     \"message\":\"a\\n\\\"b\\\"\"}}\n",
                    std::process::id()
                ),
            ),
        ] {
            let mut out = Vec::new();
            event(&mut out, format, level, MS, format_args!("{message}"));
            assert_eq!(String::from_utf8(out).unwrap(), want, "{name}");
        }
    }

    #[test]
    fn what_peers_sent_is_escaped() {
        for (name, bytes, quoted, json) in [
            ("plain", &b"/a b~"[..], "/a b~", "/a b~"),
            ("quote", b"\"", "\\x22", "\\\""),
            ("backslash", b"\\x", "\\x5cx", "\\\\x"),
            ("line ends", b"\r\n", "\\x0d\\x0a", "\\u000d\\n"),
            (
                "nul and escape",
                b"\0\x1b[0m",
                "\\x00\\x1b[0m",
                "\\u0000\\u001b[0m",
            ),
            ("delete", b"\x7f", "\\x7f", "\\u007f"),
            ("utf-8", "é".as_bytes(), "\\xc3\\xa9", "é"),
            ("c1", b"\xc2\x9b", "\\xc2\\x9b", "\\u009b"),
            ("not utf-8", b"\xff\xc3(", "\\xff\\xc3(", "\\u00ff\\u00c3("),
        ] {
            assert_eq!(escaped(Style::Quoted, bytes), quoted, "{name}");
            assert_eq!(escaped(Style::Json, bytes), json, "{name}");
        }
    }

    #[test]
    fn every_byte_stays_on_its_line_and_in_its_field() {
        let all: Vec<u8> = (0..=255).collect();
        let entry = Access {
            method: &all,
            target: &all,
            ..entry()
        };
        for (format, quotes) in [(Format::Text, 2), (Format::Common, 2), (Format::Json, 32)] {
            let line = line(format, &entry);
            assert_eq!(line.find('\n'), Some(line.len() - 1), "{format:?}");
            assert!(!line.trim_end().contains(char::is_control), "{format:?}");
            let bare = line.replace("\\\\", "").replace("\\\"", "");
            assert_eq!(bare.matches('"').count(), quotes, "{format:?}: {line}");
        }
    }

    #[test]
    fn a_long_line_is_shortened_in_its_target() {
        for unit in ["a", "\"", "\0", "é", "\u{1f600}"] {
            for extra in 0..8 {
                let target = unit.repeat(5_000) + &"b".repeat(extra);
                let entry = Access {
                    peer: &"p".repeat(500),
                    method: &[b'\xff'; 500],
                    target: &target.as_bytes()[extra % target.len()..],
                    status: u16::MAX,
                    body_bytes: u64::MAX,
                    us: u64::MAX,
                    refused: Some("a reason"),
                    worker: usize::MAX,
                    ..entry()
                };
                for format in [Format::Text, Format::Common, Format::Json] {
                    let line = line(format, &entry);
                    assert!(line.len() <= LONGEST, "{format:?} {unit:?}: {}", line.len());
                    assert!(line.contains("… HTTP/1.1") || line.contains("…\",\"protocol"));
                    assert!(line.ends_with('\n'), "{format:?} {unit:?}");
                }
                let mut out = Vec::new();
                event(
                    &mut out,
                    Format::Json,
                    Level::Info,
                    MS,
                    format_args!("{target}"),
                );
                assert!(out.len() <= LONGEST);
                assert!(out.ends_with("…\"}\n".as_bytes()));
            }
        }
    }
}
