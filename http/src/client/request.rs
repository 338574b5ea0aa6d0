//! A request to send.

use super::{Pushed, Response};
use crate::message::Wire;
use crate::{Body, FieldLines, Name, Value};
use avx_core::{BodyLen, Http, Instant, Method, Output, ResponseHead, Status, StreamId, UsageError};
use std::fmt;
use std::time::Duration;

/// A request to send: method, target, field lines, content.
///
/// With a field line `expect: 100-continue` the content waits for 100 (Continue), or for a second
/// ([`Timeouts::expect_continue`](avx_core::Timeouts)).
pub struct Request {
    method: Box<[u8]>,
    target: Vec<u8>,
    authority: Option<Vec<u8>>,
    fields: FieldLines,
    body: Body,
    pub(super) timeout: Option<Duration>,
    pub(super) informational: Option<Box<dyn FnMut(Response) + Send>>,
    /// Sees the head of the final response first.
    pub(super) inspect: Option<Inspect>,
    pub(super) pushed: Option<Box<dyn FnMut(Pushed) + Send>>,
}

/// Looks at a head.
pub(crate) type Inspect = Box<dyn FnOnce(&ResponseHead<'_>) + Send>;

impl Request {
    /// A request without content. The target is path and query, except for CONNECT (`host:port`) and
    /// OPTIONS (also `*`).
    pub fn new(method: Method<'_>, target: impl Into<Vec<u8>>) -> Self {
        Request {
            method: method.as_bytes().into(),
            target: target.into(),
            authority: None,
            fields: FieldLines::new(),
            body: Body::empty(),
            timeout: None,
            informational: None,
            inspect: None,
            pushed: None,
        }
    }

    /// GET.
    pub fn get(target: impl Into<Vec<u8>>) -> Self {
        Request::new(Method::Get, target)
    }

    /// HEAD.
    pub fn head(target: impl Into<Vec<u8>>) -> Self {
        Request::new(Method::Head, target)
    }

    /// POST with this content.
    pub fn post(target: impl Into<Vec<u8>>, body: impl Into<Body>) -> Self {
        Request::new(Method::Post, target).with_body(body)
    }

    /// PUT with this content.
    pub fn put(target: impl Into<Vec<u8>>, body: impl Into<Body>) -> Self {
        Request::new(Method::Put, target).with_body(body)
    }

    /// DELETE.
    pub fn delete(target: impl Into<Vec<u8>>) -> Self {
        Request::new(Method::Delete, target)
    }

    /// Addresses this authority (Host) instead of the one that was connected to.
    pub fn authority(mut self, authority: impl Into<Vec<u8>>) -> Self {
        self.authority = Some(authority.into());
        self
    }

    /// Appends a field line.
    pub fn field(mut self, name: impl Into<Name>, value: impl Into<Value>) -> Self {
        self.fields.push(name, value);
        self
    }

    /// With this content instead. Its length is announced when it is known.
    pub fn with_body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    /// Offers to switch to `protocol`; see [`Response::into_upgraded`].
    pub fn upgrade(self, protocol: impl Into<Value>) -> Self {
        self.field("upgrade", protocol)
    }

    /// From sending it to the end of the response; then the connection is closed, or over HTTP/2 the stream
    /// reset.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Calls `hook` for each interim response (1xx but 101).
    pub fn on_informational(mut self, hook: impl FnMut(Response) + Send + 'static) -> Self {
        self.informational = Some(Box::new(hook));
        self
    }

    pub(crate) fn inspected(mut self, inspect: Inspect) -> Self {
        self.inspect = Some(inspect);
        self
    }

    /// Calls `hook` for each response that the server promises beside the one asked for (HTTP/2). Promises are
    /// welcome only on connections whose [`Config`](crate::Config) says so, with `h2.push`; without a hook they
    /// are refused.
    pub fn on_push(mut self, hook: impl FnMut(Pushed) + Send + 'static) -> Self {
        self.pushed = Some(Box::new(hook));
        self
    }

    /// Field lines.
    pub fn fields(&self) -> &FieldLines {
        &self.fields
    }

    /// Field lines, to change.
    pub fn fields_mut(&mut self) -> &mut FieldLines {
        &mut self.fields
    }

    pub(super) fn write<M: Http>(
        &self,
        machine: &mut M,
        now: Instant,
        authority: &[u8],
        multiplexed: bool,
        out: &mut dyn Output,
    ) -> Result<StreamId, UsageError> {
        let method = Method::from_token(&self.method);
        let authority = match &self.authority {
            Some(own) => own,
            None if self.fields.get("host").is_some() => &[][..],
            None => authority,
        };
        let lines = Wire::new(&self.fields, multiplexed);
        let head = avx_core::Request { method, target: &self.target, authority, fields: lines.as_slice() };
        machine.send_request(now, &head, self.body.len(), out)
    }

    /// Who is addressed, on a connection to `authority`.
    pub(super) fn addressed<'a>(&'a self, authority: &'a [u8]) -> &'a [u8] {
        self.authority.as_deref().or_else(|| self.fields.get("host")).unwrap_or(authority)
    }

    /// Whether a response with this status hands the transport over.
    pub(super) fn switches(&self, status: Status) -> bool {
        status == Status::SWITCHING_PROTOCOLS || self.is_connect() && status.is_success()
    }

    pub(super) fn is_connect(&self) -> bool {
        *self.method == *b"CONNECT"
    }

    /// Whether it asks for a tunnel with a protocol inside (RFC 8441).
    pub(super) fn is_extended_connect(&self) -> bool {
        self.is_connect() && self.fields.get(":protocol").is_some()
    }

    /// Whether its content waits for 100 (Continue).
    pub(super) fn expects(&self) -> bool {
        self.fields.get("expect").is_some_and(|value| value.eq_ignore_ascii_case(b"100-continue"))
    }

    pub(super) fn has_content(&self) -> bool {
        !matches!(self.body.len(), BodyLen::Empty | BodyLen::Exact(0))
    }

    pub(super) fn take_body(&mut self) -> Option<Body> {
        self.has_content().then(|| std::mem::take(&mut self.body))
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &format_args!("{}", self.method.escape_ascii()))
            .field("target", &format_args!("{}", self.target.escape_ascii()))
            .field("fields", &self.fields)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}
