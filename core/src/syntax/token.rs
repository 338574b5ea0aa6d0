//! Tokens and the byte classes of messages (RFC 9110, section 5.6.2; RFC 9112, section 3.2).

/// Class bits of a byte, for [`CLASS`].
pub(crate) const TCHAR: u8 = 1;
/// Allowed in a field value: HTAB, SP, VCHAR, obs-text.
pub(crate) const VALUE: u8 = 2;
/// Allowed in a request target.
pub(crate) const TARGET: u8 = 4;
/// Allowed in a registered name, escapes and the comma left out (RFC 3986, section 3.2.2).
pub(crate) const NAME: u8 = 8;

const fn classify(b: u8) -> u8 {
    let mut class = 0;
    // RFC 9110, section 5.6.2: "tchar = "!" / "#" / "$" / "%" / "&" / "'" / "*" / "+" / "-" / "." /
    // "^" / "_" / "`" / "|" / "~" / DIGIT / ALPHA"
    if b.is_ascii_alphanumeric()
        || matches!(b, b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.')
        || matches!(b, b'^' | b'_' | b'`' | b'|' | b'~')
    {
        class |= TCHAR;
    }
    // RFC 9110, section 5.5: "field-vchar = VCHAR / obs-text", with SP and HTAB between.
    if b == b'\t' || (b >= 0x20 && b != 0x7f) {
        class |= VALUE;
    }
    // RFC 9112, section 3.2: whitespace is never allowed; controls, non-ASCII, "#" and what no URI
    // holds and no browser sends raw (RFC 3986, appendix A) are refused as well.
    if b > 0x20 && b < 0x7f && !matches!(b, b'#' | b'"' | b'<' | b'>' | b'\\') {
        class |= TARGET;
    }
    // RFC 3986, section 3.2.2: "reg-name = *( unreserved / pct-encoded / sub-delims )"
    if b.is_ascii_alphanumeric()
        || matches!(b, b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')')
        || matches!(b, b'*' | b'+' | b';' | b'=')
    {
        class |= NAME;
    }
    class
}

/// Class bits of every byte.
pub(crate) static CLASS: [u8; 256] = {
    let mut table = [0; 256];
    let mut b = 0;
    while b < 256 {
        table[b] = classify(b as u8);
        b += 1;
    }
    table
};

/// Whether every byte of `bytes` is in `class`. Eight at a time, because a branch a byte costs more than
/// the look-up.
#[inline]
pub(crate) fn all(bytes: &[u8], class: u8) -> bool {
    let mut eights = bytes.chunks_exact(8);
    for eight in &mut eights {
        if eight.iter().fold(class, |all, &b| all & CLASS[b as usize]) == 0 {
            return false;
        }
    }
    eights.remainder().iter().fold(class, |all, &b| all & CLASS[b as usize]) != 0
}

/// Whether a token is `lower`, ignoring case.
///
/// Setting bit 5 maps letters to lower case and leaves digits and "-" alone; what else it would map
/// onto them (controls, "@", brackets) is no token character.
#[inline(always)]
pub(crate) fn is<const N: usize>(token: &[u8], lower: &[u8; N]) -> bool {
    let Ok(token) = <&[u8; N]>::try_from(token) else { return false };
    let eight = |b: &[u8]| u64::from_ne_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]);
    let four = |b: &[u8]| u32::from_ne_bytes([b[0], b[1], b[2], b[3]]);
    // `N` is known where this is compiled: one comparison of two or three words is left of it.
    if N > 16 {
        eight(token) | 0x2020_2020_2020_2020 == eight(lower) && is_rest::<N>(token, lower, 8)
    } else if N >= 8 {
        let (a, b) = (eight(token), eight(&token[N - 8..]));
        ((a | 0x2020_2020_2020_2020) ^ eight(lower)) | ((b | 0x2020_2020_2020_2020) ^ eight(&lower[N - 8..]))
            == 0
    } else if N >= 4 {
        let (a, b) = (four(token), four(&token[N - 4..]));
        ((a | 0x2020_2020) ^ four(lower)) | ((b | 0x2020_2020) ^ four(&lower[N - 4..])) == 0
    } else {
        is_rest::<N>(token, lower, 0)
    }
}

#[inline(always)]
fn is_rest<const N: usize>(token: &[u8; N], lower: &[u8; N], from: usize) -> bool {
    token[from..].iter().zip(&lower[from..]).all(|(a, b)| a | 0x20 == *b)
}

/// Whether `b` may stand in a token.
#[inline]
pub fn is_tchar(b: u8) -> bool {
    CLASS[b as usize] & TCHAR != 0
}

/// Whether `bytes` is a token: not empty, only token characters. Linear.
#[inline]
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && (words(bytes, word::is_name) || all(bytes, TCHAR))
}

/// Whether `bytes` may be sent as a field value: no controls but HTAB, no whitespace at the ends.
#[inline]
pub fn is_field_value(bytes: &[u8]) -> bool {
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return true };
    let edge = |b: &u8| matches!(b, b' ' | b'\t');
    !edge(first) && !edge(last) && (words(bytes, word::is_text) || all(bytes, VALUE))
}

