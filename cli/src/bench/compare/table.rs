//! The report as Markdown.

use super::Result;
use super::measure::Entry;
use crate::bench::report::{grouped, time};
use std::fmt::Write;
use std::time::Duration;

/// The whole of it.
pub(super) fn text(result: &Result<'_>) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{}\n", result.setting());
    for caution in result.cautions() {
        let _ = writeln!(out, "> {caution}\n");
    }
    for group in &result.groups {
        let unit = format!("{}/s", grouped(group.half_rate as u64));
        let _ = writeln!(
            out,
            "| {} | per second | spread | CPU each | user | p99 full | p50 at {unit} | p99 | idle conn. | peak | calls each |",
            group.kind.title()
        );
        let _ = writeln!(out, "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
        for entry in &group.entries {
            let _ = writeln!(out, "| {} |", row(entry).join(" | "));
        }
        let _ = writeln!(out, "\n{}\n", result.sentence(group));
    }
    if let Some(why) =
        result.groups.iter().flat_map(|group| &group.entries).find_map(|entry| entry.calls.as_ref().err())
    {
        let _ = writeln!(out, "System calls were not measured: {why}.");
    }
    out
}

fn row(entry: &Entry) -> Vec<String> {
    let micros = |value: Option<f64>| value.map_or("-".to_owned(), |n| format!("{n:.2} µs"));
    let bytes = |n: f64| if n < 1e6 { format!("{:.1} kB", n / 1e3) } else { format!("{:.1} MB", n / 1e6) };
    let at = |share| time(entry.half(share));
    vec![
        entry.runtime.as_str().to_owned(),
        grouped(entry.rate() as u64),
        format!("{:.0} %", entry.spread() * 100.0),
        micros(entry.cpu()),
        micros(entry.user()),
        time(Duration::from_secs_f64(entry.p99())),
        at(0.5),
        at(0.99),
        entry.idle.as_ref().map_or("-".to_owned(), |&n| bytes(n)),
        entry.peak().map_or("-".to_owned(), bytes),
        entry.calls.as_ref().map_or("-".to_owned(), |n| format!("{n:.2}")),
    ]
}
