//! Streams that wait for the same length of time each: the one that began first is due first.

use super::stream::{NEVER, NONE};
use super::streams::{Slot, Streams};

/// A list in order of time. Everything takes constant time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timers {
    first: Slot,
    last: Slot,
    /// When the first one is due.
    pub(super) at: u64,
}

impl Timers {
    pub(super) const fn new() -> Self {
        Timers { first: NONE, last: NONE, at: NEVER }
    }

    /// Puts a stream at the end, unless it is in the list. `at` is not before that of any other.
    pub(super) fn add(&mut self, streams: &mut Streams, slot: Slot, at: u64) {
        if streams[slot].timer_at != NEVER {
            return;
        }
        let stream = &mut streams[slot];
        (stream.timer_at, stream.timer_prev, stream.timer_next) = (at, self.last, NONE);
        match self.last {
            NONE => (self.first, self.at) = (slot, at),
            last => streams[last].timer_next = slot,
        }
        self.last = slot;
    }

    /// Takes a stream out, if it is in this list.
    pub(super) fn remove(&mut self, streams: &mut Streams, slot: Slot) {
        let stream = &mut streams[slot];
        if stream.timer_at == NEVER {
            return;
        }
        let (prev, next) = (stream.timer_prev, stream.timer_next);
        (stream.timer_at, stream.timer_prev, stream.timer_next) = (NEVER, NONE, NONE);
        match prev {
            NONE => self.first = next,
            prev => streams[prev].timer_next = next,
        }
        match next {
            NONE => self.last = prev,
            next => streams[next].timer_prev = prev,
        }
        self.at = if self.first == NONE { NEVER } else { streams[self.first].timer_at };
    }

    /// The first stream, if it is due.
    pub(super) fn due(&self, now: u64) -> Option<Slot> {
        (now >= self.at && self.first != NONE).then_some(self.first)
    }
}
