//! Bytes from one transport to another, both ways at once.

use avx_http::rt::Stream;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

/// Bytes on their way, each way.
const PIECE: usize = 8 << 10;

/// Copies between the transport outside and the one in memory, each end passed on, until both sides have ended or
/// nobody uses the one in memory any more: then a client that says nothing holds nothing. A side that breaks off
/// breaks the other off.
pub(super) async fn splice(mut outside: impl Stream, mut inside: impl Stream) {
    let (mut out, mut in_) = (Copying::new(), Copying::new());
    let result = poll_fn(|cx| {
        let sent = out.poll(cx, &mut inside, &mut outside)?.is_ready();
        // Nothing is written, but whether anybody would read it is found out, and heard of later.
        if sent && matches!(inside.poll_write(cx, &[]), Poll::Ready(Err(_))) {
            return Poll::Ready(Ok(()));
        }
        let received = in_.poll_unless_left(cx, &mut outside, &mut inside)?.is_ready();
        if sent && received { Poll::Ready(Ok::<(), io::Error>(())) } else { Poll::Pending }
    });
    if result.await.is_err() {
        outside.reset();
        inside.reset();
    }
}

struct Copying {
    buf: Box<[u8]>,
    at: usize,
    filled: usize,
    ended: bool,
    over: bool,
}

impl Copying {
    fn new() -> Self {
        Copying { buf: vec![0; PIECE].into(), at: 0, filled: 0, ended: false, over: false }
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut impl Stream,
        to: &mut impl Stream,
    ) -> Poll<io::Result<()>> {
        while !self.over {
            ready!(self.poll_write(cx, to))?;
            ready!(self.poll_read(cx, from))?;
        }
        Poll::Ready(Ok(()))
    }

    /// As [`poll`](Self::poll), but whoever does not read any more is no error: he may still have something to say.
    fn poll_unless_left(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut impl Stream,
        to: &mut impl Stream,
    ) -> Poll<io::Result<()>> {
        while !self.over {
            self.over |= ready!(self.poll_write(cx, to)).is_err();
            ready!(self.poll_read(cx, from))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Writes what there is, and the end.
    fn poll_write(&mut self, cx: &mut Context<'_>, to: &mut impl Stream) -> Poll<io::Result<()>> {
        while self.at < self.filled {
            match ready!(to.poll_write(cx, &self.buf[self.at..self.filled]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => self.at += n,
            }
        }
        if self.ended {
            ready!(to.poll_shutdown(cx))?;
            self.over = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads more, unless it is over.
    fn poll_read(&mut self, cx: &mut Context<'_>, from: &mut impl Stream) -> Poll<io::Result<()>> {
        if !self.over {
            (self.at, self.filled) = (0, ready!(from.poll_read(cx, &mut self.buf))?);
            self.ended = self.filled == 0;
        }
        Poll::Ready(Ok(()))
    }
}
