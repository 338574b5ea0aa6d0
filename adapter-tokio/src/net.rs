//! Sockets that listen and connect: tokio's, behind the engine's traits.

use crate::Io;
use avx_http::rt::{self, Peer};
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};
use tokio::net::TcpStream;

/// Whether what a listener accepts has the listener's options, so that no connection costs a call for them.
const INHERITED: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// A TCP listener.
#[derive(Debug)]
pub struct TcpListener(tokio::net::TcpListener);

impl TcpListener {
    pub(crate) fn new(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        socket2::SockRef::from(&listener).set_tcp_nodelay(true)?;
        tokio::net::TcpListener::from_std(listener).map(TcpListener)
    }
}

impl rt::Listener for TcpListener {
    type Stream = Io<TcpStream>;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Io<TcpStream>, Peer)>> {
        let (stream, addr) = ready!(self.0.poll_accept(cx))?;
        if !INHERITED {
            stream.set_nodelay(true)?;
        }
        Poll::Ready(Ok((Io::new(stream), Peer::Inet(addr))))
    }
}

pub(crate) async fn connect_tcp(addr: SocketAddr) -> io::Result<Io<TcpStream>> {
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    Ok(Io::new(stream))
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

#[cfg(unix)]
pub(crate) mod unix {
    use super::*;
    use std::path::PathBuf;
    use std::time::Duration;
    use tokio::net::UnixStream;

    /// A listener of a Unix socket.
    #[derive(Debug)]
    pub struct UnixListener(tokio::net::UnixListener);

    impl UnixListener {
        pub(crate) fn new(listener: std::os::unix::net::UnixListener) -> io::Result<Self> {
            listener.set_nonblocking(true)?;
            tokio::net::UnixListener::from_std(listener).map(UnixListener)
        }
    }

    impl rt::Listener for UnixListener {
        type Stream = Io<UnixStream>;

        fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Io<UnixStream>, Peer)>> {
            self.0.poll_accept(cx).map_ok(|(stream, _)| (Io::new(stream), Peer::Unix))
        }
    }

    /// While the backlog is full the system neither connects nor says when it would, so this tries again.
    pub(crate) async fn connect_unix(path: PathBuf) -> io::Result<Io<UnixStream>> {
        let mut pause = Duration::from_millis(1);
        loop {
            match UnixStream::connect(&path).await {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => tokio::time::sleep(pause).await,
                result => return result.map(Io::new),
            }
            pause = (pause * 2).min(Duration::from_millis(32));
        }
    }
}
