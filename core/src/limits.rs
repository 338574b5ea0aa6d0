//! Every bound the engine keeps, on by default, and every leniency, off by default.

use core::time::Duration;

/// What one connection is configured with: shared by all of them behind one `Arc`.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Config {
    /// Bounds on what a peer may send.
    pub limits: Limits,
    /// Bounds on how long a peer may take.
    pub timeouts: Timeouts,
    /// Deviations from the grammar that are let through.
    pub lenient: Lenient,
    /// Bounds and choices of HTTP/2 alone.
    pub h2: crate::h2::Limits,
    /// Bounds and choices of WebSocket alone.
    pub ws: crate::ws::Limits,
    /// Report every chunk extension as [`Event::ChunkExtension`](crate::Event::ChunkExtension).
    pub chunk_extensions: bool,
}

/// Bounds in bytes or counts. Worst-case memory of an HTTP/1.1 connection is `head` plus one
/// [`Span`](crate::Span) per field, both in memory of the caller.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Request line or status line, bytes. Default 8 KiB; beyond it 414. Stops oversized targets.
    pub start_line: u32,
    /// A whole head with its start line, bytes. Default 64 KiB; beyond it 431.
    pub head: u32,
    /// One field line, bytes. Default 16 KiB; beyond it 431.
    pub field_line: u32,
    /// Field lines in a head or a trailer section. Default 100; beyond it 431.
    pub fields: u16,
    /// Empty lines before a request line. Default 4; beyond it 400.
    pub leading_empty_lines: u8,
    /// One chunk line (size and extensions), bytes. Default 4 KiB.
    pub chunk_line: u32,
    /// Chunk extensions of one body, bytes. Default 16 KiB. Stops extension amplification.
    pub chunk_extensions: u32,
    /// Chunk framing (lines and line ends) tolerated per body before it must be outweighed by data,
    /// bytes. Default 64 KiB. Stops a body of one-byte chunks from costing more than it carries.
    pub chunk_overhead: u32,
    /// Trailer section, bytes. Default 16 KiB; beyond it 431.
    pub trailers: u32,
    /// Interim responses before a final one (client). Default 32. Stops endless 1xx.
    pub informational: u16,
    /// Request content still read after the response went out, bytes; beyond it the connection is
    /// closed instead. Default 256 KiB. A peer that goes on after it has broken the protocol is read from as
    /// far, so that it sees the answer, and then closed on.
    pub unread_body: u32,
    /// Requests a client may have in flight on one HTTP/1.1 connection. Default 16, at most 32.
    pub pipelined: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            start_line: 8 << 10,
            head: 64 << 10,
            field_line: 16 << 10,
            fields: 100,
            leading_empty_lines: 4,
            chunk_line: 4 << 10,
            chunk_extensions: 16 << 10,
            chunk_overhead: 64 << 10,
            trailers: 16 << 10,
            informational: 32,
            unread_body: 256 << 10,
            pipelined: 16,
        }
    }
}

/// Bounds in time. All of them end the connection, none needs a timer of the embedder beyond
/// [`poll_timeout`](crate::Machine::poll_timeout).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Timeouts {
    /// From the connection's start to the end of its first head. Default 30 s.
    pub first_head: Duration,
    /// From the first byte of a head to its end. Default 10 s. Stops slow heads; a server answers 408.
    pub head: Duration,
    /// Between two exchanges. Default 60 s. The close is a normal one.
    pub idle: Duration,
    /// Waiting for content that never comes: free of charge for so long. Default 5 s.
    pub body_grace: Duration,
    /// Bytes per second of content below which, beyond the grace, the peer is too slow. Default 240.
    /// Only time spent waiting for the peer counts. Zero switches the check off, as servers do whose clients
    /// keep requests open to say something later. Over HTTP/2 it holds for each stream, tunnels apart.
    pub body_rate: u32,
    /// No progress of pending output. Default 30 s. Kept by [`Session`](crate::Session). Stops
    /// readers that never read.
    pub write_stall: Duration,
    /// Bytes per second of pending output below which, beyond `write_stall`, the peer is too slow.
    /// Default 240: what a connection has pending, at most 64 KiB and one unit of content, has left
    /// after some five minutes. Zero switches the check off. Stops readers that take a byte now and
    /// then and hold that memory for ever.
    pub write_rate: u32,
    /// From `shutdown` to the end of what is in flight, and with
    /// [`Session::shutdown`](crate::Session::shutdown) of the output. Default 30 s.
    pub drain: Duration,
    /// Reading on after the last response of a closing connection has left, so that the peer sees it
    /// before a reset (RFC 9112, section 9.6). Default 2 s.
    pub linger: Duration,
    /// How long a client waits for 100 (Continue) before it sends the content anyway. Default 1 s.
    pub expect_continue: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            first_head: Duration::from_secs(30),
            head: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            body_grace: Duration::from_secs(5),
            body_rate: 240,
            write_stall: Duration::from_secs(30),
            write_rate: 240,
            drain: Duration::from_secs(30),
            linger: Duration::from_secs(2),
            expect_continue: Duration::from_secs(1),
        }
    }
}

/// Deviations that are let through. All off: strict is the default. A flag never loosens chunk
/// line ends, because two readers that disagree on those disagree on where a message ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lenient {
    /// A lone LF ends a line of a head or trailer section (RFC 9112, section 2.2).
    pub bare_lf: bool,
    /// A server joins folded field lines with spaces instead of answering 400 (RFC 9112, section 5.2).
    /// A client always joins them, as the same section demands.
    pub obs_fold: bool,
    /// Equal repetitions of Content-Length count as one (RFC 9110, section 8.6).
    pub repeated_content_length: bool,
    /// Transfer-Encoding overrides a Content-Length beside it; the connection closes afterwards
    /// (RFC 9112, section 6.3).
    pub transfer_encoding_over_content_length: bool,
    /// Spaces or tabs between a chunk size and its extensions (RFC 9112, section 7.1.1).
    pub chunk_whitespace: bool,
    /// A client accepts whitespace between field name and colon and drops it (RFC 9112, section 5.1).
    pub space_before_colon: bool,
}

impl Lenient {
    /// Every flag by its command-line name, for programs that list or parse them.
    pub const NAMES: [&'static str; 6] = [
        "bare-lf",
        "obs-fold",
        "repeated-content-length",
        "transfer-encoding-over-content-length",
        "chunk-whitespace",
        "space-before-colon",
    ];

    /// Sets the flag called `name`, one of [`NAMES`](Self::NAMES). False when there is none.
    pub fn set(&mut self, name: &str) -> bool {
        let flag = match name {
            "bare-lf" => &mut self.bare_lf,
            "obs-fold" => &mut self.obs_fold,
            "repeated-content-length" => &mut self.repeated_content_length,
            "transfer-encoding-over-content-length" => &mut self.transfer_encoding_over_content_length,
            "chunk-whitespace" => &mut self.chunk_whitespace,
            "space-before-colon" => &mut self.space_before_colon,
            _ => return false,
        };
        *flag = true;
        true
    }
}
