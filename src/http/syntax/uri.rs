//! Request targets (RFC 9112 §3.2, RFC 3986): [`Target`] says which host and which resource a
//! request is for.
//!
//! Paths are decoded once, and dot segments are removed after that, so that no spelling of `..`
//! climbs. Bytes that no URI may hold are refused, save for those that every browser sends
//! unescaped (see the tables in `byte`). Knows nothing of files.

use std::borrow::Cow;
use std::str;

use super::byte;
use super::header::Span;
use super::host;
use super::value::{Method, StatusCode};

/// Why a request target is refused. Each is 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UriError {
    /// Not a form that this method may have.
    Form,
    /// A scheme other than `http` and `https`.
    Scheme,
    /// The authority names no host, or more than a host and a port.
    Authority,
    /// A byte that a path cannot hold, such as a backslash, or an encoded NUL.
    Path,
    /// A byte that a query cannot hold.
    Query,
    /// A percent sign in the path without two hexadecimal digits.
    Percent,
    /// A fragment: clients keep these to themselves.
    Fragment,
}

impl UriError {
    /// The status of the response.
    pub fn status(self) -> StatusCode {
        StatusCode::BAD_REQUEST
    }

    /// The reason, in a few words.
    pub fn as_str(self) -> &'static str {
        match self {
            UriError::Form => "wrong form of request target",
            UriError::Scheme => "unknown scheme",
            UriError::Authority => "malformed authority",
            UriError::Path => "malformed path",
            UriError::Query => "malformed query",
            UriError::Percent => "malformed percent escape",
            UriError::Fragment => "fragment in the request target",
        }
    }
}

/// The four forms of a target (RFC 9112 §3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// `/path?query`
    #[default]
    Origin,
    /// `http://host/path?query`; its host counts, not that of the Host field.
    Absolute,
    /// `host:port`, with CONNECT alone.
    Authority,
    /// `*`, with OPTIONS alone.
    Asterisk,
}

/// A target, taken apart. Its memory is reused by the next target that is parsed into it.
///
/// ```
/// use httprs::http::{Method, uri::Target};
/// let mut target = Target::default();
/// target.parse(Method::Get, "/a/%2e%2e/caf%c3%a9?x=1")?;
/// assert_eq!(target.path(), "/caf\u{e9}".as_bytes());
/// assert_eq!((target.raw_path(), target.query()), ("/a/%2e%2e/caf%c3%a9", Some("x=1")));
/// # Ok::<(), httprs::http::UriError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Target {
    raw: Vec<u8>,
    form: Form,
    authority: Option<Span>,
    /// `None` where it is empty but stands for `/`.
    raw_path: Option<Span>,
    query: Option<Span>,
    path: Vec<u8>,
    encoded_slash: bool,
}

impl Target {
    /// Takes `target` apart, and forgets the one before.
    pub fn parse(&mut self, method: Method, target: &str) -> Result<(), UriError> {
        self.parse_bytes(method, target.as_bytes())
    }

    /// As `parse`, for a target that is not yet known to be text.
    pub(crate) fn parse_bytes(&mut self, method: Method, target: &[u8]) -> Result<(), UriError> {
        self.clear();
        let result = self.take_apart(method, target);
        if result.is_err() {
            self.clear();
        }
        result
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.raw.clear();
        self.path.clear();
        self.form = Form::default();
        self.authority = None;
        self.raw_path = None;
        self.query = None;
        self.encoded_slash = false;
    }

    /// Its form.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Host and port as sent, in absolute and authority form.
    pub fn authority(&self) -> Option<&str> {
        self.authority.map(|span| self.text(span))
    }

    /// The path as it was sent, up to the `?`. `*` in asterisk form, empty in authority form, `/`
    /// where an absolute form has none.
    pub fn raw_path(&self) -> &str {
        match self.raw_path {
            Some(span) => self.text(span),
            None if self.form == Form::Absolute => "/",
            None => "",
        }
    }

