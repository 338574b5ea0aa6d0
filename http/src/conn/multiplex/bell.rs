//! Wakers that tell which exchange of a connection they belong to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// Who was woken since the connection last looked.
#[derive(Default)]
pub(crate) struct Bell(Mutex<State>);

#[derive(Default)]
struct State {
    task: Option<Waker>,
    /// The task is being polled, and looks here before it waits.
    awake: bool,
    rung: Vec<u32>,
}

/// The waker of whatever exchange is in one place of the table, now or later: a call that comes too late
/// costs its successor a look.
pub(crate) struct Handle {
    bell: Arc<Bell>,
    place: u32,
    rung: AtomicBool,
}

impl Bell {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rings at the task of this waker, once it [rests](Self::rest).
    pub(crate) fn listen(&self, waker: &Waker) {
        let mut state = self.lock();
        state.awake = true;
        if !state.task.as_ref().is_some_and(|task| task.will_wake(waker)) {
            state.task = Some(waker.clone());
        }
    }

    /// The task is about to wait. Whether somebody has rung whom it has not looked at.
    pub(crate) fn rest(&self) -> bool {
        let mut state = self.lock();
        state.awake = false;
        !state.rung.is_empty()
    }

    /// Puts the places that were woken into `places`, which is empty.
    pub(crate) fn take(&self, places: &mut Vec<u32>) {
        std::mem::swap(&mut self.lock().rung, places);
    }

    /// The waker for one place.
    pub(crate) fn handle(self: &Arc<Self>, place: u32) -> Arc<Handle> {
        Arc::new(Handle { bell: self.clone(), place, rung: AtomicBool::new(false) })
    }
}

impl Handle {
    /// It is looked at now: what rings from here on is news.
    pub(crate) fn answer(&self) {
        self.rung.store(false, Ordering::Release);
    }
}

impl Wake for Handle {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.rung.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut state = self.bell.lock();
        state.rung.push(self.place);
        let task = if state.awake { None } else { state.task.clone() };
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_is_told_once_until_it_is_answered() {
        let bell = Arc::<Bell>::default();
        let (one, two) = (bell.handle(1), bell.handle(2));
        let mut places = Vec::new();
        one.wake_by_ref();
        two.wake_by_ref();
        one.wake_by_ref();
        bell.take(&mut places);
        assert_eq!(places, [1, 2]);
        places.clear();
        one.wake_by_ref();
        bell.take(&mut places);
        assert_eq!(places, [], "not answered yet");
        one.answer();
        one.wake_by_ref();
        bell.take(&mut places);
        assert_eq!(places, [1]);
    }
}
