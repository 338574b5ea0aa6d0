//! The life of a task in one word: six flags and a count of references.
//!
//! ```text
//!   63                         6   5       4      3         2         1       0
//!  +----------------------------+-------+------+---------+---------+-------+---------+
//!  | references                 |WAITING| JOIN |CANCELLED|COMPLETED|RUNNING|SCHEDULED|
//!  +----------------------------+-------+------+---------+---------+-------+---------+
//!
//!            wake                start                 suspend, woken meanwhile
//!    idle ----------> SCHEDULED --------> RUNNING ----------------------------> SCHEDULED
//!     ^                                    |   |
//!     +------------------------------------+   +--> COMPLETED
//!          suspend                        complete
//! ```
//!
//! Each method is one transition and the only place where its bits change. What the bits protect (the
//! future, the output, the waker of the join handle) lives in [`raw`](super::raw).

use std::sync::atomic::{
    AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};

/// A [`Runnable`](super::Runnable) exists: the task is in a queue or on its way into one, and whoever
/// takes it out polls the future. While `RUNNING` it means "woken during the poll: queue it again".
const SCHEDULED: usize = 1;
/// Somebody has the future to himself, to poll or to drop it.
const RUNNING: usize = 1 << 1;
/// The future is gone and the output is there (or was taken). Never cleared.
const COMPLETED: usize = 1 << 2;
/// The future is to be dropped instead of polled again. Never cleared.
const CANCELLED: usize = 1 << 3;
/// A join handle exists. On completion the output belongs to it; without one the output is dropped.
const JOIN: usize = 1 << 4;
/// The waker slot of the join handle is filled and may be read by the one who completes the task. While
/// clear, the slot belongs to the join handle alone.
const WAITING: usize = 1 << 5;
/// One reference. The owner's list, the runnable, the join handle and each waker hold one.
const REF: usize = 1 << 6;

/// The state word of a task.
pub(super) struct State(AtomicUsize);

/// What a waker has to do after [`State::wake`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Woken {
    /// Its reference became that of a runnable: schedule it.
    Schedule,
    /// Its reference is given back; others remain.
    Done,
    /// Its reference was the last: free the task.
    Free,
}

/// What to do with a task whose future returned `Pending`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Suspended {
    /// The runnable's reference is given back; others remain.
    Idle,
    /// Nobody can ever wake it: free the task.
    Free,
    /// It was woken meanwhile: schedule the runnable again.
    Again,
    /// It was cancelled meanwhile; still `RUNNING`: drop the future.
    Cancelled,
}

impl State {
    /// Scheduled, with references for the runnable and the owner's list, and one for a join handle.
    pub(super) fn new(join: bool) -> State {
        State(AtomicUsize::new(SCHEDULED | if join { JOIN | (3 * REF) } else { 2 * REF }))
    }

    /// A wake that keeps its reference. `true`: a reference was added for a runnable; schedule it.
    pub(super) fn wake_by_ref(&self) -> bool {
        let mut now = self.0.load(Relaxed);
        loop {
            let next = match now {
                _ if now & COMPLETED != 0 => return false,
                // Nothing to change, but the store orders what the waker did before the next poll.
                _ if now & SCHEDULED != 0 => now,
                _ if now & RUNNING != 0 => now | SCHEDULED,
                _ => (now | SCHEDULED) + REF,
            };
            match self.0.compare_exchange_weak(now, next, AcqRel, Relaxed) {
                Ok(_) => return now & (SCHEDULED | RUNNING) == 0,
                Err(seen) => now = seen,
            }
        }
    }

    /// A wake that uses its reference up.
    pub(super) fn wake(&self) -> Woken {
        let mut now = self.0.load(Relaxed);
        loop {
            let next = match now {
                _ if now & (COMPLETED | SCHEDULED) != 0 => now - REF,
                _ if now & RUNNING != 0 => (now | SCHEDULED) - REF,
                _ => now | SCHEDULED,
            };
            match self.0.compare_exchange_weak(now, next, AcqRel, Relaxed) {
                Ok(_) if now & (COMPLETED | SCHEDULED | RUNNING) == 0 => return Woken::Schedule,
                Ok(_) if next < REF => return Woken::Free,
                Ok(_) => return Woken::Done,
                Err(seen) => now = seen,
            }
        }
    }

