//! Streams in memory, and the test's end of them.

use avx_http::rt;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

/// One direction of a stream.
#[derive(Default)]
struct Flow {
    bytes: VecDeque<u8>,
    capacity: usize,
    ended: bool,
    reset: bool,
    /// The reader found it empty, and nothing has come since: a runtime would not ask the system.
    drained: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    reads: usize,
    writes: usize,
    reader_gone: bool,
}

/// A stream in memory, with the readiness cache of a runtime over an edge-triggered kernel queue.
pub struct MemStream {
    input: Arc<Mutex<Flow>>,
    output: Arc<Mutex<Flow>>,
    resets: bool,
}

/// Two ends of a stream that holds any number of bytes.
pub fn pair() -> (MemStream, MemStream) {
    let flow = || Arc::new(Mutex::new(Flow { capacity: usize::MAX, ..Flow::default() }));
    let (a, b) = (flow(), flow());
    let stream = |input, output| MemStream { input, output, resets: false };
    (stream(a.clone(), b.clone()), stream(b, a))
}

impl Flow {
    fn wake_reader(&mut self) {
        self.drained = false;
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
    }

    fn wake_writer(&mut self) {
        if let Some(waker) = self.writer.take() {
            waker.wake();
        }
    }
}

impl rt::Stream for MemStream {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut flow = self.input.lock().unwrap();
        if flow.drained {
            flow.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        flow.reads += 1;
        if flow.reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if flow.bytes.is_empty() && !flow.ended {
            flow.drained = true;
            flow.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let n = buf.len().min(flow.bytes.len());
        for (slot, byte) in buf.iter_mut().zip(flow.bytes.drain(..n)) {
            *slot = byte;
        }
        flow.drained = n < buf.len() && !flow.ended;
        flow.wake_writer();
        Poll::Ready(Ok(n))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut flow = self.output.lock().unwrap();
        if flow.reset || flow.reader_gone {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let mut room = flow.capacity.saturating_sub(flow.bytes.len());
        if room == 0 {
            flow.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        flow.writes += 1;
        let mut n = 0;
        for buf in bufs {
            let len = buf.len().min(room);
            flow.bytes.extend(&buf[..len]);
            (n, room) = (n + len, room - len);
        }
        flow.wake_reader();
        Poll::Ready(Ok(n))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut flow = self.output.lock().unwrap();
        flow.ended = true;
        flow.wake_reader();
        Poll::Ready(Ok(()))
    }

    fn reset(&mut self) {
        self.resets = true;
    }
}

impl Drop for MemStream {
    fn drop(&mut self) {
        let mut flow = self.output.lock().unwrap();
        flow.reset |= self.resets && !flow.ended;
        flow.ended = true;
        flow.wake_reader();
        drop(flow);
        let mut flow = self.input.lock().unwrap();
        flow.reader_gone = true;
        flow.wake_writer();
    }
}

/// The test's end of a stream.
pub struct Remote(pub MemStream);

impl Remote {
    pub fn send(&self, bytes: impl AsRef<[u8]>) {
        let mut flow = self.0.output.lock().unwrap();
        flow.bytes.extend(bytes.as_ref());
        flow.wake_reader();
    }

    /// Everything that has come.
    pub fn recv(&self) -> Vec<u8> {
        let mut flow = self.0.input.lock().unwrap();
        let bytes = flow.bytes.drain(..).collect();
        flow.wake_writer();
        bytes
    }

    pub fn recv_text(&self) -> String {
        String::from_utf8_lossy(&self.recv()).into_owned()
    }

    /// Ends the sending side.
    pub fn finish(&self) {
        let mut flow = self.0.output.lock().unwrap();
        flow.ended = true;
        flow.wake_reader();
    }

    /// Breaks the connection.
    pub fn reset(&self) {
        for flow in [&self.0.output, &self.0.input] {
            let mut flow = flow.lock().unwrap();
            flow.reset = true;
            flow.wake_reader();
            flow.wake_writer();
        }
    }

    /// Whether the other end has ended its sending side.
    pub fn is_ended(&self) -> bool {
        self.0.input.lock().unwrap().ended
    }

    /// Whether the other end has reset the connection, having said nothing of an end before.
    pub fn is_reset(&self) -> bool {
        self.0.input.lock().unwrap().reset
    }

    /// Whether the other end is gone altogether.
    pub fn is_closed(&self) -> bool {
        self.0.output.lock().unwrap().reader_gone
    }

    /// How many bytes may wait to be read here before the other end has to wait.
    pub fn set_window(&self, bytes: usize) {
        let mut flow = self.0.input.lock().unwrap();
        flow.capacity = bytes;
        flow.wake_writer();
    }

    /// Bytes sent that the other end has not read.
    pub fn unread_by_peer(&self) -> usize {
        self.0.output.lock().unwrap().bytes.len()
    }

    /// Read and write calls that the other end made and that would have reached the system.
    pub fn calls(&self) -> (usize, usize) {
        (self.0.output.lock().unwrap().reads, self.0.input.lock().unwrap().writes)
    }
}
