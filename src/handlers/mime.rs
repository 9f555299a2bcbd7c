//! Media types: what a file is, from the extension of its name. One table.
//!
//! Text types say `charset=utf-8`: without it browsers guess, and what front ends are built of is
//! UTF-8. JSON has no such parameter (RFC 8259 §11), and XML says it inside. Never looks into a
//! file.

/// The type of what nothing is known about: browsers offer to save it, and with `nosniff` they
/// never take it for a script.
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
    let name = name.rsplit(|b| *b == b'/').next().unwrap_or(name);
    let extension = match name.iter().rposition(|b| *b == b'.') {
        Some(dot) if dot > 0 => &name[dot + 1..],
        _ => return UNKNOWN,
    };
    TYPES
        .iter()
        .find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(extension))
        .map_or(UNKNOWN, |(_, content_type)| content_type)
}

/// Sorted by extension, which are in lower case.
#[rustfmt::skip]
const TYPES: &[(&str, &str)] = &[
    ("3gp", "video/3gpp"),
    ("7z", "application/x-7z-compressed"),
    ("aac", "audio/aac"),
    ("apng", "image/apng"),
    ("atom", "application/atom+xml"),
    ("avi", "video/x-msvideo"),
    ("avif", "image/avif"),
    ("bmp", "image/bmp"),
    ("bz2", "application/x-bzip2"),
    ("cjs", "text/javascript; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("csv", "text/csv; charset=utf-8"),
    ("cur", "image/x-icon"),
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
    ("htm", "text/html; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("ico", "image/x-icon"),
    ("ics", "text/calendar; charset=utf-8"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("json5", "application/json5"),
    ("jsonld", "application/ld+json"),
    ("jsx", "text/jsx; charset=utf-8"),
    ("jxl", "image/jxl"),
    ("log", "text/plain; charset=utf-8"),
    ("m3u8", "application/vnd.apple.mpegurl"),
    ("m4a", "audio/mp4"),
    ("m4v", "video/mp4"),
    ("map", "application/json"),
    ("markdown", "text/markdown; charset=utf-8"),
    ("md", "text/markdown; charset=utf-8"),
    ("mid", "audio/midi"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("mkv", "video/matroska"),
    ("mov", "video/quicktime"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("mpd", "application/dash+xml"),
    ("mpeg", "video/mpeg"),
    ("mpg", "video/mpeg"),
    ("oga", "audio/ogg"),
    ("ogg", "audio/ogg"),
    ("ogv", "video/ogg"),
    ("opus", "audio/ogg"),
    ("otf", "font/otf"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("ppt", "application/vnd.ms-powerpoint"),
    ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ("rss", "application/rss+xml"),
    ("rtf", "application/rtf"),
    ("svg", "image/svg+xml"),
    ("tar", "application/x-tar"),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    ("toml", "application/toml"),
    ("ts", "video/mp2t"),
    ("ttc", "font/collection"),
    ("ttf", "font/ttf"),
    ("txt", "text/plain; charset=utf-8"),
    ("vtt", "text/vtt; charset=utf-8"),
    ("wasm", "application/wasm"),
    ("wav", "audio/wav"),
    ("weba", "audio/webm"),
    ("webm", "video/webm"),
    ("webmanifest", "application/manifest+json"),
    ("webp", "image/webp"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("xhtml", "application/xhtml+xml"),
    ("xls", "application/vnd.ms-excel"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("xml", "application/xml"),
    ("xsl", "application/xml"),
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
