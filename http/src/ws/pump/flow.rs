//! What has arrived and was not taken, what was sent and has not left, and who looks after it.

use super::send::Item;
use super::{Farewell, Wire};
use crate::Chunk;
use crate::pool;
use crate::rt::Stream;
use crate::ws::shared::Side;
use crate::ws::{Error, Event, Message};
use avx_core::ws::role::Role;
use avx_core::ws::{self, Connection, Kind};
use avx_core::{Instant, Scratch, Turn};
use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll, Waker};

/// Reads before other tasks get their turn.
const BUDGET: u8 = 32;
/// Nobody has looked at the clock.
pub(super) const NEVER: Instant = Instant::from_nanos(u64::MAX);

pub(in crate::ws) struct Flow {
    /// What has arrived, and was not taken yet.
    arrived: Option<Event>,
    /// The message that is arriving.
    partial: Option<(Kind, Vec<u8>)>,
    pub(super) queue: VecDeque<Item>,
    /// Bytes of memory that the queue takes.
    pub(super) queued: usize,
    /// What the peer said as it closed.
    farewell: Option<Box<Farewell>>,
    pub(super) error: Option<Box<Error>>,
    attendant: Option<Waker>,
    /// The clock in this turn of the attendant's task.
    pub(super) looked: Instant,
    /// Its attendant is about to look here.
    attended: bool,
    /// The transport may have something to read, or room.
    readable: bool,
    writable: bool,
    /// Reads since its task, or who receives in another, let others have their turn.
    pub(in crate::ws) reads: u8,
    /// The machine may have something to tell, or to say, that it has not.
    pub(super) untold: bool,
    /// Everything is told as it comes, not messages when they are whole.
    tells_all: bool,
    /// Somebody has asked for one or the other. Before, nothing is read beyond one piece: those who lift the limit on
    /// messages receive pieces.
    asked: bool,
    /// What is sent is compressed.
    pub(super) compresses: bool,
    /// The message whose next piece is to come.
    pub(super) sending: Option<Kind>,
    /// Who waits: to receive, to send.
    pub(in crate::ws) waits: [Waits; 2],
    /// Nobody receives any more, or sends.
    left: [bool; 2],
    pub(super) draining: bool,
    /// The transport has failed, and is to be let go of.
    broken: bool,
    over: bool,
}

/// Whether somebody waits, and where.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::ws) enum Waits {
    Not,
    /// In the attendant's own task, and is polled along with it.
    Along,
    /// In another task.
    Apart,
}

impl Flow {
    pub(super) fn new(compresses: bool) -> Self {
        Flow {
            arrived: None,
            partial: None,
            queue: VecDeque::new(),
            queued: 0,
            farewell: None,
            error: None,
            attendant: None,
            looked: NEVER,
            attended: false,
            readable: true,
            writable: true,
            reads: 0,
            untold: true,
            tells_all: false,
            asked: false,
            compresses,
            sending: None,
            waits: [Waits::Not; 2],
            left: [false; 2],
            draining: false,
            broken: false,
            over: false,
        }
    }

    /// The transport has called.
    pub(in crate::ws) fn called(&mut self) {
        (self.readable, self.writable) = (true, true);
    }

    /// Whether nothing can arrive before the transport calls.
    pub(in crate::ws) fn is_dry(&self) -> bool {
        !self.readable && !self.untold
    }

    /// Whether what has come behind the event that was just taken waits for nobody but this end.
    pub(in crate::ws) fn goes_on(&self) -> bool {
        self.untold && self.asked && !self.attended && !self.over && self.arrived.is_none()
    }

    /// Whether it is the turn of other tasks than that of who receives in another than the attendant's.
    pub(in crate::ws) fn yields(&mut self) -> bool {
        let yields = self.reads >= BUDGET;
        if yields {
            self.reads = 0;
        }
        yields
    }

    /// Whether there is something for who receives: a message or event, or the end.
    pub(in crate::ws) fn has_arrived(&self) -> bool {
        self.arrived.is_some() || self.is_ended()
    }

    /// Whether no message will come any more.
    pub(super) fn is_ended(&self) -> bool {
        self.over || self.error.is_some() || self.farewell.is_some()
    }

    pub(in crate::ws) fn is_over(&self) -> bool {
        self.over
    }

    pub(in crate::ws) fn compresses(&self) -> bool {
        self.compresses
    }

    pub(in crate::ws) fn farewell(&self) -> Option<&Farewell> {
        self.farewell.as_deref()
    }

