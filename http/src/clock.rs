//! Time as the machines want it: nanoseconds since the server's start; and the lines that need a clock.

use crate::Value;
use avx_core::{Date, Field, Instant, Preset};
use std::time::{self, Duration, SystemTime};

/// Where time starts for everything that shares it.
#[derive(Clone, Copy, Debug, PartialEq)]
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
        after(self.0, passed)
    }
}

/// So long after `now`.
pub(crate) fn after(now: time::Instant, time: Duration) -> time::Instant {
    // A deadline beyond what the clock can tell is as good as one in a century.
    now.checked_add(time).unwrap_or_else(|| now + Duration::from_secs(100 * 365 * 86_400))
}

/// The last reading of the clock: many connections are polled at the same instant.
#[derive(Debug, Default)]
pub(crate) struct Reading(Option<(Epoch, time::Instant, Instant)>);

impl Reading {
    pub(crate) const NONE: Reading = Reading(None);

    /// As [`Epoch::instant`].
    #[inline]
    pub(crate) fn instant(&mut self, epoch: &Epoch, now: time::Instant) -> Instant {
        match self.0 {
            Some((of, at, instant)) if at == now && of == *epoch => instant,
            _ => {
                let instant = epoch.instant(now);
                self.0 = Some((*epoch, now, instant));
                instant
            }
        }
    }
}

/// The lines that every response of a server carries: Server, and the Date of this second.
#[derive(Debug)]
pub(crate) struct PresetCache {
    preset: Preset,
    until: Option<time::Instant>,
    /// The server that it belongs to: one thread may run several.
    of: u64,
}

impl PresetCache {
    pub(crate) fn new() -> Self {
        PresetCache { preset: Preset::default(), until: None, of: 0 }
    }

    /// The lines of the server with this number, at most a second old.
    #[inline]
    pub(crate) fn at(&mut self, now: time::Instant, of: u64, date: bool, server: Option<&Value>) -> &Preset {
        if self.of != of || self.until.is_none_or(|until| now >= until) {
            self.of = of;
            self.renew(now, date, server);
        }
        &self.preset
    }

    #[cold]
    fn renew(&mut self, now: time::Instant, date: bool, server: Option<&Value>) {
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let today = Date::from_unix(unix.as_secs());
        let server = server.map(|value| Field::new("Server", value.as_bytes()));
        let date = date.then(|| Field::new("Date", today.as_bytes()));
        let lines: Vec<Field<'_>> = server.into_iter().chain(date).collect();
        // The value was checked when the server was started.
        self.preset = Preset::new(&lines).unwrap_or_default();
        self.until = Some(now + (Duration::from_secs(1) - Duration::from_nanos(unix.subsec_nanos().into())));
    }
}
