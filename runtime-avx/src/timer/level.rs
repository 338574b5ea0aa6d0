//! One level of the wheel: 64 slots and a word that says which of them are occupied.

use super::entry::Entry;

/// Binary digits of a deadline per level.
pub(super) const BITS: u32 = 6;
/// Slots of a level.
pub(super) const SLOTS: usize = 1 << BITS;

/// The lists of one level, by their first timer.
pub(super) struct Level {
    occupied: u64,
    heads: [u32; SLOTS],
}

impl Level {
    pub(super) const fn new() -> Level {
        Level { occupied: 0, heads: [Entry::NONE; SLOTS] }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.occupied == 0
    }

    /// The first occupied slot at or after `slot`.
    pub(super) fn first_from(&self, slot: u32) -> Option<u32> {
        let rest = self.occupied & (u64::MAX << slot);
        (rest != 0).then(|| rest.trailing_zeros())
    }

    pub(super) fn head(&self, slot: u32) -> u32 {
        self.heads[slot as usize]
    }

    pub(super) fn set_head(&mut self, slot: u32, head: u32) {
        self.heads[slot as usize] = head;
        let bit = 1 << slot;
        if head == Entry::NONE { self.occupied &= !bit } else { self.occupied |= bit }
    }
}