    /// The runnable begins to run. `true`: the task was cancelled, drop the future instead.
    pub(super) fn start(&self) -> bool {
        // SCHEDULED is set and RUNNING is not, and only the holder of the one runnable gets here: adding
        // one moves the first bit into the second.
        let before = self.0.fetch_add(RUNNING - SCHEDULED, AcqRel);
        debug_assert_eq!(before & (SCHEDULED | RUNNING | COMPLETED), SCHEDULED);
        before & CANCELLED != 0
    }

    /// The poll returned `Pending`.
    pub(super) fn suspend(&self) -> Suspended {
        let mut now = self.0.load(Relaxed);
        loop {
            debug_assert_ne!(now & RUNNING, 0);
            let next = match now {
                _ if now & CANCELLED != 0 => return Suspended::Cancelled,
                _ if now & SCHEDULED != 0 => now & !RUNNING,
                _ => (now & !RUNNING) - REF,
            };
            match self.0.compare_exchange_weak(now, next, AcqRel, Relaxed) {
                Ok(_) if now & SCHEDULED != 0 => return Suspended::Again,
                Ok(_) if next < REF => return Suspended::Free,
                Ok(_) => return Suspended::Idle,
                Err(seen) => now = seen,
            }
        }
    }

    /// The output is in its place. Says whether a join handle owns it, and whether it waits.
    pub(super) fn complete(&self) -> (bool, bool) {
        // RUNNING is set and COMPLETED is not: adding moves the bit up. A SCHEDULED that was set
        // meanwhile stays, and means nothing any more.
        let before = self.0.fetch_add(COMPLETED - RUNNING, AcqRel);
        debug_assert_eq!(before & (RUNNING | COMPLETED), RUNNING);
        (before & JOIN != 0, before & WAITING != 0)
    }

    /// Asks for cancellation. `true`: the task was idle; a reference was added for a runnable, schedule
    /// it, and whoever runs it will drop the future.
    pub(super) fn cancel(&self) -> bool {
        let mut now = self.0.load(Relaxed);
        loop {
            let next = match now {
                _ if now & (COMPLETED | CANCELLED) != 0 => return false,
                _ if now & (SCHEDULED | RUNNING) != 0 => now | CANCELLED,
                _ => (now | CANCELLED | SCHEDULED) + REF,
            };
            match self.0.compare_exchange_weak(now, next, AcqRel, Relaxed) {
                Ok(_) => return now & (SCHEDULED | RUNNING) == 0,
                Err(seen) => now = seen,
            }
        }
    }

    /// Cancels and, when the task is idle, begins to run at once. `true`: a reference was added, and the
    /// caller drops the future now. Otherwise the holder of the runnable will.
    pub(super) fn cancel_and_start(&self) -> bool {
        let mut now = self.0.load(Relaxed);
        loop {
            let next = match now {
                _ if now & COMPLETED != 0 => return false,
                _ if now & (SCHEDULED | RUNNING) != 0 => now | CANCELLED,
                _ => (now | CANCELLED | RUNNING) + REF,
            };
            match self.0.compare_exchange_weak(now, next, AcqRel, Relaxed) {
                Ok(_) => return now & (SCHEDULED | RUNNING) == 0,
                Err(seen) => now = seen,
            }
        }
    }

    /// As seen by the join handle.
    pub(super) fn is_completed(&self) -> bool {
        self.0.load(Acquire) & COMPLETED != 0
    }

    /// Whether the slot of the join handle's waker may be read by others.
    pub(super) fn is_waiting(&self) -> bool {
        self.0.load(Acquire) & WAITING != 0
    }

