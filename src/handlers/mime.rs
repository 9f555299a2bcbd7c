//! Media types by the extensions of file names: a built-in table, and the operator's own types.
//!
//! Text types have `charset=utf-8`: without it browsers guess, and the files of front ends are
//! UTF-8. JSON has no such parameter (RFC 8259 §11), and XML declares it inside. Reads no file.

use std::cmp::Ordering;
use std::fmt;
use std::io;

use crate::http::is_token;

/// The type of files with an unknown extension: browsers offer to save them, and with `nosniff`
/// never take them for scripts.
pub const UNKNOWN: &str = "application/octet-stream";

/// The value of Content-Type for a file of this name. Case does not matter; a dot at the beginning
/// of a name begins no extension.
///
/// ```
/// use httprs::handlers::mime::content_type;
/// assert_eq!(content_type(b"assets/App.MJS"), "text/javascript; charset=utf-8");
/// assert_eq!(content_type(b"LICENSE"), "application/octet-stream");
/// ```
pub fn content_type(name: &[u8]) -> &'static str {
    extension(name).and_then(built_in).unwrap_or(UNKNOWN)
}

/// The built-in table with the operator's own types, which take precedence.
///
/// ```
/// use httprs::handlers::mime::Types;
/// let mut types = Types::default();
/// types.set("gcode", "text/x-gcode")?;
/// types.read(b"# as in Apache's mime.types\nmodel/step  step stp\n")?;
/// assert_eq!(types.content_type(b"part.gcode"), "text/x-gcode; charset=utf-8");
/// assert_eq!(types.content_type(b"part.STP"), "model/step");
/// assert_eq!(types.content_type(b"part.html"), "text/html; charset=utf-8");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Types {
    /// Sorted by extension, in lower case.
    own: Vec<(Box<str>, Box<str>)>,
}

/// An error in a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TypeError {
    /// The extension has a dot, or is no token (RFC 9110 §5.6.2).
    Extension,
    /// The type is no media type (RFC 9110 §8.3.1).
    Type,
    /// A block, `types {`, or a line in it does not end.
    Unfinished,
}

/// An error in a list of types, and its line, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineError {
    /// The line.
    pub line: usize,
    /// The error in the line.
    pub why: TypeError,
}

impl fmt::Display for TypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TypeError::Extension => "an extension looks like html: no dot, no blanks",
            TypeError::Type => "a media type looks like image/png, or text/x; charset=utf-8",
            TypeError::Unfinished => "a `;` or a `}` is missing",
        })
    }
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

impl std::error::Error for TypeError {}
impl std::error::Error for LineError {}

impl From<TypeError> for io::Error {
    fn from(error: TypeError) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidInput, error)
    }
}

impl From<LineError> for io::Error {
    fn from(error: LineError) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }
}

impl Types {
    /// Gives an extension a type, in place of its former one. A text type without parameters gets
    /// `charset=utf-8`, as in the table.
    ///
    /// # Errors
    /// The text is no extension, or no media type.
    pub fn set(&mut self, extension: &str, content_type: &str) -> Result<(), TypeError> {
        if !is_token(extension.as_bytes()) || extension.contains('.') {
            return Err(TypeError::Extension);
        }
        let bare = check(content_type)?;
        let is_text = content_type
            .get(..5)
            .is_some_and(|kind| kind.eq_ignore_ascii_case("text/"));
        let content_type = match bare && is_text {
            true => format!("{content_type}; charset=utf-8").into(),
            false => content_type.into(),
        };
        let extension = extension.to_ascii_lowercase().into_boxed_str();
        match self
            .own
            .binary_search_by(|(known, _)| known.cmp(&extension))
        {
            Ok(at) => self.own[at].1 = content_type,
            Err(at) => self.own.insert(at, (extension, content_type)),
        }
        Ok(())
    }

