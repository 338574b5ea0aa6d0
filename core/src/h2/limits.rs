//! What a peer may do on an HTTP/2 connection, and how much it may cost.

use core::time::Duration;

/// The HTTP/2 part of a [`Config`](crate::Config).
///
/// Worst-case memory of a connection is some 250 bytes for each of `max_streams`, twice `table_size` and
/// a little bookkeeping; content lies with the caller, who is owed back at most `max_connection_window`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Streams the peer may have open at the same time; a stream counts until the caller is done with it.
    /// Default 100. Stops memory and work per connection from growing.
    pub max_streams: u32,
    /// Promised streams a client takes at the same time, once it takes any. Default 16.
    pub max_pushes: u32,
    /// Window a stream begins with, bytes. Default 64 KiB. With the machines of [`any`](crate::any) also what is told of
    /// over HTTP/1.1 before content has to be released, and one read beyond it.
    pub stream_window: u32,
    /// Window a stream grows to, bytes. Default 16 MiB.
    pub max_stream_window: u32,
    /// Window the connection begins with, bytes; at least 65535. Default 1 MiB.
    pub connection_window: u32,
    /// Window the connection grows to, bytes. Default 24 MiB. Bounds content the caller holds.
    pub max_connection_window: u32,
    /// Let windows grow with what the path holds (bandwidth times delay), measured with a PING for each
    /// round trip that moves data. Default on.
    pub grow_windows: bool,
    /// Largest payload of a frame accepted, bytes, 16384 to 2^24 - 1. Default 16 KiB.
    pub max_frame: u32,
    /// Size of a field section: name, value and 32 bytes for each line. Default 32 KiB. Beyond it a server
    /// answers 431, a client resets; beyond four times as much the connection ends. Stops oversized and
    /// compressed lists. The number of lines is bounded by [`Limits::fields`](crate::Limits::fields).
    pub field_section: u32,
    /// Table that decodes field blocks, bytes. Default 4096.
    pub table_size: u32,
    /// Table that encodes field blocks, bytes, if the peer allows as much. Default 4096.
    pub encoder_table_size: u32,
    /// CONTINUATION frames in one field block; empty ones count double. Default 8. Stops endless blocks.
    pub continuations: u8,
    /// Streams that may be reset, by the peer or because of its errors, before it has to be calm: so many
    /// at once (default 200); 2 KiB of a field section beyond [`field_section`](Self::field_section) cost as
    /// much as one ...
    pub resets: u32,
    /// ... and so many a second. Default 33. Stops rapid resets, made by either end.
    pub resets_per_second: u32,
    /// Useless frames tolerated: empty or unknown ones, ones for closed streams, more than one PING for a
    /// piece of content, WINDOW_UPDATE for nothing, GOAWAY again. So many at once (default 1000) ...
    pub glitches: u32,
    /// ... and so many a second. Default 100.
    pub glitches_per_second: u32,
    /// Answers (acknowledgements, resets) that wait for the peer to read. Default 1000, of 16 bytes each.
    /// Stops floods of PING and SETTINGS.
    pub control_frames: u16,
    /// Empty DATA frames in a row that end nothing. Default 10.
    pub empty_data: u8,
    /// Bytes of bookkeeping, 256 for each DATA frame less what it carries, that content not yet released
    /// may add up to. Default 64 KiB, a sixteenth of the window. Stops a window full of tiny frames.
    pub data_overhead: u32,
    /// PRIORITY frames for one stream. Default 100.
    pub priorities: u8,
    /// Entries in one SETTINGS frame. Default 32.
    pub settings: u8,
    /// How long the peer may take to acknowledge settings. Default 10 s.
    pub settings_timeout: Duration,
    /// How long a stream with content to send may wait for credit before it is reset. Default 30 s. Stops
    /// peers that keep responses alive with a closed window.
    pub window_stall: Duration,
    /// Send a PING when nothing has come for so long. Default zero: never.
    pub keep_alive: Duration,
    /// How long the peer may take to answer it. Default 20 s.
    pub keep_alive_timeout: Duration,
    /// Client: promised streams are welcome. Default off.
    pub push: bool,
    /// Server: CONNECT may name a protocol (RFC 8441). Default off.
    pub connect_protocol: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_streams: 100,
            max_pushes: 16,
            stream_window: 64 << 10,
            max_stream_window: 16 << 20,
            connection_window: 1 << 20,
            max_connection_window: 24 << 20,
            grow_windows: true,
            max_frame: 16 << 10,
            field_section: 32 << 10,
            table_size: 4096,
            encoder_table_size: 4096,
            continuations: 8,
            resets: 200,
            resets_per_second: 33,
            glitches: 1000,
            glitches_per_second: 100,
            control_frames: 1000,
            empty_data: 10,
            data_overhead: 64 << 10,
            priorities: 100,
            settings: 32,
            settings_timeout: Duration::from_secs(10),
            window_stall: Duration::from_secs(30),
            keep_alive: Duration::ZERO,
            keep_alive_timeout: Duration::from_secs(20),
            push: false,
            connect_protocol: false,
        }
    }
}
