//! The first line of a request (RFC 9112 §3), as spans into the head that it belongs to.
//!
//! Its tests are those of `head`.

use super::byte;
use super::head_error::HeadError;
use super::header::Span;
use super::limits::Limits;
use super::value::{Method, Version};

/// A request line, taken apart.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RequestLine {
    pub(crate) method: Method,
    pub(crate) method_at: Span,
    pub(crate) target: Span,
    pub(crate) version: Version,
}

impl RequestLine {
    /// Reads the line that starts at `start`; after an error, the parts before it stay. Returns the
    /// bytes behind the version: first a control byte, which should be that of CRLF, or none.
    ///
    /// ```text
    /// request-line = method SP request-target SP HTTP-version    (RFC 9112 §3)
    /// HTTP-version = %s"HTTP" "/" DIGIT "." DIGIT                (RFC 9112 §2.3)
    /// ```
    /// One space each: the leniency that §3 allows is how two readers come to disagree.
    #[inline(never)]
    pub(crate) fn read<'a>(
        &mut self,
        bytes: &'a [u8],
        start: usize,
        limits: &Limits,
    ) -> Result<&'a [u8], HeadError> {
        let line = bytes.get(start..).unwrap_or_default();
        self.read_inline(line, start, limits)
    }

    /// As `read`, for the one caller that every request passes; `line` starts at `start`. `GET` and
    /// `HTTP/1.1`, which most lines have, are tried before the grammar.
    #[inline(always)]
    pub(crate) fn read_inline<'a>(
        &mut self,
        line: &'a [u8],
        start: usize,
        limits: &Limits,
    ) -> Result<&'a [u8], HeadError> {
        let (method, len, rest) = match line {
            [b'G', b'E', b'T', b' ', rest @ ..] if limits.method_bytes >= 3 => {
                (Method::Get, 3, rest)
            }
            _ => read_method(line, limits)?,
        };
        self.method = method;
        self.method_at = Span::at(start, len);

        let after = byte::skip_visible(rest);
        let target = rest.len() - after.len();
        let at = start + len + 1;
        if target > limits.target_bytes {
            // The part that is within the limit, for the log.
            self.target = Span::at(at, limits.target_bytes);
            return Err(HeadError::TargetTooLong);
        }
        self.target = Span::at(at, target);
        let rest = match after {
            [b' ', rest @ ..] if target > 0 => rest,
            [b' ', ..] => return Err(HeadError::RequestLine),
            _ => return Err(stopped_by(after, HeadError::Target)),
        };

        let (version, after) = match rest.strip_prefix(b"HTTP/1.1") {
            Some(after @ [b'\r', ..]) => (Version::Http11, after),
            _ => read_version(rest)?,
        };
        self.version = version;
        Ok(after)
    }
}

/// The method that `line` begins with, its length, and the rest behind its space.
#[inline(never)]
fn read_method<'a>(
    line: &'a [u8],
    limits: &Limits,
) -> Result<(Method, usize, &'a [u8]), HeadError> {
    let after = byte::skip(line, &byte::TOKEN);
    let len = line.len() - after.len();
    if len > limits.method_bytes {
        return Err(HeadError::Method);
    }
    match after {
        [b' ', rest @ ..] if len > 0 => Ok((Method::from_bytes(&line[..len]), len, rest)),
        _ => Err(stopped_by(after, HeadError::Method)),
    }
}

/// The version that `bytes` begin with, and the rest.
#[inline(never)]
fn read_version(bytes: &[u8]) -> Result<(Version, &[u8]), HeadError> {
    let [
        b'H',
        b'T',
        b'T',
        b'P',
        b'/',
        major @ b'0'..=b'9',
        b'.',
        minor @ b'0'..=b'9',
        after @ ..,
    ] = bytes
    else {
        return Err(HeadError::RequestLine);
    };
    if after
        .first()
        .is_some_and(|&b| byte::FIELD_VALUE[usize::from(b)])
    {
        return Err(HeadError::RequestLine);
    }
    match (major, minor) {
        (b'1', b'0') => Ok((Version::Http10, after)),
        (b'1', _) => Ok((Version::Http11, after)),
        _ => Err(HeadError::Version),
    }
}

/// Why a word that ends where `rest` begins is malformed: `error`, unless the line ends there too,
/// so that words are missing.
#[cold]
fn stopped_by(rest: &[u8], error: HeadError) -> HeadError {
    match rest {
        [b, ..] if byte::FIELD_VALUE[usize::from(*b)] => error,
        _ => HeadError::RequestLine,
    }
}
