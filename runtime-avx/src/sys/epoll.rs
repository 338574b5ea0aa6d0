#![allow(unsafe_code)]
//! epoll(7), edge-triggered: a socket is added once, for both directions, and never touched again.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use super::wake::Bell;
use super::{Ready, WAKE, check, milliseconds};

/// Events of one system call.
const BATCH: usize = 256;

pub(crate) struct Epoll {
    epoll: OwnedFd,
    /// Watched for edges: never read, each ring is one.
    bell: Bell,
}

pub(crate) struct Events {
    batch: Box<[libc::epoll_event; BATCH]>,
    len: usize,
}

impl Epoll {
    pub(crate) fn new() -> io::Result<Epoll> {
        // SAFETY: no pointers; the result is checked, and a new descriptor that nobody else owns.
        let epoll = unsafe { OwnedFd::from_raw_fd(check(libc::epoll_create1(libc::EPOLL_CLOEXEC))?) };
        let selector = Epoll { epoll, bell: Bell::new()? };
        selector.control(
            libc::EPOLL_CTL_ADD,
            selector.bell.as_raw_fd(),
            libc::EPOLLIN | libc::EPOLLET,
            WAKE,
        )?;
        Ok(selector)
    }

    pub(crate) fn add(&self, fd: RawFd, token: u64) -> io::Result<()> {
        let both = libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLET;
        self.control(libc::EPOLL_CTL_ADD, fd, both, token)
    }

    pub(crate) fn delete(&self, fd: RawFd) {
        // Fails if the socket is not there, which is as well.
        let _ = self.control(libc::EPOLL_CTL_DEL, fd, 0, 0);
    }

    pub(crate) fn wake(&self) {
        self.bell.ring();
    }

    pub(crate) fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        events.len = 0;
        let (fd, batch) = (self.epoll.as_raw_fd(), events.batch.as_mut_ptr());
        // SAFETY: `batch` points to `BATCH` events, of which the kernel fills as many as it returns. The
        // raw call, as `epoll_wait` of the C library is a cancellation point, which costs.
        let result = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait,
                fd,
                batch,
                BATCH as libc::c_int,
                milliseconds(timeout),
                std::ptr::null::<libc::sigset_t>(),
                8usize,
            )
        };
        match result {
            -1 => match io::Error::last_os_error() {
                e if e.kind() == io::ErrorKind::Interrupted => Ok(()),
                e => Err(e),
            },
            n => {
                events.len = n as usize;
                Ok(())
            }
        }
    }

    fn control(&self, what: libc::c_int, fd: RawFd, events: libc::c_int, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: events as u32, u64: token };
        // SAFETY: `event` lives through the call; descriptors may be any number.
        check(unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), what, fd, &mut event) }).map(drop)
    }
}

impl Events {
    pub(crate) fn new() -> Events {
        Events { batch: Box::new([libc::epoll_event { events: 0, u64: 0 }; BATCH]), len: 0 }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn event(&self, i: usize) -> Option<(u64, Ready)> {
        let libc::epoll_event { events, u64: token } = self.batch[i];
        if token == WAKE {
            return None;
        }
        let has = |bits: libc::c_int| events & bits as u32 != 0;
        let mut ready = 0;
        if has(libc::EPOLLIN | libc::EPOLLPRI) {
            ready |= Ready::READ;
        }
        if has(libc::EPOLLOUT) {
            ready |= Ready::WRITE;
        }
        if has(libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR) {
            ready |= Ready::READ | Ready::READ_END;
            // A socket shut down by the peer alone may not be writable now.
            if has(libc::EPOLLHUP | libc::EPOLLERR) {
                ready |= Ready::WRITE;
            }
        }
        Some((token, Ready(ready)))
    }
}
