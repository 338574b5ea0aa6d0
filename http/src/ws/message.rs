//! A message, whole, and what arrives piece by piece.

use crate::body::Chunk;
use avx_core::ws::Kind;
use std::fmt;
use std::ops::Deref;

/// A message of a WebSocket: text or bytes. Its memory is recycled by the thread that drops it.
pub struct Message {
    kind: Kind,
    data: Chunk,
}

impl Message {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Message { kind: Kind::Text, data: text.into().into() }
    }

    /// Bytes.
    pub fn binary(bytes: impl Into<Vec<u8>>) -> Self {
        Message { kind: Kind::Binary, data: bytes.into().into() }
    }

    /// A piece of a text, for [`send_piece`](super::Sender::send_piece); it may be cut inside a character. That all
    /// of them together are UTF-8 is the caller's to see to.
    pub fn text_piece(bytes: impl Into<Vec<u8>>) -> Self {
        Message { kind: Kind::Text, data: bytes.into().into() }
    }

    /// `data` of this kind was received, and checked if it is text.
    pub(super) fn received(kind: Kind, data: Vec<u8>) -> Self {
        Message { kind, data: data.into() }
    }

    /// A copy, in recycled memory.
    pub(super) fn copy(kind: Kind, data: &[u8]) -> Self {
        Message { kind, data: Chunk::copy(data) }
    }

    /// What it holds.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether it is text.
    pub fn is_text(&self) -> bool {
        self.kind == Kind::Text
    }

    /// The text; `None` of a binary message, and of a piece that is cut inside a character.
    pub fn as_text(&self) -> Option<&str> {
        if self.is_text() { std::str::from_utf8(&self.data).ok() } else { None }
    }

    /// The bytes, of either kind; no copy.
    pub fn into_vec(self) -> Vec<u8> {
        self.data.into_vec()
    }

    /// Bytes of memory that it takes.
    pub(super) fn held(&self) -> usize {
        self.data.held()
    }

    /// Drops the first `n` bytes: they were sent.
    pub(super) fn advance(&mut self, n: usize) {
        self.data.advance(n);
    }
}

/// What arrives on a WebSocket, told as it comes.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A piece of a message; a small one is mostly whole. A piece of a text may end inside a character.
    Data {
        /// The bytes, and of what kind the message is.
        data: Message,
        /// The message ends with it.
        last: bool,
    },
    /// A ping, at most 125 bytes; it is answered by itself.
    Ping(Chunk),
    /// A pong: what one of this end's pings carried, nothing for those sent by itself.
    Pong(Chunk),
}

/// The bytes, of either kind.
impl Deref for Message {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.data
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Message::text(text)
    }
}

impl From<&'static str> for Message {
    fn from(text: &'static str) -> Self {
        Message { kind: Kind::Text, data: text.into() }
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Self {
        Message::binary(bytes)
    }
}

impl From<&'static [u8]> for Message {
    fn from(bytes: &'static [u8]) -> Self {
        Message { kind: Kind::Binary, data: bytes.into() }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({:?}, {} bytes)", self.kind, self.data.len())
    }
}
