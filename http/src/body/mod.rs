//! Content, pulled piece by piece in both directions.
//!
//! ```text
//! request   connection --Pipe--> Body (handler)
//! response  Body (handler) ----> connection: literal, bytes, a request's body, a Source, or
//!           Sender --Pipe--> Body
//! ```
//!
//! A pipe holds one piece, [64 KiB](crate::body::PIECE) at most: when it is full, its writer waits;
//! a connection then stops reading, and TCP tells the peer.

#[expect(clippy::module_inception, reason = "the concept and its folder share the RFC's word")]
mod body;
mod chunk;
mod error;
mod pipe;
mod sender;
mod source;

pub use body::Body;
pub use chunk::Chunk;
pub use error::BodyError;
pub use sender::Sender;
pub use source::Source;

pub(crate) use body::Content;
pub(crate) use pipe::{Pipe, Writer};

/// Bytes that wait between the two ends of a body at most.
pub const PIECE: usize = crate::pool::PIECE;
