//! The ring of a worker: filled by it, emptied by it and by thieves.
//!
//! ```text
//!            head                tail
//!             v                   v
//!   +---+---+---+---+---+---+---+---+---+---+
//!   |   |   | T | T | T | T | T |   |   |   |     push: fill slot[tail], then tail + 1
//!   +---+---+---+---+---+---+---+---+---+---+     pop: head + 1 by exchange, then empty the slot
//!             |<- steal ->|                       steal: the same with half of them at once
//! ```
//!
//! Whoever moves the head has the slots it moved over to himself. The owner may come round to a slot that
//! a thief has not emptied yet; then the ring counts as full. Both numbers only grow.

use std::sync::atomic::{
    AtomicUsize,
    Ordering::{Acquire, Relaxed, Release, SeqCst},
};

use crate::task::{Runnable, Scheduler, Slot};

const SLOTS: usize = 256;

/// A bounded queue: one thread pushes, all may pop.
pub(crate) struct Ring<S: Scheduler> {
    head: AtomicUsize,
    tail: AtomicUsize,
    slots: Box<[Slot<S>; SLOTS]>,
}

impl<S: Scheduler> Ring<S> {
    pub(crate) fn new() -> Ring<S> {
        Ring {
            head: AtomicUsize::new(0),
            tail: AtomicUsize::new(0),
            slots: Box::new([const { Slot::new() }; SLOTS]),
        }
    }

    /// How many there are, about.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        let head = self.head.load(SeqCst);
        self.tail.load(SeqCst).saturating_sub(head)
    }

    /// Only for the owner. Gives the task back when the ring is full.
    pub(crate) fn push(&self, task: Runnable<S>) -> Result<(), Runnable<S>> {
        let tail = self.tail.load(Relaxed);
        if tail - self.head.load(Acquire) >= SLOTS {
            return Err(task);
        }
        self.slots[tail % SLOTS].put(task)?;
        self.tail.store(tail + 1, Release);
        Ok(())
    }

    /// The oldest task.
    #[inline]
    pub(crate) fn pop(&self) -> Option<Runnable<S>> {
        let (head, _) = self.claim(|_| 1)?;
        self.take(head)
    }

    /// Moves one half to `to`, the thief's own ring, except for one task to run now. What does not fit
    /// goes to `rest`.
    pub(crate) fn steal(&self, to: &Ring<S>, mut rest: impl FnMut(Runnable<S>)) -> Option<Runnable<S>> {
        let (head, n) = self.claim(|len| len - len / 2)?;
        let first = self.take(head);
        for i in head + 1..head + n {
            if let Some(Err(task)) = self.take(i).map(|task| to.push(task)) {
                rest(task);
            }
        }
        first
    }

    fn claim(&self, how_many: impl Fn(usize) -> usize) -> Option<(usize, usize)> {
        let mut head = self.head.load(Acquire);
        loop {
            let len = self.tail.load(Acquire).saturating_sub(head);
            if len == 0 {
                return None;
            }
            let n = how_many(len.min(SLOTS));
            match self.head.compare_exchange_weak(head, head + n, SeqCst, Acquire) {
                Ok(_) => return Some((head, n)),
                Err(seen) => head = seen,
            }
        }
    }

    fn take(&self, i: usize) -> Option<Runnable<S>> {
        let task = self.slots[i % SLOTS].take();
        debug_assert!(task.is_some(), "a claimed slot is filled");
        task
    }
}
