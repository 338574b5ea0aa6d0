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

/// Whether every byte of `bytes` is in `class`.
#[inline]
pub(crate) fn all(bytes: &[u8], class: u8) -> bool {
    bytes.iter().all(|&b| CLASS[b as usize] & class != 0)
}

/// Whether `b` may stand in a token.
#[inline]
pub fn is_tchar(b: u8) -> bool {
    CLASS[b as usize] & TCHAR != 0
}

/// Whether `bytes` is a token: not empty, only token characters. Linear.
#[inline]
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && all(bytes, TCHAR)
}

/// Whether `bytes` may be sent as a field value: no controls but HTAB, no whitespace at the ends.
#[inline]
pub fn is_field_value(bytes: &[u8]) -> bool {
    let edge = |b: Option<&u8>| matches!(b, Some(b' ' | b'\t'));
    all(bytes, VALUE) && !edge(bytes.first()) && !edge(bytes.last())
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
    fn optional_whitespace_is_trimmed_at_both_ends_only() {
        assert_eq!(trim(b" \t a b\t "), b"a b");
        assert_eq!(trim(b" \t "), b"");
    }
}
