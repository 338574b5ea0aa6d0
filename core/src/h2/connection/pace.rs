//! How slowly a client may send content: a minimum rate for each stream, kept by looking at all of them now
//! and then.
//!
//! ```text
//! look ──▶ earned: what came since the last look, at the rate   ──▶ patience, at most that of an idle connection
//!     └──▶ spent:  the time since the last look, if there was
//!                  credit for more at both ends of it           ──▶ none left: the stream is reset
//! ```
//!
//! Time without credit is the server's own, and so is that before a 100 (Continue) which the client waits
//! for. A look costs a few nanoseconds for each open stream; there is none while no content is due.

use super::Connection;
use crate::h2::settings::Role;
use crate::h2::stream::{Kind, NEVER, Stream};
use crate::h2::streams::Slot;
use crate::{ErrorCode, Initiator, Instant};
use core::time::Duration;

/// What a stream has of the time it may take over its content.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::h2) struct Pace {
    /// Content received since the last look, bytes.
    pub(in crate::h2) received: u32,
    /// How much longer the peer may leave its credit unused, milliseconds.
    patience: u32,
    /// There was credit at the last look.
    open: bool,
    /// The client waits for 100 (Continue), or for a final response.
    pub(in crate::h2) expects: bool,
}

/// When the streams are looked at.
#[derive(Clone, Copy, Debug)]
pub(in crate::h2) struct Looks {
    pub(in crate::h2) at: u64,
    /// The caller has not read since the last look.
    held: bool,
}

impl Looks {
    pub(in crate::h2) const fn new() -> Self {
        Looks { at: NEVER, held: false }
    }
}

impl Connection {
    /// From now on the peer owes content on a stream.
    #[inline]
    pub(super) fn begin_pace(&mut self, now: Instant, stream: &mut Stream, expects: bool) {
        let timeouts = &self.config.timeouts;
        stream.pace = Pace { patience: millis(timeouts.body_grace), expects, ..Pace::default() };
        if self.looks.at == NEVER && self.role == Role::Server && timeouts.body_rate > 0 {
            self.looks.at = (now + self.interval()).as_nanos();
        }
    }

    /// Nobody reads for now: the time is not the peer's.
    pub(in crate::h2) fn hold(&mut self) {
        self.looks.held = true;
    }

    /// Between two looks.
    fn interval(&self) -> Duration {
        (self.config.timeouts.body_grace / 2).max(Duration::from_millis(100))
    }

    /// Looks at every stream whose content is not complete.
    ///
    /// "An endpoint that doesn't monitor use of these features exposes itself to a risk of denial of
    /// service." (section 10.5): content that never ends would hold its stream for ever.
    #[cold]
    pub(super) fn look(&mut self, now: Instant) {
        let interval = self.interval();
        let rate = self.config.timeouts.body_rate.max(1);
        let most = millis(self.config.timeouts.idle);
        // Less credit than an interval asks for is no reason to be late.
        let need = (u64::from(millis(interval)) * u64::from(rate) / 1000) as i64;
        let open_connection = !core::mem::take(&mut self.looks.held) && self.recv.available() >= need;
        let mut any = false;
        for slot in 0..self.streams.capacity() as Slot {
            let stream = &mut self.streams[slot];
            if !stream.owes_content() {
                continue;
            }
            any = true;
            let open = open_connection && !stream.pace.expects && stream.recv.available() >= need;
            let pace = &mut stream.pace;
            let earned = u64::from(core::mem::take(&mut pace.received)) * 1000 / u64::from(rate);
            pace.patience = earned.saturating_add(pace.patience.into()).min(most.into()) as u32;
            let waited = core::mem::replace(&mut pace.open, open) && open;
            if !waited {
                continue;
            }
            pace.patience = match pace.patience.checked_sub(millis(interval)) {
                Some(left) if left > 0 => left,
                _ => {
                    self.give_up(slot);
                    continue;
                }
            };
        }
        self.looks.at = if any { (now + interval).as_nanos() } else { NEVER };
    }

    /// The content of a stream has taken too long.
    fn give_up(&mut self, slot: Slot) {
        let stream = &self.streams[slot];
        // "A server MAY request that the client abort transmission of a request without error by sending a
        // RST_STREAM with an error code of NO_ERROR after sending a complete response" (section 8.1)
        let code = if stream.state.sends() { ErrorCode::ENHANCE_YOUR_CALM } else { ErrorCode::NO_ERROR };
        let id = stream.id;
        self.end_stream(slot);
        self.send_reset(id, code);
        self.ended.push((id, code, Initiator::Local));
    }
}

impl Stream {
    /// Whether the peer has content to send that is bound to a rate: a tunnel's is not.
    fn owes_content(&self) -> bool {
        self.id != 0 && !self.reset && self.state.receives() && self.method != Kind::Connect
    }
}

fn millis(duration: Duration) -> u32 {
    duration.as_millis().min(u128::from(u32::MAX)) as u32
}
