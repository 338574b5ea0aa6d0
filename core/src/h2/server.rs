//! The server's side of an HTTP/2 connection.

use super::connection::Connection;
use super::settings::{PeerSettings, Role};
use crate::http::{Request, Response};
use crate::{
    BodyLen, Config, ErrorCode, Event, Field, Http, Instant, Machine, Output, PeerError, Priority, Recv,
    Scratch, StreamId, UsageError,
};
use alloc::sync::Arc;

/// The machine of a server's connection, from the client's preface on.
#[derive(Debug)]
pub struct Server {
    connection: Connection,
}

impl Server {
    /// A fresh connection, accepted at `now`: by ALPN, or by the preface in its first bytes.
    pub fn new(config: Arc<Config>, now: Instant) -> Self {
        Server { connection: Connection::new(config, Role::Server, now) }
    }

    /// Whether no exchange is under way.
    pub fn is_idle(&self) -> bool {
        self.connection.is_idle()
    }

    /// What the client has announced.
    pub fn peer_settings(&self) -> PeerSettings {
        self.connection.peer
    }
}

super::machine!(Server);

impl Http for Server {
    /// A server sends no requests: always [`UsageError::WrongState`].
    fn send_request(
        &mut self,
        _: Instant,
        _: &Request<'_>,
        _: BodyLen,
        _: &mut dyn Output,
    ) -> Result<StreamId, UsageError> {
        Err(UsageError::WrongState)
    }

    fn send_informational(
        &mut self,
        now: Instant,
        stream: StreamId,
        response: &Response<'_>,
        out: &mut dyn Output,
    ) -> Result<(), UsageError> {
        self.connection.send_informational(now, stream, response, out)
    }

    #[inline]
    fn send_response(
        &mut self,
        now: Instant,
        stream: StreamId,
        response: &Response<'_>,
        body: BodyLen,
        out: &mut dyn Output,
    ) -> Result<BodyLen, UsageError> {
        self.connection.send_response(now, stream, response, body, &[], out)
    }

    #[inline]
    fn send_full(
        &mut self,
        now: Instant,
        stream: StreamId,
        response: &Response<'_>,
        content: &[u8],
        out: &mut dyn Output,
    ) -> Result<(), UsageError> {
        let body = if content.is_empty() { BodyLen::Empty } else { BodyLen::Exact(content.len() as u64) };
        self.connection.send_response(now, stream, response, body, content, out).map(|_| ())
    }

    fn push(
        &mut self,
        now: Instant,
        stream: StreamId,
        request: &Request<'_>,
        out: &mut dyn Output,
    ) -> Result<StreamId, UsageError> {
        self.connection.push(now, stream, request, out)
    }

    super::user!();
}
