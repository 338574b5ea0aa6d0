//! Errors by whose fault they are: [`PeerError`] for the other end, [`UsageError`] for the caller.

use crate::output::Full;
use crate::ws::CloseCode;
use core::fmt;

/// What a reset or a closing connection says about the reason (RFC 9113, section 7). HTTP/1.1 has
/// no such codes on the wire; its machines report them so that one driver serves every version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ErrorCode(pub u32);

impl ErrorCode {
    /// Graceful end.
    pub const NO_ERROR: ErrorCode = ErrorCode(0x0);
    /// The peer broke the protocol in a way no other code names.
    pub const PROTOCOL_ERROR: ErrorCode = ErrorCode(0x1);
    /// A fault of this end.
    pub const INTERNAL_ERROR: ErrorCode = ErrorCode(0x2);
    /// The peer broke the rules of flow control.
    pub const FLOW_CONTROL_ERROR: ErrorCode = ErrorCode(0x3);
    /// The peer did not acknowledge settings in time.
    pub const SETTINGS_TIMEOUT: ErrorCode = ErrorCode(0x4);
    /// A frame came for a stream that was half-closed or closed.
    pub const STREAM_CLOSED: ErrorCode = ErrorCode(0x5);
    /// A frame has a size it must not have.
    pub const FRAME_SIZE_ERROR: ErrorCode = ErrorCode(0x6);
    /// The exchange was refused before anything of it was processed: it is safe to try again.
    pub const REFUSED_STREAM: ErrorCode = ErrorCode(0x7);
    /// The exchange is no longer needed.
    pub const CANCEL: ErrorCode = ErrorCode(0x8);
    /// The state of field compression is lost.
    pub const COMPRESSION_ERROR: ErrorCode = ErrorCode(0x9);
    /// The connection behind a tunnel was reset or closed abnormally.
    pub const CONNECT_ERROR: ErrorCode = ErrorCode(0xa);
    /// The peer generates excessive load.
    pub const ENHANCE_YOUR_CALM: ErrorCode = ErrorCode(0xb);
    /// The transport is not secure enough.
    pub const INADEQUATE_SECURITY: ErrorCode = ErrorCode(0xc);
    /// HTTP/1.1 is required instead.
    pub const HTTP_1_1_REQUIRED: ErrorCode = ErrorCode(0xd);

    /// The name of a registered code.
    pub const fn name(self) -> Option<&'static str> {
        const NAMES: [&str; 14] = [
            "NO_ERROR",
            "PROTOCOL_ERROR",
            "INTERNAL_ERROR",
            "FLOW_CONTROL_ERROR",
            "SETTINGS_TIMEOUT",
            "STREAM_CLOSED",
            "FRAME_SIZE_ERROR",
            "REFUSED_STREAM",
            "CANCEL",
            "COMPRESSION_ERROR",
            "CONNECT_ERROR",
            "ENHANCE_YOUR_CALM",
            "INADEQUATE_SECURITY",
            "HTTP_1_1_REQUIRED",
        ];
        if (self.0 as usize) < NAMES.len() { Some(NAMES[self.0 as usize]) } else { None }
    }
}

/// The name, or the number where there is none.
impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#x}", self.0),
        }
    }
}

/// Who ended a stream early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Initiator {
    /// This end.
    Local,
    /// The other end.
    Remote,
}

/// Status that answers a peer error, its rule, and its code, all in one table.
macro_rules! peer_errors {
    ($( $(#[$doc:meta])* $name:ident, $status:literal, $rfc:literal, $text:literal; )*) => {
        /// The peer broke the protocol. `Copy`, sticky, no strings: it knows its answer and its rule.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum PeerError { $( $(#[$doc])* $name, )* }

        impl PeerError {
            /// Every variant, for tables and tests.
            pub const ALL: &'static [PeerError] = &[ $( PeerError::$name, )* ];

            /// The status a server answers with when it still can (RFC 9110, section 15).
            pub const fn h1_status(self) -> u16 {
                match self { $( PeerError::$name => $status, )* }
            }

            /// The rule that was broken, as `RFC 9112, section 6.3`.
            pub const fn rfc(self) -> &'static str {
                match self { $( PeerError::$name => $rfc, )* }
            }

            pub(crate) const fn text(self) -> &'static str {
                match self { $( PeerError::$name => $text, )* }
            }
        }
    };
}

