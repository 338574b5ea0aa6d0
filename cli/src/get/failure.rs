//! What went wrong, and the exit code that curl has for it.

use crate::url::UrlError;
use avx_core::PeerError;
use avx_http::BodyError;
use std::fmt::{self, Display};
use std::io;

pub(super) const SCHEME: u8 = 1;
pub(super) const USAGE: u8 = 2;
pub(super) const URL: u8 = 3;
pub(super) const RESOLVE: u8 = 6;
pub(super) const CONNECT: u8 = 7;
pub(super) const PROTOCOL: u8 = 8;
pub(super) const HTTP2: u8 = 16;
pub(super) const PARTIAL: u8 = 18;
pub(super) const STATUS: u8 = 22;
pub(super) const WRITE: u8 = 23;
pub(super) const READ: u8 = 26;
pub(super) const TIME: u8 = 28;
pub(super) const REDIRECTS: u8 = 47;
pub(super) const EMPTY: u8 = 52;
pub(super) const SEND: u8 = 55;
pub(super) const RECEIVE: u8 = 56;
pub(super) const STREAM: u8 = 92;

/// Why there is no complete answer.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(super) code: u8,
    pub(super) broken_pipe: bool,
    text: String,
}

impl Failure {
    pub(super) fn new(code: u8, text: impl Display) -> Self {
        Failure { code, broken_pipe: false, text: text.to_string() }
    }

    /// The content could not be written to `what`.
    pub(super) fn write(what: impl Display, error: &io::Error) -> Self {
        let broken_pipe = error.kind() == io::ErrorKind::BrokenPipe;
        Failure { broken_pipe, ..Failure::new(WRITE, format_args!("cannot write to {what}: {error}")) }
    }

    /// Where it happened, when that is not plain.
    pub(super) fn about(self, what: impl Display) -> Self {
        Failure { text: format!("{what}: {}", self.text), ..self }
    }

    /// The content of the answer ended before its end.
    pub(super) fn content(error: BodyError) -> Self {
        match error {
            BodyError::Disconnected | BodyError::Peer(PeerError::UnexpectedEof) => {
                Failure::new(PARTIAL, "the answer ended early: the server closed the connection")
            }
            BodyError::TimedOut | BodyError::Peer(PeerError::BodyTooSlow) => Failure::new(TIME, error),
            BodyError::Reset { code, .. } => {
                Failure::new(STREAM, format_args!("the answer ended early: its stream was reset: {code}"))
            }
            error => Failure::new(RECEIVE, format_args!("the answer is broken: {error}")),
        }
    }
}

impl From<UrlError> for Failure {
    fn from(error: UrlError) -> Self {
        let code = if let UrlError::Unsupported(_) = error { SCHEME } else { URL };
        Failure::new(code, error)
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
