//! Without vectors: eight bytes in a word for values, a table for words.

use super::{Job, Scan};
use crate::syntax::token::{CLASS, TARGET, TCHAR, VALUE};

/// Does `job`.
pub(super) fn run<'a, J: Job<'a>>(job: J) -> J::Output {
    let input = job.input();
    job.run(Portable { input, at: 0 })
}

/// A cursor over an input.
struct Portable<'a> {
    input: &'a [u8],
    /// Where the next line end is looked for.
    at: usize,
}

impl Scan for Portable<'_> {
    #[inline(always)]
    fn input(&self) -> &[u8] {
        self.input
    }

    #[inline(always)]
    fn token_end(&self, from: usize) -> Option<usize> {
        not_in(self.input, from, TCHAR)
    }

    #[inline(always)]
    fn target_end(&self, from: usize) -> Option<usize> {
        not_in(self.input, from, TARGET)
    }

    #[inline(always)]
    fn seek(&mut self, at: usize) {
        self.at = at;
    }

    #[inline(always)]
    fn line_end(&mut self) -> Option<usize> {
        let end = control(self.input, self.at)?;
        self.at = end + 1;
        while self.input.get(self.at).is_some_and(|&b| CLASS[b as usize] & VALUE == 0) {
            self.at += 1;
        }
        Some(end)
    }
}

/// First byte from `from` on that is not in `class`.
#[inline(always)]
fn not_in(bytes: &[u8], from: usize, class: u8) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.iter().position(|&b| CLASS[b as usize] & class == 0).map(|i| from + i)
}

/// First byte from `from` on that must not stand in a value: a control other than HTAB.
#[inline]
pub(super) fn control(bytes: &[u8], mut from: usize) -> Option<usize> {
    while let Some(word) = bytes.get(from..).and_then(|rest| rest.first_chunk()) {
        let marks = suspects(u64::from_le_bytes(*word));
        if marks == 0 {
            from += 8;
            continue;
        }
        // Only the lowest mark is sure to be one, and it may be a HTAB.
        from += marks.trailing_zeros() as usize / 8;
        if CLASS[usize::from(*bytes.get(from)?)] & VALUE == 0 {
            return Some(from);
        }
        from += 1;
    }
    not_in(bytes, from, VALUE)
}

/// The high bit of every byte that is below 0x20 or is 0x7f, and perhaps of some above such a byte.
#[inline(always)]
const fn suspects(word: u64) -> u64 {
    const EACH: u64 = u64::MAX / 255;
    let low = word.wrapping_sub(EACH * 0x20) & !word;
    let del = (word ^ (EACH * 0x7f)).wrapping_sub(EACH) & !(word ^ (EACH * 0x7f));
    (low | del) & (EACH * 0x80)
}
