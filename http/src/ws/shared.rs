//! What the two halves of a socket and its attendant share.
//!
//! ```text
//! Receiver ──┐
//! Sender ────┼──▶ state: machine in a session, transport, one message each way
//! attendant ─┘      │
//!                   └─ transport wakes ──▶ waiters: whoever waits for something, else the attendant
//! ```
//!
//! Whoever is polled does the work: there is no task between the transport and the one who waits for a message.
//! The attendant (the server's connection, a client's task) does what is left: what is to be written when nobody
//! polls, pings while nobody reads, deadlines.

use super::pump::State;
use super::{Error, Message, Piece};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

pub(super) struct Shared {
    state: Mutex<State>,
    waiters: Arc<Waiters>,
    /// Wakes the waiters: what the transport is given.
    waker: Waker,
}

/// Who is to be woken when the transport is ready for something.
#[derive(Default)]
struct Waiters {
    wakers: Mutex<[Option<Waker>; 3]>,
    /// The transport has called since anybody looked.
    woken: AtomicBool,
}

/// For what somebody waits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Receiver = 0,
    Sender = 1,
}

const ATTENDANT: usize = 2;

impl Waiters {
    fn lock(&self) -> MutexGuard<'_, [Option<Waker>; 3]> {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, at: usize, waker: &Waker) {
        let mut wakers = self.lock();
        if !wakers[at].as_ref().is_some_and(|old| old.will_wake(waker)) {
            wakers[at] = Some(waker.clone());
        }
    }

    /// Wakes who waits for something; the attendant when nobody does.
    fn wake_some(&self) {
        let mut wakers = self.lock();
        let (receiver, sender) = (wakers[0].take(), wakers[1].take());
        let attendant = if receiver.is_none() && sender.is_none() { wakers[ATTENDANT].clone() } else { None };
        drop(wakers);
        for waker in [receiver, sender, attendant].into_iter().flatten() {
            waker.wake();
        }
    }

    /// Wakes one of them.
    fn call(&self, at: usize) {
        let waker = if at == ATTENDANT { self.lock()[at].clone() } else { self.lock()[at].take() };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Wake for Waiters {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.wake_some();
    }
}

impl Shared {
    pub(super) fn new(state: State) -> Arc<Self> {
        let waiters = Arc::<Waiters>::default();
        let waker = waiters.clone().into();
        Arc::new(Shared { state: Mutex::new(state), waiters, waker })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves everything on as far as it goes, and tells those whom that concerns; but not who does it.
    fn work(&self, state: &mut State, by: Option<Side>) {
        if self.waiters.woken.swap(false, Ordering::AcqRel) {
            state.called();
        }
        let before = (state.has_message(), state.takes_messages(), state.is_flushed());
        state.pump(&mut Context::from_waker(&self.waker));
        if by != Some(Side::Receiver) && !before.0 && state.has_message() {
            self.waiters.call(Side::Receiver as usize);
        }
        let room = !before.1 && state.takes_messages() || !before.2 && state.is_flushed();
        if by != Some(Side::Sender) && room {
            self.waiters.call(Side::Sender as usize);
        }
    }

    /// The next message; `None` when the connection was closed in order.
    pub(super) fn poll_recv(&self, cx: &Context<'_>) -> Poll<Result<Option<Message>, Error>> {
        self.poll_next(cx, true, State::poll_message)
    }

    /// The next piece of one.
    pub(super) fn poll_recv_piece(&self, cx: &Context<'_>) -> Poll<Result<Option<Piece>, Error>> {
        self.poll_next(cx, false, State::poll_piece)
    }

    #[inline]
    fn poll_next<T>(
        &self,
        cx: &Context<'_>,
        whole: bool,
        poll: impl FnOnce(&mut State) -> Poll<Result<T, Error>>,
    ) -> Poll<Result<T, Error>> {
        let mut state = self.lock();
        state.ask(whole)?;
        if !state.has_message() {
            self.waiters.set(Side::Receiver as usize, cx.waker());
            self.work(&mut state, Some(Side::Receiver));
        }
        let polled = poll(&mut state);
        let attend = polled.is_pending() && state.wants_attendant();
        drop(state);
        if polled.is_ready() {
            self.forget(Side::Receiver);
        } else if attend {
            self.waiters.call(ATTENDANT);
        }
        polled
    }

    /// Does `begin` as soon as there is room, all of it or nothing.
    pub(super) fn poll_send(
        &self,
        cx: &Context<'_>,
        begin: &mut dyn FnMut(&mut State) -> Result<(), Error>,
    ) -> Poll<Result<(), Error>> {
        let mut state = self.lock();
        if !state.takes_messages() {
            self.waiters.set(Side::Sender as usize, cx.waker());
            self.work(&mut state, Some(Side::Sender));
            if !state.takes_messages() {
                let attend = state.wants_attendant();
                drop(state);
                if attend {
                    self.waiters.call(ATTENDANT);
                }
                return Poll::Pending;
            }
            self.forget(Side::Sender);
        }
        let begun = begin(&mut state);
        let attend = match state.is_attended() {
            // What else is sent in this turn leaves along with it.
            true => false,
            false => {
                self.work(&mut state, Some(Side::Sender));
                state.wants_attendant()
            }
        };
        drop(state);
        if attend {
            self.waiters.call(ATTENDANT);
        }
        Poll::Ready(begun)
    }

    /// Waits until everything has been handed to the transport.
    pub(super) fn poll_flush(&self, cx: &Context<'_>) -> Poll<Result<(), Error>> {
        let mut state = self.lock();
        self.waiters.set(Side::Sender as usize, cx.waker());
        self.work(&mut state, Some(Side::Sender));
        let polled = state.poll_flushed();
        drop(state);
        if polled.is_ready() {
            self.forget(Side::Sender);
        }
        polled
    }

    fn forget(&self, side: Side) {
        self.waiters.lock()[side as usize] = None;
    }

    /// Somebody waits no longer, and may have been woken for all.
    pub(super) fn gives_up(&self, side: Side) {
        self.forget(side);
        self.waiters.call(ATTENDANT);
    }

    /// A half is gone.
    pub(super) fn leave(&self, side: Side) {
        self.lock().leave(side);
        self.gives_up(side);
    }

    /// The attendant's turn. Ready when the transport was let go of.
    pub(super) fn poll_attend(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.waiters.set(ATTENDANT, cx.waker());
        let mut state = self.lock();
        self.work(&mut state, None);
        state.arm(cx);
        let over = state.is_over();
        drop(state);
        if over { Poll::Ready(()) } else { Poll::Pending }
    }
}
