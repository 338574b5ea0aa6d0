//! What the connections of one worker thread share. It is locked for the poll of a connection, and nobody
//! else wants it but a glance now and then: the lock is two operations on a line of the own cache.

use super::failure::Failure;
use super::pace::{Caller, Pace};
use super::plan::{Plan, Stop, share};
use super::stats::Stats;
use avx_core::{Config, Instant, Scratch};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time;

/// One worker's share of a run.
pub(super) struct Lane {
    pub(super) plan: Arc<Plan>,
    pub(super) config: Arc<Config>,
    pub(super) clock: Clock,
    pub(super) index: usize,
    work: Mutex<Work>,
}

/// What changes.
pub(super) struct Work {
    pub(super) scratch: Scratch,
    /// That of machines inside of machines.
    pub(super) inner: Scratch,
    pub(super) stats: Stats,
    pub(super) phase: Phase,
    /// Exchanges that may still be begun.
    pub(super) left: u64,
    /// When those were due that have to be begun again.
    pub(super) again: Vec<u64>,
    /// What was due before does not count, nanoseconds.
    pub(super) from: u64,
    /// When the run was over, and what is no news of a latency then, nanoseconds.
    pub(super) until: u64,
    pub(super) usual: u64,
    measured: bool,
    /// When the schedule begins, nanoseconds.
    pub(super) begin: u64,
    /// Who waits for the phase, for its turn or for time to pass, by connection.
    wakers: Vec<Option<Waker>>,
    /// Who waits for its turn: who has enough under way will look by itself.
    idle: Vec<bool>,
    pub(super) caller: Caller,
    /// The schedules of those that are not there, by connection.
    paces: Vec<Option<Pace>>,
    /// How often time was told.
    pub(super) sweeps: u32,
    /// Connections that are there, and those that could not be made the first time.
    pub(super) connected: usize,
    pub(super) given_up: usize,
    /// The first failure of the run.
    pub(super) failure: Option<Failure>,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Connections are being made.
    Opening,
    Running,
    Over,
}

impl Lane {
    pub(super) fn new(plan: &Arc<Plan>, config: &Arc<Config>, clock: Clock, index: usize) -> Self {
        let work = Work {
            scratch: Scratch::new(),
            inner: Scratch::new(),
            stats: Stats::new(),
            phase: Phase::Opening,
            left: 0,
            again: Vec::new(),
            from: 0,
            until: 0,
            usual: 0,
            measured: false,
            begin: 0,
            wakers: vec![None; plan.connections_of(index)],
            idle: vec![true; plan.connections_of(index)],
            caller: Caller::default(),
            paces: vec![None; plan.connections_of(index)],
            sweeps: 0,
            connected: 0,
            given_up: 0,
            failure: None,
        };
        let (plan, config) = (plan.clone(), config.clone());
        Lane { plan, config, clock, index, work: Mutex::new(work) }
    }

    #[inline]
    pub(super) fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connections of this lane.
    pub(super) fn connections(&self) -> usize {
        self.plan.connections_of(self.index)
    }

    /// Everybody may begin. What is measured begins at once, or with [`measure`](Self::measure) behind a warm-up.
    pub(super) fn begin(&self, warm: bool) {
        let mut work = self.work();
        work.phase = Phase::Running;
        work.begin = self.clock.now().as_nanos();
        match warm {
            true => work.left = u64::MAX,
            false => {
                let begin = work.begin;
                self.count(&mut work, begin);
            }
        }
        work.wake_all();
    }

    /// The warm-up is over.
    pub(super) fn measure(&self) {
        let mut work = self.work();
        let now = self.clock.now().as_nanos();
        self.count(&mut work, now);
        work.wake_all();
    }

    /// Counts what is due from then on.
    fn count(&self, work: &mut Work, from: u64) {
        work.stats.clear();
        // What went wrong before is none of what is reported.
        work.failure = None;
        work.measured = true;
        work.left = self.quota();
        // Without a number of requests or a schedule, what is under way counts when it completes: as much as is
        // lost at the end.
        let whole = self.plan.rate.is_none() && matches!(self.plan.stop, Stop::After(_));
        work.from = if whole { 0 } else { from };
    }

    /// Nothing that happens from now on counts.
    pub(super) fn end(&self) {
        let mut work = self.work();
        if work.phase == Phase::Over {
            return;
        }
        work.phase = Phase::Over;
        work.until = self.clock.now().as_nanos();
        let latency = &work.stats.latency;
        // Without a schedule some are under way at any time: what they have waited says something only if nothing
        // else took as long.
        let usual = if self.plan.rate.is_some() { latency.quantile(0.5) } else { latency.max() };
        work.usual = u64::try_from(usual.as_nanos()).unwrap_or(u64::MAX);
        let again = mem::take(&mut work.again);
        work.leave(again.into_iter(), None);
        for pace in mem::take(&mut work.paces) {
            work.leave(std::iter::empty(), pace);
        }
        work.wake_all();
    }

