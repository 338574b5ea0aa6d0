//! Content that the caller of HTTP/1.1 holds: what a window is to HTTP/2.

use crate::h2::Limits;
use crate::{Event, StreamId};

/// What is held of one exchange, the only one that can have content to come.
#[derive(Debug)]
pub(super) struct Credit {
    stream: StreamId,
    held: u64,
    window: u32,
    /// Nobody holds what comes from now on.
    done: bool,
}

impl Credit {
    pub(super) fn new(limits: &Limits) -> Self {
        // With no window at all nothing would ever move.
        Credit { stream: StreamId(0), held: 0, window: limits.stream_window.max(1), done: false }
    }

    /// Whether nothing more is to be told of.
    #[inline]
    pub(super) fn is_used_up(&self) -> bool {
        self.held >= u64::from(self.window)
    }

    #[inline]
    pub(super) fn note(&mut self, event: &Event<'_>) {
        match event {
            Event::Data { stream, credit, .. } => {
                if *stream != self.stream {
                    *self = Credit { stream: *stream, held: 0, done: false, ..*self };
                }
                if !self.done {
                    self.held += u64::from(*credit);
                }
            }
            // "Credit is conserved": what is held of an exchange whose content has ended holds nobody back.
            Event::End { stream, .. } | Event::Reset { stream, .. } if *stream == self.stream => {
                self.held = 0
            }
            _ => {}
        }
    }

    pub(super) fn release(&mut self, stream: StreamId, credit: u32) {
        if stream == self.stream {
            self.held = self.held.saturating_sub(credit.into());
        }
    }

    pub(super) fn done(&mut self, stream: StreamId) {
        *self = Credit { stream, held: 0, done: true, ..*self };
    }
}
