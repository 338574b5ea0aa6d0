//! One run, from the first connection to the counts.
//!
//! ```text
//! connect all -> warm up -> measure ------------------------------> collect
//!                           until the time or the requests are over,
//!                           an interruption, or nobody is there any more
//! ```

use super::failure::{Failure, Protocol};
use super::interrupt::Interrupt;
use super::lane::{Clock, Lane, Phase};
use super::plan::{Plan, Stop};
use super::stats::Stats;
use super::usage::Cpu;
use super::{link, pace, tunnel, ws};
use crate::first;
use avx_core::{Config, h1, h2};
use runtime_avx::{Handle, sleep, sleep_until};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What came of a run.
#[derive(Clone)]
pub(crate) struct Outcome {
    pub(crate) stats: Stats,
    /// How long it was measured.
    pub(crate) elapsed: Duration,
    /// CPU of this process meanwhile.
    pub(crate) cpu: Option<Cpu>,
    /// The user has ended it.
    pub(crate) interrupted: bool,
    /// Nobody was there any more.
    pub(crate) is_gone: bool,
    /// The first failure.
    pub(crate) failure: Option<Failure>,
    /// Connections that were open when it began, and the first failure until then.
    pub(crate) opened: usize,
    pub(crate) unopened: Option<Failure>,
}

impl Outcome {
    /// Whether there was an answer at all; on a schedule those that were measured may all have come too late.
    pub(crate) fn is_answered(&self) -> bool {
        self.stats.done > 0 || self.stats.unfinished > 0 && self.stats.received > 0
    }

    /// Exchanges a second.
    pub(crate) fn rate(&self) -> f64 {
        self.stats.done as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }
}

/// How a run is doing.
pub(crate) struct Glance {
    pub(crate) done: u64,
    pub(crate) failed: u64,
    pub(crate) passed: Duration,
    pub(crate) warms_up: bool,
}

/// Time between two looks, and the least between two at what takes too long.
const TICK: Duration = Duration::from_millis(20);
const SWEEP: Duration = Duration::from_millis(500);
/// Window of a stream, bytes.
const WINDOW: u32 = 4 << 20;
/// Without any connection for so long, the server is gone.
const ALONE: Duration = Duration::from_secs(1);
/// How long connections may take to say what they have not got.
const COLLECT: Duration = Duration::from_millis(300);

/// Runs `plan`. `interrupt` ends it early; `watch` is shown how it goes.
pub(crate) fn run(
    plan: Plan,
    interrupt: &mut Interrupt,
    mut watch: impl FnMut(&Glance),
) -> Result<Outcome, Failure> {
    let unable = |error| {
        Failure::new(super::failure::Kind::Connect, format_args!("the runtime could not start: {error}"))
    };
    let runtime = runtime_avx::Builder::new().workers(plan.threads).name("bench").build().map_err(unable)?;
    let plan = Arc::new(plan);
    let (config, clock) = (Arc::new(config(&plan)), Clock::start());
    let lanes: Vec<Arc<Lane>> =
        (0..plan.threads).map(|n| Arc::new(Lane::new(&plan, &config, clock, n))).collect();
    runtime.handle().spawn_on_each(|n| start(lanes[n].clone(), runtime.handle().clone()));
    if plan.rate.is_some() {
        pace::sharpen_sleep();
    }
    std::thread::scope(|scope| {
        for lane in lanes.iter().filter(|_| plan.rate.is_some() && !pace::is_close(&plan)) {
            scope.spawn(|| pace::keep_asleep(lane));
        }
        let outcome = runtime.block_on(control(&plan, &lanes, interrupt, &mut watch));
        // Also when nothing has begun.
        lanes.iter().for_each(|lane| lane.end());
        outcome
    })
}

/// Bounds of the machines, so that none of theirs comes before those of the plan.
fn config(plan: &Plan) -> Config {
    const NEVER: Duration = Duration::from_secs(86_400);
    let mut config = Config::default();
    config.timeouts.head = NEVER;
    config.timeouts.write_stall = NEVER;
    config.timeouts.write_rate = 0;
    config.timeouts.idle = NEVER;
    config.timeouts.body_rate = 0;
    config.h2.window_stall = NEVER;
    // Large from the beginning: windows that grow are measured with PING, which would be part of the load.
    config.h2.stream_window = WINDOW;
    config.h2.connection_window = config.h2.max_connection_window;
    config.h2.grow_windows = false;
    config.limits.pipelined = u8::try_from(plan.depth.min(32)).unwrap_or(32);
    let longest = plan.messages.iter().max().map_or(0, |&n| n as u64);
    config.ws.message = config.ws.message.max(longest);
    config.ws.frame = config.ws.frame.max(longest);
    config
}

/// Spawns the connections of a lane on its worker.
async fn start(lane: Arc<Lane>, handle: Handle) {
    if pace::is_close(&lane.plan) {
        handle.spawn_local_detached(pace::keep_awake(lane.clone()));
    }
    for number in 0..lane.connections() {
        let lane = lane.clone();
        match lane.plan.protocol {
            Protocol::Http1 => {
                handle.spawn_local_detached(link::keep::<super::http::Requests<h1::Client>>(lane, number))
            }
            Protocol::Http2 => {
                handle.spawn_local_detached(link::keep::<super::http::Requests<h2::Client>>(lane, number))
            }
            Protocol::WebSocket => {
                handle.spawn_local_detached(link::keep::<ws::Messages>(lane, number));
            }
            Protocol::Tunnel => {
                handle.spawn_local_detached(link::keep::<tunnel::Tunnels>(lane, number));
            }
        }
    }
}

