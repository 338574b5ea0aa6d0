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
//! from one slot to the next and calls its connection, if that waits. On two cores, at 2000 requests a second, that takes
//! 8 to 14 % of a core, and half of all answers come 30 to 80 µs later than under a worker that goes round and round in
//! between, which takes the whole of it, and from the server whatever it does not have for itself. Where slots are too
//! close to sleep in between, the worker does.

use super::lane::{Lane, Phase, Work};
use super::plan::Plan;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};
use std::thread;
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

    /// Whose schedule it is, in its lane.
    pub(super) fn connection(&self) -> usize {
        (self.slot % self.step) as usize
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

/// Connections that are called before the lane is let go.
const AT_ONCE: usize = 256;
/// Between two looks whether the run is over, or has begun.
const LOOK: Duration = Duration::from_millis(20);
const GLANCE: Duration = Duration::from_micros(500);
/// To sleep for less takes longer.
const LEAST: Duration = Duration::from_micros(5);
/// So many slots a second take a fifth of a core and more of who sleeps in between.
const CLOSE: f64 = 20_000.0;

/// Makes the threads that this one starts sleep as long as they are told, and not the 50 µs longer that Linux allows
/// itself. Elsewhere, and where it is forbidden, requests are late by so much, which counts as their latency.
pub(super) fn sharpen_sleep() {
    let _ = std::fs::write("/proc/self/timerslack_ns", "1");
}

/// Whether slots are too close to each other to sleep in between.
pub(super) fn is_close(plan: &Plan) -> bool {
    let slots = |rate: f64| rate / plan.threads as f64 / plan.burst.max(1) as f64;
    plan.rate.is_some_and(|rate| slots(rate) > CLOSE)
}

/// Who calls the connections of a lane, and when that is next, nanoseconds.
#[derive(Debug, Default)]
pub(super) struct Caller {
    waker: Option<Waker>,
    next: u64,
}

impl Caller {
    /// A connection waits for its turn.
    #[inline]
    pub(super) fn expect(&mut self, due: u64) {
        if due < self.next {
            self.next = 0;
            self.waker.iter().for_each(Waker::wake_by_ref);
        }
    }
}

/// The slots of all connections of a lane, one after the other.
struct Round {
    pace: Pace,
    connections: u64,
}

impl Round {
    fn of(lane: &Lane) -> Option<Round> {
        let pace = Pace { step: 1, burst: 1, ..Pace::of(lane, 0)? };
        Some(Round { pace, connections: lane.connections().max(1) as u64 })
    }

    /// Calls those whose turn it is and who wait for it. When that of the next one is who waits, if anybody does.
    fn call(&mut self, work: &mut Work, now: u64) -> Option<u64> {
        let (n, pace) = (self.connections, &mut self.pace);
        for _ in 0..AT_ONCE {
            let slot = pace.slot;
            if pace.next(work.begin, now).is_none() {
                break;
            }
            work.call((slot % n) as usize);
        }
        let slot = (pace.slot..pace.slot + n).find(|slot| work.is_idle((slot % n) as usize))?;
        Some(Pace { slot, ..*pace }.due(work.begin))
    }
}

/// Calls each connection that waits for its next exchange when that is due, until the run is over; sleeps in between,
/// on a thread of its own.
pub(super) fn keep_asleep(lane: &Lane) {
    let Some(mut round) = Round::of(lane) else { return };
    lane.work().caller.waker = Some(Arc::new(Unpark(thread::current())).into());
    loop {
        let mut work = lane.work();
        let now = lane.clock.now().as_nanos();
        let wait = match work.phase {
            Phase::Over => return,
            Phase::Opening => GLANCE,
            Phase::Running => {
                let due = round.call(&mut work, now);
                due.map_or(LOOK, |due| Duration::from_nanos(due.saturating_sub(now)).clamp(LEAST, LOOK))
            }
        };
        work.caller.next = now + wait.as_nanos() as u64;
        drop(work);
        thread::park_timeout(wait);
    }
}

/// The same without sleep, on the lane's worker: goes round and round while anybody waits.
pub(super) async fn keep_awake(lane: Arc<Lane>) {
    let Some(mut round) = Round::of(&lane) else { return };
    poll_fn(|cx| {
        let mut work = lane.work();
        let waits = match work.phase {
            Phase::Over => return Poll::Ready(()),
            Phase::Opening => false,
            Phase::Running => round.call(&mut work, lane.clock.now().as_nanos()).is_some(),
        };
        work.caller.waker.get_or_insert_with(|| cx.waker().clone());
        work.caller.next = if waits { 0 } else { u64::MAX };
        drop(work);
        if waits {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    })
    .await
}

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
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
