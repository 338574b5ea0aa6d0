//! One end of a WebSocket: what server and client have in common, which is nearly everything.
//!
//! ```text
//! input ──▶ recv ─┬─ Data     as it arrives, unmasked in place
//!                 └─ Ping, Pong, Close     when whole
//!                          │
//!              pong, ping, close that are due, one deadline
//!                          │
//! output ◀─ send, transmit ◀
//! ```

#[cfg(feature = "deflate")]
mod inflate;
mod life;
mod recv;
mod send;

use super::frame::{MAX_CONTROL, Opcode};
use super::key::MaskKeys;
use super::mask::Mask;
use super::role::{AsClient, AsServer, Role};
use super::utf8::Utf8;
use super::{CloseCode, Event, Kind};
use crate::bucket::Bucket;
use crate::{Config, Instant, Machine, Output, PeerError, Recv, Scratch};
use alloc::boxed::Box;
use alloc::sync::Arc;

/// One end of an established WebSocket: [`Server`] or [`Client`], from the first byte behind the handshake on.
///
/// Holds no buffer and no part of a message, whatever arrives. The first ping allocates room for what it
/// carries, 126 bytes.
#[derive(Debug)]
pub struct Connection<R> {
    config: Arc<Config>,
    /// How messages are compressed, where that was agreed to.
    #[cfg(feature = "deflate")]
    deflate: Option<Box<super::deflate::Context>>,
    /// What the latest ping carried.
    pong: Option<Box<Pong>>,
    /// Bytes of the data frame at hand that are still to come.
    left: u64,
    /// Bytes of the message at hand so far, announced ones included.
    message_len: u64,
    /// When something came last.
    heard_at: u64,
    /// When time has to be looked at again: never later than the deadline at hand, and often earlier, so that it
    /// need not move with each message.
    due: u64,
    controls: Bucket,
    mask: Mask,
    utf8: Utf8,
    /// The longest payload that is within all limits, if that is less than 64 KiB.
    small: u16,
    empty_fragments: u16,
    reader: Reader,
    phase: Phase,
    /// The message at hand.
    kind: Kind,
    /// It is compressed.
    compressed: bool,
    /// The frame at hand is the last of its message.
    fin: bool,
    /// What this end is in the middle of sending.
    sending: Option<Kind>,
    /// It is compressed.
    compressing: bool,
    pong_due: bool,
    ping_due: bool,
    /// A ping is under way, and nothing was heard since.
    pinged: bool,
    /// The caller does not read for now.
    held: bool,
    /// The caller has more to send before a close frame of the peer is answered.
    unsent: bool,
    eof: bool,
    close_due: Option<CloseCode>,
    /// An error that waits for what came before it to be told.
    pending: Option<PeerError>,
    error: Option<PeerError>,
    role: R,
}

/// The machine of a server's end.
pub type Server = Connection<AsServer>;

/// The machine of a client's end.
pub type Client = Connection<AsClient>;

/// Where the input is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    /// Before a message.
    Message,
    /// Before a frame inside a message.
    Fragment,
    /// In the payload of a data frame.
    Payload,
    /// Nothing that comes is looked at.
    Over,
}

/// How far the connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// Our close frame was sent, or is due; the peer's is waited for.
    Closing,
    /// The peer's close frame was received; ours is due.
    Answering,
    /// Both were exchanged; the server is to end the transport.
    Waiting,
    /// The peer broke the protocol; our close frame is due.
    Failing,
    /// All is said behind an error.
    Lingering,
    Closed,
}

/// No deadline.
const NEVER: u64 = u64::MAX;

#[derive(Debug)]
struct Pong {
    len: u8,
    data: [u8; MAX_CONTROL],
}

impl Server {
    /// The end of a server that has accepted a handshake.
    pub fn new(config: Arc<Config>, now: Instant) -> Self {
        Connection::with(config, now, AsServer)
    }
}

impl Client {
    /// The end of a client whose handshake was accepted. `keys` mask what it sends.
    pub fn new(config: Arc<Config>, now: Instant, keys: MaskKeys) -> Self {
        Connection::with(config, now, AsClient { keys })
    }
}

