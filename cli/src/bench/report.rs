//! The result of a run, for people.

use super::failure::{Kind, Protocol};
use super::pace;
use super::plan::{Plan, Stop};
use super::run::Outcome;
use std::fmt::Write;
use std::time::Duration;

/// Shares of all that a latency is given for.
pub(crate) const SHARES: [f64; 7] = [0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 1.0];

/// A thread that uses more than this share of its time is what limits.
const BUSY: f64 = 0.95;
/// What is shorter says nothing about that.
const LONG: Duration = Duration::from_millis(100);

/// The whole of it.
pub(super) fn text(plan: &Plan, outcome: &Outcome) -> String {
    let mut out = String::new();
    let stats = &outcome.stats;
    let what = noun(plan);
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{}", title(plan));
    let _ = writeln!(
        out,
        "{:<14}{} in {}, {}/s",
        what,
        grouped(stats.done),
        time(outcome.elapsed),
        grouped(outcome.rate() as u64)
    );
    let seconds = outcome.elapsed.as_secs_f64().max(1e-9);
    let _ = writeln!(
        out,
        "{:<14}{} received ({}/s), {} sent",
        "bytes",
        size(stats.received),
        size((stats.received as f64 / seconds) as u64),
        size(stats.sent)
    );
    if !plan.protocol.is_websocket() {
        let classes = (1..6).filter(|&i| stats.classes[i] > 0);
        let classes: Vec<String> = classes.map(|i| format!("{i}xx {}", grouped(stats.classes[i]))).collect();
        let text = if classes.is_empty() { "none".to_owned() } else { classes.join(", ") };
        let _ = writeln!(out, "{:<14}{text}", "status");
    }
    if stats.latency.count() > 0 {
        latency(&mut out, outcome);
    }
    let _ = writeln!(out, "{:<14}{}", "failed", failed(outcome));
    if stats.unfinished > 0 {
        let _ = writeln!(
            out,
            "{:<14}{} had no answer at the end and had waited for longer than {}; they count as if it had come then",
            "unfinished",
            grouped(stats.unfinished),
            if plan.rate.is_some() { "most" } else { "any other" }
        );
    }
    if stats.reconnects > 0 {
        let _ = writeln!(out, "{:<14}{}", "reconnects", grouped(stats.reconnects));
    }
    if let Some(line) = own_cost(outcome) {
        let _ = writeln!(out, "{:<14}{line}", "this program");
    }
    for note in notes(plan, outcome) {
        let _ = writeln!(out, "note: {note}");
    }
    out
}

fn latency(out: &mut String, outcome: &Outcome) {
    let latency = &outcome.stats.latency;
    let _ = writeln!(
        out,
        "{:<14}mean {}, deviation {}, least {}",
        "latency",
        time(latency.mean()),
        time(latency.deviation()),
        time(latency.min())
    );
    let (mut heads, mut values) = (String::new(), String::new());
    for share in SHARES {
        let head = if share == 1.0 { "most".to_owned() } else { percent(share) };
        let _ = write!(heads, "{head:>11}");
        let _ = write!(values, "{:>11}", time(latency.quantile(share)));
    }
    let _ = writeln!(out, "    {heads}\n    {values}");
}

fn failed(outcome: &Outcome) -> String {
    let errors = outcome.stats.errors;
    let kinds = Kind::ALL.iter().filter(|&&kind| errors[kind as usize] > 0);
    let list: Vec<String> =
        kinds.map(|&kind| format!("{} {}", kind.as_str(), grouped(errors[kind as usize]))).collect();
    match (&outcome.failure, list.is_empty()) {
        (_, true) => "none".to_owned(),
        (Some(failure), false) => format!("{} (first: {failure})", list.join(", ")),
        (None, false) => list.join(", "),
    }
}

/// What this program itself has used.
fn own_cost(outcome: &Outcome) -> Option<String> {
    let cpu = outcome.cpu.filter(|_| outcome.stats.done > 0)?;
    let each = cpu.total.as_secs_f64() * 1e6 / outcome.stats.done as f64;
    let share = cpu.total.as_secs_f64() / outcome.elapsed.as_secs_f64().max(1e-9) * 100.0;
    Some(format!("{each:.2} µs of CPU each, {share:.0} % of a core"))
}

