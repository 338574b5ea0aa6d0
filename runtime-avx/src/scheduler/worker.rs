//! A worker: the event loop that runs tasks, waits for sockets and fires timers.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::park::{Freed, Remote};
use super::place::Place;
use super::shared::Shared;
use crate::reactor::Reactor;
use crate::slab::Key;
use crate::sys::Events;
use crate::task::waker::Root;
use crate::task::{List, Runnable};
use crate::timer::Wheel;

/// So many tasks run before the kernel is asked for events again, although there are more.
const TASKS_PER_TURN: u32 = 128;
/// So many tasks run before the root future of a `block_on` is polled, if it was woken.
const TASKS_PER_ROOT: u32 = 16;
/// So many tasks, and inbox and common queue are looked at, although there are others.
const INBOX_EVERY: u32 = 64;
/// One in so many tasks is taken from the ring first, although there are pinned ones.
const RING_EVERY: u32 = 4;
/// So many socket calls may succeed in one poll of a task.
const BUDGET: u32 = 128;
/// Within this time of a timer the clock is read anew before the worker sleeps.
const NEAR: u64 = 1000;

/// An event loop, confined to the thread that has it.
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) remote: Arc<Remote>,
    pub(crate) reactor: Reactor,
    pub(crate) timers: RefCell<Wheel>,
    /// `None`: it only drives a `block_on`, and runs no tasks.
    pub(super) index: Option<u32>,
    local: List<Place>,
    now: Cell<Instant>,
    /// `now` in ticks of the timer wheel.
    now_tick: Cell<u64>,
    /// The deadline that was converted last, with its tick: timeouts of one turn are mostly the same.
    converted: Cell<(Instant, u64)>,
    budget: Cell<u32>,
    tick: Cell<u32>,
    /// Polls since the kernel was last asked for events.
    since_kernel: Cell<u32>,
    /// A task is being polled.
    polling: Cell<bool>,
    events: RefCell<Events>,
}

impl Worker {
    /// The worker of that number, or one that only drives a `block_on`.
    pub(crate) fn new(shared: &Arc<Shared>, index: Option<u32>) -> io::Result<Worker> {
        let remote = match index {
            Some(index) => Arc::clone(&shared.remotes[index as usize]),
            None => Arc::new(Remote::new(shared.backend)?),
        };
        Ok(Worker {
            shared: Arc::clone(shared),
            events: RefCell::new(remote.selector.events()),
            remote,
            reactor: Reactor::new(),
            timers: RefCell::new(Wheel::new()),
            index,
            local: List::new(),
            now: Cell::new(shared.origin),
            now_tick: Cell::new(0),
            converted: Cell::new((shared.origin, 0)),
            budget: Cell::new(BUDGET),
            tick: Cell::new(0),
            since_kernel: Cell::new(0),
            polling: Cell::new(false),
        })
    }

    /// Runs tasks until the runtime is shut down.
    pub(crate) fn run(&self) {
        self.refresh();
        while !self.shared.is_shutdown() {
            self.turn(None);
        }
    }