    /// Reads a list of types as Apache has it, `type ext ext` in each line, or nginx, `type ext
    /// ext;` in a block `types { }`. Types without extensions are ignored, and so are extensions
    /// with dots and comments after a `#`. Of an extension listed twice, the last type counts.
    ///
    /// # Errors
    /// The first invalid line. The lines before it are in effect.
    pub fn read(&mut self, list: &[u8]) -> Result<(), LineError> {
        let list = String::from_utf8_lossy(list);
        let mut in_block = false;
        let mut words: Vec<&str> = Vec::new();
        let mut last = 0;
        for (at, line) in list.lines().enumerate() {
            last = at + 1;
            let error = |why| LineError { line: last, why };
            let text = line.split('#').next().unwrap_or(line).trim();
            match (in_block, text) {
                (false, "types {" | "types{") => in_block = true,
                (true, "}") if words.is_empty() => in_block = false,
                (false, _) => {
                    words.extend(text.split_ascii_whitespace());
                    self.take(&mut words).map_err(error)?;
                }
                // Long types have their extensions in the next line.
                (true, _) => {
                    for word in text.split_ascii_whitespace() {
                        words.push(word.trim_end_matches(';'));
                        if word.ends_with(';') {
                            self.take(&mut words).map_err(error)?;
                        }
                    }
                }
            }
        }
        if in_block {
            let why = TypeError::Unfinished;
            return Err(LineError { line: last, why });
        }
        Ok(())
    }

    /// Adds a type with its extensions.
    fn take(&mut self, words: &mut Vec<&str>) -> Result<(), TypeError> {
        let mut words = words.drain(..).filter(|word| !word.is_empty());
        let Some(content_type) = words.next() else {
            return Ok(());
        };
        check(content_type)?;
        // Real lists have `spdx.json`, but here the last dot of a name decides.
        let mut words = words.filter(|extension| !extension.contains('.'));
        words.try_for_each(|extension| self.set(extension, content_type))
    }

    /// The value of Content-Type for a file of this name, as [`content_type`] has it.
    pub fn content_type(&self, name: &[u8]) -> &str {
        let Some(extension) = extension(name) else {
            return UNKNOWN;
        };
        let own = (self.own).binary_search_by(|(known, _)| compare(known, extension));
        match own {
            Ok(at) => &self.own[at].1,
            Err(_) => built_in(extension).unwrap_or(UNKNOWN),
        }
    }
}

/// The text behind the last dot of a name, unless that is the first byte.
fn extension(name: &[u8]) -> Option<&[u8]> {
    let name = name.rsplit(|b| *b == b'/').next().unwrap_or(name);
    match name.iter().rposition(|b| *b == b'.') {
        Some(dot) if dot > 0 => Some(&name[dot + 1..]),
        _ => None,
    }
}

fn built_in(extension: &[u8]) -> Option<&'static str> {
    let found = TYPES.binary_search_by(|(known, _)| compare(known, extension));
    found.ok().map(|at| TYPES[at].1)
}

/// Compares an extension of a table with an extension in any case.
fn compare(known: &str, extension: &[u8]) -> Ordering {
    let lower = extension.iter().map(u8::to_ascii_lowercase);
    known.bytes().cmp(lower)
}

/// Whether a media type has no parameters.
///
/// ```text
/// media-type = type "/" subtype *( OWS ";" OWS token "=" ( token / quoted-string ) )
/// ```
fn check(content_type: &str) -> Result<bool, TypeError> {
    let mut parts = content_type.split(';');
    let name = parts.next().unwrap_or_default();
    let (name, is_bare) = match name.len() == content_type.len() {
        true => (name, true),
        false => (name.trim_end_matches([' ', '\t']), false),
    };
    let (kind, subtype) = name.split_once('/').ok_or(TypeError::Type)?;
    let mut is_good = is_token(kind.as_bytes()) && is_token(subtype.as_bytes());
    for part in parts {
        let (name, value) = part
            .trim_matches([' ', '\t'])
            .split_once('=')
            .unwrap_or_default();
        let quoted = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
        is_good &= is_token(name.as_bytes())
            && match quoted {
                // Without escapes, and without a semicolon, which ended this part.
                Some(text) => text
                    .bytes()
                    .all(|b| (b' '..=b'~').contains(&b) && !b"\"\\".contains(&b)),
                None => is_token(value.as_bytes()),
            };
    }
    is_good.then_some(is_bare).ok_or(TypeError::Type)
}

