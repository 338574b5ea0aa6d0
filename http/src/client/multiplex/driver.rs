//! The driver itself.

use super::exchange::Exchange;
use crate::client::Error;
use crate::client::queue::{Queue, Submission};
use crate::clock::Epoch;
use crate::conn::link::Link;
use crate::conn::multiplex::turns::{OneOfMany, Turns};
use crate::pool::Local;
use crate::rt::{Peer, Runtime, Stream};
use avx_core::{Config, ErrorCode, Http, Instant, Output, PeerError, Session, StreamId, UsageError, h2};
use std::collections::{BTreeSet, VecDeque};
use std::future::Future;
use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Rounds of reading and writing before other tasks get their turn.
const BUDGET: u32 = 32;

pub(in crate::client) struct Driver<IO, R: Runtime> {
    rt: R,
    epoch: Epoch,
    link: Option<Wire<IO, R>>,
    pub(super) peer: Peer,
    pub(super) queue: Arc<Queue>,
    pub(super) exchanges: Turns<Exchange>,
    pub(super) deadlines: BTreeSet<(Instant, StreamId)>,
    /// Requests to send before any other: they came too early, or found no room.
    pub(super) first: VecDeque<Submission>,
    /// A request that waits until the server has said how many it takes, with all behind it.
    held: Option<Submission>,
    /// The server's settings have come.
    pub(super) settings_known: bool,
    /// What the server said as it went away, if that was an error.
    pub(super) goodbye: Option<ErrorCode>,
    /// No request will come any more.
    closing: bool,
    /// All were told of the end.
    ended: bool,
    /// Nothing can be written any more, but responses may have come before.
    broken: Option<io::Error>,
}

pub(super) type Wire<IO, R> = Link<IO, h2::Client, <R as Runtime>::Sleep>;

/// Nothing in it is pinned in place.
impl<IO, R: Runtime> Unpin for Driver<IO, R> {}

enum Flow {
    Waits,
    Over,
}

impl<IO: Stream, R: Runtime> Driver<IO, R> {
    pub(in crate::client) fn new(
        rt: R,
        epoch: Epoch,
        io: IO,
        peer: Peer,
        config: Arc<Config>,
        queue: Arc<Queue>,
    ) -> Self {
        let now = epoch.instant(rt.now());
        let session = Session::new(h2::Client::new(config.clone(), now), &config);
        Driver {
            rt,
            epoch,
            link: Some(Link::new(io, session)),
            peer,
            queue,
            exchanges: Turns::default(),
            deadlines: BTreeSet::new(),
            first: VecDeque::new(),
            held: None,
            settings_known: false,
            goodbye: None,
            closing: false,
            ended: false,
            broken: None,
        }
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
            Ok(Flow::Over) => this.end(Error::Closed),
            Err(error) => this.end(error),
        }
        Poll::Ready(())
    }
}

impl<IO, R: Runtime> Drop for Driver<IO, R> {
    fn drop(&mut self) {
        self.end(Error::Closed);
    }
}

impl<IO, R: Runtime> Driver<IO, R> {
    /// Tells whoever still waits. The first call counts.
    #[cold]
    pub(super) fn end(&mut self, error: Error) {
        if mem::replace(&mut self.ended, true) {
            return;
        }
        let lost = matches!(error, Error::Closed | Error::Io(_) | Error::Peer(PeerError::UnexpectedEof));
        let error = match (self.goodbye.take(), self.broken.take()) {
            (Some(code), _) if lost => Error::GoAway(code),
            (None, Some(error)) if lost => Error::Io(error),
            _ => error,
        };
        for mut exchange in self.exchanges.drain() {
            exchange.fail(&error);
        }
        self.deadlines.clear();
        let why = (!matches!(error, Error::Closed)).then(|| Arc::new(error));
        self.close_queue(why);
    }

