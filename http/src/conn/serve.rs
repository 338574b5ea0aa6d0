//! The pump of the server's connection.

use super::course::{Course, NOBODY};
use super::exchange::{Desk, Exchange, settle};
use super::h2c;
use super::link::Link;
use super::log::{Entry, log};
use super::sending::{Terms, at_hand, respond_at_once};
use crate::body::Writer;
use crate::error::ConnectionError;
use crate::message::TakeOver;
use crate::pool::Local;
use crate::rt::{Peer, Runtime, Stream};
use crate::server::{Access, Shared, Stage};
use crate::{BodyError, Handler, Reply, Request};
use avx_core::{
    BodyLen, Event, Http, Instant, Machine, PeerError, Protocol, RequestHead, StreamId, Turn, Version, h1, h2,
};
use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};

/// Rounds of reading and writing before other tasks get their turn.
const BUDGET: u32 = 32;
/// Bytes read ahead while the machine asks for none, to notice a peer that is gone.
const AHEAD: usize = 4 << 10;

/// An HTTP connection under way.
pub(super) struct Serving<IO, R: Runtime> {
    pub(super) link: Link<IO, h1::Server, R::Sleep>,
    /// Exchanges that were not answered at once. The memory is the thread's while there are none.
    exchanges: Vec<Exchange>,
    pub(super) take_over: Option<TakeOver>,
    /// What goes on after an upgrade to HTTP/2, and the exchange that asked for it.
    pub(super) upgraded: Option<Box<(h2::Server, Exchange)>>,
    pub(super) course: Course,
}

/// What a poll came to.
pub(super) enum Flow {
    Waits,
    Over,
    HandOver,
    /// The peer speaks HTTP/2.
    Http2,
}

impl<IO: Stream, R: Runtime> Serving<IO, R> {
    pub(super) fn new(link: Link<IO, h1::Server, R::Sleep>, peer: Peer) -> Self {
        Serving { link, exchanges: Vec::new(), take_over: None, upgraded: None, course: Course::new(peer) }
    }

    pub(super) fn poll<H: Handler>(
        &mut self,
        cx: &mut Context<'_>,
        shared: &Shared<H, R>,
        local: &mut Local,
    ) -> Flow {
        let std_now = shared.rt.now();
        let now = local.reading.instant(&shared.epoch, std_now);
        let running = shared.life.stage() == Stage::Running;
        if !running && self.course.drain(shared, &mut self.link.session, now) {
            self.abandon(shared, now);
            return Flow::Over;
        }
        for exchange in &mut self.exchanges {
            exchange.wake();
        }
        if self.link.is_due(now) {
            if let Err(error) = self.catch_up(cx, shared, local, now, std_now) {
                return self.broken(shared, now, &error);
            }
        }
        let ticked = self.link.check_time(now);
        // At rest there is nothing to do before something has been read.
        let mut at_rest = running && !ticked && self.exchanges.is_empty() && self.link.is_at_rest();
        let mut budget = BUDGET;
        let mut drained = false;
        loop {
            if !mem::take(&mut at_rest) {
                self.process(cx, shared, local, now, std_now);
                match self.flush(cx, now) {
                    // There is room again for those who waited for it.
                    Poll::Ready(Ok(true)) if !self.exchanges.is_empty() && budget > 0 => {
                        budget -= 1;
                        continue;
                    }
                    Poll::Ready(Ok(_)) => {}
                    Poll::Ready(Err(error)) => return self.broken(shared, now, &error),
                    Poll::Pending => {
                        self.link.session.hold(now);
                        break;
                    }
                }
                if let Some(flow) = self.end(cx, shared, now) {
                    return flow;
                }
            }
            if budget == 0 {
                cx.waker().wake_by_ref();
                break;
            }
            budget -= 1;
            let limit = self.may_read(cx);
            if limit == 0 {
                // Whoever is slow now, it is not the peer.
                self.link.session.hold(now);
                break;
            }
            if drained {
                break;
            }
            match self.link.poll_fill(cx, now, &mut local.scratch, limit) {
                Poll::Ready(Ok(_)) => drained = self.link.io.is_drained(),
                Poll::Ready(Err(error)) => return self.broken(shared, now, &error),
                Poll::Pending => break,
            }
        }
        if self.link.session.is_closed() {
            // Nothing is left to write, or nobody to read it.
            self.close(shared, now);
            return Flow::Over;
        }
        self.rest(local);
        self.link.arm(cx, &shared.rt, &shared.epoch, None);
        Flow::Waits
    }

