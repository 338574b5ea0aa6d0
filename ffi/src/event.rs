//! What happens: one struct for all events, with what does not belong to one of them left at zero.

use crate::border::{Answer, borrow, with_both};
use crate::{Code, Connection, Scratch, Speaks};
use avx_core::ws::handshake::{self, Handshake};
use avx_core::ws::key::MaskKeys;
use avx_core::{
    BodyLen, Fields, Http, Initiator, Instant, Machine, Output, Protocol, RequestHead, ResponseHead, Session,
    Version, ws,
};
use core::ptr;

/// Bytes, not ended by a NUL. Null only if `len` is 0.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Bytes {
    /// The first one.
    pub data: *const u8,
    /// How many.
    pub len: usize,
}

/// A field line, received or to send.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name; compared without regard to case.
    pub name: Bytes,
    /// Its value, without whitespace around it.
    pub value: Bytes,
    /// To send: 1 keeps the value out of the state of compression (RFC 7541, section 7.1.3), else 0.
    pub sensitive: u32,
}

/// What an event is.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::enum_variant_names, reason = "these are the names that C has")]
pub enum EventKind {
    /// Never told.
    AvxEventNone = 0,
    /// A request head: method, target, path, query, authority, version, fields, content_length, expects_continue,
    /// websocket.
    AvxEventRequest = 1,
    /// An interim response (client): status, reason, version, fields.
    AvxEventInformational = 2,
    /// A final response head, or 101: the same and content_length.
    AvxEventResponse = 3,
    /// A piece of content: data. Give its length back with avx_release when it is used up, or nothing more comes.
    AvxEventData = 4,
    /// The message is complete: fields are its trailers, dropped counts those left out.
    AvxEventEnd = 5,
    /// The exchange is over before its end: code, by_peer. Call avx_done when all work on it has ended.
    AvxEventReset = 6,
    /// The peer takes no new exchanges: stream is the last one it may process, code why, data what it says.
    AvxEventGoAway = 7,
    /// Another protocol goes on, in code: 1 HTTP/2, 2 WebSocket, 3 anything. Its first bytes are with avx_unread; from
    /// now on the caller reads and writes itself, once the output has left. Not told of a WebSocket that this library
    /// goes on with.
    AvxEventSwitched = 8,
    /// The connection is a WebSocket from now on.
    AvxEventOpen = 20,
    /// A piece of a message: data, text, last.
    AvxEventMessage = 21,
    /// A ping, which is answered already: data.
    AvxEventPing = 22,
    /// A pong: data.
    AvxEventPong = 23,
    /// The peer's close frame, which is answered already: code, data is its reason.
    AvxEventClose = 24,
}

/// What happened. Which members mean something, its kind says; all others are zero.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// What it is.
    pub kind: EventKind,
    /// 10, 11 or 20.
    pub version: u32,
    /// The exchange it belongs to.
    pub stream: u64,
    /// Content to come, bytes; 0 for none, -1 if that is not known.
    pub content_length: i64,
    /// Status code.
    pub status: u32,
    /// Why: an error code of HTTP/2 (RFC 9113, section 7), a close code of WebSocket (RFC 6455, section 7.4).
    pub code: u32,
    /// Method of the request.
    pub method: Bytes,
    /// Its target as received.
    pub target: Bytes,
    /// The path in that.
    pub path: Bytes,
    /// The query in that, without the question mark. Null if there is none.
    pub query: Bytes,
    /// The authority addressed.
    pub authority: Bytes,
    /// Reason phrase of the response.
    pub reason: Bytes,
    /// Content, a piece of a message, what a ping carries, or the reason of a close.
    pub data: Bytes,
    /// Field lines, in the order received.
    pub fields: *const Field,
    /// How many.
    pub fields_len: usize,
    /// Trailers left out, because they must not stand there.
    pub dropped: u32,
    /// The client waits for 100 (Continue) before it sends the content.
    pub expects_continue: bool,
    /// The request is a valid handshake of WebSocket: avx_websocket_reply accepts it.
    pub websocket: bool,
    /// The message is a text.
    pub text: bool,
    /// It ends with this piece.
    pub last: bool,
    /// The peer has reset the exchange.
    pub by_peer: bool,
}

