//! One request and its response, as one of many.

use crate::body::{Pipe, Writer};
use crate::client::queue::{Reply, Submission};
use crate::client::{Error, Pushed, Request, Response};
use crate::conn::sending::{Sending, Step};
use crate::conn::tunnel::Tunnel;
use crate::sync::oneshot;
use crate::{Body, BodyError, Peer};
use avx_core::{
    BodyLen, ErrorCode, Fields, Http, Initiator, Instant, Output, PeerError, RequestHead, ResponseHead,
    StreamId, UsageError,
};
use std::sync::Arc;
use std::task::Context;

pub(super) struct Exchange {
    pub(super) stream: StreamId,
    request: Request,
    /// What is still to be sent of the request's content.
    sending: Option<Sending>,
    waits_for: Option<WaitsFor>,
    /// Until the response's head has come.
    reply: Option<Reply>,
    /// Where the response's content goes.
    pipe: Option<Writer>,
    /// Credit of content that its reader has not taken.
    held: u32,
    /// When the response must be complete.
    pub(super) deadline: Option<Instant>,
    /// The content waits for 100 (Continue), or for a while.
    expects: bool,
    /// It was opened before the server had said how many it takes, and can be sent again.
    early: bool,
    /// The response has ended, or will never.
    ended: bool,
    /// A CONNECT was accepted.
    tunnel: bool,
}

/// What keeps content from going out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WaitsFor {
    Turn,
    Room,
}

impl Exchange {
    /// The head of `request` has been written. `known`: the server has said how many exchanges it takes.
    pub(super) fn new(
        stream: StreamId,
        mut request: Request,
        reply: Reply,
        now: Instant,
        known: bool,
    ) -> Self {
        let early = !known && !request.has_content();
        let sending = request.take_body().map(Sending::new);
        Exchange {
            stream,
            waits_for: None,
            reply: Some(reply),
            pipe: None,
            held: 0,
            deadline: request.timeout.map(|timeout| now + timeout),
            expects: sending.is_some() && request.expects(),
            early,
            ended: false,
            tunnel: false,
            sending,
            request,
        }
    }

    fn pipe(&self) -> Option<&Arc<Pipe>> {
        self.pipe.as_ref().and_then(Writer::pipe)
    }

    /// An interim response has come.
    pub(super) fn inform(&mut self, head: &ResponseHead<'_>) {
        self.expects &= head.status() != crate::Status::CONTINUE;
        if let Some(hook) = &mut self.request.informational {
            hook(Response::new(head, BodyLen::Empty));
        }
    }

    /// Another response is promised, on the connection to `authority`: its exchange, or with which code it is
    /// refused.
    pub(super) fn promise(
        &mut self,
        promised: StreamId,
        head: &RequestHead<'_>,
        authority: &[u8],
        now: Instant,
    ) -> Result<Exchange, ErrorCode> {
        // "A client MUST treat a PUSH_PROMISE for which the server is not authoritative as a stream error of
        // type PROTOCOL_ERROR." (RFC 9113, section 8.4)
        if !head.authority().eq_ignore_ascii_case(self.request.addressed(authority)) {
            return Err(ErrorCode::PROTOCOL_ERROR);
        }
        // "the client can send a RST_STREAM frame, using either the CANCEL or REFUSED_STREAM code and
        // referencing the pushed stream's identifier." (RFC 9113, section 8.4.2)
        let Some(hook) = &mut self.request.pushed else { return Err(ErrorCode::CANCEL) };
        let (reply, response) = oneshot();
        let request = Request::new(head.method(), head.target()).authority(head.authority());
        hook(Pushed::new(head, response));
        Ok(Exchange::new(promised, request, reply, now, true))
    }

    /// The response has come.
    pub(super) fn respond(&mut self, head: &ResponseHead<'_>, len: BodyLen, peer: Peer) {
        if let Some(inspect) = self.request.inspect.take() {
            inspect(head);
        }
        let response = Response::new(head, len);
        let content = match len {
            BodyLen::Empty => Body::empty(),
            len => {
                let writer = self.pipe.insert(Writer::new(len));
                writer.pipe().map_or(Body::empty(), |pipe| Body::incoming(pipe.clone(), len))
            }
        };
        let response = if self.request.switches(head.status()) {
            let (sender, body) = Body::channel();
            self.sending = Some(Sending::new(body));
            self.tunnel = true;
            response.with_upgraded(Tunnel::upgrade(content, sender, peer))
        } else {
            if self.request.is_connect() {
                // What would have been a tunnel ends with the head.
                self.sending = Some(Sending::new(Body::empty()));
            }
            response.with(content)
        };
        if self.expects && !head.status().is_success() && self.sending.as_ref().is_some_and(|s| s.sent == 0) {
            // The server has decided without the content, which is not sent.
            self.sending = None;
        }
        if let Some(reply) = self.reply.take() {
            reply.send(Ok(response));
        }
    }

    /// A piece of the response's content. What there is no reader for is credit to give back.
    pub(super) fn receive(&mut self, data: &[u8], credit: u32) -> u32 {
        let Some(pipe) = self.pipe() else { return credit };
        pipe.push(data, credit, None);
        self.held += credit;
        0
    }

    /// The response is complete.
    pub(super) fn end(&mut self, trailers: Fields<'_>) {
        self.ended = true;
        if let Some(pipe) = self.pipe() {
            pipe.end((!trailers.is_empty()).then(|| trailers.into()), None);
        }
    }

