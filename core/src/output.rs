//! Where encoded bytes go: memory of the caller, all or nothing.

use alloc::vec::Vec;
use core::fmt;

/// The caller's memory behind every `send_*`, `frame_data` and `transmit`.
///
/// A machine asks once for exactly the bytes it is about to write and then fills all of them, so a
/// refusal leaves both the output and the machine as they were.
pub trait Output {
    /// Appends `n` bytes and lends them for filling. Their previous content is unspecified.
    ///
    /// # Errors
    /// [`Full`] when fewer than `n` bytes are left; then nothing was appended.
    fn reserve(&mut self, n: usize) -> Result<&mut [u8], Full>;

    /// How many bytes [`reserve`](Output::reserve) would still grant.
    fn room(&self) -> usize;

    /// Takes the last `n` bytes of the last reservation back: they were not needed. Field compression
    /// tells its length only when it is done.
    fn give_back(&mut self, n: usize);
}

/// The output has too little room for a unit that cannot be cut. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full {
    /// Bytes the unit takes as a whole.
    pub needed: usize,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "output has no room for {} bytes", self.needed)
    }
}

/// Grows without bound: convenient for tests and one-shot encoders. A server wants a bound.
impl Output for Vec<u8> {
    fn reserve(&mut self, n: usize) -> Result<&mut [u8], Full> {
        let at = self.len();
        self.resize(at + n, 0);
        Ok(&mut self[at..])
    }

    fn room(&self) -> usize {
        isize::MAX as usize - self.len()
    }

    fn give_back(&mut self, n: usize) {
        self.truncate(self.len().saturating_sub(n));
    }
}

/// A fixed piece of memory, filled from the front.
#[derive(Debug)]
pub struct SliceOutput<'a> {
    memory: &'a mut [u8],
    filled: usize,
}

impl<'a> SliceOutput<'a> {
    /// An empty output over `memory`.
    pub fn new(memory: &'a mut [u8]) -> Self {
        SliceOutput { memory, filled: 0 }
    }

    /// The bytes written so far.
    pub fn filled(&self) -> &[u8] {
        &self.memory[..self.filled]
    }

    /// How many bytes were written so far.
    pub fn len(&self) -> usize {
        self.filled
    }

    /// Whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.filled == 0
    }
}

impl Output for SliceOutput<'_> {
    #[inline]
    fn reserve(&mut self, n: usize) -> Result<&mut [u8], Full> {
        let room = self.memory.len() - self.filled;
        if n > room {
            return Err(Full { needed: n });
        }
        let at = self.filled;
        self.filled += n;
        Ok(&mut self.memory[at..at + n])
    }

    #[inline]
    fn room(&self) -> usize {
        self.memory.len() - self.filled
    }

    #[inline]
    fn give_back(&mut self, n: usize) {
        self.filled = self.filled.saturating_sub(n);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn what_is_given_back_was_never_written() {
        let mut memory = vec![0; 8];
        let mut slice = SliceOutput::new(&mut memory);
        let mut vec = Vec::new();
        for out in [&mut slice as &mut dyn Output, &mut vec] {
            out.reserve(6).unwrap().copy_from_slice(b"abcdef");
            out.give_back(4);
            out.reserve(2).unwrap().copy_from_slice(b"xy");
        }
        assert_eq!((slice.filled(), slice.room(), &vec[..]), (&b"abxy"[..], 4, &b"abxy"[..]));
    }
}
