//! What TCP and Unix streams have in common.

use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, OwnedFd};
use std::task::{Context, Poll};

use crate::reactor::Io;
use crate::sys::{Direction, socket};

/// A connected socket.
pub(super) struct Stream(pub(super) Io<OwnedFd>);

impl Stream {
    #[inline]
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let room = buf.len();
        // Less than there was room for: the kernel has no more. Nothing at all is the end, for good.
        let exhausted = |n: &usize| *n < room && *n > 0;
        self.0.poll_io(cx, Direction::Read, |fd| socket::recv(fd.as_raw_fd(), buf), exhausted)
    }

    #[cfg(feature = "hyper")]
    pub(super) fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        mut buf: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let room = buf.remaining();
        let call = |fd: &OwnedFd| crate::sys::cursor::recv(fd.as_raw_fd(), &mut buf);
        self.0.poll_io(cx, Direction::Read, call, |n| *n < room && *n > 0).map_ok(drop)
    }

    #[inline]
    pub(super) fn is_drained(&self) -> bool {
        self.0.is_drained()
    }

    #[inline]
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let exhausted = |n: &usize| *n < buf.len();
        self.0.poll_io(cx, Direction::Write, |fd| socket::send(fd.as_raw_fd(), buf), exhausted)
    }

    pub(super) fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bufs = &bufs[..bufs.len().min(socket::MAX_SLICES)];
        let all = bufs.iter().map(|b| b.len()).sum::<usize>();
        let call = |fd: &OwnedFd| socket::send_vectored(fd.as_raw_fd(), bufs);
        self.0.poll_io(cx, Direction::Write, call, |n| *n < all)
    }

    pub(super) fn shutdown(&self) -> io::Result<()> {
        socket::shutdown_write(self.0.fd())
    }

    /// Waits until a connection that is under way is made or has failed.
    pub(super) async fn connected(&mut self) -> io::Result<()> {
        self.0.set_exhausted(Direction::Write);
        std::future::poll_fn(|cx| {
            let call = |fd: &OwnedFd| socket::connected(fd.as_raw_fd());
            self.0.poll_io(cx, Direction::Write, call, |()| false)
        })
        .await
    }
}

/// The methods of a stream type, which is a tuple struct around [`Stream`].
macro_rules! stream_methods {
    ($stream:ident) => {
        impl $stream {
            /// Reads into `buf`. `Ok(0)` is the end of the input, or an empty `buf`.
            ///
            /// # Errors
            /// As the system reports them.
            #[inline]
            pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
                self.0.poll_read(cx, buf)
            }

            #[cfg(feature = "hyper")]
            pub(crate) fn poll_recv(
                &mut self,
                cx: &mut Context<'_>,
                buf: hyper::rt::ReadBufCursor<'_>,
            ) -> Poll<io::Result<()>> {
                self.0.poll_recv(cx, buf)
            }

            /// Whether a read is known to find nothing now: the last one left room, and no news has come since.
            #[inline]
            pub fn is_drained(&self) -> bool {
                self.0.is_drained()
            }

            /// Writes from `buf`; may take less than all of it.
            ///
            /// # Errors
            /// As the system reports them. A broken connection raises no signal.
            #[inline]
            pub fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                self.0.poll_write(cx, buf)
            }

            /// Writes from several buffers (of the first 64) with one call; may take less than all.
            ///
            /// # Errors
            /// As [`poll_write`](Self::poll_write).
            pub fn poll_write_vectored(
                &mut self,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.0.poll_write_vectored(cx, bufs)
            }

            /// Shuts the sending side down: the peer reads to the end. Reading goes on. What was written
            /// is sent first, by the kernel, so this never waits.
            ///
            /// # Errors
            /// As the system reports them; none if the connection is gone already.
            pub fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(self.0.shutdown())
            }

            /// As [`poll_read`](Self::poll_read). Dropping the future loses no bytes.
            ///
            /// # Errors
            /// As the system reports them.
            pub async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                poll_fn(|cx| self.poll_read(cx, buf)).await
            }

            /// Fills `buf`.
            ///
            /// # Errors
            /// As the system reports them; `UnexpectedEof` if the input ends before.
            pub async fn read_exact(&mut self, mut buf: &mut [u8]) -> io::Result<()> {
                while !buf.is_empty() {
                    match self.read(buf).await? {
                        0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                        n => buf = &mut buf[n..],
                    }
                }
                Ok(())
            }

            /// As [`poll_write`](Self::poll_write).
            ///
            /// # Errors
            /// As the system reports them.
            pub async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                poll_fn(|cx| self.poll_write(cx, buf)).await
            }

            /// As [`poll_write_vectored`](Self::poll_write_vectored).
            ///
            /// # Errors
            /// As the system reports them.
            pub async fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                poll_fn(|cx| self.poll_write_vectored(cx, bufs)).await
            }

            /// Writes all of `buf`.
            ///
            /// # Errors
            /// As the system reports them.
            pub async fn write_all(&mut self, mut buf: &[u8]) -> io::Result<()> {
                while !buf.is_empty() {
                    match self.write(buf).await? {
                        0 => return Err(io::ErrorKind::WriteZero.into()),
                        n => buf = &buf[n..],
                    }
                }
                Ok(())
            }

            /// As [`poll_shutdown`](Self::poll_shutdown).
            ///
            /// # Errors
            /// As the system reports them.
            pub async fn shutdown(&mut self) -> io::Result<()> {
                self.0.shutdown()
            }
        }

        impl AsRawFd for $stream {
            fn as_raw_fd(&self) -> RawFd {
                self.0.0.fd()
            }
        }

        impl AsFd for $stream {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.0.inner().as_fd()
            }
        }

        impl From<$stream> for OwnedFd {
            /// Takes the descriptor out, unwatched and non-blocking.
            fn from(stream: $stream) -> OwnedFd {
                stream.0.0.into_inner()
            }
        }

        impl fmt::Debug for $stream {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($stream)).field("fd", &self.as_raw_fd()).finish()
            }
        }
    };
}

pub(super) use stream_methods;