peer_errors! {
    /// More empty lines before the request line than the limit allows.
    TooManyEmptyLines, 400, "RFC 9112, section 2.2", "too many empty lines before the request line";
    /// The method is empty or holds a byte that is no token character.
    BadMethod, 400, "RFC 9112, section 3.1", "method is not a token";
    /// The request target is empty, of no known form, or holds a forbidden byte.
    BadTarget, 400, "RFC 9112, section 3.2", "request target is malformed";
    /// The target's form does not belong to the method.
    BadTargetForm, 400, "RFC 9112, section 3.2", "request target form does not fit the method";
    /// The version is not `HTTP/` digit `.` digit.
    BadVersion, 400, "RFC 9112, section 2.3", "version is malformed";
    /// A major version that HTTP/1.1 syntax cannot carry.
    UnsupportedVersion, 505, "RFC 9110, section 15.6.6", "version is not supported";
    /// The status code is not three digits from 100 to 999.
    BadStatus, 502, "RFC 9112, section 4", "status code is malformed";
    /// The reason phrase holds a forbidden byte.
    BadReason, 502, "RFC 9112, section 4", "reason phrase is malformed";
    /// The start line is longer than the limit.
    StartLineTooLong, 414, "RFC 9110, section 15.5.15", "start line is too long";
    /// The head is longer than the limit.
    HeadTooLarge, 431, "RFC 6585, section 5", "head is too large";
    /// One field line is longer than the limit.
    FieldLineTooLong, 431, "RFC 6585, section 5", "field line is too long";
    /// More field lines than the limit.
    TooManyFields, 431, "RFC 6585, section 5", "too many field lines";
    /// A CR that no LF follows.
    BareCr, 400, "RFC 9112, section 2.2", "carriage return without line feed";
    /// A LF without CR before it.
    BareLf, 400, "RFC 9112, section 2.2", "line feed without carriage return";
    /// A folded field line.
    ObsFold, 400, "RFC 9112, section 5.2", "field line is folded";
    /// Whitespace between the start line and the first field line.
    LeadingWhitespace, 400, "RFC 9112, section 2.2", "whitespace before the first field line";
    /// The field name is empty or holds a byte that is no token character.
    BadFieldName, 400, "RFC 9112, section 5", "field name is not a token";
    /// Whitespace between field name and colon.
    SpaceBeforeColon, 400, "RFC 9112, section 5.1", "whitespace between field name and colon";
    /// A field line without colon.
    MissingColon, 400, "RFC 9112, section 5", "field line has no colon";
    /// The field value holds a control character.
    BadFieldValue, 400, "RFC 9110, section 5.5", "field value holds a control character";
    /// An HTTP/1.1 request without Host.
    MissingHost, 400, "RFC 9112, section 3.2", "host field is missing";
    /// More than one Host.
    DuplicateHost, 400, "RFC 9112, section 3.2", "more than one host field";
    /// Host is no `uri-host [":" port]`.
    BadHost, 400, "RFC 9112, section 3.2", "host field is malformed";
    /// Content-Length is not a decimal number.
    BadContentLength, 400, "RFC 9110, section 8.6", "content-length is malformed";
    /// Content-Length is above 2^63 - 1.
    ContentLengthTooLarge, 400, "RFC 9110, section 8.6", "content-length is too large";
    /// More than one Content-Length.
    ConflictingContentLength, 400, "RFC 9112, section 6.3", "more than one content-length";
    /// Transfer-Encoding is no list of codings, or repeats chunked.
    BadTransferEncoding, 400, "RFC 9112, section 6.1", "transfer-encoding is malformed";
    /// A transfer coding this engine does not implement.
    UnknownTransferCoding, 501, "RFC 9112, section 6.1", "transfer coding is not implemented";
    /// Chunked is not the final transfer coding.
    ChunkedNotFinal, 400, "RFC 9112, section 6.3", "chunked is not the final transfer coding";
    /// Transfer-Encoding beside Content-Length.
    TransferEncodingAndContentLength, 400, "RFC 9112, section 6.3", "both transfer-encoding and content-length";
    /// Transfer-Encoding in an HTTP/1.0 message.
    TransferEncodingInHttp10, 400, "RFC 9112, section 6.1", "transfer-encoding in an http/1.0 message";
    /// CONNECT with content.
    ConnectWithContent, 400, "RFC 9110, section 9.3.6", "connect request has content";
    /// The chunk size is not hexadecimal digits.
    BadChunkSize, 400, "RFC 9112, section 7.1", "chunk size is malformed";
    /// The chunk size has more than 16 digits or exceeds 2^63 - 1.
    ChunkTooLarge, 400, "RFC 9112, section 7.1", "chunk size is too large";
    /// A chunk extension breaks its grammar.
    BadChunkExtension, 400, "RFC 9112, section 7.1.1", "chunk extension is malformed";
    /// A chunk line is longer than the limit.
    ChunkLineTooLong, 400, "RFC 9112, section 7.1.1", "chunk line is too long";
    /// Chunk extensions of one body exceed the limit.
    ChunkExtensionsTooLarge, 400, "RFC 9112, section 7.1.1", "too many bytes of chunk extensions";
    /// A chunk line does not end in CR LF.
    BadChunkLineEnd, 400, "RFC 9112, section 7.1", "chunk line does not end in carriage return and line feed";
    /// Chunk data is not followed by CR LF.
    BadChunkEnd, 400, "RFC 9112, section 7.1", "chunk data does not end in carriage return and line feed";
    /// More chunk framing than data.
    ChunkOverhead, 400, "RFC 9112, section 7.1", "more chunk framing than data";
    /// The trailer section is longer than the limit.
    TrailersTooLarge, 431, "RFC 9112, section 7.1.2", "trailer section is too large";
    /// An expectation other than 100-continue.
    UnknownExpectation, 417, "RFC 9110, section 10.1.1", "expectation cannot be met";
    /// The connection ended inside a message.
    UnexpectedEof, 400, "RFC 9112, section 8", "connection ended inside a message";
    /// The head took longer than its deadline.
    HeadTimeout, 408, "RFC 9110, section 15.5.9", "head was not complete in time";
    /// The content came slower than the minimum rate.
    BodyTooSlow, 408, "RFC 9110, section 15.5.9", "content came too slowly";
    /// Pending output made no progress, or less than the minimum rate.
    WriteStalled, 408, "RFC 9112, section 9.5", "output was read too slowly";
    /// The graceful drain took too long.
    DrainTimeout, 503, "RFC 9112, section 9.6", "connection did not drain in time";
    /// The client received bytes that answer no request.
    UnexpectedBytes, 502, "RFC 9112, section 9.2", "bytes that answer no request";
    /// More interim responses than the limit.
    TooManyInformational, 502, "RFC 9110, section 15.2", "too many interim responses";
    /// 101 without a request for it, or for another protocol than asked.
    UnexpectedUpgrade, 502, "RFC 9110, section 7.8", "switching protocols was not asked for";
    /// The connection does not begin with the preface of HTTP/2.
    BadPreface, 400, "RFC 9113, section 3.4", "connection preface is malformed";
    /// The first frame of the connection is not SETTINGS.
    MissingSettings, 400, "RFC 9113, section 3.4", "first frame is not settings";
    /// A frame is longer than the size announced.
    FrameTooLarge, 400, "RFC 9113, section 4.2", "frame is larger than allowed";
    /// A frame has another length than its type has.
    BadFrameLength, 400, "RFC 9113, section 6", "frame length does not fit its type";
    /// A frame about a stream came without one, or one about the connection came on a stream.
    BadFrameStream, 400, "RFC 9113, section 6", "frame type does not fit its stream identifier";
    /// The padding is as long as the payload or longer.
    BadPadding, 400, "RFC 9113, section 6.1", "padding is longer than the payload";
    /// A stream identifier of the wrong parity, or lower than one before it.
    BadStreamId, 400, "RFC 9113, section 5.1.1", "stream identifier must not be used";
    /// A frame on a stream that nobody has opened.
    IdleStream, 400, "RFC 9113, section 5.1", "frame on an idle stream";
    /// A frame on a stream whose sender had ended it.
    ClosedStream, 400, "RFC 9113, section 5.1", "frame on a closed stream";
    /// A frame that the state of its stream does not allow.
    UnexpectedFrame, 400, "RFC 9113, section 5.1", "frame does not fit the state of its stream";
    /// Another frame between those of one field block.
    InterleavedBlock, 400, "RFC 9113, section 6.10", "field block is interrupted";
    /// CONTINUATION without a field block to continue.
    UnexpectedContinuation, 400, "RFC 9113, section 6.10", "continuation without a field block";
    /// A stream depends on itself.
    SelfDependency, 400, "RFC 7540, section 5.3.1", "stream depends on itself";
    /// A setting has a value it must not have.
    BadSetting, 400, "RFC 9113, section 6.5.2", "setting has a forbidden value";
    /// Settings were acknowledged that were never sent.
    UnexpectedAck, 400, "RFC 9113, section 6.5", "acknowledgement of nothing";
    /// Settings were not acknowledged in time.
    SettingsTimeout, 408, "RFC 9113, section 6.5.3", "settings were not acknowledged in time";
    /// A window increment of zero.
    ZeroWindowUpdate, 400, "RFC 9113, section 6.9", "window update of zero";
    /// A window of more than 2^31 - 1.
    WindowTooLarge, 400, "RFC 9113, section 6.9.1", "window is larger than allowed";
    /// More content than the connection's window allows.
    WindowExceeded, 400, "RFC 9113, section 6.9.1", "content exceeds the window of the connection";
    /// A field block cannot be decoded.
    BadFieldBlock, 400, "RFC 9113, section 4.3", "field block cannot be decoded";
    /// A promise from a client, or to a client that switched them off.
    UnexpectedPush, 400, "RFC 9113, section 8.4", "push promise was not allowed";
    /// GOAWAY raises the last stream of an earlier one.
    BadGoAway, 400, "RFC 9113, section 6.8", "last stream identifier was raised";
    /// PRIORITY_UPDATE from a server, or for a stream it cannot be about.
    BadPriorityUpdate, 400, "RFC 9218, section 7.1", "priority update does not fit its stream";
    /// More streams reset, by either end, than the budget allows.
    TooManyResets, 429, "RFC 9113, section 10.5", "too many streams were reset";
    /// More oddities than the budget allows: empty frames, unknown frames, frames on closed streams.
    TooManyGlitches, 429, "RFC 9113, section 10.5", "too many useless frames";
    /// The peer asks for more answers than it reads.
    TooManyControlFrames, 429, "RFC 9113, section 10.5", "too many control frames wait to be read";
    /// More CONTINUATION frames in one field block than the limit.
    TooManyContinuations, 429, "RFC 9113, section 10.5", "too many continuation frames";
    /// A field block of more than four times the size allowed for its fields.
    FieldBlockTooLarge, 431, "RFC 9113, section 10.5.1", "field block is far too large";
    /// More small or empty DATA frames than the budget allows.
    TooManySmallFrames, 429, "RFC 9113, section 10.5", "too many small data frames";
    /// More PRIORITY frames for one stream than the limit.
    TooManyPriorities, 429, "RFC 9113, section 10.5", "too many priority frames";
    /// More entries in one SETTINGS frame than the limit.
    TooManySettings, 429, "RFC 9113, section 10.5", "too many settings in one frame";
    /// A PING was not answered in time.
    PingTimeout, 408, "RFC 9113, section 6.7", "ping was not answered in time";
    /// A frame of a client that is not masked.
    UnmaskedFrame, 400, "RFC 6455, section 5.1", "frame of a client is not masked";
    /// A frame of a server that is masked.
    MaskedFrame, 502, "RFC 6455, section 5.1", "frame of a server is masked";
    /// A reserved bit that no extension has given a meaning there.
    ReservedBit, 400, "RFC 6455, section 5.2", "reserved bit is set";
    /// An opcode that is reserved.
    UnknownOpcode, 400, "RFC 6455, section 5.2", "opcode is reserved";
    /// A payload length that is not in its shortest form, or has its most significant bit set.
    BadPayloadLength, 400, "RFC 6455, section 5.2", "payload length is malformed";
    /// A control frame that is fragmented.
    FragmentedControl, 400, "RFC 6455, section 5.5", "control frame is fragmented";
    /// A control frame of more than 125 bytes.
    ControlTooLong, 400, "RFC 6455, section 5.5", "control frame is longer than 125 bytes";
    /// A continuation of no message.
    UnexpectedFragment, 400, "RFC 6455, section 5.4", "continuation of no message";
    /// A message that begins before the one before it has ended.
    InterleavedMessage, 400, "RFC 6455, section 5.4", "message begins inside another";
    /// A text that is not UTF-8.
    BadText, 400, "RFC 6455, section 8.1", "text is not utf-8";
    /// A close frame with half a code.
    BadCloseFrame, 400, "RFC 6455, section 5.5.1", "close frame has a payload of one byte";
    /// A close code that must not be sent.
    BadCloseCode, 400, "RFC 6455, section 7.4", "close code must not be sent";
    /// A close reason that is not UTF-8.
    BadCloseReason, 400, "RFC 6455, section 5.5.1", "close reason is not utf-8";
    /// A frame or message larger than the limit.
    MessageTooLarge, 413, "RFC 6455, section 10.4", "message is too large";
    /// More empty fragments in a row than the limit.
    TooManyEmptyFragments, 429, "RFC 6455, section 10.4", "too many empty fragments";
    /// More control frames than the budget allows.
    TooManyPings, 429, "RFC 6455, section 10.4", "too many control frames";
    /// Nothing was heard after a ping.
    PongTimeout, 408, "RFC 6455, section 5.5.2", "ping was not answered in time";
    /// The connection ended without a close frame.
    AbnormalClosure, 400, "RFC 6455, section 7.1.5", "connection ended without a close frame";
    /// A compressed message that cannot be inflated.
    BadDeflate, 400, "RFC 7692, section 7.2.2", "compressed message is malformed";
    /// A compressed message that inflates further than any honest one.
    DeflateBomb, 413, "RFC 7692, section 8", "compressed message inflates too far";
}

