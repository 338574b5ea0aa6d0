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

use super::pump::{State, Waits};
use super::{Error, Event};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};

pub(super) struct Shared {
    state: Mutex<State>,
    protocol: Option<Box<str>>,
    waiters: Arc<Waiters>,
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
    pub(super) fn new(state: State, protocol: Option<Box<str>>) -> Arc<Self> {
        let waiters = Arc::<Waiters>::default();
        Arc::new(Shared { state: Mutex::new(state), protocol, waiters })
    }

    /// The subprotocol that was agreed on.
    pub(super) fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves everything on as far as it goes, and tells those whom that concerns; but not who does it. `own` is the
    /// waker of the attendant's task, if that is where it is done.
    fn work(&self, state: &mut State, by: Option<Side>, own: Option<&Waker>) {
        if own.is_none() && self.waiters.woken.swap(false, Ordering::AcqRel) {
            state.flow.called();
        }
        let arrived = state.flow.has_arrived();
        let hopes = if by == Some(Side::Sender) { (true, true) } else { self.hopes(state) };
        match own {
            Some(own) => state.pump(&mut Context::from_waker(own)),
            None => state.pump(&mut Context::from_waker(&self.waiters.clone().into())),
        }
        if by != Some(Side::Receiver) && !arrived && state.flow.has_arrived() {
            self.tell(state, Side::Receiver);
        }
        self.tell_sender(state, hopes);
    }

    /// Whether there is what a sender may wait for, if it waits: room, and that everything has left.
    fn hopes(&self, state: &State) -> (bool, bool) {
        match state.flow.waits[Side::Sender as usize] {
            Waits::Not => (true, true),
            _ => (state.takes_messages(), state.poll_flushed().is_ready()),
        }
    }

    /// Tells the sender what has come true since.
    fn tell_sender(&self, state: &State, (room, flushed): (bool, bool)) {
        if !room && state.takes_messages() || !flushed && state.poll_flushed().is_ready() {
            self.tell(state, Side::Sender);
        }
    }

    /// What somebody waits for has come.
    fn tell(&self, state: &State, side: Side) {
        match state.flow.waits[side as usize] {
            Waits::Not => {}
            Waits::Along => self.waiters.call(ATTENDANT),
            Waits::Apart => self.waiters.call(side as usize),
        }
    }

    /// The next message, or with `all` whatever comes next; `None` when the connection was closed in order.
    pub(super) fn poll_recv(&self, cx: &Context<'_>, all: bool) -> Poll<Result<Option<Event>, Error>> {
        let mut state = self.lock();
        state.flow.tell(all);
        let own = Some(cx.waker()).filter(|waker| state.flow.is_attended_by(waker));
        if own.is_none() && state.flow.yields() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if !state.flow.has_arrived() {
            self.wait(&mut state, Side::Receiver, cx, own);
            match own {
                None => self.work(&mut state, Some(Side::Receiver), None),
                Some(own) if !state.flow.is_dry() => {
                    let hopes = self.hopes(&state);
                    state.fill(&mut Context::from_waker(own));
                    self.tell_sender(&state, hopes);
                }
                Some(_) => {}
            }
        }
        let polled = state.flow.poll_arrived();
        if polled.is_ready() {
            // What comes behind it may be for this end itself, and who receives may be busy with it for long. But first
            // it is theirs to answer: an error behind it ends the connection.
            let attend = own.is_none() && state.flow.goes_on() || state.wants_attendant();
            self.stop(state, Side::Receiver, own);
            self.call_if(attend);
        } else {
            state.flow.reads = 0;
            let attend = state.wants_attendant();
            drop(state);
            self.call_if(attend);
        }
        polled
    }

    /// Does `begin` as soon as there is room, all of it or nothing.
    #[inline]
    pub(super) fn poll_send(
        &self,
        cx: &Context<'_>,
        begin: &mut impl FnMut(&mut State) -> Result<(), Error>,
    ) -> Poll<Result<(), Error>> {
        let mut state = self.lock();
        if !state.takes_messages() {
            state = ready!(self.poll_room(cx, state));
        }
        let begun = begin(&mut state);
        if !state.flow.is_attended() {
            self.send_off(state);
        }
        // What else is sent in this turn leaves along with it.
        Poll::Ready(begun)
    }

