//! Frames that wait to be written: answers, resets. Small, in order, and never more than the limit.

use super::frame::{Ping, PriorityUpdate, RstStream};
use crate::priority::Priority;
use crate::{ErrorCode, Full, Output};
use alloc::collections::VecDeque;

/// One frame that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    Pong([u8; 8]),
    Reset(RstStream),
    PriorityUpdate {
        stream: u32,
        priority: Priority,
    },
    /// A whole response without content, to a request that nobody was told of.
    Answer {
        stream: u32,
        status: u16,
        reset: bool,
    },
}

/// All that wait.
#[derive(Debug, Default)]
pub(super) struct Control {
    /// Each with whether it is there because of something the peer did.
    queue: VecDeque<(Waiting, bool)>,
    /// How many are.
    owed: usize,
}

impl Control {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// How many wait because of something the peer did.
    #[inline]
    pub(super) fn owed(&self) -> usize {
        self.owed
    }

    /// The peer has made this necessary.
    pub(super) fn push(&mut self, waiting: Waiting) {
        self.queue.push_back((waiting, true));
        self.owed += 1;
    }

    /// The caller wants this, once for a stream.
    pub(super) fn push_own(&mut self, waiting: Waiting) {
        self.queue.push_back((waiting, false));
    }

    /// The caller has changed its mind about the priority of a stream.
    pub(super) fn prioritize(&mut self, of: u32, new: Priority) {
        let found = self.queue.iter_mut().find_map(|(waiting, _)| match waiting {
            Waiting::PriorityUpdate { stream, priority } if *stream == of => Some(priority),
            _ => None,
        });
        match found {
            Some(priority) => *priority = new,
            None => self.push_own(Waiting::PriorityUpdate { stream: of, priority: new }),
        }
    }

    pub(super) fn first(&self) -> Option<Waiting> {
        self.queue.front().map(|&(waiting, _)| waiting)
    }

    /// The first one has been written.
    pub(super) fn pop(&mut self) {
        if let Some((_, true)) = self.queue.pop_front() {
            self.owed -= 1;
        }
        if self.queue.is_empty() && self.queue.capacity() > 64 {
            self.queue = VecDeque::new();
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Control::default();
    }
}

impl Waiting {
    /// Writes a frame other than an answer, which takes field compression.
    pub(super) fn write(self, out: &mut dyn Output) -> Result<(), Full> {
        match self {
            Waiting::Pong(data) => Ping { ack: true, data }.write(out),
            Waiting::Reset(reset) => reset.write(out),
            Waiting::PriorityUpdate { stream, priority } => {
                let value = [b'u', b'=', b'0' + priority.urgency.min(7), b',', b' ', b'i'];
                let len = if priority.incremental { 6 } else { 3 };
                PriorityUpdate { stream, value: &value[..len] }.write(out)
            }
            Waiting::Answer { stream, .. } => {
                RstStream { stream, code: ErrorCode::REFUSED_STREAM }.write(out)
            }
        }
    }
}
