//! Limits and deadlines, by number: what C sets in a struct would freeze its layout.

use crate::Code;
use crate::border::{borrow, guard, guard_or, look};
use avx_core::ws::Deflate;
use core::time::Duration;
use std::sync::Arc;

/// Limits and deadlines of connections to be made. Begins with the defaults, all of which are on.
pub struct Config {
    pub(crate) shared: Arc<avx_core::Config>,
}

/// How an option is kept.
trait Kept: Copy {
    fn to_number(self) -> u64;
    fn from_number(number: u64) -> Option<Self>;
}

macro_rules! kept {
    ($($int:ty),*) => { $( impl Kept for $int {
        fn to_number(self) -> u64 {
            self.into()
        }
        fn from_number(number: u64) -> Option<Self> {
            number.try_into().ok()
        }
    } )* };
}

kept!(u8, u16, u32, u64);

impl Kept for bool {
    fn to_number(self) -> u64 {
        self.into()
    }
    fn from_number(number: u64) -> Option<Self> {
        (number < 2).then_some(number == 1)
    }
}

/// With its defaults, or not at all.
impl Kept for Option<Deflate> {
    fn to_number(self) -> u64 {
        self.is_some().into()
    }
    fn from_number(number: u64) -> Option<Self> {
        match number {
            0 => Some(None),
            1 if cfg!(feature = "deflate") => Some(Some(Deflate::default())),
            _ => None,
        }
    }
}

/// In milliseconds.
impl Kept for Duration {
    fn to_number(self) -> u64 {
        self.as_millis().try_into().unwrap_or(u64::MAX)
    }
    fn from_number(number: u64) -> Option<Self> {
        Some(Duration::from_millis(number))
    }
}

