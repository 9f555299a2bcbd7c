//! Content negotiation (RFC 9110 §12.5): the content codings and media types that a client takes,
//! each with its quality.
//!
//! [`codings`] reads `Accept-Encoding`; [`media_type`] and [`names`] read `Accept`. A quality is a
//! number of thousandths, from 0 (not acceptable) to 1000. A member that breaks the grammar counts
//! for nothing, a member that comes twice counts at its best, and neither the order of the members
//! nor the lines that they stand on matter. Allocates nothing, and knows of no files.

use crate::http::syntax::token::{token, value};
use crate::http::syntax::{Fields, byte};

/// The best quality.
pub const BEST: u16 = 1000;

/// The quality of what is acceptable by default: the least above 0.
pub const LEAST: u16 = 1;

/// How much each of `names`, in lower case, is wanted as the coding of a response; `identity` is no
/// coding.
///
/// ```text
/// Accept-Encoding = #( codings [ weight ] )                  (RFC 9110 §12.5.3)
/// codings = content-coding / "identity" / "*"
/// ```
/// A coding that is not listed counts as `*` does; without a `*`, a coding is not acceptable and
/// `identity` is, behind all that are listed. Without the field everything is acceptable, but a
/// client that names no codings is best served without: `identity` is [`BEST`] then, and the rest
/// [`LEAST`]. `x-gzip` is `gzip` (§8.4.1.3).
///
/// ```
/// use httprs::http::{Fields, accept};
/// let mut fields = Fields::default();
/// fields.push("Accept-Encoding", b"gzip;q=0.5, BR, *;q=0")?;
/// let names = ["br", "zstd", "gzip", "identity"];
/// assert_eq!(accept::codings(&fields, names), [1000, 0, 500, 0]);
/// # Ok::<(), httprs::http::HeadError>(())
/// ```
pub fn codings<const N: usize>(fields: &Fields, names: [&str; N]) -> [u16; N] {
    let mut said = [None; N];
    let mut others = None;
    for element in fields.list("accept-encoding") {
        let Some((coding, weight)) = coding(element) else {
            continue;
        };
        if coding == b"*" {
            others = others.max(Some(weight));
        }
        for (name, said) in names.iter().zip(&mut said) {
            if is_coding(coding, name) {
                *said = (*said).max(Some(weight));
            }
        }
    }
    let unsaid = fields.count("accept-encoding") == 0;
    std::array::from_fn(|at| {
        let by_default = match names[at] == "identity" {
            true if unsaid => BEST,
            false if !unsaid => 0,
            _ => LEAST,
        };
        said[at].or(others).unwrap_or(by_default)
    })
}

/// How much a media type, such as `text/html`, is wanted.
///
/// ```text
/// Accept = #( media-range [ weight ] )                       (RFC 9110 §12.5.1)
/// media-range = ( "*/*" / ( type "/" "*" ) / ( type "/" subtype ) ) parameters
/// ```
/// The most specific range that matches decides. Parameters are not compared: `text/html;level=1`
/// asks for some `text/html`. Without the field everything is wanted.
pub fn media_type(fields: &Fields, name: &str) -> u16 {
    if fields.count("accept") == 0 {
        return BEST;
    }
    let [_, in_full, by_type, by_any] = qualities(fields, name);
    in_full.or(by_type).or(by_any).unwrap_or(0)
}

/// Whether `Accept` names this media type, in full and as acceptable: not by `*/*`, which clients
/// send that take anything.
pub fn names(fields: &Fields, name: &str) -> bool {
    let [_, in_full, ..] = qualities(fields, name);
    in_full.is_some_and(|quality| quality > 0)
}

/// The best quality for `name` among the ranges that do not match it, name it in full, by its
/// type, and by `*/*`.
fn qualities(fields: &Fields, name: &str) -> [Option<u16>; 4] {
    let (wanted, subtype) = name.split_once('/').unwrap_or((name, ""));
    let mut found = [None; 4];
    for element in fields.list("accept") {
        let Some(range) = range(element) else {
            continue;
        };
        let is_type = range.main.eq_ignore_ascii_case(wanted.as_bytes());
        let how = match (range.main, range.subtype) {
            (b"*", _) => 3,
            (_, b"*") if is_type => 2,
            (_, other) if is_type && other.eq_ignore_ascii_case(subtype.as_bytes()) => 1,
            _ => 0,
        };
        found[how] = found[how].max(Some(range.weight));
    }
    found
}

fn is_coding(given: &[u8], name: &str) -> bool {
    given.eq_ignore_ascii_case(name.as_bytes())
        || (name == "gzip" && given.eq_ignore_ascii_case(b"x-gzip"))
}

