//! Waiting for a task: the handle and the two ways in which there is no output.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};

use super::raw::Join;

/// Waits for a task and gives its output. Dropping it lets the task run on by itself.
///
/// # Panics
/// Polling it again after it gave its output panics.
pub struct JoinHandle<T>(Join<T>);

impl<T> JoinHandle<T> {
    pub(crate) fn new(join: Join<T>) -> Self {
        JoinHandle(join)
    }

    /// Asks for the task to be cancelled: its future is dropped by its worker, at the latest when the
    /// poll that is going on returns. Awaiting then gives [`JoinError`], unless the task was faster.
    pub fn abort(&self) {
        self.0.abort();
    }

    /// Whether the task has come to its end, one way or another.
    pub fn is_finished(&self) -> bool {
        self.0.is_completed()
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx)
    }
}

impl<T> Unpin for JoinHandle<T> {}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("finished", &self.is_finished()).finish()
    }
}

/// A task that gave no output: it panicked, or it was cancelled.
pub struct JoinError(Cause);

enum Cause {
    Cancelled,
    /// The mutex is never locked: it makes the payload `Sync`.
    Panicked(Mutex<Box<dyn Any + Send>>),
}

impl JoinError {
    pub(crate) fn cancelled() -> Self {
        JoinError(Cause::Cancelled)
    }

    pub(crate) fn panicked(payload: Box<dyn Any + Send>) -> Self {
        JoinError(Cause::Panicked(Mutex::new(payload)))
    }

    /// The task was aborted, or its runtime was shut down.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.0, Cause::Cancelled)
    }

    /// The task panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self.0, Cause::Panicked(_))
    }

    /// The payload of the panic, for [`std::panic::resume_unwind`].
    ///
    /// # Errors
    /// Gives itself back if the task did not panic.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send>, JoinError> {
        match self.0 {
            Cause::Panicked(payload) => Ok(payload.into_inner().unwrap_or_else(|e| e.into_inner())),
            cause => Err(JoinError(cause)),
        }
    }

    fn message(&self) -> Option<String> {
        let Cause::Panicked(payload) = &self.0 else { return None };
        let payload = payload.lock().unwrap_or_else(|e| e.into_inner());
        let text = payload.downcast_ref::<&'static str>().copied();
        text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).map(str::to_owned)
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.0, self.message()) {
            (Cause::Cancelled, _) => f.write_str("the task was cancelled"),
            (Cause::Panicked(_), Some(message)) => write!(f, "the task panicked: {message}"),
            (Cause::Panicked(_), None) => f.write_str("the task panicked"),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl Error for JoinError {}
