//! A response that was received.

use crate::message::Arena;
use crate::{Body, Upgraded, pool};
use avx_core::{BodyLen, Fields, ResponseHead, Status, Version};
use std::{fmt, mem};

/// A response: its head owned, its content pulled from the connection piece by piece.
///
/// Dropping a body before its end closes the connection; over HTTP/2 it resets the stream, with CANCEL.
pub struct Response {
    status: Status,
    version: Version,
    reason: (usize, usize),
    /// Bytes of the head as it was on the wire, at the beginning of the arena.
    raw: usize,
    arena: Arena,
    body_len: BodyLen,
    body: Body,
    upgraded: Option<Box<Upgraded>>,
}

impl Response {
    pub(super) fn new(head: &ResponseHead<'_>, body_len: BodyLen) -> Self {
        let mut arena = pool::arena();
        let (bytes, spans) = head.fields().as_raw();
        arena.bytes.extend_from_slice(bytes);
        arena.spans.extend_from_slice(spans);
        let start = arena.bytes.len();
        arena.bytes.extend_from_slice(head.reason());
        Response {
            status: head.status(),
            version: head.version(),
            reason: (start, start + head.reason().len()),
            raw: if head.raw().is_empty() { 0 } else { bytes.len() },
            arena,
            body_len,
            body: Body::empty(),
            upgraded: None,
        }
    }

    pub(super) fn with(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    pub(super) fn with_upgraded(mut self, io: Upgraded) -> Self {
        self.upgraded = Some(Box::new(io));
        self
    }

    /// Status code.
    pub fn status(&self) -> Status {
        self.status
    }

    /// Version of the message.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Reason phrase as received; HTTP/2 has none.
    pub fn reason(&self) -> &[u8] {
        &self.arena.bytes[self.reason.0..self.reason.1]
    }

    /// Field lines, order and case kept.
    pub fn fields(&self) -> Fields<'_> {
        Fields::new(&self.arena.bytes, &self.arena.spans)
    }

    /// Value of the first field line of that name.
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields().get(name)
    }

    /// Every byte of the head from the status line through the empty line, as received. Empty over HTTP/2,
    /// which has none such.
    pub fn raw(&self) -> &[u8] {
        &self.arena.bytes[..self.raw]
    }

    /// How much content was announced.
    pub fn body_len(&self) -> BodyLen {
        self.body_len
    }

    /// The content, pulled piece by piece.
    pub fn body(&mut self) -> &mut Body {
        &mut self.body
    }

    /// The content alone.
    pub fn into_body(mut self) -> Body {
        mem::take(&mut self.body)
    }

    /// The transport (over HTTP/2 the stream), after 101 (Switching Protocols) or a 2xx to CONNECT.
    pub fn into_upgraded(mut self) -> Option<Upgraded> {
        self.upgraded.take().map(|io| *io)
    }
}

impl Drop for Response {
    fn drop(&mut self) {
        pool::give_arena(mem::take(&mut self.arena));
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("version", &self.version.as_str())
            .field("fields", &self.fields())
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}
