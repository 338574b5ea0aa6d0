//! The driver: the pump of a client's connection.

use super::queue::{Queue, Reply, Submission};
use super::{Error, Request, Response};
use crate::body::{Pipe, Writer};
use crate::clock::Epoch;
use crate::conn::link::Link;
use crate::conn::sending::{Sending, Step};
use crate::pool::Local;
use crate::rt::{Peer, Runtime, Stream};
use crate::{Body, BodyError, Upgraded};
use avx_core::{BodyLen, Config, Event, Http, Instant, PeerError, Session, StreamId, Turn, UsageError, h1};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Rounds of reading and writing before other tasks get their turn.
const BUDGET: u32 = 32;

/// The request under way and its response.
struct Exchange {
    request: Request,
    stream: StreamId,
    sending: Option<Sending>,
    /// Until the response's head has come.
    reply: Option<Reply>,
    /// A head that waits for the transport to be handed over with it.
    switching: Option<Response>,
    /// Where the response's content goes.
    pipe: Option<Writer>,
    /// When it must be complete.
    deadline: Option<Instant>,
    /// Some bytes of the response have come.
    begun: bool,
    /// The response has ended.
    ended: bool,
    /// The request's content was not sent to its end.
    cut: bool,
}

impl Exchange {
    fn pipe(&self) -> Option<&Arc<Pipe>> {
        self.pipe.as_ref().and_then(Writer::pipe)
    }
}

pub(super) struct Driver<IO, R: Runtime> {
    rt: R,
    epoch: Epoch,
    link: Option<Wire<IO, R>>,
    peer: Peer,
    queue: Arc<Queue>,
    exchange: Option<Exchange>,
    /// Nothing can be written any more, but a response may have come before.
    broken: Option<std::io::Error>,
}

type Wire<IO, R> = Link<IO, h1::Client, <R as Runtime>::Sleep>;

/// Nothing in it is pinned in place.
impl<IO, R: Runtime> Unpin for Driver<IO, R> {}

enum Flow {
    Waits,
    Over,
    HandOver,
}

impl<IO: Stream, R: Runtime> Driver<IO, R> {
    pub(super) fn new(
        rt: R,
        epoch: Epoch,
        io: IO,
        peer: Peer,
        config: Arc<Config>,
        queue: Arc<Queue>,
    ) -> Self {
        let now = epoch.instant(rt.now());
        let session = Session::new(h1::Client::new(config.clone(), now), &config);
        let link = Some(Link::new(io, session));
        Driver { rt, epoch, link, peer, queue, exchange: None, broken: None }
    }
}

impl<IO: Stream, R: Runtime> Future for Driver<IO, R> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let Some(mut link) = this.link.take() else { return Poll::Ready(()) };
        let mut local = Local::take();
        let result = this.drive(&mut link, cx, &mut local);
        link.session.rest(&mut local.scratch);
        local.put();
        match result {
            Ok(Flow::Waits) => {
                this.link = Some(link);
                return Poll::Pending;
            }
            Ok(Flow::HandOver) => {
                this.hand_over(link);
                this.queue.close(None);
            }
            Ok(Flow::Over) => {
                this.end(Error::Closed);
                this.queue.close(None);
            }
            Err(error) => {
                let why = Arc::new(error.again());
                this.end(error);
                this.queue.close(Some(why));
            }
        }
        Poll::Ready(())
    }
}

impl<IO, R: Runtime> Drop for Driver<IO, R> {
    fn drop(&mut self) {
        self.end(Error::Closed);
        self.queue.close(None);
    }
}

impl<IO, R: Runtime> Driver<IO, R> {
    /// Tells whoever still waits.
    fn end(&mut self, error: Error) {
        let Some(mut exchange) = self.exchange.take() else { return };
        let error = match (error, self.broken.take()) {
            (Error::Closed | Error::Io(_) | Error::Peer(PeerError::UnexpectedEof), Some(error)) => {
                Error::Io(error)
            }
            (Error::Peer(PeerError::UnexpectedEof), None) if !exchange.begun => Error::Closed,
            (error, _) => error,
        };
        if let Some(pipe) = exchange.pipe() {
            pipe.fail(match error {
                Error::Peer(error) => BodyError::Peer(error),
                Error::TimedOut => BodyError::TimedOut,
                _ => BodyError::Disconnected,
            });
        }
        if let Some(reply) = exchange.reply.take() {
            reply.send(Err(error));
        }
    }
}

