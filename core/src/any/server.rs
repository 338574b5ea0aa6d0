//! A server's connection that speaks what the client begins with.

use super::credit::Credit;
use super::{Speaks, ask, machines, tell};
use crate::http::{Request, Response};
use crate::{
    BodyLen, Config, ErrorCode, Event, Field, Http, Instant, Machine, Output, PeerError, Priority, Recv,
    Scratch, Status, StreamId, UsageError, h1, h2,
};
use alloc::boxed::Box;
use alloc::sync::Arc;

/// The machine of a server's connection: HTTP/2 if it begins with the preface of that, and HTTP/1.1 otherwise.
///
/// "A client that has prior knowledge that a server supports HTTP/2 MUST send the connection preface" (RFC 9113,
/// section 3.3) and no request of HTTP/1.1 begins like one, so that both can be served on one port in the clear.
/// Behind TLS, ALPN decides: [`http2`](Self::http2) is then the one that takes nothing else.
///
/// An HTTP/1.1 connection that goes on as something else says so with [`Recv::Switched`]. That something can be
/// HTTP/2 as well (RFC 7540, section 3.2: `Upgrade: h2c`), but only if the caller answers such a request with 101;
/// the machine to go on with is then [`h2::Server::upgraded`].
///
/// ```
/// use avx_core::{Config, Event, Http, Instant, Response, Scratch, Session, Status, any};
/// use std::sync::Arc;
///
/// let config = Arc::new(Config::default());
/// let (now, mut scratch) = (Instant::ZERO, Scratch::new());
/// let mut answers = Vec::new();
/// for first in [&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\
///     \0\0\x06\x01\x05\0\0\0\x01\x82\x86\x84\x41\x01a"] {
///     let mut session = Session::new(any::Server::new(config.clone(), now), &config);
///     session.read_from(now, &mut scratch, first);
///     while let Some(turn) = session.turn(now, &mut scratch).unwrap() {
///         match turn.event {
///             Event::Request { stream, .. } => {
///                 let response = Response::new(Status::OK, &[]);
///                 turn.machine.send_full(now, stream, &response, b"hi", turn.out).unwrap();
///             }
///             // Content counts against a window, whatever the version: give it back.
///             Event::Data { stream, credit, .. } => turn.machine.release(stream, credit),
///             _ => {}
///         }
///     }
///     assert!(session.write_buf().windows(2).any(|content| content == b"hi"));
///     answers.push(session.machine().is_http2());
/// }
/// assert_eq!(answers, [false, true]);
/// ```
#[derive(Debug)]
pub struct Server {
    speaks: Speaks<h1::Server, h2::Server>,
    credit: Credit,
    config: Arc<Config>,
    accepted: Instant,
}

impl Server {
    /// A fresh connection, accepted at `now`, of a client that may speak either.
    pub fn new(config: Arc<Config>, now: Instant) -> Self {
        let speaks = Speaks::Http1(h1::Server::new(config.clone(), now));
        Server { speaks, credit: Credit::new(&config.h2), config, accepted: now }
    }

    /// A fresh connection, accepted at `now`, on which HTTP/2 was agreed to (`h2` by ALPN): whatever else comes is
    /// an error. Allocates.
    pub fn http2(config: Arc<Config>, now: Instant) -> Self {
        let speaks = Speaks::Http2(Box::new(h2::Server::new(config.clone(), now)));
        Server { speaks, credit: Credit::new(&config.h2), config, accepted: now }
    }

    /// The status of a request that the machine has answered itself, because it was malformed or too large; once for
    /// each of them: for those who keep a log of what was asked. Over HTTP/1.1 it comes with the error that ends the
    /// connection ([`h1::Server::refusal`]) and is not taken by asking.
    pub fn take_refusal(&mut self) -> Option<Status> {
        match &mut self.speaks {
            Speaks::Http1(machine) => machine.refusal().map(|(status, _)| status),
            Speaks::Http2(machine) => machine.take_refusal(),
        }
    }

    /// What it was configured with.
    pub(super) fn config(&self) -> &Arc<Config> {
        &self.config
    }

    #[inline]
    fn recv_any<'b>(
        &mut self,
        now: Instant,
        input: &'b mut [u8],
        scratch: &'b mut Scratch,
    ) -> Result<Recv<Event<'b>>, PeerError> {
        if let Speaks::Http1(machine) = &self.speaks {
            if machine.is_preface(input) {
                self.speaks = Speaks::Http2(self.upgraded(machine, now));
            }
        }
        match &mut self.speaks {
            Speaks::Http1(machine) => Self::recv_http1(machine, &mut self.credit, now, input, scratch),
            Speaks::Http2(machine) => machine.recv(now, input, scratch),
        }
    }

    /// The machine that goes on, knowing what the first one was told.
    #[cold]
    #[inline(never)]
    fn upgraded(&self, machine: &h1::Server, now: Instant) -> Box<h2::Server> {
        // The time until the first request is that of the whole connection.
        let mut next = Box::new(h2::Server::new(self.config.clone(), self.accepted));
        if machine.is_eof() {
            next.recv_eof(now);
        }
        if let Some(begun) = machine.shutdown_begun() {
            next.shutdown(begun);
        }
        next
    }
}

machines!(Server, h1::Server, h2::Server);
