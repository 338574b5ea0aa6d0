//! Octets to bytes: twelve bits choose up to two symbols at once.

use super::super::error::DecodeError;
use super::table::{CODES_OF_APPENDIX_B as CODES, EOS, LENGTHS, LONGEST, SYMBOLS};
use crate::syntax::token;

/// Bits of one look-up: enough for any two of the letters and digits that are most frequent.
const STEP: usize = 12;

/// What the table holds for twelve bits:
///
/// ```text
///   31     24 23     16 15            8 7            0
///   second    first     8 bits for      bits of the
///   symbol    symbol    each symbol     codes
/// ```
///
/// Zero where the first code is longer than that. The lower half of sums counts for several steps.
static STEPS: [u32; 1 << STEP] = {
    let mut steps = [0; 1 << STEP];
    let mut first = 0;
    while first < EOS {
        let bits = LENGTHS[first] as usize;
        if bits <= STEP {
            let start = (CODES[first] as usize) << (STEP - bits);
            let mut i = 0;
            while i < 1 << (STEP - bits) {
                steps[start + i] = bits as u32 | 8 << 8 | (first as u32) << 16;
                i += 1;
            }
            let mut second = 0;
            while second < EOS {
                let both = bits + LENGTHS[second] as usize;
                if both <= STEP {
                    let start = start + ((CODES[second] as usize) << (STEP - both));
                    let mut i = 0;
                    while i < 1 << (STEP - both) {
                        steps[start + i] =
                            both as u32 | 16 << 8 | (first as u32) << 16 | (second as u32) << 24;
                        i += 1;
                    }
                }
                second += 1;
            }
        }
        first += 1;
    }
    steps
};

/// The symbols in the order of their codes.
static SORTED: [u16; SYMBOLS] = {
    let mut sorted = [0; SYMBOLS];
    let (mut len, mut at) = (1, 0);
    while len <= LONGEST {
        let mut symbol = 0;
        while symbol < SYMBOLS {
            if LENGTHS[symbol] as usize == len {
                sorted[at] = symbol as u16;
                at += 1;
            }
            symbol += 1;
        }
        len += 1;
    }
    sorted
};

/// For each length: the first code that is longer, aligned to the most significant of 32 bits, and what
/// to add to a code of this length for its place in [`SORTED`].
static LONG: [(u64, i32); LONGEST + 1] = {
    let mut long = [(0, 0); LONGEST + 1];
    let (mut len, mut at) = (1, 0);
    while len <= LONGEST {
        let mut symbol = 0;
        let mut count = 0;
        let mut first = 0;
        while symbol < SYMBOLS {
            if LENGTHS[symbol] as usize == len {
                if count == 0 {
                    first = CODES[symbol];
                }
                count += 1;
            }
            symbol += 1;
        }
        long[len] = if count == 0 {
            long[len - 1]
        } else {
            (((first + count) as u64) << (32 - len), at - first as i32)
        };
        at += count as i32;
        len += 1;
    }
    long
};

/// Bytes written at once, which may be more than there are symbols.
const SLACK: usize = 8;

/// Room that `len` octets need to be decoded in.
#[inline]
pub(in super::super) fn max_decoded_len(len: usize) -> usize {
    // The shortest code has five bits.
    len * 8 / 5 + SLACK + 1
}

/// Decodes the octets of `block` from `start` to `end` into `out`, which has room for [`max_decoded_len`]:
/// how many bytes they make, and whether all of them may stand in a field value.
#[inline]
pub(in super::super) fn decode(
    block: &[u8],
    start: usize,
    end: usize,
    out: &mut [u8],
) -> Result<(usize, bool), DecodeError> {
    let Some(octets) = block.get(start..end) else { return Err(DecodeError::Truncated) };
    let mut bytes = Bytes { out, len: 0, plain: true };
    // The next bits, aligned to the most significant, and how many of them count.
    let (mut bits, mut count) = (0, 0);
    let mut at = 0;
    while let Some(eight) = octets.get(at..).and_then(|rest| rest.first_chunk()) {
        bits |= u64::from_be_bytes(*eight) >> count;
        at += (63 - count as usize) / 8;
        count |= 56;
        let mut used = bytes.steps(bits);
        if used == 0 {
            // No code is longer than the bits that are there.
            let (symbol, len) = long(bits);
            bytes.put_long(symbol)?;
            used = len;
        }
        bits <<= used;
        count -= used;
    }
    // The octets left are fewer than eight. Ones follow them, with which no short code begins.
    let rest = last(block, end, octets.len() - at);
    bits |= rest >> count;
    let mut more = if count > 0 { !(!rest << (64 - count)) } else { !0 };
    let mut left = count + 8 * (octets.len() - at) as u32;
    while left > 0 {
        let len = bytes.len;
        let mut used = bytes.steps(bits);
        if used > left {
            // A code goes on behind the last bit, maybe not the first one of these steps.
            bytes.len = len;
            used = bytes.step_by_step(bits, left);
        } else if used == 0 {
            // RFC 7541, section 5.2: "an incomplete code at the end of the encoded data is to be
            // considered as padding and discarded."
            if left < 8 {
                break;
            }
            let (symbol, len) = long(bits);
            if len > left {
                return Err(DecodeError::PaddingTooLong);
            }
            bytes.put_long(symbol)?;
            used = len;
        }
        if used == 0 {
            return Err(padding_error(left));
        }
        left -= used;
        bits = bits << used | more >> (64 - used);
        more = !(!more << used);
    }
    Ok((bytes.len, bytes.plain))
}

