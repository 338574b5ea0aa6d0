//! Handles: a connection, and the memory of a thread.

use crate::border::{Answer, Handle, borrow, guard, guard_or, look, with, with_fields};
use crate::opening::{Asked, Asking};
use crate::tunnel::Tunnels;
use crate::{Code, Config, Event, Field};
use avx_core::ws::handshake::Failure;
use avx_core::ws::key::MaskKeys;
use avx_core::{Drive, Instant, Preset, Session, StreamId, any, ws};
use core::ffi::{CStr, c_char};
use core::ptr::{self, NonNull};
use std::ffi::CString;
use std::sync::{Arc, OnceLock};

/// The memory of a thread: what events borrow, and spare buffers of connections. Some 512 KiB at most, plus one head.
pub struct Scratch {
    pub(crate) core: avx_core::Scratch,
    /// What was told last: memory of its own, which the caller may look at while this struct is changed.
    pub(crate) event: NonNull<Event>,
    pub(crate) fields: Vec<Field>,
    /// What every response carries, if anything.
    pub(crate) preset: Option<Preset>,
    busy: bool,
}

/// One end of a connection, whatever it speaks at the moment.
pub struct Connection {
    pub(crate) speaks: Speaks,
    pub(crate) config: Arc<avx_core::Config>,
    /// Memory that was lent for reading.
    pub(crate) lent: usize,
    /// Requests that ask for a WebSocket, until they are answered: one, or some of those that HTTP/2 has open.
    pub(crate) asking: Vec<Asking>,
    /// Handshakes that this end has begun, until they are answered.
    pub(crate) asked: Vec<Asked>,
    /// WebSockets on streams of HTTP/2.
    pub(crate) tunnels: Tunnels,
    /// The switch to another protocol was told of.
    pub(crate) told: bool,
    /// How the answer to the handshake that would have taken the whole connection breaks its rules.
    pub(crate) failed: Option<Failure>,
    busy: bool,
}

pub(crate) enum Speaks {
    Server(Session<any::Server>),
    Client(Session<any::Client>),
    /// And the stream of its handshake.
    WebSocket(StreamId, Socket),
}

/// One end of a WebSocket, wherever its bytes come from.
pub(crate) enum Socket {
    Server(Session<ws::Server>),
    Client(Session<ws::Client>),
}

/// Whichever end of a WebSocket it is.
macro_rules! socket {
    ($socket:expr, $session:ident => $answer:expr) => {
        match $socket {
            crate::Socket::Server($session) => $answer,
            crate::Socket::Client($session) => $answer,
        }
    };
}

/// Whatever machine a session has, as far as all of them are alike.
macro_rules! session {
    ($connection:ident, $session:ident => $answer:expr) => {
        match &mut $connection.speaks {
            crate::Speaks::Server($session) => $answer,
            crate::Speaks::Client($session) => $answer,
            crate::Speaks::WebSocket(_, crate::Socket::Server($session)) => $answer,
            crate::Speaks::WebSocket(_, crate::Socket::Client($session)) => $answer,
        }
    };
}
pub(crate) use {session, socket};

impl Handle for Connection {
    fn busy(&mut self) -> &mut bool {
        &mut self.busy
    }
}

impl Handle for Scratch {
    fn busy(&mut self) -> &mut bool {
        &mut self.busy
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // SAFETY: it was leaked when this scratch was made, and is freed here alone.
        drop(unsafe { Box::from_raw(self.event.as_ptr()) });
    }
}

impl Connection {
    pub(crate) fn wire(&mut self) -> &mut dyn Drive {
        session!(self, session => session)
    }

    /// The WebSocket of a stream, or the one that the connection is.
    pub(crate) fn socket(&mut self, stream: u64) -> Answer<&mut Socket> {
        match &mut self.speaks {
            Speaks::WebSocket(of, socket) if of.0 == stream => Ok(socket),
            Speaks::WebSocket(..) => Err(Code::AvxErrorUnknownStream),
            _ => self.tunnels.socket(StreamId(stream)).ok_or(Code::AvxErrorProtocol),
        }
    }

    /// There is no WebSocket to come of this stream, nor one any more.
    pub(crate) fn forget(&mut self, stream: StreamId) {
        self.asking.retain(|asking| asking.stream != stream);
        self.asked.retain(|asked| asked.stream != stream);
        self.tunnels.remove(stream);
    }
}