impl<IO: Stream, R: Runtime> Driver<IO, R> {
    fn drive(
        &mut self,
        link: &mut Wire<IO, R>,
        cx: &mut Context<'_>,
        local: &mut Local,
    ) -> Result<Flow, Error> {
        let now = self.epoch.instant(self.rt.now());
        if link.is_due(now) {
            self.catch_up(link, cx, local, now)?;
        }
        link.check_time(now);
        let mut budget = BUDGET;
        loop {
            loop {
                let Some(begun) = self.begin(link, cx, local, now) else { return Ok(Flow::Over) };
                let received = self.receive(link, cx, local, now)?;
                let sent = self.send(link, cx, local, now)?;
                let Some(settled) = self.settle(link) else { return Ok(Flow::Over) };
                if !(begun || received || sent || settled) {
                    break;
                }
            }
            if link.session.switched().is_some() {
                return Ok(Flow::HandOver);
            }
            if self.is_abandoned(cx) {
                return Ok(Flow::Over);
            }
            let deadline = self.exchange.as_ref().and_then(|exchange| exchange.deadline);
            if deadline.is_some_and(|deadline| now >= deadline) {
                return Err(Error::TimedOut);
            }
            let wrote = self.flush(link, cx, now);
            if link.session.is_closed() {
                return Ok(Flow::Over);
            }
            if budget == 0 {
                cx.waker().wake_by_ref();
                break;
            }
            budget -= 1;
            if wrote && self.exchange.as_ref().is_some_and(|exchange| exchange.sending.is_some()) {
                continue;
            }
            if !self.fill(link, cx, local, now)? {
                break;
            }
        }
        let deadline = self.exchange.as_ref().and_then(|exchange| exchange.deadline);
        link.arm(cx, &self.rt, &self.epoch, deadline);
        Ok(Flow::Waits)
    }

    /// A deadline has passed, or so it looks: what has come in time is taken first.
    #[cold]
    fn catch_up(
        &mut self,
        link: &mut Wire<IO, R>,
        cx: &mut Context<'_>,
        local: &mut Local,
        now: Instant,
    ) -> Result<(), Error> {
        for _ in 0..BUDGET {
            if !self.fill(link, cx, local, now)? {
                break;
            }
            self.receive(link, cx, local, now)?;
        }
        Ok(())
    }

    /// Begins the next exchange, if none is under way. `None` when there will be no other.
    fn begin(
        &mut self,
        link: &mut Wire<IO, R>,
        cx: &mut Context<'_>,
        local: &mut Local,
        now: Instant,
    ) -> Option<bool> {
        if self.exchange.is_some() {
            return Some(false);
        }
        // "If data is received on a connection that is not associated with any outstanding request" it
        // answers none that is sent later (RFC 9112, section 9.2). What has come is looked at first.
        if link.may_have_more && link.poll_fill(cx, now, &mut local.scratch, 1).is_ready() {
            return Some(true);
        }
        let Submission { mut request, reply } = match self.queue.poll_next(cx) {
            Poll::Pending => return Some(false),
            Poll::Ready(next) => next?,
        };
        let (machine, out) = link.session.parts(&mut local.scratch);
        if !machine.is_reusable() {
            return None;
        }
        match request.write(machine, now, self.queue.authority.as_bytes(), false, out) {
            Err(error) => reply.send(Err(Error::Request(error))),
            Ok(stream) => {
                self.exchange = Some(Exchange {
                    stream,
                    sending: request.take_body().map(Sending::new),
                    reply: Some(reply),
                    switching: None,
                    pipe: None,
                    deadline: request.timeout.map(|timeout| now + timeout),
                    begun: false,
                    ended: false,
                    cut: false,
                    request,
                });
            }
        }
        Some(true)
    }

    fn receive(
        &mut self,
        link: &mut Wire<IO, R>,
        cx: &mut Context<'_>,
        local: &mut Local,
        now: Instant,
    ) -> Result<bool, Error> {
        let mut any = false;
        loop {
            let unread = link.session.unread().len();
            if self.room(cx).is_some_and(|room| room == 0 || unread > room) {
                return Ok(any);
            }
            let Some(Turn { event, machine, .. }) =
                link.session.turn(now, &mut local.scratch).map_err(Error::Peer)?
            else {
                return Ok(any);
            };
            any = true;
            let Some(exchange) = &mut self.exchange else { continue };
            match event {
                Event::Informational { head, .. } => {
                    if let Some(hook) = &mut exchange.request.informational {
                        hook(Response::new(&head, BodyLen::Empty));
                    }
                }
                Event::Response { head, body, .. } => {
                    if let Some(inspect) = exchange.request.inspect.take() {
                        inspect(&head);
                    }
                    let response = Response::new(&head, body);
                    if exchange.request.switches(head.status()) {
                        exchange.switching = Some(response);
                        continue;
                    }
                    let content = match body {
                        BodyLen::Empty => Body::empty(),
                        len => {
                            let writer = exchange.pipe.insert(Writer::new(len));
                            writer.pipe().map_or(Body::empty(), |pipe| Body::incoming(pipe.clone(), len))
                        }
                    };
                    if let Some(reply) = exchange.reply.take() {
                        reply.send(Ok(response.with(content)));
                    }
                }
                Event::Data { stream, data, credit } => {
                    if let Some(pipe) = exchange.pipe() {
                        pipe.push(data, credit, None);
                    }
                    machine.release(stream, credit);
                }
                Event::End { trailers, .. } => {
                    if let Some(pipe) = exchange.pipe() {
                        pipe.end((!trailers.is_empty()).then(|| trailers.into()), None);
                    }
                    exchange.ended = true;
                }
                _ => {}
            }
        }
    }

