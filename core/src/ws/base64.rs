//! Base64 (RFC 4648, section 4) of what a handshake holds: 16 bytes of a key, 20 of a digest.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Writes `bytes` to `out`, which has four characters for every three bytes begun.
pub(super) fn encode(bytes: &[u8], out: &mut [u8]) {
    debug_assert_eq!(out.len(), bytes.len().div_ceil(3) * 4);
    for (group, four) in bytes.chunks(3).zip(out.chunks_exact_mut(4)) {
        let byte = |i| u32::from(group.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for (i, to) in four.iter_mut().enumerate() {
            *to = match i <= group.len() {
                true => ALPHABET[(bits >> (18 - 6 * i)) as usize % 64],
                false => b'=',
            };
        }
    }
}

/// The 16 bytes that `text` stands for: 22 characters of the alphabet and two pads, nothing else.
///
/// The four bits behind the last byte are not looked at. RFC 4648, section 3.5, lets a decoder refuse
/// those that are not zero; the example of a key in RFC 6455, section 4.1, is one of them.
pub(super) fn decode_16(text: &[u8]) -> Option<[u8; 16]> {
    let digits: &[u8; 22] = text.strip_suffix(b"==")?.try_into().ok()?;
    let mut bits = 0u128;
    for &digit in &digits[..21] {
        bits = bits << 6 | u128::from(value(digit)?);
    }
    Some((bits << 2 | u128::from(value(digits[21])? >> 4)).to_be_bytes())
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use alloc::vec;
    use proptest::prelude::*;

    fn encoded(bytes: &[u8]) -> String {
        let mut out = vec![0; bytes.len().div_ceil(3) * 4];
        encode(bytes, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn rfc4648_10_the_vectors_are_encoded() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encoded(bytes.as_bytes()), text);
        }
        assert_eq!(encoded(&[0xfb, 0xff, 0xbf]), "+/+/");
    }

    #[test]
    fn rfc6455_4_1_the_example_of_a_key_stands_for_the_bytes_from_1_to_16() {
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
        assert_eq!(decode_16(b"AQIDBAUGBwgJCgsMDQ4PEC=="), Some(bytes));
        assert_eq!(decode_16(b"AQIDBAUGBwgJCgsMDQ4PEA=="), Some(bytes));
        assert_eq!(encoded(&bytes), "AQIDBAUGBwgJCgsMDQ4PEA==");
    }

    #[test]
    fn what_is_no_base64_of_16_bytes_is_refused() {
        let good = *b"dGhlIHNhbXBsZSBub25jZQ==";
        assert_eq!(decode_16(&good).as_ref(), Some(b"the sample nonce"));
        for at in 0..good.len() {
            for byte in 0..=255 {
                let mut text = good;
                text[at] = byte;
                let is_digit = ALPHABET.contains(&byte);
                assert_eq!(decode_16(&text).is_some(), if at < 22 { is_digit } else { byte == b'=' });
            }
        }
        for text in [
            &b""[..],
            b"==",
            b"dGhlIHNhbXBsZSBub25jZQ",
            b"dGhlIHNhbXBsZSBub25jZQ=",
            b"dGhlIHNhbXBsZSBub25jZQ===",
            b" dGhlIHNhbXBsZSBub25jZQ==",
            b"dGhlIHNhbXBsZSBub25jZQ== ",
            b"dGhlIHNhbXBsZSBub25j",
            b"dGhlIHNhbXBsZSBub25jZTE=",
        ] {
            assert_eq!(decode_16(text), None);
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(bytes: [u8; 16]) {
            prop_assert_eq!(decode_16(encoded(&bytes).as_bytes()), Some(bytes));
        }
    }
}
