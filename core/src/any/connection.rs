//! A server's connection through all it may speak.

use super::Server;
use crate::{Config, Drive, Instant, Protocol, Scratch, Session, Step, ws};
use alloc::sync::Arc;

/// A server's end of a connection in the clear: HTTP of either version, and WebSocket once such a handshake was answered
/// with 101. One type for the loop, which is to take its [steps](Drive); who answers looks at what it is.
///
/// A tunnel, and an upgrade to anything else, is left to the caller: [`Session::switched`] says so.
///
/// ```
/// use avx_core::ws::{self, handshake};
/// use avx_core::{Config, Drive, Event, Http, Instant, Response, Scratch, Step, any};
/// use std::sync::Arc;
///
/// let config = Arc::new(Config::default());
/// let (now, mut scratch) = (Instant::ZERO, Scratch::new());
/// let mut connection = any::Connection::new(config, now);
/// let mut input = &b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
///     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n\
///     \x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"[..];
/// let mut output = Vec::new();
/// loop {
///     if let any::Connection::Http(session) = &mut connection {
///         while let Some(turn) = session.turn(now, &mut scratch).unwrap() {
///             let Event::Request { stream, head, .. } = turn.event else { continue };
///             let reply = handshake::reply(&head);
///             let fields = reply.fields();
///             let response = Response::new(reply.status(), &fields);
///             turn.machine.send_full(now, stream, &response, b"", turn.out).unwrap();
///         }
///     }
///     connection.upgrade(now);
///     if let any::Connection::WebSocket(session) = &mut connection {
///         while let Some(turn) = session.turn(now, &mut scratch).unwrap() {
///             let ws::Event::Data { kind, data, last } = turn.event else { continue };
///             turn.machine.send(now, kind, data, last, turn.out).unwrap();
///         }
///     }
///     // The transport takes and gives all there is.
///     match connection.next_step(&mut scratch) {
///         Step::Write(bytes) => {
///             let n = bytes.len();
///             output.extend_from_slice(bytes);
///             connection.did_write(now, n);
///         }
///         Step::Read(memory) if !input.is_empty() => {
///             memory[..input.len()].copy_from_slice(input);
///             connection.did_read(now, std::mem::take(&mut input).len());
///         }
///         _ => break,
///     }
/// }
/// assert!(output.starts_with(b"HTTP/1.1 101 ") && output.ends_with(b"\x81\x05Hello"));
/// ```
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "connections begin as the larger one")]
pub enum Connection {
    /// HTTP/1.1 or HTTP/2.
    Http(Session<Server>),
    /// A WebSocket.
    WebSocket(Session<ws::Server>),
}

impl Connection {
    /// A fresh connection, accepted at `now`.
    pub fn new(config: Arc<Config>, now: Instant) -> Self {
        let server = Server::new(config.clone(), now);
        Connection::Http(Session::new(server, &config))
    }

    /// Goes on as a WebSocket if that is what was switched to, and says whether it did. To be asked when HTTP has no
    /// events: what came behind the handshake is then the first message.
    pub fn upgrade(&mut self, now: Instant) -> bool {
        let Connection::Http(session) = self else { return false };
        if session.switched() != Some(Protocol::WebSocket) {
            return false;
        }
        let machine = ws::Server::new(session.machine().config().clone(), now);
        *self = Connection::WebSocket(session.hand_over(machine));
        true
    }
}

/// Asks whichever session it is.
macro_rules! session {
    ($connection:ident, $session:ident => $answer:expr) => {
        match $connection {
            Connection::Http($session) => $answer,
            Connection::WebSocket($session) => $answer,
        }
    };
}

impl Drive for Connection {
    #[inline]
    fn next_step(&mut self, scratch: &mut Scratch) -> Step<'_> {
        session!(self, session => session.next_step(scratch))
    }

    fn did_write(&mut self, now: Instant, n: usize) {
        session!(self, session => session.did_write(now, n));
    }

    fn did_read(&mut self, now: Instant, n: usize) {
        session!(self, session => session.did_read(now, n));
    }

    fn deadline(&self) -> Option<Instant> {
        session!(self, session => session.deadline())
    }

    fn timed_out(&mut self, now: Instant) {
        session!(self, session => session.timed_out(now));
    }

    fn rest(&mut self, scratch: &mut Scratch) {
        session!(self, session => session.rest(scratch));
    }
}
