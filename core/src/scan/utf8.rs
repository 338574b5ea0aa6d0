//! Whether text is UTF-8, a vector at a time.
#![allow(unsafe_code)]

/// Whether no byte of `text`, which begins between two sequences, is wrong where it stands.
///
/// It may end within a sequence, and its last byte may be one that never begins any.
#[inline(always)]
pub(crate) fn is_text_so_far(text: &[u8]) -> bool {
    // A text of this length is judged here if it is ASCII: a call costs more.
    if let (8..=16, Some(first), Some(last)) = (text.len(), text.first_chunk(), text.last_chunk()) {
        if (u64::from_ne_bytes(*first) | u64::from_ne_bytes(*last)) & 0x8080_8080_8080_8080 == 0 {
            return true;
        }
    }
    #[cfg(target_arch = "x86_64")]
    if super::in_use() == super::AVX2 {
        // SAFETY: only an instruction set that the processor has is in use.
        return unsafe { super::x86_64::utf8_avx2(text) };
    }
    without_avx2(text)
}

#[inline(never)]
fn without_avx2(text: &[u8]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if super::in_use() == super::SSSE3 {
        // SAFETY: only an instruction set that the processor has is in use.
        return unsafe { super::x86_64::utf8_ssse3(text) };
    }
    #[cfg(all(target_arch = "aarch64", target_endian = "little", target_feature = "neon"))]
    return super::aarch64::utf8(text);
    #[allow(unreachable_code)]
    portable(text)
}

/// As the library does it: words of ASCII, and the rest byte by byte.
#[cfg_attr(not(any(test, target_arch = "x86_64")), allow(dead_code))]
pub(super) fn portable(text: &[u8]) -> bool {
    core::str::from_utf8(text).err().is_none_or(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::Isa;
    use alloc::boxed::Box;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn with(isa: Isa, text: &[u8]) -> bool {
        match isa {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: it is available.
            Isa::Avx2 if isa.is_available() => unsafe { crate::scan::x86_64::utf8_avx2(text) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: it is available.
            Isa::Ssse3 if isa.is_available() => unsafe { crate::scan::x86_64::utf8_ssse3(text) },
            #[cfg(all(target_arch = "aarch64", target_endian = "little", target_feature = "neon"))]
            Isa::Neon => crate::scan::aarch64::utf8(text),
            _ => portable(text),
        }
    }

    /// A byte that begins no sequence, at the end, is let pass by some: the last byte is looked at apart.
    fn expected(text: &[u8]) -> Option<bool> {
        match (core::str::from_utf8(text), text.last()) {
            (Ok(_), _) => Some(true),
            (Err(error), _) if error.error_len().is_none() => Some(true),
            (Err(error), Some(0xc0 | 0xc1 | 0xf5..)) if error.valid_up_to() + 1 == text.len() => None,
            _ => Some(false),
        }
    }

    /// Everything about `text`, on allocations of exactly its size.
    fn check(text: &[u8]) {
        let exact: Box<[u8]> = text.into();
        for isa in Isa::ALL {
            let (verdict, expected) = (with(isa, &exact), expected(&exact));
            assert!(expected.is_none_or(|e| e == verdict), "{isa:?} {} {}", text.len(), text.escape_ascii());
        }
        let (verdict, expected) = (is_text_so_far(&exact), expected(&exact));
        assert!(expected.is_none_or(|e| e == verdict), "{} {}", text.len(), text.escape_ascii());
    }

    const PIECES: [&str; 8] =
        ["a", "\u{80}", "\u{7ff}", "\u{800}", "\u{d7ff}", "\u{ffff}", "\u{10000}", "\u{10ffff}"];

    #[test]
    fn every_instruction_set_judges_each_character_at_each_place_of_each_length() {
        let step = if cfg!(miri) { 37 } else { 1 };
        for len in (0..200).step_by(step) {
            for piece in PIECES {
                for at in (0..len).step_by(if len > 100 { 7 * step } else { step }) {
                    let mut text: Vec<u8> = [b'x'].repeat(at);
                    text.extend_from_slice(piece.as_bytes());
                    text.resize(len.max(text.len()), b'y');
                    // Cut where it may be within the character.
                    check(&text[..len]);
                    let mut full = piece.repeat(len / piece.len() + 1).into_bytes();
                    full.truncate(len);
                    check(&full);
                }
            }
        }
    }

    #[test]
    fn every_instruction_set_sees_each_wrong_pair_and_triple_at_the_seams() {
        let edges: &[u8] = &[
            0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed,
            0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff,
        ];
        let edges = if cfg!(miri) { &edges[10..14] } else { edges };
        for (len, at) in [
            (4, 0),
            (9, 4),
            (16, 7),
            (19, 13),
            (33, 14),
            (34, 15),
            (35, 0),
            (70, 30),
            (140, 30),
            (140, 94),
            (200, 126),
        ] {
            for &a in edges {
                for &b in edges {
                    for &c in edges {
                        for d in [0x41, 0x80, 0xbf] {
                            let mut text = [b'.'; 200];
                            text[at..at + 4].copy_from_slice(&[a, b, c, d]);
                            check(&text[..len]);
                        }
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn every_instruction_set_agrees_with_std(
            text in prop::collection::vec(
                prop_oneof![6 => "[ -~]{1,70}", 2 => "[\u{80}-\u{7ff}]{1,40}", 2 => "[\u{800}-\u{ffff}]{1,40}",
                    1 => "[\u{10000}-\u{10ffff}]{1,20}"],
                0..30,
            ),
            start in 0usize..40,
            end in 0usize..40,
            wrong in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        ) {
            let mut text = text.concat().into_bytes();
            if let (Some((at, byte)), false) = (wrong, text.is_empty()) {
                let at = at.index(text.len());
                text[at] = byte;
            }
            let start = start.min(text.len());
            let end = text.len().saturating_sub(end).max(start);
            check(&text[start..end]);
        }
    }
}
