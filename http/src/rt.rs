//! What the engine asks of a runtime: streams, listeners, one timer a connection, spawning.
//!
//! Poll-based, initialised buffers, associated types: no box on the data path, and an adapter is one
//! thin binding. Everything is `Send`, so that connections may move between workers.

use std::future::Future;
use std::io::{self, IoSlice};
use std::net::{SocketAddr, ToSocketAddrs};
#[cfg(unix)]
use std::path::Path;
use std::task::{Context, Poll};
use std::time::Instant;

/// A byte stream in both directions: TCP, a Unix socket, TLS over either.
pub trait Stream: Send + Unpin + 'static {
    /// Reads into `buf`. `Ok(0)` is the end of the input (for a non-empty `buf`).
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Asked in the same poll as the last [`poll_read`](Stream::poll_read), that has read something: whether
    /// that was all there is, and the task is to be woken when there is more. Another `poll_read` would be
    /// `Pending` and leave the same waker. Only a hint that saves this call; `false` is always right.
    fn is_drained(&self) -> bool {
        false
    }

    /// Writes from `buf`; may take less than all of it. Whoever is told `Pending` comes with the same bytes again, as
    /// long as the stream is to carry anything: a stream that flushes may have taken them already.
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>>;

    /// Writes from several buffers with one call where the system can.
    fn poll_write_vectored(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let first = bufs.iter().find(|b| !b.is_empty()).map_or(&[][..], |b| b);
        self.poll_write(cx, first)
    }

    /// Shuts the sending side down; reading goes on.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// It will be dropped, and that is to be a reset rather than the end of what was sent: the peer
    /// gets an error, and what has not left is discarded (TCP: SO_LINGER of zero). A transport that
    /// cannot do that does nothing.
    fn reset(&mut self) {}
}

/// Accepts streams.
pub trait Listener: Send + Unpin + 'static {
    /// What it accepts.
    type Stream: Stream;

    /// The next connection.
    ///
    /// # Errors
    /// As the system reports them. `EMFILE` and its kind are for the caller to wait out.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Peer)>>;
}

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// An internet address.
    Inet(SocketAddr),
    /// The other end of a Unix socket.
    Unix,
}

/// A timer that can be moved: one for each connection, re-armed instead of recreated.
pub trait Sleep: Future<Output = ()> + Send + Unpin + 'static {
    /// Fires at `deadline` instead, also after it has fired.
    fn reset(&mut self, deadline: Instant);
}

impl<S: Sleep + ?Sized> Sleep for Box<S> {
    fn reset(&mut self, deadline: Instant) {
        (**self).reset(deadline);
    }
}

/// A runtime, as far as the engine needs one. A cheap handle; clones name the same runtime.
pub trait Runtime: Clone + Send + Sync + 'static {
    /// TCP stream.
    type Tcp: Stream;
    /// TCP listener.
    type TcpListener: Listener<Stream = Self::Tcp>;
    /// Unix stream.
    #[cfg(unix)]
    type Unix: Stream;
    /// Unix listener.
    #[cfg(unix)]
    type UnixListener: Listener<Stream = Self::Unix>;
    /// Timer.
    type Sleep: Sleep;

    /// The time, possibly of the current turn of the event loop rather than of this very moment. Unless the runtime
    /// knows better, that of the system's clock.
    fn now(&self) -> Instant {
        Instant::now()
    }

    /// A timer that fires at `deadline`.
    fn sleep_until(&self, deadline: Instant) -> Self::Sleep;

    /// Runs `future` beside the caller, on any worker.
    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static);

    /// Runs `future` once on each worker (`make` is given the worker's number), to its end. This is
    /// how one listener per worker stays on its worker. A runtime without such a notion spawns as many
    /// tasks, and where they run is its to decide.
    fn spawn_on_each<F>(&self, make: impl FnMut(usize) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        (0..self.workers()).map(make).for_each(|future| self.spawn(future));
    }

    /// How many futures [`spawn_on_each`](Runtime::spawn_on_each) makes.
    fn workers(&self) -> usize;

    /// Like [`spawn`](Runtime::spawn), but on the current worker when there is one, and staying there
    /// as far as the runtime allows. Connections are spawned like this where they are accepted.
    fn spawn_local(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.spawn(future);
    }

    /// Runs blocking work (files, name look-up) away from the workers.
    fn unblock<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send + Unpin + 'static;

    /// Wraps a bound, listening socket of the standard library; it is set to non-blocking.
    ///
    /// # Errors
    /// As the system reports them.
    fn tcp_listener(&self, listener: std::net::TcpListener) -> io::Result<Self::TcpListener>;

    /// As [`tcp_listener`](Runtime::tcp_listener), for Unix sockets.
    ///
    /// # Errors
    /// As the system reports them.
    #[cfg(unix)]
    fn unix_listener(&self, listener: std::os::unix::net::UnixListener) -> io::Result<Self::UnixListener>;

    /// Binds and listens. With `shared`, several sockets may listen on one address and the system
    /// spreads connections among them (SO_REUSEPORT); where it cannot, that is an error of kind
    /// `Unsupported`.
    ///
    /// # Errors
    /// As the system reports them.
    fn bind_tcp(&self, addr: SocketAddr, backlog: u32, shared: bool) -> io::Result<std::net::TcpListener>;

    /// Opens a TCP connection.
    fn connect_tcp(&self, addr: SocketAddr) -> impl Future<Output = io::Result<Self::Tcp>> + Send;

    /// Opens a connection to a Unix socket.
    ///
    /// # Errors
    /// As the system reports them. `WouldBlock`: the backlog is full, and the system has no event for when it is not,
    /// so that this is for the caller to wait out ([`client::Connection`](crate::client::Connection) does). A runtime
    /// may do that itself.
    #[cfg(unix)]
    fn connect_unix(&self, path: &Path) -> impl Future<Output = io::Result<Self::Unix>> + Send;

    /// Looks a host name up, away from the workers: all its addresses, in the order in which the system wants them
    /// tried.
    fn resolve(&self, host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send {
        let host = (host.to_owned(), port);
        self.unblock(move || host.to_socket_addrs().map(Iterator::collect))
    }
}
