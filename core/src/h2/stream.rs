//! What this end knows of one stream.

use super::connection::pace::Pace;
use super::flow::{RecvWindow, SendWindow};
use super::state::State;

/// No other stream, in links.
pub(super) const NONE: u32 = u32::MAX;

/// Content whose length nobody announced.
pub(super) const UNKNOWN: u64 = u64::MAX;

/// No point in time.
pub(super) const NEVER: u64 = u64::MAX;

/// One stream: about 150 bytes, all there is of it in core.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub(super) id: u32,
    pub(super) state: State,
    pub(super) head: Head,
    /// It was reset, by either end, and the caller has not said yet that it is done.
    pub(super) reset: bool,
    /// It counts as one of the peer's, or of our own, open streams.
    pub(super) counted: bool,
    /// A request with HEAD, or CONNECT.
    pub(super) method: Kind,
    /// The caller has content to write.
    pub(super) wants_write: bool,
    /// Client: the content waits for 100 (Continue).
    pub(super) waits: bool,
    /// PRIORITY frames received.
    pub(super) priorities: u8,
    /// Interim responses received.
    pub(super) informational: u16,

    pub(super) recv: RecvWindow,
    pub(super) send: SendWindow,
    /// Content still to come, and still to be sent, or [`UNKNOWN`].
    pub(super) recv_left: u64,
    pub(super) send_left: u64,

    pub(super) pace: Pace,
    pub(super) sched: Sched,
    /// Since when the content waits for credit, or until when for 100 (Continue).
    pub(super) timer_at: u64,
    /// Content written since it began to wait.
    pub(super) stall_sent: u32,
    /// Neighbours in the list of timers.
    pub(super) timer_prev: u32,
    pub(super) timer_next: u32,
    /// It is in the list of those with a window update due, and its neighbours there.
    pub(super) update_due: bool,
    pub(super) update_prev: u32,
    pub(super) update_next: u32,
}

/// Where a message is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// The head to be received has come: the request, or the final response.
    pub(super) received: bool,
    /// The head to be sent has gone.
    pub(super) sent: bool,
}

/// What the framing of a response depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Head,
    Connect,
}

/// Where a stream stands in the order of writing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sched {
    pub(super) urgency: u8,
    pub(super) incremental: bool,
    /// The priority was signalled as RFC 9218 has it.
    pub(super) signalled: bool,
    /// It may be chosen: it wants to write, and has credit.
    pub(super) ready: bool,
    /// 1 to 256 (RFC 7540, section 5.3.2).
    pub(super) weight: u16,
    /// Bytes it may write before the next one of its ring.
    pub(super) deficit: i32,
    /// Neighbours in the ring, or parent and siblings in the heap.
    pub(super) prev: u32,
    pub(super) next: u32,
    pub(super) child: u32,
}

impl Sched {
    pub(super) const fn new() -> Self {
        Sched {
            urgency: 3,
            incremental: false,
            signalled: false,
            ready: false,
            weight: 16,
            deficit: 0,
            prev: NONE,
            next: NONE,
            child: NONE,
        }
    }
}

impl Stream {
    pub(super) fn new(id: u32, state: State, recv: RecvWindow, send: SendWindow) -> Self {
        Stream {
            id,
            state,
            head: Head { received: false, sent: false },
            reset: false,
            counted: false,
            method: Kind::Plain,
            wants_write: false,
            waits: false,
            priorities: 0,
            informational: 0,
            recv,
            send,
            recv_left: UNKNOWN,
            send_left: UNKNOWN,
            pace: Pace::default(),
            sched: Sched::new(),
            timer_at: NEVER,
            stall_sent: 0,
            timer_prev: NONE,
            timer_next: NONE,
            update_due: false,
            update_prev: NONE,
            update_next: NONE,
        }
    }

    /// Whether it is a request for a tunnel that was answered.
    #[inline]
    pub(super) fn is_tunnel(&self) -> bool {
        self.method == Kind::Connect && self.head.sent && self.head.received
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_stream_is_small() {
        assert!(size_of::<super::Stream>() <= 160, "{}", size_of::<super::Stream>());
    }
}
