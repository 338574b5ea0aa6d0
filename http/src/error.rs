//! Errors: what handlers return, and what connections report to the error hook.

use crate::message::BadParam;
use crate::rt::Peer;
use crate::{BodyError, Status};
use avx_core::{PeerError, UsageError};
use std::error::Error as StdError;
use std::{fmt, io};

/// What went wrong in a handler: a status for the peer, and a source for the server's error hook
/// only. Any `std` error converts by `?`: to 500, except
///
/// - [`BodyError`] to the status it knows (413, 400, 408),
/// - [`BadParam`] to 400.
///
/// The peer never sees more than the status.
pub struct Error(Box<Inner>);

struct Inner {
    status: Status,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error that is no more than its status.
    pub fn new(status: Status) -> Self {
        Error(Box::new(Inner { status, source: None }))
    }

    /// With this source, for the error hook.
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The status the peer gets.
    pub fn status(&self) -> Status {
        self.0.status
    }

    /// What lies behind it.
    pub fn source(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.0.source.as_deref()
    }

    pub(crate) fn has_source(&self) -> bool {
        self.0.source.is_some()
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    fn from(source: E) -> Self {
        let any: &(dyn StdError + 'static) = &source;
        let status = match (any.downcast_ref::<BodyError>(), any.downcast_ref::<BadParam>()) {
            (Some(error), _) => error.status(),
            (_, Some(_)) => Status::BAD_REQUEST,
            _ => Status::INTERNAL_SERVER_ERROR,
        };
        Error::new(status).because(source)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.source {
            Some(source) => write!(f, "{}: {source}", self.0.status),
            None => write!(f, "{}", self.0.status),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What the error hook of a server hears of. None of these ends the server.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectionError<'a> {
    /// The peer broke the protocol or was too slow.
    Peer(PeerError),
    /// The transport failed.
    Io(&'a io::Error),
    /// A handler's response cannot be sent as it is; the peer got 500, or a truncated message.
    Response(UsageError),
    /// A handler panicked; the peer got 500.
    Panicked,
    /// A handler returned an error that has more to say than its status.
    Handler(&'a Error),
    /// A response body failed before its end; the connection was closed or reset so that the peer notices.
    Body(BodyError),
    /// A connection could not be accepted; tried again a little later where that may help.
    Accept(&'a io::Error),
}

impl fmt::Display for ConnectionError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectionError::Peer(error) => error.fmt(f),
            ConnectionError::Io(error) => write!(f, "transport: {error}"),
            ConnectionError::Response(error) => write!(f, "response: {error}"),
            ConnectionError::Panicked => write!(f, "handler: panicked"),
            ConnectionError::Handler(error) => write!(f, "handler: {error}"),
            ConnectionError::Body(error) => write!(f, "response body: {error}"),
            ConnectionError::Accept(error) => write!(f, "accept: {error}"),
        }
    }
}

/// Hears of errors, with the peer they concern, if any.
pub(crate) type ErrorHook = Box<dyn Fn(Option<Peer>, ConnectionError<'_>) + Send + Sync>;
