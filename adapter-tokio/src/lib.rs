#![doc = include_str!("../README.md")]

mod net;
mod stream;

pub use net::TcpListener;
#[cfg(unix)]
pub use net::unix::UnixListener;
pub use stream::Io;

use avx_http::rt::{self, Runtime};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;
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

impl Runtime for Tokio {
    type Tcp = Io<tokio::net::TcpStream>;
    type TcpListener = TcpListener;
    #[cfg(unix)]
    type Unix = Io<tokio::net::UnixStream>;
    #[cfg(unix)]
    type UnixListener = UnixListener;
    type Sleep = Sleep;

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep_until(&self, deadline: Instant) -> Sleep {
        let _guard = self.0.enter();
        Sleep(Box::pin(tokio::time::sleep_until(deadline.into())))
    }

    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        drop(self.0.spawn(future));
    }

    /// Spawns one task per worker; where they run is tokio's to decide.
    fn spawn_on_each<F>(&self, make: impl FnMut(usize) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        (0..self.workers()).map(make).for_each(|future| self.spawn(future));
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

    fn tcp_listener(&self, listener: std::net::TcpListener) -> io::Result<TcpListener> {
        let _guard = self.0.enter();
        TcpListener::new(listener)
    }

    #[cfg(unix)]
    fn unix_listener(&self, listener: std::os::unix::net::UnixListener) -> io::Result<UnixListener> {
        let _guard = self.0.enter();
        UnixListener::new(listener)
    }

    fn bind_tcp(&self, addr: SocketAddr, backlog: u32, shared: bool) -> io::Result<std::net::TcpListener> {
        net::bind(addr, backlog, shared)
    }

    fn connect_tcp(&self, addr: SocketAddr) -> impl Future<Output = io::Result<Self::Tcp>> + Send {
        net::connect_tcp(addr)
    }

    #[cfg(unix)]
    fn connect_unix(&self, path: &Path) -> impl Future<Output = io::Result<Self::Unix>> + Send {
        net::unix::connect_unix(path.to_owned())
    }

    fn resolve(&self, host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send {
        let host = (host.to_owned(), port);
        async { Ok(tokio::net::lookup_host(host).await?.collect()) }
    }
}
