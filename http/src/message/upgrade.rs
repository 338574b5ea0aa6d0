//! The transport after an upgrade or CONNECT.

use super::Host;
use crate::Chunk;
use crate::rt::{Peer, Stream};
use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll};

/// A byte stream that was an HTTP connection, or one stream of an HTTP/2 connection: what had been read beyond the
/// head comes first.
///
/// It is a [`Stream`] itself, so other protocols may be driven over it.
pub struct Upgraded {
    io: Continued,
    peer: Peer,
    host: Option<Arc<dyn Host>>,
}

/// A transport that goes on where somebody has stopped to read.
pub(crate) struct Continued {
    io: Box<dyn Stream>,
    /// What was read beyond the head, until that has been read here.
    unread: Option<Box<Chunk>>,
    /// What was read last came from the transport.
    direct: bool,
}

impl Upgraded {
    /// `io`, with `unread` in front of what it will read.
    pub fn new(io: Box<dyn Stream>, unread: Vec<u8>, peer: Peer) -> Self {
        let unread = (!unread.is_empty()).then(|| Box::new(unread.into()));
        Upgraded { io: Continued { io, unread, direct: false }, peer, host: None }
    }

    /// With an engine to ask.
    pub(crate) fn of(mut self, host: Arc<dyn Host>) -> Self {
        self.host = Some(host);
        self
    }

    pub(crate) fn host(&self) -> Option<&Arc<dyn Host>> {
        self.host.as_ref()
    }

    pub(crate) fn into_parts(self) -> (Continued, Option<Arc<dyn Host>>) {
        (self.io, self.host)
    }

    /// Who is at the other end.
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// Bytes that came behind the head and were not read from here yet.
    pub fn unread(&self) -> &[u8] {
        self.io.unread.as_deref().map_or(&[], |unread| unread)
    }

    /// Reads into `buf`; 0 is the end of the input.
    ///
    /// # Errors
    /// As the transport reports them.
    pub async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_read(cx, buf)).await
    }

    /// Writes all of `bytes`. Not cancel-safe: a part may have left.
    ///
    /// # Errors
    /// As the transport reports them.
    pub async fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match poll_fn(|cx| self.poll_write(cx, bytes)).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                n => bytes = &bytes[n..],
            }
        }
        Ok(())
    }

    /// Shuts the sending side down.
    ///
    /// # Errors
    /// As the transport reports them.
    pub async fn shutdown(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_shutdown(cx)).await
    }
}

impl Stream for Upgraded {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.io.poll_read(cx, buf)
    }

    fn is_drained(&self) -> bool {
        self.io.is_drained()
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.io.poll_write(cx, buf)
    }

    fn poll_write_vectored(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.io.poll_write_vectored(cx, bufs)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_shutdown(cx)
    }

    fn reset(&mut self) {
        self.io.reset();
    }
}

impl Stream for Continued {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.direct = self.unread.is_none();
        let Some(unread) = &mut self.unread else { return self.io.poll_read(cx, buf) };
        let n = unread.len().min(buf.len());
        buf[..n].copy_from_slice(&unread[..n]);
        unread.advance(n);
        if unread.is_empty() {
            self.unread = None;
        }
        Poll::Ready(Ok(n))
    }

    fn is_drained(&self) -> bool {
        self.direct && self.io.is_drained()
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.io.poll_write(cx, buf)
    }

    fn poll_write_vectored(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.io.poll_write_vectored(cx, bufs)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_shutdown(cx)
    }

    fn reset(&mut self) {
        self.io.reset();
    }
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgraded")
            .field("peer", &self.peer)
            .field("unread", &self.unread().len())
            .finish_non_exhaustive()
    }
}
