//! A schedule that does not wait for answers. Latency counts from when a request was due, whether or not a
//! connection was free by then, so that a server which stops for a while is charged for all that it held up
//! (no coordinated omission).
//!
//! ```text
//! rate of a lane, n connections     slot 0   slot 1   slot 2  ...  slot n   slot n+1
//!                                   conn 0   conn 1   conn 2       conn 0   conn 1
//! ```
//!
//! The timers of the runtime know milliseconds, a schedule needs microseconds. So a thread beside each worker sleeps
//! from one slot to the next and wakes its connection. On two cores, at 2000 requests a second, that takes 8 to 14 % of
//! a core, and half of all answers come 30 to 80 µs later than under a worker that goes round and round in between,
//! which takes the whole of it, and from the server whatever it does not have for itself.

use super::lane::{Lane, Phase};
use std::time::Duration;

/// The slots of one connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Nanoseconds between two slots of the lane.
    period: f64,
    /// How far the first one is into the period.
    offset: f64,
    slot: u64,
    step: u64,
    /// Exchanges of a slot, and those of this one that were taken.
    burst: u64,
    taken: u64,
}

impl Pace {
    /// That of a connection, if there is a schedule.
    pub(super) fn of(lane: &Lane, connection: usize) -> Option<Pace> {
        let rate = lane.plan.rate? * lane.connections() as f64 / lane.plan.connections as f64;
        let burst = lane.plan.burst.max(1);
        let period = 1e9 * burst as f64 / rate;
        let offset = period * lane.index as f64 / lane.plan.threads as f64;
        let (slot, step) = (connection as u64, lane.connections() as u64);
        Some(Pace { period, offset, slot, step, burst, taken: 0 })
    }

    /// When the next exchange is due, nanoseconds.
    #[inline]
    pub(super) fn due(&self, begin: u64) -> u64 {
        begin.saturating_add((self.offset + self.slot as f64 * self.period) as u64)
    }

    /// Takes the next exchange, if it is due: since when.
    #[inline]
    pub(super) fn next(&mut self, begin: u64, now: u64) -> Option<u64> {
        let due = self.due(begin);
        (due <= now).then(|| {
            self.taken += 1;
            if self.taken >= self.burst {
                self.taken = 0;
                self.slot += self.step;
            }
            due
        })
    }

    /// Exchanges that were due between two times and are not taken.
    pub(super) fn missed(&self, begin: u64, from: u64, until: u64) -> impl Iterator<Item = u64> {
        let mut pace = *self;
        std::iter::from_fn(move || pace.next(begin, until)).filter(move |&due| due >= from)
    }
}

/// Connections that are woken before the lane is let go.
const AT_ONCE: usize = 256;
/// Between two looks whether the run is over, or has begun.
const LOOK: Duration = Duration::from_millis(20);
const GLANCE: Duration = Duration::from_micros(500);
/// Slots that are closer to each other than this are taken together, or a thread would do nothing but wake up.
const LEAST: Duration = Duration::from_micros(20);

/// Makes the threads that this one starts sleep as long as they are told, and not the 50 µs longer that Linux allows
/// itself. Elsewhere, and where it is forbidden, requests are late by so much, which counts as their latency.
pub(super) fn sharpen_sleep() {
    let _ = std::fs::write("/proc/self/timerslack_ns", "1");
}

/// Wakes each connection when its next exchange is due, until the run is over; on a thread of its own.
pub(super) fn keep(lane: &Lane) {
    let n = lane.connections().max(1) as u64;
    let Some(mut pace) = Pace::of(lane, 0) else { return };
    // Each slot once, and all of them.
    (pace.step, pace.burst) = (1, 1);
    loop {
        let wait = {
            let work = lane.work();
            match work.phase {
                Phase::Over => return,
                Phase::Opening => GLANCE,
                Phase::Running => {
                    let now = lane.clock.now().as_nanos();
                    for _ in 0..AT_ONCE {
                        let slot = pace.slot;
                        if pace.next(work.begin, now).is_none() {
                            break;
                        }
                        work.wake((slot % n) as usize);
                    }
                    Duration::from_nanos(pace.due(work.begin).saturating_sub(lane.clock.now().as_nanos()))
                }
            }
        };
        std::thread::sleep(wait.clamp(LEAST, LOOK));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_take_the_slots_in_turn_and_each_is_due_in_its_time() {
        let (first, second) = (
            Pace { period: 1000.0, offset: 0.0, slot: 0, step: 2, burst: 1, taken: 0 },
            Pace { period: 1000.0, offset: 0.0, slot: 1, step: 2, burst: 1, taken: 0 },
        );
        let taken = |mut pace: Pace| std::iter::from_fn(move || pace.next(50, 3050)).collect::<Vec<_>>();
        assert_eq!((taken(first), taken(second)), (vec![50, 2050], vec![1050, 3050]));
        assert_eq!(first.missed(50, 1000, 5000).collect::<Vec<_>>(), [2050, 4050]);
        let bursts = Pace { burst: 2, ..second };
        assert_eq!(taken(bursts), [1050, 1050, 3050, 3050]);
        let begun = Pace { taken: 1, ..bursts };
        assert_eq!(begun.missed(50, 0, 1050).collect::<Vec<_>>(), [1050]);
    }
}
