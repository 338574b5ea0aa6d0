#![allow(unsafe_code)]
//! Places for tasks that are to run, linked through the tasks themselves: none of them ever allocates.
//!
//! A [`Runnable`] is unique for its task, so whoever owns it owns the link in the task's header.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::atomic::{
    AtomicPtr,
    Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst},
};

use super::{Header, Runnable, Scheduler};

/// A first-in, first-out queue of tasks for one thread.
pub(crate) struct List<S: Scheduler> {
    head: Cell<*mut Header>,
    tail: Cell<*mut Header>,
    scheduler: PhantomData<S>,
}

// SAFETY: it owns runnables, which are `Send`. (Its cells keep it from being `Sync`.)
unsafe impl<S: Scheduler> Send for List<S> {}

impl<S: Scheduler> List<S> {
    pub(crate) const fn new() -> Self {
        List { head: Cell::new(ptr::null_mut()), tail: Cell::new(ptr::null_mut()), scheduler: PhantomData }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head.get().is_null()
    }

    #[inline]
    pub(crate) fn push(&self, task: Runnable<S>) {
        let task = task.into_raw().as_ptr();
        let tail = self.tail.replace(task);
        // SAFETY: we own the runnables in the list, hence their links.
        unsafe {
            *(*task).link.get() = ptr::null_mut();
            if tail.is_null() {
                self.head.set(task);
            } else {
                *(*tail).link.get() = task;
            }
        }
    }

    #[inline]
    pub(crate) fn pop(&self) -> Option<Runnable<S>> {
        let task = NonNull::new(self.head.get())?;
        // SAFETY: we own the runnables in the list; this one leaves it.
        unsafe {
            let next = *task.as_ref().link.get();
            self.head.set(next);
            if next.is_null() {
                self.tail.set(next);
            }
            Some(Runnable::from_raw(task))
        }
    }
}

impl<S: Scheduler> Drop for List<S> {
    fn drop(&mut self) {
        while let Some(task) = self.pop() {
            drop(task);
        }
    }
}

/// A queue that any thread may push to and one takes from, all at once. It never blocks.
pub(crate) struct Inbox<S: Scheduler> {
    last: AtomicPtr<Header>,
    scheduler: PhantomData<S>,
}

impl<S: Scheduler> Inbox<S> {
    pub(crate) const fn new() -> Self {
        Inbox { last: AtomicPtr::new(ptr::null_mut()), scheduler: PhantomData }
    }

    /// Sequentially consistent, as is [`push`](Self::push): a worker that goes to sleep looks here after
    /// it said so, and one that pushes looks afterwards whether it sleeps.
    pub(crate) fn is_empty(&self) -> bool {
        self.last.load(SeqCst).is_null()
    }

    pub(crate) fn push(&self, task: Runnable<S>) {
        let task = task.into_raw().as_ptr();
        let mut last = self.last.load(Relaxed);
        loop {
            // SAFETY: we own the runnable until the exchange succeeds, hence its link.
            unsafe { *(*task).link.get() = last };
            match self.last.compare_exchange_weak(last, task, SeqCst, Relaxed) {
                Ok(_) => return,
                Err(seen) => last = seen,
            }
        }
    }

    /// Moves everything to the end of `list`, oldest first.
    pub(crate) fn drain(&self, list: &List<S>) {
        if self.last.load(Relaxed).is_null() {
            return;
        }
        let mut task = self.last.swap(ptr::null_mut(), AcqRel);
        let mut reversed = ptr::null_mut();
        // SAFETY: the swap made the whole chain ours; it was published by the pushing exchanges.
        unsafe {
            while !task.is_null() {
                let next = *(*task).link.get();
                *(*task).link.get() = reversed;
                reversed = task;
                task = next;
            }
            while let Some(task) = NonNull::new(reversed) {
                reversed = *task.as_ref().link.get();
                list.push(Runnable::from_raw(task));
            }
        }
    }
}

impl<S: Scheduler> Drop for Inbox<S> {
    fn drop(&mut self) {
        self.drain(&List::new());
    }
}

/// A place for one task that any thread may fill or empty.
pub(crate) struct Slot<S: Scheduler> {
    task: AtomicPtr<Header>,
    scheduler: PhantomData<S>,
}

impl<S: Scheduler> Slot<S> {
    pub(crate) const fn new() -> Self {
        Slot { task: AtomicPtr::new(ptr::null_mut()), scheduler: PhantomData }
    }

    /// Fills the slot; gives the task back when it is taken.
    pub(crate) fn put(&self, task: Runnable<S>) -> Result<(), Runnable<S>> {
        let task = task.into_raw();
        self.task
            .compare_exchange(ptr::null_mut(), task.as_ptr(), Release, Relaxed)
            .map(drop)
            // SAFETY: it did not go in, so it is still ours.
            .map_err(|_| unsafe { Runnable::from_raw(task) })
    }

    /// Empties the slot.
    pub(crate) fn take(&self) -> Option<Runnable<S>> {
        let task = NonNull::new(self.task.swap(ptr::null_mut(), Acquire))?;
        // SAFETY: it was put in by `put`, and the swap took it out once.
        Some(unsafe { Runnable::from_raw(task) })
    }
}

impl<S: Scheduler> Drop for Slot<S> {
    fn drop(&mut self) {
        drop(self.take());
    }
}
