//! Unix stream sockets.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;
use std::task::{Context, Poll};
use std::time::Duration;

use super::stream::{Stream, stream_methods};
use crate::reactor::Io;
use crate::sys::{Direction, socket};
use crate::timer::sleep;

/// A connection between processes of one machine.
pub struct UnixStream(Stream);

/// Accepts connections of a Unix socket.
pub struct UnixListener(Io<OwnedFd>);

stream_methods!(UnixStream);

impl UnixStream {
    /// Opens a connection to the socket at `path`. While its backlog is full, this waits, like a blocking
    /// connect (the system has no event for it, so it tries again, at first after a millisecond, later
    /// every 32).
    ///
    /// # Errors
    /// As the system reports them; `InvalidInput` for a path that is too long.
    pub async fn connect(path: impl AsRef<Path>) -> io::Result<UnixStream> {
        let address = socket::Address::unix(path.as_ref())?;
        let mut pause = Duration::from_millis(1);
        loop {
            let fd = socket::unix()?;
            match socket::connect(fd.as_raw_fd(), &address) {
                Ok(done) => {
                    let mut stream = Stream(Io::new(fd));
                    if !done {
                        stream.connected().await?;
                    }
                    return Ok(UnixStream(stream));
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    drop(fd);
                    sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_millis(32));
                }
                Err(e) => return Err(e),
            }
        }
    }

    /// Two ends of a connection.
    ///
    /// # Errors
    /// As the system reports them.
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (one, other) = std::os::unix::net::UnixStream::pair()?;
        one.set_nonblocking(true)?;
        other.set_nonblocking(true)?;
        let wrap = |s: std::os::unix::net::UnixStream| UnixStream(Stream(Io::new(s.into())));
        Ok((wrap(one), wrap(other)))
    }

    /// Wraps a connection of the standard library; it is set to non-blocking.
    ///
    /// # Errors
    /// As the system reports them.
    pub fn from_std(stream: std::os::unix::net::UnixStream) -> io::Result<UnixStream> {
        stream.set_nonblocking(true)?;
        Ok(UnixStream(Stream(Io::duplicated(stream.into()))))
    }
}

impl UnixListener {
    /// Binds to `path`, which must not exist, and listens.
    ///
    /// # Errors
    /// As the system reports them.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixListener> {
        UnixListener::from_std(std::os::unix::net::UnixListener::bind(path)?)
    }

    /// Wraps a listening socket of the standard library; it is set to non-blocking.
    ///
    /// # Errors
    /// As the system reports them.
    pub fn from_std(listener: std::os::unix::net::UnixListener) -> io::Result<UnixListener> {
        listener.set_nonblocking(true)?;
        Ok(UnixListener(Io::duplicated(listener.into())))
    }

    /// The next connection.
    ///
    /// # Errors
    /// As [`TcpListener::poll_accept`](super::TcpListener::poll_accept).
    pub fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<UnixStream>> {
        let call = |fd: &OwnedFd| socket::accept(fd.as_raw_fd());
        let accepted = self.0.poll_io(cx, Direction::Read, call, |_| false);
        accepted.map_ok(|(fd, _)| UnixStream(Stream(Io::new(fd))))
    }

    /// As [`poll_accept`](Self::poll_accept). Dropping the future loses no connection.
    ///
    /// # Errors
    /// As [`poll_accept`](Self::poll_accept).
    pub async fn accept(&mut self) -> io::Result<UnixStream> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }
}

impl AsRawFd for UnixListener {
    fn as_raw_fd(&self) -> RawFd {
        self.0.fd()
    }
}

impl fmt::Debug for UnixListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnixListener").field("fd", &self.as_raw_fd()).finish()
    }
}
