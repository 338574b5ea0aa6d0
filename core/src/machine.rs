//! The wire side that every protocol machine has: bytes in, events out, control bytes out, time.

use crate::h2::hpack::Section;
use crate::head::Layout;
use crate::{Instant, Output, PeerError};
use alloc::vec::Vec;

/// What one call of [`Machine::recv`] came to.
#[derive(Debug)]
pub enum Recv<E> {
    /// Something happened. Drop `consumed` bytes before the next call.
    Event {
        /// Bytes of the input that are done with.
        consumed: usize,
        /// What happened, borrowing input and scratch.
        event: E,
    },
    /// The input ends inside a unit.
    NeedMore {
        /// Bytes of the input that are done with.
        consumed: usize,
        /// The unit is not complete before so many bytes more (never zero, never beyond a limit).
        at_least: usize,
    },
    /// The peer is ahead: answer first. No byte was consumed.
    Paused,
    /// This machine is done; the rest of the input belongs to the next one.
    Switched {
        /// Bytes of the input that are done with.
        consumed: usize,
        /// Who goes on.
        to: Protocol,
    },
}

/// Who speaks after [`Recv::Switched`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// HTTP/2: by its preface, which is still in the input, or by `Upgrade: h2c`.
    Http2,
    /// WebSocket (RFC 6455).
    WebSocket,
    /// Bytes without further structure: CONNECT, or an upgrade to a protocol unknown here.
    Tunnel,
}

/// Working memory of one `recv` call. One per thread is enough, whatever the number of connections.
///
/// It also keeps spare buffers for [`Session`](crate::Session), so that connections with nothing
/// pending hold none.
#[derive(Debug)]
pub struct Scratch {
    pub(crate) layout: Layout,
    pub(crate) section: Section,
    pub(crate) spare: Vec<Vec<u8>>,
    #[cfg(feature = "deflate")]
    pub(crate) inflate: crate::ws::Pool,
}

impl Scratch {
    /// Empty working memory; grows to what the configured limits allow and no further.
    pub const fn new() -> Self {
        Scratch {
            layout: Layout::new(),
            section: Section::new(),
            spare: Vec::new(),
            #[cfg(feature = "deflate")]
            inflate: crate::ws::Pool::new(),
        }
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Scratch::new()
    }
}

/// The wire side of a protocol: HTTP/1.1, HTTP/2, WebSocket.
pub trait Machine {
    /// What happens on this wire.
    type Event<'b>;

    /// Looks at the front of `input` and says one thing about it.
    ///
    /// May be called at any time, with any prefix of what is left to read; cutting the input
    /// differently gives the same events. Each event consumes bytes or changes state, so calling
    /// until something else comes back always ends.
    ///
    /// # Errors
    /// The peer broke the protocol. Sticky: every later call says the same, while
    /// [`transmit`](Machine::transmit) still writes the answer that is due.
    fn recv<'b>(
        &mut self,
        now: Instant,
        input: &'b mut [u8],
        scratch: &'b mut Scratch,
    ) -> Result<Recv<Self::Event<'b>>, PeerError>;

    /// The peer will send nothing beyond the bytes not yet consumed.
    ///
    /// May be called as soon as that is known; `recv` then says what it means, once those bytes are
    /// used up: the end of a message, a normal close, or an error.
    fn recv_eof(&mut self, now: Instant);

    /// Writes what the machine itself has to say (answers to errors, acknowledgements, goodbyes).
    /// What finds no room waits for the next call.
    fn transmit(&mut self, now: Instant, out: &mut dyn Output);

    /// Whether [`transmit`](Machine::transmit) has something to say that the next [`recv`](Machine::recv) may
    /// supersede or overtake. Calling it first is never wrong, and [`Session`](crate::Session) does.
    fn wants_transmit(&self) -> bool {
        false
    }

    /// When [`handle_timeout`](Machine::handle_timeout) wants to be called. O(1).
    fn poll_timeout(&self) -> Option<Instant>;

    /// Time has passed. Early or repeated calls do nothing. May leave an error for `recv` and bytes
    /// for `transmit`.
    fn handle_timeout(&mut self, now: Instant);

    /// The caller will not read for now, because what it read has found no taker: time until the next
    /// [`recv`](Machine::recv) is not the peer's. Without this, a peer is held to its minimum rate while
    /// it is not listened to.
    fn hold(&mut self, _now: Instant) {}

    /// Whether more input can change anything now. False while the peer is ahead.
    fn wants_read(&self) -> bool;

    /// Whether nothing is waited for but what the peer makes of the output: as long as that has not left,
    /// the peer's time does not run, and [`handle_timeout`](Machine::handle_timeout) is not to be called.
    fn wants_flush(&self) -> bool {
        false
    }

    /// The output has left as a whole, after it had to wait for the transport: the time of a machine that
    /// [wanted](Machine::wants_flush) that counts from here.
    fn did_flush(&mut self, _now: Instant) {}

    /// Nothing will be written any more beyond what the output already holds: once that has left,
    /// the sending side of the transport is to be shut down.
    fn is_send_closed(&self) -> bool;

    /// Nothing more will be read or written: the transport is to be closed once the output has left.
    fn is_closed(&self) -> bool;

    /// Whether the transport, if it is closed now, is to be reset instead of ended in order: the peer
    /// would take part of a message for the whole.
    fn wants_reset(&self) -> bool {
        false
    }
}
