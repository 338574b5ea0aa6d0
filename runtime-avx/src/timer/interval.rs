//! Doing something again and again.

use std::fmt;
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::sleep::{Sleep, sleep_until};

/// Ticks every `period`, the first time at once.
///
/// # Panics
/// When `period` is zero.
pub fn interval(period: Duration) -> Interval {
    assert!(!period.is_zero(), "an interval has a period");
    Interval { sleep: sleep_until(Instant::now()), period, missed: MissedTick::Skip }
}

/// Ticks at a steady pace. See [`interval`].
pub struct Interval {
    sleep: Sleep,
    period: Duration,
    missed: MissedTick,
}

/// What an [`Interval`] does when a tick is asked for after the next one was due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissedTick {
    /// Ticks once and goes on with the original rhythm; what was missed is lost. The default.
    #[default]
    Skip,
    /// Ticks at once until all that was missed has been made up for.
    Burst,
    /// Ticks once and starts a new rhythm from there.
    Delay,
}

impl Interval {
    /// What to do about missed ticks.
    #[must_use]
    pub fn missed(self, missed: MissedTick) -> Interval {
        Interval { missed, ..self }
    }

    /// Waits for the next tick and gives the time that it was due. Dropping the future loses no tick.
    pub async fn tick(&mut self) -> Instant {
        poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// As [`tick`](Interval::tick).
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        if Pin::new(&mut self.sleep).poll(cx).is_pending() {
            return Poll::Pending;
        }
        let due = self.sleep.deadline();
        self.sleep.reset(self.missed.next(due, Instant::now(), self.period));
        Poll::Ready(due)
    }

    /// The time from tick to tick.
    pub fn period(&self) -> Duration {
        self.period
    }
}

impl MissedTick {
    fn next(self, due: Instant, now: Instant, period: Duration) -> Instant {
        let next = due + period;
        if next > now {
            return next;
        }
        match self {
            MissedTick::Burst => next,
            MissedTick::Delay => now + period,
            MissedTick::Skip => {
                let over = (now - due).as_nanos() % period.as_nanos();
                // Less than one period, which may be more than 64 bits of nanoseconds.
                let over = Duration::new((over / 1_000_000_000) as u64, (over % 1_000_000_000) as u32);
                now - over + period
            }
        }
    }
}

impl fmt::Debug for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interval").field("period", &self.period).field("missed", &self.missed).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_ticks_are_skipped_made_up_for_or_delayed() {
        let start = Instant::now();
        let ms = Duration::from_millis;
        for (missed, on_time, late) in
            [(MissedTick::Skip, 10, 40), (MissedTick::Burst, 10, 10), (MissedTick::Delay, 10, 45)]
        {
            assert_eq!(missed.next(start, start + ms(3), ms(10)), start + ms(on_time));
            assert_eq!(missed.next(start, start + ms(35), ms(10)), start + ms(late), "{missed:?}");
        }
    }
}
