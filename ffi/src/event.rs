//! What happens: one struct for all events, with what does not belong to one of them left at zero.

use crate::Code;
use crate::border::{bytes, guard_or, list};
use avx_core::{BodyLen, Fields, Initiator, ResponseHead, Version};
use core::ffi::{CStr, c_char};
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

/// What an event is. A library of the same ABI may tell of others later: they are to be ignored.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::enum_variant_names, reason = "these are the names that C has")]
pub enum EventKind {
    /// Never told.
    AvxEventNone = 0,
    /// A request head: method, target, path, query, authority, version, fields, content_length, expects_continue,
    /// websocket, upgrade, scheme.
    AvxEventRequest = 1,
    /// An interim response (client): status, reason, version, fields.
    AvxEventInformational = 2,
    /// A final response head, or 101: the same and content_length.
    AvxEventResponse = 3,
    /// A piece of content: data. Give its length back with avx_release when it is used up, or nothing more comes.
    AvxEventData = 4,
    /// The message is complete: fields are its trailers, dropped counts those left out.
    AvxEventEnd = 5,
    /// The exchange is over before its end: code, by_peer. Call avx_done when all work on it has ended. Of a WebSocket
    /// that did not end in order, reason says why, if its peer broke the protocol.
    AvxEventReset = 6,
    /// The peer takes no new exchanges: stream is the last one it may process, code why, data what it says.
    AvxEventGoAway = 7,
    /// Another protocol goes on, in code: 1 HTTP/2, 2 WebSocket, 3 anything. Its first bytes are with avx_unread; from
    /// now on the caller reads and writes itself, once the output has left. Not told of a WebSocket that this library
    /// goes on with.
    AvxEventSwitched = 8,
    /// The settings of a server of HTTP/2 have come, or new ones: websocket says whether it takes avx_websocket_request.
    AvxEventSettings = 9,
    /// This is a WebSocket from now on: over HTTP/1.1 the connection, over HTTP/2 the stream. That ends with
    /// AVX_EVENT_END when it was closed in order, and otherwise with AVX_EVENT_RESET; the connection with its last step.
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

/// The field line of that name, the first of several; null if there is none. `name` ends with a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_field_named(
    fields: *const Field,
    fields_len: usize,
    name: *const c_char,
) -> *const Field {
    guard_or(ptr::null(), || {
        // SAFETY: a list and text, by the rules of the header.
        let (fields, name) = unsafe {
            if name.is_null() {
                return Err(Code::AvxErrorNull);
            }
            (list(fields, fields_len)?, CStr::from_ptr(name).to_bytes())
        };
        let found = fields.iter().find(|field| {
            // SAFETY: what each line points to, by the rules of the header.
            unsafe { bytes(field.name.data, field.name.len) }.is_ok_and(|of| of.eq_ignore_ascii_case(name))
        });
        Ok(found.map_or(ptr::null(), ptr::from_ref))
    })
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
    /// The protocols that the request asks to go on with: the first Upgrade line, or what an extended CONNECT names.
    pub upgrade: Bytes,
    /// The scheme of the request, where it says one.
    pub scheme: Bytes,
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
        upgrade: NONE,
        scheme: NONE,
    };
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Bytes { data: bytes.as_ptr(), len: bytes.len() }
    }
}

/// Fills in what C is told. Says whether it is told of this event.
pub(crate) fn tell(event: &avx_core::Event<'_>, told: &mut Event, lines: &mut Vec<Field>) -> bool {
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
            told.upgrade = head.upgrade().map_or(NONE, Bytes::from);
            told.scheme = head.scheme().map_or(NONE, Bytes::from);
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
        E::SettingsChanged { settings } => {
            told.begin(EventKind::AvxEventSettings, 0);
            told.websocket = settings.enable_connect_protocol;
        }
        // Priorities, promises (never asked for) and raw views.
        _ => return false,
    }
    true
}

impl Event {
    pub(crate) fn begin(&mut self, kind: EventKind, stream: u64) {
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