    /// The path, decoded and normalised: it starts with `/`, has no empty segments and none that
    /// are `.` or `..`, and ends with `/` if the path as sent did, or named a directory by dots.
    /// `*` in asterisk form, empty in authority form.
    ///
    /// An encoded slash is left as `%2F`: it is no separator. See [`Target::has_encoded_slash`].
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// The query as it was sent, without the `?`. [`query_pairs`] takes it apart.
    pub fn query(&self) -> Option<&str> {
        self.query.map(|span| self.text(span))
    }

    /// Whether the path holds `%2F`. No file has a name with a slash in it, so a handler for
    /// files answers 404.
    pub fn has_encoded_slash(&self) -> bool {
        self.encoded_slash
    }

    fn text(&self, span: Span) -> &str {
        // Every byte of a good target was found to be ASCII, so this never falls back.
        str::from_utf8(span.of(&self.raw)).unwrap_or_default()
    }

    fn take_apart(&mut self, method: Method, bytes: &[u8]) -> Result<(), UriError> {
        // Offsets are u32; no limit lets such a target through.
        if u32::try_from(bytes.len()).is_err() {
            return Err(UriError::Form);
        }
        self.raw.extend_from_slice(bytes);
        // A fragment gets its own error wherever it stands: it is the usual mistake.
        if bytes.contains(&b'#') {
            return Err(UriError::Fragment);
        }
        let path = match (method, bytes) {
            (Method::Connect, _) => {
                if !host::has_port(bytes) {
                    return Err(UriError::Form);
                }
                self.form = Form::Authority;
                self.authority = Some(Span::new(0, bytes.len()));
                return Ok(());
            }
            (Method::Options, b"*") => {
                self.form = Form::Asterisk;
                self.raw_path = Some(Span::new(0, 1));
                self.path.push(b'*');
                return Ok(());
            }
            (_, [b'/', ..]) => 0,
            _ => self.authority_end(bytes)?,
        };

        let question = bytes[path..].iter().position(|&b| b == b'?');
        let end = question.map_or(bytes.len(), |at| path + at);
        if let Some(query) = bytes.get(end + 1..) {
            if !byte::all(query, &byte::QUERY) {
                return Err(UriError::Query);
            }
            self.query = Some(Span::new(end + 1, bytes.len()));
        }
        check_path(&bytes[path..end])?;
        if path < end {
            self.raw_path = Some(Span::new(path, end));
        }
        self.encoded_slash = normalise(&bytes[path..end], &mut self.path)?;
        Ok(())
    }

    /// Reads `http://authority`; where the path starts.
    fn authority_end(&mut self, bytes: &[u8]) -> Result<usize, UriError> {
        let colon = bytes.windows(3).position(|three| three == b"://");
        let Some(colon) = colon else {
            return Err(UriError::Form);
        };
        let scheme = &bytes[..colon];
        if !scheme.eq_ignore_ascii_case(b"http") && !scheme.eq_ignore_ascii_case(b"https") {
            return Err(UriError::Scheme);
        }
        let start = colon + 3;
        let length = bytes[start..].iter().position(|b| b"/?".contains(b));
        let end = length.map_or(bytes.len(), |length| start + length);
        if !host::is_authority(&bytes[start..end]) {
            return Err(UriError::Authority);
        }
        self.form = Form::Absolute;
        self.authority = Some(Span::new(start, end));
        Ok(end)
    }
}

/// Checks that a path may hold all of its bytes, and that each percent sign begins an escape.
fn check_path(path: &[u8]) -> Result<(), UriError> {
    let mut rest = path;
    loop {
        rest = &rest[byte::run(rest, &byte::PATH)..];
        rest = match rest {
            [] => return Ok(()),
            [b'%', a, b, rest @ ..] if byte::hex(*a).is_some() && byte::hex(*b).is_some() => rest,
            [b'%', ..] => return Err(UriError::Percent),
            _ => return Err(UriError::Path),
        };
    }
}

