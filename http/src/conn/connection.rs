//! The server's connection as a future, and the engine that makes connections.

use super::exchange::User;
use super::link::Link;
use super::multiplex::Multiplexing;
use super::serve::{Flow, Serving};
use crate::error::ConnectionError;
use crate::pool::Local;
use crate::rt::{Peer, Runtime, Stream};
use crate::server::{Protocols, Shared, Stage};
use crate::{Handler, Upgraded};
use avx_core::{Session, h1, h2};
use std::fmt;
use std::future::Future;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// What a client of HTTP/2 is told where that is not spoken.
const REFUSAL: &[u8] =
    b"HTTP/1.1 505 HTTP Version Not Supported\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// No slot yet.
const NONE: u32 = u32::MAX;

/// A server without addresses: makes connections out of streams that were accepted elsewhere. Clones
/// name the same one.
pub struct Engine<H, R>(Arc<Shared<H, R>>);

impl<H: Handler, R: Runtime> Engine<H, R> {
    pub(crate) fn new(shared: Shared<H, R>) -> Self {
        Engine(Arc::new(shared))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared<H, R>> {
        &self.0
    }

    /// Serves a stream. The future ends with the connection and must stay in the task that polls it
    /// first.
    pub fn connection<IO: Stream>(&self, io: IO, peer: Peer) -> Connection<IO, H, R> {
        self.0.life.enter_always();
        self.entered(io, peer)
    }

    /// As [`connection`](Self::connection), counted in already.
    pub(crate) fn entered<IO: Stream>(&self, io: IO, peer: Peer) -> Connection<IO, H, R> {
        let now = self.0.epoch.instant(self.0.rt.now());
        let (shared, config) = (self.0.clone(), &self.0.config);
        let state = if self.0.protocols == Protocols::Http2 {
            let session = Session::new(h2::Server::new(config.clone(), now), config);
            State::Http2(Box::new(Multiplexing::new(Link::new(io, session), peer, shared.clone())))
        } else {
            let session = Session::new(h1::Server::new(config.clone(), now), config);
            State::Http1(Box::new(Serving::new(Link::new(io, session), peer)))
        };
        Connection { shared, slot: NONE, state }
    }

    /// Begins the graceful end of all its connections.
    pub fn shutdown(&self) {
        self.0.life.advance(Stage::Draining);
    }
}

impl<H, R> Engine<H, R> {
    pub(crate) fn shared_life(&self) -> &crate::server::Life {
        &self.0.life
    }
}

impl<H, R> Clone for Engine<H, R> {
    fn clone(&self) -> Self {
        Engine(self.0.clone())
    }
}

impl<H, R> fmt::Debug for Engine<H, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Engine")
    }
}

/// One connection of a server, as a future.
pub struct Connection<IO: Stream, H: Handler, R: Runtime> {
    shared: Arc<Shared<H, R>>,
    slot: u32,
    state: State<IO, R>,
}

enum State<IO, R: Runtime> {
    Http1(Box<Serving<IO, R>>),
    Http2(Box<Multiplexing<IO, R>>),
    /// Whoever has taken the transport over.
    Upgraded(User),
    /// Those who had taken parts of it over; each to its own end.
    Several(Vec<User>),
    Over,
}

impl<IO: Stream, H: Handler, R: Runtime> Future for Connection<IO, H, R> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.slot == NONE {
            this.slot = this.shared.life.tasks.insert(cx);
        }
        while matches!(this.state, State::Http1(_) | State::Http2(_)) {
            let mut local = Local::take();
            let flow = match &mut this.state {
                State::Http1(serving) => serving.poll(cx, &this.shared, &mut local),
                State::Http2(serving) => serving.poll(cx, &this.shared, &mut local),
                _ => Flow::Waits,
            };
            if !matches!(flow, Flow::Waits) {
                this.rest(&mut local);
            }
            local.put();
            match flow {
                Flow::Waits => return Poll::Pending,
                Flow::Over => this.leave(),
                Flow::HandOver => this.hand_over(),
                Flow::Http2 => this.go_on_with_http2(cx),
            }
        }
        this.poll_upgraded(cx)
    }
}

