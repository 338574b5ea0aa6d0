//! Streams: tokio's sockets, and those of any other kind.

use avx_http::rt::Stream;
use std::any::Any;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

/// The bridge between tokio's streams and the engine's, in both directions: around anything that is
/// `AsyncRead + AsyncWrite` (a socket, TLS, a pipe in memory) it is a [`Stream`], and around a [`Stream`] (an
/// [`Upgraded`](avx_http::Upgraded), say) it is `AsyncRead + AsyncWrite`.
///
/// It flushes what it writes: bytes count as written when they have left the buffers of what is inside. It changes no
/// option of a socket; small answers want TCP_NODELAY, which those that this crate accepts and opens itself have.
#[derive(Debug)]
pub struct Io<S> {
    stream: S,
    /// Bytes that the stream has taken, and whose writer has not been told yet: they are being flushed.
    owed: usize,
    /// The last read took all there was, and its task is woken when there is more.
    drained: bool,
}

impl<S> Io<S> {
    /// Wraps `stream`.
    pub fn new(stream: S) -> Self {
        Io { stream, owed: 0, drained: false }
    }

    /// What is inside.
    pub fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: 'static> Io<S> {
    /// Whether the stream may have something to read, as far as a socket knows it.
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream: &dyn Any = &self.stream;
        let tcp = stream.downcast_ref::<TcpStream>().map(|socket| socket.poll_read_ready(cx));
        #[cfg(unix)]
        let tcp = tcp.or_else(|| Some(stream.downcast_ref::<UnixStream>()?.poll_read_ready(cx)));
        tcp.unwrap_or(Poll::Ready(Ok(())))
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for Io<S> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buf = ReadBuf::new(buf);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf))?;
        let n = buf.filled().len();
        // After a read that left room, tokio knows that there is no more without asking the system. It has yet to be
        // told whom to wake.
        self.drained = n > 0 && buf.remaining() > 0 && self.poll_readable(cx).is_pending();
        Poll::Ready(Ok(n))
    }

    fn is_drained(&self) -> bool {
        self.drained
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    // Whoever is told `Pending` comes with the same bytes again, so those that were taken need not be kept.
    fn poll_write_vectored(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut stream = Pin::new(&mut self.stream);
        if self.owed == 0 {
            self.owed = ready!(match bufs {
                [buf] => stream.as_mut().poll_write(cx, buf),
                bufs => stream.as_mut().poll_write_vectored(cx, bufs),
            })?;
        }
        ready!(stream.poll_flush(cx))?;
        let told = self.owed.min(bufs.iter().map(|b| b.len()).sum());
        self.owed -= told;
        Poll::Ready(Ok(told))
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn reset(&mut self) {
        let socket = (&self.stream as &dyn Any).downcast_ref::<TcpStream>();
        // One that cannot be reset is gone already.
        let _ = socket.map(TcpStream::set_zero_linger);
    }
}

impl<S: Stream> AsyncRead for Io<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let n = ready!(self.stream.poll_read(cx, buf.initialize_unfilled()))?;
        buf.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl<S: Stream> AsyncWrite for Io<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.stream.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream.poll_write_vectored(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_shutdown(cx)
    }
}
