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
    /// Requests that came to nothing, and connections that did before any request, by kind.
    pub(crate) errors: [u64; Kind::ALL.len()],
    /// Those of them that had been begun, or taken from a schedule.
    pub(crate) lost: u64,
    /// Requests that had no answer when it was over, and had waited for longer than what was answered tells: with a
    /// schedule than half of all, else than any.
    pub(crate) unfinished: u64,
    /// Those of them that were due and never sent, because no connection was free.
    pub(crate) unsent: u64,
    /// How many requests at a time the server allows on a connection, where that is less than were to be under way.
    pub(crate) allowed: Option<u32>,
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
            lost: 0,
            unfinished: 0,
            unsent: 0,
            allowed: None,
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

    /// `n` exchanges came to nothing; with none, a connection.
    pub(crate) fn fail(&mut self, failure: &Failure, n: u64) {
        self.errors[failure.kind as usize] += n.max(1);
        self.lost += n;
    }

    /// The server allows no more than so many at a time.
    #[cold]
    pub(crate) fn allow(&mut self, n: u32) {
        self.allowed = Some(self.allowed.map_or(n, |least| least.min(n)));
    }

    /// Requests that came to nothing.
    pub(crate) fn failed(&self) -> u64 {
        self.errors.iter().sum()
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
        self.lost += other.lost;
        self.unfinished += other.unfinished;
        self.unsent += other.unsent;
        other.allowed.into_iter().for_each(|n| self.allow(n));
        self.latency.add(&other.latency);
    }

    /// Begins anew.
    pub(crate) fn clear(&mut self) {
        let mut latency = std::mem::replace(&mut self.latency, Histogram::new());
        latency.clear();
        *self = Stats { latency, ..Stats::new() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_fails_with_nothing_under_way_has_lost_no_request() {
        let mut stats = Stats::new();
        stats.fail(&Failure::closed(), 0);
        assert_eq!((stats.failed(), stats.lost), (1, 0));
        stats.fail(&Failure::closed(), 3);
        assert_eq!((stats.failed(), stats.lost), (4, 3));
        stats.allow(7);
        stats.allow(9);
        assert_eq!(stats.allowed, Some(7));
    }
}
