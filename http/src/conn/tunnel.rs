//! A stream of bytes inside a stream of the connection: what a CONNECT has opened (RFC 9113, section 8.5).

use crate::rt::{Peer, Stream};
use crate::{Body, BodyError, Chunk, Sender, Upgraded};
use std::io::{self, ErrorKind, IoSlice};
use std::task::{Context, Poll};

/// Content received and content to send as one [`Stream`], the same for both ends of a connection.
///
/// ```text
/// poll_read       content that has come; its credit goes back as it is read
/// poll_write      content to send, up to a piece ahead of what the peer takes
/// poll_shutdown   END_STREAM behind what was written; reading goes on
/// reset           RST_STREAM; what has not left is discarded
/// ```
///
/// Dropped before both sides have ended, it resets the stream as well, behind what was written.
pub(crate) struct Tunnel {
    received: Body,
    piece: Chunk,
    sender: Option<Sender>,
}

impl Tunnel {
    pub(crate) fn upgrade(received: Body, sender: Sender, peer: Peer) -> Upgraded {
        let tunnel = Tunnel { received, piece: Chunk::EMPTY, sender: Some(sender) };
        Upgraded::new(Box::new(tunnel), Vec::new(), peer)
    }
}

impl Stream for Tunnel {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        while self.piece.is_empty() {
            match self.received.poll_data(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(Ok(0)),
                Poll::Ready(Some(Ok(piece))) => self.piece = piece,
                Poll::Ready(Some(Err(error))) => {
                    let kind = match error {
                        BodyError::Reset { .. } => ErrorKind::ConnectionReset,
                        _ => ErrorKind::ConnectionAborted,
                    };
                    return Poll::Ready(Err(io::Error::new(kind, error)));
                }
            }
        }
        let n = self.piece.len().min(buf.len());
        buf[..n].copy_from_slice(&self.piece[..n]);
        self.piece.advance(n);
        if self.piece.is_empty() {
            // Its memory is for others while nothing comes.
            self.piece = Chunk::EMPTY;
        }
        Poll::Ready(Ok(n))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let Some(sender) = &mut self.sender else { return Poll::Ready(Err(ErrorKind::BrokenPipe.into())) };
        sender.poll_write(cx, buf).map_err(|error| io::Error::new(ErrorKind::BrokenPipe, error))
    }

    fn poll_write_vectored(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut all = 0;
        for buf in bufs {
            match self.poll_write(cx, buf) {
                Poll::Ready(Ok(n)) => {
                    all += n;
                    if n < buf.len() {
                        break;
                    }
                }
                _ if all > 0 => break,
                end => return end,
            }
        }
        Poll::Ready(Ok(all))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(sender) = self.sender.take() {
            sender.finish();
        }
        Poll::Ready(Ok(()))
    }

    fn reset(&mut self) {
        (self.received, self.piece) = (Body::empty(), Chunk::EMPTY);
        if let Some(sender) = self.sender.take() {
            sender.abort();
        }
    }
}
