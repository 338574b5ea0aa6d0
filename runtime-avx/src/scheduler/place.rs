//! How a woken task finds its way: the scheduler value inside each task.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use std::task::Waker;

use super::{Shared, Worker, current};
use crate::task::waker::Unpark;
use crate::task::{JoinHandle, Runnable, Scheduler, TaskRef, WakerTable, detached, joined};

/// The home of a task that may run anywhere.
pub(crate) const ANY: u32 = u32::MAX;

#[cfg(test)]
pub(crate) const TASK_SIZE: usize = crate::task::HEADER_SIZE + size_of::<Place>();

/// Where a task belongs.
pub(crate) struct Place {
    shared: Arc<Shared>,
    /// The worker that it is pinned to, or [`ANY`].
    home: u32,
    /// The worker that lists it, for the end of the runtime.
    owner: u32,
    /// Its number in that list.
    number: AtomicU32,
}

/// Starts a task on worker `home`, or [`ANY`].
pub(crate) fn spawn<F>(shared: &Arc<Shared>, home: u32, future: F)
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    let (task, listed) = detached(future, Place::new(shared, home));
    start(task, listed);
}

/// As [`spawn`], with a handle to wait for its output.
pub(crate) fn spawn_joined<F>(shared: &Arc<Shared>, home: u32, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    let (task, listed, join) = joined(future, Place::new(shared, home));
    start(task, listed);
    JoinHandle::new(join)
}

/// Whether a waker is that of a task of a runtime: waking it queues the task and runs nothing.
#[inline]
pub(crate) fn is_task(waker: &Waker) -> bool {
    crate::task::is_task::<Place>(waker)
}

fn start(task: Runnable<Place>, listed: TaskRef<Place>) {
    let place = task.scheduler();
    match place.shared.tasks(place.owner).insert(listed) {
        Some(number) => {
            place.number.store(number, Relaxed);
            Place::schedule(task);
        }
        // The runtime is shutting down: cancelled before it began.
        None => drop(task),
    }
}

impl Place {
    fn new(shared: &Arc<Shared>, home: u32) -> Place {
        let owner = match home {
            ANY => {
                current::with(|w| w.and_then(|w| w.index_in(shared))).unwrap_or_else(|| shared.next_worker())
            }
            home => home,
        };
        Place { shared: Arc::clone(shared), home, owner, number: AtomicU32::new(u32::MAX) }
    }
}

impl Scheduler for Place {
    #[inline]
    fn schedule(task: Runnable<Place>) {
        current::with(|worker| {
            let place = task.scheduler();
            let home = place.home;
            match worker.and_then(|w| Some((w, w.index_in(&place.shared)?))) {
                Some((worker, index)) if index == home => worker.push_local(task),
                Some((worker, _)) if home == ANY => worker.push_ring(task),
                _ => send(task),
            }
        });
    }

    #[inline]
    fn wakers() -> &'static WakerTable<Place> {
        static WAKERS: WakerTable<Place> = WakerTable::new();
        &WAKERS
    }

    fn completed(&self) {
        let listed = self.shared.tasks(self.owner).remove(self.number.load(Relaxed));
        drop(listed);
    }
}

/// From a thread that is not the task's worker. The task may have run to its end as soon as it is pushed,
/// so what is needed afterwards is cloned before.
#[cold]
fn send(task: Runnable<Place>) {
    let place = task.scheduler();
    if place.home == ANY {
        let shared = Arc::clone(&place.shared);
        shared.inject.push(task);
        shared.call_one();
    } else {
        let remote = Arc::clone(&place.shared.remotes[place.home as usize]);
        remote.inbox.push(task);
        remote.unpark();
    }
}

impl Worker {
    /// The number of this worker, if it is one of that runtime.
    #[inline]
    pub(crate) fn index_in(&self, shared: &Arc<Shared>) -> Option<u32> {
        (Arc::ptr_eq(&self.shared, shared)).then_some(self.index).flatten()
    }
}
