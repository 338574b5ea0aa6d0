//! Finding a byte in something short: paths and segments, a word at a time.

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Where `needle` first stands. Linear; meant for some ten bytes.
#[inline]
pub(crate) fn find(bytes: &[u8], needle: u8) -> Option<usize> {
    let pattern = LOW * u64::from(needle);
    let mut at = 0;
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        let word = u64::from_le_bytes(word.try_into().unwrap_or_default()) ^ pattern;
        // The lowest high bit marks the first zero byte; those above it may be wrong.
        let zeros = word.wrapping_sub(LOW) & !word & HIGH;
        if zeros != 0 {
            return Some(at + zeros.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    words.remainder().iter().position(|&b| b == needle).map(|i| at + i)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_in_every_length_is_found() {
        for len in 0..40 {
            let mut bytes = vec![b'.'; len];
            assert_eq!(find(&bytes, b'/'), None);
            for at in (0..len).rev() {
                bytes[at] = b'/';
                assert_eq!(find(&bytes, b'/'), Some(at));
                bytes[at] = b'0'; // one more than the needle
            }
        }
        assert_eq!(find(b"\x80\xff/\x00", b'/'), Some(2));
    }
}