/// Drives the phases, from another thread than the lanes.
async fn control(
    plan: &Plan,
    lanes: &[Arc<Lane>],
    interrupt: &mut Interrupt,
    watch: &mut impl FnMut(&Glance),
) -> Result<Outcome, Failure> {
    let start = Instant::now();
    let mut interrupted = false;
    // All are there, or have tried.
    let mut wait = Duration::from_micros(200);
    let (opened, unopened) = loop {
        let (mut connected, mut given_up, mut failure) = (0, 0, None);
        for lane in lanes {
            let work = lane.work();
            connected += work.connected;
            given_up += work.given_up;
            failure = failure.or_else(|| work.failure.clone());
        }
        if connected + given_up >= plan.connections {
            match failure {
                Some(failure) if connected == 0 => return Err(failure),
                failure => break (connected, failure),
            }
        }
        interrupted = pause(wait, interrupt).await;
        wait = (wait * 2).min(TICK);
        if interrupted || start.elapsed() > plan.timeout + ALONE {
            break (connected, failure);
        }
    };
    let warm = !plan.warmup.is_zero();
    // Without a warm-up, what is measured begins with the first request.
    let mut before = Cpu::of(std::process::id());
    let mut from = Instant::now();
    let mut from_nanos = lanes.first().map_or(0, |lane| lane.clock.now().as_nanos());
    lanes.iter().for_each(|lane| lane.begin(warm));
    let mut watcher = Watcher { lanes, plan, swept: Instant::now(), alone: None, watch };
    if warm && !interrupted {
        let end = Instant::now() + plan.warmup;
        interrupted = watcher.until(end, interrupt).await == Ended::Interrupted;
        before = Cpu::of(std::process::id());
        from = Instant::now();
        from_nanos = lanes.first().map_or(0, |lane| lane.clock.now().as_nanos());
        lanes.iter().for_each(|lane| lane.measure());
    }
    watcher.alone = None;
    let end = match plan.stop {
        Stop::After(time) => from + time,
        Stop::Requests(_) => from + super::args::CENTURY,
    };
    let ended = if interrupted { Ended::Interrupted } else { watcher.until(end, interrupt).await };
    lanes.iter().for_each(|lane| lane.end());
    let mut elapsed = from.elapsed();
    let after = Cpu::of(std::process::id());
    let deadline = Instant::now() + COLLECT;
    while lanes.iter().any(|lane| lane.work().connected > 0) && Instant::now() < deadline {
        sleep(Duration::from_millis(1)).await;
    }
    let mut stats = Stats::new();
    let mut failure = None;
    for lane in lanes {
        let work = lane.work();
        stats.add(&work.stats);
        failure = failure.or_else(|| work.failure.clone());
    }
    if ended == Ended::Done && stats.last > from_nanos {
        elapsed = Duration::from_nanos(stats.last - from_nanos);
    }
    let cpu = before.zip(after).map(|(before, after)| after.since(before));
    let (interrupted, is_gone) = (ended == Ended::Interrupted, ended == Ended::Alone);
    Ok(Outcome { stats, elapsed, cpu, interrupted, is_gone, failure, opened, unopened })
}

/// Why waiting is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Time,
    Done,
    Interrupted,
    Alone,
}

struct Watcher<'a, W> {
    lanes: &'a [Arc<Lane>],
    plan: &'a Plan,
    swept: Instant,
    /// Since when there is no connection.
    alone: Option<Instant>,
    watch: &'a mut W,
}

impl<W: FnMut(&Glance)> Watcher<'_, W> {
    /// Waits until `end`, or for what comes before.
    async fn until(&mut self, end: Instant, interrupt: &mut Interrupt) -> Ended {
        let start = Instant::now();
        let sweep = (self.plan.timeout / 8).clamp(TICK, SWEEP);
        loop {
            let now = Instant::now();
            if now >= end {
                return Ended::Time;
            }
            if self.lanes.iter().all(|lane| lane.is_done()) {
                return Ended::Done;
            }
            if pause(TICK.min(end - now), interrupt).await {
                return Ended::Interrupted;
            }
            let (mut connected, mut glance) =
                (0, Glance { done: 0, failed: 0, passed: start.elapsed(), warms_up: false });
            for lane in self.lanes {
                let work = lane.work();
                connected += work.connected;
                glance.done += work.stats.done;
                glance.failed += work.stats.failed();
                glance.warms_up |= work.phase == Phase::Running && !work.is_measured();
            }
            (self.watch)(&glance);
            let now = Instant::now();
            if connected > 0 {
                self.alone = None;
            } else if now - *self.alone.get_or_insert(now) > ALONE {
                return Ended::Alone;
            }
            if now - self.swept > sweep {
                self.swept = now;
                self.lanes.iter().for_each(|lane| lane.sweep());
            }
        }
    }
}

/// Waits for so long. Whether the user has had enough.
async fn pause(time: Duration, interrupt: &mut Interrupt) -> bool {
    let until = Instant::now() + time;
    let interrupted = async { interrupt.recv().await.is_ok() };
    let passed = async {
        sleep_until(until).await;
        false
    };
    first(interrupted, passed).await
}
