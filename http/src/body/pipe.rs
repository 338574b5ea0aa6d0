//! One piece of content between its writer and its reader, who may live in different tasks.
//!
//! The connection is the writer of a request's pipe and the reader of a [`Sender`](super::Sender)'s.
//! A connection and a handler inside it share one waker; then no wake-up happens: the connection looks at the
//! pipe after the handler had its turn. Who merely has both ends in one task is woken.

use super::{BodyError, Chunk};
use crate::pool::{self, PIECE};
use crate::{OwnedFields, Response};
use avx_core::BodyLen;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

#[derive(Default)]
pub(crate) struct Pipe {
    state: Mutex<State>,
}

/// The writing end that a connection holds: dropped before the end of the content, it tells the
/// reader, and the pipe is used again.
pub(crate) struct Writer(Option<Arc<Pipe>>);

impl Writer {
    pub(crate) fn new(len: BodyLen) -> Self {
        let pipe = pool::pipe(len);
        pipe.lock().within = true;
        Writer(Some(pipe))
    }

    /// The pipe; there until the writer is dropped.
    pub(crate) fn pipe(&self) -> Option<&Arc<Pipe>> {
        self.0.as_ref()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(pipe) = self.0.take() {
            pipe.fail(BodyError::Disconnected);
            pool::give_pipe(pipe);
        }
    }
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    /// Credit of `bytes`, and of what the reader took since it was last given back.
    held: u32,
    taken: u32,
    end: End,
    trailers: Option<OwnedFields>,
    informational: Vec<Response>,
    /// The reader has asked for content.
    wanted: bool,
    /// The writer is a connection: it looks here after a reader inside its task had its turn.
    within: bool,
    reader_gone: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Clone, Copy, Default)]
enum End {
    #[default]
    Open,
    Ended,
    Failed(BodyError),
}

/// What the reader's side looks like to the writer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Demand {
    /// The reader has asked for content at least once.
    pub(crate) wanted: bool,
    /// Nobody will read any more.
    pub(crate) gone: bool,
    /// Bytes that still fit into the piece: any number when it is empty or nobody will read it, none
    /// when it is nearly full.
    pub(crate) room: usize,
    /// Credit to give back.
    pub(crate) credit: u32,
    /// There is content whose credit is not to be given back yet.
    pub(crate) held: bool,
}

impl Pipe {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As new.
    pub(crate) fn reset(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        pool::give_buffer(mem::take(&mut state.bytes));
        *state = State::default();
    }

    // --- writer ---

    /// Appends content. The writer asked [`demand`](Self::demand) for room before; content that
    /// nobody will read is dropped, and its credit is at once given back. A reader in the task
    /// `within` is not woken.
    pub(crate) fn push(&self, data: &[u8], credit: u32, within: Option<&Waker>) {
        let mut state = self.lock();
        if state.reader_gone {
            state.taken += credit;
            return;
        }
        state.append(data);
        state.held += credit;
        wake(state, Side::Reader, within);
    }

    /// Appends as much of `data` as there is room for. The reader is not woken when it is in the task that
    /// writes: a connection looks here after the handlers inside it.
    ///
    /// # Errors
    /// [`BodyError::Disconnected`] when nobody will read it.
    pub(crate) fn poll_write(&self, cx: &Context<'_>, data: &[u8]) -> Poll<Result<usize, BodyError>> {
        let mut state = self.lock();
        if state.reader_gone {
            return Poll::Ready(Err(BodyError::Disconnected));
        }
        let n = data.len().min(state.room()).min(PIECE);
        if n == 0 && !data.is_empty() {
            register(&mut state.writer, cx);
            return Poll::Pending;
        }
        state.append(&data[..n]);
        wake(state, Side::Reader, Some(cx.waker()));
        Poll::Ready(Ok(n))
    }

    /// Puts a whole piece in without copying it, when there is none.
    pub(crate) fn push_chunk(&self, chunk: Chunk) {
        let empty = self.lock().bytes.is_empty();
        if !empty {
            return self.push(&chunk, 0, None);
        }
        let mut state = self.lock();
        if !state.reader_gone {
            let old = mem::replace(&mut state.bytes, chunk.into_vec());
            pool::give_buffer(old);
            wake(state, Side::Reader, None);
        }
    }

    pub(crate) fn end(&self, trailers: Option<OwnedFields>, within: Option<&Waker>) {
        let mut state = self.lock();
        if matches!(state.end, End::Open) {
            state.end = End::Ended;
            state.trailers = trailers;
        }
        wake(state, Side::Reader, within);
    }

