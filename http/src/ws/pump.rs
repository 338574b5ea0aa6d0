//! The machine, its transport, and what waits on either side.

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
use avx_core::{Instant, Machine, Output, Scratch, Session, Turn, UsageError};
use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Bytes of messages that may wait to be sent before the next one has to.
const HIGH_WATER: usize = 1 << 20;
/// A piece of a message that finds no more room than this waits for some.
const LITTLE: usize = 4 << 10;
/// What a frame takes beside its payload at most.
const FRAME: usize = 14;

/// One end of a WebSocket.
pub(super) struct State {
    end: Option<Box<End>>,
    host: Option<Arc<dyn Host>>,
    epoch: Epoch,
    /// The message that is arriving.
    partial: Option<(Kind, Vec<u8>)>,
    /// What has arrived, and was not taken yet.
    arrived: Option<Event>,
    /// Everything is told as it comes, not messages when they are whole.
    tells_all: bool,
    queue: VecDeque<Item>,
    /// Bytes of messages in the queue.
    queued: usize,
    /// The message whose next piece is to come.
    sending: Option<Kind>,
    /// What is sent is compressed.
    compresses: bool,
    /// What the peer said as it closed.
    farewell: Option<Farewell>,
    error: Option<Error>,
    /// The transport may have something to read, or room.
    readable: bool,
    writable: bool,
    /// Its attendant is about to look here, has this waker, and has looked at the clock.
    attended: bool,
    attendant: Option<Waker>,
    looked: Option<Instant>,
    /// Who waits in the attendant's own task: to receive, to send.
    pub(super) waits: [bool; 2],
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

enum End {
    Server(Wire<Server>),
    Client(Wire<Client>),
}

type Wire<M> = Link<Upgraded, M, Box<dyn Sleep>>;

/// What waits to be sent.
enum Item {
    /// With whether the message ends with it.
    Message(Message, bool),
    Ping(Vec<u8>),
    Close(CloseCode, String),
}

/// With the link of either end.
macro_rules! each {
    ($end:expr, $link:ident => $body:expr) => {
        match $end {
            End::Server($link) => $body,
            End::Client($link) => $body,
        }
    };
}

impl State {
    /// `keys`: of a client's end. `agreed`: how messages are compressed, if they are.
    pub(super) fn new(
        io: Upgraded,
        config: Arc<Config>,
        keys: Option<MaskKeys>,
        agreed: Option<Agreed>,
    ) -> Self {
        let host = io.host().cloned();
        let epoch = host.as_ref().map_or_else(|| Epoch::new(std::time::Instant::now()), |host| *host.epoch());
        let now = host.as_ref().map_or(Instant::ZERO, |host| epoch.instant(host.now()));
        let end = match keys {
            None => {
                let machine = with_deflate(Server::new(config.clone(), now), agreed);
                End::Server(Link::new(io, Session::new(machine, &config)))
            }
            Some(keys) => {
                let machine = with_deflate(Client::new(config.clone(), now, keys), agreed);
                End::Client(Link::new(io, Session::new(machine, &config)))
            }
        };
        State {
            end: Some(Box::new(end)),
            host,
            epoch,
            partial: None,
            arrived: None,
            tells_all: false,
            queue: VecDeque::new(),
            queued: 0,
            sending: None,
            compresses: agreed.is_some(),
            farewell: None,
            error: None,
            readable: true,
            writable: true,
            attended: false,
            attendant: None,
            looked: None,
            waits: [false; 2],
            left: [false; 2],
            draining: false,
        }
    }

    /// The transport has called.
    pub(super) fn called(&mut self) {
        (self.readable, self.writable) = (true, true);
    }

    /// Whether there is something for who receives: a message or event, or the end.
    pub(super) fn has_arrived(&self) -> bool {
        self.arrived.is_some() || self.is_ended()
    }

    /// Whether no message will come any more.
    fn is_ended(&self) -> bool {
        self.end.is_none() || self.error.is_some() || self.farewell.is_some()
    }

    /// Whether there is room for another message, or no sense in waiting for some.
    pub(super) fn takes_messages(&self) -> bool {
        self.queued < HIGH_WATER || self.is_ended()
    }

