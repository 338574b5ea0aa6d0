//! Requests on their way to the driver of a connection.

use super::{Error, Request, Response};
use crate::sync::Sender;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// A request on its way to the driver.
pub(super) struct Submission {
    pub(super) request: Request,
    pub(super) reply: Reply,
}

pub(super) type Reply = Sender<Result<Response, Error>>;

/// Requests that wait for the driver, and whether it takes any.
pub(super) struct Queue {
    pub(super) authority: Box<str>,
    state: Mutex<QueueState>,
}

struct QueueState {
    waiting: VecDeque<Submission>,
    driver: Option<Waker>,
    handles: usize,
    open: bool,
}

impl Queue {
    /// For one handle.
    pub(super) fn new(authority: &str) -> Self {
        let state = QueueState { waiting: VecDeque::new(), driver: None, handles: 1, open: true };
        Queue { authority: authority.into(), state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn enter(&self) {
        self.lock().handles += 1;
    }

    pub(super) fn leave(&self) {
        let mut state = self.lock();
        state.handles -= 1;
        if state.handles == 0 {
            wake(state);
        }
    }

    /// Dropped, and so answered with `Closed`, when the connection has ended.
    pub(super) fn push(&self, submission: Submission) {
        let mut state = self.lock();
        if state.open {
            state.waiting.push_back(submission);
            wake(state);
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.lock().open
    }

    /// The next request, `None` when there will be none.
    pub(super) fn poll_next(&self, cx: &Context<'_>) -> Poll<Option<Submission>> {
        let mut state = self.lock();
        let next = state.waiting.pop_front();
        if next.is_some() || state.handles == 0 {
            return Poll::Ready(next);
        }
        if !state.driver.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            state.driver = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// No further request is taken.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.open = false;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        drop(waiting);
    }
}

fn wake(mut state: MutexGuard<'_, QueueState>) {
    let waker = state.driver.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}
