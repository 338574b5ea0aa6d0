//! Streams of any kind: TLS, a pipe in memory, what another protocol left behind.

use avx_http::rt::Stream;
use smol::io::{AsyncRead, AsyncWrite};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// The bridge between the streams of `futures-io` (smol's own traits) and the engine's, in both directions: around
/// anything that is `AsyncRead + AsyncWrite` it is a [`Stream`], and around a [`Stream`] (an
/// [`Upgraded`](avx_http::Upgraded), say) it is `AsyncRead + AsyncWrite`.
///
/// It flushes what it writes: bytes count as written when they have left the buffers of what is inside. Sockets of
/// smol's go faster as [`Socket`](crate::Socket), and can be reset.
#[derive(Debug)]
pub struct Io<S> {
    stream: S,
    /// Bytes that the stream has taken, and whose writer has not been told yet: they are being flushed.
    owed: usize,
}

impl<S> Io<S> {
    /// Wraps `stream`.
    pub fn new(stream: S) -> Self {
        Io { stream, owed: 0 }
    }

    /// What is inside.
    pub fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for Io<S> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    // Whoever is told `Pending` comes with the same bytes again, so those that were taken need not be kept.
    fn poll_write_vectored(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut stream = Pin::new(&mut self.stream);
        if self.owed == 0 {
            self.owed = ready!(stream.as_mut().poll_write_vectored(cx, bufs))?;
        }
        ready!(stream.poll_flush(cx))?;
        let told = self.owed.min(bufs.iter().map(|b| b.len()).sum());
        self.owed -= told;
        Poll::Ready(Ok(told))
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

impl<S: Stream> AsyncRead for Io<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.stream.poll_read(cx, buf)
    }
}

impl<S: Stream> AsyncWrite for Io<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.stream.poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_shutdown(cx)
    }
}
