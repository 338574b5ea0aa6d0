//! Flow control (RFC 9113, sections 5.2 and 6.9): what may be received, and what may be sent.
//!
//! ```text
//! granted to the peer   |<------------------- target ------------------->|
//!                       |  held by the caller  |  owed  |   available     |
//! DATA                  |  available -> held
//! release               |                 held -> owed
//! WINDOW_UPDATE         |                           owed -> available     (when half of the target is owed)
//! ```
//!
//! Nothing else moves credit, so none is lost: padding, content for closed streams and content nobody
//! asks for go from available to owed at once.

use super::frame::MAX_31;
use crate::PeerError;

/// What the peer may send: one for the connection, and one for each stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecvWindow {
    /// What the peer may still send. Below zero after our settings made windows smaller.
    available: i32,
    /// Received, and not yet released by the caller.
    held: u32,
    /// Given back, but not yet announced to the peer.
    owed: u32,
    /// All of these together, apart from what growth and settings are still about to change.
    target: u32,
}

impl RecvWindow {
    /// A window of `available` bytes that is to be one of `target`.
    pub(super) fn new(available: u32, target: u32) -> Self {
        let mut window = RecvWindow { available: available as i32, held: 0, owed: 0, target: available };
        window.grow(target);
        window
    }

    /// So many bytes came in a DATA frame. False when the peer had no credit for them.
    #[inline]
    pub(super) fn recv(&mut self, n: u32) -> bool {
        if i64::from(n) > i64::from(self.available) {
            return false;
        }
        self.available -= n as i32;
        true
    }

    /// So many of them are the caller's now.
    #[inline]
    pub(super) fn hold(&mut self, n: u32) {
        self.held += n;
    }

    /// So many of them went nowhere: padding, or content nobody takes.
    #[inline]
    pub(super) fn discard(&mut self, n: u32) {
        self.owed += n;
    }

    /// The caller gives so many back. Returns how many of them it did hold.
    #[inline]
    pub(super) fn release(&mut self, n: u32) -> u32 {
        let n = n.min(self.held);
        self.held -= n;
        self.owed += n;
        n
    }

    /// What the caller holds.
    #[inline]
    pub(super) fn held(&self) -> u32 {
        self.held
    }

    /// What the peer may still send.
    pub(super) fn available(&self) -> i64 {
        i64::from(self.available)
    }

    /// Whether a quarter of the window is used up, or more.
    #[inline]
    pub(super) fn is_used(&self) -> bool {
        i64::from(self.available) * 4 <= i64::from(self.target) * 3
    }

    #[cfg(test)]
    pub(super) fn target(&self) -> u32 {
        self.target
    }

    /// The window is to be larger from now on, if it is not.
    #[inline]
    pub(super) fn grow(&mut self, target: u32) {
        let target = target.min(MAX_31);
        if target > self.target {
            self.owed += target - self.target;
            self.target = target;
        }
    }

    /// Our settings changed the initial window.
    pub(super) fn adjust(&mut self, change: i32) {
        self.available = self.available.saturating_add(change);
        self.target = self.target.saturating_add_signed(change);
    }

    /// Whether enough is owed to be worth an update: half of the window, or of what the caller leaves of it.
    /// Otherwise those who read would starve beside one who holds more than half and does not.
    ///
    /// "Receivers are advised to have mechanisms in place to avoid sending WINDOW_UPDATE frames with very
    /// small increments" (section 6.9.1)
    #[inline]
    pub(super) fn is_due(&self) -> bool {
        self.owed > 0 && (self.owed >= self.target / 2 || i64::from(self.owed) >= i64::from(self.available))
    }

    /// The increment to announce, which the peer has from now on.
    #[inline]
    pub(super) fn announce(&mut self) -> u32 {
        let room = (i64::from(MAX_31) - i64::from(self.available)).clamp(0, i64::from(MAX_31)) as u32;
        let n = self.owed.min(room);
        self.owed -= n;
        self.available += n as i32;
        n
    }

    /// Everything the peer was ever granted and has not used up for good: conserved by all but growth.
    #[cfg(test)]
    pub(super) fn total(&self) -> i64 {
        i64::from(self.available) + i64::from(self.held) + i64::from(self.owed)
    }
}

/// What this end may send: one for the connection, and one for each stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SendWindow(i32);

impl SendWindow {
    pub(super) fn new(window: u32) -> Self {
        SendWindow(window.min(MAX_31) as i32)
    }

