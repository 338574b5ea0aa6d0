//! x86-64: AVX2, and SSSE3 for what is older. Both look nibbles up in a table by byte shuffles.
#![allow(unsafe_code)]

use super::Job;
use super::blocks::{self, Vector};
use super::lanes::{self, Lanes};
use super::masked_text::registers;
use super::tables::{NibbleTable, TAB_AND_DEL, TARGET, TOKEN};
use core::arch::x86_64::*;

/// Whether the processor has all of these; without std, whether the compiler was told so.
macro_rules! has {
    ($($feature:tt),*) => {{
        #[cfg(feature = "std")]
        let has = true $(&& std::is_x86_feature_detected!($feature))*;
        #[cfg(not(feature = "std"))]
        let has = cfg!(all($(target_feature = $feature),*));
        has
    }};
}

/// Whether the processor has AVX2, BMI1 and BMI2.
pub(super) fn has_avx2() -> bool {
    has!("avx2", "bmi1", "bmi2")
}

/// Whether the processor has SSSE3.
pub(super) fn has_ssse3() -> bool {
    has!("ssse3")
}

/// Does `job` with AVX2.
///
/// # Safety
/// [`has_avx2`] is true.
#[target_feature(enable = "avx2,bmi1,bmi2")]
pub(super) unsafe fn avx2<'a, J: Job<'a>>(job: J) -> J::Output {
    blocks::run(Avx2(()), job)
}

/// Does `job` with SSSE3.
///
/// # Safety
/// [`has_ssse3`] is true.
#[target_feature(enable = "ssse3")]
pub(super) unsafe fn ssse3<'a, J: Job<'a>>(job: J) -> J::Output {
    blocks::run(Ssse3(()), job)
}

/// [`is_text_so_far`](super::utf8::is_text_so_far) with AVX2.
///
/// # Safety
/// [`has_avx2`] is true.
#[target_feature(enable = "avx2,bmi1,bmi2")]
pub(super) unsafe fn utf8_avx2(text: &[u8]) -> bool {
    lanes::is_text_so_far(Ssse3(()), Avx2(()), text)
}

/// [`unmask`](super::masked_text::unmask) with the longer names of instructions that came with AVX2.
///
/// # Safety
/// [`has_avx2`] is true.
#[target_feature(enable = "avx2,bmi1,bmi2")]
pub(super) unsafe fn masked_text_avx2(key: u32, text: &mut [u8]) -> bool {
    registers::unmask(Ssse3(()), key, text)
}

/// [`is_text_so_far`](super::utf8::is_text_so_far) with SSSE3.
///
/// # Safety
/// [`has_ssse3`] is true.
#[target_feature(enable = "ssse3")]
pub(super) unsafe fn utf8_ssse3(text: &[u8]) -> bool {
    lanes::is_text_so_far(Ssse3(()), Ssse3(()), text)
}

/// Only made in functions that have AVX2.
#[derive(Clone, Copy)]
struct Avx2(());

/// Only made in functions that have SSSE3.
#[derive(Clone, Copy)]
struct Ssse3(());

/// A table in both halves of a register: look-ups stay within a half.
#[repr(align(32))]
struct Twice([[u8; 16]; 2]);

impl Avx2 {
    #[inline(always)]
    fn load(self, bytes: &[u8; 32]) -> __m256i {
        // SAFETY: `self` proves AVX2; the load is of the 32 bytes of `bytes`.
        unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
    }

    #[inline(always)]
    fn table(self, table: [u8; 16]) -> __m256i {
        let twice = Twice([table, table]);
        // SAFETY: `self` proves AVX2; the load is of the 32 bytes of `twice`, which is aligned to 32.
        unsafe { _mm256_load_si256(twice.0.as_ptr().cast()) }
    }

    #[inline(always)]
    fn not_in(self, bytes: &[u8; 32], class: &NibbleTable) -> u32 {
        let (bytes, low, high) = (self.load(bytes), self.table(class.low), self.table(class.high));
        // SAFETY: `self` proves AVX2.
        unsafe {
            // An index from 0x80 on gives 0.
            let low = _mm256_shuffle_epi8(low, bytes);
            let nibbles = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(0x0f));
            let class = _mm256_and_si256(low, _mm256_shuffle_epi8(high, nibbles));
            _mm256_movemask_epi8(_mm256_cmpeq_epi8(class, _mm256_setzero_si256())) as u32
        }
    }
}

