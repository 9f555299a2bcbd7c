//! Readers of the values of flags: each returns the value, or the form that it expected.

use std::ffi::OsStr;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use super::{Caching, Workers};

/// A day: no timeout needs more, and a typing slip should not wait for ever.
const DAY_MS: u64 = 86_400_000;

/// Digits only: `str::parse` would take a plus sign too.
fn digits(value: &str) -> Option<u64> {
    let plain = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| value.parse().ok()).flatten()
}

fn between(value: &OsStr, min: u64, max: u64) -> Option<u64> {
    let number = value.to_str().and_then(digits);
    number.filter(|n| (min..=max).contains(n))
}

pub(super) fn number(value: &OsStr, min: u64, max: u64) -> Result<u64, String> {
    between(value, min, max).ok_or_else(|| format!("a number from {min} to {max}"))
}

pub(super) fn bytes(value: &OsStr, min: u64, max: u64) -> Result<u64, String> {
    between(value, min, max).ok_or_else(|| format!("bytes, a plain number from {min} to {max}"))
}

pub(super) fn millis(value: &OsStr, min: u64) -> Result<u64, String> {
    between(value, min, DAY_MS)
        .ok_or_else(|| format!("milliseconds, a plain number from {min} to {DAY_MS}"))
}

pub(super) fn choice<T: Copy>(value: &OsStr, table: &[(&str, T)]) -> Result<T, String> {
    let found = table.iter().find(|(name, _)| value == *name);
    found.map(|(_, it)| *it).ok_or_else(|| {
        let names: Vec<&str> = table.iter().map(|(name, _)| *name).collect();
        format!("one of {}", names.join(", "))
    })
}

pub(super) fn path(value: &OsStr, what: &str) -> Result<PathBuf, String> {
    if value.is_empty() {
        return Err(what.to_owned());
    }
    Ok(PathBuf::from(value))
}

pub(super) fn workers(value: &OsStr) -> Result<Workers, String> {
    if value == "auto" {
        return Ok(Workers::Auto);
    }
    let count = between(value, 1, 512).ok_or("auto or a number from 1 to 512")?;
    Ok(Workers::Exactly(count as usize))
}

pub(super) fn caching(value: &OsStr) -> Result<Caching, String> {
    const YEAR: u64 = 31_536_000;
    match value.to_str() {
        Some("auto") => Ok(Caching::Auto),
        Some("off") => Ok(Caching::Off),
        _ => between(value, 0, YEAR)
            .map(|seconds| Caching::Seconds(seconds as u32))
            .ok_or_else(|| format!("auto, off, or seconds, a plain number from 0 to {YEAR}")),
    }
}

pub(super) fn restarts(value: &OsStr) -> Result<(u32, u32), String> {
    let parts = value.to_str().and_then(|v| v.split_once('/'));
    let pair = parts.and_then(|(n, secs)| Some((digits(n)?, digits(secs)?)));
    match pair {
        Some((n @ 1..=1_000, secs @ 1..=3_600)) => Ok((n as u32, secs as u32)),
        _ => Err("deaths/seconds, such as 10/60 (1 to 1000, 1 to 3600)".to_owned()),
    }
}

/// An address without its brackets, `localhost`, or `unix:` and a path. Other names are refused:
/// to resolve one may take seconds, and may give another answer at the next start.
pub(super) fn host(value: &OsStr) -> Result<String, String> {
    let text = value.to_str().unwrap_or_default();
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    let address = bare.unwrap_or(text);
    let is_path = matches!(text.strip_prefix("unix:"), Some(path) if !path.is_empty());
    if address.parse::<IpAddr>().is_ok() || text == "localhost" || is_path {
        return Ok(address.to_owned());
    }
    let hint = match text.parse::<SocketAddr>() {
        Ok(_) => "; the port goes to --port",
        Err(_) => "",
    };
    Err(format!(
        "an IPv4 or IPv6 address, localhost, or unix:/path{hint}"
    ))
}