/// Sorted by extension, in lower case.
#[rustfmt::skip]
const TYPES: &[(&str, &str)] = &[
    ("3gp", "video/3gpp"),
    ("7z", "application/x-7z-compressed"),
    ("aac", "audio/aac"),
    ("aif", "audio/aiff"),
    ("aiff", "audio/aiff"),
    ("apk", "application/vnd.android.package-archive"),
    ("apng", "image/apng"),
    ("atom", "application/atom+xml"),
    ("avi", "video/x-msvideo"),
    ("avif", "image/avif"),
    ("avifs", "image/avif"),
    ("bmp", "image/bmp"),
    ("bz2", "application/x-bzip2"),
    ("cjs", "text/javascript; charset=utf-8"),
    ("conf", "text/plain; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("csv", "text/csv; charset=utf-8"),
    ("cur", "image/x-icon"),
    ("deb", "application/vnd.debian.binary-package"),
    ("diff", "text/x-diff; charset=utf-8"),
    ("doc", "application/msword"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("eot", "application/vnd.ms-fontobject"),
    ("epub", "application/epub+zip"),
    ("flac", "audio/flac"),
    ("geojson", "application/geo+json"),
    ("gif", "image/gif"),
    ("glb", "model/gltf-binary"),
    ("gltf", "model/gltf+json"),
    ("gz", "application/gzip"),
    ("heic", "image/heic"),
    ("heif", "image/heif"),
    ("htm", "text/html; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("ico", "image/x-icon"),
    ("ics", "text/calendar; charset=utf-8"),
    ("ini", "text/plain; charset=utf-8"),
    ("jfif", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("json5", "application/json5"),
    ("jsonl", "application/jsonl"),
    ("jsonld", "application/ld+json"),
    ("jsx", "text/jsx; charset=utf-8"),
    ("jxl", "image/jxl"),
    ("ktx2", "image/ktx2"),
    ("log", "text/plain; charset=utf-8"),
    ("m3u8", "application/vnd.apple.mpegurl"),
    ("m4a", "audio/mp4"),
    ("m4b", "audio/mp4"),
    ("m4s", "video/iso.segment"),
    ("m4v", "video/mp4"),
    ("map", "application/json"),
    ("markdown", "text/markdown; charset=utf-8"),
    ("md", "text/markdown; charset=utf-8"),
    ("mid", "audio/midi"),
    ("midi", "audio/midi"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("mka", "audio/matroska"),
    ("mkv", "video/matroska"),
    ("mov", "video/quicktime"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("mpd", "application/dash+xml"),
    ("mpeg", "video/mpeg"),
    ("mpg", "video/mpeg"),
    ("mvt", "application/vnd.mapbox-vector-tile"),
    ("ndjson", "application/x-ndjson"),
    ("obj", "model/obj"),
    ("odp", "application/vnd.oasis.opendocument.presentation"),
    ("ods", "application/vnd.oasis.opendocument.spreadsheet"),
    ("odt", "application/vnd.oasis.opendocument.text"),
    ("oga", "audio/ogg"),
    ("ogg", "audio/ogg"),
    ("ogv", "video/ogg"),
    ("opus", "audio/ogg"),
    ("otf", "font/otf"),
    ("patch", "text/x-diff; charset=utf-8"),
    ("pdf", "application/pdf"),
    ("pmtiles", "application/vnd.pmtiles"),
    ("png", "image/png"),
    ("ppt", "application/vnd.ms-powerpoint"),
    ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ("rar", "application/vnd.rar"),
    ("rss", "application/rss+xml"),
    ("rtf", "application/rtf"),
    ("sql", "application/sql"),
    ("srt", "application/x-subrip"),
    ("stl", "model/stl"),
    ("svg", "image/svg+xml"),
    ("tar", "application/x-tar"),
    ("tgz", "application/gzip"),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    ("toml", "application/toml"),
    ("topojson", "application/json"),
    ("ts", "video/mp2t"),
    ("tsv", "text/tab-separated-values; charset=utf-8"),
    ("ttc", "font/collection"),
    ("ttf", "font/ttf"),
    ("ttml", "application/ttml+xml"),
    ("txt", "text/plain; charset=utf-8"),
    ("usdz", "model/vnd.usdz+zip"),
    ("vcf", "text/vcard; charset=utf-8"),
    ("vtt", "text/vtt; charset=utf-8"),
    ("wasm", "application/wasm"),
    ("wav", "audio/wav"),
    ("weba", "audio/webm"),
    ("webm", "video/webm"),
    ("webmanifest", "application/manifest+json"),
    ("webp", "image/webp"),
    ("wgsl", "text/wgsl; charset=utf-8"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("xht", "application/xhtml+xml"),
    ("xhtml", "application/xhtml+xml"),
    ("xls", "application/vnd.ms-excel"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("xml", "application/xml"),
    ("xsl", "application/xml"),
    ("xslt", "application/xslt+xml"),
    ("xz", "application/x-xz"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    ("zip", "application/zip"),
    ("zst", "application/zstd"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_their_types() {
        for (name, want) in [
            ("index.html", "text/html; charset=utf-8"),
            ("INDEX.HTM", "text/html; charset=utf-8"),
            ("a/b.c/app.min.js", "text/javascript; charset=utf-8"),
            ("app.js.map", "application/json"),
            ("x.wasm", "application/wasm"),
            ("x.woff2", "font/woff2"),
            ("site.webmanifest", "application/manifest+json"),
            ("logo.SVG", "image/svg+xml"),
            (" .css", "text/css; charset=utf-8"),
            ("\u{e9}.css", "text/css; charset=utf-8"),
            ("LICENSE", UNKNOWN),
            ("a.", UNKNOWN),
            ("a.html ", UNKNOWN),
            ("a.htmlx", UNKNOWN),
            ("a.css/b", UNKNOWN),
            (".html", UNKNOWN),
            ("a/.css", UNKNOWN),
            ("html", UNKNOWN),
            ("", UNKNOWN),
        ] {
            assert_eq!(content_type(name.as_bytes()), want, "{name:?}");
        }
    }

    #[test]
    fn what_front_ends_ship() {
        for (extension, want) in [
            ("avif", "image/avif"),
            ("glb", "model/gltf-binary"),
            ("js", "text/javascript; charset=utf-8"),
            ("json", "application/json"),
            ("jxl", "image/jxl"),
            ("ktx2", "image/ktx2"),
            ("m3u8", "application/vnd.apple.mpegurl"),
            ("m4s", "video/iso.segment"),
            ("map", "application/json"),
            ("mjs", "text/javascript; charset=utf-8"),
            ("mpd", "application/dash+xml"),
            ("opus", "audio/ogg"),
            ("svg", "image/svg+xml"),
            ("vtt", "text/vtt; charset=utf-8"),
            ("wasm", "application/wasm"),
            ("webmanifest", "application/manifest+json"),
            ("webp", "image/webp"),
            ("woff2", "font/woff2"),
        ] {
            let name = format!("a.{extension}");
            assert_eq!(content_type(name.as_bytes()), want, "{extension}");
        }
    }

    #[test]
    fn types_of_ones_own() {
        let mut types = Types::default();
        for (extension, content_type, want) in [
            ("foo", "application/foo", Ok("application/foo")),
            ("FOO", "image/foo", Ok("image/foo")),
            ("html", "text/x", Ok("text/x; charset=utf-8")),
            ("html", "TEXT/x", Ok("TEXT/x; charset=utf-8")),
            ("js", "text/x;charset=latin1", Ok("text/x;charset=latin1")),
            (
                "js",
                "text/x ; a=\"b c,\"; d=e",
                Ok("text/x ; a=\"b c,\"; d=e"),
            ),
            ("c++", "a/b+c.d", Ok("a/b+c.d")),
            ("", "a/b", Err(TypeError::Extension)),
            (".foo", "a/b", Err(TypeError::Extension)),
            ("tar.gz", "a/b", Err(TypeError::Extension)),
            ("a/b", "a/b", Err(TypeError::Extension)),
            ("a b", "a/b", Err(TypeError::Extension)),
            ("x", "", Err(TypeError::Type)),
            ("x", "text", Err(TypeError::Type)),
            ("x", "text/", Err(TypeError::Type)),
            ("x", "/plain", Err(TypeError::Type)),
            ("x", "a/b/c", Err(TypeError::Type)),
            ("x", "a/b c", Err(TypeError::Type)),
            ("x", " a/b", Err(TypeError::Type)),
            ("x", "a/b ", Err(TypeError::Type)),
            ("x", "a/b;", Err(TypeError::Type)),
            ("x", "a/b;c", Err(TypeError::Type)),
            ("x", "a/b;c=", Err(TypeError::Type)),
            ("x", "a/b;=c", Err(TypeError::Type)),
            ("x", "a/b;c=\"", Err(TypeError::Type)),
            ("x", "a/b;c=\"\\\"", Err(TypeError::Type)),
            ("x", "a/b\r\nX: y", Err(TypeError::Type)),
            ("x", "a/b;c=\"\r\nX: y\"", Err(TypeError::Type)),
            ("x", "\u{e9}/b", Err(TypeError::Type)),
        ] {
            let set = types.set(extension, content_type);
            let name = format!("a.{extension}");
            let got = set.map(|()| types.content_type(name.as_bytes()));
            assert_eq!(got, want, "{extension:?}, {content_type:?}");
        }
        assert_eq!(types.content_type(b"a.x"), UNKNOWN);
        assert_eq!(types.content_type(b"x/a.Foo"), "image/foo");
        assert_eq!(types.content_type(b".foo"), UNKNOWN);
        assert_eq!(types.content_type(b"a.css"), "text/css; charset=utf-8");
    }

    #[test]
    fn lists_of_types() {
        use TypeError::*;
        for (name, list, want) in [
            ("nothing", "", Ok("- -")),
            (
                "Apache",
                "# x\n\n  a/b\tfoo  bar # y\r\nc/d\n",
                Ok("a/b a/b"),
            ),
            ("the last counts", "a/b foo bar\nc/d bar", Ok("a/b c/d")),
            (
                "nginx",
                "types {\n  a/b foo;\n  c/d\n\n    bar;\n}\n",
                Ok("a/b c/d"),
            ),
            (
                "nginx, dense",
                "types{\na/b foo; c/d bar ;\n}",
                Ok("a/b c/d"),
            ),
            ("both", "types {\na/b foo;\n}\nc/d bar", Ok("a/b c/d")),
            ("no type", "a/b foo\n\nbar a/b\n", Err((3, Type))),
            ("a bad type alone", "# x\nfoo", Err((2, Type))),
            ("a bad extension", "a/b foo b/r", Err((1, Extension))),
            ("an extension with a dot", "a/b x.foo foo", Ok("a/b -")),
            ("a semicolon outside", "a/b foo;", Err((1, Extension))),
            ("no block", "a/b foo\n}", Err((2, Type))),
            ("no end", "types {\na/b foo;\n", Err((2, Unfinished))),
            (
                "no semicolon",
                "types {\na/b foo\n}\n",
                Err((3, Unfinished)),
            ),
            ("not text", "a/b foo\n\u{fffd}/x y", Err((2, Type))),
        ] {
            let mut types = Types::default();
            let got = types.read(list.as_bytes()).map(|()| {
                let both = [&b"x.foo"[..], b"x.bar"].map(|name| types.content_type(name));
                both.join(" ").replace(UNKNOWN, "-")
            });
            let want = want.map(str::to_owned);
            let want = want.map_err(|(line, why)| LineError { line, why });
            assert_eq!(got, want, "{name}");
        }
    }

    #[test]
    fn the_table_is_sorted_and_well_formed() {
        for pair in TYPES.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{} and {}", pair[0].0, pair[1].0);
        }
        for (extension, content_type) in TYPES {
            assert_eq!(*extension, extension.to_lowercase());
            let is_text = content_type.starts_with("text/");
            assert_eq!(
                is_text,
                content_type.ends_with("; charset=utf-8"),
                "{extension}"
            );
            assert_eq!(content_type.matches('/').count(), 1, "{extension}");
        }
    }
}
