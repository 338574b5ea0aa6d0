//! Arm with Advanced SIMD, which every 64-bit one of these has: table look-ups by nibbles, and bits
//! gathered by adding pairs.
#![allow(unsafe_code)]

use super::Job;
use super::blocks::{self, Vector};
use super::lanes::{self, Lanes};
use super::masked_text::registers;
use super::tables::{NibbleTable, TARGET, TOKEN};
use core::arch::aarch64::*;

/// Does `job`.
pub(super) fn run<'a, J: Job<'a>>(job: J) -> J::Output {
    blocks::run(Neon, job)
}

/// [`is_text_so_far`](super::utf8::is_text_so_far).
pub(super) fn utf8(text: &[u8]) -> bool {
    lanes::is_text_so_far(Neon, Neon, text)
}

/// [`unmask`](super::masked_text::unmask).
pub(super) fn masked_text(key: u32, text: &mut [u8]) -> bool {
    registers::unmask(Neon, key, text)
}

/// Advanced SIMD: this file is compiled only where the target has it.
#[derive(Clone, Copy)]
struct Neon;

/// The bit of each byte in a group of eight.
static BITS: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];

impl Neon {
    #[inline(always)]
    fn load(self, bytes: &[u8; 16]) -> uint8x16_t {
        // SAFETY: the load is of the 16 bytes of `bytes`.
        unsafe { vld1q_u8(bytes.as_ptr()) }
    }

    /// All bits of each byte that is in `class`.
    #[inline(always)]
    fn in_class(self, bytes: &[u8; 16], class: &NibbleTable) -> uint8x16_t {
        let (bytes, low, high) = (self.load(bytes), self.load(&class.low), self.load(&class.high));
        // SAFETY: the target has Advanced SIMD.
        unsafe {
            let low = vqtbl1q_u8(low, vandq_u8(bytes, vdupq_n_u8(0x0f)));
            vtstq_u8(low, vqtbl1q_u8(high, vshrq_n_u8::<4>(bytes)))
        }
    }

    /// All bits of each byte that must not stand in a value.
    #[inline(always)]
    fn controls(self, bytes: &[u8; 16]) -> uint8x16_t {
        let bytes = self.load(bytes);
        // SAFETY: the target has Advanced SIMD.
        unsafe {
            let low = vcltq_u8(bytes, vdupq_n_u8(0x20));
            let tab = vceqq_u8(bytes, vdupq_n_u8(b'\t'));
            vorrq_u8(vbicq_u8(low, tab), vceqq_u8(bytes, vdupq_n_u8(0x7f)))
        }
    }

    /// One bit a byte.
    #[inline(always)]
    fn gather(self, bytes: [uint8x16_t; 4]) -> u64 {
        let bits = self.load(&BITS);
        // SAFETY: the target has Advanced SIMD.
        unsafe {
            let [a, b, c, d] = bytes.map(
                #[inline(always)]
                |bytes| vandq_u8(bytes, bits),
            );
            let sums = vpaddq_u8(vpaddq_u8(a, b), vpaddq_u8(c, d));
            vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(sums, sums)))
        }
    }

    #[inline(always)]
    fn not_in(self, bytes: &[u8; 32], class: &NibbleTable) -> u32 {
        // SAFETY: half of 32 bytes are 16.
        let [a, b]: &[[u8; 16]; 2] = unsafe { &*bytes.as_ptr().cast() };
        let (a, b) = (self.in_class(a, class), self.in_class(b, class));
        !(self.gather([a, b, a, b]) as u32)
    }
}

impl Vector for Neon {
    #[inline(always)]
    fn nontoken(self, bytes: &[u8; 32]) -> u32 {
        self.not_in(bytes, &TOKEN)
    }

    #[inline(always)]
    fn nontarget(self, bytes: &[u8; 32]) -> u32 {
        self.not_in(bytes, &TARGET)
    }

    #[inline(always)]
    fn control(self, bytes: &[u8; 32]) -> u32 {
        // SAFETY: half of 32 bytes are 16.
        let [a, b]: &[[u8; 16]; 2] = unsafe { &*bytes.as_ptr().cast() };
        let (a, b) = (self.controls(a), self.controls(b));
        self.gather([a, b, a, b]) as u32
    }

    #[inline(always)]
    fn control_64(self, bytes: &[u8; 64]) -> u64 {
        // SAFETY: a quarter of 64 bytes are 16.
        let [a, b, c, d]: &[[u8; 16]; 4] = unsafe { &*bytes.as_ptr().cast() };
        self.gather([self.controls(a), self.controls(b), self.controls(c), self.controls(d)])
    }
}

impl Lanes for Neon {
    type Vector = uint8x16_t;
    const WIDTH: usize = 16;

    #[inline(always)]
    unsafe fn load(self, from: *const u8) -> uint8x16_t {
        // SAFETY: the caller lets 16 bytes be read.
        unsafe { vld1q_u8(from) }
    }

    #[inline(always)]
    unsafe fn store(self, bytes: uint8x16_t, to: *mut u8) {
        // SAFETY: the caller lets 16 bytes be written.
        unsafe { vst1q_u8(to, bytes) }
    }

    #[inline(always)]
    fn splat(self, byte: u8) -> uint8x16_t {
        // SAFETY: the target has Advanced SIMD.
        unsafe { vdupq_n_u8(byte) }
    }

    #[inline(always)]
    fn table(self, table: &[u8; 16]) -> uint8x16_t {
        Neon::load(self, table)
    }

    #[inline(always)]
    fn or(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
        // SAFETY: the target has Advanced SIMD.
        unsafe { vorrq_u8(a, b) }
    }

    #[inline(always)]
    fn and(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
        // SAFETY: the target has Advanced SIMD.
        unsafe { vandq_u8(a, b) }
    }

    #[inline(always)]
    fn xor(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
        // SAFETY: the target has Advanced SIMD.
        unsafe { veorq_u8(a, b) }
    }

    #[inline(always)]
    fn less(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
        // SAFETY: the target has Advanced SIMD.
        unsafe { vqsubq_u8(a, b) }
    }

    #[inline(always)]
    fn high(self, bytes: uint8x16_t) -> uint8x16_t {
        // SAFETY: the target has Advanced SIMD.
        unsafe { vshrq_n_u8::<4>(bytes) }
    }

    #[inline(always)]
    fn look_up(self, table: uint8x16_t, places: uint8x16_t) -> uint8x16_t {
        // SAFETY: the target has Advanced SIMD.
        unsafe { vqtbl1q_u8(table, places) }
    }

    #[inline(always)]
    fn is_ascii(self, bytes: uint8x16_t) -> bool {
        // SAFETY: the target has Advanced SIMD.
        unsafe { vmaxvq_u8(bytes) < 0x80 }
    }

    #[inline(always)]
    fn is_zero(self, bytes: uint8x16_t) -> bool {
        // SAFETY: the target has Advanced SIMD.
        unsafe { vmaxvq_u8(bytes) == 0 }
    }

    #[inline(always)]
    fn moved_up(self, bytes: uint8x16_t, before: uint8x16_t) -> [uint8x16_t; 3] {
        // SAFETY: the target has Advanced SIMD.
        unsafe {
            [vextq_u8::<15>(before, bytes), vextq_u8::<14>(before, bytes), vextq_u8::<13>(before, bytes)]
        }
    }
}
