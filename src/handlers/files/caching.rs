//! [`Caching`]: for how long browsers and proxies may keep a file, and which names change with
//! what is inside (RFC 9111 §5.2.2, RFC 8246).
//!
//! Build tools put a hash of a file into its name: `index-BkX3f9aZ.js`. Such a file never changes,
//! so it can be kept for ever. But a name that only looks like that is a mistake that stays for a
//! year with whoever saw it, and one that is not recognised costs a question a minute: in doubt it
//! is no hash. Knows nothing of the disk.

use std::borrow::Cow;

/// What is said of how long a file may be kept.
///
/// ```
/// use httprs::handlers::files::{Caching, Files};
/// use httprs::{Http1, harness};
///
/// let http = Http1::with(Files::open("src")?.caching(Caching::Seconds(300)));
/// let answer = harness::converse(&http, &[b"HEAD /lib.rs HTTP/1.1\r\nHost: x\r\n\r\n"]);
/// let head = String::from_utf8_lossy(&answer.bytes);
/// assert!(head.contains("\r\nCache-Control: public, max-age=300\r\n"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Caching {
    /// Nothing: there is no `Cache-Control`, and caches guess.
    #[default]
    Off,
    /// What suits the file:
    ///
    /// * a page (HTML) may be kept, but not used without asking: `no-cache`;
    /// * a file with a hash in its name, for a year and without asking:
    ///   `public, max-age=31536000, immutable`;
    /// * anything else for a minute: `public, max-age=60, must-revalidate`.
    ///
    /// A hash is a part of a name, after a `-` or a `.` or at its beginning, with nothing but
    /// endings such as `.chunk.js.map` behind it, that is
    ///
    /// * in scripts, style sheets and fonts, behind a `.`, or in a directory that bundlers write,
    ///   hexadecimal in lower case, with 8, 10, 16, 20, 32, 40, 64, 96 or 128 digits, some of them
    ///   letters, and those not at one end alone if there are 8 or 10 (webpack, Parcel, Next.js).
    ///   Not with 12 or 24, as numbers of machines and of records have, and no random UUID;
    /// * eight letters, digits, `-` and `_`, so mixed that no word is like that; in a directory
    ///   called `assets`, where Vite puts them behind a `-`, a capital in the wrong place will do
    ///   (which takes nine of ten scripts and eight of ten images for what they are);
    /// * eight capital letters and digits in a script or style sheet, in three pieces such as
    ///   `7GSXNK3A`, or after `chunk-` (esbuild).
    Auto,
    /// That everything may be kept for so many seconds: `public, max-age=N`.
    Seconds(u32),
}

impl Caching {
    /// The value of Cache-Control for a file of this name and type, if there is to be one.
    pub(super) fn value(self, name: &[u8], content_type: &str) -> Option<Cow<'static, str>> {
        let is_page = ["text/html", "application/xhtml+xml"]
            .iter()
            .any(|page| content_type.starts_with(page));
        match self {
            Caching::Off => None,
            Caching::Seconds(n) => Some(format!("public, max-age={n}").into()),
            Caching::Auto if is_page => Some("no-cache".into()),
            Caching::Auto if has_hash(name) => Some("public, max-age=31536000, immutable".into()),
            Caching::Auto => Some("public, max-age=60, must-revalidate".into()),
        }
    }
}

/// Hashes of these many hexadecimal digits are in use. 12 are a MAC address or the end of a UUID,
/// 24 an ObjectId of MongoDB: things that are called by their number and change.
const HEX_LENGTHS: [usize; 9] = [8, 10, 16, 20, 32, 40, 64, 96, 128];

/// What bundlers write; here a part in capitals or in mixed case is less likely to be a word.
const CODE: [&[u8]; 8] = [
    b"cjs", b"css", b"js", b"map", b"mjs", b"wasm", b"woff", b"woff2",
];

/// What may stand between a hash and the last ending.
const ENDINGS: [&[u8]; 8] = [
    b"bundle", b"chunk", b"css", b"js", b"min", b"mjs", b"module", b"p",
];

/// Where bundlers put what is no code.
const BUILT: [&[u8]; 8] = [
    b"_astro", b"_nuxt", b"assets", b"build", b"dist", b"fonts", b"media", b"static",
];

