//! What was measured.

use super::failure::{Failure, Kind};
use super::histogram::Histogram;

/// Counts of one lane, or of all.
#[derive(Clone)]
pub(crate) struct Stats {
    /// Responses or echoes that were complete.
    pub(crate) done: u64,
    /// When the last of them was, nanoseconds.
    pub(crate) last: u64,
    /// Responses by the first digit of their status.
    pub(crate) classes: [u64; 6],
    /// Bytes that were read and written, framing and all.
    pub(crate) received: u64,
    pub(crate) sent: u64,
    /// Bytes of content, or of messages, received.
    pub(crate) content: u64,
    /// Connections made, beyond the first of each.
    pub(crate) reconnects: u64,
    /// Requests that came to nothing, by kind.
    pub(crate) errors: [u64; Kind::ALL.len()],
    /// Requests that a schedule had asked for longer ago than usual and were not answered when it was over.
    pub(crate) unfinished: u64,
    pub(crate) latency: Histogram,
}

impl Stats {
    pub(crate) fn new() -> Self {
        Stats {
            done: 0,
            last: 0,
            classes: [0; 6],
            received: 0,
            sent: 0,
            content: 0,
            reconnects: 0,
            errors: [0; Kind::ALL.len()],
            unfinished: 0,
            latency: Histogram::new(),
        }
    }

    /// A response is complete.
    #[inline]
    pub(crate) fn respond(&mut self, status: u16, since: u64, now: u64) {
        if let Some(class) = self.classes.get_mut(usize::from(status / 100)) {
            *class += 1;
        }
        self.complete(since, now);
    }

    /// An exchange that was due at `since` is complete.
    #[inline]
    pub(crate) fn complete(&mut self, since: u64, now: u64) {
        self.done += 1;
        self.last = now;
        self.latency.record(now.saturating_sub(since));
    }

    /// `n` exchanges came to nothing.
    pub(crate) fn fail(&mut self, failure: &Failure, n: u64) {
        self.errors[failure.kind as usize] += n;
    }

    /// Requests that came to nothing.
    pub(crate) fn failed(&self) -> u64 {
        self.errors.iter().sum()
    }

    /// Those of them that were sent, or would have been.
    pub(crate) fn lost(&self) -> u64 {
        self.failed() - self.errors[Kind::Connect as usize]
    }

    /// All of another one.
    pub(crate) fn add(&mut self, other: &Stats) {
        self.done += other.done;
        self.last = self.last.max(other.last);
        let counts = self.classes.iter_mut().chain(&mut self.errors);
        for (count, n) in counts.zip(other.classes.iter().chain(&other.errors)) {
            *count += n;
        }
        self.received += other.received;
        self.sent += other.sent;
        self.content += other.content;
        self.reconnects += other.reconnects;
        self.unfinished += other.unfinished;
        self.latency.add(&other.latency);
    }

    /// Begins anew.
    pub(crate) fn clear(&mut self) {
        let mut latency = std::mem::replace(&mut self.latency, Histogram::new());
        latency.clear();
        *self = Stats { latency, ..Stats::new() };
    }
}
