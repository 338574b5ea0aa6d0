//! Why a request got no response.

use avx_core::{PeerError, UsageError};
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
    /// The server broke the protocol; [`PeerError::UnexpectedEof`] for a head that ends inside.
    Peer(PeerError),
    /// The request cannot be sent as it is.
    Request(UsageError),
    /// The request's content failed before its end.
    Body(crate::BodyError),
    /// The transport failed.
    Io(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Resolve(error) => write!(f, "address: {error}"),
            Error::Connect(error) => write!(f, "connect: {error}"),
            Error::ConnectTimedOut => f.write_str("connect: timed out"),
            Error::TimedOut => f.write_str("peer: no response in time"),
            Error::Closed => f.write_str("peer: connection ended without a response"),
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
            _ => None,
        }
    }
}
