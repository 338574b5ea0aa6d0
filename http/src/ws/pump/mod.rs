//! The machine, its transport, and what waits on either side.

mod send;

use super::shared::Side;
use super::{Error, Event, Message};
use crate::clock::Epoch;
use crate::conn::link::Link;
use crate::message::Host;
use crate::pool;
use crate::rt::{Sleep, Stream};
use crate::{Chunk, Config, Upgraded};
use avx_core::ws;
use avx_core::ws::extension::Agreed;
use avx_core::ws::key::MaskKeys;
use avx_core::ws::role::Role;
use avx_core::ws::{Client, CloseCode, Connection, Kind, Server};
use avx_core::{Instant, Scratch, Session, Turn};
use send::Item;
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// One end of a WebSocket.
pub(super) struct State {
    end: Option<End>,
    host: Option<Arc<dyn Host>>,
    epoch: Epoch,
    /// The message that is arriving.
    partial: Option<(Kind, Vec<u8>)>,
    /// What has arrived, and was not taken yet.
    arrived: Option<Event>,
    /// Everything is told as it comes, not messages when they are whole.
    tells_all: bool,
    /// Somebody has asked for one or the other. Before, nothing is read beyond one piece: those who lift the limit on
    /// messages receive pieces.
    asked: bool,
    queue: VecDeque<Item>,
    /// Bytes of memory that the queue takes.
    queued: usize,
    /// The message whose next piece is to come.
    sending: Option<Kind>,
    /// What is sent is compressed.
    compresses: bool,
    /// What the peer said as it closed.
    farewell: Option<Box<Farewell>>,
    error: Option<Box<Error>>,
    /// The transport may have something to read, or room.
    readable: bool,
    writable: bool,
    /// The machine may have something to tell, or to say, that it has not.
    untold: bool,
    /// Its attendant is about to look here, has this waker, and has looked at the clock.
    attended: bool,
    attendant: Option<Waker>,
    looked: Option<Instant>,
    /// Who waits: to receive, to send.
    pub(super) waits: [Waits; 2],
    /// Nobody receives any more, or sends.
    left: [bool; 2],
    draining: bool,
}

/// What a close frame says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Farewell {
    /// Why.
    pub code: CloseCode,
    /// The same for people to read; at most 123 bytes.
    pub reason: String,
}

/// Whether somebody waits, and where.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Waits {
    Not,
    /// In the attendant's own task, and is polled along with it.
    Along,
    /// In another task.
    Apart,
}

enum End {
    Server(Box<Wire<Server>>),
    Client(Box<Wire<Client>>),
}

type Wire<M> = Link<Upgraded, M, Box<dyn Sleep>>;

/// With the link of either end.
macro_rules! each {
    ($end:expr, $link:ident => $body:expr) => {
        match $end {
            End::Server($link) => $body,
            End::Client($link) => $body,
        }
    };
}
use each;

impl State {
    /// `keys`: of a client's end. `agreed`: how messages are compressed, if they are.
    pub(super) fn new(
        mut io: Upgraded,
        config: Arc<Config>,
        keys: Option<MaskKeys>,
        agreed: Option<Agreed>,
    ) -> Self {
        let host = io.take_host();
        let epoch = host.as_ref().map_or_else(|| Epoch::new(std::time::Instant::now()), |host| *host.epoch());
        let now = host.as_ref().map_or(Instant::ZERO, |host| epoch.instant(host.now()));
        let end = match keys {
            None => {
                let machine = with_deflate(Server::new(config.clone(), now), agreed);
                End::Server(Box::new(Link::new(io, Session::new(machine, &config))))
            }
            Some(keys) => {
                let machine = with_deflate(Client::new(config.clone(), now, keys), agreed);
                End::Client(Box::new(Link::new(io, Session::new(machine, &config))))
            }
        };
        State {
            end: Some(end),
            host,
            epoch,
            partial: None,
            arrived: None,
            tells_all: false,
            asked: false,
            queue: VecDeque::new(),
            queued: 0,
            sending: None,
            compresses: agreed.is_some(),
            farewell: None,
            error: None,
            readable: true,
            writable: true,
            untold: true,
            attended: false,
            attendant: None,
            looked: None,
            waits: [Waits::Not; 2],
            left: [false; 2],
            draining: false,
        }
    }

