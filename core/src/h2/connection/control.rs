//! Frames about the connection, and short ones about streams (sections 6.3 to 6.5 and 6.7 to 6.9).

use super::recv::{PRIORITY_VALUE, Step};
use super::{Connection, Reader};
use crate::h2::control::Waiting;
use crate::h2::frame::{
    GoAway, Header, Ping, Priority, PriorityUpdate, RstStream, Setting, SettingId, Settings, WindowUpdate,
};
use crate::h2::settings::Role;
use crate::h2::state::Input;
use crate::h2::stream::NEVER;
use crate::http::PrioritySignal;
use crate::{ErrorCode, Initiator, Instant, PeerError};
use core::ops::Range;

impl Connection {
    pub(super) fn recv_settings(
        &mut self,
        now: Instant,
        header: &Header,
        payload: &[u8],
        end: usize,
    ) -> Result<Step, PeerError> {
        let settings = Settings::parse(header, payload)?;
        if settings == Settings::Ack {
            let change = self.local.acknowledge(&self.config.h2)?;
            self.settings_at = NEVER;
            self.decoder.set_max_table_size(self.config.h2.table_size);
            if change != 0 {
                self.adjust_recv_windows(change);
            }
            return Ok(Step::Go(end));
        }
        let first = !self.settings_received;
        if !first {
            self.flood.glitch(now, &self.config.h2)?;
        }
        let before = self.peer;
        for Setting { id, value } in settings.iter() {
            self.peer.apply(Setting { id, value }, self.role)?;
            if id == SettingId::HEADER_TABLE_SIZE {
                self.encoder.set_max_table_size(value, self.config.h2.encoder_table_size);
            }
        }
        self.settings_received = true;
        // "Once all values have been processed, the recipient MUST immediately emit a SETTINGS frame with the
        // ACK flag set." (section 6.5.3)
        self.acks_due += 1;
        // "When the value of SETTINGS_INITIAL_WINDOW_SIZE changes, a receiver MUST adjust the size of all
        // stream flow-control windows that it maintains by the difference between the new value and the old
        // value." (section 6.9.2)
        let change = i64::from(self.peer.initial_window_size) - i64::from(before.initial_window_size);
        if change != 0 {
            self.adjust_send_windows(change)?;
        }
        Ok(if first || before != self.peer { Step::Settings { consumed: end } } else { Step::Go(end) })
    }

    fn adjust_recv_windows(&mut self, change: i32) {
        for slot in 0..self.streams.capacity() as u32 {
            if self.streams[slot].id != 0 {
                self.streams[slot].recv.adjust(change);
            }
        }
    }

    fn adjust_send_windows(&mut self, change: i64) -> Result<(), PeerError> {
        for slot in 0..self.streams.capacity() as u32 {
            let stream = &mut self.streams[slot];
            if stream.id != 0 && stream.state.sends() {
                stream.send.adjust(change)?;
                self.note_credit(slot);
            }
        }
        Ok(())
    }

    pub(super) fn recv_window_update(
        &mut self,
        now: Instant,
        header: &Header,
        payload: &[u8],
        end: usize,
    ) -> Result<Step, PeerError> {
        let update = WindowUpdate::parse(header, payload)?;
        self.flood.update(now, &self.config.h2)?;
        if update.stream == 0 {
            self.send.add(update.increment)?;
            return Ok(Step::Go(end));
        }
        match self.streams.find(update.stream) {
            Some(slot) => {
                let stream = &mut self.streams[slot];
                stream.state.recv(Input::RecvWindowUpdate)?;
                if stream.state.sends() {
                    // "If a sender receives a WINDOW_UPDATE that causes a flow-control window to exceed this
                    // maximum, it MUST terminate either the stream or the connection, as appropriate."
                    // (section 6.9.1): no honest peer does it, and one that makes us reset our own streams
                    // is none.
                    stream.send.add(update.increment)?;
                    self.note_credit(slot);
                }
                Ok(Step::Go(end))
            }
            None if self.is_untouched(update.stream) => Err(PeerError::IdleStream),
            None => Ok(Step::Go(end)),
        }
    }