impl PeerError {
    /// The code of the close frame that answers this on a WebSocket (RFC 6455, section 7.4.1).
    pub const fn close_code(self) -> CloseCode {
        match self {
            PeerError::BadText | PeerError::BadCloseReason | PeerError::BadDeflate => {
                CloseCode::INVALID_PAYLOAD
            }
            PeerError::MessageTooLarge | PeerError::DeflateBomb => CloseCode::TOO_BIG,
            PeerError::TooManyEmptyFragments
            | PeerError::TooManyPings
            | PeerError::PongTimeout
            | PeerError::WriteStalled => CloseCode::POLICY,
            PeerError::DrainTimeout => CloseCode::GOING_AWAY,
            PeerError::AbnormalClosure | PeerError::UnexpectedEof => CloseCode::ABNORMAL,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }

    /// The HTTP/2 and HTTP/3 code of the same meaning.
    pub const fn code(self) -> ErrorCode {
        match self {
            PeerError::HeadTimeout
            | PeerError::BodyTooSlow
            | PeerError::WriteStalled
            | PeerError::TooManyInformational
            | PeerError::ChunkOverhead => ErrorCode::ENHANCE_YOUR_CALM,
            PeerError::TooManyResets
            | PeerError::TooManyGlitches
            | PeerError::TooManyControlFrames
            | PeerError::TooManyContinuations
            | PeerError::FieldBlockTooLarge
            | PeerError::TooManySmallFrames
            | PeerError::TooManyPriorities
            | PeerError::TooManySettings
            | PeerError::TooManyEmptyFragments
            | PeerError::TooManyPings
            | PeerError::MessageTooLarge
            | PeerError::DeflateBomb => ErrorCode::ENHANCE_YOUR_CALM,
            PeerError::FrameTooLarge | PeerError::BadFrameLength => ErrorCode::FRAME_SIZE_ERROR,
            PeerError::ClosedStream => ErrorCode::STREAM_CLOSED,
            PeerError::SettingsTimeout => ErrorCode::SETTINGS_TIMEOUT,
            PeerError::WindowTooLarge | PeerError::WindowExceeded => ErrorCode::FLOW_CONTROL_ERROR,
            PeerError::BadFieldBlock => ErrorCode::COMPRESSION_ERROR,
            PeerError::DrainTimeout | PeerError::PingTimeout | PeerError::PongTimeout => ErrorCode::NO_ERROR,
            // RFC 8441, section 5: "RST exceptions are represented with the RST_STREAM frame [...] with the
            // CANCEL error code"
            PeerError::AbnormalClosure => ErrorCode::CANCEL,
            _ => ErrorCode::PROTOCOL_ERROR,
        }
    }
}

impl fmt::Display for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "peer: {} ({})", self.text(), self.rfc())
    }
}