    /// The transport has called.
    pub(super) fn called(&mut self) {
        (self.readable, self.writable) = (true, true);
    }

    /// Whether nothing can arrive before the transport calls.
    pub(super) fn is_dry(&self) -> bool {
        !self.readable && !self.untold
    }

    /// Whether there is something for who receives: a message or event, or the end.
    pub(super) fn has_arrived(&self) -> bool {
        self.arrived.is_some() || self.is_ended()
    }

    /// Whether no message will come any more.
    fn is_ended(&self) -> bool {
        self.end.is_none() || self.error.is_some() || self.farewell.is_some()
    }

    /// From here on everything is told, or messages when they are whole.
    pub(super) fn tell(&mut self, all: bool) {
        if self.tells_all == all && self.asked {
            return;
        }
        (self.tells_all, self.asked) = (all, true);
        match self.arrived.take() {
            None if all => {
                let begun = self.partial.take().filter(|(_, bytes)| !bytes.is_empty());
                self.arrived = begun
                    .map(|(kind, bytes)| Event::Data { data: Message::received(kind, bytes), last: false });
            }
            Some(Event::Data { data, last: false }) if !all => {
                self.partial = Some((data.kind(), data.into_vec()))
            }
            Some(Event::Ping(_) | Event::Pong(_)) if !all => {}
            whole => self.arrived = whole,
        }
    }

    pub(super) fn poll_arrived(&mut self) -> Poll<Result<Option<Event>, Error>> {
        if let Some(event) = self.arrived.take() {
            return Poll::Ready(Ok(Some(event)));
        }
        match &self.error {
            Some(error) => Poll::Ready(Err(error.again())),
            None if self.is_ended() => Poll::Ready(Ok(None)),
            None => Poll::Pending,
        }
    }

    pub(super) fn poll_flushed(&self) -> Poll<Result<(), Error>> {
        match &self.error {
            Some(error) => Poll::Ready(Err(error.again())),
            None if self.is_flushed() => Poll::Ready(Ok(())),
            None => Poll::Pending,
        }
    }

    pub(super) fn compresses(&self) -> bool {
        self.compresses
    }

    /// Whether nothing waits to be written.
    pub(super) fn is_flushed(&self) -> bool {
        let Some(end) = &self.end else { return true };
        self.queue.is_empty() && each!(end, link => link.session.write_buf().is_empty())
    }

    pub(super) fn is_over(&self) -> bool {
        self.end.is_none()
    }

    pub(super) fn farewell(&self) -> Option<&Farewell> {
        self.farewell.as_deref()
    }

    /// Its attendant is about to look here, after others of its task. True if its waker is another one than before.
    pub(super) fn attend(&mut self, waker: &Waker) -> bool {
        // Whatever has woken the task, it may have been the transport.
        self.called();
        (self.attended, self.looked) = (true, Some(self.look()));
        let new = !self.attendant.as_ref().is_some_and(|old| old.will_wake(waker));
        if new {
            self.attendant = Some(waker.clone());
        }
        new
    }

    /// It looks now.
    pub(super) fn attends(&mut self) {
        self.attended = false;
    }

    /// It has looked.
    pub(super) fn attended(&mut self) {
        self.looked = None;
    }

    pub(super) fn is_attended(&self) -> bool {
        self.attended
    }

    /// Whether this waker wakes an attendant who is about to look here.
    pub(super) fn is_attended_by(&self, waker: &Waker) -> bool {
        self.attended && self.attendant.as_ref().is_some_and(|own| own.will_wake(waker))
    }