/// What can be set. Sizes are bytes, times are milliseconds, switches are 0 or 1; the defaults stand beside them.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::enum_variant_names, reason = "these are the names that C has")]
pub enum Setting {
    /// Request line or status line. 8 KiB; beyond it 414.
    AvxOptionStartLine = 1,
    /// A whole head. 64 KiB; beyond it 431.
    AvxOptionHead = 2,
    /// One field line. 16 KiB; beyond it 431.
    AvxOptionFieldLine = 3,
    /// Field lines in a head or a trailer section. 100; beyond it 431.
    AvxOptionFields = 4,
    /// Trailer section. 16 KiB; beyond it 431.
    AvxOptionTrailers = 5,
    /// Interim responses before a final one (client). 32.
    AvxOptionInformational = 6,
    /// Request content still read after the response went out; beyond it the connection is closed. 256 KiB.
    AvxOptionUnreadBody = 7,
    /// Requests a client may have in flight over HTTP/1.1, 1 to 32. 16.
    AvxOptionPipelined = 8,
    /// Empty lines before a request line. 4; beyond it 400.
    AvxOptionLeadingEmptyLines = 9,
    /// The line before a chunk. 4 KiB; beyond it 400.
    AvxOptionChunkLine = 10,
    /// Chunk extensions of a message. 16 KiB; beyond it 400.
    AvxOptionChunkExtensions = 11,
    /// Bytes of chunk lines and their ends tolerated before content has to outweigh them. 64 KiB; beyond it 400.
    AvxOptionChunkOverhead = 12,
    /// From the connection's start to the end of its first head. 30 s.
    AvxOptionFirstHeadTimeout = 20,
    /// From the first byte of a head to its end. 10 s; then 408.
    AvxOptionHeadTimeout = 21,
    /// Between two exchanges. 60 s.
    AvxOptionIdleTimeout = 22,
    /// Waiting for content that never comes: free of charge for so long. 5 s.
    AvxOptionBodyGrace = 23,
    /// Bytes a second of content below which, beyond the grace, the peer is too slow. 240; 0: any.
    AvxOptionBodyRate = 24,
    /// No progress of pending output. 30 s.
    AvxOptionWriteStall = 25,
    /// Bytes a second of pending output below which, beyond that, the peer is too slow. 240; 0: any.
    AvxOptionWriteRate = 26,
    /// From avx_shutdown to the end of what is in flight. 30 s.
    AvxOptionDrain = 27,
    /// Reading on after the last response of a closing connection has left. 2 s.
    AvxOptionLinger = 28,
    /// How long a client waits for 100 (Continue). 1 s.
    AvxOptionExpectContinue = 29,
    /// HTTP/2: streams the peer may have open at the same time. 100.
    AvxOptionMaxStreams = 40,
    /// Window a stream begins with, and over HTTP/1.1 what is told of before content has to be released. 64 KiB.
    AvxOptionStreamWindow = 41,
    /// HTTP/2: window a stream grows to. 16 MiB.
    AvxOptionMaxStreamWindow = 42,
    /// HTTP/2: window the connection begins with, at least 65535. 1 MiB.
    AvxOptionConnectionWindow = 43,
    /// HTTP/2: window the connection grows to: content that the caller may hold. 24 MiB.
    AvxOptionMaxConnectionWindow = 44,
    /// HTTP/2: let windows grow with what the path holds. 1.
    AvxOptionGrowWindows = 45,
    /// HTTP/2: largest payload of a frame accepted, 16384 to 2^24 - 1. 16 KiB.
    AvxOptionMaxFrame = 46,
    /// HTTP/2: size of a field section. 32 KiB; beyond it 431.
    AvxOptionFieldSection = 47,
    /// HTTP/2: streams that may be reset at once ... 200.
    AvxOptionResets = 48,
    /// ... and a second. 33.
    AvxOptionResetsPerSecond = 49,
    /// HTTP/2: how long a stream may wait for credit. 30 s.
    AvxOptionWindowStall = 50,
    /// HTTP/2: send a PING when nothing has come for so long. 0: never.
    AvxOptionHttp2KeepAlive = 51,
    /// HTTP/2: how long the peer may take to answer it. 20 s.
    AvxOptionHttp2KeepAliveTimeout = 52,
    /// HTTP/2: how long the peer may take to acknowledge settings. 10 s.
    AvxOptionSettingsTimeout = 53,
    /// HTTP/2: table that decodes field blocks. 4096.
    AvxOptionTableSize = 54,
    /// HTTP/2: table that encodes them, if the peer allows as much. 4096.
    AvxOptionEncoderTableSize = 55,
    /// HTTP/2: CONTINUATION frames in a field block; empty ones count double. 8.
    AvxOptionContinuations = 56,
    /// HTTP/2: useless frames at once ... 1000.
    AvxOptionGlitches = 57,
    /// ... and a second. 100.
    AvxOptionGlitchesPerSecond = 58,
    /// HTTP/2: answers (acknowledgements, resets) that wait for the peer to read, of 16 bytes each. 1000.
    AvxOptionControlFrames = 59,
    /// HTTP/2: empty DATA frames in a row that end nothing. 10.
    AvxOptionEmptyData = 60,
    /// HTTP/2: what content not yet released may cost, 256 bytes for each DATA frame less what it carries. 64 KiB.
    AvxOptionDataOverhead = 61,
    /// HTTP/2: PRIORITY frames for a stream. 100.
    AvxOptionPriorities = 62,
    /// HTTP/2: entries in a SETTINGS frame. 32.
    AvxOptionSettings = 63,
    /// HTTP/2: a server takes WebSockets on streams (RFC 8441). 0.
    AvxOptionConnectProtocol = 64,
    /// WebSocket: a whole message. 16 MiB; beyond it 1009.
    AvxOptionMessage = 70,
    /// WebSocket: the payload of one frame. 16 MiB; beyond it 1009.
    AvxOptionFrame = 71,
    /// WebSocket: control frames at once ... 1000.
    AvxOptionControls = 72,
    /// ... and a second. 100.
    AvxOptionControlsPerSecond = 73,
    /// WebSocket: send a ping when nothing has come for so long. 30 s; 0: never.
    AvxOptionWebsocketKeepAlive = 74,
    /// WebSocket: how long the peer may take to say something after it. 20 s; 0: for ever.
    AvxOptionPongTimeout = 75,
    /// WebSocket: how long the peer may take to answer a close frame. 5 s.
    AvxOptionCloseTimeout = 76,
    /// WebSocket: empty fragments in a row that end nothing. 100; beyond it 1008.
    AvxOptionEmptyFragments = 77,
    /// WebSocket: offer or accept permessage-deflate (RFC 7692), for avx_websocket_send_compressed. A connection that has
    /// compressed holds 160 KiB, one that was sent what is compressed 48 KiB; a message may inflate to 1000 times its
    /// length, beyond 1 MiB. 0. AVX_ERROR_ARGUMENT: this library was built without it.
    AvxOptionDeflate = 78,
    /// Leniency: a lone LF ends a line of a head. 0.
    AvxOptionBareLf = 90,
    /// Leniency: a server joins folded field lines. 0.
    AvxOptionObsFold = 91,
    /// Leniency: equal repetitions of Content-Length count as one. 0.
    AvxOptionRepeatedContentLength = 92,
    /// Leniency: Transfer-Encoding overrides a Content-Length beside it. 0.
    AvxOptionTransferEncodingOverContentLength = 93,
    /// Leniency: whitespace between a chunk size and its extensions. 0.
    AvxOptionChunkWhitespace = 94,
    /// Leniency: a client drops whitespace between field name and colon. 0.
    AvxOptionSpaceBeforeColon = 95,
}