/// Makes a connection with what the configuration says, or the defaults if that is null.
///
/// # Safety
/// `config` is null or a handle; `place` is null or may be written to.
unsafe fn make(
    config: *const Config,
    place: *mut *mut Connection,
    speaks: impl FnOnce(&Arc<avx_core::Config>) -> Answer<Speaks>,
) -> i32 {
    guard(|| {
        // SAFETY: the caller's promise.
        let place = unsafe { borrow(place) }?;
        *place = ptr::null_mut();
        let config = if config.is_null() {
            Arc::default()
        } else {
            // SAFETY: the caller's promise.
            unsafe { look(config) }?.shared.clone()
        };
        *place = Box::into_raw(Box::new(Connection {
            speaks: speaks(&config)?,
            config,
            lent: 0,
            asking: Vec::new(),
            asked: Vec::new(),
            tunnels: Tunnels::default(),
            told: false,
            failed: None,
            busy: false,
        }));
        Ok(())
    })
}

/// What `avx_server_new` and others take the version from.
fn http2(version: u32) -> Answer<bool> {
    match version {
        11 => Ok(false),
        20 => Ok(true),
        _ => Err(Code::AvxErrorArgument),
    }
}

/// The memory of a thread; free it with avx_scratch_free.
#[unsafe(no_mangle)]
pub extern "C" fn avx_scratch_new() -> *mut Scratch {
    guard_or(ptr::null_mut(), || {
        Ok(Box::into_raw(Box::new(Scratch {
            core: avx_core::Scratch::new(),
            event: NonNull::from(Box::leak(Box::new(Event::NOTHING))),
            fields: Vec::new(),
            preset: None,
            busy: false,
        })))
    })
}

/// Frees it. Connections that were used with it go on with another one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_scratch_free(scratch: *mut Scratch) {
    guard(|| {
        if !scratch.is_null() {
            // SAFETY: it comes from `avx_scratch_new`, and the caller frees it once.
            drop(unsafe { Box::from_raw(scratch) });
        }
        Ok(())
    });
}

/// Field lines that every response sent with this scratch carries, unless it has a line of that name itself: Server, and
/// Date, to be set anew each second (avx_date). Checked here once, and copied as bytes from then on. Replaces those set
/// before; none at first. Allocates.
///
/// AVX_ERROR_BAD_FIELD_NAME, AVX_ERROR_BAD_FIELD_VALUE; AVX_ERROR_FRAMING_FIELD: a field that depends on the message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_preset(scratch: *mut Scratch, fields: *const Field, fields_len: usize) -> i32 {
    // SAFETY: a handle and a list, by the rules of the header.
    unsafe {
        with(scratch, |s| {
            let preset = with_fields(fields, fields_len, |fields| Ok(Preset::new(fields)?))?;
            s.preset = Some(preset).filter(|_| fields_len > 0);
            Ok(())
        })
    }
}

/// The server's end of a connection accepted at `now`, into `connection`. `version` 0 is HTTP/1.1 or HTTP/2, whichever
/// the client begins with; 20 is HTTP/2 alone, as agreed on by ALPN. `config` may be null for the defaults.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_server_new(
    config: *const Config,
    version: u32,
    now: u64,
    connection: *mut *mut Connection,
) -> i32 {
    let speaks = |config: &Arc<avx_core::Config>| {
        let (own, now) = (config.clone(), Instant::from_nanos(now));
        let machine = match version {
            0 => any::Server::new(own, now),
            20 => any::Server::http2(own, now),
            _ => return Err(Code::AvxErrorArgument),
        };
        Ok(Speaks::Server(Session::new(machine, config)))
    };
    // SAFETY: a handle and a place to write to, by the rules of the header.
    unsafe { make(config, connection, speaks) }
}

/// The client's end of a connection opened at `now`, into `connection`. `version` is 11 or 20, as agreed on by ALPN or
/// known; `secure` says that it is one over TLS, so that requests of HTTP/2 have the scheme https. `config` may be null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_client_new(
    config: *const Config,
    version: u32,
    secure: bool,
    now: u64,
    connection: *mut *mut Connection,
) -> i32 {
    let speaks = |config: &Arc<avx_core::Config>| {
        let (own, now) = (config.clone(), Instant::from_nanos(now));
        let machine = match http2(version)? {
            true => any::Client::http2(own, now, secure),
            false => any::Client::http1(own, now),
        };
        Ok(Speaks::Client(Session::new(machine, config)))
    };
    // SAFETY: a handle and a place to write to, by the rules of the header.
    unsafe { make(config, connection, speaks) }
}

/// The server's end of a WebSocket whose handshake was seen to elsewhere, without compression. Its stream is 0. `config`
/// may be null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_websocket_server_new(
    config: *const Config,
    now: u64,
    connection: *mut *mut Connection,
) -> i32 {
    let speaks = |config: &Arc<avx_core::Config>| {
        let machine = ws::Server::new(config.clone(), Instant::from_nanos(now));
        Ok(Speaks::WebSocket(StreamId(0), Socket::Server(Session::new(machine, config))))
    };
    // SAFETY: a handle and a place to write to, by the rules of the header.
    unsafe { make(config, connection, speaks) }
}

