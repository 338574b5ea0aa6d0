//! How far a transfer is, on a terminal, once it takes a while.

use std::fmt::Display;
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// Nothing is shown before.
const PATIENCE: Duration = Duration::from_millis(500);
/// Time between two pictures.
const FRAME: Duration = Duration::from_millis(100);

/// A line on standard error that is drawn over and over.
#[derive(Debug)]
pub(super) struct Progress {
    shown: bool,
    start: Instant,
    next: Instant,
    done: u64,
    total: Option<u64>,
}

impl Progress {
    /// Of `total` bytes, when that is known.
    pub(super) fn new(total: Option<u64>) -> Self {
        let start = Instant::now();
        Progress { shown: false, start, next: start + PATIENCE, done: 0, total }
    }

    /// `n` bytes more.
    pub(super) fn add(&mut self, n: usize) {
        self.done += n as u64;
        let now = Instant::now();
        if now >= self.next {
            self.next = now + FRAME;
            self.shown = true;
            let line = line(self.done, self.total, now - self.start);
            let _ = write!(io::stderr(), "\r{line}\x1b[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

fn line(done: u64, total: Option<u64>, passed: Duration) -> String {
    let rate = done as f64 / passed.as_secs_f64().max(1e-3);
    match total {
        Some(total) if total > 0 => {
            let share = done.min(total) as f64 / total as f64;
            let left = (total.saturating_sub(done)) as f64 / rate.max(1.0);
            let filled = (share * 24.0) as usize;
            let bar = format!("{}{}", "#".repeat(filled), "-".repeat(24 - filled));
            let percent = (share * 100.0) as u32;
            format!(
                "{percent:3}% [{bar}] {} of {}, {}/s, {} left",
                size(done as f64),
                size(total as f64),
                size(rate),
                clock(left)
            )
        }
        _ => format!("{}, {}/s, {}", size(done as f64), size(rate), clock(passed.as_secs_f64())),
    }
}

fn size(n: f64) -> impl Display {
    match n {
        n if n < 1e3 => format!("{n:.0} B"),
        n if n < 1e6 => format!("{:.1} kB", n / 1e3),
        n if n < 1e9 => format!("{:.1} MB", n / 1e6),
        n => format!("{:.2} GB", n / 1e9),
    }
}

fn clock(seconds: f64) -> impl Display {
    let s = seconds.min(359_999.0) as u64;
    if s < 3600 {
        format!("{}:{:02}", s / 60, s % 60)
    } else {
        format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_and_how_long() {
        assert_eq!(
            line(1_500_000, Some(3_000_000), Duration::from_secs(1)),
            " 50% [############------------] 1.5 MB of 3.0 MB, 1.5 MB/s, 0:01 left"
        );
        assert_eq!(line(2_000, None, Duration::from_secs(2)), "2.0 kB, 1.0 kB/s, 0:02");
    }
}
