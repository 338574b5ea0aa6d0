//! Content that is made as it is sent, from constant memory.

use avx_http::{BodyError, Chunk, Source};
use std::task::{Context, Poll};

/// Bytes of one piece of a [`Pattern`].
const PIECE: usize = 64 << 10;

/// Lines of 63 characters: byte `i` of any such content depends on `i % PIECE` only.
static LINES: [u8; PIECE] = lines();

const fn lines() -> [u8; PIECE] {
    const LINE: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ.\n";
    let mut bytes = [0; PIECE];
    let mut i = 0;
    while i < PIECE {
        bytes[i] = LINE[i % 64];
        i += 1;
    }
    bytes
}

/// So many bytes, announced.
pub(super) struct Pattern {
    left: u64,
}

impl Pattern {
    pub(super) fn new(len: u64) -> Self {
        Pattern { left: len }
    }
}

impl Source for Pattern {
    fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Chunk, BodyError>>> {
        let n = usize::try_from(self.left).map_or(PIECE, |left| left.min(PIECE));
        self.left -= n as u64;
        Poll::Ready((n > 0).then(|| Ok(Chunk::from(&LINES[..n]))))
    }

    fn len(&self) -> Option<u64> {
        Some(self.left)
    }
}

/// So many chunks of a line each; the total is not announced.
pub(super) struct Pieces {
    next: u64,
    last: u64,
}

impl Pieces {
    pub(super) fn new(count: u64) -> Self {
        Pieces { next: 1, last: count }
    }
}

impl Source for Pieces {
    fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Chunk, BodyError>>> {
        let (n, last) = (self.next, self.last);
        if n > last || n == 0 {
            return Poll::Ready(None);
        }
        self.next = n.wrapping_add(1);
        Poll::Ready(Some(Ok(Chunk::from(format!("chunk {n} of {last}\n")))))
    }
}
