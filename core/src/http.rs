//! The one alphabet of HTTP/1.1, HTTP/2 and HTTP/3: events from the wire, calls from the user.

use crate::h2::PeerSettings;
use crate::h2::frame::Dependency;
use crate::syntax::method::Method;
use crate::syntax::status::Status;
use crate::{
    ErrorCode, Field, Fields, Initiator, Instant, Machine, Output, Preset, Priority, RequestHead,
    ResponseHead, UsageError,
};

/// Names one exchange of a connection. HTTP/1.1 counts 1, 2, 3; HTTP/2 uses its stream identifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

/// How much content follows a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLen {
    /// None.
    Empty,
    /// So many bytes.
    Exact(u64),
    /// Unknown until its end: chunked, delimited by the close, or DATA frames without length.
    Streaming,
}

/// Protocol version of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1, and any later 1.x, which is read as 1.1 (RFC 9110, section 2.5).
    Http11,
    /// HTTP/2
    Http2,
    /// HTTP/3
    Http3,
}

impl Version {
    /// `1.0`, `1.1`, `2`, `3`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Version::Http10 => "1.0",
            Version::Http11 => "1.1",
            Version::Http2 => "2",
            Version::Http3 => "3",
        }
    }
}

/// What happens on an HTTP connection.
///
/// Per stream: `Informational* (Request|Response) Data* End`, or `Reset` at any point. (On a client,
/// interim responses come before the response; a server sees none.)
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'b> {
    /// A request head, complete and valid.
    Request {
        /// The exchange it opens.
        stream: StreamId,
        /// Its head.
        head: RequestHead<'b>,
        /// Its content.
        body: BodyLen,
    },
    /// An interim response (1xx except 101).
    Informational {
        /// The exchange it belongs to.
        stream: StreamId,
        /// Its head.
        head: ResponseHead<'b>,
    },
    /// The final response head, or 101 (Switching Protocols).
    Response {
        /// The exchange it answers.
        stream: StreamId,
        /// Its head.
        head: ResponseHead<'b>,
        /// Its content.
        body: BodyLen,
    },
    /// A piece of content, cut as it arrived.
    Data {
        /// The exchange it belongs to.
        stream: StreamId,
        /// The bytes, in the caller's input.
        data: &'b mut [u8],
        /// Credit to give back with [`Http::release`]: the length of `data`. (Padding, which counts as well,
        /// the machine gives back by itself.)
        credit: u32,
    },
    /// Raw view, only with [`Config::chunk_extensions`](crate::Config): a piece of the extensions of the
    /// chunk that begins here, cut as it arrived.
    ChunkExtension {
        /// The exchange it belongs to.
        stream: StreamId,
        /// The bytes; the first piece of a chunk begins with its `;`.
        extension: &'b [u8],
    },
    /// The message is complete.
    End {
        /// The exchange it belongs to.
        stream: StreamId,
        /// Trailer section, usually empty.
        trailers: Fields<'b>,
        /// Trailer lines left out because such a field must not stand there (RFC 9110, section 6.5.1).
        dropped: u16,
    },
    /// The exchange is over before its end. Over HTTP/2 it counts as open until the caller says with
    /// [`Http::done`] that it has ended its own work on it.
    Reset {
        /// The exchange.
        stream: StreamId,
        /// Why. [`ErrorCode::REFUSED_STREAM`] by the remote end: nothing of it was processed, and it is
        /// safe to send again on another connection (RFC 9113, section 8.7).
        code: ErrorCode,
        /// By whom.
        by: Initiator,
    },
    /// The server promises the response to a request that it expects (RFC 9113, section 8.4).
    PushPromise {
        /// The exchange it belongs to.
        stream: StreamId,
        /// The exchange promised, whose response follows.
        promised: StreamId,
        /// The request that it answers.
        head: RequestHead<'b>,
    },
    /// The client says how urgent a response is. Already taken into account.
    Priority {
        /// The exchange, which may not have begun yet.
        stream: StreamId,
        /// What it says.
        signal: PrioritySignal,
    },
    /// The peer takes no new exchanges (RFC 9113, section 6.8). Those of ours that it will not process are
    /// reported next, as resets with [`ErrorCode::REFUSED_STREAM`].
    GoAway {
        /// The last exchange of ours that it may process.
        last: StreamId,
        /// Why.
        code: ErrorCode,
        /// The beginning of what it says for people to read.
        debug: &'b [u8],
    },
    /// The peer's settings have come, for the first time or with changes.
    SettingsChanged {
        /// All of them.
        settings: PeerSettings,
    },
}

