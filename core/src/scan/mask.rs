//! Exclusive or with the four octets of a key, over and over: masking in WebSocket.
//!
//! ```text
//!    |-- head --|                              read first, because it overlaps what follows it
//!         |-- block --|-- block --|            stores do not cross lines of the cache
//!                                |-- tail --| read first, too
//! ```
//!
//! Up to 256 bytes are two words that overlap in the middle, of the widest size that fits: a branch for the
//! size, and no loop.
#![allow(unsafe_code)]

/// Octets of a vector. As words, which the compiler knows how to keep in the widest registers there are.
type Block = [u64; 4];

const BLOCK: usize = size_of::<Block>();

/// Masks `data` in place. The lowest octet of `key` is for the first byte.
#[inline(always)]
pub(crate) fn apply(key: u32, data: &mut [u8]) {
    let (to, len) = (data.as_mut_ptr(), data.len());
    // SAFETY: `to` is good for reading and writing `len` bytes, and is where they are read.
    unsafe { xor(key, to, to, len) }
}

/// Masks `from` into `to`, which is as long, or panics.
#[inline(always)]
pub(crate) fn copy(key: u32, from: &[u8], to: &mut [u8]) {
    assert_eq!(from.len(), to.len(), "masking into another length");
    // SAFETY: both have that many bytes; a shared and a unique borrow do not overlap.
    unsafe { xor(key, from.as_ptr(), to.as_mut_ptr(), from.len()) }
}

/// # Safety
/// `len` bytes can be read from `from` on and written from `to` on, which are the same or do not overlap.
#[inline(always)]
unsafe fn xor(key: u32, from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: passed on; each length is at least that of the word.
    unsafe {
        match len {
            0 => {}
            1 => *to = *from ^ key as u8,
            2..4 => ends::<u16>(key, from, to, len),
            4..8 => ends::<u32>(key, from, to, len),
            8..16 => ends::<u64>(key, from, to, len),
            16..=32 => ends::<[u64; 2]>(key, from, to, len),
            33..=64 => ends::<[u64; 4]>(key, from, to, len),
            65..=128 => ends::<[u64; 8]>(key, from, to, len),
            _ => long(key, from, to, len),
        }
    }
}

/// What is masked at once.
trait Word: Copy {
    /// `self` with each four octets masked; the lowest octet of `key` is for the first.
    fn masked(self, key: u32) -> Self;
}

impl Word for u16 {
    #[inline(always)]
    fn masked(self, key: u32) -> u16 {
        self ^ (key as u16).to_le()
    }
}

impl Word for u32 {
    #[inline(always)]
    fn masked(self, key: u32) -> u32 {
        self ^ key.to_le()
    }
}

impl Word for u64 {
    #[inline(always)]
    fn masked(self, key: u32) -> u64 {
        let key = u64::from(key.to_le());
        self ^ (key << 32 | key)
    }
}

impl<const N: usize> Word for [u64; N] {
    #[inline(always)]
    fn masked(mut self, key: u32) -> Self {
        for word in &mut self {
            *word = word.masked(key);
        }
        self
    }
}

/// The key for what is `len` bytes further on.
#[inline(always)]
pub(crate) const fn turned(key: u32, len: usize) -> u32 {
    key.rotate_right(8 * (len % 4) as u32)
}

/// Masks from one to two words.
///
/// # Safety
/// As for [`xor`]; `len` is no less than the size of a `W`.
#[inline(always)]
unsafe fn ends<W: Word>(key: u32, from: *const u8, to: *mut u8, len: usize) {
    let last = len - size_of::<W>();
    // SAFETY: `last` is not negative, and both words end within `len`. Nothing is written before both
    // were read.
    unsafe {
        let first = from.cast::<W>().read_unaligned().masked(key);
        let second = from.add(last).cast::<W>().read_unaligned().masked(turned(key, last));
        to.cast::<W>().write_unaligned(first);
        to.add(last).cast::<W>().write_unaligned(second);
    }
}

/// # Safety
/// As for [`xor`]; `len` is at least that of four blocks.
#[inline]
unsafe fn long(key: u32, from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: passed on; AVX2 only where the processor has it.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        if super::in_use() == super::AVX2 {
            return avx2(key, from, to, len);
        }
        blocks(key, from, to, len)
    }
}

