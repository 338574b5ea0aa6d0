//! Classes of sixteen bytes at once: enough for names and values on their way out, which are short.
//!
//! Exact in what is accepted; what is turned down, the tables of `syntax::token` decide. SSE2 belongs to
//! every x86-64 processor, so there is nothing to detect.

/// All letters, digits and "-".
#[inline(always)]
pub(crate) fn is_plain_name(block: &[u8; 16]) -> bool {
    #[cfg(target_arch = "x86_64")]
    return sse2::is_plain_name(block);
    #[cfg(not(target_arch = "x86_64"))]
    portable::is_plain_name(block)
}

/// All letters, digits, "-" and ".".
#[inline(always)]
pub(crate) fn is_plain_host(block: &[u8; 16]) -> bool {
    #[cfg(target_arch = "x86_64")]
    return sse2::is_plain_host(block);
    #[cfg(not(target_arch = "x86_64"))]
    portable::is_plain_host(block)
}

/// All of SP, VCHAR and obs-text.
#[inline(always)]
pub(crate) fn is_plain_text(block: &[u8; 16]) -> bool {
    #[cfg(target_arch = "x86_64")]
    return sse2::is_plain_text(block);
    #[cfg(not(target_arch = "x86_64"))]
    portable::is_plain_text(block)
}

/// Which bytes of a block are what an authority is made of, the first byte in the lowest bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AuthorityMasks {
    /// Letters, digits, "-" and ".".
    pub(crate) host: u16,
    /// Digits.
    pub(crate) digits: u16,
    /// ":".
    pub(crate) colons: u16,
}

/// Classes of an authority's bytes.
#[inline(always)]
pub(crate) fn authority(block: &[u8; 16]) -> AuthorityMasks {
    #[cfg(target_arch = "x86_64")]
    return sse2::authority(block);
    #[cfg(not(target_arch = "x86_64"))]
    portable::authority(block)
}

#[cfg(target_arch = "x86_64")]
mod sse2 {
    use super::AuthorityMasks;
    use core::arch::x86_64::*;

    #[inline(always)]
    pub(super) fn is_plain_name(block: &[u8; 16]) -> bool {
        // SAFETY: SSE2 is part of x86-64; the load needs no alignment and reads exactly the block.
        unsafe { _mm_movemask_epi8(name(_mm_loadu_si128(block.as_ptr().cast()))) == 0xffff }
    }

    #[inline(always)]
    pub(super) fn is_plain_host(block: &[u8; 16]) -> bool {
        // SAFETY: as above.
        unsafe {
            let bytes = _mm_loadu_si128(block.as_ptr().cast());
            let dots = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'.' as i8));
            _mm_movemask_epi8(_mm_or_si128(name(bytes), dots)) == 0xffff
        }
    }

    #[inline(always)]
    pub(super) fn authority(block: &[u8; 16]) -> AuthorityMasks {
        // SAFETY: as above.
        unsafe {
            let bytes = _mm_loadu_si128(block.as_ptr().cast());
            let mask = |bytes| _mm_movemask_epi8(bytes) as u16;
            let dots = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'.' as i8));
            AuthorityMasks {
                host: mask(_mm_or_si128(name(bytes), dots)),
                digits: mask(within(bytes, b'0', b'9')),
                colons: mask(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(b':' as i8))),
            }
        }
    }

    /// All ones in the bytes that are letters, digits or "-".
    #[inline(always)]
    fn name(bytes: __m128i) -> __m128i {
        // SAFETY: SSE2 is part of x86-64; no memory is touched.
        unsafe {
            let lower = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
            let letters = within(lower, b'a', b'z');
            let digits = within(bytes, b'0', b'9');
            let dashes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'-' as i8));
            _mm_or_si128(_mm_or_si128(letters, digits), dashes)
        }
    }

    #[inline(always)]
    pub(super) fn is_plain_text(block: &[u8; 16]) -> bool {
        // SAFETY: as above.
        unsafe {
            let bytes = _mm_loadu_si128(block.as_ptr().cast());
            let controls = within(bytes, 0, 0x1f);
            let delete = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
            _mm_movemask_epi8(_mm_or_si128(controls, delete)) == 0
        }
    }

    /// All ones in the bytes from `low` to `high`.
    #[inline(always)]
    fn within(bytes: __m128i, low: u8, high: u8) -> __m128i {
        // SAFETY: SSE2 is part of x86-64; no memory is touched.
        unsafe {
            let from_low = _mm_sub_epi8(bytes, _mm_set1_epi8(low as i8));
            _mm_cmpeq_epi8(_mm_min_epu8(from_low, _mm_set1_epi8((high - low) as i8)), from_low)
        }
    }
}

#[cfg(any(test, not(target_arch = "x86_64")))]
mod portable {
    use super::AuthorityMasks;

    pub(super) fn authority(block: &[u8; 16]) -> AuthorityMasks {
        let mask =
            |class: fn(u8) -> bool| block.iter().rev().fold(0, |mask, &b| mask << 1 | u16::from(class(b)));
        AuthorityMasks {
            host: mask(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.'),
            digits: mask(|b| b.is_ascii_digit()),
            colons: mask(|b| b == b':'),
        }
    }

    pub(super) fn is_plain_name(block: &[u8; 16]) -> bool {
        block.iter().all(|&b| b.is_ascii_alphanumeric() || b == b'-')
    }

    pub(super) fn is_plain_host(block: &[u8; 16]) -> bool {
        block.iter().all(|&b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
    }

    pub(super) fn is_plain_text(block: &[u8; 16]) -> bool {
        block.iter().all(|&b| b >= 0x20 && b != 0x7f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_agree_with_the_portable_code_for_every_byte_in_every_place() {
        for at in 0..16 {
            for b in 0..=255 {
                let mut block = *b"content-type-xyz";
                block[at] = b;
                assert_eq!(is_plain_name(&block), portable::is_plain_name(&block), "{block:?}");
                assert_eq!(is_plain_host(&block), portable::is_plain_host(&block), "{block:?}");
                assert_eq!(authority(&block), portable::authority(&block), "{block:?}");
                assert_eq!(is_plain_text(&block), portable::is_plain_text(&block), "{block:?}");
            }
        }
    }
}