/// `codings [ weight ]`, where `content-coding = token`. Nothing else may follow.
///
/// ```text
/// weight = OWS ";" OWS "q=" qvalue                           (RFC 9110 §12.4.2)
/// ```
fn coding(element: &[u8]) -> Option<(&[u8], u16)> {
    let (coding, rest) = token(element)?;
    let rest = byte::trim(rest);
    if rest.is_empty() {
        return Some((coding, BEST));
    }
    match byte::trim(rest.strip_prefix(b";")?) {
        [b'q' | b'Q', b'=', value @ ..] => Some((coding, weight(value)?)),
        _ => None,
    }
}

/// A media range and its weight.
struct MediaRange<'a> {
    main: &'a [u8],
    subtype: &'a [u8],
    weight: u16,
}

/// `media-range [ weight ]`. The weight counts wherever it stands among the parameters (§12.5.1),
/// once.
fn range(element: &[u8]) -> Option<MediaRange<'_>> {
    let (main, rest) = token(element)?;
    let (subtype, mut rest) = token(rest.strip_prefix(b"/")?)?;
    if main == b"*" && subtype != b"*" {
        return None;
    }
    let mut quality = None;
    while let Some(parameter) = parameter(rest)? {
        rest = parameter.rest;
        if parameter.is_weight() && quality.replace(weight(parameter.value)?).is_some() {
            return None;
        }
    }
    Some(MediaRange {
        main,
        subtype,
        weight: quality.unwrap_or(BEST),
    })
}

/// A parameter, its value with the quotes if it has some, and the rest.
struct Parameter<'a> {
    name: &'a [u8],
    value: &'a [u8],
    rest: &'a [u8],
}

impl Parameter<'_> {
    fn is_weight(&self) -> bool {
        self.name.eq_ignore_ascii_case(b"q")
    }
}

/// The next parameter, or `Some(None)` at the end; `None` if `text` begins with neither.
///
/// ```text
/// parameters = *( OWS ";" OWS [ parameter ] )                (RFC 9110 §5.6.6)
/// parameter = parameter-name "=" parameter-value
/// parameter-value = ( token / quoted-string )
/// ```
fn parameter(mut text: &[u8]) -> Option<Option<Parameter<'_>>> {
    loop {
        text = byte::trim(text);
        if text.is_empty() {
            return Some(None);
        }
        text = byte::trim(text.strip_prefix(b";")?);
        // `;;` and a `;` at the end hold no parameter.
        if !matches!(text, [] | [b';', ..]) {
            break;
        }
    }
    let (name, rest) = token(text)?;
    let rest = rest.strip_prefix(b"=")?;
    let (value, rest) = value(rest)?;
    Some(Some(Parameter { name, value, rest }))
}