/// An incomplete code is left that is not just ones.
#[cold]
fn padding_error(left: u32) -> DecodeError {
    // RFC 7541, section 5.2: "A padding strictly longer than 7 bits MUST be treated as a decoding error. A
    // padding not corresponding to the most significant bits of the code for the EOS symbol MUST be
    // treated as a decoding error."
    if left > 7 { DecodeError::PaddingTooLong } else { DecodeError::PaddingNotOnes }
}

/// The last `n` octets before `end`, seven at most, aligned to the most significant bit, and ones.
#[inline(always)]
fn last(block: &[u8], end: usize, n: usize) -> u64 {
    let before = block.get(..end).unwrap_or_default();
    match before.last_chunk() {
        Some(eight) if n > 0 => !(!u64::from_be_bytes(*eight) << (64 - 8 * n as u32)),
        _ => before[before.len() - n..]
            .iter()
            .enumerate()
            .fold(!0, |word, (i, &octet)| word ^ u64::from(octet ^ 0xff) << (56 - 8 * i)),
    }
}

struct Bytes<'a> {
    out: &'a mut [u8],
    len: usize,
    plain: bool,
}

impl Bytes<'_> {
    /// Takes up to eight symbols off the front of `bits`: how many bits they take, 48 at most. None when
    /// the first code is a long one.
    #[inline(always)]
    fn steps(&mut self, mut bits: u64) -> u32 {
        let (mut sum, mut text) = (0u32, 0u64);
        // Shifts look at the lower six bits of their count, and so need no mask.
        for _ in 0..4 {
            let step = STEPS[(bits >> (64 - STEP)) as usize];
            text |= u64::from(step >> 16).wrapping_shl(sum >> 8);
            sum = sum.wrapping_add(step);
            bits = bits.wrapping_shl(step);
        }
        if let Some(eight) = self.out.get_mut(self.len..).and_then(|rest| rest.first_chunk_mut()) {
            *eight = text.to_le_bytes();
        }
        self.len += (sum >> 11 & 15) as usize;
        sum & 0xff
    }

    /// The same for the symbols within `left` bits only.
    #[cold]
    fn step_by_step(&mut self, bits: u64, left: u32) -> u32 {
        let mut used = 0;
        loop {
            let step = STEPS[(bits << used >> (64 - STEP)) as usize];
            let symbol = (step >> 16) as u8;
            let len = u32::from(LENGTHS[usize::from(symbol)]);
            if step == 0 || used + len > left {
                return used;
            }
            if let Some(byte) = self.out.get_mut(self.len) {
                *byte = symbol;
            }
            self.len += 1;
            used += len;
        }
    }

    fn put_long(&mut self, symbol: u16) -> Result<(), DecodeError> {
        // RFC 7541, section 5.2: "A Huffman-encoded string literal containing the EOS symbol MUST be
        // treated as a decoding error."
        let symbol = u8::try_from(symbol).map_err(|_| DecodeError::EndOfString)?;
        self.plain &= token::CLASS[usize::from(symbol)] & token::VALUE != 0;
        if let Some(byte) = self.out.get_mut(self.len) {
            *byte = symbol;
        }
        self.len += 1;
        Ok(())
    }
}

