//! The common queue: tasks that may run anywhere, woken or spawned where there is no worker.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard};

use crate::task::{List, Runnable, Scheduler};

/// A queue for all threads.
pub(crate) struct Inject<S: Scheduler> {
    /// Looked at without the lock, since it is mostly zero.
    len: AtomicUsize,
    list: Mutex<List<S>>,
}

impl<S: Scheduler> Inject<S> {
    pub(crate) const fn new() -> Self {
        Inject { len: AtomicUsize::new(0), list: Mutex::new(List::new()) }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len.load(SeqCst) == 0
    }

    pub(crate) fn push(&self, task: Runnable<S>) {
        let list = self.list();
        list.push(task);
        self.len.fetch_add(1, SeqCst);
    }

    #[inline]
    pub(crate) fn pop(&self) -> Option<Runnable<S>> {
        if self.is_empty() {
            return None;
        }
        let list = self.list();
        let task = list.pop()?;
        self.len.fetch_sub(1, SeqCst);
        Some(task)
    }

    fn list(&self) -> MutexGuard<'_, List<S>> {
        self.list.lock().unwrap_or_else(|e| e.into_inner())
    }
}