    fn quota(&self) -> u64 {
        match self.plan.stop {
            Stop::After(_) => u64::MAX,
            Stop::Requests(all) => share(all, self.plan.threads, self.index),
        }
    }

    /// Whether all that was asked for has been done.
    pub(super) fn is_done(&self) -> bool {
        let work = self.work();
        let counted = matches!(self.plan.stop, Stop::Requests(_)) && work.measured;
        counted && work.stats.done + work.stats.lost >= self.quota()
    }

    /// Tells everybody that time has passed.
    pub(super) fn sweep(&self) {
        let mut work = self.work();
        work.sweeps = work.sweeps.wrapping_add(1);
        work.wake_all();
    }
}

impl Work {
    /// Whether an exchange may begin now, and since when it counts.
    #[inline]
    pub(super) fn next(&mut self, now: Instant, pace: &mut Option<Pace>) -> Option<u64> {
        if self.phase != Phase::Running {
            return None;
        }
        if let Some(since) = self.again.pop() {
            return Some(since);
        }
        if self.left == 0 {
            return None;
        }
        let since = match pace {
            None => now.as_nanos(),
            Some(pace) => match pace.next(self.begin, now.as_nanos()) {
                Some(due) => due,
                None => {
                    self.idle[pace.connection()] = true;
                    self.caller.expect(pace.due(self.begin));
                    return None;
                }
            },
        };
        // What a schedule still owes from the warm-up is sent and not counted.
        self.left -= u64::from(since >= self.from);
        Some(since)
    }

    /// Keeps a schedule while its connection is not there.
    pub(super) fn set_aside(&mut self, connection: usize, pace: Option<Pace>) {
        if let Some(place) = self.paces.get_mut(connection) {
            *place = pace;
        }
    }

    /// Gives it back.
    pub(super) fn take_up(&mut self, connection: usize) -> Option<Pace> {
        self.paces.get_mut(connection).and_then(Option::take)
    }

    /// The run is over: what has no answer yet has taken at least so long. Whatever has waited for no longer than
    /// usual says nothing.
    pub(super) fn leave(&mut self, under_way: impl Iterator<Item = u64>, pace: Option<Pace>) {
        let (from, until, usual) = (self.from, self.until, self.usual);
        let late = |due: &u64| *due >= from && until.saturating_sub(*due) > usual;
        let Stats { unfinished, unsent, latency, .. } = &mut self.stats;
        for due in under_way.filter(late) {
            *unfinished += 1;
            latency.record(until.saturating_sub(due));
        }
        let missed = pace.iter().flat_map(|pace| pace.missed(self.begin, from, until));
        for due in missed.filter(late) {
            *unfinished += 1;
            *unsent += 1;
            latency.record(until.saturating_sub(due));
        }
    }

    /// Whether nothing is left to begin.
    pub(super) fn is_spent(&self) -> bool {
        self.phase == Phase::Running && self.left == 0 && self.again.is_empty()
    }

    /// Connections that have been made or given up.
    pub(super) fn tried(&self) -> usize {
        self.connected + self.given_up
    }

    /// Whether the warm-up is over.
    pub(super) fn is_measured(&self) -> bool {
        self.measured
    }

    /// `n` exchanges came to nothing; with none, a connection.
    pub(super) fn fail(&mut self, failure: Failure, n: u64) {
        self.stats.fail(&failure, n);
        self.failure.get_or_insert(failure);
    }

    /// Leaves word where to be woken.
    #[inline]
    pub(super) fn listen(&mut self, connection: usize, cx: &Context<'_>) {
        if let Some(place) = self.wakers.get_mut(connection) {
            match place {
                Some(waker) if waker.will_wake(cx.waker()) => {}
                _ => *place = Some(cx.waker().clone()),
            }
        }
    }

    /// Whether a connection waits for its turn.
    pub(super) fn is_idle(&self, connection: usize) -> bool {
        self.idle[connection]
    }

    /// It is the turn of a connection.
    pub(super) fn call(&mut self, connection: usize) {
        if let (true, Some(waker)) = (mem::take(&mut self.idle[connection]), &self.wakers[connection]) {
            waker.wake_by_ref();
        }
    }

    pub(super) fn wake_all(&self) {
        self.wakers.iter().flatten().for_each(Waker::wake_by_ref);
    }
}

/// Time as the machines want it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(time::Instant);

impl Clock {
    pub(super) fn start() -> Self {
        Clock(time::Instant::now())
    }

    #[inline]
    pub(super) fn now(self) -> Instant {
        let passed = self.0.elapsed();
        Instant::from_nanos(passed.as_secs() * 1_000_000_000 + u64::from(passed.subsec_nanos()))
    }
}
