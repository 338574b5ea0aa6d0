//! What figures allow to be said.

use super::Result;
use super::measure::{Entry, Group, median, spread};
use crate::bench::histogram::Histogram;
use crate::bench::usage::Cpu;
use std::time::Duration;

/// Runs that are further apart than this share of their median are too noisy for a claim.
pub(super) const NOISY: f64 = 0.10;

/// More than this share of a schedule without an answer at the end is more than what is under way at any time.
const LATE: f64 = 0.01;

/// A load that uses more than this share of its threads' time is what limits.
const BUSY: f64 = 0.95;

impl Entry {
    pub(super) fn rate(&self) -> f64 {
        median(self.samples.iter().map(|sample| sample.rate))
    }

    /// How far apart its runs were, as a share of the median.
    pub(super) fn spread(&self) -> f64 {
        spread(self.samples.iter().map(|sample| sample.rate))
    }

    /// The slowest and the fastest run.
    pub(super) fn range(&self) -> (f64, f64) {
        let rates = self.samples.iter().map(|sample| sample.rate);
        rates.fold((f64::INFINITY, 0.0), |(low, high), rate| (low.min(rate), high.max(rate)))
    }

    /// Latency at half load that this share of all stays below, in the middle one of the rounds.
    pub(super) fn half(&self, share: f64) -> Duration {
        Duration::from_secs_f64(median(self.half.iter().map(|round| round.quantile(share).as_secs_f64())))
    }

    /// Exchanges at half load.
    pub(super) fn half_count(&self) -> u64 {
        self.half.iter().map(Histogram::count).sum()
    }

    pub(super) fn cpu(&self) -> Option<f64> {
        all(self.samples.iter().map(|sample| sample.cpu))
    }

    /// The part of the CPU in user mode. Single runs are too short for parts in hundredths of a second: all of
    /// them say how it is divided.
    pub(super) fn user(&self) -> Option<f64> {
        let used: Option<Vec<Cpu>> = self.samples.iter().map(|sample| sample.used).collect();
        let sum =
            |part: fn(&Cpu) -> Duration| used.iter().flatten().map(part).sum::<Duration>().as_secs_f64();
        let (user, system) = (sum(|cpu| cpu.user), sum(|cpu| cpu.system));
        self.cpu().filter(|_| user + system > 0.0).map(|cpu| cpu * user / (user + system))
    }

    pub(super) fn load(&self) -> Option<f64> {
        all(self.samples.iter().map(|sample| sample.load))
    }

    pub(super) fn peak(&self) -> Option<f64> {
        all(self.samples.iter().map(|sample| sample.peak.map(|bytes| bytes as f64)))
    }

    pub(super) fn p99(&self) -> f64 {
        median(self.samples.iter().map(|sample| sample.p99.as_secs_f64()))
    }

    pub(super) fn failed(&self) -> u64 {
        self.samples.iter().map(|sample| sample.failed).sum()
    }
}

/// The median of what was measured every time.
fn all(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let values: Option<Vec<f64>> = values.collect();
    values.filter(|values| !values.is_empty()).map(|values| median(values.into_iter()))
}

/// Fewer runs than these say nothing about how far they are apart.
const ENOUGH: usize = 3;

impl Group {
    /// One sentence about throughput: a claim where the runs allow one.
    fn sentence(&self) -> String {
        if self.entries.iter().any(|entry| entry.samples.len() < ENOUGH) {
            return "Too few rounds for a claim.".to_owned();
        }
        let noisy: Vec<&str> = self
            .entries
            .iter()
            .filter(|entry| entry.spread() > NOISY)
            .map(|entry| entry.runtime.as_str())
            .collect();
        if !noisy.is_empty() {
            return format!(
                "Too noisy for a claim: the runs of {} are more than {:.0} % apart.",
                noisy.join(", "),
                NOISY * 100.0
            );
        }
        let mut order: Vec<&Entry> = self.entries.iter().collect();
        order.sort_by(|a, b| b.rate().total_cmp(&a.rate()));
        let [best, .., last] = order[..] else { return "One runtime, nothing to compare.".to_owned() };
        if best.range().0 <= last.range().1 {
            return "No difference in throughput that is larger than that between runs.".to_owned();
        }
        format!(
            "{} answers {:.2} times as many as {}, and no run of theirs says otherwise.",
            best.runtime.as_str(),
            best.rate() / last.rate().max(1e-9),
            last.runtime.as_str()
        )
    }
}

