//! The result of a run, for programs: one object, members always in the same order. Times are in microseconds.

use super::failure::Kind;
use super::plan::{Plan, Stop};
use super::report::{SHARES, percent};
use super::run::Outcome;
use std::fmt::{self, Write};
use std::time::Duration;

/// The whole of it, with a line end.
pub(super) fn text(plan: &Plan, outcome: &Outcome) -> String {
    let mut out = String::new();
    let stats = &outcome.stats;
    let mut object = Object::open(&mut out);
    object.string("protocol", &plan.protocol.to_string());
    object.string("authority", &plan.authority).string("target", &plan.target).string("method", &plan.method);
    object.number("connections", plan.connections as f64).number("depth", plan.depth as f64);
    object.number("websockets", if plan.protocol.is_websocket() { plan.sockets as f64 } else { 0.0 });
    object.number("threads", plan.threads as f64);
    match plan.stop {
        Stop::After(time) => object.number("duration_s", time.as_secs_f64()),
        Stop::Requests(n) => object.number("requests", n as f64),
    };
    if let Some(rate) = plan.rate {
        object.number("rate", rate);
    }
    object.raw("interrupted", outcome.interrupted).number("elapsed_s", outcome.elapsed.as_secs_f64());
    object.number("done", stats.done as f64).number("per_second", outcome.rate());
    object.number("bytes_received", stats.received as f64).number("bytes_sent", stats.sent as f64);
    object.number("content_bytes", stats.content as f64).number("reconnects", stats.reconnects as f64);
    object.number("unfinished", stats.unfinished as f64).number("unsent", stats.unsent as f64);
    object.number("opened", outcome.opened as f64);
    if let Some(n) = stats.allowed {
        object.number("allowed_streams", n.into());
    }
    object.raw("status", members((1..6).map(|i| (format!("{i}xx"), stats.classes[i] as f64))));
    let errors = Kind::ALL.map(|kind| (kind.as_str().replace(' ', "_"), stats.errors[kind as usize] as f64));
    object.raw("errors", members(errors.into_iter()));
    if let Some(failure) = &outcome.failure {
        object.string("first_error", &failure.to_string());
    }
    let latency = &stats.latency;
    let few = [("mean", latency.mean()), ("deviation", latency.deviation()), ("least", latency.min())];
    let few = few.into_iter().map(|(name, time)| (name.to_owned(), time));
    let shares = SHARES.iter().map(|&share| (percent(share), latency.quantile(share)));
    // Of nothing there is no latency, not one of 0.
    let known = |time| if latency.count() > 0 { micros(time) } else { f64::NAN };
    object.raw("latency_us", members(few.chain(shares).map(|(name, time)| (name, known(time)))));
    if let Some(cpu) = outcome.cpu {
        object.number("own_cpu_s", cpu.total.as_secs_f64());
    }
    object.close();
    out.push('\n');
    out
}

pub(super) fn micros(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1e3
}

/// An object of numbers.
pub(super) fn members(members: impl Iterator<Item = (String, f64)>) -> String {
    let mut out = String::new();
    let mut object = Object::open(&mut out);
    for (name, value) in members {
        object.number(&name, value);
    }
    object.close();
    out
}

/// An object that is being written.
pub(super) struct Object<'a> {
    out: &'a mut String,
    empty: bool,
}

impl<'a> Object<'a> {
    pub(super) fn open(out: &'a mut String) -> Self {
        out.push('{');
        Object { out, empty: true }
    }

    pub(super) fn close(self) {
        self.out.push('}');
    }

    fn name(&mut self, name: &str) {
        if !std::mem::take(&mut self.empty) {
            self.out.push(',');
        }
        quote(self.out, name);
        self.out.push(':');
    }

    pub(super) fn string(&mut self, name: &str, value: &str) -> &mut Self {
        self.name(name);
        quote(self.out, value);
        self
    }

    /// A number; null for what is none.
    pub(super) fn number(&mut self, name: &str, value: f64) -> &mut Self {
        self.name(name);
        // Writing to a string cannot fail.
        let _ = match value.is_finite() {
            true => write!(self.out, "{}", (value * 1e6).round() / 1e6),
            false => write!(self.out, "null"),
        };
        self
    }

    /// What is JSON already.
    pub(super) fn raw(&mut self, name: &str, value: impl fmt::Display) -> &mut Self {
        self.name(name);
        let _ = write!(self.out, "{value}");
        self
    }
}

/// A string (RFC 8259, section 7).
pub(super) fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        let _ = match c {
            '"' | '\\' => write!(out, "\\{c}"),
            c if c < ' ' => write!(out, "\\u{:04x}", c as u32),
            c => write!(out, "{c}"),
        };
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc8259_7_strings_and_numbers_are_json() {
        let mut out = String::new();
        let mut object = Object::open(&mut out);
        object.string("a\"b", "c\\\nd").number("n", 1.5).number("none", f64::NAN).raw("r", true);
        object.close();
        assert_eq!(out, r#"{"a\"b":"c\\\u000ad","n":1.5,"none":null,"r":true}"#);
        assert_eq!(members([("x".to_owned(), 3.0)].into_iter()), r#"{"x":3}"#);
    }
}