    /// The time; it stands still where nobody has a clock, and in one turn of the attendant's task.
    #[inline]
    fn now(&self) -> Instant {
        self.looked.unwrap_or_else(|| self.look())
    }

    fn look(&self) -> Instant {
        self.host.as_ref().map_or(Instant::ZERO, |host| pool::instant(&self.epoch, host.now()))
    }

    /// Whether a deadline comes sooner than its attendant knows.
    pub(super) fn wants_attendant(&self) -> bool {
        !self.attended && self.end.as_ref().is_some_and(|end| each!(end, link => link.wants_arm()))
    }

    /// A half is gone; with both of them the connection is closed.
    pub(super) fn leave(&mut self, side: Side) {
        self.left[side as usize] = true;
        if side == Side::Receiver {
            self.arrived = None;
            self.drop_partial();
        }
        if self.left == [true, true] {
            // Already closed, perhaps: then there is nothing to say.
            let _ = self.close(CloseCode::NORMAL, String::new());
        }
    }

    /// Moves everything on as far as it goes.
    pub(super) fn pump(&mut self, cx: &mut Context<'_>) {
        if !self.draining && self.host.as_ref().is_some_and(|host| host.is_draining()) {
            self.draining = true;
            self.go_away();
        }
        let Some(mut end) = self.end.take() else { return };
        let now = self.now();
        let over = pool::with_scratch(|scratch| each!(&mut end, link => self.drive(link, cx, now, scratch)));
        if over {
            self.queue.clear();
            self.queued = 0;
            self.partial = None;
            each!(&mut end, link => link.leave());
        } else {
            self.end = Some(end);
        }
    }

    /// Whether it is over.
    fn drive<R: Role>(
        &mut self,
        link: &mut Wire<Connection<R>>,
        cx: &mut Context<'_>,
        now: Instant,
        scratch: &mut Scratch,
    ) -> bool {
        if link.is_due(now) {
            // What the peer sent and took in time is not held against it.
            self.called();
            if self.exchange(link, cx, now, scratch) {
                return true;
            }
            self.untold |= link.check_time(now);
        }
        let over = self.exchange(link, cx, now, scratch);
        if over || !self.attended {
            link.session.rest(scratch);
        }
        over
    }

    fn exchange<R: Role>(
        &mut self,
        link: &mut Wire<Connection<R>>,
        cx: &mut Context<'_>,
        now: Instant,
        scratch: &mut Scratch,
    ) -> bool {
        loop {
            if self.untold && self.arrived.is_none() {
                self.receive(link, now, scratch);
            }
            if self.attended && self.queue.is_empty() && (self.arrived.is_some() || !self.readable) {
                // Its answer leaves along with what is there already, and so does whatever the machine has to say.
                return false;
            }
            let waited = !link.session.write_buf().is_empty();
            if let Err(error) = self.flush(link, cx, now, scratch) {
                self.fail(Error::Io(error));
                return true;
            }
            link.shut_down(cx);
            if link.session.is_closed() {
                if let Some(error) = link.session.error() {
                    self.fail(Error::Peer(error));
                }
                return true;
            }
            if self.arrived.is_some() {
                // Whoever is slow now, it is not the peer.
                link.session.hold(now);
                self.untold = true;
                return false;
            }
            if self.untold && waited && link.session.write_buf().is_empty() {
                // There is room for what has found none.
                continue;
            }
            if !self.readable || link.input_ended || !link.session.wants_read() {
                return false;
            }
            match link.poll_fill(cx, now, scratch, usize::MAX) {
                Poll::Ready(Ok(_)) => (self.readable, self.untold) = (!link.io.is_drained(), true),
                Poll::Ready(Err(error)) => {
                    self.fail(Error::Io(error));
                    return true;
                }
                Poll::Pending => self.readable = false,
            }
        }
    }