impl Result<'_> {
    /// One sentence about the throughput of a group: a claim where the setting and the runs allow one.
    pub(super) fn sentence(&self, group: &Group) -> String {
        match self.cores.are_apart() {
            true => group.sentence(),
            false => "No claim: server and load had no processors of their own.".to_owned(),
        }
    }

    /// What has to be known before the figures.
    pub(super) fn cautions(&self) -> Vec<String> {
        let mut cautions = Vec::new();
        if !self.cores.are_apart() {
            cautions.push(match &self.cores.loose {
                None => {
                    "This machine is too small for a claim: server and load share a processor.".to_owned()
                }
                Some(why) => format!("Server and load are not bound to processors of their own: {why}."),
            });
        }
        if usize::from(self.args.rounds) < ENOUGH {
            cautions.push("Fewer than three rounds say nothing about the noise of this machine.".to_owned());
        }
        let own: usize = self.args.workers.into();
        if self.cores.loose.is_none() && self.cores.server.len() < own {
            cautions.push(format!(
                "{own} workers share {} of the machine's processors.",
                self.cores.server.len()
            ));
        }
        let noisy = self.groups.iter().flat_map(|group| &group.entries).any(|entry| entry.spread() > NOISY);
        if noisy {
            cautions.push(
                "This machine was noisy: repeat it on a quiet one before drawing conclusions.".to_owned(),
            );
        }
        for group in &self.groups {
            let threads = group.kind.threads(self.args) as f64;
            let busy = |entry: &&Entry| {
                let share = entry.load().unwrap_or(0.0) * entry.rate() / 1e6;
                share > BUSY * threads
            };
            let limits: Vec<&str> =
                group.entries.iter().filter(busy).map(|entry| entry.runtime.as_str()).collect();
            if !limits.is_empty() {
                cautions.push(format!(
                    "{}: the load was busy all the time with {}, and may be what limits (-t).",
                    group.kind.title(),
                    limits.join(", ")
                ));
            }
            let late = |entry: &&Entry| entry.unfinished as f64 > LATE * entry.half_count() as f64;
            let late: Vec<&str> =
                group.entries.iter().filter(late).map(|entry| entry.runtime.as_str()).collect();
            if !late.is_empty() {
                cautions.push(format!(
                    "{}: {} did not keep up with the schedule; latencies are about waiting for a turn.",
                    group.kind.title(),
                    late.join(", ")
                ));
            }
        }
        let failed: u64 = self.groups.iter().flat_map(|group| &group.entries).map(Entry::failed).sum();
        if failed > 0 {
            cautions.push(format!("{failed} requests came to nothing under full load."));
        }
        cautions
    }

    /// What was measured with what, in a line.
    pub(super) fn setting(&self) -> String {
        format!(
            "{}, {}, {} of {}; {}",
            plural(self.args.workers.into(), "worker"),
            plural(self.args.connections, "connection"),
            plural(self.args.rounds.into(), "round"),
            crate::bench::report::time(self.args.duration),
            self.cores.text()
        )
    }
}

