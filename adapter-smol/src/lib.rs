#![doc = include_str!("../README.md")]

mod net;
mod stream;

#[cfg(unix)]
pub use net::Unix;
pub use net::{Listener, Socket, Tcp};
pub use stream::Io;

use avx_http::rt::{self, Runtime};
use smol::Executor;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
#[cfg(unix)]
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

/// A handle to a smol executor; clones name the same one.
#[derive(Clone, Debug)]
pub struct Smol {
    executor: Option<Arc<Executor<'static>>>,
    workers: usize,
}

impl Smol {
    /// The global executor.
    pub fn global() -> Self {
        let threads = std::env::var("SMOL_THREADS").ok().and_then(|n| n.parse().ok());
        Smol { executor: None, workers: threads.unwrap_or(1) }
    }

    /// An executor of yours, run by so many threads.
    pub fn on(executor: Arc<Executor<'static>>, threads: usize) -> Self {
        Smol { executor: Some(executor), workers: threads.max(1) }
    }
}

/// A timer that can be moved.
#[derive(Debug)]
pub struct Sleep(smol::Timer);

impl Future for Sleep {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(drop)
    }
}

impl rt::Sleep for Sleep {
    fn reset(&mut self, deadline: Instant) {
        self.0.set_at(deadline);
    }
}

impl Runtime for Smol {
    type Tcp = Tcp;
    type TcpListener = Listener<std::net::TcpListener>;
    #[cfg(unix)]
    type Unix = Unix;
    #[cfg(unix)]
    type UnixListener = Listener<std::os::unix::net::UnixListener>;
    type Sleep = Sleep;

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep_until(&self, deadline: Instant) -> Sleep {
        Sleep(smol::Timer::at(deadline))
    }

    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        match &self.executor {
            Some(executor) => executor.spawn(future).detach(),
            None => smol::spawn(future).detach(),
        }
    }

    /// Spawns one task per thread; where they run is the executor's to decide.
    fn spawn_on_each<F>(&self, make: impl FnMut(usize) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        (0..self.workers).map(make).for_each(|future| self.spawn(future));
    }

    fn workers(&self) -> usize {
        self.workers
    }

    fn unblock<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send + Unpin + 'static {
        smol::unblock(work)
    }

    fn tcp_listener(&self, listener: std::net::TcpListener) -> io::Result<Self::TcpListener> {
        Self::TcpListener::new(listener)
    }

    #[cfg(unix)]
    fn unix_listener(&self, listener: std::os::unix::net::UnixListener) -> io::Result<Self::UnixListener> {
        Self::UnixListener::new(listener)
    }

    fn bind_tcp(&self, addr: SocketAddr, backlog: u32, shared: bool) -> io::Result<std::net::TcpListener> {
        net::bind(addr, backlog, shared)
    }

    fn connect_tcp(&self, addr: SocketAddr) -> impl Future<Output = io::Result<Tcp>> + Send {
        net::connect_tcp(addr)
    }

    #[cfg(unix)]
    fn connect_unix(&self, path: &Path) -> impl Future<Output = io::Result<Unix>> + Send {
        net::unix::connect_unix(path.to_owned())
    }

    fn resolve(&self, host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send {
        let host = (host.to_owned(), port);
        smol::unblock(move || host.to_socket_addrs().map(Iterator::collect))
    }
}
