//! Content produced as it is sent.

use super::{BodyError, Chunk};
use crate::OwnedFields;
use std::task::{Context, Poll};

/// Produces content when the connection has room for it.
///
/// It is asked for the next piece when the previous one has left (or at least lies in the write
/// buffer), so it sees the peer's back-pressure. Pieces up to 16 KiB are gathered with their
/// neighbours into one write; larger ones are written from where they are.
pub trait Source: Send + 'static {
    /// The next piece, `None` at the end. After an error or the end it is not asked again.
    ///
    /// # Errors
    /// The message cannot be completed: the connection is closed, so that the peer notices.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Chunk, BodyError>>>;

    /// Bytes still to come, when they are known before the first piece. Producing more or fewer
    /// ends the connection.
    fn len(&self) -> Option<u64> {
        None
    }

    /// Whether there is nothing to come, when that is known.
    fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// Trailers, asked for once at the end.
    fn trailers(&mut self) -> Option<OwnedFields> {
        None
    }
}
