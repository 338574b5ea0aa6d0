//! Time as the machines want it: nanoseconds since the server's start; and the lines that need a clock.

use avx_core::{Date, Field, Instant, Preset};
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

/// The lines that every response carries, Server and the lines that need a clock.
#[derive(Debug)]
pub(crate) struct PresetCache {
    preset: Preset,
    until: Option<time::Instant>,
    /// The value it was made with, by address: one thread may run several servers.
    made_with: (usize, usize, bool),
}

impl PresetCache {
    pub(crate) fn new() -> Self {
        PresetCache { preset: Preset::default(), until: None, made_with: (0, 0, false) }
    }

    /// At most a second old.
    #[inline]
    pub(crate) fn at(&mut self, now: time::Instant, date: bool, server: Option<&[u8]>) -> &Preset {
        let server = server.unwrap_or_default();
        let key = (server.as_ptr() as usize, server.len(), date);
        if self.until.is_none_or(|until| now >= until) || self.made_with != key {
            self.renew(now, date, server);
            self.made_with = key;
        }
        &self.preset
    }

    #[cold]
    fn renew(&mut self, now: time::Instant, date: bool, server: &[u8]) {
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let formatted = Date::from_unix(unix.as_secs());
        let lines = [Field::new("Server", server), Field::new("Date", formatted.as_bytes())];
        let lines = &lines[usize::from(server.is_empty())..2 - usize::from(!date)];
        // A value that cannot be sent is left out, the date with it.
        self.preset = Preset::new(lines).unwrap_or_default();
        self.until = Some(now + (Duration::from_secs(1) - Duration::from_nanos(unix.subsec_nanos().into())));
    }
}
