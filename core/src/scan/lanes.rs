//! UTF-8 by vectors of 16 or 32 bytes.
//!
//! Which bytes must not follow each other shows in three nibbles: both of the first byte and the high one
//! of the second. Each rule is a bit; three look-ups and two ands give the rules that a pair breaks. A
//! third and a fourth byte of a sequence are found by comparing the bytes two and three before. (John
//! Keiser and Daniel Lemire, "Validating UTF-8 in less than one instruction per byte", 2021.)
//!
//! A byte is judged by those before it and never by those behind it, so that what ends within a sequence
//! is no error, and ASCII behind ASCII needs no look-up. Bytes before are loaded once more instead of
//! moved over from the last vector: no vector waits for the one before it.
#![allow(unsafe_code)]

use super::tables::RULES;

/// Instructions on vectors of `WIDTH` bytes. A value proves that the processor has them.
pub(super) trait Lanes: Copy {
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

/// As [`is_text_so_far`](super::utf8::is_text_so_far), with vectors of 16 bytes for `short`.
#[inline(always)]
pub(super) fn is_text_so_far<S: Lanes, L: Lanes>(short: S, long: L, text: &[u8]) -> bool {
    // Three bytes before the last vector are looked at with it.
    if text.len() < 32 + 3 { up_to_34(short, text) } else { from_35(long, text) }
}

/// Rules in registers, and what was found to break them.
#[derive(Clone, Copy)]
pub(super) struct Judge<L: Lanes> {
    lanes: L,
    high: L::Vector,
    low: L::Vector,
    next: L::Vector,
    /// Not zero where a byte is wrong.
    wrong: L::Vector,
}

impl<L: Lanes> Judge<L> {
    #[inline(always)]
    pub(super) fn new(lanes: L) -> Self {
        let [high, low, next] = [&RULES.high, &RULES.low, &RULES.next].map(
            #[inline(always)]
            |table| lanes.table(table),
        );
        Judge { lanes, high, low, next, wrong: lanes.splat(0) }
    }

    /// Looks at `bytes` behind those that stand one, two and three before them.
    #[inline(always)]
    pub(super) fn look(&mut self, bytes: L::Vector, before: [L::Vector; 3]) {
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
    pub(super) fn is_content(&self) -> bool {
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
    assert!(L::WIDTH == 16);
    let vector = |word: u128| {
        // SAFETY: WIDTH is 16.
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
pub(super) fn up_to_15(text: &[u8]) -> u128 {
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

/// ASCII in front without any rules, then blocks of 64, and the last vector once more.
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
        while at + 2 * BLOCK <= len && is_ascii::<L, { 2 * BLOCK }>(lanes, from.add(at)) {
            at += 2 * BLOCK;
        }
        if at == len {
            return true;
        }
        if at > 0 || lanes.is_ascii(first) {
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
