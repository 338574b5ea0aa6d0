//! What happens: one struct for all events, with what does not belong to one of them left at zero.

use crate::border::{Answer, borrow, with_both};
use crate::connection::Asked;
use crate::{Code, Connection, Scratch, Speaks};
use avx_core::ws::handshake::{self, Handshake};
use avx_core::ws::key::MaskKeys;
use avx_core::{
    BodyLen, Fields, Http, Initiator, Instant, Machine, Protocol, ResponseHead, Session, Version, ws,
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
            let place = s.event;
            // What was told before is not valid any more, so that nobody else looks at this.
            if next(c, s, Instant::from_nanos(now), &mut *place.as_ptr())? {
                *event = place.as_ptr();
            }
            Ok(())
        })
    }
}

/// Puts the next event into `event`. Says whether there was one.
fn next(c: &mut Connection, s: &mut Scratch, now: Instant, event: &mut Event) -> Answer<bool> {
    if c.failed {
        return Err(Code::AvxErrorHandshake);
    }
    loop {
        let told = match &mut c.speaks {
            Speaks::Server(session) => {
                let told = turn(session, s, now, event, &mut |seen, event| {
                    // Nearly no request is a handshake: the rest is not looked at.
                    if let avx_core::Event::Request { stream, head, .. } = seen {
                        if head.version() == Version::Http11 && head.upgrade().is_some() {
                            let reply = handshake::reply(head);
                            event.websocket = reply.accepts();
                            c.reply = Some((*stream, reply));
                        }
                    }
                })?;
                if told == Told::Nothing && !c.told && session.switched() == Some(Protocol::WebSocket) {
                    let next = session.hand_over(ws::Server::new(c.config.clone(), now));
                    (c.speaks, c.reply) = (Speaks::WebSocketServer(next), None);
                    event.begin(EventKind::AvxEventOpen, 0);
                    return Ok(true);
                }
                told
            }
            Speaks::Client(session) => {
                let told = turn(session, s, now, event, &mut |seen, _| {
                    if let avx_core::Event::Response { stream, head, .. } = seen {
                        c.failed = c.asked.as_ref().is_some_and(|asked| asked.stream == *stream)
                            && !is_answered(&mut c.asked, head);
                    }
                })?;
                if c.failed {
                    return Err(Code::AvxErrorHandshake);
                }
                let goes_on =
                    told == Told::Nothing && !c.told && session.switched() == Some(Protocol::WebSocket);
                if let Some(asked) = c.asked.take_if(|asked| goes_on && asked.accepted) {
                    let keys = MaskKeys::new(asked.seed);
                    let next = session.hand_over(ws::Client::new(c.config.clone(), now, keys));
                    c.speaks = Speaks::WebSocketClient(next);
                    event.begin(EventKind::AvxEventOpen, 0);
                    return Ok(true);
                }
                told
            }
            Speaks::WebSocketServer(session) => turn_websocket(session, s, now, event)?,
            Speaks::WebSocketClient(session) => turn_websocket(session, s, now, event)?,
        };
        match told {
            Told::Event => return Ok(true),
            Told::Skipped => {}
            Told::Nothing => return Ok(switched(c, event)),
        }
    }
}

/// What a turn came to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Event,
    /// One that C is not told of.
    Skipped,
    Nothing,
}

/// Looks at the response to a handshake: another status ends it, one that accepts it has to be right.
fn is_answered(asked: &mut Option<Box<Asked>>, head: &ResponseHead<'_>) -> bool {
    let Some(handshake) = asked else { return true };
    match Handshake::new(handshake.nonce).protocols(&handshake.protocols).check(head) {
        Ok(_) => handshake.accepted = true,
        Err(handshake::Failure::Status(_)) => *asked = None,
        Err(_) => return false,
    }
    true
}

/// Tells once of a protocol that this library does not go on with.
fn switched(c: &mut Connection, event: &mut Event) -> bool {
    let Some(to) = crate::session!(c, session => session.switched()).filter(|_| !c.told) else {
        return false;
    };
    c.told = true;
    event.begin(EventKind::AvxEventSwitched, 0);
    event.code = match to {
        Protocol::Http2 => 1,
        Protocol::WebSocket => 2,
        _ => 3,
    };
    true
}

