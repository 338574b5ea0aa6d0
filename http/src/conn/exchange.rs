//! One request and its response, when the response takes longer than one call of a handler.

mod connect;

use super::course::panicked;
use super::log::{Entry, Outcome};
use super::multiplex::{Origin, Promised, prioritize, promise};
use super::sending::{Sending, Step, Terms, respond};
use crate::body::{Content, Pipe, Writer};
use crate::error::ConnectionError;
use crate::message::{Host, TakeOver};
use crate::rt::Peer;
use crate::server::AccessHook;
use crate::{BodyError, IntoResponse, Response};
use avx_core::{BodyLen, ErrorCode, Fields, Http, Instant, Output, Preset, Status, StreamId, UsageError};
use connect::answer;
use std::cell::RefCell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

pub(super) use connect::{Connect, User};

pub(crate) struct Exchange {
    pub(super) stream: StreamId,
    phase: Phase,
    /// The request's content, and what the handler says before its response.
    pipe: Option<Writer>,
    /// The request's content has not ended yet.
    receiving: bool,
    /// The client waits for 100 (Continue).
    expects: bool,
    /// The request is for a tunnel inside the connection.
    connect: Option<Box<Connect>>,
    /// The client has reset the stream, and somebody is still to hear of it.
    reset: bool,
    /// Credit of content that the handler took, to give back.
    credit: u32,
    /// There is content that its reader has not taken.
    held: bool,
    unread: u64,
    /// The handler's future is to be polled.
    awake: bool,
    waits_for: Option<WaitsFor>,
    outcome: Outcome,
    /// Where promises point, if the client takes any.
    origin: Option<Origin>,
}

enum Phase {
    Called(Pin<Box<dyn Future<Output = Response> + Send>>),
    Ready(Response),
    Sending(Sending),
    Done,
}

/// What keeps content from going out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WaitsFor {
    Turn,
    Room,
}

/// What an exchange needs of its connection.
pub(super) struct Desk<'a> {
    pub(super) now: Instant,
    pub(super) preset: &'a Preset,
    pub(super) report: &'a dyn Fn(ConnectionError<'_>),
    pub(super) access: Option<&'a AccessHook>,
    pub(super) peer: Peer,
    /// Whom those who take a part of the connection over may ask.
    pub(super) host: Option<&'a Arc<dyn Host>>,
    /// Bytes of content that nobody reads, before their stream is ended.
    pub(super) unread: u64,
    /// Content goes out as the machine says whose turn it is, not as it comes.
    pub(super) in_turns: bool,
    /// Where promises are noted that are to be kept.
    pub(super) promised: Option<&'a RefCell<Vec<Promised>>>,
}

impl Exchange {
    pub(super) fn new(stream: StreamId, body: BodyLen, expects: bool, pipe: Option<Writer>) -> Self {
        Exchange {
            stream,
            phase: Phase::Done,
            pipe,
            receiving: body != BodyLen::Empty,
            expects,
            connect: None,
            reset: false,
            credit: 0,
            held: false,
            unread: 0,
            awake: true,
            waits_for: None,
            outcome: Outcome::default(),
            origin: None,
        }
    }

    pub(super) fn later(mut self, future: Pin<Box<dyn Future<Output = Response> + Send>>) -> Self {
        self.phase = Phase::Called(future);
        self
    }

    /// With a response whose head has not been written.
    pub(super) fn ready(mut self, response: Response) -> Self {
        self.phase = Phase::Ready(response);
        self
    }

    /// With a request for a tunnel, or not.
    pub(super) fn connecting(mut self, connect: Option<Box<Connect>>) -> Self {
        self.connect = connect;
        self
    }

    pub(super) fn logged(mut self, entry: Option<Box<Entry>>) -> Self {
        self.outcome = Outcome::of(entry);
        self
    }

    pub(super) fn promising(mut self, origin: Option<Origin>) -> Self {
        self.origin = origin;
        self
    }

    /// The task was woken, by whomever.
    pub(super) fn wake(&mut self) {
        self.awake = true;
    }

