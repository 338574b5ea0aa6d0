//! The bridge between hyper's streams and the engine's.

use avx_http::rt::Stream;
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Bytes that hyper is given at once: they pass through a buffer on the stack.
const PIECE: usize = 4096;

/// The bridge between hyper's streams and the engine's, in both directions: around anything that is hyper's
/// `Read + Write` (`hyper::upgrade::Upgraded`, say) it is a [`Stream`], and around a [`Stream`] it is `Read + Write`.
///
/// It flushes what it writes: bytes count as written when they have left the buffers of what is inside.
#[derive(Debug)]
pub struct HyperIo<S> {
    stream: S,
    /// Bytes that the stream has taken, and whose writer has not been told yet: they are being flushed.
    owed: usize,
}

impl<S> HyperIo<S> {
    /// Wraps `stream`.
    pub fn new(stream: S) -> Self {
        HyperIo { stream, owed: 0 }
    }

    /// What is inside.
    pub fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: Read + Write + Send + Unpin + 'static> Stream for HyperIo<S> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buf = ReadBuf::new(buf);
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf.unfilled()))?;
        Poll::Ready(Ok(buf.filled().len()))
    }

    // Whoever is told `Pending` comes with the same bytes again, so those that were taken need not be kept.
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.owed == 0 {
            self.owed = ready!(Pin::new(&mut self.stream).poll_write(cx, buf))?;
        }
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        let told = self.owed.min(buf.len());
        self.owed -= told;
        Poll::Ready(Ok(told))
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<S: Stream> Read for HyperIo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut piece = [0; PIECE];
        let room = buf.remaining().min(PIECE);
        let n = ready!(self.stream.poll_read(cx, &mut piece[..room]))?;
        buf.put_slice(&piece[..n]);
        Poll::Ready(Ok(()))
    }
}

impl<S: Stream> Write for HyperIo<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.stream.poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream.poll_write_vectored(cx, bufs)
    }
}