/// Whether a file's name has a hash of its content in it. See [`Caching::Auto`].
fn has_hash(path: &[u8]) -> bool {
    let mut segments = path.rsplit(|b| *b == b'/');
    let name = segments.next().unwrap_or(path);
    let place = segments.next();
    let in_assets = place == Some(b"assets");
    let is_built = place.is_none_or(|place| place.is_empty() || BUILT.contains(&place));
    let mut parts = name.rsplit(|b| *b == b'.');
    let ending = parts.next().unwrap_or(name);
    let is_code = CODE.contains(&ending);
    // From the end, so that what is behind a part has been seen to be an ending.
    while let Some(part) = parts.next() {
        if is_hash(part, is_code) || (in_assets && is_asset(part, is_code)) {
            // What is called by a number alone, or ends in one, may be a picture of somebody.
            let is_stem = parts.next().is_none();
            return is_code || is_built || !is_stem;
        }
        if !ENDINGS.contains(&part) {
            return false;
        }
    }
    false
}

fn is_hash(part: &[u8], is_code: bool) -> bool {
    let mut words = part.split(|b| *b == b'-');
    let first = words.next().unwrap_or(part);
    let last = words.next_back().unwrap_or(first);
    // Next.js puts what it knows of a font behind: `e4af272ccee01ff0-s.p.woff2`.
    if is_hex(last) || (first.len() >= 16 && is_hex(first)) {
        return true;
    }
    match part.split_last_chunk::<8>() {
        Some(([], eight)) => is_code && is_mixed(eight, is_code),
        Some(([before @ .., b'-'], eight)) => {
            let is_chunk = is_code && before == b"chunk" && eight.iter().all(is_capital);
            is_chunk || is_mixed(eight, is_code)
        }
        _ => false,
    }
}

/// Whether a part of a name in Vite's directory ends in one of its hashes. There is more to gain
/// there than elsewhere, and scripts that a person names have no capitals behind a `-`; images may,
/// so `hero-HomePage.png` is still in words, as are `photo-IMG_0042` and `hero-Original`.
fn is_asset(part: &[u8], is_code: bool) -> bool {
    let Some(([.., b'-'], eight)) = part.split_last_chunk::<8>() else {
        return false;
    };
    let is_part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    // Rolldown's may be all capitals, in base32.
    if eight.iter().all(is_capital) {
        let is_number = |digits: &[u8]| digits.iter().all(u8::is_ascii_digit);
        return pieces(eight) >= 3 && !eight.windows(3).any(is_number);
    }
    let is_mixed = eight.iter().all(is_part)
        && eight.iter().any(u8::is_ascii_uppercase)
        && eight.iter().any(u8::is_ascii_lowercase);
    let longest_word = if is_code { 5 } else { 3 };
    let is_word = |letters: &[u8]| letters.iter().all(u8::is_ascii_lowercase);
    if !is_mixed || eight.windows(longest_word + 1).any(is_word) {
        return false;
    }
    match eight.iter().all(u8::is_ascii_alphanumeric) {
        true => pieces(eight) >= 2 && (is_code || !is_camel_case(eight)),
        false => pieces(eight) >= if is_code { 3 } else { 4 },
    }
}

/// Letters alone, and each capital begins a word.
fn is_camel_case(text: &[u8]) -> bool {
    let capitals = |two: &[u8]| two.iter().all(u8::is_ascii_uppercase);
    text.iter().all(u8::is_ascii_alphabetic) && !text.windows(2).any(capitals)
}

fn is_hex(word: &[u8]) -> bool {
    let is_digit = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    // Dates and numbers have no letters, and short ones with a letter (`4711080b`) two pieces.
    let least = if word.len() < 16 { 3 } else { 2 };
    HEX_LENGTHS.contains(&word.len())
        && word.iter().all(is_digit)
        && pieces(word) >= least
        && !is_uuid(word)
}

/// Whether eight characters are too mixed to be words. Of the 158,000 names of files of a Linux
/// system with its libraries and manuals none has a part that is; of random parts in scripts, half
/// are in base64url and seven in ten in base32.
fn is_mixed(eight: &[u8; 8], is_code: bool) -> bool {
    let is_part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if !eight.iter().all(is_part) {
        return false;
    }
    if eight.iter().all(is_capital) {
        return is_code && pieces(eight) >= 3;
    }
    // `iPhone4S` and `i18nText` are in four pieces, but have three small letters in a row.
    let is_word = |three: &[u8]| three.iter().all(u8::is_ascii_lowercase);
    if !eight.iter().any(u8::is_ascii_uppercase) || eight.windows(3).any(is_word) {
        return false;
    }
    // Other separators make a list of words of it, such as `Rev2-B1a`.
    match eight.iter().any(|b| !b.is_ascii_alphanumeric()) {
        true => is_code && pieces(eight) >= 5,
        false => pieces(eight) >= if is_code { 4 } else { 5 },
    }
}