    /// Bytes that may be sent now.
    #[inline]
    pub(super) fn available(self) -> u32 {
        self.0.max(0) as u32
    }

    /// So many bytes were sent, no more than available.
    #[inline]
    pub(super) fn take(&mut self, n: u32) {
        self.0 -= n as i32;
    }

    /// The peer grants more.
    ///
    /// # Errors
    /// [`PeerError::WindowTooLarge`]
    #[inline]
    pub(super) fn add(&mut self, increment: u32) -> Result<(), PeerError> {
        // "A sender MUST NOT allow a flow-control window to exceed 2^31-1 octets." (section 6.9.1)
        self.0 = i32::try_from(increment)
            .ok()
            .and_then(|n| self.0.checked_add(n))
            .ok_or(PeerError::WindowTooLarge)?;
        Ok(())
    }

    /// The peer's settings changed the initial window.
    ///
    /// "A change to SETTINGS_INITIAL_WINDOW_SIZE can cause the available space in a flow-control window to
    /// become negative. A sender MUST track the negative flow-control window" (section 6.9.2)
    ///
    /// # Errors
    /// [`PeerError::WindowTooLarge`]
    pub(super) fn adjust(&mut self, change: i64) -> Result<(), PeerError> {
        // "An endpoint MUST treat a change to SETTINGS_INITIAL_WINDOW_SIZE that causes any flow-control
        // window to exceed the maximum size as a connection error of type FLOW_CONTROL_ERROR."
        self.0 = i32::try_from(i64::from(self.0) + change).map_err(|_| PeerError::WindowTooLarge)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc9113_6_9_credit_moves_in_a_circle_and_none_is_lost() {
        let mut window = RecvWindow::new(1000, 1000);
        assert!(window.recv(600) && !window.recv(401));
        window.hold(500);
        window.discard(100);
        assert_eq!(window.total(), 1000);
        assert!(!window.is_due());
        assert_eq!((window.release(450), window.held()), (450, 50));
        assert!(window.is_due());
        assert_eq!(window.announce(), 550);
        assert_eq!((window.release(100), window.total()), (50, 1000));
        assert!(!window.is_due());
    }

    #[test]
    fn rfc9113_6_9_what_somebody_holds_does_not_keep_the_rest_from_moving() {
        let mut window = RecvWindow::new(1000, 1000);
        assert!(window.recv(800));
        window.hold(800);
        let mut moved = 0;
        while moved < 10_000 {
            assert!(window.recv(50), "after {moved}");
            window.hold(50);
            window.release(50);
            if window.is_due() {
                assert!(window.announce() >= 100);
            }
            moved += 50;
        }
        assert_eq!(window.total(), 1000);
    }

    #[test]
    fn rfc9113_6_9_growth_is_announced_with_the_next_update() {
        let mut window = RecvWindow::new(65_535, 65_535);
        window.grow(1 << 20);
        assert!(window.is_due());
        assert_eq!(window.announce(), (1 << 20) - 65_535);
        window.grow(1000);
        assert_eq!(window.total(), 1 << 20);
        window.grow(u32::MAX);
        assert_eq!(window.announce(), MAX_31 - (1 << 20));
    }

    #[test]
    fn rfc9113_6_9_3_a_window_made_smaller_may_be_below_zero() {
        let mut window = RecvWindow::new(65_535, 65_535);
        assert!(window.recv(60_000));
        window.hold(60_000);
        window.adjust(16_384 - 65_535);
        assert!(!window.recv(1));
        window.release(60_000);
        assert!(window.is_due());
        window.announce();
        assert!(window.recv(16_384) && !window.recv(1));
    }

    #[test]
    fn rfc9113_6_9_2_a_send_window_may_be_below_zero_but_never_above_its_maximum() {
        let mut window = SendWindow::new(65_535);
        window.take(60_000);
        assert_eq!(window.adjust(16_384 - 65_535), Ok(()));
        assert_eq!((window, window.available()), (SendWindow(-43_616), 0));
        assert_eq!(window.add(43_617), Ok(()));
        assert_eq!(window.available(), 1);
        assert_eq!(window.add(MAX_31), Err(PeerError::WindowTooLarge));
        assert_eq!(window.available(), 1);
        assert_eq!(window.adjust(i64::from(MAX_31)), Err(PeerError::WindowTooLarge));
        let mut full = SendWindow::new(MAX_31);
        full.take(MAX_31);
        assert_eq!(full.adjust(-i64::from(MAX_31)), Ok(()));
        assert_eq!(full, SendWindow(-(MAX_31 as i32)));
    }
}