impl Vector for Avx2 {
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
        let (bytes, tab_and_del) = (self.load(bytes), self.table(TAB_AND_DEL));
        // SAFETY: `self` proves AVX2.
        unsafe {
            let low = _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, _mm256_set1_epi8(0x1f)), bytes);
            let tab_or_del = _mm256_cmpeq_epi8(_mm256_shuffle_epi8(tab_and_del, bytes), bytes);
            _mm256_movemask_epi8(_mm256_xor_si256(low, tab_or_del)) as u32
        }
    }

    #[inline(always)]
    fn control_64(self, bytes: &[u8; 64]) -> u64 {
        // SAFETY: half of 64 bytes are 32.
        let [low, high]: &[[u8; 32]; 2] = unsafe { &*bytes.as_ptr().cast() };
        u64::from(self.control(low)) | u64::from(self.control(high)) << 32
    }
}

impl Ssse3 {
    #[inline(always)]
    fn load(self, bytes: &[u8; 16]) -> __m128i {
        // SAFETY: `self` proves SSSE3; the load is of the 16 bytes of `bytes`.
        unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
    }

    #[inline(always)]
    fn not_in_16(self, bytes: &[u8; 16], class: &NibbleTable) -> u32 {
        let (bytes, low, high) = (self.load(bytes), self.load(&class.low), self.load(&class.high));
        // SAFETY: `self` proves SSSE3.
        unsafe {
            // An index from 0x80 on gives 0.
            let low = _mm_shuffle_epi8(low, bytes);
            let nibbles = _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(0x0f));
            let class = _mm_and_si128(low, _mm_shuffle_epi8(high, nibbles));
            _mm_movemask_epi8(_mm_cmpeq_epi8(class, _mm_setzero_si128())) as u32
        }
    }

    #[inline(always)]
    fn not_in(self, bytes: &[u8; 32], class: &NibbleTable) -> u32 {
        // SAFETY: half of 32 bytes are 16.
        let [low, high]: &[[u8; 16]; 2] = unsafe { &*bytes.as_ptr().cast() };
        self.not_in_16(low, class) | self.not_in_16(high, class) << 16
    }

    #[inline(always)]
    fn control_16(self, bytes: &[u8; 16]) -> u32 {
        let (bytes, tab_and_del) = (self.load(bytes), self.load(&TAB_AND_DEL));
        // SAFETY: `self` proves SSSE3.
        unsafe {
            let low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
            let tab_or_del = _mm_cmpeq_epi8(_mm_shuffle_epi8(tab_and_del, bytes), bytes);
            _mm_movemask_epi8(_mm_xor_si128(low, tab_or_del)) as u32
        }
    }
}

impl Vector for Ssse3 {
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
        let [low, high]: &[[u8; 16]; 2] = unsafe { &*bytes.as_ptr().cast() };
        self.control_16(low) | self.control_16(high) << 16
    }

    #[inline(always)]
    fn control_64(self, bytes: &[u8; 64]) -> u64 {
        // SAFETY: half of 64 bytes are 32.
        let [low, high]: &[[u8; 32]; 2] = unsafe { &*bytes.as_ptr().cast() };
        u64::from(self.control(low)) | u64::from(self.control(high)) << 32
    }
}

impl Lanes for Avx2 {
    type Vector = __m256i;
    const WIDTH: usize = 32;

    #[inline(always)]
    unsafe fn load(self, from: *const u8) -> __m256i {
        // SAFETY: `self` proves AVX2; the caller lets 32 bytes be read.
        unsafe { _mm256_loadu_si256(from.cast()) }
    }

    #[inline(always)]
    unsafe fn store(self, bytes: __m256i, to: *mut u8) {
        // SAFETY: `self` proves AVX2; the caller lets 32 bytes be written.
        unsafe { _mm256_storeu_si256(to.cast(), bytes) }
    }

