//! Whether text is UTF-8, a vector at a time.
//!
//! Which bytes must not follow each other shows in three nibbles: both of the first byte and the high one
//! of the second. Each rule is a bit; three look-ups and two ands give the rules that a pair breaks. A
//! third and a fourth byte of a sequence are found by comparing the bytes two and three before. (John
//! Keiser and Daniel Lemire, "Validating UTF-8 in less than one instruction per byte", 2021.)
//!
//! A byte is judged by those before it and never by those behind it, so that what ends within a sequence
//! is no error here, and blocks of ASCII behind ASCII need no look-up.
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

/// Bytes that must not follow each other: a bit for each rule, by nibbles.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    /// By the high nibble of the first byte.
    pub(super) high: [u8; 16],
    /// By its low nibble.
    pub(super) low: [u8; 16],
    /// By the high nibble of the second byte.
    pub(super) next: [u8; 16],
}

impl Rules {
    const fn new() -> Rules {
        const ANY: u16 = 0xffff;
        // Bit n of each set stands for the nibble n.
        let rules: [(u16, u16, u16); 8] = [
            // ASCII, then a continuation.
            (0x00ff, ANY, 0x0f00),
            // The first of a sequence, then none.
            (0xf000, ANY, 0xf0ff),
            // C0 and C1: two bytes for what takes one.
            (0x1000, 0x0003, 0x0f00),
            // E0, then 80 to 9F: three bytes for what takes two.
            (0x4000, 0x0001, 0x0300),
            // ED, then A0 to BF: a surrogate.
            (0x4000, 0x2000, 0x0c00),
            // F0, then 80 to 8F: four bytes for what takes three; and what F5 to FF begin.
            (0x8000, 0xffe1, 0x0100),
            // F4, then 90 to BF: beyond U+10FFFF; and what F5 to FF begin.
            (0x8000, 0xfff0, 0x0e00),
            // A continuation and one more: right where a third or fourth byte is due, which is not seen here.
            (0x0f00, ANY, 0x0f00),
        ];
        let mut tables = Rules { high: [0; 16], low: [0; 16], next: [0; 16] };
        let mut rule = 0;
        while rule < 8 {
            let (high, low, next) = rules[rule];
            let mut nibble = 0;
            while nibble < 16 {
                tables.high[nibble] |= ((high >> nibble & 1) as u8) << rule;
                tables.low[nibble] |= ((low >> nibble & 1) as u8) << rule;
                tables.next[nibble] |= ((next >> nibble & 1) as u8) << rule;
                nibble += 1;
            }
            rule += 1;
        }
        tables
    }
}

/// RFC 3629, section 4, turned round.
pub(super) static RULES: Rules = Rules::new();

#[cfg(any(
    target_arch = "x86_64",
    all(target_arch = "aarch64", target_endian = "little", target_feature = "neon")
))]
pub(super) mod lanes {
    use super::RULES;

    /// Instructions on vectors of `WIDTH` bytes. A value proves that the processor has them.
    pub(in crate::scan) trait Lanes: Copy {
        /// A vector.
        type Vector: Copy;
        /// Its bytes: 16 or 32.
        const WIDTH: usize;

