//! The request a plain handler sees: everything borrowed, nothing copied.

use super::params::{self, Names};
use super::{BadParam, Extensions, OwnedRequest, Params};
use crate::Body;
use crate::body::Writer;
use crate::rt::Peer;
use crate::scan;
use avx_core::{BodyLen, Fields, Method, RequestHead, Version};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// A request whose head still lies in the read buffer. Its content comes later: a handler that wants
/// it takes an [`OwnedRequest`] (see [`detach`](Request::detach)); what nobody reads is discarded
/// within the limits.
pub struct Request<'a> {
    head: Head<'a>,
    pub(super) body_len: BodyLen,
    peer: &'a Peer,
    pub(crate) params: Params,
    pub(crate) names: Option<&'a Names>,
    pub(super) extensions: Extensions,
    pub(crate) pipe: Option<Writer>,
}

enum Head<'a> {
    Received(&'a RequestHead<'a>),
    /// Put together without a connection.
    Made {
        method: Method<'a>,
        target: &'a [u8],
        fields: Fields<'a>,
        authority: &'a [u8],
        version: Version,
        content: Option<Box<Body>>,
    },
}

impl<'a> Request<'a> {
    #[inline]
    pub(crate) fn from_head(head: &'a RequestHead<'a>, body_len: BodyLen, peer: &'a Peer) -> Self {
        Request::with_head(Head::Received(head), body_len, peer)
    }

    /// A request that came over no connection, to call handlers with: HTTP/1.1, no fields, no
    /// content.
    pub fn new(method: Method<'a>, target: &'a str) -> Self {
        let (target, fields) = (target.as_bytes(), Fields::default());
        let (authority, version, content) = (&b""[..], Version::Http11, None);
        let head = Head::Made { method, target, fields, authority, version, content };
        Request::with_head(head, BodyLen::Empty, &Peer::Unix)
    }

    /// A request that was made in the client's place.
    pub(crate) fn promised(
        target: &'a [u8],
        authority: &'a [u8],
        fields: Fields<'a>,
        peer: &'a Peer,
    ) -> Self {
        let (method, version) = (Method::Get, Version::Http2);
        let head = Head::Made { method, target, fields, authority, version, content: None };
        Request::with_head(head, BodyLen::Empty, peer)
    }

    #[inline]
    fn with_head(head: Head<'a>, body_len: BodyLen, peer: &'a Peer) -> Self {
        Request {
            head,
            body_len,
            peer,
            params: Params::default(),
            names: None,
            extensions: Extensions::default(),
            pipe: None,
        }
    }

    /// The same request with these fields.
    pub fn with_fields(mut self, lines: Fields<'a>) -> Self {
        if let Head::Made { fields, .. } = self.made() {
            *fields = lines;
        }
        self
    }

    /// The same request to this authority.
    pub fn with_authority(mut self, named: &'a [u8]) -> Self {
        if let Head::Made { authority, .. } = self.made() {
            *authority = named;
        }
        self
    }

    /// The same request in this version.
    pub fn with_version(mut self, other: Version) -> Self {
        if let Head::Made { version, .. } = self.made() {
            *version = other;
        }
        self
    }

    /// The same request with this content, for handlers that [`detach`](Request::detach) it.
    pub fn with_body(mut self, body: impl Into<Body>) -> Self {
        let body = body.into();
        self.body_len = body.len();
        if let Head::Made { content, .. } = self.made() {
            *content = Some(Box::new(body));
        }
        self
    }

    /// The same request, sent by `peer`.
    pub fn with_peer(mut self, peer: &'a Peer) -> Self {
        self.peer = peer;
        self
    }

