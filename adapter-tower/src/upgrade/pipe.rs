//! A transport in memory: two bodies, one each way, with the back-pressure that bodies have.

use avx_http::rt::Stream;
use avx_http::{Body, Chunk, Sender};
use std::io::{self, ErrorKind};
use std::task::{Context, Poll, ready};

/// Bytes of one piece.
const PIECE: usize = 16 << 10;

/// One end of it.
pub(super) struct Pipe {
    input: Body,
    chunk: Chunk,
    output: Option<Sender>,
}

/// Both ends.
pub(super) fn pipe() -> (Pipe, Pipe) {
    let ((one_out, other_in), (other_out, one_in)) = (Body::channel(), Body::channel());
    let end = |input, output| Pipe { input, chunk: Chunk::default(), output: Some(output) };
    (end(one_in, one_out), end(other_in, other_out))
}

impl Stream for Pipe {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        while self.chunk.is_empty() {
            match ready!(self.input.poll_data(cx)) {
                Some(Ok(chunk)) => self.chunk = chunk,
                Some(Err(_)) => return Poll::Ready(Err(ErrorKind::ConnectionReset.into())),
                None => return Poll::Ready(Ok(0)),
            }
        }
        let n = buf.len().min(self.chunk.len());
        buf[..n].copy_from_slice(&self.chunk[..n]);
        self.chunk.advance(n);
        Poll::Ready(Ok(n))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let broken = || io::Error::from(ErrorKind::BrokenPipe);
        let Some(output) = &mut self.output else { return Poll::Ready(Err(broken())) };
        ready!(output.poll_ready(cx)).map_err(|_| broken())?;
        let n = buf.len().min(PIECE);
        output.push(Chunk::copy(&buf[..n]));
        Poll::Ready(Ok(n))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.finish();
        Poll::Ready(Ok(()))
    }

    /// Behind what was written the other end reads an error.
    fn reset(&mut self) {
        self.output = None;
    }
}

impl Pipe {
    fn finish(&mut self) {
        if let Some(output) = self.output.take() {
            output.finish();
        }
    }
}

/// As of a socket: what was written arrives, and then the end.
impl Drop for Pipe {
    fn drop(&mut self) {
        self.finish();
    }
}
