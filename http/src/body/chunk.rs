//! One piece of content.

use crate::pool;
use std::fmt;
use std::ops::Deref;

/// Bytes of content, owned. Their memory is recycled by the thread that drops them.
pub struct Chunk {
    bytes: Bytes,
    at: usize,
}

enum Bytes {
    Static(&'static [u8]),
    Owned(Vec<u8>),
}

impl Chunk {
    pub(crate) const EMPTY: Chunk = Chunk { bytes: Bytes::Static(&[]), at: 0 };

    /// A copy of `bytes`, in recycled memory.
    pub fn copy(bytes: &[u8]) -> Self {
        let mut buffer = pool::buffer(bytes.len());
        buffer.extend_from_slice(bytes);
        Chunk::from(buffer)
    }

    /// Drops the first `n` bytes. More than there are drops all.
    #[inline]
    pub fn advance(&mut self, n: usize) {
        self.at += n.min(self.len());
    }

    /// The bytes as a vector; no copy unless they are a literal or were advanced.
    pub fn into_vec(mut self) -> Vec<u8> {
        match (&mut self.bytes, self.at) {
            (Bytes::Owned(bytes), 0) => std::mem::take(bytes),
            _ => self.to_vec(),
        }
    }

    /// Bytes of memory that it takes.
    pub(crate) fn held(&self) -> usize {
        match &self.bytes {
            Bytes::Static(_) => 0,
            Bytes::Owned(bytes) => bytes.capacity(),
        }
    }

    /// As [`into_vec`](Self::into_vec), but a large buffer with little inside is recycled instead.
    pub(crate) fn into_exact(self) -> Vec<u8> {
        match &self.bytes {
            Bytes::Owned(bytes) if bytes.capacity() > 2 * self.len() => self.to_vec(),
            _ => self.into_vec(),
        }
    }
}

impl Deref for Chunk {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Static(bytes) => &bytes[self.at..],
            Bytes::Owned(bytes) => &bytes[self.at..],
        }
    }
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Drop for Chunk {
    #[inline]
    fn drop(&mut self) {
        if let Bytes::Owned(bytes) = &mut self.bytes {
            pool::give_buffer(std::mem::take(bytes));
        }
    }
}

impl Default for Chunk {
    fn default() -> Self {
        Chunk::EMPTY
    }
}

impl From<Vec<u8>> for Chunk {
    fn from(bytes: Vec<u8>) -> Self {
        Chunk { bytes: Bytes::Owned(bytes), at: 0 }
    }
}

impl From<String> for Chunk {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl From<&'static [u8]> for Chunk {
    fn from(bytes: &'static [u8]) -> Self {
        Chunk { bytes: Bytes::Static(bytes), at: 0 }
    }
}

impl From<&'static str> for Chunk {
    fn from(text: &'static str) -> Self {
        text.as_bytes().into()
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chunk({} bytes)", self.len())
    }
}
