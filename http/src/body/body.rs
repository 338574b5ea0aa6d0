//! Content of any origin behind one type.

use super::{BodyError, Chunk, Pipe, Sender, Source};
use crate::{OwnedFields, pool};
use avx_core::{BodyLen, Fields};
use std::borrow::Cow;
use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

/// The content of a message: of a request as it arrives, of a response to send, and either of the
/// client's. Pulled piece by piece; at most [64 KiB](super::PIECE) wait inside.
///
/// A request's body may itself be a response's: what comes in goes out, with trailers.
pub struct Body {
    content: Content,
    trailers: Option<Box<OwnedFields>>,
}

pub(crate) enum Content {
    Empty,
    Static(&'static [u8]),
    Bytes(Vec<u8>),
    Pipe(Arc<Pipe>, BodyLen),
    Source(Box<dyn Source>),
}

impl Body {
    /// No content.
    #[inline]
    pub const fn empty() -> Self {
        Body { content: Content::Empty, trailers: None }
    }

    /// Content produced as it is sent.
    pub fn source(source: impl Source) -> Self {
        Content::Source(Box::new(source)).into()
    }

    /// Content that another task sends. Its length is not announced.
    pub fn channel() -> (Sender, Body) {
        let pipe = Arc::<Pipe>::default();
        (Sender::new(pipe.clone()), Content::Pipe(pipe, BodyLen::Streaming).into())
    }

    /// As [`channel`](Body::channel), of exactly `len` bytes; sending more or fewer ends the
    /// connection.
    pub fn channel_of(len: u64) -> (Sender, Body) {
        let pipe = Arc::<Pipe>::default();
        (Sender::new(pipe.clone()), Content::Pipe(pipe, BodyLen::Exact(len)).into())
    }

    pub(crate) fn incoming(pipe: Arc<Pipe>, len: BodyLen) -> Self {
        Content::Pipe(pipe, len).into()
    }

    /// How much content there is; of one that arrives, how much of it was not read yet.
    pub fn len(&self) -> BodyLen {
        let exact = |n: usize| if n == 0 { BodyLen::Empty } else { BodyLen::Exact(n as u64) };
        match &self.content {
            Content::Empty => BodyLen::Empty,
            Content::Static(bytes) => exact(bytes.len()),
            Content::Bytes(bytes) => exact(bytes.len()),
            Content::Pipe(_, len) => *len,
            Content::Source(source) => source.len().map_or(BodyLen::Streaming, BodyLen::Exact),
        }
    }

    /// Whether it holds no memory.
    #[inline]
    pub(crate) fn is_static(&self) -> bool {
        matches!(self.content, Content::Empty | Content::Static(_)) && self.trailers.is_none()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == BodyLen::Empty
    }

    /// The next piece, `None` at the end. Cancel-safe.
    ///
    /// The first call on a request's body is what sends 100 (Continue) to a client that waits for it.
    ///
    /// # Errors
    /// [`BodyError`] when the content ended early.
    pub async fn data(&mut self) -> Option<Result<Chunk, BodyError>> {
        poll_fn(|cx| self.poll_data(cx)).await
    }

    /// As [`data`](Body::data), by polling.
    pub fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Chunk, BodyError>>> {
        let piece = match &mut self.content {
            Content::Empty => None,
            Content::Static(bytes) => Some(Ok(Chunk::from(mem::take(bytes)))),
            Content::Bytes(bytes) => Some(Ok(Chunk::from(mem::take(bytes)))),
            Content::Pipe(pipe, len) => match pipe.poll_data(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(piece) => {
                    match (&piece, len) {
                        (None, _) => self.trailers = pipe.take_trailers().map(Box::new),
                        (Some(Ok(chunk)), BodyLen::Exact(rest)) => {
                            *rest = rest.saturating_sub(chunk.len() as u64);
                        }
                        _ => {}
                    }
                    piece
                }
            },
            Content::Source(source) => match source.poll_next(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(piece) => {
                    if piece.is_none() {
                        self.trailers = source.trailers().map(Box::new);
                    }
                    piece
                }
            },
        };
        let more = matches!(self.content, Content::Pipe(..) | Content::Source(_));
        if !more || !matches!(piece, Some(Ok(_))) {
            self.close();
        }
        match piece {
            Some(Ok(chunk)) if chunk.is_empty() && !more => Poll::Ready(None),
            piece => Poll::Ready(piece),
        }
    }

    /// The trailer section, once [`data`](Body::data) has returned `None`.
    pub fn trailers(&self) -> Option<Fields<'_>> {
        self.trailers.as_ref().map(|trailers| trailers.as_fields())
    }

    /// All of the content, if it is not more than `limit` bytes. Memory grows with what arrives, not
    /// with what was announced.
    ///
    /// # Errors
    /// [`BodyError::TooLarge`] beyond the limit, at once when the announced length is; else as
    /// [`data`](Body::data).
    pub async fn collect(mut self, limit: usize) -> Result<Vec<u8>, BodyError> {
        if matches!(self.len(), BodyLen::Exact(n) if n > limit as u64) {
            return Err(BodyError::TooLarge { limit });
        }
        let mut all = Vec::new();
        while let Some(chunk) = self.data().await {
            let chunk = chunk?;
            if chunk.len() > limit - all.len() {
                return Err(BodyError::TooLarge { limit });
            }
            if all.is_empty() && self.is_done() {
                return Ok(chunk.into_exact());
            }
            all.extend_from_slice(&chunk);
        }
        Ok(all)
    }

    fn is_done(&self) -> bool {
        match &self.content {
            Content::Pipe(pipe, _) => pipe.is_done(),
            Content::Source(_) => false,
            _ => true,
        }
    }

    #[inline]
    pub(crate) fn content(&self) -> &Content {
        &self.content
    }

    fn close(&mut self) {
        if let Content::Pipe(pipe, _) = mem::replace(&mut self.content, Content::Empty) {
            pipe.leave();
            pool::give_pipe(pipe);
        }
    }
}

impl Drop for Body {
    #[inline]
    fn drop(&mut self) {
        if matches!(self.content, Content::Pipe(..)) {
            self.close();
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Body::empty()
    }
}

impl From<Content> for Body {
    #[inline]
    fn from(content: Content) -> Self {
        Body { content, trailers: None }
    }
}

impl From<&'static str> for Body {
    #[inline]
    fn from(text: &'static str) -> Self {
        text.as_bytes().into()
    }
}

impl From<&'static [u8]> for Body {
    #[inline]
    fn from(bytes: &'static [u8]) -> Self {
        Content::Static(bytes).into()
    }
}

impl From<Vec<u8>> for Body {
    #[inline]
    fn from(bytes: Vec<u8>) -> Self {
        Content::Bytes(bytes).into()
    }
}

impl From<String> for Body {
    #[inline]
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl From<Cow<'static, str>> for Body {
    fn from(text: Cow<'static, str>) -> Self {
        match text {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({:?})", self.len())
    }
}
