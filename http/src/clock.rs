//! Time as the machines want it: nanoseconds since the server's start; and Date, made once a second.

use avx_core::{Date, Instant};
use std::time::{self, Duration, SystemTime};

/// Where time starts for everything that shares it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Epoch(time::Instant);

impl Epoch {
    pub(crate) fn new(now: time::Instant) -> Self {
        Epoch(now)
    }

    /// `now` as the machines count.
    #[inline]
    pub(crate) fn instant(&self, now: time::Instant) -> Instant {
        let passed = now.saturating_duration_since(self.0);
        Instant::from_nanos(passed.as_secs() * 1_000_000_000 + u64::from(passed.subsec_nanos()))
    }

    /// `at` as runtimes count.
    pub(crate) fn std(&self, at: Instant) -> time::Instant {
        let passed = at.saturating_since(Instant::ZERO);
        // A deadline beyond what the clock can tell is as good as one in a century.
        self.0.checked_add(passed).unwrap_or_else(|| self.0 + Duration::from_secs(100 * 365 * 86_400))
    }
}

/// The Date of this second.
#[derive(Debug)]
pub(crate) struct DateCache {
    date: Date,
    until: Option<time::Instant>,
}

impl DateCache {
    pub(crate) fn new() -> Self {
        DateCache { date: Date::from_unix(0), until: None }
    }

    /// At most a second old.
    #[inline]
    pub(crate) fn at(&mut self, now: time::Instant) -> &Date {
        if self.until.is_none_or(|until| now >= until) {
            self.renew(now);
        }
        &self.date
    }

    #[cold]
    fn renew(&mut self, now: time::Instant) {
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.date = Date::from_unix(unix.as_secs());
        self.until = Some(now + (Duration::from_secs(1) - Duration::from_nanos(unix.subsec_nanos().into())));
    }
}