const NONE: Bytes = Bytes { data: ptr::null(), len: 0 };

impl Event {
    pub(crate) const NOTHING: Event = Event {
        kind: EventKind::AvxEventNone,
        version: 0,
        stream: 0,
        content_length: 0,
        status: 0,
        code: 0,
        method: NONE,
        target: NONE,
        path: NONE,
        query: NONE,
        authority: NONE,
        reason: NONE,
        data: NONE,
        fields: ptr::null(),
        fields_len: 0,
        dropped: 0,
        expects_continue: false,
        websocket: false,
        text: false,
        last: false,
        by_peer: false,
    };
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Bytes { data: bytes.as_ptr(), len: bytes.len() }
    }
}

/// Room that has to be left in the output before a request is told of, so that its head can be answered at once.
const ROOM: usize = 16 << 10;

/// The next event into `event`, which belongs to the scratch; null when there is none before something was read or
/// written. Allocates nothing beyond what the header says.
///
/// There is none either while less than 16 KiB of room are left in the output (64 KiB), or for a WebSocket less than an
/// echo of what was read takes: a head of 16 KiB, or an echo, always finds room while its event is held.
///
/// AVX_ERROR_PEER: the peer broke the protocol; AVX_ERROR_HANDSHAKE: it did in answering a handshake. Both stay. The
/// answer that is due is written by itself: go on with the steps.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_next(
    connection: *mut Connection,
    scratch: *mut Scratch,
    now: u64,
    event: *mut *const Event,
) -> i32 {
    // SAFETY: handles and a place to write to, by the rules of the header.
    unsafe {
        with_both(connection, scratch, |c, s| {
            let event = borrow(event)?;
            *event = ptr::null();
            if let Some(told) = next(c, s, Instant::from_nanos(now))? {
                s.event.write(told);
                *event = s.event.as_ptr();
            }
            Ok(())
        })
    }
}

/// The next event, if there is one.
fn next(c: &mut Connection, s: &mut Scratch, now: Instant) -> Answer<Option<Event>> {
    if c.failed {
        return Err(Code::AvxErrorHandshake);
    }
    let mut event = Event::NOTHING;
    loop {
        let told = match &mut c.speaks {
            Speaks::Server(session) => {
                let told = turn_http(session, s, now, &mut event, |head, event| {
                    // Nearly no request is one: the rest is not looked at.
                    if head.version() == Version::Http11 && head.upgrade().is_some() {
                        let reply = handshake::reply(head);
                        event.websocket = reply.accepts();
                        c.reply = Some((avx_core::StreamId(event.stream), reply));
                    }
                })?;
                if told == Some(false) && !c.told && session.switched() == Some(Protocol::WebSocket) {
                    let next = session.hand_over(ws::Server::new(c.config.clone(), now));
                    c.speaks = Speaks::WebSocketServer(next);
                    c.reply = None;
                    return Ok(Some(Event { kind: EventKind::AvxEventOpen, ..Event::NOTHING }));
                }
                told
            }
            Speaks::Client(session) => {
                let asked = &mut c.asked;
                let mut answer = Ok(());
                let told = turn_client(session, s, now, &mut event, &mut |stream, head| {
                    let Some(handshake) = asked.as_mut().filter(|asked| asked.stream == stream) else {
                        return;
                    };
                    let said = Handshake::new(handshake.nonce).protocols(&handshake.protocols);
                    match said.check(head) {
                        Ok(_) => handshake.accepted = true,
                        Err(handshake::Failure::Status(_)) => *asked = None,
                        Err(_) => answer = Err(Code::AvxErrorHandshake),
                    }
                })?;
                if answer.is_err() {
                    c.failed = true;
                    return answer.map(|()| None);
                }
                let goes_on =
                    told == Some(false) && !c.told && session.switched() == Some(Protocol::WebSocket);
                if let Some(asked) = c.asked.take_if(|asked| goes_on && asked.accepted) {
                    let keys = MaskKeys::new(asked.seed);
                    let next = session.hand_over(ws::Client::new(c.config.clone(), now, keys));
                    c.speaks = Speaks::WebSocketClient(next);
                    return Ok(Some(Event { kind: EventKind::AvxEventOpen, ..Event::NOTHING }));
                }
                told
            }
            Speaks::WebSocketServer(session) => turn_websocket(session, s, now, &mut event)?,
            Speaks::WebSocketClient(session) => turn_websocket(session, s, now, &mut event)?,
        };
        match told {
            Some(true) => return Ok(Some(event)),
            // One that C is not told of.
            None => {}
            Some(false) => return Ok(switched(c)),
        }
    }
}