    pub(super) fn recv_reset(
        &mut self,
        now: Instant,
        header: &Header,
        payload: &[u8],
        end: usize,
    ) -> Result<Step, PeerError> {
        let reset = RstStream::parse(header, payload)?;
        let Some(slot) = self.streams.find(reset.stream) else {
            if self.is_untouched(reset.stream) {
                return Err(PeerError::IdleStream);
            }
            self.flood.glitch(now, &self.config.h2)?;
            return Ok(Step::Go(end));
        };
        self.streams[slot].state.recv(Input::RecvReset)?;
        if self.streams[slot].reset {
            self.flood.glitch(now, &self.config.h2)?;
            return Ok(Step::Go(end));
        }
        if self.is_peers(reset.stream) {
            self.flood.reset(now, &self.config.h2)?;
        }
        self.end_stream(slot);
        Ok(Step::Reset { consumed: end, stream: reset.stream, code: reset.code, by: Initiator::Remote })
    }

    pub(super) fn recv_ping(
        &mut self,
        now: Instant,
        header: &Header,
        payload: &[u8],
        end: usize,
    ) -> Result<Step, PeerError> {
        let ping = Ping::parse(header, payload)?;
        if !ping.ack {
            self.flood.ping(now, &self.config.h2)?;
            self.control.push(Waiting::Pong(ping.data));
            return Ok(Step::Go(end));
        }
        if !self.ping.sent || ping.data != self.ping.number.to_be_bytes() {
            self.flood.glitch(now, &self.config.h2)?;
            return Ok(Step::Go(end));
        }
        self.ping.sent = false;
        if core::mem::take(&mut self.ping.keeps_alive) {
            self.keep_alive(now);
        }
        if core::mem::take(&mut self.ping.measures) && self.growth.recv_ack(now, &self.config.h2) {
            self.recv.grow(self.growth.connection);
        }
        if core::mem::take(&mut self.ping.ends) {
            // "After allowing time for any in-flight stream creation (at least one round-trip time), the server
            // MAY send another GOAWAY frame with an updated last stream identifier." (section 6.8)
            self.say_goodbye(now, self.peer_last);
        }
        Ok(Step::Go(end))
    }

    pub(super) fn recv_priority(
        &mut self,
        now: Instant,
        header: &Header,
        payload: &[u8],
        end: usize,
    ) -> Result<Step, PeerError> {
        let priority = Priority::parse(header, payload)?;
        let Some(slot) = self.streams.find(priority.stream) else {
            self.flood.glitch(now, &self.config.h2)?;
            return Ok(Step::Go(end));
        };
        self.count_priority(slot)?;
        // "A server that receives SETTINGS_NO_RFC7540_PRIORITIES with a value of 1 MUST ignore HTTP/2 priority
        // signals." (RFC 9218, section 2.1)
        if self.role == Role::Client || self.peer.no_rfc7540_priorities {
            return Ok(Step::Go(end));
        }
        let sched = &self.streams[slot].sched;
        if !sched.signalled && sched.incremental {
            let urgency = sched.urgency;
            self.schedule.change(&mut self.streams, slot, urgency, true, priority.dependency.weight);
        }
        let signal = PrioritySignal::Dependency(priority.dependency);
        Ok(Step::Priority { consumed: end, stream: priority.stream, signal })
    }

