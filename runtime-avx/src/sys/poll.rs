#![allow(unsafe_code)]
//! poll(2): slower with each socket, but everywhere. The fallback for systems without an interface of
//! their own here, and a second implementation that keeps the seam honest.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use super::wake::Bell;
use super::{Direction, Ready, check, milliseconds};

pub(crate) struct Poll {
    watched: Mutex<Vec<Watched>>,
    bell: Bell,
}

struct Watched {
    fd: RawFd,
    token: u64,
    armed: libc::c_short,
}

pub(crate) struct Events {
    ready: Vec<(u64, Ready)>,
    /// For the kernel; kept for its memory.
    set: Vec<libc::pollfd>,
    tokens: Vec<u64>,
}

impl Poll {
    pub(crate) fn new() -> io::Result<Poll> {
        Ok(Poll { watched: Mutex::new(Vec::new()), bell: Bell::new()? })
    }

    pub(crate) fn add(&self, fd: RawFd, token: u64) -> io::Result<()> {
        // Like an edge-triggered interface, report once what is ready from the start.
        self.watched().push(Watched { fd, token, armed: libc::POLLIN | libc::POLLOUT });
        Ok(())
    }

    pub(crate) fn arm(&self, token: u64, direction: Direction) {
        if let Some(watched) = self.watched().iter_mut().find(|w| w.token == token) {
            watched.armed |= match direction {
                Direction::Read => libc::POLLIN,
                Direction::Write => libc::POLLOUT,
            };
        }
    }

    pub(crate) fn delete(&self, fd: RawFd, token: u64) {
        self.watched().retain(|w| w.token != token || w.fd != fd);
    }

    pub(crate) fn wake(&self) {
        self.bell.ring();
    }

    pub(crate) fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        let Events { ready, set, tokens } = events;
        ready.clear();
        set.clear();
        tokens.clear();
        set.push(libc::pollfd { fd: self.bell.as_raw_fd(), events: libc::POLLIN, revents: 0 });
        for watched in self.watched().iter().filter(|w| w.armed != 0) {
            set.push(libc::pollfd { fd: watched.fd, events: watched.armed, revents: 0 });
            tokens.push(watched.token);
        }
        // SAFETY: `set` points to `set.len()` entries that live through the call.
        let result = unsafe { libc::poll(set.as_mut_ptr(), set.len() as _, milliseconds(timeout)) };
        match check(result) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(e) => return Err(e),
            Ok(_) => {}
        }
        if set[0].revents != 0 {
            self.bell.silence();
        }
        let mut watched = self.watched();
        for (entry, &token) in set[1..].iter().zip(&*tokens).filter(|(e, _)| e.revents != 0) {
            // A socket that was closed by another thread meanwhile is gone from the list.
            let Some(watched) = watched.iter_mut().find(|w| w.token == token) else { continue };
            let mut bits = 0;
            if entry.revents & libc::POLLIN != 0 {
                bits |= Ready::READ;
            }
            if entry.revents & libc::POLLOUT != 0 {
                bits |= Ready::WRITE;
            }
            if entry.revents & (libc::POLLHUP | libc::POLLERR | libc::POLLNVAL) != 0 {
                bits |= Ready::READ | Ready::WRITE | Ready::READ_END;
                watched.armed = 0;
            }
            watched.armed &= !entry.revents;
            ready.push((token, Ready(bits)));
        }
        Ok(())
    }

    fn watched(&self) -> MutexGuard<'_, Vec<Watched>> {
        self.watched.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl Events {
    pub(crate) fn new() -> Events {
        Events { ready: Vec::new(), set: Vec::new(), tokens: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.ready.len()
    }

    pub(crate) fn event(&self, i: usize) -> Option<(u64, Ready)> {
        Some(self.ready[i])
    }
}