fn plural(n: u32, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::measure::{Kind, Sample};
    use super::*;
    use crate::serve::runtime::Name;

    const TICK: Duration = Duration::from_millis(10);

    /// A runtime with these rates, and a latency of so many microseconds.
    pub(in crate::bench::compare) fn entry(runtime: Name, rates: &[f64], micros: u64) -> Entry {
        let sample = |&rate: &f64| Sample {
            rate,
            p99: Duration::from_micros(micros),
            cpu: Some(1e6 / rate),
            used: Some(Cpu { user: 3 * TICK, system: 7 * TICK, total: 10 * TICK }),
            peak: Some(9 << 20),
            load: Some(2.0),
            failed: 0,
        };
        let round = |slower: u64| {
            let mut half = Histogram::new();
            (1..1000).for_each(|n| half.record(n * micros * slower));
            half
        };
        Entry {
            runtime,
            samples: rates.iter().map(sample).collect(),
            half: vec![round(1), round(1000), round(1)],
            unfinished: 0,
            start: Ok(4 << 20),
            idle: Ok(1234.5),
            calls: Err("strace is not installed".to_owned()),
        }
    }

    pub(in crate::bench::compare) fn group(entries: Vec<Entry>) -> Group {
        Group { kind: Kind::Http1, half_rate: 45.0, entries }
    }

    #[test]
    fn parts_of_the_cpu_are_divided_as_in_all_runs_together() {
        let entry = entry(Name::Avx, &[100e3, 200e3, 400e3], 1);
        let (all, user) = (entry.cpu().unwrap(), entry.user().unwrap());
        assert!((all - 5.0).abs() < 1e-9 && (user - 1.5).abs() < 1e-9, "{all} {user}");
    }

    #[test]
    fn a_round_that_was_disturbed_does_not_decide_about_latency() {
        let entry = entry(Name::Avx, &[100e3], 10);
        let half = entry.half(0.99).as_nanos();
        assert!((9700..10_100).contains(&half) && entry.half_count() == 3 * 999, "{half}");
    }

    #[test]
    fn what_spoils_figures_is_said_before_them() {
        use clap::Parser;
        let args = super::super::Args::parse_from(["compare", "--rounds", "2", "--workers", "2"]);
        let cores = |server: &[usize], loose: Option<&str>| super::super::Cores {
            server: server.to_vec(),
            load: vec![1],
            loose: loose.map(str::to_owned),
        };
        // Two microseconds of the load for each make a thread busy from half a million on.
        let groups =
            || vec![group(vec![entry(Name::Avx, &[490e3, 500e3], 1), entry(Name::Smol, &[10.0, 20.0], 1)])];
        let of = |cores| Result { args: &args, cores: &cores, groups: groups() }.cautions().join(" ");
        let apart = of(cores(&[0], None));
        assert!(!apart.contains("keep up"), "{apart}");
        let mut late = groups();
        late[0].entries[1].unfinished = 100;
        let late = Result { args: &args, cores: &cores(&[0], None), groups: late }.cautions().join(" ");
        assert!(late.contains("HTTP/1.1: smol did not keep up with the schedule"), "{late}");
        for part in [
            "Fewer than three rounds",
            "was noisy",
            "busy all the time with avx, and",
            "2 workers share 1 of",
        ] {
            assert!(apart.contains(part), "{part}: {apart}");
        }
        assert!(!apart.contains("too small"), "{apart}");
        assert!(of(cores(&[1], None)).contains("too small for a claim: server and load share a processor"));
        assert!(
            of(cores(&[0], Some("no taskset"))).contains("not bound to processors of their own: no taskset.")
        );
    }

    #[test]
    fn claims_are_made_only_where_the_runs_allow_one() {
        let of =
            |a: &[f64], b: &[f64]| group(vec![entry(Name::Avx, a, 10), entry(Name::Smol, b, 20)]).sentence();
        assert!(
            of(&[199.0, 200.0, 201.0], &[99.0, 100.0, 101.0])
                .starts_with("avx answers 2.00 times as many as smol")
        );
        assert!(of(&[99.0, 100.0, 104.0], &[103.0, 102.0, 104.0]).starts_with("No difference"));
        assert!(
            of(&[100.0, 150.0, 200.0], &[10.0, 10.0, 10.0])
                .starts_with("Too noisy for a claim: the runs of avx")
        );
        assert!(of(&[199.0, 200.0], &[99.0, 100.0]).starts_with("Too few rounds"));
        assert!(group(vec![entry(Name::Avx, &[1.0; 3], 1)]).sentence().starts_with("One runtime"));
    }
}