macro_rules! settings {
    ($( $name:ident: $($path:ident).+; )*) => {
        /// Every option, for tables and tests.
        pub const SETTINGS: &[Setting] = &[ $( Setting::$name, )* ];

        fn set(config: &mut avx_core::Config, option: u32, value: u64) -> Option<()> {
            match option {
                $( option if option == Setting::$name as u32 => config.$($path).+ = Kept::from_number(value)?, )*
                _ => return None,
            }
            Some(())
        }

        fn read(config: &avx_core::Config, option: u32) -> Option<u64> {
            match option {
                $( option if option == Setting::$name as u32 => Some(Kept::to_number(config.$($path).+)), )*
                _ => None,
            }
        }
    };
}

settings! {
    AvxOptionStartLine: limits.start_line;
    AvxOptionHead: limits.head;
    AvxOptionFieldLine: limits.field_line;
    AvxOptionFields: limits.fields;
    AvxOptionTrailers: limits.trailers;
    AvxOptionInformational: limits.informational;
    AvxOptionUnreadBody: limits.unread_body;
    AvxOptionPipelined: limits.pipelined;
    AvxOptionLeadingEmptyLines: limits.leading_empty_lines;
    AvxOptionChunkLine: limits.chunk_line;
    AvxOptionChunkExtensions: limits.chunk_extensions;
    AvxOptionChunkOverhead: limits.chunk_overhead;
    AvxOptionFirstHeadTimeout: timeouts.first_head;
    AvxOptionHeadTimeout: timeouts.head;
    AvxOptionIdleTimeout: timeouts.idle;
    AvxOptionBodyGrace: timeouts.body_grace;
    AvxOptionBodyRate: timeouts.body_rate;
    AvxOptionWriteStall: timeouts.write_stall;
    AvxOptionWriteRate: timeouts.write_rate;
    AvxOptionDrain: timeouts.drain;
    AvxOptionLinger: timeouts.linger;
    AvxOptionExpectContinue: timeouts.expect_continue;
    AvxOptionMaxStreams: h2.max_streams;
    AvxOptionStreamWindow: h2.stream_window;
    AvxOptionMaxStreamWindow: h2.max_stream_window;
    AvxOptionConnectionWindow: h2.connection_window;
    AvxOptionMaxConnectionWindow: h2.max_connection_window;
    AvxOptionGrowWindows: h2.grow_windows;
    AvxOptionMaxFrame: h2.max_frame;
    AvxOptionFieldSection: h2.field_section;
    AvxOptionResets: h2.resets;
    AvxOptionResetsPerSecond: h2.resets_per_second;
    AvxOptionWindowStall: h2.window_stall;
    AvxOptionHttp2KeepAlive: h2.keep_alive;
    AvxOptionHttp2KeepAliveTimeout: h2.keep_alive_timeout;
    AvxOptionSettingsTimeout: h2.settings_timeout;
    AvxOptionTableSize: h2.table_size;
    AvxOptionEncoderTableSize: h2.encoder_table_size;
    AvxOptionContinuations: h2.continuations;
    AvxOptionGlitches: h2.glitches;
    AvxOptionGlitchesPerSecond: h2.glitches_per_second;
    AvxOptionControlFrames: h2.control_frames;
    AvxOptionEmptyData: h2.empty_data;
    AvxOptionDataOverhead: h2.data_overhead;
    AvxOptionPriorities: h2.priorities;
    AvxOptionSettings: h2.settings;
    AvxOptionConnectProtocol: h2.connect_protocol;
    AvxOptionMessage: ws.message;
    AvxOptionFrame: ws.frame;
    AvxOptionControls: ws.controls;
    AvxOptionControlsPerSecond: ws.controls_per_second;
    AvxOptionWebsocketKeepAlive: ws.keep_alive;
    AvxOptionPongTimeout: ws.pong_timeout;
    AvxOptionCloseTimeout: ws.close_timeout;
    AvxOptionEmptyFragments: ws.empty_fragments;
    AvxOptionDeflate: ws.deflate;
    AvxOptionBareLf: lenient.bare_lf;
    AvxOptionObsFold: lenient.obs_fold;
    AvxOptionRepeatedContentLength: lenient.repeated_content_length;
    AvxOptionTransferEncodingOverContentLength: lenient.transfer_encoding_over_content_length;
    AvxOptionChunkWhitespace: lenient.chunk_whitespace;
    AvxOptionSpaceBeforeColon: lenient.space_before_colon;
}