/// What is done with an event before it is told.
type Look<'a> = &'a mut dyn FnMut(&avx_core::Event<'_>, &mut Event);

fn turn<M: Http>(
    session: &mut Session<M>,
    s: &mut Scratch,
    now: Instant,
    told: &mut Event,
    look: Look<'_>,
) -> Answer<Told> {
    let Scratch { core, fields, .. } = s;
    let turn = session.turn_with_room(now, core, ROOM).map_err(|_| Code::AvxErrorPeer)?;
    let Some(turn) = turn else { return Ok(Told::Nothing) };
    if !tell(&turn.event, told, fields) {
        return Ok(Told::Skipped);
    }
    look(&turn.event, told);
    Ok(Told::Event)
}

/// Fills in what C is told. Says whether it is told of this event.
fn tell(event: &avx_core::Event<'_>, told: &mut Event, lines: &mut Vec<Field>) -> bool {
    use avx_core::Event as E;
    match event {
        E::Request { stream, head, body } => {
            told.begin(EventKind::AvxEventRequest, stream.0);
            told.version = version(head.version());
            told.content_length = content_length(*body);
            told.method = head.method().as_bytes().into();
            told.target = head.target().into();
            told.path = head.path().into();
            told.query = head.query().map_or(NONE, Bytes::from);
            told.authority = head.authority().into();
            told.expects_continue = head.expect_continue();
            told.tell_fields(head.fields(), lines);
        }
        E::Informational { stream, head } => {
            told.begin(EventKind::AvxEventInformational, stream.0);
            told.tell_response(head, lines);
        }
        E::Response { stream, head, body } => {
            told.begin(EventKind::AvxEventResponse, stream.0);
            told.content_length = content_length(*body);
            told.tell_response(head, lines);
        }
        E::Data { stream, data, .. } => {
            told.begin(EventKind::AvxEventData, stream.0);
            told.data = (&**data).into();
        }
        E::End { stream, trailers, dropped } => {
            told.begin(EventKind::AvxEventEnd, stream.0);
            told.dropped = (*dropped).into();
            told.tell_fields(*trailers, lines);
        }
        E::Reset { stream, code, by } => {
            told.begin(EventKind::AvxEventReset, stream.0);
            told.code = code.0;
            told.by_peer = *by == Initiator::Remote;
        }
        E::GoAway { last, code, debug } => {
            told.begin(EventKind::AvxEventGoAway, last.0);
            told.code = code.0;
            told.data = (*debug).into();
        }
        // Priorities, settings, promises (never asked for) and raw views.
        _ => return false,
    }
    true
}

impl Event {
    fn begin(&mut self, kind: EventKind, stream: u64) {
        *self = Event::NOTHING;
        (self.kind, self.stream) = (kind, stream);
    }

    fn tell_response(&mut self, head: &ResponseHead<'_>, lines: &mut Vec<Field>) {
        self.version = version(head.version());
        self.status = head.status().code().into();
        self.reason = head.reason().into();
        self.tell_fields(head.fields(), lines);
    }

    fn tell_fields(&mut self, fields: Fields<'_>, lines: &mut Vec<Field>) {
        lines.clear();
        lines.extend(fields.iter().map(|f| Field {
            name: f.name.into(),
            value: f.value.into(),
            sensitive: 0,
        }));
        (self.fields, self.fields_len) = (lines.as_ptr(), lines.len());
    }
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
) -> Answer<Told>
where
    M: for<'b> Machine<Event<'b> = ws::Event<'b>>,
{
    // The header of a frame, and the echo of a piece, which is no longer than what was read.
    let room = session.unread().len() + 32;
    let turn = session.turn_with_room(now, &mut s.core, room).map_err(|_| Code::AvxErrorPeer)?;
    let Some(turn) = turn else { return Ok(Told::Nothing) };
    match turn.event {
        ws::Event::Data { kind, data, last } => {
            told.begin(EventKind::AvxEventMessage, 0);
            told.data = (&*data).into();
            (told.text, told.last) = (kind == ws::Kind::Text, last);
        }
        ws::Event::Ping { data } => {
            told.begin(EventKind::AvxEventPing, 0);
            told.data = data.into();
        }
        ws::Event::Pong { data } => {
            told.begin(EventKind::AvxEventPong, 0);
            told.data = data.into();
        }
        ws::Event::Close { code, reason } => {
            told.begin(EventKind::AvxEventClose, 0);
            told.code = code.0.into();
            told.data = reason.as_bytes().into();
        }
        _ => return Ok(Told::Skipped),
    }
    Ok(Told::Event)
}
