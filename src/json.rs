//! Strings in JSON (RFC 8259 §7), a character at a time.

/// A character of a string: as it is, or escaped. Quotes, backslashes and the controls of C0 must
/// be escaped; DEL and C1 need not be, but what shows the JSON may be a terminal, which obeys them.
pub(crate) fn escaped(c: char, buffer: &mut [u8; 6]) -> &str {
    let length = match c {
        '"' | '\\' => put(buffer, &[b'\\', c as u8]),
        '\n' => put(buffer, b"\\n"),
        c if c.is_control() => {
            // All controls are below U+0100.
            let [high, low] = hex(c as u8);
            put(buffer, &[b'\\', b'u', b'0', b'0', high, low])
        }
        c => return c.encode_utf8(buffer),
    };
    std::str::from_utf8(&buffer[..length]).unwrap_or_default()
}

fn put(buffer: &mut [u8; 6], bytes: &[u8]) -> usize {
    buffer[..bytes.len()].copy_from_slice(bytes);
    bytes.len()
}

/// The two digits of a byte.
pub(crate) fn hex(byte: u8) -> [u8; 2] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]
}