    /// How many bytes of content this exchange takes now; `None` when it is not the one that the
    /// connection reads for. Registers for a wake-up when that changes.
    pub(super) fn room(&mut self, cx: &Context<'_>) -> Option<usize> {
        let pipe = self.pipe().filter(|_| self.receiving)?;
        let demand = pipe.poll_demand(cx);
        self.credit += demand.credit;
        Some(demand.room)
    }

    /// Gives the credit of what was read since back, whether more is to come or not, and hears when more
    /// has been read. Whether there was any.
    pub(super) fn give_back<M: Http>(&mut self, cx: &Context<'_>, machine: &mut M) -> bool {
        if let Some(pipe) = self.pipe() {
            let demand = pipe.poll_demand(cx);
            self.credit += demand.credit;
            self.held = demand.held;
        }
        let any = self.credit > 0;
        self.release(machine);
        any
    }

    /// Whether somebody has content of this exchange yet to read.
    pub(super) fn is_read_from(&self) -> bool {
        self.held
    }

    /// Gives credit of content that was read back.
    pub(super) fn release<M: Http>(&mut self, machine: &mut M) {
        if self.credit > 0 {
            machine.release(self.stream, std::mem::take(&mut self.credit));
        }
    }

    /// Whether its client will send nothing before 100 (Continue).
    pub(super) fn is_expecting(&self) -> bool {
        self.expects && self.receiving && matches!(self.phase, Phase::Called(_) | Phase::Ready(_))
    }

    pub(super) fn receive(&mut self, data: &[u8], credit: u32, cx: &Context<'_>) {
        self.expects = false;
        self.awake = true;
        if matches!(self.phase, Phase::Done) && !self.is_tunnel() {
            self.unread += data.len() as u64;
        }
        match self.pipe() {
            Some(pipe) => pipe.push(data, credit, Some(cx.waker())),
            None => self.credit += credit,
        }
    }

    /// Bytes of content that came when the response was complete.
    pub(super) fn unread(&self) -> u64 {
        self.unread
    }

    pub(super) fn end(&mut self, trailers: Fields<'_>, cx: &Context<'_>) {
        (self.receiving, self.expects) = (false, false);
        self.awake = true;
        if let Some(pipe) = self.pipe() {
            pipe.end((!trailers.is_empty()).then(|| trailers.into()), Some(cx.waker()));
        }
    }

    /// The content ends before its end; a handler still hears of it.
    pub(super) fn fail(&mut self, error: BodyError) {
        if std::mem::take(&mut self.receiving) {
            if let Some(pipe) = self.pipe() {
                pipe.fail(error);
            }
        }
    }

    /// What became of it, for the access log.
    pub(super) fn outcome(&mut self) -> &mut Outcome {
        &mut self.outcome
    }

    /// Nothing more comes, and nothing more is sent.
    pub(super) fn give_up(&mut self) {
        self.phase = Phase::Done;
        (self.pipe, self.receiving) = (None, false);
        if let Some(connect) = &mut self.connect {
            connect.end();
        }
    }

    /// Where content goes.
    fn pipe(&self) -> Option<&Arc<Pipe>> {
        match &self.connect {
            Some(connect) => connect.content(),
            None => self.pipe.as_ref().and_then(Writer::pipe),
        }
    }

    /// Whether response and request are complete, and a tunnel's user is.
    pub(super) fn is_done(&self) -> bool {
        let used = self.connect.as_ref().is_some_and(|connect| connect.is_used());
        !self.receiving && matches!(self.phase, Phase::Done) && !used
    }

    /// What is to be written right behind the output.
    pub(super) fn framed(&mut self) -> Option<&mut Sending> {
        match &mut self.phase {
            Phase::Sending(sending) if sending.is_framed() => Some(sending),
            _ => None,
        }
    }