    #[cold]
    fn poll_room<'a>(
        &'a self,
        cx: &Context<'_>,
        mut state: MutexGuard<'a, State>,
    ) -> Poll<MutexGuard<'a, State>> {
        let own = Some(cx.waker()).filter(|waker| state.flow.is_attended_by(waker));
        self.wait(&mut state, Side::Sender, cx, own);
        self.work(&mut state, Some(Side::Sender), own);
        if state.takes_messages() {
            self.stop(state, Side::Sender, own);
            return Poll::Ready(self.lock());
        }
        let attend = state.wants_attendant();
        drop(state);
        self.call_if(attend);
        Poll::Pending
    }

    /// What was sent leaves at once.
    fn send_off(&self, mut state: MutexGuard<'_, State>) {
        self.work(&mut state, Some(Side::Sender), None);
        let attend = state.wants_attendant();
        drop(state);
        self.call_if(attend);
    }

    /// Waits until everything has been handed to the transport.
    pub(super) fn poll_flush(&self, cx: &Context<'_>) -> Poll<Result<(), Error>> {
        let mut state = self.lock();
        let own = Some(cx.waker()).filter(|waker| state.flow.is_attended_by(waker));
        self.wait(&mut state, Side::Sender, cx, own);
        self.work(&mut state, Some(Side::Sender), own);
        let polled = state.poll_flushed();
        let attend = state.wants_attendant();
        match polled {
            Poll::Ready(_) => self.stop(state, Side::Sender, own),
            Poll::Pending => drop(state),
        }
        self.call_if(attend);
        polled
    }

    /// Wakes the attendant, if a deadline comes sooner than it knows.
    #[inline]
    fn call_if(&self, attend: bool) {
        if attend {
            self.waiters.call(ATTENDANT);
        }
    }

    /// Somebody waits; who waits in the attendant's own task is polled along with it.
    fn wait(&self, state: &mut State, side: Side, cx: &Context<'_>, own: Option<&Waker>) {
        state.flow.waits[side as usize] = if own.is_some() { Waits::Along } else { Waits::Apart };
        if own.is_none() {
            self.waiters.set(side as usize, cx.waker());
        }
    }

    /// Somebody waits no longer.
    #[inline]
    fn stop(&self, mut state: MutexGuard<'_, State>, side: Side, own: Option<&Waker>) {
        state.flow.waits[side as usize] = Waits::Not;
        drop(state);
        if own.is_none() {
            self.waiters.lock()[side as usize] = None;
        }
    }

    /// Somebody has given up waiting, and may have been woken for all.
    pub(super) fn gives_up(&self, side: Side) {
        let state = self.lock();
        let attended = state.flow.is_attended();
        if attended && state.flow.waits[side as usize] == Waits::Along {
            // It may ask again whenever its task is polled, and the attendant is about to look.
            return;
        }
        self.stop(state, side, None);
        if !attended {
            self.waiters.call(ATTENDANT);
        }
    }

    /// A half is gone.
    pub(super) fn leave(&self, side: Side) {
        self.lock().leave(side);
        self.gives_up(side);
    }

    /// The attendant's task is polled: others first, and then [`poll_attend`](Self::poll_attend).
    pub(super) fn attend(&self, cx: &Context<'_>) {
        if self.lock().attend(cx.waker()) {
            self.waiters.set(ATTENDANT, cx.waker());
        }
    }

    /// Nobody attends to it any more: the transport is let go of, and whoever waits hears of that.
    pub(super) fn abandon(&self) {
        self.lock().abandon();
        self.waiters.call(Side::Receiver as usize);
        self.waiters.call(Side::Sender as usize);
    }

    /// The attendant's turn. Ready when the transport was let go of.
    pub(super) fn poll_attend(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        state.flow.attends();
        self.work(&mut state, None, Some(cx.waker()));
        state.arm(cx);
        state.flow.attended();
        let over = state.flow.is_over();
        drop(state);
        if over { Poll::Ready(()) } else { Poll::Pending }
    }
}