    /// A deadline has passed, or so it looks: what the peer sent and took in time is not held against it,
    /// however late this worker comes to see it.
    #[cold]
    fn catch_up<H: Handler>(
        &mut self,
        cx: &mut Context<'_>,
        shared: &Shared<H, R>,
        local: &mut Local,
        now: Instant,
        std_now: std::time::Instant,
    ) -> std::io::Result<()> {
        for _ in 0..BUDGET {
            let Poll::Ready(flushed) = self.flush(cx, now) else { break };
            flushed?;
            let limit = self.may_read(cx);
            if limit == 0 {
                break;
            }
            let Poll::Ready(read) = self.link.poll_fill(cx, now, &mut local.scratch, limit) else { break };
            read?;
            self.process(cx, shared, local, now, std_now);
        }
        Ok(())
    }

    /// Everything that can be done without reading or writing.
    #[inline]
    fn process<H: Handler>(
        &mut self,
        cx: &mut Context<'_>,
        shared: &Shared<H, R>,
        local: &mut Local,
        now: Instant,
        std_now: std::time::Instant,
    ) {
        loop {
            let result = catch_unwind(AssertUnwindSafe(|| self.receive(cx, shared, local, now, std_now)));
            let received = result.unwrap_or_else(|panic| self.recover(shared, local, panic));
            if self.exchanges.is_empty() {
                return;
            }
            let advanced = self.advance(cx, shared, local, now, std_now);
            if !received && !advanced {
                return;
            }
        }
    }

    /// Whether and how the connection ends, once its output has left.
    #[inline]
    fn end<H: Handler>(&mut self, cx: &mut Context<'_>, shared: &Shared<H, R>, now: Instant) -> Option<Flow> {
        if self.link.session.switched().is_some() {
            return Some(self.switch());
        }
        self.link.shut_down(cx);
        if self.link.session.is_closed() {
            self.close(shared, now);
            return Some(Flow::Over);
        }
        None
    }

    #[cold]
    fn broken<H: Handler>(&mut self, shared: &Shared<H, R>, now: Instant, error: &std::io::Error) -> Flow {
        shared.report(Some(self.course.peer), ConnectionError::Io(error));
        self.abandon(shared, now);
        Flow::Over
    }

    /// Events into handlers and exchanges, until there is none or somebody has to move first.
    #[inline]
    fn receive<H: Handler>(
        &mut self,
        cx: &mut Context<'_>,
        shared: &Shared<H, R>,
        local: &mut Local,
        now: Instant,
        std_now: std::time::Instant,
    ) -> bool {
        let mut any = false;
        let preset = local.preset.at(std_now, shared.id, shared.date, shared.server.as_ref());
        let terms = Terms { preset, multiplexed: false };
        loop {
            if !self.exchanges.is_empty() && self.is_held_up(cx) {
                return any;
            }
            let turn = match self.link.session.turn(now, &mut local.scratch) {
                Ok(Some(turn)) => turn,
                Ok(None) => return any,
                Err(error) => {
                    self.fail(shared, now, error);
                    return any;
                }
            };
            any = true;
            let peer = &self.course.peer;
            let Turn { event, machine, out } = turn;
            match event {
                // By reference: what was just written in pieces is not to be read as a whole.
                Event::Request { stream, ref head, body } => {
                    if shared.h2c && body == BodyLen::Empty {
                        self.upgraded = h2c::accept(shared, machine, out, now, stream, head, peer);
                        if self.upgraded.is_some() {
                            continue;
                        }
                    }
                    let mut request = Request::from_head(head, body, peer);
                    self.course.calling = stream;
                    let mut reply = shared.handler.call(&mut request);
                    self.course.calling = NOBODY;
                    if let (Reply::Now(response), None) = (&mut reply, &request.pipe) {
                        // The plain case: nothing is moved, nothing remembered.
                        let sent = at_hand(response).is_some_and(|content| {
                            respond_at_once(machine, out, now, stream, response, content, terms).is_ok()
                        });
                        if sent {
                            if body == BodyLen::Empty {
                                machine.forgo_end(now, stream);
                            }
                            if response.extra.is_some() {
                                let report = |error: ConnectionError<'_>| shared.report(Some(*peer), error);
                                settle(response, BodyLen::Empty, &mut self.take_over, &report);
                            }
                            if let Some(hook) = &shared.access {
                                log(hook, &request, response, *peer);
                            }
                            // To drop what holds nothing costs more than to see that it does.
                            if response.holds_nothing() {
                                mem::forget(reply);
                            }
                            if request.holds_nothing() {
                                mem::forget(request);
                            }
                            continue;
                        }
                    }
                    let entry = shared.access.is_some().then(|| Entry::new(&request, now));
                    let exchange = open(stream, body, head, request.pipe.take(), reply).logged(entry);
                    push(&mut self.exchanges, &mut local.exchanges, exchange);
                }
                event => pass_on(event, &mut self.exchanges, machine, cx),
            }
        }
    }

