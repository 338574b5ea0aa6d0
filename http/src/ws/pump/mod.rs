//! One end of a WebSocket: the machine on its transport, and what waits on either side.
//!
//! ```text
//! State ── end    machine in a session, transport, timer
//!      └── flow   what has arrived and was not taken, what was sent and has not left, who attends to it
//! ```

mod flow;
mod send;

use super::Error;
use super::shared::Side;
use crate::conn::link::Link;
use crate::message::{Continued, Host};
use crate::pool;
use crate::rt::Sleep;
use crate::{Config, Upgraded};
use avx_core::ws::extension::Agreed;
use avx_core::ws::key::MaskKeys;
use avx_core::ws::role::Role;
use avx_core::ws::{Client, CloseCode, Connection, Server};
use avx_core::{Instant, Session};
use flow::NEVER;
pub(super) use flow::{Flow, Waits};
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// One end of a WebSocket.
pub(super) struct State {
    end: End,
    pub(super) flow: Flow,
    host: Option<Arc<dyn Host>>,
}

/// What a close frame says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Farewell {
    /// Why.
    pub code: CloseCode,
    /// The same for people to read; at most 123 bytes.
    pub reason: String,
}

#[expect(clippy::large_enum_variant, reason = "most are servers'")]
enum End {
    Server(Wire<Server>),
    Client(Box<Wire<Client>>),
    /// The transport was let go of.
    Over,
}

type Wire<M> = Link<Continued, M, Box<dyn Sleep>>;

/// With the link of either end, or else.
macro_rules! each {
    ($end:expr, $link:ident => $body:expr, $over:expr) => {
        match $end {
            End::Server($link) => $body,
            End::Client($link) => $body,
            End::Over => $over,
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
        let (io, host) = io.into_parts();
        let now = host.as_ref().map_or(Instant::ZERO, |host| host.now());
        let end = match keys {
            None => {
                let machine = with_deflate(Server::new(config.clone(), now), agreed);
                End::Server(Link::new(io, Session::new(machine, &config)))
            }
            Some(keys) => {
                let machine = with_deflate(Client::new(config.clone(), now, keys), agreed);
                End::Client(Box::new(Link::new(io, Session::new(machine, &config))))
            }
        };
        State { end, flow: Flow::new(agreed.is_some()), host }
    }

    pub(super) fn poll_flushed(&self) -> Poll<Result<(), Error>> {
        match &self.flow.error {
            Some(error) => Poll::Ready(Err(error.again())),
            None if self.is_flushed() => Poll::Ready(Ok(())),
            None => Poll::Pending,
        }
    }

    /// Whether nothing waits to be written.
    pub(super) fn is_flushed(&self) -> bool {
        each!(&self.end, link => self.flow.queue.is_empty() && link.session.write_buf().is_empty(), true)
    }

    /// Its attendant is about to look here, after others of its task. True if its waker is another one than before.
    pub(super) fn attend(&mut self, waker: &Waker) -> bool {
        self.flow.looked = self.look();
        self.flow.attend(waker)
    }

    /// The time; it stands still where nobody has a clock, and in one turn of the attendant's task.
    #[inline]
    fn now(&self) -> Instant {
        if self.flow.looked == NEVER { self.look() } else { self.flow.looked }
    }

    fn look(&self) -> Instant {
        self.host.as_ref().map_or(Instant::ZERO, |host| host.now())
    }

    /// Whether a deadline comes sooner than its attendant knows.
    pub(super) fn wants_attendant(&self) -> bool {
        !self.flow.is_attended() && each!(&self.end, link => link.wants_arm(), false)
    }

    /// A half is gone; with both of them the connection is closed.
    pub(super) fn leave(&mut self, side: Side) {
        if self.flow.leave(side) {
            // Already closed, perhaps: then there is nothing to say.
            let _ = self.close(CloseCode::NORMAL, String::new());
        }
    }

    /// Reads on until something has arrived, in the attendant's own task: what else is to be done, it does.
    pub(super) fn fill(&mut self, cx: &mut Context<'_>) {
        let (now, flow) = (self.now(), &mut self.flow);
        pool::with_scratch(|scratch| each!(&mut self.end, link => flow.fill(link, cx, now, scratch), ()));
    }

    /// Moves everything on as far as it goes.
    pub(super) fn pump(&mut self, cx: &mut Context<'_>) {
        if !self.flow.draining && self.host.as_ref().is_some_and(|host| host.is_draining()) {
            self.flow.draining = true;
            self.go_away();
        }
        let (now, flow) = (self.now(), &mut self.flow);
        let over = pool::with_scratch(
            |scratch| each!(&mut self.end, link => flow.drive(link, cx, now, scratch), false),
        );
        if over {
            self.let_go();
        }
    }

    /// Its attendant is gone.
    pub(super) fn abandon(&mut self) {
        self.flow.attends();
        self.flow.attended();
        if !self.flow.is_over() {
            self.flow.fail(Error::Io(io::ErrorKind::ConnectionAborted.into()));
            self.let_go();
        }
    }

    fn let_go(&mut self) {
        self.flow.end();
        each!(&mut self.end, link => link.leave(), ());
        self.end = End::Over;
    }

    /// Sees to it that the attendant is woken at the next deadline.
    pub(super) fn arm(&mut self, cx: &mut Context<'_>) {
        let Some(host) = &self.host else { return };
        each!(&mut self.end, link => if link.wants_arm() {
            link.arm_with(cx, host.epoch(), None, |at| host.sleep_until(at));
        }, ());
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
