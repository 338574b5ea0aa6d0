//! Buffers of the thread, and what a session holds of them.

use crate::{Full, Output, Scratch};
use alloc::{vec, vec::Vec};

/// Bytes of a pooled buffer.
const BUFFER: usize = 64 << 10;
/// Spare buffers a [`Scratch`] keeps at most.
const SPARE: usize = 8;

impl Scratch {
    #[inline]
    fn take(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_else(|| vec![0; BUFFER])
    }

    #[inline]
    fn give(&mut self, bytes: Vec<u8>) {
        if bytes.len() == BUFFER && self.spare.len() < SPARE {
            self.spare.push(bytes);
        }
    }
}

/// Input not yet consumed: `bytes[start..end]`.
#[derive(Debug, Default)]
pub(super) struct Input {
    pub(super) bytes: Vec<u8>,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Input {
    #[inline]
    pub(super) fn free(&mut self, scratch: &mut Scratch) -> &mut [u8] {
        if self.bytes.is_empty() {
            self.bytes = scratch.take();
        } else {
            if self.start == self.end {
                (self.start, self.end) = (0, 0);
            }
            if self.bytes.len() - self.end < BUFFER / 4 {
                self.make_room(scratch);
            }
        }
        &mut self.bytes[self.end..]
    }

    #[cold]
    #[inline(never)]
    fn make_room(&mut self, scratch: &mut Scratch) {
        let len = self.end - self.start;
        if self.bytes.len() < BUFFER {
            // Nothing held so far, or the small rest of an incomplete unit.
            let mut bytes = scratch.take();
            bytes[..len].copy_from_slice(&self.bytes[self.start..self.end]);
            self.bytes = bytes;
        } else {
            self.bytes.copy_within(self.start..self.end, 0);
            if self.bytes.len() - len < BUFFER / 4 {
                // Only a unit close to this size asks for more, and its limit bounds the growth.
                self.bytes.resize(self.bytes.len() * 2, 0);
            }
        }
        (self.start, self.end) = (0, len);
    }

    #[inline]
    pub(super) fn rest(&mut self, scratch: &mut Scratch) {
        if self.bytes.is_empty() {
            return;
        }
        if self.start == self.end {
            scratch.give(core::mem::take(&mut self.bytes));
            (self.start, self.end) = (0, 0);
        } else {
            self.shrink(scratch);
        }
    }

    /// Keeps no more than the bytes of an incomplete unit.
    #[cold]
    #[inline(never)]
    fn shrink(&mut self, scratch: &mut Scratch) {
        let len = self.end - self.start;
        if len < BUFFER / 4 && self.bytes.len() >= BUFFER {
            let small = self.bytes[self.start..self.end].to_vec();
            scratch.give(core::mem::replace(&mut self.bytes, small));
            (self.start, self.end) = (0, len);
        }
    }
}

/// Output that has not left yet: at most one pooled buffer, so that a peer that does not read holds
/// the writer back. A single unit larger than that (a huge head) is still taken when nothing else waits.
#[derive(Debug, Default)]
pub struct Outgoing {
    bytes: Vec<u8>,
    sent: usize,
    filled: usize,
}

impl Outgoing {
    #[inline]
    pub(super) fn lend(&mut self, scratch: &mut Scratch) {
        if self.bytes.is_empty() {
            self.bytes = scratch.take();
        }
    }

    #[inline]
    pub(super) fn rest(&mut self, scratch: &mut Scratch) {
        if self.is_empty() && !self.bytes.is_empty() {
            scratch.give(core::mem::take(&mut self.bytes));
        }
    }

    /// `n` bytes have left. Whether these were all.
    #[inline]
    pub(super) fn did_write(&mut self, n: usize) -> bool {
        self.sent += n;
        debug_assert!(self.sent <= self.filled, "wrote beyond the output");
        let all = self.is_empty();
        if all {
            self.clear();
        }
        all
    }

    /// Drops what waits.
    #[inline]
    pub(super) fn clear(&mut self) {
        (self.sent, self.filled) = (0, 0);
    }

    /// Room for a unit larger than a buffer, when nothing else waits.
    #[cold]
    #[inline(never)]
    fn grow(&mut self, n: usize) -> Result<&mut [u8], Full> {
        if self.filled > 0 {
            return Err(Full { needed: n });
        }
        self.bytes.resize(n, 0);
        self.filled = n;
        Ok(&mut self.bytes)
    }

    /// Bytes that wait to be written.
    #[inline]
    pub fn pending(&self) -> &[u8] {
        &self.bytes[self.sent..self.filled]
    }

    /// Whether nothing waits.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.sent == self.filled
    }
}

impl Output for Outgoing {
    #[inline]
    fn reserve(&mut self, n: usize) -> Result<&mut [u8], Full> {
        let (at, end) = (self.filled, self.filled.wrapping_add(n));
        if end > self.bytes.len() || end < at {
            return self.grow(n);
        }
        self.filled = end;
        self.bytes.get_mut(at..end).ok_or(Full { needed: n })
    }

    #[inline]
    fn room(&self) -> usize {
        self.bytes.len() - self.filled
    }

    #[inline]
    fn give_back(&mut self, n: usize) {
        self.filled = self.filled.saturating_sub(n).max(self.sent);
    }
}
