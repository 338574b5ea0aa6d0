//! Short masked text: unmasked and judged on one way through the registers.
//!
//! ```text
//!    |-- front --|                          zeros moved in before what the others leave of it
//!      |-- 16 --|-- 16 --|-- 16 --|         as many as fit, counted from the end
//! ```
//!
//! Vectors read back right behind the writes of unmasking would each wait until these have left for the
//! cache, which takes longer than all the rest: 24 to 64 bytes of ASCII cost half as much this way, other
//! text four fifths (`cargo bench -p avx-bench --bench ws text`).
#![allow(unsafe_code)]

use super::{mask, utf8};

/// Unmasks `text`, which begins between two sequences, and judges it as [`utf8::is_text_so_far`] does. The
/// lowest octet of `key` is for the first byte.
#[inline(always)]
pub(crate) fn unmask(key: u32, text: &mut [u8]) -> bool {
    // A text of this length is done here if it is ASCII: a call costs more.
    if let (8..=16, Some(&first), Some(&last)) = (text.len(), text.first_chunk(), text.last_chunk()) {
        let word = |bytes, key| u64::from_le_bytes(bytes) ^ (u64::from(key) << 32 | u64::from(key));
        let (first, last) = (word(first, key), word(last, mask::turned(key, text.len())));
        if (first | last) & 0x8080_8080_8080_8080 == 0 {
            text[..8].copy_from_slice(&first.to_le_bytes());
            let behind = text.len() - 8;
            text[behind..].copy_from_slice(&last.to_le_bytes());
            return true;
        }
    }
    #[cfg(target_arch = "x86_64")]
    if text.len() <= registers::MOST && super::in_use() == super::AVX2 {
        // SAFETY: only an instruction set that the processor has is in use.
        return unsafe { super::x86_64::masked_text_avx2(key, text) };
    }
    #[cfg(all(target_arch = "aarch64", target_endian = "little", target_feature = "neon"))]
    if text.len() <= registers::MOST {
        return super::aarch64::masked_text(key, text);
    }
    mask::apply(key, text);
    utf8::is_text_so_far(text)
}

#[cfg(any(
    target_arch = "x86_64",
    all(target_arch = "aarch64", target_endian = "little", target_feature = "neon")
))]
pub(super) mod registers {
    use crate::scan::lanes::{Judge, Lanes, up_to_15};
    use crate::scan::mask::turned;

    /// Bytes of the longest text.
    pub(in crate::scan) const MOST: usize = 64;

    const WIDTH: usize = 16;

    /// As [`unmask`](super::unmask), for at most [`MOST`] bytes, with vectors of 16.
    #[inline(always)]
    pub(in crate::scan) fn unmask<L: Lanes>(lanes: L, key: u32, text: &mut [u8]) -> bool {
        assert!(L::WIDTH == WIDTH && text.len() <= MOST);
        // SAFETY: there are as many bytes as each of these takes.
        unsafe {
            match text.len() {
                0..WIDTH => one_word(lanes, key, text),
                16..32 => words::<L, 1>(lanes, key, text),
                32..48 => words::<L, 2>(lanes, key, text),
                48..64 => words::<L, 3>(lanes, key, text),
                _ => words::<L, 4>(lanes, key, text),
            }
        }
    }

    /// The key for sixteen bytes.
    #[inline(always)]
    fn wide(key: u32) -> u128 {
        let key = u128::from(key);
        let key = key << 32 | key;
        key << 64 | key
    }

    #[inline(always)]
    fn vector<L: Lanes>(lanes: L, word: u128) -> L::Vector {
        // SAFETY: WIDTH is 16.
        unsafe { lanes.load(word.to_le_bytes().as_ptr()) }
    }

