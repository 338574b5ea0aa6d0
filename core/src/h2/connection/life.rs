//! How streams and the connection end.

use super::recv::Step;
use super::{Connection, KEPT, Phase, Reader};
use crate::h2::control::Waiting;
use crate::h2::frame::{MAX_31, RstStream};
use crate::h2::settings::Role;
use crate::h2::state::State;
use crate::h2::stream::NEVER;
use crate::h2::streams::Slot;
use crate::{ErrorCode, Initiator, Instant, PeerError};

/// Streams whose memory is not worth giving back.
const FEW: usize = 8;

impl Connection {
    /// The peer's message is complete, and its end has been told.
    #[inline]
    pub(super) fn did_receive(&mut self, slot: Slot) {
        self.settle(slot);
    }

    /// Forgets a stream that is over for everybody.
    #[inline]
    pub(super) fn settle(&mut self, slot: Slot) {
        let stream = &self.streams[slot];
        if stream.state != State::Closed || stream.reset {
            return;
        }
        if self.reader == Reader::End(slot) {
            return;
        }
        if !self.is_peers(stream.id) {
            // What counts towards the peer's limit is over; what is held here counts here alone.
            self.uncount(slot);
        }
        if self.streams[slot].recv.held() == 0 {
            self.closed.did_end(self.streams[slot].id);
            self.forget(slot);
        }
    }

    /// A stream is over before its end: it stays until the caller is done with it.
    pub(super) fn end_stream(&mut self, slot: Slot) {
        self.detach_reader(slot);
        self.unschedule(slot);
        self.unlink_update(slot);
        let stream = &mut self.streams[slot];
        stream.state = State::Closed;
        stream.reset = true;
        if !self.is_peers(self.streams[slot].id) {
            self.uncount(slot);
        }
    }

    /// The peer broke a rule on this stream alone.
    #[cold]
    pub(super) fn stream_error(
        &mut self,
        now: Instant,
        slot: Slot,
        code: ErrorCode,
        end: usize,
    ) -> Result<Step, PeerError> {
        // "An endpoint that doesn't monitor use of these features exposes itself to a risk of denial of
        // service." (section 10.5): a peer that makes us reset costs as much as one that resets.
        self.flood.reset(now, &self.config.h2)?;
        let id = self.streams[slot].id;
        self.end_stream(slot);
        self.send_reset(id, code);
        Ok(Step::Reset { consumed: end, stream: id, code, by: Initiator::Local })
    }

    /// RST_STREAM is to be written.
    pub(super) fn send_reset(&mut self, id: u32, code: ErrorCode) {
        self.closed.did_reset(id);
        self.control.push(Waiting::Reset(RstStream { stream: id, code }));
    }

    /// The same, because the caller wants it: the peer has no part in how many there are.
    pub(super) fn send_own_reset(&mut self, id: u32, code: ErrorCode) {
        self.closed.did_reset(id);
        self.control.push_own(Waiting::Reset(RstStream { stream: id, code }));
    }

    /// Takes a stream out of every list but that of all.
    pub(super) fn unschedule(&mut self, slot: Slot) {
        let stream = &self.streams[slot];
        let idle = !stream.wants_write && !stream.sched.ready && stream.timer_at == NEVER;
        if idle && self.starved_at == NEVER && self.send.available() > 0 {
            // It was answered at once: in no list, and nobody starves.
            return;
        }
        self.schedule.remove(&mut self.streams, slot);
        self.streams[slot].wants_write = false;
        self.stop_timer(slot);
        self.note_starvation();
    }

    pub(super) fn stop_timer(&mut self, slot: Slot) {
        if self.streams[slot].timer_at == NEVER {
            return;
        }
        if self.streams[slot].waits {
            self.waiting.remove(&mut self.streams, slot);
        } else {
            self.stalled.remove(&mut self.streams, slot);
        }
    }

    fn uncount(&mut self, slot: Slot) {
        let stream = &mut self.streams[slot];
        if !stream.counted {
            return;
        }
        stream.counted = false;
        let id = stream.id;
        if self.is_peers(id) {
            self.peer_count -= 1;
        } else {
            self.local_count -= 1;
        }
    }

    /// Forgets a stream: what the caller holds of it goes back to the connection.
    pub(super) fn forget(&mut self, slot: Slot) {
        self.detach_reader(slot);
        self.unschedule(slot);
        self.uncount(slot);
        let held = self.streams[slot].recv.held();
        self.release_connection(held);
        self.unlink_update(slot);
        self.streams.remove(slot);
        if self.streams.len() == 0 {
            self.did_empty();
        }
    }

    /// No stream is left.
    #[inline]
    fn did_empty(&mut self) {
        let now = self.clock;
        if self.role == Role::Server && self.phase == Phase::Open {
            self.idle_at = (now + self.config.timeouts.idle).as_nanos();
        }
        if self.streams.capacity() > FEW {
            self.shrink_at = (now + KEPT).as_nanos();
        }
        self.maybe_finish(now);
    }

