//! Finding bytes and checking classes, a vector at a time: the only unsafe code of this crate.
//!
//! ```text
//!   parser (safe) -- Job --> dispatch --+--> x86_64: Avx2, Ssse3 --+
//!                                       +--> aarch64: Neon --------+--> Blocks: bit masks --+--> Scan
//!                                       +--> Portable: eight bytes in a word ---------------+
//! ```
//!
//! A `Job` is written once against `Scan` and compiled once per instruction set, as a whole, so
//! that nothing is called per line. Which one runs is found out once per process (feature `std`, x86-64)
//! or is fixed when the crate is compiled. All of them give the same answers.
//!
//! Masking and UTF-8 (`mask`, `utf8`, `masked_text`) need no answers on the way and are functions instead of
//! jobs, compiled once per instruction set in the same manner. Short input is done before any choice.
//!
//! A type that stands for an instruction set can only be made where the set was found: holding a value
//! of it is the proof that makes its methods safe to call.
#![allow(unsafe_code)]

pub(crate) mod mask;
pub(crate) mod masked_text;
mod portable;
pub(crate) mod short;
#[cfg(test)]
mod tests;
pub(crate) mod utf8;

#[cfg(any(
    target_arch = "x86_64",
    all(target_arch = "aarch64", target_endian = "little", target_feature = "neon")
))]
mod blocks;
#[cfg(any(
    target_arch = "x86_64",
    all(target_arch = "aarch64", target_endian = "little", target_feature = "neon")
))]
mod lanes;
#[cfg(any(
    target_arch = "x86_64",
    all(target_arch = "aarch64", target_endian = "little", target_feature = "neon")
))]
mod tables;

#[cfg(all(target_arch = "aarch64", target_endian = "little", target_feature = "neon"))]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "x86_64")]
use core::sync::atomic::{AtomicU8, Ordering};

/// Where words end in an input.
pub(crate) trait Scan {
    /// The input. Short ones may be followed by zero bytes, which are in no class.
    fn input(&self) -> &[u8];
    /// First byte from `from` on that is no token character.
    fn token_end(&self, from: usize) -> Option<usize>;
    /// First byte from `from` on that must not stand in a request target.
    fn target_end(&self, from: usize) -> Option<usize>;
    /// Where [`line_end`](Self::line_end) begins to look.
    fn seek(&mut self, at: usize);
    /// First byte that must not stand in a value, from the place sought on. Then the first behind that
    /// and any such bytes directly after it, and so on.
    fn line_end(&mut self) -> Option<usize>;
}

/// Work over one input, compiled once per instruction set. `run` is to be `#[inline(always)]`, and so
/// is all it calls that scans: what is not inlined is compiled for the least of all processors.
pub(crate) trait Job<'a> {
    /// What comes out.
    type Output;
    /// What is to be scanned.
    fn input(&self) -> &'a [u8];
    /// The work.
    fn run<S: Scan>(self, scan: S) -> Self::Output;
}

/// An instruction set, each of an architecture more capable than those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Isa {
    /// Nothing but words of 64 bits.
    Portable,
    /// x86-64 with SSSE3.
    Ssse3,
    /// x86-64 with AVX2 and BMI2.
    Avx2,
    /// Arm with Advanced SIMD.
    Neon,
}

impl Isa {
    /// Every instruction set, least first.
    pub const ALL: [Isa; 4] = [Isa::Portable, Isa::Ssse3, Isa::Avx2, Isa::Neon];

    /// Whether this processor has it.
    pub fn is_available(self) -> bool {
        match self {
            Isa::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Isa::Ssse3 => x86_64::has_ssse3(),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => x86_64::has_avx2(),
            #[cfg(all(target_arch = "aarch64", target_endian = "little", target_feature = "neon"))]
            Isa::Neon => true,
            _ => false,
        }
    }

    /// The most capable one of this processor.
    fn best() -> Isa {
        let mut best = Isa::Portable;
        for isa in Isa::ALL {
            if isa.is_available() {
                best = isa;
            }
        }
        best
    }
}

/// The instruction set in use as its number plus 1; 0 before anybody asked. Never one that the
/// processor does not have.
#[cfg(target_arch = "x86_64")]
static IN_USE: AtomicU8 = AtomicU8::new(0);

/// Uses nothing more capable than `most`, in the whole process, as far as the processor allows. For
/// benchmarks and for tests: the answers are the same. Without effect where there is no choice.
pub fn use_at_most(most: Isa) {
    #[cfg(target_arch = "x86_64")]
    IN_USE.store(Isa::best().min(most) as u8 + 1, Ordering::Relaxed);
    #[cfg(not(target_arch = "x86_64"))]
    let _ = most;
}

/// Does `job` with the instruction set in use.
#[inline(always)]
pub(crate) fn dispatch<'a, J: Job<'a>>(job: J) -> J::Output {
    #[cfg(target_arch = "x86_64")]
    match in_use() {
        // SAFETY: only an instruction set that the processor has is in use.
        AVX2 => unsafe { x86_64::avx2(job) },
        // SAFETY: as above.
        SSSE3 => unsafe { x86_64::ssse3(job) },
        _ => portable::run(job),
    }
    #[cfg(not(target_arch = "x86_64"))]
    run(Isa::best(), job)
}

/// [`in_use`] of AVX2.
#[cfg(target_arch = "x86_64")]
const AVX2: u8 = Isa::Avx2 as u8 + 1;

/// [`in_use`] of SSSE3.
#[cfg(target_arch = "x86_64")]
const SSSE3: u8 = Isa::Ssse3 as u8 + 1;

/// The instruction set in use as its number plus 1. The processor has it.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn in_use() -> u8 {
    // A byte that guards nothing else: no order is needed.
    match IN_USE.load(Ordering::Relaxed) {
        0 => find(),
        in_use => in_use,
    }
}

#[cfg(target_arch = "x86_64")]
#[cold]
fn find() -> u8 {
    use_at_most(Isa::Avx2);
    IN_USE.load(Ordering::Relaxed)
}

/// Does `job` with `isa`, or without any if the processor does not have it.
#[cfg(any(test, not(target_arch = "x86_64")))]
pub(crate) fn run<'a, J: Job<'a>>(isa: Isa, job: J) -> J::Output {
    match isa {
        _ if !isa.is_available() => portable::run(job),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: it is available.
        Isa::Avx2 => unsafe { x86_64::avx2(job) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: it is available.
        Isa::Ssse3 => unsafe { x86_64::ssse3(job) },
        #[cfg(all(target_arch = "aarch64", target_endian = "little", target_feature = "neon"))]
        Isa::Neon => aarch64::run(job),
        _ => portable::run(job),
    }
}
