//! The request an async handler owns: its head in recycled memory, its content as a body.

use super::params::{self, Names};
use super::{BadParam, Extensions, Params, Request};
use crate::body::{Pipe, Writer};
use crate::rt::Peer;
use crate::{Body, FieldLines, OwnedFields, Response, pool};
use avx_core::{BodyLen, Fields, Method, Span, Status, Version};
use std::borrow::Cow;
use std::fmt;
use std::mem;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

/// Memory of one head.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    pub(crate) bytes: Vec<u8>,
    pub(crate) spans: Vec<Span>,
}

impl Arena {
    /// Where `part` stands, appended unless it lies in what was copied from `whole`.
    fn place(&mut self, whole: &[u8], part: &[u8]) -> Part {
        let start = part.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
        if start <= whole.len() && part.len() <= whole.len() - start {
            return Part { start: start as u32, end: (start + part.len()) as u32 };
        }
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(part);
        Part { start, end: self.bytes.len() as u32 }
    }

    fn at(&self, part: Part) -> &[u8] {
        self.bytes.get(part.range()).unwrap_or_default()
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Part {
    start: u32,
    end: u32,
}

impl Part {
    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A request that outlives the read buffer. It may move to another task; its content is pulled
/// through its [`Body`], and the connection reads no further than one piece ahead.
pub struct OwnedRequest {
    arena: Arena,
    method: Part,
    target: Part,
    path: Part,
    query: Option<Part>,
    authority: Part,
    upgrade: Option<Part>,
    version: Version,
    body_len: BodyLen,
    peer: Peer,
    params: Params,
    names: Option<Names>,
    extensions: Extensions,
    pipe: Option<Arc<Pipe>>,
    body: Body,
}

impl OwnedRequest {
    pub(super) fn copy(request: &mut Request<'_>) -> Self {
        let mut arena = pool::arena();
        let (whole, spans) = request.fields().as_raw();
        arena.bytes.extend_from_slice(whole);
        arena.spans.extend_from_slice(spans);
        let fresh = request.pipe.is_none();
        let writer = request.pipe.get_or_insert_with(|| Writer::new(request.body_len));
        let pipe = writer.pipe().cloned();
        let given = request.take_content();
        OwnedRequest {
            method: arena.place(whole, request.method().as_bytes()),
            target: arena.place(whole, request.target()),
            path: arena.place(whole, request.path()),
            query: request.query().map(|query| arena.place(whole, query)),
            authority: arena.place(whole, request.authority()),
            upgrade: request.upgrade().map(|offer| arena.place(whole, offer)),
            version: request.version(),
            body_len: request.body_len,
            peer: request.peer(),
            params: request.params,
            names: request.names.cloned(),
            extensions: mem::take(&mut request.extensions),
            body: match (request.body_len, &pipe) {
                _ if given.is_some() => given.unwrap_or_default(),
                (BodyLen::Empty, _) | (_, None) => Body::empty(),
                (len, Some(pipe)) if fresh => Body::incoming(pipe.clone(), len),
                _ => Body::empty(),
            },
            pipe,
            arena,
        }
    }

    /// Method.
    pub fn method(&self) -> Method<'_> {
        Method::from_token(self.arena.at(self.method))
    }

    /// Request target as received.
    pub fn target(&self) -> &[u8] {
        self.arena.at(self.target)
    }

    /// Path of the target, without query, escapes as received.
    pub fn path(&self) -> &[u8] {
        self.arena.at(self.path)
    }

    /// Query of the target, without `?`, escapes as received.
    pub fn query(&self) -> Option<&[u8]> {
        self.query.map(|query| self.arena.at(query))
    }

    /// The authority addressed; empty when the request names none.
    pub fn authority(&self) -> &[u8] {
        self.arena.at(self.authority)
    }

    /// Version of the message.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Field lines, order and case kept.
    pub fn fields(&self) -> Fields<'_> {
        Fields::new(&self.arena.bytes, &self.arena.spans)
    }

    /// Value of the first field line of that name.
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields().get(name)
    }

    /// Protocols the client offers to switch to, as listed in the first Upgrade line (any others are in
    /// the fields); `None` unless a switch is possible. Over HTTP/2, the protocol that an extended CONNECT names (RFC
    /// 8441, section 4).
    pub fn upgrade(&self) -> Option<&[u8]> {
        self.upgrade.map(|offer| self.arena.at(offer))
    }

    /// How much content there is.
    pub fn body_len(&self) -> BodyLen {
        self.body_len
    }

    /// Who sent it.
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// What the route's `:name` captured, escapes decoded; allocates only when there are some.
    pub fn param(&self, name: &str) -> Option<Cow<'_, str>> {
        self.param_bytes(name).map(params::decode)
    }

    /// What the route's `:name` captured, as received.
    pub fn param_bytes(&self, name: &str) -> Option<&[u8]> {
        self.params.named(self.names.as_ref()?, name, self.path())
    }

    /// What the route's `:name` captured, read as a `T`.
    ///
    /// # Errors
    /// [`BadParam`] when there is no such capture or it does not parse; 400 when returned.
    pub fn parse_param<T: FromStr>(&self, name: &str) -> Result<T, BadParam> {
        self.param(name).and_then(|text| text.parse().ok()).ok_or_else(|| BadParam(name.into()))
    }

    /// What the wildcards and `:name`s captured, by position, as received.
    pub fn capture(&self, i: usize) -> Option<&[u8]> {
        self.params.at(i, self.path())
    }

    /// What the route's final `**` captured, as received: no slash in front. `None` on other routes.
    pub fn rest(&self) -> Option<&[u8]> {
        let names = self.names.as_ref()?;
        (names.last().is_some_and(|name| **name == *"**")).then(|| self.capture(names.len() - 1)).flatten()
    }

    /// Values attached by layers.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// Sends an interim response now, before the final one: 103 (Early Hints) most of all. A client
    /// of HTTP/1.0 gets none. After the final response it does nothing.
    pub fn send_informational(&self, status: Status, fields: FieldLines) {
        if let Some(pipe) = &self.pipe {
            pipe.inform(Response::new(status).with_fields(fields));
        }
    }

    /// The content, pulled piece by piece.
    pub fn body(&mut self) -> &mut Body {
        &mut self.body
    }

    /// The content alone; the head's memory is recycled.
    pub fn into_body(mut self) -> Body {
        self.take_body()
    }

    /// The fields alone, in the memory that the head was copied to; no copy. The content, unless it was
    /// [taken out](Self::take_body), is dropped.
    pub fn into_fields(mut self) -> OwnedFields {
        OwnedFields::of(mem::take(&mut self.arena))
    }

    /// Takes the content out and leaves an empty one, to have head and content apart.
    pub fn take_body(&mut self) -> Body {
        mem::take(&mut self.body)
    }
}

impl Drop for OwnedRequest {
    fn drop(&mut self) {
        pool::give_arena(mem::take(&mut self.arena));
    }
}

impl fmt::Debug for OwnedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedRequest")
            .field("method", &self.method())
            .field("target", &format_args!("{}", self.target().escape_ascii()))
            .field("version", &self.version.as_str())
            .field("fields", &self.fields())
            .finish_non_exhaustive()
    }
}