fn is_capital(b: &u8) -> bool {
    b.is_ascii_uppercase() || b.is_ascii_digit()
}

/// In how many pieces a person would read this: numbers, words, words in capitals. A word may
/// begin with a capital, so `MyPage01` has three.
fn pieces(text: &[u8]) -> usize {
    let mut pieces = 0;
    let mut before = b'-';
    for &b in text {
        let goes_on = match b {
            b'0'..=b'9' => before.is_ascii_digit(),
            b'a'..=b'z' => before.is_ascii_alphabetic(),
            b'A'..=b'Z' => before.is_ascii_uppercase(),
            _ => true,
        };
        pieces += usize::from(!goes_on);
        before = b;
    }
    pieces
}

/// Whether this may be a random UUID without its dashes (RFC 9562 §5.4). One in 64 hashes of that
/// length may be.
fn is_uuid(word: &[u8]) -> bool {
    word.len() == 32 && word[12] == b'4' && matches!(word[16], b'8' | b'9' | b'a' | b'b')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_a_hash() {
        for name in [
            // Vite, Rollup, Astro, Nuxt, SvelteKit.
            "index-BkX3f9aZ.js",
            "assets/index-BkX3f9aZ.js",
            "index-BkX3f9aZ.css",
            "index-BkX3f9aZ.js.map",
            "index-legacy-BkX3f9aZ.js",
            "assets/index-DiwrgTda.css",
            "assets/react-CHdo91hT.svg",
            "assets/logo-Bq3_vXa-.png",
            "assets/vite-BF8QNONU.svg",
            "logo-BkX3f9aZ.png",
            "inter-D3x-_9Qz.woff2",
            "index--X3f9aZk.js",
            "index-_X3f9aZk.js",
            "vendor-DnT8fL2q.mjs",
            "_astro/index.C4dV7QsL.css",
            "_nuxt/C4dV7QsL.js",
            // webpack, Create React App, Angular.
            "main.8f3a2b1c.js",
            "main.8f3a2b1c.chunk.css",
            "787.8f3a2b1c.chunk.js.map",
            "main.8f3a2b1c4d5e6f708192.js",
            "main-es2015.8f3a2b1c4d5e6f708192.js",
            "8f3a2b1c4d5e6f708192.png",
            "static/media/logo.6ce24c58023cc2f8fd88fe9d219db6c6.svg",
            "bundle.8f3a2b1c4d.min.js",
            "runtime.4f8d2c1a3b5e7d90.js",
            // esbuild, Angular again.
            "chunk-ABCD1234.js",
            "chunk-QWERTYUI.js",
            "chunk-2ZX7Y3QK.css",
            "polyfills-FFHMD2TL.js",
            "main-7GSXNK3A.js",
            // Parcel.
            "index.4f8d2c1a.js",
            "logo.4f8d2c1a.svg",
            // Next.js.
            "_next/static/chunks/main-0123456789abcdef.js",
            "_next/static/chunks/pages/_app-2bd4e3c0ad3bb5ab.js",
            "_next/static/css/3a2f5e7d8c9b0a1f.css",
            "_next/static/media/e4af272ccee01ff0-s.p.woff2",
            // Rails, gulp, Hugo.
            "application-908e25f4bf641868d8683022a5b62f54.js",
            "app-1a2b3c4d5e.css",
            "main.min.9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.css",
        ] {
            assert!(has_hash(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn names_without_one() {
        for name in [
            "index.html",
            "app.js",
            "jquery-3.7.1.min.js",
            "bootstrap.bundle.min.js",
            "my-component.js",
            "my-document.css",
            "logo-original.png",
            "logo-ORIGINAL.png",
            "assets/logo-original.png",
            "assets/logo-Original.png",
            "assets/photo-IMG_0042.jpg",
            "assets/hero-HomePage.png",
            "assets/hero-Layout.png",
            "assets/photo-20241011.jpg",
            "assets/photo-DSC0042A.jpg",
            "assets/photo-P1030042.jpg",
            "avatars/d41d8cd98f00b204e9800998ecf8427e.png",
            "records/user-4a5b6c7d8e9f0a1b.json",
            "scans/scan-1a2b3c4d.jpg",
            "assets/page-MyImages.png",
            "assets/my-document.css",
            "assets/BkX3wordy.js",
            "other/index-DiwrgTda.css",
            "background.jpg",
            "favicon.ico",
            "LICENSE",
            "8f3a2b1c",
            "a.8f3a2b1c",
            "",
            ".js",
            "8f3a2b1c/app.js",
            // Dates, times and other numbers.
            "2024-10-11.html",
            "report-20241011.pdf",
            "report-20241011a.pdf",
            "report.2024101112.csv",
            "backup-20241011123000123456.tar",
            "scan-0000000000000001.png",
            "part-4711080b.pdf",
            "app-v1234567.js",
            "app.1234567.js",
            "lib-1.2.3-beta.20241011.js",
            // Words that look like it.
            "chapter-deadbeef.js",
            "the-facade.css",
            "board-feedface.png",
            "Chapter2.pdf",
            "book-Chapter2.pdf",
            "logo-Version2.png",
            "trip-DSCN1234.jpg",
            "IMG_1234.jpg",
            "case-iPhone4S.jpg",
            "iPhone4S.js",
            "lang-i18nText.js",
            "suite-e2eTests.js",
            "foo-Base64Js.js",
            "lib-JsonRpc2.js",
            "demo-MyPage01.js",
            "lib-OsStrExt.js",
            "trait.OsStrExt.js",
            "plan-Rev2-B1a.pdf",
            "board-Team-Jim-Page.js",
            "menu-top-left.js",
            "sale-SUMMER24.css",
            "lib-RELEASE5.js",
            "card-EMU10K1X.png",
            "chunk-overview.js",
            "chunk-ABCD1234.pdf",
            "chunk-ABCD123.js",
            // What is called by its number.
            "avatar-550e8400-e29b-41d4-a716-446655440000.jpg",
            "9f1c2e4a-7b6d-4c3e-8a5f-1d2e3f4a5b6c.png",
            "avatar-550e8400e29b41d4a716446655440000.jpg",
            "avatar-507f1f77bcf86cd799439011.png",
            "phone-0004f2abcd1e.cfg",
            // The hash of something else.
            "8f3a2b1c.notes.final.js",
            "8f3a2b1c-notes.js",
            "main.8F3A2B1C4D5E6F70.js",
        ] {
            assert!(!has_hash(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn what_is_said() {
        const HTML: &str = "text/html; charset=utf-8";
        const JS: &str = "text/javascript; charset=utf-8";
        let hashed = "public, max-age=31536000, immutable";
        let other = "public, max-age=60, must-revalidate";
        for (caching, name, content_type, want) in [
            (Caching::Off, "index-BkX3f9aZ.js", JS, None),
            (Caching::Off, "index.html", HTML, None),
            (
                Caching::Seconds(0),
                "index.html",
                HTML,
                Some("public, max-age=0"),
            ),
            (
                Caching::Seconds(7),
                "index-BkX3f9aZ.js",
                JS,
                Some("public, max-age=7"),
            ),
            (Caching::Auto, "index.html", HTML, Some("no-cache")),
            (Caching::Auto, "index.8f3a2b1c.html", HTML, Some("no-cache")),
            (
                Caching::Auto,
                "a.xhtml",
                "application/xhtml+xml",
                Some("no-cache"),
            ),
            (Caching::Auto, "index-BkX3f9aZ.js", JS, Some(hashed)),
            (Caching::Auto, "app.js", JS, Some(other)),
            (
                Caching::Auto,
                "LICENSE",
                "application/octet-stream",
                Some(other),
            ),
        ] {
            let got = caching.value(name.as_bytes(), content_type);
            assert_eq!(got.as_deref(), want, "{caching:?} {name}");
        }
    }

    #[test]
    fn the_pieces_of_words() {
        for (text, want) in [
            ("", 0),
            ("word", 1),
            ("Word", 1),
            ("WORD", 1),
            ("Version2", 2),
            ("MyPage01", 3),
            ("iPhone4S", 4),
            ("BkX3f9aZ", 7),
            ("a-b_c", 3),
            ("--", 0),
        ] {
            assert_eq!(pieces(text.as_bytes()), want, "{text}");
        }
    }
}
