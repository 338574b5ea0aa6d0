//! The writing end of a body.

use super::{BodyError, Chunk, PIECE, Pipe};
use crate::{FieldLines, OwnedFields};
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Sends the content of a [`Body::channel`](crate::Body::channel), as fast as the peer takes it.
///
/// Dropping it before [`finish`](Sender::finish) aborts the message: the connection is closed, or reset
/// where only its end delimits the content, so that the peer sees the truncation.
pub struct Sender {
    pipe: Option<Arc<Pipe>>,
}

impl Sender {
    pub(super) fn new(pipe: Arc<Pipe>) -> Self {
        Sender { pipe: Some(pipe) }
    }

    /// Waits until the previous pieces have moved on, then hands `chunk` over. Cancel-safe: a
    /// cancelled call has sent nothing.
    ///
    /// # Errors
    /// [`BodyError::Disconnected`] when nobody will read it.
    pub async fn send(&mut self, chunk: impl Into<Chunk>) -> Result<(), BodyError> {
        let chunk = chunk.into();
        poll_fn(|cx| self.poll_ready(cx)).await?;
        self.push(chunk);
        Ok(())
    }

    /// Whether there is room for another piece.
    ///
    /// # Errors
    /// [`BodyError::Disconnected`] when nobody will read it.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        let Some(pipe) = &self.pipe else { return Poll::Ready(Err(BodyError::Disconnected)) };
        let demand = pipe.poll_demand(cx);
        match demand.room {
            _ if demand.gone => Poll::Ready(Err(BodyError::Disconnected)),
            room if room >= PIECE / 2 => Poll::Ready(Ok(())),
            _ => Poll::Pending,
        }
    }

    /// Hands `chunk` over now; meant to follow [`poll_ready`](Self::poll_ready), which bounds memory.
    pub fn push(&mut self, chunk: impl Into<Chunk>) {
        let chunk = chunk.into();
        if let (Some(pipe), false) = (&self.pipe, chunk.is_empty()) {
            pipe.push_chunk(chunk);
        }
    }

    /// Hands a copy of as much of `data` over as there is room for.
    ///
    /// # Errors
    /// [`BodyError::Disconnected`] when nobody will read it.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize, BodyError>> {
        match &self.pipe {
            Some(pipe) => pipe.poll_write(cx, data),
            None => Poll::Ready(Err(BodyError::Disconnected)),
        }
    }

    /// The content ends here, without what has not moved on.
    pub(crate) fn abort(mut self) {
        if let Some(pipe) = self.pipe.take() {
            pipe.abort(BodyError::Aborted);
        }
    }

    /// The content is complete.
    pub fn finish(mut self) {
        if let Some(pipe) = self.pipe.take() {
            pipe.end(None, None);
        }
    }

    /// The content is complete; these trailers follow where the framing has a place for them.
    pub fn finish_with(mut self, trailers: &FieldLines) {
        if let Some(pipe) = self.pipe.take() {
            pipe.end(Some(OwnedFields::from(trailers)), None);
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        if let Some(pipe) = self.pipe.take() {
            pipe.fail(BodyError::Aborted);
        }
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sender")
    }
}