/// The admin address, or `off`. A port alone is refused: some servers listen on every address of
/// the machine then, and others on the loopback address alone.
pub(super) fn address(value: &OsStr) -> Result<Option<String>, String> {
    let text = value.to_str().unwrap_or_default();
    let is_path = matches!(text.strip_prefix("unix:"), Some(path) if !path.is_empty());
    let is_local = text.strip_prefix("localhost:").is_some_and(is_port);
    if text == "off" {
        return Ok(None);
    }
    if is_path || is_local || text.parse::<SocketAddr>().is_ok() {
        return Ok(Some(text.to_owned()));
    }
    Err(
        "an address with its port, such as 127.0.0.1:9090, [::1]:9090 or localhost:9090, or \
         unix:/path, or off"
            .to_owned(),
    )
}

fn is_port(text: &str) -> bool {
    between(OsStr::new(text), 0, 65_535).is_some()
}

pub(super) fn file_name(value: &OsStr) -> Result<String, String> {
    match value.to_str() {
        Some(name) if !matches!(name, "" | "." | "..") && !name.contains(['/', '\0']) => {
            Ok(name.to_owned())
        }
        _ => Err("the name of a file, without slashes".to_owned()),
    }
}

/// A status code and the path of a file below the root.
pub(super) fn error_page(value: &OsStr) -> Result<(u16, String), String> {
    let parts = value.to_str().and_then(|v| v.split_once('='));
    match parts.and_then(|(code, path)| Some((digits(code)?, path))) {
        Some((code @ 400..=599, path))
            if path.starts_with('/') && !path.starts_with("//") && !path.contains('\0') =>
        {
            Ok((code as u16, path.to_owned()))
        }
        _ => Err("CODE=PATH, such as 404=/404.html (400 to 599, a path from the root)".to_owned()),
    }
}

/// A prefix of paths.
pub(super) fn prefix(value: &OsStr) -> Result<String, String> {
    match value.to_str() {
        Some(path) if path.starts_with('/') && !path.starts_with("//") => Ok(path.to_owned()),
        _ => Err("the beginning of a path, such as /build/".to_owned()),
    }
}

/// An extension and its type; `handlers` checks whether they are well formed.
pub(super) fn mime(value: &OsStr) -> Result<(String, String), String> {
    match value.to_str().and_then(|v| v.split_once('=')) {
        Some((extension, content_type)) if !extension.is_empty() && content_type.contains('/') => {
            Ok((extension.to_owned(), content_type.to_owned()))
        }
        _ => Err("EXT=TYPE, such as gcode=text/x-gcode".to_owned()),
    }
}

/// A field's name and value; `handlers` checks whether they are well formed.
pub(super) fn header(value: &OsStr) -> Result<(String, String), String> {
    match value.to_str().and_then(|v| v.split_once(':')) {
        Some((name, value)) if !name.is_empty() => {
            Ok((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()))
        }
        _ => Err("'NAME: VALUE', such as 'Referrer-Policy: no-referrer'".to_owned()),
    }
}

/// An origin, or `*` alone: beside it another origin would mean nothing.
pub(super) fn cors(value: &OsStr, before: &[String]) -> Result<String, String> {
    let all = value == "*";
    let fits = before.iter().all(|other| (other == "*") == all);
    match value.to_str() {
        Some(origin) if fits && (all || origin.contains("://")) => Ok(origin.to_owned()),
        _ => Err("either * or origins such as https://app.example".to_owned()),
    }
}

/// The value of a header field: no control bytes, so that no value can begin a new line.
pub(super) fn server_name(value: &OsStr) -> Result<String, String> {
    match value.to_str() {
        Some(name)
            if name.len() <= 128
                && name.bytes().all(|b| (0x20..0x7f).contains(&b))
                && name.trim() == name =>
        {
            Ok(name.to_owned())
        }
        _ => Err("at most 128 printable ASCII characters, no blanks at the ends".to_owned()),
    }
}
