//! A stream of bytes inside a stream of the connection: what a CONNECT has opened (RFC 9113, section 8.5).

use crate::rt::Stream;
use crate::{Body, BodyError, Chunk, Sender, body};
use std::io::{self, ErrorKind};
use std::task::{Context, Poll};

/// Content received and content to send as one [`Stream`]. Dropping it before both have ended resets the
/// stream.
pub(super) struct Tunnel {
    received: Body,
    piece: Chunk,
    sender: Option<Sender>,
}

impl Tunnel {
    pub(super) fn new(received: Body, sender: Sender) -> Self {
        Tunnel { received, piece: Chunk::EMPTY, sender: Some(sender) }
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
        Poll::Ready(Ok(n))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let Some(sender) = &mut self.sender else { return Poll::Ready(Err(ErrorKind::BrokenPipe.into())) };
        match sender.poll_ready(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(_)) => Poll::Ready(Err(ErrorKind::BrokenPipe.into())),
            Poll::Ready(Ok(())) => {
                let n = buf.len().min(body::PIECE / 2);
                sender.push(buf[..n].to_vec());
                Poll::Ready(Ok(n))
            }
        }
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(sender) = self.sender.take() {
            sender.finish();
        }
        Poll::Ready(Ok(()))
    }
}
