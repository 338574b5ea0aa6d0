//! How large windows have to be: as large as what the path holds, bandwidth times delay.
//!
//! A PING goes out once a quarter of a window is used up; what comes in until it is answered is what one
//! round trip holds. If that is half of the window or more, the window is what limits it, and doubles. No
//! PING without content that moves, and never two at a time: at most one for each round trip.

use super::Limits;
use super::frame::MAX_31;
use crate::Instant;

/// The measurement, and what came of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Growth {
    /// Windows from now on.
    pub(super) stream: u32,
    pub(super) connection: u32,
    /// Content since the PING under way was sent.
    sampled: Option<u64>,
    /// When it was sent, and the shortest round trip seen.
    sent_at: Instant,
    pub(super) round_trip: u64,
}

impl Growth {
    pub(super) fn new(limits: &Limits) -> Self {
        Growth {
            stream: limits.stream_window.min(MAX_31),
            connection: limits.connection_window.clamp(65_535, MAX_31),
            sampled: None,
            sent_at: Instant::ZERO,
            round_trip: u64::MAX,
        }
    }

    /// So much content came in.
    #[inline]
    pub(super) fn recv(&mut self, n: u32) {
        if let Some(sampled) = &mut self.sampled {
            *sampled += u64::from(n);
        }
    }

    /// Whether a round trip is worth measuring.
    #[inline]
    pub(super) fn wants_ping(&self, limits: &Limits) -> bool {
        limits.grow_windows
            && self.sampled.is_none()
            && (self.stream < limits.max_stream_window || self.connection < limits.max_connection_window)
    }

    /// A PING is to go out: what comes in from here on counts.
    pub(super) fn begin(&mut self) {
        self.sampled = Some(0);
    }

    /// The PING goes out.
    pub(super) fn did_ping(&mut self, now: Instant) {
        self.sent_at = now;
    }

    /// It was answered. True when windows are to grow.
    pub(super) fn recv_ack(&mut self, now: Instant, limits: &Limits) -> bool {
        let Some(sampled) = self.sampled.take() else { return false };
        let trip = now.as_nanos().saturating_sub(self.sent_at.as_nanos());
        self.round_trip = self.round_trip.min(trip);
        let grown = |window: u32, max: u32| {
            if sampled * 2 >= u64::from(window) {
                window.saturating_mul(2).min(max.max(window))
            } else {
                window
            }
        };
        let stream = grown(self.stream, limits.max_stream_window.min(MAX_31));
        let connection = grown(self.connection, limits.max_connection_window.min(MAX_31))
            .max(stream.min(limits.max_connection_window));
        let grows = (stream, connection) != (self.stream, self.connection);
        (self.stream, self.connection) = (stream, connection.max(self.connection));
        grows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_double_while_they_are_what_limits_and_stop_at_their_maximum() {
        let limits = Limits::default();
        let mut growth = Growth::new(&limits);
        for _ in 0..20 {
            if !growth.wants_ping(&limits) {
                break;
            }
            growth.begin();
            growth.did_ping(Instant::ZERO);
            assert!(!growth.wants_ping(&limits));
            growth.recv(growth.connection);
            assert!(growth.recv_ack(Instant::from_millis(20), &limits));
        }
        assert_eq!((growth.stream, growth.connection), (16 << 20, 24 << 20));
        assert!(!growth.wants_ping(&limits));
    }

    #[test]
    fn little_content_in_a_round_trip_grows_nothing() {
        let limits = Limits::default();
        let mut growth = Growth::new(&limits);
        growth.begin();
        growth.recv(30_000);
        assert!(!growth.recv_ack(Instant::from_millis(1), &limits));
        assert_eq!((growth.stream, growth.connection), (64 << 10, 1 << 20));
        assert!(!Growth::new(&limits).recv_ack(Instant::ZERO, &limits));
    }
}