    /// Writes what there is, as far as the transport takes it.
    fn flush<R: Role>(
        &mut self,
        link: &mut Wire<Connection<R>>,
        cx: &mut Context<'_>,
        now: Instant,
        scratch: &mut Scratch,
    ) -> std::io::Result<()> {
        if !self.queue.is_empty() {
            self.feed(link, now, scratch);
        }
        while self.writable {
            match link.poll_flush(cx, now, &[], &mut 0) {
                Poll::Ready(Ok(_)) if self.queue.is_empty() || !self.feed(link, now, scratch) => break,
                Poll::Ready(flushed) => drop(flushed?),
                Poll::Pending => self.writable = false,
            }
        }
        Ok(())
    }

    /// Events into messages, until one is whole.
    fn receive<R: Role>(&mut self, link: &mut Wire<Connection<R>>, now: Instant, scratch: &mut Scratch) {
        // What was sent before the peer closed is not lost for it.
        link.session.parts(scratch).0.delay_close(!self.queue.is_empty());
        while self.untold && self.arrived.is_none() {
            let event = match link.session.turn(now, scratch) {
                Ok(Some(Turn { event, .. })) => event,
                end => {
                    if let Err(error) = end {
                        // What is to be said about it still leaves.
                        self.fail(Error::Peer(error));
                    }
                    self.untold = !link.session.machine().is_quiet();
                    return;
                }
            };
            match event {
                ws::Event::Data { kind, data, last } => {
                    let whole = last && self.partial.is_none();
                    if self.left[Side::Receiver as usize] {
                        // Nobody will hear of it.
                    } else if whole || self.tells_all || !self.asked {
                        self.arrived = Some(Event::Data { data: Message::copy(kind, data), last });
                    } else {
                        self.gather(kind, data, last);
                    }
                }
                ws::Event::Ping { data } if self.tells_all => {
                    self.arrived = Some(Event::Ping(Chunk::copy(data)))
                }
                ws::Event::Pong { data } if self.tells_all => {
                    self.arrived = Some(Event::Pong(Chunk::copy(data)))
                }
                ws::Event::Close { code, reason } => {
                    self.farewell = Some(Box::new(Farewell { code, reason: reason.into() }));
                }
                _ => {}
            }
            self.untold = !(link.session.unread().is_empty() && link.session.machine().is_quiet());
        }
    }

    /// A piece of a message that is told of when it is whole.
    fn gather(&mut self, kind: Kind, data: &[u8], last: bool) {
        let (_, bytes) = self.partial.get_or_insert_with(|| (kind, pool::buffer(data.len())));
        bytes.extend_from_slice(data);
        if last {
            let whole = self.partial.take();
            self.arrived =
                whole.map(|(kind, bytes)| Event::Data { data: Message::received(kind, bytes), last });
        }
    }

    /// Nobody will receive what has come of a message.
    fn drop_partial(&mut self) {
        if let Some((_, bytes)) = self.partial.take() {
            pool::give_buffer(bytes);
        }
    }

    /// The first error is what everybody hears.
    #[cold]
    fn fail(&mut self, error: Error) {
        self.error.get_or_insert_with(|| Box::new(error));
    }

    /// Sees to it that the attendant is woken at the next deadline.
    pub(super) fn arm(&mut self, cx: &mut Context<'_>) {
        let (Some(end), Some(host)) = (&mut self.end, &self.host) else { return };
        each!(end, link => link.arm_with(cx, &self.epoch, None, |at| host.sleep_until(at)));
    }
}

#[cfg(feature = "deflate")]
fn with_deflate<R: Role>(machine: Connection<R>, agreed: Option<Agreed>) -> Connection<R> {
    match &agreed {
        Some(agreed) => machine.with_deflate(agreed),
        None => machine,
    }
}

#[cfg(not(feature = "deflate"))]
fn with_deflate<R: Role>(machine: Connection<R>, _: Option<Agreed>) -> Connection<R> {
    machine
}

impl Drop for State {
    fn drop(&mut self) {
        self.drop_partial();
    }
}
