//! Base64 (RFC 4648 §4), strict: padded, and each value has one form.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The bytes as text.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut three = [0; 3];
        three[..chunk.len()].copy_from_slice(chunk);
        let [a, b, c] = three.map(u32::from);
        let bits = a << 16 | b << 8 | c;
        for n in 0..4 {
            let six = bits >> (18 - 6 * n) & 63;
            text.push(match n <= chunk.len() {
                true => char::from(ALPHABET[six as usize]),
                false => '=',
            });
        }
    }
    text
}

/// The bytes of a text; `None` if it is not the one that [`encode`] makes of them: what two readers
/// could read differently is nothing.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let padding = text
        .iter()
        .rev()
        .take(2)
        .take_while(|b| **b == b'=')
        .count();
    let (digits, _) = text.split_at(text.len() - padding);
    for chunk in digits.chunks(4) {
        let mut bits = 0;
        for n in 0..4 {
            let six = chunk.get(n).map(|digit| value(*digit));
            bits = bits << 6 | six.unwrap_or(Some(0))?;
        }
        let [_, three @ ..] = u32::to_be_bytes(bits);
        bytes.extend_from_slice(&three[..chunk.len() * 3 / 4]);
    }
    (encode(&bytes).as_bytes() == text).then_some(bytes)
}

fn value(digit: u8) -> Option<u32> {
    Some(u32::from(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_rfc_and_all_lengths_come_back() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text.as_bytes()).unwrap(), bytes.as_bytes());
        }
        let all: Vec<u8> = (0..=255).rev().collect();
        for len in 0..=all.len() {
            let text = encode(&all[..len]);
            assert_eq!(decode(text.as_bytes()).as_deref(), Some(&all[..len]));
        }
        assert_eq!(encode(&[0xfb, 0xff, 0xfe]), "+//+");
    }

    #[test]
    fn each_value_has_one_form() {
        for text in [
            "Zg", "Zg=", "Zg===", "Zh==", "Zm9", "Zm8", "Zm9=", "Z", "=", "==", "====", "Zm9v=",
            "Zm9v====", "Zg==Zg==", " Zg==", "Zg==\n", "Zm-_", "Zm9v\0", "Zg=\0", "Z===", "Zm9vZ",
        ] {
            assert_eq!(decode(text.as_bytes()), None, "{text:?}");
        }
    }
}
