//! What a user says about streams: credit, interest, priority, the end.

use super::{Connection, Phase, Reader};
use crate::h2::control::Waiting;
use crate::h2::settings::Role;
use crate::h2::state::Input;
use crate::h2::stream::{NEVER, NONE};
use crate::h2::streams::Slot;
use crate::{ErrorCode, Instant, Priority, StreamId, UsageError};

impl Connection {
    /// The slot of a stream that the caller may still name.
    #[inline]
    pub(super) fn slot(&self, stream: StreamId) -> Result<Slot, UsageError> {
        let id = u32::try_from(stream.0).map_err(|_| UsageError::UnknownStream)?;
        match self.streams.find(id) {
            Some(slot) if self.phase == Phase::Open => Ok(slot),
            _ => Err(UsageError::UnknownStream),
        }
    }

    pub(in crate::h2) fn release(&mut self, stream: StreamId, credit: u32) {
        let Ok(slot) = self.slot(stream) else { return };
        let stream = &mut self.streams[slot];
        let n = stream.recv.release(credit);
        // Growth that was measured meanwhile is granted with what the stream has earned.
        stream.recv.grow(self.growth.stream);
        let receives = stream.state.receives();
        self.release_connection(n);
        if receives {
            self.note_update(slot);
        } else {
            self.settle(slot);
        }
    }

    pub(super) fn release_connection(&mut self, n: u32) {
        if n > 0 {
            let held = self.recv.held();
            let n = self.recv.release(n);
            self.flood.released(n, held);
        }
    }

    /// Puts a stream into the list of those with a window update due, if that is so.
    #[inline]
    pub(super) fn note_update(&mut self, slot: Slot) {
        let stream = &mut self.streams[slot];
        if stream.update_due || !stream.state.receives() || !stream.recv.is_due() {
            return;
        }
        let next = core::mem::replace(&mut self.updates, slot);
        (stream.update_due, stream.update_prev, stream.update_next) = (true, NONE, next);
        if next != NONE {
            self.streams[next].update_prev = slot;
        }
    }

    /// Takes it out again.
    pub(super) fn unlink_update(&mut self, slot: Slot) {
        let stream = &mut self.streams[slot];
        if !core::mem::take(&mut stream.update_due) {
            return;
        }
        let (prev, next) = (stream.update_prev, stream.update_next);
        match prev {
            NONE => self.updates = next,
            prev => self.streams[prev].update_next = next,
        }
        if next != NONE {
            self.streams[next].update_prev = prev;
        }
    }

    pub(in crate::h2) fn wants_write(&mut self, stream: StreamId, yes: bool) {
        let Ok(slot) = self.slot(stream) else { return };
        let stream = &mut self.streams[slot];
        stream.wants_write = yes && stream.state.sends() && stream.head.sent;
        let now = self.heard_at;
        self.note_credit(now, slot);
    }

    /// Looks again at whether a stream may write: its window, its interest or its head has changed.
    #[inline]
    pub(super) fn note_credit(&mut self, now: Instant, slot: Slot) {
        let stream = &self.streams[slot];
        if stream.waits {
            return;
        }
        let (wants, credit) = (stream.wants_write, stream.send.available() > 0);
        if wants && credit {
            self.schedule.add(&mut self.streams, slot);
        } else {
            self.schedule.remove(&mut self.streams, slot);
        }
        if wants && !credit {
            let at = (now + self.config.h2.window_stall).as_nanos();
            self.stalled.add(&mut self.streams, slot, at);
        } else {
            self.stalled.remove(&mut self.streams, slot);
        }
        if wants && self.send.available() == 0 && self.starved_at == NEVER {
            self.starved_at = (now + self.config.h2.window_stall).as_nanos();
        }
    }

    /// The content that waited for 100 (Continue) may go out.
    pub(super) fn may_send(&mut self, slot: Slot) {
        if self.streams[slot].waits {
            self.waiting.remove(&mut self.streams, slot);
            self.streams[slot].waits = false;
            let now = self.heard_at;
            self.note_credit(now, slot);
        }
    }

    pub(in crate::h2) fn next_writable(&self) -> Option<StreamId> {
        if self.send.available() == 0 {
            return None;
        }
        let slot = self.schedule.next()?;
        Some(StreamId(u64::from(self.streams[slot].id)))
    }

    pub(in crate::h2) fn set_priority(&mut self, stream: StreamId, priority: Priority) {
        let Ok(slot) = self.slot(stream) else { return };
        if self.role == Role::Client {
            let waiting = Waiting::PriorityUpdate { stream: self.streams[slot].id, priority };
            self.control.push(waiting);
        }
        self.apply_priority(slot, priority);
    }

    pub(in crate::h2) fn reset(&mut self, stream: StreamId, code: ErrorCode) {
        let Ok(slot) = self.slot(stream) else { return };
        let stream = &mut self.streams[slot];
        let id = stream.id;
        if !stream.reset && stream.state.send(Input::SendReset) {
            self.send_reset(id, code);
        }
        self.forget(slot);
    }

    pub(in crate::h2) fn done(&mut self, stream: StreamId) {
        let Ok(slot) = self.slot(stream) else { return };
        // "A server MAY request that the client abort transmission of a request without error by sending a
        // RST_STREAM with an error code of NO_ERROR after sending a complete response" (section 8.1)
        let complete = self.role == Role::Server && !self.streams[slot].state.sends();
        self.reset(stream, if complete { ErrorCode::NO_ERROR } else { ErrorCode::CANCEL });
    }

    pub(in crate::h2) fn forgo_end(&mut self, stream: StreamId) {
        if let Reader::End(slot) = self.reader {
            if u64::from(self.streams[slot].id) == stream.0 {
                self.reader = Reader::Frame;
                self.did_receive(slot);
            }
        }
    }
}
