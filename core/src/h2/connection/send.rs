//! Writing messages: heads, content, ends (section 8.1).
//!
//! Everything is checked first; then room is reserved for all of it at its largest; then nothing can fail
//! any more, and what was not needed is given back.

use super::Connection;
use super::section::{Lines, check};
use crate::h2::frame::{Data, Header};
use crate::h2::settings::Role;
use crate::h2::state::{Input, State};
use crate::h2::stream::{Kind, NEVER, UNKNOWN};
use crate::h2::streams::Slot;
use crate::http::Response;
use crate::syntax::connection;
use crate::{BodyLen, Field, Instant, Output, Priority, Status, StreamId, UsageError};

impl Connection {
    /// The stream on which a head of ours is due.
    #[inline]
    fn due(&self, stream: StreamId) -> Result<Slot, UsageError> {
        let slot = self.slot(stream)?;
        let stream = &self.streams[slot];
        let sends = stream.state.sends() || stream.state == State::ReservedLocal;
        if self.role == Role::Client || !sends || stream.head.sent {
            return Err(UsageError::WrongState);
        }
        Ok(slot)
    }

    /// The stream whose content is being sent.
    #[inline]
    fn sending(&self, stream: StreamId) -> Result<Slot, UsageError> {
        let slot = self.slot(stream)?;
        let stream = &self.streams[slot];
        if !stream.state.sends() || !stream.head.sent {
            return Err(UsageError::WrongState);
        }
        Ok(slot)
    }

    pub(in crate::h2) fn send_informational(
        &mut self,
        now: Instant,
        stream: StreamId,
        response: &Response<'_>,
        out: &mut dyn Output,
    ) -> Result<(), UsageError> {
        let slot = self.due(stream)?;
        // "HTTP/2 does not support the 101 (Switching Protocols) informational status code" (section 8.6)
        if !response.status.is_informational() || response.status == Status::SWITCHING_PROTOCOLS {
            return Err(UsageError::BadStatus);
        }
        let checked = check(response.fields, false)?;
        if checked.content_length.is_some() {
            return Err(UsageError::FramingField);
        }
        let digits = response.status.digits();
        let control = [Field::new(":status", &digits)];
        let lines = Lines {
            control: &control,
            presets: &[],
            fields: response.fields,
            length: None,
            without_host: false,
        };
        self.write_section(now, self.streams[slot].id, None, false, &lines, &checked, &[], out)?;
        let stream = &mut self.streams[slot];
        if stream.state == State::ReservedLocal {
            stream.state.send(Input::SendHeaders);
        }
        stream.pace.expects &= response.status != Status::CONTINUE;
        Ok(())
    }

    pub(in crate::h2) fn send_response(
        &mut self,
        now: Instant,
        stream: StreamId,
        response: &Response<'_>,
        body: BodyLen,
        content: &[u8],
        out: &mut dyn Output,
    ) -> Result<BodyLen, UsageError> {
        let slot = self.due(stream)?;
        let status = response.status;
        if status.is_informational() {
            return Err(UsageError::BadStatus);
        }
        let method = self.streams[slot].method;
        let tunnel = method == Kind::Connect && status.is_success();
        let body = if body == BodyLen::Exact(0) { BodyLen::Empty } else { body };
        if (status == Status::NO_CONTENT) && body != BodyLen::Empty {
            return Err(UsageError::BodyNotAllowed);
        }
        let with_content = method != Kind::Head && !status.forbids_content();
        let checked = check(response.fields, false)?;
        let length = match (checked.content_length, body) {
            (None, BodyLen::Exact(n)) if !tunnel => Some(n),
            (None, _) => None,
            // A server MUST NOT send it in a 204 or in a 2xx to CONNECT (RFC 9110, section 8.6).
            (Some(_), _) if tunnel || status == Status::NO_CONTENT => return Err(UsageError::FramingField),
            (Some(given), BodyLen::Exact(n)) if given == n => None,
            // The length that GET would have had is the caller's to know.
            (Some(_), BodyLen::Empty) if !with_content => None,
            (Some(0), BodyLen::Empty) => None,
            _ => return Err(UsageError::FramingField),
        };
        let content = if with_content { content } else { &[] };
        // An accepted tunnel stays open, whatever the length announced.
        let complete = !with_content || body == BodyLen::Empty && !tunnel || !content.is_empty();
        if content.len() > self.credit(slot) as usize {
            return Err(UsageError::NoCredit);
        }
        let digits = status.digits();
        let control = [Field::new(":status", &digits)];
        let lines = Lines {
            control: &control,
            presets: response.presets,
            fields: response.fields,
            length,
            without_host: false,
        };
        let id = self.streams[slot].id;
        self.write_section(now, id, None, complete, &lines, &checked, content, out)?;
        let n = content.len() as u32;
        if n > 0 {
            self.flood.sent(n);
        }
        self.send.take(n);
        let stream = &mut self.streams[slot];
        stream.send.take(n);
        stream.state.send(Input::SendHeaders);
        stream.head.sent = true;
        stream.pace.expects = false;
        if complete {
            self.did_send(slot);
            return Ok(BodyLen::Empty);
        }
        if let Some(field) = checked.priority.and_then(|i| response.fields.get(i)) {
            self.merge_priority(slot, field.value);
        }
        let stream = &mut self.streams[slot];
        stream.send_left = match body {
            BodyLen::Exact(n) if !tunnel => n,
            _ => UNKNOWN,
        };
        Ok(if tunnel { BodyLen::Streaming } else { body })
    }

