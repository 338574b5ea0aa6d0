//! One value from one task to another.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

struct State<T> {
    value: Option<T>,
    sender_gone: bool,
    receiver_gone: bool,
    receiver: Option<Waker>,
    /// To tell the sender that nobody waits any more.
    sender: Option<Waker>,
}

type Shared<T> = Arc<Mutex<State<T>>>;

/// The sending end.
pub(crate) struct Sender<T>(Shared<T>);

/// The receiving end: a future of the value, `None` when the sender is dropped.
pub(crate) struct Receiver<T>(Shared<T>);

pub(crate) fn oneshot<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Mutex::new(State {
        value: None,
        sender_gone: false,
        receiver_gone: false,
        receiver: None,
        sender: None,
    }));
    (Sender(shared.clone()), Receiver(shared))
}

fn lock<T>(shared: &Shared<T>) -> MutexGuard<'_, State<T>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T> Sender<T> {
    /// Hands the value over; dropped when nobody waits for it.
    pub(crate) fn send(self, value: T) {
        lock(&self.0).value = Some(value);
    }

    /// Whether nobody waits any more; wakes when that becomes so.
    pub(crate) fn poll_closed(&self, cx: &Context<'_>) -> bool {
        let mut state = lock(&self.0);
        if !state.sender.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            state.sender = Some(cx.waker().clone());
        }
        state.receiver_gone
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        state.sender_gone = true;
        let waker = state.receiver.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Future for Receiver<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = lock(&self.0);
        if state.value.is_some() || state.sender_gone {
            return Poll::Ready(state.value.take());
        }
        state.receiver = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        state.receiver_gone = true;
        let value = state.value.take();
        let waker = state.sender.take();
        drop(state);
        drop(value);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_arrives_or_the_end_does() {
        let mut cx = Context::from_waker(Waker::noop());
        let (sender, mut receiver) = oneshot();
        assert!(Pin::new(&mut receiver).poll(&mut cx).is_pending());
        assert!(!sender.poll_closed(&cx));
        sender.send(7);
        assert_eq!(Pin::new(&mut receiver).poll(&mut cx), Poll::Ready(Some(7)));

        let (sender, mut receiver) = oneshot::<u8>();
        drop(sender);
        assert_eq!(Pin::new(&mut receiver).poll(&mut cx), Poll::Ready(None));

        let (sender, receiver) = oneshot::<u8>();
        drop(receiver);
        assert!(sender.poll_closed(&cx));
    }
}