    /// A handler panicked as it was called.
    #[cold]
    fn recover<H: Handler>(
        &mut self,
        shared: &Shared<H, R>,
        local: &mut Local,
        panic: Box<dyn Any + Send>,
    ) -> bool {
        let (stream, response) = self.course.recover(shared, panic, false);
        let exchange = Exchange::new(stream, BodyLen::Empty, false, None).ready(response);
        push(&mut self.exchanges, &mut local.exchanges, exchange);
        true
    }

    /// Whether the next event has to wait: its content would find no room.
    #[inline(never)]
    fn is_held_up(&mut self, cx: &Context<'_>) -> bool {
        // A machine that has given up says so, whoever may still be reading.
        if self.link.session.machine().is_send_closed() {
            return false;
        }
        let unread = self.link.session.unread().len();
        let none_yet = unread == 0 && !self.link.input_ended;
        self.exchanges.iter_mut().any(|exchange| {
            let room = exchange.room(cx);
            room.is_some_and(|room| room == 0 || unread > room) || none_yet && exchange.is_expecting()
        })
    }

    /// How much may be read now.
    #[inline]
    fn may_read(&mut self, cx: &Context<'_>) -> usize {
        match () {
            () if self.link.input_ended => 0,
            () if !self.exchanges.is_empty() => self.may_read_for_exchanges(cx),
            () if self.link.session.wants_read() => usize::MAX,
            () => 0,
        }
    }

    #[inline(never)]
    fn may_read_for_exchanges(&mut self, cx: &Context<'_>) -> usize {
        if !self.link.session.wants_read() {
            // The machine waits for an answer; what comes now is kept, or tells that the peer is gone.
            return if self.link.session.unread().is_empty() { AHEAD } else { 0 };
        }
        // No more than can be passed on: for what lies here unread, the peer's time must not run.
        let room = self.exchanges.iter_mut().filter_map(|exchange| exchange.room(cx)).min();
        room.unwrap_or(usize::MAX).saturating_sub(self.link.session.unread().len())
    }

    fn advance<H: Handler>(
        &mut self,
        cx: &mut Context<'_>,
        shared: &Shared<H, R>,
        local: &mut Local,
        now: Instant,
        std_now: std::time::Instant,
    ) -> bool {
        let peer = self.course.peer;
        let report = |error: ConnectionError<'_>| shared.report(Some(peer), error);
        let desk = Desk {
            now,
            preset: local.preset.at(std_now, shared.id, shared.date, shared.server.as_ref()),
            report: &report,
            access: shared.access.as_ref(),
            peer,
            host: None,
            unread: u64::from(shared.config.limits.unread_body),
            in_turns: false,
            promised: None,
        };
        let (machine, out) = self.link.session.parts(&mut local.scratch);
        let mut moved = false;
        let mut framed = false;
        for exchange in &mut self.exchanges {
            // Nothing may come between framing and what it frames.
            framed |= exchange.framed().is_some();
            if framed {
                break;
            }
            moved |= exchange.advance(cx, &desk, machine, out, &mut self.take_over);
        }
        self.exchanges.retain_mut(|exchange| {
            let done = exchange.is_done();
            if done {
                exchange.outcome().log(shared.access.as_ref(), peer, now);
            }
            !done
        });
        moved
    }

