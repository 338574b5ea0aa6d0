//! Requests on their way to the driver of a connection.

use super::{Error, Request, Response};
use crate::sync::Sender;
use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// A request on its way to the driver.
pub(super) struct Submission {
    pub(super) request: Request,
    pub(super) reply: Reply,
}

pub(super) type Reply = Sender<Result<Response, Error>>;

/// Requests that wait for the driver, in the order they came, and whether it takes any. Each of them has
/// a caller who waits: there are no others.
pub(super) struct Queue {
    pub(super) authority: Box<str>,
    state: Mutex<QueueState>,
}

struct QueueState {
    /// Tickets ascend.
    waiting: VecDeque<(u64, Submission)>,
    tickets: u64,
    driver: Option<Waker>,
    handles: usize,
    life: Life,
}

enum Life {
    Open,
    /// What waits is still taken, nothing else.
    Closing,
    /// Nothing is taken any more, for this reason.
    Closed(Option<Arc<Error>>),
}

/// A place in the queue: dropped, it is given up.
pub(super) struct Ticket<'a> {
    queue: &'a Queue,
    number: u64,
}

impl Queue {
    /// For one handle.
    pub(super) fn new(authority: &str) -> Self {
        let state =
            QueueState { waiting: VecDeque::new(), tickets: 0, driver: None, handles: 1, life: Life::Open };
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

    /// Puts a request at the end. Answered at once when none is taken any more.
    pub(super) fn push(&self, submission: Submission) -> Ticket<'_> {
        let mut state = self.lock();
        let number = state.tickets;
        match &state.life {
            Life::Open => {
                state.tickets += 1;
                state.waiting.push_back((number, submission));
                wake(state);
            }
            Life::Closing => {
                drop(state);
                submission.reply.send(Err(Error::Unsent(None)));
            }
            Life::Closed(why) => {
                let why = why.clone();
                drop(state);
                submission.reply.send(Err(Error::Unsent(why)));
            }
        }
        Ticket { queue: self, number }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.lock().life, Life::Open)
    }

    /// Whether nothing is taken any more, not even what waits.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.lock().life, Life::Closed(_))
    }

    /// The next request, `None` when there will be none.
    pub(super) fn poll_next(&self, cx: &Context<'_>) -> Poll<Option<Submission>> {
        let mut state = self.lock();
        let next = state.waiting.pop_front().map(|(_, submission)| submission);
        if next.is_some() || state.handles == 0 || !matches!(state.life, Life::Open) {
            return Poll::Ready(next);
        }
        if !state.driver.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            state.driver = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// No further request is taken but those that wait.
    pub(super) fn shut_down(&self) {
        let mut state = self.lock();
        if matches!(state.life, Life::Open) {
            state.life = Life::Closing;
            wake(state);
        }
    }

    /// No request is taken any more; those that wait are told why.
    pub(super) fn close(&self, why: Option<Arc<Error>>) {
        let mut state = self.lock();
        if !matches!(state.life, Life::Closed(_)) {
            state.life = Life::Closed(why.clone());
        }
        let waiting = mem::take(&mut state.waiting);
        drop(state);
        for (_, submission) in waiting {
            submission.reply.send(Err(Error::Unsent(why.clone())));
        }
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        let given_up = match state.waiting.binary_search_by_key(&self.number, |(number, _)| *number) {
            Ok(at) => state.waiting.remove(at),
            Err(_) => None,
        };
        drop(state);
        drop(given_up);
    }
}

fn wake(mut state: MutexGuard<'_, QueueState>) {
    let waker = state.driver.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::oneshot;

    #[test]
    fn a_place_that_is_given_up_is_gone() {
        let queue = Queue::new("a");
        let cx = Context::from_waker(Waker::noop());
        let submission = |target: &str| {
            let (reply, response) = oneshot();
            mem::forget(response);
            Submission { request: Request::get(target), reply }
        };
        let tickets = ["/0", "/1", "/2"].map(|target| queue.push(submission(target)));
        let [first, second, _third] = tickets;
        assert!(queue.poll_next(&cx).is_ready());
        // The driver has it already.
        drop(first);
        drop(second);
        let Poll::Ready(Some(next)) = queue.poll_next(&cx) else { panic!("one waits") };
        assert!(format!("{:?}", next.request).contains("/2"));
        assert!(queue.poll_next(&cx).is_pending());
    }
}
