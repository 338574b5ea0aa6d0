//! A response that nobody has asked for yet.

use super::{Error, Response};
use crate::OwnedFields;
use crate::sync::Receiver;
use avx_core::{Fields, Method, RequestHead};
use std::fmt;

/// A promise of the server: the request that it expects, and the response that it sends unasked (RFC 9113,
/// section 8.4). See [`Request::on_push`](super::Request::on_push).
///
/// Dropping it cancels the response.
pub struct Pushed {
    method: Box<[u8]>,
    target: Box<[u8]>,
    authority: Box<[u8]>,
    fields: OwnedFields,
    response: Receiver<Result<Response, Error>>,
}

impl Pushed {
    pub(super) fn new(head: &RequestHead<'_>, response: Receiver<Result<Response, Error>>) -> Self {
        Pushed {
            method: head.method().as_bytes().into(),
            target: head.target().into(),
            authority: head.authority().into(),
            fields: head.fields().into(),
            response,
        }
    }

    /// Method of the request: GET or HEAD.
    pub fn method(&self) -> Method<'_> {
        Method::from_token(&self.method)
    }

    /// Path and query of the request.
    pub fn target(&self) -> &[u8] {
        &self.target
    }

    /// Host of the request: the one that the connection is for.
    pub fn authority(&self) -> &[u8] {
        &self.authority
    }

    /// Field lines of the request.
    pub fn fields(&self) -> Fields<'_> {
        self.fields.as_fields()
    }

    /// Waits for the head of the response. Dropping the future cancels it.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn response(self) -> Result<Response, Error> {
        self.response.await.unwrap_or(Err(Error::Closed))
    }
}

impl fmt::Debug for Pushed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pushed")
            .field("method", &format_args!("{}", self.method.escape_ascii()))
            .field("target", &format_args!("{}", self.target.escape_ascii()))
            .field("fields", &self.fields())
            .finish_non_exhaustive()
    }
}
