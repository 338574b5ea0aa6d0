#![allow(unsafe_code)]
//! The worker of the current thread: one pointer in thread-local storage, borrowed for a scope.
//!
//! Every socket call, wake and timer looks here, so it is worth its own unsafe code: a plain pointer needs
//! no registration for the end of the thread, no borrow flag and no reference count. Finding the worker
//! is one load and one branch.

use std::cell::Cell;
use std::ptr;

use crate::scheduler::Worker;

thread_local! {
    static CURRENT: Cell<*const Worker> = const { Cell::new(ptr::null()) };
}

/// Calls `f` with the worker that runs on this thread.
#[inline]
pub(crate) fn with<R>(f: impl FnOnce(Option<&Worker>) -> R) -> R {
    // SAFETY: the pointer is null, or `enter` below us on this thread's stack borrows the worker until it
    // has reset the pointer. The reference that `f` gets cannot outlive the call to `f`.
    f(unsafe { CURRENT.get().as_ref() })
}

/// Makes `worker` the current one while `f` runs.
///
/// # Panics
/// When there is one already; and when `f` does.
pub(crate) fn enter<R>(worker: &Worker, f: impl FnOnce() -> R) -> R {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            CURRENT.set(ptr::null());
        }
    }
    assert!(CURRENT.get().is_null(), "no runtime is started within a runtime");
    CURRENT.set(worker);
    let _leave = Leave;
    f()
}
