//! Streams and listeners: smol's `Async`, behind the engine's traits.

use avx_http::rt::{self, Peer};
use smol::Async;
use smol::io::{AsyncRead, AsyncWrite};
use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// A TCP stream.
#[derive(Debug)]
pub struct Tcp(Async<std::net::TcpStream>);

impl Tcp {
    /// Small answers leave at once.
    pub(crate) fn new(stream: Async<std::net::TcpStream>) -> io::Result<Self> {
        stream.get_ref().set_nodelay(true)?;
        Ok(Tcp(stream))
    }
}

/// A Unix stream.
#[cfg(unix)]
#[derive(Debug)]
pub struct Unix(pub(crate) Async<std::os::unix::net::UnixStream>);

macro_rules! stream {
    ($stream:ident { $($more:tt)* }) => {
        impl rt::Stream for $stream {
            fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.0).poll_read(cx, buf)
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

            fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.0.get_ref().shutdown(Shutdown::Write) {
                    // The peer has closed already: nothing is left to shut down.
                    Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
                    result => Poll::Ready(result),
                }
            }

            $($more)*
        }
    };
}

stream!(Tcp {
    fn reset(&mut self) {
        // One that cannot be reset is gone already.
        let _ = socket2::SockRef::from(self.0.get_ref()).set_linger(Some(std::time::Duration::ZERO));
    }
});
#[cfg(unix)]
stream!(Unix {});

/// A TCP listener.
#[derive(Debug)]
pub struct TcpListener(Async<std::net::TcpListener>);

impl TcpListener {
    pub(crate) fn new(listener: std::net::TcpListener) -> io::Result<Self> {
        Async::new(listener).map(TcpListener)
    }
}

impl rt::Listener for TcpListener {
    type Stream = Tcp;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Tcp, Peer)>> {
        loop {
            match self.0.get_ref().accept() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(self.0.poll_readable(cx))?,
                Err(error) => return Poll::Ready(Err(error)),
                Ok((stream, addr)) => {
                    let stream = Tcp::new(Async::new(stream)?)?;
                    return Poll::Ready(Ok((stream, Peer::Inet(addr))));
                }
            }
        }
    }
}

/// A Unix listener.
#[cfg(unix)]
#[derive(Debug)]
pub struct UnixListener(Async<std::os::unix::net::UnixListener>);

#[cfg(unix)]
impl UnixListener {
    pub(crate) fn new(listener: std::os::unix::net::UnixListener) -> io::Result<Self> {
        Async::new(listener).map(UnixListener)
    }
}

#[cfg(unix)]
impl rt::Listener for UnixListener {
    type Stream = Unix;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Unix, Peer)>> {
        loop {
            match self.0.get_ref().accept() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(self.0.poll_readable(cx))?,
                Err(error) => return Poll::Ready(Err(error)),
                Ok((stream, _)) => return Poll::Ready(Ok((Unix(Async::new(stream)?), Peer::Unix))),
            }
        }
    }
}

/// Binds and listens; `shared` as in the trait.
pub(crate) fn bind(addr: SocketAddr, backlog: u32, shared: bool) -> io::Result<std::net::TcpListener> {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if shared {
        #[cfg(unix)]
        socket.set_reuse_port(true)?;
        #[cfg(not(unix))]
        return Err(io::ErrorKind::Unsupported.into());
    }
    socket.bind(&addr.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}
