//! Escaping of untrusted bytes in a page, a link or JSON.
//!
//! Each is a wrapper that displays its bytes escaped, and takes any bytes: names of files need not
//! be text.

use std::fmt::{self, Display, Formatter, Write};

use crate::json;

/// As text in HTML, or as the value of an attribute in quotes of either kind. Bytes that are not
/// UTF-8 become U+FFFD, and so do characters that reverse text: with one of them `txt.exe` looks
/// like `exe.txt`. Control characters become pictures of themselves: so a newline is visible.
pub struct Html<'a>(pub &'a [u8]);

impl Display for Html<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '&' => f.write_str("&amp;")?,
                    '<' => f.write_str("&lt;")?,
                    '>' => f.write_str("&gt;")?,
                    '"' => f.write_str("&quot;")?,
                    '\'' => f.write_str("&#39;")?,
                    // Control pictures have the order of the controls, with DEL behind.
                    '\0'..='\x1f' => {
                        f.write_char(char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'))?;
                    }
                    '\x7f' => f.write_char('\u{2421}')?,
                    // Embeddings, overrides and isolates (Unicode's UAX #9).
                    '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                        f.write_char('\u{fffd}')?;
                    }
                    c if c.is_control() => f.write_char('\u{fffd}')?,
                    c => f.write_char(c)?,
                }
            }
            if !chunk.invalid().is_empty() {
                f.write_char('\u{fffd}')?;
            }
        }
        Ok(())
    }
}

/// As one segment of a path in a URI (RFC 3986 §3.3): all but unreserved bytes are
/// percent-encoded. The grammar asks for less, but so the result can neither begin like a scheme
/// (`a:b`), nor end the path (`?`, `#`), nor need another escape in HTML or in a field.
pub struct Segment<'a>(pub &'a [u8]);

impl Display for Segment<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for &b in self.0 {
            if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
                f.write_char(char::from(b))?;
            } else {
                write!(f, "%{b:02X}")?;
            }
        }
        Ok(())
    }
}

/// As a string in JSON, with its quotes (RFC 8259 §7). Bytes that are not UTF-8 become U+FFFD.
pub struct Json<'a>(pub &'a [u8]);

impl Display for Json<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                f.write_str(json::escaped(c, &mut [0; 6]))?;
            }
            if !chunk.invalid().is_empty() {
                f.write_char('\u{fffd}')?;
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_in_each_place() {
        for (bytes, html, segment, json) in [
            (
                &b"a-b_c.txt~"[..],
                "a-b_c.txt~",
                "a-b_c.txt~",
                r#""a-b_c.txt~""#,
            ),
            (b"", "", "", r#""""#),
            (
                b"<b>&amp;",
                "&lt;b&gt;&amp;amp;",
                "%3Cb%3E%26amp%3B",
                r#""<b>&amp;""#,
            ),
            (
                b"\"q\" 'r'",
                "&quot;q&quot; &#39;r&#39;",
                "%22q%22%20%27r%27",
                r#""\"q\" 'r'""#,
            ),
            (b"100%.txt", "100%.txt", "100%25.txt", r#""100%.txt""#),
            (b"%2e%2e", "%2e%2e", "%252e%252e", r#""%2e%2e""#),
            (b"?x#y", "?x#y", "%3Fx%23y", r#""?x#y""#),
            (b"a:b", "a:b", "a%3Ab", r#""a:b""#),
            (
                b"a+b;c,d=e",
                "a+b;c,d=e",
                "a%2Bb%3Bc%2Cd%3De",
                r#""a+b;c,d=e""#,
            ),
            (b"\\", "\\", "%5C", r#""\\""#),
            (b"a\nb", "a\u{240a}b", "a%0Ab", r#""a\nb""#),
            (
                b"\0\x1b\x7f",
                "\u{2400}\u{241b}\u{2421}",
                "%00%1B%7F",
                r#""\u0000\u001b\u007f""#,
            ),
            ("\u{85}".as_bytes(), "\u{fffd}", "%C2%85", r#""\u0085""#),
            (
                "ü€😀".as_bytes(),
                "ü€😀",
                "%C3%BC%E2%82%AC%F0%9F%98%80",
                "\"ü€😀\"",
            ),
            (
                "\u{202e}txt.exe".as_bytes(),
                "\u{fffd}txt.exe",
                "%E2%80%AEtxt.exe",
                "\"\u{202e}txt.exe\"",
            ),
            (
                b"a\xff\xe2\x82z",
                "a\u{fffd}\u{fffd}z",
                "a%FF%E2%82z",
                "\"a\u{fffd}\u{fffd}z\"",
            ),
            (
                b"</script>",
                "&lt;/script&gt;",
                "%3C%2Fscript%3E",
                r#""</script>""#,
            ),
        ] {
            let name = bytes.escape_ascii();
            assert_eq!(Html(bytes).to_string(), html, "{name} in HTML");
            assert_eq!(Segment(bytes).to_string(), segment, "{name} in a path");
            assert_eq!(Json(bytes).to_string(), json, "{name} in JSON");
        }
    }

    #[test]
    fn no_byte_gets_through_that_means_something() {
        for b in 0..=255u8 {
            let bytes = [b'a', b, b'z'];
            let html = Html(&bytes).to_string();
            let inside = html.trim_start_matches('a').trim_end_matches('z');
            assert!(!inside.contains(['<', '>', '"', '\'']), "{b}: {html}");
            assert!(!inside.contains(char::is_control), "{b}: {html}");
            let path = Segment(&bytes).to_string();
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~%".contains(&b);
            assert!(path.bytes().all(plain), "{b}: {path}");
            let json = Json(&bytes).to_string();
            assert!(!json.contains(char::is_control), "{b}: {json}");
        }
    }
}