/// How urgent a response is, said by one of two schemes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PrioritySignal {
    /// RFC 9218.
    Extensible(Priority),
    /// RFC 7540, section 5.3: only the weight is made use of.
    Dependency(Dependency),
}

/// A request to send.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Method.
    pub method: Method<'a>,
    /// Request target: path and query, or what the method asks for.
    pub target: &'a [u8],
    /// Written as Host (HTTP/1.1) or `:authority`. May be empty when the fields hold a Host.
    pub authority: &'a [u8],
    /// Field lines; framing fields are written by the machine.
    pub fields: &'a [Field<'a>],
}

/// A response to send.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    /// Status code.
    pub status: Status,
    /// Reason phrase; `None` for the registered one.
    pub reason: Option<&'a [u8]>,
    /// Field lines; framing fields are written by the machine.
    pub fields: &'a [Field<'a>],
    /// Field lines checked beforehand, left out where `fields` has the same names: Server and Date,
    /// typically. "An origin server with a clock [...] MUST generate a Date header field" (RFC 9110,
    /// section 6.6.1): the caller has the clock, and formats a [`Date`](crate::Date) once a second.
    ///
    /// Several may follow each other: those of the server, those of one resource.
    pub presets: &'a [&'a Preset],
}

impl<'a> Response<'a> {
    /// A response with this status and these fields.
    pub const fn new(status: Status, fields: &'a [Field<'a>]) -> Self {
        Response { status, reason: None, fields, presets: &[] }
    }
}

