//! TCP.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::task::{Context, Poll};

use super::stream::{Stream, stream_methods};
use crate::reactor::Io;
use crate::sys::{Direction, socket};

/// A TCP connection. Small writes are sent at once (TCP_NODELAY).
pub struct TcpStream(Stream);

/// Accepts TCP connections.
pub struct TcpListener(Io<OwnedFd>);

/// Binds to `addr` and listens, for [`TcpListener::from_std`]. At most `backlog` connections wait to be
/// accepted (and no more than the system's own limit). With `shared`, several sockets may listen on one
/// address, and the system spreads connections among them (SO_REUSEPORT).
///
/// # Errors
/// As the system reports them; `Unsupported` for `shared` where the system does not spread connections.
pub fn bind_tcp(addr: SocketAddr, backlog: u32, shared: bool) -> io::Result<std::net::TcpListener> {
    Ok(socket::listen(addr, backlog, shared)?.into())
}

stream_methods!(TcpStream);

impl TcpStream {
    /// Opens a connection.
    ///
    /// # Errors
    /// As the system reports them: refused, unreachable, timed out.
    pub async fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
        let fd = socket::tcp(addr)?;
        socket::set_nodelay(fd.as_raw_fd(), true)?;
        let done = socket::connect(fd.as_raw_fd(), &addr.into())?;
        let mut stream = Stream(Io::new(fd));
        if !done {
            stream.connected().await?;
        }
        Ok(TcpStream(stream))
    }

    /// Wraps a connection of the standard library; it is set to non-blocking, its other options stay.
    ///
    /// # Errors
    /// As the system reports them.
    pub fn from_std(stream: std::net::TcpStream) -> io::Result<TcpStream> {
        stream.set_nonblocking(true)?;
        Ok(TcpStream(Stream(Io::duplicated(stream.into()))))
    }

    /// The address of this end.
    ///
    /// # Errors
    /// As the system reports them.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        inet(socket::local_address(self.as_raw_fd())?)
    }

    /// The address of the other end.
    ///
    /// # Errors
    /// As the system reports them; if the connection is gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        inet(socket::remote_address(self.as_raw_fd())?)
    }

    /// Whether small writes are sent at once. On from the start.
    ///
    /// # Errors
    /// As the system reports them.
    pub fn set_nodelay(&self, on: bool) -> io::Result<()> {
        socket::set_nodelay(self.as_raw_fd(), on)
    }

    /// From here on, dropping it resets the connection: the peer gets an error instead of the end of its
    /// input, and what was not sent is discarded (SO_LINGER of zero).
    ///
    /// # Errors
    /// As the system reports them.
    pub fn set_reset(&self) -> io::Result<()> {
        socket::set_reset(self.as_raw_fd())
    }

    /// Whether small writes are sent at once.
    ///
    /// # Errors
    /// As the system reports them.
    pub fn nodelay(&self) -> io::Result<bool> {
        socket::nodelay(self.as_raw_fd())
    }
}

impl TcpListener {
    /// Binds to `addr` and listens. Port 0 is a free one of the system's choosing.
    ///
    /// # Errors
    /// As the system reports them.
    pub fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
        TcpListener::wrap(socket::listen(addr, 1024, false)?, false)
    }

    /// Wraps a listening socket of the standard library, such as [`bind_tcp`] gives or a supervisor
    /// handed over; it is set to non-blocking.
    ///
    /// # Errors
    /// As the system reports them.
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<TcpListener> {
        listener.set_nonblocking(true)?;
        TcpListener::wrap(listener.into(), true)
    }

    fn wrap(fd: OwnedFd, duplicated: bool) -> io::Result<TcpListener> {
        // Linux hands it down to each connection, which saves a system call there.
        socket::set_nodelay(fd.as_raw_fd(), true)?;
        Ok(TcpListener(if duplicated { Io::duplicated(fd) } else { Io::new(fd) }))
    }

    /// The next connection.
    ///
    /// # Errors
    /// As the system reports them. Those about a single connection (`ConnectionAborted`) call for trying
    /// again, those about resources (EMFILE, ENFILE, ENOBUFS, ENOMEM) for a pause: the connection waits on.
    pub fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let call = |fd: &OwnedFd| socket::accept(fd.as_raw_fd());
        self.0.poll_io(cx, Direction::Read, call, |_| false).map(|accepted| {
            let (fd, addr) = accepted?;
            #[cfg(not(any(target_os = "linux", target_os = "android")))]
            socket::set_nodelay(fd.as_raw_fd(), true)?;
            let addr = addr.ok_or(io::ErrorKind::ConnectionAborted)?;
            Ok((TcpStream(Stream(Io::new(fd))), addr))
        })
    }

    /// As [`poll_accept`](Self::poll_accept). Dropping the future loses no connection.
    ///
    /// # Errors
    /// As [`poll_accept`](Self::poll_accept).
    pub async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// The address that it listens on.
    ///
    /// # Errors
    /// As the system reports them.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        inet(socket::local_address(self.0.fd())?)
    }
}

fn inet(address: socket::Address) -> io::Result<SocketAddr> {
    address.inet().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no internet address"))
}

impl AsRawFd for TcpListener {
    fn as_raw_fd(&self) -> RawFd {
        self.0.fd()
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpListener").field("fd", &self.as_raw_fd()).finish()
    }
}
