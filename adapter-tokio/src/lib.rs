//! Runs the avx engine under tokio: one thin binding of [`avx_http::rt`] to tokio's sockets, timers and
//! tasks. The machines, the pump and the handlers are the same as under runtime-avx.
//!
//! ```no_run
//! use avx_http::{Router, Server};
//!
//! #[tokio::main]
//! # async fn main() -> std::io::Result<()> { serve().await }
//! # async fn serve() -> std::io::Result<()> {
//! let router = Router::new().get("/", || "Hello, World!");
//! Server::new(router).bind("127.0.0.1:8080").serve(&adapter_tokio::Tokio::current()).await
//! # }
//! ```
//!
//! [`Tokio`] works on the multi-thread and on the current-thread runtime, beside any other task.

mod net;

use avx_http::rt::{self, Runtime};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;
use tokio::runtime::Handle;

/// A handle to a tokio runtime; clones name the same one.
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
    type Tcp = net::Tcp;
    type TcpListener = net::TcpListener;
    #[cfg(unix)]
    type Unix = net::Unix;
    #[cfg(unix)]
    type UnixListener = net::UnixListener;
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

    fn tcp_listener(&self, listener: std::net::TcpListener) -> io::Result<net::TcpListener> {
        let _guard = self.0.enter();
        net::TcpListener::new(listener)
    }

    #[cfg(unix)]
    fn unix_listener(&self, listener: std::os::unix::net::UnixListener) -> io::Result<net::UnixListener> {
        let _guard = self.0.enter();
        net::UnixListener::new(listener)
    }

    fn bind_tcp(&self, addr: SocketAddr, backlog: u32, shared: bool) -> io::Result<std::net::TcpListener> {
        let _guard = self.0.enter();
        net::bind(addr, backlog, shared)
    }

    async fn connect_tcp(&self, addr: SocketAddr) -> io::Result<net::Tcp> {
        net::Tcp::new(tokio::net::TcpStream::connect(addr).await?)
    }

    #[cfg(unix)]
    fn connect_unix(&self, path: &Path) -> impl Future<Output = io::Result<net::Unix>> + Send {
        let path = path.to_owned();
        async { Ok(net::Unix(tokio::net::UnixStream::connect(path).await?)) }
    }

    fn resolve(&self, host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send {
        let host = (host.to_owned(), port);
        async { Ok(tokio::net::lookup_host(host).await?.collect()) }
    }
}