/// The user side of HTTP: each call does all that it says or changes nothing.
pub trait Http: for<'b> Machine<Event<'b> = Event<'b>> {
    /// Opens an exchange (client).
    ///
    /// # Errors
    /// [`UsageError`]; nothing was written.
    fn send_request(
        &mut self,
        now: Instant,
        request: &Request<'_>,
        body: BodyLen,
        out: &mut dyn Output,
    ) -> Result<StreamId, UsageError>;

    /// Sends an interim response (server): 100, 103, ... but not 101.
    ///
    /// # Errors
    /// [`UsageError`]; nothing was written.
    fn send_informational(
        &mut self,
        now: Instant,
        stream: StreamId,
        response: &Response<'_>,
        out: &mut dyn Output,
    ) -> Result<(), UsageError>;

    /// Sends the final response head (server). Returns what content is to follow: `Empty` also when
    /// the request's method or the status forbid what `body` announced.
    ///
    /// # Errors
    /// [`UsageError`]; nothing was written.
    fn send_response(
        &mut self,
        now: Instant,
        stream: StreamId,
        response: &Response<'_>,
        body: BodyLen,
        out: &mut dyn Output,
    ) -> Result<BodyLen, UsageError>;

    /// Sends a whole response, head, content and end, with one reservation. Content is left out where
    /// the method is HEAD or the status 304: there, the length is that of another response. A status
    /// that knows no content (1xx, 204, 205) is not sent with any.
    ///
    /// # Errors
    /// [`UsageError`]; nothing was written. [`UsageError::NoCredit`] over HTTP/2, when the content is larger
    /// than the peer's window: send it in pieces.
    fn send_full(
        &mut self,
        now: Instant,
        stream: StreamId,
        response: &Response<'_>,
        content: &[u8],
        out: &mut dyn Output,
    ) -> Result<(), UsageError>;

    /// Sends content, as much as room and credit allow. Returns how many bytes of `data` were taken.
    ///
    /// # Errors
    /// [`UsageError`]; nothing was written.
    fn send_data(
        &mut self,
        now: Instant,
        stream: StreamId,
        data: &[u8],
        out: &mut dyn Output,
    ) -> Result<usize, UsageError>;

    /// Writes only the framing of up to `len` bytes of content and returns how many: the caller
    /// writes exactly so many itself, right behind (writev, sendfile). No copy.
    ///
    /// # Errors
    /// [`UsageError`]; nothing was written.
    fn frame_data(
        &mut self,
        now: Instant,
        stream: StreamId,
        len: usize,
        out: &mut dyn Output,
    ) -> Result<usize, UsageError>;

    /// Ends the message. Trailers are left out where the framing has no place for them
    /// (RFC 9110, section 6.5.1 allows that).
    ///
    /// # Errors
    /// [`UsageError`]; nothing was written.
    fn send_end(
        &mut self,
        now: Instant,
        stream: StreamId,
        trailers: &[Field<'_>],
        out: &mut dyn Output,
    ) -> Result<(), UsageError>;

    /// The caller knows that this exchange's request has no content and has answered it: its `End` need
    /// not be told. Only a hint that saves a turn; a machine may tell it all the same.
    fn forgo_end(&mut self, _now: Instant, _stream: StreamId) {}

    /// Gives an exchange up; it is [`done`](Http::done) as well. Over HTTP/1.1 that ends the connection.
    fn reset(&mut self, now: Instant, stream: StreamId, code: ErrorCode);

    /// Gives credit of received data back, so that the peer may send more. Nothing over HTTP/1.1.
    fn release(&mut self, stream: StreamId, credit: u32);

    /// The caller has no further business with an exchange: its credit goes back, and it counts as open no
    /// longer. Due once after [`Event::Reset`], when the work that the exchange caused has ended: a peer
    /// that resets what it has just asked for gets no room for more (RFC 9113, section 10.5). Otherwise it
    /// is for those who stop before the end, and for content that nobody reads. Nothing over HTTP/1.1.
    fn done(&mut self, _now: Instant, _stream: StreamId) {}

    /// Changes how urgent the response of an exchange is (RFC 9218, section 7): a client tells the server,
    /// a server orders its own writing. Nothing over HTTP/1.1.
    fn set_priority(&mut self, _stream: StreamId, _priority: Priority) {}

    /// How urgent the response of an exchange is, where its protocol has priorities: as the client said it
    /// last, or [`set_priority`](Http::set_priority).
    fn priority(&self, _stream: StreamId) -> Option<Priority> {
        None
    }

    /// Promises the response to a request that the client of `stream` is about to make, and names the
    /// exchange on which it is to be sent (server, RFC 9113, section 8.4).
    ///
    /// # Errors
    /// [`UsageError`]; nothing was written. [`UsageError::WrongState`] where the protocol or the client has
    /// no place for promises.
    fn push(
        &mut self,
        _now: Instant,
        _stream: StreamId,
        _request: &Request<'_>,
        _out: &mut dyn Output,
    ) -> Result<StreamId, UsageError> {
        Err(UsageError::WrongState)
    }

    /// Whether the caller has content for this stream that it wants to write.
    fn wants_write(&mut self, stream: StreamId, yes: bool);

    /// The stream to write next, by priority, among those that want to and may.
    fn next_writable(&mut self) -> Option<StreamId>;

    /// Graceful end: what is in flight completes, nothing new begins. In a session, call
    /// [`Session::shutdown`](crate::Session::shutdown) instead, which bounds the output as well.
    fn shutdown(&mut self, now: Instant);
}
