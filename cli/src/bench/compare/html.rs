//! The report as a page: one file, no scripts, light or dark as the reader has it, wide or narrow.

use super::Result;
use super::measure::{Entry, Group};
use super::svg::{self, Bar, Curve, escape};
use crate::bench::report::{grouped, time};
use std::fmt::Write;
use std::time::Duration;

const STYLE: &str = include_str!("report.css");

/// The whole of it.
pub(super) fn page(result: &Result<'_>) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>avx under each runtime</title>\n<style>\n{STYLE}</style>\n<main>\n<header>\n\
         <h1>avx under each runtime</h1>\n<p class=\"setting\">{}.</p>\n",
        prose(&result.setting())
    );
    for caution in result.cautions() {
        let _ = writeln!(out, "<p class=\"caution\">{}</p>", prose(&caution));
    }
    out += "</header>\n";
    for group in &result.groups {
        section(&mut out, result, group);
    }
    out += "<footer>\n";
    let unmeasured = |entry: &Entry| entry.calls.as_ref().err().cloned();
    if let Some(why) = result.groups.iter().flat_map(|group| &group.entries).find_map(unmeasured) {
        let _ = writeln!(out, "<p>System calls were not measured: {}.</p>", prose(&why));
    }
    out += "<p>Bars are medians over all rounds, and so are the table and, at each percentile, the latencies at half load; the thin \
            line across a bar spans from the slowest run to the fastest. Half load was a schedule, at half of what the slowest runtime can do, \
            and counts from when a request was due; where several are under way on a connection, so many are due at \
            once. CPU is that of the server, as the system accounts for it. Memory \
            of a connection is what resident memory grew by, for each that had one exchange and then waited.</p>\n\
            </footer>\n</main>\n</html>\n";
    out
}

fn section(out: &mut String, result: &Result<'_>, group: &Group) {
    let _ = writeln!(
        out,
        "<section>\n<h2>{}</h2>\n<p>{}</p>",
        group.kind.title(),
        prose(&result.sentence(group))
    );
    out.push_str("<div class=\"plots\">\n");
    let unit = if group.kind == super::Kind::WebSocket { "message" } else { "request" };
    figure(out, &format!("Throughput, {unit}s a second"), None, |label| svg::bars(label, &throughput(group)));
    if let Some(bars) = cpu(group) {
        let legend = "<span class=\"solid\"></span> user <span class=\"faint\"></span> system";
        figure(out, &format!("CPU of the server for each {unit}"), Some(legend), |label| {
            svg::bars(label, &bars)
        });
    }
    let title = format!("Latency by percentile at {} {unit}s a second", grouped(group.half_rate as u64));
    figure(out, &title, Some(&legend(group)), |label| svg::curves(label, &latency(group)));
    if let Some(bars) = idle(group) {
        figure(out, "Memory of an idle connection", None, |label| svg::bars(label, &bars));
    }
    out.push_str("</div>\n");
    table(out, group);
    out.push_str("</section>\n");
}

/// Text whose options stay whole: a browser would break them behind their hyphen.
fn prose(text: &str) -> String {
    let whole = |word: &str| match word.contains('-') {
        true => format!("<span class=\"whole\">{}</span>", escape(word)),
        false => escape(word),
    };
    text.split(' ').map(whole).collect::<Vec<_>>().join(" ")
}

fn figure(out: &mut String, title: &str, legend: Option<&str>, draw: impl FnOnce(&str) -> String) {
    let legend = legend.map_or(String::new(), |legend| format!("<p class=\"legend\">{legend}</p>\n"));
    let _ = writeln!(
        out,
        "<figure>\n<figcaption>{}</figcaption>\n{legend}{}\n</figure>",
        escape(title),
        draw(title)
    );
}