    /// Moves the request's content on.
    fn send(
        &mut self,
        link: &mut Wire<IO, R>,
        cx: &mut Context<'_>,
        local: &mut Local,
        now: Instant,
    ) -> Result<bool, Error> {
        let Some(exchange) = &mut self.exchange else { return Ok(false) };
        let Some(sending) = &mut exchange.sending else { return Ok(false) };
        let before = sending.sent;
        let (machine, out) = link.session.parts(&mut local.scratch);
        match sending.advance(cx, now, exchange.stream, machine, out) {
            Step::Fetched | Step::Waits | Step::Full | Step::Framed => return Ok(sending.sent > before),
            Step::Done => exchange.sending = None,
            Step::Failed(error) => return Err(Error::Body(error)),
            // The final response came first: the rest of the content is not sent.
            Step::Misused(UsageError::WrongState | UsageError::UnknownStream) => {
                exchange.sending = None;
                exchange.cut = true;
            }
            Step::Misused(error) => return Err(Error::Request(error)),
        }
        Ok(true)
    }

    /// Lets go of an exchange that is complete. `None` when the connection ends with it.
    fn settle(&mut self, link: &Wire<IO, R>) -> Option<bool> {
        let Some(exchange) = &self.exchange else { return Some(false) };
        if !exchange.ended || exchange.switching.is_some() {
            return Some(false);
        }
        let whole = exchange.sending.is_none() && !exchange.cut && self.broken.is_none();
        self.exchange = None;
        // A request whose content was not sent in full never leaves a connection to reuse.
        (whole && link.session.machine().is_reusable()).then_some(true)
    }

    /// Whether nobody waits for the response any more.
    fn is_abandoned(&self, cx: &Context<'_>) -> bool {
        let Some(exchange) = &self.exchange else { return false };
        match (&exchange.reply, exchange.pipe()) {
            (Some(reply), _) => reply.poll_closed(cx),
            (None, Some(pipe)) => !exchange.ended && pipe.poll_demand(cx).gone,
            (None, None) => false,
        }
    }

    /// Writes what there is; whether something left.
    fn flush(&mut self, link: &mut Wire<IO, R>, cx: &mut Context<'_>, now: Instant) -> bool {
        if self.broken.is_some() {
            return false;
        }
        let sending = self.exchange.as_mut().and_then(|exchange| exchange.sending.as_mut());
        let result = match sending {
            None => link.poll_flush(cx, now, &[], &mut 0),
            Some(sending) => {
                let (content, written) = sending.framed();
                let result = link.poll_flush(cx, now, content, written);
                sending.settle();
                result
            }
        };
        match result {
            Poll::Ready(Ok(wrote)) => wrote,
            Poll::Pending => false,
            Poll::Ready(Err(error)) => {
                self.broken = Some(error);
                if let Some(exchange) = &mut self.exchange {
                    exchange.sending = None;
                }
                false
            }
        }
    }

    /// How many bytes of content the reader of the response takes now.
    fn room(&self, cx: &Context<'_>) -> Option<usize> {
        let exchange = self.exchange.as_ref().filter(|exchange| !exchange.ended)?;
        exchange.pipe().map(|pipe| pipe.poll_demand(cx).room)
    }

    /// Reads what there is room for; whether something, or the end, has come.
    fn fill(
        &mut self,
        link: &mut Wire<IO, R>,
        cx: &mut Context<'_>,
        local: &mut Local,
        now: Instant,
    ) -> Result<bool, Error> {
        let limit = self.room(cx).unwrap_or(usize::MAX).saturating_sub(link.session.unread().len());
        if limit == 0 || link.input_ended || !link.session.wants_read() {
            return Ok(false);
        }
        match link.poll_fill(cx, now, &mut local.scratch, limit) {
            Poll::Pending => return Ok(false),
            Poll::Ready(Err(error)) => return Err(Error::Io(error)),
            Poll::Ready(Ok(n)) => self.exchange.iter_mut().for_each(|exchange| exchange.begun |= n > 0),
        }
        Ok(true)
    }

    fn hand_over(&mut self, link: Wire<IO, R>) {
        let Some(exchange) = &mut self.exchange else { return };
        let unread = link.session.unread().to_vec();
        let io = Upgraded::new(Box::new(link.io), unread, self.peer);
        if let (Some(reply), Some(response)) = (exchange.reply.take(), exchange.switching.take()) {
            reply.send(Ok(response.with_upgraded(io)));
        }
    }
}
