//! What a user says on a WebSocket, wherever its bytes go: messages, pings, the close.

use crate::border::{Answer, bytes, with_both};
use crate::{Code, Connection, Scratch, Speaks, socket};
use avx_core::ws::{CloseCode, Kind};
use avx_core::{Instant, StreamId};

/// Runs `say` with a WebSocket, and lets what came of it leave.
macro_rules! websocket {
    ($connection:ident, $scratch:ident, $now:ident, $stream:ident, ($machine:ident, $out:ident) => $say:expr) => {{
        let now = Instant::from_nanos($now);
        socket!($connection.socket($stream)?, session => {
            let ($machine, $out) = session.parts(&mut $scratch.core);
            $say?
        });
        match &mut $connection.speaks {
            Speaks::Server(http) => $connection.tunnels.flush(StreamId($stream), http, $scratch, now),
            Speaks::Client(http) => $connection.tunnels.flush(StreamId($stream), http, $scratch, now),
            Speaks::WebSocket(..) => {}
        }
        Ok(())
    }};
}

/// Sends a message on the WebSocket of `stream`, or a piece of one: `last` ends it, and all its pieces are of one kind. That a text is UTF-8 as a
/// whole is the caller's to see to. AVX_ERROR_OUTPUT_FULL: write it out, and call again; a piece of 32 KiB always fits
/// where nothing waits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_websocket_send(
    connection: *mut Connection,
    scratch: *mut Scratch,
    now: u64,
    stream: u64,
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
            websocket!(c, s, now, stream, (m, out) => m.send(Instant::from_nanos(now), kind, data, last, out))
        })
    }
}

/// Sends a message compressed, or begins one that avx_websocket_send goes on with. Where compression was not agreed on,
/// and for a few bytes, it is avx_websocket_send. Leave secrets alone: compressed together with what an attacker chooses,
/// they are told by their length.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_websocket_send_compressed(
    connection: *mut Connection,
    scratch: *mut Scratch,
    now: u64,
    stream: u64,
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
            #[cfg(feature = "deflate")]
            return websocket!(c, s, now, stream, (m, out) => {
                m.send_compressed(Instant::from_nanos(now), kind, data, last, out)
            });
            #[cfg(not(feature = "deflate"))]
            websocket!(c, s, now, stream, (m, out) => m.send(Instant::from_nanos(now), kind, data, last, out))
        })
    }
}

/// Sends a ping of at most 125 bytes. Pings of the peer are answered by themselves.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_websocket_ping(
    connection: *mut Connection,
    scratch: *mut Scratch,
    now: u64,
    stream: u64,
    data: *const u8,
    len: usize,
) -> i32 {
    // SAFETY: handles and bytes, by the rules of the header.
    unsafe {
        with_both(connection, scratch, |c, s| {
            let data = bytes(data, len)?;
            websocket!(c, s, now, stream, (m, out) => m.ping(Instant::from_nanos(now), data, out))
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
    stream: u64,
    code: u32,
    reason: *const u8,
    reason_len: usize,
) -> i32 {
    // SAFETY: handles and bytes, by the rules of the header.
    unsafe {
        with_both(connection, scratch, |c, s| {
            let code = CloseCode(code.try_into().map_err(|_| Code::AvxErrorBadCloseCode)?);
            let reason = reason_text(bytes(reason, reason_len)?)?;
            websocket!(c, s, now, stream, (m, out) => m.close(Instant::from_nanos(now), code, reason, out))
        })
    }
}

fn reason_text(reason: &[u8]) -> Answer<&str> {
    core::str::from_utf8(reason).map_err(|_| Code::AvxErrorArgument)
}
