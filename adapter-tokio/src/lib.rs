#![doc = include_str!("../README.md")]

mod stream;

pub use stream::Io;

use avx_http::rt::{self, Peer, Runtime};
use socket2::{Domain, SockRef, Socket, Type};
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Instant;
use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::Handle;

/// A handle to a tokio runtime, which needs its timers and its I/O enabled; clones name the same one.
#[derive(Clone, Debug)]
pub struct Tokio(Handle);

impl Tokio {
    /// The runtime this is called on.
    ///
    /// # Panics
    /// Outside of a tokio runtime, as tokio does.
    pub fn current() -> Self {
        Tokio(Handle::current())
    }

    /// `future`, polled inside of the runtime wherever it is awaited.
    async fn within<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| {
            let _guard = self.0.enter();
            future.as_mut().poll(cx)
        })
        .await
    }
}

impl From<Handle> for Tokio {
    fn from(handle: Handle) -> Self {
        Tokio(handle)
    }
}

/// A timer that can be moved. One allocation.
#[derive(Debug)]
pub struct Sleep(Pin<Box<tokio::time::Sleep>>);

impl Future for Sleep {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

impl rt::Sleep for Sleep {
    fn reset(&mut self, deadline: Instant) {
        self.0.as_mut().reset(deadline.into());
    }
}

/// Blocking work under way.
struct Unblock<T>(tokio::task::JoinHandle<T>);

impl<T> Future for Unblock<T> {
    type Output = T;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        match ready!(Pin::new(&mut self.0).poll(cx)) {
            Ok(value) => Poll::Ready(value),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The runtime is shutting down: nobody is left to be told.
            Err(_) => Poll::Pending,
        }
    }
}

/// A listener of tokio's.
#[derive(Debug)]
pub struct Listener<L>(L);

impl rt::Listener for Listener<TcpListener> {
    type Stream = Io<TcpStream>;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Peer)>> {
        let (stream, addr) = ready!(self.0.poll_accept(cx))?;
        // On these systems it has the options of its listener, so that no connection costs a call for them.
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        stream.set_nodelay(true)?;
        Poll::Ready(Ok((Io::new(stream), Peer::Inet(addr))))
    }
}

#[cfg(unix)]
impl rt::Listener for Listener<UnixListener> {
    type Stream = Io<UnixStream>;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Peer)>> {
        self.0.poll_accept(cx).map_ok(|(stream, _)| (Io::new(stream), Peer::Unix))
    }
}

impl Runtime for Tokio {
    type Tcp = Io<TcpStream>;
    type TcpListener = Listener<TcpListener>;
    #[cfg(unix)]
    type Unix = Io<UnixStream>;
    #[cfg(unix)]
    type UnixListener = Listener<UnixListener>;
    type Sleep = Sleep;

    fn sleep_until(&self, deadline: Instant) -> Sleep {
        let _guard = self.0.enter();
        Sleep(Box::pin(tokio::time::sleep_until(deadline.into())))
    }

    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        drop(self.0.spawn(future));
    }

    fn workers(&self) -> usize {
        self.0.metrics().num_workers()
    }

    fn unblock<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send + Unpin + 'static {
        Unblock(self.0.spawn_blocking(work))
    }

    fn tcp_listener(&self, listener: std::net::TcpListener) -> io::Result<Self::TcpListener> {
        let _guard = self.0.enter();
        listener.set_nonblocking(true)?;
        SockRef::from(&listener).set_tcp_nodelay(true)?;
        TcpListener::from_std(listener).map(Listener)
    }

    #[cfg(unix)]
    fn unix_listener(&self, listener: std::os::unix::net::UnixListener) -> io::Result<Self::UnixListener> {
        let _guard = self.0.enter();
        listener.set_nonblocking(true)?;
        UnixListener::from_std(listener).map(Listener)
    }

    fn bind_tcp(&self, addr: SocketAddr, backlog: u32, shared: bool) -> io::Result<std::net::TcpListener> {
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
        #[cfg(unix)]
        socket.set_reuse_address(true).and_then(|()| socket.set_reuse_port(shared))?;
        if shared && cfg!(not(unix)) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        socket.bind(&addr.into())?;
        socket.listen(backlog.try_into().unwrap_or(i32::MAX))?;
        Ok(socket.into())
    }

    async fn connect_tcp(&self, addr: SocketAddr) -> io::Result<Self::Tcp> {
        let stream = self.within(TcpStream::connect(addr)).await?;
        stream.set_nodelay(true)?;
        Ok(Io::new(stream))
    }

    #[cfg(unix)]
    async fn connect_unix(&self, path: &std::path::Path) -> io::Result<Self::Unix> {
        self.within(UnixStream::connect(path)).await.map(Io::new)
    }
}
