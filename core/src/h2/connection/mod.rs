//! One end of an HTTP/2 connection: what server and client have in common, which is nearly everything.
//!
//! ```text
//! input ──▶ recv ─┬─ data      DATA, as it arrives
//!                 ├─ block     HEADERS, PUSH_PROMISE and CONTINUATION: a whole field block, joined in place
//!                 └─ control   everything else, when whole
//!                                 │
//!              streams, windows, settings, budgets, timers
//!                                 │
//! output ◀─ send, transmit ◀──────┘
//! ```

mod block;
mod control;
mod data;
mod life;
pub(super) mod pace;
mod recv;
mod request;
mod section;
mod send;
mod time;
mod transmit;
mod user;

use self::pace::Looks;
use super::control::Control;
use super::flood::Flood;
use super::flow::{RecvWindow, SendWindow};
use super::frame::MAX_31;
use super::growth::Growth;
use super::hpack::{Decoder, Encoder};
use super::schedule::Schedule;
use super::settings::{DEFAULT_WINDOW, LocalSettings, PeerSettings, Role};
use super::stream::{NEVER, NONE};
use super::streams::{Slot, Streams};
use super::timers::Timers;
use crate::priority::Priority;
use crate::{Config, ErrorCode, Initiator, Instant, PeerError, Status};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Both roles' machine.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) config: Arc<Config>,
    pub(super) role: Role,
    phase: Phase,
    reader: Reader,
    streams: Streams,
    schedule: Schedule,
    decoder: Decoder,
    encoder: Encoder,
    local: LocalSettings,
    pub(super) peer: PeerSettings,
    recv: RecvWindow,
    send: SendWindow,
    growth: Growth,
    flood: Flood,
    control: Control,
    /// Streams with a window update due, the newest first.
    updates: Slot,
    /// Names in lower case, for the time of one call.
    lower: Vec<u8>,

    /// The highest stream the peer has opened or promised.
    peer_last: u32,
    /// The next stream of our own.
    local_next: u32,
    /// Streams that count against what either end allows, and promises among them.
    peer_count: u32,
    local_count: u32,
    closed: ClosedStreams,
    /// The peer has made use of the priorities of RFC 9218.
    extensible: bool,
    /// Priorities of streams that are yet to come.
    early: Vec<(u32, Priority)>,
    /// Streams that ended early, of which the caller is to be told.
    ended: Vec<(u32, ErrorCode, Initiator)>,

    refusals: Refusals,

    /// What comes before any other frame: our preface.
    greeting_due: bool,
    /// Acknowledgements of settings: written before anything that depends on them.
    acks_due: u32,
    settings_received: bool,
    ping: PingState,
    go_away: GoAwayState,
    /// The last stream of ours that the peer will process.
    received_go_away: Option<u32>,
    error: Option<PeerError>,
    eof: bool,

    settings_at: u64,
    block_at: u64,
    ping_at: u64,
    idle_at: u64,
    /// When a connection without streams gives its memory back.
    shrink_at: u64,
    drain_at: u64,
    linger_at: u64,
    /// When the connection's window will have been closed for too long, with content waiting, and what was
    /// written since.
    starved_at: u64,
    starved_sent: u64,
    /// The latest time this machine was told.
    clock: Instant,
    /// When something came last.
    heard_at: Instant,
    stalled: Timers,
    waiting: Timers,
    looks: Looks,
}

/// How far the connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// Nothing is left to do but to say goodbye.
    Finishing,
    /// The error is known, and our goodbye is to be said.
    Failing,
    /// All is said; what still arrives is discarded.
    Lingering,
    Closed,
}

/// Where the input is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    /// So many bytes of the client's preface have come.
    Preface(u8),
    /// Before a frame.
    Frame,
    /// In the content of a DATA frame, or in its padding.
    Data { slot: Slot, left: u32, padding: u32, end: bool },
    /// In a payload that nobody takes.
    Skip(u32),
    /// A message is complete, and its end is to be told.
    End(Slot),
}

/// Our own PING.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PingState {
    /// One is to be written.
    due: bool,
    /// One is under way, with this number.
    sent: bool,
    number: u64,
    /// It measures a round trip; it keeps the connection alive; it precedes the final GOAWAY.
    measures: bool,
    measures_due: bool,
    keeps_alive: bool,
    ends: bool,
    /// One that precedes the final GOAWAY is to be written.
    ends_due: bool,
}

/// Our own GOAWAY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct GoAwayState {
    shutting_down: bool,
    /// One is to be written, with this last stream.
    due: Option<u32>,
    /// One was written.
    sent: bool,
    /// The last stream that is processed, whether that was said already or not.
    last: u32,
}

/// Requests that were answered here, and that nobody was told of yet: how many with which status.
#[derive(Clone, Copy, Debug, Default)]
struct Refusals {
    bad_requests: u16,
    too_large: u16,
}

impl Refusals {
    fn note(&mut self, status: Status) {
        let count = if status == Status::BAD_REQUEST { &mut self.bad_requests } else { &mut self.too_large };
        *count = count.saturating_add(1);
    }

    fn take(&mut self) -> Option<Status> {
        let (count, status) = match self {
            Refusals { bad_requests: count @ 1.., .. } => (count, Status::BAD_REQUEST),
            Refusals { too_large: count @ 1.., .. } => (count, Status::REQUEST_HEADER_FIELDS_TOO_LARGE),
            _ => return None,
        };
        *count -= 1;
        Some(status)
    }
}

