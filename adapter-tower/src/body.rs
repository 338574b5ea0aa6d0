//! Content, from the engine's [`Body`] to [`http_body::Body`] and back.

use crate::section::{lines_of, map_of};
use avx_http::{Body, BodyError, BodyLen, Chunk, FieldLines, OwnedFields, Source};
use bytes::{Buf, Bytes};
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use std::any::Any;
use std::convert::Infallible;
use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

/// The engine's content as an [`http_body::Body`]. Each piece moves without a copy, and one is asked for when the
/// one before was taken: the back-pressure is the engine's. Trailers come last.
#[derive(Default)]
pub struct Content {
    /// Only whoever has it alone ever polls it, which takes no lock.
    body: Mutex<Body>,
    ended: bool,
}

impl Content {
    /// The engine's content again, as it is; without a copy.
    pub fn into_inner(self) -> Body {
        self.body.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn body(&mut self) -> &mut Body {
        self.body.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    fn len(&self) -> BodyLen {
        self.body.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl From<Body> for Content {
    fn from(body: Body) -> Self {
        Content { body: Mutex::new(body), ended: false }
    }
}

impl http_body::Body for Content {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let frame = match ready!(self.body().poll_data(cx)) {
            Some(Ok(chunk)) => return Poll::Ready(Some(Ok(Frame::data(Bytes::from_owner(chunk))))),
            Some(Err(error)) => Some(Err(error)),
            None => self.body().trailers().and_then(map_of).map(|map| Ok(Frame::trailers(map))),
        };
        self.ended = true;
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.len() == BodyLen::Empty
    }

    fn size_hint(&self) -> SizeHint {
        match self.len() {
            BodyLen::Empty => SizeHint::with_exact(0),
            BodyLen::Exact(n) => SizeHint::with_exact(n),
            BodyLen::Streaming => SizeHint::default(),
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({:?})", self.len())
    }
}

/// An [`http_body::Body`] as the engine's content. `announced`: its length, where it does not know that itself.
pub(crate) fn body_of<B>(mut body: B, announced: Option<u64>) -> Body
where
    B: http_body::Body + Send + 'static,
{
    // What comes from the engine goes back as it is.
    if let Some(content) = (&mut body as &mut dyn Any).downcast_mut::<Content>() {
        return mem::take(content.body());
    }
    match body.size_hint().exact().or(announced) {
        // There may be trailers, unless the body says that there is nothing at all.
        Some(0) if body.is_end_stream() => Body::empty(),
        len => Body::source(Outgoing { body: Box::pin(body), len, trailers: None }),
    }
}

/// No content, of this length: the response to a HEAD.
pub(crate) fn absent(len: u64) -> Body {
    let nothing = http_body_never();
    Body::source(Outgoing { body: Box::pin(nothing), len: Some(len), trailers: None })
}

struct Outgoing<B> {
    body: Pin<Box<B>>,
    len: Option<u64>,
    trailers: Option<HeaderMap>,
}

impl<B: http_body::Body + Send + 'static> Source for Outgoing<B> {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Chunk, BodyError>>> {
        loop {
            let frame = match ready!(self.body.as_mut().poll_frame(cx)) {
                None => return Poll::Ready(None),
                Some(Err(_)) => return Poll::Ready(Some(Err(BodyError::Aborted))),
                Some(Ok(frame)) => frame,
            };
            match frame.into_data() {
                Ok(mut data) if data.has_remaining() => {
                    // No copy of bytes that nobody else has.
                    let bytes = data.copy_to_bytes(data.remaining());
                    return Poll::Ready(Some(Ok(Chunk::from(Vec::from(bytes)))));
                }
                Ok(_) => {}
                Err(frame) => {
                    if let Ok(trailers) = frame.into_trailers() {
                        self.trailers = Some(trailers);
                        return Poll::Ready(None);
                    }
                }
            }
        }
    }

    fn len(&self) -> Option<u64> {
        self.len
    }

    fn trailers(&mut self) -> Option<OwnedFields> {
        let lines: FieldLines = lines_of(&self.trailers.take()?).collect();
        Some(OwnedFields::from(&lines))
    }
}

fn http_body_never() -> impl http_body::Body<Data = Bytes, Error = Infallible> + Send + 'static {
    struct Never;
    impl http_body::Body for Never {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(None)
        }
    }
    Never
}