    /// "An origin can use the Priority response header field to indicate its view on how an HTTP response
    /// should be prioritized." (RFC 9218, section 8): what it says overrides, what it leaves out stays.
    #[cold]
    fn merge_priority(&mut self, slot: Slot, value: &[u8]) {
        let sched = &self.streams[slot].sched;
        let mut priority = Priority { urgency: sched.urgency, incremental: sched.incremental };
        if priority.read(value) {
            self.apply_priority(slot, priority);
        }
    }

    /// What may be sent on a stream now.
    #[inline]
    fn credit(&self, slot: Slot) -> u32 {
        self.streams[slot].send.available().min(self.send.available())
    }

    #[inline]
    pub(super) fn max_frame(&self) -> usize {
        self.peer.max_frame_size as usize
    }

    pub(in crate::h2) fn send_data(
        &mut self,
        now: Instant,
        stream: StreamId,
        data: &[u8],
        out: &mut dyn Output,
    ) -> Result<usize, UsageError> {
        let (slot, n) = self.accept(stream, data.len())?;
        self.clock = now;
        let max = self.max_frame();
        let room = out.room().saturating_sub(self.prefix_len());
        // Whole frames, and one with what is left of the room.
        let whole = room / (Header::LEN + max);
        let fits = whole * max + (room - whole * (Header::LEN + max)).saturating_sub(Header::LEN);
        let n = n.min(fits);
        if n == 0 {
            return Ok(0);
        }
        let frames = n.div_ceil(max);
        let id = self.streams[slot].id;
        let buf = self.reserve(now, out, n + frames * Header::LEN)?;
        put_data(buf, id, &data[..n], max, false);
        self.did_write(slot, n as u32);
        Ok(n)
    }

    pub(in crate::h2) fn frame_data(
        &mut self,
        now: Instant,
        stream: StreamId,
        len: usize,
        out: &mut dyn Output,
    ) -> Result<usize, UsageError> {
        let (slot, n) = self.accept(stream, len)?;
        self.clock = now;
        let n = n.min(self.max_frame());
        if n == 0 {
            return Ok(0);
        }
        let id = self.streams[slot].id;
        let Ok(buf) = self.reserve(now, out, Header::LEN) else { return Ok(0) };
        Data::header(id, n as u32, false).put(buf);
        self.did_write(slot, n as u32);
        Ok(n)
    }

    /// How much of `len` bytes of content may be sent now, as far as the windows say.
    #[inline]
    fn accept(&mut self, stream: StreamId, len: usize) -> Result<(Slot, usize), UsageError> {
        let slot = self.sending(stream)?;
        let stream = &self.streams[slot];
        if stream.send_left != UNKNOWN && len as u64 > stream.send_left {
            return Err(UsageError::BodyTooLong);
        }
        if stream.waits {
            return Ok((slot, 0));
        }
        Ok((slot, len.min(self.credit(slot) as usize)))
    }

    /// So much content has been written.
    #[inline]
    fn did_write(&mut self, slot: Slot, n: u32) {
        self.flood.sent(n);
        self.send.take(n);
        let stream = &mut self.streams[slot];
        stream.send.take(n);
        if stream.send_left != UNKNOWN {
            stream.send_left -= u64::from(n);
        }
        self.schedule.wrote(&mut self.streams, slot, n);
        if self.starved_at != NEVER || self.streams[slot].timer_at != NEVER {
            self.did_progress(slot, n);
        }
        if self.credit(slot) == 0 {
            self.note_credit(slot);
        }
    }

    pub(in crate::h2) fn send_end(
        &mut self,
        now: Instant,
        stream: StreamId,
        trailers: &[Field<'_>],
        out: &mut dyn Output,
    ) -> Result<(), UsageError> {
        let slot = self.sending(stream)?;
        let stream = &self.streams[slot];
        let checked = check(trailers, false)?;
        if trailers.iter().any(|f| connection::is_forbidden_in_trailers(f.name)) {
            return Err(UsageError::ForbiddenTrailer);
        }
        if !matches!(stream.send_left, 0 | UNKNOWN) {
            return Err(UsageError::BodyTooShort);
        }
        let id = stream.id;
        if trailers.is_empty() {
            // "Frames with zero length with the END_STREAM flag set (that is, an empty DATA frame) MAY be sent if
            // there is no available space in either flow-control window." (section 6.9.1)
            let buf = self.reserve(now, out, Header::LEN)?;
            Data::header(id, 0, true).put(buf);
            self.clock = now;
        } else {
            let lines =
                Lines { control: &[], presets: &[], fields: trailers, length: None, without_host: false };
            self.write_section(now, id, None, true, &lines, &checked, &[], out)?;
        }
        self.did_send(slot);
        Ok(())
    }

    /// Our message on this stream is complete.
    pub(super) fn did_send(&mut self, slot: Slot) {
        self.unschedule(slot);
        self.streams[slot].waits = false;
        self.streams[slot].state.send(Input::SendEnd);
        self.settle(slot);
    }
}

/// Puts DATA frames with `content` and returns where the last one ends.
#[inline]
pub(super) fn put_data(buf: &mut [u8], stream: u32, content: &[u8], max: usize, end_stream: bool) -> usize {
    let (mut at, mut rest) = (0, content);
    while !rest.is_empty() {
        let n = rest.len().min(max);
        let last = n == rest.len();
        Data::header(stream, n as u32, last && end_stream).put(&mut buf[at..]);
        at += Header::LEN;
        buf[at..at + n].copy_from_slice(&rest[..n]);
        at += n;
        rest = &rest[n..];
    }
    at
}