    #[inline]
    fn flush(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<std::io::Result<bool>> {
        if self.exchanges.is_empty() {
            return self.link.poll_flush(cx, now, &[], &mut 0);
        }
        let framed = self.exchanges.iter_mut().find_map(Exchange::framed);
        match framed {
            None => self.link.poll_flush(cx, now, &[], &mut 0),
            Some(sending) => {
                let (content, written) = sending.framed();
                let result = self.link.poll_flush(cx, now, content, written);
                sending.settle();
                result
            }
        }
    }

    /// The peer broke the protocol: nothing that is under way can be completed.
    #[cold]
    fn fail<H: Handler>(&mut self, shared: &Shared<H, R>, now: Instant, error: PeerError) {
        if !self.course.fail(shared, error) {
            return;
        }
        let refusal = self.link.session.machine().refusal();
        if let (Some((status, sent)), Some(hook), true) = (refusal, &shared.access, self.exchanges.is_empty())
        {
            hook(&Access::refused(self.course.peer, Version::Http11, status, sent));
        }
        for exchange in &mut self.exchanges {
            exchange.fail(BodyError::Peer(error));
            exchange.outcome().refused(refusal);
        }
        self.abandon(shared, now);
    }

    /// Drops what is under way.
    #[cold]
    fn abandon<H: Handler>(&mut self, shared: &Shared<H, R>, now: Instant) {
        for mut exchange in self.exchanges.drain(..) {
            exchange.outcome().log(shared.access.as_ref(), self.course.peer, now);
        }
    }

    #[cold]
    fn close<H: Handler>(&mut self, shared: &Shared<H, R>, now: Instant) {
        if let Some(error) = self.link.session.error() {
            self.fail(shared, now, error);
        }
        self.abandon(shared, now);
    }

    #[cold]
    fn switch(&mut self) -> Flow {
        match self.link.session.switched() {
            Some(Protocol::Tunnel | Protocol::WebSocket) if self.take_over.is_some() => Flow::HandOver,
            Some(Protocol::Http2) => Flow::Http2,
            _ => Flow::Over,
        }
    }

    /// Gives back what is not needed while waiting.
    #[inline]
    fn rest(&mut self, local: &mut Local) {
        self.link.session.rest(&mut local.scratch);
        if self.exchanges.is_empty() && self.exchanges.capacity() > 0 {
            local.exchanges = mem::take(&mut self.exchanges);
        }
    }
}

/// An exchange for what was not answered at once.
#[inline(never)]
pub(super) fn open(
    stream: StreamId,
    body: BodyLen,
    head: &RequestHead<'_>,
    pipe: Option<Writer>,
    reply: Reply,
) -> Exchange {
    let exchange = Exchange::new(stream, body, head.expect_continue(), pipe);
    match reply {
        Reply::Now(response) => exchange.ready(response),
        Reply::Later(future) => exchange.later(future),
    }
}

/// Events of exchanges that are open already. Those of the others were answered and forgotten.
#[inline(never)]
fn pass_on<M: Http>(event: Event<'_>, exchanges: &mut [Exchange], machine: &mut M, cx: &Context<'_>) {
    match event {
        Event::Data { stream, data, credit } => match find(exchanges, stream) {
            Some(exchange) => exchange.receive(data, credit, cx),
            None => machine.release(stream, credit),
        },
        Event::End { stream, trailers, .. } => {
            if let Some(exchange) = find(exchanges, stream) {
                exchange.end(trailers, cx);
            }
        }
        Event::Reset { stream, .. } => {
            if let Some(exchange) = find(exchanges, stream) {
                exchange.give_up();
            }
        }
        _ => {}
    }
}

fn find(exchanges: &mut [Exchange], stream: StreamId) -> Option<&mut Exchange> {
    exchanges.iter_mut().find(|exchange| exchange.stream == stream)
}

#[inline(never)]
fn push(exchanges: &mut Vec<Exchange>, spare: &mut Vec<Exchange>, exchange: Exchange) {
    if exchanges.capacity() == 0 {
        *exchanges = mem::take(spare);
    }
    exchanges.push(exchange);
}
