//! Waiting for a deadline.

use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::scheduler::{Freed, Remote, Worker, current};
use crate::slab::Key;

/// Completes `duration` from now.
pub fn sleep(duration: Duration) -> Sleep {
    let now = Instant::now();
    // So far on that there is no such time: in a century.
    sleep_until(now.checked_add(duration).unwrap_or(now + Duration::from_secs(100 * 365 * 86400)))
}

/// Completes at `deadline`.
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep { deadline, timer: None }
}

/// Runs `future` for at most `duration`.
///
/// # Errors
/// [`Elapsed`], and the future is dropped. It is polled first, so one that is ready is never late.
pub async fn timeout<F: Future>(duration: Duration, future: F) -> Result<F::Output, Elapsed> {
    within(sleep(duration), future).await
}

/// Runs `future` until `deadline` at the latest.
///
/// # Errors
/// As [`timeout`].
pub async fn timeout_at<F: Future>(deadline: Instant, future: F) -> Result<F::Output, Elapsed> {
    within(sleep_until(deadline), future).await
}

async fn within<F: Future>(mut sleep: Sleep, future: F) -> Result<F::Output, Elapsed> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Ok(output)),
        Poll::Pending => Pin::new(&mut sleep).poll(cx).map(|()| Err(Elapsed(()))),
    })
    .await
}

/// A timer that completes at its deadline and can be moved, also after it has completed.
///
/// It costs 32 bytes, and from its first poll on 56 more in the timer wheel of its worker. Moving it to a
/// later deadline is nearly free, which suits timeouts that seldom come true. It never completes early,
/// and at an idle worker up to a millisecond late.
///
/// # Panics
/// Polling panics outside of a runtime: there is nothing that could wake it.
pub struct Sleep {
    deadline: Instant,
    timer: Option<Timer>,
}

/// An entry of the wheel that belongs to `remote`.
struct Timer {
    remote: Arc<Remote>,
    key: Key,
}

impl Sleep {
    /// When it completes.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether the deadline has passed.
    pub fn is_elapsed(&self) -> bool {
        let now = current::with(|w| w.map(Worker::now));
        now.unwrap_or_else(Instant::now) >= self.deadline
    }

    /// Moves it to `deadline`, also after it has completed. A task that waits for it and calls this is
    /// woken for the new deadline without polling again; after completion, or from elsewhere, poll.
    #[inline]
    pub fn reset(&mut self, deadline: Instant) {
        self.deadline = deadline;
        let Some(timer) = &self.timer else { return };
        let here = current::with(|worker| {
            let Some(worker) = worker.filter(|w| w.is(&timer.remote)) else { return false };
            let tick = worker.tick_after(deadline);
            worker.timers.borrow_mut().reset(timer.key, tick);
            true
        });
        if !here {
            self.leave();
        }
    }

    fn leave(&mut self) {
        let Some(Timer { remote, key }) = self.timer.take() else { return };
        current::with(|worker| match worker {
            Some(worker) if worker.is(&remote) => {
                let waker = worker.timers.borrow_mut().cancel(key);
                drop(waker);
            }
            _ => remote.free(Freed::Timer(key)),
        });
    }
}

impl Future for Sleep {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        current::with(|worker| {
            let worker = worker.expect("a timer of runtime-avx was polled outside of a runtime");
            if worker.now() >= this.deadline {
                return Poll::Ready(());
            }
            if let Some(timer) = this.timer.as_ref().filter(|t| worker.is(&t.remote)) {
                if worker.timers.borrow_mut().awaited_by(timer.key, cx.waker()) {
                    return Poll::Pending;
                }
            }
            this.wait(worker, cx);
            Poll::Pending
        })
    }
}

impl Sleep {
    /// Leaves another waker, or a timer with the wheel of another worker.
    fn wait(&mut self, worker: &Worker, cx: &Context<'_>) {
        let waker = cx.waker().clone();
        let tick = worker.tick_after(self.deadline);
        match &self.timer {
            Some(timer) if worker.is(&timer.remote) => {
                let old = {
                    let mut timers = worker.timers.borrow_mut();
                    timers.reset(timer.key, tick);
                    timers.set_waker(timer.key, waker)
                };
                drop(old);
            }
            _ => {
                self.leave();
                let key = worker.timers.borrow_mut().insert(tick, waker);
                self.timer = Some(Timer { remote: Arc::clone(&worker.remote), key });
            }
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("deadline", &self.deadline).finish()
    }
}

/// The time was up before the future was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed(());

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time was up")
    }
}

impl Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(e: Elapsed) -> io::Error {
        io::Error::new(io::ErrorKind::TimedOut, e)
    }
}
