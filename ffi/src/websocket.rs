//! WebSocket: the handshakes of both ends over HTTP/1.1, and messages.

use crate::border::{Answer, bytes, look, put, with_both, with_fields};
use crate::connection::Asked;
use crate::{Code, Connection, Field, Scratch, Speaks};
use avx_core::ws::handshake::Handshake;
use avx_core::ws::{CloseCode, Kind};
use avx_core::{BodyLen, Http, Instant, Method, Request, Response, StreamId};

/// The session, if it is a WebSocket, and the rest of a call.
macro_rules! websocket {
    ($connection:ident, $session:ident => $answer:expr) => {
        match &mut $connection.speaks {
            Speaks::WebSocketServer($session) => $answer,
            Speaks::WebSocketClient($session) => $answer,
            Speaks::Server(_) | Speaks::Client(_) => Err(Code::AvxErrorProtocol),
        }
    };
}

/// Answers a request that asks for a WebSocket, whose event is the last AVX_EVENT_REQUEST of this connection: accepts it
/// if `websocket` was true there, and otherwise refuses it with the status that is due. `accepted`, unless it is null,
/// says which. `fields` stand beside those of the handshake: Sec-WebSocket-Protocol for a subprotocol that was chosen
/// from the request's, say. AVX_EVENT_OPEN follows. No origin is checked, and no compression agreed on.
///
/// AVX_ERROR_BAD_UPGRADE: the request of `stream` has no Upgrade field, or is one over HTTP/2: answer it otherwise.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_websocket_reply(
    connection: *mut Connection,
    scratch: *mut Scratch,
    now: u64,
    stream: u64,
    fields: *const Field,
    fields_len: usize,
    accepted: *mut bool,
) -> i32 {
    // SAFETY: handles, lists and a place to write to, by the rules of the header.
    unsafe {
        with_both(connection, scratch, |c, s| {
            put(accepted, false);
            let Speaks::Server(session) = &mut c.speaks else { return Err(Code::AvxErrorProtocol) };
            let (_, reply) = c.reply.filter(|(of, _)| of.0 == stream).ok_or(Code::AvxErrorBadUpgrade)?;
            with_fields(fields, fields_len, |more| {
                let mut lines = reply.fields().to_vec();
                lines.extend_from_slice(if reply.accepts() { more } else { &[] });
                let response = Response::new(reply.status(), &lines);
                let (m, out) = session.parts(&mut s.core);
                Ok(m.send_full(Instant::from_nanos(now), StreamId(stream), &response, b"", out)?)
            })?;
            c.reply = None;
            put(accepted, reply.accepts());
            Ok(())
        })
    }
}

/// Asks a server for a WebSocket, over HTTP/1.1. `entropy` is 48 bytes from the system's source of it, for this call
/// alone. `protocols` is a list of subprotocols, "chat, superchat", or null; `fields` stand beside those of the handshake.
/// What comes is AVX_EVENT_RESPONSE, and AVX_EVENT_OPEN behind it if its status is 101.
///
/// AVX_ERROR_PROTOCOL: this is no client of HTTP/1.1. AVX_ERROR_WRONG_STATE: one was asked for before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_websocket_request(
    connection: *mut Connection,
    scratch: *mut Scratch,
    now: u64,
    entropy: *const u8,
    target: *const u8,
    target_len: usize,
    authority: *const u8,
    authority_len: usize,
    protocols: *const u8,
    protocols_len: usize,
    fields: *const Field,
    fields_len: usize,
    stream: *mut u64,
) -> i32 {
    // SAFETY: handles, bytes, lists and a place to write to, by the rules of the header.
    unsafe {
        with_both(connection, scratch, |c, s| {
            let entropy = look(entropy.cast::<[u8; 48]>())?;
            let (target, authority) = (bytes(target, target_len)?, bytes(authority, authority_len)?);
            let protocols = bytes(protocols, protocols_len)?;
            let Speaks::Client(session) = &mut c.speaks else { return Err(Code::AvxErrorProtocol) };
            if session.machine().is_http2() {
                return Err(Code::AvxErrorProtocol);
            }
            if c.asked.is_some() {
                return Err(Code::AvxErrorWrongState);
            }
            let (mut nonce, mut seed) = ([0; 16], [0; 32]);
            nonce.copy_from_slice(&entropy[..16]);
            seed.copy_from_slice(&entropy[16..]);
            let id = with_fields(fields, fields_len, |more| {
                let handshake = Handshake::new(nonce).protocols(protocols);
                let mut lines = handshake.fields().to_vec();
                lines.extend_from_slice(more);
                let request = Request { method: Method::Get, target, authority, fields: &lines };
                let (m, out) = session.parts(&mut s.core);
                Ok(m.send_request(Instant::from_nanos(now), &request, BodyLen::Empty, out)?)
            })?;
            let protocols = protocols.to_vec();
            c.asked = Some(Box::new(Asked { stream: id, nonce, seed, protocols, accepted: false }));
            put(stream, id.0);
            Ok(())
        })
    }
}

/// Sends a message, or a piece of one: `last` ends it, and all its pieces are of one kind. That a text is UTF-8 as a
/// whole is the caller's to see to. AVX_ERROR_OUTPUT_FULL: write it out, and call again; a piece of 32 KiB always fits
/// where nothing waits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_websocket_send(
    connection: *mut Connection,
    scratch: *mut Scratch,
    now: u64,
    text: bool,
    data: *const u8,
    len: usize,
    last: bool,
) -> i32 {
    // SAFETY: handles and bytes, by the rules of the header.
    unsafe {
        with_both(connection, scratch, |c, s| {
            let data = bytes(data, len)?;
            let kind = if text { Kind::Text } else { Kind::Binary };
            websocket!(c, session => {
                let (m, out) = session.parts(&mut s.core);
                Ok(m.send(Instant::from_nanos(now), kind, data, last, out)?)
            })
        })
    }
}

/// Sends a ping of at most 125 bytes. Pings of the peer are answered by themselves.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_websocket_ping(
    connection: *mut Connection,
    scratch: *mut Scratch,
    now: u64,
    data: *const u8,
    len: usize,
) -> i32 {
    // SAFETY: handles and bytes, by the rules of the header.
    unsafe {
        with_both(connection, scratch, |c, s| {
            let data = bytes(data, len)?;
            websocket!(c, session => {
                let (m, out) = session.parts(&mut s.core);
                Ok(m.ping(Instant::from_nanos(now), data, out)?)
            })
        })
    }
}

/// Begins to close a WebSocket, with a code (1000 is the normal one, 1005 sends none) and a reason in UTF-8 of at most 123
/// bytes. Nothing can be sent behind it. AVX_ERROR_ARGUMENT: the reason is not UTF-8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_websocket_close(
    connection: *mut Connection,
    scratch: *mut Scratch,
    now: u64,
    code: u32,
    reason: *const u8,
    reason_len: usize,
) -> i32 {
    // SAFETY: handles and bytes, by the rules of the header.
    unsafe {
        with_both(connection, scratch, |c, s| {
            let code = CloseCode(code.try_into().map_err(|_| Code::AvxErrorBadCloseCode)?);
            let reason = reason_text(bytes(reason, reason_len)?)?;
            websocket!(c, session => {
                let (m, out) = session.parts(&mut s.core);
                Ok(m.close(Instant::from_nanos(now), code, reason, out)?)
            })
        })
    }
}

fn reason_text(reason: &[u8]) -> Answer<&str> {
    core::str::from_utf8(reason).map_err(|_| Code::AvxErrorArgument)
}