    /// Publishes the waker slot. `false`: too late, the task has completed; the slot stays the handle's.
    pub(super) fn begin_waiting(&self) -> bool {
        self.unless_completed(|now| now | WAITING)
    }

    /// Takes the waker slot back. `false`: too late, the task has completed and the slot is not ours.
    pub(super) fn end_waiting(&self) -> bool {
        self.unless_completed(|now| now & !WAITING)
    }

    /// The join handle goes. Says whether the output is left to it, and whether the waker slot is.
    pub(super) fn drop_join(&self) -> (bool, bool) {
        let mut now = self.0.load(Relaxed);
        loop {
            let completed = now & COMPLETED != 0;
            let next = if completed { now & !JOIN } else { now & !(JOIN | WAITING) };
            match self.0.compare_exchange_weak(now, next, AcqRel, Relaxed) {
                Ok(_) => return (completed, !completed),
                Err(seen) => now = seen,
            }
        }
    }

    /// One reference more.
    pub(super) fn add_ref(&self) {
        let before = self.0.fetch_add(REF, Relaxed);
        // As `Arc` does: an overflow needs leaked wakers, and then memory safety goes first.
        if before > usize::MAX / 2 {
            std::process::abort();
        }
    }

    /// One reference less. `true`: it was the last.
    pub(super) fn drop_ref(&self) -> bool {
        let before = self.0.fetch_sub(REF, Release);
        let last = before & !(REF - 1) == REF;
        if last {
            self.0.load(Acquire);
        }
        last
    }

    fn unless_completed(&self, change: impl Fn(usize) -> usize) -> bool {
        let mut now = self.0.load(Relaxed);
        loop {
            if now & COMPLETED != 0 {
                // Orders the output before what the caller does next.
                return self.0.load(Acquire) & COMPLETED == 0;
            }
            match self.0.compare_exchange_weak(now, change(now), AcqRel, Relaxed) {
                Ok(_) => return true,
                Err(seen) => now = seen,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_task_runs_and_goes_idle() {
        let state = State::new(false);
        assert!(!state.start());
        assert_eq!(state.suspend(), Suspended::Idle);
        assert!(state.wake_by_ref(), "the first wake schedules");
        assert!(!state.wake_by_ref(), "the second finds it scheduled");
    }

    #[test]
    fn a_wake_during_the_poll_queues_the_task_again() {
        let state = State::new(false);
        state.start();
        assert!(!state.wake_by_ref());
        assert_eq!(state.suspend(), Suspended::Again);
        assert!(!state.start());
        assert_eq!(state.complete(), (false, false));
        assert!(!state.wake_by_ref(), "a wake after the end does nothing");
    }

    #[test]
    fn the_last_reference_says_so() {
        let state = State::new(false);
        state.start();
        assert_eq!(state.suspend(), Suspended::Idle);
        assert!(state.drop_ref());
    }

    #[test]
    fn a_waker_spent_on_a_completed_task_gives_its_reference_back() {
        let state = State::new(false);
        state.add_ref();
        state.start();
        state.complete();
        assert!(!state.drop_ref());
        assert!(!state.drop_ref());
        assert_eq!(state.wake(), Woken::Free);
    }

    #[test]
    fn cancelling_an_idle_task_schedules_it_and_a_running_one_only_marks_it() {
        let state = State::new(true);
        state.start();
        assert!(!state.cancel());
        assert_eq!(state.suspend(), Suspended::Cancelled);

        let state = State::new(true);
        state.start();
        assert_eq!(state.suspend(), Suspended::Idle);
        assert!(state.cancel());
        assert!(!state.cancel(), "once");
        assert!(state.start(), "the runner is told to drop the future");
    }

    #[test]
    fn a_join_handle_dropped_after_completion_owns_the_output() {
        let state = State::new(true);
        assert!(state.begin_waiting());
        assert!(state.end_waiting());
        assert!(state.begin_waiting());
        state.start();
        assert_eq!(state.complete(), (true, true));
        assert!(!state.end_waiting());
        assert_eq!(state.drop_join(), (true, false));
    }
}
