//! Writing field sections (sections 4.3, 6.2, 6.6 and 6.10): checked, encoded, divided into frames.

use super::Connection;
use super::send::put_data;
use crate::h2::frame::{Continuation, Header, Headers, PushPromise};
use crate::h2::hpack::Encoder;
use crate::syntax::{connection, content_length, token};
use crate::{Field, Instant, Output, Preset, UsageError};
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
        let mut bound = self.encoder.bound(lines.control.iter().chain(&length).chain(fields).copied());
        for preset in presets {
            bound += Encoder::bound_more(preset.len(), preset.as_bytes().len());
        }
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
        let block = &mut reserved[head..];
        let mut len = encoder.encode(lines.control.iter().copied(), block);
        for preset in presets {
            len = encoder.encode_more(preset.lower(), block, len);
        }
        len = if upper {
            encode_lower(encoder, fields, &self.lower, lines.without_host, block, len)
        } else {
            let fields = fields.iter().copied().filter(|f| !(lines.without_host && is_left_out(f.name)));
            encoder.encode_more(fields, block, len)
        };
        len = encoder.encode_more(length, block, len);
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
    at: usize,
) -> usize {
    let mut from = 0;
    let lowered = fields.iter().map(|field| {
        let name = &lower[from..from + field.name.len()];
        from += name.len();
        Field { name, ..*field }
    });
    encoder.encode_more(lowered.filter(|f| !(without_host && is_left_out(f.name))), out, at)
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
