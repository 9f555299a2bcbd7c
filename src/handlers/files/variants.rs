//! [`Codings`]: which coded forms of a file lie beside it, such as `app.js.br` beside `app.js`,
//! and which form a client gets (RFC 9110 §12.5.3).
//!
//! Coded forms are made before a site is deployed; the server compresses no file. Knows nothing of
//! the disk.

use crate::http::{Fields, accept};

/// A content coding that files come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
    /// RFC 1952.
    Gzip,
}

impl Coding {
    /// All codings, the best compression first: of codings with equal qualities the client gets
    /// the first.
    pub const ALL: [Coding; 3] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];

    /// The coding's name in header fields.
    pub fn name(self) -> &'static str {
        match self {
            Coding::Brotli => "br",
            Coding::Zstd => "zstd",
            Coding::Gzip => "gzip",
        }
    }

    /// The suffix of coded files.
    pub fn suffix(self) -> &'static [u8] {
        match self {
            Coding::Brotli => b".br",
            Coding::Zstd => b".zst",
            Coding::Gzip => b".gz",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of codings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Codings(u8);

impl Codings {
    /// Adds a coding.
    pub fn insert(&mut self, coding: Coding) {
        self.0 |= coding.bit();
    }

    /// Removes a coding.
    pub fn remove(&mut self, coding: Coding) {
        self.0 &= !coding.bit();
    }

    /// The codings in the set.
    pub fn iter(self) -> impl Iterator<Item = Coding> {
        let is_in = move |coding: &Coding| self.0 & coding.bit() != 0;
        Coding::ALL.into_iter().filter(is_in)
    }

    /// Whether the set is empty.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Whether a file of this name may have coded forms: the name is not empty, and not that of a
/// coded form. No tool makes `a.js.gz.br`.
pub fn may_be_coded(name: &[u8]) -> bool {
    let is_file = !matches!(name, [] | [.., b'/']);
    is_file && !Coding::ALL.iter().any(|c| name.ends_with(c.suffix()))
}

/// The available coding that the client prefers; `None` for the plain form, or for no form if
/// there is no plain one.
///
/// The plain form is chosen where the client prefers it to all coded ones, and where no coded one
/// is acceptable, even if it is refused as well (`identity;q=0`): RFC 9110 leaves that to the
/// server (§12.1), and a file without coded forms is sent plain as well.
pub fn choose(has_plain: bool, coded: Codings, fields: &Fields) -> Option<Coding> {
    let [brotli, zstd, gzip] = Coding::ALL.map(Coding::name);
    let [brotli, zstd, gzip, identity] = accept::codings(fields, [brotli, zstd, gzip, "identity"]);
    let mut best = (0, None);
    for coding in coded.iter() {
        let quality = match coding {
            Coding::Brotli => brotli,
            Coding::Zstd => zstd,
            Coding::Gzip => gzip,
        };
        if quality > best.0 {
            best = (quality, Some(coding));
        }
    }
    match best {
        (quality, _) if has_plain && identity > quality => None,
        (_, best) => best,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "plain";
    const NOTHING: &str = "nothing";

    fn chosen(forms: &[&str], accept: Option<&str>) -> &'static str {
        let mut fields = Fields::default();
        if let Some(value) = accept {
            fields.push("Accept-Encoding", value.as_bytes()).unwrap();
        }
        let mut coded = Codings::default();
        for coding in Coding::ALL {
            if forms.contains(&coding.name()) {
                coded.insert(coding);
            }
        }
        let has_plain = forms.contains(&PLAIN);
        match choose(has_plain, coded, &fields) {
            Some(coding) => coding.name(),
            None if has_plain => PLAIN,
            None => NOTHING,
        }
    }

    #[test]
    fn what_is_chosen() {
        let all = &["plain", "br", "zstd", "gzip"][..];
        let plain = &["plain"][..];
        let some = &["plain", "gzip"][..];
        let coded = &["zstd", "gzip"][..];
        let gzip = &["gzip"][..];
        for (accept, want) in [
            (None, [PLAIN, PLAIN, PLAIN, "zstd", "gzip"]),
            (Some(""), [PLAIN, PLAIN, PLAIN, NOTHING, NOTHING]),
            (Some("br, gzip"), ["br", PLAIN, "gzip", "gzip", "gzip"]),
            (
                Some("gzip, deflate, br, zstd"),
                ["br", PLAIN, "gzip", "zstd", "gzip"],
            ),
            (
                Some("gzip;q=0.9, br;q=0.8"),
                ["gzip", PLAIN, "gzip", "gzip", "gzip"],
            ),
            (Some("x-gzip"), ["gzip", PLAIN, "gzip", "gzip", "gzip"]),
            (
                Some("gzip;q=0.001"),
                ["gzip", PLAIN, "gzip", "gzip", "gzip"],
            ),
            (Some("deflate"), [PLAIN, PLAIN, PLAIN, NOTHING, NOTHING]),
            (Some("*"), ["br", PLAIN, "gzip", "zstd", "gzip"]),
            (Some("br;q=0, *"), ["zstd", PLAIN, "gzip", "zstd", "gzip"]),
            (Some("gzip;q=0"), [PLAIN, PLAIN, PLAIN, NOTHING, NOTHING]),
            (Some("gzip;q=0, *"), ["br", PLAIN, PLAIN, "zstd", NOTHING]),
            (
                Some("gzip, identity"),
                ["gzip", PLAIN, "gzip", "gzip", "gzip"],
            ),
            (
                Some("gzip;q=0.5, identity"),
                [PLAIN, PLAIN, PLAIN, "gzip", "gzip"],
            ),
            (Some("gzip;q=0.5, *"), ["br", PLAIN, PLAIN, "zstd", "gzip"]),
            (Some("identity"), [PLAIN, PLAIN, PLAIN, NOTHING, NOTHING]),
            // Refused, and sent all the same where there is nothing else.
            (
                Some("identity;q=0"),
                [PLAIN, PLAIN, PLAIN, NOTHING, NOTHING],
            ),
            (Some("*;q=0"), [PLAIN, PLAIN, PLAIN, NOTHING, NOTHING]),
            (
                Some("identity;q=0, br"),
                ["br", PLAIN, PLAIN, NOTHING, NOTHING],
            ),
        ] {
            let got = [all, plain, some, coded, gzip].map(|forms| chosen(forms, accept));
            assert_eq!(got, want, "{accept:?}");
        }
    }

    #[test]
    fn which_names_may_be_coded() {
        for (name, want) in [
            ("app.js", true),
            ("docs/index.html", true),
            ("LICENSE", true),
            ("a.gz/b", true),
            ("app.js.gz", false),
            ("app.js.br", false),
            ("app.js.zst", false),
            ("docs/", false),
            ("", false),
        ] {
            assert_eq!(may_be_coded(name.as_bytes()), want, "{name:?}");
        }
    }
}