    /// The stream was reset.
    pub(super) fn reset(&mut self, code: ErrorCode, by: Initiator) {
        self.sending = None;
        if !self.ended {
            self.fail(&match (code, by) {
                (ErrorCode::REFUSED_STREAM, Initiator::Remote) => Error::Refused,
                _ => Error::Reset { code, by },
            });
        }
    }

    /// There will be no response, or no more of it. Whoever waits is told; what has come can still be read.
    pub(super) fn fail(&mut self, error: &Error) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.sending = None;
        if let Some(reply) = self.reply.take() {
            reply.send(Err(match error {
                Error::Peer(PeerError::UnexpectedEof) => Error::Closed,
                error => error.again(),
            }));
        } else if let Some(pipe) = self.pipe() {
            pipe.fail(match *error {
                Error::Peer(error) => BodyError::Peer(error),
                Error::TimedOut => BodyError::TimedOut,
                Error::Refused => BodyError::Reset { code: ErrorCode::REFUSED_STREAM, by: Initiator::Remote },
                Error::Reset { code, by } => BodyError::Reset { code, by },
                Error::Body(_) | Error::Request(_) => BodyError::Aborted,
                _ => BodyError::Disconnected,
            });
        }
    }

    /// The request again, when it was refused for nothing but that it came too early: before the server had
    /// said how many it takes at once.
    pub(super) fn is_too_early(&self, code: ErrorCode) -> bool {
        self.early && code == ErrorCode::REFUSED_STREAM && self.reply.is_some()
    }

    pub(super) fn into_submission(self) -> Option<Submission> {
        Some(Submission { request: self.request, reply: self.reply? })
    }

    /// Moves on as far as it can without reading or writing. Whether anything changed.
    pub(super) fn advance<M: Http>(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        machine: &mut M,
        out: &mut dyn Output,
    ) -> bool {
        let mut gone = self.reply.as_ref().is_some_and(|reply| reply.poll_closed(cx));
        let mut moved = false;
        if let Some(demand) = self.pipe().map(|pipe| pipe.poll_demand(cx)) {
            gone |= demand.gone;
            if demand.credit > 0 {
                self.held -= demand.credit.min(self.held);
                machine.release(self.stream, demand.credit);
                moved = true;
            }
        }
        // Who drops a tunnel has written something before, perhaps.
        if gone && !self.ended && !(self.tunnel && self.sending.is_some()) {
            // "CANCEL (0x08): The endpoint uses this error code to indicate that the stream is no longer
            // needed." (RFC 9113, section 7)
            self.give_up(now, machine, ErrorCode::CANCEL);
            return true;
        }
        let Some(sending) = &mut self.sending else { return moved };
        let step = sending.fetch(cx, now, self.stream, machine, out);
        self.settle_step(step, now, machine) || moved
    }

    /// Sends content, as much as one of many may in its turn. Whether there was any.
    pub(super) fn take_turn<M: Http>(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        machine: &mut M,
        out: &mut dyn Output,
    ) -> bool {
        let Some(sending) = &mut self.sending else { return false };
        let before = sending.sent;
        let step = sending.take_turn(cx, now, self.stream, machine, out);
        let moved = sending.sent > before;
        self.settle_step(step, now, machine) || moved
    }

    /// Notes how far content has got. Whether it is over.
    fn settle_step<M: Http>(&mut self, step: Step, now: Instant, machine: &mut M) -> bool {
        self.waits_for = match step {
            Step::Fetched => Some(WaitsFor::Turn),
            Step::Full => Some(WaitsFor::Room),
            _ => None,
        };
        match step {
            Step::Fetched | Step::Waits | Step::Full | Step::Framed => return false,
            // The server wants no more of it.
            Step::Done | Step::Misused(UsageError::WrongState | UsageError::UnknownStream) => {
                self.sending = None;
                let gone = self.tunnel && self.pipe().is_some_and(|pipe| pipe.is_left());
                if gone && !self.ended {
                    self.give_up(now, machine, ErrorCode::CANCEL);
                }
            }
            Step::Failed(BodyError::Aborted) if self.tunnel => {
                self.give_up(now, machine, ErrorCode::CANCEL);
            }
            Step::Failed(error) => {
                self.fail(&Error::Body(error));
                self.give_up(now, machine, ErrorCode::INTERNAL_ERROR);
            }
            Step::Misused(error) => {
                self.fail(&Error::Request(error));
                self.give_up(now, machine, ErrorCode::INTERNAL_ERROR);
            }
        }
        true
    }

    /// Resets the stream. What has come can still be read; its credit is back with the connection.
    pub(super) fn give_up<M: Http>(&mut self, now: Instant, machine: &mut M, code: ErrorCode) {
        (self.ended, self.held) = (true, 0);
        (self.sending, self.reply) = (None, None);
        machine.reset(now, self.stream, code);
    }

    /// Whether there is content to write, as soon as it is this one's turn.
    pub(super) fn wants_turn(&self) -> bool {
        self.sending.is_some() && self.waits_for == Some(WaitsFor::Turn)
    }

    /// Whether something waits for room in the output.
    pub(super) fn wants_room(&self) -> bool {
        self.sending.is_some() && self.waits_for == Some(WaitsFor::Room)
    }

    /// Whether request and response are complete, and all content that came has been read.
    pub(super) fn is_done(&self) -> bool {
        self.ended && self.sending.is_none() && self.held == 0
    }
}