    /// The head as one that was put together, which can be changed.
    fn made(&mut self) -> &mut Head<'a> {
        if let Head::Received(head) = self.head {
            let (method, target, fields) = (head.method(), head.target(), head.fields());
            let (authority, version) = (head.authority(), head.version());
            self.head = Head::Made { method, target, fields, authority, version, content: None };
        }
        &mut self.head
    }

    /// The content that it was made with.
    pub(super) fn take_content(&mut self) -> Option<Body> {
        match &mut self.head {
            Head::Made { content, .. } => content.take().map(|body| *body),
            Head::Received(_) => None,
        }
    }

    /// Method.
    #[inline]
    pub fn method(&self) -> Method<'a> {
        match &self.head {
            Head::Received(head) => head.method(),
            Head::Made { method, .. } => *method,
        }
    }

    /// Request target as received.
    pub fn target(&self) -> &'a [u8] {
        match &self.head {
            Head::Received(head) => head.target(),
            Head::Made { target, .. } => target,
        }
    }

    /// Raw view: every byte of the head. Empty where the wire format is binary, and for a request that came
    /// over no connection.
    pub fn raw(&self) -> &'a [u8] {
        match &self.head {
            Head::Received(head) => head.raw(),
            Head::Made { .. } => b"",
        }
    }

    #[inline]
    fn path_and_query(&self) -> (&'a [u8], Option<&'a [u8]>) {
        let target = self.target();
        match (target.first(), scan::find(target, b'?')) {
            (Some(b'/'), Some(at)) => (&target[..at], Some(&target[at + 1..])),
            (Some(b'/'), None) => (target, None),
            _ => avx_core::syntax::target::path_and_query(target),
        }
    }

    /// Path of the target, without query, escapes as received. `*` for the asterisk-form, empty for
    /// the authority-form.
    #[inline]
    pub fn path(&self) -> &'a [u8] {
        self.path_and_query().0
    }

    /// Query of the target, without `?`, escapes as received.
    pub fn query(&self) -> Option<&'a [u8]> {
        self.path_and_query().1
    }

    /// The authority addressed; empty when the request names none.
    pub fn authority(&self) -> &'a [u8] {
        match &self.head {
            Head::Received(head) => head.authority(),
            Head::Made { authority, .. } => authority,
        }
    }

    /// Version of the message.
    pub fn version(&self) -> Version {
        match &self.head {
            Head::Received(head) => head.version(),
            Head::Made { version, .. } => *version,
        }
    }

    /// Field lines, order and case kept.
    pub fn fields(&self) -> Fields<'a> {
        match &self.head {
            Head::Received(head) => head.fields(),
            Head::Made { fields, .. } => *fields,
        }
    }

    /// Value of the first field line of that name.
    pub fn field(&self, name: &str) -> Option<&'a [u8]> {
        self.fields().get(name)
    }

    /// Protocols the client offers to switch to, as listed in the first Upgrade line (any others are in
    /// the fields); `None` unless a switch is possible. Over HTTP/2, the protocol that an extended CONNECT names (RFC
    /// 8441, section 4).
    pub fn upgrade(&self) -> Option<&'a [u8]> {
        match &self.head {
            Head::Received(head) => head.upgrade(),
            Head::Made { .. } => None,
        }
    }

    /// How much content follows.
    pub fn body_len(&self) -> BodyLen {
        self.body_len
    }

    /// Who sent it.
    pub fn peer(&self) -> Peer {
        *self.peer
    }

    /// What the route's `:name` captured, escapes decoded; allocates only when there are some.
    pub fn param(&self, name: &str) -> Option<Cow<'a, str>> {
        self.param_bytes(name).map(params::decode)
    }

    /// What the route's `:name` captured, as received.
    pub fn param_bytes(&self, name: &str) -> Option<&'a [u8]> {
        self.params.named(self.names?, name, self.path())
    }

    /// What the route's `:name` captured, read as a `T`.
    ///
    /// # Errors
    /// [`BadParam`] when there is no such capture or it does not parse; 400 when returned.
    pub fn parse_param<T: FromStr>(&self, name: &str) -> Result<T, BadParam> {
        self.param(name).and_then(|text| text.parse().ok()).ok_or_else(|| BadParam(name.into()))
    }

    /// What the wildcards `*` and `**` and the `:name`s captured, by position, as received.
    pub fn capture(&self, i: usize) -> Option<&'a [u8]> {
        self.params.at(i, self.path())
    }

    /// What the route's final `**` captured, as received: no slash in front. `None` on other routes.
    pub fn rest(&self) -> Option<&'a [u8]> {
        let names = self.names?;
        (names.last().is_some_and(|name| **name == *"**"))
            .then(|| self.params.at(names.len() - 1, self.path()))
            .flatten()
    }

    /// Values attached by layers.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// Values to attach for those further in.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.extensions
    }

    /// Whether there is nothing to drop.
    #[inline]
    pub(crate) fn holds_nothing(&self) -> bool {
        self.extensions.is_unused() && self.pipe.is_none()
    }

    /// The content alone, as [`detach`](Request::detach) has it; what is asked for later, in either way, is empty. No
    /// cost where there is none.
    pub fn take_body(&mut self) -> Body {
        if self.body_len == BodyLen::Empty || self.pipe.is_some() {
            return Body::empty();
        }
        let pipe = self.pipe.insert(Writer::new(self.body_len)).pipe().cloned();
        let given = self.take_content();
        let arrives = || pipe.map(|pipe| Body::incoming(pipe, self.body_len));
        given.or_else(arrives).unwrap_or_default()
    }

    /// Makes it independent of the read buffer: the head is copied once into recycled memory, the
    /// content is read through its [`Body`](crate::Body). Extensions move along. A second call gets
    /// an empty body.
    pub fn detach(&mut self) -> OwnedRequest {
        OwnedRequest::copy(self)
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method())
            .field("target", &format_args!("{}", self.target().escape_ascii()))
            .field("version", &self.version().as_str())
            .field("fields", &self.fields())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_taken_once_and_costs_nothing_where_there_is_none() {
        let made = || Request::new(Method::Post, "/").with_body("content");
        let mut request = made();
        assert_eq!(request.take_body().len(), BodyLen::Exact(7));
        assert!(request.take_body().is_empty());
        assert!(request.detach().take_body().is_empty());
        let mut request = made();
        assert_eq!(request.detach().take_body().len(), BodyLen::Exact(7));
        assert!(request.take_body().is_empty());
        let mut request = Request::new(Method::Get, "/");
        assert!(request.take_body().is_empty() && request.pipe.is_none());
    }
}
