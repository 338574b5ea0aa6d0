//! A client's connection of either version: which one, ALPN or the caller's knowledge has decided.

use super::credit::Credit;
use super::{Speaks, ask, machines, tell};
use crate::http::{Request, Response};
use crate::{
    BodyLen, Config, ErrorCode, Event, Field, Http, Instant, Machine, Output, PeerError, Priority, Recv,
    Scratch, StreamId, UsageError, h1, h2,
};
use alloc::boxed::Box;
use alloc::sync::Arc;

/// The machine of a client's connection, of a version that was agreed on before the first byte: by ALPN, or because
/// the server is known. ("A client that makes a request without prior knowledge" speaks HTTP/1.1.)
///
/// The same events, calls and credit for both, so that a pool of connections holds one type.
#[derive(Debug)]
pub struct Client {
    speaks: Speaks<h1::Client, h2::Client>,
    credit: Credit,
}

impl Client {
    /// A fresh connection of HTTP/1.1.
    pub fn http1(config: Arc<Config>, now: Instant) -> Self {
        let credit = Credit::new(&config.h2);
        Client { speaks: Speaks::Http1(h1::Client::new(config, now)), credit }
    }

    /// A fresh connection of HTTP/2, in the clear ([`h2::Client::new`]) or over TLS ([`h2::Client::secure`]), which
    /// says what scheme its requests have. Allocates.
    pub fn http2(config: Arc<Config>, now: Instant, secure: bool) -> Self {
        let credit = Credit::new(&config.h2);
        let machine = if secure { h2::Client::secure(config, now) } else { h2::Client::new(config, now) };
        Client { speaks: Speaks::Http2(Box::new(machine)), credit }
    }

    /// Whether another request may be sent now.
    pub fn is_reusable(&self) -> bool {
        ask!(self, m => m.is_reusable())
    }

    /// Requests under way.
    pub fn in_flight(&self) -> u64 {
        ask!(self, m => m.in_flight())
    }

    #[inline]
    fn recv_any<'b>(
        &mut self,
        now: Instant,
        input: &'b mut [u8],
        scratch: &'b mut Scratch,
    ) -> Result<Recv<Event<'b>>, PeerError> {
        match &mut self.speaks {
            Speaks::Http1(machine) => Self::recv_http1(machine, &mut self.credit, now, input, scratch),
            Speaks::Http2(machine) => machine.recv(now, input, scratch),
        }
    }
}

machines!(Client, h1::Client, h2::Client);
