//! What a user says about streams: credit, interest, priority, the end.

use super::{Connection, Phase, Reader};
use crate::h2::flow::RecvWindow;
use crate::h2::frame::MAX_31;
use crate::h2::settings::Role;
use crate::h2::state::Input;
use crate::h2::stream::{NEVER, NONE};
use crate::h2::streams::Slot;
use crate::{ErrorCode, Instant, Priority, Status, StreamId, UsageError};

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
        let target = self.stream_target();
        let stream = &mut self.streams[slot];
        let n = stream.recv.release(credit);
        // Growth that was measured meanwhile is granted with what the stream has earned.
        stream.recv.grow(target);
        let receives = stream.state.receives();
        self.release_connection(n);
        if receives {
            self.note_update(slot);
        } else {
            self.settle(slot);
        }
    }

    /// The window of a new stream.
    #[inline]
    pub(super) fn recv_window(&self) -> RecvWindow {
        RecvWindow::new(self.local.initial_window, self.stream_target())
    }

    /// How large the window of a stream is to be. What our settings add when they are acknowledged, the peer
    /// adds by itself: "a receiver MUST adjust the size of all stream flow-control windows that it maintains
    /// by the difference between the new value and the old value" (section 6.9.2). It is not granted twice.
    #[inline]
    fn stream_target(&self) -> u32 {
        let due = self.config.h2.stream_window.min(MAX_31).saturating_sub(self.local.initial_window);
        self.growth.stream - due.min(self.growth.stream)
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
        self.note_credit(slot);
    }

    /// Looks again at whether a stream may write: its window, its interest or its head has changed.
    #[inline]
    pub(super) fn note_credit(&mut self, slot: Slot) {
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
        if !wants {
            self.stalled.remove(&mut self.streams, slot);
        } else if !credit && self.streams[slot].timer_at == NEVER {
            // A little credit now and then does not help: see `did_progress`.
            self.streams[slot].stall_sent = 0;
            let at = (self.clock + self.config.h2.window_stall).as_nanos();
            self.stalled.add(&mut self.streams, slot, at);
        }
        self.note_starvation();
    }

    /// Looks again at whether content waits for the connection's window alone.
    #[inline]
    pub(super) fn note_starvation(&mut self) {
        if self.schedule.next().is_none() {
            self.starved_at = NEVER;
        } else if self.send.available() == 0 && self.starved_at == NEVER {
            self.starved_at = (self.clock + self.config.h2.window_stall).as_nanos();
            self.starved_sent = 0;
        }
    }

    /// So much content was written: who waited for credit waits no longer, if it is enough.
    ///
    /// "Providing tiny increments to flow control in WINDOW_UPDATE frames can cause a sender to generate a
    /// large number of DATA frames." (section 10.5): as little as a writer that dribbles may send is not.
    pub(super) fn did_progress(&mut self, slot: Slot, n: u32) {
        let timeouts = &self.config.timeouts;
        let enough = self.config.h2.window_stall.as_secs().saturating_mul(u64::from(timeouts.write_rate));
        if self.starved_at != NEVER {
            self.starved_sent += u64::from(n);
            if self.starved_sent >= enough {
                self.starved_at = NEVER;
            }
        }
        let stream = &mut self.streams[slot];
        if stream.timer_at != NEVER && !stream.waits {
            stream.stall_sent = stream.stall_sent.saturating_add(n);
            if u64::from(stream.stall_sent) >= enough {
                self.stalled.remove(&mut self.streams, slot);
            }
        }
    }

    /// The content that waited for 100 (Continue) may go out.
    pub(super) fn may_send(&mut self, slot: Slot) {
        if self.streams[slot].waits {
            self.waiting.remove(&mut self.streams, slot);
            self.streams[slot].waits = false;
            self.note_credit(slot);
        }
    }

    pub(in crate::h2) fn next_writable(&self) -> Option<StreamId> {
        if self.send.available() == 0 {
            return None;
        }
        let slot = self.schedule.next()?;
        Some(StreamId(u64::from(self.streams[slot].id)))
    }

    pub(in crate::h2) fn priority(&self, stream: StreamId) -> Option<Priority> {
        let sched = &self.streams[self.slot(stream).ok()?].sched;
        Some(Priority { urgency: sched.urgency, incremental: sched.incremental })
    }

    pub(in crate::h2) fn set_priority(&mut self, stream: StreamId, priority: Priority) {
        let Ok(slot) = self.slot(stream) else { return };
        if self.role == Role::Client {
            self.control.prioritize(self.streams[slot].id, priority);
        }
        self.apply_priority(slot, priority);
    }

    pub(in crate::h2) fn reset(&mut self, now: Instant, stream: StreamId, code: ErrorCode) {
        let Ok(slot) = self.slot(stream) else { return };
        self.clock = now;
        let stream = &mut self.streams[slot];
        let id = stream.id;
        if !stream.reset && stream.state.send(Input::SendReset) {
            self.send_own_reset(id, code);
        }
        self.forget(slot);
    }

    pub(in crate::h2) fn done(&mut self, now: Instant, stream: StreamId) {
        let Ok(slot) = self.slot(stream) else { return };
        // "A server MAY request that the client abort transmission of a request without error by sending a
        // RST_STREAM with an error code of NO_ERROR after sending a complete response" (section 8.1)
        let complete = self.role == Role::Server && !self.streams[slot].state.sends();
        self.reset(now, stream, if complete { ErrorCode::NO_ERROR } else { ErrorCode::CANCEL });
    }

    pub(in crate::h2) fn take_refusal(&mut self) -> Option<Status> {
        self.refusals.take()
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
