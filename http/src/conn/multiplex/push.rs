//! Promises: responses to requests that the client is about to make (RFC 9113, section 8.4).
//!
//! ```text
//! response with pushes ──▶ promise ──▶ PUSH_PROMISE, before the response's own head
//!                                └──▶ keep_promises ──▶ the same handler ──▶ an exchange like any other
//! ```
//!
//! "PUSH_PROMISE frames MUST only be sent on a peer-initiated stream" (section 6.6): what the response to a
//! promised request promises is left out, and so is everything where the client has switched promises off or
//! takes no more of them.

use super::pump::Multiplexing;
use crate::conn::course::panicked;
use crate::conn::exchange::{Desk, Exchange};
use crate::conn::log::Entry;
use crate::error::ConnectionError;
use crate::message::{Push, Wire};
use crate::rt::{Runtime, Stream};
use crate::server::Shared;
use crate::{Handler, OwnedFields, Reply, Request, Response};
use avx_core::{BodyLen, Http, Instant, Method, Output, RequestHead, StreamId, UsageError, h2};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Scheme and authority that requests are for: nearly always the same ones on one connection.
#[derive(Default)]
pub(super) struct Origins(Option<Arc<[u8]>>);

/// `http://example.com`
pub(in crate::conn) type Origin = Arc<[u8]>;

/// A promise that has been made.
pub(in crate::conn) struct Promised {
    stream: StreamId,
    origin: Origin,
    push: Push,
}

impl Origins {
    /// Where the promises of this request's response point; `None` when its client takes none.
    pub(super) fn of(&mut self, head: &RequestHead<'_>, machine: &h2::Server) -> Option<Origin> {
        if !machine.peer_settings().enable_push {
            return None;
        }
        let (scheme, authority) = (head.scheme().unwrap_or(b"http"), head.authority());
        let rest = self.0.as_ref().and_then(|last| last.strip_prefix(scheme)?.strip_prefix(b"://"));
        if rest != Some(authority) {
            self.0 = Some([scheme, b"://", authority].concat().into());
        }
        self.0.clone()
    }
}

/// Makes the promises of a response whose head comes next: "The server SHOULD send PUSH_PROMISE (Section 6.6)
/// frames prior to sending any frames that reference the promised responses." (section 8.4.1) False while there
/// is no room.
pub(in crate::conn) fn promise<M: Http>(
    machine: &mut M,
    out: &mut dyn Output,
    desk: &Desk<'_>,
    stream: StreamId,
    origin: Option<&Origin>,
    response: &mut Response,
) -> bool {
    let Some(extra) = response.extra.as_mut().filter(|extra| !extra.pushes.is_empty()) else { return true };
    let Some((origin, promised)) = origin.zip(desk.promised) else { return true };
    let mut pushes = mem::take(&mut extra.pushes).into_iter();
    while let Some(push) = pushes.next() {
        let target = push.target.as_bytes();
        let absolute = [origin, target].concat();
        let wire = Wire::new(&push.fields, true);
        let (method, fields) = (Method::Get, wire.as_slice());
        let request = avx_core::Request { method, target: &absolute, authority: b"", fields };
        let sent = match target.first() {
            Some(b'/') => machine.push(desk.now, stream, &request, out),
            // It would become part of the authority.
            _ => Err(UsageError::BadTarget),
        };
        match sent {
            Ok(stream) => promised.borrow_mut().push(Promised { stream, origin: origin.clone(), push }),
            Err(UsageError::OutputFull(_)) => {
                extra.pushes = [push].into_iter().chain(pushes).collect();
                return false;
            }
            // The client takes no promises, or none for now: it will ask.
            Err(UsageError::WrongState | UsageError::NoStreams | UsageError::UnknownStream) => break,
            Err(error) => (desk.report)(ConnectionError::Response(error)),
        }
    }
    true
}

impl<IO: Stream, R: Runtime> Multiplexing<IO, R> {
    /// Hands the requests that were promised to the handler. Whether there were any.
    pub(super) fn keep_promises<H: Handler>(&mut self, shared: &Shared<H, R>, now: Instant) -> bool {
        let promised = self.promised.get_mut();
        if promised.is_empty() {
            return false;
        }
        for Promised { stream, origin, push } in mem::take(promised) {
            let fields = OwnedFields::from(&push.fields);
            let start = origin.windows(3).position(|three| three == b"://").map_or(0, |at| at + 3);
            let authority = &origin[start..];
            let mut request =
                Request::promised(push.target.as_bytes(), authority, fields.as_fields(), &self.course.peer);
            let called = catch_unwind(AssertUnwindSafe(|| shared.handler.call(&mut request)));
            let report = |error: ConnectionError<'_>| shared.report(Some(self.course.peer), error);
            let reply = called.unwrap_or_else(|_| panicked(&report, true).into());
            let entry = shared.access.is_some().then(|| Entry::new(&request, now));
            let exchange = Exchange::new(stream, BodyLen::Empty, false, request.pipe.take()).logged(entry);
            let exchange = match reply {
                Reply::Now(response) => exchange.ready(response),
                Reply::Later(future) => exchange.later(future),
            };
            self.adopt(exchange);
        }
        true
    }
}
