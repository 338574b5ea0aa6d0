//! Content, from the engine's [`Body`] to [`http_body::Body`] and back.

use crate::section::{lines_of, map_of};
use avx_http::body::PIECE;
use avx_http::{Body, BodyError, BodyLen, Chunk, FieldLines, OwnedFields, Source};
use bytes::{Buf, Bytes};
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use std::any::{Any, TypeId};
use std::fmt;
use std::future::poll_fn;
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

/// An [`http_body::Body`] as the engine's content. `announced` tells its length, where it does not know that itself.
pub(crate) fn body_of<B>(mut body: B, announced: impl FnOnce() -> Option<u64>) -> Body
where
    B: http_body::Body + Send + 'static,
{
    // What comes from the engine goes back as it is.
    if let Some(content) = (&mut body as &mut dyn Any).downcast_mut::<Content>() {
        return mem::take(content.body());
    }
    match body.size_hint().exact().or_else(announced) {
        // There may be trailers, unless the body says that there is nothing at all.
        Some(0) if body.is_end_stream() => Body::empty(),
        len => Body::source(Outgoing { body: Box::pin(body), data: Bytes::new(), len, trailers: None }),
    }
}

/// As [`body_of`], and content that is small and there already comes as one piece, which leaves with the head.
pub(crate) async fn begun_body_of<B>(body: B, announced: impl FnOnce() -> Option<u64>) -> Body
where
    B: http_body::Body + Send + 'static,
{
    let len = match body.size_hint().exact() {
        Some(len) if 0 < len && len <= PIECE as u64 && TypeId::of::<B>() != TypeId::of::<Content>() => len,
        _ => return body_of(body, announced),
    };
    let mut body = Box::pin(body);
    let data = match poll_fn(|cx| Poll::Ready(body.as_mut().poll_frame(cx))).await {
        Poll::Pending => Bytes::new(),
        Poll::Ready(Some(Ok(frame))) => frame.into_data().map(bytes_of).unwrap_or_default(),
        Poll::Ready(Some(Err(_)) | None) => return Body::source(Failed(len)),
    };
    if data.len() as u64 == len && body.is_end_stream() {
        return Body::from(Vec::from(data));
    }
    Body::source(Outgoing { body, data, len: Some(len), trailers: None })
}

fn bytes_of(mut data: impl Buf) -> Bytes {
    data.copy_to_bytes(data.remaining())
}

/// What nobody else has goes as it is. Of the rest a piece is copied, so that what many responses share, or lies in
/// the program, is not there once more for each of them.
fn piece_of(data: &mut Bytes) -> Chunk {
    if data.is_unique() {
        return Vec::from(mem::take(data)).into();
    }
    Chunk::copy(&data.split_to(data.len().min(PIECE)))
}

/// No content, of this length: the response to a HEAD.
pub(crate) fn absent(len: u64) -> Body {
    Body::source(Failed(len))
}

/// Content that will not come.
struct Failed(u64);

impl Source for Failed {
    fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Chunk, BodyError>>> {
        Poll::Ready(Some(Err(BodyError::Aborted)))
    }

    fn len(&self) -> Option<u64> {
        Some(self.0)
    }
}

struct Outgoing<B> {
    body: Pin<Box<B>>,
    /// Came from it, and has yet to go.
    data: Bytes,
    len: Option<u64>,
    trailers: Option<HeaderMap>,
}

impl<B: http_body::Body + Send + 'static> Source for Outgoing<B> {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Chunk, BodyError>>> {
        loop {
            if !self.data.is_empty() {
                return Poll::Ready(Some(Ok(piece_of(&mut self.data))));
            }
            let frame = match ready!(self.body.as_mut().poll_frame(cx)) {
                None => return Poll::Ready(None),
                Some(Err(_)) => return Poll::Ready(Some(Err(BodyError::Aborted))),
                Some(Ok(frame)) => frame,
            };
            match frame.into_data() {
                Ok(data) => self.data = bytes_of(data),
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