/// Whether `test` holds for every word of eight bytes. Words overlap at the end; fewer than eight
/// bytes are filled up with "a".
#[inline(always)]
pub(crate) fn words(bytes: &[u8], test: impl Fn(u64) -> bool) -> bool {
    let eight = |b: &[u8]| u64::from_ne_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]);
    let four = |b: &[u8]| u64::from(u32::from_ne_bytes([b[0], b[1], b[2], b[3]]));
    let len = bytes.len();
    if len >= 8 {
        let mut rest = bytes;
        while rest.len() > 8 {
            if !test(eight(rest)) {
                return false;
            }
            rest = &rest[8..];
        }
        return test(eight(&bytes[len - 8..]));
    }
    let word = match len {
        0 => return true,
        4.. => four(bytes) | four(&bytes[len - 4..]) << 32,
        _ => u64::from_ne_bytes([bytes[0], bytes[len / 2], bytes[len - 1], b'a', b'a', b'a', b'a', b'a']),
    };
    test(word)
}

/// Tests of eight bytes at once, exact in what they accept; what they turn down the table decides.
pub(crate) mod word {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;

    /// Top bits of the bytes that equal `b`; beyond the first such byte there may be false ones.
    #[inline(always)]
    pub(crate) fn equal(word: u64, b: u8) -> u64 {
        let x = word ^ (ONES * b as u64);
        x.wrapping_sub(ONES) & !x & TOPS
    }

    /// Not zero when some byte is a control below SP.
    #[inline(always)]
    fn controls(word: u64) -> u64 {
        word.wrapping_sub(ONES * 0x20) & !word & TOPS
    }

    /// All of SP, VCHAR and obs-text.
    #[inline(always)]
    pub(crate) fn is_text(word: u64) -> bool {
        controls(word) | equal(word, 0x7f) == 0
    }

    /// All letters, digits and "-".
    #[inline(always)]
    pub(crate) fn is_name(word: u64) -> bool {
        is_ascii_text(word) && (alphanumeric(word) | exactly(word, b'-')) & TOPS == TOPS
    }

    #[inline(always)]
    fn is_ascii_text(word: u64) -> bool {
        word & TOPS | controls(word) == 0
    }

    /// Top bits of the letters and digits among bytes below 0x80 and not below 0x20.
    #[inline(always)]
    fn alphanumeric(word: u64) -> u64 {
        // Setting bit 5 makes letters lower case and keeps digits.
        let x = word | ONES * 0x20;
        let not_below = |b: u8| x + ONES * (0x80 - b as u64);
        not_below(b'a') & !not_below(b'z' + 1) | not_below(b'0') & !not_below(b'9' + 1)
    }

    /// Top bits of the bytes that equal `b`, among bytes below 0x80.
    #[inline(always)]
    fn exactly(word: u64, b: u8) -> u64 {
        !((word ^ (ONES * b as u64)) + ONES * 0x7f)
    }
}

/// `bytes` without the optional whitespace around it (RFC 9110, section 5.6.3).
#[inline]
pub fn trim(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let [b' ' | b'\t', tail @ ..] = rest {
        rest = tail;
    }
    while let [head @ .., b' ' | b'\t'] = rest {
        rest = head;
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc9110_5_6_2_a_token_holds_no_delimiters() {
        assert!(is_token(b"X-Custom_1.~|`^+*'&%$#!"));
        assert!(!is_token(b""));
        for b in b"\"(),/:;<=>?@[\\]{} \t\r\n\x00\x7f\x80\xff" {
            assert!(!is_token(&[b'a', *b]), "{b:#x}");
        }
    }

    #[test]
    fn rfc9110_5_5_a_field_value_keeps_obs_text_and_refuses_controls() {
        assert!(is_field_value(b"a \t b\x80\xff"));
        assert!(is_field_value(b""));
        for v in [&b" a"[..], b"a ", b"a\r", b"a\nb", b"\0", b"\x7f", b"\x01"] {
            assert!(!is_field_value(v), "{v:?}");
        }
    }

    #[test]
    fn words_of_eight_agree_with_the_table_at_every_length_and_place() {
        for len in 0..20 {
            for at in 0..len {
                for b in 0..=255 {
                    let mut bytes = alloc::vec![b'x'; len];
                    bytes[at] = b;
                    assert_eq!(is_token(&bytes), all(&bytes, TCHAR), "{bytes:?}");
                    let edge = matches!(b, b' ' | b'\t') && (at == 0 || at == len - 1);
                    assert_eq!(is_field_value(&bytes), all(&bytes, VALUE) && !edge, "{bytes:?}");
                }
            }
        }
    }

    #[test]
    fn names_are_compared_without_case_and_exactly() {
        assert!(is(b"Content-Length", b"content-length") && is(b"HOST", b"host") && is(b"tE", b"te"));
        assert!(is(b"Transfer-ENCODING", b"transfer-encoding") && is(b"Expect", b"expect"));
        assert!(!is(b"Content_Length", b"content-length") && !is(b"Content-Lengti", b"content-length"));
        assert!(
            !is(b"Transfer-Encodinh", b"transfer-encoding")
                && !is(b"hos", b"host")
                && !is(b"Xpect!", b"expect")
        );
    }

    #[test]
    fn optional_whitespace_is_trimmed_at_both_ends_only() {
        assert_eq!(trim(b" \t a b\t "), b"a b");
        assert_eq!(trim(b" \t "), b"");
    }
}
