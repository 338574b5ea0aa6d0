//! From HTTP/1.1 to HTTP/2 with `Upgrade: h2c` (RFC 7540, section 3.2), for those who opt in: "This usage was
//! never widely deployed and is deprecated" (RFC 9113, section 3.1).

use super::course::panicked;
use super::exchange::Exchange;
use super::log::Entry;
use super::serve::open;
use crate::rt::{Peer, Runtime};
use crate::server::Shared;
use crate::{Handler, Request};
use avx_core::syntax::list;
use avx_core::{BodyLen, Field, Http, Instant, Output, RequestHead, Response, Status, StreamId, h1, h2};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Accepts the offer of a request without content, if it makes one: 101 is in the output then. What goes on,
/// and the exchange that was begun.
#[cold]
pub(super) fn accept<H: Handler, R: Runtime>(
    shared: &Shared<H, R>,
    machine: &mut h1::Server,
    out: &mut dyn Output,
    now: Instant,
    stream: StreamId,
    head: &RequestHead<'_>,
    peer: &Peer,
) -> Option<Box<(h2::Server, Exchange)>> {
    if !list::members(head.upgrade()?).any(|name| name.eq_ignore_ascii_case(b"h2c")) {
        return None;
    }
    // "A request that upgrades from HTTP/1.1 to HTTP/2 MUST include exactly one "HTTP2-Settings" header
    // field."; "A server MUST NOT upgrade the connection to HTTP/2 if this header field is not present or if
    // more than one is present."; "a sender MUST also send "HTTP2-Settings" as a connection option" (RFC 7540,
    // section 3.2.1)
    let fields = head.fields();
    let mut settings = fields.get_all("http2-settings");
    let (Some(value), None) = (settings.next(), settings.next()) else { return None };
    let nominated = fields
        .get_all("connection")
        .flat_map(list::members)
        .any(|option| option.eq_ignore_ascii_case(b"http2-settings"));
    if !nominated {
        return None;
    }
    let (next, new_stream) = h2::Server::upgraded(shared.config.clone(), now, head.method(), value).ok()?;
    let fields = [Field::new("upgrade", "h2c")];
    let response = Response::new(Status::SWITCHING_PROTOCOLS, &fields);
    machine.send_response(now, stream, &response, BodyLen::Empty, out).ok()?;
    let mut request = Request::from_head(head, BodyLen::Empty, peer);
    let called = catch_unwind(AssertUnwindSafe(|| shared.handler.call(&mut request)));
    let reply = called.unwrap_or_else(|_| panicked(&|error| shared.report(Some(*peer), error), true).into());
    let entry = shared.access.is_some().then(|| Entry::new(&request, now));
    let exchange = open(new_stream, BodyLen::Empty, head, request.pipe.take(), reply).logged(entry);
    Some(Box::new((next, exchange)))
}