/// The client's end of one. `seed` is 32 bytes from the system's source of entropy, for this connection alone: from them
/// come the keys that mask what it sends (RFC 6455, section 5.3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_websocket_client_new(
    config: *const Config,
    now: u64,
    seed: *const u8,
    connection: *mut *mut Connection,
) -> i32 {
    let speaks = |config: &Arc<avx_core::Config>| {
        // SAFETY: null, or 32 bytes, by the rules of the header.
        let seed = *unsafe { look(seed.cast::<[u8; 32]>()) }?;
        let machine = ws::Client::new(config.clone(), Instant::from_nanos(now), MaskKeys::new(seed));
        Ok(Speaks::WebSocket(StreamId(0), Socket::Client(Session::new(machine, config))))
    };
    // SAFETY: a handle and a place to write to, by the rules of the header.
    unsafe { make(config, connection, speaks) }
}

/// Frees a connection with all it holds. What was not written is lost.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_connection_free(connection: *mut Connection) {
    guard(|| {
        if !connection.is_null() {
            // SAFETY: it comes from a constructor above, and the caller frees it once.
            drop(unsafe { Box::from_raw(connection) });
        }
        Ok(())
    });
}

/// What is spoken: 11 for HTTP/1.1, or before it is known; 20 for HTTP/2; 13 for WebSocket, whose version that is; 0 for
/// null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_protocol(connection: *const Connection) -> u32 {
    guard_or(0, || {
        // SAFETY: a handle, by the rules of the header.
        Ok(match &unsafe { look(connection) }?.speaks {
            Speaks::Server(session) if session.machine().is_http2() => 20,
            Speaks::Client(session) if session.machine().is_http2() => 20,
            Speaks::Server(_) | Speaks::Client(_) => 11,
            Speaks::WebSocket(..) => 13,
        })
    })
}

/// Whether no exchange is under way: false for a WebSocket, and for null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_is_idle(connection: *const Connection) -> bool {
    guard_or(false, || {
        // SAFETY: a handle, by the rules of the header.
        Ok(match &unsafe { look(connection) }?.speaks {
            Speaks::Server(session) => session.machine().is_idle(),
            Speaks::Client(session) => session.machine().is_idle(),
            _ => false,
        })
    })
}

/// Whether a client may send another request now: false for all others. A connection that is idle and of which this is
/// not true is of no more use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_is_reusable(connection: *const Connection) -> bool {
    guard_or(false, || {
        // SAFETY: a handle, by the rules of the header.
        let connection = unsafe { look(connection) }?;
        Ok(match &connection.speaks {
            Speaks::Client(session) => session.error().is_none() && session.machine().is_reusable(),
            _ => false,
        })
    })
}

/// How the peer broke the protocol, or answered a handshake, with the rule, in English; null if it did not. Static.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_peer_error(connection: *mut Connection) -> *const c_char {
    guard_or(ptr::null(), || {
        // SAFETY: a handle, by the rules of the header.
        let connection = unsafe { borrow(connection) }?;
        if let Some(failure) = connection.failed {
            return Ok(text_of_failure(failure).as_ptr());
        }
        let Some(error) = session!(connection, session => session.error()) else { return Ok(ptr::null()) };
        Ok(text(error).as_ptr())
    })
}

/// The status with which a server answers what the peer has done, 0 if it has done nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_peer_error_status(connection: *mut Connection) -> u32 {
    guard_or(0, || {
        // SAFETY: a handle, by the rules of the header.
        let connection = unsafe { borrow(connection) }?;
        let error = session!(connection, session => session.error());
        Ok(error.map_or(0, |error| error.h1_status().into()))
    })
}

/// All errors of peers as C reads them, made when the first one is asked for.
pub(crate) fn text(error: avx_core::PeerError) -> &'static CStr {
    static TEXTS: OnceLock<Vec<(avx_core::PeerError, CString)>> = OnceLock::new();
    let texts = TEXTS.get_or_init(|| {
        let text = |&error| (error, CString::new(format!("{error}")).unwrap_or_default());
        avx_core::PeerError::ALL.iter().map(text).collect()
    });
    let found = texts.iter().find(|(of, _)| *of == error);
    found.map_or(c"peer: broke the protocol", |(_, text)| text)
}

/// The same for handshakes.
pub(crate) fn text_of_failure(failure: Failure) -> &'static CStr {
    match failure {
        Failure::Upgrade => c"peer: upgrade field is not websocket (RFC 6455, section 4.1)",
        Failure::Connection => c"peer: connection field does not list upgrade (RFC 6455, section 4.1)",
        Failure::Accept => c"peer: sec-websocket-accept does not answer the key (RFC 6455, section 4.1)",
        Failure::Protocol => c"peer: subprotocol was not asked for (RFC 6455, section 4.1)",
        Failure::Extension => c"peer: extension was not offered like this (RFC 7692, section 7.1)",
        _ => c"peer: handshake of websocket failed",
    }
}
