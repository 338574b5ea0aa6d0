//! The server's side of an HTTP/2 connection.

use super::connection::Connection;
use super::settings::{PeerSettings, Role};
use crate::http::{Request, Response};
use crate::{
    BodyLen, Config, ErrorCode, Event, Field, Http, Instant, Machine, Method, Output, PeerError, Priority,
    Recv, Scratch, Status, StreamId, UsageError,
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

    /// A connection that has just been upgraded from HTTP/1.1 with `Upgrade: h2c` (RFC 7540, section 3.2, which
    /// RFC 9113 deprecates): an opt-in for those who accept such an upgrade. `method` is that of the
    /// request, which is complete, and whose response goes to the stream returned; `settings` is its
    /// HTTP2-Settings field. The client's preface is still to come.
    ///
    /// # Errors
    /// [`PeerError::BadSetting`] or [`PeerError::WindowTooLarge`]: refuse the upgrade.
    pub fn upgraded(
        config: Arc<Config>,
        now: Instant,
        method: Method<'_>,
        settings: &[u8],
    ) -> Result<(Self, StreamId), PeerError> {
        let most = usize::from(config.h2.settings);
        let settings = super::upgrade::settings(settings, most).ok_or(PeerError::BadSetting)?;
        let mut server = Server::new(config, now);
        let stream = server.connection.begin_upgraded(&settings, &method)?;
        Ok((server, stream))
    }

    /// Whether no exchange is under way.
    pub fn is_idle(&self) -> bool {
        self.connection.is_idle()
    }

    /// The status of a request that was answered here because it was malformed (400) or its fields were too
    /// large (431), once for each of them: for those who keep a log of what was asked. RFC 9113, sections 8.1.1
    /// and 10.5.1.
    pub fn take_refusal(&mut self) -> Option<Status> {
        self.connection.take_refusal()
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
