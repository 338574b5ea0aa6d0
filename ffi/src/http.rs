//! What a user says over HTTP.

use crate::border::{Answer, borrow, bytes, guard_or, put, with, with_both, with_fields};
use crate::{Bytes, Code, Connection, Field, Scratch, Speaks};
use avx_core::{BodyLen, ErrorCode, Http, Instant, Method, Request, Response, Status, StreamId};

/// The session, if it is one of HTTP, and the rest of a call.
macro_rules! http {
    ($connection:ident, $session:ident => $answer:expr) => {
        match &mut $connection.speaks {
            Speaks::Server($session) => $answer,
            Speaks::Client($session) => $answer,
            Speaks::WebSocket(..) => Err(Code::AvxErrorProtocol),
        }
    };
}

fn body(content_length: i64) -> Answer<BodyLen> {
    match content_length {
        -1 => Ok(BodyLen::Streaming),
        0 => Ok(BodyLen::Empty),
        n => u64::try_from(n).map(BodyLen::Exact).map_err(|_| Code::AvxErrorArgument),
    }
}

fn status(code: u32) -> Answer<Status> {
    u16::try_from(code).ok().and_then(Status::new).ok_or(Code::AvxErrorBadStatus)
}

impl Connection {
    /// Whether a user may speak HTTP on this stream: what a WebSocket sends and gets back is its own.
    fn is_http(&self, stream: u64) -> Answer {
        if self.tunnels.holds(StreamId(stream)) { Err(Code::AvxErrorWrongState) } else { Ok(()) }
    }

    /// The request was answered otherwise, if it asked for a WebSocket, or by a handshake of the caller's own.
    #[inline]
    fn answered(&mut self, stream: u64, status: Status) {
        if self.asking.is_empty() {
            return;
        }
        for asking in self.asking.iter_mut().filter(|asking| asking.stream.0 == stream) {
            asking.accepted = status == Status::SWITCHING_PROTOCOLS;
        }
        self.asking.retain(|asking| asking.stream.0 != stream || asking.accepted);
    }
}

/// Sends a request head, and says on which stream in `stream`. `content_length` is 0 for no content, -1 for a length that
/// is not known; content follows with avx_send_data and avx_send_end. `authority` becomes Host, or :authority. Fields that belong to one
/// connection (Host, Connection, Transfer-Encoding ...) are not to be passed on from another. `:protocol`, as the first
/// field, makes an extended CONNECT over HTTP/2 (RFC 8441).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_send_request(
    connection: *mut Connection,
    scratch: *mut Scratch,
    now: u64,
    method: Bytes,
    target: Bytes,
    authority: Bytes,
    fields: *const Field,
    fields_len: usize,
    content_length: i64,
    stream: *mut u64,
) -> i32 {
    // SAFETY: handles, bytes, lists and a place to write to, by the rules of the header.
    unsafe {
        with_both(connection, scratch, |c, s| {
            let method = Method::from_token(bytes(method.data, method.len)?);
            let (target, authority) =
                (bytes(target.data, target.len)?, bytes(authority.data, authority.len)?);
            let body = body(content_length)?;
            let id = with_fields(fields, fields_len, |fields| {
                let request = Request { method, target, authority, fields };
                http!(c, session => {
                    let (m, out) = session.parts(&mut s.core);
                    Ok(m.send_request(Instant::from_nanos(now), &request, body, out)?)
                })
            })?;
            put(stream, id.0);
            Ok(())
        })
    }
}

/// Sends an interim response: 100, 103, but not 101.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_send_informational(
    connection: *mut Connection,
    scratch: *mut Scratch,
    now: u64,
    stream: u64,
    status: u32,
    fields: *const Field,
    fields_len: usize,
) -> i32 {
    // SAFETY: handles and lists, by the rules of the header.
    unsafe {
        with_both(connection, scratch, |c, s| {
            let status = self::status(status)?;
            with_fields(fields, fields_len, |fields| {
                let response = Response::new(status, fields);
                http!(c, session => {
                    let (m, out) = session.parts(&mut s.core);
                    Ok(m.send_informational(Instant::from_nanos(now), StreamId(stream), &response, out)?)
                })
            })
        })
    }
}

/// Sends the final response head. `content_length` as above. `content_follows`, unless it is null, says whether content
/// and its end are to follow: they are not where method or status forbid what was announced.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_send_response(
    connection: *mut Connection,
    scratch: *mut Scratch,
    now: u64,
    stream: u64,
    status: u32,
    fields: *const Field,
    fields_len: usize,
    content_length: i64,
    content_follows: *mut bool,
) -> i32 {
    // SAFETY: handles, lists and a place to write to, by the rules of the header.
    unsafe {
        with_both(connection, scratch, |c, s| {
            let (status, body) = (self::status(status)?, body(content_length)?);
            let follows = with_fields(fields, fields_len, |fields| {
                let preset = s.preset.as_ref();
                let presets = preset.as_slice();
                let response = Response { presets, ..Response::new(status, fields) };
                http!(c, session => {
                    let (m, out) = session.parts(&mut s.core);
                    Ok(m.send_response(Instant::from_nanos(now), StreamId(stream), &response, body, out)?)
                })
            })?;
            put(content_follows, follows != BodyLen::Empty);
            c.answered(stream, status);
            Ok(())
        })
    }
}

