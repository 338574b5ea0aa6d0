//! A runtime and the handle to it.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use crate::blocking::Unblock;
use crate::builder::Builder;
use crate::scheduler::{ANY, Shared, Worker, current, spawn, spawn_joined};
use crate::task::JoinHandle;
use crate::timer::{Sleep, sleep_until};

/// Workers with their event loops. Everything that it started ends with it.
///
/// Dropping it cancels all tasks (their futures are dropped, by their workers) and waits for its threads:
/// for the poll that each worker is in, and for blocking work that has begun. Dropped by one of its own
/// tasks it does not wait.
pub struct Runtime {
    handle: Handle,
    /// The event loops that `block_on` drives: with no threads the only one, else spare ones.
    drivers: Mutex<Vec<Worker>>,
    /// There are no threads: a `block_on` has the only event loop or waits for it.
    current_thread: bool,
    free: Condvar,
    threads: Vec<thread::JoinHandle<()>>,
    running: Arc<Running>,
}

/// Names a runtime. Cheap to clone; it does not keep the workers alive: once the [`Runtime`] is dropped,
/// tasks that are spawned are cancelled before they begin.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl Runtime {
    /// One worker for each processor, as [`Builder::new`] has it.
    ///
    /// # Errors
    /// As the system reports them.
    pub fn new() -> std::io::Result<Runtime> {
        Builder::new().build()
    }

    pub(crate) fn new_with(shared: Arc<Shared>, driver: Worker, current_thread: bool) -> Runtime {
        Runtime {
            handle: Handle { shared },
            drivers: Mutex::new(vec![driver]),
            current_thread,
            free: Condvar::new(),
            threads: Vec::new(),
            running: Arc::default(),
        }
    }

    pub(crate) fn add_thread(&mut self, thread: thread::JoinHandle<()>) {
        self.threads.push(thread);
    }

    /// For a thread to hold as long as it runs.
    pub(crate) fn ending(&self) -> Ending {
        *self.running.lock() += 1;
        Ending(Arc::clone(&self.running))
    }

    /// The handle to this runtime.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Runs `future` on this thread until it is done, and gives its output. Sockets and timers that it
    /// uses are driven by this thread; with no worker threads, so are all tasks.
    ///
    /// With no worker threads, one `block_on` runs at a time: another thread waits for the first to end.
    ///
    /// # Panics
    /// Within a runtime; when the future does; and when the system has no descriptors left for the event
    /// loop of a second `block_on` at the same time.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        current::with(|worker| assert!(worker.is_none(), "block_on was called within a runtime"));
        let driver = self.driver();
        current::enter(&driver, || driver.block_on(future))
    }

    fn driver(&self) -> Driver<'_> {
        let mut drivers = self.drivers();
        loop {
            let driver = drivers.pop().or_else(|| {
                let spare = || Worker::new(&self.handle.shared, None).expect("an event loop for block_on");
                (!self.current_thread).then(spare)
            });
            if driver.is_some() {
                return Driver { runtime: self, driver };
            }
            drivers = self.free.wait(drivers).unwrap_or_else(|e| e.into_inner());
        }
    }

    fn drivers(&self) -> MutexGuard<'_, Vec<Worker>> {
        self.drivers.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// As [`Handle::spawn`].
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        self.handle.spawn(future)
    }

    /// Ends the runtime like a drop, but waits for at most `timeout`. `false`: a task or blocking work
    /// was still at it; its thread goes on by itself and ends with it.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> bool {
        self.shut_down(Some(timeout))
    }

    fn shut_down(&mut self, timeout: Option<Duration>) -> bool {
        let shared = Arc::clone(&self.handle.shared);
        shared.shut_down();
        shared.blocking.close();
        let within = current::with(|w| w.is_some_and(|w| Arc::ptr_eq(&w.shared, &shared)));
        let timeout = if within { Some(Duration::ZERO) } else { timeout };
        let deadline = timeout.and_then(|t| Instant::now().checked_add(t));
        let drivers = std::mem::take(&mut *self.drivers());
        for driver in drivers {
            let in_runtime = current::with(|w| w.is_some());
            if in_runtime {
                driver.shut_down();
            } else {
                // So that what the futures drop finds its event loop.
                current::enter(&driver, || driver.shut_down());
            }
        }
        let mut all = self.running.wait(deadline);
        let threads = std::mem::take(&mut self.threads);
        if all {
            for thread in threads {
                let _ = thread.join();
            }
            // What was woken after its worker had gone was cancelled with it; only empty shells are left.
            while let Some(task) = shared.inject.pop() {
                drop(task);
            }
            for remote in &shared.remotes {
                while let Some(task) = remote.ring.pop() {
                    drop(task);
                }
                remote.inbox.drain(&crate::task::List::new());
            }
        }
        all &= shared.blocking.join(deadline);
        all
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // After `shutdown_timeout` there is nothing left to wait for.
        if !self.threads.is_empty() || !self.drivers().is_empty() {
            self.shut_down(None);
        }
    }
}

