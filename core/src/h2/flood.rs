//! Budgets of what a peer may do too often (RFC 9113, section 10.5).
//!
//! "An endpoint that doesn't monitor use of these features exposes itself to a risk of denial of service."
//! Each budget is a token bucket: so many at once, and so many a second from then on.

use super::Limits;
use crate::bucket::Bucket;
use crate::{Instant, PeerError};

/// The budgets of one connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flood {
    resets: Bucket,
    glitches: Bucket,
    /// Empty DATA frames in a row.
    empty_data: u8,
    /// Bookkeeping of the DATA frames whose content the caller still holds.
    overhead: u32,
    /// Content has moved, either way, since the last PING.
    moved: bool,
    /// Updates of windows that may come.
    updates: u32,
}

/// What one DATA frame costs beside its content, bytes.
const FRAME_COST: u32 = 256;

/// For each stream, and each DATA frame sent, both windows may be updated; and once more for so much content, for those
/// who read it piece by piece, bytes.
const UPDATE_SHARE: u32 = 128;

/// As much of a field section beyond the limit costs as much as a reset, bytes.
const SECTION_COST: u64 = 2048;

impl Flood {
    pub(super) const fn new() -> Self {
        Flood {
            resets: Bucket::FULL,
            glitches: Bucket::FULL,
            empty_data: 0,
            overhead: 0,
            moved: false,
            updates: 0,
        }
    }

    /// A stream was reset before its end: by the peer, or by this end because of the peer.
    pub(super) fn reset(&mut self, now: Instant, limits: &Limits) -> Result<(), PeerError> {
        if self.resets.take(now, 1, limits.resets, limits.resets_per_second) {
            Ok(())
        } else {
            Err(PeerError::TooManyResets)
        }
    }

    /// A field section beyond the limit came, of `size` bytes: it is turned away, but decoded to its end.
    pub(super) fn oversized(&mut self, now: Instant, limits: &Limits, size: u64) -> Result<(), PeerError> {
        let excess = size.saturating_sub(u64::from(limits.field_section)) / SECTION_COST;
        if self.resets.take(now, excess as u32, limits.resets, limits.resets_per_second) {
            Ok(())
        } else {
            Err(PeerError::TooManyResets)
        }
    }

    /// Something came that need not have come.
    pub(super) fn glitch(&mut self, now: Instant, limits: &Limits) -> Result<(), PeerError> {
        if self.glitches.take(now, 1, limits.glitches, limits.glitches_per_second) {
            Ok(())
        } else {
            Err(PeerError::TooManyGlitches)
        }
    }

    /// A PING came that wants an answer. One for each piece of content measures the path: those are free.
    pub(super) fn ping(&mut self, now: Instant, limits: &Limits) -> Result<(), PeerError> {
        if core::mem::take(&mut self.moved) { Ok(()) } else { self.glitch(now, limits) }
    }

    /// A stream was begun, by either end.
    #[inline]
    pub(super) fn began(&mut self) {
        self.updates = self.updates.saturating_add(2);
    }

    /// A DATA frame with `len` bytes of content was sent.
    #[inline]
    pub(super) fn sent(&mut self, len: u32) {
        self.moved = true;
        self.updates = self.updates.saturating_add(2 + len / UPDATE_SHARE);
    }

    /// A WINDOW_UPDATE came.
    ///
    /// "Large numbers of small or empty frames can be abused to cause a peer to expend time processing frame headers.
    /// Caution is required here as some uses of small frames are entirely legitimate" (RFC 9113, section 10.5): giving
    /// back what was received.
    #[inline]
    pub(super) fn update(&mut self, now: Instant, limits: &Limits) -> Result<(), PeerError> {
        match self.updates.checked_sub(1) {
            Some(left) => self.updates = left,
            None => self.glitch(now, limits)?,
        }
        Ok(())
    }

    /// A DATA frame with `len` bytes of content came.
    #[inline]
    pub(super) fn data(
        &mut self,
        now: Instant,
        limits: &Limits,
        len: u32,
        ends: bool,
    ) -> Result<(), PeerError> {
        self.moved |= len > 0;
        if len >= FRAME_COST {
            self.empty_data = 0;
            return Ok(());
        }
        self.small_data(now, limits, len, ends)
    }

    /// A DATA frame came that carries bytes of a tunnel.
    #[inline]
    pub(super) fn carried(&mut self) {
        (self.moved, self.empty_data) = (true, 0);
    }

    fn small_data(&mut self, now: Instant, limits: &Limits, len: u32, ends: bool) -> Result<(), PeerError> {
        if len > 0 {
            self.empty_data = 0;
            self.overhead = self.overhead.saturating_add(FRAME_COST - len);
        } else if !ends {
            self.empty_data = self.empty_data.saturating_add(1);
            self.glitch(now, limits)?;
        }
        if self.empty_data > limits.empty_data || self.overhead > limits.data_overhead {
            return Err(PeerError::TooManySmallFrames);
        }
        Ok(())
    }

    /// The caller released `n` bytes of the `held` ones, and with them their share of the bookkeeping.
    #[inline]
    pub(super) fn released(&mut self, n: u32, held: u32) {
        if self.overhead == 0 {
            return;
        }
        let share = u64::from(self.overhead) * u64::from(n) / u64::from(held.max(1));
        self.overhead = if n >= held { 0 } else { self.overhead - (share as u32).min(self.overhead) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc9113_10_5_a_bucket_gives_what_it_holds_and_fills_up_with_time() {
        let limits = Limits::default();
        let mut flood = Flood::new();
        let mut now = Instant::from_millis(5);
        for _ in 0..200 {
            assert_eq!(flood.reset(now, &limits), Ok(()));
        }
        let mut broke = flood;
        assert_eq!(broke.reset(now, &limits), Err(PeerError::TooManyResets));
        now = Instant::from_millis(1005);
        for _ in 0..33 {
            assert_eq!(flood.reset(now, &limits), Ok(()));
        }
        assert_eq!(flood.reset(now, &limits), Err(PeerError::TooManyResets));
    }

    #[test]
    fn rfc9113_10_5_a_steady_rate_within_the_budget_is_never_refused() {
        let limits = Limits::default();
        let mut flood = Flood::new();
        for i in 0..100_000 {
            assert_eq!(flood.glitch(Instant::from_millis(i * 11), &limits), Ok(()));
        }
    }

    #[test]
    fn small_frames_are_counted_until_their_content_is_released() {
        let limits = Limits::default();
        let mut flood = Flood::new();
        let now = Instant::ZERO;
        let held = 250 * 6;
        for _ in 0..250 {
            assert_eq!(flood.data(now, &limits, 6, false), Ok(()));
        }
        flood.released(held / 2, held);
        for _ in 0..125 {
            assert_eq!(flood.data(now, &limits, 6, false), Ok(()));
        }
        let refused = (0..20).find(|_| flood.data(now, &limits, 6, false).is_err());
        assert!(refused.is_some());
    }

    #[test]
    fn eleven_empty_frames_in_a_row_are_one_too_many_but_the_end_is_no_glitch() {
        let limits = Limits::default();
        let mut flood = Flood::new();
        for _ in 0..10 {
            assert_eq!(flood.data(Instant::ZERO, &limits, 0, false), Ok(()));
        }
        assert_eq!(flood.data(Instant::ZERO, &limits, 0, true), Ok(()));
        assert_eq!(flood.data(Instant::ZERO, &limits, 0, false), Err(PeerError::TooManySmallFrames));
    }
}
