//! Streams and listeners: tokio's, behind the engine's traits.

use avx_http::rt::{self, Peer};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A TCP stream.
#[derive(Debug)]
pub struct Tcp(tokio::net::TcpStream);

impl Tcp {
    /// Small answers leave at once.
    pub(crate) fn new(stream: tokio::net::TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Tcp(stream))
    }
}

/// A Unix stream.
#[cfg(unix)]
#[derive(Debug)]
pub struct Unix(pub(crate) tokio::net::UnixStream);

macro_rules! stream {
    ($stream:ident { $($more:tt)* }) => {
        impl rt::Stream for $stream {
            fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
                let mut buf = ReadBuf::new(buf);
                ready!(Pin::new(&mut self.0).poll_read(cx, &mut buf))?;
                Poll::Ready(Ok(buf.filled().len()))
            }

            fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.0).poll_write(cx, buf)
            }

            fn poll_write_vectored(
                &mut self,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
            }

            fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.0).poll_shutdown(cx)
            }

            $($more)*
        }
    };
}

stream!(Tcp {
    fn reset(&mut self) {
        // One that cannot be reset is gone already.
        let _ = self.0.set_zero_linger();
    }
});
#[cfg(unix)]
stream!(Unix {});

/// A TCP listener.
#[derive(Debug)]
pub struct TcpListener(tokio::net::TcpListener);

impl TcpListener {
    pub(crate) fn new(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        tokio::net::TcpListener::from_std(listener).map(TcpListener)
    }
}

impl rt::Listener for TcpListener {
    type Stream = Tcp;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Tcp, Peer)>> {
        let (stream, addr) = ready!(self.0.poll_accept(cx))?;
        Poll::Ready(Tcp::new(stream).map(|stream| (stream, Peer::Inet(addr))))
    }
}

/// A Unix listener.
#[cfg(unix)]
#[derive(Debug)]
pub struct UnixListener(tokio::net::UnixListener);

#[cfg(unix)]
impl UnixListener {
    pub(crate) fn new(listener: std::os::unix::net::UnixListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        tokio::net::UnixListener::from_std(listener).map(UnixListener)
    }
}

#[cfg(unix)]
impl rt::Listener for UnixListener {
    type Stream = Unix;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Unix, Peer)>> {
        let (stream, _) = ready!(self.0.poll_accept(cx))?;
        Poll::Ready(Ok((Unix(stream), Peer::Unix)))
    }
}

/// Binds and listens; `shared` as in the trait.
pub(crate) fn bind(addr: SocketAddr, backlog: u32, shared: bool) -> io::Result<std::net::TcpListener> {
    let socket = match addr {
        SocketAddr::V4(_) => tokio::net::TcpSocket::new_v4()?,
        SocketAddr::V6(_) => tokio::net::TcpSocket::new_v6()?,
    };
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    if shared {
        #[cfg(unix)]
        socket.set_reuseport(true)?;
        #[cfg(not(unix))]
        return Err(io::ErrorKind::Unsupported.into());
    }
    socket.bind(addr)?;
    socket.listen(backlog)?.into_std()
}