/// Tells once of a protocol that this library does not go on with.
fn switched(c: &mut Connection) -> Option<Event> {
    let to = crate::session!(c, session => session.switched()).filter(|_| !c.told)?;
    c.told = true;
    let code = match to {
        Protocol::Http2 => 1,
        Protocol::WebSocket => 2,
        _ => 3,
    };
    Some(Event { kind: EventKind::AvxEventSwitched, code, ..Event::NOTHING })
}

/// Whether so much can be written beside what waits.
fn has_room<M: Machine>(session: &mut Session<M>, s: &mut Scratch, room: usize) -> bool {
    let (_, out) = session.parts(&mut s.core);
    out.is_empty() || out.room() >= room
}

/// A turn of a server: `Some(true)` for an event, `None` for one that is none to C, `Some(false)` for the rest.
fn turn_http(
    session: &mut Session<avx_core::any::Server>,
    s: &mut Scratch,
    now: Instant,
    told: &mut Event,
    on_request: impl FnOnce(&RequestHead<'_>, &mut Event),
) -> Answer<Option<bool>> {
    let mut on_request = Some(on_request);
    turn(session, s, now, told, &mut |event, told| {
        if let (avx_core::Event::Request { head, .. }, Some(on_request)) = (event, on_request.take()) {
            on_request(head, told);
        }
    })
}

/// What a client does with a response head.
type OnResponse<'a> = &'a mut dyn FnMut(avx_core::StreamId, &ResponseHead<'_>);

fn turn_client(
    session: &mut Session<avx_core::any::Client>,
    s: &mut Scratch,
    now: Instant,
    told: &mut Event,
    on_response: OnResponse<'_>,
) -> Answer<Option<bool>> {
    turn(session, s, now, told, &mut |event, _| {
        if let avx_core::Event::Response { stream, head, .. } = event {
            on_response(*stream, head);
        }
    })
}

/// What is done with an event before it is told.
type Look<'a> = &'a mut dyn FnMut(&avx_core::Event<'_>, &mut Event);

fn turn<M: Http>(
    session: &mut Session<M>,
    s: &mut Scratch,
    now: Instant,
    told: &mut Event,
    look: Look<'_>,
) -> Answer<Option<bool>> {
    if !has_room(session, s, ROOM) {
        return Ok(Some(false));
    }
    let Scratch { core, fields, .. } = s;
    let Some(turn) = session.turn(now, core).map_err(|_| Code::AvxErrorPeer)? else { return Ok(Some(false)) };
    Ok(if tell(&turn.event, told, fields) {
        look(&turn.event, told);
        Some(true)
    } else {
        None
    })
}

/// Fills in what C is told. Says whether it is told of this event.
fn tell(event: &avx_core::Event<'_>, told: &mut Event, lines: &mut Vec<Field>) -> bool {
    use avx_core::Event as E;
    *told = match event {
        E::Request { stream, head, body } => Event {
            kind: EventKind::AvxEventRequest,
            stream: stream.0,
            version: version(head.version()),
            content_length: content_length(*body),
            method: head.method().as_bytes().into(),
            target: head.target().into(),
            path: head.path().into(),
            query: head.query().map_or(NONE, Bytes::from),
            authority: head.authority().into(),
            expects_continue: head.expect_continue(),
            ..with_fields(head.fields(), lines)
        },
        E::Informational { stream, head } => {
            Event { kind: EventKind::AvxEventInformational, stream: stream.0, ..response(head, lines) }
        }
        E::Response { stream, head, body } => Event {
            kind: EventKind::AvxEventResponse,
            stream: stream.0,
            content_length: content_length(*body),
            ..response(head, lines)
        },
        E::Data { stream, data, .. } => {
            let data: &[u8] = data;
            Event { kind: EventKind::AvxEventData, stream: stream.0, data: data.into(), ..Event::NOTHING }
        }
        E::End { stream, trailers, dropped } => Event {
            kind: EventKind::AvxEventEnd,
            stream: stream.0,
            dropped: (*dropped).into(),
            ..with_fields(*trailers, lines)
        },
        E::Reset { stream, code, by } => Event {
            kind: EventKind::AvxEventReset,
            stream: stream.0,
            code: code.0,
            by_peer: *by == Initiator::Remote,
            ..Event::NOTHING
        },
        E::GoAway { last, code, debug } => Event {
            kind: EventKind::AvxEventGoAway,
            stream: last.0,
            code: code.0,
            data: (*debug).into(),
            ..Event::NOTHING
        },
        // Priorities, settings, promises (never asked for) and raw views.
        _ => return false,
    };
    true
}

fn response(head: &ResponseHead<'_>, lines: &mut Vec<Field>) -> Event {
    Event {
        version: version(head.version()),
        status: head.status().code().into(),
        reason: head.reason().into(),
        ..with_fields(head.fields(), lines)
    }
}

fn with_fields(fields: Fields<'_>, lines: &mut Vec<Field>) -> Event {
    lines.clear();
    lines.extend(fields.iter().map(|f| Field { name: f.name.into(), value: f.value.into(), sensitive: 0 }));
    Event { fields: lines.as_ptr(), fields_len: lines.len(), ..Event::NOTHING }
}

fn version(version: Version) -> u32 {
    match version {
        Version::Http10 => 10,
        Version::Http11 => 11,
        _ => 20,
    }
}

fn content_length(body: BodyLen) -> i64 {
    match body {
        BodyLen::Empty => 0,
        BodyLen::Exact(n) => n.try_into().unwrap_or(i64::MAX),
        BodyLen::Streaming => -1,
    }
}

fn turn_websocket<M>(
    session: &mut Session<M>,
    s: &mut Scratch,
    now: Instant,
    told: &mut Event,
) -> Answer<Option<bool>>
where
    M: for<'b> Machine<Event<'b> = ws::Event<'b>>,
{
    // The header of a frame, and the echo of a piece, which is no longer than what was read.
    let room = session.unread().len() + 32;
    if !has_room(session, s, room) {
        return Ok(Some(false));
    }
    let core = &mut s.core;
    let Some(turn) = session.turn(now, core).map_err(|_| Code::AvxErrorPeer)? else { return Ok(Some(false)) };
    *told = match turn.event {
        ws::Event::Data { kind, data, last } => {
            let data: &[u8] = data;
            let text = kind == ws::Kind::Text;
            Event { kind: EventKind::AvxEventMessage, data: data.into(), text, last, ..Event::NOTHING }
        }
        ws::Event::Ping { data } => {
            Event { kind: EventKind::AvxEventPing, data: data.into(), ..Event::NOTHING }
        }
        ws::Event::Pong { data } => {
            Event { kind: EventKind::AvxEventPong, data: data.into(), ..Event::NOTHING }
        }
        ws::Event::Close { code, reason } => Event {
            kind: EventKind::AvxEventClose,
            code: code.0.into(),
            data: reason.as_bytes().into(),
            ..Event::NOTHING
        },
        _ => return Ok(None),
    };
    Ok(Some(true))
}
