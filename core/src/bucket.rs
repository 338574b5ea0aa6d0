//! Budgets of what a peer may do: so many at once, and so many a second from then on.

use crate::Instant;

/// A bucket of tokens that fills up with time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    /// Nanoseconds' worth of tokens taken and not yet filled up again.
    debt: u64,
    at: u64,
}

impl Bucket {
    /// Nothing taken yet.
    pub(crate) const FULL: Bucket = Bucket { debt: 0, at: 0 };

    /// Takes `n` tokens out of `size`, of which `per_second` come back each second. False when there are
    /// not so many.
    #[inline]
    pub(crate) fn take(&mut self, now: Instant, n: u32, size: u32, per_second: u32) -> bool {
        // A token is worth the time it takes to come back.
        let worth = 1_000_000_000 / u64::from(per_second.max(1));
        let now = now.as_nanos();
        let debt = self.debt.saturating_sub(now.saturating_sub(self.at)) + u64::from(n) * worth;
        self.at = self.at.max(now);
        self.debt = debt;
        debt <= u64::from(size) * worth
    }
}
