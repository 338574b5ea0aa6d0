//! The worker of the current thread.

use std::cell::RefCell;

use super::Worker;

thread_local! {
    static CURRENT: RefCell<Option<Box<Worker>>> = const { RefCell::new(None) };
}

/// Calls `f` with the worker that runs on this thread.
#[inline]
pub(crate) fn with<R>(f: impl FnOnce(Option<&Worker>) -> R) -> R {
    let mut f = Some(f);
    let result = CURRENT.try_with(|current| {
        let f = f.take().expect("called once");
        match current.try_borrow() {
            Ok(worker) => f(worker.as_deref()),
            Err(_) => f(None),
        }
    });
    // The thread is ending.
    result.unwrap_or_else(|_| (f.take().expect("not called yet"))(None))
}

/// Makes `worker` the current one while `f` runs, and gives it back.
///
/// # Panics
/// When there is one already. A panic of `f` goes through, and `worker` is lost with it: hence `f` does
/// not panic where the worker matters.
pub(crate) fn enter<R>(worker: Box<Worker>, f: impl FnOnce(&Worker) -> R) -> (Box<Worker>, R) {
    CURRENT.with(|current| {
        let before = current.replace(Some(worker));
        assert!(before.is_none(), "no runtime is started within a runtime");
        let leave = Leave;
        let result = f(current.borrow().as_deref().expect("just entered"));
        std::mem::forget(leave);
        (current.take().expect("just entered"), result)
    })
}

struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        drop(CURRENT.take());
    }
}
