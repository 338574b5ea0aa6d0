//! The kernel: one file per interface, each with the same methods, and all of the runtime's unsafe code
//! that calls the system.
//!
//! A selector tells when sockets have become ready. Whatever the kernel offers, the reactor above sees
//! this:
//!
//! - `add(fd, token)` watches a socket in both directions. If it is ready already, that is reported too.
//! - `arm(fd, token, direction)` says that the direction was found not to be ready and somebody waits for
//!   it. Interfaces that report edges (epoll, kqueue with EV_CLEAR) do nothing here; the others (poll, AFD)
//!   report a direction only when it is armed, and then disarm it.
//! - `delete(fd, token)` ends the watch; `closing(fd, token)` does too, for a socket whose only descriptor
//!   is closed right afterwards, which is all that some interfaces need.
//! - `wait(events, timeout)` fills `events`; `wake()` ends a `wait` from another thread, or makes the
//!   next one return at once.
//!
//! `add`, `arm` and `wait` are called by the thread that owns the selector, the others by any.

#[cfg(target_os = "linux")]
mod affinity;
#[cfg(feature = "hyper")]
pub(crate) mod cursor;
pub(crate) mod descriptors;
#[cfg(target_os = "linux")]
mod epoll;
pub(crate) mod local;
mod poll;
pub(crate) mod signal;
pub(crate) mod socket;
mod wake;

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

#[cfg(target_os = "linux")]
pub(crate) use affinity::pin_to_core;

use crate::builder::Backend;

/// One of the two directions of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Reading and accepting.
    Read,
    /// Writing and connecting.
    Write,
}

/// What has become of a socket: any of the bits below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ready(pub(crate) u8);

impl Ready {
    pub(crate) const READ: u8 = 1;
    pub(crate) const WRITE: u8 = 2;
    /// The peer sends no more, or the connection is broken: read until that shows.
    pub(crate) const READ_END: u8 = 4;
}

/// The token of the wake-up call itself.
#[cfg(target_os = "linux")]
const WAKE: u64 = u64::MAX;

/// An interface to the kernel's notion of readiness.
pub(crate) enum Selector {
    #[cfg(target_os = "linux")]
    Epoll(epoll::Epoll),
    Poll(poll::Poll),
}

/// What a `wait` reports.
pub(crate) enum Events {
    #[cfg(target_os = "linux")]
    Epoll(epoll::Events),
    Poll(poll::Events),
}

impl Selector {
    pub(crate) fn new(backend: Backend) -> io::Result<Selector> {
        match backend {
            #[cfg(target_os = "linux")]
            Backend::Native => Ok(Selector::Epoll(epoll::Epoll::new()?)),
            #[cfg(not(target_os = "linux"))]
            Backend::Native => Ok(Selector::Poll(poll::Poll::new()?)),
            Backend::Poll => Ok(Selector::Poll(poll::Poll::new()?)),
        }
    }

    pub(crate) fn events(&self) -> Events {
        match self {
            #[cfg(target_os = "linux")]
            Selector::Epoll(_) => Events::Epoll(epoll::Events::new()),
            Selector::Poll(_) => Events::Poll(poll::Events::new()),
        }
    }

    pub(crate) fn add(&self, fd: RawFd, token: u64) -> io::Result<()> {
        match self {
            #[cfg(target_os = "linux")]
            Selector::Epoll(s) => s.add(fd, token),
            Selector::Poll(s) => s.add(fd, token),
        }
    }

    #[inline]
    pub(crate) fn arm(&self, token: u64, direction: Direction) {
        match self {
            #[cfg(target_os = "linux")]
            Selector::Epoll(_) => {}
            Selector::Poll(s) => s.arm(token, direction),
        }
    }

    pub(crate) fn delete(&self, fd: RawFd, token: u64) {
        match self {
            #[cfg(target_os = "linux")]
            Selector::Epoll(s) => s.delete(fd),
            Selector::Poll(s) => s.delete(fd, token),
        }
    }

    pub(crate) fn closing(&self, fd: RawFd, token: u64) {
        match self {
            #[cfg(target_os = "linux")]
            Selector::Epoll(_) => {}
            Selector::Poll(s) => s.delete(fd, token),
        }
    }

    pub(crate) fn wake(&self) {
        match self {
            #[cfg(target_os = "linux")]
            Selector::Epoll(s) => s.wake(),
            Selector::Poll(s) => s.wake(),
        }
    }

    /// Waits for events, at most `timeout` (rounded up to milliseconds; `None`: for ever).
    pub(crate) fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        match (self, events) {
            #[cfg(target_os = "linux")]
            (Selector::Epoll(s), Events::Epoll(events)) => s.wait(events, timeout),
            (Selector::Poll(s), Events::Poll(events)) => s.wait(events, timeout),
            #[cfg(target_os = "linux")]
            _ => unreachable!("events were made by their selector"),
        }
    }
}

impl Events {
    /// The number of events.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        match self {
            #[cfg(target_os = "linux")]
            Events::Epoll(events) => events.len(),
            Events::Poll(events) => events.len(),
        }
    }

    /// Token and readiness of an event; `None` for a wake-up call.
    #[inline]
    pub(crate) fn event(&self, i: usize) -> Option<(u64, Ready)> {
        match self {
            #[cfg(target_os = "linux")]
            Events::Epoll(events) => events.event(i),
            Events::Poll(events) => events.event(i),
        }
    }
}

/// For `epoll_wait` and `poll`.
fn milliseconds(timeout: Option<Duration>) -> libc::c_int {
    let Some(timeout) = timeout else { return -1 };
    let up = u128::from(timeout.subsec_nanos() % 1_000_000 != 0);
    libc::c_int::try_from(timeout.as_millis() + up).unwrap_or(libc::c_int::MAX)
}

/// The result of a system call that returns a non-negative number, or -1 with errno.
fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
