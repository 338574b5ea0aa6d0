//! Sockets: smol's `Async`, behind the engine's traits.

use avx_http::rt::{self, Peer};
use smol::Async;
use socket2::SockRef;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// Whether what a listener accepts has the listener's options, so that no connection costs a call for them.
const INHERITED: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// A socket of smol's. Made from one, it keeps the options that it has; small answers want TCP_NODELAY.
#[derive(Debug)]
pub struct Socket<S> {
    socket: Async<S>,
    /// The last read took all there was, and its task is woken when there is more.
    drained: bool,
}

/// A TCP stream.
pub type Tcp = Socket<std::net::TcpStream>;
/// A Unix stream.
#[cfg(unix)]
pub type Unix = Socket<std::os::unix::net::UnixStream>;

impl<S> From<Async<S>> for Socket<S> {
    fn from(socket: Async<S>) -> Self {
        Socket { socket, drained: false }
    }
}

impl<S: Send + Unpin + 'static> rt::Stream for Socket<S>
where
    for<'a> &'a S: Read + Write,
    for<'a> SockRef<'a>: From<&'a S>,
{
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            if self.drained {
                ready!(self.socket.poll_readable(cx))?;
                self.drained = false;
            }
            match self.socket.get_ref().read(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.drained = true,
                result => {
                    let left_room = matches!(result, Ok(n) if 0 < n && n < buf.len());
                    self.drained = left_room && self.socket.poll_readable(cx).is_pending();
                    return Poll::Ready(result);
                }
            }
        }
    }

    fn is_drained(&self) -> bool {
        self.drained
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        loop {
            let mut socket = self.socket.get_ref();
            let result = if let [buf] = bufs { socket.write(buf) } else { socket.write_vectored(bufs) };
            match result {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
            ready!(self.socket.poll_writable(cx))?;
        }
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match SockRef::from(self.socket.get_ref()).shutdown(Shutdown::Write) {
            // The peer has closed already: nothing is left to shut down.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            result => Poll::Ready(result),
        }
    }

    fn reset(&mut self) {
        // One that cannot be reset is gone already, and over Unix sockets it means nothing.
        let _ = SockRef::from(self.socket.get_ref()).set_linger(Some(Duration::ZERO));
    }
}

/// A listener of smol's.
#[derive(Debug)]
pub struct Listener<L>(Async<L>);

fn poll_accept<L, S>(
    listener: &Async<L>,
    cx: &mut Context<'_>,
    accept: impl Fn(&L) -> io::Result<S>,
) -> Poll<io::Result<S>> {
    loop {
        match accept(listener.get_ref()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(listener.poll_readable(cx))?,
            result => return Poll::Ready(result),
        }
    }
}

impl Listener<std::net::TcpListener> {
    pub(crate) fn new(listener: std::net::TcpListener) -> io::Result<Self> {
        SockRef::from(&listener).set_tcp_nodelay(true)?;
        Async::new(listener).map(Listener)
    }
}

impl rt::Listener for Listener<std::net::TcpListener> {
    type Stream = Tcp;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Tcp, Peer)>> {
        let (stream, addr) = ready!(poll_accept(&self.0, cx, std::net::TcpListener::accept))?;
        if !INHERITED {
            stream.set_nodelay(true)?;
        }
        Poll::Ready(Async::new(stream).map(|stream| (stream.into(), Peer::Inet(addr))))
    }
}

pub(crate) async fn connect_tcp(addr: SocketAddr) -> io::Result<Tcp> {
    let stream = Async::<std::net::TcpStream>::connect(addr).await?;
    stream.get_ref().set_nodelay(true)?;
    Ok(stream.into())
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
    use std::os::unix::net::UnixListener;
    use std::path::PathBuf;

    impl Listener<UnixListener> {
        pub(crate) fn new(listener: UnixListener) -> io::Result<Self> {
            Async::new(listener).map(Listener)
        }
    }

    impl rt::Listener for Listener<UnixListener> {
        type Stream = Unix;

        fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Unix, Peer)>> {
            let (stream, _) = ready!(poll_accept(&self.0, cx, UnixListener::accept))?;
            Poll::Ready(Async::new(stream).map(|stream| (stream.into(), Peer::Unix)))
        }
    }

    /// While the backlog is full the system neither connects nor says when it would, so this tries again. (smol's
    /// own takes that for a connection under way.)
    pub(crate) async fn connect_unix(path: PathBuf) -> io::Result<Unix> {
        let address = socket2::SockAddr::unix(path)?;
        let mut pause = Duration::from_millis(1);
        loop {
            let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)?;
            socket.set_nonblocking(true)?;
            match socket.connect(&address) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => drop(socket),
                result => {
                    return result.and_then(|()| Async::new_nonblocking(socket.into())).map(Socket::from);
                }
            }
            smol::Timer::after(pause).await;
            pause = (pause * 2).min(Duration::from_millis(32));
        }
    }
}