/// ```text
/// qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] )      (RFC 9110 §12.4.2)
/// ```
fn weight(text: &[u8]) -> Option<u16> {
    let (one, decimals) = match text {
        [b'0'] => return Some(0),
        [b'1'] => return Some(BEST),
        [b'0', b'.', decimals @ ..] => (0, decimals),
        [b'1', b'.', decimals @ ..] => (BEST, decimals),
        _ => return None,
    };
    if decimals.len() > 3 || !decimals.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digit = |at: usize| decimals.get(at).map_or(0, |b| u16::from(b - b'0'));
    let weight = one + 100 * digit(0) + 10 * digit(1) + digit(2);
    (weight <= BEST).then_some(weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(name: &str, lines: &[&str]) -> Fields {
        let mut fields = Fields::default();
        fields.push("X", b"y").unwrap();
        for line in lines {
            fields.push(name, line.as_bytes()).unwrap();
        }
        fields
    }

    #[test]
    fn codings_have_their_best_weights() {
        for (lines, br, gzip, identity) in [
            // Missing, empty, and nothing that counts.
            (&[][..], 1, 1, 1000),
            (&[""], 0, 0, 1),
            (&[",", " , "], 0, 0, 1),
            (&["\u{e9}"], 0, 0, 1),
            // Named, and not.
            (&["gzip"], 0, 1000, 1),
            (&["GZip, bR"], 1000, 1000, 1),
            (&["x-gzip"], 0, 1000, 1),
            (&["X-GZIP;q=0.5"], 0, 500, 1),
            (&["x-br"], 0, 0, 1),
            (&["gzip, deflate, br, zstd"], 1000, 1000, 1),
            (&["gzip", "br"], 1000, 1000, 1),
            (&["identity"], 0, 0, 1000),
            (&["identity;q=0"], 0, 0, 0),
            (&["identity;q=0.5, gzip;q=0.4"], 0, 400, 500),
            // The asterisk.
            (&["*"], 1000, 1000, 1000),
            (&["*;q=0"], 0, 0, 0),
            (&["*;q=0, identity"], 0, 0, 1000),
            (&["identity;q=0.1, *;q=0"], 0, 0, 100),
            (&["gzip;q=0, *"], 1000, 0, 1000),
            (&["*;q=0.3", "gzip"], 300, 1000, 300),
            (&["*, *;q=0.2"], 1000, 1000, 1000),
            // Weights.
            (&["br;q=1, gzip;q=0"], 1000, 0, 1),
            (&["br;q=1., gzip;q=0."], 1000, 0, 1),
            (&["br;q=1.000, gzip;q=0.000"], 1000, 0, 1),
            (&["br;q=0.001, gzip;q=0.999"], 1, 999, 1),
            (&["br;q=0.1, gzip;q=0.12"], 100, 120, 1),
            (&["br ; q=0.5 , gzip\t;\tQ=0.25"], 500, 250, 1),
            (&["br;q=0.2, br;q=0.7, br;q=0.1"], 700, 0, 1),
            // A malformed member counts for nothing.
            (&["br;q=1.001, gzip;q=2"], 0, 0, 1),
            (&["br;q=0.0001, gzip;q=00"], 0, 0, 1),
            (&["br;q=, gzip;q"], 0, 0, 1),
            (&["br;q=.5, gzip;q=-1"], 0, 0, 1),
            (&["br;q =1, gzip;q= 1"], 0, 0, 1),
            (&["br;q=1;q=1, gzip;q=1;a=b"], 0, 0, 1),
            (&["br;level=9, gzip q=1"], 0, 0, 1),
            (&["br;, gzip;;q=1"], 0, 0, 1),
            (&["br;q=\"1\", gzip"], 0, 1000, 1),
            (&["br gzip"], 0, 0, 1),
            (&["br/gzip, ;q=1, gzip;q=1"], 0, 1000, 1),
            (&["br;q=nan, gzip"], 0, 1000, 1),
            (&["\"br\", gzip"], 0, 1000, 1),
            (&["\"br, gzip"], 0, 0, 1),
            (&["*;q=x"], 0, 0, 1),
        ] {
            let fields = fields("Accept-Encoding", lines);
            let got = codings(&fields, ["br", "gzip", "identity"]);
            assert_eq!(got, [br, gzip, identity], "{lines:?}");
        }
    }

    #[test]
    fn the_most_specific_range_decides() {
        for (lines, want, named) in [
            (&[][..], 1000, false),
            (&[""], 0, false),
            (&["*/*"], 1000, false),
            (&["text/*;q=0.3"], 300, false),
            (&["text/html"], 1000, true),
            (&["TEXT/Html;Q=0.2"], 200, true),
            (&["text/html;q=0, */*"], 0, false),
            (&["*/*;q=0.8, text/*;q=0.1"], 100, false),
            (&["text/*;q=0.9", "text/html;q=0.5, */*"], 500, true),
            (&["image/png"], 0, false),
            (&["image/png, */*;q=0.1"], 100, false),
            (&["text/plain, text/htm, text/html5, xtext/html"], 0, false),
            (
                &["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"],
                1000,
                true,
            ),
            // Parameters.
            (&["text/html;charset=utf-8"], 1000, true),
            (&["text/html ; level=1 ; q=0.4"], 400, true),
            (&["text/html;q=0.4;level=1"], 400, true),
            (&["text/html;a=\"b,c;q=0\\\"\";q=0.6"], 600, true),
            (&["text/html;;q=0.4;"], 400, true),
            (&["text/html;q=0.2, text/html;level=1;q=0.4"], 400, true),
            // Malformed members.
            (&["text/html;q=2"], 0, false),
            (&["text/html;q=0.5;q=0.5"], 0, false),
            (&["text/html;q=\"0.5\""], 0, false),
            (&["text/html;level"], 0, false),
            (&["text/html;a=\"b"], 0, false),
            (&["text/html;a=\"b\"c"], 0, false),
            (&["text/html;a=\"b\\"], 0, false),
            (&["text/ html", "text /html", "text//html"], 0, false),
            (&["*/html", "html", "*", "/", "text/"], 0, false),
            (&["text/html x, image/png"], 0, false),
        ] {
            let fields = fields("Accept", lines);
            assert_eq!(media_type(&fields, "text/html"), want, "{lines:?}");
            assert_eq!(names(&fields, "text/html"), named, "{lines:?}");
        }
    }
}