    /// From here on everything is told, or messages when they are whole.
    pub(in crate::ws) fn tell(&mut self, all: bool) {
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

    pub(in crate::ws) fn poll_arrived(&mut self) -> Poll<Result<Option<Event>, Error>> {
        if let Some(event) = self.arrived.take() {
            return Poll::Ready(Ok(Some(event)));
        }
        match &self.error {
            Some(error) => Poll::Ready(Err(error.again())),
            None if self.is_ended() => Poll::Ready(Ok(None)),
            None => Poll::Pending,
        }
    }

    /// Its attendant is about to look here, and has this waker. True if it is another one than before.
    pub(super) fn attend(&mut self, waker: &Waker) -> bool {
        // Whatever has woken the task, it may have been the transport.
        self.called();
        self.reads = 0;
        self.attended = true;
        let new = !self.attendant.as_ref().is_some_and(|old| old.will_wake(waker));
        if new {
            self.attendant = Some(waker.clone());
        }
        new
    }

    /// It looks now.
    pub(in crate::ws) fn attends(&mut self) {
        self.attended = false;
    }

    /// It has looked.
    pub(in crate::ws) fn attended(&mut self) {
        self.looked = NEVER;
    }

    pub(in crate::ws) fn is_attended(&self) -> bool {
        self.attended
    }

    /// Whether this waker wakes an attendant who is about to look here.
    pub(in crate::ws) fn is_attended_by(&self, waker: &Waker) -> bool {
        self.attended && self.attendant.as_ref().is_some_and(|own| own.will_wake(waker))
    }

    /// A half is gone; whether both are.
    pub(super) fn leave(&mut self, side: Side) -> bool {
        self.left[side as usize] = true;
        if side == Side::Receiver {
            self.arrived = None;
            self.drop_partial();
        }
        self.left == [true, true]
    }

    /// Nothing can leave or arrive any more.
    pub(super) fn end(&mut self) {
        self.over = true;
        self.queue = VecDeque::new();
        self.queued = 0;
        self.drop_partial();
    }

    /// Reads on until something has arrived. What the transport says of its end, or of an error, is for
    /// [`drive`](Self::drive) to act on.
    pub(super) fn fill<R: Role>(
        &mut self,
        link: &mut Wire<Connection<R>>,
        cx: &mut Context<'_>,
        now: Instant,
        scratch: &mut Scratch,
    ) {
        loop {
            if self.untold {
                self.receive(link, now, scratch);
            }
            let done = self.arrived.is_some() || !self.readable || !self.queue.is_empty();
            if done || self.reads >= BUDGET || link.input_ended || !link.session.wants_read() {
                return;
            }
            if let Err(error) = self.read(link, cx, now, scratch) {
                self.fail(Error::Io(error));
                self.broken = true;
                return;
            }
        }
    }

    /// Whether it is over.
    pub(super) fn drive<R: Role>(
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
        let mut budget = BUDGET;
        while !self.broken {
            if self.untold && self.arrived.is_none() {
                self.receive(link, now, scratch);
            }
            let waited = !link.session.write_buf().is_empty();
            if let Err(error) = self.flush(link, cx, now, scratch) {
                self.fail(Error::Io(error));
                break;
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
            if budget == 0 {
                // Other tasks get their turn.
                cx.waker().wake_by_ref();
                return false;
            }
            budget -= 1;
            if let Err(error) = self.read(link, cx, now, scratch) {
                self.fail(Error::Io(error));
                break;
            }
        }
        true
    }

    /// Reads once.
    #[inline]
    fn read<R: Role>(
        &mut self,
        link: &mut Wire<Connection<R>>,
        cx: &mut Context<'_>,
        now: Instant,
        scratch: &mut Scratch,
    ) -> io::Result<()> {
        match link.poll_fill(cx, now, scratch, usize::MAX) {
            Poll::Ready(Ok(_)) => {
                self.reads = self.reads.saturating_add(1);
                (self.readable, self.untold) = (!link.io.is_drained(), true);
            }
            Poll::Ready(Err(error)) => return Err(error),
            Poll::Pending => self.readable = false,
        }
        Ok(())
    }

    /// Writes what there is, as far as the transport takes it.
    fn flush<R: Role>(
        &mut self,
        link: &mut Wire<Connection<R>>,
        cx: &mut Context<'_>,
        now: Instant,
        scratch: &mut Scratch,
    ) -> io::Result<()> {
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
    pub(super) fn fail(&mut self, error: Error) {
        self.error.get_or_insert_with(|| Box::new(error));
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.drop_partial();
    }
}
