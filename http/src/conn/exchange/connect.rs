//! A request for a tunnel on a connection that others share: the stream becomes what over HTTP/1.1 the whole
//! transport does (RFC 9113, section 8.5; RFC 8441).
//!
//! The same handler serves both. What answers 101 over HTTP/1.1 answers 200 to an extended CONNECT for the same
//! protocol, and whoever takes the transport over there gets a [`Tunnel`] here, inside the exchange.

use super::{Desk, Exchange, Phase};
use crate::body::{Pipe, Writer};
use crate::conn::tunnel::Tunnel;
use crate::error::ConnectionError;
use crate::message::TakeOver;
use crate::{Body, BodyError, IntoResponse, Response, Sender};
use avx_core::{BodyLen, ErrorCode, Http, RequestHead, Status, UsageError};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Who has taken a tunnel over.
pub(in crate::conn) type User = Pin<Box<dyn Future<Output = ()> + Send>>;

pub(in crate::conn) struct Connect {
    /// Of an extended CONNECT: what is spoken inside.
    protocol: Option<Box<[u8]>>,
    /// Where that goes which the client sends.
    content: Option<Writer>,
    /// The two sides of the tunnel, until it is taken over.
    received: Option<Body>,
    sender: Option<Sender>,
    user: Option<User>,
    open: bool,
}

impl Connect {
    /// `body`: whether the client has said already that it will send nothing.
    pub(in crate::conn) fn new(head: &RequestHead<'_>, body: BodyLen) -> Box<Self> {
        let content = Writer::new(body);
        let received = content.pipe().map(|pipe| Body::incoming(pipe.clone(), body));
        let protocol = head.upgrade().map(Into::into);
        Box::new(Connect {
            protocol,
            content: Some(content),
            received,
            sender: None,
            user: None,
            open: false,
        })
    }

    pub(super) fn content(&self) -> Option<&Arc<Pipe>> {
        self.content.as_ref().and_then(Writer::pipe)
    }

    /// Whether the tunnel was opened.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Whether somebody has work to do in it.
    pub(super) fn is_used(&self) -> bool {
        self.user.is_some()
    }

    /// The code of a reset from this end.
    pub(super) fn code(&self) -> ErrorCode {
        match self.protocol {
            // "RST exceptions are represented with the RST_STREAM frame (RFC 7540, Section 6.4) with the CANCEL
            // error code" (RFC 8441, section 5)
            Some(_) => ErrorCode::CANCEL,
            // "A proxy treats any error in the TCP connection, which includes receiving a TCP segment with the
            // RST bit set, as a stream error of type CONNECT_ERROR." (RFC 9113, section 8.5)
            None => ErrorCode::CONNECT_ERROR,
        }
    }

    /// The head of the response has been written: the tunnel is open, and somebody's.
    pub(super) fn open(&mut self, take_over: TakeOver, desk: &Desk<'_>) {
        self.open = true;
        if let Some((received, sender)) = self.received.take().zip(self.sender.take()) {
            let io = Tunnel::upgrade(received, sender, desk.peer);
            let io = match desk.host {
                Some(host) => io.of(host.clone()),
                None => io,
            };
            self.user = Some(Box::pin(async move { take_over(io).await }));
        }
    }

    /// Lets the tunnel's user work. `Err` when that panicked.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, ()> {
        let Some(user) = &mut self.user else { return Ok(Poll::Pending) };
        let polled = catch_unwind(AssertUnwindSafe(|| user.as_mut().poll(cx)));
        if !matches!(polled, Ok(Poll::Pending)) {
            self.user = None;
        }
        polled.map_err(|_| ())
    }

    /// Nothing more comes.
    pub(super) fn end(&mut self) {
        self.content = None;
    }

    pub(super) fn take_user(&mut self) -> Option<User> {
        self.user.take()
    }

    /// There will be no tunnel: what comes all the same is content that nobody reads.
    fn refuse(&mut self) {
        self.received = None;
    }
}

