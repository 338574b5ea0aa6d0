//! The server's connection as a future, and the engine that makes connections.

use super::link::Link;
use super::serve::{Flow, Serving};
use crate::error::ConnectionError;
use crate::pool::Local;
use crate::rt::{Peer, Runtime, Stream};
use crate::server::{Shared, Stage};
use crate::{Handler, Upgraded};
use avx_core::{Config, Http, Instant, Session, Status, h1};
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// No slot yet.
const NONE: u32 = u32::MAX;

/// A machine that this connection can drive.
pub trait Machine: Http + Send + Unpin + 'static {
    /// Whether exchanges overlap, each with credit of its own. Where they do not, content that nobody
    /// takes holds up everything behind it.
    const MULTIPLEXED: bool;

    /// A fresh one.
    fn accept(config: Arc<Config>, now: Instant) -> Self;

    /// The status with which it answered an error of the peer itself, and how many bytes of content it
    /// gave the reason in.
    fn refusal(&self) -> Option<(Status, u64)>;
}

impl Machine for h1::Server {
    const MULTIPLEXED: bool = false;

    fn accept(config: Arc<Config>, now: Instant) -> Self {
        h1::Server::new(config, now)
    }

    fn refusal(&self) -> Option<(Status, u64)> {
        h1::Server::refusal(self)
    }
}

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
        let machine = h1::Server::accept(self.0.config.clone(), now);
        let session = Session::new(machine, &self.0.config);
        let serving = Serving::new(Link::new(io, session), peer);
        Connection { shared: self.0.clone(), slot: NONE, state: State::Http(serving) }
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
pub struct Connection<IO: Stream, H: Handler, R: Runtime, M: Machine = h1::Server> {
    shared: Arc<Shared<H, R>>,
    slot: u32,
    state: State<IO, R, M>,
}

#[expect(clippy::large_enum_variant, reason = "few connections are ever anything else than HTTP")]
enum State<IO, R: Runtime, M> {
    Http(Serving<IO, R, M>),
    Upgraded(Pin<Box<dyn Future<Output = ()> + Send>>),
    Over,
}

impl<IO: Stream, H: Handler, R: Runtime, M: Machine> Future for Connection<IO, H, R, M> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.slot == NONE {
            this.slot = this.shared.life.tasks.insert(cx);
        }
        if let State::Http(serving) = &mut this.state {
            let mut local = Local::take();
            let flow = serving.poll(cx, &this.shared, &mut local);
            local.put();
            match flow {
                Flow::Waits => return Poll::Pending,
                Flow::Over => this.leave(),
                Flow::HandOver => this.hand_over(),
            }
        }
        this.poll_upgraded(cx)
    }
}

impl<IO: Stream, H: Handler, R: Runtime, M: Machine> Connection<IO, H, R, M> {
    /// Lets go of the transport.
    fn leave(&mut self) {
        if let State::Http(serving) = &mut self.state {
            if serving.link.session.wants_reset() {
                serving.link.io.reset();
            }
        }
        self.state = State::Over;
    }

    #[cold]
    fn hand_over(&mut self) {
        if let State::Http(serving) = std::mem::replace(&mut self.state, State::Over) {
            if let Some(take_over) = serving.take_over {
                let unread = serving.link.session.unread().to_vec();
                let io = Upgraded::new(Box::new(serving.link.io), unread, serving.peer);
                self.state = State::Upgraded(take_over(io));
            }
        }
    }

    #[cold]
    fn poll_upgraded(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let State::Upgraded(future) = &mut self.state {
            if self.shared.life.stage() < Stage::Aborted {
                match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
                    Ok(Poll::Pending) => return Poll::Pending,
                    Ok(Poll::Ready(())) => {}
                    Err(_) => self.shared.report(None, ConnectionError::Panicked),
                }
            }
            self.state = State::Over;
        }
        Poll::Ready(())
    }
}

impl<IO: Stream, H: Handler, R: Runtime, M: Machine> Drop for Connection<IO, H, R, M> {
    fn drop(&mut self) {
        self.leave();
        if self.slot != NONE {
            self.shared.life.tasks.remove(self.slot);
        }
        self.shared.life.leave();
    }
}

impl<IO: Stream, H: Handler, R: Runtime, M: Machine> fmt::Debug for Connection<IO, H, R, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection")
    }
}