    /// Up to 15 bytes.
    #[inline(always)]
    fn one_word<L: Lanes>(lanes: L, key: u32, text: &mut [u8]) -> bool {
        let len = text.len();
        if len == 0 {
            return true;
        }
        // The text at the end of sixteen bytes, behind zeros.
        let missing = 8 * (WIDTH - len) as u32;
        let key = wide(turned(key, len)) >> missing << missing;
        let word = up_to_15(text) ^ key;
        let bytes = word >> missing;
        if let Some(last) = text.last_chunk_mut() {
            *last = ((word >> 64) as u64).to_le_bytes();
            text[..8].copy_from_slice(&(bytes as u64).to_le_bytes());
        } else if let Some(last) = text.last_chunk_mut() {
            *last = ((word >> 96) as u32).to_le_bytes();
            text[..4].copy_from_slice(&(bytes as u32).to_le_bytes());
        } else {
            for (i, byte) in text.iter_mut().enumerate() {
                *byte = (bytes >> (8 * i)) as u8;
            }
        }
        let mut judge = Judge::new(lanes);
        let bytes = vector(lanes, word);
        if !lanes.is_ascii(bytes) {
            judge.look(bytes, lanes.moved_up(bytes, lanes.splat(0)));
        }
        judge.is_content()
    }

    /// `N` times sixteen bytes and up to 15 before them.
    ///
    /// # Safety
    /// `text` has from `16 * N` to `16 * N + 15` bytes.
    #[inline(always)]
    unsafe fn words<L: Lanes, const N: usize>(lanes: L, key: u32, text: &mut [u8]) -> bool {
        let (at, before) = (text.as_mut_ptr(), text.len() - N * WIDTH);
        // SAFETY: the first sixteen bytes are there, and behind the first `before` there are N times
        // sixteen. All are read before the first is written.
        unsafe {
            let front = at.cast::<u128>().read_unaligned() ^ wide(key);
            let key = vector(lanes, wide(turned(key, before)));
            let words: [L::Vector; N] = core::array::from_fn(
                #[inline(always)]
                |i| lanes.xor(lanes.load(at.add(before + i * WIDTH)), key),
            );
            at.cast::<u128>().write_unaligned(front);
            let mut all = vector(lanes, front);
            for (i, &word) in words.iter().enumerate() {
                lanes.store(word, at.add(before + i * WIDTH));
                all = lanes.or(all, word);
            }
            if lanes.is_ascii(all) {
                return true;
            }
            let mut judge = Judge::new(lanes);
            // Half of the way first, because it may be all sixteen bytes.
            let half = 4 * (WIDTH - before) as u32;
            let mut last = vector(lanes, front << half << half);
            judge.look(last, lanes.moved_up(last, lanes.splat(0)));
            for word in words {
                judge.look(word, lanes.moved_up(word, last));
                last = word;
            }
            judge.is_content()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::boxed::Box;
    use alloc::string::String;
    use proptest::prelude::*;

    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0xbd];

    /// Masked, on an allocation of exactly its size; unmasked and judged; compared.
    fn check(text: &[u8]) {
        let mut masked: Box<[u8]> = text.iter().enumerate().map(|(i, byte)| byte ^ KEY[i % 4]).collect();
        let verdict = unmask(u32::from_le_bytes(KEY), &mut masked);
        assert_eq!(&*masked, text);
        assert_eq!(verdict, utf8::is_text_so_far(text), "{}", text.escape_ascii());
    }

    #[test]
    fn every_length_is_unmasked_and_judged_as_in_two_steps() {
        let step = if cfg!(miri) { 13 } else { 1 };
        for len in (0..=80).step_by(step) {
            for piece in ["a", "\u{7ff}", "\u{d7ff}", "\u{10ffff}", "a\u{80}", "bc\u{ffff}"] {
                let mut text = piece.repeat(len / piece.len() + 1).into_bytes();
                text.truncate(len);
                check(&text);
                for at in (0..len).step_by(step) {
                    for wrong in [0x00, 0x80, 0xbf, 0xc0, 0xc3, 0xe0, 0xed, 0xf0, 0xf4, 0xff] {
                        let mut text = text.clone();
                        text[at] = wrong;
                        check(&text);
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_unmasked_and_judged_as_in_two_steps(
            pieces in prop::collection::vec(prop_oneof![
                3 => "[ -~]{1,9}".prop_map(String::into_bytes),
                3 => "[\u{80}-\u{10ffff}]{1,4}".prop_map(String::into_bytes),
                1 => prop::collection::vec(any::<u8>(), 1..3),
            ], 0..20),
        ) {
            check(&pieces.concat());
        }
    }
}
