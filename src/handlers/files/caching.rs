//! [`Caching`]: for how long browsers and proxies may keep a file, and which names change with
//! the content (RFC 9111 §5.2.2, RFC 8246).
//!
//! Build tools put a hash of a file into its name: `index-BkX3f9aZ.js`. Such a file never changes,
//! so caches may keep it for ever. But a file whose name only looks like that stays in a cache for
//! a year, and a hash that is not recognised costs one request a minute: in doubt it is no hash.
//! Knows nothing of the disk.

use std::borrow::Cow;

use super::Files;

/// The `Cache-Control` of files: how long caches may keep them.
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
    /// No `Cache-Control`: caches guess.
    #[default]
    Off,
    /// By the type and the name of the file:
    ///
    /// * a page (HTML) may be kept, but not used without asking: `no-cache`;
    /// * a file with a hash in its name, for a year and without asking:
    ///   `public, max-age=31536000, immutable`;
    /// * anything else for a minute: `public, max-age=60, must-revalidate`.
    ///
    /// Parts of a name are set off by `.`, `-` and `_`; endings such as `.chunk.js.map` are none.
    ///
    /// | where | a hash is |
    /// |---|---|
    /// | anywhere | the last part: 8 or more of `0`-`9` and `a`-`f`, both digits and letters |
    /// | below `assets`, `_astro`, `_nuxt`, `_next/static`, `_app/immutable` | any such part; or eight letters, digits, `-` and `_` behind a separator, with a digit or a capital inside |
    ///
    /// 12 or 24 hexadecimal digits are none: machines and records have such numbers, and change.
    /// [`Files::immutable`](super::Files::immutable) names the paths of other tools.
    Auto,
    /// Every file may be kept for this many seconds: `public, max-age=N`.
    Seconds(u32),
}

impl Files {
    /// How long browsers and proxies may keep a file; no `Cache-Control` is sent by default, since
    /// that depends on the files.
    pub fn caching(mut self, caching: Caching) -> Files {
        self.store.get_mut().policy.caching = caching;
        self
    }

    /// Files whose paths begin with `prefix`, such as `/build/`, never change: caches may keep them
    /// for a year and without asking, whatever [`Files::caching`] says.
    ///
    /// ```
    /// use httprs::handlers::files::Files;
    /// use httprs::{Http1, harness};
    ///
    /// let http = Http1::with(Files::open("src")?.immutable("/http/"));
    /// let answer = harness::converse(&http, &[b"HEAD /http/mod.rs HTTP/1.1\r\nHost: x\r\n\r\n"]);
    /// let head = String::from_utf8_lossy(&answer.bytes);
    /// assert!(head.contains("\r\nCache-Control: public, max-age=31536000, immutable\r\n"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn immutable(mut self, prefix: &str) -> Files {
        let below = prefix.strip_prefix('/').unwrap_or(prefix);
        let prefixes = &mut self.store.get_mut().policy.immutable;
        prefixes.push(below.as_bytes().into());
        self
    }
}

/// [`Caching`], and the paths that never change.
#[derive(Debug)]
pub(super) struct Policy {
    caching: Caching,
    /// Prefixes of paths below the root, without their first slash.
    immutable: Vec<Box<[u8]>>,
}

const IMMUTABLE: &str = "public, max-age=31536000, immutable";

impl Policy {
    /// The policy that sends no `Cache-Control`.
    pub(super) const NOTHING: Policy = Policy {
        caching: Caching::Off,
        immutable: Vec::new(),
    };

    /// The value of Cache-Control for a file of this name and type; `None` to leave it out.
    pub(super) fn value(&self, name: &[u8], content_type: &str) -> Option<Cow<'static, str>> {
        if self.immutable.iter().any(|prefix| name.starts_with(prefix)) {
            return Some(IMMUTABLE.into());
        }
        let is_page = ["text/html", "application/xhtml+xml"]
            .iter()
            .any(|page| content_type.starts_with(page));
        match self.caching {
            Caching::Off => None,
            Caching::Seconds(n) => Some(format!("public, max-age={n}").into()),
            Caching::Auto if is_page => Some("no-cache".into()),
            Caching::Auto if has_hash(name) => Some(IMMUTABLE.into()),
            Caching::Auto => Some("public, max-age=60, must-revalidate".into()),
        }
    }
}

/// Directories that build tools write, and people do not.
const BUILT: [&str; 5] = [
    "assets/",
    "_astro/",
    "_nuxt/",
    "_next/static/",
    "_app/immutable/",
];

/// Endings that may stand between a hash and the last ending.
const ENDINGS: [&[u8]; 6] = [b"bundle", b"chunk", b"css", b"js", b"min", b"mjs"];

/// Whether a file's name has a hash of its content in it. See [`Caching::Auto`].
fn has_hash(path: &[u8]) -> bool {
    let (place, name) = match path.iter().rposition(|b| *b == b'/') {
        Some(slash) => path.split_at(slash + 1),
        None => path.split_at(0),
    };
    let Some(dot) = name.iter().rposition(|b| *b == b'.') else {
        return false;
    };
    let stem = &name[..dot];
    let mut parts = stem.rsplit(|b| b".-_".contains(b));
    let is_built = (BUILT.iter()).any(|built| is_below(place, built.as_bytes()));
    match is_built {
        true => parts.any(is_hex) || stem.split(|b| *b == b'.').any(ends_in_code),
        false => parts
            .find(|part| !ENDINGS.contains(part))
            .is_some_and(is_hex),
    }
}

/// Whether a directory is `built`, or lies in it.
fn is_below(place: &[u8], built: &[u8]) -> bool {
    let mut starts = place.windows(built.len()).enumerate();
    starts.any(|(at, window)| window == built && (at == 0 || place[at - 1] == b'/'))
}