impl Exchange {
    /// The stream was reset. Whether somebody is left who works in its tunnel, and hears of it there.
    pub(in crate::conn) fn outlives_reset(&mut self, error: BodyError) -> bool {
        self.fail(error);
        self.phase = Phase::Done;
        self.reset = true;
        self.connect.as_ref().is_some_and(|connect| connect.is_used())
    }

    /// Whether the client has reset the stream.
    pub(in crate::conn) fn was_reset(&self) -> bool {
        self.reset
    }

    /// Who still works in the tunnel when the connection is over: over HTTP/1.1 they outlive it as well.
    pub(in crate::conn) fn take_user(&mut self) -> Option<User> {
        self.connect.as_mut()?.take_user()
    }

    pub(super) fn is_tunnel(&self) -> bool {
        self.connect.as_ref().is_some_and(|connect| connect.is_open())
    }

    /// Lets the user of a tunnel work. Whether it is done with it.
    pub(super) fn attend(&mut self, cx: &mut Context<'_>, desk: &Desk<'_>) -> bool {
        let Some(connect) = &mut self.connect else { return false };
        if !connect.is_used() || !std::mem::take(&mut self.awake) {
            return false;
        }
        match connect.poll(cx) {
            Ok(Poll::Pending) => return false,
            Ok(Poll::Ready(())) => {}
            Err(()) => (desk.report)(ConnectionError::Panicked),
        }
        true
    }

    /// Resets a tunnel whose own side has ended, and which nobody reads from any more. Whether it was one.
    pub(super) fn leave_tunnel<M: Http>(&mut self, desk: &Desk<'_>, machine: &mut M) -> bool {
        let Some(connect) = self.connect.as_ref().filter(|connect| connect.is_open()) else { return false };
        if !self.receiving || !matches!(self.phase, Phase::Done) {
            return false;
        }
        let Some(demand) = connect.content().map(|pipe| pipe.demand()) else { return false };
        self.credit += demand.credit;
        if demand.gone {
            // "A server MAY request that the client abort transmission of a request without error by sending a
            // RST_STREAM with an error code of NO_ERROR after sending a complete response" (RFC 9113, section 8.1)
            machine.done(desk.now, self.stream);
            self.give_up();
        }
        demand.gone
    }
}

/// Makes a handler's response one that can be sent where others share the transport: it opens the tunnel that
/// was asked for, or none.
///
/// # Errors
/// [`UsageError::BadUpgrade`]: the handler switches to a protocol that was not asked for.
pub(super) fn answer(connect: Option<&mut Connect>, response: &mut Response) -> Result<(), UsageError> {
    let takes_over = response.extra.as_ref().is_some_and(|extra| extra.take_over.is_some());
    let Some(connect) = connect else {
        if takes_over && response.status == Status::SWITCHING_PROTOCOLS {
            // A transport that others share is not handed over.
            *response = Status::NOT_IMPLEMENTED.into_response();
        }
        return Ok(());
    };
    if connect.sender.is_some() {
        // Once more, for want of room.
        return Ok(());
    }
    if takes_over && response.status == Status::SWITCHING_PROTOCOLS {
        // "HTTP/2 does not allow connection-wide header fields or status codes, such as the Upgrade and
        // Connection request-header fields or the 101 (Switching Protocols) response code." (RFC 8441,
        // section 1) What accepts here is 200.
        let named = response.get("upgrade").unwrap_or_default();
        if connect.protocol.as_deref().is_none_or(|asked| !named.eq_ignore_ascii_case(asked)) {
            connect.refuse();
            return Err(UsageError::BadUpgrade);
        }
        response.status = Status::OK;
    }
    let status = response.status;
    let accepts = status.is_success() && !status.forbids_content() && status != Status::RESET_CONTENT;
    if accepts && takes_over {
        let (sender, body) = Body::channel();
        connect.sender = Some(sender);
        response.body = body;
        return Ok(());
    }
    connect.refuse();
    if status.is_success() {
        // Nobody is there to take the tunnel.
        *response = Status::NOT_IMPLEMENTED.into_response();
    } else if let Some(extra) = &mut response.extra {
        extra.take_over = None;
    }
    Ok(())
}