        /// The vector at `from`.
        ///
        /// # Safety
        /// `WIDTH` bytes can be read from there.
        unsafe fn load(self, from: *const u8) -> Self::Vector;
        /// Writes `bytes` to `to`.
        ///
        /// # Safety
        /// `WIDTH` bytes can be written there.
        unsafe fn store(self, bytes: Self::Vector, to: *mut u8);
        /// `byte` everywhere.
        fn splat(self, byte: u8) -> Self::Vector;
        /// `table` in each 16 bytes.
        fn table(self, table: &[u8; 16]) -> Self::Vector;
        /// The bits of either.
        fn or(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
        /// The bits of both.
        fn and(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
        /// The bits of one alone.
        fn xor(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
        /// Differences, 0 where they would be negative.
        fn less(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
        /// High nibbles.
        fn high(self, bytes: Self::Vector) -> Self::Vector;
        /// What stands in `table` at each of `places`, which are below 16.
        fn look_up(self, table: Self::Vector, places: Self::Vector) -> Self::Vector;
        /// Whether no byte has its high bit.
        fn is_ascii(self, bytes: Self::Vector) -> bool;
        /// Whether all is zero.
        fn is_zero(self, bytes: Self::Vector) -> bool;
        /// `bytes` moved up by one, two and three, so that the ends of `before` move in.
        fn moved_up(self, bytes: Self::Vector, before: Self::Vector) -> [Self::Vector; 3];
    }

    /// As [`is_text_so_far`](super::is_text_so_far), with vectors of 16 bytes for `short`.
    #[inline(always)]
    pub(in crate::scan) fn is_text_so_far<S: Lanes, L: Lanes>(short: S, long: L, text: &[u8]) -> bool {
        // Three bytes before the last vector are looked at with it.
        if text.len() < 32 + 3 { up_to_34(short, text) } else { from_35(long, text) }
    }

    /// Rules in registers, and what was found to break them.
    #[derive(Clone, Copy)]
    pub(in crate::scan) struct Judge<L: Lanes> {
        lanes: L,
        high: L::Vector,
        low: L::Vector,
        next: L::Vector,
        /// Not zero where a byte is wrong.
        wrong: L::Vector,
    }

    impl<L: Lanes> Judge<L> {
        #[inline(always)]
        pub(in crate::scan) fn new(lanes: L) -> Self {
            let [high, low, next] = [&RULES.high, &RULES.low, &RULES.next].map(
                #[inline(always)]
                |table| lanes.table(table),
            );
            Judge { lanes, high, low, next, wrong: lanes.splat(0) }
        }

        /// Looks at `bytes` behind those that stand one, two and three before them.
        #[inline(always)]
        pub(in crate::scan) fn look(&mut self, bytes: L::Vector, before: [L::Vector; 3]) {
            let (lanes, [one, two, three]) = (self.lanes, before);
            let high = lanes.look_up(self.high, lanes.high(one));
            let low = lanes.look_up(self.low, lanes.and(one, lanes.splat(0x0f)));
            let next = lanes.look_up(self.next, lanes.high(bytes));
            let broken = lanes.and(lanes.and(high, low), next);
            // The high bit, which is the rule on two continuations, where a third or fourth byte is due.
            let third = lanes.less(two, lanes.splat(0xe0 - 0x80));
            let fourth = lanes.less(three, lanes.splat(0xf0 - 0x80));
            let due = lanes.and(lanes.or(third, fourth), lanes.splat(0x80));
            self.wrong = lanes.or(self.wrong, lanes.xor(broken, due));
        }

        /// Whether nothing was wrong so far.
        #[inline(always)]
        pub(in crate::scan) fn is_content(&self) -> bool {
            self.lanes.is_zero(self.wrong)
        }

        /// Looks at the vector at `from`.
        ///
        /// # Safety
        /// It can be read, and the three bytes before it.
        #[inline(always)]
        unsafe fn look_at(&mut self, from: *const u8) {
            let load = |back| {
                // SAFETY: the caller's.
                unsafe { self.lanes.load(from.sub(back)) }
            };
            self.look(load(0), [load(1), load(2), load(3)]);
        }
    }

    /// Zeros in front make whole vectors of any text, in registers.
    #[inline(always)]
    fn up_to_34<L: Lanes>(lanes: L, text: &[u8]) -> bool {
        let vector = |word: u128| {
            // SAFETY: WIDTH is 16 here.
            unsafe { lanes.load(word.to_le_bytes().as_ptr()) }
        };
        let mut judge = Judge::new(lanes);
        let zero = lanes.splat(0);
        let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) else {
            let bytes = vector(up_to_15(text));
            judge.look(bytes, lanes.moved_up(bytes, zero));
            return judge.is_content();
        };
        let (first, last) = (u128::from_le_bytes(*first), vector(u128::from_le_bytes(*last)));
        if text.len() <= 32 && lanes.is_ascii(lanes.or(vector(first), last)) {
            return true;
        }
        let before = if let Some(missing) = 32usize.checked_sub(text.len()) {
            let before = vector(first.checked_shl(8 * missing as u32).unwrap_or(0));
            judge.look(before, lanes.moved_up(before, zero));
            before
        } else {
            // One or two bytes more: the middle is looked at with the first sixteen before it, and stands
            // before the last.
            let [second, before] = [&text[16..32], &text[text.len() - 32..text.len() - 16]].map(
                #[inline(always)]
                |bytes| bytes.first_chunk().map_or(zero, |bytes| vector(u128::from_le_bytes(*bytes))),
            );
            let first = vector(first);
            if lanes.is_ascii(lanes.or(lanes.or(first, second), last)) {
                return true;
            }
            judge.look(first, lanes.moved_up(first, zero));
            judge.look(second, lanes.moved_up(second, first));
            before
        };
        judge.look(last, lanes.moved_up(last, before));
        judge.is_content()
    }

    /// Up to 15 bytes, at the end of 16.
    #[inline(always)]
    pub(in crate::scan) fn up_to_15(text: &[u8]) -> u128 {
        let missing = 16 - text.len() as u32;
        if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
            let first = u64::from_le_bytes(*first) << (8 * (missing - 1)) << 8;
            u128::from(u64::from_le_bytes(*last)) << 64 | u128::from(first)
        } else if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
            let first = u32::from_le_bytes(*first) << (8 * (missing - 9)) << 8;
            u128::from(u32::from_le_bytes(*last)) << 96 | u128::from(first) << 64
        } else {
            text.iter().fold(0, |word, &b| word >> 8 | u128::from(b) << 120)
        }
    }