/// What is remembered of streams that are closed: enough to tell frames that were under way from errors.
#[derive(Debug)]
struct ClosedStreams {
    /// Streams reset by this end, the oldest overwritten first.
    reset: Vec<u32>,
    next: usize,
    /// The highest one forgotten.
    forgotten: u32,
    /// The last few streams that ended as they should.
    ended: [u32; 8],
    next_ended: u8,
}

/// Streams reset by this end that are remembered.
const RESETS_REMEMBERED: usize = 128;

/// How long a connection without streams keeps the memory of those it had.
const KEPT: core::time::Duration = core::time::Duration::from_secs(1);

/// Streams the client opens before it knows the server's limit.
const STREAMS_BEFORE_SETTINGS: u32 = 100;

impl Connection {
    pub(super) fn new(config: Arc<Config>, role: Role, now: Instant) -> Self {
        let limits = &config.h2;
        let seed = now.as_nanos() ^ (Arc::as_ptr(&config) as usize as u64).rotate_left(32);
        let growth = Growth::new(limits);
        let server = role == Role::Server;
        let idle_at = if server { (now + config.timeouts.first_head).as_nanos() } else { NEVER };
        Connection {
            role,
            phase: Phase::Open,
            reader: if server { Reader::Preface(0) } else { Reader::Frame },
            streams: Streams::new(seed),
            schedule: Schedule::new(),
            decoder: Decoder::new(4096),
            encoder: Encoder::new(),
            local: LocalSettings::new(),
            peer: PeerSettings::default(),
            recv: RecvWindow::new(DEFAULT_WINDOW, growth.connection),
            send: SendWindow::new(DEFAULT_WINDOW),
            growth,
            flood: Flood::new(),
            control: Control::default(),
            updates: NONE,
            lower: Vec::new(),
            peer_last: 0,
            local_next: if server { 2 } else { 1 },
            peer_count: 0,
            local_count: 0,
            closed: ClosedStreams { reset: Vec::new(), next: 0, forgotten: 0, ended: [0; 8], next_ended: 0 },
            extensible: false,
            early: Vec::new(),
            ended: Vec::new(),
            refusals: Refusals::default(),
            greeting_due: true,
            acks_due: 0,
            settings_received: false,
            ping: PingState {
                due: false,
                sent: false,
                number: 0,
                measures: false,
                measures_due: false,
                keeps_alive: false,
                ends: false,
                ends_due: false,
            },
            go_away: GoAwayState { shutting_down: false, due: None, sent: false, last: MAX_31 },
            received_go_away: None,
            error: None,
            eof: false,
            settings_at: NEVER,
            block_at: NEVER,
            ping_at: if limits.keep_alive.is_zero() { NEVER } else { (now + limits.keep_alive).as_nanos() },
            idle_at,
            shrink_at: NEVER,
            drain_at: NEVER,
            linger_at: NEVER,
            starved_at: NEVER,
            starved_sent: 0,
            clock: now,
            heard_at: now,
            stalled: Timers::new(),
            waiting: Timers::new(),
            looks: Looks::new(),
            config,
        }
    }

    /// Whether no stream is open.
    pub(super) fn is_idle(&self) -> bool {
        self.streams.len() == 0 && self.phase == Phase::Open
    }

    /// Streams of our own that are open.
    pub(super) fn in_flight(&self) -> u32 {
        self.local_count
    }

    /// Streams of our own that may be opened now.
    pub(super) fn free_streams(&self) -> u32 {
        let open = self.phase == Phase::Open && !self.eof;
        if !open || self.go_away.shutting_down || self.received_go_away.is_some() {
            return 0;
        }
        let max =
            if self.settings_received { self.peer.max_concurrent_streams } else { STREAMS_BEFORE_SETTINGS };
        let identifiers = (MAX_31 + 1).saturating_sub(self.local_next) / 2;
        max.saturating_sub(self.local_count).min(identifiers)
    }

    /// Whether the peer is the one who opens streams with this identifier.
    #[inline]
    fn is_peers(&self, id: u32) -> bool {
        (id & 1 == 1) == (self.role == Role::Server)
    }

    /// Whether nobody has opened this stream yet.
    #[inline]
    fn is_untouched(&self, id: u32) -> bool {
        if self.is_peers(id) { id > self.peer_last } else { id >= self.local_next }
    }
}

impl ClosedStreams {
    /// This end has reset the stream.
    fn did_reset(&mut self, id: u32) {
        if self.reset.len() < RESETS_REMEMBERED {
            self.reset.push(id);
            return;
        }
        self.forgotten = self.forgotten.max(self.reset[self.next]);
        self.reset[self.next] = id;
        self.next = (self.next + 1) % RESETS_REMEMBERED;
    }

    /// The stream has ended as it should.
    #[inline]
    fn did_end(&mut self, id: u32) {
        self.ended[usize::from(self.next_ended & 7)] = id;
        self.next_ended = self.next_ended.wrapping_add(1);
    }

    /// Whether frames may still be under way to a stream that is gone.
    fn may_hear_from(&self, id: u32) -> bool {
        id <= self.forgotten || self.reset.contains(&id)
    }

    /// The error in a frame on a stream that is gone for good.
    ///
    /// "An endpoint that receives an unexpected stream identifier MUST respond with a connection error of
    /// type PROTOCOL_ERROR." (section 5.1.1) for those that were passed over; others were there, and are
    /// closed (section 5.1).
    fn error(&self, id: u32) -> PeerError {
        if self.ended.contains(&id) { PeerError::ClosedStream } else { PeerError::BadStreamId }
    }
}

#[cfg(test)]
mod tests;
