//! What happens on a WebSocket.

use super::CloseCode;

/// What a message holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// UTF-8, checked as it arrives. A piece may end inside a character.
    Text,
    /// Bytes.
    Binary,
}

/// What happens on a WebSocket. Grammar: `(Data* (Ping | Pong)*)* Close?`.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'b> {
    /// A piece of a message, cut as it arrived; a message that is there as a whole, and not very large where
    /// it was compressed, is one piece. Control frames may come between the pieces.
    Data {
        /// What the message holds; the same for all its pieces.
        kind: Kind,
        /// The bytes: in the caller's input, or in the scratch where they were compressed. Empty only with
        /// `last`.
        data: &'b mut [u8],
        /// The message ends with this piece.
        last: bool,
    },
    /// A ping. The machine answers by itself.
    Ping {
        /// What it carries, at most 125 bytes.
        data: &'b [u8],
    },
    /// A pong: an answer to a ping of this end (the machine's own ones carry nothing), or one nobody asked for.
    Pong {
        /// What it carries, at most 125 bytes.
        data: &'b [u8],
    },
    /// The peer's close frame: nothing more comes from it. The machine answers by itself, unless this end had
    /// sent its own before.
    Close {
        /// Why; [`CloseCode::NO_STATUS`] when the peer does not say.
        code: CloseCode,
        /// The same for people to read, at most 123 bytes.
        reason: &'b str,
    },
}