impl<R: Role> Connection<R> {
    fn with(config: Arc<Config>, now: Instant, role: R) -> Self {
        let limits = &config.ws;
        let mut connection = Connection {
            #[cfg(feature = "deflate")]
            deflate: None,
            pong: None,
            left: 0,
            message_len: 0,
            heard_at: now.as_nanos(),
            due: NEVER,
            controls: Bucket::FULL,
            mask: Mask::new([0; 4]),
            utf8: Utf8::new(),
            small: limits.message.min(limits.frame).min(u16::MAX.into()) as u16,
            empty_fragments: 0,
            reader: Reader::Message,
            phase: Phase::Open,
            kind: Kind::Binary,
            compressed: false,
            fin: true,
            sending: None,
            compressing: false,
            pong_due: false,
            ping_due: false,
            pinged: false,
            held: false,
            unsent: false,
            eof: false,
            close_due: None,
            pending: None,
            error: None,
            config,
            role,
        };
        connection.watch();
        connection
    }

    /// Compresses messages as both ends have agreed: from the beginning, or never. How hard it tries, and what it
    /// leaves alone, [`Limits::deflate`](super::Limits::deflate) says, or its default.
    #[cfg(feature = "deflate")]
    pub fn with_deflate(mut self, agreed: &super::extension::Agreed) -> Self {
        let (own, peer) =
            if R::SERVER { (agreed.server, agreed.client) } else { (agreed.client, agreed.server) };
        let deflate = self.config.ws.deflate.unwrap_or_default();
        self.deflate = Some(Box::new(super::deflate::Context::new(own, peer, &deflate)));
        self
    }

    /// Whether it has nothing to tell before more comes, and nothing to [`transmit`](Machine::transmit): whoever has
    /// passed on all that was read need not look again.
    #[inline]
    pub fn is_quiet(&self) -> bool {
        let due = self.pong_due | self.ping_due | self.close_due.is_some();
        // All of a compressed frame may be consumed before all that it inflates to was told.
        let inflates = self.compressed & (self.reader == Reader::Payload);
        !(due | inflates | self.held | self.eof | self.pending.is_some())
    }

    /// Whether messages may be sent.
    #[inline]
    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }
}

impl Kind {
    fn opcode(self) -> Opcode {
        match self {
            Kind::Text => Opcode::Text,
            Kind::Binary => Opcode::Binary,
        }
    }
}

impl<R: Role> Machine for Connection<R> {
    type Event<'b> = Event<'b>;

    #[inline]
    fn recv<'b>(
        &mut self,
        now: Instant,
        input: &'b mut [u8],
        scratch: &'b mut Scratch,
    ) -> Result<Recv<Event<'b>>, PeerError> {
        self.receive(now, input, scratch)
    }

    fn recv_eof(&mut self, _: Instant) {
        self.eof = true;
        if matches!(self.phase, Phase::Waiting | Phase::Lingering) {
            self.end();
        }
    }

    #[inline]
    fn transmit(&mut self, now: Instant, out: &mut dyn Output) {
        if self.pong_due | self.ping_due | self.close_due.is_some() {
            self.transmit_due(now, out);
        }
    }

    /// The next ping would supersede the answer to this one, and the next piece of a message overtake it.
    #[inline]
    fn wants_transmit(&self) -> bool {
        self.pong_due
    }

    #[inline]
    fn poll_timeout(&self) -> Option<Instant> {
        (self.due != NEVER).then(|| Instant::from_nanos(self.due))
    }

    fn handle_timeout(&mut self, now: Instant) {
        if now.as_nanos() >= self.due {
            self.time_out(now);
        }
    }

    fn hold(&mut self, _: Instant) {
        if self.phase == Phase::Open {
            self.held = true;
            self.due = self.rests_at();
        }
    }

    #[inline]
    fn wants_read(&self) -> bool {
        !self.eof && self.phase != Phase::Closed
    }

    /// True but for a close frame that found no room: whatever is waited for, the peer's time begins when it
    /// has got what waits before.
    #[inline]
    fn wants_flush(&self) -> bool {
        self.close_due.is_none()
    }

    fn did_flush(&mut self, now: Instant) {
        self.flushed(now);
    }

    #[inline]
    fn is_send_closed(&self) -> bool {
        matches!(self.phase, Phase::Lingering | Phase::Closed)
    }

    #[inline]
    fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_machine_is_small() {
        assert!(size_of::<Server>() <= 128, "{}", size_of::<Server>());
        assert!(size_of::<Client>() <= 256, "{}", size_of::<Client>());
    }
}
