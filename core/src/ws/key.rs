//! Masking keys that nobody can predict (RFC 6455, sections 5.3 and 10.3): the key stream of ChaCha20
//! (RFC 8439, section 2.3).

use core::fmt;

/// A generator of masking keys, from a seed that the embedder supplies.
///
/// This crate has no source of entropy; a seed of 32 bytes from the system's is enough for more keys than
/// any connection sends. One generator may serve all connections of a thread. It does not repeat itself
/// within 2^132 keys and cannot be copied, because a copy would. 128 bytes; sixteen keys cost one block of the
/// cipher.
///
/// ```
/// use avx_core::ws::key::MaskKeys;
///
/// // From the system's source of entropy, in earnest.
/// let mut keys = MaskKeys::new([7; 32]);
/// assert_ne!(keys.next_key(), keys.next_key());
/// ```
pub struct MaskKeys {
    seed: [u32; 8],
    /// Blocks made so far: counter and nonce of the cipher in one.
    blocks: u128,
    block: [u32; 16],
    /// Keys of the block that were handed out.
    used: u8,
}

impl MaskKeys {
    /// A generator that nobody can predict who does not know `seed`.
    ///
    /// "The unpredictability of the masking key is essential to prevent authors of malicious applications
    /// from selecting the bytes that appear on the wire." (RFC 6455, section 5.3) Never use a seed for two
    /// generators, nor one that a peer can guess.
    pub fn new(seed: [u8; 32]) -> Self {
        MaskKeys { seed: words(&seed), blocks: 0, block: [0; 16], used: 16 }
    }

    /// The key for the next frame.
    ///
    /// "When preparing a masked frame, the client MUST pick a fresh masking key from the set of allowed
    /// 32-bit values." (RFC 6455, section 5.3)
    #[inline]
    pub fn next_key(&mut self) -> [u8; 4] {
        if self.used >= 16 {
            self.refill();
        }
        // A key that was handed out is forgotten.
        let key = core::mem::take(&mut self.block[usize::from(self.used % 16)]);
        self.used += 1;
        key.to_le_bytes()
    }

    #[cold]
    fn refill(&mut self) {
        self.block = block(&self.seed, self.blocks);
        self.blocks = self.blocks.wrapping_add(1);
        self.used = 0;
    }
}

/// Neither the seed nor the keys to come.
impl fmt::Debug for MaskKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MaskKeys").finish_non_exhaustive()
    }
}

/// Little-endian words of `bytes`.
fn words<const N: usize>(bytes: &[u8]) -> [u32; N] {
    let mut words = [0; N];
    for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(4)) {
        *word = bytes.iter().rev().fold(0, |word, &b| word << 8 | u32::from(b));
    }
    words
}

/// The block function of ChaCha20 (RFC 8439, section 2.3). The lowest word of `position` is the counter,
/// the others are the nonce.
fn block(key: &[u32; 8], position: u128) -> [u32; 16] {
    let position: [u32; 4] = words(&position.to_le_bytes());
    let constants: [u32; 4] = words(b"expand 32-byte k");
    let mut initial = [0; 16];
    for (to, from) in initial.iter_mut().zip(constants.iter().chain(key).chain(&position)) {
        *to = *from;
    }
    let mut state = initial;
    for _ in 0..10 {
        for i in 0..4 {
            quarter_round(&mut state, [i, 4 + i, 8 + i, 12 + i]);
        }
        for i in 0..4 {
            quarter_round(&mut state, [i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4]);
        }
    }
    for (word, initial) in state.iter_mut().zip(initial) {
        *word = word.wrapping_add(initial);
    }
    state
}

/// RFC 8439, section 2.1.
#[inline(always)]
fn quarter_round(state: &mut [u32; 16], [a, b, c, d]: [usize; 4]) {
    for (left, right) in [(16, 12), (8, 7)] {
        state[a] = state[a].wrapping_add(state[b]);
        state[d] = (state[d] ^ state[a]).rotate_left(left);
        state[c] = state[c].wrapping_add(state[d]);
        state[b] = (state[b] ^ state[c]).rotate_left(right);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use alloc::format;
    use alloc::vec::Vec;

    fn bytes(block: [u32; 16]) -> Vec<u8> {
        block.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> =
            text.bytes().filter_map(|b| (b as char).to_digit(16)).map(|d| d as u8).collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }

    #[test]
    fn rfc8439_2_1_1_the_quarter_round_of_the_vector() {
        let mut state = [0; 16];
        state[..4].copy_from_slice(&[0x11111111, 0x01020304, 0x9b8d6f43, 0x01234567]);
        quarter_round(&mut state, [0, 1, 2, 3]);
        assert_eq!(state[..4], [0xea2a92f4, 0xcb1cf8ce, 0x4581472e, 0x5881c4bb]);
    }

    #[test]
    fn rfc8439_2_3_2_the_block_of_the_vector() {
        let key: [u8; 32] = core::array::from_fn(|i| i as u8);
        let position = hex("01000000 00000009 0000004a 00000000");
        let position = u128::from_le_bytes(position.try_into().unwrap());
        let expected = hex("10f1e7e4d13b5915500fdd1fa32071c4 c7d1f4c733c068030422aa9ac3d46c4e
             d2826446079faa0914c2d705d98b02a2 b5129cd1de164eb9cbd083e8a2503c4e");
        assert_eq!(bytes(block(&words(&key), position)), expected);
    }

    #[test]
    fn rfc8439_a_1_keys_are_the_key_stream_in_order() {
        let stream = hex("76b8e0ada0f13d90405d6ae55386bd28 bdd219b8a08ded1aa836efcc8b770dc7
             da41597c5157488d7724e03fb8d84a37 6a43b8f41518a11cc387b669b2ee6586
             9f07e7be5551387a98ba977c732d080d cb0f29a048e3656912c6533e32ee7aed
             29b721769ce64e43d57133b074d839d5 31ed1f28510afb45ace10a1f4b794d6f");
        let mut keys = MaskKeys::new([0; 32]);
        for expected in stream.chunks(4) {
            assert_eq!(keys.next_key(), expected);
        }
    }

    #[test]
    fn the_nonce_goes_on_where_the_counter_ends() {
        let mut keys = MaskKeys::new([3; 32]);
        keys.blocks = u128::from(u32::MAX);
        let last: Vec<_> = (0..16).map(|_| keys.next_key()).collect();
        let next: Vec<_> = (0..16).map(|_| keys.next_key()).collect();
        assert_eq!(last.concat(), bytes(block(&keys.seed, u128::from(u32::MAX))));
        assert_eq!(next.concat(), bytes(block(&keys.seed, 1 << 32)));
        assert_ne!(next.concat(), bytes(block(&keys.seed, 0)));
    }

    #[test]
    fn a_generator_is_small() {
        assert!(size_of::<MaskKeys>() <= 128);
    }

    #[test]
    fn keys_are_fresh_and_stay_out_of_what_is_printed() {
        let mut keys = MaskKeys::new([9; 32]);
        let some: BTreeSet<_> = (0..1000).map(|_| keys.next_key()).collect();
        assert!(some.len() > 998);
        assert_eq!(format!("{keys:?}"), "MaskKeys { .. }");
    }
}