impl Handle {
    /// The runtime that the calling code runs in, if any.
    pub fn try_current() -> Option<Handle> {
        current::with(|worker| Some(Handle { shared: Arc::clone(&worker?.shared) }))
    }

    /// The runtime that the calling code runs in.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn current() -> Handle {
        Handle::try_current().expect("called within a runtime")
    }

    /// Runs `future` beside the caller, on any worker.
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        spawn_joined(&self.shared, ANY, future)
    }

    /// Runs `future` on the current worker, where it stays to its end: its wake-ups touch no shared
    /// memory, and its sockets stay with their event loop. Elsewhere, the workers get such tasks in turn.
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        spawn_joined(&self.shared, self.here(), future)
    }

    /// As [`spawn`](Handle::spawn) for a task that nobody waits for; slightly cheaper.
    pub fn spawn_detached(&self, future: impl Future<Output = ()> + Send + 'static) {
        spawn(&self.shared, ANY, future);
    }

    /// As [`spawn_local`](Handle::spawn_local) for a task that nobody waits for; slightly cheaper.
    pub fn spawn_local_detached(&self, future: impl Future<Output = ()> + Send + 'static) {
        spawn(&self.shared, self.here(), future);
    }

    /// Runs `make(n)` once on each worker `n`, pinned there.
    pub fn spawn_on_each<F>(&self, mut make: impl FnMut(usize) -> F) -> Vec<JoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        (0..self.workers()).map(|n| spawn_joined(&self.shared, n as u32, make(n))).collect()
    }

    /// How many workers there are; 1 if `block_on` is the only one.
    pub fn workers(&self) -> usize {
        self.shared.workers()
    }

    /// The number of the worker of this runtime that runs the calling code, if one does.
    pub fn worker(&self) -> Option<usize> {
        self.index().map(|n| n as usize)
    }

    /// The time: within the runtime, of the current turn of the event loop, which costs nothing.
    #[inline]
    pub fn now(&self) -> Instant {
        current::with(|w| w.map(Worker::now)).unwrap_or_else(Instant::now)
    }

    /// As [`sleep_until`].
    pub fn sleep_until(&self, deadline: Instant) -> Sleep {
        sleep_until(deadline)
    }

    /// Runs blocking work (files, name look-up, long computations) on a thread of its own kind.
    pub fn unblock<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Unblock<T> {
        self.shared.blocking.unblock(work)
    }

    fn index(&self) -> Option<u32> {
        current::with(|w| w.and_then(|w| w.index_in(&self.shared)))
    }

    fn here(&self) -> u32 {
        self.index().unwrap_or_else(|| self.shared.next_worker())
    }
}

/// An event loop on loan to a `block_on`.
struct Driver<'a> {
    runtime: &'a Runtime,
    driver: Option<Worker>,
}

impl Deref for Driver<'_> {
    type Target = Worker;

    fn deref(&self) -> &Worker {
        self.driver.as_ref().expect("given back last")
    }
}

impl Drop for Driver<'_> {
    fn drop(&mut self) {
        self.runtime.drivers().extend(self.driver.take());
        self.runtime.free.notify_one();
    }
}

/// The threads that have not ended.
#[derive(Default)]
struct Running {
    count: Mutex<usize>,
    ended: Condvar,
}

/// Held by a thread as long as it runs.
pub(crate) struct Ending(Arc<Running>);

impl Running {
    fn lock(&self) -> MutexGuard<'_, usize> {
        self.count.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Until all have ended, or `deadline`. `false`: not all have.
    fn wait(&self, deadline: Option<Instant>) -> bool {
        let mut count = self.lock();
        while *count > 0 {
            count = match deadline {
                None => self.ended.wait(count).unwrap_or_else(|e| e.into_inner()),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    self.ended.wait_timeout(count, left).unwrap_or_else(|e| e.into_inner()).0
                }
            };
        }
        true
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        *self.0.lock() -= 1;
        self.0.ended.notify_all();
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("threads", &self.threads.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("workers", &self.workers()).finish_non_exhaustive()
    }
}