    /// From here on everything is told, or messages when they are whole.
    pub(super) fn tell(&mut self, all: bool) {
        if self.tells_all == all {
            return;
        }
        self.tells_all = all;
        match self.arrived.take() {
            None if all => {
                let begun = self.partial.take().filter(|(_, bytes)| !bytes.is_empty());
                self.arrived = begun
                    .map(|(kind, bytes)| Event::Data { data: Message::received(kind, bytes), last: false });
            }
            Some(Event::Data { data, last: false }) => self.partial = Some((data.kind(), data.into_vec())),
            Some(Event::Ping(_) | Event::Pong(_)) => {}
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
        let Some(end) = self.end.as_deref() else { return true };
        self.queue.is_empty() && each!(end, link => link.session.write_buf().is_empty())
    }

    pub(super) fn is_over(&self) -> bool {
        self.end.is_none()
    }

    pub(super) fn farewell(&self) -> Option<&Farewell> {
        self.farewell.as_ref()
    }

    /// Its attendant is about to look here, after others of its task. True if its waker is another one than before.
    pub(super) fn attend(&mut self, waker: &Waker) -> bool {
        // Whatever has woken the task, it may have been the transport.
        self.called();
        (self.attended, self.looked) = (true, None);
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

    pub(super) fn is_attended(&self) -> bool {
        self.attended
    }

    /// Whether this waker wakes an attendant who is about to look here.
    pub(super) fn is_attended_by(&self, waker: &Waker) -> bool {
        self.attended && self.attendant.as_ref().is_some_and(|own| own.will_wake(waker))
    }

    /// The time; it stands still where nobody has a clock, and in one turn of the attendant's task.
    fn now(&mut self) -> Instant {
        let (host, epoch) = (&self.host, &self.epoch);
        let now = || host.as_ref().map_or(Instant::ZERO, |host| epoch.instant(host.now()));
        if self.attended {
            *self.looked.get_or_insert_with(now)
        } else {
            self.looked.take().unwrap_or_else(now)
        }
    }

    /// Whether a deadline comes sooner than its attendant knows.
    pub(super) fn wants_attendant(&self) -> bool {
        !self.attended && self.end.as_deref().is_some_and(|end| each!(end, link => link.wants_arm()))
    }

    /// A half is gone; with both of them the connection is closed.
    pub(super) fn leave(&mut self, side: Side) {
        self.left[side as usize] = true;
        if side == Side::Receiver {
            self.arrived = None;
        }
        if self.left == [true, true] {
            // Already closed, perhaps: then there is nothing to say.
            let _ = self.close(CloseCode::NORMAL, String::new());
        }
    }

    // --- sending: all or nothing, and in order ---

    /// Sends a message, at once if there is room.
    pub(super) fn send(&mut self, message: Message) -> Result<(), Error> {
        self.may_begin()?;
        self.put(message, true);
        Ok(())
    }

    /// Sends a piece of one; those of a message are of one kind.
    pub(super) fn send_piece(&mut self, piece: Message, last: bool) -> Result<(), Error> {
        self.may_send()?;
        if self.sending.is_some_and(|kind| kind != piece.kind()) {
            return Err(Error::Usage(UsageError::WrongState));
        }
        self.sending = (!last).then_some(piece.kind());
        self.put(piece, last);
        Ok(())
    }

    fn put(&mut self, message: Message, last: bool) {
        if !self.send_now(message.kind(), &message, last) {
            self.queued += message.len();
            self.queue.push_back(Item::Message(message, last));
        }
    }

    /// The same of borrowed bytes.
    pub(super) fn send_copy(&mut self, kind: Kind, data: &[u8]) -> Result<(), Error> {
        self.may_begin()?;
        if !self.send_now(kind, data, true) {
            self.queued += data.len();
            self.queue.push_back(Item::Message(Message::copy(kind, data), true));
        }
        Ok(())
    }

    pub(super) fn ping(&mut self, data: &[u8]) -> Result<(), Error> {
        self.may_send()?;
        if data.len() > avx_core::ws::frame::MAX_CONTROL {
            return Err(Error::Usage(UsageError::ControlTooLong));
        }
        self.queue.push_back(Item::Ping(data.to_vec()));
        Ok(())
    }

    pub(super) fn close(&mut self, code: CloseCode, reason: String) -> Result<(), Error> {
        self.may_send()?;
        let nothing = code == CloseCode::NO_STATUS && reason.is_empty();
        if !nothing && !code.may_be_sent() {
            return Err(Error::Usage(UsageError::BadCloseCode));
        }
        if reason.len() > avx_core::ws::close::MAX_REASON {
            return Err(Error::Usage(UsageError::ControlTooLong));
        }
        self.queue.push_back(Item::Close(code, reason));
        Ok(())
    }

    fn may_send(&self) -> Result<(), Error> {
        let closing = matches!(self.queue.back(), Some(Item::Close(..)));
        let open =
            self.end.as_deref().is_some_and(|end| each!(end, link => link.session.machine().is_open()));
        match &self.error {
            _ if open && !closing => Ok(()),
            Some(error) => Err(error.again()),
            None => Err(Error::Closed),
        }
    }

    /// As [`may_send`](Self::may_send), and no message is incomplete.
    fn may_begin(&self) -> Result<(), Error> {
        self.may_send()?;
        if self.sending.is_some() { Err(Error::Usage(UsageError::WrongState)) } else { Ok(()) }
    }

    /// Writes a whole message, or piece, into the output, if nothing comes before it and there is room.
    fn send_now(&mut self, kind: Kind, data: &[u8], last: bool) -> bool {
        let now = self.now();
        let (true, Some(end)) = (self.queue.is_empty(), self.end.as_deref_mut()) else { return false };
        pool::with_scratch(|scratch| {
            each!(end, link => {
                let (machine, out) = link.session.parts(scratch);
                out.room() >= data.len() + FRAME && put(machine, now, kind, data, last, out).is_ok()
            })
        })
    }

    // --- work ---

    /// Moves everything on as far as it goes.
    pub(super) fn pump(&mut self, cx: &mut Context<'_>) {
        let Some(mut end) = self.end.take() else { return };
        let now = self.now();
        if !self.draining && self.host.as_ref().is_some_and(|host| host.is_draining()) {
            self.draining = true;
            each!(&mut *end, link => pool::with_scratch(|scratch| link.session.parts(scratch).0.shutdown(now)));
        }
        let over = pool::with_scratch(|scratch| each!(&mut *end, link => self.drive(link, cx, now, scratch)));
        if over {
            self.queue.clear();
            self.queued = 0;
            self.partial = None;
            each!(&mut *end, link => link.leave());
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
        let mut over = false;
        if link.is_due(now) {
            // What the peer sent and took in time is not held against it.
            self.called();
            over = self.exchange(link, cx, now, scratch);
        }
        if !over {
            link.check_time(now);
            over = self.exchange(link, cx, now, scratch);
        }
        link.session.rest(scratch);
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
            self.receive(link, now, scratch);
            if self.attended && self.queue.is_empty() && (self.arrived.is_some() || !self.readable) {
                // Its answer leaves along with what is there already, and so does whatever the machine has to say.
                return false;
            }
            self.feed(link, now, scratch);
            while self.writable {
                match link.poll_flush(cx, now, &[], &mut 0) {
                    Poll::Ready(Ok(_)) if self.queue.is_empty() => break,
                    Poll::Ready(Ok(_)) => {
                        if !self.feed(link, now, scratch) {
                            break;
                        }
                    }
                    Poll::Ready(Err(error)) => {
                        self.fail(Error::Io(error));
                        return true;
                    }
                    Poll::Pending => self.writable = false,
                }
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
                return false;
            }
            if !self.readable || link.input_ended || !link.session.wants_read() {
                return false;
            }
            match link.poll_fill(cx, now, scratch, usize::MAX) {
                Poll::Ready(Ok(_)) => self.readable = !link.io.is_drained(),
                Poll::Ready(Err(error)) => {
                    self.fail(Error::Io(error));
                    return true;
                }
                Poll::Pending => self.readable = false,
            }
        }
    }

    /// Events into messages, until one is whole.
    fn receive<R: Role>(&mut self, link: &mut Wire<Connection<R>>, now: Instant, scratch: &mut Scratch) {
        // What was sent before the peer closed is not lost for it.
        link.session.parts(scratch).0.delay_close(!self.queue.is_empty());
        while self.arrived.is_none() {
            let event = match link.session.turn(now, scratch) {
                Ok(Some(Turn { event, .. })) => event,
                Ok(None) => return,
                Err(error) => {
                    // What is to be said about it still leaves.
                    self.fail(Error::Peer(error));
                    return;
                }
            };
            match event {
                ws::Event::Data { kind, data, last } => {
                    if self.left[Side::Receiver as usize] {
                        continue;
                    }
                    if self.tells_all {
                        self.arrived = Some(Event::Data { data: Message::copy(kind, data), last });
                        return;
                    }
                    let (_, bytes) = self.partial.get_or_insert_with(|| (kind, pool::buffer(data.len())));
                    bytes.extend_from_slice(data);
                    if last {
                        self.arrived = self
                            .partial
                            .take()
                            .map(|(kind, bytes)| Event::Data { data: Message::received(kind, bytes), last });
                    }
                }
                ws::Event::Ping { data } if self.tells_all => {
                    self.arrived = Some(Event::Ping(Chunk::copy(data)))
                }
                ws::Event::Pong { data } if self.tells_all => {
                    self.arrived = Some(Event::Pong(Chunk::copy(data)))
                }
                ws::Event::Close { code, reason } => {
                    self.farewell = Some(Farewell { code, reason: reason.into() });
                }
                _ => {}
            }
        }
    }

    /// What waits into the output, as far as there is room. Whether there was.
    fn feed<R: Role>(&mut self, link: &mut Wire<Connection<R>>, now: Instant, scratch: &mut Scratch) -> bool {
        let mut any = false;
        while let Some(item) = self.queue.front_mut() {
            let (machine, out) = link.session.parts(scratch);
            let result = match item {
                Item::Message(message, ends) => {
                    let mut room = out.room().saturating_sub(FRAME);
                    if self.compresses {
                        // What does not shrink may grow by an eighth.
                        room = room.saturating_sub(64) / 8 * 7;
                    }
                    let n = message.len().min(room);
                    if n < message.len() && n < LITTLE {
                        return any;
                    }
                    let all = n == message.len();
                    let sent = put(machine, now, message.kind(), &message[..n], all && *ends, out);
                    if sent.is_ok() {
                        message.advance(n);
                        self.queued -= n;
                        any = true;
                        if !all {
                            continue;
                        }
                    }
                    sent
                }
                Item::Ping(data) => machine.ping(now, data, out),
                Item::Close(code, reason) => machine.close(now, *code, reason, out),
            };
            match result {
                Err(UsageError::OutputFull(_)) => return any,
                Err(_) if !matches!(item, Item::Message(..)) => {
                    // The peer has closed meanwhile, and asks for no ping.
                    self.queue.pop_front();
                    any = true;
                }
                // This end has closed: nothing that waits can be sent.
                Err(_) => {
                    self.queue.clear();
                    self.queued = 0;
                    return true;
                }
                Ok(()) => {
                    self.queue.pop_front();
                    any = true;
                }
            }
        }
        if any {
            let (machine, out) = link.session.parts(scratch);
            machine.delay_close(false);
            machine.transmit(now, out);
        }
        any
    }

    /// The first error is what everybody hears.
    fn fail(&mut self, error: Error) {
        self.error.get_or_insert(error);
    }

    /// Sees to it that the attendant is woken at the next deadline.
    pub(super) fn arm(&mut self, cx: &mut Context<'_>) {
        let (Some(end), Some(host)) = (self.end.as_deref_mut(), &self.host) else { return };
        each!(end, link => link.arm_with(cx, &self.epoch, None, |at| host.sleep_until(at)));
    }
}

/// A message, or a piece of one, into the output; compressed where that was agreed on.
fn put<R: Role>(
    machine: &mut Connection<R>,
    now: Instant,
    kind: Kind,
    data: &[u8],
    last: bool,
    out: &mut dyn Output,
) -> Result<(), UsageError> {
    #[cfg(feature = "deflate")]
    return machine.send_compressed(now, kind, data, last, out);
    #[cfg(not(feature = "deflate"))]
    machine.send(now, kind, data, last, out)
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
        if let Some((_, bytes)) = mem::take(&mut self.partial) {
            pool::give_buffer(bytes);
        }
    }
}