/// What a reader has to know.
fn notes(plan: &Plan, outcome: &Outcome) -> Vec<String> {
    let mut notes = Vec::new();
    if outcome.interrupted {
        notes.push("interrupted: this is what was measured until then".to_owned());
    }
    if outcome.opened < plan.connections {
        let first = outcome.unopened.as_ref().map_or(String::new(), |failure| format!(" (first: {failure})"));
        notes.push(format!(
            "only {} of {} connections were open when it began{first}",
            grouped(outcome.opened as u64),
            grouped(plan.connections as u64)
        ));
    }
    if let Some(n) = outcome.stats.allowed {
        let (what, wanted) = match plan.protocol {
            Protocol::Tunnel => ("WebSockets", plan.sockets),
            _ => (noun(plan), plan.depth),
        };
        notes.push(format!(
            "the server allows {} at a time on a connection, and not {} (-m)",
            plural(u64::from(n), what),
            grouped(wanted as u64)
        ));
    }
    // Requests under way are no sign: so many are at any time.
    let unsent = outcome.stats.unsent;
    let behind = plan.rate.filter(|rate| unsent > 0 && outcome.rate() < rate * 0.99);
    // Who keeps a close schedule is busy by design.
    let by_design = pace::is_close(plan) && behind.is_none();
    let busy =
        outcome.cpu.map_or(0.0, |cpu| cpu.total.as_secs_f64() / outcome.elapsed.as_secs_f64().max(1e-9));
    if !by_design && outcome.elapsed >= LONG && busy > BUSY * plan.threads as f64 {
        notes.push(
            "this program was busy all the time, and may be what limits: try more threads (-t)".to_owned(),
        );
    }
    if let Some(rate) = behind {
        notes.push(format!(
            "the server did not keep up with {} a second over {}: {} were due and not sent",
            per_second(rate),
            plural(plan.connections as u64, "connections"),
            plural(unsent, noun(plan))
        ));
    }
    notes
}

fn title(plan: &Plan) -> String {
    let scheme = if plan.protocol.is_websocket() { "ws" } else { "http" };
    let what = match () {
        _ if plan.protocol.is_websocket() => {
            let sizes: Vec<String> = plan.messages.iter().map(ToString::to_string).collect();
            format!("messages of {} bytes", sizes.join(", "))
        }
        _ if plan.body.is_empty() => plan.method.clone(),
        _ => format!("{} of {}", plan.method, size(plan.body.len() as u64)),
    };
    let sockets = match plan.sockets {
        1 => String::new(),
        n => format!(" with {n} WebSockets each"),
    };
    let depth = match plan.depth {
        1 => String::new(),
        n => format!(" with {n} {} each", noun(plan)),
    };
    let stop = match plan.stop {
        Stop::After(limit) => time(limit),
        Stop::Requests(n) => plural(n, noun(plan)),
    };
    let burst = if plan.burst > 1 { format!(" in bursts of {}", plan.burst) } else { String::new() };
    let rate = plan.rate.map_or(String::new(), |rate| format!(", {} a second{burst}", per_second(rate)));
    format!(
        "{} on {scheme}://{}{}\n{}, {}{sockets}{depth}, {}, {stop}{rate}",
        what,
        plan.authority,
        plan.target,
        plan.protocol,
        plural(plan.connections as u64, "connections"),
        plural(plan.threads as u64, "threads")
    )
}

pub(crate) fn noun(plan: &Plan) -> &'static str {
    if plan.protocol.is_websocket() { "messages" } else { "requests" }
}

/// `1 request`, `2 requests`
fn plural(n: u64, what: &str) -> String {
    format!("{} {}", grouped(n), if n == 1 { what.trim_end_matches('s') } else { what })
}

/// `20,000`, `0.5`
fn per_second(rate: f64) -> String {
    if rate < 10.0 { format!("{}", (rate * 1e3).round() / 1e3) } else { grouped(rate as u64) }
}

/// `1,234,567`
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Three digits and a unit.
pub(crate) fn time(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let (n, unit) = match seconds {
        s if s < 1e-6 => (s * 1e9, "ns"),
        s if s < 1e-3 => (s * 1e6, "µs"),
        s if s < 1.0 => (s * 1e3, "ms"),
        s => (s, "s"),
    };
    let digits = if n == 0.0 || n >= 100.0 || n.fract() == 0.0 {
        0
    } else if n >= 10.0 {
        1
    } else {
        2
    };
    format!("{n:.digits$} {unit}")
}

pub(crate) fn size(n: u64) -> String {
    match n as f64 {
        _ if n < 1000 => format!("{n} B"),
        n if n < 1e6 => format!("{:.1} kB", n / 1e3),
        n if n < 1e9 => format!("{:.1} MB", n / 1e6),
        n => format!("{:.2} GB", n / 1e9),
    }
}

/// `99.9%`
pub(crate) fn percent(share: f64) -> String {
    let text = format!("{:.4}", share * 100.0);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_to_be_read() {
        assert_eq!((&*grouped(0), &*grouped(999), &*grouped(1_234_567)), ("0", "999", "1,234,567"));
        for (nanos, text) in [
            (0, "0 ns"),
            (800, "800 ns"),
            (1_250, "1.25 µs"),
            (12_340_000, "12.3 ms"),
            (10_000_000_000, "10 s"),
        ] {
            assert_eq!(time(Duration::from_nanos(nanos)), text);
        }
        assert_eq!((&*percent(0.5), &*percent(0.9999), &*percent(0.75)), ("50%", "99.99%", "75%"));
        assert_eq!((&*size(999), &*size(64_000)), ("999 B", "64.0 kB"));
        assert_eq!((&*per_second(0.5), &*per_second(20e3)), ("0.5", "20,000"));
        assert_eq!((&*plural(1, "requests"), &*plural(2000, "requests")), ("1 request", "2,000 requests"));
    }
}
