//! The report for programs: one object; times in microseconds, memory in bytes.

use super::Result;
use super::measure::{Entry, Group};
use crate::bench::json::{Object, members, micros};
use crate::bench::report::{SHARES, percent};

/// The whole of it, with a line end.
pub(super) fn text(result: &Result<'_>) -> String {
    let mut out = String::new();
    let mut object = Object::open(&mut out);
    let args = result.args;
    object.string("setting", &result.setting());
    object.number("workers", args.workers.into()).number("connections", args.connections.into());
    object.number("rounds", args.rounds.into()).number("duration_s", args.duration.as_secs_f64());
    object.raw("cautions", list(result.cautions().iter().map(|text| string(text))));
    object.raw("protocols", list(result.groups.iter().map(|group| object_of(result, group))));
    object.close();
    out.push('\n');
    out
}

fn object_of(result: &Result<'_>, group: &Group) -> String {
    let mut out = String::new();
    let mut object = Object::open(&mut out);
    object.string("protocol", group.kind.word()).number("half_load_per_second", group.half_rate);
    object.string("verdict", &result.sentence(group));
    object.raw("runtimes", list(group.entries.iter().map(entry)));
    object.close();
    out
}

fn entry(entry: &Entry) -> String {
    let mut out = String::new();
    let mut object = Object::open(&mut out);
    let or_null = |value: Option<f64>| value.unwrap_or(f64::NAN);
    object.string("runtime", entry.runtime.as_str());
    object.number("per_second", entry.rate()).number("spread", entry.spread());
    object.raw("rounds", list(entry.samples.iter().map(|sample| format!("{:.1}", sample.rate))));
    object.number("cpu_us", or_null(entry.cpu())).number("user_us", or_null(entry.user()));
    object.number("load_cpu_us", or_null(entry.load())).number("p99_full_us", entry.p99() * 1e6);
    let shares = SHARES.iter().map(|&share| (percent(share), micros(entry.half(share))));
    object.raw("half_load_us", members(shares)).number("half_load_unfinished", entry.unfinished as f64);
    object.number("start_bytes", entry.start.as_ref().map_or(f64::NAN, |&n| n as f64));
    object.number("idle_connection_bytes", or_null(entry.idle.as_ref().ok().copied()));
    object.number("peak_bytes", or_null(entry.peak()));
    object.number("system_calls", or_null(entry.calls.as_ref().ok().copied()));
    object.number("failed", entry.failed() as f64);
    object.close();
    out
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

fn string(text: &str) -> String {
    let mut out = String::new();
    crate::bench::json::quote(&mut out, text);
    out
}
