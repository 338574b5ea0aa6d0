//! The pump itself.

use super::push::{Origins, Promised};
use super::turns::{OneOfMany, Turns};
use crate::conn::course::{Course, NOBODY};
use crate::conn::exchange::{Connect, Desk, Exchange, User, settle};
use crate::conn::link::Link;
use crate::conn::log::{Entry, log};
use crate::conn::sending::{Terms, at_hand, respond_at_once};
use crate::conn::serve::{Flow, open};
use crate::error::ConnectionError;
use crate::message::Host;
use crate::pool::Local;
use crate::rt::{Peer, Runtime, Stream};
use crate::server::{Access, Shared, Stage};
use crate::{BodyError, Handler, Reply, Request};
use avx_core::{BodyLen, Event, Http, Instant, Method, Output, PeerError, Turn, Version, h2};
use std::any::Any;
use std::cell::RefCell;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll};

/// Rounds of reading and writing before other tasks get their turn.
const BUDGET: u32 = 32;

/// A multiplexed connection under way.
pub(in crate::conn) struct Multiplexing<IO, R: Runtime> {
    pub(in crate::conn) link: Link<IO, h2::Server, R::Sleep>,
    exchanges: Turns<Exchange>,
    origins: Origins,
    /// Promises to keep.
    pub(super) promised: RefCell<Vec<Promised>>,
    pub(in crate::conn) course: Course,
    host: Arc<dyn Host>,
    /// Who still works in a tunnel now that the connection is over.
    pub(in crate::conn) users: Vec<User>,
}

impl<IO: Stream, R: Runtime> Multiplexing<IO, R> {
    pub(in crate::conn) fn new(
        link: Link<IO, h2::Server, R::Sleep>,
        peer: Peer,
        host: Arc<dyn Host>,
    ) -> Self {
        Multiplexing {
            link,
            exchanges: Turns::default(),
            origins: Origins::default(),
            promised: RefCell::default(),
            course: Course::new(peer),
            host,
            users: Vec::new(),
        }
    }

    /// Takes an exchange over that began elsewhere.
    pub(in crate::conn) fn adopt(&mut self, exchange: Exchange) {
        self.exchanges.insert(exchange.stream, exchange);
    }