    /// Runs `future` to its end, and tasks beside it.
    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        let root = Root::new(Arc::clone(&self.remote));
        let waker = root.waker();
        let mut cx = Context::from_waker(&waker);
        self.refresh();
        loop {
            if root.take() {
                self.budget.set(BUDGET);
                self.since_kernel.set(self.since_kernel.get() + 1);
                if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                    return output;
                }
            }
            self.turn(Some(&root));
        }
    }

    /// Cancels all tasks that this worker lists or has queued. Their futures are dropped here.
    pub(crate) fn shut_down(&self) {
        let Some(index) = self.index else { return };
        for task in self.shared.tasks(index).close() {
            task.cancel_now();
        }
        loop {
            self.remote.inbox.drain(&self.local);
            match self.local.pop().or_else(|| self.remote.ring.pop()) {
                Some(task) => drop(task),
                None => break,
            }
        }
    }

    /// Whether this is the event loop behind `remote`.
    #[inline]
    pub(crate) fn is(&self, remote: &Arc<Remote>) -> bool {
        Arc::ptr_eq(&self.remote, remote)
    }

    /// The time of this turn.
    #[inline]
    pub(crate) fn now(&self) -> Instant {
        self.now.get()
    }

    /// A deadline in ticks, rounded up.
    #[inline]
    pub(crate) fn tick_after(&self, deadline: Instant) -> u64 {
        let (last, tick) = self.converted.get();
        if last == deadline {
            return tick;
        }
        let tick = self.shared.tick_after(deadline);
        self.converted.set((deadline, tick));
        tick
    }

    /// One of the calls that a poll may make. `false`: it has had its share.
    #[inline]
    pub(crate) fn spend(&self) -> bool {
        let left = self.budget.get();
        self.budget.set(left.saturating_sub(1));
        left != 0
    }

    /// Queues a task that is pinned here.
    #[inline]
    pub(super) fn push_local(&self, task: Runnable<Place>) {
        self.local.push(task);
    }

    /// Queues a task that may run anywhere, and calls for help if it would have to wait.
    pub(super) fn push_ring(&self, task: Runnable<Place>) {
        if let Err(task) = self.remote.ring.push(task) {
            self.shared.inject.push(task);
        }
        if self.shared.workers() > 1 && (self.polling.get() || self.remote.ring.len() > 1) {
            // The ring's tail was written before the idle workers are counted.
            std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
            self.shared.call_one();
        }
    }

    /// Runs what is queued, then asks the kernel for more, and waits if there is nothing else to do. A
    /// root future that was woken gets its turn after a few tasks.
    fn turn(&self, root: Option<&Arc<Root<Remote>>>) {
        let mut ran = 0;
        let idle = loop {
            if self.since_kernel.get() >= TASKS_PER_TURN {
                break false;
            }
            if ran == TASKS_PER_ROOT && root.is_some_and(|r| r.is_woken()) {
                return;
            }
            let Some(task) = self.next_task() else { break true };
            self.polling.set(true);
            self.budget.set(BUDGET);
            task.run();
            self.polling.set(false);
            self.since_kernel.set(self.since_kernel.get() + 1);
            ran += 1;
        };
        match idle {
            true if root.is_some_and(|r| r.is_woken()) => return,
            true => self.sleep(root),
            false => self.wait(Some(Duration::ZERO)),
        }
        self.fire_timers();
        self.free();
        self.remote.inbox.drain(&self.local);
    }

    #[inline]
    fn next_task(&self) -> Option<Runnable<Place>> {
        let tick = self.tick.get().wrapping_add(1);
        self.tick.set(tick);
        if tick % RING_EVERY == 0 {
            if tick % INBOX_EVERY == 0 {
                self.remote.inbox.drain(&self.local);
                if let Some(task) = self.injected() {
                    return Some(task);
                }
            }
            if let Some(task) = self.remote.ring.pop() {
                return Some(task);
            }
        }
        if let Some(task) = self.local.pop() {
            return Some(task);
        }
        self.remote.inbox.drain(&self.local);
        self.local
            .pop()
            .or_else(|| self.remote.ring.pop())
            .or_else(|| self.injected())
            .or_else(|| self.steal())
    }

    fn injected(&self) -> Option<Runnable<Place>> {
        self.index?;
        self.shared.inject.pop()
    }

    /// Takes one half of another worker's ring.
    fn steal(&self) -> Option<Runnable<Place>> {
        let index = self.index? as usize;
        let n = self.shared.workers();
        let task = (1..n).find_map(|i| {
            let victim = &self.shared.remotes[(index + i) % n];
            victim.ring.steal(&self.remote.ring, |task| self.shared.inject.push(task))
        })?;
        if self.shared.has_common_work() {
            self.shared.call_one();
        }
        Some(task)
    }

    /// Waits for an event, a timer or another thread.
    fn sleep(&self, root: Option<&Arc<Root<Remote>>>) {
        let timeout = self.timeout();
        let several = self.index.is_some() && self.shared.workers() > 1;
        self.remote.fall_asleep();
        if several {
            self.shared.enter_idle();
        }
        let work = !self.remote.inbox.is_empty()
            || root.is_some_and(|r| r.is_woken())
            || self.index.is_some() && (self.shared.is_shutdown() || self.shared.has_common_work());
        self.wait(if work { Some(Duration::ZERO) } else { timeout });
        let called = self.remote.get_up();
        if several {
            self.shared.leave_idle(called);
            if called && !self.local.is_empty() && self.shared.has_common_work() {
                // There is enough to do here: somebody else look after it.
                self.shared.call_one();
            }
        }
    }

    /// How long to sleep for the timers' sake.
    fn timeout(&self) -> Option<Duration> {
        let next = self.timers.borrow().next_expiry()?;
        let left = next.saturating_sub(self.now_tick.get());
        if left > NEAR {
            // The time is that of the last turn, which is good enough to sleep half of the way by.
            return Some(Duration::from_millis(left / 2));
        }
        self.refresh();
        Some(Duration::from_millis(next.saturating_sub(self.now_tick.get())))
    }

    /// Asks the kernel for events and wakes those who wait for them.
    fn wait(&self, timeout: Option<Duration>) {
        let mut events = self.events.borrow_mut();
        if let Err(e) = self.remote.selector.wait(&mut events, timeout) {
            // A descriptor or a buffer of ours is broken; there is no way on.
            panic!("waiting for events failed: {e}");
        }
        self.since_kernel.set(0);
        self.refresh();
        for i in 0..events.len() {
            if let Some((token, ready)) = events.event(i) {
                self.reactor.dispatch(Key::unpack(token), ready);
            }
        }
    }

    fn fire_timers(&self) {
        let now = self.now_tick.get();
        loop {
            let waker = self.timers.borrow_mut().expire(now);
            let Some(waker) = waker else { break };
            waker.wake();
        }
    }

    /// Frees what other threads let go of.
    #[inline]
    fn free(&self) {
        for freed in self.remote.take_freed() {
            match freed {
                Freed::Source(key) => self.reactor.remove(key),
                Freed::Timer(key) => {
                    let waker = self.timers.borrow_mut().cancel(key);
                    drop(waker);
                }
            }
        }
    }

    fn refresh(&self) {
        let now = Instant::now();
        self.now.set(now);
        self.now_tick.set(self.shared.tick(now));
    }
}