    /// No request is sent any more.
    pub(super) fn close_queue(&mut self, why: Option<Arc<Error>>) {
        for submission in self.first.drain(..).chain(self.held.take()) {
            submission.reply.send(Err(Error::Unsent(why.clone())));
        }
        self.queue.close(why);
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
        self.exchanges.listen(cx.waker());
        if link.is_due(now) {
            self.catch_up(link, cx, local, now)?;
        }
        link.check_time(now);
        self.expire(link, local, now);
        let mut budget = BUDGET;
        let mut drained = false;
        // There is more to write, and room for it.
        let mut more = false;
        loop {
            self.process(link, cx, local, now)?;
            if self.broken.is_none() {
                more = match link.poll_flush(cx, now, &[], &mut 0) {
                    Poll::Ready(Ok(_)) => self.has_more(link, local),
                    Poll::Pending => false,
                    Poll::Ready(Err(error)) => {
                        self.broken = Some(error);
                        false
                    }
                };
                // However fast the server takes it, it is listened to as well.
                if more && budget > 1 {
                    budget -= 1;
                    continue;
                }
                link.shut_down(cx);
            }
            if link.session.is_closed() {
                return link.session.error().map_or(Ok(Flow::Over), |error| Err(Error::Peer(error)));
            }
            if budget == 0 {
                more = true;
                break;
            }
            budget -= 1;
            let waits = drained || link.input_ended || !link.session.wants_read() || {
                match link.poll_fill(cx, now, &mut local.scratch, usize::MAX) {
                    Poll::Ready(Ok(_)) => {
                        drained = link.io.is_drained();
                        false
                    }
                    Poll::Ready(Err(error)) => return Err(Error::Io(error)),
                    Poll::Pending => true,
                }
            };
            if waits {
                if self.broken.is_some() {
                    // What had come was read, and nothing can be asked for more.
                    return Err(Error::Closed);
                }
                break;
            }
        }
        if self.exchanges.rest() || more {
            cx.waker().wake_by_ref();
        }
        let deadline = self.deadlines.first().map(|&(at, _)| at);
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
            if link.input_ended || !link.session.wants_read() {
                break;
            }
            match link.poll_fill(cx, now, &mut local.scratch, usize::MAX) {
                Poll::Pending => break,
                Poll::Ready(Err(error)) => return Err(Error::Io(error)),
                Poll::Ready(Ok(_)) => self.process(link, cx, local, now)?,
            }
        }
        Ok(())
    }

    /// Gives up what has taken longer than its caller allows.
    fn expire(&mut self, link: &mut Wire<IO, R>, local: &mut Local, now: Instant) {
        while self.deadlines.first().is_some_and(|&(at, _)| at <= now) {
            let Some((_, stream)) = self.deadlines.pop_first() else { return };
            let Some(mut exchange) = self.exchanges.remove(stream) else { continue };
            let (machine, _) = link.session.parts(&mut local.scratch);
            exchange.fail(&Error::TimedOut);
            exchange.give_up(now, machine, ErrorCode::CANCEL);
        }
    }

    /// Everything that can be done without reading or writing.
    fn process(
        &mut self,
        link: &mut Wire<IO, R>,
        cx: &mut Context<'_>,
        local: &mut Local,
        now: Instant,
    ) -> Result<(), Error> {
        loop {
            let received = self.receive(link, local, now)?;
            let begun = !self.ended && self.begin(link, cx, local, now);
            let mut desk = Desk { now, deadlines: &mut self.deadlines };
            let advanced = self.exchanges.advance(&mut link.session, &mut local.scratch, &mut desk);
            if !(received || begun || advanced) {
                break;
            }
        }
        if self.closing && self.exchanges.is_empty() && !self.ended {
            self.end(Error::Closed);
            link.session.shutdown(now);
            let _ = self.receive(link, local, now)?;
        }
        Ok(())
    }

    /// Whether somebody waits for room in the output.
    fn has_more(&mut self, link: &mut Wire<IO, R>, local: &mut Local) -> bool {
        let (machine, _) = link.session.parts(&mut local.scratch);
        let requests = !self.first.is_empty() && machine.free_streams() > 0;
        requests || self.exchanges.is_blocked() || machine.next_writable().is_some()
    }

    /// Sends requests, as many as the server takes at once. Whether any.
    fn begin(
        &mut self,
        link: &mut Wire<IO, R>,
        cx: &mut Context<'_>,
        local: &mut Local,
        now: Instant,
    ) -> bool {
        let mut any = false;
        loop {
            let nothing_waits = link.session.write_buf().is_empty();
            let (machine, out) = link.session.parts(&mut local.scratch);
            // "Endpoints MUST NOT exceed the limit set by their peer." (RFC 9113, section 5.1.2)
            if machine.free_streams() == 0 {
                let limit = machine.peer_settings().max_concurrent_streams;
                if self.settings_known && machine.in_flight() < limit.into() {
                    // It is not the limit: the connection takes no more.
                    self.close_queue(None);
                }
                return any;
            }
            let next = match self.first.pop_front().or_else(|| self.held.take()) {
                Some(next) => next,
                None => match self.queue.poll_next(cx) {
                    Poll::Pending => return any,
                    Poll::Ready(Some(next)) => next,
                    Poll::Ready(None) => {
                        self.closing = true;
                        return any;
                    }
                },
            };
            if next.reply.poll_closed(cx) {
                any = true;
                continue;
            }
            let may_be_refused = next.request.has_content() && !self.exchanges.is_empty();
            if !self.settings_known && (may_be_refused || next.request.is_extended_connect()) {
                self.held = Some(next);
                return any;
            }
            let Submission { request, reply } = next;
            match request.write(machine, now, self.queue.authority.as_bytes(), true, out) {
                Err(UsageError::OutputFull(_)) if !nothing_waits => {
                    self.first.push_front(Submission { request, reply });
                    return any;
                }
                Err(error) => reply.send(Err(Error::Request(error))),
                Ok(stream) => {
                    let exchange = Exchange::new(stream, request, reply, now, self.settings_known);
                    if let Some(at) = exchange.deadline {
                        self.deadlines.insert((at, stream));
                    }
                    self.exchanges.insert(stream, exchange);
                }
            }
            any = true;
        }
    }
}

/// What an exchange needs of its connection.
pub(super) struct Desk<'a> {
    now: Instant,
    deadlines: &'a mut BTreeSet<(Instant, StreamId)>,
}

impl OneOfMany<h2::Client, Desk<'_>> for Exchange {
    fn advance(
        &mut self,
        cx: &mut Context<'_>,
        desk: &mut Desk<'_>,
        machine: &mut h2::Client,
        out: &mut dyn Output,
    ) -> bool {
        self.advance(cx, desk.now, machine, out)
    }

    fn take_turn(
        &mut self,
        cx: &mut Context<'_>,
        desk: &mut Desk<'_>,
        machine: &mut h2::Client,
        out: &mut dyn Output,
    ) -> bool {
        self.take_turn(cx, desk.now, machine, out)
    }

    fn wants_turn(&self) -> bool {
        self.wants_turn()
    }

    fn wants_room(&self) -> bool {
        self.wants_room()
    }

    fn settle(&mut self, desk: &mut Desk<'_>, machine: &mut h2::Client) -> bool {
        if !self.is_done() {
            return false;
        }
        if let Some(at) = self.deadline {
            desk.deadlines.remove(&(at, self.stream));
        }
        machine.done(desk.now, self.stream);
        true
    }
}
