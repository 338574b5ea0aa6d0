//! Bytes to octets.

use super::table::{CODES, LENGTHS};

/// Octets that `bytes` take when encoded.
#[inline]
pub(in super::super) fn encoded_len(bytes: &[u8]) -> usize {
    let bits: usize = bytes.iter().map(|&b| usize::from(LENGTHS[usize::from(b)])).sum();
    bits.div_ceil(8)
}

/// Encodes `bytes` into `out` from `at` on, and returns the end. Up to seven octets behind the end are
/// overwritten.
pub(in super::super) fn encode(bytes: &[u8], out: &mut [u8], mut at: usize) -> usize {
    let (mut bits, mut len) = (0u64, 0);
    for &b in bytes {
        let symbol = usize::from(b);
        bits = bits << LENGTHS[symbol] | u64::from(CODES[symbol]);
        len += u32::from(LENGTHS[symbol]);
        if len >= 32 {
            len -= 32;
            out[at..at + 4].copy_from_slice(&((bits >> len) as u32).to_be_bytes());
            at += 4;
        }
    }
    // RFC 7541, section 5.2: "To prevent this padding from being misinterpreted as part of the string
    // literal, the most significant bits of the code corresponding to the EOS (end-of-string) symbol are
    // used."
    let padded = (bits << (63 - len) << 1) | (!0 >> len);
    out[at..at + 8].copy_from_slice(&padded.to_be_bytes());
    at + len.div_ceil(8) as usize
}
