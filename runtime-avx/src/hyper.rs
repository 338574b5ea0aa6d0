//! The runtime traits of hyper.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Executor, Read, ReadBufCursor, Timer, Write};

use crate::net::{TcpStream, UnixStream};
use crate::{Handle, Sleep, sleep};

macro_rules! stream {
    ($stream:ident) => {
        impl Read for $stream {
            fn poll_read(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: ReadBufCursor<'_>,
            ) -> Poll<io::Result<()>> {
                self.poll_recv(cx, buf)
            }
        }

        impl Write for $stream {
            fn poll_write(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                $stream::poll_write(&mut self, cx, buf)
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                $stream::poll_shutdown(&mut self, cx)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                $stream::poll_write_vectored(&mut self, cx, bufs)
            }
        }
    };
}

stream!(TcpStream);
stream!(UnixStream);

impl hyper::rt::Sleep for Sleep {}

/// Its times are those of the turn of the event loop.
impl Timer for Handle {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(sleep(duration))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(Handle::sleep_until(self, deadline))
    }

    fn now(&self) -> Instant {
        Handle::now(self)
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn hyper::rt::Sleep>>, deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<Sleep>() {
            Some(mut sleep) => sleep.reset(deadline),
            None => *sleep = Timer::sleep_until(self, deadline),
        }
    }
}

/// Spawns beside the caller, on any worker.
impl<F> Executor<F> for Handle
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, future: F) {
        self.spawn_detached(async { drop(future.await) });
    }
}