    /// # Panics
    /// Never, for 35 bytes and more.
    #[inline(always)]
    fn from_35<L: Lanes>(lanes: L, text: &[u8]) -> bool {
        const BLOCK: usize = 64;
        assert!(text.len() >= L::WIDTH + 3);
        let (from, len) = (text.as_ptr(), text.len());
        let last = len - L::WIDTH;
        let mut judge = Judge::new(lanes);
        // SAFETY: loads are of WIDTH bytes from places up to `last` on. What is looked at with the three
        // bytes before it begins at WIDTH or later, or at `last`, which is at least 3.
        unsafe {
            let first = lanes.load(from);
            if len <= 2 * L::WIDTH {
                if !lanes.is_ascii(lanes.or(first, lanes.load(from.add(last)))) {
                    judge.look(first, lanes.moved_up(first, lanes.splat(0)));
                    judge.look_at(from.add(last));
                }
                return judge.is_content();
            }
            let mut at = 0;
            // As far as all is ASCII, no rules are needed.
            if lanes.is_ascii(first) {
                while at + 2 * BLOCK <= len && is_ascii::<L, { 2 * BLOCK }>(lanes, from.add(at)) {
                    at += 2 * BLOCK;
                }
                if at + BLOCK <= len && is_ascii::<L, BLOCK>(lanes, from.add(at)) {
                    at += BLOCK;
                }
                if at + BLOCK >= len {
                    let (mut rest, mut place) = (lanes.load(from.add(last)), at);
                    while place < last {
                        rest = lanes.or(rest, lanes.load(from.add(place)));
                        place += L::WIDTH;
                    }
                    if lanes.is_ascii(rest) {
                        return true;
                    }
                }
            }
            if at == 0 {
                judge.look(first, lanes.moved_up(first, lanes.splat(0)));
                at = L::WIDTH;
                while at < BLOCK && at <= last {
                    judge.look_at(from.add(at));
                    at += L::WIDTH;
                }
            }
            while at + BLOCK <= len {
                // Behind ASCII, ASCII cannot be wrong.
                let mut all = lanes.load(from.add(at + BLOCK - L::WIDTH));
                for i in 0..BLOCK / L::WIDTH {
                    all = lanes.or(all, lanes.load(from.add(at + i * L::WIDTH - 3)));
                }
                if !lanes.is_ascii(all) {
                    for i in 0..BLOCK / L::WIDTH {
                        judge.look_at(from.add(at + i * L::WIDTH));
                    }
                }
                at += BLOCK;
            }
            while at <= last {
                judge.look_at(from.add(at));
                at += L::WIDTH;
            }
            if at < len {
                judge.look_at(from.add(last));
            }
            judge.is_content()
        }
    }

    /// Whether `N` bytes are ASCII.
    ///
    /// # Safety
    /// They can be read from `from` on; `N` is a multiple of WIDTH.
    #[inline(always)]
    unsafe fn is_ascii<L: Lanes, const N: usize>(lanes: L, from: *const u8) -> bool {
        let mut all = lanes.splat(0);
        for i in 0..N / L::WIDTH {
            // SAFETY: the caller's.
            all = lanes.or(all, unsafe { lanes.load(from.add(i * L::WIDTH)) });
        }
        lanes.is_ascii(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::{self, Isa};
    use alloc::boxed::Box;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn with(isa: Isa, text: &[u8]) -> bool {
        match isa {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: it is available.
            Isa::Avx2 if isa.is_available() => unsafe { scan::x86_64::utf8_avx2(text) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: it is available.
            Isa::Ssse3 if isa.is_available() => unsafe { scan::x86_64::utf8_ssse3(text) },
            #[cfg(all(target_arch = "aarch64", target_endian = "little", target_feature = "neon"))]
            Isa::Neon => scan::aarch64::utf8(text),
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