/// The caller broke the contract: nothing was written, no state changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UsageError {
    /// No such stream, or it has ended.
    UnknownStream,
    /// The call does not fit what the stream or connection is doing.
    WrongState,
    /// More content than announced.
    BodyTooLong,
    /// The end came before the announced content was complete.
    BodyTooShort,
    /// Content or trailers where the message cannot have any.
    BodyNotAllowed,
    /// The method is not a token.
    BadMethod,
    /// The target is malformed or does not fit the method.
    BadTarget,
    /// The authority is malformed, missing, or differs from the Host field given.
    BadAuthority,
    /// The status does not fit the call: interim where a final one is due, or the reverse.
    BadStatus,
    /// The reason phrase holds a forbidden byte.
    BadReason,
    /// A field name is not a token.
    BadFieldName,
    /// A field value holds a control character or surrounding whitespace.
    BadFieldValue,
    /// A framing field was given that the machine writes itself, and it disagrees with the length
    /// announced.
    FramingField,
    /// A field that must not stand in trailers (RFC 9110, section 6.5.1).
    ForbiddenTrailer,
    /// The upgrade was not asked for, or the protocol's name is missing.
    BadUpgrade,
    /// The peer allows no more streams for now, or this connection has no identifiers left.
    NoStreams,
    /// The content is larger than the peer's window, and the call does not cut it.
    NoCredit,
    /// The close code must not stand in a close frame (RFC 6455, section 7.4).
    BadCloseCode,
    /// The payload is longer than a control frame holds: 125 bytes, 123 of a close reason (RFC 6455,
    /// section 5.5).
    ControlTooLong,
    /// The output has too little room.
    OutputFull(Full),
}

