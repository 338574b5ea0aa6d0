//! Limits and deadlines, by number: what C sets in a struct would freeze its layout.

use crate::Code;
use crate::border::{borrow, guard, guard_or, look};
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
    /// Requests a client may have in flight over HTTP/1.1. 16, at most 32.
    AvxOptionPipelined = 8,
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
    /// HTTP/2: window the connection begins with. 1 MiB.
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
    /// WebSocket: a whole message. 16 MiB; beyond it 1009.
    AvxOptionMessage = 60,
    /// WebSocket: the payload of one frame. 16 MiB; beyond it 1009.
    AvxOptionFrame = 61,
    /// WebSocket: control frames at once ... 1000.
    AvxOptionControls = 62,
    /// ... and a second. 100.
    AvxOptionControlsPerSecond = 63,
    /// WebSocket: send a ping when nothing has come for so long. 30 s; 0: never.
    AvxOptionWebsocketKeepAlive = 64,
    /// WebSocket: how long the peer may take to say something after it. 20 s; 0: for ever.
    AvxOptionPongTimeout = 65,
    /// WebSocket: how long the peer may take to answer a close frame. 5 s.
    AvxOptionCloseTimeout = 66,
    /// Leniency: a lone LF ends a line of a head. 0.
    AvxOptionBareLf = 80,
    /// Leniency: a server joins folded field lines. 0.
    AvxOptionObsFold = 81,
    /// Leniency: equal repetitions of Content-Length count as one. 0.
    AvxOptionRepeatedContentLength = 82,
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
    AvxOptionMessage: ws.message;
    AvxOptionFrame: ws.frame;
    AvxOptionControls: ws.controls;
    AvxOptionControlsPerSecond: ws.controls_per_second;
    AvxOptionWebsocketKeepAlive: ws.keep_alive;
    AvxOptionPongTimeout: ws.pong_timeout;
    AvxOptionCloseTimeout: ws.close_timeout;
    AvxOptionBareLf: lenient.bare_lf;
    AvxOptionObsFold: lenient.obs_fold;
    AvxOptionRepeatedContentLength: lenient.repeated_content_length;
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
        set(Arc::make_mut(&mut config.shared), option, value).ok_or(Code::AvxErrorArgument)
    })
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
