//! Writing messages: heads, content, ends (section 8.1).
//!
//! Everything is checked first; then room is reserved for all of it at its largest; then nothing can fail
//! any more, and what was not needed is given back.

use super::Connection;
use crate::h2::frame::{Continuation, Data, Header, Headers, PushPromise};
use crate::h2::hpack::Encoder;
use crate::h2::settings::Role;
use crate::h2::state::{Input, State};
use crate::h2::stream::{Kind, NEVER, UNKNOWN};
use crate::h2::streams::Slot;
use crate::http::Response;
use crate::syntax::{connection, content_length, token};
use crate::{BodyLen, Field, Instant, Output, Preset, Priority, Status, StreamId, UsageError};
use alloc::vec::Vec;

/// The fields of one section to send, checked.
pub(super) struct Lines<'a> {
    /// Control data, lower case.
    pub(super) control: &'a [Field<'a>],
    pub(super) presets: &'a [&'a Preset],
    pub(super) fields: &'a [Field<'a>],
    /// Content-Length, if it is to be added.
    pub(super) length: Option<u64>,
    /// Names left out: Host and pseudo-header fields given among the fields.
    pub(super) without_host: bool,
}

/// What the fields of a message to send say about it.
#[derive(Default)]
pub(super) struct Checked {
    pub(super) content_length: Option<u64>,
    pub(super) expect_continue: bool,
    /// Where a Priority field stands.
    pub(super) priority: Option<usize>,
    /// A name is not in lower case.
    upper: bool,
}

/// Checks fields that are to be sent as they are.
#[inline]
pub(super) fn check(fields: &[Field<'_>], is_request: bool) -> Result<Checked, UsageError> {
    let mut checked = Checked::default();
    for (i, field) in fields.iter().enumerate() {
        if !token::is_token(field.name) {
            return Err(UsageError::BadFieldName);
        }
        if !token::is_field_value(field.value) {
            return Err(UsageError::BadFieldValue);
        }
        checked.upper |= field.name.iter().any(u8::is_ascii_uppercase);
        match field.name.len() {
            // "The only exception to this is the TE header field, which MAY be present in an HTTP/2 request;
            // when it is, it MUST NOT contain any value other than "trailers"." (section 8.2.2)
            2 if field.is("te") && !(is_request && field.value.eq_ignore_ascii_case(b"trailers")) => {
                return Err(UsageError::FramingField);
            }
            6 if field.is("expect") => {
                checked.expect_continue |= field.value.eq_ignore_ascii_case(b"100-continue");
            }
            8 if field.is("priority") => checked.priority = Some(i),
            14 if field.is("content-length") => {
                let n = content_length::parse(field.value, false).map_err(|_| UsageError::FramingField)?;
                if checked.content_length.replace(n).is_some() {
                    return Err(UsageError::FramingField);
                }
            }
            // "An endpoint MUST NOT generate an HTTP/2 message containing connection-specific header fields."
            // (section 8.2.2)
            7 | 10 | 16 | 17 if connection::is_connection_specific(field.name) => {
                return Err(UsageError::FramingField);
            }
            _ => {}
        }
    }
    Ok(checked)
}

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
        self.send.take(n);
        let stream = &mut self.streams[slot];
        stream.send.take(n);
        stream.state.send(Input::SendHeaders);
        stream.head.sent = true;
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
    fn max_frame(&self) -> usize {
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

    /// Writes a field section, and `content` behind it, with one reservation: HEADERS on `stream`, or
    /// PUSH_PROMISE of another; CONTINUATION where they are too long.
    #[allow(clippy::too_many_arguments)]
    #[inline]
    pub(super) fn write_section(
        &mut self,
        now: Instant,
        stream: u32,
        promised: Option<u32>,
        complete: bool,
        lines: &Lines<'_>,
        checked: &Checked,
        content: &[u8],
        out: &mut dyn Output,
    ) -> Result<(), UsageError> {
        let max = self.max_frame();
        // A preset whose name stands among the fields, or in a later preset, gives way.
        let merged = lines.merged();
        let (presets, fields) = match &merged {
            Some(merged) => (&[][..], &merged[..]),
            None => (lines.presets, lines.fields),
        };
        let mut digits = [0; 20];
        let length = lines.length.map(|n| {
            let digits = &mut digits[..content_length::digits(n)];
            content_length::write(n, digits);
            Field { name: b"content-length", value: digits, sensitive: false }
        });
        let mut bound = self.encoder.bound(lines.control.iter().copied().chain(length));
        for preset in presets {
            bound += self.encoder.bound(preset.lower());
        }
        bound += self.encoder.bound(fields.iter().copied());
        let head = Header::LEN + if promised.is_some() { 4 } else { 0 };
        let more = (bound + head) / max * Header::LEN;
        let data =
            if content.is_empty() { 0 } else { content.len() + content.len().div_ceil(max) * Header::LEN };
        let needed = head + bound + more + data;
        let upper = checked.upper || merged.is_some();
        let reserved = if self.greeting_due || self.acks_due > 0 {
            self.reserve(now, out, needed)?
        } else {
            out.reserve(needed)?
        };
        // From here on nothing fails.
        self.clock = now;
        if upper {
            self.lower.clear();
            fields.iter().for_each(|f| self.lower.extend(f.name.iter().map(u8::to_ascii_lowercase)));
        }
        let encoder = &mut self.encoder;
        let mut len = encoder.encode(lines.control.iter().copied(), &mut reserved[head..]);
        for preset in presets {
            len += encoder.encode(preset.lower(), &mut reserved[head + len..]);
        }
        len += if upper {
            encode_lower(encoder, fields, &self.lower, lines.without_host, &mut reserved[head + len..])
        } else {
            let fields = fields.iter().copied().filter(|f| !(lines.without_host && is_left_out(f.name)));
            encoder.encode(fields, &mut reserved[head + len..])
        };
        if let Some(length) = length {
            len += encoder.encode([length], &mut reserved[head + len..]);
        }
        self.lower.clear();
        if self.lower.capacity() > LOWER_KEPT {
            self.lower = Vec::new();
        }
        let end_stream = complete && content.is_empty();
        let mut at = put_block(reserved, stream, promised, len, max, end_stream);
        if !content.is_empty() {
            at += put_data(&mut reserved[at..], stream, content, max, complete);
        }
        out.give_back(needed - at);
        Ok(())
    }
}

/// Memory for names in lower case that is kept, bytes.
const LOWER_KEPT: usize = 512;

/// Whether this line stands among the control data instead.
#[inline]
fn is_left_out(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"host") || name.first() == Some(&b':')
}

