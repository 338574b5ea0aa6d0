//! The vector way: classes of many bytes become bit masks, and the ends of words are bits in them.
//!
//! ```text
//!   GET / HTTP/1.1 CR LF Host: www.example.org CR LF Accept: */* CR LF CR LF
//!                        |------------- block (64 bytes) -------------|------  control bits, runs of
//!                                              ^                  ^            them shortened to their
//!                                                                              first: lines end there
//!                        |--- window (32) ---|           token bits: names end at the first
//!                            ^                           that is not set
//! ```
//!
//! Blocks stand at places that do not depend on the lines in them, so that no block waits for the line
//! before it. A window begins where its line begins, but no later line waits for it.
//!
//! Near the end of the input, blocks and windows are moved to end with it, and their bits moved back.
#![allow(unsafe_code)]

use super::{Job, Scan};

/// Instructions that classify 32 or 64 bytes, one bit a byte, the first lowest.
pub(super) trait Vector: Copy {
    /// Bytes that are no token characters.
    fn nontoken(self, bytes: &[u8; 32]) -> u32;
    /// Bytes that must not stand in a request target.
    fn nontarget(self, bytes: &[u8; 32]) -> u32;
    /// Bytes that must not stand in a value.
    fn control(self, bytes: &[u8; 32]) -> u32;
    /// Bytes that must not stand in a value.
    fn control_64(self, bytes: &[u8; 64]) -> u64;
}

/// Does `job`. To be inlined into a function that has the instructions of `vector`.
#[inline(always)]
pub(super) fn run<'a, J: Job<'a>, V: Vector>(vector: V, job: J) -> J::Output {
    let input = job.input();
    let mut pad = [0; 32];
    let input = match pad.get_mut(..input.len()) {
        Some(front) if input.len() < 32 => {
            front.copy_from_slice(input);
            &pad
        }
        _ => input,
    };
    job.run(Blocks { vector, input, base: 0, ends: 0 })
}

/// A cursor over an input.
struct Blocks<'a, V> {
    vector: V,
    /// At least 32 bytes.
    input: &'a [u8],
    /// Where the block begins that `ends` is about.
    base: usize,
    /// Where runs of control bytes begin in the block, those handed out left out. Bits of bytes
    /// behind the input are zero.
    ends: u64,
}

impl<'a, V: Vector> Blocks<'a, V> {
    /// `N` bytes of the input, at `at` or as near to it as its end allows, and how far before `at`.
    /// `N` is at most the length of the input.
    #[inline(always)]
    fn window<const N: usize>(&self, at: usize) -> (&'a [u8; N], usize) {
        debug_assert!(N <= self.input.len());
        let before = at.saturating_sub(self.input.len() - N);
        // SAFETY: `at - before` is at most `self.input.len() - N`, so that N bytes follow.
        (unsafe { &*self.input.as_ptr().add(at - before).cast() }, before)
    }

    /// The first byte from `from` on that is no token character, or not for a target.
    #[inline(always)]
    fn next<const TARGET: bool>(&self, mut from: usize) -> Option<usize> {
        loop {
            let (bytes, before) = self.window(from);
            let bits = if TARGET { self.vector.nontarget(bytes) } else { self.vector.nontoken(bytes) };
            let bits = u64::from(bits).wrapping_shr(before as u32);
            if bits != 0 {
                return Some(from + bits.trailing_zeros() as usize);
            }
            from += 32usize.saturating_sub(before);
            if from >= self.input.len() {
                return None;
            }
        }
    }
}

impl<V: Vector> Scan for Blocks<'_, V> {
    #[inline(always)]
    fn input(&self) -> &[u8] {
        // SAFETY: no slice is longer. Said here because it saves the caller's checks of offsets.
        unsafe { core::hint::assert_unchecked(self.input.len() <= isize::MAX as usize) };
        self.input
    }

    #[inline(always)]
    fn token_end(&self, from: usize) -> Option<usize> {
        self.next::<false>(from)
    }

    #[inline(always)]
    fn target_end(&self, from: usize) -> Option<usize> {
        self.next::<true>(from)
    }

    #[inline(always)]
    fn seek(&mut self, at: usize) {
        if at >= self.input.len() {
            (self.base, self.ends) = (self.input.len(), 0);
            return;
        }
        self.base = at;
        let control = if self.input.len() >= 64 {
            let (block, before) = self.window(at);
            self.vector.control_64(block) >> before
        } else {
            let (low, _) = self.window(0);
            let (high, behind) = (self.window(32).0, self.input.len() - 32);
            let control =
                u64::from(self.vector.control(low)) | u64::from(self.vector.control(high)) << behind;
            control >> at
        };
        self.ends = control & !(control << 1);
    }

    #[inline(always)]
    fn line_end(&mut self) -> Option<usize> {
        while self.ends == 0 {
            // The block's last byte is the next one's first again, to tell whether a run goes on.
            let next = self.base + 63;
            if next + 1 >= self.input.len() {
                return None;
            }
            self.base = next;
            // More than 64 bytes stand before the end of the next block.
            let (block, before) = self.window(next);
            let control = self.vector.control_64(block) >> before;
            self.ends = control & !(control << 1 | 1);
        }
        let end = self.base + self.ends.trailing_zeros() as usize;
        self.ends &= self.ends - 1;
        // SAFETY: `base` is inside the input, and no bit stands for a byte behind it. Said here because
        // it saves the caller's checks of offsets.
        unsafe { core::hint::assert_unchecked(end < self.input.len()) };
        Some(end)
    }
}
