//! The first line of a request (RFC 9112 §3), as spans into the head that it belongs to.
//!
//! Its tests are those of `head`.

use super::HeadError;
use super::byte;
use super::header::Span;
use super::limits::Limits;
use super::value::{Method, Version};

/// What a request line says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RequestLine {
    pub(super) method: Method,
    pub(super) method_at: Span,
    pub(super) target: Span,
    pub(super) version: Version,
}

impl RequestLine {
    /// Reads the line that starts at `start`; keeps what was good before an error. Where the line
    /// ends: at a control byte, which should be that of CRLF, or with `bytes`.
    ///
    /// ```text
    /// request-line = method SP request-target SP HTTP-version    (RFC 9112 §3)
    /// HTTP-version = %s"HTTP" "/" DIGIT "." DIGIT                (RFC 9112 §2.3)
    /// ```
    /// One space each: the leniency that §3 allows is how two readers come to disagree.
    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        start: usize,
        limits: &Limits,
    ) -> Result<usize, HeadError> {
        let line = bytes.get(start..).unwrap_or_default();
        let method = byte::run(line, &byte::TOKEN);
        if method > limits.method_bytes {
            return Err(HeadError::Method);
        }
        match line.get(method) {
            Some(b' ') if method > 0 => {}
            Some(&b) if byte::FIELD_VALUE[usize::from(b)] => return Err(HeadError::Method),
            _ => return Err(HeadError::RequestLine),
        }
        self.method = Method::from_bytes(&line[..method]);
        self.method_at = Span::new(start, start + method);

        let rest = &line[method + 1..];
        let target = byte::run(rest, &byte::VISIBLE);
        let at = start + method + 1;
        if target > limits.target_bytes {
            // As much of it as may be, for the log.
            self.target = Span::new(at, at + limits.target_bytes);
            return Err(HeadError::TargetTooLong);
        }
        self.target = Span::new(at, at + target);
        match rest.get(target) {
            Some(b' ') if target > 0 => {}
            Some(&b) if b != b' ' && byte::FIELD_VALUE[usize::from(b)] => {
                return Err(HeadError::Target);
            }
            _ => return Err(HeadError::RequestLine),
        }

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
        ] = &rest[target + 1..]
        else {
            return Err(HeadError::RequestLine);
        };
        if after
            .first()
            .is_some_and(|&b| byte::FIELD_VALUE[usize::from(b)])
        {
            return Err(HeadError::RequestLine);
        }
        self.version = match (major, minor) {
            (b'1', b'0') => Version::Http10,
            (b'1', _) => Version::Http11,
            _ => return Err(HeadError::Version),
        };
        Ok(bytes.len() - after.len())
    }
}