    /// No stream beyond this one is processed.
    pub(super) fn say_goodbye(&mut self, now: Instant, last: u32) {
        self.go_away.due = Some(last);
        self.go_away.last = last;
        self.maybe_finish(now);
    }

    /// Ends the connection when all that was to be done is done.
    pub(super) fn maybe_finish(&mut self, now: Instant) {
        if self.phase != Phase::Open || self.streams.len() > 0 || !self.ended.is_empty() {
            return;
        }
        if self.go_away.shutting_down && self.go_away.last != MAX_31 {
            self.phase = Phase::Finishing;
            self.stop_timers();
            self.linger_at = (now + self.config.timeouts.linger).as_nanos();
        } else if self.role == Role::Client && self.received_go_away.is_some() {
            self.shutdown(now);
        }
    }

    /// The goodbye has been written.
    pub(super) fn finish(&mut self, now: Instant) {
        self.phase = if self.role == Role::Client || self.eof { Phase::Closed } else { Phase::Lingering };
        self.stop_timers();
        self.linger_at = match self.phase {
            Phase::Lingering => (now + self.config.timeouts.linger).as_nanos(),
            _ => NEVER,
        };
    }

    /// "An endpoint that encounters a connection error SHOULD first send a GOAWAY frame with the stream
    /// identifier of the last stream that it successfully received from its peer." (section 5.4.1)
    #[cold]
    pub(super) fn fail(&mut self, now: Instant, error: PeerError) {
        if self.error.is_some() {
            return;
        }
        self.error = Some(error);
        self.phase = Phase::Failing;
        self.stop_timers();
        self.control.clear();
        self.acks_due = 0;
        self.go_away.due = Some(self.peer_last.min(self.go_away.last));
        self.linger_at = (now + self.config.timeouts.linger).as_nanos();
        let nobody_reads = matches!(error, PeerError::UnexpectedEof | PeerError::PingTimeout);
        if nobody_reads && self.eof {
            self.go_away.due = None;
            self.phase = Phase::Closed;
            self.linger_at = NEVER;
        }
    }

    fn stop_timers(&mut self) {
        (self.settings_at, self.block_at, self.ping_at, self.idle_at) = (NEVER, NEVER, NEVER, NEVER);
        (self.drain_at, self.starved_at, self.shrink_at) = (NEVER, NEVER, NEVER);
        (self.stalled.at, self.waiting.at, self.looks.at) = (NEVER, NEVER, NEVER);
    }

    pub(in crate::h2) fn shutdown(&mut self, now: Instant) {
        if self.go_away.shutting_down || self.phase != Phase::Open {
            return;
        }
        self.go_away.shutting_down = true;
        self.idle_at = NEVER;
        self.drain_at = (now + self.config.timeouts.drain).as_nanos();
        if self.role == Role::Server && self.settings_received {
            // "A server that is attempting to gracefully shut down a connection SHOULD send an initial GOAWAY
            // frame with the last stream identifier set to 2^31-1 and a NO_ERROR code." (section 6.8)
            self.go_away.due = Some(MAX_31);
            self.ping.ends_due = true;
        } else {
            self.say_goodbye(now, self.peer_last);
        }
    }

    pub(in crate::h2) fn recv_eof(&mut self, _: Instant) {
        self.eof = true;
        if self.phase == Phase::Lingering || self.phase == Phase::Failing && self.go_away.due.is_none() {
            self.phase = Phase::Closed;
            self.linger_at = NEVER;
        }
    }

    pub(in crate::h2) fn wants_read(&self) -> bool {
        !self.eof && self.phase != Phase::Closed
    }

    pub(in crate::h2) fn wants_flush(&self) -> bool {
        match self.phase {
            Phase::Open => self.streams.len() == 0 && self.idle_at != NEVER,
            Phase::Finishing => false,
            Phase::Failing => self.go_away.due.is_none(),
            Phase::Lingering | Phase::Closed => true,
        }
    }

    pub(in crate::h2) fn did_flush(&mut self, now: Instant) {
        if !self.wants_flush() {
            return;
        }
        match self.phase {
            Phase::Open if self.peer_last > 0 => {
                self.idle_at = (now + self.config.timeouts.idle).as_nanos();
            }
            Phase::Failing | Phase::Lingering => {
                self.linger_at = (now + self.config.timeouts.linger).as_nanos();
            }
            _ => {}
        }
    }

    pub(in crate::h2) fn is_send_closed(&self) -> bool {
        match self.phase {
            Phase::Open | Phase::Finishing => false,
            Phase::Failing => self.go_away.due.is_none(),
            Phase::Lingering | Phase::Closed => true,
        }
    }

    pub(in crate::h2) fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }
}