    pub(in crate::conn) fn poll<H: Handler>(
        &mut self,
        cx: &mut Context<'_>,
        shared: &Shared<H, R>,
        local: &mut Local,
    ) -> Flow {
        let std_now = shared.rt.now();
        let now = local.reading.instant(&shared.epoch, std_now);
        let running = shared.life.stage() == Stage::Running;
        if !running {
            if !self.course.is_draining() {
                // Who works in a tunnel wants to know.
                self.exchanges.touch_all();
            }
            if self.course.drain(shared, &mut self.link.session, now) {
                self.abandon(shared, now);
                return Flow::Over;
            }
        }
        self.exchanges.listen(cx.waker());
        if self.link.is_due(now) {
            if let Err(error) = self.catch_up(cx, shared, local, now, std_now) {
                return self.broken(shared, now, &error);
            }
        }
        let ticked = self.link.check_time(now);
        let mut at_rest = running && !ticked && self.exchanges.is_empty() && self.link.is_at_rest();
        let mut budget = BUDGET;
        let mut drained = false;
        // There is more to write, and room for it.
        let mut more = false;
        loop {
            if !mem::take(&mut at_rest) {
                self.process(shared, local, now, std_now);
                more = match self.link.poll_flush(cx, now, &[], &mut 0) {
                    Poll::Ready(Ok(_)) => self.has_more(local),
                    // A peer that writes before it reads is read from all the same: what it may send is
                    // bounded by windows and limits, and it may be waiting for just that.
                    Poll::Pending => false,
                    Poll::Ready(Err(error)) => return self.broken(shared, now, &error),
                };
                // However fast the peer takes it, it is listened to as well.
                if more && budget > 1 {
                    budget -= 1;
                    continue;
                }
                self.link.shut_down(cx);
                if self.link.session.is_closed() {
                    self.close(shared, now);
                    return Flow::Over;
                }
            }
            if budget == 0 {
                more = true;
                break;
            }
            budget -= 1;
            if self.link.input_ended || !self.link.session.wants_read() {
                self.link.session.hold(now);
                break;
            }
            if drained {
                break;
            }
            match self.link.poll_fill(cx, now, &mut local.scratch, usize::MAX) {
                Poll::Ready(Ok(_)) => drained = self.link.io.is_drained(),
                Poll::Ready(Err(error)) => return self.broken(shared, now, &error),
                Poll::Pending => break,
            }
        }
        if self.link.session.is_closed() {
            self.close(shared, now);
            return Flow::Over;
        }
        if self.rest(local) || more {
            cx.waker().wake_by_ref();
        }
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
            if let Poll::Ready(flushed) = self.link.poll_flush(cx, now, &[], &mut 0) {
                flushed?;
            }
            if self.link.input_ended || !self.link.session.wants_read() {
                break;
            }
            let read = self.link.poll_fill(cx, now, &mut local.scratch, usize::MAX);
            let Poll::Ready(read) = read else { break };
            read?;
            self.process(shared, local, now, std_now);
        }
        Ok(())
    }

    /// Everything that can be done without reading or writing.
    fn process<H: Handler>(
        &mut self,
        shared: &Shared<H, R>,
        local: &mut Local,
        now: Instant,
        std_now: std::time::Instant,
    ) {
        loop {
            let result = catch_unwind(AssertUnwindSafe(|| self.receive(shared, local, now, std_now)));
            let received = result.unwrap_or_else(|panic| self.recover(shared, panic));
            self.log_refusals(shared, local);
            if self.exchanges.is_empty() {
                self.exchanges.clear_due();
                return;
            }
            let advanced = self.advance(shared, local, now, std_now) | self.keep_promises(shared, now);
            if !received && !advanced {
                return;
            }
        }
    }

    /// Requests that the machine has answered by itself.
    fn log_refusals<H: Handler>(&mut self, shared: &Shared<H, R>, local: &mut Local) {
        let Some(hook) = &shared.access else { return };
        let (machine, _) = self.link.session.parts(&mut local.scratch);
        while let Some(status) = machine.take_refusal() {
            hook(&Access::refused(self.course.peer, Version::Http2, status, 0));
        }
    }

    /// Whether somebody waits for room in the output.
    fn has_more(&mut self, local: &mut Local) -> bool {
        self.exchanges.is_blocked() || self.link.session.parts(&mut local.scratch).0.next_writable().is_some()
    }

    /// Events into handlers and exchanges, until there is none.
    fn receive<H: Handler>(
        &mut self,
        shared: &Shared<H, R>,
        local: &mut Local,
        now: Instant,
        std_now: std::time::Instant,
    ) -> bool {
        let mut any = false;
        let preset = local.preset.at(std_now, shared.id, shared.date, shared.server.as_ref());
        let terms = Terms { preset, multiplexed: true };
        loop {
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
                    let connects = head.method() == Method::Connect;
                    // What comes on its stream is the tunnel's.
                    let content = if connects { BodyLen::Empty } else { body };
                    let mut request = Request::from_head(head, content, peer);
                    self.course.calling = stream;
                    let mut reply = shared.handler.call(&mut request);
                    self.course.calling = NOBODY;
                    if let (Reply::Now(response), None, BodyLen::Empty) = (&mut reply, &request.pipe, body) {
                        // The plain case: nothing is moved, nothing remembered.
                        let plain = !connects && !response.promises();
                        let sent = at_hand(response).filter(|_| plain).is_some_and(|content| {
                            respond_at_once(machine, out, now, stream, response, content, terms).is_ok()
                        });
                        if sent {
                            machine.forgo_end(now, stream);
                            if response.extra.is_some() {
                                let report = |error: ConnectionError<'_>| shared.report(Some(*peer), error);
                                settle(response, BodyLen::Empty, &mut None, &report);
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
                    if body == BodyLen::Empty {
                        machine.forgo_end(now, stream);
                    }
                    let entry = shared.access.is_some().then(|| Entry::new(&request, now));
                    let exchange = open(stream, body, head, request.pipe.take(), reply).logged(entry);
                    let connect = connects.then(|| Connect::new(head, body));
                    let exchange = exchange.connecting(connect).promising(self.origins.of(head, machine));
                    self.exchanges.insert(stream, exchange);
                }
                Event::Data { stream, data, credit } => match self.exchanges.touch(stream) {
                    Some((exchange, waker)) => exchange.receive(data, credit, &Context::from_waker(waker)),
                    None => machine.release(stream, credit),
                },
                Event::End { stream, trailers, .. } => {
                    if let Some((exchange, waker)) = self.exchanges.touch(stream) {
                        exchange.end(trailers, &Context::from_waker(waker));
                    }
                }
                Event::Reset { stream, code, by } => {
                    let error = BodyError::Reset { code, by };
                    if self
                        .exchanges
                        .touch(stream)
                        .is_some_and(|(exchange, _)| exchange.outlives_reset(error))
                    {
                        continue;
                    }
                    // The handler is dropped, and with it the work that it waits for.
                    if let Some(mut exchange) = self.exchanges.remove(stream) {
                        exchange.outcome().log(shared.access.as_ref(), *peer, now);
                    }
                    machine.done(now, stream);
                }
                _ => {}
            }
        }
    }

    /// A handler panicked as it was called.
    #[cold]
    fn recover<H: Handler>(&mut self, shared: &Shared<H, R>, panic: Box<dyn Any + Send>) -> bool {
        let (stream, response) = self.course.recover(shared, panic, true);
        let exchange = Exchange::new(stream, BodyLen::Streaming, false, None).ready(response);
        self.exchanges.insert(stream, exchange);
        true
    }

    /// Looks at those that were woken or touched, then lets content out in turns. Whether anything moved.
    fn advance<H: Handler>(
        &mut self,
        shared: &Shared<H, R>,
        local: &mut Local,
        now: Instant,
        std_now: std::time::Instant,
    ) -> bool {
        let peer = self.course.peer;
        let report = |error: ConnectionError<'_>| shared.report(Some(peer), error);
        let mut desk = Desk {
            now,
            preset: local.preset.at(std_now, shared.id, shared.date, shared.server.as_ref()),
            report: &report,
            access: shared.access.as_ref(),
            peer,
            host: Some(&self.host),
            unread: u64::from(shared.config.limits.unread_body),
            in_turns: true,
            promised: Some(&self.promised),
        };
        self.exchanges.advance(&mut self.link.session, &mut local.scratch, &mut desk)
    }

    #[cold]
    fn broken<H: Handler>(&mut self, shared: &Shared<H, R>, now: Instant, error: &std::io::Error) -> Flow {
        shared.report(Some(self.course.peer), ConnectionError::Io(error));
        self.abandon(shared, now);
        Flow::Over
    }

    /// The peer broke the protocol: nothing that is under way can be completed.
    #[cold]
    fn fail<H: Handler>(&mut self, shared: &Shared<H, R>, now: Instant, error: PeerError) {
        if !self.course.fail(shared, error) {
            return;
        }
        for exchange in self.exchanges.exchanges() {
            exchange.fail(BodyError::Peer(error));
        }
        self.abandon(shared, now);
    }

    /// Drops what is under way.
    #[cold]
    fn abandon<H: Handler>(&mut self, shared: &Shared<H, R>, now: Instant) {
        let peer = self.course.peer;
        for mut exchange in self.exchanges.drain() {
            self.users.extend(exchange.take_user());
            exchange.outcome().log(shared.access.as_ref(), peer, now);
        }
    }

    #[cold]
    fn close<H: Handler>(&mut self, shared: &Shared<H, R>, now: Instant) {
        if let Some(error) = self.link.session.error() {
            self.fail(shared, now, error);
        }
        self.abandon(shared, now);
    }

    /// Gives back what is not needed while waiting. Whether somebody is to be looked at before.
    fn rest(&mut self, local: &mut Local) -> bool {
        self.link.session.rest(&mut local.scratch);
        self.exchanges.rest()
    }
}