    #[inline(always)]
    fn splat(self, byte: u8) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_set1_epi8(byte as i8) }
    }

    #[inline(always)]
    fn table(self, table: &[u8; 16]) -> __m256i {
        Avx2::table(self, *table)
    }

    #[inline(always)]
    fn or(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_or_si256(a, b) }
    }

    #[inline(always)]
    fn and(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_and_si256(a, b) }
    }

    #[inline(always)]
    fn xor(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_xor_si256(a, b) }
    }

    #[inline(always)]
    fn less(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_subs_epu8(a, b) }
    }

    #[inline(always)]
    fn high(self, bytes: __m256i) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(0x0f)) }
    }

    #[inline(always)]
    fn look_up(self, table: __m256i, places: __m256i) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_shuffle_epi8(table, places) }
    }

    #[inline(always)]
    fn is_ascii(self, bytes: __m256i) -> bool {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_movemask_epi8(bytes) == 0 }
    }

    #[inline(always)]
    fn is_zero(self, bytes: __m256i) -> bool {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, _mm256_setzero_si256())) == -1 }
    }

    #[inline(always)]
    fn moved_up(self, bytes: __m256i, before: __m256i) -> [__m256i; 3] {
        // SAFETY: `self` proves AVX2.
        unsafe {
            // The half before each half.
            let before = _mm256_permute2x128_si256::<0x21>(before, bytes);
            [
                _mm256_alignr_epi8::<15>(bytes, before),
                _mm256_alignr_epi8::<14>(bytes, before),
                _mm256_alignr_epi8::<13>(bytes, before),
            ]
        }
    }
}

impl Lanes for Ssse3 {
    type Vector = __m128i;
    const WIDTH: usize = 16;

    #[inline(always)]
    unsafe fn load(self, from: *const u8) -> __m128i {
        // SAFETY: `self` proves SSSE3; the caller lets 16 bytes be read.
        unsafe { _mm_loadu_si128(from.cast()) }
    }

    #[inline(always)]
    unsafe fn store(self, bytes: __m128i, to: *mut u8) {
        // SAFETY: `self` proves SSSE3; the caller lets 16 bytes be written.
        unsafe { _mm_storeu_si128(to.cast(), bytes) }
    }

    #[inline(always)]
    fn splat(self, byte: u8) -> __m128i {
        // SAFETY: `self` proves SSSE3.
        unsafe { _mm_set1_epi8(byte as i8) }
    }

    #[inline(always)]
    fn table(self, table: &[u8; 16]) -> __m128i {
        Ssse3::load(self, table)
    }

    #[inline(always)]
    fn or(self, a: __m128i, b: __m128i) -> __m128i {
        // SAFETY: `self` proves SSSE3.
        unsafe { _mm_or_si128(a, b) }
    }

    #[inline(always)]
    fn and(self, a: __m128i, b: __m128i) -> __m128i {
        // SAFETY: `self` proves SSSE3.
        unsafe { _mm_and_si128(a, b) }
    }

    #[inline(always)]
    fn xor(self, a: __m128i, b: __m128i) -> __m128i {
        // SAFETY: `self` proves SSSE3.
        unsafe { _mm_xor_si128(a, b) }
    }

    #[inline(always)]
    fn less(self, a: __m128i, b: __m128i) -> __m128i {
        // SAFETY: `self` proves SSSE3.
        unsafe { _mm_subs_epu8(a, b) }
    }

    #[inline(always)]
    fn high(self, bytes: __m128i) -> __m128i {
        // SAFETY: `self` proves SSSE3.
        unsafe { _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(0x0f)) }
    }

    #[inline(always)]
    fn look_up(self, table: __m128i, places: __m128i) -> __m128i {
        // SAFETY: `self` proves SSSE3.
        unsafe { _mm_shuffle_epi8(table, places) }
    }

    #[inline(always)]
    fn is_ascii(self, bytes: __m128i) -> bool {
        // SAFETY: `self` proves SSSE3.
        unsafe { _mm_movemask_epi8(bytes) == 0 }
    }

    #[inline(always)]
    fn is_zero(self, bytes: __m128i) -> bool {
        // SAFETY: `self` proves SSSE3.
        unsafe { _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_setzero_si128())) == 0xffff }
    }

    #[inline(always)]
    fn moved_up(self, bytes: __m128i, before: __m128i) -> [__m128i; 3] {
        // SAFETY: `self` proves SSSE3.
        unsafe {
            [
                _mm_alignr_epi8::<15>(bytes, before),
                _mm_alignr_epi8::<14>(bytes, before),
                _mm_alignr_epi8::<13>(bytes, before),
            ]
        }
    }
}
