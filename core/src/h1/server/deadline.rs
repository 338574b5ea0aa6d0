//! Deadlines: which one runs, and how long a peer may take over its content.

use super::{NEVER, Server, Timer};
use crate::Instant;

impl Server {
    #[inline]
    pub(super) fn stop_timer(&mut self) {
        self.timer = Timer::Off;
        self.timer_at = NEVER;
    }

    #[inline]
    pub(super) fn set_timer(&mut self, timer: Timer, at: Instant) {
        self.timer = timer;
        self.timer_at = at.as_nanos();
    }

    /// The first bytes of a head have come, but not all of it.
    #[cold]
    pub(super) fn wait_for_head(&mut self, now: Instant) {
        let at = now + self.config.timeouts.head;
        match self.timer {
            Timer::FirstHead => {
                self.set_timer(Timer::Head, Instant::from_nanos(self.timer_at.min(at.as_nanos())))
            }
            Timer::Head => {}
            _ => self.set_timer(Timer::Head, at),
        }
    }

    /// The peer owes content: from now on its time is counted.
    pub(super) fn wait_for_content(&mut self, now: Instant) {
        let rate = u64::from(self.config.timeouts.body_rate);
        if self.timer != Timer::Off || rate == 0 || self.request.expects {
            return;
        }
        let grace = Instant::ZERO + self.config.timeouts.body_grace;
        let earned = self.received.saturating_mul(1_000_000_000 / rate);
        let budget = grace.as_nanos().saturating_add(earned).saturating_sub(self.waited);
        // However much came at once, no silence is longer than that of a connection nobody uses.
        let idle = Instant::ZERO + self.config.timeouts.idle;
        let budget = budget.min(idle.as_nanos());
        self.timer = Timer::Content { since: now.as_nanos() };
        self.timer_at = now.as_nanos().saturating_add(budget);
    }

    #[inline]
    pub(super) fn did_wait(&mut self, now: Instant) {
        if let Timer::Content { since } = self.timer {
            self.waited = self.waited.saturating_add(now.as_nanos().saturating_sub(since));
            self.stop_timer();
        }
    }
}