fn is_hex(part: &[u8]) -> bool {
    let is_digit = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    part.len() >= 8
        && ![12, 24].contains(&part.len())
        && part.iter().all(is_digit)
        && part.iter().any(u8::is_ascii_digit)
        && part.iter().any(u8::is_ascii_lowercase)
}

/// Whether a part of a name ends in eight characters that are no word: words have capitals at
/// their beginnings alone, and no digits. `IMG_0042` is the name of a photo.
fn ends_in_code(part: &[u8]) -> bool {
    let Some((before, eight)) = part.split_last_chunk::<8>() else {
        return false;
    };
    let is_set_off = before.last().is_none_or(|b| b"-_".contains(b));
    let is_plain = eight.iter().all(u8::is_ascii_alphanumeric);
    let is_code = eight
        .iter()
        .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(b));
    let has_digit = eight.iter().any(u8::is_ascii_digit);
    let has_letter = eight.iter().any(u8::is_ascii_alphabetic);
    is_set_off
        && is_code
        && match eight.iter().any(u8::is_ascii_lowercase) {
            true => has_digit || eight[1..].iter().any(u8::is_ascii_uppercase),
            false => has_digit && has_letter && is_plain,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_a_hash() {
        for name in [
            // Vite, Rollup, Astro, Nuxt, SvelteKit.
            "assets/index-BkX3f9aZ.js",
            "assets/index-DiwrgTda.css",
            "assets/react-CHdo91hT.svg",
            "assets/logo-Bq3_vXa-.png",
            "assets/vite-BF8QNONU.svg",
            "_astro/index.C4dV7QsL.css",
            "_nuxt/C4dV7QsL.js",
            "assets/index-BkX3f9aZ.js.map",
            "assets/index-legacy-BkX3f9aZ.js",
            "assets/index-_X3f9aZk.js",
            "assets/index--X3f9aZk.js",
            "assets/chunk-ABCD1234.js",
            "docs/assets/inter-D3x-_9Qz.woff2",
            "_app/immutable/chunks/B3x_9Qz1.js",
            "_app/immutable/entry/app.Bq3vXa-1.js",
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
            // Names that only look like it, which is what a simple rule costs.
            "assets/hero-HomePage.png",
            "assets/photo-DSC0042A.jpg",
            "assets/photo-P1030042.jpg",
            "avatars/d41d8cd98f00b204e9800998ecf8427e.png",
            "records/user-4a5b6c7d8e9f0a1b.json",
            "scans/scan-1a2b3c4d.jpg",
            "assets/page-MyImages.png",
            "report-20241011a.pdf",
            "part-4711080b.pdf",
            "avatar-550e8400e29b41d4a716446655440000.jpg",
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
            "assets/hero-Layout.png",
            "assets/photo-20241011.jpg",
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
            "report.2024101112.csv",
            "backup-20241011123000123456.tar",
            "scan-0000000000000001.png",
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
            // Files named by a number.
            "avatar-550e8400-e29b-41d4-a716-446655440000.jpg",
            "9f1c2e4a-7b6d-4c3e-8a5f-1d2e3f4a5b6c.png",
            "avatar-507f1f77bcf86cd799439011.png",
            "phone-0004f2abcd1e.cfg",
            // The hash of something else.
            "8f3a2b1c.notes.final.js",
            "8f3a2b1c-notes.js",
            "main.8F3A2B1C4D5E6F70.js",
            // Hashes in places that no build tool owns.
            "index-BkX3f9aZ.js",
            "index-BkX3f9aZ.css",
            "index-BkX3f9aZ.js.map",
            "index-legacy-BkX3f9aZ.js",
            "logo-BkX3f9aZ.png",
            "inter-D3x-_9Qz.woff2",
            "index--X3f9aZk.js",
            "index-_X3f9aZk.js",
            "vendor-DnT8fL2q.mjs",
            "chunk-ABCD1234.js",
            "chunk-QWERTYUI.js",
            "chunk-2ZX7Y3QK.css",
            "polyfills-FFHMD2TL.js",
            "main-7GSXNK3A.js",
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
            (Caching::Off, "assets/index-BkX3f9aZ.js", JS, None),
            (Caching::Off, "index.html", HTML, None),
            (
                Caching::Seconds(0),
                "index.html",
                HTML,
                Some("public, max-age=0"),
            ),
            (
                Caching::Seconds(7),
                "assets/index-BkX3f9aZ.js",
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
            (Caching::Auto, "assets/index-BkX3f9aZ.js", JS, Some(hashed)),
            (Caching::Auto, "app.js", JS, Some(other)),
            (
                Caching::Auto,
                "LICENSE",
                "application/octet-stream",
                Some(other),
            ),
        ] {
            let policy = Policy {
                caching,
                ..Policy::NOTHING
            };
            let got = policy.value(name.as_bytes(), content_type);
            assert_eq!(got.as_deref(), want, "{caching:?} {name}");
        }
    }

    #[test]
    fn what_an_operator_calls_immutable() {
        let policy = Policy {
            caching: Caching::Off,
            immutable: vec![b"build/".as_slice().into(), b"chunk-".as_slice().into()],
        };
        for (name, is_immutable) in [
            ("build/app.js", true),
            ("build/index.html", true),
            ("chunk-2ZX7Y3QK.css", true),
            ("a/build/app.js", false),
            ("builds", false),
        ] {
            let got = policy.value(name.as_bytes(), "text/html");
            assert_eq!(got.as_deref(), is_immutable.then_some(IMMUTABLE), "{name}");
        }
    }
}
