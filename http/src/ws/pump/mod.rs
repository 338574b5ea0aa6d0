//! The machine, its transport, and what waits on either side.

mod recv;
mod send;

use super::shared::Side;
use super::{Error, Message};
use crate::clock::Epoch;
use crate::conn::link::Link;
use crate::message::Host;
use crate::pool;
use crate::rt::{Sleep, Stream};
use crate::{Config, Upgraded};
use avx_core::ws::extension::Agreed;
use avx_core::ws::key::MaskKeys;
use avx_core::ws::role::Role;
use avx_core::ws::{Client, CloseCode, Connection, Kind, Server};
use avx_core::{Instant, Scratch, Session};
use send::Item;
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

/// One end of a WebSocket.
pub(super) struct State {
    end: Option<End>,
    host: Option<Arc<dyn Host>>,
    epoch: Epoch,
    /// The message that is arriving, or the piece of it that nobody has taken.
    partial: Option<(Kind, Vec<u8>)>,
    /// The one that has arrived, or the rest of it.
    message: Option<Message>,
    /// Messages are joined: somebody has asked for whole ones. Else nothing is read beyond one piece.
    joins: bool,
    /// Pieces of the message at hand were received, and more are to come.
    receiving: bool,
    /// Pieces of a message of this kind were sent, and more are to come.
    sending: Option<Kind>,
    queue: VecDeque<Item>,
    /// Bytes of memory that the queue takes.
    queued: usize,
    /// What the peer said as it closed.
    farewell: Option<Farewell>,
    error: Option<Error>,
    /// The transport may have something to read, or room.
    readable: bool,
    writable: bool,
    /// Its attendant is about to look here.
    attended: bool,
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
        io: Upgraded,
        config: Arc<Config>,
        keys: Option<MaskKeys>,
        agreed: Option<Agreed>,
    ) -> Self {
        let host = io.host().cloned();
        let epoch = host.as_ref().map_or_else(|| Epoch::new(std::time::Instant::now()), |host| *host.epoch());
        let now = now(host.as_deref(), &epoch);
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
            end: Some(end),
            host,
            epoch,
            partial: None,
            message: None,
            joins: false,
            receiving: false,
            sending: None,
            queue: VecDeque::new(),
            queued: 0,
            farewell: None,
            error: None,
            readable: true,
            writable: true,
            attended: false,
            left: [false; 2],
            draining: false,
        }
    }

    /// The transport has called.
    pub(super) fn called(&mut self) {
        (self.readable, self.writable) = (true, true);
    }

    /// Whether no message will come any more.
    fn is_ended(&self) -> bool {
        self.end.is_none() || self.error.is_some() || self.farewell.is_some()
    }

    pub(super) fn poll_flushed(&self) -> Poll<Result<(), Error>> {
        match &self.error {
            Some(error) => Poll::Ready(Err(error.again())),
            None if self.is_flushed() => Poll::Ready(Ok(())),
            None => Poll::Pending,
        }
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
        self.farewell.as_ref()
    }

    /// Its attendant is about to look here, or has looked.
    pub(super) fn attend(&mut self, yes: bool) {
        self.attended = yes;
    }

    pub(super) fn is_attended(&self) -> bool {
        self.attended
    }

    /// Whether a deadline comes sooner than its attendant knows.
    pub(super) fn wants_attendant(&self) -> bool {
        !self.attended && self.end.as_ref().is_some_and(|end| each!(end, link => link.wants_arm()))
    }

    /// A half is gone; with both of them the connection is closed.
    pub(super) fn leave(&mut self, side: Side) {
        self.left[side as usize] = true;
        if side == Side::Receiver {
            self.message = None;
            self.drop_partial();
        }
        if self.left == [true, true] {
            // Already closed, perhaps: then there is nothing to say.
            let _ = self.close(CloseCode::NORMAL, String::new());
        }
    }

    /// Moves everything on as far as it goes.
    pub(super) fn pump(&mut self, cx: &mut Context<'_>) {
        let Some(mut end) = self.end.take() else { return };
        let now = now(self.host.as_deref(), &self.epoch);
        if !self.draining && self.host.as_ref().is_some_and(|host| host.is_draining()) {
            self.draining = true;
            each!(&mut end, link => pool::with_scratch(|scratch| link.session.parts(scratch).0.shutdown(now)));
        }
        let over = pool::with_scratch(|scratch| each!(&mut end, link => self.drive(link, cx, now, scratch)));
        if over {
            self.queue.clear();
            self.queued = 0;
            if self.joins {
                self.drop_partial();
            }
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
            if self.attended && self.has_data() && self.queue.is_empty() {
                // Its answer leaves along with what is there already.
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
            if self.has_data() {
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

    /// The first error is what everybody hears.
    fn fail(&mut self, error: Error) {
        self.error.get_or_insert(error);
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

/// The time; it stands still where nobody has a clock.
fn now(host: Option<&dyn Host>, epoch: &Epoch) -> Instant {
    host.map_or(Instant::ZERO, |host| epoch.instant(host.now()))
}

impl Drop for State {
    fn drop(&mut self) {
        self.drop_partial();
    }
}
