//! The client's side of an HTTP/2 connection.

use super::connection::Connection;
use super::settings::{PeerSettings, Role};
use crate::http::{Request, Response};
use crate::{
    BodyLen, Config, ErrorCode, Event, Field, Http, Instant, Machine, Method, Output, PeerError, Priority,
    Recv, Scratch, StreamId, UsageError,
};
use alloc::sync::Arc;

/// The machine of a client's connection. Its preface goes out with the first request or
/// [`transmit`](Machine::transmit).
#[derive(Debug)]
pub struct Client {
    connection: Connection,
    secure: bool,
}

impl Client {
    /// A fresh connection to a server that is known to speak HTTP/2, over a transport in the clear: requests
    /// have the scheme `http`, unless their target says another.
    pub fn new(config: Arc<Config>, now: Instant) -> Self {
        Client { connection: Connection::new(config, Role::Client, now), secure: false }
    }

    /// The same over TLS: requests have the scheme `https`.
    pub fn secure(config: Arc<Config>, now: Instant) -> Self {
        Client { secure: true, ..Client::new(config, now) }
    }

    /// A connection that has just been upgraded from HTTP/1.1 with `Upgrade: h2c` (RFC 7540, section 3.2, which
    /// RFC 9113 deprecates). `method` is that of the request, which was sent in full with
    /// [`settings_field`](super::settings_field) as its HTTP2-Settings; its response comes on the stream
    /// returned.
    pub fn upgraded(config: Arc<Config>, now: Instant, method: Method<'_>) -> (Self, StreamId) {
        let mut client = Client::new(config, now);
        // Without settings there is nothing that could be wrong.
        let stream = client.connection.begin_upgraded(&[], &method).unwrap_or(StreamId(1));
        (client, stream)
    }

    /// Whether no exchange is under way.
    pub fn is_idle(&self) -> bool {
        self.connection.is_idle()
    }

    /// Whether another request may be sent now.
    pub fn is_reusable(&self) -> bool {
        self.connection.free_streams() > 0
    }

    /// Requests that may be sent now, beside those under way.
    pub fn free_streams(&self) -> u32 {
        self.connection.free_streams()
    }

    /// Requests under way.
    pub fn in_flight(&self) -> u64 {
        u64::from(self.connection.in_flight())
    }

    /// What the server has announced.
    pub fn peer_settings(&self) -> PeerSettings {
        self.connection.peer
    }
}

super::machine!(Client);

impl Http for Client {
    /// A field called `:protocol` makes an extended CONNECT (RFC 8441, section 4) of a request with that
    /// method; its target is a path then, as of any other request. Host, if given, becomes `:authority`.
    fn send_request(
        &mut self,
        now: Instant,
        request: &Request<'_>,
        body: BodyLen,
        out: &mut dyn Output,
    ) -> Result<StreamId, UsageError> {
        self.connection.send_request(now, request, body, self.secure, out)
    }

    /// A client sends no responses: always [`UsageError::WrongState`].
    fn send_informational(
        &mut self,
        _: Instant,
        _: StreamId,
        _: &Response<'_>,
        _: &mut dyn Output,
    ) -> Result<(), UsageError> {
        Err(UsageError::WrongState)
    }

    /// A client sends no responses: always [`UsageError::WrongState`].
    fn send_response(
        &mut self,
        _: Instant,
        _: StreamId,
        _: &Response<'_>,
        _: BodyLen,
        _: &mut dyn Output,
    ) -> Result<BodyLen, UsageError> {
        Err(UsageError::WrongState)
    }

    /// A client sends no responses: always [`UsageError::WrongState`].
    fn send_full(
        &mut self,
        _: Instant,
        _: StreamId,
        _: &Response<'_>,
        _: &[u8],
        _: &mut dyn Output,
    ) -> Result<(), UsageError> {
        Err(UsageError::WrongState)
    }

    super::user!();
}
