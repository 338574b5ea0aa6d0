//! How a run is doing, on a terminal.

use super::report::grouped;
use super::run::Glance;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

/// Time between two pictures.
const FRAME: Duration = Duration::from_millis(250);

/// A line on standard error that is drawn over and over, if that is a terminal.
pub(super) struct Progress {
    terminal: bool,
    title: String,
    /// What is counted.
    noun: &'static str,
    last: Option<(Duration, u64)>,
}

impl Progress {
    pub(super) fn new(title: impl Into<String>, noun: &'static str) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Progress { terminal: io::stderr().is_terminal() && !dumb, title: title.into(), noun, last: None }
    }

    pub(super) fn show(&mut self, glance: &Glance) {
        if !self.terminal {
            return;
        }
        let (at, done) = match self.last {
            Some((at, done)) if at <= glance.passed && done <= glance.done => (at, done),
            _ => (Duration::ZERO, 0),
        };
        if self.last.is_some() && glance.passed.saturating_sub(at) < FRAME {
            return;
        }
        self.last = Some((glance.passed, glance.done));
        let passed = glance.passed.saturating_sub(at).as_secs_f64().max(1e-3);
        let line = line(&self.title, glance, self.noun, (glance.done - done) as f64 / passed);
        let _ = write!(io::stderr(), "{}", picture(&line));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.last.is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

/// Draws a line in place. Where a terminal is too narrow, it is cut instead of wrapped: each picture would leave
/// another line behind.
fn picture(line: &str) -> String {
    format!("\r\x1b[?7l{line}\x1b[K\x1b[?7h")
}

fn line(title: &str, glance: &Glance, noun: &str, rate: f64) -> String {
    let phase = if glance.warms_up { "warm-up, " } else { "" };
    let failed = match glance.failed {
        0 => String::new(),
        n => format!(", {} failed", grouped(n)),
    };
    format!("{title}{phase}{:.1} s, {} {noun}/s{failed}", glance.passed.as_secs_f64(), grouped(rate as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_fast_it_goes_and_what_failed() {
        let mut glance = Glance { done: 0, failed: 0, passed: Duration::from_millis(1500), warms_up: true };
        assert_eq!(line("", &glance, "messages", 12_345.6), "warm-up, 1.5 s, 12,345 messages/s");
        (glance.warms_up, glance.failed) = (false, 1000);
        assert_eq!(line("tokio, ", &glance, "requests", 7.0), "tokio, 1.5 s, 7 requests/s, 1,000 failed");
    }

    #[test]
    fn a_picture_wraps_nowhere_and_leaves_the_terminal_as_it_was() {
        assert_eq!(picture("x"), "\r\x1b[?7lx\x1b[K\x1b[?7h");
    }
}