/// Sends a whole response: head, content and end. AVX_ERROR_OUTPUT_FULL, AVX_ERROR_NO_CREDIT: it is too large for that,
/// now; send the head with avx_send_response, and the content in pieces.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_send_full(
    connection: *mut Connection,
    scratch: *mut Scratch,
    now: u64,
    stream: u64,
    status: u32,
    fields: *const Field,
    fields_len: usize,
    content: *const u8,
    content_len: usize,
) -> i32 {
    // SAFETY: handles, bytes and lists, by the rules of the header.
    unsafe {
        with_both(connection, scratch, |c, s| {
            let (status, content) = (self::status(status)?, bytes(content, content_len)?);
            with_fields(fields, fields_len, |fields| {
                let preset = s.preset.as_ref();
                let presets = preset.as_slice();
                let response = Response { presets, ..Response::new(status, fields) };
                http!(c, session => {
                    let (m, out) = session.parts(&mut s.core);
                    Ok(m.send_full(Instant::from_nanos(now), StreamId(stream), &response, content, out)?)
                })
            })?;
            c.answered(stream, status);
            Ok(())
        })
    }
}

/// Sends content, as much as room and credit allow, and says in `taken` how much that was: maybe nothing. What is left
/// goes out when something was written, or more credit has come: with avx_wants_write, avx_next_writable says when.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_send_data(
    connection: *mut Connection,
    scratch: *mut Scratch,
    now: u64,
    stream: u64,
    data: *const u8,
    len: usize,
    taken: *mut usize,
) -> i32 {
    // SAFETY: handles, bytes and a place to write to, by the rules of the header.
    unsafe {
        with_both(connection, scratch, |c, s| {
            put(taken, 0);
            let data = bytes(data, len)?;
            c.is_http(stream)?;
            let n = http!(c, session => {
                let (m, out) = session.parts(&mut s.core);
                Ok(m.send_data(Instant::from_nanos(now), StreamId(stream), data, out)?)
            })?;
            put(taken, n);
            Ok(())
        })
    }
}

/// Ends the message, with trailers where there is a place for them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_send_end(
    connection: *mut Connection,
    scratch: *mut Scratch,
    now: u64,
    stream: u64,
    trailers: *const Field,
    trailers_len: usize,
) -> i32 {
    // SAFETY: handles and lists, by the rules of the header.
    unsafe {
        with_both(connection, scratch, |c, s| {
            c.is_http(stream)?;
            with_fields(trailers, trailers_len, |trailers| {
                http!(c, session => {
                    let (m, out) = session.parts(&mut s.core);
                    Ok(m.send_end(Instant::from_nanos(now), StreamId(stream), trailers, out)?)
                })
            })
        })
    }
}

/// Gives an exchange up, with an error code of HTTP/2 (8 is CANCEL). Over HTTP/1.1 that ends the connection. Does
/// nothing where there is no such stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_reset(connection: *mut Connection, now: u64, stream: u64, code: u32) -> i32 {
    // SAFETY: a handle, by the rules of the header. (Nothing is written before the next step.)
    unsafe {
        with(connection, |c| {
            c.forget(StreamId(stream));
            http!(c, session => {
                session.machine_mut().reset(Instant::from_nanos(now), StreamId(stream), ErrorCode(code));
                Ok(())
            })
        })
    }
}

/// Content of so many bytes is used up: the peer may send as much more. More than is held counts as all of it. Ask
/// avx_next again behind it, because what was read already may have waited for this.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_release(connection: *mut Connection, stream: u64, len: usize) -> i32 {
    // SAFETY: a handle, by the rules of the header.
    unsafe {
        with(connection, |c| {
            c.is_http(stream)?;
            http!(c, session => {
                session.machine_mut().release(StreamId(stream), len.try_into().unwrap_or(u32::MAX));
                Ok(())
            })
        })
    }
}

/// There is no further business with an exchange: what comes of its content is not waited for. Due once behind
/// AVX_EVENT_RESET, and for those who do not read content to its end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_done(connection: *mut Connection, now: u64, stream: u64) -> i32 {
    // SAFETY: a handle, by the rules of the header.
    unsafe {
        with(connection, |c| {
            c.forget(StreamId(stream));
            http!(c, session => {
                session.machine_mut().done(Instant::from_nanos(now), StreamId(stream));
                Ok(())
            })
        })
    }
}

/// Whether there is content for this stream that waits to be sent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_wants_write(connection: *mut Connection, stream: u64, yes: bool) -> i32 {
    // SAFETY: a handle, by the rules of the header.
    unsafe {
        with(connection, |c| {
            c.is_http(stream)?;
            http!(c, session => {
                session.machine_mut().wants_write(StreamId(stream), yes);
                Ok(())
            })
        })
    }
}

/// The stream to write next, by priority, among those that want to and have credit; 0 if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_next_writable(connection: *mut Connection) -> u64 {
    guard_or(0, || {
        // SAFETY: a handle, by the rules of the header.
        let c = unsafe { borrow(connection) }?;
        http!(c, session => {
            Ok(session.machine_mut().next_writable().map_or(0, |stream| stream.0))
        })
    })
}

/// The date of so many seconds since 1970 as a Date field has it, 29 bytes into `date`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_date(unix_seconds: u64, date: *mut u8) -> i32 {
    crate::border::guard(|| {
        // SAFETY: null, or room for 29 bytes, by the rules of the header.
        let place = unsafe { borrow(date.cast::<[u8; 29]>()) }?;
        *place = *avx_core::Date::from_unix(unix_seconds).as_bytes();
        Ok(())
    })
}
