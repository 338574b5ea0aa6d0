//! What all connections of a server share.

use crate::clock::Epoch;
use crate::error::{ConnectionError, ErrorHook};
use crate::rt::{Peer, Runtime};
use crate::sync::Wakers;
use crate::{Handler, Value};
use avx_core::{Config, Method, Status, Version};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

/// One exchange, for the access log; or a request that was refused before it became one.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Access<'a> {
    /// Who asked.
    pub peer: Peer,
    /// Method of the request; empty, like everything that a head says, when that could not be read.
    pub method: Method<'a>,
    /// Request target as received.
    pub target: &'a [u8],
    /// Version of the request.
    pub version: Version,
    /// Value of User-Agent, if there was one.
    pub user_agent: Option<&'a [u8]>,
    /// Value of Referer, if there was one.
    pub referer: Option<&'a [u8]>,
    /// Status of the response; 499, which is never sent, when the connection ended before it began.
    pub status: Status,
    /// Bytes of content sent.
    pub sent: u64,
    /// Whether the response was complete.
    pub complete: bool,
    /// From the request's head to the end of the response, as the runtime's clock tells: zero for
    /// one that was answered at once.
    pub duration: Duration,
}

impl Access<'_> {
    /// Of a head that was malformed, too large or too slow.
    pub(crate) fn refused(peer: Peer, version: Version, status: Status, sent: u64) -> Self {
        Access {
            peer,
            method: Method::Extension(b""),
            target: b"",
            version,
            user_agent: None,
            referer: None,
            status,
            sent,
            complete: true,
            duration: Duration::ZERO,
        }
    }
}

/// What a server speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocols {
    /// HTTP/1.1 and HTTP/2 on the same port: the first bytes tell.
    #[default]
    Both,
    /// HTTP/1.1 and 1.0. A client of HTTP/2 is told with 505.
    Http1,
    /// HTTP/2, by prior knowledge.
    Http2,
}

pub(crate) type AccessHook = Box<dyn Fn(&Access<'_>) + Send + Sync>;

/// How far a server is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Stage {
    Running,
    /// What is in flight completes.
    Draining,
    /// What is left is dropped.
    Aborted,
}

pub(crate) struct Shared<H, R> {
    /// No other server of the process has it.
    pub(crate) id: u64,
    pub(crate) handler: H,
    pub(crate) rt: R,
    pub(crate) config: Arc<Config>,
    pub(crate) protocols: Protocols,
    pub(crate) h2c: bool,
    pub(crate) epoch: Epoch,
    pub(crate) server: Option<Value>,
    pub(crate) date: bool,
    pub(crate) access: Option<AccessHook>,
    pub(crate) errors: Option<ErrorHook>,
    pub(crate) life: Arc<Life>,
}

/// The part of a server's state that does not depend on its types.
pub(crate) struct Life {
    stage: AtomicU8,
    max_connections: usize,
    connections: AtomicUsize,
    acceptors: AtomicUsize,
    /// Whether an acceptor waits for a connection to end.
    paused: AtomicUsize,
    /// Connections, to tell them of the end.
    pub(crate) tasks: Wakers,
    /// Acceptors, and those who wait for the end.
    pub(crate) waiting: Wakers,
}

impl<H: Handler, R: Runtime> Shared<H, R> {
    #[cold]
    pub(crate) fn report(&self, peer: Option<Peer>, error: ConnectionError<'_>) {
        if let Some(hook) = &self.errors {
            hook(peer, error);
        }
    }
}

impl Life {
    pub(crate) fn new(max_connections: usize) -> Self {
        Life {
            stage: AtomicU8::new(Stage::Running as u8),
            max_connections,
            connections: AtomicUsize::new(0),
            acceptors: AtomicUsize::new(0),
            paused: AtomicUsize::new(0),
            tasks: Wakers::default(),
            waiting: Wakers::default(),
        }
    }

    #[inline]
    pub(crate) fn stage(&self) -> Stage {
        match self.stage.load(Ordering::Acquire) {
            0 => Stage::Running,
            1 => Stage::Draining,
            _ => Stage::Aborted,
        }
    }

    /// Goes on to `stage`, never back, and tells everybody.
    pub(crate) fn advance(&self, stage: Stage) {
        if self.stage.fetch_max(stage as u8, Ordering::AcqRel) < stage as u8 {
            self.tasks.wake_all();
            self.waiting.wake_all();
        }
    }

    /// Counts a connection in, if there may be another one.
    pub(crate) fn enter(&self) -> bool {
        let max = self.max_connections;
        self.connections
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| (n < max).then_some(n + 1))
            .is_ok()
    }

    /// Counts a connection in that somebody else has accepted.
    pub(crate) fn enter_always(&self) {
        self.connections.fetch_add(1, Ordering::SeqCst);
    }

    /// Counts a connection out.
    pub(crate) fn leave(&self) {
        let before = self.connections.fetch_sub(1, Ordering::SeqCst);
        if before == 1 || self.paused.load(Ordering::SeqCst) > 0 {
            self.waiting.wake_all();
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.connections.load(Ordering::SeqCst) >= self.max_connections
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// An acceptor begins (or no longer) to wait for a connection to end.
    pub(crate) fn pause(&self, yes: bool) {
        if yes {
            self.paused.fetch_add(1, Ordering::SeqCst);
        } else {
            self.paused.fetch_sub(1, Ordering::SeqCst);
        }
    }

    pub(crate) fn acceptor_begins(&self) {
        self.acceptors.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn acceptor_ends(&self) {
        self.acceptors.fetch_sub(1, Ordering::SeqCst);
        self.waiting.wake_all();
    }

    /// Whether nothing of the server is left.
    pub(crate) fn is_over(&self) -> bool {
        self.acceptors.load(Ordering::SeqCst) == 0 && self.connections() == 0
    }
}
