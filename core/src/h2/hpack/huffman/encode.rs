//! Bytes to octets, four symbols at once while their codes are short.

use super::table::{CODES, CODES_OF_APPENDIX_B, LENGTHS};

/// Octets that `bytes` take when encoded.
#[inline]
pub(in super::super) fn encoded_len(bytes: &[u8]) -> usize {
    let bits: usize = bytes.iter().map(|&b| usize::from(LENGTHS[usize::from(b)])).sum();
    bits.div_ceil(8)
}

/// Code in the upper half and its length in the lower one, for codes of eight bits at most. Others have
/// a length that sums show.
static SHORT: [u32; 256] = {
    let mut short = [LONG; 256];
    let mut symbol = 0;
    while symbol < 256 {
        if LENGTHS[symbol] <= 8 {
            short[symbol] = CODES_OF_APPENDIX_B[symbol] << 16 | LENGTHS[symbol] as u32;
        }
        symbol += 1;
    }
    short
};

/// Beyond the 32 bits that four short codes take at most.
const LONG: u32 = 64;

/// Encodes `bytes` into `out` from `at` on, and returns the end. `None` when there is no room, which takes
/// up to eight octets more than the result: so many may be overwritten behind it.
#[inline]
pub(in super::super) fn encode(bytes: &[u8], out: &mut [u8], mut at: usize) -> Option<usize> {
    // The last `len` bits are not written yet, 31 at most.
    let (mut bits, mut len) = (0u64, 0u32);
    let mut fours = bytes.chunks_exact(4);
    for four in &mut fours {
        let [a, b, c, d] = [four[0], four[1], four[2], four[3]].map(|byte| SHORT[usize::from(byte)]);
        let sum = a.wrapping_add(b).wrapping_add(c).wrapping_add(d) & 0xffff;
        if sum < LONG {
            // Shifts look at the lower bits of their count only.
            let (ab, cd) = ((a >> 16).wrapping_shl(b) | b >> 16, (c >> 16).wrapping_shl(d) | d >> 16);
            bits = bits << sum | u64::from(ab.wrapping_shl(c.wrapping_add(d)) | cd);
            len += sum;
            if len >= 32 {
                len -= 32;
                *out.get_mut(at..)?.first_chunk_mut()? = ((bits >> len) as u32).to_be_bytes();
                at += 4;
            }
        } else {
            for &byte in four {
                (bits, len, at) = one(byte, bits, len, out, at)?;
            }
        }
    }
    for &byte in fours.remainder() {
        (bits, len, at) = one(byte, bits, len, out, at)?;
    }
    // RFC 7541, section 5.2: "To prevent this padding from being misinterpreted as part of the string
    // literal, the most significant bits of the code corresponding to the EOS (end-of-string) symbol are
    // used."
    let padded = (bits << (63 - len) << 1) | (!0 >> len);
    *out.get_mut(at..)?.first_chunk_mut()? = padded.to_be_bytes();
    Some(at + len.div_ceil(8) as usize)
}

#[inline(always)]
fn one(byte: u8, bits: u64, mut len: u32, out: &mut [u8], mut at: usize) -> Option<(u64, u32, usize)> {
    let symbol = usize::from(byte);
    let bits = bits << LENGTHS[symbol] | u64::from(CODES[symbol]);
    len += u32::from(LENGTHS[symbol]);
    if len >= 32 {
        len -= 32;
        *out.get_mut(at..)?.first_chunk_mut()? = ((bits >> len) as u32).to_be_bytes();
        at += 4;
    }
    Some((bits, len, at))
}
