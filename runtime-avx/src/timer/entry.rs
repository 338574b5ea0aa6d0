//! One timer in the wheel: 56 bytes with its place in the slab, no allocation of its own.

use std::task::Waker;

/// A timer. Linked into the slot of the wheel that it waits in by index, both ways, so that it can leave
/// in O(1).
pub(super) struct Entry {
    /// When it shall fire, in ticks.
    pub(super) deadline: u64,
    /// The deadline that it was put into its slot for: at most `deadline`. A timer that is moved to a
    /// later deadline stays in its slot and is moved when the slot comes up.
    pub(super) placed: u64,
    /// Whom to wake.
    pub(super) waker: Option<Waker>,
    pub(super) next: u32,
    pub(super) previous: u32,
    /// Level and slot, or [`Entry::UNLINKED`].
    pub(super) place: u16,
}

impl Entry {
    /// The `place` of a timer that waits in no slot: it has fired.
    pub(super) const UNLINKED: u16 = u16::MAX;
    /// The end of a list.
    pub(super) const NONE: u32 = u32::MAX;

    pub(super) fn new(deadline: u64, waker: Waker) -> Entry {
        Entry { deadline, waker: Some(waker), ..Entry::default() }
    }
}

impl Default for Entry {
    fn default() -> Self {
        Entry {
            deadline: 0,
            placed: 0,
            waker: None,
            next: Entry::NONE,
            previous: Entry::NONE,
            place: Entry::UNLINKED,
        }
    }
}
