//! Streams: smol's sockets, and those of any other kind.

use avx_http::rt::Stream;
use smol::{Async, io::AsyncRead, io::AsyncWrite};
use socket2::SockRef;
use std::any::Any;
use std::io::{self, IoSlice};
use std::net::{Shutdown, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// The bridge between the streams of `futures-io` (smol's own traits) and the engine's, in both directions: around
/// anything that is `AsyncRead + AsyncWrite` (a socket, TLS, a pipe in memory) it is a [`Stream`], and around a
/// [`Stream`] (an [`Upgraded`](avx_http::Upgraded), say) it is `AsyncRead + AsyncWrite`.
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
    /// The system's socket, if it is one of smol's.
    fn socket(&self) -> Option<SockRef<'_>> {
        let stream: &dyn Any = &self.stream;
        let tcp = stream.downcast_ref::<Async<TcpStream>>().map(SockRef::from);
        #[cfg(unix)]
        let tcp = tcp.or_else(|| stream.downcast_ref::<Async<UnixStream>>().map(SockRef::from));
        tcp.or_else(|| stream.downcast_ref::<smol::net::TcpStream>().map(SockRef::from))
    }

    /// Whether the stream may have something to read, as far as a socket knows it.
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream: &dyn Any = &self.stream;
        let tcp = stream.downcast_ref::<Async<TcpStream>>().map(|socket| socket.poll_readable(cx));
        #[cfg(unix)]
        let tcp = tcp.or_else(|| Some(stream.downcast_ref::<Async<UnixStream>>()?.poll_readable(cx)));
        tcp.unwrap_or(Poll::Ready(Ok(())))
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for Io<S> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.drained {
            ready!(self.poll_readable(cx))?;
            self.drained = false;
        }
        let n = ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        self.drained = 0 < n && n < buf.len() && self.poll_readable(cx).is_pending();
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
        // `Async` closes when it is dropped, and only then.
        match self.socket().map(|socket| socket.shutdown(Shutdown::Write)) {
            // The peer has closed already: nothing is left to shut down.
            Some(Err(error)) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            Some(result) => Poll::Ready(result),
            None => Pin::new(&mut self.stream).poll_close(cx),
        }
    }

    fn reset(&mut self) {
        // One that cannot be reset is gone already, and over Unix sockets it means nothing.
        let _ = self.socket().map(|socket| socket.set_linger(Some(Duration::ZERO)));
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

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_shutdown(cx)
    }
}