    pub(crate) fn fail(&self, error: BodyError) {
        let mut state = self.lock();
        if matches!(state.end, End::Open) {
            state.end = End::Failed(error);
        }
        wake(state, Side::Reader, None);
    }

    /// Fails it, and what has not been read is gone.
    pub(crate) fn abort(&self, error: BodyError) {
        let mut state = self.lock();
        state.end = End::Failed(error);
        pool::give_buffer(mem::take(&mut state.bytes));
        wake(state, Side::Reader, None);
    }

    /// What the reader wants. Takes the credit it has to give back.
    pub(crate) fn demand(&self) -> Demand {
        let mut state = self.lock();
        state.demand()
    }

    /// Whether nobody will read any more.
    pub(crate) fn is_left(&self) -> bool {
        self.lock().reader_gone
    }

    /// As [`demand`](Self::demand), and wakes the writer when that changes.
    pub(crate) fn poll_demand(&self, cx: &Context<'_>) -> Demand {
        let mut state = self.lock();
        register(&mut state.writer, cx);
        state.demand()
    }

    /// Interim responses the handler wants sent.
    pub(crate) fn take_informational(&self) -> Vec<Response> {
        mem::take(&mut self.lock().informational)
    }

    // --- reader ---

    pub(crate) fn inform(&self, response: Response) {
        let mut state = self.lock();
        state.informational.push(response);
        wake(state, Side::Writer, None);
    }

    pub(crate) fn poll_data(&self, cx: &Context<'_>) -> Poll<Option<Result<Chunk, BodyError>>> {
        let mut state = self.lock();
        let first = !mem::replace(&mut state.wanted, true);
        if !state.bytes.is_empty() {
            let bytes = mem::take(&mut state.bytes);
            state.taken += mem::take(&mut state.held);
            let within = state.within.then_some(cx.waker());
            wake(state, Side::Writer, within);
            return Poll::Ready(Some(Ok(Chunk::from(bytes))));
        }
        match state.end {
            End::Ended => Poll::Ready(None),
            End::Failed(error) => Poll::Ready(Some(Err(error))),
            End::Open => {
                register(&mut state.reader, cx);
                if first {
                    let within = state.within.then_some(cx.waker());
                    wake(state, Side::Writer, within);
                }
                Poll::Pending
            }
        }
    }

    /// Whether the content has ended and everything was read.
    pub(crate) fn is_done(&self) -> bool {
        let state = self.lock();
        state.bytes.is_empty() && matches!(state.end, End::Ended)
    }

    pub(crate) fn take_trailers(&self) -> Option<OwnedFields> {
        self.lock().trailers.take()
    }

    /// Nobody will read any more.
    pub(crate) fn leave(&self) {
        let mut state = self.lock();
        state.reader_gone = true;
        state.taken += mem::take(&mut state.held);
        pool::give_buffer(mem::take(&mut state.bytes));
        wake(state, Side::Writer, None);
    }
}

impl State {
    fn append(&mut self, data: &[u8]) {
        if self.bytes.capacity() - self.bytes.len() < data.len() {
            // What has outgrown a piece doubles: not every frame is to copy all that came before it.
            let double = if self.bytes.capacity() >= PIECE { 2 * self.bytes.capacity() } else { 0 };
            let mut larger = pool::buffer((self.bytes.len() + data.len()).max(double));
            larger.extend_from_slice(&self.bytes);
            pool::give_buffer(mem::replace(&mut self.bytes, larger));
        }
        self.bytes.extend_from_slice(data);
    }

    fn room(&self) -> usize {
        match self.bytes.len() {
            0 => usize::MAX,
            _ if self.reader_gone => usize::MAX,
            held if held > PIECE / 4 * 3 => 0,
            held => PIECE - held,
        }
    }

    fn demand(&mut self) -> Demand {
        Demand {
            wanted: self.wanted,
            gone: self.reader_gone,
            room: self.room(),
            credit: mem::take(&mut self.taken),
            held: self.held > 0,
        }
    }
}

enum Side {
    Reader,
    Writer,
}

/// Wakes one side, after the lock is gone, unless it lives in the task that is running anyway.
fn wake(mut state: MutexGuard<'_, State>, side: Side, within: Option<&Waker>) {
    let slot = match side {
        Side::Reader => &mut state.reader,
        Side::Writer => &mut state.writer,
    };
    if slot.as_ref().zip(within).is_some_and(|(waker, within)| waker.will_wake(within)) {
        return;
    }
    let waker = slot.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

fn register(slot: &mut Option<Waker>, cx: &Context<'_>) {
    match slot {
        Some(waker) if waker.will_wake(cx.waker()) => {}
        _ => *slot = Some(cx.waker().clone()),
    }
}