/// # Safety
/// As for [`blocks`]; the processor has AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn avx2(key: u32, from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: passed on.
    unsafe { blocks(key, from, to, len) }
}

/// # Safety
/// As for [`xor`]; `len` is at least that of four blocks.
#[inline(always)]
unsafe fn blocks(key: u32, from: *const u8, to: *mut u8, len: usize) {
    if len <= 8 * BLOCK {
        // SAFETY: passed on; there are four blocks.
        return unsafe { ends::<[u64; 16]>(key, from, to, len) };
    }
    let last = len - BLOCK;
    let mut at = BLOCK - to as usize % BLOCK;
    // SAFETY: no block begins behind `last`, which is not negative. Where they overlap, the bytes were
    // read before any of the two blocks was written.
    unsafe {
        let head = from.cast::<Block>().read_unaligned().masked(key);
        let tail = from.add(last).cast::<Block>().read_unaligned().masked(turned(key, last));
        let key = turned(key, at);
        while at + 3 * BLOCK <= last {
            let four = from.add(at).cast::<[Block; 4]>().read_unaligned().map(
                #[inline(always)]
                |block| block.masked(key),
            );
            to.add(at).cast::<[Block; 4]>().write_unaligned(four);
            at += 4 * BLOCK;
        }
        while at < last {
            let block = from.add(at).cast::<Block>().read_unaligned().masked(key);
            to.add(at).cast::<Block>().write_unaligned(block);
            at += BLOCK;
        }
        to.cast::<Block>().write_unaligned(head);
        to.add(last).cast::<Block>().write_unaligned(tail);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::Isa;
    use alloc::vec::Vec;
    use alloc::{boxed::Box, vec};

    /// Masks with `isa`, or with nothing but words if the processor does not have it.
    fn apply_with(isa: Isa, key: u32, data: &mut [u8]) {
        let (to, len) = (data.as_mut_ptr(), data.len());
        // SAFETY: as in `apply`; AVX2 only where it is available.
        unsafe {
            match isa {
                _ if len < 4 * BLOCK => xor(key, to, to, len),
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2 if isa.is_available() => avx2(key, to, to, len),
                _ => blocks(key, to, to, len),
            }
        }
    }

    fn check(key: [u8; 4], start: usize, data: &[u8]) {
        let expected: Vec<u8> = data.iter().enumerate().map(|(i, b)| b ^ key[i % 4]).collect();
        let word = u32::from_le_bytes(key);
        // Allocations that end with the data, so that no byte behind it can be touched unseen.
        let mut before: Vec<u8> = vec![0x55; start];
        before.extend_from_slice(data);
        for isa in Isa::ALL {
            let mut place: Box<[u8]> = before.as_slice().into();
            apply_with(isa, word, &mut place[start..]);
            assert_eq!(&place[start..], expected, "{isa:?}, {} bytes at {start}", data.len());
            assert!(place[..start].iter().all(|&b| b == 0x55));
        }
        let mut place: Box<[u8]> = before.as_slice().into();
        apply(word, &mut place[start..]);
        assert_eq!(&place[start..], expected);
        let mut place: Box<[u8]> = vec![0x55; start + data.len()].into();
        copy(word, data, &mut place[start..]);
        assert_eq!(&place[start..], expected);
        assert!(place[..start].iter().all(|&b| b == 0x55));
    }

    #[test]
    fn every_instruction_set_masks_by_the_definition_at_every_alignment_and_length() {
        let mut seed = 1u32;
        let mut data = [0; 1500];
        data.fill_with(|| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 24) as u8
        });
        let key = [0x37, 0xfa, 0x21, 0x3d];
        if cfg!(miri) {
            for len in [0, 1, 2, 3, 5, 9, 17, 40, 64, 65, 97, 300] {
                check(key, len % 37, &data[..len]);
            }
            return;
        }
        for len in 0..=300 {
            for start in 0..32 {
                check(key, start, &data[..len]);
            }
        }
        for len in [511, 512, 513, 1000, 1499, 1500] {
            for start in 0..32 {
                check(key, start, &data[..len]);
            }
        }
    }
}
