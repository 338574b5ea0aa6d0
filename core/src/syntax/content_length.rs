//! Content-Length (RFC 9110, section 8.6).

use crate::PeerError;

/// Reads the value of one Content-Length field line.
///
/// # Errors
/// [`PeerError::BadContentLength`] unless it is `1*DIGIT`, [`PeerError::ContentLengthTooLarge`] above
/// 2^63 - 1. With `repeated`, a list of equal numbers counts as one; without, a list is
/// [`PeerError::ConflictingContentLength`].
#[inline]
pub fn parse(value: &[u8], repeated: bool) -> Result<u64, PeerError> {
    if value.contains(&b',') {
        return list(value, repeated);
    }
    // "Content-Length = 1*DIGIT"
    if value.is_empty() {
        return Err(PeerError::BadContentLength);
    }
    let mut n: u64 = 0;
    let mut too_large = false;
    for &b in value {
        let digit = b.wrapping_sub(b'0');
        if digit > 9 {
            return Err(PeerError::BadContentLength);
        }
        // "a recipient MUST anticipate potentially large decimal numerals and prevent parsing errors
        // due to integer conversion overflows"
        match n.checked_mul(10).and_then(|n| n.checked_add(u64::from(digit))) {
            Some(next) => n = next,
            None => too_large = true,
        }
    }
    if too_large || n > i64::MAX as u64 { Err(PeerError::ContentLengthTooLarge) } else { Ok(n) }
}

// "If a message is received without Transfer-Encoding and with an invalid Content-Length header
// field, then the message framing is invalid [...] unless the field value can be successfully parsed
// as a comma-separated list (Section 5.6.1 of [HTTP]), all values in the list are valid, and all
// values in the list are the same" (RFC 9112, section 6.3)
#[cold]
fn list(value: &[u8], repeated: bool) -> Result<u64, PeerError> {
    let mut first = None;
    for member in value.split(|&b| b == b',') {
        let n = parse(super::token::trim(member), false)?;
        if *first.get_or_insert(n) != n || !repeated {
            return Err(PeerError::ConflictingContentLength);
        }
    }
    first.ok_or(PeerError::BadContentLength)
}

/// How many decimal digits `n` has.
#[inline]
pub(crate) fn digits(n: u64) -> usize {
    match n {
        0..10 => 1,
        10..100 => 2,
        100..1000 => 3,
        _ => n.ilog10() as usize + 1,
    }
}

/// Writes `n` to all of `out`, which is [`digits`] long.
#[inline]
pub(crate) fn write(n: u64, out: &mut [u8]) {
    match out {
        [one] => *one = b'0' + n as u8,
        [ten, one] => [*ten, *one] = TWO_DIGITS.get(n as usize).copied().unwrap_or_default(),
        _ => write_long(n, out),
    }
}

/// "00" to "99".
const TWO_DIGITS: [[u8; 2]; 100] = {
    let mut table = [[0; 2]; 100];
    let mut n = 0;
    while n < 100 {
        table[n] = [b'0' + n as u8 / 10, b'0' + n as u8 % 10];
        n += 1;
    }
    table
};

fn write_long(mut n: u64, out: &mut [u8]) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (n % 10) as u8;
        n /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc9110_8_6_only_digits_are_a_length() {
        assert_eq!(parse(b"0", false), Ok(0));
        assert_eq!(parse(b"0005", false), Ok(5));
        assert_eq!(parse(b"9223372036854775807", false), Ok(i64::MAX as u64));
        for bad in ["", "+5", "-5", "0x5", "5_0", "5 5", "''", "5;", "\u{665}"] {
            assert_eq!(parse(bad.as_bytes(), true), Err(PeerError::BadContentLength), "{bad}");
        }
        for large in ["9223372036854775808", "18446744073709551621", "99999999999999999999999999"] {
            assert_eq!(parse(large.as_bytes(), false), Err(PeerError::ContentLengthTooLarge), "{large}");
        }
        assert_eq!(parse(b"99999999999999999999999x", false), Err(PeerError::BadContentLength));
    }

    #[test]
    fn rfc9112_6_3_a_list_counts_only_when_lenient_and_equal() {
        assert_eq!(parse(b"5, 5", true), Ok(5));
        assert_eq!(parse(b"5,5", false), Err(PeerError::ConflictingContentLength));
        assert_eq!(parse(b"5, 3", true), Err(PeerError::ConflictingContentLength));
        assert_eq!(parse(b"5,", true), Err(PeerError::BadContentLength));
    }

    #[test]
    fn decimals_are_written_in_full() {
        for n in [0, 7, 9, 10, 99, 100, 12345, u64::MAX] {
            let mut out = alloc::vec![0; digits(n)];
            write(n, &mut out);
            assert_eq!(out, alloc::format!("{n}").as_bytes());
        }
    }
}
