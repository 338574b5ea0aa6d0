//! The caller's field lines: checked, measured, and read for what concerns the framing.

use super::{Connection, Length};
use crate::syntax::token::{self, is};
use crate::syntax::{connection, content_length, list};
use crate::{Field, UsageError};

/// What the caller's field lines come to.
#[derive(Default)]
pub(super) struct Lines {
    pub(super) len: usize,
    pub(super) host: Option<usize>,
    pub(super) content_length: Option<u64>,
    pub(super) close: bool,
    pub(super) keep_alive: bool,
    pub(super) connection_upgrade: bool,
    pub(super) upgrade: bool,
    pub(super) expect_continue: bool,
}

impl Lines {
    /// Checks the lines and adds them up.
    #[inline]
    pub(super) fn of(fields: &[Field<'_>]) -> Result<Self, UsageError> {
        let mut lines = Lines::default();
        for (i, field) in fields.iter().enumerate() {
            lines.len += check(field)?;
            if matches!(field.name.len(), 4 | 6 | 7 | 10 | 14 | 17) {
                lines.note(i, field)?;
            }
        }
        Ok(lines)
    }

    pub(super) fn of_trailers(fields: &[Field<'_>]) -> Result<usize, UsageError> {
        fields.iter().try_fold(0, |len, field| {
            if connection::is_forbidden_in_trailers(field.name) {
                return Err(UsageError::ForbiddenTrailer);
            }
            Ok(len + check(field)?)
        })
    }

    fn note(&mut self, i: usize, field: &Field<'_>) -> Result<(), UsageError> {
        match field.name.len() {
            4 if is(field.name, b"host") => {
                let second = self.host.replace(i).is_some();
                if second {
                    return Err(UsageError::BadAuthority);
                }
            }
            6 if is(field.name, b"expect") => {
                self.expect_continue |= field.value.eq_ignore_ascii_case(b"100-continue");
            }
            7 if is(field.name, b"upgrade") => self.upgrade |= !field.value.is_empty(),
            10 if is(field.name, b"connection") => {
                self.close |= list::contains(field.value, "close");
                self.keep_alive |= list::contains(field.value, "keep-alive");
                self.connection_upgrade |= list::contains(field.value, "upgrade");
            }
            14 if is(field.name, b"content-length") => {
                let n = content_length::parse(field.value, false).map_err(|_| UsageError::FramingField)?;
                if self.content_length.replace(n).is_some() {
                    return Err(UsageError::FramingField);
                }
            }
            17 if is(field.name, b"transfer-encoding") => return Err(UsageError::FramingField),
            _ => {}
        }
        Ok(())
    }

    /// The length line still to add: none when the caller's own Content-Length says the same.
    pub(super) fn settle(&self, length: Length) -> Result<Length, UsageError> {
        match (self.content_length, length) {
            (None, length) => Ok(length),
            (Some(_), Length::Optional) => Ok(Length::Optional),
            (Some(given), Length::Exact(n)) if given == n => Ok(Length::Optional),
            _ => Err(UsageError::FramingField),
        }
    }

    /// The connection line still to add.
    pub(super) fn connection(&self, wanted: Connection) -> Connection {
        let given = match wanted {
            Connection::Nothing => true,
            Connection::Close => self.close,
            Connection::KeepAlive => self.keep_alive || self.close,
            Connection::Upgrade => self.connection_upgrade,
        };
        if given { Connection::Nothing } else { wanted }
    }
}

/// Bytes of the line, if it may be sent.
#[inline]
fn check(field: &Field<'_>) -> Result<usize, UsageError> {
    // "Field values containing CR, LF, or NUL characters are invalid and dangerous" (RFC 9110, section 5.5)
    if !token::is_token(field.name) {
        return Err(UsageError::BadFieldName);
    }
    if !token::is_field_value(field.value) {
        return Err(UsageError::BadFieldValue);
    }
    Ok(field.name.len() + field.value.len() + 4)
}
