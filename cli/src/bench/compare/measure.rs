//! What is measured, in which order.
//!
//! ```text
//! for each protocol
//!     rounds times: each runtime in turn, a fresh server each: warm-up, load
//!     rounds times: each runtime in turn: half of what the slowest did, on a schedule
//!     each runtime: memory of idle connections, system calls
//! ```

use super::Args;
use super::idle;
use super::pin::Cores;
use super::server::Server;
use super::syscalls::Count;
use crate::bench::failure::Protocol;
use crate::bench::histogram::Histogram;
use crate::bench::interrupt::Interrupt;
use crate::bench::plan::{Plan, Stop};
use crate::bench::progress::Progress;
use crate::bench::report::noun;
use crate::bench::run::{self, Outcome};
use crate::bench::usage::Cpu;
use crate::bench::ws::Pattern;
use crate::serve::runtime::Name;
use clap::ValueEnum;
use std::time::Duration;

/// What is spoken, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// HTTP/1.1, a request at a time on each connection
    #[value(name = "h1")]
    Http1,
    /// HTTP/1.1, 16 requests at a time
    #[value(name = "h1-pipelined")]
    Pipelined,
    /// HTTP/2, a sixteenth of the connections with 32 requests each
    #[value(name = "h2")]
    Http2,
    /// WebSocket, a message of 125 bytes at a time
    #[value(name = "ws")]
    WebSocket,
}

impl Kind {
    /// As it stands in reports.
    pub(super) fn title(self) -> &'static str {
        match self {
            Kind::Http1 => "HTTP/1.1",
            Kind::Pipelined => "HTTP/1.1, pipelined",
            Kind::Http2 => "HTTP/2",
            Kind::WebSocket => "WebSocket",
        }
    }

    /// As it is asked for.
    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::Http1 => "h1",
            Kind::Pipelined => "h1-pipelined",
            Kind::Http2 => "h2",
            Kind::WebSocket => "ws",
        }
    }

    /// Connections, and exchanges under way on each.
    pub(super) fn shape(self, connections: usize) -> (usize, usize) {
        match self {
            Kind::Http1 | Kind::WebSocket => (connections, 1),
            Kind::Pipelined => (connections, 16),
            Kind::Http2 => ((connections / 16).max(1), 32),
        }
    }

    /// Threads of the load: no more than connections.
    pub(super) fn threads(self, args: &Args) -> usize {
        usize::from(args.threads).min(self.shape(args.connections as usize).0)
    }
}

/// One run at full load.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) rate: f64,
    pub(super) p99: Duration,
    /// CPU of the server for each exchange, microseconds.
    pub(super) cpu: Option<f64>,
    /// The same in all, and its parts to a hundredth of a second.
    pub(super) used: Option<Cpu>,
    /// The most memory it ever had, bytes.
    pub(super) peak: Option<u64>,
    /// CPU of the load for each exchange, microseconds.
    pub(super) load: Option<f64>,
    pub(super) failed: u64,
}

/// One runtime under one protocol.
pub(super) struct Entry {
    pub(super) runtime: Name,
    pub(super) samples: Vec<Sample>,
    /// Latencies at half load, by round, and how many never got an answer.
    pub(super) half: Vec<Histogram>,
    pub(super) unfinished: u64,
    /// Memory before the first connection, and of each idle one, bytes.
    pub(super) start: Result<u64, String>,
    pub(super) idle: Result<f64, String>,
    /// System calls for each exchange.
    pub(super) calls: Result<f64, String>,
}

/// All runtimes under one protocol.
pub(super) struct Group {
    pub(super) kind: Kind,
    /// The load of the schedule, exchanges a second.
    pub(super) half_rate: f64,
    pub(super) entries: Vec<Entry>,
}

/// Why a comparison ends.
pub(super) enum Stopped {
    Interrupted,
    Failed(String),
}

impl From<String> for Stopped {
    fn from(text: String) -> Self {
        Stopped::Failed(text)
    }
}

