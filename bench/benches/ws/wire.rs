//! A connection in memory: what a client sent over and over, and a place where answers go.

use std::cell::RefCell;
use std::io::{self, IoSlice, Read, Write};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a client sends, again and again. A read ends where that ends, as if it had come in one piece.
///
/// Reading copies, as a system call does. Written bytes are only looked at, which is the same for everyone.
pub struct Wire {
    sent: Vec<u8>,
    at: usize,
    written: usize,
    /// Keeps what is written, to see whether it is right.
    record: Option<Rc<RefCell<Vec<u8>>>>,
}

impl Wire {
    pub fn new(sent: Vec<u8>) -> Self {
        Wire { sent, at: 0, written: 0, record: None }
    }

    pub fn recorded(sent: Vec<u8>, record: Rc<RefCell<Vec<u8>>>) -> Self {
        Wire { record: Some(record), ..Wire::new(sent) }
    }

    pub fn take(&mut self, buf: &mut [u8]) -> usize {
        let rest = &self.sent[self.at..];
        let n = rest.len().min(buf.len());
        buf[..n].copy_from_slice(&rest[..n]);
        self.at += n;
        if self.at == self.sent.len() {
            self.at = 0;
        }
        n
    }

    pub fn put(&mut self, bytes: &[u8]) {
        self.written += std::hint::black_box(bytes).len();
        if let Some(record) = &self.record {
            record.borrow_mut().extend_from_slice(bytes);
        }
    }
}

impl Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        Ok(self.take(buf))
    }
}

impl Write for Wire {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.put(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let n = {
            let rest = &self.sent[self.at..];
            let n = rest.len().min(buf.remaining());
            buf.put_slice(&rest[..n]);
            n
        };
        self.at = if self.at + n == self.sent.len() { 0 } else { self.at + n };
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.put(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        bufs.iter().for_each(|buf| self.put(buf));
        Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
