//! Interim responses on their way from the connection to the output.

use super::failure::Failure;
use super::output::Output;
use avx_http::client::Response;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// Where they wait for their turn.
#[derive(Clone, Default)]
pub(super) struct Interim(Arc<Mutex<Arrived>>);

#[derive(Default)]
struct Arrived {
    responses: VecDeque<Response>,
    waker: Option<Waker>,
}

impl Interim {
    fn lock(&self) -> MutexGuard<'_, Arrived> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn hook(&self) -> impl FnMut(Response) + Send + 'static {
        let this = self.clone();
        move |response| {
            let mut arrived = this.lock();
            arrived.responses.push_back(response);
            let waker = arrived.waker.take();
            drop(arrived);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    /// Waits for `answer`, and shows each interim response as it arrives.
    pub(super) async fn show<T>(
        &self,
        answer: impl Future<Output = T>,
        output: &mut Output,
    ) -> Result<T, Failure> {
        let mut answer = pin!(answer);
        poll_fn(|cx| {
            let answered = answer.as_mut().poll(cx);
            let mut arrived = self.lock();
            while let Some(response) = arrived.responses.pop_front() {
                if let Err(failure) = output.head(&response) {
                    return Poll::Ready(Err(failure));
                }
            }
            arrived.waker = Some(cx.waker().clone());
            answered.map(Ok)
        })
        .await
    }
}