/// Exchanges that system calls are counted over.
const COUNTED: u64 = 5_000;
const WARMUP: Duration = Duration::from_millis(300);
const TIMEOUT: Duration = Duration::from_secs(5);
const MESSAGE: usize = 125;

/// What every step needs.
pub(super) struct Bench<'a> {
    pub(super) args: &'a Args,
    pub(super) cores: &'a Cores,
    pub(super) interrupt: &'a mut Interrupt,
}

impl Bench<'_> {
    /// Everything about one protocol.
    pub(super) fn group(&mut self, kind: Kind, runtimes: &[Name]) -> Result<Group, Stopped> {
        let mut entries: Vec<Entry> = runtimes
            .iter()
            .map(|&runtime| Entry {
                runtime,
                samples: Vec::new(),
                half: Vec::new(),
                unfinished: 0,
                start: Err("not measured".to_owned()),
                idle: Err("not measured".to_owned()),
                calls: Err("not measured".to_owned()),
            })
            .collect();
        let time = self.args.duration;
        for round in 1..=self.args.rounds {
            for entry in &mut entries {
                let title = self.title(kind, entry.runtime, &format!("{round} of {}", self.args.rounds));
                entry.samples.push(self.sample(kind, entry.runtime, time, &title)?);
            }
        }
        let rates = entries.iter().map(|entry| median(entry.samples.iter().map(|sample| sample.rate)));
        let half_rate = (rates.fold(f64::INFINITY, f64::min) / 2.0).max(1.0);
        for round in 1..=self.args.rounds {
            for entry in &mut entries {
                let title =
                    self.title(kind, entry.runtime, &format!("half load, {round} of {}", self.args.rounds));
                let mut server = self.start(entry.runtime)?;
                let mut plan = self.plan(kind, &server, Stop::After(time));
                plan.warmup = WARMUP;
                plan.rate = Some(half_rate);
                let outcome = self.load(&mut server, plan, &title)?;
                entry.half.push(outcome.stats.latency);
                entry.unfinished += outcome.stats.unfinished;
            }
        }
        for entry in &mut entries {
            self.details(kind, entry)?;
        }
        Ok(Group { kind, half_rate, entries })
    }

    fn title(&self, kind: Kind, runtime: Name, what: &str) -> String {
        format!("{} {} ({what}): ", kind.word(), runtime.as_str())
    }

    fn start(&self, runtime: Name) -> Result<Server, String> {
        Server::start(runtime, self.args, self.cores)
    }

    fn plan(&self, kind: Kind, server: &Server, stop: Stop) -> Plan {
        let (connections, depth) = kind.shape(self.args.connections as usize);
        let protocol = match kind {
            Kind::Http1 | Kind::Pipelined => Protocol::Http1,
            Kind::Http2 => Protocol::Http2,
            Kind::WebSocket => Protocol::WebSocket,
        };
        let target = if kind == Kind::WebSocket { "/ws" } else { "/plaintext" };
        Plan {
            addr: server.addr,
            protocol,
            authority: server.addr.to_string(),
            target: target.to_owned(),
            method: "GET".to_owned(),
            fields: Vec::new(),
            body: Vec::new(),
            messages: if kind == Kind::WebSocket { vec![MESSAGE] } else { Vec::new() },
            text: false,
            pattern: Pattern::new(MESSAGE),
            connections,
            depth,
            sockets: 1,
            threads: kind.threads(self.args),
            stop,
            warmup: Duration::ZERO,
            rate: None,
            // One at a time, they would cost more than under full load.
            burst: depth as u64,
            timeout: TIMEOUT,
        }
    }

    /// One run. A server that fails ends the comparison.
    fn load(&mut self, server: &mut Server, plan: Plan, title: &str) -> Result<Outcome, Stopped> {
        let mut progress = Progress::new(title, noun(&plan));
        let result = run::run(plan, self.interrupt, |glance| progress.show(glance));
        drop(progress);
        let why = match result {
            Ok(outcome) if outcome.interrupted => return Err(Stopped::Interrupted),
            Ok(outcome) if !outcome.is_gone && (outcome.is_answered() || outcome.failure.is_none()) => {
                return Ok(outcome);
            }
            Ok(outcome) => outcome.failure.map_or("it is gone".to_owned(), |failure| failure.to_string()),
            Err(failure) => failure.to_string(),
        };
        let death = server
            .death()
            .unwrap_or_else(|| format!("the server under {} failed: {why}", server.runtime.as_str()));
        Err(Stopped::Failed(format!("{title}{death}")))
    }

    fn sample(&mut self, kind: Kind, runtime: Name, time: Duration, title: &str) -> Result<Sample, Stopped> {
        let mut server = self.start(runtime)?;
        let plan = self.plan(kind, &server, Stop::After(WARMUP));
        self.load(&mut server, plan, title)?;
        let before = server.cpu();
        let plan = self.plan(kind, &server, Stop::After(time));
        let outcome = self.load(&mut server, plan, title)?;
        let used = before.zip(server.cpu()).map(|(before, after)| after.since(before));
        if outcome.stats.done == 0 {
            let text =
                format!("{title}no answer came in time; is this machine too busy to measure anything?");
            return Err(Stopped::Failed(text));
        }
        let done = outcome.stats.done as f64;
        let each = |time: Duration| time.as_secs_f64() * 1e6 / done;
        Ok(Sample {
            rate: outcome.rate(),
            p99: outcome.stats.latency.quantile(0.99),
            cpu: used.map(|cpu| each(cpu.total)),
            used,
            peak: server.memory().map(|(_, peak)| peak),
            load: outcome.cpu.map(|cpu| each(cpu.total)),
            failed: outcome.stats.failed(),
        })
    }

    /// Memory and system calls.
    fn details(&mut self, kind: Kind, entry: &mut Entry) -> Result<(), Stopped> {
        let mut server = self.start(entry.runtime)?;
        entry.start =
            server.memory().map(|(now, _)| now).ok_or_else(|| "not known on this system".to_owned());
        entry.idle = idle::per_connection(&server, kind, self.args.idle as usize);
        if let (Err(why), Some(death)) = (&entry.idle, server.death()) {
            return Err(Stopped::Failed(format!("{death}: {why}")));
        }
        drop(server);
        let mut server = self.start(entry.runtime)?;
        let title = self.title(kind, entry.runtime, "system calls");
        let plan = self.plan(kind, &server, Stop::Requests(COUNTED));
        self.load(&mut server, plan.clone(), &title)?;
        entry.calls = match Count::start(&server) {
            Err(why) => Err(why),
            Ok(count) => {
                let outcome = self.load(&mut server, plan, &title)?;
                count.end().map(|calls| calls as f64 / outcome.stats.done.max(1) as f64)
            }
        };
        Ok(())
    }
}

/// The middle one.
pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match (values.len(), values.len() / 2) {
        (0, _) => 0.0,
        (n, middle) if n % 2 == 0 => (values[middle - 1] + values[middle]) / 2.0,
        (_, middle) => values[middle],
    }
}

/// How far apart the extremes are, as a share of the median.
pub(super) fn spread(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let middle = median(values.clone());
    let (low, high) = values.fold((f64::INFINITY, 0.0_f64), |(low, high), v| (low.min(v), high.max(v)));
    if middle > 0.0 { (high - low) / middle } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_without_a_connection_is_none() {
        use clap::Parser;
        let args = Args::parse_from(["compare", "-c", "32", "-t", "8"]);
        assert_eq!((Kind::Http1.threads(&args), Kind::Http2.threads(&args)), (8, 2));
    }

    #[test]
    fn medians_and_spreads_are_what_they_are_called() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), 2.5);
        assert_eq!(median([].into_iter()), 0.0);
        assert_eq!(spread([90.0, 100.0, 110.0].into_iter()), 0.2);
        assert_eq!(spread([].into_iter()), 0.0);
    }
}
