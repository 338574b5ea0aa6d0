//! What the workers of a runtime have in common.

use std::sync::atomic::{
    AtomicBool, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use super::inject::Inject;
use super::park::Remote;
use super::place::Place;
use crate::blocking::Pool;
use crate::builder::Backend;
use crate::slab::Slab;
use crate::task::TaskRef;
use crate::task::waker::Unpark;

/// A runtime, as its handles and tasks hold it.
pub(crate) struct Shared {
    pub(crate) remotes: Box<[Arc<Remote>]>,
    pub(crate) inject: Inject<Place>,
    pub(crate) blocking: Pool,
    pub(crate) backend: Backend,
    /// The tick 0 of all timer wheels.
    pub(crate) origin: Instant,
    tasks: Box<[Tasks]>,
    /// Workers that sleep or are about to.
    idle: AtomicUsize,
    /// A worker was called to look for work and has not begun to: no need to call another.
    calling: AtomicBool,
    shutdown: AtomicBool,
    next: AtomicUsize,
}

/// The tasks that one worker has to cancel in the end.
pub(crate) struct Tasks(Mutex<Listed>);

struct Listed {
    tasks: Slab<Option<TaskRef<Place>>>,
    closed: bool,
}

impl Shared {
    pub(crate) fn new(remotes: Box<[Arc<Remote>]>, blocking: Pool, backend: Backend) -> Shared {
        let list = || Tasks(Mutex::new(Listed { tasks: Slab::new(), closed: false }));
        Shared {
            tasks: remotes.iter().map(|_| list()).collect(),
            remotes,
            inject: Inject::new(),
            blocking,
            backend,
            origin: Instant::now(),
            idle: AtomicUsize::new(0),
            calling: AtomicBool::new(false),
            shutdown: AtomicBool::new(false),
            next: AtomicUsize::new(0),
        }
    }

    pub(crate) fn workers(&self) -> usize {
        self.remotes.len()
    }

    pub(crate) fn tasks(&self, worker: u32) -> &Tasks {
        &self.tasks[worker as usize]
    }

    /// Workers in turn.
    pub(crate) fn next_worker(&self) -> u32 {
        (self.next.fetch_add(1, Relaxed) % self.remotes.len()) as u32
    }

    #[inline]
    pub(crate) fn is_shutdown(&self) -> bool {
        self.shutdown.load(SeqCst)
    }

    /// Tells all workers to end.
    pub(crate) fn shut_down(&self) {
        self.shutdown.store(true, SeqCst);
        for remote in &self.remotes {
            remote.unpark();
        }
    }

    /// Whether there are tasks that any worker could run.
    pub(crate) fn has_common_work(&self) -> bool {
        !self.inject.is_empty() || self.remotes.iter().any(|r| r.ring.len() > 0)
    }

    /// A task that any worker could run was pushed: wakes one that sleeps, unless one is on its way.
    pub(crate) fn call_one(&self) {
        if let [only] = &*self.remotes {
            return only.unpark();
        }
        loop {
            if self.idle.load(SeqCst) == 0 || self.calling.swap(true, SeqCst) {
                return;
            }
            let first = self.next.fetch_add(1, Relaxed);
            let n = self.remotes.len();
            if (0..n).any(|i| self.remotes[(first + i) % n].call()) {
                return;
            }
            self.calling.store(false, SeqCst);
            // Others may have relied on this call, and a worker fallen asleep behind our back.
            if !(self.has_common_work() && self.remotes.iter().any(|r| r.is_asleep())) {
                return;
            }
        }
    }

    /// A worker is about to sleep.
    pub(super) fn enter_idle(&self) {
        self.idle.fetch_add(1, SeqCst);
    }

    /// It is up.
    pub(super) fn leave_idle(&self, called: bool) {
        self.idle.fetch_sub(1, SeqCst);
        if called {
            self.calling.store(false, SeqCst);
        }
    }

    /// Ticks are milliseconds. A time, rounded down.
    #[inline]
    pub(crate) fn tick(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.origin);
        since.as_secs() * 1000 + u64::from(since.subsec_millis())
    }

    /// A deadline, rounded up: it has passed when its tick is there.
    #[inline]
    pub(crate) fn tick_after(&self, deadline: Instant) -> u64 {
        let since = deadline.saturating_duration_since(self.origin);
        since
            .as_secs()
            .saturating_mul(1000)
            .saturating_add(u64::from(since.subsec_nanos().div_ceil(1_000_000)))
    }
}

impl Tasks {
    /// `None`: the list is closed.
    pub(super) fn insert(&self, task: TaskRef<Place>) -> Option<u32> {
        let mut listed = self.lock();
        if listed.closed {
            drop(listed);
            return None;
        }
        Some(listed.tasks.insert(Some(task)).index)
    }

    pub(super) fn remove(&self, number: u32) -> Option<TaskRef<Place>> {
        let mut listed = self.lock();
        let key = listed.tasks.key_at(number)?;
        listed.tasks.remove(key).flatten()
    }

    /// Takes no more tasks, and gives those that there are.
    pub(super) fn close(&self) -> Vec<TaskRef<Place>> {
        let mut tasks = {
            let mut listed = self.lock();
            listed.closed = true;
            std::mem::replace(&mut listed.tasks, Slab::new())
        };
        (0..tasks.bound()).filter_map(|i| tasks.key_at(i).and_then(|key| tasks.remove(key)?)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Listed> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }
}
