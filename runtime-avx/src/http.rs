//! The runtime traits of avx-http.

use std::future::Future;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::path::Path;
use std::task::{Context, Poll};
use std::time::Instant;

use avx_http::rt::{self, Peer};

use crate::net::{TcpListener, TcpStream, UnixListener, UnixStream, bind_tcp, resolve};
use crate::{Handle, Sleep};

macro_rules! stream {
    ($stream:ident { $($more:tt)* }) => {
        impl rt::Stream for $stream {
            #[inline]
            fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
                $stream::poll_read(self, cx, buf)
            }

            #[inline]
            fn is_drained(&self) -> bool {
                $stream::is_drained(self)
            }

            #[inline]
            fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                $stream::poll_write(self, cx, buf)
            }

            #[inline]
            fn poll_write_vectored(
                &mut self,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                $stream::poll_write_vectored(self, cx, bufs)
            }

            fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                $stream::poll_shutdown(self, cx)
            }

            $($more)*
        }
    };
}

stream!(TcpStream {
    fn reset(&mut self) {
        // One that cannot be reset is gone already.
        let _ = self.set_reset();
    }
});
stream!(UnixStream {});

impl rt::Listener for TcpListener {
    type Stream = TcpStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, Peer)>> {
        TcpListener::poll_accept(self, cx).map_ok(|(stream, addr)| (stream, Peer::Inet(addr)))
    }
}

impl rt::Listener for UnixListener {
    type Stream = UnixStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(UnixStream, Peer)>> {
        UnixListener::poll_accept(self, cx).map_ok(|stream| (stream, Peer::Unix))
    }
}

impl rt::Sleep for Sleep {
    #[inline]
    fn reset(&mut self, deadline: Instant) {
        Sleep::reset(self, deadline);
    }
}

impl rt::Runtime for Handle {
    type Tcp = TcpStream;
    type TcpListener = TcpListener;
    type Unix = UnixStream;
    type UnixListener = UnixListener;
    type Sleep = Sleep;

    #[inline]
    fn now(&self) -> Instant {
        Handle::now(self)
    }

    fn sleep_until(&self, deadline: Instant) -> Sleep {
        Handle::sleep_until(self, deadline)
    }

    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.spawn_detached(future);
    }

    fn spawn_on_each<F>(&self, make: impl FnMut(usize) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        drop(Handle::spawn_on_each(self, make));
    }

    fn workers(&self) -> usize {
        Handle::workers(self)
    }

    fn spawn_local(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.spawn_local_detached(future);
    }

    fn unblock<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send + Unpin + 'static {
        Handle::unblock(self, work)
    }

    fn tcp_listener(&self, listener: std::net::TcpListener) -> io::Result<TcpListener> {
        TcpListener::from_std(listener)
    }

    fn unix_listener(&self, listener: std::os::unix::net::UnixListener) -> io::Result<UnixListener> {
        UnixListener::from_std(listener)
    }

    fn bind_tcp(&self, addr: SocketAddr, backlog: u32, shared: bool) -> io::Result<std::net::TcpListener> {
        bind_tcp(addr, backlog, shared)
    }

    fn connect_tcp(&self, addr: SocketAddr) -> impl Future<Output = io::Result<TcpStream>> + Send {
        TcpStream::connect(addr)
    }

    fn connect_unix(&self, path: &Path) -> impl Future<Output = io::Result<UnixStream>> + Send {
        UnixStream::connect(path.to_owned())
    }

    fn resolve(&self, host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send {
        resolve(self, host, port)
    }
}