impl<IO: Stream, H: Handler, R: Runtime> Connection<IO, H, R> {
    /// HTTP is over here: gives the thread its buffers back.
    fn rest(&mut self, local: &mut Local) {
        match &mut self.state {
            State::Http1(serving) => serving.link.session.rest(&mut local.scratch),
            State::Http2(serving) => serving.link.session.rest(&mut local.scratch),
            _ => {}
        }
    }

    /// Lets go of the transport.
    fn leave(&mut self) {
        let mut users = Vec::new();
        match &mut self.state {
            State::Http1(serving) => serving.link.leave(),
            State::Http2(serving) => {
                serving.link.leave();
                users = mem::take(&mut serving.users);
            }
            _ => {}
        }
        self.state = if users.is_empty() { State::Over } else { State::Several(users) };
    }

    /// The peer speaks HTTP/2 from here on: by the preface in its first bytes, which is still unread, or by an
    /// upgrade that was accepted.
    #[cold]
    fn go_on_with_http2(&mut self, cx: &mut Context<'_>) {
        let State::Http1(serving) = mem::replace(&mut self.state, State::Over) else { return };
        let Serving { mut link, course, upgraded, .. } = *serving;
        let peer = course.peer;
        if let Some(upgraded) = upgraded {
            let (machine, exchange) = *upgraded;
            let mut serving = Multiplexing::new(link.replace(machine), peer, self.shared.clone());
            serving.adopt(exchange);
            self.state = State::Http2(Box::new(serving));
            return;
        }
        if self.shared.protocols == Protocols::Http1 {
            // "A server can send a 505 (HTTP Version Not Supported) response if it wishes, for any reason,
            // to refuse service of the client's major protocol version." (RFC 9110, section 2.5)
            let _ = link.io.poll_write(cx, REFUSAL);
            return;
        }
        let now = self.shared.epoch.instant(self.shared.rt.now());
        let machine = h2::Server::new(self.shared.config.clone(), now);
        self.state =
            State::Http2(Box::new(Multiplexing::new(link.replace(machine), peer, self.shared.clone())));
    }

    #[cold]
    fn hand_over(&mut self) {
        if let State::Http1(serving) = mem::replace(&mut self.state, State::Over) {
            if let Some(take_over) = serving.take_over {
                let unread = serving.link.session.unread().to_vec();
                let io = Upgraded::new(Box::new(serving.link.io), unread, serving.course.peer);
                let io = io.of(self.shared.clone());
                self.state = State::Upgraded(take_over(io));
            }
        }
    }

    fn poll_upgraded(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let shared = &self.shared;
        let mut goes_on = |user: &mut User| match catch_unwind(AssertUnwindSafe(|| user.as_mut().poll(cx))) {
            Ok(polled) => polled.is_pending(),
            Err(_) => {
                shared.report(None, ConnectionError::Panicked);
                false
            }
        };
        let any = match &mut self.state {
            _ if shared.life.stage() == Stage::Aborted => false,
            State::Upgraded(user) => goes_on(user),
            State::Several(users) => {
                users.retain_mut(goes_on);
                !users.is_empty()
            }
            _ => false,
        };
        if any {
            return Poll::Pending;
        }
        self.state = State::Over;
        Poll::Ready(())
    }
}

impl<IO: Stream, H: Handler, R: Runtime> Drop for Connection<IO, H, R> {
    fn drop(&mut self) {
        self.leave();
        if self.slot != NONE {
            self.shared.life.tasks.remove(self.slot);
        }
        self.shared.life.leave();
    }
}

impl<IO: Stream, H: Handler, R: Runtime> fmt::Debug for Connection<IO, H, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection")
    }
}
