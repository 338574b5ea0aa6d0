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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize};
    use std::thread;

    use super::*;
    use crate::task::{WakerTable, detached};

    /// Counts completions.
    struct Count(Arc<AtomicUsize>);

    impl Scheduler for Count {
        fn schedule(task: Runnable<Count>) {
            drop(task);
        }

        fn wakers() -> &'static WakerTable<Count> {
            static WAKERS: WakerTable<Count> = WakerTable::new();
            &WAKERS
        }

        fn completed(&self) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    fn task(completed: &Arc<AtomicUsize>) -> Runnable<Count> {
        detached(async {}, Count(completed.clone())).0
    }

    #[test]
    fn a_full_ring_gives_the_task_back() {
        let completed = Arc::new(AtomicUsize::new(0));
        let ring = Ring::new();
        for _ in 0..SLOTS {
            assert!(ring.push(task(&completed)).is_ok());
        }
        assert_eq!(ring.len(), SLOTS);
        assert!(ring.push(task(&completed)).is_err());
        ring.pop().unwrap().run();
        assert!(ring.push(task(&completed)).is_ok());
        drop(ring);
        assert_eq!(completed.load(SeqCst), SLOTS + 2, "what was left is cancelled");
    }

    #[test]
    fn a_thief_takes_one_half() {
        let completed = Arc::new(AtomicUsize::new(0));
        let (ring, own) = (Ring::new(), Ring::new());
        assert!(ring.steal(&own, drop).is_none());
        for _ in 0..9 {
            assert!(ring.push(task(&completed)).is_ok());
        }
        ring.steal(&own, drop).unwrap().run();
        assert_eq!((own.len(), ring.len()), (4, 4));
    }

    #[test]
    fn each_task_is_run_once_whoever_gets_it() {
        const TASKS: usize = if cfg!(miri) { 200 } else { 100_000 };
        let completed = Arc::new(AtomicUsize::new(0));
        let ring = Ring::new();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let own = Ring::new();
                    while !done.load(SeqCst) {
                        if let Some(task) = ring.steal(&own, |task| task.run()) {
                            task.run();
                        }
                        while let Some(task) = own.pop() {
                            task.run();
                        }
                        thread::yield_now();
                    }
                });
            }
            for i in 0..TASKS {
                if let Err(task) = ring.push(task(&completed)) {
                    task.run();
                }
                if i % 3 == 0 {
                    if let Some(task) = ring.pop() {
                        task.run();
                    }
                }
            }
            while let Some(task) = ring.pop() {
                task.run();
            }
            done.store(true, SeqCst);
        });
        assert_eq!(completed.load(SeqCst), TASKS);
    }
}