    /// Moves on as far as it can without reading or writing. Returns whether anything changed, and
    /// who takes the transport over.
    pub(super) fn advance<M: Http>(
        &mut self,
        cx: &mut Context<'_>,
        desk: &Desk<'_>,
        machine: &mut M,
        out: &mut dyn Output,
        take_over: &mut Option<TakeOver>,
    ) -> bool {
        let mut moved = false;
        self.release(machine);
        loop {
            // What a tunnel's user writes leaves in the same turn.
            moved |= self.attend(cx, desk);
            match &mut self.phase {
                Phase::Done => break,
                Phase::Called(future) => {
                    if !std::mem::take(&mut self.awake) {
                        if self.expects {
                            // An invitation may have found no room; the client waits for it.
                            self.inform(desk, machine, out);
                        }
                        break;
                    }
                    let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
                    let response = match polled {
                        Ok(Poll::Ready(response)) => response,
                        Ok(Poll::Pending) => {
                            self.inform(desk, machine, out);
                            break;
                        }
                        Err(_) => panicked(desk.report, desk.in_turns),
                    };
                    self.inform(desk, machine, out);
                    self.phase = Phase::Ready(response);
                }
                Phase::Ready(response) => {
                    // The response is made of the content that the client holds back.
                    if self.expects && is_echo(response, self.pipe.as_ref().and_then(Writer::pipe)) {
                        self.invite(desk, machine, out);
                    }
                    let Phase::Ready(response) = &mut self.phase else { break };
                    if desk.in_turns {
                        if let Err(error) = answer(self.connect.as_deref_mut(), response) {
                            (desk.report)(ConnectionError::Response(error));
                            *response = Status::INTERNAL_SERVER_ERROR.into_response();
                        }
                    }
                    if !promise(machine, out, desk, self.stream, self.origin.as_ref(), response) {
                        break;
                    }
                    let terms = Terms { preset: desk.preset, multiplexed: desk.in_turns };
                    let sent = respond(machine, out, desk.now, self.stream, response, terms);
                    match sent {
                        Ok(follows) => {
                            if desk.in_turns && follows != BodyLen::Empty {
                                prioritize(machine, self.stream, response);
                            }
                            self.outcome.responded(response, follows);
                            self.phase = match settle(response, follows, take_over, desk.report) {
                                Some(body) => Phase::Sending(Sending::new(body)),
                                None => Phase::Done,
                            };
                            if let Some(connect) = &mut self.connect {
                                if let Some(take_over) = take_over.take() {
                                    connect.open(take_over, desk);
                                    self.awake = true;
                                }
                            }
                        }
                        Err(UsageError::OutputFull(_)) => break,
                        Err(error) => {
                            (desk.report)(ConnectionError::Response(error));
                            if response.status == Status::INTERNAL_SERVER_ERROR && response.fields.is_empty()
                            {
                                self.reset(desk, machine);
                            } else {
                                self.phase = Phase::Ready(Response::new(Status::INTERNAL_SERVER_ERROR));
                            }
                        }
                    }
                }
                Phase::Sending(sending) => {
                    let stream = self.stream;
                    let step = guard(|| match desk.in_turns {
                        true => sending.fetch(cx, desk.now, stream, machine, out),
                        false => sending.advance(cx, desk.now, stream, machine, out),
                    });
                    if !self.settle_step(step, desk, machine) {
                        break;
                    }
                }
            }
            moved = true;
        }
        self.leave_tunnel(desk, machine) || moved
    }

    /// Sends content, as much as one of many may in its turn. Whether there was any.
    pub(super) fn take_turn<M: Http>(
        &mut self,
        cx: &mut Context<'_>,
        desk: &Desk<'_>,
        machine: &mut M,
        out: &mut dyn Output,
    ) -> bool {
        let Phase::Sending(sending) = &mut self.phase else { return false };
        let before = sending.sent;
        let step = guard(|| sending.take_turn(cx, desk.now, self.stream, machine, out));
        let moved = sending.sent > before;
        let settled = self.settle_step(step, desk, machine);
        self.leave_tunnel(desk, machine) || settled || moved
    }

