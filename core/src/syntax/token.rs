//! Tokens and the byte classes of messages (RFC 9110, section 5.6.2; RFC 9112, section 3.2).

use crate::scan::short;

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
    !bytes.is_empty() && (blocks(bytes, short::is_plain_name) || all(bytes, TCHAR))
}

/// Whether `bytes` may be sent as a field value: no controls but HTAB, no whitespace at the ends.
#[inline]
pub fn is_field_value(bytes: &[u8]) -> bool {
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return true };
    let edge = |b: &u8| matches!(b, b' ' | b'\t');
    !edge(first) && !edge(last) && (blocks(bytes, short::is_plain_text) || all(bytes, VALUE))
}

/// Whether `test` holds for every block of sixteen bytes. Blocks overlap at the end; fewer bytes than one block are filled up with "a".
#[inline(always)]
pub(super) fn blocks(bytes: &[u8], test: impl Fn(&[u8; 16]) -> bool) -> bool {
    let len = bytes.len();
    let mut rest = bytes;
    while let Some((block, behind)) = rest.split_first_chunk() {
        if !test(block) {
            return false;
        }
        rest = behind;
    }
    if let Some(last) = bytes.last_chunk() {
        return rest.is_empty() || test(last);
    }
    let mut block = [b'a'; 16];
    match len {
        8.. => {
            block[..8].copy_from_slice(&bytes[..8]);
            block[8..].copy_from_slice(&bytes[len - 8..]);
        }
        4.. => {
            block[..4].copy_from_slice(&bytes[..4]);
            block[4..8].copy_from_slice(&bytes[len - 4..]);
        }
        1.. => (block[0], block[1], block[2]) = (bytes[0], bytes[len / 2], bytes[len - 1]),
        0 => return true,
    }
    test(&block)
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
    fn blocks_agree_with_the_table_at_every_length_and_place() {
        for len in 0..36 {
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
