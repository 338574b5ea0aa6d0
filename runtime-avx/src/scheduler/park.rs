//! What other threads see of an event loop, and how they end its sleep.
//!
//! ```text
//!   worker: parked = ASLEEP          other thread: push the task
//!           look for work once more                parked == ASLEEP? -> AWAKE, ring
//!           wait in the kernel
//! ```
//!
//! Both sides write first and look then, in one total order (`SeqCst`), so at least one of them sees the
//! other: a wake is never lost, and the kernel is only called for a worker that sleeps, once.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{
    AtomicBool, AtomicU8,
    Ordering::{AcqRel, Relaxed, SeqCst},
};

use super::place::Place;
use super::queue::Ring;
use crate::builder::Backend;
use crate::slab::Key;
use crate::sys::Selector;
use crate::task::Inbox;
use crate::task::waker::Unpark;

/// An event loop, seen from outside.
pub(crate) struct Remote {
    pub(crate) selector: Selector,
    pub(crate) inbox: Inbox<Place>,
    pub(crate) ring: Ring<Place>,
    parked: AtomicU8,
    freed: Mutex<Vec<Freed>>,
    any_freed: AtomicBool,
}

/// Something that other threads let go of.
pub(crate) enum Freed {
    /// A source of the reactor.
    Source(Key),
    /// A timer of the wheel.
    Timer(Key),
}

const AWAKE: u8 = 0;
const ASLEEP: u8 = 1;
/// Woken to look for work of others.
const CALLED: u8 = 2;

impl Remote {
    pub(crate) fn new(backend: Backend) -> io::Result<Remote> {
        Ok(Remote {
            selector: Selector::new(backend)?,
            inbox: Inbox::new(),
            ring: Ring::new(),
            parked: AtomicU8::new(AWAKE),
            freed: Mutex::new(Vec::new()),
            any_freed: AtomicBool::new(false),
        })
    }

    /// Leaves something for its owner to free, in its own time.
    pub(crate) fn free(&self, what: Freed) {
        self.freed.lock().unwrap_or_else(|e| e.into_inner()).push(what);
        self.any_freed.store(true, SeqCst);
    }

    /// Takes what others left.
    #[inline]
    pub(super) fn take_freed(&self) -> Vec<Freed> {
        if !self.any_freed.load(Relaxed) {
            return Vec::new();
        }
        let mut freed = self.freed.lock().unwrap_or_else(|e| e.into_inner());
        self.any_freed.store(false, SeqCst);
        std::mem::take(&mut freed)
    }

    /// The worker is about to sleep; it must look for work once more now.
    pub(super) fn fall_asleep(&self) {
        self.parked.store(ASLEEP, SeqCst);
    }

    /// The worker is up. `true`: it was called to look for work of others.
    pub(super) fn get_up(&self) -> bool {
        self.parked.swap(AWAKE, AcqRel) == CALLED
    }

    pub(super) fn is_asleep(&self) -> bool {
        self.parked.load(SeqCst) == ASLEEP
    }

    /// Wakes the worker if it sleeps, to look for work of others. `false`: it does not sleep.
    pub(super) fn call(&self) -> bool {
        self.rouse(CALLED)
    }

    fn rouse(&self, to: u8) -> bool {
        let asleep = self.is_asleep() && self.parked.compare_exchange(ASLEEP, to, SeqCst, SeqCst).is_ok();
        if asleep {
            self.selector.wake();
        }
        asleep
    }
}

impl Unpark for Remote {
    fn unpark(&self) {
        self.rouse(AWAKE);
    }
}
