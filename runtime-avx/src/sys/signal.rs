#![allow(unsafe_code)]
//! Signals as bells: a handler that rings the bell of everybody who waits for the signal.
//!
//! The handler is installed with the first listener for a signal and the previous action comes back with
//! the end of the last, so that a program that no longer waits for SIGINT can be interrupted again.
//!
//! Signals belong to the process, hence the tables here are the one thing that runtimes share.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{
    AtomicI32, AtomicUsize,
    Ordering::{Acquire, Relaxed, SeqCst},
};
use std::sync::{Mutex, MutexGuard};

use super::check;
use super::wake::{Bell, ring};

/// The most listeners at a time, in the whole process.
const LISTENERS: usize = 64;

/// What the handler reads: the signal and the descriptor to ring; a signal of 0 is a free entry.
static TABLE: [Entry; LISTENERS] =
    [const { Entry { signal: AtomicI32::new(0), bell: AtomicI32::new(-1) } }; LISTENERS];
/// Handlers that are running. A bell is only closed when none is that could have seen it.
static RUNNING: AtomicUsize = AtomicUsize::new(0);
/// Listeners and previous action of each signal that has listeners.
static ACTIONS: Mutex<Vec<Action>> = Mutex::new(Vec::new());

struct Entry {
    signal: AtomicI32,
    bell: AtomicI32,
}

struct Action {
    signal: libc::c_int,
    listeners: usize,
    previous: libc::sigaction,
}

// SAFETY: plain data (the handler in it is a number).
unsafe impl Send for Action {}

/// A bell that rings when the signal is delivered.
pub(crate) struct Listener {
    bell: Bell,
    entry: usize,
}

impl Listener {
    pub(crate) fn new(signal: libc::c_int) -> io::Result<Listener> {
        let bell = Bell::new()?;
        let mut actions = actions();
        let entry = TABLE.iter().position(|e| e.signal.load(Relaxed) == 0);
        let entry = entry.ok_or_else(|| io::Error::other("too many listeners for signals"))?;
        TABLE[entry].bell.store(bell.sender(), SeqCst);
        TABLE[entry].signal.store(signal, SeqCst);
        let listener = Listener { bell, entry };
        if let Some(action) = actions.iter_mut().find(|a| a.signal == signal) {
            action.listeners += 1;
            return Ok(listener);
        }
        match install(signal) {
            Ok(previous) => actions.push(Action { signal, listeners: 1, previous }),
            Err(e) => {
                // Nobody listens, so dropping the listener has no action to restore.
                TABLE[entry].signal.store(0, SeqCst);
                drop(actions);
                return Err(e);
            }
        }
        Ok(listener)
    }

    /// Whether the signal was delivered since the last call.
    pub(crate) fn take(&self) -> bool {
        self.bell.silence()
    }
}

impl AsRawFd for Listener {
    fn as_raw_fd(&self) -> RawFd {
        self.bell.as_raw_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut actions = actions();
        let signal = TABLE[self.entry].signal.swap(0, SeqCst);
        if let Some(i) = actions.iter().position(|a| a.signal == signal) {
            actions[i].listeners -= 1;
            if actions[i].listeners == 0 {
                let action = actions.swap_remove(i);
                // SAFETY: gives back what `install` was given by the kernel.
                unsafe { libc::sigaction(signal, &action.previous, std::ptr::null_mut()) };
            }
        }
        drop(actions);
        // A handler that began before the entry was cleared may be about to ring. It is on another thread
        // (on this one it would have to end first), and does a handful of instructions.
        while RUNNING.load(SeqCst) != 0 {
            std::thread::yield_now();
        }
    }
}

fn actions() -> MutexGuard<'static, Vec<Action>> {
    ACTIONS.lock().unwrap_or_else(|e| e.into_inner())
}

fn install(signal: libc::c_int) -> io::Result<libc::sigaction> {
    // SAFETY: all zeros is an action with an empty mask; the handler does only what handlers may.
    unsafe {
        let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
        let mut previous: libc::sigaction = MaybeUninit::zeroed().assume_init();
        action.sa_sigaction = handle as extern "C" fn(libc::c_int) as usize;
        action.sa_flags = libc::SA_RESTART;
        check(libc::sigaction(signal, &action, &mut previous))?;
        Ok(previous)
    }
}

/// Async-signal-safe: atomics and write(2), errno as it was.
extern "C" fn handle(signal: libc::c_int) {
    RUNNING.fetch_add(1, SeqCst);
    let errno = errno();
    for entry in &TABLE {
        if entry.signal.load(SeqCst) == signal {
            ring(entry.bell.load(Acquire));
        }
    }
    set_errno(errno);
    RUNNING.fetch_sub(1, SeqCst);
}

fn errno() -> libc::c_int {
    // SAFETY: the thread's own errno.
    unsafe { *errno_location() }
}

fn set_errno(errno: libc::c_int) {
    // SAFETY: the thread's own errno.
    unsafe { *errno_location() = errno }
}

#[cfg(target_os = "linux")]
use libc::__errno_location as errno_location;

#[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
use libc::__errno as errno_location;

#[cfg(any(target_vendor = "apple", target_os = "freebsd", target_os = "dragonfly"))]
use libc::__error as errno_location;

#[cfg(any(target_os = "illumos", target_os = "solaris"))]
use libc::___errno as errno_location;
