//! Results of calls, and their texts.

use avx_core::UsageError;
use core::ffi::{CStr, c_char};

/// Results of calls. Those a library of the same ABI adds later are negative as well.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::enum_variant_names, reason = "these are the names that C has")]
pub enum Code {
    /// It is done.
    AvxOk = 0,
    /// A pointer that is needed is null.
    AvxErrorNull = -1,
    /// A number or a length makes no sense there.
    AvxErrorArgument = -2,
    /// The call is for another protocol, or another role, than this connection has.
    AvxErrorProtocol = -3,
    /// A call before has failed inside the library (a bug), or another one is under way: free the handle.
    AvxErrorUnusable = -4,
    /// The peer broke the protocol: avx_peer_error says how. Go on with the steps, which end the connection.
    AvxErrorPeer = -5,
    /// The peer did not accept the handshake in a valid way. The connection is of no more use.
    AvxErrorHandshake = -6,
    /// The stream is unknown, or over.
    AvxErrorUnknownStream = -20,
    /// The call does not fit the state of the stream.
    AvxErrorWrongState = -21,
    /// More content than announced.
    AvxErrorBodyTooLong = -22,
    /// Less content than announced.
    AvxErrorBodyTooShort = -23,
    /// The message cannot have content.
    AvxErrorBodyNotAllowed = -24,
    /// The method is not a token.
    AvxErrorBadMethod = -25,
    /// The request target is malformed or does not fit the method.
    AvxErrorBadTarget = -26,
    /// The authority is malformed or missing.
    AvxErrorBadAuthority = -27,
    /// The status does not fit the call.
    AvxErrorBadStatus = -28,
    /// The reason phrase holds a forbidden byte.
    AvxErrorBadReason = -29,
    /// A field name is not a token, or has no place in this version.
    AvxErrorBadFieldName = -30,
    /// A field value holds a forbidden byte.
    AvxErrorBadFieldValue = -31,
    /// A field that the library writes itself disagrees with the length announced.
    AvxErrorFramingField = -32,
    /// A field that must not stand in trailers.
    AvxErrorForbiddenTrailer = -33,
    /// The upgrade was not asked for.
    AvxErrorBadUpgrade = -34,
    /// The peer allows no more streams for now, or this connection has no identifiers left.
    AvxErrorNoStreams = -35,
    /// The content is larger than the peer's window, and the call does not cut it.
    AvxErrorNoCredit = -36,
    /// The close code must not be sent.
    AvxErrorBadCloseCode = -37,
    /// A control frame holds 125 bytes, a close reason 123.
    AvxErrorControlTooLong = -38,
    /// The output has too little room: write it out, and call again.
    AvxErrorOutputFull = -39,
}

impl From<UsageError> for Code {
    fn from(error: UsageError) -> Self {
        match error {
            UsageError::UnknownStream => Code::AvxErrorUnknownStream,
            UsageError::WrongState => Code::AvxErrorWrongState,
            UsageError::BodyTooLong => Code::AvxErrorBodyTooLong,
            UsageError::BodyTooShort => Code::AvxErrorBodyTooShort,
            UsageError::BodyNotAllowed => Code::AvxErrorBodyNotAllowed,
            UsageError::BadMethod => Code::AvxErrorBadMethod,
            UsageError::BadTarget => Code::AvxErrorBadTarget,
            UsageError::BadAuthority => Code::AvxErrorBadAuthority,
            UsageError::BadStatus => Code::AvxErrorBadStatus,
            UsageError::BadReason => Code::AvxErrorBadReason,
            UsageError::BadFieldName => Code::AvxErrorBadFieldName,
            UsageError::BadFieldValue => Code::AvxErrorBadFieldValue,
            UsageError::FramingField => Code::AvxErrorFramingField,
            UsageError::ForbiddenTrailer => Code::AvxErrorForbiddenTrailer,
            UsageError::BadUpgrade => Code::AvxErrorBadUpgrade,
            UsageError::NoStreams => Code::AvxErrorNoStreams,
            UsageError::NoCredit => Code::AvxErrorNoCredit,
            UsageError::BadCloseCode => Code::AvxErrorBadCloseCode,
            UsageError::ControlTooLong => Code::AvxErrorControlTooLong,
            UsageError::OutputFull { .. } => Code::AvxErrorOutputFull,
            // One that a later core knows.
            _ => Code::AvxErrorWrongState,
        }
    }
}

macro_rules! texts {
    ($( $name:ident: $text:literal; )*) => {
        /// Every code, for tables and tests.
        pub const CODES: &[Code] = &[ $( Code::$name, )* ];

        fn text(code: i32) -> &'static CStr {
            match code {
                $( code if code == Code::$name as i32 => $text, )*
                _ => c"unknown code",
            }
        }
    };
}

texts! {
    AvxOk: c"no error";
    AvxErrorNull: c"caller: pointer is null";
    AvxErrorArgument: c"caller: argument is out of range";
    AvxErrorProtocol: c"caller: the connection does not speak that";
    AvxErrorUnusable: c"handle cannot be used any more";
    AvxErrorPeer: c"peer: broke the protocol";
    AvxErrorHandshake: c"peer: handshake of websocket failed";
    AvxErrorUnknownStream: c"caller: no such stream";
    AvxErrorWrongState: c"caller: call does not fit the state of the stream";
    AvxErrorBodyTooLong: c"caller: more content than announced";
    AvxErrorBodyTooShort: c"caller: less content than announced";
    AvxErrorBodyNotAllowed: c"caller: message cannot have content";
    AvxErrorBadMethod: c"caller: method is not a token";
    AvxErrorBadTarget: c"caller: request target is malformed or does not fit the method";
    AvxErrorBadAuthority: c"caller: authority is malformed or missing";
    AvxErrorBadStatus: c"caller: status does not fit the call";
    AvxErrorBadReason: c"caller: reason phrase holds a forbidden byte";
    AvxErrorBadFieldName: c"caller: field name is not a token";
    AvxErrorBadFieldValue: c"caller: field value holds a forbidden byte";
    AvxErrorFramingField: c"caller: framing field disagrees with the announced length";
    AvxErrorForbiddenTrailer: c"caller: field must not stand in trailers";
    AvxErrorBadUpgrade: c"caller: upgrade was not asked for";
    AvxErrorNoStreams: c"caller: no further stream can be opened now";
    AvxErrorNoCredit: c"caller: content is larger than the window of the peer";
    AvxErrorBadCloseCode: c"caller: close code must not be sent";
    AvxErrorControlTooLong: c"caller: control frame is longer than 125 bytes";
    AvxErrorOutputFull: c"caller: output has too little room";
}

/// What a code means, in English, whose fault first. Static, never null.
#[unsafe(no_mangle)]
pub extern "C" fn avx_strerror(code: i32) -> *const c_char {
    text(code).as_ptr()
}