impl OneOfMany<h2::Server, Desk<'_>> for Exchange {
    fn advance(
        &mut self,
        cx: &mut Context<'_>,
        desk: &mut Desk<'_>,
        machine: &mut h2::Server,
        out: &mut dyn Output,
    ) -> bool {
        self.wake();
        let moved = self.advance(cx, desk, machine, out, &mut None);
        // The machine may have an update to write.
        self.give_back(cx, machine) || moved
    }

    fn take_turn(
        &mut self,
        cx: &mut Context<'_>,
        desk: &mut Desk<'_>,
        machine: &mut h2::Server,
        out: &mut dyn Output,
    ) -> bool {
        let written = self.take_turn(cx, desk, machine, out);
        // What an echo sends, it has read.
        self.give_back(cx, machine);
        written
    }

    fn wants_turn(&self) -> bool {
        self.wants_turn()
    }

    fn wants_room(&self) -> bool {
        self.wants_room()
    }

    fn settle(&mut self, desk: &mut Desk<'_>, machine: &mut h2::Server) -> bool {
        let unread = self.unread() > desk.unread;
        if unread {
            machine.done(desk.now, self.stream);
        }
        if !(unread || self.is_done()) {
            return false;
        }
        self.outcome().log(desk.access, desk.peer, desk.now);
        if self.was_reset() {
            machine.done(desk.now, self.stream);
            return true;
        }
        // Whoever still reads what has come gives its credit back from here.
        unread || !self.is_read_from()
    }
}