/// Decodes `raw`, whose escapes are known to be good, and removes dot segments and empty ones
/// (RFC 3986 §5.2.4; empty ones because the kernel does, so that a router and a file system mean
/// the same, and because `//host` as a redirect leads elsewhere). Whether a slash was encoded.
fn normalise(raw: &[u8], path: &mut Vec<u8>) -> Result<bool, UriError> {
    let mut encoded_slash = false;
    // `path` ends with a slash whenever a segment starts.
    path.push(b'/');
    for segment in raw.split(|&b| b == b'/') {
        // The segment before this one was not the last, so a slash ends it.
        if path.last() != Some(&b'/') {
            path.push(b'/');
        }
        let start = path.len();
        // Nearly no segment has an escape, and copying is faster than looking for one.
        let plain = segment.iter().position(|&b| b == b'%');
        let (plain, mut rest) = segment.split_at(plain.unwrap_or(segment.len()));
        path.extend_from_slice(plain);
        while let [first, after @ ..] = rest {
            rest = after;
            let mut b = *first;
            if b == b'%'
                && let [a, c, after @ ..] = rest
                && let (Some(high), Some(low)) = (byte::hex(*a), byte::hex(*c))
            {
                rest = after;
                b = high << 4 | low;
                match b {
                    // C code downstream would see a shorter path.
                    0 => return Err(UriError::Path),
                    b'/' => {
                        encoded_slash = true;
                        path.extend_from_slice(b"%2F");
                        continue;
                    }
                    _ => {}
                }
            }
            path.push(b);
        }
        match &path[start..] {
            b"." => path.truncate(start),
            b".." => {
                path.truncate(start - 1);
                let parent = path.iter().rposition(|&b| b == b'/').map_or(0, |at| at + 1);
                path.truncate(parent);
                if path.is_empty() {
                    path.push(b'/');
                }
            }
            _ => {}
        }
    }
    Ok(encoded_slash)
}

/// The pairs of a query, in order, repeated names kept, as HTML forms write them: `&` between
/// pairs, `+` for a space, percent escapes decoded. `a` has no value, `a=` an empty one. Empty text
/// between two `&` is no pair. Bytes that are no UTF-8 become U+FFFD (URL standard).
///
/// ```
/// use httprs::http::query_pairs;
/// let pairs: Vec<_> = query_pairs("a=1&b&a=x+y%21").collect();
/// assert_eq!(pairs[0], ("a".into(), Some("1".into())));
/// assert_eq!(pairs[1], ("b".into(), None));
/// assert_eq!(pairs[2], ("a".into(), Some("x y!".into())));
/// ```
pub fn query_pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Option<Cow<'_, str>>)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) => (decode(name), Some(decode(value))),
            None => (decode(pair), None),
        })
}