    pub(super) fn recv_priority_update(
        &mut self,
        now: Instant,
        header: &Header,
        payload: &[u8],
        end: usize,
    ) -> Result<Step, PeerError> {
        debug_assert!(header.len <= PRIORITY_VALUE);
        let update = PriorityUpdate::parse(header, payload)?;
        let id = update.stream;
        let untouched = self.is_untouched(id);
        // "Servers that receive a PRIORITY_UPDATE for a push stream in the "idle" state MUST respond with a
        // connection error of type PROTOCOL_ERROR." (RFC 9218, section 7.1)
        if untouched && !self.is_peers(id) {
            return Err(PeerError::BadPriorityUpdate);
        }
        let Some(priority) = crate::Priority::parse(update.value) else {
            self.flood.glitch(now, &self.config.h2)?;
            return Ok(Step::Go(end));
        };
        self.extensible = true;
        if let Some(slot) = self.streams.find(id) {
            self.count_priority(slot)?;
            self.apply_priority(slot, priority);
        } else {
            self.flood.glitch(now, &self.config.h2)?;
            if !untouched {
                return Ok(Step::Go(end));
            }
            let full = self.early.len() as u32 + self.peer_count >= self.config.h2.max_streams;
            match self.early.iter_mut().find(|(other, _)| *other == id) {
                Some(found) => found.1 = priority,
                // "The number of streams that have been prioritized but remain in the "idle" state plus the
                // number of active streams MUST NOT exceed the value of the SETTINGS_MAX_CONCURRENT_STREAMS
                // parameter. Servers that receive such a PRIORITY_UPDATE MUST respond with a connection error
                // of type PROTOCOL_ERROR." (RFC 9218, section 7.1)
                None if full => {
                    return Err(PeerError::BadPriorityUpdate);
                }
                None => self.early.push((id, priority)),
            }
        }
        Ok(Step::Priority { consumed: end, stream: id, signal: PrioritySignal::Extensible(priority) })
    }

    fn count_priority(&mut self, slot: u32) -> Result<(), PeerError> {
        let stream = &mut self.streams[slot];
        stream.priorities = stream.priorities.saturating_add(1);
        if stream.priorities > self.config.h2.priorities {
            return Err(PeerError::TooManyPriorities);
        }
        Ok(())
    }

    pub(super) fn apply_priority(&mut self, slot: u32, priority: crate::Priority) {
        self.streams[slot].sched.signalled = true;
        self.schedule.change(&mut self.streams, slot, priority.urgency, priority.incremental, 16);
    }

    pub(super) fn recv_go_away(
        &mut self,
        now: Instant,
        header: &Header,
        payload: &[u8],
        debug: Range<usize>,
        end: usize,
    ) -> Result<Step, PeerError> {
        let GoAway { last, code } = GoAway::parse(header, payload)?;
        // "Endpoints MUST NOT increase the value they send in the last stream identifier, since the peers might
        // already have retried unprocessed requests on another connection." (section 6.8)
        if self.received_go_away.is_some_and(|before| last > before) {
            return Err(PeerError::BadGoAway);
        }
        if self.received_go_away.replace(last).is_some() {
            self.flood.glitch(now, &self.config.h2)?;
        }
        // "Any protocol activity that uses higher-numbered streams can be safely retried using a new
        // connection." (section 6.8)
        for slot in 0..self.streams.capacity() as u32 {
            let stream = &self.streams[slot];
            let (id, ended) = (stream.id, stream.reset);
            if id > last && !self.is_peers(id) && !ended {
                self.end_stream(slot);
                self.ended.push((id, ErrorCode::REFUSED_STREAM, Initiator::Remote));
            }
        }
        // The oldest first.
        self.ended.sort_unstable_by_key(|&(id, ..)| core::cmp::Reverse(id));
        self.maybe_finish(now);
        Ok(Step::GoAway { consumed: end, last, code, debug })
    }

    /// The reader leaves a stream that is about to go.
    pub(super) fn detach_reader(&mut self, slot: u32) {
        match self.reader {
            Reader::Data { slot: of, left, padding, .. } if of == slot => {
                // What has not been told of is nobody's: the padding was given back already.
                self.recv.discard(left);
                self.reader = if left + padding == 0 { Reader::Frame } else { Reader::Skip(left + padding) };
            }
            Reader::End(of) if of == slot => self.reader = Reader::Frame,
            _ => {}
        }
    }
}
