//! Why a WebSocket is of no use any more, or never was.

use crate::client;
use avx_core::ws::handshake::Failure;
use avx_core::{PeerError, UsageError};
use std::{fmt, io};

/// Why a message cannot be sent or received, or a WebSocket not be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// It is being closed, or was: nothing can be sent any more.
    Closed,
    /// The peer broke the protocol, or left without a close frame ([`PeerError::AbnormalClosure`]).
    Peer(PeerError),
    /// The transport failed.
    Io(io::Error),
    /// What was to be sent cannot be: too long for a control frame, or a code that is not to be sent.
    Usage(UsageError),
    /// The address is none of a WebSocket: `ws://host:port/path?query`.
    Url(&'static str),
    /// There was no response to the handshake.
    Request(client::Error),
    /// The response does not accept the handshake.
    Handshake(Failure),
}

impl Error {
    /// The same again.
    pub(super) fn again(&self) -> Error {
        match self {
            Error::Closed | Error::Url(_) => Error::Closed,
            &Error::Peer(error) => Error::Peer(error),
            Error::Io(error) => Error::Io(io::Error::new(error.kind(), error.to_string())),
            &Error::Usage(error) => Error::Usage(error),
            Error::Request(error) => Error::Request(error.again()),
            &Error::Handshake(failure) => Error::Handshake(failure),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Closed => f.write_str("connection: closed"),
            Error::Peer(error) => error.fmt(f),
            Error::Io(error) => write!(f, "transport: {error}"),
            Error::Usage(error) => error.fmt(f),
            Error::Url(why) => write!(f, "address: {why}"),
            Error::Request(error) => error.fmt(f),
            Error::Handshake(failure) => write!(f, "handshake: {failure}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Closed | Error::Url(_) => None,
            Error::Peer(error) => Some(error),
            Error::Io(error) => Some(error),
            Error::Usage(error) => Some(error),
            Error::Request(error) => Some(error),
            Error::Handshake(failure) => Some(failure),
        }
    }
}
