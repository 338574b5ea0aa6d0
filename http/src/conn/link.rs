//! A transport with its session and its timer.

use crate::clock::Epoch;
use crate::rt::{Runtime, Sleep, Stream};
use avx_core::{Instant, Machine, Scratch, Session};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

/// How much before its deadline a timer may fire and still count, nanoseconds.
const EARLY: u64 = 2_000_000;
const NEVER: Instant = Instant::from_nanos(u64::MAX);

pub(crate) struct Link<IO, M, S> {
    pub(crate) io: IO,
    pub(crate) session: Session<M>,
    timer: Option<S>,
    /// When the timer fires.
    fires: Instant,
    /// The peer has ended its side.
    pub(crate) input_ended: bool,
    /// Our side was shut down.
    output_ended: bool,
    /// The last read took all that it could: the transport may hold more that has come already.
    pub(crate) may_have_more: bool,
}

impl<IO: Stream, M: Machine, S: Sleep> Link<IO, M, S> {
    pub(crate) fn new(io: IO, session: Session<M>) -> Self {
        Link {
            io,
            session,
            timer: None,
            fires: NEVER,
            input_ended: false,
            output_ended: false,
            may_have_more: false,
        }
    }

    /// The same transport with another machine, which goes on with what was not consumed. The timer is
    /// armed anew.
    pub(crate) fn replace<N: Machine>(self, machine: N) -> Link<IO, N, S> {
        let Link { io, session, timer, input_ended, output_ended, may_have_more, .. } = self;
        let (session, _) = session.replace(machine);
        Link { io, session, timer, fires: NEVER, input_ended, output_ended, may_have_more }
    }

    /// The connection is over: resets the transport where its orderly end would mislead the peer.
    pub(crate) fn leave(&mut self) {
        if self.session.wants_reset() {
            self.io.reset();
        }
    }

    /// Writes the output, and `content` behind it. `Ready(true)`: all has left and some of it now.
    ///
    /// # Errors
    /// As the transport reports them.
    #[inline]
    pub(crate) fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        content: &[u8],
        written: &mut usize,
    ) -> Poll<io::Result<bool>> {
        if content.is_empty() {
            return self.poll_flush_output(cx, now);
        }
        let mut any = false;
        loop {
            let head = self.session.write_buf();
            let rest = &content[*written..];
            let result = match (head.is_empty(), rest.is_empty()) {
                (true, true) => return Poll::Ready(Ok(any)),
                (false, true) => self.io.poll_write(cx, head),
                (true, false) => self.io.poll_write(cx, rest),
                (false, false) => self.io.poll_write_vectored(cx, &[IoSlice::new(head), IoSlice::new(rest)]),
            };
            let (of_head, n) = match result {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(n)) => (n.min(head.len()), n),
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => continue,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    match rest.len() {
                        0 => self.session.did_write(now, 0),
                        len => self.session.did_write_content(now, 0, len),
                    }
                    return Poll::Pending;
                }
            };
            any = true;
            if of_head > 0 {
                self.session.did_write(now, of_head);
            }
            if !rest.is_empty() {
                *written += n - of_head;
                let left = content.len() - *written;
                self.session.did_write_content(now, n - of_head, left);
            }
        }
    }

    /// Writes the output alone.
    #[inline]
    fn poll_flush_output(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<io::Result<bool>> {
        let mut any = false;
        loop {
            let output = self.session.write_buf();
            if output.is_empty() {
                return Poll::Ready(Ok(any));
            }
            match self.io.poll_write(cx, output) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(n)) => self.session.did_write(now, n),
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.session.did_write(now, 0);
                    return Poll::Pending;
                }
            }
            any = true;
        }
    }

    /// Reads once, at most `limit` bytes. `Ready(0)` is the end of the input.
    ///
    /// # Errors
    /// As the transport reports them.
    #[inline]
    pub(crate) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        scratch: &mut Scratch,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        let buf = self.session.read_buf(scratch);
        let len = buf.len().min(limit);
        let n = loop {
            match self.io.poll_read(cx, &mut buf[..len]) {
                Poll::Pending => {
                    self.may_have_more = false;
                    return Poll::Pending;
                }
                Poll::Ready(Ok(n)) => break n,
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            }
        };
        self.input_ended |= n == 0;
        self.may_have_more = n > 0 && n == len;
        self.session.did_read(now, n);
        Poll::Ready(Ok(n))
    }

    /// Shuts our side down when the session wants that. Errors are the peer's concern no more.
    #[inline]
    pub(crate) fn shut_down(&mut self, cx: &mut Context<'_>) {
        if !self.output_ended && self.session.wants_shutdown() {
            self.output_ended = self.io.poll_shutdown(cx).is_ready();
        }
    }

    /// Whether the timer has fired.
    #[inline]
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        now.as_nanos().saturating_add(EARLY) >= self.fires.as_nanos()
    }

    /// Tells the session about the time, when the timer has fired. Whether it has.
    #[inline]
    pub(crate) fn check_time(&mut self, now: Instant) -> bool {
        let fired = self.is_due(now);
        if fired {
            self.fires = NEVER;
            self.session.timed_out(now);
        }
        fired
    }

    /// Whether nothing was read that is not consumed, and nothing waits to be written.
    #[inline]
    pub(crate) fn is_at_rest(&self) -> bool {
        self.session.unread().is_empty() && self.session.write_buf().is_empty() && !self.input_ended
    }

    /// Sees to it that the task is woken at the session's deadline, or `sooner`. A timer that fires
    /// early is left alone: moving it for each request would cost more than to be woken once.
    #[inline]
    pub(crate) fn arm<R: Runtime<Sleep = S>>(
        &mut self,
        cx: &mut Context<'_>,
        rt: &R,
        epoch: &Epoch,
        sooner: Option<Instant>,
    ) {
        self.arm_with(cx, epoch, sooner, |at| rt.sleep_until(at));
    }

    /// Whether the session's deadline comes before that.
    pub(crate) fn wants_arm(&self) -> bool {
        self.session.deadline().is_some_and(|deadline| deadline < self.fires)
    }

    /// As [`arm`](Self::arm), with timers from elsewhere.
    #[inline]
    pub(crate) fn arm_with(
        &mut self,
        cx: &mut Context<'_>,
        epoch: &Epoch,
        sooner: Option<Instant>,
        sleep_until: impl FnOnce(std::time::Instant) -> S,
    ) {
        let deadline = self.session.deadline().unwrap_or(NEVER).min(sooner.unwrap_or(NEVER));
        if deadline < self.fires {
            self.rearm(cx, epoch, deadline, sleep_until);
        }
    }

    #[cold]
    fn rearm(
        &mut self,
        cx: &mut Context<'_>,
        epoch: &Epoch,
        deadline: Instant,
        sleep_until: impl FnOnce(std::time::Instant) -> S,
    ) {
        let at = epoch.std(deadline);
        self.fires = deadline;
        let timer = match &mut self.timer {
            Some(timer) => {
                timer.reset(at);
                timer
            }
            None => self.timer.insert(sleep_until(at)),
        };
        if Pin::new(timer).poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }
}
