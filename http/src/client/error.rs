//! Why a request got no response.

use avx_core::{ErrorCode, Initiator, PeerError, UsageError};
use std::sync::Arc;
use std::{fmt, io};

/// Why a connection could not be made, or a request got no response.
///
/// What happens once the head of a response has arrived is told by its body, as a
/// [`BodyError`](crate::BodyError).
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The address is none, or the host has no address.
    Resolve(io::Error),
    /// The connection could not be made.
    Connect(io::Error),
    /// No connection in the time allowed.
    ConnectTimedOut,
    /// No response in the time allowed.
    TimedOut,
    /// The server ended the connection before the first byte of a response.
    Closed,
    /// The server has processed nothing of the request, and says so (HTTP/2): it goes away, or has too
    /// much to do.
    Refused,
    /// The connection takes no requests any more, and this one was not sent. Why, unless it had come to its
    /// orderly end.
    Unsent(Option<Arc<Error>>),
    /// The exchange was reset (HTTP/2), by the server or, because the server broke a rule, by this end.
    Reset {
        /// Why.
        code: ErrorCode,
        /// By whom.
        by: Initiator,
    },
    /// The server ended the connection with this code (HTTP/2).
    GoAway(ErrorCode),
    /// The server answers in another language than HTTP/2, which was to be spoken: HTTP/1.1, most likely.
    NotHttp2,
    /// The server broke the protocol; [`PeerError::UnexpectedEof`] for a head that ends inside.
    Peer(PeerError),
    /// The request cannot be sent as it is.
    Request(UsageError),
    /// The request's content failed before its end.
    Body(crate::BodyError),
    /// The transport failed.
    Io(io::Error),
}

impl Error {
    /// Whether nothing of the request was processed, so that it is safe to send again, whatever its method,
    /// on another connection.
    ///
    /// "Requests that have not been processed have not failed; clients MAY automatically retry them, even
    /// those with non-idempotent methods." (RFC 9113, section 8.7)
    pub fn is_unprocessed(&self) -> bool {
        use Error::{Connect, ConnectTimedOut, Refused, Resolve, Unsent};
        matches!(self, Resolve(_) | Connect(_) | ConnectTimedOut | Refused | Unsent(_))
    }

    /// The same again, for another caller.
    pub(crate) fn again(&self) -> Error {
        let io = |error: &io::Error| match error.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(error.kind(), error.to_string()),
        };
        match self {
            Error::Resolve(error) => Error::Resolve(io(error)),
            Error::Connect(error) => Error::Connect(io(error)),
            Error::ConnectTimedOut => Error::ConnectTimedOut,
            Error::TimedOut => Error::TimedOut,
            Error::Closed => Error::Closed,
            Error::Refused => Error::Refused,
            Error::Unsent(why) => Error::Unsent(why.clone()),
            &Error::Reset { code, by } => Error::Reset { code, by },
            &Error::GoAway(code) => Error::GoAway(code),
            Error::NotHttp2 => Error::NotHttp2,
            &Error::Peer(error) => Error::Peer(error),
            &Error::Request(error) => Error::Request(error),
            &Error::Body(error) => Error::Body(error),
            Error::Io(error) => Error::Io(io(error)),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Resolve(error) => write!(f, "address: {error}"),
            Error::Connect(error) => write!(f, "connect: {error}"),
            Error::ConnectTimedOut => f.write_str("connect: timed out"),
            Error::TimedOut => f.write_str("peer: no response in time"),
            Error::Closed => f.write_str("peer: connection ended without a response"),
            Error::Refused => f.write_str("peer: refused the request before processing it"),
            Error::Unsent(None) => f.write_str("connection: takes no further requests"),
            Error::Unsent(Some(why)) => write!(f, "request was not sent: {why}"),
            Error::Reset { code, by: Initiator::Remote } => write!(f, "peer: reset the stream with {code}"),
            Error::Reset { code, by: Initiator::Local } => {
                write!(f, "peer: broke a rule, and its stream was reset with {code}")
            }
            Error::GoAway(code) => write!(f, "peer: ended the connection with {code}"),
            Error::NotHttp2 => f.write_str("peer: does not speak HTTP/2"),
            Error::Peer(error) => error.fmt(f),
            Error::Request(error) => error.fmt(f),
            Error::Body(error) => write!(f, "request body: {error}"),
            Error::Io(error) => write!(f, "transport: {error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Resolve(error) | Error::Connect(error) | Error::Io(error) => Some(error),
            Error::Peer(error) => Some(error),
            Error::Request(error) => Some(error),
            Error::Body(error) => Some(error),
            Error::Unsent(Some(why)) => Some(&**why),
            _ => None,
        }
    }
}