fn legend(group: &Group) -> String {
    let one = |entry: &Entry| format!("<span class=\"key {0}\"></span> {0}", entry.runtime.as_str());
    group.entries.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn throughput(group: &Group) -> Vec<Bar> {
    let bar = |entry: &Entry| Bar {
        name: entry.runtime.as_str(),
        parts: vec![entry.rate()],
        range: Some(entry.range()),
        text: grouped(entry.rate() as u64),
    };
    group.entries.iter().map(bar).collect()
}

fn cpu(group: &Group) -> Option<Vec<Bar>> {
    let bar = |entry: &Entry| {
        let (all, user) = (entry.cpu()?, entry.user()?);
        Some(Bar {
            name: entry.runtime.as_str(),
            parts: vec![user, (all - user).max(0.0)],
            range: None,
            text: format!("{all:.2} µs"),
        })
    };
    group.entries.iter().map(bar).collect()
}

fn idle(group: &Group) -> Option<Vec<Bar>> {
    let bar = |entry: &Entry| {
        let bytes = *entry.idle.as_ref().ok()?;
        let name = entry.runtime.as_str();
        Some(Bar { name, parts: vec![bytes], range: None, text: format!("{} bytes", grouped(bytes as u64)) })
    };
    group.entries.iter().map(bar).collect()
}

fn latency(group: &Group) -> Vec<Curve> {
    let curve = |entry: &Entry| {
        // As far as there is more than a handful behind a point.
        let nines = ((entry.half_count().max(100) as f64).log10() - 1.3).min(4.0);
        let steps = (nines * 20.0) as u32;
        let shares = (0..=steps).map(|step| 1.0 - 0.5 * 10_f64.powf(-f64::from(step) / 20.0));
        let points = shares.map(|share| (share, entry.half(share).as_secs_f64())).collect();
        Curve { name: entry.runtime.as_str(), points }
    };
    group.entries.iter().map(curve).collect()
}

fn table(out: &mut String, group: &Group) {
    let _ = writeln!(
        out,
        "<div class=\"scroll\"><table>\n<tr><th>Runtime<th>Per second<th>Spread<th>p99 at full load<th>p50 at half\
         <th>p99 at half<th>System calls<th>Memory at start<th>Peak</tr>"
    );
    for entry in &group.entries {
        let mega = |n: f64| format!("{:.1} MB", n / 1e6);
        let calls = match &entry.calls {
            Ok(n) => format!("{n:.2}"),
            Err(why) => format!("<abbr title=\"{}\">not measured</abbr>", escape(why)),
        };
        let cells = [
            grouped(entry.rate() as u64),
            format!("{:.0} %", entry.spread() * 100.0),
            time(Duration::from_secs_f64(entry.p99())),
            time(entry.half(0.5)),
            time(entry.half(0.99)),
            calls,
            entry.start.as_ref().map_or("-".to_owned(), |&n| mega(n as f64)),
            entry.peak().map_or("-".to_owned(), mega),
        ];
        let _ = writeln!(out, "<tr><th>{}<td>{}</tr>", entry.runtime.as_str(), cells.join("<td>"));
    }
    out.push_str("</table></div>\n");
}

#[cfg(test)]
mod tests {
    use super::super::verdict::tests::{entry, group};
    use super::*;
    use crate::serve::runtime::Name;
    use clap::Parser;

    #[test]
    fn options_stay_whole_and_text_is_text() {
        assert_eq!(prose("a <b> (-t)."), "a &lt;b&gt; <span class=\"whole\">(-t).</span>");
    }

    #[test]
    fn a_page_is_whole_and_needs_nothing_else() {
        let args = super::super::Args::parse_from(["compare"]);
        let cores = super::super::Cores { server: vec![0], load: vec![0], loose: None };
        let slow = entry(Name::Smol, &[90.0, 91.0, 92.0], 300);
        let groups = vec![group(vec![entry(Name::Avx, &[100.0, 101.0, 102.0], 200), slow])];
        let page = page(&Result { args: &args, cores: &cores, groups });
        for part in [
            "too small for a claim",
            "No claim: server and load had no processors of their own.",
            "1,234 bytes",
            "title=\"strace is not installed\"",
            "<p>System calls were not measured: strace is not installed.</p>",
            "prefers-color-scheme: dark",
        ] {
            assert!(page.contains(part), "{part}");
        }
        assert_eq!(page.matches("<svg").count(), 4);
        assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
        for foreign in ["<script", "http://", "https://", "url(", "NaN"] {
            assert!(!page.contains(foreign), "{foreign}");
        }
    }
}
