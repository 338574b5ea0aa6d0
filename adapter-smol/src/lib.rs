#![doc = include_str!("../README.md")]

mod stream;

pub use stream::Io;

use avx_http::rt::{self, Peer, Runtime};
use smol::{Async, Executor};
use socket2::{Domain, SockRef, Socket, Type};
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
#[cfg(unix)]
use std::os::unix::net::{UnixListener, UnixStream};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Instant;

/// A handle to a smol executor; clones name the same one. It does not keep the executor: what runs there ends with it.
#[derive(Clone, Debug)]
pub struct Smol {
    /// `None`: the global one.
    executor: Option<Weak<Executor<'static>>>,
    workers: usize,
}

impl Smol {
    /// The global executor.
    pub fn global() -> Self {
        // As smol reads it: what is no `i32` is one.
        let threads = std::env::var("SMOL_THREADS").ok().and_then(|n| n.parse::<i32>().ok()).unwrap_or(1);
        Smol { executor: None, workers: threads.max(1).unsigned_abs() as usize }
    }

    /// An executor of yours, run by so many threads.
    pub fn on(executor: &Arc<Executor<'static>>, threads: usize) -> Self {
        Smol { executor: Some(Arc::downgrade(executor)), workers: threads.max(1) }
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

/// A listener of smol's.
#[derive(Debug)]
pub struct Listener<L>(Async<L>);

impl<L> Listener<L> {
    fn poll<T>(&self, cx: &mut Context<'_>, accept: fn(&L) -> io::Result<T>) -> Poll<io::Result<T>> {
        loop {
            match accept(self.0.get_ref()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(self.0.poll_readable(cx))?,
                result => return Poll::Ready(result),
            }
        }
    }
}

impl rt::Listener for Listener<TcpListener> {
    type Stream = Io<Async<TcpStream>>;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Peer)>> {
        let (stream, addr) = ready!(self.poll(cx, TcpListener::accept))?;
        // On these systems it has the options of its listener, so that no connection costs a call for them.
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        stream.set_nodelay(true)?;
        Poll::Ready(Async::new(stream).map(|stream| (Io::new(stream), Peer::Inet(addr))))
    }
}

#[cfg(unix)]
impl rt::Listener for Listener<UnixListener> {
    type Stream = Io<Async<UnixStream>>;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Peer)>> {
        let (stream, _) = ready!(self.poll(cx, UnixListener::accept))?;
        Poll::Ready(Async::new(stream).map(|stream| (Io::new(stream), Peer::Unix)))
    }
}

impl Runtime for Smol {
    type Tcp = Io<Async<TcpStream>>;
    type TcpListener = Listener<TcpListener>;
    #[cfg(unix)]
    type Unix = Io<Async<UnixStream>>;
    #[cfg(unix)]
    type UnixListener = Listener<UnixListener>;
    type Sleep = Sleep;

    fn sleep_until(&self, deadline: Instant) -> Sleep {
        Sleep(smol::Timer::at(deadline))
    }

    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        let Some(executor) = &self.executor else { return smol::spawn(future).detach() };
        let Some(executor) = executor.upgrade() else { return };
        executor.spawn(future).detach();
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

    fn tcp_listener(&self, listener: TcpListener) -> io::Result<Self::TcpListener> {
        SockRef::from(&listener).set_tcp_nodelay(true)?;
        Async::new(listener).map(Listener)
    }

    #[cfg(unix)]
    fn unix_listener(&self, listener: UnixListener) -> io::Result<Self::UnixListener> {
        Async::new(listener).map(Listener)
    }

    fn bind_tcp(&self, addr: SocketAddr, backlog: u32, shared: bool) -> io::Result<TcpListener> {
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
        let stream = Async::<TcpStream>::connect(addr).await?;
        stream.get_ref().set_nodelay(true)?;
        Ok(Io::new(stream))
    }

    /// Not as smol does it, which takes a full backlog for a connection under way.
    #[cfg(unix)]
    async fn connect_unix(&self, path: &std::path::Path) -> io::Result<Self::Unix> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.connect(&socket2::SockAddr::unix(path)?)?;
        Async::new_nonblocking(socket.into()).map(Io::new)
    }
}
