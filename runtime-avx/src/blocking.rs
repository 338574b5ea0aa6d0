//! Work that blocks: threads beside the workers, started when there is something to do.
//!
//! The pool is bounded. A thread that had nothing to do for a while ends; all are joined when the
//! runtime ends, and what has not begun by then never does.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

type Job = Box<dyn FnOnce() + Send>;

/// The threads of one runtime.
pub(crate) struct Pool {
    inner: Arc<Inner>,
}

struct Inner {
    state: Mutex<State>,
    /// Something to do, or the end.
    work: Condvar,
    /// A thread has ended.
    ended: Condvar,
    name: String,
    limit: usize,
    keep: Duration,
}

struct State {
    jobs: VecDeque<Job>,
    threads: Vec<thread::JoinHandle<()>>,
    running: usize,
    idle: usize,
    closed: bool,
}

impl Pool {
    pub(crate) fn new(name: String, limit: usize, keep: Duration) -> Pool {
        let state = State { jobs: VecDeque::new(), threads: Vec::new(), running: 0, idle: 0, closed: false };
        Pool {
            inner: Arc::new(Inner {
                state: Mutex::new(state),
                work: Condvar::new(),
                ended: Condvar::new(),
                name,
                limit: limit.max(1),
                keep,
            }),
        }
    }

    /// Runs `work` on one of the threads.
    pub(crate) fn unblock<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Unblock<T> {
        let cell = Arc::new(Cell { state: Mutex::new(Outcome::Waiting(None)) });
        let promise = Promise(Arc::clone(&cell));
        self.submit(Box::new(move || {
            let result = catch_unwind(AssertUnwindSafe(work));
            promise.keep(result);
        }));
        Unblock(cell)
    }

    fn submit(&self, job: Job) {
        let mut state = self.inner.lock();
        if state.closed {
            drop(state);
            drop(job);
            return;
        }
        state.jobs.push_back(job);
        if state.jobs.len() <= state.idle {
            self.inner.work.notify_one();
        } else if state.running < self.inner.limit {
            let inner = Arc::clone(&self.inner);
            let spawned = thread::Builder::new().name(self.inner.name.clone()).spawn(move || inner.run());
            match spawned {
                Ok(thread) => {
                    state.running += 1;
                    state.threads.retain(|t| !t.is_finished());
                    state.threads.push(thread);
                }
                // Those that run will come to it.
                Err(_) if state.running > 0 => {}
                Err(e) => {
                    let job = state.jobs.pop_back();
                    drop(state);
                    drop(job);
                    panic!("no thread for blocking work could be started: {e}");
                }
            }
        }
    }

    /// Takes no more work and forgets what has not begun.
    pub(crate) fn close(&self) {
        let jobs = {
            let mut state = self.inner.lock();
            state.closed = true;
            std::mem::take(&mut state.jobs)
        };
        self.inner.work.notify_all();
        drop(jobs);
    }

    /// Waits for the threads to end, until `deadline`. `false`: not all have.
    pub(crate) fn join(&self, deadline: Option<Instant>) -> bool {
        let mut state = self.inner.lock();
        while state.running > 0 {
            state = match deadline {
                None => self.inner.ended.wait(state).unwrap_or_else(|e| e.into_inner()),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    self.inner.ended.wait_timeout(state, left).unwrap_or_else(|e| e.into_inner()).0
                }
            };
        }
        let threads = std::mem::take(&mut state.threads);
        drop(state);
        for thread in threads {
            let _ = thread.join();
        }
        true
    }
}

impl Inner {
    fn run(&self) {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                drop(state);
                job();
                state = self.lock();
                continue;
            }
            if state.closed {
                break;
            }
            state.idle += 1;
            let (back, waited) = self.work.wait_timeout(state, self.keep).unwrap_or_else(|e| e.into_inner());
            state = back;
            state.idle -= 1;
            if waited.timed_out() && state.jobs.is_empty() {
                break;
            }
        }
        state.running -= 1;
        drop(state);
        self.ended.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// The outcome of blocking work. Dropping it does not stop the work.
///
/// # Panics
/// If the work panicked, awaiting it goes on with that panic; if the runtime ended before the work began,
/// it panics saying so.
pub struct Unblock<T>(Arc<Cell<T>>);

struct Cell<T> {
    state: Mutex<Outcome<T>>,
}

enum Outcome<T> {
    Waiting(Option<Waker>),
    Done(Result<T, Box<dyn Any + Send>>),
    /// The work was dropped before it began.
    Broken,
    Taken,
}

/// Fills the cell, one way or another.
struct Promise<T>(Arc<Cell<T>>);

impl<T> Promise<T> {
    fn keep(self, result: Result<T, Box<dyn Any + Send>>) {
        self.0.settle(Outcome::Done(result));
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        self.0.settle(Outcome::Broken);
    }
}

impl<T> Cell<T> {
    fn settle(&self, outcome: Outcome<T>) {
        let before = {
            let mut state = self.lock();
            match *state {
                Outcome::Waiting(_) => std::mem::replace(&mut *state, outcome),
                _ => return,
            }
        };
        if let Outcome::Waiting(Some(waker)) = before {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Outcome<T>> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl<T> Future for Unblock<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let fresh = cx.waker().clone();
        let mut state = self.0.lock();
        if let Outcome::Waiting(waker) = &mut *state {
            let old = waker.replace(fresh);
            drop(state);
            drop(old);
            return Poll::Pending;
        }
        let outcome = std::mem::replace(&mut *state, Outcome::Taken);
        drop(state);
        match outcome {
            Outcome::Done(Ok(output)) => Poll::Ready(output),
            Outcome::Done(Err(panic)) => resume_unwind(panic),
            Outcome::Broken => panic!("the runtime ended before the blocking work began"),
            _ => panic!("the outcome of blocking work was polled after it was given"),
        }
    }
}

impl<T> fmt::Debug for Unblock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unblock").finish_non_exhaustive()
    }
}