/// A configuration with the defaults; free it with avx_config_free.
#[unsafe(no_mangle)]
pub extern "C" fn avx_config_new() -> *mut Config {
    guard_or(core::ptr::null_mut(), || Ok(Box::into_raw(Box::new(Config { shared: Arc::default() }))))
}

/// Frees a configuration. Connections that were made with it keep what they need.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_config_free(config: *mut Config) {
    guard(|| {
        if !config.is_null() {
            // SAFETY: it comes from `avx_config_new`, and the caller frees it once.
            drop(unsafe { Box::from_raw(config) });
        }
        Ok(())
    });
}

/// Sets an option (enum avx_option) for connections made from now on. AVX_ERROR_ARGUMENT: there is no such option, or it
/// cannot have this value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_config_set(config: *mut Config, option: u32, value: u64) -> i32 {
    guard(|| {
        // SAFETY: a handle, by the rules of the header.
        let config = unsafe { borrow(config) }?;
        if !is_in_range(option, value) {
            return Err(Code::AvxErrorArgument);
        }
        set(Arc::make_mut(&mut config.shared), option, value).ok_or(Code::AvxErrorArgument)
    })
}

/// Whether the protocol knows such a value: the machines would take the nearest that it does.
fn is_in_range(option: u32, value: u64) -> bool {
    use Setting as S;
    let windows = [S::AvxOptionStreamWindow, S::AvxOptionMaxStreamWindow, S::AvxOptionMaxConnectionWindow];
    match option {
        _ if option == S::AvxOptionMaxFrame as u32 => (16_384..=0xff_ffff).contains(&value),
        _ if option == S::AvxOptionPipelined as u32 => (1..=32).contains(&value),
        _ if option == S::AvxOptionConnectionWindow as u32 => (65_535..=0x7fff_ffff).contains(&value),
        _ if windows.iter().any(|&window| option == window as u32) => value <= 0x7fff_ffff,
        _ => true,
    }
}

/// Reads an option (enum avx_option) into `value`. AVX_ERROR_ARGUMENT: there is no such option.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_config_get(config: *const Config, option: u32, value: *mut u64) -> i32 {
    guard(|| {
        // SAFETY: a handle, by the rules of the header.
        let config = unsafe { look(config) }?;
        let number = read(&config.shared, option).ok_or(Code::AvxErrorArgument)?;
        // SAFETY: null, or the caller's to be written to.
        unsafe { crate::border::put(value, number) };
        Ok(())
    })
}