/// The symbol whose code begins `bits`, and the code's length: for codes longer than one step.
#[cold]
fn long(bits: u64) -> (u16, u32) {
    let window = (bits >> 32) as u32;
    let mut len = STEP + 1;
    while len < LONGEST && u64::from(window) >= LONG[len].0 {
        len += 1;
    }
    let at = (window >> (32 - len)) as i32 + LONG[len].1;
    (SORTED.get(at as usize).copied().unwrap_or(EOS as u16), len as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::h2::hpack::huffman;
    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    /// What `decode` has to say, one bit after the other.
    fn slowly(octets: &[u8]) -> Result<Vec<u8>, DecodeError> {
        let codes = LENGTHS.iter().zip(&CODES).zip(0u16..);
        let codes: BTreeMap<_, _> = codes.map(|((&len, &code), symbol)| ((len, code), symbol)).collect();
        let (mut bytes, mut code, mut len) = (Vec::new(), 0u32, 0);
        for octet in octets {
            for i in (0..8).rev() {
                (code, len) = (code << 1 | u32::from(octet >> i & 1), len + 1);
                if let Some(&symbol) = codes.get(&(len, code)) {
                    bytes.push(u8::try_from(symbol).map_err(|_| DecodeError::EndOfString)?);
                    (code, len) = (0, 0);
                }
            }
        }
        match len {
            8.. => Err(DecodeError::PaddingTooLong),
            _ if code != (1 << len) - 1 => Err(DecodeError::PaddingNotOnes),
            _ => Ok(bytes),
        }
    }

    fn quickly(octets: &[u8]) -> Result<Vec<u8>, DecodeError> {
        let mut out = alloc::vec![0; max_decoded_len(octets.len())];
        let (len, plain) = decode(octets, 0, octets.len(), &mut out)?;
        out.truncate(len);
        assert_eq!(plain, token::all(&out, token::VALUE));
        Ok(out)
    }

    #[test]
    fn every_octet_comes_back_at_every_place() {
        for byte in 0..=255u8 {
            for before in 0..20 {
                for behind in [0, 1, 9] {
                    let bytes =
                        [&b"a long enough string"[..before], &[byte], &b"/and more"[..behind]].concat();
                    let mut out = alloc::vec![0; huffman::encoded_len(&bytes) + 8];
                    let len = huffman::encode(&bytes, &mut out, 0).unwrap();
                    assert_eq!(len, huffman::encoded_len(&bytes));
                    assert_eq!(quickly(&out[..len]).unwrap(), bytes);
                    assert_eq!(slowly(&out[..len]).unwrap(), bytes);
                }
            }
        }
    }

    #[test]
    fn rfc7541_5_2_padding_of_eight_bits_or_more_is_refused() {
        assert_eq!(quickly(&[0xff]), Err(DecodeError::PaddingTooLong));
        assert_eq!(quickly(&[0b0001_1111, 0xff]), Err(DecodeError::PaddingTooLong));
        assert_eq!(quickly(&[0xff, 0xff, 0xff]), Err(DecodeError::PaddingTooLong));
        assert_eq!(quickly(&[0b0001_1111]).unwrap(), b"a");
        assert_eq!(quickly(&[0b1111_0111]).unwrap(), b"z");
    }

    #[test]
    fn rfc7541_5_2_padding_other_than_ones_is_refused() {
        for padding in 0..7 {
            assert_eq!(quickly(&[0b0001_1000 | padding]), Err(DecodeError::PaddingNotOnes));
        }
        assert_eq!(quickly(&[0b1111_0110]), Err(DecodeError::PaddingNotOnes));
    }

    #[test]
    fn rfc7541_5_2_the_end_of_string_symbol_is_refused() {
        assert_eq!(quickly(&[0xff; 4]), Err(DecodeError::EndOfString));
        assert_eq!(quickly(&[0xff; 40]), Err(DecodeError::EndOfString));
        let in_the_middle = [0b0001_1111, 0xff, 0xff, 0xff, 0b1110_0011, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(quickly(&in_the_middle), Err(DecodeError::EndOfString));
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let mut out = alloc::vec![0; huffman::encoded_len(&bytes) + 8];
            let len = huffman::encode(&bytes, &mut out, 0).unwrap();
            prop_assert_eq!(quickly(&out[..len]).unwrap(), bytes);
        }

        #[test]
        fn any_octets_decode_as_they_do_bit_by_bit(octets in proptest::collection::vec(any::<u8>(), 0..60)) {
            prop_assert_eq!(quickly(&octets), slowly(&octets));
        }

        #[test]
        fn long_codes_decode_as_they_do_bit_by_bit(
            octets in proptest::collection::vec(prop_oneof![Just(0xff), Just(0xfe), any::<u8>()], 0..40),
        ) {
            prop_assert_eq!(quickly(&octets), slowly(&octets));
        }
    }
}
