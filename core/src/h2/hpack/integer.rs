//! Integers (RFC 7541, section 5.1): a prefix in the rest of an octet, then seven bits an octet.

use super::error::DecodeError;

/// Octets behind the prefix: enough for every 32-bit value.
const MAX_OCTETS: u32 = 5;

/// The integer whose prefix is the lower `bits` bits of `first`; `at` is moved behind it.
#[inline(always)]
pub(super) fn decode(first: u8, bits: u32, block: &[u8], at: &mut usize) -> Result<u32, DecodeError> {
    let full = (1 << bits) - 1;
    let prefix = u32::from(first) & full;
    if prefix < full { Ok(prefix) } else { decode_rest(full, block, at) }
}

fn decode_rest(full: u32, block: &[u8], at: &mut usize) -> Result<u32, DecodeError> {
    let mut value = u64::from(full);
    for n in 0..MAX_OCTETS {
        let octet = *block.get(*at).ok_or(DecodeError::Truncated)?;
        *at += 1;
        value += u64::from(octet & 0x7f) << (7 * n);
        if octet & 0x80 == 0 {
            return u32::try_from(value).map_err(|_| DecodeError::IntegerTooLarge);
        }
    }
    // RFC 7541, section 5.1: "Integer encodings that exceed implementation limits - in value or octet
    // length - MUST be treated as decoding errors."
    Err(DecodeError::IntegerTooLarge)
}

/// Octets an integer takes at most, with its prefix.
pub(super) const MAX_LEN: usize = 6;

/// Writes `value` behind the bits of `pattern`; returns the end.
#[inline(always)]
pub(super) fn encode(value: u32, pattern: u8, bits: u32, out: &mut [u8], at: usize) -> usize {
    let full = (1 << bits) - 1;
    if value < full {
        out[at] = pattern | value as u8;
        return at + 1;
    }
    out[at] = pattern | full as u8;
    encode_rest(value - full, out, at + 1)
}

fn encode_rest(mut value: u32, out: &mut [u8], mut at: usize) -> usize {
    while value >= 0x80 {
        out[at] = value as u8 | 0x80;
        value >>= 7;
        at += 1;
    }
    out[at] = value as u8;
    at + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], bits: u32) -> Result<(u32, usize), DecodeError> {
        let mut at = 1;
        decode(bytes[0], bits, bytes, &mut at).map(|value| (value, at))
    }

    #[test]
    fn rfc7541_c_1_the_examples_of_integers() {
        for (value, bits, bytes) in
            [(10, 5, &[0b01010][..]), (1337, 5, &[0b11111, 0b10011010, 0b00001010]), (42, 8, &[42])]
        {
            let mut out = [0; MAX_LEN];
            let end = encode(value, 0, bits, &mut out, 0);
            assert_eq!(&out[..end], bytes);
            assert_eq!(read(bytes, bits), Ok((value, bytes.len())));
        }
    }

    #[test]
    fn rfc7541_5_1_every_prefix_and_every_corner_comes_back() {
        for bits in 1..=8 {
            let full = (1u32 << bits) - 1;
            let corners =
                [0, 1, full - 1, full, full + 1, full + 127, full + 128, full + 16383, full + 16384];
            for value in
                corners.into_iter().chain((0..32).flat_map(|n| [(1 << n) - 1, 1 << n, u32::MAX >> n]))
            {
                let mut out = [0; MAX_LEN];
                let pattern = if bits < 8 { 0x80 } else { 0 };
                let end = encode(value, pattern, bits, &mut out, 0);
                assert_eq!(out[0] & pattern, pattern);
                assert_eq!(read(&out[..end], bits), Ok((value, end)), "{value} in {bits}");
                for cut in 1..end {
                    assert_eq!(read(&out[..cut], bits), Err(DecodeError::Truncated));
                }
            }
        }
    }

    #[test]
    fn rfc7541_5_1_an_integer_beyond_the_limits_is_refused() {
        let largest = [0x7f, 0x80, 0xff, 0xff, 0xff, 0x0f];
        assert_eq!(read(&largest, 7), Ok((u32::MAX, 6)));
        for bytes in [
            &[0x7f, 0x81, 0xff, 0xff, 0xff, 0x0f][..],
            &[0x7f, 0xff, 0xff, 0xff, 0xff, 0x7f],
            &[0x7f, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00],
            &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ] {
            assert_eq!(read(bytes, 7), Err(DecodeError::IntegerTooLarge), "{bytes:x?}");
        }
        assert_eq!(read(&[0x7f, 0x80, 0x80, 0x00], 7), Ok((127, 4)), "leading zeros are allowed");
    }
}
