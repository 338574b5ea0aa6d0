//! How long a peer may take to read.

use crate::{Config, Instant, PeerError};
use core::time::Duration;

/// How long output may wait: without progress, beyond that at a minimum rate, and never beyond the
/// end of the drain. Nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    stall: u64,
    drain: u64,
    /// Time that a byte buys, and when all that has been bought is over.
    byte: u64,
    over: u64,
    /// End of the drain, once that has begun.
    ends: u64,
}

impl Patience {
    pub(super) fn new(config: &Config) -> Self {
        let nanos = |time: Duration| (Instant::ZERO + time).as_nanos();
        let timeouts = &config.timeouts;
        Patience {
            stall: nanos(timeouts.write_stall),
            drain: nanos(timeouts.drain),
            byte: 1_000_000_000_u64.checked_div(timeouts.write_rate.into()).unwrap_or(u64::MAX),
            over: 0,
            ends: u64::MAX,
        }
    }

    /// Until when, `n` bytes having left. `begins`: nothing waited before, and they were no wait.
    pub(super) fn until(&mut self, now: Instant, n: usize, begins: bool) -> Instant {
        let stalls = now.as_nanos().saturating_add(self.stall);
        let bought = self.byte.saturating_mul(n as u64);
        self.over = if begins { stalls } else { self.over.saturating_add(bought) };
        Instant::from_nanos(stalls.min(self.over).min(self.ends))
    }

    /// The drain begins, or has begun. When it ends.
    pub(super) fn drain(&mut self, now: Instant) -> Instant {
        self.ends = now.as_nanos().saturating_add(self.drain).min(self.ends);
        Instant::from_nanos(self.ends)
    }

    /// Why it is over.
    pub(super) fn error(&self, now: Instant) -> PeerError {
        if now.as_nanos() >= self.ends { PeerError::DrainTimeout } else { PeerError::WriteStalled }
    }
}
