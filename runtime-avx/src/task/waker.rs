//! Wakers that are not tasks: a flag for the future that `block_on` drives.

use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool,
    Ordering::{AcqRel, Acquire, SeqCst},
};
use std::task::{Wake, Waker};

/// Ends the sleep of a thread.
pub(crate) trait Unpark: Send + Sync + 'static {
    /// Called after the flag was set.
    fn unpark(&self);
}

/// Whether the root future of a `block_on` was woken.
pub(crate) struct Root<U> {
    woken: AtomicBool,
    thread: Arc<U>,
}

impl<U: Unpark> Root<U> {
    /// Woken from the start: the first poll is due.
    pub(crate) fn new(thread: Arc<U>) -> Arc<Self> {
        Arc::new(Root { woken: AtomicBool::new(true), thread })
    }

    /// Whether a poll is due.
    pub(crate) fn is_woken(&self) -> bool {
        self.woken.load(SeqCst)
    }

    /// Clears the flag before a poll. `false`: no poll is due.
    pub(crate) fn take(&self) -> bool {
        self.woken.load(Acquire) && self.woken.swap(false, AcqRel)
    }

    /// The waker to poll the root future with.
    pub(crate) fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::clone(self))
    }
}

impl<U: Unpark> Wake for Root<U> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.woken.swap(true, SeqCst) {
            self.thread.unpark();
        }
    }
}