fn encode_lower(
    encoder: &mut Encoder,
    fields: &[Field<'_>],
    lower: &[u8],
    without_host: bool,
    out: &mut [u8],
) -> usize {
    let mut at = 0;
    let lowered = fields.iter().map(|field| {
        let name = &lower[at..at + field.name.len()];
        at += name.len();
        Field { name, ..*field }
    });
    encoder.encode(lowered.filter(|f| !(without_host && is_left_out(f.name))), out)
}

impl<'a> Lines<'a> {
    /// All lines but control data, when some presets give way.
    #[inline]
    fn merged(&self) -> Option<Vec<Field<'a>>> {
        let meets = self.presets.iter().enumerate().any(|(i, preset)| {
            self.fields.iter().any(|f| preset.has(f.name))
                || self.presets[..i].iter().any(|other| preset.meets(other))
        });
        if meets { Some(self.merge()) } else { None }
    }

    #[cold]
    fn merge(&self) -> Vec<Field<'a>> {
        let mut lines = Vec::new();
        for (i, preset) in self.presets.iter().enumerate() {
            let later = &self.presets[i + 1..];
            lines.extend(preset.lower().iter().filter(|line| {
                let own = self.fields.iter().any(|f| f.name.eq_ignore_ascii_case(line.name));
                !own && !later.iter().any(|preset| preset.has(line.name))
            }));
        }
        lines.extend_from_slice(self.fields);
        lines
    }
}

/// Puts the frame headers of a block of `len` bytes, which lies behind the room for the first one, and
/// returns where the last frame ends.
#[inline]
fn put_block(
    buf: &mut [u8],
    stream: u32,
    promised: Option<u32>,
    len: usize,
    max: usize,
    end_stream: bool,
) -> usize {
    let head = Header::LEN + if promised.is_some() { 4 } else { 0 };
    let first = len.min(max - (head - Header::LEN));
    let whole = first == len;
    match promised {
        None => Headers::header(stream, first as u32, whole, end_stream).put(buf),
        Some(promised) => {
            buf[..head].copy_from_slice(&PushPromise::head(stream, promised, first as u32, whole));
        }
    }
    if whole { head + len } else { put_continuations(buf, stream, head, first, len, max) }
}

/// Divides what is left of a block, from the last frame to the first, so that nothing is overwritten.
#[cold]
fn put_continuations(
    buf: &mut [u8],
    stream: u32,
    head: usize,
    first: usize,
    len: usize,
    max: usize,
) -> usize {
    let frames = (len - first).div_ceil(max);
    for i in (0..frames).rev() {
        let from = first + i * max;
        let n = max.min(len - from);
        let to = head + from + (i + 1) * Header::LEN;
        buf.copy_within(head + from..head + from + n, to);
        Continuation::header(stream, n as u32, i + 1 == frames).put(&mut buf[to - Header::LEN..]);
    }
    head + len + frames * Header::LEN
}

/// Puts DATA frames with `content` and returns where the last one ends.
#[inline]
fn put_data(buf: &mut [u8], stream: u32, content: &[u8], max: usize, end_stream: bool) -> usize {
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