    /// Notes how far content has got. Whether it is over.
    fn settle_step<M: Http>(&mut self, step: Option<Step>, desk: &Desk<'_>, machine: &mut M) -> bool {
        if let Phase::Sending(sending) = &self.phase {
            self.outcome.sent = sending.sent;
        }
        let Some(step) = step else {
            (desk.report)(ConnectionError::Panicked);
            self.reset(desk, machine);
            return true;
        };
        self.waits_for = match step {
            Step::Fetched => Some(WaitsFor::Turn),
            Step::Full => Some(WaitsFor::Room),
            _ => None,
        };
        match step {
            Step::Fetched | Step::Waits | Step::Full | Step::Framed => return false,
            Step::Done => {
                self.outcome.complete = true;
                self.phase = Phase::Done;
                return true;
            }
            // Its user has dropped it.
            Step::Failed(BodyError::Aborted) if self.is_tunnel() => {}
            Step::Failed(error) => (desk.report)(ConnectionError::Body(error)),
            Step::Misused(error) => (desk.report)(ConnectionError::Response(error)),
        }
        self.reset(desk, machine);
        true
    }

    /// The response cannot be completed. Where exchanges overlap, nothing more is heard of this one.
    #[cold]
    fn reset<M: Http>(&mut self, desk: &Desk<'_>, machine: &mut M) {
        let tunnel = self.connect.as_ref().filter(|connect| connect.is_open());
        let code = tunnel.map_or(ErrorCode::INTERNAL_ERROR, |connect| connect.code());
        machine.reset(desk.now, self.stream, code);
        self.phase = Phase::Done;
        if desk.in_turns {
            self.give_up();
        }
    }

    /// Whether there is content to write, as soon as it is this one's turn.
    pub(super) fn wants_turn(&self) -> bool {
        self.waits_for == Some(WaitsFor::Turn)
    }

    /// Whether something waits for room in the output.
    pub(super) fn wants_room(&self) -> bool {
        self.waits_for == Some(WaitsFor::Room) || matches!(self.phase, Phase::Ready(_))
    }

    /// Interim responses: those the handler sends, and the 100 that its first look at the content is.
    fn inform<M: Http>(&mut self, desk: &Desk<'_>, machine: &mut M, out: &mut dyn Output) {
        let Some(pipe) = self.pipe.as_ref().and_then(Writer::pipe).cloned() else { return };
        for response in pipe.take_informational() {
            let lines = crate::message::Wire::new(&response.fields, desk.in_turns);
            let head = avx_core::Response {
                status: response.status,
                reason: response.reason(),
                fields: lines.as_slice(),
                presets: &[],
            };
            match machine.send_informational(desk.now, self.stream, &head, out) {
                // What a client may miss is not worth waiting for.
                Ok(()) | Err(UsageError::OutputFull(_)) => {}
                Err(error) => (desk.report)(ConnectionError::Response(error)),
            }
        }
        if self.expects {
            let demand = pipe.demand();
            self.credit += demand.credit;
            if demand.wanted {
                self.invite(desk, machine, out);
            }
        }
    }

    /// "A server that responds with a final status code instead of reading the entire request content
    /// SHOULD indicate whether it intends to close the connection" is the machine's; sending 100
    /// (Continue) when the content is wanted is ours (RFC 9110, section 10.1.1).
    fn invite<M: Http>(&mut self, desk: &Desk<'_>, machine: &mut M, out: &mut dyn Output) {
        let head = avx_core::Response::new(Status::CONTINUE, &[]);
        let sent = machine.send_informational(desk.now, self.stream, &head, out);
        self.expects = matches!(sent, Err(UsageError::OutputFull(_)));
    }
}

/// What is left of a response whose head has been written.
pub(super) fn settle(
    response: &mut Response,
    follows: BodyLen,
    take_over: &mut Option<TakeOver>,
    report: &dyn Fn(ConnectionError<'_>),
) -> Option<crate::Body> {
    if let Some(extra) = &mut response.extra {
        *take_over = extra.take_over.take();
        if let Some(error) = extra.error.take() {
            report(ConnectionError::Handler(&error));
        }
    }
    (follows != BodyLen::Empty).then(|| std::mem::take(&mut response.body))
}

/// Content comes from code of others: `None` when that panicked.
fn guard(step: impl FnOnce() -> Step) -> Option<Step> {
    catch_unwind(AssertUnwindSafe(step)).ok()
}

fn is_echo(response: &Response, pipe: Option<&Arc<Pipe>>) -> bool {
    match (response.body.content(), pipe) {
        (Content::Pipe(body, _), Some(pipe)) => Arc::ptr_eq(body, pipe),
        _ => false,
    }
}
