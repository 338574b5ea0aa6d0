//! The hierarchical timing wheel: insert, cancel and fire in O(1), pure, the time an argument.
//!
//! ```text
//!   level 0   64 slots of 1 tick          the next 64 ticks
//!   level 1   64 slots of 64 ticks        the next 4096
//!   level 2   64 slots of 4096 ticks      ...
//!   ...
//!   level 7   64 slots of 2^42 ticks      everything else
//! ```
//!
//! A timer waits on the level of the highest group of six bits in which its deadline differs from the
//! time. Hence all timers of a level come before all of the levels above it, slots of a level never wrap
//! around, and the next one to come up is found with two bit scans. When a slot above level 0 comes up,
//! its timers move down; one below, they fire. Each timer moves at most once a level.
//!
//! Moving a timer to a later deadline only writes the deadline: it is looked at when its slot comes up,
//! and goes on from there. A connection that pushes its idle timeout back with each request pays for that
//! once per timeout.

use std::task::Waker;

use super::entry::Entry;
use super::level::{BITS, Level, SLOTS};
use crate::slab::{Key, Slab};

const LEVELS: usize = 8;
/// The farthest deadline, in ticks: 8900 years of milliseconds. Later ones wait until then.
const FARTHEST: u64 = (1 << (LEVELS as u32 * BITS)) - 1;

/// Timers by deadline, in ticks of the caller's choosing.
pub(crate) struct Wheel {
    /// The time, as far as timers have been fired.
    elapsed: u64,
    levels: [Level; LEVELS],
    timers: Slab<Entry>,
}

impl Wheel {
    pub(crate) const fn new() -> Wheel {
        Wheel { elapsed: 0, levels: [const { Level::new() }; LEVELS], timers: Slab::new() }
    }

    /// Adds a timer. One whose deadline has passed fires with the next [`expire`](Wheel::expire).
    pub(crate) fn insert(&mut self, deadline: u64, waker: Waker) -> Key {
        let key = self.timers.insert(Entry::new(deadline.min(FARTHEST), waker));
        self.link(key.index);
        key
    }

    /// Moves a timer, also one that has fired. Later deadlines are nearly free.
    pub(crate) fn reset(&mut self, key: Key, deadline: u64) {
        let Some(timer) = self.timers.find(key) else { return };
        timer.deadline = deadline.min(FARTHEST);
        if timer.place == Entry::UNLINKED {
            self.link(key.index);
        } else if timer.deadline < timer.placed {
            self.unlink(key.index);
            self.link(key.index);
        }
    }

    /// Whether a timer waits and will wake the same task as `waker`.
    #[inline]
    pub(crate) fn awaited_by(&mut self, key: Key, waker: &Waker) -> bool {
        self.timers.find(key).is_some_and(|t| {
            t.place != Entry::UNLINKED && t.waker.as_ref().is_some_and(|w| w.will_wake(waker))
        })
    }

    /// Names whom to wake. Gives the waker that was there, to be dropped by the caller.
    pub(crate) fn set_waker(&mut self, key: Key, waker: Waker) -> Option<Waker> {
        self.timers.find(key)?.waker.replace(waker)
    }

    /// Removes a timer and gives its waker back, to be dropped by the caller.
    pub(crate) fn cancel(&mut self, key: Key) -> Option<Waker> {
        self.timers.find(key)?;
        self.unlink(key.index);
        self.timers.remove(key)?.waker
    }

    /// Whether the deadline of a timer was reached (or it is not there at all).
    #[cfg(test)]
    pub(crate) fn has_fired(&mut self, key: Key) -> bool {
        self.timers.find(key).is_none_or(|t| t.place == Entry::UNLINKED)
    }

    /// The next tick at which [`expire`](Wheel::expire) has something to do: never later than the
    /// earliest deadline.
    pub(crate) fn next_expiry(&self) -> Option<u64> {
        self.next_slot().map(|(_, _, at)| at)
    }

    /// Goes on to `now` and gives the waker of the next timer that fires; `None` when all have, up to
    /// `now`. Timers that fired keep their key: reset or cancel them.
    pub(crate) fn expire(&mut self, now: u64) -> Option<Waker> {
        while let Some((level, slot, at)) = self.next_slot() {
            if at > now {
                break;
            }
            self.elapsed = at;
            let index = self.levels[level].head(slot);
            if level > 0 {
                self.move_down(level, slot);
                continue;
            }
            self.unlink(index);
            let timer = self.timers.at(index);
            if timer.deadline > at {
                self.link(index);
            } else if let Some(waker) = timer.waker.take() {
                return Some(waker);
            }
        }
        self.elapsed = self.elapsed.max(now.min(FARTHEST));
        None
    }

    /// Level, slot and time of the next slot to come up.
    fn next_slot(&self) -> Option<(usize, u32, u64)> {
        let level = self.levels.iter().position(|l| !l.is_empty())?;
        let shift = level as u32 * BITS;
        let current = (self.elapsed >> shift) as u32 % SLOTS as u32;
        let slot = self.levels[level].first_from(current).expect("the past is empty");
        let above = self.elapsed >> (shift + BITS) << (shift + BITS);
        Some((level, slot, above | u64::from(slot) << shift))
    }

    /// A slot above level 0 has come up: all of its timers belong on a lower level now, or farther away.
    fn move_down(&mut self, level: usize, slot: u32) {
        loop {
            let index = self.levels[level].head(slot);
            if index == Entry::NONE {
                return;
            }
            self.unlink(index);
            self.link(index);
        }
    }

    fn link(&mut self, index: u32) {
        let timer = self.timers.at(index);
        let at = timer.deadline.max(self.elapsed);
        let differing = (at ^ self.elapsed) | (SLOTS as u64 - 1);
        let level = (63 - differing.leading_zeros()) / BITS;
        let slot = (at >> (level * BITS)) as u32 % SLOTS as u32;
        let head = self.levels[level as usize].head(slot);
        timer.placed = at;
        timer.place = (level << BITS | slot) as u16;
        timer.previous = Entry::NONE;
        timer.next = head;
        if head != Entry::NONE {
            self.timers.at(head).previous = index;
        }
        self.levels[level as usize].set_head(slot, index);
    }

    fn unlink(&mut self, index: u32) {
        let timer = self.timers.at(index);
        let (place, next, previous) = (timer.place, timer.next, timer.previous);
        if place == Entry::UNLINKED {
            return;
        }
        timer.place = Entry::UNLINKED;
        if next != Entry::NONE {
            self.timers.at(next).previous = previous;
        }
        if previous != Entry::NONE {
            self.timers.at(previous).next = next;
        } else {
            let (level, slot) = (usize::from(place >> BITS), u32::from(place) % SLOTS as u32);
            self.levels[level].set_head(slot, next);
        }
    }
}

#[cfg(test)]
pub(crate) const ENTRY_SIZE: usize = Slab::<Entry>::PLACE_SIZE;

#[cfg(test)]
#[path = "wheel_tests.rs"]
mod tests;