impl From<Full> for UsageError {
    fn from(full: Full) -> Self {
        UsageError::OutputFull(full)
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            UsageError::UnknownStream => "no such stream",
            UsageError::WrongState => "call does not fit the state of the stream",
            UsageError::BodyTooLong => "more content than announced",
            UsageError::BodyTooShort => "less content than announced",
            UsageError::BodyNotAllowed => "message cannot have content",
            UsageError::BadMethod => "method is not a token",
            UsageError::BadTarget => "request target is malformed or does not fit the method",
            UsageError::BadAuthority => "authority is malformed or missing",
            UsageError::BadStatus => "status does not fit the call",
            UsageError::BadReason => "reason phrase holds a forbidden byte",
            UsageError::BadFieldName => "field name is not a token",
            UsageError::BadFieldValue => "field value holds a forbidden byte",
            UsageError::FramingField => "framing field disagrees with the announced length",
            UsageError::ForbiddenTrailer => "field must not stand in trailers",
            UsageError::BadUpgrade => "upgrade was not asked for",
            UsageError::NoStreams => "no further stream can be opened now",
            UsageError::NoCredit => "content is larger than the window of the peer",
            UsageError::BadCloseCode => "close code must not be sent",
            UsageError::ControlTooLong => "control frame is longer than 125 bytes",
            UsageError::OutputFull(full) => return write!(f, "caller: {full}"),
        };
        write!(f, "caller: {text}")
    }
}

impl core::error::Error for PeerError {}
impl core::error::Error for UsageError {}
impl core::error::Error for Full {}