/// Decodes one name or value of a form. A malformed escape stands for itself.
fn decode(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|b| matches!(b, b'%' | b'+')) {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [b, after @ ..] = rest {
        rest = after;
        match (b, rest) {
            (b'+', _) => out.push(b' '),
            (b'%', [a, c, after @ ..]) => match (byte::hex(*a), byte::hex(*c)) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    rest = after;
                }
                _ => out.push(b'%'),
            },
            _ => out.push(*b),
        }
    }
    match String::from_utf8_lossy(&out) {
        Cow::Owned(text) => Cow::Owned(text),
        Cow::Borrowed(text) => Cow::Owned(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(method: Method, text: &str) -> Result<Target, UriError> {
        let mut target = Target::default();
        target.parse(method, text)?;
        Ok(target)
    }

    #[test]
    fn each_method_has_its_forms_of_target() {
        use Form::*;
        use Method::*;
        for (method, text, want) in [
            (Get, "/", Ok((Origin, None, "/", None))),
            (Options, "/a?b", Ok((Origin, None, "/a", Some("b")))),
            (Get, "/?", Ok((Origin, None, "/", Some("")))),
            (Get, "/a?b?c/d", Ok((Origin, None, "/a", Some("b?c/d")))),
            (
                Get,
                "/a[1]|?a[]=1&{}^`",
                Ok((Origin, None, "/a[1]|", Some("a[]=1&{}^`"))),
            ),
            (Get, "http://x", Ok((Absolute, Some("x"), "/", None))),
            (
                Get,
                "HTTPS://x:1/a?b",
                Ok((Absolute, Some("x:1"), "/a", Some("b"))),
            ),
            (Get, "http://x?b", Ok((Absolute, Some("x"), "/", Some("b")))),
            (
                Get,
                "http://[::1]:80/",
                Ok((Absolute, Some("[::1]:80"), "/", None)),
            ),
            (Connect, "x:443", Ok((Authority, Some("x:443"), "", None))),
            (Options, "*", Ok((Asterisk, None, "*", None))),
            (Get, "/http://x", Ok((Origin, None, "/http://x", None))),
            (Get, "", Err(UriError::Form)),
            (Get, "*", Err(UriError::Form)),
            (Get, "a", Err(UriError::Form)),
            (Get, "?a", Err(UriError::Form)),
            (Get, "x:443", Err(UriError::Form)),
            (Options, "**", Err(UriError::Form)),
            (Connect, "/", Err(UriError::Form)),
            (Connect, "x", Err(UriError::Form)),
            (Connect, "x:", Err(UriError::Form)),
            (Connect, "http://x:1", Err(UriError::Form)),
            (Get, "ftp://x/", Err(UriError::Scheme)),
            (Get, "://x/", Err(UriError::Scheme)),
            (Get, "http:/x", Err(UriError::Form)),
            (Get, "http:///a", Err(UriError::Authority)),
            (Get, "http://", Err(UriError::Authority)),
            (Get, "http://u@x/", Err(UriError::Authority)),
            (Get, "http://x:y/", Err(UriError::Authority)),
            (Get, "http://x\\y/", Err(UriError::Authority)),
            (Get, "/#", Err(UriError::Fragment)),
            (Get, "/?a#b", Err(UriError::Fragment)),
            (Get, "http://x#a", Err(UriError::Fragment)),
            (Get, "/%", Err(UriError::Percent)),
            (Get, "/%2", Err(UriError::Percent)),
            (Get, "/%zz", Err(UriError::Percent)),
            (Get, "/%u0041", Err(UriError::Percent)),
            (Get, "/%00", Err(UriError::Path)),
            (Get, "/a\\b", Err(UriError::Path)),
            (Get, "/a b", Err(UriError::Path)),
            (Get, "/\"", Err(UriError::Path)),
            (Get, "/<a>", Err(UriError::Path)),
            (Get, "/{a}", Err(UriError::Path)),
            (Get, "/\u{e9}", Err(UriError::Path)),
            (Get, "/\0", Err(UriError::Path)),
            (Get, "/?%", Ok((Origin, None, "/", Some("%")))),
            (Get, "/?a=%zz", Ok((Origin, None, "/", Some("a=%zz")))),
            (Get, "/?a\\b", Ok((Origin, None, "/", Some("a\\b")))),
            (Get, "/a^b", Ok((Origin, None, "/a^b", None))),
            (Get, "/?\"", Err(UriError::Query)),
            (Get, "/?<", Err(UriError::Query)),
            (Get, "/?\u{e9}", Err(UriError::Query)),
        ] {
            let got = parse(method, text);
            let got = got.as_ref().map(|target| {
                (
                    target.form(),
                    target.authority(),
                    target.raw_path(),
                    target.query(),
                )
            });
            assert_eq!(got, want.as_ref().map(|want| *want), "{method} {text:?}");
        }
    }

    #[test]
    fn paths_are_decoded_once_and_normalised() {
        for (raw, want) in [
            ("/", "/"),
            ("/a", "/a"),
            ("/a/", "/a/"),
            ("/a%20b", "/a b"),
            ("/%41", "/A"),
            ("/a+b", "/a+b"),
            ("/%2541", "/%41"),
            ("/%252e%252e", "/%2e%2e"),
            ("/.", "/"),
            ("/..", "/"),
            ("/../..", "/"),
            ("/../a", "/a"),
            ("/a/.", "/a/"),
            ("/a/./b", "/a/b"),
            ("/a/..", "/"),
            ("/a/../", "/"),
            ("/a/b/..", "/a/"),
            ("/a/b/../c", "/a/c"),
            ("/a/b/../../../c", "/c"),
            ("/%2e%2E/a", "/a"),
            ("/a/.%2e/b", "/b"),
            ("/a/%2e/b", "/a/b"),
            ("/...", "/..."),
            ("/..a", "/..a"),
            ("/a..", "/a.."),
            ("/.a", "/.a"),
            ("//", "/"),
            ("//a", "/a"),
            ("/a//b", "/a/b"),
            ("/a//", "/a/"),
            ("/a//..", "/"),
            ("/a/%5c..", "/a/\\.."),
            ("/%2F", "/%2F"),
            ("/a%2f..%2fb", "/a%2F..%2Fb"),
            ("/..%2f", "/..%2F"),
        ] {
            let target = parse(Method::Get, raw).expect(raw);
            let path = String::from_utf8_lossy(target.path()).into_owned();
            assert_eq!(path, want, "{raw}");
            let slash = raw.to_ascii_lowercase().contains("%2f");
            assert_eq!(target.has_encoded_slash(), slash, "{raw}");
            // Normalising what is normal changes nothing.
            let mut again = String::new();
            for b in target.path() {
                match b {
                    b'/' => again.push('/'),
                    b => again.push_str(&format!("%{b:02X}")),
                }
            }
            let again = parse(Method::Get, &again).expect(raw);
            assert_eq!(again.path(), target.path(), "{raw}, twice");
        }
    }

    #[test]
    fn an_error_leaves_the_target_empty() {
        let mut target = parse(Method::Get, "http://x/a%2f?b").expect("a good target");
        assert!(target.parse(Method::Get, "http://y/b%2f?<").is_err());
        assert_eq!((target.authority(), target.query()), (None, None));
        assert_eq!((target.raw_path(), target.path()), ("", &b""[..]));
        assert!(!target.has_encoded_slash());
    }

    #[test]
    fn queries_are_split_into_pairs() {
        for (query, want) in [
            ("", &[][..]),
            ("&&", &[]),
            ("a", &[("a", None)]),
            ("a=", &[("a", Some(""))]),
            ("=", &[("", Some(""))]),
            ("=b", &[("", Some("b"))]),
            ("a=b=c", &[("a", Some("b=c"))]),
            (
                "a=1&a=2&a",
                &[("a", Some("1")), ("a", Some("2")), ("a", None)],
            ),
            ("a+b=c+d", &[("a b", Some("c d"))]),
            ("%61=%62%2B", &[("a", Some("b+"))]),
            ("a%26b=%3d", &[("a&b", Some("="))]),
            ("a=%", &[("a", Some("%"))]),
            ("a=%4", &[("a", Some("%4"))]),
            ("a=%zz%41", &[("a", Some("%zzA"))]),
            ("a=%c3%a9", &[("a", Some("\u{e9}"))]),
            ("a=%ff", &[("a", Some("\u{fffd}"))]),
            ("a=%00", &[("a", Some("\0"))]),
            ("a;b", &[("a;b", None)]),
        ] {
            let pairs: Vec<_> = query_pairs(query).collect();
            let got: Vec<_> = pairs
                .iter()
                .map(|(name, value)| (name.as_ref(), value.as_deref()))
                .collect();
            assert_eq!(got, want, "{query:?}");
        }
    }
}
