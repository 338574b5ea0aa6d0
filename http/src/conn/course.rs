//! What goes wrong on a server's connection, and its orderly end: the same whatever is spoken.

use crate::error::ConnectionError;
use crate::rt::{Peer, Runtime};
use crate::server::{Shared, Stage};
use crate::{Handler, IntoResponse, Response};
use avx_core::{Http, Instant, PeerError, Session, Status, StreamId};
use std::any::Any;
use std::mem;
use std::panic::resume_unwind;

/// No handler is being called.
pub(super) const NOBODY: StreamId = StreamId(0);

/// How far a connection has come towards its end, and whom errors concern.
pub(super) struct Course {
    pub(super) peer: Peer,
    /// The stream whose handler is being called: tells whose panic it was.
    pub(super) calling: StreamId,
    draining: bool,
    failed: bool,
}

impl Course {
    pub(super) fn new(peer: Peer) -> Self {
        Course { peer, calling: NOBODY, draining: false, failed: false }
    }

    /// A handler panicked as it was called: which stream's, and what is answered in its place. The event had
    /// been taken from the session before, so everything is in order but for the answer.
    #[cold]
    pub(super) fn recover<H: Handler, R: Runtime>(
        &mut self,
        shared: &Shared<H, R>,
        panic: Box<dyn Any + Send>,
        multiplexed: bool,
    ) -> (StreamId, Response) {
        let stream = mem::replace(&mut self.calling, NOBODY);
        if stream == NOBODY {
            resume_unwind(panic);
        }
        (stream, panicked(&|error| shared.report(Some(self.peer), error), multiplexed))
    }

    /// Whether the orderly end has begun.
    pub(super) fn is_draining(&self) -> bool {
        self.draining
    }

    /// The server's end has begun. Whether this connection is dropped.
    #[cold]
    pub(super) fn drain<H: Handler, R: Runtime, M: Http>(
        &mut self,
        shared: &Shared<H, R>,
        session: &mut Session<M>,
        now: Instant,
    ) -> bool {
        if !mem::replace(&mut self.draining, true) {
            session.shutdown(now);
        }
        shared.life.stage() == Stage::Aborted
    }

    /// The peer broke the protocol. Whether that is news.
    #[cold]
    pub(super) fn fail<H: Handler, R: Runtime>(&mut self, shared: &Shared<H, R>, error: PeerError) -> bool {
        let first = !mem::replace(&mut self.failed, true);
        if first {
            shared.report(Some(self.peer), ConnectionError::Peer(error));
        }
        first
    }
}

/// The answer of a handler that panicked: the connection ends with it, for nobody knows what state
/// was left behind; unless others have a part in it.
#[cold]
pub(super) fn panicked(report: &dyn Fn(ConnectionError<'_>), multiplexed: bool) -> Response {
    report(ConnectionError::Panicked);
    let response = Status::INTERNAL_SERVER_ERROR.into_response();
    if multiplexed { response } else { response.field("connection", "close") }
}
