//! A descriptor that is waited for without blocking.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::scheduler::{Freed, Remote, Worker, current};
use crate::slab::Key;
use crate::sys::{Direction, Ready};

/// A non-blocking descriptor with its registration: where it is registered, and as what.
pub(crate) struct Io<T: AsRawFd> {
    inner: Option<T>,
    registration: Option<Registration>,
    /// Directions that are known not to be ready while there is no registration.
    exhausted: u8,
    /// Reading has just given all there was, and its waker waits for more.
    drained: bool,
    /// Others may hold descriptors of the same socket, so that closing this one does not end the watch.
    duplicated: bool,
}

struct Registration {
    remote: Arc<Remote>,
    key: Key,
}

impl<T: AsRawFd> Io<T> {
    /// Wraps a non-blocking descriptor whose socket has no other.
    pub(crate) fn new(inner: T) -> Io<T> {
        Io::with(inner, false)
    }

    /// Wraps a non-blocking descriptor that may have been duplicated.
    pub(crate) fn duplicated(inner: T) -> Io<T> {
        Io::with(inner, true)
    }

    fn with(inner: T, duplicated: bool) -> Io<T> {
        Io { inner: Some(inner), registration: None, exhausted: 0, drained: false, duplicated }
    }

    /// Lets go of the descriptor, unwatched.
    pub(crate) fn into_inner(mut self) -> T {
        self.leave(true);
        self.inner.take().expect("the descriptor leaves once")
    }

    pub(crate) fn inner(&self) -> &T {
        self.inner.as_ref().expect("the descriptor leaves last")
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.inner().as_raw_fd()
    }

    /// Tries `call`, or waits until the direction may be ready. `exhausted` says of a result that it
    /// shows the direction to have given all it had.
    #[inline]
    pub(crate) fn poll_io<R>(
        &mut self,
        cx: &mut Context<'_>,
        direction: Direction,
        mut call: impl FnMut(&T) -> io::Result<R>,
        exhausted: impl FnOnce(&R) -> bool,
    ) -> Poll<io::Result<R>> {
        current::with(|worker| {
            let Some(worker) = worker else { return Poll::Ready(Err(outside())) };
            if !worker.spend() {
                // So many calls have succeeded in this poll: let others have a turn.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if direction == Direction::Read {
                self.drained = false;
            }
            match &self.registration {
                Some(r) if !worker.is(&r.remote) => self.leave(true),
                Some(r) if worker.reactor.ready_or_wait(r.key, direction, cx.waker()) => {}
                Some(r) => {
                    worker.remote.selector.arm(r.key.pack(), direction);
                    return Poll::Pending;
                }
                None if self.exhausted & direction.bit() != 0 => return self.wait(worker, direction, cx),
                None => {}
            }
            loop {
                match call(self.inner()) {
                    Ok(result) => {
                        if exhausted(&result) {
                            match &self.registration {
                                Some(r) if worker.reactor.exhausted(r.key, direction, cx.waker()) => {
                                    self.drained = true;
                                    worker.remote.selector.arm(r.key.pack(), direction);
                                }
                                Some(_) => {}
                                None => self.exhausted |= direction.bit(),
                            }
                        }
                        return Poll::Ready(Ok(result));
                    }
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                        match &self.registration {
                            Some(r) => worker.reactor.blocked(r.key, direction),
                            None => self.exhausted |= direction.bit(),
                        }
                        return self.wait(worker, direction, cx);
                    }
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) => return Poll::Ready(Err(e)),
                }
            }
        })
    }

    /// Whether the last read took all there was and its task is to be woken when there is more.
    #[inline]
    pub(crate) fn is_drained(&self) -> bool {
        self.drained
    }

    /// Marks a direction as not ready without a call: a connection that is under way.
    pub(crate) fn set_exhausted(&mut self, direction: Direction) {
        self.exhausted |= direction.bit();
    }

    /// Registers if need be, and leaves the waker.
    fn wait<R>(&mut self, worker: &Worker, direction: Direction, cx: &Context<'_>) -> Poll<io::Result<R>> {
        let key = match &self.registration {
            Some(r) => r.key,
            None => {
                // The kernel reports what became ready in between, too.
                let key = worker.reactor.insert((Ready::READ | Ready::WRITE) & !self.exhausted);
                if let Err(e) = worker.remote.selector.add(self.fd(), key.pack()) {
                    worker.reactor.remove(key);
                    return Poll::Ready(Err(e));
                }
                self.exhausted = 0;
                self.registration = Some(Registration { remote: Arc::clone(&worker.remote), key });
                key
            }
        };
        worker.reactor.wait(key, direction, cx.waker());
        worker.remote.selector.arm(key.pack(), direction);
        Poll::Pending
    }

    /// Ends the registration; with `open` the descriptor lives on.
    fn leave(&mut self, open: bool) {
        let Some(Registration { remote, key }) = self.registration.take() else { return };
        self.drained = false;
        if open || self.duplicated {
            remote.selector.delete(self.fd(), key.pack());
        } else {
            remote.selector.closing(self.fd(), key.pack());
        }
        current::with(|worker| match worker {
            Some(worker) if worker.is(&remote) => worker.reactor.remove(key),
            _ => remote.free(Freed::Source(key)),
        });
    }
}

impl<T: AsRawFd> Drop for Io<T> {
    fn drop(&mut self) {
        self.leave(false);
    }
}

#[cold]
fn outside() -> io::Error {
    io::Error::other("a socket of runtime-avx was used outside of a runtime")
}
