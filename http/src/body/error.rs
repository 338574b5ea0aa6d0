//! Why content ended early.

use avx_core::{ErrorCode, Initiator, PeerError, Status};
use std::fmt;

/// Why content ended before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyError {
    /// The peer broke the protocol inside the content, or sent it too slowly.
    Peer(PeerError),
    /// The connection ended, or the peer gave the exchange up.
    Disconnected,
    /// The stream was reset (HTTP/2).
    Reset {
        /// Why.
        code: ErrorCode,
        /// By whom: by this end when the peer broke a rule.
        by: Initiator,
    },
    /// More content than [`collect`](crate::Body::collect) was to take.
    TooLarge {
        /// Bytes that were allowed.
        limit: usize,
    },
    /// Who produced the content dropped it before its end, or failed.
    Aborted,
    /// The time allowed for the exchange has passed.
    TimedOut,
}

impl BodyError {
    /// What to answer a request with whose content ended like this.
    pub fn status(&self) -> Status {
        match self {
            BodyError::Peer(error) => Status::new(error.h1_status()).unwrap_or(Status::BAD_REQUEST),
            BodyError::Disconnected | BodyError::Reset { .. } => Status::BAD_REQUEST,
            BodyError::TooLarge { .. } => Status::CONTENT_TOO_LARGE,
            BodyError::Aborted => Status::INTERNAL_SERVER_ERROR,
            BodyError::TimedOut => Status::REQUEST_TIMEOUT,
        }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BodyError::Peer(error) => error.fmt(f),
            BodyError::Disconnected => f.write_str("peer: connection ended inside the content"),
            BodyError::Reset { code, by: Initiator::Remote } => {
                write!(f, "peer: reset the stream with {code}")
            }
            BodyError::Reset { code, by: Initiator::Local } => {
                write!(f, "peer: broke a rule, and its stream was reset with {code}")
            }
            BodyError::TooLarge { limit } => write!(f, "peer: content is larger than {limit} bytes"),
            BodyError::Aborted => f.write_str("caller: content was aborted"),
            BodyError::TimedOut => f.write_str("peer: exchange took too long"),
        }
    }
}

impl std::error::Error for BodyError {}
