//! Field lines that are checked once and sent many times: Server, Date, and what else every response
//! of a server carries.

use crate::syntax::connection;
use crate::syntax::token;
use crate::{Field, Fields, Span, UsageError};
use alloc::vec::Vec;

/// A checked run of field lines. HTTP/1.1 copies its bytes as they are.
///
/// Lines whose name also stands among the fields of a response give way to those.
#[derive(Clone, Debug, Default)]
pub struct Preset {
    bytes: Vec<u8>,
    spans: Vec<Span>,
    /// The same with names in lower case, as HTTP/2 has them.
    lower: Vec<u8>,
    /// Bit `n` for a name of `n` bytes, or bit 31 for a longer one: most names differ by length.
    lengths: u32,
}

impl Preset {
    /// Checks and keeps `fields`. Linear; three allocations.
    ///
    /// # Errors
    /// [`UsageError::BadFieldName`] or [`UsageError::BadFieldValue`] for what cannot be sent at all,
    /// [`UsageError::FramingField`] for what depends on the message: framing, connection, routing.
    pub fn new(fields: &[Field<'_>]) -> Result<Self, UsageError> {
        let mut preset = Preset::default();
        for field in fields {
            if !token::is_token(field.name) {
                return Err(UsageError::BadFieldName);
            }
            if !token::is_field_value(field.value) {
                return Err(UsageError::BadFieldValue);
            }
            let about_message = ["content-length", "host", "expect"].iter().any(|name| field.is(name));
            if about_message || connection::is_connection_specific(field.name) {
                return Err(UsageError::FramingField);
            }
            let name = preset.bytes.len();
            preset.bytes.extend_from_slice(field.name);
            preset.bytes.extend_from_slice(b": ");
            let value = preset.bytes.len();
            preset.bytes.extend_from_slice(field.value);
            preset.spans.push(Span {
                name: name as u32,
                name_end: value as u32 - 2,
                value: value as u32,
                value_end: preset.bytes.len() as u32,
            });
            preset.bytes.extend_from_slice(b"\r\n");
            preset.lengths |= bit(field.name);
        }
        preset.lower = preset.bytes.clone();
        for span in &preset.spans {
            preset.lower[span.name as usize..span.name_end as usize].make_ascii_lowercase();
        }
        Ok(preset)
    }

    /// The lines as they stand in an HTTP/1.1 head.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The lines.
    pub fn fields(&self) -> Fields<'_> {
        Fields::new(&self.bytes, &self.spans)
    }

    /// How many lines there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    /// The lines with names in lower case.
    #[inline]
    pub(crate) fn lower(&self) -> Fields<'_> {
        Fields::new(&self.lower, &self.spans)
    }

    /// Whether a line has the name `name`. One test for most names that none has.
    #[inline]
    pub(crate) fn has(&self, name: &[u8]) -> bool {
        self.lengths & bit(name) != 0 && self.fields().iter().any(|line| line.name.eq_ignore_ascii_case(name))
    }

    /// Whether both have a line of the same name.
    #[inline(always)]
    pub(crate) fn meets(&self, other: &Preset) -> bool {
        self.lengths & other.lengths != 0 && self.has_any_of(other)
    }

    #[cold]
    #[inline(never)]
    fn has_any_of(&self, other: &Preset) -> bool {
        other.fields().iter().any(|line| self.has(line.name))
    }
}

#[inline]
fn bit(name: &[u8]) -> u32 {
    1 << name.len().min(31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preset_holds_only_what_may_be_sent_with_any_message() {
        let preset = Preset::new(&[Field::new("Server", "avx"), Field::new("X-Empty", "")]).unwrap();
        assert_eq!(preset.as_bytes(), b"Server: avx\r\nX-Empty: \r\n");
        assert_eq!(preset.fields().get("server"), Some(&b"avx"[..]));
        for (name, value, error) in [
            ("a b", "", UsageError::BadFieldName),
            ("a", "b\r\nc: d", UsageError::BadFieldValue),
            ("Content-Length", "1", UsageError::FramingField),
            ("connection", "close", UsageError::FramingField),
            ("Transfer-Encoding", "chunked", UsageError::FramingField),
        ] {
            assert_eq!(Preset::new(&[Field::new(name, value)]).unwrap_err(), error, "{name}");
        }
    }
}
